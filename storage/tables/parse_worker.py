"""From a stretch of an archive to columns on disk: the work of each worker process of `load`.

Gzip members are independent, so several processes can read a segment from the middle.
"""

from __future__ import annotations

import contextlib
import gc
import multiprocessing
import os
import socket
import sys
import tempfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol

import msgspec
import pyarrow as pa

from storage.archive import reader as archive
from storage.archive.reader import Damage, Entry
from storage.children import end_with_parent
from storage.errors import UserError
from storage.frontier.cycles import bounded
from storage.outcomes import Absent, Done, Later, Outcome, OutOfCredit, Refused, Split, absences
from storage.privacy.declared import CONTENT, resolved
from storage.privacy.minimise import minimised
from storage.privacy.suppression import Guard
from storage.records import Absence, Failure, Page, Quarantine, Record, Request
from storage.tables.parquet_spill import Answer, Context, Fetch, Noted, Spill
from storage.versions import own

MAGIC = b"\x1f\x8b\x08"
WINDOW = 1 << 20
COLLECT = 500  # entries


class Declared(Protocol):
    """The part of a kind's declaration that load needs (`collectors.base.Kind`)."""

    @property
    def of(self) -> str:
        """The type of its keys."""
        ...

    @property
    def yields(self) -> str:
        """The type of its items."""
        ...


class Parser(Protocol):
    """The part of a collector that load needs: its kinds, and `parse` and `outcome`, both pure."""

    @property
    def kinds(self) -> Mapping[str, Declared]:
        """The kinds it can fetch."""
        ...

    def parse(self, page: Page) -> Iterator[Record]:
        """Yield the records of a page."""
        ...

    def outcome(self, page: Page) -> Iterator[Outcome]:
        """Yield one outcome per target."""
        ...


class Keep(msgspec.Struct, frozen=True):
    """What to leave out: people forgotten in *study* ("" if there are none), and the fields in *drop*."""

    study: str = ""
    drop: tuple[str, ...] = ()


class Unit(msgspec.Struct, frozen=True):
    """A stretch of a segment: from the member at *start* to the one at *end*; the segment is read up to *whole*."""

    number: int
    path: str
    start: int
    end: int
    whole: int

    @property
    def archive(self) -> str:
        """The segment's name, the same before and after it is sealed."""
        return Path(self.path).name.removesuffix(".open")


class Result(msgspec.Struct):
    """The result of reading one unit."""

    unit: Unit
    entries: int = 0
    newest_at: str = ""
    damage: str = ""
    folder: str = ""  # below the directory given to `spill`
    landed: bool = True  # False: *end* is not the start of a record; read this segment in one piece
    rows: dict[str, int] = {}


def member_at(path: Path, offset: int, end: int) -> int | None:
    """The first place at or after *offset* where an entry of ours seems to begin; None if there is none.

    A page's body may contain bytes that look like one: reading must reach this place exactly.
    """
    with archive.opened(path) as file:
        while offset < end:
            file.seek(offset)
            window = file.read(WINDOW + 1024)
            found = window.find(MAGIC)
            while 0 <= found < WINDOW and offset + found < end:
                if _begins_entry(window[found : found + 1024]):
                    return offset + found
                found = window.find(MAGIC, found + 1)
            offset += WINDOW
    return None


def _begins_entry(member: bytes) -> bool:
    try:
        head = zlib.decompressobj(31).decompress(member, 1024)
    except zlib.error:
        return False
    return head.startswith(b"WARC/") and archive.FORMAT.encode() in head and b'"kind":"sync"' not in head


def torn(path: Path) -> bool:
    """Whether the last gzip member of *path* is cut off."""
    size = archive.size(path)
    with archive.opened(path) as file:
        for back in (WINDOW, size):
            file.seek(max(0, size - back))
            tail = file.read()
            found = tail.rfind(MAGIC)
            while found >= 0:
                reader = zlib.decompressobj(31)
                try:
                    if reader.decompress(tail[found:]).startswith(b"WARC/"):
                        if not reader.eof or reader.unused_data.startswith(MAGIC[:1]):
                            return True
                        if not reader.unused_data:
                            return False
                except zlib.error:
                    pass
                found = tail.rfind(MAGIC, 0, found)
    return size > 0


def split(path: Path, start: int, end: int, size: int) -> list[tuple[int, int]]:
    """The bytes *start* to *end* of *path* cut into stretches of about *size*, each beginning with a whole record."""
    cuts = [start]
    while cuts[-1] + 2 * size <= end:
        cut = member_at(path, cuts[-1] + size, end)
        if cut is None:
            break
        cuts.append(cut)
    return list(zip(cuts, [*cuts[1:], end], strict=True))


def spill(
    unit: Unit,
    parsers: Mapping[str, str | Parser],
    directory: str,
    keep: Keep = Keep(),  # noqa: B008 (frozen)
    version: str = "",
) -> Result:
    """Read *unit*, parse its pages, and write their records as columns into a new folder below *directory*.

    *keep* says what to leave out; *version* is the load's of sneeuwbal. Raise UserError if this machine has another
    version, or the segment is shorter here; OSError if it or *directory* cannot be used.
    """
    _check(unit, version)
    folder = tempfile.mkdtemp(prefix=f"{unit.number:06d}-", dir=directory)
    out = Spill(Path(folder), unit.number)
    reader, result = _Reader(parsers, out, unit.archive, keep.drop), Result(unit, folder=Path(folder).name)
    guarded = Guard(Path(keep.study), parsers) if keep.study else None
    with _seldom_collected() as collect:
        for found in _entries(unit, result):
            entry = guarded.entry(found) if guarded else found
            if entry is None:
                continue
            result.entries += 1
            result.newest_at = max(result.newest_at, reader.take(entry).isoformat(timespec="microseconds"))
            if result.entries % COLLECT == 0:
                collect()
    result.rows = out.close()
    return result


def _check(unit: Unit, version: str) -> None:
    host = socket.gethostname()
    if version and version != own():
        raise UserError(f"{host}: a worker has sneeuwbal {own()}, load {version}; install the same version on both")
    with archive.opened(Path(unit.path)) as file:
        if file.seek(0, os.SEEK_END) < unit.whole:
            raise UserError(f"{unit.path}: is shorter for the worker on {host}; share the archive's directory")


@contextlib.contextmanager
def _seldom_collected() -> Iterator[Callable[[], object]]:
    """Collect cyclic garbage only now and then, as scanning a million live records is expensive."""
    enabled = gc.isenabled()
    gc.disable()
    gc.freeze()  # imported modules are not garbage
    try:
        yield gc.collect
    finally:
        gc.unfreeze()
        if enabled:
            gc.enable()


def _entries(unit: Unit, result: Result) -> Iterator[Entry]:
    """The entries of *unit*; after damage, reading continues with the next complete record."""
    path, offset = Path(unit.path), unit.start
    while offset < unit.end:
        try:
            for at, after, entry in archive.read_at(path, offset, unit.whole):
                if at >= unit.end:
                    result.landed = at == unit.end
                    return
                offset = after
                yield entry
            return
        except Damage as damage:
            result.damage = result.damage or str(damage)
            following = member_at(path, offset + 1, unit.end)
            if following is None:
                return
            offset = following


class _Reader:
    """Turns entries into rows."""

    def __init__(
        self, parsers: Mapping[str, str | Parser], out: Spill, archive_name: str, drop: tuple[str, ...]
    ) -> None:
        self.parsers, self.out, self.archive, self.drop = parsers, out, archive_name, drop
        self.imported: dict[str, Parser] = {}

    def take(self, entry: Entry) -> Any:
        """Add the records of *entry*; return its time."""
        if isinstance(entry, Page):
            self._page(entry)
            return entry.fetched_at
        if isinstance(entry, Failure):
            self._failure(entry)
            return entry.failed_at
        data = msgspec.json.encode(entry.data).decode()
        self.out.add(Context(entry.record_id, entry.at), [Noted(entry.kind, data)])
        return entry.at

    def _page(self, page: Page) -> None:
        context = _context(page, page.record_id, page.fetched_at, page.run)
        fetch = Fetch(page.url, page.status, None, None, len(page.body), len(page.requests), self.archive)
        self.out.add(context, [fetch])
        if not page.requests:  # robots.txt or a redirect: fetched on the way
            return
        parser = self._parser(context.collector)
        if parser is None:
            reason = f"no collector called {context.collector!r} is installed"
            self.out.add(context, [Quarantine("page", reason)])
            return
        self._try(context, "outcome", self._answers(parser, page))
        found = parser.parse(page)
        drop = {*self.drop, *(word for word in page.redacted if word in CONTENT)}
        self._try(context, "parse", minimised(found, drop) if drop else found)

    def _parser(self, name: str) -> Parser | None:
        """The parser called *name*, imported with its first page: a worker seldom needs all that are installed."""
        if name not in self.imported and name in self.parsers:
            self.imported |= resolved({name: self.parsers[name]})
        return self.imported.get(name)

    def _try(self, context: Context, place: str, found: Iterator[Any]) -> None:
        """Add *found*. A bug in a parser costs the rest of that page, and is reported."""
        try:
            self.out.add(context, found)
        except Exception as error:
            reason = f"{type(error).__name__}: {error}"[:500]
            self.out.add(context, [Quarantine(place, reason)])

    def _answers(self, parser: Parser, page: Page) -> Iterator[Answer | Absence]:
        requests = {request.target: request for request in page.requests}
        for outcome in parser.outcome(page):
            request = requests.get(outcome.target)
            if request is None:
                raise ValueError(f"the outcome is for a target that was not requested: {outcome.target}")
            yield _answer(request, bounded(outcome, request))
            yield from absences([outcome])

    def _failure(self, failure: Failure) -> None:
        context = _context(failure, failure.record_id, failure.failed_at, failure.run)
        count = len(failure.requests)
        fetch = Fetch(failure.url, None, failure.reason, failure.detail or None, 0, count, self.archive)
        self.out.add(context, [fetch])
        self.out.add(context, [_answer(request, failure) for request in failure.requests])


def _context(entry: Page | Failure, record_id: str, at: Any, run: str) -> Context:
    if not entry.requests:
        return Context(record_id, at, run)
    request = entry.requests[0]
    return Context(record_id, at, run, request.target.collector, request.target.kind, request.target.key, request.walk)


def _answer(request: Request, outcome: Outcome | Failure) -> Answer:
    """The row of one outcome of *request*, or of a failure that answers it."""
    target = request.target
    row = (
        target.collector,
        target.kind,
        target.key,
        target.cursor,
        request.walk,
        request.wave,
        request.via,
        request.since,
    )
    match outcome:
        case Done(next=following, items=items, complete=complete, reached=reached):
            why, newest = outcome.why or None, outcome.newest or None
            whole = complete if following is None else None
            return Answer(*row, "done", why, items, following, whole, reached, newest)
        case Failure():
            return Answer(*row, "failure", outcome.reason)
        case Later():
            return Answer(*row, "later", outcome.why, until=outcome.until)
        case Split():
            return Answer(*row, "split", outcome.why)
        case Absent():
            return Answer(*row, "absent", outcome.why)
        case OutOfCredit():
            return Answer(*row, "out-of-credit", outcome.why)
        case Refused():
            return Answer(*row, "refused", outcome.why)


def begin_worker() -> None:
    """Prepare a worker process: it ends with its parent, and pyarrow finds no pandas.

    A pool's workers keep each other's pipes open, and would wait for ever.
    """
    parent = multiprocessing.parent_process()
    if parent is not None and parent.pid is not None:
        end_with_parent(parent.pid)
    without_pandas()


def without_pandas() -> None:
    """Let pyarrow find no pandas in this process, unless it is imported already; only where nothing needs both.

    pyarrow imports pandas, half a second, for the first list it is given.
    """
    if "pandas" not in sys.modules:
        sys.meta_path.insert(0, _NoPandas)
        pa.array([0])
        sys.meta_path.remove(_NoPandas)


class _NoPandas:
    """A finder of modules by which pandas cannot be imported."""

    @staticmethod
    def find_spec(name: str, *_: object) -> None:
        """Raise ImportError if pandas is asked for."""
        if name == "pandas":
            raise ModuleNotFoundError(name)

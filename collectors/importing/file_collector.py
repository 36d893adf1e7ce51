"""A file as a collector: pieces are pages, places are cursors."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Callable, Collection, Generator, Iterator, Mapping
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

import msgspec

from collectors.base import Done, Kind, Outcome, Settings
from collectors.importing.before import asked_before
from collectors.importing.chunks import EXCERPT, Piece, Unreadable, look_ahead
from collectors.importing.json_stream import elements
from collectors.importing.unpack import unfit
from collectors.parsing import lenient
from collectors.parsing.coerce import decode
from collectors.wire.exchange import Wire
from storage.errors import UserError
from storage.privacy.declared import Donation, Personal
from storage.records import BadBody, Failure, Page, Quarantine, Record, Request, Target

ROWS = Personal()  # tables: a row that names a forgotten person keeps only tokens
OPEN_FILES = 8  # files read at the same time
Cut = Callable[[Path, Request, Mapping[str, Any]], Generator[Piece]]
Read = Callable[[Page], Iterator[Record]]


class FileCollector:
    """The collector of one format: *cut* yields the pieces of a file, *read* the records of a piece."""

    asked_before = staticmethod(asked_before)

    def __init__(
        self,
        name: str,
        cut: Cut,
        read: Read,
        kinds: tuple[str, ...] = ("file",),
        personal: Personal = ROWS,
        yields: str = "",
        redacted: Callable[[Page, Collection[str]], Page] | None = None,
        donation: Donation | None = None,
    ) -> None:
        """*yields* is the type of the first kind's items; *redacted* and *donation* are the hooks."""
        self.personal, self.redacted, self.donation = personal, redacted, donation
        self.name, self._cut, self._read = name, cut, read
        self.kinds: Mapping[str, Kind] = {
            kind: Kind(paged=True, yields=yields if kind == kinds[0] else "") for kind in kinds
        }

    def check(self, path: Path, options: Mapping[str, Any]) -> Quarantine | None:
        """The error in *path* if nothing in it can be read, else None.

        Raise UserError if it cannot be opened as this format at all.
        """
        if path.is_file() and (what := unfit(path)):
            raise UserError(f"{path}: {what}")
        request = Request(Target(self.name, list(self.kinds)[-1], key_of_name(path)), "")
        wrong: Quarantine | None = None
        try:
            with closing(self._cut(path, request, options)) as pieces:
                for piece in pieces:
                    if piece.url:
                        return None  # a recorded answer of a supported host, with any content
                    page = _page(request, piece, options, file_url(request.target.key), datetime.now(UTC))
                    for one in self.parse(page):
                        if not isinstance(one, Quarantine):
                            return None
                        wrong = wrong or one
        except Unreadable as error:
            if wrong is None:
                raise UserError(f"{path}: {error}") from error
        except OSError as error:
            raise UserError(f"{path} cannot be read: {error.strerror or error}") from error
        return wrong

    def targets(self, path: Path, options: Mapping[str, Any]) -> list[Target]:
        """The targets in *path*: one per kind. Other options make another target."""
        key = key_of(path) + _variant(options)
        return [Target(self.name, kind, key) for kind in self.kinds]

    def fetch(self, requests: Iterator[Request], settings: Settings) -> Iterator[Page | Failure]:
        """Yield the piece of the file at each request's cursor; `paths` in the options maps keys to files."""
        wire = settings.wire
        opened: _Opened = wire.resource(f"files-{self.name}", _Opened)
        for request in requests:
            recorded = wire.recorded((request,), file_url(request.target.key))
            yield recorded if recorded is not None else self._answer(request, settings, wire, opened)

    def _answer(self, request: Request, settings: Settings, wire: Wire, opened: _Opened) -> Page | Failure:
        target, options = request.target, settings.options
        url = file_url(target.key)
        path = options.get("paths", {}).get(target.key)
        if path is None:
            detail = f"{name_of(target.key)} is not among the files given; give it again"
            return Failure((request,), "other", detail, wire.now(), url, run=wire.run)
        try:
            pieces = opened.take(target) or look_ahead(self._cut(Path(path), request, options))
            piece = next(pieces)
        except OSError as error:
            detail = f"{name_of(target.key)} cannot be read: {error.strerror or error}"
            return Failure((request,), "other", detail, wire.now(), url, run=wire.run)
        if piece.after:
            opened.put(msgspec.structs.replace(target, cursor=piece.after), pieces)
        at = piece.at or _collected(options) or wire.now()
        return msgspec.structs.replace(_page(request, piece, options, piece.url or url, at), run=wire.run)

    def outcome(self, page: Page) -> Iterator[Outcome]:
        """Done, with the place after the piece; cut short where the file could not be read further."""
        after, refused = page.asked.get("next"), page.asked.get("refused", "")
        cut_short = bool(refused) and not after
        for target in page.targets:
            yield Done(
                target, after, page.asked.get("items", 0), complete=not cut_short, why=refused if cut_short else ""
            )

    def parse(self, page: Page) -> Iterator[Record]:
        """Yield the records of the piece; an unreadable part is a Quarantine with its place."""
        refused = page.asked.get("refused")
        if refused:
            yield Quarantine(place(page, 0), refused, excerpt(page.body))
            return
        try:
            yield from self._read(page)
        except BadBody as error:
            yield Quarantine(place(page, 0), str(error), excerpt(page.body))


class _Opened:
    """Open files, at the end of the last piece."""

    def __init__(self) -> None:
        self._pieces: OrderedDict[Target, Iterator[Piece]] = OrderedDict()

    def take(self, target: Target) -> Iterator[Piece] | None:
        return self._pieces.pop(target, None)

    def put(self, target: Target, pieces: Iterator[Piece]) -> None:
        self._pieces[target] = pieces
        while len(self._pieces) > OPEN_FILES:
            self._pieces.popitem(last=False)

    def close(self) -> None:
        self._pieces.clear()


# ---- names and metadata of pieces ----------------------------------------------------------------------------


def key_of(path: Path) -> str:
    """The name of a file with the start of its content's SHA-256: the same on every machine."""
    digest = hashlib.sha256()
    for part in [path] if path.is_file() else sorted(p for p in path.rglob("*") if p.is_file()):
        if path.is_dir():
            digest.update(part.relative_to(path).as_posix().encode() + b"\0")
        with part.open("rb") as file:
            while block := file.read(1 << 20):
                digest.update(block)
    return f"{_name(path)}@{digest.hexdigest()[:16]}"


def _variant(options: Mapping[str, Any]) -> str:
    """A suffix for options that change a file's meaning, so that it can be imported again with other ones."""
    stated = sorted(
        (name, digest_of(key_of(Path(str(value)))) if name == "codebook" else str(value))
        for name, value in options.items()
        if name in OPTIONS and name != "paths" and value
    )
    return "+" + hashlib.sha256(repr(stated).encode()).hexdigest()[:8] if stated else ""


def digest_of(key: str) -> str:
    """The part of a key that identifies the file's content."""
    return key.rpartition("@")[2].partition("+")[0]


def key_of_name(path: Path) -> str:
    """A key for inspecting a file, before its content is known."""
    return f"{_name(path)}@"


def _name(path: Path) -> str:
    """The name of a file as text, with invalid bytes replaced."""
    return (path.name or path.resolve().name).encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def name_of(key: str) -> str:
    """The file name in a key."""
    return key.rpartition("@")[0] or key


def file_url(key: str) -> str:
    """The URL of a file in the archive, without its folder."""
    return "file:///" + quote(name_of(key))


OPTIONS = {
    "paths": "", "sample": "", "collected": "", "domains": "linkedin",
    "owner": "linkedin", "of": "x-v1 warc har", "listed": "x-v1 warc har", "compliance": "twarc warc har",
    "columns": "table", "delimiter": "table survey", "sheet": "table", "encoding": "table survey",
    "platform": "table", "codebook": "survey", "respondent": "survey",
}  # fmt: skip


def checked(format_: str, options: Mapping[str, Any]) -> None:
    """Raise UserError for an unknown option, one of another format, or an invalid value."""
    for name, value in options.items():
        if name not in OPTIONS or (OPTIONS[name] and format_ not in OPTIONS[name].split()):
            known = [one for one, formats in OPTIONS.items() if one != "paths" and (not formats or format_ in formats)]
            raise UserError(f"{name} is not an option of the format {format_}; its options are {', '.join(known)}")
        allowed = {"listed": ("followers", "following"), "compliance": ("post", "account")}.get(name)
        if allowed and value and value not in allowed:
            raise UserError(f"{name} is {value!r}; give {' or '.join(allowed)}")
    try:
        _collected(options)
    except ValueError as error:
        raise UserError(f"collected is {options['collected']!r}; give a date like 2016-06-30") from error


def _collected(options: Mapping[str, Any]) -> datetime | None:
    when = options.get("collected")
    if when is None:
        return None
    moment = when if isinstance(when, datetime) else datetime.fromisoformat(str(when))
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _page(request: Request, piece: Piece, options: Mapping[str, Any], url: str, at: datetime) -> Page:
    """*piece* as the answer to *request*; `asked` has other data for outcome and parse."""
    asked = {
        "unit": piece.unit, "first": piece.first, "items": piece.items, "next": piece.after, "refused": piece.refused,
        "sample": options.get("sample"), "of": options.get("of"), "listed": options.get("listed"), **piece.asked,
    }  # fmt: skip
    headers = piece.headers or (("Content-Type", piece.type),)
    stated = {name: value for name, value in asked.items() if value}
    return Page((request,), url, piece.status, headers, piece.body, at, asked=stated)


def place(page: Page, index: int | None = None) -> str:
    """The place of the unit *index* of a piece in its file: `name:line`, or `name item 12`; the name for None."""
    name = name_of(page.key) if page.requests else unquote(page.url.rpartition("/")[2])
    if index is None:
        return name
    number, unit = page.asked.get("first", 1) + index, page.asked.get("unit", "line")
    return f"{name}:{number}" if unit == "line" else f"{name} {unit} {number}"


def excerpt(raw: bytes | str) -> str:
    """The beginning of unreadable data."""
    return raw[:EXCERPT] if isinstance(raw, str) else raw[:EXCERPT].decode("utf-8", "replace")


BROKEN = (ValueError, TypeError, LookupError, AttributeError, RecursionError, OverflowError, msgspec.MsgspecError)


def guarded(where: str, raw: bytes, make: Callable[[], Iterator[Record]]) -> Iterator[Record]:
    """The records from *make*, or one Quarantine if it fails: a unit is read entirely or not at all."""
    try:
        found = list(make())
    except BROKEN as error:
        yield Quarantine(where, str(error) or type(error).__name__, excerpt(raw))
        return
    yield from found


def documents(raw: bytes) -> Iterator[bytes]:
    """The JSON documents on a line, without what separates records elsewhere (RFC 7464, commas)."""
    return lenient.documents(raw.strip(b" \t\r\n\x1e").rstrip(b","))


def _documents(where: str, raw: bytes, make: Callable[[Any], Iterator[Record]]) -> Iterator[Record]:
    def made(one: bytes) -> Iterator[Record]:
        value, left = lenient.value(one)
        yield from (each.quarantine(f"{where}, ") for each in left)
        yield from make(value)

    for one in documents(raw):
        yield from guarded(where, one, lambda one=one: made(one))  # type: ignore[misc]


def read_json(page: Page, make: Callable[[Any], Iterator[Record]]) -> Iterator[Record]:
    """The records from *make* for each JSON value of a piece; an unreadable value is a Quarantine."""
    content = page.content()
    if page.asked.get("unit", "line") == "line":
        for index, line in enumerate(content.split(b"\n")):
            raw = line.strip()
            raw = raw.removeprefix(b"\xef\xbb\xbf") if not index else raw
            if raw:
                yield from _documents(place(page, index), raw, make)
        return
    yield from _read_array(page, content, make)


def _read_array(page: Page, content: bytes, make: Callable[[Any], Iterator[Record]]) -> Iterator[Record]:
    content = content.removeprefix(b"\xef\xbb\xbf")
    try:
        value = decode(content)
    except ValueError:
        parts = elements(content) if content.lstrip().startswith(b"[") else []
        for index, raw in enumerate(parts or [content]):
            yield from _documents(place(page, index), raw, make)
        return
    values = value if isinstance(value, list) else [value]
    for index, one in enumerate(values):
        yield from guarded(place(page, index), b"", lambda one=one: make(one))  # type: ignore[misc]

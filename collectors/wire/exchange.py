"""The wire under the clients: live, or replayed from an archive. The code above it cannot tell which.

A client call is made inside `wire.ask(requests)`; the adapter below the client (`transports` for requests, under
tweepy, and httpx; Scrapy's download handler in `scrapy_download`) puts answers as received into the exchange. Bodies
stay content-encoded and are de-chunked; the client gets the same bytes. Under `Replay` the n-th request for a target
gets its n-th recorded answer, nothing is slept, and the clock is the recorded one.
"""

from __future__ import annotations

import sqlite3
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path
from typing import Any

import msgspec

from storage.archive import reader as archive
from storage.errors import Partial
from storage.records import Failure, Page, Request, Target

TIMEOUT = 30.0  # seconds for a connection, and between two parts of an answer


class Exchange:
    """The answers and failures of one client call, in order."""

    def __init__(self, wire: Wire, requests: tuple[Request, ...], asked: Mapping[str, Any]) -> None:
        self.wire, self.requests, self.asked = wire, requests, asked
        self.answers: deque[Page | Failure] = deque()

    @property
    def answer(self) -> Page | Failure:
        """The last answer; a failure if there is none."""
        return self.answers[-1] if self.answers else self.fail("other", "no request was made", "")

    def page(self, url: str, status: int, headers: Iterable[tuple[str, str]], body: bytes, method: str = "GET") -> Page:
        """Add an answer and return it."""
        kept = canonical(headers, body)
        page = Page(
            self.requests, url, status, kept, body, self.wire.now(), "", method, self.wire.run, asked=self.asked
        )
        self.answers.append(page)
        return page

    def fail(self, reason: str, detail: str, url: str) -> Failure:
        """Add a failure and return it."""
        failure = Failure(self.requests, reason, detail[:500], self.wire.now(), url, "", self.wire.run)
        self.answers.append(failure)
        return failure

    def keep(self, answer: Page | Failure) -> None:
        """Add a recorded answer."""
        self.answers.append(answer)


def canonical(headers: Iterable[tuple[str, str]], body: bytes) -> tuple[tuple[str, str], ...]:
    """*headers* for the archive: no Transfer-Encoding, and the Content-Length of the archived body."""
    kept = [(name, value) for name, value in headers if name.lower() not in {"transfer-encoding", "content-length"}]
    return (*kept, ("Content-Length", str(len(body))))


class Wire:
    """The live wire: real requests, the real clock."""

    live = True

    def __init__(self, run: str = "", timeout: float = TIMEOUT, private: bool = False) -> None:
        """*private*: allow any host of a private network, not only those in the study file."""
        self.run, self.timeout, self.private = run, timeout, private
        self.named: frozenset[str] = frozenset()  # the hosts in the study file, set by `collect`
        self.exchange: Exchange | None = None
        self._resources: dict[str, Any] = {}

    @property
    def spec(self) -> Mapping[str, Any]:
        """The arguments of `open_wire` for the same wire in another process."""
        return {"live": True, "run": self.run, "timeout": self.timeout}

    def now(self) -> datetime:
        """The time, aware, in UTC."""
        return datetime.now(UTC)

    def sleep(self, until: datetime, stop: threading.Event) -> None:
        """Wait until *until* or until *stop* is set."""
        stop.wait(max(0.0, (until - self.now()).total_seconds()))

    def recorded(self, requests: tuple[Request, ...], url: str) -> Page | Failure | None:
        """The recorded answer to *requests*; None on a live wire."""
        return None

    def batches(self, requests: Iterator[Request], size: Callable[[str], int]) -> Iterator[tuple[Request, ...]]:
        """Group neighbouring requests of one kind, at most *size(kind)* each; those marked `alone` by themselves."""
        for kind, group in groupby(requests, key=lambda request: request.target.kind):
            batch: list[Request] = []
            for request in group:
                if request.alone:
                    yield from self._split((request,))
                    continue
                batch.append(request)
                if len(batch) >= size(kind):
                    yield from self._split(tuple(batch))
                    batch = []
            if batch:
                yield from self._split(tuple(batch))

    def _split(self, batch: tuple[Request, ...]) -> Iterator[tuple[Request, ...]]:
        yield batch

    @contextmanager
    def ask(self, requests: tuple[Request, ...], asked: Mapping[str, Any] | None = None) -> Iterator[Exchange]:
        """An exchange for one client call on behalf of *requests*; *asked* becomes `Page.asked`."""
        self.exchange = Exchange(self, requests, asked or {})
        try:
            yield self.exchange
        finally:
            self.exchange = None

    def asking(self) -> Exchange:
        """The exchange of the current call."""
        if self.exchange is None:
            raise RuntimeError("a request outside wire.ask()")
        return self.exchange

    def resource(self, name: str, make: Callable[[], Any]) -> Any:
        """A resource with the lifetime of the wire (a client, a crawling child), created once."""
        if name not in self._resources:
            self._resources[name] = make()
        return self._resources[name]

    def close(self) -> None:
        """Close the resources."""
        for resource in self._resources.values():
            resource.close()
        self._resources.clear()


class Replay(Wire):
    """The recorded wire: answers from *directory* (an archive or one segment)."""

    live = False

    def __init__(self, directory: Path, index: Path, run: str = "") -> None:
        super().__init__(run)
        self.directory, self.index = directory, index
        fresh = not index.exists()
        self._db = sqlite3.connect(index, timeout=60, isolation_level=None)
        self._db.execute("PRAGMA synchronous=OFF")
        self._db.execute("PRAGMA journal_mode=WAL")
        if fresh:
            self._build()
        (first,) = self._db.execute("SELECT min(at) FROM recorded").fetchone()
        self._now = datetime.fromisoformat(first) if first else datetime(2000, 1, 1, tzinfo=UTC)

    @property
    def spec(self) -> Mapping[str, Any]:
        """The arguments of `open_wire` for the same wire in another process."""
        return {"live": False, "run": self.run, "directory": str(self.directory), "index": str(self.index)}

    def _build(self) -> None:
        """Index the archive: for every target its answers, in the order of their times."""
        rows = (
            (*_name(request.target), _at(entry).isoformat(), str(path), start, end, entry.record_id)
            for path in archive.segments(self.directory)
            for start, end, entry in archive.read_at(path)
            if isinstance(entry, Page | Failure)
            for request in entry.requests
        )
        self._db.execute("BEGIN")
        self._db.execute(
            "CREATE TABLE recorded (collector, kind, key, cursor, at, path, start INT, stop INT, record_id, n INT)"
        )
        self._db.executemany("INSERT INTO recorded VALUES (?,?,?,?,?,?,?,?,?,NULL)", rows)
        self._db.execute(
            "UPDATE recorded SET n = r.n FROM (SELECT rowid AS id, row_number() OVER ("
            "PARTITION BY collector, kind, key,"
            " cursor ORDER BY at, rowid) - 1 AS n FROM recorded) AS r WHERE r.id = recorded.rowid"
        )
        self._db.execute("CREATE UNIQUE INDEX by_target ON recorded (collector, kind, key, cursor, n)")
        self._db.execute(
            "CREATE TABLE asked (collector, kind, key, cursor, n INT, PRIMARY KEY (collector, kind, key, cursor))"
        )
        self._db.execute("COMMIT")

    def now(self) -> datetime:
        """The time of the newest answer replayed, or slept to."""
        return self._now

    def sleep(self, until: datetime, stop: threading.Event) -> None:
        """Move the clock to *until*; nothing is slept."""
        self._now = max(self._now, until)

    def pass_to(self, at: datetime) -> None:
        """Move the clock to *at* if that is later."""
        self._now = max(self._now, at)

    def _next(self, target: Target) -> tuple[str, int, int, str, int] | None:
        row: tuple[str, int, int, str, int] | None = self._db.execute(
            "SELECT r.path, r.start, r.stop, r.record_id, r.n FROM recorded AS r LEFT JOIN asked AS a"
            " USING (collector, kind, key, cursor) WHERE (collector, kind, key, cursor) = (?,?,?,?)"
            " AND r.n = coalesce(a.n, 0)",
            _name(target),
        ).fetchone()
        return row

    def recorded(self, requests: tuple[Request, ...], url: str) -> Page | Failure | None:
        """The next recorded answer to *requests*, with its number of tries. Raise NotRecorded if there is none."""
        found = self._next(requests[0].target)
        if found is None:
            raise NotRecorded(requests[0])
        path, start, stop, _, _ = found
        entry = archive.entry_at(Path(path), start, stop)
        assert isinstance(entry, Page | Failure)
        self._db.executemany(
            "INSERT INTO asked VALUES (?,?,?,?,1) ON CONFLICT DO UPDATE SET n = n + 1",
            [_name(request.target) for request in requests],
        )
        self.pass_to(_at(entry))
        tries = {request.target: request.tries for request in entry.requests}
        requests = tuple(
            msgspec.structs.replace(request, tries=tries.get(request.target, request.tries)) for request in requests
        )
        return msgspec.structs.replace(entry, requests=requests, run=self.run)

    def _split(self, batch: tuple[Request, ...]) -> Iterator[tuple[Request, ...]]:
        """Split a batch like the recorded one, so that each part has a recorded answer."""
        groups: dict[str, list[Request]] = {}
        for request in batch:
            found = self._next(request.target)
            groups.setdefault(found[3] if found else "", []).append(request)
        yield from (tuple(group) for group in groups.values())


class NotRecorded(Partial):
    """A request without an answer in the archive: its target, and where it came from."""

    def __init__(self, request: Request) -> None:
        target = request.target
        name = f"{target.collector} {target.kind} {target.key}" + (
            f" at cursor {target.cursor}" if target.cursor else ""
        )
        came = f"wave {request.wave}" + (f", from {request.via}" if request.via else ", a seed")
        super().__init__(f"not recorded: {name} ({came}); replay an archive with it, or collect it live")


def open_wire(spec: Mapping[str, Any]) -> Wire:
    """The wire described by *spec*."""
    if spec["live"]:
        return Wire(spec["run"], spec["timeout"])
    return Replay(Path(spec["directory"]), Path(spec["index"]), spec["run"])


def _name(target: Target) -> tuple[str, str, str, str]:
    return target.collector, target.kind, target.key, target.cursor


def _at(entry: Page | Failure) -> datetime:
    return entry.fetched_at if isinstance(entry, Page) else entry.failed_at

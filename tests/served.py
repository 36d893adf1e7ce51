"""A real server on 127.0.0.1 for tests of the collectors over HTTP, and one run of a collector against it."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple

from collectors.base import Collector, Settings
from collectors.engine.run import Report, collect
from collectors.wire.exchange import Wire
from storage.archive import reader as archive
from storage.frontier.sqlite import Frontier
from storage.outcomes import absences
from storage.records import Failure, Page, Record, Request, Target

Answer = tuple[int, Mapping[str, str] | Sequence[tuple[str, str]], Any]  # status, headers, body (JSON unless bytes)


class Asked(NamedTuple):
    """A request as the server saw it."""

    path: str
    headers: Mapping[str, str]


class Server:
    """Answers every GET with what *answer(path)* says; keeps what was asked."""

    def __init__(self, answer: Callable[[str], Answer]) -> None:
        self.answer, self.asked = answer, list[Asked]()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def do_GET(self) -> None:
                outer.asked.append(Asked(self.path, dict(self.headers.items())))
                status, headers, body = outer.answer(self.path)
                raw = body if isinstance(body, bytes) else json.dumps(body).encode()
                self.send_response(status)
                pairs = list(headers.items()) if isinstance(headers, Mapping) else list(headers)
                if not any(name.lower() == "content-type" for name, _ in pairs):
                    pairs.append(("Content-Type", "text/html" if isinstance(body, bytes) else "application/json"))
                for name, value in [*pairs, ("Content-Length", str(len(raw)))]:
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(raw)

            def log_message(self, *_: object) -> None: ...

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"127.0.0.1:{self._server.server_address[1]}"
        self.url = f"http://{self.address}"

    @property
    def paths(self) -> list[str]:
        """The paths asked for, in order."""
        return [asked.path for asked in self.asked]

    def __enter__(self) -> Server:
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class FastWire(Wire):
    """Real requests under a clock that jumps over every wait."""

    def __init__(self, now: datetime = datetime(2026, 11, 24, 12, tzinfo=UTC)) -> None:
        super().__init__()
        self.clock, self.slept = now, list[float]()

    def now(self) -> datetime:
        return self.clock

    def sleep(self, until: datetime, stop: threading.Event) -> None:
        self.slept.append((until - self.clock).total_seconds())
        self.clock = max(self.clock, until)


class Run(NamedTuple):
    """What a run brought."""

    report: Report
    pages: list[Page | Failure]
    records: list[Record]
    states: dict[tuple[str, str], tuple[str, str]]  # (kind, key) -> (state, why)
    wire: Any

    def of(self, kind: type) -> list[Any]:
        """The records of one kind."""
        return [record for record in self.records if isinstance(record, kind)]


def run(
    study: Path,
    name: str,
    collector: Collector,
    options: Mapping[str, Any],
    requests: Sequence[tuple[str, str]] = (),
    *,
    secret: str | None = None,
    wire: Wire | None = None,
    again: Sequence[str] = (),
    **more: Any,
) -> Run:
    """Collect *requests* (kind, key) into *study* with the real loop, archive and frontier; *again* revisits kinds."""
    study.mkdir(exist_ok=True, parents=True)
    wire = wire or FastWire()
    before = {page.record_id for page in pages(study)}
    frontier = Frontier(study / "state.sqlite")
    with frontier.transaction():
        frontier.add((Request(Target(name, kind, key), "") for kind, key in requests), wire.now())
        for kind in again:
            frontier.revisit(name, kind, wire.now())
    report = collect(study, name, collector, Settings(options, secret, wire), frontier=frontier, **more)
    rows = frontier.db.execute("SELECT k.kind, t.key, t.state, t.why FROM targets t JOIN kinds k ON k.id = t.kind")
    states = {(kind, key): (state, why) for kind, key, state, why in rows.fetchall()}
    frontier.close()
    wire.close()
    new = [page for page in pages(study) if page.record_id not in before]
    read = [page for page in new if isinstance(page, Page)]
    records = [record for page in read for record in [*absences(collector.outcome(page)), *collector.parse(page)]]
    return Run(report, new, records, states, wire)


def pages(study: Path) -> Iterator[Page | Failure]:
    """The answers in the study's archive, in order."""
    for segment in archive.segments(study / "archive"):
        for entry in archive.read(segment):
            if isinstance(entry, Page | Failure):
                yield entry


@contextmanager
def serving(answer: Callable[[str], Answer]) -> Iterator[Server]:
    """A running server."""
    with Server(answer) as server:
        yield server

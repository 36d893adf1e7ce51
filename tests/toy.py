"""A collector of lists, written as a stranger would write one, and the server it reads; for tests of the loop.

`python -m tests.toy STUDY URL` collects until nothing is due.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import ClassVar

import httpx

from collectors.base import Absent, Done, Kind, Later, Outcome, Settings
from collectors.engine.run import collect
from collectors.wire.exchange import Wire
from collectors.wire.transports import Transport
from storage.frontier import sqlite
from storage.frontier.base import Frontier
from storage.records import Failure, Follow, Page, Record, Request, Target


class Toy:
    """Lists of numbers: /list/<key>?cursor=N gives five, and where to go on."""

    kinds: ClassVar = {"list": Kind(page=5, paged=True, of="handle")}

    def fetch(self, requests: Iterator[Request], settings: Settings) -> Iterator[Page | Failure]:
        with httpx.Client(transport=Transport(settings.wire), base_url=settings.options["base_url"]) as client:
            for request in requests:
                with settings.wire.ask((request,)) as exchange, suppress(httpx.TransportError):
                    client.get(f"/list/{request.target.key}", params={"cursor": request.target.cursor or "0"})
                yield exchange.answer

    def outcome(self, page: Page) -> Iterator[Outcome]:
        (target,) = page.targets
        if page.status == 404:
            yield Absent(target, "gone")
        elif page.status != 200:
            yield Later(target, f"status {page.status}")
        else:
            body = json.loads(page.content())
            yield Done(target, body.get("next"), len(body["items"]), str(max(body["items"], default="")))

    def parse(self, page: Page) -> Iterator[Record]:
        if page.status == 200:
            for item in json.loads(page.content())["items"]:
                yield Follow("toy", page.key, str(item), "following")


collector = Toy()


def length(key: str) -> int:
    """How many items the list *key* has."""
    return int(key) * 7 % 23


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # head and body in one packet: two would wait 40 ms for each other

    def do_GET(self) -> None:
        path, _, query = self.path.partition("?cursor=")
        key, start = path.rpartition("/")[2], int(query or 0)
        self.server.asked.append((key, start))  # type: ignore[attr-defined]
        if self.server.holds is not None:  # type: ignore[attr-defined]
            last = len(self.server.asked) >= 700  # type: ignore[attr-defined]
            self.server.holds.wait(60 if last else 0.01)  # type: ignore[attr-defined]
        if int(key) % 10 == 9:
            self._send(404, b"{}")
            return
        items = list(range(start, min(start + 5, length(key))))
        body: dict[str, object] = {"items": items}
        if start + 5 < length(key):
            body["next"] = str(start + 5)
        self._send(200, json.dumps(body).encode())

    def _send(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        pass


def serve() -> tuple[ThreadingHTTPServer, str]:
    """A running server and its URL; `server.asked` logs the requests.

    An event in `server.holds` makes each answer late, and the 700th wait, until it is set.
    """
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.asked, server.holds = [], None  # type: ignore[attr-defined]
    Thread(target=server.serve_forever, daemon=True).start()
    return server, f"http://127.0.0.1:{server.server_port}"


def state(study: Path) -> Frontier:
    """The state of *study*: in the database that its file `store` names, else in SQLite."""
    if (study / "store").exists():
        from storage.frontier import postgres

        return postgres.Frontier((study / "store").read_text(), "toy", str(study))
    return sqlite.Frontier(study / "state.sqlite")


def seed(study: Path, number: int, first: int = 0) -> None:
    """Queue the lists *first* to *number*, noted in the archive as admissions are."""
    from datetime import UTC, datetime

    from storage.archive import writer as archiving

    now = datetime.now(UTC)
    requests = [Request(Target("toy", "list", str(key)), "", 0, "", "") for key in range(first, number)]
    writer = archiving.Writer(study / "archive", "snowball")
    writer.note(
        "admission", {"rule": "seed", "wants": [["toy", "list", w.target.key, 0, "", ""] for w in requests]}, now
    )
    writer.close()
    frontier = state(study)
    with frontier.transaction():
        frontier.add(requests, now)
    frontier.close()


def main(study: Path, url: str) -> None:
    """Collect until nothing is due."""
    frontier = state(study)
    report = collect(
        study, "toy", collector, Settings({"base_url": url}, None, Wire(timeout=60, private=True)), frontier=frontier
    )
    print(report.status)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])

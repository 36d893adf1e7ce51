"""Scrapy in a child process, for collectors of web pages; the parent's side.

A Twisted reactor cannot be started twice in one process, so the crawl runs in a child
(`collectors.wire.scrapy_child`) that lives as long as the wire. The parent hands it requests, in batches, only
while it has capacity; every answer, including redirects and robots.txt, is returned as received. The frontier is ours:
Scrapy only fetches.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any, BinaryIO, cast

import msgspec

from collectors.base import Settings
from collectors.wire.exchange import NotRecorded, Replay, Wire
from storage.children import environment
from storage.errors import Partial
from storage.records import Failure, Page, Request
from storage.structs import ready

BATCH = 16  # requests sent together
WINDOW = 8  # maximum requests in the child, as a multiple of its concurrency
PARKED = 512  # maximum requests of slow hosts, which take no capacity in the child
CONCURRENCY = 8  # concurrent requests to one host
CHILD = "from collectors.wire.scrapy_child import main; main()"


class Job(msgspec.Struct, frozen=True):
    """The first message to the child: its wire and the collector's options."""

    wire: Mapping[str, Any]
    options: Mapping[str, Any]


class Answers(msgspec.Struct):
    """A message from the child: answers in order of arrival, and the numbers of requests settled or set aside."""

    pages: list[Page] = []
    failures: list[Failure] = []
    settled: int = 0
    parked: int = 0  # requests that wait for a slow host and take no capacity
    missing: Request | None = None  # a request without a recorded answer


ready(Answers)


def crawl(requests: Iterator[tuple[Request, str]], settings: Settings, wire: Wire) -> Iterator[Page | Failure]:
    """Yield the answers to *requests* (request, URL) as they arrive; *requests* is read lazily.

    Options: `concurrency`, `delay`, `autothrottle`, `timeout`, `max_bytes`, `robots`, `user_agent`, `contact`,
    `hosts`, `allow_private`. Raise NotRecorded in a replay without an answer, Partial if the child dies.
    """
    options = {name: value for name, value in settings.options.items() if name in OPTIONS}
    name = "crawl " + msgspec.json.encode(options, order="deterministic").decode()
    child: Child = wire.resource(name, lambda: Child(Job(wire.spec, options)))
    try:
        yield from _exchange(child, requests, wire)
    except BaseException:
        child.close()  # what it still has is not needed; the next crawl starts another
        raise


OPTIONS = {
    "concurrency", "delay", "autothrottle", "timeout", "max_bytes", "robots", "user_agent", "contact", "hosts",
    "allow_private",
}  # fmt: skip


def _exchange(child: Child, requests: Iterator[tuple[Request, str]], wire: Wire) -> Iterator[Page | Failure]:
    """Keep the child supplied, and yield its answers until every request is settled."""
    outstanding, parked, more = 0, 0, True

    def supply() -> None:
        nonlocal outstanding, more
        while more and child.window - (outstanding - parked) >= BATCH:
            batch = list(islice(requests, BATCH))
            more = len(batch) == BATCH
            outstanding += len(batch)
            if batch:
                child.send(batch)

    supply()
    while outstanding:
        answers = child.receive()
        if answers.missing:
            raise NotRecorded(answers.missing)
        outstanding -= answers.settled
        parked = min(answers.parked, PARKED)
        supply()
        came: list[Page | Failure] = [*answers.pages, *answers.failures]
        for answer in came:
            if isinstance(wire, Replay):
                wire.pass_to(answer.fetched_at if isinstance(answer, Page) else answer.failed_at)
            yield answer
        supply()


class Child:
    """The crawling process, and the socket to it. It ends when its parent does."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self.window = max(64, WINDOW * int(job.options.get("concurrency") or CONCURRENCY))
        self._process: subprocess.Popen[bytes] | None = None
        self._socket: socket.socket | None = None
        self._file: BinaryIO | None = None
        self._log: Any = None
        self._encoder = msgspec.msgpack.Encoder()
        self._decoder = msgspec.msgpack.Decoder(Answers)

    def send(self, message: Any) -> None:
        """Send one message; start the process if there is none. Raise Partial if it is dead."""
        if self._process is None:
            self._start()
        assert self._socket is not None
        body = self._encoder.encode(message)
        try:
            self._socket.sendall(len(body).to_bytes(4, "big") + body)
        except OSError as error:
            raise self._died() from error

    def receive(self) -> Answers:
        """The next answers; waits for them. Raise Partial if the child is dead."""
        assert self._file is not None
        try:
            size = self._file.read(4)
            body = self._file.read(int.from_bytes(size, "big")) if len(size) == 4 else b""
        except OSError as error:
            raise self._died() from error
        if not body:
            raise self._died()
        return self._decoder.decode(body)

    def _start(self) -> None:
        ours, theirs = socket.socketpair()
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 (closed with the process)
        path = os.pathsep.join(entry or os.getcwd() for entry in sys.path)
        self._process = subprocess.Popen(  # noqa: S603 (our own interpreter and module)
            [sys.executable, "-P", "-c", CHILD, str(theirs.fileno())],
            pass_fds=[theirs.fileno()],
            env=environment(more={"PYTHONPATH": path}),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=self._log,
        )
        theirs.close()
        self._socket, self._file = ours, cast("BinaryIO", ours.makefile("rb", buffering=1 << 20))
        self.send(self.job)

    def _died(self) -> Partial:
        """The error for a child that ended unexpectedly."""
        assert self._process is not None
        code = self._process.wait()
        self._log.seek(0)
        lines = self._log.read().decode("utf-8", "replace").strip().splitlines()
        said = f": {lines[-1][:300]}" if lines else ""
        return Partial(f"the crawling process ended with {code}{said}; run again, the frontier is kept")

    def close(self) -> None:
        """End the process."""
        if self._process is None:
            return
        for part in (self._file, self._socket, self._log):
            if part is not None:
                part.close()
        try:
            self._process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = self._socket = self._file = None

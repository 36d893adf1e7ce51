"""The wire under the clients: live, or replayed from an archive. The code above it never knows which.

A client call is made inside `wire.ask(wants)`; the adapter below the client (requests for tweepy, httpx, Scrapy's
download handler in `crawl`) puts what came, as it came, into the exchange. Bodies stay content-encoded and are
de-chunked; the client gets the same bytes. Under `Replay` the n-th request for a target gets its n-th recorded
answer, nothing is slept, and the clock is the recorded one.
"""

from __future__ import annotations

import io
import sqlite3
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path
from typing import Any, cast

import httpx
import msgspec
import requests
import urllib3
from requests.adapters import HTTPAdapter

from storage import archive
from storage.errors import Partial
from storage.records import Failure, Page, Target, Want

TIMEOUT = 30.0  # seconds for a connection, and between two pieces of an answer
MAX_WIRE = 64 * 1024 * 1024  # bytes of one answer on the wire
STREAM_LINES = 500  # lines of a stream that make one page


class TooLarge(Exception):
    """An answer that grows past MAX_WIRE is cut off and recorded as a failure."""


class Exchange:
    """What one client call brought: every answer or failure, in order."""

    def __init__(self, wire: Wire, wants: tuple[Want, ...]) -> None:
        self.wire, self.wants = wire, wants
        self.answers: deque[Page | Failure] = deque()

    @property
    def answer(self) -> Page | Failure:
        """The last answer; a failure if the call brought none."""
        return self.answers[-1] if self.answers else self.fail("other", "no request was made", "")

    def page(self, url: str, status: int, headers: Iterable[tuple[str, str]], body: bytes, method: str = "GET") -> Page:
        """Keep an answer and return it."""
        kept = canonical(headers, body)
        page = Page(self.wants, url, status, kept, body, self.wire.now(), "", method, self.wire.run)
        self.answers.append(page)
        return page

    def fail(self, reason: str, detail: str, url: str) -> Failure:
        """Keep a failure and return it."""
        failure = Failure(self.wants, reason, detail[:500], self.wire.now(), url, "", self.wire.run)
        self.answers.append(failure)
        return failure

    def keep(self, answer: Page | Failure) -> None:
        """Keep a recorded answer."""
        self.answers.append(answer)


def canonical(headers: Iterable[tuple[str, str]], body: bytes) -> tuple[tuple[str, str], ...]:
    """*headers* as the archive keeps them: no Transfer-Encoding, the Content-Length of the body as it lies there."""
    kept = [(name, value) for name, value in headers if name.lower() not in {"transfer-encoding", "content-length"}]
    return (*kept, ("Content-Length", str(len(body))))


class Wire:
    """The live wire: real requests, the real clock."""

    live = True

    def __init__(self, run: str = "", timeout: float = TIMEOUT) -> None:
        self.run, self.timeout = run, timeout
        self.exchange: Exchange | None = None
        self._resources: dict[str, Any] = {}

    @property
    def spec(self) -> Mapping[str, Any]:
        """What `open_wire` needs to make the same wire in another process."""
        return {"live": True, "run": self.run, "timeout": self.timeout}

    def now(self) -> datetime:
        """The time, aware, in UTC."""
        return datetime.now(UTC)

    def sleep(self, until: datetime, stop: threading.Event) -> None:
        """Wait until *until* or until *stop* is set."""
        stop.wait(max(0.0, (until - self.now()).total_seconds()))

    def recorded(self, wants: tuple[Want, ...], url: str) -> Page | Failure | None:
        """The recorded answer to *wants*; None on a live wire: ask."""
        return None

    def batches(self, wants: Iterator[Want], size: Callable[[str], int]) -> Iterator[tuple[Want, ...]]:
        """Group neighbouring wants of one kind, at most *size(kind)* together; one marked `alone` by itself."""
        for kind, group in groupby(wants, key=lambda want: want.target.kind):
            batch: list[Want] = []
            for want in group:
                if want.alone:
                    yield from self._split((want,))
                    continue
                batch.append(want)
                if len(batch) >= size(kind):
                    yield from self._split(tuple(batch))
                    batch = []
            if batch:
                yield from self._split(tuple(batch))

    def _split(self, batch: tuple[Want, ...]) -> Iterator[tuple[Want, ...]]:
        yield batch

    @contextmanager
    def ask(self, wants: tuple[Want, ...]) -> Iterator[Exchange]:
        """An exchange for one client call on behalf of *wants*."""
        self.exchange = Exchange(self, wants)
        try:
            yield self.exchange
        finally:
            self.exchange = None

    def asking(self) -> Exchange:
        """The exchange of the call that is being made."""
        if self.exchange is None:
            raise RuntimeError("a request outside wire.ask()")
        return self.exchange

    def resource(self, name: str, make: Callable[[], Any]) -> Any:
        """Something that lives as long as the wire (a client, a crawling child); made once."""
        if name not in self._resources:
            self._resources[name] = make()
        return self._resources[name]

    def close(self) -> None:
        """Close the resources."""
        for resource in self._resources.values():
            resource.close()
        self._resources.clear()

    def adapter(self, base_url: str | None = None) -> Adapter:
        """The adapter for a requests session; requests go to *base_url* instead of their own host if it is given."""
        return Adapter(self, base_url)

    def transport(self) -> Transport:
        """The transport for an httpx client."""
        return Transport(self)


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
        """What `open_wire` needs to make the same wire in another process."""
        return {"live": False, "run": self.run, "directory": str(self.directory), "index": str(self.index)}

    def _build(self) -> None:
        """Index the archive: for every target its answers, in the order of their times."""
        rows = (
            (*_name(want.target), _at(entry).isoformat(), str(path), start, end, entry.record_id)
            for path in archive.segments(self.directory)
            for start, end, entry in archive.read_at(path)
            if isinstance(entry, Page | Failure)
            for want in entry.wants
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

    def recorded(self, wants: tuple[Want, ...], url: str) -> Page | Failure | None:
        """The next recorded answer to *wants*. Raise NotRecorded if there is none."""
        found = self._next(wants[0].target)
        if found is None:
            raise NotRecorded(wants[0])
        path, start, stop, _, _ = found
        entry = archive.entry_at(Path(path), start, stop)
        assert isinstance(entry, Page | Failure)
        self._db.executemany(
            "INSERT INTO asked VALUES (?,?,?,?,1) ON CONFLICT DO UPDATE SET n = n + 1",
            [_name(want.target) for want in wants],
        )
        self.pass_to(_at(entry))
        return msgspec.structs.replace(entry, wants=wants, run=self.run)

    def _split(self, batch: tuple[Want, ...]) -> Iterator[tuple[Want, ...]]:
        """Cut a batch where the recorded one was cut, so that one recorded answer serves each part."""
        groups: dict[str, list[Want]] = {}
        for want in batch:
            found = self._next(want.target)
            groups.setdefault(found[3] if found else "", []).append(want)
        yield from (tuple(group) for group in groups.values())


class NotRecorded(Partial):
    """A request that the archive has no answer to: its target, and where it came from."""

    def __init__(self, want: Want) -> None:
        target = want.target
        name = f"{target.collector} {target.kind} {target.key}" + (
            f" at cursor {target.cursor}" if target.cursor else ""
        )
        came = f"wave {want.wave}" + (f", from {want.via}" if want.via else ", a seed")
        super().__init__(f"not recorded: {name} ({came}); replay an archive that holds it, or collect it live")


def open_wire(spec: Mapping[str, Any]) -> Wire:
    """The wire that *spec* describes."""
    if spec["live"]:
        return Wire(spec["run"], spec["timeout"])
    return Replay(Path(spec["directory"]), Path(spec["index"]), spec["run"])


def _name(target: Target) -> tuple[str, str, str, str]:
    return target.collector, target.kind, target.key, target.cursor


def _at(entry: Page | Failure) -> datetime:
    return entry.fetched_at if isinstance(entry, Page) else entry.failed_at


# ---- requests (tweepy) --------------------------------------------------------------------------------------


class Adapter(HTTPAdapter):
    """Records and replays under a requests session. Redirects, cookies and retries are none of its business."""

    def __init__(self, wire: Wire, base_url: str | None = None) -> None:
        super().__init__()
        self.wire, self.base_url = wire, base_url.rstrip("/") if base_url else None

    def send(
        self,
        request: requests.PreparedRequest,
        stream: bool = False,
        timeout: Any = None,
        verify: bool | str = True,
        cert: Any = None,
        proxies: Mapping[str, str] | None = None,
    ) -> requests.Response:
        """Send *request*, or find its recorded answer."""
        exchange = self.wire.asking()
        url = str(request.url)
        if stream and not self.wire.live:
            return self._response(request, _Stream(_Lines(exchange, url, iter(lambda: None, 0))))
        answer: Page | Failure | requests.Response | None = self.wire.recorded(exchange.wants, url)
        if answer is None:
            options = {"verify": verify, "cert": cert, "proxies": proxies}
            answer = self._ask(exchange, request, url, stream, timeout, options)
        elif not isinstance(answer, requests.Response):
            exchange.keep(answer)
        if isinstance(answer, Failure):
            raise requests.ConnectionError(answer.detail, request=request)
        if isinstance(answer, requests.Response):
            return answer
        return self._response(request, io.BytesIO(answer.body), answer)

    def _ask(
        self,
        exchange: Exchange,
        request: requests.PreparedRequest,
        url: str,
        stream: bool,
        timeout: Any,
        options: Any,
    ) -> Page | Failure | requests.Response:
        if self.base_url:
            request = request.copy()
            request.url = self.base_url + "/" + url.split("/", 3)[3]
        try:
            response = super().send(request, stream=True, timeout=timeout or self.wire.timeout, **options)
            headers = tuple(response.headers.items())
            if stream and response.status_code == 200:
                return self._streamed(exchange, request, response, url)
            body = _bounded(iter(lambda: response.raw.read(1 << 16, decode_content=False), b""))
        except (requests.Timeout, urllib3.exceptions.ReadTimeoutError) as error:
            return exchange.fail("timeout", str(error), url)
        except (urllib3.exceptions.ProtocolError, urllib3.exceptions.SSLError) as error:
            return exchange.fail("cut", str(error), url)
        except TooLarge as error:
            return exchange.fail("too-large", str(error), url)
        except requests.RequestException as error:
            return exchange.fail("dns" if "resolve" in str(error).lower() else "connection", str(error), url)
        return exchange.page(url, response.status_code, headers, body, request.method or "GET")

    def _streamed(
        self, exchange: Exchange, request: requests.PreparedRequest, response: requests.Response, url: str
    ) -> requests.Response:
        lines = cast("Iterator[bytes]", response.iter_lines(chunk_size=1 << 14))
        stream = _Stream(_Lines(exchange, url, lines, response))
        return self._response(request, stream, status=200, headers=tuple(response.headers.items()))

    def _response(
        self,
        request: requests.PreparedRequest,
        body: io.IOBase,
        page: Page | None = None,
        status: int = 200,
        headers: tuple[tuple[str, str], ...] = (),
    ) -> requests.Response:
        if page is not None:
            status, headers = page.status, page.headers
        streamed = [(k, v) for k, v in headers if k.lower() not in {"content-length", "transfer-encoding"}]
        if page is None:
            streamed = [(k, v) for k, v in streamed if k.lower() != "content-encoding"]
        raw = urllib3.HTTPResponse(
            body=body, headers=urllib3.HTTPHeaderDict(streamed), status=status, preload_content=False
        )
        return self.build_response(request, raw)


class _Lines:
    """The lines of a stream, cut into pages of STREAM_LINES as they pass; recorded pages in a replay."""

    def __init__(
        self,
        exchange: Exchange,
        url: str,
        lines: Iterator[bytes | None],
        response: requests.Response | None = None,
    ) -> None:
        self.exchange, self.url, self.lines, self.response = exchange, url, lines, response
        self.kept: list[bytes] = []

    def __iter__(self) -> Iterator[bytes]:
        if self.response is None:
            yield from self._replayed()
            return
        try:
            for line in self.lines:
                if line:
                    self.kept.append(line)
                    if len(self.kept) >= STREAM_LINES:
                        yield self._cut()
        except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
            if self.kept:
                yield self._cut()
            self.exchange.fail("cut", str(error), self.url)
            return
        if self.kept:
            yield self._cut()

    def _cut(self) -> bytes:
        body, self.kept = b"\n".join(self.kept) + b"\n", []
        assert self.response is not None
        headers = [(k, v) for k, v in self.response.headers.items() if k.lower() != "content-encoding"]
        self.exchange.page(self.url, 200, headers, body)
        return body

    def _replayed(self) -> Iterator[bytes]:
        while True:
            try:
                answer = self.exchange.wire.recorded(self.exchange.wants, self.url)
            except NotRecorded:
                if not self.exchange.answers:
                    raise
                return
            assert answer is not None
            self.exchange.keep(answer)
            if isinstance(answer, Failure):
                return
            yield answer.body

    def close(self) -> None:
        if self.response is not None:
            self.response.close()


class _Stream(io.RawIOBase):
    """An iterable of byte pieces as a file that can be read."""

    def __init__(self, lines: _Lines) -> None:
        self._lines, self._pieces, self._rest = lines, iter(lines), b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._rest:
            piece = next(self._pieces, None)
            if piece is None:
                return 0
            self._rest = piece
        size = min(len(buffer), len(self._rest))
        buffer[:size], self._rest = self._rest[:size], self._rest[size:]
        return size

    def close(self) -> None:
        self._lines.close()
        super().close()


def _bounded(pieces: Iterator[bytes]) -> bytes:
    """The pieces joined; raise TooLarge past MAX_WIRE."""
    body = bytearray()
    for piece in pieces:
        body += piece
        if len(body) > MAX_WIRE:
            raise TooLarge(f"the answer is larger than {MAX_WIRE} bytes")
    return bytes(body)


# ---- httpx --------------------------------------------------------------------------------------------------


class Transport(httpx.BaseTransport):
    """Records and replays under an httpx client."""

    def __init__(self, wire: Wire) -> None:
        self.wire = wire
        self._inner = httpx.HTTPTransport(trust_env=False) if wire.live else None

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send *request*, or find its recorded answer."""
        exchange = self.wire.asking()
        url = str(request.url)
        answer = self.wire.recorded(exchange.wants, url)
        if answer is not None:
            exchange.keep(answer)
        else:
            answer = self._ask(exchange, request, url)
        if isinstance(answer, Failure):
            raise httpx.TransportError(answer.detail)
        return httpx.Response(answer.status, headers=list(answer.headers), stream=httpx.ByteStream(answer.body))

    def _ask(self, exchange: Exchange, request: httpx.Request, url: str) -> Page | Failure:
        assert self._inner is not None
        try:
            response = self._inner.handle_request(request)
            try:
                body = _bounded(iter(cast("httpx.SyncByteStream", response.stream)))
            finally:
                response.close()
        except httpx.TimeoutException as error:
            return exchange.fail("timeout", str(error) or type(error).__name__, url)
        except (httpx.RemoteProtocolError, httpx.ReadError) as error:
            return exchange.fail("cut", str(error) or type(error).__name__, url)
        except httpx.ConnectError as error:
            dns = "name" in str(error).lower() and "resol" in str(error).lower()
            return exchange.fail("dns" if dns else "connection", str(error), url)
        except httpx.TransportError as error:
            return exchange.fail("connection", str(error), url)
        except TooLarge as error:
            return exchange.fail("too-large", str(error), url)
        headers = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in response.headers.raw]
        return exchange.page(url, response.status_code, headers, body, request.method)

    def close(self) -> None:
        """Close the connections."""
        if self._inner is not None:
            self._inner.close()

"""Recording and replaying adapters for requests (tweepy) and httpx. The wire itself is in `exchange`."""

from __future__ import annotations

import io
import socket
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any, cast

import httpcore
import httpx
import requests
import urllib3
from requests.adapters import HTTPAdapter

from collectors.base import redirected
from collectors.wire.address_policy import PrivateAddress, is_private, public
from collectors.wire.exchange import Exchange, NotRecorded, Wire
from storage.records import Failure, Page

MAX_WIRE = 64 * 1024 * 1024  # bytes of one answer on the wire
MAX_LINE = 4 * 1024 * 1024  # bytes of one line of a stream
STREAM_LINES = 500  # lines of a stream per page


class TooLarge(Exception):
    """An answer larger than MAX_WIRE, which is cut off and recorded as a failure."""


# ---- requests (tweepy) --------------------------------------------------------------------------------------


class Adapter(HTTPAdapter):
    """A recording and replaying adapter of a requests session, without redirects, cookies and retries."""

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
        answer: Page | Failure | requests.Response
        if (recorded := self.wire.recorded(exchange.requests, url)) is not None:
            exchange.keep(recorded)
            answer = recorded
        else:
            options = {"verify": verify, "cert": cert, "proxies": proxies}
            answer = self._ask(exchange, request, url, stream, timeout, options)
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
        stream = _Stream(_Lines(exchange, url, _lines(response), response))
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
                if line and (line := line.rstrip(b"\r")):
                    self.kept.append(line)
                    if len(self.kept) >= STREAM_LINES:
                        yield self._cut()
        except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
            if self.kept:
                yield self._cut()
            self.exchange.fail("cut", str(error), self.url)
            return
        except TooLarge as error:
            if self.kept:
                yield self._cut()
            self.exchange.fail("too-large", str(error), self.url)
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
                answer = self.exchange.wire.recorded(self.exchange.requests, self.url)
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
    """An iterable of bytes as a readable file."""

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


def _lines(response: requests.Response) -> Iterator[bytes]:
    """The lines of a stream as they arrive; raise TooLarge for one longer than MAX_LINE."""
    rest = b""
    for chunk in response.iter_content(1 << 14):
        *whole, last = chunk.split(b"\n")
        if whole:
            yield rest + whole[0]
            yield from whole[1:]
        rest = last if whole else rest + last
        if len(rest) > MAX_LINE:
            raise TooLarge(f"a line is longer than {MAX_LINE} bytes")
    yield rest


def _bounded(pieces: Iterator[bytes]) -> bytes:
    """The parts joined; raise TooLarge above MAX_WIRE."""
    body = bytearray()
    for piece in pieces:
        body += piece
        if len(body) > MAX_WIRE:
            raise TooLarge(f"the answer is larger than {MAX_WIRE} bytes")
    return bytes(body)


# ---- httpx --------------------------------------------------------------------------------------------------


class PublicOnly(httpcore.NetworkBackend):
    """Connections to public addresses only: a name is resolved once, checked, and connected to."""

    def __init__(self) -> None:
        self._inner = httpcore.SyncBackend()
        self.allowed: Collection[str] = ()  # hosts that need not be public
        self.all = False

    def connect_tcp(
        self, host: str, port: int, timeout: float | None = None, local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:  # fmt: skip
        """A connection to *host*. Raise PrivateAddress if it has no public address and is not allowed."""
        if self.all or host in self.allowed:
            return self._inner.connect_tcp(host, port, timeout, local_address, socket_options)
        try:
            found = [str(row[4][0]) for row in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]
        except (OSError, UnicodeError) as error:
            raise httpcore.ConnectError(str(error)) from error
        failed: httpcore.ConnectError | httpcore.ConnectTimeout | None = None
        for address in dict.fromkeys(filter(public, found)):
            try:
                return self._inner.connect_tcp(address, port, timeout, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failed = error
        raise failed or PrivateAddress(f"{host} is not on the public internet; allow_private lets it be asked")

    def connect_unix_socket(
        self, path: str, timeout: float | None = None, socket_options: Iterable[Any] | None = None
    ) -> httpcore.NetworkStream:
        """Never."""
        raise PrivateAddress("a socket of this machine")


def unrecorded(wire: Wire, network: PublicOnly) -> httpx.HTTPTransport:
    """A transport over *network* that records nothing, with the permissions of *wire*."""
    inner = httpx.HTTPTransport(trust_env=False)
    network.all, network.allowed = wire.private, wire.named
    inner._pool._network_backend = network  # httpx has no public API for this
    return inner


class Transport(httpx.BaseTransport):
    """A recording and replaying transport of an httpx client."""

    def __init__(self, wire: Wire) -> None:
        self.wire = wire
        self._network = PublicOnly()
        self._inner = unrecorded(wire, self._network) if wire.live else None

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send *request*, or find its recorded answer."""
        exchange = self.wire.asking()
        url = str(request.url)
        answer = self.wire.recorded(exchange.requests, url)
        if answer is not None:
            exchange.keep(answer)
        else:
            answer = self._ask(exchange, request, url)
        if isinstance(answer, Failure):
            raise httpx.TransportError(answer.detail)
        body = b"" if redirected(answer) else answer.body  # httpx decompresses redirects, which may be bombs
        return httpx.Response(answer.status, headers=list(answer.headers), stream=httpx.ByteStream(body))

    def _ask(self, exchange: Exchange, request: httpx.Request, url: str) -> Page | Failure:
        assert self._inner is not None
        origin = f"{request.url.scheme}://{request.url.netloc.decode('ascii')}"
        if exchange.answers and is_private(origin) and not exchange.answers[0].url.startswith(f"{origin}/"):
            return exchange.fail("private-address", f"a redirect to the private address {origin}", url)
        self._network.allowed = self.wire.named
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
        except PrivateAddress as error:
            return exchange.fail("private-address", str(error), url)
        except httpx.ConnectError as error:
            dns = "name" in str(error).lower() and "resol" in str(error).lower()
            return exchange.fail("dns" if dns else "connection", str(error), url)
        except httpx.UnsupportedProtocol as error:
            return exchange.fail("redirect" if exchange.answers else "other", str(error), url)
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

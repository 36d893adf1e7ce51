"""The crawling child: Scrapy, its wire recorded or replaced; `collectors.wire.scrapy_parent` starts it.

Only the needed parts of Scrapy are on: robots.txt, AutoThrottle, redirects, limits of size and time. Cookies,
retries, decompression, proxies and referers are off: the archive needs answers as received, and the frontier retries.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
from collections import defaultdict, deque
from collections.abc import AsyncIterator, Mapping
from typing import TYPE_CHECKING, Any

import msgspec
import scrapy
from scrapy import Spider
from scrapy.crawler import CrawlerProcess
from scrapy.http import Response
from scrapy.utils.httpobj import urlparse_cached

from collectors.base import MOVED
from collectors.wire.exchange import NotRecorded, Wire, open_wire
from collectors.wire.scrapy_download import ROBOT, Parked, Recorded, Recorder, Resolver, Robots, authority, reason_of
from collectors.wire.scrapy_parent import BATCH, CONCURRENCY, Answers, Job
from storage.children import end_with_parent
from storage.records import Failure, Page, Request

if TYPE_CHECKING:
    from twisted.python.failure import Failure as TwistedFailure

HEADERS = {
    "Accept": "text/html,application/xhtml+xml,application/ld+json;q=0.9,*/*;q=0.1",
    "Accept-Encoding": "gzip, deflate",
    "Accept-Language": "nl,en;q=0.8",
}
MAX_BYTES = 16 * 1024 * 1024  # of one answer on the wire
FLUSH = 0.01  # seconds that answers are buffered
SLOW = 2  # maximum requests in Scrapy of a host with a Crawl-delay


class Pages(Spider):
    """Fetches the parent's requests."""

    name = ROBOT

    def __init__(self, link_socket: socket.socket, wire: Wire, hosts: Mapping[str, str], private: bool) -> None:
        super().__init__()
        self.socket, self.wire, self.hosts, self.private = link_socket, wire, hosts, private
        self.reached = {authority(address)[1].partition(":")[0] for address in hosts.values()}
        self.refused: set[str] = set()  # names that resolve to private addresses
        self.collector = ""
        self.delays: dict[str, float] = {}  # Crawl-delay by host
        self.slow: defaultdict[str, int] = defaultdict(int)  # requests of slow hosts in Scrapy
        self.waiting: defaultdict[str, deque[scrapy.Request]] = defaultdict(deque)
        self.parked = 0
        self.link = Link(self)
        Resolver.spider = self

    async def start(self) -> AsyncIterator[Any]:
        """Serve the parent until it ends."""
        await asyncio.get_running_loop().create_connection(lambda: self.link, sock=self.socket)
        await asyncio.Event().wait()
        yield None

    def take(self, leased: Request, url: str) -> None:
        """Request *url*, unless its host is slow and busy."""
        self.collector = leased.target.collector
        if not url.startswith(("http://", "https://")):
            self._fail(leased, url, "other", "neither http nor https")
            return
        try:
            request = scrapy.Request(url, self.done, errback=self.failed, dont_filter=True, meta={"leased": leased})
        except ValueError as error:
            self._fail(leased, url, "other", str(error))
            return
        host = urlparse_cached(request).hostname or ""
        if host in self.delays:
            if self.slow[host] >= SLOW:
                self.waiting[host].append(request)
                self.parked += 1
                return
            self.slow[host] += 1
            request.meta["slow"] = host
        self.crawler.engine.crawl(request)

    def done(self, response: Response) -> None:
        """Report that a request has had its last answer."""
        request = response.request
        assert request is not None
        if "Location" in response.headers and response.status in MOVED:
            location = response.headers["Location"] or b""
            detail = f"redirected to {location.decode('latin-1')}, which is not followed"
            self._fail(request.meta["leased"], request.url, "other", detail)
        else:
            self.link.settle(request.meta["leased"])
        self._next(request)

    def failed(self, failure: TwistedFailure) -> None:
        """Report why a request got no answer."""
        request: scrapy.Request = failure.request  # type: ignore[attr-defined]
        leased, error = request.meta["leased"], failure.value
        assert error is not None
        if isinstance(error, Parked):
            self.take(leased, request.url)
        elif isinstance(error, NotRecorded):
            self.link.missing(leased)
        elif isinstance(error, Recorded):
            self.link.answer(error.failure)
            self.link.settle(leased)
        else:
            self._fail(leased, request.url, *reason_of(error, request, self))
        self._next(request)

    def _fail(self, leased: Request, url: str, reason: str, detail: str) -> None:
        """Settle *leased* with a failure; in a replay with the recorded one, for its time."""
        failure = Failure((leased,), reason, detail[:500], self.wire.now(), url, "", self.wire.run)
        if not self.wire.live:
            try:
                recorded = self.wire.recorded((leased,), url)
            except NotRecorded:
                self.link.missing(leased)
                return
            failure = recorded if isinstance(recorded, Failure) else failure
        self.link.answer(failure)
        self.link.settle(leased)

    def _next(self, request: scrapy.Request) -> None:
        """Release the next request of a slow host."""
        host = request.meta.get("slow")
        if host is None:
            return
        if self.waiting[host]:
            self.parked -= 1
            following = self.waiting[host].popleft()
            following.meta["slow"] = host
            self.crawler.engine.crawl(following)
        else:
            self.slow[host] -= 1

    def slow_down(self, host: str, delay: float) -> None:
        """Keep *delay* seconds between two requests to *host*."""
        delay = max(delay, self.delays.get(host, 0.0), self.settings.getfloat("DOWNLOAD_DELAY"))
        self.delays[host] = delay
        downloader = self.crawler.engine.downloader
        downloader.per_slot_settings[host] = {"delay": delay, "concurrency": 1, "jitter": 0}
        if slot := downloader.slots.get(host):
            slot.delay, slot.concurrency = delay, 1


class Link(asyncio.Protocol):
    """The socket to the parent: receives requests, sends answers in batches. Without a parent the process ends."""

    def __init__(self, spider: Pages) -> None:
        self.spider = spider
        self._buffer = bytearray()
        self._out = Answers()
        self._waiting = False
        self._decoder = msgspec.msgpack.Decoder(list[tuple[Request, str]])
        self._encoder = msgspec.msgpack.Encoder()

    def connection_made(self, transport: Any) -> None:
        """Store the transport."""
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        """Read the requests of every complete message."""
        self._buffer += data
        while len(self._buffer) >= 4:
            size = int.from_bytes(self._buffer[:4], "big")
            if len(self._buffer) < 4 + size:
                return
            requests = self._decoder.decode(bytes(self._buffer[4 : 4 + size]))
            del self._buffer[: 4 + size]
            for leased, url in requests:
                self.spider.take(leased, url)

    def connection_lost(self, error: Exception | None) -> None:
        """Exit at once: all answers have been sent, and the rest is not needed."""
        os._exit(0)

    def answer(self, answer: Page | Failure) -> None:
        """Send one answer."""
        if isinstance(answer, Page):
            self._out.pages.append(answer)
        else:
            self._out.failures.append(answer)
        self._soon()

    def settle(self, leased: Request) -> None:
        """Report that *leased* has had its last answer."""
        self._out.settled += 1
        self._soon()

    def missing(self, leased: Request) -> None:
        """Report that the recording has no answer to *leased*."""
        self._out.missing = leased
        self._soon()

    def _soon(self) -> None:
        if len(self._out.pages) >= BATCH:
            self.flush()
        elif not self._waiting:
            self._waiting = True
            asyncio.get_running_loop().call_later(FLUSH, self.flush)

    def flush(self) -> None:
        """Send the buffered answers."""
        self._waiting = False
        out, self._out = self._out, Answers()
        if out.pages or out.failures or out.settled or out.missing:
            out.parked = self.spider.parked
            body = self._encoder.encode(out)
            self.transport.write(len(body).to_bytes(4, "big") + body)


def scrapy_settings(options: Mapping[str, Any], live: bool) -> dict[str, Any]:
    """Scrapy's settings for the collector's *options*; a replay (not *live*) waits for nothing."""
    concurrency = int(options.get("concurrency") or CONCURRENCY)
    contact = options.get("contact")
    agent = options.get("user_agent") or f"{ROBOT} (research archive{f'; {contact}' if contact else ''})"
    robots = options.get("robots") or {}
    base = "scrapy.downloadermiddlewares."
    return {
        "USER_AGENT": agent,
        "DEFAULT_REQUEST_HEADERS": HEADERS,
        "ROBOTSTXT_OBEY": not (robots.get("obey") is False and robots.get("reason")),
        "ROBOTSTXT_USER_AGENT": ROBOT,
        "CONCURRENT_REQUESTS": max(16, concurrency),
        "CONCURRENT_REQUESTS_PER_DOMAIN": concurrency,
        "AUTOTHROTTLE_ENABLED": live and options.get("autothrottle", True),
        "AUTOTHROTTLE_START_DELAY": 1.0,
        "DOWNLOAD_DELAY": float(options.get("delay") or 0) if live else 0,
        "DOWNLOAD_DELAY_JITTER": 0,
        "DOWNLOAD_TIMEOUT": float(options.get("timeout") or 30),
        "DOWNLOAD_MAXSIZE": int(options.get("max_bytes") or MAX_BYTES),
        "DOWNLOAD_WARNSIZE": 0,
        "DOWNLOAD_FAIL_ON_DATALOSS": True,
        "DOWNLOAD_VERIFY_CERTIFICATES": True,
        "DOWNLOAD_HANDLERS": {
            "http": Recorder, "https": Recorder, "ftp": None, "s3": None, "file": None, "data": None,
        },
        "DNS_RESOLVER": Resolver,
        "DNS_TIMEOUT": 10,
        "DNSCACHE_ENABLED": False,
        "REDIRECT_MAX_TIMES": 5,
        # all that is on, in place of Scrapy's own lists: what it adds to these stays off, and is not imported
        "DOWNLOADER_MIDDLEWARES_BASE": {
            Robots: 100,
            base + "downloadtimeout.DownloadTimeoutMiddleware": 350,
            base + "defaultheaders.DefaultHeadersMiddleware": 400,
            base + "useragent.UserAgentMiddleware": 500,
            base + "redirect.RedirectMiddleware": 600,
        },
        "SPIDER_MIDDLEWARES_BASE": {},
        "EXTENSIONS_BASE": {"scrapy.extensions.throttle.AutoThrottle": 0},
        "STATS_CLASS": "scrapy.statscollectors.DummyStatsCollector",
        "LOG_LEVEL": "CRITICAL",
        "TWISTED_REACTOR": "twisted.internet.asyncioreactor.AsyncioSelectorReactor",
    }  # fmt: skip


def main() -> None:
    """Run until the parent ends."""
    end_with_parent()
    for signum in (signal.SIGINT, signal.SIGTERM):  # sent to the whole group; the parent decides
        signal.signal(signum, signal.SIG_IGN)
    link = socket.socket(fileno=int(sys.argv[1]))
    size = int.from_bytes(_read(link, 4), "big")
    job = msgspec.msgpack.decode(_read(link, size), type=Job)
    wire = open_wire(job.wire)
    process = CrawlerProcess(scrapy_settings(job.options, wire.live))
    hosts, private = job.options.get("hosts") or {}, bool(job.options.get("allow_private"))
    process.crawl(Pages, link, wire, hosts, private)
    process.start(install_signal_handlers=False)


def _read(link: socket.socket, size: int) -> bytes:
    """Exactly *size* bytes; the process exits if the parent has ended."""
    data = b""
    while len(data) < size:
        piece = link.recv(size - len(data))
        if not piece:
            os._exit(0)
        data += piece
    return data

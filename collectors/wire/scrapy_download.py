"""The crawling child's parts of Scrapy: the recording handler, the resolver, and robots.txt."""

from __future__ import annotations

import asyncio
import codecs
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol, cast
from urllib.parse import urlsplit, urlunsplit

import scrapy
from protego import Protego
from scrapy.core.downloader.handlers.http11 import HTTP11DownloadHandler
from scrapy.exceptions import IgnoreRequest, NotConfigured
from scrapy.http import Response
from scrapy.http.request import NO_CALLBACK
from scrapy.resolver import CachingThreadedResolver
from scrapy.utils.httpobj import urlparse_cached
from twisted.internet.error import DNSLookupError

from collectors.wire.address_policy import PrivateAddress, public
from collectors.wire.exchange import NotRecorded, Wire, canonical
from storage.records import BadBody, Failure, Page, Request, Target

if TYPE_CHECKING:
    from scrapy.crawler import Crawler


ROBOT = "sneeuwbal"  # the name for rules in robots.txt
ROBOTS = "robots"  # kind and walk of robots.txt
_MARKS = {  # the longer ones first: UTF-32 begins as UTF-16 does
    codecs.BOM_UTF32_LE: "utf-32", codecs.BOM_UTF32_BE: "utf-32", codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16",
}  # fmt: skip
_INVISIBLE = re.compile("[\x00\u00ad\u200b-\u200f\u2060\ufeff]")
_AGENT = re.compile(
    r"^([ \t]*user[ -]?agent[ \t]*:[ \t]*)[\"']?(\w[\w-]*)[\"'/].*$", re.I | re.M
)  # sneeuwbal/1.0, 'sneeuwbal'
# a path without its slash, or behind its host
_HOSTED = re.compile(r"^([ \t]*(?:dis)?allow[ \t]*:[ \t]*)(?:https?://[^/\s]+/|(?=[\w.%~-]))", re.I | re.M)
_ELEMENT = re.compile(r"<[^<>\n]*>")
MAX_ROBOTS = 512 * 1024  # maximum bytes of robots.txt (RFC 9309, 2.5: at least 500 KiB)
REASONS = {
    "DownloadTimeoutError": "timeout",
    "TimeoutError": "timeout",
    "CannotResolveHostError": "dns",
    "DNSLookupError": "dns",
    "DownloadConnectionRefusedError": "connection",
    "DownloadFailedError": "connection",
    "ConnectError": "connection",
    "ConnectionClosed": "connection",
    "ResponseDataLossError": "cut",
    "DownloadCancelledError": "too-large",
}


class RobotsUnread(Exception):
    """robots.txt could not be read: nothing on the host may be requested now (RFC 9309, 2.3.1.4)."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"robots.txt could not be read: {detail}")
        self.reason = reason


class Parked(Exception):
    """The host is slow: the request goes to the end of its queue."""


class Recorded(Exception):
    """A recorded failure."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.reason)
        self.failure = failure


class Answering(Protocol):
    """The receiver of answers."""

    def answer(self, answer: Page | Failure) -> None:
        """Send *answer* to the parent."""
        ...


class Crawl(Protocol):
    """The spider's interface for downloading."""

    wire: Wire
    hosts: Mapping[str, str]  # addresses of servers
    private: bool  # whether private networks are allowed
    reached: set[str]  # hosts of the study's addresses
    refused: set[str]  # names that resolve to private addresses
    delays: dict[str, float]  # Crawl-delay by host
    collector: str

    @property
    def link(self) -> Answering:
        """The connection to the parent."""
        ...

    def slow_down(self, host: str, delay: float) -> None:
        """Keep *delay* seconds between two requests to *host*."""
        ...


def reason_of(error: BaseException, request: scrapy.Request, spider: Crawl) -> tuple[str, str]:
    """The reason for *error*, and its message."""
    detail = str(error) or type(error).__name__
    host = urlparse_cached(request).hostname or ""
    if isinstance(error, RobotsUnread):
        return error.reason, detail
    if isinstance(error, PrivateAddress) or host in spider.refused:
        return "private-address", f"{host} is not on the public internet"
    if isinstance(error, Recorded):
        return error.failure.reason, error.failure.detail
    if isinstance(error, IgnoreRequest):
        return ("robots" if "robots.txt" in detail else "other"), detail
    names = [kind.__name__ for kind in type(error).__mro__]
    return next((REASONS[name] for name in names if name in REASONS), "other"), detail


def robots_text(body: bytes) -> str:
    """The text of a robots.txt in any encoding and with any line ends, without marks that would hide its first rule.

    RFC 9309 says UTF-8; a byte-order mark, UTF-16, invisible characters, HTML around the rules, versions behind names
    and paths without a leading slash occur and are read.
    """
    mark = next((mark for mark in _MARKS if body.startswith(mark)), b"")
    if mark:
        text = body.decode(_MARKS[mark], "replace")
    elif b"\x00" in body[:4]:  # UTF-16 without its mark: every second byte of ASCII is zero
        text = body.decode("utf-16-be" if body[::2].count(0) > body[1::2].count(0) else "utf-16-le", "replace")
    else:
        text = body.decode("utf-8", "replace")
    text = "\n".join(_INVISIBLE.sub("", text).splitlines())
    text = _ELEMENT.sub("\n", text) if text.lstrip().startswith("<") else text
    return _HOSTED.sub(r"\1/", _AGENT.sub(r"\1\2", text))


class Robots:
    """Replacement of Scrapy's robots.txt middleware, which (2.19) lets the second and later requests that wait for the
    first robots.txt of a host pass unchecked, and allows everything if it could not be read, against RFC 9309.
    """

    def __init__(self, crawler: Crawler) -> None:
        if not crawler.settings.getbool("ROBOTSTXT_OBEY"):
            raise NotConfigured
        self.crawler = crawler
        self.rules: dict[str, asyncio.Future[Protego]] = {}  # by scheme and authority

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Robots:
        """The middleware of *crawler*."""
        return cls(crawler)

    async def process_request(self, request: scrapy.Request) -> None:
        """Reject requests forbidden by robots.txt."""
        request.meta.pop("download_slot", None)  # a redirect belongs to the slot of its own host
        if "leased" not in request.meta:
            return
        place = urlparse_cached(request)
        base = f"{place.scheme}://{place.netloc}"
        if base not in self.rules:
            self.rules[base] = asyncio.ensure_future(self._read(base))
        try:
            rules = await asyncio.shield(self.rules[base])
        except Exception:
            self.rules.pop(base, None)  # so that it is requested again
            raise
        if not rules.can_fetch(request.url, ROBOT):
            raise IgnoreRequest("forbidden by robots.txt")
        spider = cast("Crawl", self.crawler.spider)
        if place.hostname in spider.delays and not {"slow", "redirect_times"} & request.meta.keys():
            raise Parked(place.hostname)

    async def _read(self, base: str) -> Protego:
        """The rules of a host; raise RobotsUnread if they cannot be read."""
        spider = cast("Crawl", self.crawler.spider)
        request = scrapy.Request(f"{base}/robots.txt", priority=1000, callback=NO_CALLBACK)
        try:
            response = await self.crawler.engine.download_async(request)
        except Exception as error:
            raise RobotsUnread(*reason_of(error, request, spider)) from error
        if response.status >= 500 or response.status == 429:
            raise RobotsUnread("connection", f"it answered {response.status}")
        rules = Protego.parse(robots_text(response.body[:MAX_ROBOTS]) if response.status < 300 else "")
        delay = rules.crawl_delay(ROBOT)
        if delay and spider.wire.live:
            spider.slow_down(urlsplit(base).hostname or "", float(delay))
        return rules


class Resolver(CachingThreadedResolver):
    """Scrapy's resolver, which does not find private addresses."""

    spider: Crawl  # this process's spider

    def getHostByName(self, name: str, timeout: Any = ()) -> Any:  # noqa: N802 (Twisted's name)
        """The address of *name*."""
        return super().getHostByName(name, timeout).addCallback(self._checked, name)

    def _checked(self, address: str, name: str) -> str:
        spider = self.spider
        if not spider.private and name not in spider.reached and not public(address):
            spider.refused.add(name)
            raise DNSLookupError(f"{name} is at the private address {address}")
        return address


class Recorder(HTTP11DownloadHandler):
    """Scrapy's handler for HTTP; which keeps every answer as received. In a replay the recording answers instead."""

    async def download_request(self, request: scrapy.Request) -> Response:
        """Download *request*, and keep the answer."""
        spider = cast("Crawl", self.crawler.spider)
        leased = request.meta.get("leased")
        if leased is None:
            return await self._robots(request, spider)
        response, page = await self._ask(request, spider, leased)
        spider.link.answer(page)
        return response

    async def _ask(self, request: scrapy.Request, spider: Crawl, leased: Request) -> tuple[Response, Page]:
        """The answer for Scrapy, and for the archive."""
        host = urlparse_cached(request).hostname or ""
        if not spider.wire.live:
            answer = spider.wire.recorded((leased,), request.url)
            if isinstance(answer, Failure):
                raise Recorded(answer)
            assert answer is not None
            return Response(request.url, answer.status, _headers(answer), answer.body), answer
        if host in spider.delays:
            request.meta["autothrottle_dont_adjust_delay"] = True
        response = await super().download_request(self._routed(request, spider, host))
        headers = [
            (name.decode("latin-1"), value.decode("latin-1"))
            for name, values in response.headers.items()
            for value in values
        ]
        body = response.body
        page = Page(
            (leased,), request.url, response.status, canonical(headers, body), body, spider.wire.now(), "", "GET",
            spider.wire.run,
        )  # fmt: skip
        return response, page

    def _routed(self, request: scrapy.Request, spider: Crawl, host: str) -> scrapy.Request:
        """*request*, routed to the address in `hosts`; raise PrivateAddress if it is not allowed."""
        netloc = urlparse_cached(request).netloc
        address = spider.hosts.get(netloc) or spider.hosts.get(host)
        if address:
            scheme, place = authority(address)
            parts = urlsplit(request.url)
            url = urlunsplit((scheme or parts.scheme, place, parts.path, parts.query, ""))
            routed = request.replace(url=url)
            routed.headers["Host"] = netloc
            routed._meta = request.meta  # the latency is stored there
            return routed
        if not spider.private and (host in spider.reached or not _public_name(host)):
            raise PrivateAddress(host)
        return request

    async def _robots(self, request: scrapy.Request, spider: Crawl) -> Response:
        """Keep a robots.txt, and decode it for its reader."""
        asked = (request.meta.get("redirect_urls") or [request.url])[0]
        leased = Request(Target(spider.collector, ROBOTS, asked), ROBOTS)
        try:
            response, page = await self._ask(request, spider, leased)
        except NotRecorded:
            return Response(request.url, 404)  # recorded requests were allowed
        except Exception as error:
            reason, detail = reason_of(error, request, spider)
            failure = Failure((leased,), reason, detail[:500], spider.wire.now(), request.url, "", spider.wire.run)
            spider.link.answer(error.failure if isinstance(error, Recorded) else failure)
            raise
        spider.link.answer(page)
        try:
            return response.replace(body=page.content())
        except BadBody as error:
            raise RobotsUnread("other", str(error)) from error


def _headers(page: Page) -> dict[str, list[str]]:
    headers: dict[str, list[str]] = {}
    for name, value in page.headers:
        headers.setdefault(name, []).append(value)
    return headers


def _public_name(host: str) -> bool:
    """Whether *host* is a name, or an address on the public internet."""
    try:
        return public(host)
    except ValueError:
        return True


def authority(address: str) -> tuple[str, str]:
    """Scheme (or nothing) and host:port of an address in `hosts`."""
    scheme, mark, rest = address.partition("://")
    return (scheme, rest.rstrip("/")) if mark else ("", address)

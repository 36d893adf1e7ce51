"""Searches for documents: the interfaces, their requests and outcomes; and the pages of what they found.

A target's kind is the interface, its key the search (`storage.searches`), which is all that parsing needs. A target of
the kind PAGE has the address of a document as its key, and is fetched by the crawler.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import groupby
from typing import Any, ClassVar, NamedTuple
from urllib.parse import urlsplit

from pydantic import Field

from collectors.base import Absent, Done, Kind, Later, Limit, Outcome, Refused, Settings, redirected
from collectors.coverage import captures, discourse, engines, feeds, pages, sru
from collectors.coverage.reading import Reading, documents
from collectors.parsing.noindex import overruled
from collectors.wire import http
from collectors.wire.scrapy_parent import crawl
from collectors.wire.web_pages import Crawling
from storage.errors import UserError
from storage.records import Failure, Page, Record, Request
from storage.searches import Search, search_of

# Only one of these interfaces documents a limit: one request per second and server is the usual courtesy for robots.
LIMIT = Limit(60, 60)
COUNCILS = Limit(45, 60)  # 60 units a minute; a page of 100 costs 1.3
PAGE = "page"


class Interface(NamedTuple):
    """How an interface is queried and read, and the required keys of a search."""

    asking: Callable[[Search, Request], str]
    read: Callable[[Page, Search], Reading]
    page: int = 1  # documents per answer
    words: bool = True  # it can search; else words only filter its list
    address: bool = True  # a search must give an address
    days: bool = False  # it needs the first and the last day
    secret: bool = False
    limit: Limit = LIMIT
    ended: Callable[[Page], bool] = lambda page: False  # whether a refusal is no end of the walk, but one of its steps


INTERFACES: Mapping[str, Interface] = {
    "feed": Interface(feeds.asking, feeds.feed, 50, words=False),
    "sitemap": Interface(feeds.asking, feeds.sitemap, 1_000, words=False, ended=feeds.missing),
    "sru": Interface(sru.asking, sru.read, sru.PAGE, address=False),
    "wayback": Interface(captures.wayback, captures.read_wayback, captures.PAGE, words=False),
    "common_crawl": Interface(
        captures.common_crawl, captures.read_common_crawl, captures.PAGE, words=False, ended=captures.ended
    ),
    "media_cloud": Interface(
        engines.media_cloud, engines.read_media_cloud, engines.STORIES, address=False, days=True, secret=True
    ),
    "open_besluitvorming": Interface(
        engines.open_besluitvorming, engines.read_open_besluitvorming, engines.FILES, address=False, limit=COUNCILS
    ),
    "searxng": Interface(engines.searxng, engines.read_searxng, engines.RESULTS),
    "discourse": Interface(discourse.search, discourse.read_search, discourse.SEARCHED),
    "discourse_latest": Interface(discourse.latest, discourse.read_latest, discourse.LISTED, words=False),
    "discourse_topic": Interface(discourse.topic, discourse.read_topic, discourse.SHOWN, words=False),
}


class Options(Crawling):
    """The collector's own keys in the study file; all but the contact and `allow_private` are about fetched pages."""

    contact: str = Field("", description="Contact for server operators, for the user agent.")


class Coverage:
    """The collector."""

    kinds: ClassVar[Mapping[str, Kind]] = {
        name: Kind(page=one.page, limit=one.limit, paged=True, of="search", yields="documents", bytes=150.0)
        for name, one in INTERFACES.items()
    } | {PAGE: Kind(limit=LIMIT, of="document", yields="documents", bytes=20_000.0)}
    environment = ("MEDIACLOUD_API_KEY",)

    @staticmethod
    def query_of(kind: str, typed: str) -> str | None:
        """*typed*, the key of a search, if the interface supports it."""
        try:
            search = search_of(typed)
        except ValueError:
            return None
        one = INTERFACES[kind]
        named = http.netloc(search.address) != "" if search.address else not one.address
        dated = not one.days or (search.first_day is not None and search.last_day is not None)
        return typed if named and dated and (search.words or not one.words) else None

    @staticmethod
    def server(request: Request, options: Mapping[str, Any]) -> str:
        """The server for *request*."""
        return urlsplit(_url(request)).netloc

    def fetch(self, requests: Iterator[Request], settings: Settings) -> Iterator[Page | Failure]:
        """Yield answers, following redirects. Raise UserError without a key or library that is needed."""
        for fetched, some in groupby(requests, lambda request: request.target.kind == PAGE):
            if fetched:
                pages.extractor()
                answers = crawl(((request, request.target.key) for request in some), settings, settings.wire)
                yield from answers if settings.options.get("honour_opt_outs", True) else map(overruled, answers)
            else:
                yield from self._asked(some, settings)

    def _asked(self, requests: Iterator[Request], settings: Settings) -> Iterator[Page | Failure]:
        options = settings.checked(Options)
        for request in requests:
            headers = {}
            if INTERFACES[request.target.kind].secret and settings.wire.live:
                if not settings.secret:
                    raise UserError(f"no key for {request.target.kind}: set {self.environment[0]}")
                headers["Authorization"] = f"Token {settings.secret}"
            yield from http.ask(settings.wire, (request,), _url(request), headers=headers, contact=options.contact)

    def outcome(self, page: Page) -> Iterator[Outcome]:
        """Yield the outcome of the target; nothing for a redirect, as its target follows, and for robots.txt."""
        if page.kind not in INTERFACES:
            if page.kind == PAGE and not redirected(page):
                yield pages.outcome(page)
            return
        general, target = http.trouble(page), page.requests[0].target
        if general is not None:
            yield from general
        elif INTERFACES[page.kind].ended(page):
            yield self._read(page)
        elif page.status == 401:
            yield Refused(target, "the server asks for a key (401)")
        elif page.status in (403, 404, 410):
            reason = "refused" if page.status == 403 else "gone"
            yield Absent(target, reason, platform=urlsplit(page.url).netloc)
        elif page.status != 200:
            yield Later(target, f"HTTP {page.status}")
        else:
            yield self._read(page)

    def _read(self, page: Page) -> Outcome:
        target = page.requests[0].target
        try:
            found = INTERFACES[page.kind].read(page, search_of(page.key))
        except http.UNREADABLE as error:
            return Later(target, f"unreadable: {error}"[:500])
        return Done(target, found.next, len(found.hits), complete=found.complete, why=found.why, carry=found.carry)

    def parse(self, page: Page) -> Iterator[Record]:
        """Yield the documents or the text of a page, and what could not be read."""
        if page.status != 200 or page.kind not in self.kinds:
            return
        try:
            if page.kind == PAGE:
                yield from pages.records(page)
                return
            one, search = INTERFACES[page.kind], search_of(page.key)
            yield from documents(one.read(page, search), page, search, filtered=not one.words)
        except http.UNREADABLE as error:
            yield http.unreadable("body", error, page.body)


def _url(request: Request) -> str:
    if request.target.kind == PAGE:
        return request.target.key
    return INTERFACES[request.target.kind].asking(search_of(request.target.key), request)


collector = Coverage()

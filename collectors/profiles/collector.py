"""Professional profile pages and connection lists (schema.org Person), fetched with Scrapy.

Facts and terms as of November 2026 (docs/collectors/profiles.md): no sanctioned interface shows the connections of
others on LinkedIn, and its robots.txt forbids automated access without permission. What works is sites that allow
it, and the members' own exports (`collectors.files`).
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

from pydantic import Field

from collectors.base import Absent, Done, Kind, Later, Outcome, Settings, redirected
from collectors.parsing.link_header import linked
from collectors.parsing.noindex import opted_out, overruled
from collectors.parsing.profile_urls import canonical
from collectors.profiles import person
from collectors.profiles.before import asked_before
from collectors.profiles.jsonld import Document, listed
from collectors.profiles.page import CONNECTIONS, PROFILE, document_of, subject_of, walled
from collectors.profiles.redact import PERSONAL, redacted
from collectors.wire.scrapy_parent import crawl
from collectors.wire.web_pages import Crawling, refusal
from storage.records import BadBody, Connection, Failure, Page, ProfileLink, Quarantine, Record, Request

KINDS: Mapping[str, Kind] = {
    PROFILE: Kind(of="profile", yields="profiles", bytes=2_900.0),
    CONNECTIONS: Kind(
        page=100, paged=True, of="list", yields="connections", ties=("connections",), bytes=20.0
    ),  # page: an assumption, sites show 10 to 100
}


class Options(Crawling):
    """The table `[collectors.profiles]` of the study file."""

    connections_path: str = Field(
        "{url}/connections", pattern=r"\{url\}", description="Address of the connection list of the profile {url}."
    )


class Profiles:
    """The collector. Another site's lists are read with selectors: `Profiles(listed="ol.people a", next="a.more")`."""

    kinds = KINDS
    personal = PERSONAL
    asked_before = staticmethod(asked_before)

    def __init__(self, listed: str | None = None, next: str | None = None) -> None:
        self._listed, self._next = listed, next

    seed_form = "a web address; write it with https://"

    @staticmethod
    def canonical(seed: str) -> str:
        """The key of a profile: its canonical URL."""
        return canonical(seed)

    @staticmethod
    def page_of(typed: str) -> str | None:
        """The canonical URL of a profile, from its address with the scheme; None for anything else."""
        return canonical(typed) if re.fullmatch(r"https?://[^\s/]+\S*", typed.strip()) else None

    def fetch(self, requests: Iterator[Request], settings: Settings) -> Iterator[Page | Failure]:
        """Yield the answers to *requests* as they arrive; the only I/O."""
        path = settings.options.get("connections_path") or "{url}/connections"
        answers = crawl(((request, _url(request, path)) for request in requests), settings, settings.wire)
        return answers if settings.options.get("honour_opt_outs", True) else map(overruled, answers)

    def outcome(self, page: Page) -> Iterator[Outcome]:
        """Yield one outcome per target; nothing for a redirect (its target follows) and for robots.txt."""
        for request in page.requests:
            if request.target.kind in self.kinds and not redirected(page):
                yield self._outcome(page, request)

    def _outcome(self, page: Page, request: Request) -> Outcome:
        if page.status == 200:
            return self._read(page, request)
        return refusal(page, request.target, lambda why: _absent(page, request, why))

    def _read(self, page: Page, request: Request) -> Outcome:
        target = request.target
        try:
            content = page.content()
        except BadBody as error:
            return Later(target, f"the body cannot be decoded: {error}")
        if walled(page, content):
            return _absent(page, request, "private")
        if opted_out(page, content):
            return _absent(page, request, "opted-out")
        if target.kind == CONNECTIONS:
            return self._list(page, request, content)
        if b"**" in content and _masked(page, request, content):
            return _absent(page, request, "masked")
        return Done(target, items=1)

    def _list(self, page: Page, request: Request, content: bytes) -> Outcome:
        try:
            document = document_of(page, content)
        except ValueError as error:
            return Done(request.target, complete=False, why=str(error))
        shown, unread = self.shown(document, request.target.key)
        if not shown and not document.persons()[1] and not self._listed:
            return Done(request.target, complete=False, why="no list on the page")
        count = len(shown) + len(unread)
        following = next((link for link in self.following(document, page)), None)
        if following is None or canonical(following) == canonical(page.url):
            return Done(request.target, items=count)
        if urlsplit(following).hostname != urlsplit(page.url).hostname:
            return Done(
                request.target, items=count, complete=False, why=f"the next page is on another host: {following}"
            )
        return Done(request.target, next=following.partition("#")[0], items=count)

    def following(self, document: Document, page: Page) -> Iterator[str]:
        """Candidates for the next page: by the Link header, by rel=next, by the site's selector."""
        yield from filter(None, map(document.absolute, linked(page.headers, "next", document.base)))
        if self._next:
            yield from filter(None, (document.absolute(e.get("href")) for e in document.tree.cssselect(self._next)))
        else:
            yield from document.links("next")

    def shown(self, document: Document, owner: str) -> tuple[list[str], list[Any]]:
        """The people on a list, without duplicates and its owner; and the entries without a page."""
        found: list[str | None] = []
        unread: list[Any] = []
        if self._listed:
            found = [document.absolute(element.get("href")) for element in document.tree.cssselect(self._listed)]
        for someone in document.persons()[1]:
            for each in listed(someone.get("knows")):
                known = document.whole(each)
                for inner in listed(known.get("knows")) if isinstance(known, dict) and "knows" in known else [known]:
                    link = _address(document, inner)
                    found.append(link)
                    if link is None:
                        unread.append(inner)
        keys = dict.fromkeys(canonical(link) for link in found if link)
        return [key for key in keys if key != canonical(owner)], unread

    def parse(self, page: Page) -> Iterator[Record]:
        """Yield what the page tells: a profile, or connections; nothing if the target is not to be had."""
        for request in page.requests:
            if page.status != 200 or request.target.kind not in self.kinds:
                continue
            try:
                content = page.content()
            except BadBody as error:
                yield Quarantine("body", str(error))
                continue
            if walled(page, content) or opted_out(page, content):
                continue
            if request.target.kind == PROFILE:
                yield from _profile(page, request, content)
            else:
                yield from self._connections(page, request, content)

    def _connections(self, page: Page, request: Request, content: bytes) -> Iterator[Record]:
        try:
            document = document_of(page, content)
        except ValueError as error:
            yield Quarantine("page", str(error), _excerpt(content))
            return
        shown, unread = self.shown(document, request.target.key)
        if not shown and not document.persons()[1]:
            yield from _nobody(document, content)
        owner = canonical(request.target.key)
        yield from (Connection(owner, other) for other in shown)
        yield from (Quarantine("knows", "no address of a profile", str(each)[:1000]) for each in unread)

    def redacted(self, page: Page, drop: Collection[str]) -> Page:
        """*page* with only what the tables need, and without the categories in *drop*."""
        return redacted(page, drop, self.shown, self.following)


collector = Profiles()


def _url(request: Request, path: str) -> str:
    """The address of a request."""
    target = request.target
    if target.kind == PROFILE:
        return target.key
    return target.cursor or path.replace("{url}", target.key)


def _address(document: Document, known: Any) -> str | None:
    """The address of a Person's profile, or of a string that is one."""
    if isinstance(known, dict):
        return next(
            (a for name in ("url", "@id") for v in listed(known.get(name)) if (a := _address(document, v))), None
        )
    return document.absolute(known) if isinstance(known, str) and not known.startswith("_:") else None


def _excerpt(content: bytes) -> str:
    return content[:1000].decode("utf-8", "replace")


def _absent(page: Page, request: Request, why: str) -> Absent:
    detail, key = "" if page.status == 200 else f"status {page.status}", canonical(request.target.key)
    return Absent(request.target, why, detail, platform(request.target.key), key)


def _nobody(document: Document, content: bytes) -> Iterator[Quarantine]:
    """The Quarantine of a page without a Person: its unreadable blocks, or the page itself."""
    for place, reason, excerpt in document.broken:
        yield Quarantine(place, reason, excerpt)
    if not document.broken:
        yield Quarantine("page", "no schema.org Person that the page is about", _excerpt(content))


def _subject(page: Page, request: Request, content: bytes) -> tuple[Document, dict[str, Any] | None]:
    """The page and the Person it is about. Raise ValueError for a page that cannot be read."""
    document = document_of(page, content)
    return document, subject_of(document, {canonical(request.target.key), canonical(page.url)})


def _masked(page: Page, request: Request, content: bytes) -> bool:
    try:
        found = _subject(page, request, content)[1]
    except ValueError:
        return False
    return found is not None and person.is_masked(found)


def _profile(page: Page, request: Request, content: bytes) -> Iterator[Record]:
    """The records of a profile page; none if it is masked."""
    try:
        document, found = _subject(page, request, content)
    except ValueError as error:
        yield Quarantine("page", str(error), _excerpt(content))
        return
    key, url = canonical(request.target.key), canonical(page.url)
    if found is None:
        yield from _nobody(document, content)
        return
    if person.is_masked(found):
        return
    profile = person.profile(found, key, platform(key), url)
    jobs = list(person.positions(found, key, document.whole, page.fetched_at.date()))
    links = [*person.links(found, key, {key, url}, canonical)]
    links += [ProfileLink(key, link, "me") for link in document.links("me") if canonical(link) not in {key, url}]
    yield from (Quarantine(*one) for one in document.repaired)
    emptied = {"names", "descriptions", "locations"} & set(page.redacted)
    said = profile.name or profile.headline or profile.description or profile.location
    if not (jobs or links or said or emptied):
        yield Quarantine("page", "a Person of whom nothing can be read", str(found)[:1000])
        return
    yield profile
    yield from jobs
    yield from dict.fromkeys(links)


def platform(key: str) -> str:
    """The site of a profile: its host."""
    return urlsplit(key).hostname or ""

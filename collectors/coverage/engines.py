"""Search engines with an interface: Media Cloud, the news archive of researchers, Open Besluitvorming, the documents of
Dutch councils, and a SearXNG of one's own.

Media Cloud: the API behind its own client (github.com/mediacloud/api-client). Open Besluitvorming: API.md of
github.com/ontola/openbesluitvorming; it follows api.openraadsinformatie.nl, announced to end on 1 November 2026.
SearXNG: docs.searxng.org, dev/search_api; `json` has to be switched on in its settings. All read in November 2026.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from urllib.parse import quote, urlencode
from zoneinfo import ZoneInfo

import msgspec

from collectors.coverage.reading import Hit, Reading
from collectors.parsing import lenient
from collectors.wire.http import moment, unreadable
from storage.records import Page, Request
from storage.searches import Search
from storage.structs import ready

MEDIA_CLOUD = "https://search.mediacloud.org/api/search/story-list"
COUNCILS = "https://openbesluitvorming.nl/api/search"
STORIES, FILES, RESULTS = 1_000, 100, 10  # an answer: the most that Media Cloud and Open Besluitvorming give; others
DUTCH = ZoneInfo("Europe/Amsterdam")
PAGES = 10  # of SearXNG: engines repeat themselves behind it


class Story(msgspec.Struct):
    """A story of Media Cloud."""

    url: str
    title: str | None = None
    media_name: str | None = None
    publish_date: str | None = None

    def hit(self, place: str, raw: bytes) -> Hit:
        """What is found."""
        return Hit(place, self.url, self.title, self.media_name, self.publish_date, None, raw)


class File(msgspec.Struct, rename="camel"):
    """A document, meeting, motion or recording of Open Besluitvorming; its date is that of the meeting."""

    entity_id: str
    title: str | None = None
    organization: str | None = None
    sort_date: str | None = None  # in UTC, without a zone
    summary: str | None = None
    download_url: str | None = None

    def hit(self, place: str, raw: bytes) -> Hit:
        """What is found, with the Dutch day of its meeting; without a file of its own, at its address in the API."""
        at = moment(self.sort_date)
        date: str | datetime | None = at.astimezone(DUTCH) if at else self.sort_date
        url = self.download_url or f"/api/entities/{quote(self.entity_id, safe='')}"
        return Hit(place, url, self.title, self.organization, date, self.summary, raw)


class Rest(msgspec.Struct, rename="camel"):
    """Whether Open Besluitvorming has more, and how many it claims."""

    has_more: bool = False
    total_count: int = 0
    total_is_approximate: bool = True


class Result(msgspec.Struct, rename={"date": "publishedDate"}):
    """A result of SearXNG; `content` is an excerpt."""

    url: str
    title: str | None = None
    content: str | None = None
    date: str | None = None

    def hit(self, place: str, raw: bytes) -> Hit:
        """What is found."""
        return Hit(place, self.url, self.title, None, self.date, self.content, raw)


ready(Rest)


def media_cloud(search: Search, request: Request) -> str:
    """The address of a page of stories; collections (`cs`) and sources (`ss`) stand in the search's address."""
    wanted = {
        "q": search.words, "start": str(search.first_day), "end": str(search.last_day),
        "platform": "onlinenews-mediacloud", "pagination_token": request.target.cursor,
    }  # fmt: skip
    return _address(search.address or MEDIA_CLOUD, wanted)


def _address(base: str, wanted: Mapping[str, str]) -> str:
    """*base* with those of *wanted* that have a value and that it does not say itself."""
    own = base.partition("?")[2]
    more = urlencode({name: value for name, value in wanted.items() if value and f"{name}=" not in own})
    return f"{base}{'&' if own else '?'}{more}"


def read_media_cloud(page: Page, search: Search) -> Reading:
    """The stories of an answer, and the token that leads on. Raise ValueError for one without stories."""
    body = msgspec.json.decode(lenient.clean(page.content())[0], type=dict[str, msgspec.Raw])
    reading = _read(body, "stories", Story)
    token = msgspec.json.decode(body.get("pagination_token", msgspec.Raw(b"null")), type=str | None)
    if token and token == page.requests[0].target.cursor:
        reading.complete, reading.why = False, "the server leads on to where it was"
    elif token and reading.hits:
        reading.next = token
    return reading


def open_besluitvorming(search: Search, request: Request) -> str:
    """The address of a page of results, the oldest first, so that what is added meanwhile moves none.

    Filters (`organization`, `entityType`) stand in the search's address.
    """
    wanted = {
        "query": search.words, "dateFrom": str(search.first_day or ""), "dateTo": str(search.last_day or ""),
        "sort": "date_asc", "limit": str(FILES), "offset": request.target.cursor,
    }  # fmt: skip
    return _address(search.address or COUNCILS, wanted)


def read_open_besluitvorming(page: Page, search: Search) -> Reading:
    """The results of an answer; fewer than an exact total make the search incomplete. Raise ValueError."""
    body = msgspec.json.decode(lenient.clean(page.content())[0], type=dict[str, msgspec.Raw])
    reading = _read(body, "results", File)
    rest = msgspec.json.decode(msgspec.json.encode(body), type=Rest)
    seen = int(page.requests[0].target.cursor or 0) + len(reading.hits) + len(reading.wrong)
    if rest.has_more and (reading.hits or reading.wrong):
        reading.next = str(seen)
    elif rest.has_more or (not rest.total_is_approximate and seen < rest.total_count):
        reading.complete, reading.why = False, f"{seen} of the {rest.total_count} that it claims"
    return reading


def searxng(search: Search, request: Request) -> str:
    """The address of a page of results."""
    asked = {"q": search.words, "format": "json", "pageno": request.target.cursor or "1"}
    return f"{search.address.rstrip('/')}/search?{urlencode(asked)}"


def read_searxng(page: Page, search: Search) -> Reading:
    """The results of an answer; engines that did not answer make the search incomplete. Raise ValueError."""
    body = msgspec.json.decode(lenient.clean(page.content())[0], type=dict[str, msgspec.Raw])
    reading, number = _read(body, "results", Result), int(page.requests[0].target.cursor or 1)
    silent = msgspec.json.decode(body.get("unresponsive_engines", msgspec.Raw(b"[]")), type=list[list[str]])
    why = [str(one) for one in page.requests[0].carry.get("why", ())]
    why += [said for said in (" ".join(one) for one in silent) if said not in why]
    if reading.hits and number >= PAGES:
        reading.complete, reading.why = False, f"{PAGES} pages are asked at most"
    elif reading.hits:
        reading.next, reading.carry = str(number + 1), {"why": why} if why else {}
    if why and reading.next is None:
        reading.complete, reading.why = False, f"engines that did not answer: {', '.join(why)}"[:500]
    return reading


def _read(body: dict[str, msgspec.Raw], name: str, shape: Any) -> Reading:
    """The documents in the list *name*; what cannot be read of them is counted."""
    if name not in body:
        raise ValueError(f"the answer has no {name}")
    reading = Reading()
    for number, raw in enumerate(msgspec.json.decode(body[name], type=list[msgspec.Raw])):
        place = f"{name}[{number}]"
        try:
            one, left = lenient.read(raw, shape, ("url", "entityId"))
        except (msgspec.MsgspecError, ValueError) as error:
            reading.wrong.append(unreadable(place, error, bytes(raw)))
            continue
        reading.wrong += [each.quarantine(place, bytes(raw)) for each in left]
        reading.hits.append(one.hit(place, bytes(raw)))
    return reading

"""Indexes of web archives: which pages of a site were captured. They hold addresses, no titles and no texts.

Wayback: github.com/internetarchive/wayback, wayback-cdx-server/README.md. Common Crawl: index.commoncrawl.org, whose
servers are pywb (pywb.readthedocs.io, CDXJ server API), one index a crawl, listed in collinfo.json. Both read in
November 2026. The moment of a capture is not one of publication, so that no document found here has a date.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import msgspec

from collectors.coverage.reading import Hit, Reading
from collectors.parsing import lenient
from collectors.wire.http import moment, unreadable
from storage.records import Page, Request
from storage.searches import Search

WAYBACK = "https://web.archive.org/cdx/search/cdx"
CRAWLS = "https://index.commoncrawl.org/collinfo.json"
PAGE = 1_000  # captures an answer of Wayback; a page of Common Crawl holds up to 15,000
TYPES = "(text/html|application/pdf)"  # what is read as a document


def _server(search: Search, own: str) -> tuple[str, str]:
    """(server, site wanted): an address with a parameter `url` names a server of the same make itself."""
    parts = urlsplit(search.address)
    given = dict(parse_qsl(parts.query))
    if "url" in given:
        return urlunsplit(parts._replace(query="", fragment="")), given["url"]
    return own, search.address


def _days(search: Search) -> dict[str, str]:
    """The days of captures wanted, as both kinds of server take them."""
    given = {"from": search.first_day, "to": search.last_day}
    return {name: f"{day:%Y%m%d}" for name, day in given.items() if day}


# ---- Wayback -----------------------------------------------------------------------------------------------------


def wayback(search: Search, request: Request) -> str:
    """The address of a page of captures: one of each address, of what was delivered whole."""
    server, site = _server(search, WAYBACK)
    asked = {
        "url": site, "output": "json", "fl": "original,timestamp", "collapse": "urlkey", "limit": str(PAGE),
        "showResumeKey": "true", **_days(search),
    }  # fmt: skip
    if request.target.cursor:
        asked["resumeKey"] = request.target.cursor
    return f"{server}?{urlencode([*asked.items(), ('filter', 'statuscode:200'), ('filter', f'mimetype:{TYPES}')])}"


def read_wayback(page: Page, search: Search) -> Reading:
    """The captures of an answer: rows below a head; behind an empty row the key that leads on. Raise ValueError."""
    rows = msgspec.json.decode(lenient.clean(page.content())[0] or b"[]", type=list[list[Any]])
    onward = None
    if len(rows) > 1 and rows[-2] == []:
        onward, rows = str(rows[-1][0]) if rows[-1] else None, rows[:-2]
    head = rows[0] if rows else ["original"]
    if "original" not in head:
        raise ValueError("no answer of a capture index: its head has no original")
    reading = Reading(next=onward)
    for number, row in enumerate(rows[1:]):
        found = dict(zip(head, row, strict=False))
        reading.hits.append(_hit(f"[{number + 1}]", found.get("original"), msgspec.json.encode(row)))
    if onward is not None and onward == page.requests[0].target.cursor:
        reading.next, reading.complete, reading.why = None, False, "the index leads on to where it was"
    return reading


# ---- Common Crawl ------------------------------------------------------------------------------------------------


class Crawl(msgspec.Struct, rename={"api": "cdx-api", "first": "from", "last": "to"}):
    """A crawl of the list: its index, and when it ran (left out in older lists)."""

    id: str
    api: str
    first: str | None = None
    last: str | None = None


class Capture(msgspec.Struct):
    """A line of an index."""

    url: str


def common_crawl(search: Search, request: Request) -> str:
    """The address to ask next: the list of crawls, then the pages of each index that the days want."""
    return request.target.cursor or _server(search, CRAWLS)[0]


def read_common_crawl(page: Page, search: Search) -> Reading:
    """The captures of a page of an index, or of the list of crawls the first index; the others wait in `carry`.

    Its servers number their pages, and say 400 or 404 behind the last.
    """
    request = page.requests[0]
    if not request.target.cursor:
        return _crawls(page, search)
    left = [str(one) for one in request.carry.get("left", ())]
    reading = Reading()
    if page.status == 200:
        for line_number, line in enumerate(page.content().splitlines()):
            place = f"line {line_number + 1}"
            try:
                reading.hits.append(_hit(place, lenient.read(line, Capture, ("url",))[0].url, line))
            except (msgspec.MsgspecError, ValueError) as error:
                reading.wrong.append(unreadable(place, error, line))
        if reading.wrong and not reading.hits:
            raise ValueError("no answer of a capture index: none of its lines is a capture")
    if reading.hits:
        asked, _, number = request.target.cursor.rpartition("=")  # `page` stands last
        reading.next = f"{asked}={int(number) + 1}"
    elif left:
        reading.next = left.pop(0)
    reading.carry = {"left": left} if reading.next else {}
    return reading


def ended(page: Page) -> bool:
    """Whether an index of Common Crawl says that it holds nothing, or nothing more."""
    cursor = page.requests[0].target.cursor
    return bool(cursor) and (page.status == 404 or (page.status == 400 and not cursor.endswith("page=0")))


def _crawls(page: Page, search: Search) -> Reading:
    reading, asks = Reading(), []
    site = _server(search, CRAWLS)[1]
    more = {"url": site, "output": "json", "fl": "url,timestamp", **_days(search)}
    tail = [("filter", "=status:200"), ("filter", f"~mime:{TYPES}"), ("page", "0")]
    for number, raw in enumerate(msgspec.json.decode(page.content(), type=list[msgspec.Raw])):
        try:
            crawl = lenient.read(raw, Crawl, ("id", "cdx-api"))[0]
        except (msgspec.MsgspecError, ValueError) as error:
            reading.wrong.append(unreadable(f"[{number}]", error, bytes(raw)))
            continue
        if _overlaps(crawl, search):
            asks.append(f"{crawl.api}?{urlencode([*more.items(), *tail])}")
    if asks:
        reading.next, reading.carry = asks[0], {"left": asks[1:]}
    return reading


def _overlaps(crawl: Crawl, search: Search) -> bool:
    """Whether a crawl ran on one of the days wanted; one that does not say when it ran may have."""
    first, last = moment(crawl.first), moment(crawl.last)
    late = search.last_day is not None and first is not None and first.date() > search.last_day
    early = search.first_day is not None and last is not None and last.date() < search.first_day
    return not (late or early)


def _hit(place: str, url: Any, raw: bytes) -> Hit:
    return Hit(place, url if isinstance(url, str) else None, raw=raw)

"""Feeds (RSS, Atom, RDF, JSON Feed) and sitemaps: lists of a site's publications, without a search.

RFC 4287, RFC 5005 (paged feeds), jsonfeed.org/version/1.1, sitemaps.org/protocol.html, and the news extension of
sitemaps. feedparser reads broken feeds too; unreadable entries are counted.
"""

from __future__ import annotations

import calendar
import codecs
import contextlib
import io
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec
from lxml import etree

from collectors.coverage.reading import Hit, Reading, xml
from collectors.parsing import lenient
from collectors.wire.http import moment, unreadable
from storage.records import Page, Request
from storage.searches import Search

CHILDREN = 1_000  # sitemaps of one index that are read


def asking(search: Search, request: Request) -> str:
    """The next address: the feed or sitemap, its next page, or a sitemap in an index."""
    return request.target.cursor or search.address


# ---- feeds -------------------------------------------------------------------------------------------------------


def feed(page: Page, search: Search) -> Reading:
    """The entries of a feed. Raise ValueError if it is not one."""
    content = page.content()
    if content.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] == b"{":
        return _paged(_json_feed(content.removeprefix(codecs.BOM_UTF8)), page, search)
    import feedparser  # which loading and planning do not need

    headers = {"content-type": page.header("content-type") or "", "content-location": page.url}
    # as a file: feedparser would take a string as an address or path, and open it
    found = feedparser.parse(io.BytesIO(content), response_headers=headers)
    if not found.get("version") and not found.entries:  # without a version it is not a feed
        raise ValueError(f"no feed: {found.get('bozo_exception') or 'nothing in it is known'}")
    harmless = (feedparser.CharacterEncodingOverride, feedparser.NonXMLContentType)
    wrong = []
    if (why := found.get("bozo_exception")) and not isinstance(why, harmless):
        wrong.append(unreadable("feed", f"broken, read as far as it goes: {why}", content))
    source = found.feed.get("title")
    hits = [_entry(entry, f"entries[{number}]", source) for number, entry in enumerate(found.entries)]
    onward = next((link.get("href") for link in found.feed.get("links", ()) if link.get("rel") == "next"), None)
    return _paged(Reading(hits, onward, wrong=wrong), page, search)


def _paged(reading: Reading, page: Page, search: Search) -> Reading:
    """*reading*, ended if its next page is itself."""
    if reading.next in (page.url, page.requests[0].target.cursor or search.address):
        reading.next, reading.complete, reading.why = None, False, "the feed leads on to where it was"
    return reading


def _entry(entry: Mapping[str, Any], place: str, source: str | None) -> Hit:
    """An entry. Its date is that of publication, or else of the update."""
    content = max((one.get("value") or "" for one in entry.get("content", ())), key=len, default="")
    name = "published" if "published" in entry else "updated"
    parsed = entry.get(f"{name}_parsed")
    date: datetime | str | None = entry.get(name)
    # feedparser makes a day of 30 February, and the first of January of a year
    if parsed is not None and not re.match(r"\s*\d{4}", str(date)):
        with contextlib.suppress(ValueError, OverflowError):
            date = datetime.fromtimestamp(calendar.timegm(parsed), UTC)
    own = (entry.get("source") or {}).get("title")
    url = entry.get("link") or entry.get("id")
    title = _text(entry, "title")
    return Hit(place, url, title, own or source, date, content or _text(entry, "summary"), f"{title} {url}")


def _text(entry: Mapping[str, Any], name: str) -> str | None:
    """A text construct; plain text has no markup, so its characters are not read as such."""
    value = entry.get(name)
    kind = (entry.get(f"{name}_detail") or {}).get("type")
    return value.replace("&", "&amp;").replace("<", "&lt;") if value and kind == "text/plain" else value


class Item(msgspec.Struct):
    """An item of a JSON Feed."""

    id: str | None = None
    url: str | None = None
    external_url: str | None = None
    title: str | None = None
    content_text: str | None = None
    content_html: str | None = None
    summary: str | None = None
    date_published: str | None = None


class JsonFeed(msgspec.Struct):
    """A JSON Feed."""

    version: str
    items: list[Any]
    title: str | None = None
    next_url: str | None = None


def _json_feed(content: bytes) -> Reading:
    found, left = lenient.read(content, JsonFeed, ("version", "items"))
    reading = Reading(next=found.next_url, wrong=[one.quarantine() for one in left])
    for number, raw in enumerate(found.items):
        place, shown = f"items[{number}]", lenient.shown(raw)
        try:
            item, left = lenient.convert(raw, Item)
        except msgspec.MsgspecError as error:
            reading.wrong.append(unreadable(place, error, shown.encode()))
            continue
        reading.wrong += [one.quarantine(place, shown) for one in left]
        text = item.content_html or item.content_text or item.summary
        url = item.url or item.external_url or item.id
        reading.hits.append(Hit(place, url, item.title, found.title, item.date_published, text, shown))
    return reading


# ---- sitemaps ----------------------------------------------------------------------------------------------------


def sitemap(page: Page, search: Search) -> Reading:
    """The pages of a sitemap, or of an index the first sitemap; the others wait in `carry`. Raise ValueError.

    Only the news extension gives a date of publication: `lastmod` is the time of the last change.
    """
    left = [str(one) for one in page.requests[0].carry.get("left", ())]
    seen = [*map(str, page.requests[0].carry.get("seen", ())), page.requests[0].target.cursor or search.address]
    why = str(page.requests[0].carry.get("why", ""))
    if page.status != 200:
        return _onward([], left, seen, why or f"HTTP {page.status} for {page.url}")
    content = page.content()
    if content[:2] == b"\x1f\x8b":  # the file itself is gzipped, independent of the header
        content = msgspec.structs.replace(page, body=content, headers=(("Content-Encoding", "gzip"),)).content()
    if (listed := content.split()) and all(re.match(rb"https?://", one) for one in listed):  # a plain list
        return _onward(
            [Hit(f"[{at}]", one.decode("utf-8", "replace")) for at, one in enumerate(listed)], left, seen, why
        )
    root, wrong = xml(content, "sitemap")
    name = etree.QName(root).localname
    if name not in ("urlset", "sitemapindex"):
        raise ValueError(f"no sitemap: {name}")
    if name == "sitemapindex":
        children = [loc for each in root if (loc := _child(each, "loc")) and not _too_old(each, search)]
        children = [one for one in children if one not in seen]
        if len(children) + len(left) > CHILDREN:
            why = f"an index of more than {CHILDREN:,} sitemaps; the rest is not read"
        left = list(dict.fromkeys([*children, *left]))[:CHILDREN]
    hits = [_page_of(each, f"url[{number}]") for number, each in enumerate(root)] if name == "urlset" else []
    reading = _onward(hits, left, seen, why)
    reading.wrong = wrong
    return reading


def missing(page: Page) -> bool:
    """Whether a sitemap that an index names is not there: the others are read all the same."""
    return bool(page.requests[0].target.cursor) and page.status in (401, 403, 404, 410)


def _onward(hits: list[Hit], left: list[str], seen: list[str], why: str) -> Reading:
    onward = left[0] if left else None
    return Reading(
        hits, onward, {"left": left[1:], "seen": seen, "why": why} if onward else {}, complete=not why, why=why
    )


def _page_of(each: Any, place: str) -> Hit:
    publication = _child(each, "news", "publication", "name")
    date = _child(each, "news", "publication_date")
    return Hit(place, _child(each, "loc"), _child(each, "news", "title"), publication, date, raw=etree.tostring(each))


def _child(each: Any, *names: str) -> str | None:
    """The text of the element on the path *names* below *each*, in any namespace."""
    for name in names:
        each = next((one for one in each.iterchildren("{*}" + name)), None)
        if each is None:
            return None
    if any(child.tag is etree.Entity for child in each):  # one that is not resolved: what is left is another text
        return None
    return "".join(each.itertext()).strip() or None


def _too_old(each: Any, search: Search) -> bool:
    """Whether a sitemap of an index last changed before the first day."""
    changed = moment(_child(each, "lastmod"))
    return search.first_day is not None and changed is not None and changed.date() < search.first_day

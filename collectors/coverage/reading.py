"""Common forms of answers, and documents made from them: addresses, titles and dates by one rule.

Unreadable values are absent and counted, as `Quarantine`; dates are never invented, and titles are plain text.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urljoin, urlsplit

import msgspec
from lxml import etree, html
from w3lib.url import canonicalize_url, url_query_cleaner

from collectors.parsing.addresses import web
from collectors.wire.http import moment, unreadable
from storage.folding import fold
from storage.records import Document, Page, Quarantine, Record
from storage.searches import Search

# parameters on the origin of a reader rather than the document
TRACKING = (
    "fbclid", "gclid", "dclid", "msclkid", "mc_cid", "mc_eid", "igshid", "yclid", "_ga", "xtor", "wt_mc",
    "utm_source", "utm_medium", "utm_campaign", "utm_term", "utm_content", "utm_id", "utm_name",
)  # fmt: skip
MARKUP = re.compile(r"</[a-z][a-z0-9]*\s*>|<(br|img|hr)\b[^>]*>|&(#\d+|#x[0-9a-f]+|[a-z][a-z0-9]*);", re.I)
AMPERSAND = re.compile(rb"&(?!(?:#\d+|#x[0-9a-fA-F]+|[A-Za-z][A-Za-z0-9]*);)")  # that begins no entity
COMPARED = 80  # characters of a text by which a document is recognised
AHEAD = timedelta(days=1)  # a day's date may be that of a time zone further east
NONE = datetime(1970, 1, 1, tzinfo=UTC)  # what programs write for no date
EARLIEST = datetime(1600, 1, 1, tzinfo=UTC)  # no newspaper is older


class Hit(msgspec.Struct):
    """A document as given in an answer, unchecked."""

    place: str  # in the answer
    url: str | None
    title: str | None = None
    source: str | None = None  # the publication, as named by the interface
    date: str | datetime | None = None
    summary: str | None = None
    raw: bytes | str = b""


class Reading(msgspec.Struct):
    """A parsed answer: its hits, and the continuation of the walk (as in `Done`)."""

    hits: list[Hit] = []
    next: str | None = None
    carry: dict[str, Any] = {}
    complete: bool = True
    why: str = ""
    wrong: list[Quarantine] = []


def documents(reading: Reading, page: Page, search: Search, *, filtered: bool) -> Iterator[Record]:
    """The documents of *reading*; if *filtered*, only those with all words, as the interface cannot search."""
    yield from reading.wrong
    for hit in reading.hits:
        url = urljoin(page.url, hit.url.strip()) if hit.url and hit.url.strip() else ""
        address = canonical(url)
        if address is None:
            yield Quarantine(hit.place, "a document without an address on the web", _excerpt(hit))
            continue
        title, summary = plain(hit.title), plain(hit.summary)
        if filtered and not _holds(search.words, title, summary, url):
            continue
        at, why = date_of(hit.date, page.fetched_at)
        if why:
            yield Quarantine(f"{hit.place}.date", why, str(hit.date)[:1000])
        if at is not None and not _within(at, search):
            continue
        host = urlsplit(address).hostname or ""
        same = digest(f"{title or ''} {summary}") if len(summary or "") >= COMPARED else None
        yield Document(address, host, url, search.query, search.version, title, plain(hit.source), at, summary, same)


def canonical(url: str) -> str | None:
    """The canonical form of *url*, which identifies a document; None if it is not a web address.

    http counts as https, parameters are sorted, and fragments, trailing slashes and tracking parameters removed.
    """
    if (found := web(url)) is None:
        return None
    try:
        found = canonicalize_url(url_query_cleaner(found, TRACKING, remove=True))
        parts = urlsplit(found)
    except ValueError:
        return None
    return parts._replace(scheme="https", path=parts.path.rstrip("/")).geturl()


def plain(text: str | None) -> str | None:
    """*text* without markup, with single spaces; None if nothing is left."""
    if text and MARKUP.search(text):
        try:
            text = str(html.fromstring(f"<div>{text}</div>").text_content())
        except (etree.LxmlError, ValueError, AssertionError):
            text = re.sub(r"<[^>]*>", " ", text)
    return " ".join((text or "").split()) or None


def date_of(date: str | datetime | None, fetched_at: datetime) -> tuple[datetime | None, str]:
    """*date* as a time in UTC, and the reason if it is given but invalid."""
    if date is None or (isinstance(date, str) and not date.strip()):
        return None, ""
    found = date if isinstance(date, datetime) else moment(date.strip())
    if found is None:
        return None, "no usable date: not one in ISO 8601"
    if found == NONE or not EARLIEST <= found <= fetched_at + AHEAD:
        return None, "no usable date: before 1600, the first second of 1970, or later than the answer"
    return found, ""


def digest(text: str) -> str:
    """A digest of the letters and digits of *text*, in any case."""
    same = re.sub(r"[\W_]+", "", unicodedata.normalize("NFKC", text).casefold())
    return hashlib.blake2b(same.encode(), digest_size=16).hexdigest()


def xml(content: bytes, what: str) -> tuple[Any, list[Quarantine]]:
    """The root of an XML answer, read as far as possible, and its errors. Raise ValueError."""
    root, why = _parsed(content, what)
    if why and (whole := AMPERSAND.sub(b"&amp;", content)) != content:
        root, _ = _parsed(whole, what)  # else an address loses what stands behind its `&`
    if root is None:
        raise ValueError(f"no {what}: nothing in it is XML")
    return root, [unreadable(what, f"broken, read as far as it goes: {why}", content)] if why else []


def _parsed(content: bytes, what: str) -> tuple[Any, str]:
    parser = etree.XMLParser(recover=True, resolve_entities=False, no_network=True, load_dtd=False)
    try:
        root = etree.fromstring(content, parser)
    except (etree.LxmlError, ValueError) as error:
        raise ValueError(f"no {what}: {error}") from error
    return root, parser.error_log[0].message if len(parser.error_log) else ""


def _excerpt(hit: Hit) -> str:
    raw = hit.raw.decode("utf-8", "replace") if isinstance(hit.raw, bytes) else hit.raw
    return (raw or f"{hit.title or ''} {hit.url or ''}")[:1000]


def _holds(words: str, *texts: str | None) -> bool:
    whole = fold(" ".join(filter(None, texts)))
    return all(fold(word) in whole for word in words.split())


def _within(at: datetime, search: Search) -> bool:
    """Whether this date is within the days searched; a document without a date always is."""
    day = at.date()
    return (search.first_day is None or day >= search.first_day) and (search.last_day is None or day <= search.last_day)

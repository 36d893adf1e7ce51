"""SRU, the search protocol of libraries and of the Dutch government's official publications; versions 1.1 to 2.0.

OASIS searchRetrieve 1.0 (SRU 2.0), loc.gov/standards/sru. KOOP's server at repository.overheid.nl/sru speaks 2.0 with
records in `gzd` (dcterms inside, `preferredUrl`), that of the KB at jsru.kb.nl 1.2 with Dublin Core. Both are read by
the local names of their elements. Words are in CQL, as documented by the server.
"""

from __future__ import annotations

import contextlib
from typing import Any
from urllib.parse import urlencode

from lxml import etree

from collectors.coverage.reading import Hit, Reading, xml
from storage.records import Page, Request
from storage.searches import Search

KOOP = "https://repository.overheid.nl/sru"
PAGE = 100  # records per answer; KOOP gives at most 1,000
DATES = ("issued", "date", "available", "created", "modified")  # of dcterms, closest to publication first


def asking(search: Search, request: Request) -> str:
    """The next address. A version (and collection) in the given address is kept."""
    base = search.address or KOOP
    own = base.partition("?")[2]
    wanted = {
        "operation": "searchRetrieve", "version": "2.0", "query": search.words,
        "startRecord": request.target.cursor or "1", "maximumRecords": str(PAGE),
    }  # fmt: skip
    more = urlencode({name: value for name, value in wanted.items() if f"{name}=" not in own})
    return f"{base}{'&' if own else '?'}{more}"


def read(page: Page, search: Search) -> Reading:
    """The records of an answer. Raise ValueError if it is not one, or only an error message."""
    root, wrong = xml(page.content(), "answer of SRU")
    if etree.QName(root).localname != "searchRetrieveResponse":
        raise ValueError("no answer of SRU")
    records = list(_below(root, "record"))
    diagnostic = next(_below(root, "diagnostic"), None)
    if diagnostic is not None and not records:
        said = [text for name in ("message", "details") if (text := _text(diagnostic, name))]
        raise ValueError(f"the server says: {': '.join(said) or 'no reason'}")
    start = int(page.requests[0].target.cursor or 1)
    hits = [_hit(one, f"records[{start + number}]") for number, one in enumerate(records)]
    total, onward = _number(root, "numberOfRecords"), _number(root, "nextRecordPosition")
    following = start + len(records)
    if onward is None and total is not None and records and following <= total:
        onward = following  # optional in the standard, and left out by some servers
    if onward is not None and (onward <= start or not records):
        return Reading(hits, complete=False, why=f"{following - 1} of the {total} that it claims", wrong=wrong)
    whole = onward is not None or total is None or following > total
    why = "" if whole else f"{following - 1} of the {total} that it claims"
    return Reading(hits, str(onward) if onward is not None else None, complete=whole, why=why, wrong=wrong)


def _hit(record: Any, place: str) -> Hit:
    data = next(_below(record, "recordData"), record)
    if not len(data) and data.text:  # recordPacking=string: the record as escaped text
        with contextlib.suppress(ValueError):  # a text that is not XML has no address, which is counted
            data, _ = xml(data.text.encode(), "record")
    url = _text(data, "preferredUrl") or next(
        (one.text.strip() for name in ("identifier", "url", "itemUrl") for one in _below(data, name)
         if (one.text or "").strip().startswith(("http://", "https://"))), None)  # fmt: skip
    date = next((text for name in DATES if (text := _text(data, name))), None)
    source = _text(data, "publicatienaam") or _text(data, "creator") or _text(data, "publisher")
    summary = _text(data, "abstract") or _text(data, "description")
    return Hit(place, url, _text(data, "title"), source, date, summary, etree.tostring(record))


def _below(root: Any, name: str) -> Any:
    return root.iter("{*}" + name)


def _text(root: Any, name: str) -> str | None:
    return next((text for one in _below(root, name) if (text := "".join(one.itertext()).strip())), None)


def _number(root: Any, name: str) -> int | None:
    text = _text(root, name)
    return int(text) if text and text.isascii() and text.isdigit() else None

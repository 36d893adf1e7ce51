"""Redaction of profile pages: they are rewritten from what the parser reads. Pure.

A name may occur anywhere on a page (title, headings, links, pictures), so nothing of the page itself is kept: its
replacement has in JSON-LD the Person the page is about, or the people on its list, and the links that count.
Identifiers are kept, although an address often contains a name.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Iterator
from html import escape
from typing import Any
from urllib.parse import urlsplit

import msgspec

from collectors.parsing.noindex import TAG, opted_out
from collectors.parsing.profile_urls import canonical
from collectors.parsing.redact import UNREADABLE, replaced
from collectors.profiles import person
from collectors.profiles.jsonld import Document, Node, listed
from collectors.profiles.page import CONNECTIONS, document_of, subject_of, walled
from storage.privacy.declared import CONTENT, Personal
from storage.records import BadBody, Page

Shown = Callable[[Document, str], tuple[list[str], list[Any]]]
Following = Callable[[Document, Page], Iterator[str]]
# Personal data in the properties of a schema.org Person
PERSONAL = Personal(
    fields={
        "@id": "id", "url": "address", "href": "address", "@type": "kept", "@context": "kept", "type": "kept",
        **dict.fromkeys(("name", "givenName", "additionalName", "familyName"), "names"),
        **dict.fromkeys(("headline", "description"), "descriptions"), "address": "locations",
    },
)  # fmt: skip
CONTENTS = [name for name, category in PERSONAL.fields.items() if category in CONTENT]
OF_PERSON = ("@type", "@id", "url", "sameAs", *CONTENTS, "jobTitle", "worksFor", "alumniOf")
OF_JOB = ("@type", "@id", "@value", "name", "legalName", "roleName", "jobTitle", "namedPosition", "startDate",
          "endDate", "worksFor", "alumniOf", "member")  # fmt: skip
OF_PLACE = ("@type", "@value", "name", "addressLocality", "addressRegion", "addressCountry")
OF_TEXT, OF_LINK = ("@type", "@id", "@value", "name"), ("@type", "@id", "@value", "url")
JOBS = ("worksFor", "alumniOf", "member")  # looked up by `person` in the page if only referred to
INSIDE = {"address": OF_PLACE, "url": OF_LINK, "sameAs": OF_LINK, "jobTitle": OF_JOB, **dict.fromkeys(JOBS, OF_JOB)}
HIDDEN = "***"
DEPTH = 6
ROBOTS = "/robots.txt"


def redacted(page: Page, drop: Collection[str], shown: Shown, following: Following) -> Page:
    """*page* with only what the tables need, and without the categories in *drop*.

    *shown* returns the people on a list, *following* the addresses of its next page.
    """
    if not page.body or (not page.requests and urlsplit(page.url).path == ROBOTS):
        return page
    bare = replaced(page, b"", drop, (("Content-Type", "text/html; charset=utf-8"),))
    if page.status != 200 or not page.requests:
        return bare
    try:
        content = page.content()
    except BadBody:  # it still cannot be decoded
        return replaced(page, UNREADABLE, drop, (("Content-Encoding", UNREADABLE.decode()),))
    if walled(page, content):
        return msgspec.structs.replace(bare, body=b'<input type="password">')
    if opted_out(page, content):
        return msgspec.structs.replace(bare, body=TAG.encode())
    try:
        document = document_of(page, content)
    except ValueError:
        return bare
    if page.kind == CONNECTIONS:
        nodes, links = _listed(shown, document, page), list(following(document, page))
        headers = [pair for pair in bare.headers if pair[0].lower() != "link"]
        headers += [("Link", f'<{link}>; rel="next"') for link in links[:1]]
        return msgspec.structs.replace(bare, headers=tuple(headers), body=_page(document, nodes, []))
    return msgspec.structs.replace(bare, body=_page(document, _shown(document, page, drop), document.links("me")))


def _page(document: Document, nodes: list[Node], own: Iterable[str]) -> bytes:
    """A page with *nodes*, and links to the person's *own* addresses."""
    blocks = [json.dumps(node).replace("<", "\\u003c") for node in nodes]
    if not nodes:  # unreadable blocks stay unreadable, one by one
        blocks = [UNREADABLE.decode()] * len(document.broken)
    scripts = "".join(f'<script type="application/ld+json">{block}</script>' for block in blocks)
    links = "".join(f'<link rel="me" href="{escape(link)}">' for link in own)
    text = f"<!DOCTYPE html><html><head>{links}{scripts}</head><body></body></html>"
    return text.encode("ascii", "xmlcharrefreplace")


def _listed(read: Shown, document: Document, page: Page) -> list[Node]:
    """A Person who knows the people on the list."""
    shown, unread = read(document, page.key)
    if not shown and not document.persons()[1]:
        return []
    knows: list[Node] = [{"@type": "Person", "url": key} for key in shown] + [{"@type": "Person"} for _ in unread]
    return [{"@type": "Person", "knows": knows}]


def _shown(document: Document, page: Page, drop: Collection[str]) -> list[Node]:
    """The Person that the page is about."""
    found = subject_of(document, {canonical(page.key), canonical(page.url)})
    if found is None:
        return []
    left = {key: found[key] for key in OF_PERSON if key in found}
    left = {key: value for key, value in left.items() if PERSONAL.fields.get(key) not in drop}
    if person.is_masked(found):
        left["name"] = HIDDEN
    return [{key: _of(document, value, INSIDE.get(key, OF_TEXT), key in JOBS) for key, value in left.items()}]


def _of(document: Document, value: Any, names: tuple[str, ...], look_up: bool, depth: int = 0) -> Any:
    """*value* with only *names*, recursively, with references replaced by their nodes."""
    if isinstance(value, list):
        return [_of(document, each, names, look_up, depth) for each in value]
    if isinstance(value, dict) and len(value) == 1 and value.keys() & {"@list", "@set"}:
        return _of(document, listed(value), names, look_up, depth)
    node = document.whole(value) if look_up else value
    if not isinstance(node, dict):
        return node
    if depth == DEPTH:
        return {}
    return {key: _of(document, node[key], names, key in JOBS, depth + 1) for key in names if key in node}

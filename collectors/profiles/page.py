"""A page of a profile site: its document, the Person it is about, or a log-in form."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

from collectors.parsing.profile_urls import canonical
from collectors.profiles.jsonld import Document, Node, listed
from storage.records import Page

PROFILE, CONNECTIONS = "profile", "connections"
_WALL = re.compile(r"/(?:authwall|checkpoint|log-?in|sign-?in|sign-?up|uas/login|aanmelden|inloggen)(?:/|$)", re.I)


def document_of(page: Page, content: bytes) -> Document:
    """The HTML of *page*. Raise ValueError if it is not HTML."""
    return _document(content, page.header("content-type"), page.url)


@lru_cache(maxsize=1)  # `outcome` and `parse` read the same page one after the other
def _document(content: bytes, content_type: str | None, url: str) -> Document:
    return Document(content, content_type, url)


def walled(page: Page, content: bytes) -> bool:
    """Whether the page is a log-in form."""
    if page.url != page.key and _WALL.search(urlsplit(page.url).path):
        return True
    return b"Person" not in content and b'type="password"' in content


def subject_of(document: Document, mine: set[str]) -> Node | None:
    """The Person that the page is about; None if unknown."""
    main, all_ = document.persons()
    for some in (main, all_):
        own = [
            p for p in some if any(canonical(a) in mine for n in ("@id", "url") for a in listed(p.get(n)) if _web(a))
        ]
        if own:
            merged: Node = {}
            for node in reversed(own):
                merged |= node
            return merged
        if len(some) == 1:
            return some[0]
    return None


def _web(value: Any) -> bool:
    return isinstance(value, str) and value.startswith("http")

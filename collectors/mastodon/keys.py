"""Keys and cursors of Mastodon: handles, addresses of accounts, ids, links to the next page."""

from __future__ import annotations

import re
from urllib.parse import quote, urlsplit

from collectors.parsing.link_header import linked
from storage.records import Page

OWN_ID = re.compile(r"^/ap/users/(\d+)/?$")  # Mastodon 4.5 and later: the URI contains the server's id
HANDLE = re.compile(r"^(?:acct:)?@?([^@/\s]+)@([^@/\s]+)$")


def webfinger(handle: str) -> str:
    """Path and query of a WebFinger request, at the host of *handle*, for its account's server."""
    found = HANDLE.match(handle)
    name = f"{found[1]}@{found[2].lower()}" if found else handle
    return f"/.well-known/webfinger?resource={quote('acct:' + name)}"


def age(id_: str) -> tuple[int, str]:
    """A sort key of ids: numeric strings by length first, ULIDs (all of one length) by their letters."""
    return len(id_), id_


def next_path(page: Page) -> str | None:
    """Path and query of the `next` link; the origin is kept, so that no server can redirect us, or our token."""
    for target in linked(page.headers, "next", page.url):
        parts = urlsplit(target)
        return parts.path + (f"?{parts.query}" if parts.query else "")
    return None

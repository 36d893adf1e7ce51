"""What the keys and cursors of Mastodon look like: handles, addresses of accounts, ids, links to the next page."""

from __future__ import annotations

import re
from urllib.parse import quote, urlsplit

from collectors.parsing.link_header import linked
from storage.records import Page

OWN_ID = re.compile(r"^/ap/users/(\d+)/?$")  # Mastodon 4.5 and later: the URI holds the server's own id
HANDLE = re.compile(r"^(?:acct:)?@?([^@/\s]+)@([^@/\s]+)$")


def webfinger(handle: str) -> str:
    """Path and query that ask, at the host of *handle*, where its account lives."""
    found = HANDLE.match(handle)
    name = f"{found[1]}@{found[2].lower()}" if found else handle
    return f"/.well-known/webfinger?resource={quote('acct:' + name)}"


def age(id_: str) -> tuple[int, str]:
    """What orders ids: numeric strings by their length first, ULIDs (all as long) by their letters."""
    return len(id_), id_


def next_path(page: Page) -> str | None:
    """Path and query of the `next` link; the origin stays ours, so that no server can send us, or our token, away."""
    for target in linked(page.headers, "next", page.url):
        parts = urlsplit(target)
        return parts.path + (f"?{parts.query}" if parts.query else "")
    return None

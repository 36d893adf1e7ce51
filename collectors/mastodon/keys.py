"""What the keys of Mastodon look like: handles, and the addresses of accounts."""

from __future__ import annotations

import re
from urllib.parse import quote

OWN_ID = re.compile(r"^/ap/users/(\d+)/?$")  # Mastodon 4.5 and later: the URI holds the server's own id
HANDLE = re.compile(r"^(?:acct:)?@?([^@/\s]+)@([^@/\s]+)$")


def webfinger(handle: str) -> str:
    """Path and query that ask, at the host of *handle*, where its account lives."""
    found = HANDLE.match(handle)
    name = f"{found[1]}@{found[2].lower()}" if found else handle
    return f"/.well-known/webfinger?resource={quote('acct:' + name)}"

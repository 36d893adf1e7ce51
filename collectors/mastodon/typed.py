"""An account of Mastodon as people type it."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from collectors.parsing.addresses import host_of, web

_ADDRESS = re.compile(r"(?:acct:)?@?([\w.-]+)@([^\s@/?#:]+)", re.IGNORECASE)


def page_of(typed: str) -> str | None:
    """The address of the account's page, for `@user@server`, `acct:user@server` or an address; None for all else."""
    if (match := _ADDRESS.fullmatch(typed.strip())) and (host := host_of(match[2])):
        return f"https://{host}/@{match[1]}"
    found = web(typed)
    return found if found and urlsplit(found).path.strip("/") else None

"""Mastodon accounts as typed by users."""

from __future__ import annotations

import re
from datetime import datetime
from urllib.parse import urlsplit

from collectors.parsing.addresses import host_of, web
from collectors.parsing.coerce import from_epoch

_STATUS = re.compile(r"https://[^/\s]+/(?:ap/)?users/[^/\s]+/statuses/(\d{18})")
_ADDRESS = re.compile(r"(?:acct:)?@?([\w.-]+)@([^\s@/?#:]+)", re.IGNORECASE)


def made_at(post: str) -> datetime | None:
    """When a post was made: Mastodon's own ids count milliseconds from their 17th bit on; other servers' do not.

    https://github.com/mastodon/mastodon/blob/main/lib/mastodon/snowflake.rb
    """
    found = _STATUS.fullmatch(post)
    return from_epoch(int(found[1]) >> 16) if found else None


def page_of(typed: str) -> str | None:
    """The address of the account's page, from `@user@server`, `acct:user@server` or an address; else None."""
    if (match := _ADDRESS.fullmatch(typed.strip())) and (host := host_of(match[2])):
        return f"https://{host}/@{match[1]}"
    found = web(typed)
    return found if found and urlsplit(found).path.strip("/") else None

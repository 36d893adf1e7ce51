"""An account of Bluesky as people type it."""

from __future__ import annotations

import re
from urllib.parse import unquote, urlsplit

from collectors.parsing.addresses import host_of, web

_DID = re.compile(r"did:[a-z]+:[A-Za-z0-9._:%-]+")
_HOSTS = {"bsky.app", "www.bsky.app", "staging.bsky.app"}


def actor(typed: str) -> str | None:
    """The handle (in lower case) or DID of an account, for either, an `at://` URI or its page; None for all else."""
    given = typed.strip()
    if given.lower().startswith("at://"):
        given = given[5:].partition("/")[0]
    elif (found := web(given)) and (parts := urlsplit(found)).hostname in _HOSTS:
        path = [unquote(piece) for piece in parts.path.split("/") if piece]
        given = path[1] if len(path) > 1 and path[0] == "profile" else ""
    given = given.removeprefix("@")
    return given if _DID.fullmatch(given) else host_of(given)


def page_of(typed: str) -> str | None:
    """The address of the account's page, for what `actor` reads or for another address; None for all else."""
    if found := actor(typed):
        return f"https://bsky.app/profile/{found}"
    address = web(typed)
    return address if address and urlsplit(address).path.strip("/") else None

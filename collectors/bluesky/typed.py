"""Accounts, lists, starter packs and feeds of Bluesky as typed by users."""

from __future__ import annotations

import re
from datetime import datetime
from urllib.parse import unquote, urlsplit

from collectors.parsing.addresses import bare, host_of, web
from collectors.parsing.coerce import from_epoch

_DID = re.compile(r"did:[a-z]+:[A-Za-z0-9._:%-]+")
_SORTED = "234567abcdefghijklmnopqrstuvwxyz"
_TID = re.compile(r"[2-7a-j][2-7a-z]{12}")
_RECORD = re.compile(r"[A-Za-z0-9._:~-]{1,512}")  # https://atproto.com/specs/record-key
COLLECTIONS = {  # of the records named in a query, by kind
    "starter_pack": "app.bsky.graph.starterpack",
    "list": "app.bsky.graph.list",
    "feed": "app.bsky.feed.generator",
}
_PAGES = {"lists": "list", "feed": "feed"}  # bsky.app/profile/ACTOR/lists/KEY
_HOSTS = {"bsky.app", "www.bsky.app", "staging.bsky.app"}


def actor(typed: str) -> str | None:
    """The handle (in lower case) or DID of an account, from either, an `at://` URI or its page; else None."""
    given = bare(typed)
    if given.lower().startswith("at://"):
        given = given[5:].partition("/")[0]
    elif (found := web(given)) and (parts := urlsplit(found)).hostname in _HOSTS:
        path = [unquote(piece) for piece in parts.path.split("/") if piece]
        given = path[1] if len(path) > 1 and path[0] == "profile" else ""
    given = bare(given)
    return given if _DID.fullmatch(given) else host_of(given)


def made_at(post: str) -> datetime | None:
    """When a post was made, claimed by its author's client: a record key of 13 letters counts microseconds in base 32.

    https://atproto.com/specs/tid
    """
    key = post.rpartition("/")[2]
    if not _TID.fullmatch(key):
        return None
    number = sum(_SORTED.index(letter) << 5 * place for place, letter in enumerate(reversed(key)))
    return from_epoch((number >> 10) / 1000)


def page_of(typed: str) -> str | None:
    """The address of the account's page, from what `actor` reads or another address; None for anything else."""
    if found := actor(typed):
        return f"https://bsky.app/profile/{found}"
    address = web(typed)
    return address if address and urlsplit(address).path.strip("/") else None


def query_of(kind: str, typed: str) -> str | None:
    """The key of a query: the `at://` URI of a starter pack, list or feed, from that or its page; a search unchanged.

    None for anything else.
    """
    given = typed.strip()
    if kind == "domain":
        return host_of(given.removeprefix("*").removeprefix("@").removeprefix("."))
    if kind not in COLLECTIONS:
        return given or None
    if given.lower().startswith("at://"):
        parts = given[5:].split("/")
        owner, collection, key = parts if len(parts) == 3 else ("", "", "")
    elif (found := web(given)) and (address := urlsplit(found)).hostname in _HOSTS:
        path = [unquote(piece) for piece in address.path.split("/") if piece]
        owner, collection, key = "", "", ""
        if len(path) == 3 and path[0] in ("starter-pack", "start"):
            owner, collection, key = path[1], COLLECTIONS["starter_pack"], path[2]
        elif len(path) == 4 and path[0] == "profile":
            owner, collection, key = path[1], COLLECTIONS.get(_PAGES.get(path[2], ""), ""), path[3]
    else:
        return None
    who = actor(owner)
    if who is None or collection != COLLECTIONS[kind] or not _RECORD.fullmatch(key):
        return None
    return f"at://{who}/{collection}/{key}"

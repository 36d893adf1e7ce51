"""Accounts, lists and searches of X as typed by users."""

from __future__ import annotations

import re
from datetime import datetime
from urllib.parse import unquote, urlsplit

from collectors.parsing.addresses import bare, web
from collectors.parsing.coerce import from_epoch

_HOSTS = re.compile(r"(?:(?:www|mobile|m)\.)?(?:twitter|x)\.com")
_HANDLE = re.compile(r"@?(\w{1,15})", re.ASCII)
_ID = re.compile(  # rtweet's x protects ids from spreadsheets
    r"x(\d+)|\s*(?:https?://)?(?:\w+\.)?(?:twitter|x)\.com/(?:[^/]+|i/web)/status(?:es)?/(\d+)(?:[/?#].*)?", re.I
)


def page_of(typed: str) -> str | None:
    """The address of the account's page, from a handle or an address in any form; None for anything else."""
    if match := _HANDLE.fullmatch(typed.strip()):
        return f"https://x.com/{match[1]}"
    found = web(typed)
    path = urlsplit(found).path.strip("/") if found else ""
    return found if found and (path or "#!" in found) else None


def handle(typed: str) -> str:
    """The key of an account as a seed names it: its handle in lower case; other text unchanged."""
    given = bare(typed)
    found = page_of(given)
    parts = urlsplit(found or "")
    if found is None or not _HOSTS.fullmatch(parts.hostname or ""):
        return given.lower()
    path = parts.path.strip("/") or parts.fragment.lstrip("!/")
    match = _HANDLE.fullmatch(unquote(path.partition("/")[0].partition("?")[0]))
    return match[1].lower() if match else given


def made_at(post: str) -> datetime | None:
    """When a post was made: its id counts milliseconds from its 23rd bit on. None before November 2010, when ids began
    to (29,700,859,247 is the first that does)."""
    if not re.fullmatch(r"[0-9]{1,19}", post, re.ASCII) or int(post) < 29_700_859_247:
        return None
    return from_epoch((int(post) >> 22) + 1_288_834_974_657)


def id_of(cell: str) -> str:
    """The id in a cell of a table: behind rtweet's x, or in the address of a post; other text unchanged."""
    match = _ID.fullmatch(cell)
    return match[1] or match[2] if match else cell


def query_of(kind: str, typed: str) -> str | None:
    """The key of a query: the number of a list (also from its address), or a search unchanged; None for neither."""
    given = typed.strip()
    if kind != "list_members":
        return given if 0 < len(given) <= 4096 else None
    parts = urlsplit(web(given) or "")
    path = parts.path.strip("/")
    if _HOSTS.fullmatch(parts.hostname or "") and path.startswith("i/lists/"):
        given = path.split("/")[2]
    return given if re.fullmatch(r"[0-9]{1,19}", given, re.ASCII) else None

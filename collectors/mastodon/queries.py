"""Queries that find accounts on a Mastodon server: authors of posts with a hashtag, and its directory of profiles.

Keys are `#tag@server` and the server's host. A server shows the posts with a hashtag that it knows: its own people's,
and those of others that reached it. `Request.carry` holds `seen` (items before this page).

https://docs.joinmastodon.org/methods/timelines/#tag (40 a page) and /methods/directory/ (80 a page).
Read November 2026.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote, unquote, urlsplit

import msgspec

from collectors.base import Absent, Done, Kind, Later, Limit, Outcome
from collectors.mastodon import parse as records
from collectors.mastodon.keys import age, next_path
from collectors.mastodon.parse import AccountView, StatusView
from collectors.parsing import lenient
from collectors.parsing.addresses import host_of, web
from collectors.wire.http import MOST, UNREADABLE, seen_before, unread_time, unreadable
from storage.records import Listed, Page, Record, Request

HASHTAG, DIRECTORY = "hashtag", "directory"
QUERIES = {HASHTAG, DIRECTORY}
_TAG = re.compile(r"#?([^\s#@/?]+)@([^\s@/?#]+)")


def kinds(limit: Limit) -> dict[str, Kind]:
    """The properties and costs of each kind of query."""
    return {
        HASHTAG: Kind(page=40, limit=limit, paged=True, of="query", yields="posts", seeds="hashtags", bytes=150.0),
        DIRECTORY: Kind(page=80, limit=limit, paged=True, of="query", yields="accounts", seeds="directories",
                        bytes=250.0),
    }  # fmt: skip


def query_of(kind: str, typed: str) -> str | None:
    """The key of a query: `#tag@server` (also of the page of a hashtag), or a server; None for neither."""
    given = typed.strip()
    if kind == DIRECTORY:
        page = urlsplit(web(given) or "")
        return page.netloc if page.netloc and page.path.strip("/") in ("", "directory", "explore") else None
    if match := _TAG.fullmatch(given):
        tag, host = match[1], host_of(match[2])
    else:
        parts = urlsplit(web(given) or "")
        path = [unquote(piece) for piece in parts.path.split("/") if piece]
        tag, host = (path[1], parts.netloc) if len(path) == 2 and path[0] in ("tags", "tag") else ("", None)
    return f"#{tag.lower()}@{host}" if host and tag else None


def host(request: Request) -> str:
    """The server for *request*."""
    return request.target.key.rpartition("@")[2]


def path(request: Request) -> str:
    """Path and query of the request for *request*."""
    if request.target.cursor:
        return request.target.cursor
    if request.target.kind == DIRECTORY:
        return _directory(0)
    tag = request.target.key.rpartition("@")[0].removeprefix("#")
    return f"/api/v1/timelines/tag/{quote(tag, safe='')}?limit=40"


def _directory(offset: int) -> str:
    return f"/api/v1/directory?local=true&order=new&limit=80&offset={offset}"


def outcome(page: Page) -> Outcome:
    """The outcome of a page, newest first; a directory ends with an empty page, a hashtag without a next link."""
    request = page.requests[0]
    target = request.target
    if page.status in (404, 410):
        return Absent(target, "unknown: the server has no such hashtag or directory")
    if page.status != 200:
        return Absent(target, f"refused: HTTP {page.status}")
    try:
        items = msgspec.convert(lenient.value(page.content())[0], list[Any])
    except UNREADABLE as error:
        return Later(target, f"the answer cannot be read: {error}")
    seen = seen_before(request) + len(items)
    carry = {"seen": min(seen, MOST)}
    if target.kind == DIRECTORY:
        return Done(target, _directory(seen) if items else None, len(items), carry=carry if items else {})
    ids = [str(item["id"]) for item in items if isinstance(item, dict) and "id" in item]
    newest = max(ids, key=age) if ids else ""
    reached = bool(request.since) and any(age(id_) <= age(request.since) for id_ in ids)
    following = None if reached or not items else next_path(page)
    if following == target.cursor and following:
        why = "the next link leads back to its page"
        return Done(target, items=len(items), newest=newest, complete=False, why=why, stuck=True)
    return Done(target, following, len(items), newest, reached=reached, carry=carry if following else {})


def read(page: Page) -> Iterator[Record]:
    """The accounts that a page of a query lists, and posts. Raise a decoding error if the body is not a list."""
    content, repaired = lenient.clean(page.content())
    yield from (left.quarantine() for left in repaired)
    for n, raw in enumerate(msgspec.json.decode(content, type=list[msgspec.Raw])):
        try:
            yield from _item(page, raw, n)
        except UNREADABLE as error:
            yield unreadable(f"[{n}]", error, bytes(raw))


def _item(page: Page, raw: msgspec.Raw, n: int) -> Iterator[Record]:
    shape: Any = StatusView if page.kind == HASHTAG else AccountView
    view, left_out = lenient.read(raw, shape, records.VITAL)
    if isinstance(view, StatusView) and view.visibility not in records.PUBLIC:
        return
    account: AccountView = view.account if isinstance(view, StatusView) else view
    yield from records.accounts(account)
    yield Listed(page.key, "mastodon", account.account_id, seen_before(page.requests[0]) + n + 1)
    if isinstance(view, StatusView):
        yield from unread_time(f".created_at of {view.uri}", view.created_at)
        if not records.hidden(view, page):
            yield records.post(view, page, None)
    yield from (left.quarantine(f"[{n}]", bytes(raw)) for left in left_out)

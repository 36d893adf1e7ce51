"""Queries that find accounts on Bluesky: starter packs, lists, feeds and searches; requests, outcomes and records.

A key is the `at://` URI of a starter pack, list or feed (`typed.query_of`), a domain, or the words of a search. The
handles under a domain are searched for, as no method lists them, so such a walk is never complete. A starter pack
is read by its list. Lists and feeds are requested by the DID of their owner: given a handle, the
walk starts by resolving it. `Request.carry` has `uri` (of the list), `seen` (items before this page) and `claimed`.

Lexicons of github.com/bluesky-social/atproto (read November 2026): app.bsky.graph.getStarterPack, getList,
app.bsky.feed.getFeed, searchPosts, app.bsky.actor.searchActors; 100 items a page each.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from collectors.base import Absent, Done, Kind, Later, Limit, Outcome
from collectors.bluesky import parse as records
from collectors.bluesky.parse import ActorView, FeedItem, PostView, RefView
from collectors.parsing import lenient
from collectors.parsing.lenient import Count
from collectors.wire.http import MOST, UNREADABLE, count, seen_before, unread_time, unreadable
from storage.records import Listed, Page, Record, Request
from storage.structs import ready

PAGE = 100
SEARCHED = "a search for the domain, which need not find every handle under it"
METHODS = {
    "starter_pack": "app.bsky.graph.getList",
    "list": "app.bsky.graph.getList",
    "feed": "app.bsky.feed.getFeed",
    "search_actors": "app.bsky.actor.searchActors",
    "search_posts": "app.bsky.feed.searchPosts",
    "domain": "app.bsky.actor.searchActors",
}
PARAMETERS = {"starter_pack": "list", "list": "list", "feed": "feed", "search_actors": "q", "search_posts": "q",
              "domain": "q"}  # fmt: skip
LISTS = {"starter_pack": "items", "list": "items", "feed": "feed", "search_actors": "actors", "search_posts": "posts",
         "domain": "actors"}  # fmt: skip


def kinds(limit: Limit) -> dict[str, Kind]:
    """The properties and costs of each kind of query."""
    accounts = Kind(page=PAGE, limit=limit, paged=True, of="query", yields="accounts", bytes=110.0)
    posts = Kind(page=PAGE, limit=limit, paged=True, of="query", yields="posts", bytes=150.0)
    one = msgspec.structs.replace
    return {
        "starter_pack": one(accounts, head=1, seeds="starter_packs"),
        "list": one(accounts, head=1, seeds="lists"),
        "feed": one(posts, head=1, seeds="feeds"),
        "search_actors": one(accounts, seeds="account_searches"),
        "search_posts": one(posts, seeds="post_searches"),
        "domain": one(accounts, seeds="domains"),
    }


class PackView(msgspec.Struct):
    """A starter pack, with its list (app.bsky.graph.defs#starterPackView)."""

    list: RefView | None = None


class ListView(msgspec.Struct, rename="camel"):
    """A list (app.bsky.graph.defs#listView)."""

    list_item_count: Count | None = None


class ItemView(msgspec.Struct):
    """An entry of a list (app.bsky.graph.defs#listItemView)."""

    subject: ActorView


ready(ListView, PackView)


# ---- requests ---------------------------------------------------------------------------------------------------


def asking(request: Request, place: str) -> tuple[str, list[tuple[str, str]]]:
    """The method and parameters of the next request; *place* is the server's cursor."""
    kind, key = request.target.kind, request.target.key
    if not request.target.cursor and kind == "starter_pack":
        return "app.bsky.graph.getStarterPack", [("starterPack", key)]
    if not request.target.cursor and (handle := _handle(request)):
        return "com.atproto.identity.resolveHandle", [("handle", handle)]
    params = [(PARAMETERS[kind], str(request.carry.get("uri") or key)), ("limit", str(PAGE))]
    if kind == "search_posts":
        params.append(("sort", "latest"))
    return METHODS[kind], params + ([("cursor", place)] if place else [])


def _handle(request: Request) -> str:
    """The handle that the URI of a list or feed begins with; empty if it begins with a DID, or is not one."""
    owner = request.target.key.removeprefix("at://").partition("/")[0]
    return owner if request.target.kind in ("list", "feed") and not owner.startswith("did:") else ""


# ---- outcomes ---------------------------------------------------------------------------------------------------


def outcome(page: Page, body: dict[str, Any], at: str) -> Outcome:
    """The outcome of a walk's head, or a page; *at* is the prefix of the server's cursor. Raise a decoding error."""
    request = page.requests[0]
    target = request.target
    if LISTS[target.kind] in body:
        return _of_page(request, body, at)
    if not target.cursor and "starterPack" in body:
        behind = msgspec.convert(body["starterPack"], PackView).list
        if behind is None:
            return Absent(target, "gone: the starter pack has no list")
        return Done(target, next=at, carry={"uri": behind.uri})
    if not target.cursor and str(body.get("did", "")).startswith("did:"):
        _, _, rest = target.key.removeprefix("at://").partition("/")
        return Done(target, next=at, carry={"uri": f"at://{body['did']}/{rest}"})
    return Later(target, "the answer is not what was asked for")


def _of_page(request: Request, body: dict[str, Any], at: str) -> Outcome:
    """The outcome of a page: short and empty ones continue while there is a new cursor.

    Suspended or deactivated accounts vanish from lists but are counted, and searches need not reach all their
    hits: only a walk that saw the claimed number is known to be complete.
    """
    target, items = request.target, msgspec.convert(body[LISTS[request.target.kind]] or [], list[Any])
    seen, following = seen_before(request) + len(items), body.get("cursor")
    carry: dict[str, Any] = {"seen": min(seen, MOST)}
    carry |= {"uri": request.carry["uri"]} if "uri" in request.carry else {}
    claim = count(body.get("hitsTotal")) if target.kind == "search_posts" else _listed(body)
    claim = request.carry.get("claimed") if claim is None else min(claim, MOST)
    carry |= {} if claim is None else {"claimed": claim}
    if following and f"{at}{following}" == target.cursor:
        return Done(target, items=len(items), complete=False, why="the cursor leads back to its page", stuck=True)
    if following:
        return Done(target, f"{at}{following}", len(items), carry=carry)
    if target.kind == "domain":
        return Done(target, items=len(items), complete=False, why=SEARCHED)
    whole = claim is None or seen >= claim
    return Done(target, items=len(items), complete=whole, why="" if whole else f"{seen} of the {claim} that it claims")


def _listed(body: dict[str, Any]) -> int | None:
    """The length of a list as claimed by it."""
    try:
        return count(msgspec.convert(body.get("list") or {}, ListView).list_item_count)
    except msgspec.ValidationError:
        return None


# ---- records ----------------------------------------------------------------------------------------------------


def read(page: Page) -> Iterator[Record]:
    """The accounts that a page of a query lists, and posts. Raise a decoding error if the body is not such a page."""
    content, repaired = lenient.clean(page.content())
    yield from (left.quarantine() for left in repaired)
    body = msgspec.json.decode(content, type=dict[str, msgspec.Raw])
    request, name = page.requests[0], LISTS[page.kind]
    if name not in body:
        if request.target.cursor or not body.keys() & {"starterPack", "did"}:
            raise ValueError("no page of a list")
        return
    items = msgspec.json.decode(body[name], type=list[msgspec.Raw] | None) or []
    for place, raw in enumerate(items):
        try:
            yield from _item(page, raw, f"{name}[{place}]", seen_before(request) + place + 1)
        except UNREADABLE as reason:
            yield unreadable(f"{name}[{place}]", reason, bytes(raw))


def _item(page: Page, raw: msgspec.Raw, place: str, position: int) -> Iterator[Record]:
    """An entry of a list, or the author of a post with the post."""
    shape: Any = {"items": ItemView, "actors": ActorView, "feed": FeedItem, "posts": PostView}[LISTS[page.kind]]
    found, left_out = lenient.read(raw, shape, records.VITAL)
    view = found.post if isinstance(found, FeedItem) else found
    who = view.author if isinstance(view, PostView) else view.subject if isinstance(view, ItemView) else view
    if page.kind == "domain" and not f".{who.handle.lower()}".endswith(f".{page.key}"):
        return
    yield records.account(who)
    yield Listed(page.key, "bluesky", who.did, position)
    if isinstance(view, PostView):
        created = view.record.created_at if view.record else None
        yield from unread_time(f"{place}.record.createdAt of {view.uri}", created)
        if not records.hidden(view, page):
            yield records.post(view, None)
        yield from records.quoted(view, place, page)
    yield from (left.quarantine(place, bytes(raw)) for left in left_out)

"""The lists that an account keeps, with their members: those of `getLists`, then those of its starter packs.

A cursor is the step of the walk (`lists`, `packs`, then the number of the list that is read) and the server's own.
`Request.carry` holds `lists` (the URIs still to be read, the current one first), `seen` of that, and `missing` (how
many more people the lists claim than they show). Moderation lists are left out: they list people to avoid.

Lexicons app.bsky.graph.getLists, getActorStarterPacks and getList (read November 2026): 100 items a page each.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from collectors.base import Done, Later, Outcome
from collectors.bluesky import parse as records
from collectors.bluesky.queries import ItemView, ListView
from collectors.parsing import lenient
from collectors.wire.http import MOST, UNREADABLE, unreadable
from storage.records import Listed, Page, Record, Request
from storage.structs import ready

KIND, PAGE = "own_lists", 100
MODERATION = "app.bsky.graph.defs#modlist"
METHODS = {"lists": "app.bsky.graph.getLists", "packs": "app.bsky.graph.getActorStarterPacks"}
BODIES = {"lists": "lists", "packs": "starterPacks"}


class KeptView(msgspec.Struct):
    """A list in its owner's lists (app.bsky.graph.defs#listView)."""

    uri: str
    purpose: str = ""


class PackRecord(msgspec.Struct):
    """The record of a starter pack, with its list (app.bsky.graph.starterpack)."""

    list: str


class PackView(msgspec.Struct):
    """A starter pack in its owner's packs (app.bsky.graph.defs#starterPackViewBasic)."""

    record: PackRecord


ready(KeptView, PackView)


def asking(request: Request, place: str) -> tuple[str, list[tuple[str, str]]]:
    """The method and parameters of the next request; *place* is our cursor without its prefix."""
    step, cursor = _step(place)
    if step in METHODS:
        method, params = METHODS[step], [("actor", request.target.key)]
    else:
        method, params = "app.bsky.graph.getList", [("list", request.carry["lists"][0])]
    return method, [*params, ("limit", str(PAGE)), *([("cursor", cursor)] if cursor else [])]


def _step(place: str) -> tuple[str, str]:
    step, _, cursor = place.partition(" ")
    return step or "lists", cursor


def outcome(page: Page, body: dict[str, Any], at: str) -> Outcome:
    """The outcome of a page; *at* is the prefix of our cursors. Raise a decoding error."""
    request = page.requests[0]
    target, kept = request.target, [*request.carry.get("lists", ())]
    step, _ = _step(target.cursor.removeprefix(at))
    name = BODIES.get(step, "items")
    if name not in body:
        return Later(target, "the answer is not what was asked for")
    following = body.get("cursor")
    if following and f"{at}{step} {following}" == target.cursor:
        return Done(target, complete=False, why="the cursor leads back to its page", stuck=True)
    if step in BODIES:
        kept += [uri for uri in _uris(body[name] or [], step) if uri not in kept]
        if following or step == "lists":
            return Done(target, f"{at}{step} {following}" if following else f"{at}packs", carry={"lists": kept})
        return _read(request, at, 1, kept, 0)
    items, seen = msgspec.convert(body[name] or [], list[Any]), request.carry.get("seen", 0)
    seen += len(items)
    if following:
        carry = {**request.carry, "seen": min(seen, MOST)}
        return Done(target, f"{at}{step} {following}", len(items), carry=carry)
    claim = msgspec.convert(body.get("list") or {}, ListView).list_item_count or 0
    return _read(request, at, int(step) + 1, kept[1:], max(0, claim - seen), len(items))


def without(request: Request, at: str) -> Outcome | None:
    """The outcome if the list requested by *request* is gone: the walk continues; None if it requested no list."""
    step, _ = _step(request.target.cursor.removeprefix(at))
    return _read(request, at, int(step) + 1, [*request.carry["lists"]][1:], 0) if step.isdigit() else None


def _read(request: Request, at: str, number: int, lists: list[str], missing: int, items: int = 0) -> Done:
    """The outcome that continues with the first of *lists*, or ends the walk."""
    missing += request.carry.get("missing", 0)
    if lists:
        return Done(request.target, f"{at}{number}", items, carry={"lists": lists, "missing": min(missing, MOST)})
    why = f"{missing} of those whom its lists claim are not shown" if missing else ""
    return Done(request.target, items=items, complete=not missing, why=why)


def _uris(rows: Any, step: str) -> Iterator[str]:
    """The lists on a page of lists or starter packs; unreadable rows are skipped."""
    for row in msgspec.convert(rows, list[Any]):
        try:
            if step == "packs":
                yield msgspec.convert(row, PackView).record.list
            elif (found := msgspec.convert(row, KeptView)).purpose != MODERATION:
                yield found.uri
        except msgspec.ValidationError:
            continue


def read(page: Page) -> Iterator[Record]:
    """The account itself, or the members of a list. Raise a decoding error for other bodies than these and pages."""
    content, repaired = lenient.clean(page.content())
    body = msgspec.json.decode(content, type=dict[str, msgspec.Raw])
    if "did" in body:
        yield from records.read(page)
        return
    yield from (left.quarantine() for left in repaired)
    if "items" not in body:
        if not body.keys() & {*BODIES.values()}:
            raise ValueError("no page of a list")
        return
    request = page.requests[0]
    for n, raw in enumerate(msgspec.json.decode(body["items"], type=list[msgspec.Raw] | None) or []):
        try:
            item, left_out = lenient.read(raw, ItemView, records.VITAL)
            yield records.account(item.subject)
            yield Listed(request.carry["lists"][0], "bluesky", item.subject.did, request.carry.get("seen", 0) + n + 1)
            yield from (left.quarantine(f"items[{n}]", bytes(raw)) for left in left_out)
        except UNREADABLE as reason:
            yield unreadable(f"items[{n}]", reason, bytes(raw))

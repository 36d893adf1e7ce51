"""Bluesky (AT protocol): requests to the public AppView and the accounts' own servers, and their outcomes.

An account's key is its DID; a handle is only used to look it up. The walks of `timeline`, `following` and
`followers` begin with the profile, which gives the opt-outs, the state of the account and its claims (`claimed` in
`Request.carry`). After it a walk's cursor is `at:` with the server's own. `follow_records` begins with the DID
document, which names the server with the records (`server` in `Request.carry`).
Parsing is in `collectors.bluesky.parse`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from itertools import groupby
from typing import Any, ClassVar
from urllib.parse import quote, urlencode

import msgspec
from pydantic import BaseModel, Field

from collectors.base import Absent, Done, Kind, Later, Limit, Outcome, Refused, Settings, Split
from collectors.bluesky import own_lists, queries, typed
from collectors.bluesky import parse as records
from collectors.bluesky.before import asked_before
from collectors.bluesky.personal import PERSONAL, handle_of
from collectors.bluesky.recorded import recorded
from collectors.parsing import lenient
from collectors.parsing.addresses import bare
from collectors.wire import http
from collectors.wire.address_policy import is_private
from collectors.wire.exchange import Wire
from storage.records import Failure, Page, Record, Request
from storage.sampling.rules import POST_TIES

# https://docs.bsky.app/docs/advanced-guides/rate-limits (read November 2026): 3,000 requests per 5 minutes and IP on a
# PDS; the public AppView documents no limit. Batches and pages: the lexicons of app.bsky.actor.getProfiles (25),
# app.bsky.feed.getAuthorFeed, app.bsky.graph.getFollows and getFollowers, com.atproto.repo.listRecords (100 each).
LIMIT = Limit(3000, 300)
KINDS = {
    "user": Kind(batch=25, limit=LIMIT, of="handle", yields="accounts", ids=True, bytes=250.0),
    "timeline": Kind(
        page=100, limit=LIMIT, paged=True, head=1, of="account", yields="posts", ties=POST_TIES, bytes=150.0
    ),
    "following": Kind(
        page=100, limit=LIMIT, paged=True, head=1, of="account", yields="follows", ties=("following",), bytes=110.0
    ),
    "followers": Kind(
        page=100, limit=LIMIT, paged=True, head=1, of="account", yields="follows", ties=("followers",), bytes=110.0
    ),
    "follow_records": Kind(
        page=100, limit=LIMIT, paged=True, head=1, of="account", yields="follows", ties=("following",), bytes=60.0
    ),
    own_lists.KIND: Kind(
        page=own_lists.PAGE, limit=LIMIT, paged=True, head=3, of="account", yields="accounts", ties=("lists",),
        bytes=110.0,
    ),
    **queries.kinds(LIMIT),
}  # fmt: skip
METHODS = {
    "timeline": "app.bsky.feed.getAuthorFeed",
    "following": "app.bsky.graph.getFollows",
    "followers": "app.bsky.graph.getFollowers",
}
LISTS = {"timeline": "feed", "following": "follows", "followers": "followers", "follow_records": "records"}
# Names of XRPC errors (the lexicons, and packages/bsky and packages/pds of github.com/bluesky-social/atproto)
REASONS = {
    "AccountTakedown": "suspended",
    "AccountSuspended": "suspended",
    "AccountDeactivated": "deactivated",
    "RepoTakendown": "suspended",
    "RepoSuspended": "suspended",
    "RepoDeactivated": "deactivated",
    "RepoNotFound": "gone",
    "UnknownFeed": "gone",
    "BlockedActor": "refused",
    "BlockedByActor": "refused",
    "XRPCNotSupported": "refused",
    "MethodNotImplemented": "refused",
}
CREDENTIALS = ("ExpiredToken", "InvalidToken", "AuthMissing", "AuthenticationRequired")
AT = "at:"  # prefix of the server's cursor in ours; by itself: the first page of a list, after the head of its walk
READERS = {own_lists.KIND: own_lists.read, **dict.fromkeys(queries.METHODS, queries.read)}
TAIL = 10  # items at the end of a page that must all be old for the old mark to be reached


class Options(BaseModel):
    """The collector's own keys in the study file."""

    base_url: str = Field("https://public.api.bsky.app", description="The AppView to query, or a PDS instead.")
    pds_url: str | None = Field(None, description="One server for all follow records, instead of each account's own.")
    plc_url: str = Field("https://plc.directory", description="The directory of DIDs.")
    hosts: dict[str, str] = Field({}, description="Addresses of servers, for tests.")
    allow_private: bool = Field(False, description="Allow servers on private networks.")
    honour_opt_outs: bool = Field(True, description="Honour accounts' requests not to be shown without log-in.")
    contact: str = Field("", description="Contact for server operators, for the user agent.")


class Bluesky:
    """The collector: profiles in batches of 25, lists page by page."""

    kinds: ClassVar[Mapping[str, Kind]] = KINDS
    opened: ClassVar[Mapping[str, date]] = {"bluesky": date(2022, 11, 17)}  # the first operation of the PLC directory
    personal = PERSONAL
    handle_of = staticmethod(handle_of)
    recheck: ClassVar[Mapping[str, str]] = {"account": "user"}  # the kinds for look-ups by id
    asked_before = staticmethod(asked_before)

    page_of = staticmethod(typed.page_of)
    recorded = staticmethod(recorded)
    made_at = staticmethod(typed.made_at)
    query_of = staticmethod(typed.query_of)
    seed_form = "an account of Bluesky; write its handle, DID or the address of its page"

    @staticmethod
    def canonical(seed: str) -> str:
        """The key of an account: its DID, or its handle in lower case without a leading @."""
        return typed.actor(seed) or bare(seed)

    @staticmethod
    def server(request: Request, options: Mapping[str, Any]) -> str:
        """The server for *request*: the AppView, the directory, or an account's own."""
        if request.target.kind != "follow_records":
            return str(options.get("base_url") or "")
        return str(request.carry.get("server") or options.get("pds_url") or "directory")

    def fetch(self, requests: Iterator[Request], settings: Settings) -> Iterator[Page | Failure]:
        """Yield answers; one may serve a batch of `user` requests."""
        options = settings.checked(Options)
        for batch in _batches(settings.wire, requests):
            yield from _ask(settings.wire, batch, options, settings.secret)

    def outcome(self, page: Page) -> Iterator[Outcome]:
        """Yield one outcome per target."""
        error = records.error(page) if page.status != 200 else None
        general = None if error and error.error in REASONS else http.trouble(page)
        if general is not None:
            yield from general
        elif page.status != 200:
            yield from (_refusal(page, request, error) for request in page.requests)
        else:
            yield from _answers(page)

    def parse(self, page: Page) -> Iterator[Record]:
        """Yield the accounts, follows and posts that the page tells."""
        if page.status != 200:
            return
        try:
            yield from READERS.get(page.kind, records.read)(page)
        except http.UNREADABLE as error:
            yield http.unreadable("body", error, page.body)


# ---- requests ---------------------------------------------------------------------------------------------------


def _batches(wire: Wire, requests: Iterator[Request]) -> Iterator[tuple[Request, ...]]:
    """The requests in batches of their kind; those that made a batch fail, one by one."""
    for alone, group in groupby(requests, key=lambda request: request.alone):
        yield from wire.batches(group, lambda kind, alone=alone: 1 if alone else KINDS[kind].batch)  # type: ignore[misc]


def _ask(wire: Wire, batch: tuple[Request, ...], options: Options, secret: str | None) -> list[Page | Failure]:
    """Make the next request for *batch*."""
    request = batch[0]
    kind, cursor = request.target.kind, request.target.cursor
    params: list[tuple[str, str]]
    if kind == "follow_records":
        return _ask_records(wire, request, options)
    if kind in queries.METHODS:
        method, params = queries.asking(request, _place(cursor))
    elif kind == "user" and len(batch) > 1:
        method, params = "app.bsky.actor.getProfiles", [("actors", bare(one.target.key)) for one in batch]
    elif kind == "user" or (not cursor and options.honour_opt_outs):
        method, params = "app.bsky.actor.getProfile", [("actor", bare(request.target.key))]
    elif kind == own_lists.KIND:
        method, params = own_lists.asking(request, _place(cursor))
    else:
        method, params = METHODS[kind], [("actor", bare(request.target.key)), ("limit", str(KINDS[kind].page))]
        params += [("cursor", place)] if (place := _place(cursor)) else []
    headers = {"Authorization": f"Bearer {secret}"} if secret else {}
    url = f"{options.base_url.rstrip('/')}/xrpc/{method}?{urlencode(params)}"
    asked = {"overruled": not options.honour_opt_outs, "signed": bool(secret) and kind in queries.METHODS}
    asked = {name: True for name, said in asked.items() if said}
    return http.ask(wire, batch, url, headers=headers, contact=options.contact, asked=asked)


def _ask_records(wire: Wire, request: Request, options: Options) -> list[Page | Failure]:
    """Request the DID document, then the follow records from the server it names."""
    did, cursor = request.target.key, request.target.cursor
    server, place, alias = request.carry.get("server"), _place(cursor), None
    if not did.startswith("did:"):
        return http.refuse(wire, (request,), "invalid-key", f"{did!r} is no DID; look the handle up first")
    if not cursor and not options.pds_url:
        origin, path = options.plc_url.rstrip("/"), f"/{quote(did)}"
        if did.startswith("did:web:"):
            origin, alias = http.reachable(did.removeprefix("did:web:"), options.hosts)
            path = "/.well-known/did.json"
    else:
        host = http.netloc(server)
        origin, alias = http.reachable(host, options.hosts) if host else (str(options.pds_url).rstrip("/"), None)
        params = [("repo", did), ("collection", "app.bsky.graph.follow"), ("limit", str(KINDS["follow_records"].page))]
        params += [("cursor", place)] if place else []
        path = f"/xrpc/com.atproto.repo.listRecords?{urlencode(params)}"
    configured = (options.plc_url.rstrip("/"), (options.pds_url or "").rstrip("/"))
    if origin not in configured and alias is None and is_private(origin):
        return http.refuse(wire, (request,), "private-address", f"{origin} is not a public server", origin)
    headers = {"Host": alias} if alias else {}
    return http.ask(wire, (request,), origin + path, headers=headers, contact=options.contact)


def _place(cursor: str) -> str:
    """The server's cursor, from ours."""
    return cursor.removeprefix(AT)


# ---- outcomes ---------------------------------------------------------------------------------------------------


def _refusal(page: Page, request: Request, error: records.ErrorView | None) -> Outcome:
    """The outcome of a 3xx or 4xx for one target."""
    name, message = (error.error, error.message or error.error) if error else ("", f"HTTP {page.status}")
    target, missing = request.target, "unknown" if request.target.kind == "user" else "gone"
    if name in REASONS:
        return Absent(target, f"{REASONS[name]}: {message}")
    if page.status == 401 or name in CREDENTIALS:  # an account's own server, which gets no secret, only affects itself
        if target.kind in queries.METHODS and not page.asked.get("signed"):
            return Absent(target, f"refused: {message}; the server wants a secret for it")
        return Absent(target, f"refused: {message}") if target.kind == "follow_records" else Refused(target, message)
    if "resolve handle" in message.lower():
        return Absent(target, f"unknown: {message}")
    if target.kind == own_lists.KIND and "not found" in message.lower() and (other := own_lists.without(request, AT)):
        return other
    if page.status == 410 or (page.status == 404 and not name) or "not found" in message.lower():
        return Absent(target, f"{missing}: {message}")
    if "could not find repo" in message.lower() or (page.status == 404 and target.kind == "follow_records"):
        return Absent(target, f"gone: {message}")
    if len(page.requests) > 1:
        return Split(target, message)
    if "cursor" in message.lower() and target.cursor:
        return Later(target, message, restart=True)
    if target.kind == "user" and page.status == 400:
        return Absent(target, f"unknown: {message}")
    return Absent(target, f"refused: {message}")


def _answers(page: Page) -> Iterator[Outcome]:
    """The outcome of a 200 for each of its targets."""
    try:
        body = msgspec.convert(lenient.value(page.content())[0], dict[str, Any])
        if page.kind == "user" and len(page.requests) > 1:
            yield from _of_batch(page, body)
        elif page.kind == "user":
            yield Done(page.requests[0].target, items=1) if "did" in body else _odd(page.requests[0])
        else:
            yield _of_walk(page, body)
    except http.UNREADABLE as error:
        yield from (Later(target, f"the answer cannot be read: {error}") for target in page.targets)


def _odd(request: Request) -> Outcome:
    return Later(request.target, "the answer is not what was asked for")


def _of_batch(page: Page, body: dict[str, Any]) -> Iterator[Outcome]:
    """The profiles found; missing ones are requested alone, because only then the server gives a reason."""
    found = {
        str(view.get(name)).lower()
        for view in msgspec.convert(body.get("profiles") or [], list[Any])
        if isinstance(view, dict)  # an invalid one has no names
        for name in ("did", "handle")
    }
    for target in page.targets:
        known = bare(target.key).lower() in found
        yield Done(target, items=1) if known else Split(target, "left out of the batch")


def _of_walk(page: Page, body: dict[str, Any]) -> Outcome:
    """The outcome of the head of a walk, or of a page."""
    request = page.requests[0]
    if request.target.kind in queries.METHODS:
        return queries.outcome(page, body, AT)
    if request.target.kind == own_lists.KIND and (request.target.cursor or "did" not in body):
        return own_lists.outcome(page, body, AT)
    if LISTS.get(request.target.kind) in body:
        return _of_page(page, body)
    if request.target.kind == "follow_records" and not request.target.cursor:
        return _of_document(request, body)
    return _of_profile(page, request) if "did" in body and not request.target.cursor else _odd(request)


def _of_document(request: Request, body: dict[str, Any]) -> Outcome:
    """The outcome of a DID document: the server of the account's records."""
    server = records.server(body)
    if server is None:
        return Absent(request.target, "unknown: the DID document names no server")
    return Done(request.target, next=AT, carry={"server": server})


def _of_profile(page: Page, request: Request) -> Outcome:
    """The outcome of a walk's head: whether it may start, and the length claimed by the profile."""
    view, _ = lenient.read(page.content(), records.ActorView, records.VITAL)
    if view.opted_out:
        return Absent(request.target, "opted-out")
    claim = view.claims(request.target.kind)
    return Done(request.target, next=AT, carry={} if claim is None else {"claimed": min(claim, http.MOST)})


def _of_page(page: Page, body: dict[str, Any]) -> Outcome:
    """The outcome of a page of a list: short and empty ones continue while there is a new cursor."""
    request = page.requests[0]
    target, items = request.target, msgspec.convert(body[LISTS[request.target.kind]] or [], list[Any])
    newest, reached = _mark(items, request.since) if target.kind == "timeline" else ("", False)
    following = body.get("cursor")
    if following and not reached:
        if str(following) == _place(target.cursor):
            why = "the cursor leads back to its page"
            return Done(target, items=len(items), newest=newest, complete=False, why=why, stuck=True)
        return Done(target, f"{AT}{following}", len(items), newest, carry=request.carry)
    complete, why = _whole(request, len(items))
    return Done(target, items=len(items), newest=newest, complete=complete, why=why, reached=reached)


def _whole(request: Request, last: int) -> tuple[bool, str]:
    """Whether an ended walk is known to be complete; and if not, why.

    Follow lists are ordered by times that several records may share, so that a page border can swallow some, and
    deactivated accounts are left out but counted: only a walk that found the claimed number is known to be complete.
    """
    claim = request.carry.get("claimed")
    if request.target.kind not in ("following", "followers") or claim is None:
        return True, ""
    seen = request.position + last
    return seen >= claim, "" if seen >= claim else f"{seen} of the {claim} that the profile claims"


def _mark(items: list[Any], since: str) -> tuple[str, bool]:
    """The mark of a page (the newest time at which the server saw an item), and whether the old mark was reached.

    It is reached when the end of the page has only older items, by the server's time. Authors' dates do not count; a
    post from the future may stay on top, and one from the past may turn up anywhere.
    """
    times = [time for item in items if (time := records.seen_at(item))]
    if not times:
        return "", False
    old = http.moment(since)
    return max(times).isoformat(), old is not None and max(times[-TAIL:]) <= old


collector = Bluesky()

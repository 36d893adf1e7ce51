"""Mastodon and the servers that speak its API (GoToSocial, Takahe, Pleroma ...): requests and outcomes.

An account's key is its URI (its URL if the server gives no URI), as in `accounts.account_id`: its host is the
server to query. Every walk begins with the account itself, which gives the server's own id for it, its opt-outs and
its claims; the list follows, by the `Link` header alone. A cursor is the next path, or the server to query.

`Page.asked` has `signed` (our token was sent), `elsewhere` (one server is queried for everyone) and `overruled`
(opt-outs are); `Request.carry` has `step` (webfinger: the server of a handle; head: the account itself, by its name),
`claimed` (the list's length in the profile), `remote` (requested from another server than the account's) and `empty`
(the page before was empty).
Parsing is in `collectors.mastodon.parse`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any, ClassVar
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

import msgspec
from pydantic import BaseModel, Field

from collectors.base import Absent, Done, Kind, Later, Limit, Outcome, Refused, Settings
from collectors.mastodon import parse as records
from collectors.mastodon import queries, typed
from collectors.mastodon.before import asked_before
from collectors.mastodon.keys import HANDLE, OWN_ID, age, next_path, webfinger
from collectors.mastodon.parse import AccountView
from collectors.mastodon.personal import PERSONAL, handle_of
from collectors.mastodon.recorded import recorded
from collectors.parsing import lenient
from collectors.parsing.addresses import web
from collectors.wire import http
from collectors.wire.address_policy import is_private
from collectors.wire.exchange import Wire
from storage.records import Failure, Page, Record, Request
from storage.sampling.rules import POST_TIES

# https://docs.joinmastodon.org/api/rate-limits/ (read November 2026): 300 requests per 5 minutes and account, and as
# many per IP, on each server. Pages: https://docs.joinmastodon.org/methods/accounts/ (statuses 40, follows 80).
# Counted for each server over all kinds (`server`).
LIMIT = Limit(300, 300)
KINDS = {
    "user": Kind(limit=LIMIT, of="handle", yields="accounts", ids=True, asked_first=True, bytes=250.0),
    "timeline": Kind(
        page=40, limit=LIMIT, paged=True, head=1, of="account", yields="posts", ties=POST_TIES, bytes=150.0
    ),
    "following": Kind(
        page=80, limit=LIMIT, paged=True, head=1, of="account", yields="follows", ties=("following",), bytes=110.0
    ),
    "followers": Kind(
        page=80, limit=LIMIT, paged=True, head=1, of="account", yields="follows", ties=("followers",), bytes=110.0
    ),
    **queries.kinds(LIMIT),
}
LISTS = {"timeline": "statuses", "following": "following", "followers": "followers"}


class Options(BaseModel):
    """The collector's own keys in the study file."""

    base_url: str | None = Field(None, description="One server for all accounts, instead of each account's own.")
    hosts: dict[str, str] = Field({}, description="Addresses of servers, for tests.")
    allow_private: bool = Field(False, description="Allow servers on private networks.")
    honour_opt_outs: bool = Field(True, description="Skip timelines whose owner set noindex or is not indexable.")
    token_host: str | None = Field(None, description="The server the secret belongs to (default: that of base_url).")
    contact: str = Field("", description="Contact for server operators, for the user agent.")


class Mastodon:
    """The collector: one request per request."""

    kinds: ClassVar[Mapping[str, Kind]] = KINDS
    # identi.ca, the first server of the network that others' posts on such servers may come from
    opened: ClassVar[Mapping[str, date]] = {"mastodon": date(2008, 7, 2)}
    personal = PERSONAL
    handle_of = staticmethod(handle_of)
    recheck: ClassVar[Mapping[str, str]] = {"account": "user"}  # the kinds for look-ups by id
    asked_before = staticmethod(asked_before)

    page_of = staticmethod(typed.page_of)
    recorded = staticmethod(recorded)
    made_at = staticmethod(typed.made_at)
    query_of = staticmethod(queries.query_of)
    seed_form = "an account of Mastodon; write user@server, or the address of its page"

    @staticmethod
    def canonical(seed: str) -> str:
        """The key of an account: `user@server` without a leading @; an address with its scheme."""
        handle = HANDLE.match(seed.strip().removeprefix("acct:"))
        return f"{handle[1]}@{handle[2].lower()}" if handle else web(seed) or seed.strip()

    @staticmethod
    def server(request: Request, options: Mapping[str, Any]) -> str:
        """The server for *request*."""
        found = _host(request)
        return str(options.get("base_url") or (found[0] if found else ""))

    def fetch(self, requests: Iterator[Request], settings: Settings) -> Iterator[Page | Failure]:
        """Yield the answers to each request."""
        options = settings.checked(Options)
        for request in requests:
            yield from _ask(settings.wire, request, options, settings.secret)

    def outcome(self, page: Page) -> Iterator[Outcome]:
        """Yield the outcome for the page's one target."""
        general = http.trouble(page)
        if general is not None:
            yield from general
        elif page.kind == "user":
            yield _of_user(page)
        elif page.kind in queries.QUERIES:
            yield _denied(page) if page.status in (401, 403, 422) else queries.outcome(page)
        else:
            yield _of_list(page)

    def parse(self, page: Page) -> Iterator[Record]:
        """Yield the accounts, follows and posts of the page."""
        if page.status != 200 or page.requests[0].carry.get("step") == records.WEBFINGER:
            return
        try:
            yield from queries.read(page) if page.kind in queries.QUERIES else records.read(page)
        except http.UNREADABLE as error:
            if page.kind != "user":  # a web site that is not a server answers a look-up with its own pages
                yield http.unreadable("body", error, page.body)


# ---- requests ---------------------------------------------------------------------------------------------------


def _ask(wire: Wire, request: Request, options: Options, secret: str | None) -> list[Page | Failure]:
    """Make the next request for *request*."""
    found = _host(request)
    if found is None:
        detail = f"{request.target.key!r} is not an account; write user@server, or the address of the account"
        return http.refuse(wire, (request,), "invalid-key", detail)
    host, name = found
    if options.base_url:
        origin, alias = options.base_url.rstrip("/"), None
    else:
        origin, alias = http.reachable(host, options.hosts)
        if host not in options.hosts and is_private(origin):
            return http.refuse(wire, (request,), "private-address", f"{host} is not a public server", origin)
    headers = {"Host": alias} if alias else {}
    asked = {"elsewhere": bool(options.base_url), "overruled": not options.honour_opt_outs}
    if secret and (options.token_host or urlsplit(options.base_url or "").netloc) in (host, urlsplit(origin).netloc):
        headers["Authorization"] = f"Bearer {secret}"
        asked["signed"] = True
    asked = {name: True for name, said in asked.items() if said}
    url = origin + _path(request, name)
    return http.ask(wire, (request,), url, headers=headers, contact=options.contact, asked=asked)


def _host(request: Request) -> tuple[str, str] | None:
    """The server for *request* and the account's name there; None if its key is invalid."""
    key, cursor = request.target.key, request.target.cursor
    if request.target.kind in queries.QUERIES:
        return (queries.host(request), "") if queries.host(request) else None
    if handle := HANDLE.match(key):
        name, host = handle.groups()
        return (cursor.partition("//")[2] if cursor.startswith("https://") else host.lower()), f"{name}@{host.lower()}"
    server = http.netloc(key)
    name = urlsplit(key).path.rstrip("/").rpartition("/")[2].lstrip("@") if server else ""
    return (server, name) if name else None


def _path(request: Request, name: str) -> str:
    """Path and query of the request for *request*."""
    key, cursor = request.target.key, request.target.cursor
    if request.target.kind in queries.QUERIES:
        return queries.path(request)
    if cursor.startswith("/"):
        return cursor
    if own := OWN_ID.match(urlsplit(key).path):
        return f"/api/v1/accounts/{own[1]}"
    return f"/api/v1/accounts/lookup?acct={quote(name)}"


# ---- outcomes ---------------------------------------------------------------------------------------------------


def _account(page: Page) -> AccountView | None:
    """The account in the body of *page*; None if it is something else."""
    try:
        return _read_account(page) if page.status == 200 else None
    except http.UNREADABLE:
        return None


def _read_account(page: Page) -> AccountView:
    return lenient.read(page.content(), AccountView, records.VITAL)[0]


def _of_user(page: Page) -> Outcome:
    """The outcome of a handle's look-up: at its host, then, if that is not the server, at the one from WebFinger."""
    target, cursor = page.requests[0].target, page.requests[0].target.cursor
    if page.requests[0].carry.get("step") == records.WEBFINGER:
        return _of_webfinger(page)
    if _account(page) is not None:
        return Done(target, items=1)
    if page.status in (401, 403, 422) and _error(page) is not None:
        return _denied(page)
    if cursor.startswith("/") and page.status in (400, 404):
        return Absent(target, "unknown")
    if not cursor and not page.asked.get("elsewhere") and HANDLE.match(target.key):
        return Done(target, next=webfinger(target.key), carry={"step": records.WEBFINGER})
    if page.status in (404, 410):
        return Absent(target, "gone" if page.status == 410 else "unknown")
    if page.status in (401, 403, 422):
        return _denied(page)
    return Absent(target, f"refused: HTTP {page.status} without an account; not a server that speaks Mastodon's API")


def _of_webfinger(page: Page) -> Outcome:
    """The outcome of WebFinger: the account's server; absent if there is none, or the host already asked."""
    target = page.requests[0].target
    if page.status == 410:
        return Absent(target, "gone")
    found = _host(page.requests[0])
    link = records.self_link(page) if page.status == 200 else None
    server = http.netloc(link)
    if not server or found is None:
        return Absent(target, "unknown")
    if server == found[0]:  # it knows the account, but has no look-up
        return Done(target, next=_by_name(urlsplit(link or "").path.rstrip("/").rpartition("/")[2]))
    return Done(target, next=f"https://{server}")


def _by_name(name: str) -> str:
    """The path of an account on a server without look-up: Pleroma accepts a name as an id, others have ids in URIs."""
    return f"/api/v1/accounts/{quote(name.lstrip('@').partition('@')[0], safe='')}"


def _of_list(page: Page) -> Outcome:
    """The outcome of the head of a walk, or of a page."""
    target, found = page.requests[0].target, _host(page.requests[0])
    if page.status == 404 and not target.cursor and found and not OWN_ID.match(urlsplit(target.key).path):
        return Done(target, next=_by_name(found[1]), carry={"step": records.HEAD})  # gone, or the server has no look-up
    if page.status in (404, 410) or (page.status == 400 and page.requests[0].carry.get("step") == records.HEAD):
        return Absent(target, "gone")
    if page.status in (401, 403, 422):
        return _denied(page)
    if page.status != 200:
        return Absent(target, f"refused: HTTP {page.status}")
    try:
        if records.is_account(page):
            return _of_head(page, _read_account(page))
        return _of_page(page, msgspec.convert(lenient.value(page.content())[0], list[Any]))
    except http.UNREADABLE as error:
        return Later(target, f"the answer cannot be read: {error}")


def _of_head(page: Page, account: AccountView) -> Outcome:
    """The outcome of a head: the path of *account*'s list, or why it must not be read."""
    target = page.requests[0].target
    if not account.answers_to(target.key):
        return Absent(target, f"gone: the name now belongs to {account.account_id}")
    if account.suspended:
        return Absent(target, "suspended")
    if target.kind == "timeline" and account.opted_out and not page.asked.get("overruled"):
        return Absent(target, "opted-out")
    if target.kind != "timeline" and account.hides(target.kind):
        return Absent(target, "private: the account hides whom it follows and who follows it")
    carry: dict[str, Any] = {"claimed": min(claim, http.MOST)} if (claim := account.claims(target.kind)) else {}
    if page.asked.get("elsewhere") and account.is_remote:
        carry["remote"] = True
    path = f"/api/v1/accounts/{quote(str(account.id), safe='')}/{LISTS[target.kind]}?limit={KINDS[target.kind].page}"
    return Done(target, next=path, carry=carry)


def _of_page(page: Page, items: list[Any]) -> Outcome:
    """The outcome of a page, newest first: a walk ends without a next link, on a second empty page, or at the mark.

    Age is judged by ids: they are the server's order of pages, not a claim of the author.
    """
    request = page.requests[0]
    target, carry, newest, reached = request.target, request.carry, "", False
    if target.kind == "timeline":
        mark = f"@{urlsplit(page.url).netloc}" if carry.get("remote") else ""
        ids = [str(item["id"]) for item in items if isinstance(item, dict) and "id" in item]
        newest = max(ids, key=age) + mark if ids else ""
        since, _, where = request.since.partition("@")
        reached = bool(since) and f"@{where}" == (mark or "@") and any(age(id_) <= age(since) for id_ in ids)
    following = None if reached else next_path(page) or _unlinked(page, items)
    if following == target.cursor:
        why = "the next link leads back to its page"
        return Done(target, items=len(items), newest=newest, complete=False, why=why, stuck=True)
    if following is None or (not items and carry.get("empty")):
        whole, why = (True, "") if reached else _whole(page, request.position + len(items))
        return Done(target, items=len(items), newest=newest, complete=whole, why=why, reached=reached)
    kept = {name: value for name, value in carry.items() if name in ("claimed", "remote")}
    return Done(target, following, len(items), newest, carry=kept if items else kept | {"empty": True})


def _whole(page: Page, seen: int) -> tuple[bool, str]:
    """Whether an ended list is complete, as far as the walk shows; and if not, why."""
    carry = page.requests[0].carry
    claim = carry.get("claimed", 0)
    if carry.get("remote"):
        return False, "asked at another server, which knows only what it has seen"
    if not seen and claim:
        return False, f"the profile claims {claim}, the server lists none"
    if page.kind != "timeline" and seen < claim:
        unlinked = "no link to a next page; " if page.header("link") is None else ""
        return False, f"{unlinked}{seen} of the {claim} that the profile claims"
    if seen < claim:  # whether the rest is private is unknown: the server ended it, and the reason is kept
        return True, f"{seen} of the {claim} that the profile claims, private posts included"
    return True, ""


def _unlinked(page: Page, items: list[Any]) -> str | None:
    """The next page of a timeline on a server without `Link` headers (Pixelfed): from the oldest post on, as
    documented for `max_id`, if the profile claims more. Not for follow lists, whose ids are internal."""
    claim, seen = page.requests[0].carry.get("claimed"), page.requests[0].position + len(items)
    ids = [str(item["id"]) for item in items if isinstance(item, dict) and "id" in item]
    if page.kind != "timeline" or page.header("link") is not None or not ids or (claim and seen >= claim):
        return None
    path, _, query = page.requests[0].target.cursor.partition("?")
    asked = [(name, value) for name, value in parse_qsl(query) if name != "max_id"]
    return f"{path}?{urlencode([*asked, ('max_id', min(ids, key=age))])}"


def _error(page: Page) -> str | None:
    """The `error` of a JSON body; None if the body is something else."""
    try:
        return lenient.read(page.content(), records.Error)[0].error
    except http.UNREADABLE:
        return None


def _denied(page: Page) -> Outcome:
    """The outcome of 401, 403 and 422: our token is rejected, or the server requires one."""
    target, why = page.requests[0].target, _error(page) or f"HTTP {page.status}"
    if page.status == 401 and page.asked.get("signed"):
        return Refused(target, why)
    return Absent(target, f"refused: {why}")


collector = Mastodon()

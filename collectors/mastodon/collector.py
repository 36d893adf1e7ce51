"""Mastodon and the servers that speak its API (GoToSocial, Takahe, Pleroma ...): what to ask, and what answers mean.

An account's key is its URI (its URL where a server tells no URI), as in `accounts.account_id`: its host is the
server to ask. Every walk begins with the account itself, which gives the server's own id for it, its opt-outs and
its claims; the list follows, by the `Link` header alone. A cursor is the path to ask next, or the server to ask.

`Page.asked` holds `signed` (our token was sent), `elsewhere` (one server is asked about everyone) and `overruled`
(opt-outs are); `Want.carry` holds `step` (webfinger: where a handle lives; head: the account itself, by its name),
`claimed` (what the profile says of this list), `remote` (asked elsewhere than at the account's own server) and `empty`
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
from storage.records import Failure, Page, Record, Want
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

    base_url: str | None = Field(None, description="One server to ask about everyone, instead of everyone's own.")
    hosts: dict[str, str] = Field({}, description="Addresses to reach servers at, for tests.")
    allow_private: bool = Field(False, description="Ask servers on private networks too, if names lead there.")
    honour_opt_outs: bool = Field(True, description="Leave timelines alone whose owner says noindex or not indexable.")
    token_host: str | None = Field(None, description="The server that the secret belongs to (default: of base_url).")
    contact: str = Field("", description="Who answers for the collecting, in the user agent.")


class Mastodon:
    """The collector: one want a request."""

    kinds: ClassVar[Mapping[str, Kind]] = KINDS
    # identi.ca, the first server of the network that others' posts on such servers may come from
    opened: ClassVar[Mapping[str, date]] = {"mastodon": date(2008, 7, 2)}
    personal = PERSONAL
    handle_of = staticmethod(handle_of)
    recheck: ClassVar[Mapping[str, str]] = {"account": "user"}  # by what a thing is looked up
    asked_before = staticmethod(asked_before)

    page_of = staticmethod(typed.page_of)
    recorded = staticmethod(recorded)
    made_at = staticmethod(typed.made_at)
    query_of = staticmethod(queries.query_of)
    seed_form = "an account of Mastodon; write user@server, or the address of its page"

    @staticmethod
    def canonical(seed: str) -> str:
        """The key of an account: `user@server` without the @ before it; an address with its scheme."""
        handle = HANDLE.match(seed.strip().removeprefix("acct:"))
        return f"{handle[1]}@{handle[2].lower()}" if handle else web(seed) or seed.strip()

    @staticmethod
    def server(want: Want, options: Mapping[str, Any]) -> str:
        """The server that *want* is asked at."""
        found = _host(want)
        return str(options.get("base_url") or (found[0] if found else ""))

    def fetch(self, wants: Iterator[Want], settings: Settings) -> Iterator[Page | Failure]:
        """Yield the answers to each want."""
        options = settings.checked(Options)
        for want in wants:
            yield from _ask(settings.wire, want, options, settings.secret)

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
        """Yield the accounts, follows and posts that the page tells."""
        if page.status != 200 or page.wants[0].carry.get("step") == records.WEBFINGER:
            return
        try:
            yield from queries.read(page) if page.kind in queries.QUERIES else records.read(page)
        except http.UNREADABLE as error:
            if page.kind != "user":  # a web site that is no server answers a look-up with its own pages
                yield http.unreadable("body", error, page.body)


# ---- asking -----------------------------------------------------------------------------------------------------


def _ask(wire: Wire, want: Want, options: Options, secret: str | None) -> list[Page | Failure]:
    """Ask what *want* needs next."""
    found = _host(want)
    if found is None:
        told = f"{want.target.key!r} names no account; write user@server, or the address of the account"
        return http.refuse(wire, (want,), "invalid-key", told)
    host, name = found
    if options.base_url:
        origin, alias = options.base_url.rstrip("/"), None
    else:
        origin, alias = http.reachable(host, options.hosts)
        if host not in options.hosts and is_private(origin):
            return http.refuse(wire, (want,), "private-address", f"{host} is not a public server", origin)
    headers = {"Host": alias} if alias else {}
    asked = {"elsewhere": bool(options.base_url), "overruled": not options.honour_opt_outs}
    if secret and (options.token_host or urlsplit(options.base_url or "").netloc) in (host, urlsplit(origin).netloc):
        headers["Authorization"] = f"Bearer {secret}"
        asked["signed"] = True
    asked = {name: True for name, said in asked.items() if said}
    url = origin + _path(want, name)
    return http.ask(wire, (want,), url, headers=headers, contact=options.contact, asked=asked)


def _host(want: Want) -> tuple[str, str] | None:
    """The server to ask for *want* and the account's name there; None if its key names none."""
    key, cursor = want.target.key, want.target.cursor
    if want.target.kind in queries.QUERIES:
        return (queries.host(want), "") if queries.host(want) else None
    if handle := HANDLE.match(key):
        name, host = handle.groups()
        return (cursor.partition("//")[2] if cursor.startswith("https://") else host.lower()), f"{name}@{host.lower()}"
    server = http.netloc(key)
    name = urlsplit(key).path.rstrip("/").rpartition("/")[2].lstrip("@") if server else ""
    return (server, name) if name else None


def _path(want: Want, name: str) -> str:
    """Path and query of the request for *want*."""
    key, cursor = want.target.key, want.target.cursor
    if want.target.kind in queries.QUERIES:
        return queries.path(want)
    if cursor.startswith("/"):
        return cursor
    if own := OWN_ID.match(urlsplit(key).path):
        return f"/api/v1/accounts/{own[1]}"
    return f"/api/v1/accounts/lookup?acct={quote(name)}"


# ---- what answers mean ------------------------------------------------------------------------------------------


def _account(page: Page) -> AccountView | None:
    """The account that is the body of *page*; None if the body is something else."""
    try:
        return _read_account(page) if page.status == 200 else None
    except http.UNREADABLE:
        return None


def _read_account(page: Page) -> AccountView:
    return lenient.read(page.content(), AccountView, records.VITAL)[0]


def _of_user(page: Page) -> Outcome:
    """A handle is looked for at the host it names, then, if that is not the server itself, where WebFinger says."""
    target, cursor = page.wants[0].target, page.wants[0].target.cursor
    if page.wants[0].carry.get("step") == records.WEBFINGER:
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
    """Where WebFinger says the account's server is; absent if it says nothing, or the host that was asked already."""
    target = page.wants[0].target
    if page.status == 410:
        return Absent(target, "gone")
    found = _host(page.wants[0])
    link = records.self_link(page) if page.status == 200 else None
    server = http.netloc(link)
    if not server or found is None:
        return Absent(target, "unknown")
    if server == found[0]:  # it knows the account, but no look-up
        return Done(target, next=_by_name(urlsplit(link or "").path.rstrip("/").rpartition("/")[2]))
    return Done(target, next=f"https://{server}")


def _by_name(name: str) -> str:
    """Where a server without the look-up shows an account: Pleroma takes a name for an id, others have ids in URIs."""
    return f"/api/v1/accounts/{quote(name.lstrip('@').partition('@')[0], safe='')}"


def _of_list(page: Page) -> Outcome:
    """The account at the head of a walk, or a page of its list."""
    target, found = page.wants[0].target, _host(page.wants[0])
    if page.status == 404 and not target.cursor and found and not OWN_ID.match(urlsplit(target.key).path):
        return Done(target, next=_by_name(found[1]), carry={"step": records.HEAD})  # gone, or the server has no look-up
    if page.status in (404, 410) or (page.status == 400 and page.wants[0].carry.get("step") == records.HEAD):
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
    """Where the list of *account* is, or why it must not be read."""
    target = page.wants[0].target
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
    """A page of a list, newest first; the walk ends without a next link, on a second empty page, or at the old mark.

    Ids say what is older: they are the order the server pages by, and no claim of the author's.
    """
    want = page.wants[0]
    target, carry, newest, reached = want.target, want.carry, "", False
    if target.kind == "timeline":
        mark = f"@{urlsplit(page.url).netloc}" if carry.get("remote") else ""
        ids = [str(item["id"]) for item in items if isinstance(item, dict) and "id" in item]
        newest = max(ids, key=age) + mark if ids else ""
        since, _, where = want.since.partition("@")
        reached = bool(since) and f"@{where}" == (mark or "@") and any(age(id_) <= age(since) for id_ in ids)
    following = None if reached else next_path(page) or _unlinked(page, items)
    if following == target.cursor:
        why = "the next link leads back to its page"
        return Done(target, items=len(items), newest=newest, complete=False, why=why, stuck=True)
    if following is None or (not items and carry.get("empty")):
        whole, why = (True, "") if reached else _whole(page, want.position + len(items))
        return Done(target, items=len(items), newest=newest, complete=whole, why=why, reached=reached)
    kept = {name: value for name, value in carry.items() if name in ("claimed", "remote")}
    return Done(target, following, len(items), newest, carry=kept if items else kept | {"empty": True})


def _whole(page: Page, seen: int) -> tuple[bool, str]:
    """Whether a list that ended is all there is, as far as the walk shows; and if not, why."""
    carry = page.wants[0].carry
    claim = carry.get("claimed", 0)
    if carry.get("remote"):
        return False, "asked at another server, which knows only what it has seen"
    if not seen and claim:
        return False, f"the profile claims {claim}, the server lists none"
    if page.kind != "timeline" and seen < claim:
        unlinked = "no link to a next page; " if page.header("link") is None else ""
        return False, f"{unlinked}{seen} of the {claim} that the profile claims"
    if seen < claim:  # no list of posts shows whether the rest is private: the server ended it, and the reason is kept
        return True, f"{seen} of the {claim} that the profile claims, private posts included"
    return True, ""


def _unlinked(page: Page, items: list[Any]) -> str | None:
    """The next page of a timeline where a server gives no `Link` at all (Pixelfed): from the oldest post shown on, as
    documented for `max_id`, if the profile claims more. Follow lists have no such way: their ids are internal."""
    claim, seen = page.wants[0].carry.get("claimed"), page.wants[0].position + len(items)
    ids = [str(item["id"]) for item in items if isinstance(item, dict) and "id" in item]
    if page.kind != "timeline" or page.header("link") is not None or not ids or (claim and seen >= claim):
        return None
    path, _, query = page.wants[0].target.cursor.partition("?")
    asked = [(name, value) for name, value in parse_qsl(query) if name != "max_id"]
    return f"{path}?{urlencode([*asked, ('max_id', min(ids, key=age))])}"


def _error(page: Page) -> str | None:
    """The `error` of a JSON body; None if the body is something else."""
    try:
        return lenient.read(page.content(), records.Error)[0].error
    except http.UNREADABLE:
        return None


def _denied(page: Page) -> Outcome:
    """401, 403 and 422: our token is refused, or the server asks for one."""
    target, why = page.wants[0].target, _error(page) or f"HTTP {page.status}"
    if page.status == 401 and page.asked.get("signed"):
        return Refused(target, why)
    return Absent(target, f"refused: {why}")


collector = Mastodon()

"""LinkedIn members who take part: their own data, by their consent, over the Member Data Portability API.

The Member Snapshot API gives a member's data by domain, in pages of rows with the columns of the member's own export;
the records are those of the export (`collectors.linkedin.export`). Columns that it does not keep, e-mail addresses and
telephone numbers are cut from an answer before anything is written.

A walk begins with the authorization, which says since when LinkedIn prepares the data; a cursor is a domain and the
number of its page. `Page.asked` has the `owner` of the records, and the further `domains` that the study names and the
consent covers, which are read first; `Request.carry` has `since` (epoch milliseconds of the authorization), `positions`
and `further` (rows read on the way to the profile) and `last` (a digest of the page before).

LinkedIn's documents as of November 2026, and what could not be checked: docs/collectors/linkedin-members.md.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

import msgspec
from pydantic import BaseModel, Field

from collectors.base import Absent, Done, Kind, Later, OAuth, Outcome, Refused, Settings, Token
from collectors.importing.file_collector import guarded
from collectors.linkedin.domains import FURTHER
from collectors.linkedin.export import ADDRESS, KEPT, POSITIONS, PROFILE, connected, member, reduced
from collectors.parsing.coerce import decode, each, from_epoch, get, record, text
from collectors.parsing.people import profile_url
from collectors.parsing.redact import replaced
from collectors.wire import http
from collectors.wire.oauth import NoAnswer, renewed, token_of
from storage.privacy.declared import Personal
from storage.records import Failure, Page, Record, Request

API, SITE = "https://api.linkedin.com", "https://www.linkedin.com"
SCOPE = "r_dma_portability_3rd_party"
VERSION = "202312"  # the only one that the API accepts
COLUMNS = {  # by domain
    "POSITIONS": POSITIONS, "PROFILE": PROFILE, "CONNECTIONS": KEPT,
    **{name: columns for name, (_, columns) in FURTHER.items()},
}  # fmt: skip
WALKS = {"member": ("POSITIONS", "PROFILE"), "contacts": ("CONNECTIONS",)}  # the domains of a kind, in order
NO_DATA = "no data found"  # ends the pages of a domain
READY = timedelta(hours=6)  # after the authorization; until then a domain without data may still be being prepared
AGAIN = timedelta(minutes=20)  # longer than a run waits
NOT_READY = "not ready: LinkedIn is preparing the data"


class Options(BaseModel):
    """The collector's own keys in the study file."""

    client_id: str = Field("", description="Client ID of your LinkedIn application; the client secret is the secret.")
    native_pkce: bool = Field(False, description="LinkedIn enabled its native PKCE flow for the application.")
    base_url: str | None = Field(None, description="Another server with the same interface.")
    oauth_url: str = Field(f"{SITE}/oauth", description="LinkedIn's authorization server.")
    contact: str = Field("", description="Contact for server operators, for the user agent.")


class Members:
    """The collector: one request per request, each with the token of its own participant."""

    kinds: ClassVar[Mapping[str, Kind]] = {
        "member": Kind(paged=True, head=1, of="consent", yields="profiles"),
        "contacts": Kind(paged=True, head=1, of="consent", ties=("connections",)),
    }
    personal = Personal(
        fields={
            "URL": "address", "First Name": "names", "Last Name": "names", "Headline": "descriptions",
            "Summary": "descriptions", "Geo Location": "locations",
        },
    )  # fmt: skip

    @staticmethod
    def canonical(seed: str) -> str:
        """The address of a profile in its canonical form."""
        return profile_url(seed) or seed

    @staticmethod
    def oauth(options: Mapping[str, Any]) -> OAuth | None:
        """How participants connect, if the study has an application at LinkedIn."""
        its = Options.model_validate({name: options[name] for name in Options.model_fields if name in options})
        kinds = options.get("kinds") or WALKS
        reads = [*options.get("domains", ()), *(name for kind in kinds for name in WALKS.get(kind, ()))]
        flow = f"{its.oauth_url}/native-pkce" if its.native_pkce else f"{its.oauth_url}/v2"
        return OAuth(
            "LinkedIn", its.client_id, f"{flow}/authorization", f"{its.oauth_url}/v2/accessToken", (SCOPE,),
            f"{its.base_url or API}{_path('')}", _member_id, {"LinkedIn-Version": VERSION}, its.native_pkce, ADDRESS,
            tuple(reads),
        ) if its.client_id else None  # fmt: skip

    def fetch(self, requests: Iterator[Request], settings: Settings) -> Iterator[Page | Failure]:
        """Yield the answer to each request, reduced to what is kept; without a consent a failure, and no request."""
        for request in requests:
            for answer in self._answers(request, settings):
                yield _kept(answer) if isinstance(answer, Page) else answer

    def _answers(self, request: Request, settings: Settings) -> list[Page | Failure]:
        if not settings.wire.live:
            return _ask(request, settings, Token(""), ())
        offer = self.oauth({**settings.options, "client_id": settings.options.get("client_id") or "none"})
        assert offer is not None
        try:
            token = token_of(settings, offer, request.target.key)
            if token is None:
                return http.refuse(settings.wire, (request,), "consent", "the consent is withdrawn")
            covered = settings.consented(request.target.key).split(", ")
            domains = [name for name in settings.options.get("domains", ()) if token.own or name in covered]
            answers = _ask(request, settings, token, domains)
            if isinstance(answers[-1], Page) and answers[-1].status == 401:
                token = renewed(settings, offer, request.target.key, token)
                answers = _ask(request, settings, token, domains) if token else answers
            return answers
        except NoAnswer as error:
            return http.refuse(settings.wire, (request,), "connection", str(error), offer.token_url)

    def outcome(self, page: Page) -> Iterator[Outcome]:
        """Yield the outcome for the page's one target."""
        if page.status == 429:  # daily limits of an application and of a member
            until = http.retry_at(page) or _midnight(page.fetched_at)
            yield Later(page.requests[0].target, "rate limit", until, free=True)
            return
        general = http.trouble(page)
        if general is not None:
            yield from general
        else:
            yield _of_page(page)

    def parse(self, page: Page) -> Iterator[Record]:
        """Yield the records of the page: those of the member's own export."""
        domain, _ = _place(page.requests[0])
        if _refused(page, domain):
            yield http.unreadable(domain, f"refused: {_message(page) or page.status}", b"")
        if not domain or (page.status != 200 and not _no_data(page)):
            return
        owner = str(page.asked.get("owner") or page.key)
        owner = profile_url(owner) or owner
        try:
            rows = _rows(page)
        except http.UNREADABLE as error:
            yield http.unreadable(domain, error, page.body)
            return
        if domain == "PROFILE":
            carry = page.requests[0].carry
            body = {"profile": rows[0] if rows else {}, **{name: carry.get(name) for name in ("positions", "further")}}
            yield from guarded(domain, page.body, lambda: member(owner, body))
        elif domain == "CONNECTIONS":
            for number, row in enumerate(rows, page.requests[0].position + 1):
                yield from connected(owner, {**dict.fromkeys(KEPT, ""), **row, "Line": number}, "Connections.csv")


# ---- requests ---------------------------------------------------------------------------------------------------


def _ask(request: Request, settings: Settings, token: Token, domains: Sequence[str]) -> list[Page | Failure]:
    options = settings.checked(Options)
    headers = {"Authorization": f"Bearer {token.access}", "LinkedIn-Version": VERSION}
    asked: dict[str, Any] = {"owner": token.owner} if token.owner else {}
    asked |= {"domains": domains} if domains and request.target.kind == "member" else {}
    url = (options.base_url or API).rstrip("/") + _path(request.target.cursor)
    return http.ask(settings.wire, (request,), url, headers=headers, contact=options.contact, asked=asked)


def _path(cursor: str) -> str:
    domain, _, start = cursor.partition(":")
    if not domain:
        return "/rest/memberAuthorizations?q=memberAndApplication"
    return f"/rest/memberSnapshotData?q=criteria&domain={domain}&start={start}"


def _kept(page: Page) -> Page:
    """*page* with only what is kept of its body; an error keeps its message."""
    domain, _ = _place(page.requests[0])
    try:
        body = record(decode(page.content()))
    except http.UNREADABLE:
        return replaced(page, b"", ())
    left: dict[str, Any] = reduced(body, ("message", "code"))
    left |= {name: body[name] for name in ("status", "serviceErrorCode") if isinstance(body.get(name), int)}
    if page.status == 200 and domain:
        rows = [reduced(record(row), COLUMNS[domain]) for one in each(body.get("elements")) for row in
                each(get(one, "snapshotData"))]  # fmt: skip
        left = {"elements": [{"snapshotDomain": domain, "snapshotData": rows}]}
    elif page.status == 200:
        left = {"elements": [{"regulatedAt": get(one, "regulatedAt")} for one in each(body.get("elements"))]}
    return replaced(page, msgspec.json.encode(left), ())


def _member_id(body: bytes) -> str | None:
    """The member whose token asked for the authorization in *body*; None if LinkedIn has none yet."""
    try:
        found = get(msgspec.json.decode(body), "elements", 0, "memberComplianceAuthorizationKey", "member")
    except http.UNREADABLE:
        return None
    return text(found)


# ---- outcomes ---------------------------------------------------------------------------------------------------


def _of_page(page: Page) -> Outcome:
    request = page.requests[0]
    target, (domain, start) = request.target, _place(request)
    if page.status == 200 or _no_data(page) or _refused(page, domain):
        try:
            return _of_rows(page, domain, start, _rows(page)) if domain else _of_authorization(page)
        except http.UNREADABLE as error:
            return Later(target, f"the answer cannot be read: {error}")
    said = _message(page)
    if page.status == 401:
        revoked = "revoked" in said.casefold()
        return Absent(target, "consent withdrawn" if revoked else "expired: the participant must connect again", said)
    if page.status == 426:
        return Refused(target, f"LinkedIn-Version {VERSION} is no longer served: {said}")
    return Absent(target, "refused", said or f"HTTP {page.status}")


def _of_authorization(page: Page) -> Outcome:
    """The first page of a walk, if LinkedIn is preparing the member's data."""
    target = page.requests[0].target
    since = get(msgspec.json.decode(page.content()), "elements", 0, "regulatedAt")
    if from_epoch(since) is None:
        return Later(target, NOT_READY, page.fetched_at + AGAIN)
    return Done(target, f"{_walk(page)[0]}:0", carry={"since": since})


def _of_rows(page: Page, domain: str, start: int, rows: list[dict[str, str]]) -> Outcome:
    """The next page of a domain, until there is none: links and totals do not show it."""
    request = page.requests[0]
    target, carry = request.target, request.carry
    since = from_epoch(carry.get("since"))
    waits = since is not None and page.fetched_at < since + READY and not _refused(page, domain)
    if not rows and not start and waits:
        return Later(target, NOT_READY, page.fetched_at + AGAIN, free=True)
    if domain == "PROFILE":
        return Done(target, items=len(rows))
    digest = hashlib.sha256(page.body).hexdigest()[:16]
    again = bool(rows) and digest == carry.get("last")
    new = [] if again else rows
    positions = [*carry.get("positions", []), *(new if domain == "POSITIONS" else ())]
    further = dict(carry.get("further", {}))
    if domain in FURTHER and new:
        further[domain] = [*(further.get(domain, []) if start else ()), *new]
    kept = {"since": carry.get("since"), **({"positions": positions} if positions else {})}
    kept |= {"further": further} if further else {}
    if rows and not again:
        return Done(target, f"{domain}:{start + 1}", len(rows), carry=kept | {"last": digest})
    walk = _walk(page)
    if following := walk[walk.index(domain) + 1 :] if domain in walk else walk:
        return Done(target, f"{following[0]}:0", carry=kept)
    return Done(target, complete=not again, why="the server repeats a page" if again else "", stuck=again)


def _walk(page: Page) -> list[str]:
    """The domains that the walk of *page* reads, in order."""
    return [*page.asked.get("domains", ()), *WALKS[page.requests[0].target.kind]]


def _place(request: Request) -> tuple[str, int]:
    """The domain that *request* asks for ("": the authorization), and the number of its page."""
    domain, _, start = request.target.cursor.partition(":")
    return (domain, int(start or 0)) if domain in COLUMNS and (start or "0").isdecimal() else ("", 0)


def _rows(page: Page) -> list[dict[str, str]]:
    if page.status != 200:
        return []
    rows = get(msgspec.json.decode(page.content()), "elements", 0, "snapshotData")
    return msgspec.convert(rows, list[dict[str, str]])


def _no_data(page: Page) -> bool:
    """Whether a domain has no (more) pages, which LinkedIn says as an error."""
    return page.status in (400, 404) and NO_DATA in _message(page).casefold()


def _refused(page: Page, domain: str) -> bool:
    """Whether LinkedIn does not give a further domain, which keeps nobody's profile from being read."""
    return domain in FURTHER and page.status in (400, 403, 404) and not _no_data(page)


def _message(page: Page) -> str:
    try:
        return (text(get(msgspec.json.decode(page.content()), "message")) or "")[:300]
    except http.UNREADABLE:
        return ""


def _midnight(now: datetime) -> datetime:
    """The next midnight in UTC, when LinkedIn's limits end."""
    return datetime(now.year, now.month, now.day, tzinfo=UTC) + timedelta(days=1)


collector = Members()

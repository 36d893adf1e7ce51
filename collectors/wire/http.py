"""Shared by collectors of HTTP APIs: the httpx client, and the meaning of refusals and limits.

Nothing here knows a platform. `ask` is the only I/O; the rest reads a page.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import msgspec

from collectors.base import Later, Outcome, OutOfCredit, redirected
from collectors.wire.exchange import Exchange, Wire
from collectors.wire.retry_after import latest
from storage.records import Failure, Page, Quarantine, Request

if TYPE_CHECKING:
    import httpx

AGENT = "sneeuwbal/0.1"
MOST = 2**53  # maximum of a claimed count
REDIRECTS = 5  # maximum redirects of a request
UNREADABLE = (
    ValueError,
    TypeError,
    RecursionError,
    msgspec.MsgspecError,
)  # exceptions from reading a body or a part of it
RESETS = ("x-ratelimit-reset", "ratelimit-reset")


def client(wire: Wire, contact: str = "") -> httpx.Client:
    """The httpx client of *wire*, created once: it records or replays all requests."""
    import httpx  # not for those who only read answers

    from collectors.wire.transports import Transport

    def make() -> httpx.Client:
        agent = f"{AGENT} ({contact})" if contact else AGENT
        return httpx.Client(
            transport=Transport(wire),
            timeout=wire.timeout,
            follow_redirects=True,
            max_redirects=REDIRECTS,
            trust_env=False,
            headers={"User-Agent": agent, "Accept": "application/json", "Accept-Encoding": "gzip, deflate"},
        )

    made: httpx.Client = wire.resource("httpx", make)
    return made


def ask(
    wire: Wire,
    requests: tuple[Request, ...],
    url: str,
    *,
    headers: Mapping[str, str] | None = None,
    contact: str = "",
    asked: Mapping[str, Any] | None = None,
) -> list[Page | Failure]:
    """The answers to one GET on behalf of *requests*: redirects and the final one; never an exception."""
    import httpx

    with wire.ask(requests, asked) as exchange:
        http = client(wire, contact)
        try:
            request = http.build_request("GET", url, headers=headers)
            http.send(request, stream=True).close()  # the wire has kept the body as received: nothing is decoded here
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            last = exchange.answers[-1] if exchange.answers else None
            if last is None or (isinstance(last, Page) and redirected(last)):  # the failure is not from the wire
                _give_up(exchange, "redirect" if last else "other", str(error) or type(error).__name__, url)
        return list(exchange.answers)


def refuse(wire: Wire, requests: tuple[Request, ...], reason: str, detail: str, url: str = "") -> list[Page | Failure]:
    """A failure without a request: the target must not, or cannot, be requested."""
    with wire.ask(requests) as exchange:
        _give_up(exchange, reason, detail, url)
        return list(exchange.answers)


def _give_up(exchange: Exchange, reason: str, detail: str, url: str) -> None:
    """Add a failure that is not from the wire; in a replay the recorded one, for its time."""
    recorded = exchange.wire.recorded(exchange.requests, url)
    if recorded is None:
        exchange.fail(reason, detail, url)
    else:
        exchange.keep(recorded)


def reachable(host: str, hosts: Mapping[str, str]) -> tuple[str, str | None]:
    """The origin for *host*, and the Host header if the study file gives another address for it."""
    address = hosts.get(host)
    if address is None:
        return f"https://{host}", None
    return (address.rstrip("/") if "://" in address else f"http://{address}"), host


def netloc(url: str | None) -> str:
    """Host and port of *url* in lower case; empty if it is not a web address."""
    try:
        parts = urlsplit(url or "")
        return parts.netloc.lower() if parts.scheme in ("https", "http") and parts.hostname else ""
    except ValueError:
        return ""


# ---- retries -----------------------------------------------------------------------------------------------------


def trouble(page: Page) -> Iterator[Outcome] | None:
    """The outcomes of an answer without data on its targets (402, 408, 429, 5xx, a redirect); else None."""
    if redirected(page):
        return iter(())
    if page.status == 429:
        return _limited(page)
    if page.status == 402:
        return iter([OutOfCredit(target, "the server asks for payment (402)") for target in page.targets])
    if page.status in (408, 425) or page.status >= 500:
        until, why = retry_at(page), f"HTTP {page.status}"
        return iter([Later(target, why, until) for target in page.targets])
    return None


def _limited(page: Page) -> Iterator[Outcome]:
    """A limit of the server: `collect` holds all requests there, if the limit ends soon.

    Without a usable time each target backs off and counts its tries, so that requests stay bounded.
    """
    until = retry_at(page)
    for target in page.targets:
        yield Later(target, "rate limit", until, free=until is not None)


def retry_at(page: Page) -> datetime | None:
    """The time at which the server allows a retry; None if it gives no time in the future."""
    return latest(page, "retry-after", *(RESETS if page.status == 429 else ()))


# ---- helpers for parsers ----------------------------------------------------------------------------------------


def moment(text: str | None) -> datetime | None:
    """ISO 8601 as an aware time in UTC (also without a zone, like the servers); None if it is not one."""
    if not text:
        return None
    try:
        found = datetime.fromisoformat(text)
        return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        return None


def count(number: int | None) -> int | None:
    """A count; None if the platform gives none (some say -1)."""
    return number if number is not None and number >= 0 else None


def seen_before(request: Request) -> int:
    """The items of a walk before this page, from `Request.carry`."""
    found = request.carry.get("seen", 0)
    return found if isinstance(found, int) else 0


def unread_time(place: str, text: str | None) -> Iterator[Quarantine]:
    """A Quarantine for an invalid claimed time; nothing for a valid or missing one."""
    if text and moment(text) is None:
        yield Quarantine(place, "no usable time: not a moment in ISO 8601", text[:1000])


def unreadable(place: str, reason: object, excerpt: bytes) -> Quarantine:
    """A Quarantine for an unreadable item."""
    return Quarantine(place, str(reason)[:500], excerpt[:1000].decode("utf-8", "replace"))

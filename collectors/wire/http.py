"""What the collectors over plain HTTP APIs share: the one httpx client, and what refusals and limits mean.

Nothing here knows a platform. `ask` is the only I/O; the rest reads a page.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import httpx
import msgspec

from collectors.base import Later, Outcome, OutOfCredit, redirected
from collectors.wire.exchange import Exchange, Wire
from collectors.wire.retry_after import latest
from collectors.wire.transports import Transport
from storage.records import Failure, Page, Quarantine, Want

AGENT = "sneeuwbal/0.1"
MOST = 2**53  # of what a profile claims: more is kept as this much
REDIRECTS = 5  # hops a request follows at most
UNREADABLE = (
    ValueError,
    TypeError,
    RecursionError,
    msgspec.MsgspecError,
)  # what reading a body, or a piece of it, may raise
RESETS = ("x-ratelimit-reset", "ratelimit-reset")


def client(wire: Wire, contact: str = "") -> httpx.Client:
    """The httpx client of *wire*, made once: it records, or replays, whatever it is asked."""

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
    wants: tuple[Want, ...],
    url: str,
    *,
    headers: Mapping[str, str] | None = None,
    contact: str = "",
    asked: Mapping[str, Any] | None = None,
) -> list[Page | Failure]:
    """The answers to one GET on behalf of *wants*: the redirects, and what they led to; never an exception."""
    with wire.ask(wants, asked) as exchange:
        http = client(wire, contact)
        try:
            request = http.build_request("GET", url, headers=headers)
            http.send(request, stream=True).close()  # the wire has kept the body as it came: nothing is decoded here
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            last = exchange.answers[-1] if exchange.answers else None
            if last is None or (isinstance(last, Page) and redirected(last)):  # it was not the wire that failed
                _give_up(exchange, "redirect" if last else "other", str(error) or type(error).__name__, url)
        return list(exchange.answers)


def refuse(wire: Wire, wants: tuple[Want, ...], reason: str, detail: str, url: str = "") -> list[Page | Failure]:
    """A failure without a request: what is wanted must not, or cannot, be asked for."""
    with wire.ask(wants) as exchange:
        _give_up(exchange, reason, detail, url)
        return list(exchange.answers)


def _give_up(exchange: Exchange, reason: str, detail: str, url: str) -> None:
    """Keep a failure that is not the wire's; in a replay the recorded one, for its time."""
    recorded = exchange.wire.recorded(exchange.wants, url)
    if recorded is None:
        exchange.fail(reason, detail, url)
    else:
        exchange.keep(recorded)


def reachable(host: str, hosts: Mapping[str, str]) -> tuple[str, str | None]:
    """The origin to ask for *host*, and the Host header to send where the study file gives another address for it."""
    address = hosts.get(host)
    if address is None:
        return f"https://{host}", None
    return (address.rstrip("/") if "://" in address else f"http://{address}"), host


def netloc(url: str | None) -> str:
    """Host and port of *url* in lower case; empty if it is no web address."""
    try:
        parts = urlsplit(url or "")
        return parts.netloc.lower() if parts.scheme in ("https", "http") and parts.hostname else ""
    except ValueError:
        return ""


# ---- what an answer says about when and whether to ask again ----------------------------------------------------


def trouble(page: Page) -> Iterator[Outcome] | None:
    """The outcomes of an answer that says nothing about its targets (402, 408, 429, 5xx, a redirect); else None."""
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
    """A limit of the server that was asked: `collect` holds all that is asked there, if the limit ends soon.

    Without a usable moment each target backs off and counts its tries, so that requests stay bounded.
    """
    until = retry_at(page)
    for target in page.targets:
        yield Later(target, "rate limit", until, free=until is not None)


def retry_at(page: Page) -> datetime | None:
    """When the server wants to be asked again; None where it names no moment in the future."""
    return latest(page, "retry-after", *(RESETS if page.status == 429 else ()))


# ---- small words for parsers ------------------------------------------------------------------------------------


def moment(text: str | None) -> datetime | None:
    """ISO 8601 as an aware moment in UTC (UTC too without a zone, as the servers read it); None if it is none."""
    if not text:
        return None
    try:
        found = datetime.fromisoformat(text)
        return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        return None


def count(number: int | None) -> int | None:
    """A count; None where the platform gives none (some say -1)."""
    return number if number is not None and number >= 0 else None


def seen_before(want: Want) -> int:
    """The items of a walk before this page, as `Want.carry` holds them."""
    found = want.carry.get("seen", 0)
    return found if isinstance(found, int) else 0


def unread_time(place: str, text: str | None) -> Iterator[Quarantine]:
    """A claimed time that is no time, to be counted; nothing for one that is, or is not given."""
    if text and moment(text) is None:
        yield Quarantine(place, "no usable time: not a moment in ISO 8601", text[:1000])


def unreadable(place: str, reason: object, excerpt: bytes) -> Quarantine:
    """A piece that cannot be read."""
    return Quarantine(place, str(reason)[:500], excerpt[:1000].decode("utf-8", "replace"))

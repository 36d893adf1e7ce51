"""The effect of an answer on the frontier: outcomes of collectors as transitions. Pure: `recover` repeats it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from collectors.base import Absent, Collector, Done, Kind, Later, Limit, Outcome, OutOfCredit, Refused, Split
from storage.frontier.cycles import bounded
from storage.frontier.moves import Move
from storage.records import Failure, Page, Request

OURS = {"robots", "private-address", "redirect", "too-large", "invalid-key"}  # failures decided by us
CONSENT = "consent"  # a failure: the person it is about has not consented, or no longer does


def kinds_of(collector: Collector, options: Mapping[str, Any]) -> dict[str, Kind]:
    """The collector's kinds, with the study file's limits and prices instead of its own."""
    limits, prices = options.get("limits") or {}, options.get("prices") or {}
    kinds = {}
    for name, kind in collector.kinds.items():
        if name in limits:
            kind = msgspec.structs.replace(kind, limit=msgspec.convert(limits[name], Limit | None))
        if name in prices:
            kind = msgspec.structs.replace(kind, price=float(prices[name]))
        kinds[name] = kind
    return kinds


def moves_of(answer: Page | Failure, collector: Collector, kinds: Mapping[str, Kind]) -> list[Move]:
    """The transitions of *answer*, from the collector's outcomes. Pure."""
    requests = {request.target: request for request in answer.requests if request.target.kind in kinds}
    if not requests:
        return []
    if isinstance(answer, Failure):
        outcomes: Iterable[Outcome] = [failed(answer, request) for request in requests.values()]
    else:
        outcomes = collector.outcome(answer)
    found = ((outcome, requests.get(outcome.target)) for outcome in outcomes)
    moves = [
        _move(bounded(outcome, request), request, kinds[request.target.kind].price)
        for outcome, request in found
        if request
    ]
    if not moves:  # a redirect that was followed
        moves = [Move(request.target, request.walk, "on") for request in requests.values()]
    return [msgspec.structs.replace(move, requests=1 if n == 0 else 0) for n, move in enumerate(moves)]


def failed(failure: Failure, request: Request) -> Outcome:
    """The outcome of a failure."""
    if failure.reason == CONSENT:
        return Absent(request.target, "consent withdrawn")
    if failure.reason in OURS:
        return Absent(request.target, f"refused: {failure.reason}")
    return Later(request.target, failure.reason)


def _move(outcome: Outcome, request: Request, price: float) -> Move:
    target, walk = request.target, request.walk
    match outcome:
        case Done(next=str(cursor)):
            return Move(target, walk, "next", cursor=cursor, items=outcome.items, newest=outcome.newest, price=price,
                        carry=outcome.carry)  # fmt: skip
        case Done():
            return Move(target, walk, "end", outcome.why, items=outcome.items, newest=outcome.newest, price=price,
                        stuck=outcome.stuck)  # fmt: skip
        case Later():
            return Move(target, walk, "later", outcome.why, until=outcome.until, free=outcome.free,
                        whole_kind=outcome.whole_kind, restart=outcome.restart, tries=request.tries)  # fmt: skip
        case Split():
            return Move(target, walk, "alone", outcome.why)
        case Absent():
            return Move(target, walk, "absent", outcome.why)
        case OutOfCredit():
            return Move(target, walk, "keep", f"credit: {outcome.why}")
        case Refused():
            return Move(target, walk, "keep", f"refused: {outcome.why}")

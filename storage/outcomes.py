"""What became of a target: the words of a collector's `outcome`, and the absences that follow from them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

import msgspec

from storage.records import Absence, Target


class Done(msgspec.Struct, frozen=True):
    """The target is answered. *next* is the next page of the same walk; None ends the walk."""

    target: Target
    next: str | None = None  # cursor of the next page; no two pages of a walk share one
    items: int = 0  # things delivered, which are billed and counted by `--limit`
    newest: str = ""  # the newest id on this page, for the high-water mark
    complete: bool = True  # with next None: False if the list was cut short (truncated: the reason in *why*)
    why: str = ""  # why it was cut short, or why a complete list is shorter than its account claims
    reached: bool = False  # the old high-water mark was reached on this page
    stuck: bool = False  # the list led back to itself: older items may still be available, so the old mark stays
    carry: Mapping[str, Any] = {}  # data for the next page besides its cursor, passed in its `Request.carry`


class Later(msgspec.Struct, frozen=True):
    """Retry at *until* (None: by back-off). Counts as a try unless *free*."""

    target: Target
    why: str
    until: datetime | None = None
    free: bool = False
    whole_kind: bool = False  # a rate limit: nothing of this kind is due before *until*
    restart: bool = False  # the cursor is no longer valid: the walk starts again


class Split(msgspec.Struct, frozen=True):
    """A batch failed because of one target: request this target alone (or in halves)."""

    target: Target
    why: str


class Absent(msgspec.Struct, frozen=True):
    """Not available, and why: suspended, protected, gone, unknown, masked, refused, opted-out, private ...

    `load` makes the row of `absences` from it: parsers yield none for a target.
    """

    target: Target
    why: str  # a reason, with a detail after ": "
    detail: str = ""  # the platform's own words, if not in *why*
    platform: str = ""  # as in its records; "": the collector's name
    key: str = ""  # the key of the absence; "": the target's key


class OutOfCredit(msgspec.Struct, frozen=True):
    """The platform requires payment (402): the job stops with exit code 4, the frontier is kept."""

    target: Target
    why: str


class Refused(msgspec.Struct, frozen=True):
    """The platform rejects the credentials (401): the job stops, the frontier is kept."""

    target: Target
    why: str


Outcome = Done | Later | Split | Absent | OutOfCredit | Refused


def absences(outcomes: Iterable[Outcome]) -> Iterator[Absence]:
    """The absences among *outcomes*, as records."""
    for one in outcomes:
        if isinstance(one, Absent):
            target, (reason, _, more) = one.target, one.why.partition(": ")
            detail = one.detail or more or None
            yield Absence(one.platform or target.collector, target.kind, one.key or target.key, reason, detail)

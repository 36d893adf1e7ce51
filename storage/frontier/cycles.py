"""Lists whose pages lead round in a circle: noticed with one cursor kept of a walk.

The cursor kept is that of the page whose number is the last power of two: a walk that comes to it again is in a circle
(R. P. Brent, BIT 20, 1980, 176-184).
"""

from __future__ import annotations

import hashlib

import msgspec

from storage.outcomes import Done, Outcome
from storage.records import Want

CIRCLE = "the list leads back to a page that was read before"


def mark(cursor: str) -> str:
    """What is kept of *cursor*: no name or token that may stand in it."""
    return hashlib.sha256(cursor.encode()).hexdigest()[:16]


def bounded(outcome: Outcome, want: Want) -> Outcome:
    """*outcome* of *want*; the end of the walk, cut short, if its list leads round in a circle."""
    if not isinstance(outcome, Done) or not outcome.next or outcome.next == want.target.cursor:
        return outcome
    if mark(outcome.next) != want.anchor:
        return outcome
    return msgspec.structs.replace(outcome, next=None, complete=False, why=CIRCLE, stuck=True)

"""Detection of lists whose pages form a cycle, with one stored cursor per walk.

The stored cursor is that of the page whose number is the last power of two: a walk that meets it again is in a cycle
(R. P. Brent, BIT 20, 1980, 176-184).
"""

from __future__ import annotations

import hashlib

import msgspec

from storage.outcomes import Done, Outcome
from storage.records import Request

CIRCLE = "the list leads back to a page that was read before"


def mark(cursor: str) -> str:
    """A hash of *cursor*, which may contain a name or token."""
    return hashlib.sha256(cursor.encode()).hexdigest()[:16]


def bounded(outcome: Outcome, request: Request) -> Outcome:
    """*outcome* of *request*; if its list is in a cycle, an end of the walk, marked as cut short."""
    if not isinstance(outcome, Done) or not outcome.next or outcome.next == request.target.cursor:
        return outcome
    if mark(outcome.next) != request.anchor:
        return outcome
    return msgspec.structs.replace(outcome, next=None, complete=False, why=CIRCLE, stuck=True)

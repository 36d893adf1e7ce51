"""Conversion of answers archived before November 2026 to today's form.

Until then, request parameters were kept in addresses, cursors and invented headers. Only the collector
knows where: its hook `asked_before(answer)` returns the same answer with `Page.asked` and `Request.carry`.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from importlib.metadata import entry_points
from typing import Any

from storage.privacy.declared import hooks_of
from storage.records import Answer


def modern(answer: Answer) -> Answer:
    """*answer*, read from a record without request parameters, in today's form."""
    hook = _hook(answer.requests[0].target.collector) if answer.requests else None
    found: Answer = hook(answer) if hook else answer
    return found


@cache
def _hook(collector: str) -> Callable[[Any], Any] | None:
    """The hook of *collector*; None if it is not installed, or has none."""
    for point in entry_points(group="sneeuwbal.collectors", name=collector):
        return hooks_of(point.load()).asked_before
    return None

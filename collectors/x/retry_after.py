"""The time of a retry on X: from the answer, within bounds."""

from __future__ import annotations

from datetime import datetime, timedelta

from collectors.wire.retry_after import latest, retry_after
from storage.records import Page, Request

WINDOW = timedelta(minutes=15)
FIRST = timedelta(seconds=5)  # wait after a 429 without a time; four times as long each try, up to a window
GUESSES = 4  # such waits that count as tries; after these, a window at a time
MARGIN = timedelta(seconds=1)  # the reset is given in whole seconds

# The daily limits have their own headers; if one of them is used up, the short window does not matter.
RESETS = ("x-app-limit-24hour", "x-user-limit-24hour", "x-rate-limit", "x-ratelimit")


def limited(page: Page, request: Request) -> tuple[datetime, bool]:
    """The time of a retry after a 429, and whether it is free (X gave the time) or counts as a try (a guess).

    A missing or past reset leads to growing waits, never to an immediate retry.
    """
    named = _named(page)
    if named is not None:
        return named + MARGIN, True
    wait = min(WINDOW, FIRST * 4**request.tries)
    return page.fetched_at + wait, request.tries >= GUESSES


def _named(page: Page) -> datetime | None:
    for prefix in RESETS:
        daily = prefix.endswith("24hour")
        if daily and page.header(f"{prefix}-remaining") != "0":
            continue
        if moment := latest(page, f"{prefix}-reset", distances=False):
            return moment
    return retry_after(page)

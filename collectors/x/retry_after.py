"""When X may be asked again: from whatever the answer says, within bounds."""

from __future__ import annotations

from datetime import datetime, timedelta

from collectors.wire.retry_after import latest, retry_after
from storage.records import Page, Want

WINDOW = timedelta(minutes=15)
FIRST = timedelta(seconds=5)  # wait after a 429 that says nothing; four times as long each try, up to a window
GUESSES = 4  # such waits that count as tries; from there on a window at a time for as long as it takes
MARGIN = timedelta(seconds=1)  # the reset is given in whole seconds

# The daily limits stand in headers of their own; where one of them is used up the short window does not matter.
RESETS = ("x-app-limit-24hour", "x-user-limit-24hour", "x-rate-limit", "x-ratelimit")


def limited(page: Page, want: Want) -> tuple[datetime, bool]:
    """When to ask again after a 429, and whether that is free (X said when) or counts as a try (we guess).

    A reset that is missing or past is answered by growing waits, never by asking at once.
    """
    named = _named(page)
    if named is not None:
        return named + MARGIN, True
    wait = min(WINDOW, FIRST * 4**want.tries)
    return page.fetched_at + wait, want.tries >= GUESSES


def _named(page: Page) -> datetime | None:
    for prefix in RESETS:
        daily = prefix.endswith("24hour")
        if daily and page.header(f"{prefix}-remaining") != "0":
            continue
        if moment := latest(page, f"{prefix}-reset", distances=False):
            return moment
    return retry_after(page)

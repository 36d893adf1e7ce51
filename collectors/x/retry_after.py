"""When X may be asked again: from whatever the answer says, within bounds."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

from storage.records import Page, Want

FARTHEST = timedelta(days=2)  # a reset beyond this is not believed
WINDOW = timedelta(minutes=15)
FIRST = timedelta(seconds=5)  # wait after a 429 that says nothing; four times as long each try, up to a window
GUESSES = 4  # such waits that count as tries; from there on a window at a time for as long as it takes
MARGIN = timedelta(seconds=1)  # the reset is told in whole seconds

# The daily limits stand in headers of their own; where one of them is used up the short window does not matter.
RESETS = ("x-app-limit-24hour", "x-user-limit-24hour", "x-rate-limit", "x-ratelimit")


def limited(page: Page, want: Want) -> tuple[datetime, bool]:
    """When to ask again after a 429, and whether that is free (X said when) or counts as a try (we guess).

    A reset that is missing or past is answered by growing waits, never by asking at once.
    """
    told = _told(page)
    if told is not None:
        return told + MARGIN, True
    wait = min(WINDOW, FIRST * 4**want.tries)
    return page.fetched_at + wait, want.tries >= GUESSES


def retry_after(page: Page) -> datetime | None:
    """The time that Retry-After gives in the future, at most FARTHEST away; None without one."""
    return _future(page, "retry-after", relative=True)


def _told(page: Page) -> datetime | None:
    for prefix in RESETS:
        daily = prefix.endswith("24hour")
        if daily and page.header(f"{prefix}-remaining") != "0":
            continue
        if moment := _future(page, f"{prefix}-reset"):
            return moment
    return retry_after(page)


def _future(page: Page, name: str, relative: bool = False) -> datetime | None:
    """The latest moment in the future that headers called *name* give; at most FARTHEST away."""
    start = page.fetched_at if relative else None
    moments = [_moment(value.strip(), start) for key, value in page.headers if key.lower() == name]
    future = [moment for moment in moments if moment is not None and moment > page.fetched_at]
    return min(max(future), page.fetched_at + FARTHEST) if future else None


def _moment(value: str, start: datetime | None) -> datetime | None:
    """A moment given in Unix (milli)seconds, seconds from *start*, ISO 8601 or as an HTTP date; None for others."""
    try:
        if re.fullmatch(r"\d+(\.\d+)?", value):
            number = float(value)
            if start is not None and number < 1e9:
                return start + timedelta(seconds=number)
            return datetime.fromtimestamp(number / 1000 if number > 1e11 else number, UTC)
        iso = re.match(r"\d{4}-\d\d-\d\d", value)
        moment = datetime.fromisoformat(value) if iso else parsedate_to_datetime(value)
    except (ValueError, OverflowError, OSError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)

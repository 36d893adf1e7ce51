"""The reader of retry times in headers, with a common bound."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

from storage.records import Page

FARTHEST = timedelta(days=2)  # later times are not believed
OLDEST = 10**9  # a smaller number is a duration in seconds, not a Unix time
MILLISECONDS = 10**11  # a larger number counts milliseconds


def retry_after(page: Page) -> datetime | None:
    """The latest future time in `Retry-After`; None without one, or if it is FARTHEST away or more."""
    found = latest(page, "retry-after")
    return found if found and found < page.fetched_at + FARTHEST else None


def latest(page: Page, *names: str, distances: bool = True) -> datetime | None:
    """The latest future time in the headers *names*, at most FARTHEST away; None without one.

    A value is seconds from now (if *distances*), Unix seconds or milliseconds, ISO 8601, or an HTTP date.
    """
    now = page.fetched_at
    moments = [_moment(value.strip(), now, distances) for name, value in page.headers if name.lower() in names]
    future = [moment for moment in moments if moment is not None and moment > now]
    return min(max(future), now + FARTHEST) if future else None


def _moment(value: str, now: datetime, distances: bool) -> datetime | None:
    try:
        if re.fullmatch(r"[0-9]+(\.[0-9]+)?", value):
            number = float(value)
            if distances and number < OLDEST:
                return now + timedelta(seconds=number)
            return datetime.fromtimestamp(number / 1000 if number > MILLISECONDS else number, UTC)
        found = datetime.fromisoformat(value) if re.match(r"\d{4}-\d\d-\d\d", value) else parsedate_to_datetime(value)
        return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)
    except (ValueError, TypeError, OverflowError, OSError):
        return None

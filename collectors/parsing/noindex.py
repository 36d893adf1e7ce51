"""Opt-outs of pages: `noindex` for robots, in a header or in the page.

Both are read by one rule. Directives for all robots count, for sneeuwbal, and for googlebot, the name by
which sites address search engines; those for other robots do not. `none` includes noindex,
and so does `unavailable_after` once its time has passed.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import lru_cache
from html import unescape

import msgspec

from storage.records import Failure, Page

OVERRULED = "overruled"  # in `Page.asked` if the study does not honour opt-outs
TAG = '<meta name="robots" content="noindex">'
OURS = {"", "*", "robots", "sneeuwbal", "googlebot"}  # names that address us
VALUED = {"unavailable_after", "max-snippet", "max-image-preview", "max-video-preview"}  # directives with a colon
_META = re.compile(rb"""<meta\b((?:[^>"']|"[^"]*"|'[^']*')*+)>""", re.I)
_ATTRIBUTE = re.compile(rb"""([\w-]+)\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'>]+))""")
_WEEKDAY = re.compile(r"\b(?:mon|tue|wed|thu|fri|sat|sun)[a-z]*,", re.I)


def opted_out(page: Page, content: bytes) -> bool:
    """Whether *page* says noindex (or none, which includes it), and the study honours that."""
    if page.asked.get(OVERRULED):
        return False
    said = [value for name, value in page.headers if name.strip().lower() == "x-robots-tag"]
    return any(_asks(value, page.fetched_at) for value in (*said, *_metas(content)))


def _asks(value: str, now: datetime) -> bool:
    """Whether a list of directives (`otherbot: noindex, nofollow`) includes noindex for us."""
    robot = ""
    for directive in re.split(r"[,;]", _WEEKDAY.sub("", value)):
        before, colon, behind = (part.strip(" \t\"'.").lower() for part in directive.partition(":"))
        if colon and before not in VALUED:
            robot, before, behind = before, *(part.strip() for part in behind.partition(":")[::2])
        past = before == "unavailable_after" and (until := _moment(behind)) is not None and until <= now
        if robot in OURS and (past or {"noindex", "none"} & set(before.split())):
            return True
    return False


def _moment(text: str) -> datetime | None:
    """An HTTP date or ISO 8601; None if it is neither."""
    for read in (parsedate_to_datetime, datetime.fromisoformat):
        try:
            found = read(text.upper())
        except (ValueError, TypeError, OverflowError):
            continue
        return found if found.tzinfo else found.replace(tzinfo=UTC)
    return None


@lru_cache(maxsize=1)  # `outcome` and `parse` ask for the same page one after the other
def _metas(content: bytes) -> list[str]:
    """The directives in the page's meta elements; in UTF-16 too."""
    found = []
    for attributes in _META.findall(content.replace(b"\x00", b"") if b"\x00" in content[:200] else content):
        said = {name.lower(): b"".join(value) for name, *value in _ATTRIBUTE.findall(attributes)}
        named = next((said[key] for key in (b"name", b"http-equiv", b"property") if key in said), b"")
        names = named.decode("latin-1").lower()
        if (OURS - {""} | {"x-robots-tag"}) & set(re.split(r"[,\s]+", names)):
            found.append(unescape(said.get(b"content", b"").decode("latin-1")))
    return found


def overruled(answer: Page | Failure) -> Page | Failure:
    """*answer*, marked as not honouring opt-outs."""
    if isinstance(answer, Failure):
        return answer
    return msgspec.structs.replace(answer, asked={**answer.asked, OVERRULED: True})

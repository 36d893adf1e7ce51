"""Pages that ask to be left alone: `noindex` for robots, in a header or in the page."""

from __future__ import annotations

import re

import msgspec

from storage.records import Failure, Page

OVERRULED = "overruled"  # in `Page.asked` where the study does not honour opt-outs
TAG = '<meta name="robots" content="noindex">'
_META = re.compile(rb"<meta\b[^>]*\bname\s*=\s*[\"']?(?:robots|sneeuwbal)\b[^>]*>", re.I)
_WORDS = re.compile(rb"\b(?:noindex|none)\b", re.I)


def opted_out(page: Page, content: bytes) -> bool:
    """Whether *page* says noindex (or none, which includes it), and the study honours that."""
    if page.asked.get(OVERRULED):
        return False
    told = " ".join(value for name, value in page.headers if name.lower() == "x-robots-tag")
    return any(_WORDS.search(one) for one in (told.encode(), *_META.findall(content)))


def overruled(answer: Page | Failure) -> Page | Failure:
    """*answer*, saying that its opt-outs are not honoured."""
    if isinstance(answer, Failure):
        return answer
    return msgspec.structs.replace(answer, asked={**answer.asked, OVERRULED: True})

"""Pages that ask to be left alone: `noindex` for robots, in a header or in the page."""

from __future__ import annotations

import re

import msgspec

from storage.records import Failure, Page

OVERRULED = ("X-Sneeuwbal-Opt-Outs", "overruled")  # beside an answer whose opt-outs the study does not honour
TAG = '<meta name="robots" content="noindex">'
_META = re.compile(rb"<meta\b[^>]*\bname\s*=\s*[\"']?(?:robots|sneeuwbal)\b[^>]*>", re.I)
_WORDS = re.compile(rb"\b(?:noindex|none)\b", re.I)


def opted_out(page: Page, content: bytes) -> bool:
    """Whether *page* says noindex (or none, which includes it), and the study honours that."""
    if page.header(OVERRULED[0]) == OVERRULED[1]:
        return False
    told = " ".join(value for name, value in page.headers if name.lower() == "x-robots-tag")
    return any(_WORDS.search(one) for one in (told.encode(), *_META.findall(content)))


def overruled(answer: Page | Failure) -> Page | Failure:
    """*answer*, saying that its opt-outs are not honoured."""
    if isinstance(answer, Failure) or answer.header(OVERRULED[0]):
        return answer
    return msgspec.structs.replace(answer, headers=(*answer.headers, OVERRULED))

"""Conversion of X answers archived before November 2026: the last page of a stream had `#end` after its address."""

from __future__ import annotations

import msgspec

from collectors.x.outcome import LAST
from storage.records import Answer, Page


def asked_before(answer: Answer) -> Answer:
    """*answer* in today's form."""
    if isinstance(answer, Page) and answer.url.endswith("#end"):
        return msgspec.structs.replace(answer, url=answer.url.removesuffix("#end"), asked={LAST: True})
    return answer

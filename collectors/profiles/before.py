"""Conversion of pages archived before November 2026, when overruled opt-outs were marked in a response header."""

from __future__ import annotations

import msgspec

from collectors.parsing.noindex import OVERRULED
from storage.records import Answer, Failure

HEADER = "x-sneeuwbal-opt-outs"


def asked_before(answer: Answer) -> Answer:
    """*answer* in today's form."""
    if isinstance(answer, Failure) or answer.header(HEADER) is None:
        return answer
    said = {OVERRULED: True} if answer.header(HEADER) == "overruled" else {}
    headers = tuple(pair for pair in answer.headers if pair[0].lower() != HEADER)
    return msgspec.structs.replace(answer, headers=headers, asked=said)

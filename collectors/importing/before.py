"""Conversion of file pieces archived before November 2026, when the data of `Page.asked` were in private headers."""

from __future__ import annotations

from typing import Any

import msgspec

from storage.records import Answer, Failure

OURS = "sneeuwbal-"
NUMBERS = {"first", "items"}


def asked_before(answer: Answer) -> Answer:
    """*answer* in today's form."""
    if isinstance(answer, Failure):
        return answer
    asked: dict[str, Any] = {}
    for name, value in reversed(answer.headers):
        word = name.lower().removeprefix(OURS).replace("-", "_")
        if name.lower().startswith(OURS) and (word not in NUMBERS or (value.isascii() and value.isdigit())):
            asked[word] = int(value) if word in NUMBERS else value
    headers = tuple(pair for pair in answer.headers if not pair[0].lower().startswith(OURS))
    return msgspec.structs.replace(answer, headers=headers, asked=asked)

"""Conversion of Bluesky answers archived before November 2026.

The present data of `Request.carry` were in the cursor: `3:start` and `3:at:CURSOR` (the profile claims 3), and
`pds:SERVER CURSOR`.
"""

from __future__ import annotations

from typing import Any

import msgspec

from storage.records import Answer, Request


def asked_before(answer: Answer) -> Answer:
    """*answer* in today's form."""
    return msgspec.structs.replace(answer, requests=tuple(map(_request, answer.requests)))


def _request(request: Request) -> Request:
    cursor = request.target.cursor
    if not cursor:
        return request
    carry: dict[str, Any] = {}
    if cursor.startswith("pds:"):
        server, _, place = cursor.removeprefix("pds:").partition(" ")
        carry = {"server": server} if server else {}
    else:
        claim, _, place = cursor.partition(":")
        carry = {"claimed": int(claim)} if claim.isdigit() else {}
        place = "" if place == "start" else place.removeprefix("at:")
    target = msgspec.structs.replace(request.target, cursor=f"at:{place}")
    return msgspec.structs.replace(request, target=target, carry=carry)

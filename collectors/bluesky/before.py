"""Conversion of Bluesky answers archived before November 2026.

The present data of `Want.carry` were in the cursor: `3:start` and `3:at:CURSOR` (the profile claims 3), and
`pds:SERVER CURSOR`.
"""

from __future__ import annotations

from typing import Any

import msgspec

from storage.records import Answer, Want


def asked_before(answer: Answer) -> Answer:
    """*answer* in today's form."""
    return msgspec.structs.replace(answer, wants=tuple(map(_want, answer.wants)))


def _want(want: Want) -> Want:
    cursor = want.target.cursor
    if not cursor:
        return want
    carry: dict[str, Any] = {}
    if cursor.startswith("pds:"):
        server, _, place = cursor.removeprefix("pds:").partition(" ")
        carry = {"server": server} if server else {}
    else:
        claim, _, place = cursor.partition(":")
        carry = {"claimed": int(claim)} if claim.isdigit() else {}
        place = "" if place == "start" else place.removeprefix("at:")
    target = msgspec.structs.replace(want.target, cursor=f"at:{place}")
    return msgspec.structs.replace(want, target=target, carry=carry)

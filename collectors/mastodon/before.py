"""Conversion of Mastodon answers archived before November 2026.

The present data of `Page.asked` and `Request.carry` were in the fragments of addresses and cursors: `signed`, `via`,
`overruled`, `remote`, `claimed=N`, `empty`, `head`; and a cursor could be called `webfinger`.
"""

from __future__ import annotations

from typing import Any

import msgspec

from collectors.mastodon.keys import webfinger
from storage.records import Answer, Failure, Request

ASKED = {"signed": "signed", "via": "elsewhere", "overruled": "overruled"}


def asked_before(answer: Answer) -> Answer:
    """*answer* in today's form."""
    url, _, said = answer.url.partition("#")
    requests = tuple(map(_request, answer.requests))
    if isinstance(answer, Failure):
        return msgspec.structs.replace(answer, url=url, requests=requests)
    asked = {ASKED[word]: True for word in said.split("&") if word in ASKED}
    return msgspec.structs.replace(answer, url=url, requests=requests, asked=asked)


def _request(request: Request) -> Request:
    cursor, _, said = request.target.cursor.partition("#")
    carry: dict[str, Any] = {}
    for word in filter(None, said.split("&")):
        name, _, value = word.partition("=")
        carry |= {"step": name} if name == "head" else {name: int(value) if value.isdigit() else True}
    if cursor == "webfinger":
        cursor, carry = webfinger(request.target.key), {"step": "webfinger"}
    target = msgspec.structs.replace(request.target, cursor=cursor)
    return msgspec.structs.replace(request, target=target, carry=carry)

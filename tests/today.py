"""Small simulated worlds of today, and requests to their servers without sockets."""

from __future__ import annotations

import json
import re
from functools import cache
from urllib.parse import urlencode

from fixtures.today import Options, World
from fixtures.today.planted.servers import APPVIEW
from fixtures.today.service import Service
from fixtures.today.truth import Truth

SCALE = 0.1
HEAD = "mastodon.example"  # the largest server


@cache
def world(theme: str = "civil-servants", seed: int = 2026) -> World:
    return World(Options(SCALE, seed, theme))


@cache
def service(day: float = 0) -> Service:
    return Service(world(), day)


@cache
def truth(day: float = 0) -> Truth:
    return Truth(service(day).snapshot)


def get(host: str, path: str, day: float = 0, **query: object) -> tuple[int, dict, object]:
    """(status, headers, body) of one request without a socket."""
    answer = service(day).answer(host, path + (f"?{urlencode(query, doseq=True)}" if query else ""))
    headers = dict(answer.headers)
    return (
        answer.status,
        headers,
        json.loads(answer.body) if "json" in headers["Content-Type"] else answer.body.decode(),
    )


def xrpc(method: str, day: float = 0, host: str = APPVIEW, **query: object) -> dict:
    status, _, body = get(host, f"/xrpc/{method}", day, **query)
    assert status == 200, body
    return body


def cursors(method: str, name: str, host: str = APPVIEW, **query: object) -> list:
    """All items of a list, following its cursors."""
    found, cursor = [], {}
    while True:
        body = xrpc(method, host=host, **query, **cursor)
        found += body[name]
        if "cursor" not in body:
            return found
        cursor = {"cursor": body["cursor"]}


def links(host: str, path: str, **query: object) -> list[dict]:
    """All items of a list, following its Link headers."""
    found = []
    while True:
        status, headers, body = get(host, path, **query)
        assert status == 200
        found += body
        following = re.search(r'<https://[^/]+([^>]+)>; rel="next"', headers.get("Link", ""))
        if following is None:
            return found
        path, query = following[1], {}


def on(platform: str) -> set[str]:
    """The accounts of a platform that can be seen on day 0."""
    return {key for key, account in truth().accounts.items() if account.platform == platform}

"""No answer, however odd, makes a collector raise, lose a target or invent a value; and a replay asks nothing anew."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collectors.base import Settings
from collectors.bluesky import collector as bluesky
from collectors.engine.run import collect
from collectors.mastodon import collector as mastodon
from collectors.wire.exchange import Replay
from storage.frontier.sqlite import Frontier
from storage.records import Page, Quarantine, Request, Target
from tests import test_bluesky as b
from tests import test_mastodon as m
from tests.served import Server, pages, run

QUOTE = {"$type": "app.bsky.embed.record", "record": {"uri": f"at://{b.did(3)}/app.bsky.feed.post/q", "cid": "c"}}
REPLY = {"root": {"uri": "at://x/y/z", "cid": "c"}, "parent": {"uri": "at://x/y/z", "cid": "c"}}
REASON = {"$type": "app.bsky.feed.defs#reasonRepost", "by": b.actor(1), "indexedAt": "2026-11-02T00:00:00.000Z"}
FEATURE = {"$type": "app.bsky.richtext.facet#tag", "tag": "zorg"}
FACET = {"index": {"byteStart": 0, "byteEnd": 4}, "features": [FEATURE]}
DOCUMENT = {"id": b.did(1), "service": [{"id": "#atproto_pds", "serviceEndpoint": "https://pds.example"}]}
FOLLOW = {
    "uri": "at://x/app.bsky.graph.follow/1",
    "cid": "c",
    "value": {"subject": b.did(2), "createdAt": "2024-01-01"},
}

SOUND = [
    (mastodon, m.page("user", m.account(1, fields=[{"name": "web", "value": "<a href='https://x.example'>x</a>"}]))),
    (mastodon, m.page("timeline", m.account(1, moved=m.account(2)))),
    (mastodon, m.page("followers", [m.account(2), m.account(3)], cursor="/x", since="1")),
    (mastodon, m.page("timeline", [m.status(2, m.ME, reblog=m.status(1, m.account(4)), tags=[{"name": "zorg"}])],
                      cursor="/x", since="1", headers=[("Link", '<https://social.example/api?max_id=2>; rel="next"')])),
    (mastodon, m.page("user", {"links": [{"rel": "self", "href": "https://a.example/b"}]},
                      cursor="/.well-known/webfinger", key="ann@example.org", carry={"step": "webfinger"})),
    (mastodon, m.page("following", {"error": "Record not found"}, 404, cursor="/x")),
    (bluesky, b.page("user", {"profiles": [b.actor(1), b.actor(2)]}, keys=(b.did(1), b.did(2)))),
    (bluesky, b.page("timeline", b.actor(1, labels=[{"val": "!hide"}], verification={"verifiedStatus": "valid"}))),
    (bluesky, b.page("timeline", {"feed": [{"post": b.post(b.actor(2), "1", facets=[FACET], embed=QUOTE),
                                            "reason": REASON}, {"post": b.post(b.actor(1), "2", reply=REPLY)}],
                                  "cursor": "c"},
                     cursor="at:", carry={"claimed": 5}, since="2026-11-01T00:00:00+00:00")),
    (bluesky, b.page("followers", {"subject": b.actor(1), "followers": [b.actor(2)]}, cursor="at:",
                     carry={"claimed": 5})),
    (bluesky, b.page("follow_records", DOCUMENT)),
    (bluesky, b.page("follow_records", {"records": [FOLLOW], "cursor": "c"}, cursor="at:",
                     carry={"server": "https://pds.example"})),
    (bluesky, b.page("user", {"error": "InvalidRequest", "message": "Profile not found"}, 400)),
]  # fmt: skip

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=5,
)


def places(body: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The path of every value in a JSON body."""
    inner = body.items() if isinstance(body, dict) else enumerate(body) if isinstance(body, list) else ()
    return [at, *(place for key, value in inner for place in places(value, (*at, key)))]


def replaced(body: Any, at: tuple[Any, ...], value: Any) -> Any:
    """*body* with *value* in the place *at*."""
    if not at:
        return value
    copy = dict(body) if isinstance(body, dict) else list(body)
    copy[at[0]] = replaced(body[at[0]], at[1:], value)
    return copy


def check(module: Any, page: Page) -> None:
    outcomes = list(module.collector.outcome(page))
    assert sorted(outcome.target for outcome in outcomes) == sorted(page.targets)
    list(module.collector.parse(page))


@pytest.mark.parametrize("n", range(len(SOUND)))
@settings(max_examples=150, deadline=None)
@given(value=JSON, seed=st.integers(0, 10**6), status=st.sampled_from([200, 200, 200, 0, 301, 400, 404, 418, 500]))
def test_a_value_of_any_kind_in_any_place_is_borne(n: int, value: Any, seed: int, status: int) -> None:
    module, page = SOUND[n]
    body = json.loads(page.body)
    at = random.Random(seed).choice(places(body))
    odd = json.dumps(replaced(body, at, value)).encode()
    check(module, msgspec.structs.replace(page, body=odd, status=page.status if status == 200 else status))


@pytest.mark.parametrize("n", range(len(SOUND)))
@settings(max_examples=60, deadline=None)
@given(cut=st.floats(0, 1), noise=st.binary(max_size=6), coding=st.sampled_from([None, "gzip", "deflate", "br"]))
def test_a_body_that_is_cut_or_garbled_is_borne(n: int, cut: float, noise: bytes, coding: str | None) -> None:
    module, page = SOUND[n]
    headers = (*page.headers, *([("Content-Encoding", coding)] if coding else []), ("Link", noise.decode("latin-1")))
    check(module, msgspec.structs.replace(page, body=page.body[: int(cut * len(page.body))] + noise, headers=headers))


@pytest.mark.parametrize("n", range(len(SOUND)))
def test_the_sound_pages_are_sound(n: int) -> None:
    module, page = SOUND[n]
    assert not [record for record in module.collector.parse(page) if isinstance(record, Quarantine)]


def test_a_run_is_replayed_from_its_archive_without_a_server(tmp_path: Path) -> None:
    """Both collectors: walks, a batch that comes apart, a limit, opt-outs; the server is gone when it is replayed."""
    late = [(429, {"Retry-After": "30"}, {})]

    def site(path: str) -> Any:
        return late.pop() if late else m.site({"1": m.ME}, lambda w, q: m.members(w, q, 170))(path)

    actors = [b.actor(n) for n in range(40)]
    actors[3] |= {"error": "AccountDeactivated"}
    people = b.known(*actors)
    feed = b.lists(250, 250)

    def view(method: str, query: dict[str, list[str]]) -> Any:
        return feed(method, query) if "Follow" in method else people(method, query)

    with Server(site) as one, Server(b.service(view)) as two:
        cases = [
            ("mastodon", mastodon, {"hosts": {m.HOST: one.address}},
             [("followers", m.KEY), ("user", f"user1@{m.HOST}")]),
            ("bluesky", bluesky, {"base_url": two.url},
             [("user", b.did(n)) for n in range(41)] + [("following", b.did(0))]),
        ]  # fmt: skip
        for name, module, options, requests in cases:
            run(tmp_path / name, name, module.collector, options, requests)
        asked = len(one.asked), len(two.asked)
        for name, module, options, requests in cases:
            study = tmp_path / f"{name}-replayed"
            study.mkdir()
            frontier = Frontier(study / "state.sqlite")
            wire = Replay(tmp_path / name / "archive", tmp_path / f"{name}.index")
            with frontier.transaction():
                frontier.add((Request(Target(name, kind, key), "") for kind, key in requests), wire.now())
            collect(study, name, module.collector, Settings(options, None, wire), frontier=frontier)
            assert sorted(answer.record_id for answer in pages(study)) == sorted(
                answer.record_id for answer in pages(tmp_path / name)
            )
        assert (len(one.asked), len(two.asked)) == asked

"""Whatever bytes X sends, outcome gives one outcome a target and parse gives records: neither ever raises."""

from __future__ import annotations

import gzip
import json
from datetime import UTC, datetime
from typing import Any, get_args

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collectors.base import Outcome
from collectors.x.collector import collector
from storage.records import Page, Record, Request, Target

NOW = datetime(2026, 11, 1, tzinfo=UTC)
KINDS = sorted(collector.kinds)
NAMES = st.sampled_from([
    "data", "includes", "errors", "meta", "id", "text", "author_id", "created_at", "entities", "hashtags",
    "mentions", "urls", "tag", "username", "referenced_tweets", "referenced_posts", "type", "note_tweet",
    "note_post", "edit_history_tweet_ids", "public_metrics", "like_count", "geo", "coordinates", "place_id",
    "users", "tweets", "posts", "places", "url", "next_token", "result_count", "title", "detail", "value",
    "parameter", "parameters", "resource_id", "message", "resource_type", "withheld", "country_codes",
])  # fmt: skip
ATOMS = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text(max_size=8),
    st.sampled_from(["9" * 5000, "1999999999999999999", "2023-01-01T00:00:00.000Z", "2023-99-99", "retweeted", "user"]),
)  # fmt: skip
JSON = st.recursive(ATOMS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=5))
PAGES = st.fixed_dictionaries(
    {}, optional=dict.fromkeys(("data", "includes", "errors", "meta", "title", "type", "detail"), JSON)
)
STATUSES = st.sampled_from([200, 200, 200, 302, 400, 401, 402, 403, 404, 429, 500, 503])
HEADERS = st.sampled_from(
    [(), (("x-rate-limit-reset", "9" * 400),), (("Retry-After", "\x00"),), (("content-encoding", "br"),)]
)


def page(kind: str, status: int, body: bytes, headers: Any = (), keys: int = 1) -> Page:
    batch = keys if collector.kinds[kind].batch > 1 else 1
    requests = tuple(Request(Target("x", kind, str(42 + n), "c"), "w", since="7") for n in range(batch))
    return Page(
        requests, "https://api.twitter.com/2/x?tweet.fields=id&expansions=author_id", status, headers, body, NOW
    )


def holds(answer: Page) -> None:
    """One outcome a target (a page of a stream: one), and records of the known kinds."""
    outcomes = list(collector.outcome(answer))
    assert all(isinstance(one, get_args(Outcome)) for one in outcomes)
    assert sorted(one.target for one in outcomes) == sorted(answer.targets)
    for record in collector.parse(answer):
        assert isinstance(record, get_args(Record))
        msgspec.json.encode(record)


@given(st.sampled_from(KINDS), STATUSES, PAGES | JSON, HEADERS, st.integers(1, 3))
@settings(max_examples=400, deadline=None)
def test_any_json_is_read_or_set_aside(kind: str, status: int, body: Any, headers: Any, keys: int) -> None:
    holds(page(kind, status, json.dumps(body).encode(), headers, keys))


GOOD = json.dumps(
    {
        "data": [{"id": "9", "text": "RT @a: cut \ud83d\ude00", "author_id": "42", "created_at": "2023-01-01T00:00:00Z",
                  "referenced_tweets": [{"type": "retweeted", "id": "5"}], "username": "a", "name": "n"}],
        "includes": {"tweets": [{"id": "5", "text": "whole"}], "users": [{"id": "7", "username": "b", "name": "n"}]},
        "errors": [{"value": "6", "detail": "gone [6]", "resource_type": "tweet", "resource_id": "6",
                    "title": "Not Found Error"}],
        "meta": {"result_count": 1, "next_token": "t"},
    }
).encode()  # fmt: skip


@given(st.sampled_from(KINDS), PAGES)
@settings(max_examples=200, deadline=None)
def test_what_is_damaged_beside_the_items_changes_no_outcome(kind: str, body: dict[str, Any]) -> None:
    whole, torn = ({**body, "includes": includes} for includes in ({}, 0))  # decoded at once, and piece by piece
    one, other = (page(kind, 200, json.dumps(each).encode()) for each in (whole, torn))
    assert list(collector.outcome(one)) == list(collector.outcome(other))


@given(st.sampled_from(KINDS), STATUSES, st.data())
@settings(max_examples=400, deadline=None)
def test_any_damage_to_a_good_page_is_survived(kind: str, status: int, data: st.DataObject) -> None:
    body = bytearray(GOOD)
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(body) - 1))
        body[place : place + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=3))
    holds(page(kind, status, bytes(body)))


@pytest.mark.parametrize("kind", KINDS)
def test_depth_bombs_and_torn_compression_are_survived(kind: str) -> None:
    deep = b'{"data":' + b"[" * 200_000 + b"]" * 200_000 + b"}"
    wide = b'{"other":' + b'{"a":' * 50_000 + b"1" + b"}" * 50_000 + b"}"
    for body in (deep, wide, b"", b"\x00", b'{"data":['):
        holds(page(kind, 200, body))
        holds(page(kind, 400, body))
    holds(page(kind, 200, gzip.compress(GOOD)[:-9], (("content-encoding", "gzip"),)))

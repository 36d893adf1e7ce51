"""One bad value costs one value: on every platform, in every field, by one reader, and never without a count."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from collectors.base import Done
from collectors.bluesky.collector import collector as bluesky
from collectors.mastodon.collector import collector as mastodon
from collectors.parsing import lenient
from collectors.x.collector import collector as x
from storage.records import Page, Post, Quarantine, Record, Request, Target
from tests import test_bluesky as b
from tests import test_mastodon as m
from tests.conftest import ROOT, examples
from tests.test_x_fuzz import NOW

HERE = "@@HERE@@"
BAD = {
    "half a pair": b'"cut \\ud83d"',
    "the other half": b'"\\udc00 cut"',
    "halves in bytes": b'"cut \xed\xa0\xbd"',
    "no UTF-8": b'"caf\xe9"',
    "a broken escape": b'"\\u00zz"',
    "NaN": b"NaN",
    "infinity": b"-Infinity",
    "a number too large": b"1e999",
    "an integer too large": b"9" * 30,
    "thousands of digits": b"9" * 5000,
    "nested too deeply": b"[" * 3000 + b"]" * 3000,
    "an object": b'{"odd": 1}',
    "a list": b"[1]",
    "true": b"true",
    "a float": b"1.5",
}


def x_post(number: int) -> dict[str, Any]:
    """A post of X with every field that is read."""
    return {
        "id": str(100 + number), "text": f"post {number}", "author_id": "7", "created_at": "2023-01-01T00:00:00.000Z",
        "lang": "nl", "conversation_id": "100", "source": "web", "geo": {"place_id": "p", "coordinates": {
            "type": "Point", "coordinates": [4.9, 52.4]}},
        "entities": {"hashtags": [{"tag": "zorg"}], "mentions": [{"username": "b", "id": "8"}],
                     "urls": [{"expanded_url": "https://example.org"}]},
        "public_metrics": {"like_count": 1, "reply_count": 2, "retweet_count": 3},
        "edit_history_tweet_ids": [str(100 + number)], "in_reply_to_user_id": "9",
    }  # fmt: skip


def x_page(items: list[Any]) -> Page:
    body = {"data": items, "meta": {"result_count": len(items)}}
    return Page((Request(Target("x", "timeline", "7"), "w"),), "https://api.x.com/2/users/7/tweets", 200, (),
                json.dumps(body).encode(), NOW)  # fmt: skip


PLATFORMS: dict[str, tuple[Any, Any, Any]] = {  # the collector, an item, a page of items
    "mastodon": (
        mastodon,
        lambda n: m.status(n, m.ME, tags=[{"name": "zorg"}], content=f"<p>post {n}</p>", replies_count=3),
        lambda items: m.page("timeline", items, cursor="/x"),
    ),
    "bluesky": (
        bluesky,
        lambda n: {"post": b.post(b.actor(1), f"k{n}", langs=["nl"], tags=["zorg"])},
        lambda items: b.page("timeline", {"feed": items}, cursor="5:start"),
    ),
    "x": (x, x_post, x_page),
}


def spots(value: Any, above: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield (*above, key)
        yield from spots(inner, (*above, key))


def spoilt(sound: Page, path: tuple[Any, ...], bad: bytes) -> Page:
    """*sound* with the value at *path* of its body replaced by *bad*."""
    body = json.loads(sound.body)
    place = body
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = HERE
    return msgspec.structs.replace(sound, body=json.dumps(body).encode().replace(f'"{HERE}"'.encode(), bad))


def by_post(records: list[Record]) -> dict[str, Post]:
    return {record.post_id: record for record in records if isinstance(record, Post)}


@pytest.mark.parametrize("name", PLATFORMS)
def test_one_bad_value_costs_one_value(name: str) -> None:
    """The other posts are as they were, the walk goes on, and a post that changed is counted."""
    collector, item, page = PLATFORMS[name]
    sound = page([item(n) for n in (1, 2, 3)])
    whole, done = by_post(list(collector.parse(sound))), list(collector.outcome(sound))
    (ids, body) = list(whole), json.loads(sound.body)
    places = [path for path in spots(body) if 1 in path[:2] and path[-1] != 1]
    assert len(whole) == 3
    assert len(places) > 15

    @settings(max_examples=examples(200), deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(st.sampled_from(places), st.sampled_from(sorted(BAD)))
    def run(path: tuple[Any, ...], kind: str) -> None:
        answer = spoilt(sound, path, BAD[kind])
        records = list(collector.parse(answer))
        found = by_post(records)
        assert {key: found[key] for key in (ids[0], ids[2])} == {key: whole[key] for key in (ids[0], ids[2])}
        (outcome,) = collector.outcome(answer)
        assert isinstance(outcome, Done)
        assert (outcome.items, outcome.next) == (3, done[0].next)
        quarantined = [record for record in records if isinstance(record, Quarantine)]
        readable = kind in ("an object", "a list", "true", "a float", "an integer too large", "thousands of digits")
        if found.get(ids[1]) != whole[ids[1]] and not readable:
            assert quarantined, (path, kind)
        if len(found) < 3:
            assert quarantined, (path, kind)

    run()


@pytest.mark.parametrize("name", PLATFORMS)
@pytest.mark.parametrize("bad", [b'"cut \\ud83d"', b'"caf\xe9"'])
def test_a_text_keeps_what_can_be_read_of_it(name: str, bad: bytes) -> None:
    """A cut emoji in a post costs that character: not the text, the post, or the page."""
    collector, item, page = PLATFORMS[name]
    sound = page([item(n) for n in (1, 2, 3)])
    text = next(path for path in spots(json.loads(sound.body)) if 1 in path[:2] and path[-1] in ("text", "content"))
    records = list(collector.parse(spoilt(sound, text, bad)))
    assert [post.text for post in by_post(records).values()][1] in ("cut \ufffd", "caf\ufffd")
    (quarantined,) = [record for record in records if isinstance(record, Quarantine)]
    assert "[1]" in quarantined.place
    assert "\ufffd" in quarantined.excerpt


def test_a_coordinate_that_r_wrote_costs_the_coordinate() -> None:
    post = x_post(1)
    post["geo"]["coordinates"]["coordinates"] = {}
    actual, found = sorted(x.parse(x_page([post])), key=lambda one: isinstance(one, Post))
    assert isinstance(found, Post)
    assert (found.longitude, found.place, found.text) == (None, "p", "post 1")
    assert isinstance(actual, Quarantine)
    assert actual.place == "data[0].geo.coordinates.coordinates"


def test_two_pages_on_one_line_of_a_stream_are_two_pages() -> None:
    lines = b"".join(json.dumps({"data": x_post(n)}).encode() for n in (1, 2)) + b"\n"
    page = Page((Request(Target("x", "sample", "s"), "w"),), "https://api.x.com/2/s", 200, (), lines, NOW)
    assert len(by_post(list(x.parse(page)))) == 2


ATOMS = st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.text(max_size=5)
JSON = st.recursive(
    ATOMS | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=20,
)


@given(JSON)
@settings(max_examples=examples(200), deadline=None, database=None)
def test_sound_json_is_read_as_everybody_reads_it(value: Any) -> None:
    content = json.dumps(value).encode()
    assert lenient.value(content) == (value, [])
    assert lenient._tolerant(content) == (value, [])
    assert list(lenient.documents(content + b" " + content)) == [content, content]


@pytest.mark.parametrize("content", [b"", b"<html>", b"NaN", b'{"a":', b"[" * 5000, b'{"a" 1}'])
def test_what_is_no_json_is_refused(content: bytes) -> None:
    with pytest.raises(msgspec.MsgspecError):
        lenient.clean(content)
    with pytest.raises(msgspec.MsgspecError):
        lenient.value(content)


def test_a_field_that_must_not_be_overlooked_costs_the_object() -> None:
    """An opt-out that cannot be read is not read as none."""

    class View(msgspec.Struct):
        noindex: bool | None = None
        count: lenient.Count | None = None

    for bad in (b"NaN", b'"perhaps"', b"[" * 2000 + b"]" * 2000):
        with pytest.raises(msgspec.MsgspecError):
            lenient.read(b'{"noindex": ' + bad + b"}", View, ("noindex",))
    assert lenient.read(b'{"noindex": true, "count": NaN}', View, ("noindex",))[0] == View(noindex=True)


FIRST = """
import sys, types
from threading import Barrier, Thread
from collectors.parsing import lenient

sys.setswitchinterval(1e-6)
code = "class A(Struct):\\n id: str = ''\\nclass B(Struct):\\n a: A = None\\nclass C(Struct):\\n b: B = None"
for number in range(50):
    module = sys.modules[f"made{number}"] = types.ModuleType(f"made{number}")
    exec("from msgspec import Struct\\n" + code, module.__dict__)
    together = Barrier(4)

    def read():
        together.wait()
        for _ in range(20):
            assert lenient.read(b'{"b": {"a": {"id": "7"}}}', module.C)[0].b.a.id == "7"

    threads = [Thread(target=read) for _ in range(4)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
"""


def test_threads_that_read_a_type_for_the_first_time_at_once_do_not_end_the_process() -> None:
    made = subprocess.run([sys.executable, "-c", FIRST], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (made.returncode, made.stderr) == (0, "")

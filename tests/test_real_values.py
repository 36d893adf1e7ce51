"""No invented value: whatever a parser makes of a recorded answer stands in that answer, letter by letter.

Independent of the parsers: the leaves of the plain JSON, by the standard library. What is ours (platform, kind, the
names of flags) and text that lost its HTML (tested in test_mastodon) is left out.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest

from collectors.bluesky.collector import collector as bluesky
from collectors.mastodon.collector import collector as mastodon
from storage.records import Absence, Account, AccountField, Follow, Mention, Post, Quarantine, Record
from tests.importing import read
from tests.test_bluesky import page as at_page
from tests.test_mastodon import bodies
from tests.test_mastodon import page as mastodon_page
from tests.test_x_real import collector as x
from tests.test_x_real import ours

OURS = {"platform", "kind", "listed", "flags", "sample", "reason", "detail"}


def leaves(value: Any) -> Iterator[Any]:
    """The strings, numbers and truth values of plain JSON; keys too, as some formats map ids to objects."""
    if isinstance(value, dict):
        yield from value
        value = list(value.values())
    if isinstance(value, list):
        for each in value:
            yield from leaves(each)
    elif value is not None:
        yield value


def values(record: Any, without: set[str]) -> Iterator[tuple[str, Any]]:
    for name, value in msgspec.structs.asdict(record).items():
        for one in value if isinstance(value, tuple) else (value,):
            if isinstance(one, Mention):
                yield from values(one, without)
            elif one is not None and name not in without:
                yield name, one


def invented(records: Iterable[Record], plain: Any, *given: str, without: set[str] = frozenset()) -> list[Any]:  # type: ignore[assignment]
    """The values of *records* that are neither in *plain* nor were *given* with the request."""
    said = list(leaves(plain))
    numbers = {one for one in said if isinstance(one, int | float)}
    text = "\0".join([*map(str, said), *given])
    found = []
    for record in records:
        assert isinstance(record, Account | AccountField | Post | Follow | Absence), record
        for name, value in values(record, OURS | without):
            if isinstance(value, datetime):
                there = f"{value:%Y-%m-%dT%H:%M:%S}" in text or f"{value:%a %b %d %H:%M:%S}" in text
            elif isinstance(value, str):
                there = value in text
            else:
                there = value in numbers
            if not there:
                found.append((type(record).__name__, name, value))
    return found


def test_x_v2_as_recorded_by_tweepy(real: Path) -> None:
    number = 0
    for _, page, plain in ours(real / "x" / "tweepy_cassettes"):
        records = list(x.parse(page))
        assert invented(records, plain, page.key) == []
        number += len(records)
    assert number > 100


@pytest.mark.parametrize(
    ("format_", "place", "least"),
    [
        ("x-v1", "us_congress_sample_v1_1/sample-tweets-500.jsonl", 1000),
        ("x-v1", "us_congress_sample_v1_1/sample-users-50.jsonl", 50),
        ("x-v1", "python_twitter_v1_1/*.json", 300),
        ("twarc", "twarc_csv/*.jsonl", 8),
        ("twarc", "academictwitteR_reuters/*.json", 500),
    ],
)
def test_files_of_x(real: Path, format_: str, place: str, least: int) -> None:
    number = 0
    for path in sorted((real / "x").glob(place)):
        text = path.read_text("utf-8")
        plain = [json.loads(line) for line in text.split("\n") if line] if path.suffix == ".jsonl" else json.loads(text)
        records = [one for one in read(format_, path) if isinstance(one, Account | Post | Follow | Absence)]
        assert invented(records, plain) == [], path.name
        number += len(records)
    assert number >= least


def test_warcs_of_social_feed_manager(real: Path) -> None:
    from tests.importing import parse, walk

    number = 0
    for path in sorted((real / "warc").glob("*.warc.gz")):
        for page in walk("warc", path):
            body = gzip.decompress(page.body) if page.body[:2] == b"\x1f\x8b" else page.body
            records = [one for one in parse("warc", [page]) if not isinstance(one, Quarantine)]
            assert invented(records, json.loads(body), page.url) == []
            number += len(records)
    assert number > 250


def test_mastodon_as_recorded(real: Path) -> None:
    number = 0
    for url, headers, body in bodies(real, lambda body: isinstance(body, dict | list) and bool(body)):
        first = body[0] if isinstance(body, list) else body
        if not isinstance(first, dict) or not ("acct" in first or {"content", "uri", "account"} <= set(first)):
            continue
        kind = "timeline" if "content" in first else "following" if isinstance(body, list) else "user"
        listed = body if isinstance(body, list) or kind == "user" else [body]
        page = mastodon_page(kind, listed, url=url, cursor="" if kind == "user" else "/x", headers=headers.items())
        host = url.split("/")[2]
        records = list(mastodon.parse(page))
        # a handle and the address of the post replied to are put together from what is said and where it was asked
        made = {"handle", "reply_to_post", "text", "description", "value"}
        assert invented(records, body, page.key, without=made) == []
        said = "\0".join(map(str, leaves(body)))
        for record in records:
            for handle in [getattr(record, "handle", None), *(m.handle for m in getattr(record, "mentions", ()))]:
                assert handle is None or all(part in said + host for part in handle.split("@"))
            if answered := getattr(record, "reply_to_post", None):
                assert answered.startswith(f"https://{host}/")
                assert answered.rpartition("/")[2] in said
        number += len(records)
    assert number > 250


def test_bluesky_as_recorded(real: Path) -> None:
    folder = real / "bluesky" / "atproto_python_testdata"
    follows = json.loads((folder / "get_follows.json").read_bytes())
    owner = follows["subject"]["did"]
    assert invented(bluesky.parse(at_page("following", follows, cursor="6:start", keys=(owner,))), follows) == []
    view = json.loads((folder / "thread_view_post_with_embed_media.json").read_bytes())["thread"]["post"]
    page = at_page("timeline", {"feed": [{"post": view}]}, cursor="at:", keys=(view["author"]["did"],))
    assert invented(bluesky.parse(page), view) == []

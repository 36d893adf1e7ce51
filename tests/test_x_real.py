"""Recorded answers of X parse: counts, ids, texts and entities agree with an independent reading of the files."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from collectors.base import Done
from collectors.x.collector import collector
from storage.records import Account, Follow, Page, Post, Quarantine, Record, Request, Target

NOW = datetime(2023, 1, 1, tzinfo=UTC)


def page_of(
    kind: str, body: bytes, key: str = "783214", headers: tuple[tuple[str, str], ...] = (), url: str = ""
) -> Page:
    return Page((Request(Target("x", kind, key), "w"),), url, 200, headers, body, NOW)


def recorded(exchange: dict[str, Any]) -> tuple[str, Page, dict[str, Any]]:
    """The kind, the page and the plain JSON of one recorded exchange; the kind is '' if it is none of ours."""
    url, response = exchange["request"]["uri"], exchange["response"]
    body = response["body"]["string"]
    body = body if isinstance(body, bytes) else body.encode()
    headers = tuple((name, value[0]) for name, value in response["headers"].items())
    route = url.split("/2/")[1].partition("?")[0].split("/")
    kind = {"followers": "followers", "following": "following", "tweets": "timeline"}.get(route[-1], "")
    kind = {"by": "user", "recent": "search", "liked_tweets": "search", "quote_tweets": "search"}.get(route[-1], kind)
    kind = "search" if route[-1] == "mentions" or route[:2] == ["tweets", "search"] else kind
    kind = "post" if route == ["tweets"] else kind
    if route[0] == "lists" or "counts" in route:
        kind = ""
    key = route[1] if len(route) > 1 else "q"
    plain = gzip.decompress(body) if body[:2] == b"\x1f\x8b" else body
    return kind, page_of(kind, body, key, headers, url), json.loads(plain)


def ours(folder: Path) -> Iterator[tuple[str, Page, dict[str, Any]]]:
    for path in sorted(folder.glob("test_*client_*.yaml")):
        for exchange in yaml.safe_load(path.read_text())["interactions"]:
            kind, page, plain = recorded(exchange)
            if kind:
                yield kind, page, plain


def of(records: list[Record], type_: Any) -> list[Any]:
    return [record for record in records if isinstance(record, type_)]


def test_every_recorded_exchange_of_tweepy_gives_as_many_records_as_it_holds(real: Path) -> None:
    seen = []
    for kind, page, plain in ours(real / "x" / "tweepy_cassettes"):
        seen.append(kind)
        records = list(collector.parse(page))
        ids = [item["id"] for item in plain["data"]]
        assert not of(records, Quarantine)
        if kind in ("user", "following", "followers"):
            assert [(a.account_id, a.handle, a.name) for a in of(records, Account)] == [
                (item["id"], item["username"], item["name"]) for item in plain["data"]
            ]
            edges = [(f.follower_id, f.followed_id) for f in of(records, Follow)]
            expected = {
                "user": [],
                "following": [(page.key, i) for i in ids],
                "followers": [(i, page.key) for i in ids],
            }
            assert edges == expected[kind]
        else:
            posts = of(records, Post)
            assert [(p.post_id, p.text) for p in posts] == [(item["id"], item["text"]) for item in plain["data"]]
            assert all(p.created_at is None and p.likes is None for p in posts)  # not asked for, so not given
    assert {"user", "following", "followers", "timeline", "search", "post"} <= set(seen)


def test_a_recorded_page_leads_to_its_next_page(real: Path) -> None:
    for kind, page, plain in ours(real / "x" / "tweepy_cassettes"):
        if kind in ("timeline", "following", "followers"):
            (done,) = collector.outcome(page)
            assert done == Done(
                page.targets[0],
                plain["meta"].get("next_token"),
                plain["meta"]["result_count"],
                plain["meta"].get("newest_id", ""),
            )


@pytest.fixture(scope="module")
def reuters(real: Path) -> tuple[list[dict[str, Any]], list[dict[str, Any]], list[Record]]:
    folder = real / "x" / "academictwitteR_reuters"
    data = json.loads((folder / "data_1219780709600124929.json").read_text())
    users = json.loads((folder / "users_1219780709600124929.json").read_text())["users"]
    body = json.dumps({"data": data, "includes": {"users": users}}).encode()
    return data, users, list(collector.parse(page_of("timeline", body, "1652541")))


def test_500_posts_of_reuters_keep_their_ids_times_texts_counts_and_entities(reuters: Any) -> None:
    data, users, records = reuters
    posts = of(records, Post)
    assert len(posts) == 500
    for post, item in zip(posts, data, strict=True):
        assert (post.post_id, post.text, post.lang, post.source) == (
            item["id"],
            item["text"],
            item["lang"],
            item["source"],
        )
        assert post.created_at == datetime.fromisoformat(item["created_at"])
        assert post.likes == item["public_metrics"]["like_count"]
        assert post.reposts == item["public_metrics"]["retweet_count"]
        entities = item["entities"]
        assert list(post.hashtags) == [tag["tag"] for tag in entities.get("hashtags") or []]
        assert [m.handle for m in post.mentions] == [m["username"] for m in entities.get("mentions") or []]
    assert sum(bool(post.hashtags) for post in posts) == sum(bool(d["entities"].get("hashtags")) for d in data)
    assert sum(post.kind == "reply" for post in posts) == 1
    assert {a.account_id for a in of(records, Account)} == {user["id"] for user in users}


def test_profiles_of_reuters_users_keep_what_they_say_of_themselves(reuters: Any) -> None:
    _, users, records = reuters
    accounts = {account.account_id: account for account in of(records, Account)}
    for user in users:
        account = accounts[user["id"]]
        assert (account.handle, account.verified, account.followers) == (
            user["username"], user["verified"], user["public_metrics"]["followers_count"])  # fmt: skip
        assert account.location == user.get("location")
        assert account.description == (user.get("description") or None)  # an empty one is none
    assert accounts["1652541"].url == "http://www.reuters.com"


def _lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines() if line.strip()]


def test_an_edited_post_knows_the_first_of_its_versions(real: Path) -> None:
    (plain,) = _lines(real / "x" / "twarc_csv" / "edited.jsonl")
    records = list(collector.parse(page_of("timeline", json.dumps(plain).encode(), "337119125")))
    after, before = of(records, Post)
    assert (after.post_id, after.edit_of) == ("1576994789110992896", "1576994746135764992")
    assert (before.post_id, before.edit_of) == ("1576994746135764992", "1576994746135764992")
    assert (after.timeline_of, before.timeline_of) == ("337119125", None)
    assert before.account_id == "337119125"


def test_twarc_pages_of_single_posts_parse_without_loss(real: Path) -> None:
    for name in ("edited_after", "edited_before", "media_tweet", "verified_type"):
        for plain in _lines(real / "x" / "twarc_csv" / f"{name}.jsonl"):
            records = list(collector.parse(page_of("post", json.dumps(plain).encode(), plain["data"][0]["id"])))
            assert not of(records, Quarantine)
            referenced = plain["includes"].get("tweets", [])
            assert {p.post_id for p in of(records, Post)} == {d["id"] for d in plain["data"] + referenced}
            assert {a.account_id for a in of(records, Account)} == {u["id"] for u in plain["includes"]["users"]}


def test_warcs_of_social_feed_manager_agree_with_a_plain_reading(real: Path) -> None:
    from warcio.archiveiterator import ArchiveIterator

    seen = 0
    for path in sorted((real / "warc").glob("*.warc.gz")):
        with path.open("rb") as file:
            for record in ArchiveIterator(file):
                url = record.rec_headers.get_header("WARC-Target-URI") or ""
                if record.rec_type != "response" or "/2/" not in url:
                    continue
                headers = tuple(record.http_headers.headers)
                body = record.raw_stream.read()
                key = url.split("/users/")[1].split("/")[0] if "/users/" in url else "gelman"
                page = page_of("timeline" if "/users/" in url else "search", body, key, headers, url)
                plain = json.loads(page.content())
                records = list(collector.parse(page))
                posts = of(records, Post)
                assert not of(records, Quarantine)
                own = plain.get("data", [])
                assert [p.post_id for p in posts[: len(own)]] == [item["id"] for item in own]
                assert [p.account_id for p in posts[: len(own)]] == [item["author_id"] for item in own]
                for post, item in zip(posts, own, strict=False):
                    refers = {r["type"]: r["id"] for r in item.get("referenced_tweets", [])}
                    assert post.retweeted_post == refers.get("retweeted")
                    assert post.quoted_post == refers.get("quoted")
                    assert post.reply_to_post == refers.get("replied_to")
                    full = {t["id"]: t["text"] for t in plain["includes"].get("tweets", [])}
                    if "retweeted" in refers:
                        assert post.full_text == full.get(refers["retweeted"])
                (outcome,) = collector.outcome(page)
                assert outcome.items == len(own)  # one of these pages says 31 and holds 1
                assert outcome.next == plain["meta"].get("next_token")
                seen += len(own)
    assert seen == 11

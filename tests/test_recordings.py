"""Recordings by other tools, as WARC and HAR: an answer gives the same records as its own collector."""

import base64
import gzip
import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Any
from urllib.parse import quote

import msgspec
import pytest

from collectors import files
from collectors.base import Kind
from collectors.bluesky.collector import collector as bluesky
from collectors.files import recordings
from collectors.mastodon.collector import collector as mastodon
from collectors.parsing.redact import redaction
from jobs.context import yields
from storage.errors import UserError
from storage.outcomes import Done, absences
from storage.privacy.declared import Hooks
from storage.privacy.minimise import Expiry, minimised
from storage.records import Account, Follow, Listed, Page, Post, Quarantine, Record, Request, Target
from tests import test_bluesky as bsky
from tests import test_mastodon as toots
from tests.importing import of, read, small_pieces, walk
from tests.test_files_damage import API, timeline, warc

AT = datetime(2026, 11, 24, 12, tzinfo=UTC)
ROOT, SKY = f"https://{toots.HOST}/api/v1", "https://public.api.bsky.app/xrpc"
ONE, TWO = toots.account(1), toots.account(2, url="https://social.example/@user2")
SHY = toots.account(3, noindex=True)
SHY_ACTOR = bsky.actor(3, labels=[{"val": "!no-unauthenticated"}])
FEED = [{"post": bsky.post(bsky.actor(1), "3aaaaaaaaaaa2", "hallo #een")}]
SECOND = ("https://api.x.com/2/users/5/tweets", 200, {
    "data": [{"id": "1", "author_id": "5", "text": "Kanarie", "created_at": "2026-01-01T00:00:00Z", "lang": "nl"}],
    "includes": {"users": [{"id": "5", "username": "a", "name": "Kanarie", "other": "Kanarie"}]}, "meta": {},
}, None)  # fmt: skip
# address, status, body; the collector, kind and key that it would have been asked with (None: left out)
Told = tuple[str, int, Any, tuple[Any, str, str] | None]
SEEN: list[Told] = [
    (f"{ROOT}/accounts/lookup?acct=user1", 200, ONE, (mastodon, "user", ONE["uri"])),
    (f"{ROOT}/accounts/1/statuses?limit=40", 200, [toots.status(9, ONE), toots.status(8, ONE, visibility="private")],
     (mastodon, "timeline", ONE["uri"])),
    (f"{ROOT}/accounts/1/followers", 200, [TWO, SHY], (mastodon, "followers", ONE["uri"])),
    (f"{ROOT}/accounts/2/following", 200, [], (mastodon, "following", TWO["uri"])),
    (f"{ROOT}/timelines/tag/Caf%C3%A9", 200, [toots.status(7, TWO)], (mastodon, "hashtag", f"#café@{toots.HOST}")),
    (f"{ROOT}/accounts/3/statuses", 200, [toots.status(6, SHY)], None),
    (f"{ROOT}/accounts/3/followers", 200, [ONE], None),
    (f"{ROOT}/accounts/77/followers", 200, [TWO], None),
    (f"{ROOT}/instance", 200, {"uri": toots.HOST}, None),
    (f"{SKY}/app.bsky.actor.getProfile?actor=user1.example", 200, bsky.actor(1), (bluesky, "user", bsky.did(1))),
    (f"{SKY}/app.bsky.feed.getAuthorFeed?actor=user1.example&limit=100", 200, {"feed": FEED},
     (bluesky, "timeline", bsky.did(1))),
    (f"{SKY}/app.bsky.graph.getFollows?actor={quote(bsky.did(1))}", 200,
     {"subject": bsky.actor(1), "follows": [bsky.actor(2), SHY_ACTOR]}, (bluesky, "following", bsky.did(1))),
    (f"{SKY}/app.bsky.feed.getAuthorFeed?actor={bsky.did(3)}", 200,
     {"feed": [{"post": bsky.post(SHY_ACTOR, "3aaaaaaaaaaa2")}]}, None),
    (f"{SKY}/app.bsky.graph.getFollowers?actor=user3.example", 200,
     {"subject": SHY_ACTOR, "followers": [bsky.actor(1)]}, None),
    (f"{SKY}/com.atproto.repo.listRecords?repo=user3.example&collection=app.bsky.graph.follow", 200,
     {"records": []}, None),
    (f"{SKY}/app.bsky.feed.searchPosts?q=een", 200, {"posts": [FEED[0]["post"]]}, (bluesky, "search_posts", "een")),
    (f"{SKY}/app.bsky.actor.getProfile?actor=gone.example", 400,
     {"error": "InvalidRequest", "message": "Profile not found"}, (bluesky, "user", "gone.example")),
    ("https://www.example.org/picture", 200, "PNG", None),
]  # fmt: skip


def har(answers: list[Told], packed: bool = False) -> bytes:
    def entry(number: int, url: str, status: int, body: Any) -> dict[str, Any]:
        text = json.dumps(body)
        content = {"mimeType": "application/json", "text": text}
        if number % 2:
            content |= {"text": base64.b64encode(text.encode()).decode(), "encoding": "base64"}
        headers = [{"name": "content-encoding", "value": "br"}, {"name": "Content-Type", "value": "application/json"}]
        return {"startedDateTime": "2026-11-24T13:00:00.000+01:00", "response": {"status": status, "headers": headers,
                "content": content}, "request": {"method": "GET", "url": url, "headers": [
                    {"name": "Authorization", "value": "Bearer CANARY"}]}}  # fmt: skip

    entries = [entry(number, url, status, body) for number, (url, status, body, _) in enumerate(answers)]
    log = {"version": "1.2", "creator": {"name": "WebInspector"}, "pages": [], "entries": entries, "comment": ""}
    return json.dumps({"log": log}, indent=packed or None).encode()


def written(path: Path, answers: list[Told]) -> Path:
    data = har(answers) if ".har" in path.name else warc([(u, s, json.dumps(b).encode(), []) for u, s, b, _ in answers])
    path.write_bytes(gzip.compress(data) if path.name == "a.har.gz" else data)
    return path


def own(expected: Told) -> list[Record]:
    """What the collector itself makes of an answer."""
    url, status, body, asked = expected
    if asked is None:
        return []
    one, kind, key = asked
    cursor = (
        url.removeprefix(f"https://{toots.HOST}") if one is mastodon else "at:" if kind.startswith("search") else ""
    )
    target = Target("mastodon" if one is mastodon else "bluesky", kind, key, cursor)
    raw = json.dumps(body).encode()
    page = Page((Request(target, ""),), url, status, (("Content-Type", "application/json"),), raw, AT)
    return [*absences(one.outcome(page)), *one.parse(page)]


@pytest.mark.parametrize("name", ["a.warc.gz", "a.har", "a.har.gz"])
def test_an_answer_gives_what_it_would_give_its_collector(tmp_path: Path, name: str) -> None:
    found = read(name.split(".")[1], written(tmp_path / name, SEEN))
    *rest, left_out = found
    assert rest == [record for expected in SEEN for record in own(expected)]
    assert {type(record) for record in rest} >= {Account, Follow, Listed, Post}
    assert isinstance(left_out, Quarantine)
    assert left_out.reason == (
        "left out: 2 answers: no collector reads them; 1 answers: the recording does not show whose list it is; "
        "5 answers: their account opted out"
    )
    assert not any(isinstance(record, Post) and "users/3" in str(record.account_id) for record in rest)


@pytest.mark.parametrize("name", ["warc", "har"])
def test_a_recorded_answer_is_redacted_and_kept_as_its_own_platform_declares(tmp_path: Path, name: str) -> None:
    drop = ("texts", "names", "descriptions")
    answers = [(url, status, _sung(body), asked) for url, status, body, asked in SEEN]
    pages = walk(name, written(tmp_path / f"a.{name}", [SECOND, *answers]))
    collector = files.collector(name)
    redact = redaction(collector)
    assert redact is not None
    for page in pages:
        left = redact(page, drop)
        assert (left.requests, left.asked) == (page.requests, page.asked)
        assert list(minimised(collector.parse(left), drop)) == list(minimised(collector.parse(page), drop))
        assert b"Kanarie" not in left.body
    assert b"Kanarie" in b"".join(page.body for page in pages)
    expiry = Expiry({"posts": 10}, AT + timedelta(days=11), yields(), collector.parse)
    gone = [page.meant.kind for page in pages if expiry.entry(msgspec.structs.replace(page, fetched_at=AT)) is None]
    assert gone == ["file", "timeline", "hashtag", "timeline", "search_posts"]


def test_a_recorded_answer_that_no_platform_declares_is_not_taken_for_redacted(tmp_path: Path) -> None:
    old: Told = ("https://api.twitter.com/1.1/statuses/show.json?id=1", 200, {"id_str": "1", "text": "Kanarie"}, None)
    (page,) = walk("har", written(tmp_path / "a.har", [old]))
    with pytest.raises(UserError, match="answers of api\\.twitter\\.com cannot be redacted"):
        recordings.redacted(page, ())


def _sung(body: Any) -> Any:
    """*body* with a word in every field that no table needs, and in every text."""
    if isinstance(body, list):
        return [_sung(one) for one in body]
    if not isinstance(body, dict):
        return body
    words = {key: "Kanarie" for key in ("description", "displayName", "display_name", "avatar") if key in body}
    return {key: _sung(value) for key, value in body.items()} | words | {"other": "Kanarie"}


def test_a_walk_that_is_taken_up_knows_what_earlier_answers_said(tmp_path: Path) -> None:
    for name in ("a.warc.gz", "a.har"):
        path = written(tmp_path / name, SEEN)
        pages = [walk(name.split(".")[1], path, forget=forget) for forget in (False, True)]
        assert [(page.asked, page.body) for page in pages[0]] == [(page.asked, page.body) for page in pages[1]]
        assert b"CANARY" not in b"".join(page.body for page in pages[0])
        assert {page.collector for page in pages[0]} == {"mastodon", "bluesky", name.split(".")[1]}
        assert {page.fetched_at for page in pages[0][:-1]} == {AT} or name == "a.warc.gz"


def test_a_har_file_is_read_in_small_pieces_and_as_far_as_it_goes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = read("har", written(tmp_path / "a.har", SEEN))
    small_pieces(monkeypatch, 100)
    assert read("har", tmp_path / "a.har") == whole
    data = (tmp_path / "a.har").read_bytes()
    (tmp_path / "a.har").write_bytes(data[: data.index(b'"url": "' + SEEN[3][0].encode())])
    cut = read("har", tmp_path / "a.har")
    assert cut[:-1] == whole[: len(cut) - 1]
    assert "breaks off" in of(cut, Quarantine)[-1].reason
    for bad in (b"{}", b"", b"\xff\xfe\x00", b'{"log": {"entries": 5}}'):
        (tmp_path / "bad.har").write_bytes(bad)
        with pytest.raises(UserError, match="no HAR file" if bad else "empty"):
            files.targets("har", [tmp_path / "bad.har"], {})


def test_x_in_a_har_file_and_a_comparison_set(tmp_path: Path) -> None:
    records: list[Told] = [(API, 200, json.loads(timeline(5)), None), *SEEN]
    found = read("har", written(tmp_path / "a.har", records), sample="set")
    assert {(post.platform, post.sample) for post in of(found, Post)} == {
        (p, "set") for p in ("x", "mastodon", "bluesky")
    }


def test_a_strangers_platform_is_recognised_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Stranger:
        kinds: Mapping[str, Kind] = MappingProxyType({"user": Kind()})

        def recorded(self, page: Page, seen: dict[str, str]) -> Target | str | None:
            if not page.url.startswith("https://village.example/"):
                return None
            return Target("village", "user", page.url.rpartition("/")[2])

        def outcome(self, page: Page) -> Any:
            yield Done(page.targets[0])

        def parse(self, page: Page) -> Any:
            yield Account(page.key, "village", msgspec.json.decode(page.content())["name"])

    stranger = Stranger()
    hooks = Hooks(recorded=stranger.recorded)
    monkeypatch.setattr(recordings, "_recognising", lambda: {"village": (stranger, hooks)})
    path = written(tmp_path / "a.har", [("https://village.example/7", 200, {"name": "fik"}, None)])
    assert read("har", path) == [Account("7", "village", "fik")]

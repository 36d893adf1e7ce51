"""Old and foreign recordings of X: counts agree with independent ones, ids keep every digit, nothing is invented."""

import gzip
import json
import re
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from warcio.statusandheaders import StatusAndHeaders
from warcio.warcwriter import WARCWriter

from collectors.files import x_v2
from storage.records import Absence, Account, Deletion, Follow, Post, Quarantine, Record
from tests.importing import counts, of, parse, read, walk


def statuses(value: Any) -> list[dict[str, Any]]:
    """Every post in a v1.1 value, found by walking all of it: an independent count."""
    if isinstance(value, list):
        return [one for part in value for one in statuses(part)]
    if not isinstance(value, dict):
        return []
    here = [value] if ("text" in value or "full_text" in value) and "id" in value and "created_at" in value else []
    return here + [one for part in value.values() for one in statuses(part)]


# ---- API v1.1 -----------------------------------------------------------------------------------------------


def test_500_posts_of_congress(real: Path) -> None:
    path = real / "x" / "us_congress_sample_v1_1" / "sample-tweets-500.jsonl"
    lines = [json.loads(line) for line in path.read_bytes().splitlines()]
    found = of(read("x-v1", path), Post)
    own = [post for post in found if post.timeline_of]
    assert [post.post_id for post in own] == [line["id_str"] for line in lines]
    assert len(found) == len([one for line in lines for one in statuses(line)])
    assert all(post.timeline_of == line["user"]["id_str"] for post, line in zip(own, lines, strict=True))
    for post, line in zip(own, lines, strict=True):
        assert post.text == line["text"]
        assert list(post.hashtags) == [tag["text"] for tag in line["entities"]["hashtags"]]
        assert [m.account_id for m in post.mentions] == [one["id_str"] for one in line["entities"]["user_mentions"]]
        assert post.created_at == datetime.strptime(line["created_at"], "%a %b %d %H:%M:%S %z %Y")
        assert (post.kind == "retweet") == ("retweeted_status" in line)
        if "retweeted_status" in line:
            assert post.retweeted_account == line["retweeted_status"]["user"]["id_str"]
            assert post.full_text == line["retweeted_status"]["text"]


def test_50_accounts_of_congress(real: Path) -> None:
    path = real / "x" / "us_congress_sample_v1_1" / "sample-users-50.jsonl"
    lines = [json.loads(line) for line in path.read_bytes().splitlines()]
    found = of(read("x-v1", path), Account)
    by_id = {account.account_id: account for account in found}
    assert set(by_id) >= {line["id_str"] for line in lines}
    for line in lines:
        account = by_id[line["id_str"]]
        assert (account.handle, account.followers, account.following, account.posts) == (
            line["screen_name"], line["followers_count"], line["friends_count"], line["statuses_count"],
        )  # fmt: skip


def test_every_recorded_v1_1_file_reads_and_its_posts_are_all_there(real: Path) -> None:
    paths = sorted((real / "x" / "python_twitter_v1_1").glob("*.json"))
    assert len(paths) == 31
    for path in paths:
        found = read("x-v1", path)
        assert len(of(found, Post)) == len(statuses(json.loads(path.read_bytes()))), path.name
        quarantined = of(found, Quarantine)
        assert bool(quarantined) == (not of(found, Post)), path.name
        assert all(path.name in quarantine.place for quarantine in quarantined)


def test_a_list_of_ids_tells_edges_once_it_is_said_whose_it_is(real: Path) -> None:
    folder = real / "x" / "python_twitter_v1_1"
    for name, listed in (
        ("get_follower_ids_0", "followers"),
        ("get_friend_ids_1", "following"),
        ("get_follower_ids_stringify", "followers"),
    ):
        ids = [str(one) for one in json.loads((folder / f"{name}.json").read_bytes())["ids"]]
        found = of(read("x-v1", folder / f"{name}.json", of="12", listed=listed), Follow)
        assert [(f.follower_id if listed == "followers" else f.followed_id) for f in found] == ids
        assert {(f.followed_id if listed == "followers" else f.follower_id) for f in found} == {"12"}
        (quarantined,) = of(read("x-v1", folder / f"{name}.json"), Quarantine)
        assert "--of" in quarantined.reason


def test_exchanges_recorded_by_vcr_are_read_by_the_url_they_asked(real: Path) -> None:
    folder = real / "x" / "rtweet_v1_1"
    recorded = json.loads((folder / "get_followers.json").read_bytes())["http_interactions"]
    ids = [one for part in recorded for one in json.loads(part["response"]["body"]["string"])["ids"]]
    assert [
        f.follower_id for f in of(read("x-v1", folder / "get_followers.json", of="1", listed="following"), Follow)
    ] == ids
    assert counts(read("x-v1", folder / "lookup_users3.json")) == {"Account": 1, "Post": 1}
    assert (
        of(read("x-v1", folder / "get_retweets3.json", of="1", listed="followers"), Follow) == []
    )  # retweeters follow nobody
    for path in folder.glob("*.json"):
        assert all(record for record in read("x-v1", path))


def _read(tmp_path: Path, value: Any, **options: Any) -> list[Any]:
    path = tmp_path / "one.jsonl"
    path.write_text(json.dumps(value))
    return read("x-v1", path, **options)


def test_an_extended_post_keeps_what_was_delivered_and_what_was_cut(tmp_path: Path) -> None:
    whole = {"full_text": "lang #een #twee", "entities": {"hashtags": [{"text": "een"}, {"text": "twee"}]}}
    short = {"id_str": "2", "text": "lang #een…", "truncated": True, "entities": {"hashtags": [{"text": "een"}]},
             "extended_tweet": whole, "user": {"id_str": "7", "screen_name": "Verzonnen"}}  # fmt: skip
    found = _read(
        tmp_path, {"id_str": "3", "text": "RT @Verzonnen: lang…", "user": {"id_str": "8"}, "retweeted_status": short}
    )
    retweet, original = of(found, Post)
    assert (original.text, original.hashtags, original.full_text, original.full_hashtags) == (
        "lang #een…", ("een",), "lang #een #twee", ("een", "twee"),
    )  # fmt: skip
    assert (retweet.text, retweet.hashtags, retweet.full_text, retweet.full_hashtags) == (
        "RT @Verzonnen: lang…", (), "lang #een #twee", ("een", "twee"),
    )  # fmt: skip
    assert (retweet.account_id, retweet.retweeted_account, original.timeline_of) == ("8", "7", None)


def test_an_id_that_went_through_a_float_is_refused(tmp_path: Path) -> None:
    (actual,) = _read(tmp_path, {"id": 1.2345678901234567e18, "text": "x"})
    assert "float" in actual.reason
    (post,) = of(_read(tmp_path, {"id": 1234567890123456789, "text": "x"}), Post)
    assert post.post_id == "1234567890123456789"


def test_nothing_is_made_up_for_what_is_missing(tmp_path: Path) -> None:
    (post,) = of(_read(tmp_path, {"id_str": "1", "text": "x"}), Post)
    fields = {name for name in post.__struct_fields__ if getattr(post, name) not in (None, ())}
    assert fields == {"post_id", "platform", "text", "kind"}


def test_a_stream_tells_deletions_and_a_map_tells_absences(tmp_path: Path) -> None:
    notice = {"delete": {"status": {"id_str": "5", "user_id_str": "7"}, "timestamp_ms": "1361577600000"}}
    assert _read(tmp_path, notice) == [Deletion("x", "post", "5", "deleted", datetime(2013, 2, 23, tzinfo=UTC))]
    assert _read(tmp_path, {"id": {"5": None}}) == [Absence("x", "post", "5", "unknown")]


def test_a_comparison_set_holds_its_own_posts_and_marks_them(tmp_path: Path) -> None:
    inner = {"id_str": "2", "text": "y", "user": {"id_str": "7"}}
    found = of(_read(tmp_path, {"id_str": "1", "text": "x", "retweeted_status": inner}, sample="1 percent"), Post)
    assert [(post.post_id, post.sample) for post in found] == [("1", "1 percent")]


# ---- twarc --------------------------------------------------------------------------------------------------


def test_every_twarc_file_reads(real: Path) -> None:
    folder = real / "x" / "twarc_csv"
    found = {path.name: counts(read("twarc", path)) for path in folder.glob("*.json*")}
    assert found == {
        "counts.jsonl": {"Quarantine": 1},  # counts of posts, no posts
        "edited.jsonl": {"Post": 2, "Account": 1},
        "edited_after.jsonl": {"Post": 2, "Account": 1},
        "edited_before.jsonl": {"Post": 2, "Account": 1},
        "empty.json": {},
        "lists.jsonl": {"Quarantine": 2},
        "media_tweet.jsonl": {"Post": 1, "Account": 1},
        "tweets_compliance.jsonl": {"Deletion": 2},
        "users_compliance.jsonl": {"Deletion": 2},
        "verified_type.jsonl": {"Post": 1, "Account": 1},
    }
    notices = of(read("twarc", folder / "tweets_compliance.jsonl"), Deletion)
    assert [(one.kind, one.reason) for one in notices] == [("post", "protected"), ("post", "deactivated")]
    assert {one.kind for one in of(read("twarc", folder / "users_compliance.jsonl"), Deletion)} == {"account"}


def test_an_edited_post_leads_to_its_first_version_and_is_dated_when_it_was_retrieved(real: Path) -> None:
    path = real / "x" / "twarc_csv" / "edited_after.jsonl"
    (page,) = walk("twarc", path)
    assert page.fetched_at == datetime(2022, 10, 3, 18, 1, 17, tzinfo=UTC)
    posts = {post.post_id: post for post in of(parse("twarc", [page]), Post)}
    assert posts["1576994789110992896"].edit_of == "1576994746135764992"
    assert posts["1576994789110992896"].timeline_of == "337119125"


def test_500_posts_of_a_news_agency_as_bare_lists(real: Path) -> None:
    folder = real / "x" / "academictwitteR_reuters"
    listed = json.loads((folder / "data_1219780709600124929.json").read_bytes())
    posts = of(read("twarc", folder / "data_1219780709600124929.json"), Post)
    assert [post.post_id for post in posts] == [one["id"] for one in listed]
    tags = [tag["tag"] for one in listed for tag in one.get("entities", {}).get("hashtags", []) or []]
    assert [tag for post in posts for tag in post.hashtags] == tags
    accounts = of(read("twarc", folder / "users_1219780709600124929.json"), Account)
    assert (len(accounts), sum(bool(account.verified) for account in accounts)) == (33, 25)


USER = {"id": "7", "username": "verzonnen", "name": "Verzonnen"}
OTHER = {"id": "8", "username": "ander", "name": "Ander"}
ORIGINAL = {"id": "2", "text": "lang #een #twee", "author_id": "8",
            "entities": {"hashtags": [{"tag": "een"}, {"tag": "twee"}]}}  # fmt: skip
RETWEET = {"id": "3", "text": "RT @ander: lang…", "author_id": "7", "entities": {"hashtags": [{"tag": "een"}]},
           "referenced_tweets": [{"type": "retweeted", "id": "2"}], "geo": {"place_id": "p"}}  # fmt: skip
PLACE = {"id": "p", "full_name": "Nergens"}
PAGE = {"data": [RETWEET], "includes": {"users": [USER, OTHER], "tweets": [ORIGINAL], "places": [PLACE]}}


def test_a_flattened_post_gives_the_same_as_the_page_it_came_from(tmp_path: Path) -> None:
    inner = {"type": "retweeted", **ORIGINAL, "author": OTHER}
    flat = {**RETWEET, "author": USER, "geo": {**PLACE, "place_id": "p"}, "referenced_tweets": [inner]}
    one, two = tmp_path / "page.jsonl", tmp_path / "flat.jsonl"
    one.write_text(json.dumps(PAGE))
    two.write_text(json.dumps(flat))
    assert sorted(read("twarc", one), key=repr) == sorted(read("twarc", two), key=repr)
    retweet = next(post for post in of(read("twarc", two), Post) if post.kind == "retweet")
    assert (retweet.full_text, retweet.full_hashtags, retweet.place, retweet.timeline_of) == (
        "lang #een #twee", ("een", "twee"), "Nergens", "7",
    )  # fmt: skip


def test_a_follow_list_tells_whose_it_is_by_its_url_and_a_lookup_the_accounts_it_left_out() -> None:
    def parsed(value: Any, url: str) -> list[Any]:
        return list(x_v2.answer(json.dumps({**value, "__twarc": {"url": url}}).encode(), x_v2.Context()))

    found = parsed({"data": [USER]}, "https://api.twitter.com/2/users/12/followers?max_results=1000")
    assert of(found, Follow) == [Follow("x", "7", "12", "followers")]
    missing = {"resource_type": "user", "value": "weg", "parameter": "usernames", "title": "Not Found Error",
               "type": "https://api.twitter.com/2/problems/resource-not-found"}  # fmt: skip
    found = parsed(
        {"data": [USER], "errors": [missing]}, "https://api.twitter.com/2/users/by?usernames=verzonnen,weg,stil"
    )
    assert {(one.key, one.reason) for one in of(found, Absence)} == {("weg", "unknown"), ("stil", "unknown")}
    found = parsed({"data": [{"id": "1", "text": "x", "author_id": "7"}]}, "https://api.twitter.com/2/tweets?ids=1,2")
    assert [(one.kind, one.key) for one in of(found, Absence)] == [("post", "2")]
    assert [post.timeline_of for post in of(found, Post)] == ["7"]


# ---- WARC ---------------------------------------------------------------------------------------------------


def test_recordings_of_social_feed_manager(real: Path) -> None:
    """244 posts of one developer in three pages, one of them empty; API v2 pages whose headers lie about gzip."""
    by_name = {path.name[:4]: path for path in (real / "warc").glob("*.warc.gz")}
    pages = walk("warc", by_name["0f81"])
    assert [re.sub(r"\?.*", "", page.url) for page in pages] == ["https://api.twitter.com/1.1/users/lookup.json"] + [
        "https://api.twitter.com/1.1/statuses/user_timeline.json"
    ] * 3
    assert pages[1].fetched_at == datetime(2016, 4, 16, 15, 56, 2, tzinfo=UTC)
    content = [json.loads(gzip.decompress(page.body)) for page in pages]
    own = [post for post in of(parse("warc", pages), Post) if post.timeline_of]
    assert {post.post_id for post in own} >= {one["id_str"] for page in content[1:] for one in page}
    assert sum(map(len, content[1:])) == 244
    assert len(of(parse("warc", pages), Post)) == len(statuses(content))
    for name in ("test", "3f31"):
        pages = walk("warc", by_name[name])
        assert {post.post_id for post in of(parse("warc", pages), Post)} == {
            post["id"]
            for page in pages
            for content in [json.loads(gzip.decompress(page.body) if page.body[:1] == b"\x1f" else page.body)]
            for post in content["data"] + content["includes"].get("tweets", [])
        }
    assert counts(read("warc", by_name["test"])) == {"Post": 3, "Account": 2}
    assert read("warc", by_name["0d30"]) == []


def _warc(path: Path, *answers: tuple[str, str, bytes, dict[str, str]]) -> Path:
    out = BytesIO()
    writer = WARCWriter(out, gzip=True)
    for kind, url, body, headers in answers:
        line = StatusAndHeaders(
            "200 OK" if kind == "response" else "GET / HTTP/1.1",
            list(headers.items()),
            "HTTP/1.1",
            is_http_request=kind == "request",
        )
        writer.write_record(writer.create_warc_record(url, kind, payload=BytesIO(body), http_headers=line))
    path.write_bytes(out.getvalue())
    return path


def test_requests_other_hosts_and_forged_headers_stay_out(tmp_path: Path) -> None:
    post = json.dumps([{"id_str": "1", "text": "x", "user": {"id_str": "7"}}]).encode()
    url = "https://api.twitter.com/1.1/statuses/user_timeline.json"
    path = _warc(
        tmp_path / "a.warc.gz",
        ("request", url, b"", {"Authorization": "OAuth geheim"}),
        ("response", url, post, {"Content-Encoding": "gzip", "Sneeuwbal-Next": "9:9:9", "Sneeuwbal-Sample": "vals"}),
        ("response", "https://pbs.twimg.com/media/a.jpg", b"\xff\xd8", {}),
    )
    pages = walk("warc", path, forget=True)
    assert not any(b"geheim" in page.body or "geheim" in str(page.headers) for page in pages)
    found = parse("warc", pages)
    assert [(p.post_id, p.sample) for p in of(found, Post)] == [("1", None)]
    assert [one.reason for one in of(found, Quarantine)] == ["left out: 1 answers: no collector reads them"]


@pytest.mark.parametrize("gzipped", [False, True])
def test_a_recorded_stream_is_cut_into_pieces_of_lines(
    tmp_path: Path, gzipped: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("collectors.importing.chunks.PIECE", 200)
    lines = b"\r\n".join([json.dumps({"id_str": str(n), "text": "x" * 40}).encode() for n in range(1, 30)])
    body = gzip.compress(lines) if gzipped else lines
    headers = {"Content-Encoding": "gzip"} if gzipped else {}
    path = _warc(
        tmp_path / "s.warc.gz", ("response", "https://stream.twitter.com/1.1/statuses/sample.json", body, headers)
    )
    pages = walk("warc", path, forget=True)
    assert len(pages) > 5
    assert [int(post.post_id) for post in of(parse("warc", pages), Post)] == list(range(1, 30))


def test_answers_without_data_tell_who_is_not_to_be_had(tmp_path: Path) -> None:
    base = "https://api.twitter.com/1.1/"
    body = json.dumps({"errors": [{"code": 63, "message": "User has been suspended."}]}).encode()
    path = tmp_path / "a.warc.gz"
    out = BytesIO()
    writer = WARCWriter(out, gzip=True)
    for url, status_, said in (
        (base + "users/show.json?user_id=5", "403 Forbidden", body),
        (base + "statuses/user_timeline.json?user_id=6", "401 Authorization Required", b'{"error":"Not authorized."}'),
        (base + "statuses/user_timeline.json?user_id=7", "429 Too Many Requests", b"{}"),
        (base + "statuses/user_timeline.json?user_id=8", "404 Not Found", b"<html>"),
        ("https://api.twitter.com/2/users/9/followers", "503 Service Unavailable", b"<html>"),
    ):
        line = StatusAndHeaders(status_, [], "HTTP/1.1")
        writer.write_record(writer.create_warc_record(url, "response", payload=BytesIO(said), http_headers=line))
    path.write_bytes(out.getvalue())
    found = read("warc", path)
    assert [(one.kind, one.key, one.reason) for one in of(found, Absence)] == [
        ("account", "5", "suspended"),
        ("account", "6", "protected"),
    ]
    assert len(found) == 3  # and the page of HTML; limits and broken servers tell nothing


WRONG: dict[str, Any] = {  # by the place of a value in a post of 1.1: a value of another type than X documents
    ".lang": ["nl"], ".favorite_count": "100+", ".retweet_count": {}, ".source": 7, ".place.full_name": 1,
    ".coordinates.coordinates[1]": "noord", ".entities.hashtags[0].text": 5, ".entities.urls": "http://a.example",
    ".entities.user_mentions[0].screen_name": {}, ".extended_tweet.full_text": [], ".quoted_status": [7],
    ".created_at": 5, "user.screen_name": 5, "user.verified": "perhaps", "user.followers_count": 1.5,
    "user.created_at": "ooit", "user.entities.url.urls[0].expanded_url": True,
}  # fmt: skip


@pytest.mark.parametrize("place", WRONG)
def test_a_value_of_another_type_costs_that_value_and_is_counted(tmp_path: Path, place: str) -> None:
    link, when = {"expanded_url": "http://a.example"}, "Sat Jun 25 19:09:37 +0000 2016"
    post: dict[str, Any] = {
        "id_str": "9", "text": "een", "lang": "nl", "favorite_count": 3, "retweet_count": "4", "source": "web",
        "created_at": when, "place": {"full_name": "Delft"}, "coordinates": {"coordinates": [4.3, 52.1]},
        "entities": {"hashtags": [{"text": "een"}, {"text": "twee"}], "urls": [link],
                     "user_mentions": [{"screen_name": "test_b", "id_str": "6"}]},
        "extended_tweet": {"full_text": "een twee"}, "quoted_status": {"id_str": "8", "text": "acht"},
        "user": {"id_str": "5", "screen_name": "test_a", "verified": "true", "followers_count": 12.0,
                 "created_at": when, "entities": {"url": {"urls": [dict(link)]}}},
    }  # fmt: skip
    path = tmp_path / "a.json"

    def found(post: Any) -> list[Record]:
        path.write_text(json.dumps(post))
        return read("x-v1", path)

    whole = found(post)
    assert not of(whole, Quarantine)
    assert (of(whole, Account)[0].verified, of(whole, Account)[0].followers) == (True, 12)
    at: Any = post["user"] if place.startswith("user") else post
    *steps, last = [int(step) if step.isdigit() else step for step in re.findall(r"\w+", place.removeprefix("user"))]
    for step in steps:
        at = at[step]
    at[last] = WRONG[place]
    left = found(post)
    assert of(left, Post)[0].post_id == "9"
    (wrong,) = of(left, Quarantine)
    assert ("account 5" if place.startswith("user") else "post 9") in wrong.place
    assert place.removeprefix("user") in f"{wrong.place} .{wrong.reason}"
    if place != "user.screen_name":
        assert of(left, Account)[0].handle == "test_a"

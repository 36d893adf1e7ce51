"""Servers that are not the one the documents describe: other implementations, and the liberties they take.

Bodies are documented: Pleroma and Akkoma (docs-develop.pleroma.social, "Differences in Mastodon API responses"),
Pixelfed and Iceshrimp (their sources: no `Link` header, ids in URIs), AppViews and PDSs written in Go (where lists of
nothing are `null`).
"""

from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from collectors.bluesky.collector import collector as bluesky
from collectors.mastodon.collector import collector as mastodon
from collectors.x.collector import collector as x
from storage.records import Absence, Account, Follow, Page, Post, Quarantine, Request, Target
from tests.served import Answer, FastWire, Server, run
from tests.test_bluesky import actor, did, known, post, service
from tests.test_bluesky import collected as skies
from tests.test_mastodon import HOST, KEY, ME, account, collected, site, status

# ---- limits of many servers ---------------------------------------------------------------------------------------


def test_each_server_has_a_limit_of_its_own_over_all_kinds(tmp_path: Path) -> None:
    """One server's limit does not slow the others, and the kinds asked there do not add up beyond it."""
    hosts = [f"server{n}.example" for n in range(3)]
    wire, seen = FastWire(), Counter[tuple[str, datetime]]()

    def answer(path: str) -> Answer:
        host = server.asked[-1].headers["Host"]
        seen[host, wire.clock] += 1
        name = path.rpartition("acct=")[2].partition("%40")[0]
        return 200, {}, account(name, acct=name, uri=f"https://{host}/users/{name}", suspended=True)

    requests = [("user", f"u{n}@{host}") for n in range(25) for host in hosts]
    requests += [("timeline", f"https://{host}/users/u{n}") for n in range(15) for host in hosts]
    limits = {kind: {"requests": 20, "seconds": 60} for kind in ("user", "timeline")}
    with Server(answer) as server:
        options = {"hosts": dict.fromkeys(hosts, server.address), "limits": limits}
        found = run(tmp_path / "study", "mastodon", mastodon, options, requests, wire=wire)
    assert {state for state, _ in found.states.values()} == {"done", "absent"}
    assert set(Counter(host for host, _ in seen.elements()).values()) == {40}
    assert set(seen.values()) == {20}  # twenty in each of two windows, at every server
    assert len(wire.slept) == 1
    assert wire.slept[0] == pytest.approx(60, abs=1)


def test_a_server_that_says_stop_is_left_alone_and_the_others_are_not(tmp_path: Path) -> None:
    wire = FastWire()
    start = wire.clock

    def answer(path: str) -> Answer:
        busy = server.asked[-1].headers["Host"] == "busy.example" and wire.clock == start
        return (429, {"Retry-After": "120"}, {}) if busy else (200, {}, ME)

    requests = [("user", f"u{n}@{host}") for n in range(10) for host in ("busy.example", HOST)]
    with Server(answer) as server:
        options = {"hosts": {"busy.example": server.address, HOST: server.address}}
        found = run(tmp_path / "study", "mastodon", mastodon, options, requests, wire=wire)
    assert {state for state, _ in found.states.values()} == {"done"}
    asked = Counter(asked.headers["Host"] for asked in server.asked)
    assert asked == {"busy.example": 10 + 1, HOST: 10}
    assert wire.slept == [pytest.approx(120)]


@pytest.mark.parametrize("first", [True, False])
def test_a_server_that_never_answers_while_others_do_fails_its_own_targets_only(tmp_path: Path, first: bool) -> None:
    requests = [("user", f"ann@{HOST}"), ("user", f"user1@{HOST}")]
    requests.insert(0 if first else 2, ("user", "bob@nowhere.invalid"))
    with Server(lambda path: (200, {}, ME)) as server:
        found = run(tmp_path / "study", "mastodon", mastodon, {"hosts": {HOST: server.address}}, requests)
    assert (found.report.status, found.report.failed) == ("complete", 1)
    assert found.states.pop(("user", "bob@nowhere.invalid"))[0] == "failed"
    assert {state for state, _ in found.states.values()} == {"done"}


def test_a_name_that_cannot_be_looked_up_is_kept_where_nobody_answers_at_all(tmp_path: Path) -> None:
    for _ in range(3):
        found = run(tmp_path / "study", "mastodon", mastodon, {}, [("user", "bob@nowhere.invalid")])
        assert (found.report.status, found.report.failed) == ("unreachable", 0)
    assert found.states["user", "bob@nowhere.invalid"][0] == "open"


# ---- Mastodon's API elsewhere -------------------------------------------------------------------------------------


def test_a_field_that_cannot_be_read_is_left_out_and_reported_and_the_rest_is_kept(tmp_path: Path) -> None:
    odd = account(
        1,
        followers_count="12",
        bot="true",
        statuses_count="many",
        roles=7,
        created_at=5,
        fields=[{"name": "site", "value": None}, {"value": "<a href='https://ann.example'>x</a>"}],
    )
    items = [
        status(9, odd, tags=[{"name": "zorg"}, {"title": "?"}], favourites_count="veel", mentions={}),
        status(8, odd, visibility=["public"]),
        status(7, odd, content=["no text"]),
    ]
    answer = site({"1": odd}, lambda *_: (200, {"Link": '<https://x/y>; rel="prev"'}, items))
    found, _ = collected(tmp_path, answer, ("timeline", KEY))
    (actual,) = found.of(Account)
    assert (actual.followers, actual.posts, actual.created_at, actual.url) == (12, None, None, "https://ann.example")
    assert "bot" in actual.flags
    (kept,) = found.of(Post)
    assert (kept.hashtags, kept.mentions, kept.likes, kept.text) == (("zorg",), (), None, "9")
    places = {record.place for record in found.of(Quarantine)}
    assert {".statuses_count", ".created_at", ".fields[0].value"} <= places  # of the account
    assert {"[0].tags[1]", "[0].favourites_count", "[0].mentions"} <= places
    assert {"[1]", "[2]"} <= places  # who may see a post, and what it says, is not guessed


def test_pleroma_hides_one_list_and_counts_it_as_none(tmp_path: Path) -> None:
    hidden = account(1, following_count=0, pleroma={"hide_follows": True, "hide_followers": False}, indexable=None)
    last = {"Link": '<https://x/y>; rel="prev"'}
    answer = site({"1": hidden}, lambda what, query: (200, last, [account(n) for n in (2, 3, 4)]))
    found, server = collected(tmp_path, answer, ("following", KEY), ("followers", KEY))
    assert found.states["following", KEY] == (
        "absent", "private: the account hides whom it follows and who follows it")  # fmt: skip
    assert found.states["followers", KEY] == ("done", "")
    assert not [path for path in server.paths if "/following" in path]
    assert {flag for expected in found.of(Account) for flag in expected.flags} == {"hide_following"}


@pytest.mark.parametrize("heeds", [True, False])
def test_without_a_link_header_a_timeline_goes_on_by_the_oldest_post(tmp_path: Path, heeds: bool) -> None:
    me = account(1, statuses_count=50)
    ids = list(range(150, 100, -1))

    def lists(what: str, query: dict[str, str]) -> Answer:
        rest = [n for n in ids if not heeds or n < int(query.get("max_id", 10**9))][:20]
        return 200, {} if heeds else {"Link": ""}, [status(n, me) for n in rest]

    found, server = collected(tmp_path, site({"1": me}, lists), ("timeline", KEY))
    why = "" if heeds else "20 of the 50 that the profile claims, private posts included"
    assert found.states["timeline", KEY] == ("done", why)
    if heeds:
        assert [int(expected.post_id.rpartition("/")[2]) for expected in found.of(Post)] == ids
        assert len(server.paths) == 1 + 3  # the profile's claim is met, so that nothing is asked in vain
    else:
        assert len(found.of(Post)) == 20


def test_without_a_link_header_a_follow_list_says_what_it_lacks(tmp_path: Path) -> None:
    """Ids in follow lists are internal, so that nothing but the server can name the next page."""
    me = account(1, followers_count=90, following_count=40)
    answer = site({"1": me}, lambda what, query: (200, {}, [account(n + 10) for n in range(40)]))
    found, server = collected(tmp_path, answer, ("followers", KEY), ("following", KEY))
    assert found.states["followers", KEY] == ("done", "no link to a next page; 40 of the 90 that the profile claims")
    assert found.states["following", KEY] == ("done", "")
    assert len(server.paths) == 2 + 2
    assert not [path for path in server.paths if "max_id" in path]


def test_a_link_may_be_relative_unquoted_and_among_others(tmp_path: Path) -> None:
    links = [
        "</api/v1/accounts/1/followers?limit=80&page=2>; rel=next, </x>; rel=prev",
        '<https://a.example/about>; rel="help"',
        '<?limit=80&page=3>; title="a, b"; rel="next"',
        "",
    ]

    def lists(what: str, query: dict[str, str]) -> Answer:
        n = int(query.get("page", 1))
        return 200, [("link", link) for link in links[2 * n - 2 : 2 * n] if link], [account(10 + n)]

    def answer(path: str) -> Answer:
        return site({"1": ME}, lists)(path) if "page=3" not in path else (200, {}, [account(13)])

    found, _ = collected(tmp_path, answer, ("followers", KEY))
    assert [edge.follower_id for edge in found.of(Follow)] == [account(10 + n)["uri"] for n in (1, 2, 3)]


def test_a_server_without_the_look_up_is_asked_by_name(tmp_path: Path) -> None:
    """Old Pleromas take a name for an id; on Iceshrimp and others the URI ends with the id."""
    ann = account("9xk2", uri=f"https://{HOST}/users/9xk2", url=f"https://{HOST}/@ann", acct="ann", username="ann",
                  statuses_count=1)  # fmt: skip
    links = [{"rel": "self", "type": "application/activity+json", "href": ann["uri"]}]

    def answer(path: str) -> Answer:
        if path.startswith("/.well-known/webfinger") and "ann" in path:
            return 200, {}, {"subject": f"acct:ann@{HOST}", "links": links}
        if path == "/api/v1/accounts/9xk2":
            return 200, {}, ann
        if path.startswith("/api/v1/accounts/9xk2/statuses"):
            return 200, {"Link": "<https://x/y>; rel=prev"}, [status(5, ann)]
        return 404, {}, {"error": "Not implemented"}

    requests = [("user", f"ann@{HOST}"), ("timeline", ann["uri"]), ("user", f"bob@{HOST}"),
             ("timeline", f"https://{HOST}/users/7abc")]  # fmt: skip
    found, server = collected(tmp_path, answer, *requests)
    assert [found.states[request] for request in requests] == [
        ("done", ""), ("done", ""), ("absent", "unknown"), ("absent", "gone")]  # fmt: skip
    assert {expected.account_id for expected in found.of(Account)} == {ann["uri"]}
    assert [expected.timeline_of for expected in found.of(Post)] == [ann["uri"]]
    assert sorted((expected.key, expected.reason) for expected in found.of(Absence)) == [
        (f"bob@{HOST}", "unknown"), (f"https://{HOST}/users/7abc", "gone")]  # fmt: skip
    assert len(server.paths) == 3 + 3 + 2 + 2


# ---- AT elsewhere -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("last", [{"follows": None}, {"follows": [], "cursor": ""}, {"follows": [], "cursor": None}])
def test_a_list_that_is_null_and_a_cursor_that_is_empty_are_the_end(tmp_path: Path, last: dict[str, Any]) -> None:
    look_up = known(actor(0, followsCount=1))

    def answer(method: str, query: dict[str, list[str]]) -> Answer:
        if found := look_up(method, query):
            return found
        return 200, {}, {"subject": actor(0)} | (
            last if "cursor" in query else {"follows": [actor(5)], "cursor": "c"})  # fmt: skip

    found, server = skies(tmp_path, answer, ("following", did(0)))
    assert found.states["following", did(0)] == ("done", "")
    assert len(server.paths) == 3
    assert [edge.followed_id for edge in found.of(Follow)] == [did(5)]
    assert not found.of(Quarantine)


def test_an_actor_without_a_handle_and_with_odd_counts_is_one_all_the_same(tmp_path: Path) -> None:
    bare = {"did": did(1), "followsCount": "2", "followersCount": {}, "displayName": 7}
    shown = [actor(5, handle="handle.invalid"), {"did": did(6)}, {"handle": "nobody.example"}]
    items = [
        {"post": post(actor(1), "1", facets=[{"index": {}}, 7], langs="nl")},
        {"post": post(actor(1), "2", text=7)},
        {"post": post(actor(1), "3", reply="yes")},
    ]

    def answer(method: str, query: dict[str, list[str]]) -> Answer:
        if method.endswith("getProfile"):
            return 200, {}, bare
        return 200, {}, {"feed": items} if "Feed" in method else {"subject": bare, "follows": shown}

    found, _ = skies(tmp_path, answer, ("user", did(1)), ("following", did(1)), ("timeline", did(1)))
    records = {one.account_id: one for one in found.of(Account)}
    assert (records[did(5)].handle, records[did(6)].handle) == (None, None)
    assert {edge.followed_id for edge in found.of(Follow)} == {did(5), did(6)}
    assert found.states["following", did(1)] == ("done", "")
    assert [one.post_id.rpartition("/")[2] for one in found.of(Post)] == ["1"]
    places = {one.place for one in found.of(Quarantine)}
    assert {".followersCount", ".displayName", "follows[2]", "feed[1]", "feed[2]"} <= places
    assert [one for one in places if one.startswith("feed[0].post.record.facets")]


def test_a_server_of_one_account_that_wants_a_key_does_not_stop_the_job(tmp_path: Path) -> None:
    document = {"service": [{"id": "#atproto_pds", "serviceEndpoint": "https://pds.example"}]}
    rows = [
        {"uri": "at://x/app.bsky.graph.follow/1", "value": {"subject": did(9), "createdAt": "2024-02-03T04:05:06Z"}},
        {"uri": "at://x/app.bsky.graph.follow/2", "value": {"subject": did(8), "createdAt": "yesterday"}},
    ]

    def answer(method: str, query: dict[str, list[str]]) -> Answer:
        if method.startswith("/did:"):
            return 200, {}, document | {"id": method[1:]}
        closed = query["repo"] == [did(1)]
        return (401, {}, {"error": "AuthMissing", "message": "log in"}) if closed else (200, {}, {"records": rows})

    with Server(service(answer)) as server:
        options = {"plc_url": server.url, "hosts": {"pds.example": server.address}}
        requests = [("follow_records", did(n)) for n in (1, 2)]
        found = run(tmp_path / "study", "bluesky", bluesky, options, requests, secret="s3cret")
    assert [found.states[request] for request in requests] == [("absent", "refused: log in"), ("done", "")]
    assert [(edge.followed_id, edge.followed_at) for edge in found.of(Follow)] == [
        (did(9), datetime(2024, 2, 3, 4, 5, 6, tzinfo=UTC)), (did(8), None)]  # fmt: skip
    assert not [asked for asked in server.asked if "Authorization" in asked.headers]


def test_a_reset_may_be_a_moment_or_a_distance(tmp_path: Path) -> None:
    """`RateLimit-Reset` is Unix seconds at Bluesky, and seconds from now in the IETF's draft."""
    for reset in (str(int(FastWire().clock.timestamp()) + 90), "90"):
        answers = [(429, {"RateLimit-Reset": reset}, {"error": "RateLimitExceeded"}), (200, {}, actor(1))]
        found, _ = skies(tmp_path / reset, lambda *_, left=answers: left.pop(0), ("user", did(1)))
        assert found.wire.slept == [pytest.approx(timedelta(seconds=90).total_seconds())]


# ---- X elsewhere --------------------------------------------------------------------------------------------------


def test_ids_that_are_integers_keep_their_digits_and_floats_are_refused() -> None:
    big = 1999999999999999999
    items = [{"id": big, "text": "a", "author_id": 7, "edit_history_tweet_ids": [5, big], "entities": {
              "mentions": [{"username": "b", "id": 8}], "hashtags": [{"tag": "c", "start": 1}]}},
             {"id": "3", "text": "b", "author_id": "7"}, {"id": 1.5e18, "text": "c"}]  # fmt: skip
    body = json.dumps({"data": items, "meta": {"result_count": 3, "next_token": "t"}}).encode()
    target = Target("x", "timeline", "7")
    page = Page((Request(target, "w"),), "https://api.twitter.com/2/users/7/tweets", 200, (), body, datetime.now(UTC))
    records = list(x.parse(page))
    kept = [one for one in records if isinstance(one, Post)]
    assert [(one.post_id, one.account_id) for one in kept] == [(str(big), "7"), ("3", "7")]
    assert (kept[0].edit_of, kept[0].mentions[0].account_id, kept[0].hashtags) == ("5", "8", ("c",))
    assert [one.place for one in records if isinstance(one, Quarantine)] == ["data[2]"]
    (done,) = x.outcome(page)
    assert msgspec.structs.astuple(done)[1:4] == ("t", 3, str(big))

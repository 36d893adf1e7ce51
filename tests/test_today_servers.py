"""The simulated servers serve what was planted: read by the collectors that read the real ones, and page by page."""

from __future__ import annotations

import tomllib
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote, urlsplit

import pytest

from collectors.bluesky.collector import collector as bluesky
from collectors.mastodon.collector import collector as mastodon
from fixtures.today import serve, studyfile
from fixtures.today.ids import account_id
from fixtures.today.planted import clock
from fixtures.today.planted.people import BLUESKY, MASTODON
from fixtures.today.planted.servers import APPVIEW, PDS, PLC
from fixtures.today.service import Limits, Service
from storage.records import Account, Follow, Page, Post
from tests.served import FastWire, Run, run
from tests.today import HEAD, cursors, get, links, on, service, truth, world, xrpc


@pytest.fixture(scope="module")
def read(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Run]:
    """Everything that the collectors can read of the world on day 0, opt-outs overruled."""
    found = {}
    folder = tmp_path_factory.mktemp("today")
    with serve(world()) as served:
        tables = tomllib.loads(studyfile.collectors(served))["collectors"]
        for name, collector in ((MASTODON, mastodon), (BLUESKY, bluesky)):
            accounts = [one for one in truth().accounts.values() if one.platform == name]
            requests = [("user", one.handle) for one in accounts]
            kinds = set(studyfile.KINDS[name]) - {"user"}
            requests += [(kind, one.key) for kind in sorted(kinds) for one in accounts]
            options = tables[name] | {"honour_opt_outs": False}
            found[name] = run(folder / name, name, collector, options, requests, wire=FastWire(clock.START))
    return found


@pytest.mark.parametrize("platform", [MASTODON, BLUESKY])
def test_accounts_are_read_as_they_were_planted(read: dict[str, Run], platform: str) -> None:
    got = {}
    for page in read[platform].pages:
        if isinstance(page, Page) and page.kind == "user":
            collector = mastodon if platform == MASTODON else bluesky
            got |= {one.account_id: one for one in collector.parse(page) if isinstance(one, Account)}
    moved = {truth().accounts[key].moved_to for key in on(platform)} - {None}
    assert on(platform) <= got.keys() <= on(platform) | moved
    names = {"hide_collections": "hide-collections", "not-indexable": "not-indexable", "noindex": "noindex",
             "not-discoverable": "not-discoverable", "no-unauthenticated": "no-unauthenticated"}  # fmt: skip
    for key in on(platform):
        one, planted = got[key], truth().accounts[key]
        assert (one.name, one.description or "") == (planted.name, planted.bio)
        assert (one.followers, one.following, one.posts) == (planted.followers, planted.following, planted.posts)
        assert one.handle in (planted.handle, f"{planted.handle.partition('@')[0]}@{planted.server}")
        assert {names[flag] for flag in one.flags if flag in names} == planted.opt_outs - {"nobot"}
        assert ({f"moved:{planted.moved_to}"} if planted.moved_to else set()) == {f for f in one.flags if "moved" in f}
        assert bool(one.verified) == planted.verified
        assert one.created_at.date() == clock.moment(planted.made).date()


@pytest.mark.parametrize("platform", [MASTODON, BLUESKY])
def test_follow_lists_are_read_whole(read: dict[str, Run], platform: str) -> None:
    hidden = {key for key, how in truth().opted_out.items() if "hide-collections" in how}
    planted = {(one, other) for one, other in truth().follows if one in on(platform)}
    got = {kind: set() for kind in ("following", "followers", "follow_records")}
    for page in read[platform].pages:
        if isinstance(page, Page) and page.kind in got:
            collector = mastodon if platform == MASTODON else bluesky
            pairs = [(r.follower_id, r.followed_id) for r in collector.parse(page) if isinstance(r, Follow)]
            assert not got[page.kind] & set(pairs)  # nothing twice
            got[page.kind] |= set(pairs)
    assert got["following"] == {(one, other) for one, other in planted if one not in hidden}
    assert got["followers"] == {(one, other) for one, other in planted if other not in hidden}
    if platform == BLUESKY:  # repositories also hold the follows of accounts that are suspended or away
        assert {pair for pair in got["follow_records"] if pair[1] in on(BLUESKY)} == planted
        assert {other for _, other in got["follow_records"]} - on(BLUESKY) <= truth().gone.keys()


@pytest.mark.parametrize("platform", [MASTODON, BLUESKY])
def test_timelines_are_read_whole_and_word_for_word(read: dict[str, Run], platform: str) -> None:
    reposts = {post.post_id: post for post in read[platform].of(Post) if post.kind == "retweet"}
    own = {post.post_id: post for post in read[platform].of(Post) if post.timeline_of and post.kind != "retweet"}
    planted = {key: post for key, post in truth().posts.items() if post.author in on(platform)}
    assert own.keys() | reposts.keys() == planted.keys()
    handle = {one.key: one.handle for history in world().population.histories for _, one in history.versions}
    for key, post in (own | reposts).items():
        true = planted[key]
        assert (post.kind, post.text, post.lang) == (true.kind, true.text, true.language)
        assert (post.account_id, post.timeline_of) == (true.author, true.author)
        assert (post.hashtags, post.urls) == (true.tags, true.links)
        assert post.created_at == datetime.fromtimestamp(true.claimed / 1000, UTC)
        by = {each.account_id if platform == BLUESKY else handle_of(each.handle) for each in post.mentions}
        assert by == (
            set(true.mentions) if platform == BLUESKY else {handle_of(handle[each]) for each in true.mentions}
        )
        assert true.parent is None or true.kind == "reply" or true.parent in (post.quoted_post, post.retweeted_post)
        if true.kind == "reply" and true.parent and platform == BLUESKY:
            assert post.reply_to_post == true.parent


def handle_of(handle: str) -> str:
    """A Mastodon handle by its server: domains of handles may be others."""
    name, _, host = handle.partition("@")
    return f"{name}@{next((one.host for one in world().instances.values() if one.domain == host), host)}"


def test_whoever_opted_out_is_left_alone(tmp_path: Path) -> None:
    with serve(world()) as served:
        tables = tomllib.loads(studyfile.collectors(served))["collectors"]
        for name, collector, asked in (
            (MASTODON, mastodon, {"noindex", "not-indexable"}), (BLUESKY, bluesky, {"no-unauthenticated"}),
        ):  # fmt: skip
            some = sorted(key for key, how in truth().opted_out.items() if how & asked and key in on(name))
            assert some
            requests = [("timeline", key) for key in some]
            got = run(tmp_path / name, name, collector, tables[name], requests, wire=FastWire(clock.START))
            assert {why.partition(":")[0] for _, why in got.states.values()} == {"opted-out"}
            assert not got.of(Post)


# ---- paging and the other lists --------------------------------------------------------------------------------


@pytest.mark.parametrize("limit", [3, 7, 40])
def test_paging_loses_nothing_whatever_the_size_of_a_page(limit: int) -> None:
    found = truth()
    one = max(
        (key for key in on(MASTODON) if found.accounts[key].server == HEAD), key=lambda k: found.accounts[k].followers
    )
    account = service().snapshot.account(service().snapshot.by_key[one])
    path = f"/api/v1/accounts/{account_id(account, HEAD)}"
    for what, planted in (("followers", found.followers), ("following", found.following)):
        got = [each["uri"] for each in links(HEAD, f"{path}/{what}", limit=limit)]
        assert Counter(got) == Counter(planted.get(one, set()))
    assert Counter(each["uri"] for each in links(HEAD, f"{path}/statuses", limit=limit)) == Counter(
        found.timelines[one]
    )
    actor = max(on(BLUESKY), key=lambda key: found.accounts[key].followers)
    for method, name, planted in (("Follows", "follows", found.following), ("Followers", "followers", found.followers)):
        got = [each["did"] for each in cursors(f"app.bsky.graph.get{method}", name, actor=actor, limit=limit)]
        assert Counter(got) == Counter(planted[actor])
    busy = max(on(BLUESKY), key=lambda key: len(found.timelines.get(key, ())))
    feed = cursors("app.bsky.feed.getAuthorFeed", "feed", actor=busy, limit=limit)
    assert Counter(item.get("reason", item["post"])["uri"] for item in feed) == Counter(found.timelines[busy])
    members_on = cursors("app.bsky.graph.getList", "items", list=found.list_uris["members"], limit=limit)
    assert [item["subject"]["did"] for item in members_on] == found.lists["members"]
    host = next(host for host in PDS if host == service().snapshot.account(service().snapshot.by_key[busy]).server)
    records = {"repo": busy, "collection": "app.bsky.feed.post", "limit": limit, "host": host}
    forth, back = (
        cursors("com.atproto.repo.listRecords", "records", **records, **way) for way in ({}, {"reverse": "true"})
    )
    assert [record["uri"] for record in forth] == [record["uri"] for record in back][::-1]
    assert {record["uri"] for record in forth} >= {
        key for key in found.timelines[busy] if "/app.bsky.feed.post/" in key
    }


def test_seeds_can_be_asked_for_by_lists_packs_feeds_searches_hashtags_and_the_directory() -> None:
    found, tag = truth(), world().theme.topics[0]
    owner = found.key(world().lists.lists["pack"].owner)
    (pack,) = xrpc("app.bsky.graph.getActorStarterPacks", actor=owner)["starterPacks"]
    named = pack["uri"].replace(owner, found.accounts[owner].handle)  # as in a web address
    whole = xrpc("app.bsky.graph.getStarterPack", starterPack=named)["starterPack"]
    assert whole["uri"] == found.list_uris["pack pack"]
    items = cursors("app.bsky.graph.getList", "items", list=whole["list"]["uri"])
    assert {item["subject"]["did"] for item in items} == set(found.lists["pack"]) <= found.members
    maker = found.key(world().lists.lists["members"].owner)
    assert found.list_uris["members"] in {each["uri"] for each in xrpc("app.bsky.graph.getLists", actor=maker)["lists"]}
    tagged = found.tagged(tag, BLUESKY)
    feed = cursors("app.bsky.feed.getFeed", "feed", feed=f"at://{maker}/app.bsky.feed.generator/{tag}", limit=10)
    assert {item["post"]["uri"] for item in feed} == set(tagged)
    posts = cursors("app.bsky.feed.searchPosts", "posts", q="*", tag=tag)
    assert {post["uri"] for post in posts} == set(tagged)
    actors = cursors("app.bsky.actor.searchActors", "actors", q="Ministerie van", limit=5)
    assert {each["did"] for each in actors} == {
        key for key in on(BLUESKY) if "ministerie van" in found.accounts[key].bio.lower()
    }
    shown = links(HEAD, f"/api/v1/timelines/tag/{tag}", limit=9)
    assert {post["uri"]: post["account"]["uri"] for post in shown} == found.tagged(tag, MASTODON, HEAD)
    pages = [
        get(HEAD, "/api/v1/directory", local="true", order="new", limit=20, offset=n)[2] for n in range(0, 400, 20)
    ]
    listed = {key for key in on(MASTODON) if found.accounts[key].server == HEAD and not found.accounts[key].moved_to}
    assert {one["uri"] for page in pages for one in page} == {
        key for key in listed if "not-discoverable" not in found.accounts[key].opt_outs
    }


def test_servers_say_who_they_are_what_they_forbid_and_where_an_account_lives() -> None:
    for host, instance in world().instances.items():
        assert get(host, "/api/v1/instance/rules")[2] == get(host, "/api/v2/instance")[2]["rules"]
        assert get(host, "/api/v1/instance")[2]["uri"] == instance.domain
        assert ("Disallow: /\n" in get(host, "/robots.txt")[2].partition("User-agent: *")[2]) == (
            host == "stil.example"
        )
    assert truth().forbidden == {"polder.example", "stil.example"}
    other = next(
        one for one in truth().accounts.values() if one.platform == MASTODON and not one.handle.endswith(one.server)
    )
    body = get(other.handle.partition("@")[2], "/.well-known/webfinger", resource=f"acct:{other.handle}")[2]
    assert other.key in {link["href"] for link in body["links"] if link["rel"] == "self"}
    did = next(iter(on(BLUESKY)))
    account = truth().accounts[did]
    assert xrpc("com.atproto.identity.resolveHandle", handle=account.handle)["did"] == did
    document = get(PLC, f"/{quote(did)}")[2]
    host = urlsplit(document["service"][0]["serviceEndpoint"]).netloc
    assert xrpc("com.atproto.repo.describeRepo", host=host, repo=did)["handle"] == account.handle


# ---- time and limits ------------------------------------------------------------------------------------------


def test_the_servers_keep_time_with_the_world() -> None:
    events = {
        kind: [e for e in world().events if e.kind == kind]
        for kind in ("leave", "suspend", "deactivate", "rename", "move")
    }
    for kind, (event, *_) in events.items():
        before, after, account = event.day - 0.01, event.day + 0.01, world().population.of(event.account)
        for day in (before, after):
            if account.platform == MASTODON:
                status, _, body = get(account.server, "/api/v1/accounts/lookup", day, acct=account.name)
                gone = {"leave": status == 404, "suspend": bool(status == 200 and body.get("suspended")),
                        "move": "moved" in body}  # fmt: skip
            else:
                status, _, body = get(APPVIEW, "/xrpc/app.bsky.actor.getProfile", day, actor=account.name)
                name = body.get("error", "")
                gone = {"leave": status == 400, "suspend": name == "AccountTakedown",
                        "deactivate": name == "AccountDeactivated", "rename": status == 400}  # fmt: skip
            assert gone[kind] == (day == after), (kind, day, body)
    (again,) = [event for event in world().events if event.kind == "reregister"]
    before, after = (xrpc("app.bsky.actor.getProfile", day, actor=again.after) for day in (0, 31))
    assert before["did"] != after["did"]
    assert after["did"] == truth(31).key(again.account)


def test_limits_are_those_of_the_documents_and_say_when_they_end() -> None:
    now = [1_000.0]
    limited = Service(world(), limits=Limits(2, 3, clock=lambda: now[0]))
    for host, path, allowed, reset in (
        (HEAD, "/api/v1/instance/rules", 2, "X-RateLimit-Reset"), (APPVIEW, "/robots.txt", 3, "RateLimit-Reset"),
    ):  # fmt: skip
        assert [limited.answer(host, path).status for _ in range(allowed + 1)] == [200] * allowed + [429]
        assert reset in dict(limited.answer(host, path).headers)
    now[0] += 301
    assert limited.answer(HEAD, "/api/v1/instance/rules").status == 200

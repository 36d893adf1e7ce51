"""Bluesky: the recorded answers against an independent count, and every trap that concerns it on real sockets.

Bodies: *recorded* are the files beside the checkout; all others are *documented* (the lexicons, and the sources of
the AppView and the PDS), built here. Traps are numbered as in the list that the project works from.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import msgspec
import pytest

from collectors.base import Absent, Done, Later, Refused, Split
from collectors.bluesky.collector import KINDS, REASONS, collector
from storage.records import Absence, Account, Deletion, Follow, Mention, Page, Post, Quarantine, Request, Target
from tests.served import Answer, Run, Server, run

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
DID = "did:plc:aaaaaaaaaaaaaaaaaaaaaaaa"


def did(number: int) -> str:
    return f"did:plc:{number:024d}"


def actor(number: int, **fields: Any) -> dict[str, Any]:
    """A documented profile."""
    return {
        "did": did(number), "handle": f"user{number}.example", "displayName": f"User {number}", "labels": [],
        "createdAt": "2024-01-01T00:00:00.000Z", "followersCount": 3, "followsCount": 3, "postsCount": 5,
    } | fields  # fmt: skip


def post(author: dict[str, Any], rkey: str, text: str = "hallo", seen: str = "2026-11-01T10:00:00.000Z",
         **record: Any) -> dict[str, Any]:  # fmt: skip
    """A documented post view."""
    written = {"$type": "app.bsky.feed.post", "text": text, "createdAt": seen, "langs": ["nl"]} | record
    uri = f"at://{author['did']}/app.bsky.feed.post/{rkey}"
    return {"uri": uri, "cid": "bafy", "author": author, "record": written, "indexedAt": seen, "likeCount": 1}


def page(kind: str, body: Any, status: int = 200, *, cursor: str = "", keys: tuple[str, ...] = (DID,),
         headers: Any = (), **request: Any) -> Page:  # fmt: skip
    """A page as it would come."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    requests = tuple(Request(Target("bluesky", kind, key, cursor), "w", **request) for key in keys)
    return Page(requests, "https://public.api.bsky.app/xrpc/x", status, tuple(headers), raw, NOW)


def service(answer: Callable[[str, dict[str, list[str]]], Answer]) -> Callable[[str], Answer]:
    """A server of *answer(method, query)*."""

    def route(path: str) -> Answer:
        parts = urlsplit(path)
        return answer(unquote(parts.path).removeprefix("/xrpc/"), parse_qs(parts.query))

    return route


def known(*actors: dict[str, Any]) -> Callable[[str, dict[str, list[str]]], Answer | None]:
    """The look-ups of a server that knows *actors*, as the AppView answers them."""

    def answer(method: str, query: dict[str, list[str]]) -> Answer | None:
        found = {name: a for a in actors for name in (a["did"], a["handle"])}
        if method == "app.bsky.actor.getProfiles":
            if len(query["actors"]) > 25:
                return (
                    400,
                    {},
                    {"error": "InvalidRequest", "message": "Error: actors must not have more than 25 elements"},
                )
            bad = [name for name in query["actors"] if "." not in name and not name.startswith("did:")]
            if bad:
                return (
                    400,
                    {},
                    {"error": "InvalidRequest", "message": "Error: actors/0 must be a valid did or a handle"},
                )
            shown = [found[name] for name in query["actors"] if name in found and "error" not in found[name]]
            return 200, {}, {"profiles": shown}
        if method == "app.bsky.actor.getProfile":
            (name,) = query["actor"]
            if "." not in name and not name.startswith("did:"):
                return 400, {}, {"error": "InvalidRequest", "message": "Error: actor must be a valid did or a handle"}
            if name not in found:
                return 400, {}, {"error": "InvalidRequest", "message": "Profile not found"}
            if "error" in found[name]:
                return 400, {}, {"error": found[name]["error"], "message": "Account is not active"}
            return 200, {}, found[name]
        return None

    return answer


def collected(tmp_path: Path, answer: Callable[[str, dict[str, list[str]]], Answer], *requests: tuple[str, str],
              **more: Any) -> tuple[Run, Server]:  # fmt: skip
    """One run against a server."""
    with Server(service(answer)) as server:
        options = {"base_url": server.url, "plc_url": server.url} | more.pop("options", {})
        return run(tmp_path / "study", "bluesky", collector, options, requests, **more), server


# ---- recorded -----------------------------------------------------------------------------------------------------


@pytest.fixture
def recorded(real: Path) -> Callable[[str], Any]:
    return lambda name: json.loads((real / "bluesky/atproto_python_testdata" / name).read_bytes())


def test_recorded_follows_say_what_their_json_says(recorded: Callable[[str], Any]) -> None:
    body = recorded("get_follows.json")
    records = list(collector.parse(page("following", body, cursor="6:start", keys=(body["subject"]["did"],))))
    edges = [record for record in records if isinstance(record, Follow)]
    accounts = [record for record in records if isinstance(record, Account)]
    assert [edge.followed_id for edge in edges] == [view["did"] for view in body["follows"]]
    assert {edge.follower_id for edge in edges} == {body["subject"]["did"]}
    assert len(accounts) == len(body["follows"]) + 1
    why = [account for account in accounts if account.handle == "why.bsky.team"]
    assert why[0].name == "Why"
    assert why[0].created_at == datetime.fromisoformat("2022-11-17T01:04:43.624Z")
    assert (why[0].followers, why[0].verified, why[0].flags) == (None, None, ())
    (found,) = collector.outcome(page("following", body, cursor="6:start", keys=(body["subject"]["did"],)))
    assert isinstance(found, Done)
    assert (found.next, found.items, found.complete) == (None, 6, True)


def test_a_recorded_post_with_quote_and_pictures(recorded: Callable[[str], Any]) -> None:
    view = recorded("thread_view_post_with_embed_media.json")["thread"]["post"]
    owner = view["author"]["did"]
    records = list(collector.parse(page("timeline", {"feed": [{"post": view}]}, cursor="at:", keys=(owner,))))
    own, quoted = (record for record in records if isinstance(record, Post))
    inner = view["embed"]["record"]["record"]
    assert (own.kind, own.quoted_post, own.timeline_of) == ("quote", inner["uri"], owner)
    assert own.created_at == own.indexed_at == datetime(2023, 9, 28, 12, 49, 36, 735000, UTC)
    assert (quoted.post_id, quoted.text, quoted.timeline_of) == (inner["uri"], "test", None)
    assert (quoted.likes, quoted.lang) == (0, "en")


def test_recorded_records_with_odd_dates_are_read(recorded: Callable[[str], Any]) -> None:
    """Without a zone, with one, and with fields of other people's programs."""
    for name in ("feed_record.json", "post_record.json", "extended_post_record.json", "custom_record.json"):
        record = recorded(name)
        view = post(actor(1), "x") | {
            "record": record.get("value", record),
            "uri": "at://did:plc:x/app.bsky.feed.post/1",
        }
        found = [
            r
            for r in collector.parse(page("timeline", {"feed": [{"post": view}]}, cursor="at:"))
            if isinstance(r, Post)
        ]
        claimed = datetime.fromisoformat(record.get("value", record)["createdAt"])
        expected = claimed if claimed.tzinfo else claimed.replace(tzinfo=UTC)
        assert [r.created_at for r in found] == [expected]
        assert found[0].text == record.get("value", record).get("text", "")


def test_a_recorded_did_document_names_the_server(recorded: Callable[[str], Any]) -> None:
    document = recorded("did_doc.json")["didDoc"]
    (found,) = collector.outcome(page("follow_records", document, keys=(document["id"],)))
    assert isinstance(found, Done)
    assert found.carry == {"server": "https://shimeji.us-east.host.bsky.network"}


# ---- the traps, on real sockets -----------------------------------------------------------------------------------


def test_traps_07_10_12_who_is_left_out_of_a_batch_is_asked_alone_and_distinguished(tmp_path: Path) -> None:
    actors = [actor(n) for n in range(60)]
    actors[7] |= {"error": "AccountDeactivated"}
    actors[8] |= {"error": "AccountTakedown"}
    look_up = known(*actors)
    requests = [("user", did(n)) for n in range(30)] + [("user", f"user{n}.example") for n in range(30, 60)]
    requests += [("user", "nobody.example")]
    found, server = collected(tmp_path, lambda method, query: look_up(method, query) or (404, {}, {}), *requests)
    reasons = {absence.key: absence.reason for absence in found.of(Absence)}
    assert reasons == {did(7): "deactivated", did(8): "suspended", "nobody.example": "unknown"}
    assert {account.account_id for account in found.of(Account)} == {did(n) for n in range(60) if n not in (7, 8)}
    batches = [path for path in server.paths if "getProfiles" in path]
    assert max(path.count("actors=") for path in batches) == 25
    assert len(server.paths) == len(batches) + 3
    assert [state for state, _ in found.states.values()].count("done") == 58


def test_trap_11_a_malformed_name_does_not_spoil_its_batch(tmp_path: Path) -> None:
    look_up = known(*(actor(n) for n in range(24)))
    requests = [("user", did(n)) for n in range(24)] + [("user", "not a name")]
    found, server = collected(tmp_path, lambda method, query: look_up(method, query) or (404, {}, {}), *requests)
    assert found.states["user", "not a name"] == ("absent", "unknown: Error: actor must be a valid did or a handle")
    assert len({account.account_id for account in found.of(Account)}) == 24
    assert len(server.paths) == 1 + 25


def lists(size: int, claim: int, lost: tuple[int, ...] = (), final_cursor: bool = False) -> Callable[..., Answer]:
    """Follow lists of *size* in which some accounts have vanished: their pages shrink, the count stays."""
    look_up = known(actor(0, followersCount=claim, followsCount=claim))

    def answer(method: str, query: dict[str, list[str]]) -> Answer:
        if found := look_up(method, query):
            return found
        what = {"app.bsky.graph.getFollows": "follows", "app.bsky.graph.getFollowers": "followers"}[method]
        start, limit = int(query.get("cursor", ["0"])[0]), int(query["limit"][0])
        assert limit <= 100
        shown = [actor(1000 + n) for n in range(start, min(start + limit, size)) if n not in lost]
        body: dict[str, Any] = {"subject": actor(0), what: shown}
        if start + limit < size or (final_cursor and start < size):
            body["cursor"] = str(start + limit)
        return 200, {}, body

    return answer


@pytest.mark.parametrize("kind", ["following", "followers"])
def test_traps_01_02_03_short_empty_and_last_pages(tmp_path: Path, kind: str) -> None:
    lost = (50, *range(100, 200))  # a page of 99 with a cursor, and one of 0
    found, server = collected(tmp_path, lists(350, 249, lost, final_cursor=True), (kind, did(0)))
    other = {edge.followed_id if kind == "following" else edge.follower_id for edge in found.of(Follow)}
    assert other == {did(1000 + n) for n in range(350) if n not in lost}
    assert len(found.of(Follow)) == len(other) == 249
    assert len(server.paths) == 1 + 5
    assert found.states[kind, did(0)] == ("done", "")


def test_traps_23_24_completeness_is_claimed_only_if_the_walk_proves_it(tmp_path: Path) -> None:
    found, _ = collected(tmp_path, lists(250, 250, lost=(99, 100)), ("followers", did(0)))
    assert found.states["followers", did(0)] == ("done", "248 of the 250 that the profile claims")
    assert len(found.of(Follow)) == 248


def test_a_cursor_that_leads_back_ends_the_walk(tmp_path: Path) -> None:
    look_up = known(actor(0))

    def answer(method: str, query: dict[str, list[str]]) -> Answer:
        return look_up(method, query) or (200, {}, {"subject": actor(0), "followers": [actor(5)], "cursor": "same"})

    found, server = collected(tmp_path, answer, ("followers", did(0)))
    assert found.states["followers", did(0)] == ("done", "the cursor leads back to its page")
    assert len(server.paths) == 3


def test_a_cursor_that_expired_begins_the_walk_again(tmp_path: Path) -> None:
    look_up, expired = known(actor(0, followersCount=2)), [True]

    def answer(method: str, query: dict[str, list[str]]) -> Answer:
        if found := look_up(method, query):
            return found
        if "cursor" in query and expired.pop() if expired else False:
            return 400, {}, {"error": "InvalidRequest", "message": "Malformed cursor"}
        last = "cursor" in query
        return (
            200,
            {},
            {"subject": actor(0), "followers": [actor(6 if last else 5)]} | ({} if last else {"cursor": "c"}),
        )

    found, _ = collected(tmp_path, answer, ("followers", did(0)))
    assert found.states["followers", did(0)] == ("done", "")
    assert {edge.follower_id for edge in found.of(Follow)} == {did(5), did(6)}


def test_traps_13_16_limits_and_broken_upstreams_are_waited_for(tmp_path: Path) -> None:
    reset = int(NOW.timestamp()) + 200
    answers = [
        (429, {"RateLimit-Reset": str(reset), "RateLimit-Remaining": "0"}, {"error": "RateLimitExceeded"}),
        (502, {}, b"<html>bad gateway</html>"),
        (503, {"Retry-After": "30"}, {"error": "UpstreamFailure"}),
        (200, {}, actor(1)),
    ]
    found, _ = collected(tmp_path, lambda *_: answers.pop(0), ("user", did(1)))
    assert found.states["user", did(1)] == ("done", "")
    assert found.wire.slept[0] == pytest.approx(200)
    assert found.wire.slept[-1] == pytest.approx(30)
    assert len(found.of(Account)) == 1


def test_trap_14_a_limit_without_a_reset_is_asked_a_bounded_number_of_times(tmp_path: Path) -> None:
    past = {"RateLimit-Reset": str(int(NOW.timestamp()) - 3600)}
    found, server = collected(tmp_path, lambda *_: (429, past, {"error": "RateLimitExceeded"}), ("user", did(1)))
    assert found.states["user", did(1)] == ("failed", "rate limit")
    assert len(server.paths) == 6


def test_trap_19_a_renamed_account_is_the_same_person_with_two_handles(tmp_path: Path) -> None:
    named = actor(1)

    def answer(method: str, query: dict[str, list[str]]) -> Answer:
        return known(named)(method, query) or (404, {}, {})

    with Server(service(answer)) as server:
        options = {"base_url": server.url}
        first = run(tmp_path / "study", "bluesky", collector, options, [("user", did(1)), ("user", "user1.example")])
        named |= {"handle": "new.example"}
        again = run(tmp_path / "study", "bluesky", collector, options, again=["user"])
    assert [(a.account_id, a.handle) for a in first.of(Account)] == [(did(1), "user1.example")] * 2
    assert [(a.account_id, a.handle) for a in again.of(Account)] == [(did(1), "new.example")]
    assert again.states["user", "user1.example"] == ("absent", "unknown: Profile not found")  # the old handle fails


def test_trap_20_a_handle_registered_again_is_another_person() -> None:
    first, second = (
        list(collector.parse(page("user", actor(n, handle="ann.example"), keys=("ann.example",)))) for n in (1, 2)
    )
    assert [record.account_id for record in (*first, *second)] == [did(1), did(2)]
    (invalid,) = collector.parse(page("user", actor(3, handle="handle.invalid"), keys=(did(3),)))
    assert invalid.handle is None


def test_trap_21_a_repost_is_the_act_of_one_and_the_words_of_another() -> None:
    owner, author, shy = actor(1), actor(2), actor(3, labels=[{"val": "!no-unauthenticated", "src": did(3)}])
    text = "ëen #Zorg @user2.example"
    facets = [
        {
            "index": {"byteStart": 11, "byteEnd": 25},
            "features": [{"$type": "app.bsky.richtext.facet#mention", "did": did(2)}],
        },
        {
            "index": {"byteStart": 5, "byteEnd": 10},
            "features": [{"$type": "app.bsky.richtext.facet#tag", "tag": "Zorg"}],
        },
    ]
    parent = post(author, "p1")
    reply = {"root": {"uri": parent["uri"], "cid": "b"}, "parent": {"uri": parent["uri"], "cid": "b"}}
    quote = {"$type": "app.bsky.embed.record", "record": {"uri": parent["uri"], "cid": "b"}}
    feed_list = {
        "$type": "app.bsky.embed.record",
        "record": {"uri": f"at://{did(2)}/app.bsky.graph.list/1", "cid": "b"},
    }
    reason = {"$type": "app.bsky.feed.defs#reasonRepost", "by": owner, "indexedAt": "2026-11-02T00:00:00.000Z"}
    gone = {"uri": f"at://{did(9)}/app.bsky.feed.post/9", "notFound": True, "$type": "app.bsky.feed.defs#notFoundPost"}
    feed = [
        {"post": post(author, "o1", text, facets=facets, tags=["beleid"]), "reason": reason},
        {
            "post": post(shy, "o2", text, facets=facets, tags=["beleid"]),
            "reason": reason | {"uri": f"at://{did(1)}/app.bsky.feed.repost/r2"},
        },
        {"post": post(owner, "1", reply=reply), "reply": {"parent": parent, "root": gone}},
        {"post": post(owner, "2", embed=quote)},
        {"post": post(owner, "3", embed=feed_list)},
    ]
    quarantined = list(collector.parse(page("timeline", {"feed": feed}, cursor="at:", keys=(did(1),))))
    assert not [record for record in quarantined if isinstance(record, Quarantine)]
    own = [record for record in quarantined if isinstance(record, Post) and record.timeline_of == did(1)]
    seen = {record.post_id for record in quarantined if isinstance(record, Post) and record.timeline_of is None}
    assert [(p.kind, p.account_id) for p in own] == [
        (k, did(1)) for k in ("retweet", "retweet", "reply", "quote", "original")
    ]
    assert (own[0].retweeted_account, own[0].hashtags) == (did(2), ("Zorg", "beleid"))
    assert own[0].mentions == (Mention("user2.example", did(2)),)
    assert own[0].created_at == datetime(2026, 11, 2, tzinfo=UTC)
    assert own[1].post_id == f"at://{did(1)}/app.bsky.feed.repost/r2"
    assert (own[1].retweeted_account, own[1].text, own[1].hashtags, own[1].mentions) == (shy["did"], "", (), ())
    assert (own[2].reply_to_post, own[2].reply_to_account) == (parent["uri"], did(2))
    assert (own[3].quoted_post, own[4].quoted_post) == (parent["uri"], None)
    assert seen == {parent["uri"], post(author, "o1")["uri"]}  # not the words of someone who opted out
    overruled = msgspec.structs.replace(
        page("timeline", {"feed": feed}, cursor=":start", keys=(did(1),)), asked={"overruled": True}
    )
    assert {one.text for one in collector.parse(overruled) if isinstance(one, Post) and one.kind == "retweet"} == {text}
    assert len({p.post_id for p in own}) == 5


class Feed:
    """A timeline in the AppView's order: by the earlier of the author's date and the server's."""

    def __init__(self) -> None:
        self.posts: list[dict[str, Any]] = []
        self.minute = 0

    def add(self, created: str | None = None) -> str:
        self.minute += 1
        seen = f"2026-11-{1 + self.minute // 1440:02}T{self.minute // 60 % 24:02}:{self.minute % 60:02}:00.000Z"
        self.posts.append(post(actor(1), f"k{self.minute}", seen=seen, createdAt=created or seen))
        return str(self.posts[-1]["uri"])

    def __call__(self, method: str, query: dict[str, list[str]]) -> Answer:
        if found := known(actor(1))(method, query):
            return found
        order = sorted(self.posts, key=lambda p: min(p["indexedAt"], p["record"]["createdAt"]), reverse=True)
        start = int(query.get("cursor", ["0"])[0])
        shown = order[start : start + int(query["limit"][0])]
        return 200, {}, {"feed": [{"post": p} for p in shown]} | ({"cursor": str(start + len(shown))} if shown else {})


@pytest.mark.parametrize("deleted", [False, True])
def test_trap_22_dates_from_the_future_and_the_past_do_not_move_the_mark(tmp_path: Path, deleted: bool) -> None:
    feed = Feed()
    for _ in range(300):
        feed.add()
    feed.add("2099-01-01T00:00:00Z")
    with Server(service(feed)) as server:
        options, study = {"base_url": server.url}, tmp_path / "study"
        run(study, "bluesky", collector, options, [("timeline", did(1))])
        if deleted:
            feed.posts.pop()
        new = {feed.add() for _ in range(150)} | {feed.add("2099-01-01T00:00:00Z")}
        past = feed.add("2013-01-01T00:00:00Z")  # it lies at the far end: only a whole walk can see it
        asked = len(server.paths)
        found = run(study, "bluesky", collector, options, again=["timeline"])
        cost = len(server.paths) - asked
        idle = len(server.paths)
        run(study, "bluesky", collector, options, again=["timeline"])
        assert len(server.paths) - idle == 2
        whole = run(tmp_path / "whole", "bluesky", collector, options, [("timeline", did(1))])
    assert new <= {p.post_id for p in found.of(Post)}
    assert not found.of(Deletion)  # traps 25, 26: what an answer lacks is not taken for deleted
    assert cost == 1 + 2
    assert past in {p.post_id for p in whole.of(Post)}


def test_a_post_from_the_future_that_stays_on_top_does_not_end_the_walk(tmp_path: Path) -> None:
    """A server that sorts by the author's date keeps it first for ever; what is new below it is not lost."""
    feed = [post(actor(1), f"o{n}", seen=f"2026-11-01T00:{59 - n:02}:00.000Z") for n in range(20)]
    top = post(actor(1), "top", seen="2026-11-01T01:00:00.000Z", createdAt="2099-01-01T00:00:00Z")
    (first,) = collector.outcome(page("timeline", {"feed": [{"post": p} for p in (top, *feed)]}, cursor="at:"))
    new = [post(actor(1), f"n{n}", seen=f"2026-11-02T00:{59 - n:02}:00.000Z") for n in range(30)]
    body = {"feed": [{"post": p} for p in (top, *new)], "cursor": "c"}
    (again,) = collector.outcome(page("timeline", body, cursor="at:", since=first.newest))
    assert isinstance(again, Done)
    assert (again.next, again.reached) == ("at:c", False)


def test_the_watermark_gap_a_walk_cut_short_loses_nothing(tmp_path: Path) -> None:
    feed = Feed()
    for _ in range(10):
        feed.add()
    with Server(service(feed)) as server:
        options, study = {"base_url": server.url}, tmp_path / "study"
        run(study, "bluesky", collector, options, [("timeline", did(1))])
        new = {feed.add() for _ in range(250)}
        cut = run(study, "bluesky", collector, options, again=["timeline"], limit=2)  # the profile and one page
        rest = run(study, "bluesky", collector, options)
    assert cut.report.status == "limit"
    assert new <= {p.post_id for part in (cut, rest) for p in part.of(Post)}


def test_trap_27_who_asks_not_to_be_shown_without_log_in_is_left_alone(tmp_path: Path) -> None:
    shy = actor(1, labels=[{"val": "!no-unauthenticated", "src": did(1)}])
    back = actor(2, labels=[{"val": "!no-unauthenticated", "src": did(2), "neg": True}])
    look_up = known(shy, back)

    def answer(method: str, query: dict[str, list[str]]) -> Answer:
        view = shy if query.get("actor") == [did(1)] else back
        return look_up(method, query) or (200, {}, {"feed": [{"post": post(view, "1")}]})

    requests = [("user", did(1)), ("timeline", did(1)), ("timeline", did(2))]
    found, server = collected(tmp_path, answer, *requests)
    assert found.states["timeline", did(1)] == ("absent", "opted-out")
    assert found.states["timeline", did(2)] == ("done", "")
    assert {account.flags for account in found.of(Account) if account.account_id == did(1)} == {("no-unauthenticated",)}
    assert [path for path in server.paths if "Feed" in path and did(1).replace(":", "%3A") in path] == []
    assert Absence("bluesky", "timeline", did(1), "opted-out") in found.records
    found, _ = collected(tmp_path / "b", answer, ("timeline", did(1)), options={"honour_opt_outs": False})
    assert len(found.of(Post)) == 1  # only by the study's own decision


def test_follow_records_come_from_the_accounts_own_server(tmp_path: Path) -> None:
    document = {"id": did(1), "service": [{"id": "#atproto_pds", "serviceEndpoint": "https://pds.example"}]}

    def answer(method: str, query: dict[str, list[str]]) -> Answer:
        host = server.asked[-1].headers["Host"]
        if method == f"/{did(1)}":
            return 200, {}, document
        if method.startswith("/did:"):
            return (410 if did(2) in method else 404), {}, {"message": "DID not registered"}
        assert (host, method) == ("pds.example", "com.atproto.repo.listRecords")
        start = int(query.get("cursor", ["0"])[0])
        rows = [{"uri": f"at://{did(1)}/app.bsky.graph.follow/{n}", "cid": "b",
                 "value": {"subject": did(100 + n), "createdAt": "2024-01-01T00:00:00Z"}}
                for n in range(start, min(start + 100, 130))]  # fmt: skip
        return 200, {}, {"records": rows} | ({"cursor": str(start + 100)} if start + 100 < 130 else {})

    with Server(service(answer)) as server:
        options = {"plc_url": server.url, "hosts": {"pds.example": server.address}}
        requests = [("follow_records", did(n)) for n in (1, 2, 3)] + [("follow_records", "ann.example")]
        found = run(tmp_path / "study", "bluesky", collector, options, requests)
        document["service"] = [{"id": "#atproto_pds", "serviceEndpoint": "http://169.254.169.254"}]
        private = run(tmp_path / "b", "bluesky", collector, {"plc_url": server.url}, requests[:1])
    assert {edge.followed_id for edge in found.of(Follow)} == {did(100 + n) for n in range(130)}
    assert {edge.follower_id for edge in found.of(Follow)} == {did(1)}
    assert [found.states[request][0] for request in requests] == ["done", "absent", "absent", "absent"]
    assert private.states["follow_records", did(1)] == ("absent", "refused: private-address")


# ---- outcomes -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", REASONS)
def test_named_errors_are_absences_whatever_their_status(name: str) -> None:
    body = {"error": name, "message": "reason"}
    for status in (400, 404, 501):
        (found,) = collector.outcome(page("timeline", body, status, cursor="at:"))
        assert isinstance(found, Absent)
        assert found.why.partition(":")[0] in ("suspended", "deactivated", "gone", "refused")


def test_credentials_batches_and_nonsense() -> None:
    (found,) = collector.outcome(page("user", {"error": "ExpiredToken", "message": "Token has expired"}, 400))
    assert isinstance(found, Refused)
    split = list(collector.outcome(page("user", {"profiles": [actor(1)]}, keys=(did(1), did(2)))))
    assert [type(found) for found in split] == [Done, Split]
    for body in (b"<html>", b"[]", {"hello": 1}, {"feed": 3}):
        (found,) = collector.outcome(page("timeline", body, cursor="at:"))
        assert isinstance(found, Later)
        assert [type(record) for record in collector.parse(page("timeline", body, cursor="at:"))] == [Quarantine]
    broken = post(actor(1), "1") | {"author": None}
    records = list(
        collector.parse(page("timeline", {"feed": [{"post": broken}, {"post": post(actor(1), "2")}, 7]}, cursor="at:"))
    )
    assert [record.place for record in records if isinstance(record, Quarantine)] == ["feed[0]", "feed[2]"]
    assert len([record for record in records if isinstance(record, Post)]) == 1


def test_pages_and_batches_are_what_the_lexicons_allow() -> None:
    assert {kind: (spec.batch, spec.page) for kind, spec in KINDS.items()} == {
        "user": (25, 1), "timeline": (1, 100), "following": (1, 100), "followers": (1, 100), "follow_records": (1, 100),
        "own_lists": (1, 100),
        **dict.fromkeys(("domain", "feed", "list", "search_actors", "search_posts", "starter_pack"), (1, 100)),
    }  # fmt: skip
    assert msgspec.structs.asdict(KINDS["user"].limit) == {"requests": 3000, "seconds": 300}

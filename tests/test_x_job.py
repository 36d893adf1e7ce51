"""Whole runs of the collector of X: troubles, marks, gaps and replays.

Each trap stands against a loopback server, over real sockets and through the real tweepy. Bodies are recorded where it
says so, otherwise as X's documents and OpenAPI files describe them. People are invented.
"""

from __future__ import annotations

import threading
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pytest

from collectors.base import Settings
from collectors.engine.recovery import recover
from collectors.engine.run import collect
from collectors.wire.exchange import Replay, Wire
from collectors.x.collector import collector
from fixtures.today.planted import clock
from jobs.run import waves
from storage.frontier.sqlite import Frontier
from storage.records import Post, Request
from storage.tables.load import load
from study.study_file import Study
from tests.loopback import Answer, Loopback, Received, serve
from tests.served import FastWire
from tests.x_api import (
    TOKEN,
    archived_records,
    of,
    only,
    posts,
    refusal,
    request,
    run,
    state,
    stream,
    user,
    x_users,
)


class Small:
    """A small X: one account of 130 posts, 25 followers, and trouble on the way."""

    def __init__(self) -> None:
        self.failed: set[str] = set()
        self.lock = threading.Lock()

    def __call__(self, request: Received) -> Answer:
        token = request.query.get("pagination_token", "")
        with self.lock:
            first = request.path + token not in self.failed
            self.failed.add(request.path + token)
        if first and token == "30":
            return Answer(
                429, b"Rate limit exceeded", {"x-rate-limit-reset": str(int(datetime.now(UTC).timestamp()) + 1)}
            )
        if first and token == "60":
            return Answer(
                400, refusal("pagination_token", "60", "The `pagination_token` query parameter value [60] is not valid")
            )
        if request.path == "/2/users/by":
            return x_users({"synthetic_one": 1})(request)
        start, number = int(token.rstrip("!") or 0), 130 if request.path.endswith("/tweets") else 25
        end = min(start + 30, number) if token != "90" else start  # an empty page in the middle
        meta = {"result_count": end - start} | (
            {"next_token": str(end) if end > start else "90!"} if end < number else {}
        )
        if request.path.endswith("/tweets"):
            since = int(request.query.get("since_id", 0))
            data = [
                {"id": str(1000 - n), "text": f"synthetic {n}", "author_id": "1"}
                for n in range(start, end)
                if 1000 - n > since
            ]
        else:
            data = [user(n + 2, f"follower_{n}") for n in range(start, end)]
        return Answer(200, {"data": data, "meta": meta} if data else {"meta": meta})


def job() -> list[Request]:
    return [
        request("user", "synthetic_one"),
        request("user", "nobody"),
        request("timeline", "1"),
        request("followers", "1"),
    ]


def test_a_job_comes_through_its_troubles_and_replays_the_same_from_its_archive(tmp_path: Path) -> None:
    live, again = tmp_path / "live", tmp_path / "again"
    live.mkdir()
    again.mkdir()
    with serve(Small()) as server:
        frontier = Frontier(live / "state.sqlite")
        wire = Wire(timeout=60)
        with frontier.transaction():
            frontier.add(job(), wire.now())
        collect(live, "x", collector, Settings({"base_url": server.url}, TOKEN, wire), frontier=frontier, patience=10)
    assert state(frontier) == {
        ("user", "synthetic_one", "done", "", ""), ("user", "nobody", "absent", "unknown", ""),
        ("timeline", "1", "done", "", "1000"), ("followers", "1", "done", "", "")}  # fmt: skip
    assert {post.post_id for post in of(live, Post)} == {str(1000 - n) for n in range(130)}

    wire = Replay(live / "archive", tmp_path / "index.sqlite")
    frontier = Frontier(again / "state.sqlite")
    with frontier.transaction():
        frontier.add(job(), wire.now())
    collect(again, "x", collector, Settings({}, None, wire), frontier=frontier, patience=10)
    assert state(frontier) == state(Frontier(live / "state.sqlite"))
    assert sorted(map(repr, archived_records(again))) == sorted(map(repr, archived_records(live)))
    recover(live, {"x": collector}, tmp_path / "rebuilt.sqlite")
    assert {row[:4] for row in state(Frontier(tmp_path / "rebuilt.sqlite"))} <= {row[:4] for row in state(frontier)}


def test_the_followers_of_an_account_are_seeds_and_the_account_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """25 followers in pages of 20; they are asked whom they follow, and the one they follow is not."""
    monkeypatch.setenv("SNEEUWBAL_X_BEARER_TOKEN", TOKEN)

    def script(request: Received) -> Answer:
        if request.path == "/2/users/by":
            return x_users({"synthetic_one": 1})(request)
        if request.path != "/2/users/1/followers":
            return Answer(200, {"meta": {"result_count": 0}})
        first = "pagination_token" not in request.query
        people = [user(n, f"follower_{n}") for n in (range(2, 22) if first else range(22, 27))]
        more = {"next_token": "f2"} if first else {}
        return Answer(200, {"data": people, "meta": {"result_count": len(people), **more}})

    with serve(script) as server:
        (tmp_path / "sneeuwbal.toml").write_text(
            '[study]\nname = "x"\n[seeds]\nx_followers_of = ["@Synthetic_One"]\n[snowball]\nwaves = 0\n'
            f'[collectors.x]\nkinds = ["user", "following"]\nbase_url = "{server.url}"\n'
        )
        reports = waves(Study.load(tmp_path), lambda name: FastWire(clock.START), threading.Event(), say=print)
    assert {report.status for report in reports} == {"complete"}
    followers = {str(n) for n in range(2, 27)}
    with duckdb.connect(str(tmp_path / "study.duckdb"), read_only=True) as db:
        found = db.execute("SELECT key, via FROM admissions WHERE kind = 'admitted' AND wave = 0").fetchall()
    assert set(found) == {(key, "synthetic_one") for key in followers}
    asked = {request.path for request in server.asked}
    assert asked == {"/2/users/by", "/2/users/1/followers"} | {f"/2/users/{key}/following" for key in followers}


def test_a_walk_that_was_cut_short_leaves_no_gap_behind_the_mark(tmp_path: Path) -> None:
    """What the established tools lose: posts between the newest one seen and where a walk was cut."""
    newest = 300

    def script(request: Received) -> Answer:
        top = int(request.query.get("pagination_token") or newest)
        since = int(request.query.get("since_id") or 0)
        ids = [number for number in range(top, 0, -1) if number > since]
        return posts(*ids[:100], **({"next_token": str(ids[100])} if len(ids) > 100 else {}))

    def walk(server: Loopback, limit: int | None) -> tuple[str, str]:
        with closing(Wire(timeout=60)) as wire:
            options = Settings({"base_url": server.url}, TOKEN, wire)
            collect(tmp_path, "x", collector, options, frontier=frontier, patience=0.5, limit=limit)
        return frontier.db.execute("SELECT state, since FROM targets").fetchone()

    frontier = Frontier(tmp_path / "state.sqlite")
    with serve(script) as server:
        with frontier.transaction():
            frontier.add([request("timeline", "1")], datetime.now(UTC))
        assert walk(server, 2) == ("open", "")  # cut: the mark has not moved
        newest = 350
        assert walk(server, None) == ("done", "300")  # what came since then is above the mark
        with frontier.transaction():
            frontier.revisit("x", "timeline", datetime.now(UTC))
        newest = 520
        assert walk(server, 1) == ("open", "300")
        assert walk(server, None) == ("done", "520")
    assert {int(post.post_id) for post in of(tmp_path, Post)} == set(range(1, 521))
    assert [request.query.get("since_id") for request in server.asked] == [None] * 3 + ["300"] * 3


def test_what_lies_between_the_reach_of_the_platform_and_the_old_mark_stays_an_open_gap(tmp_path: Path) -> None:
    """More new posts than the platform reaches back: they cannot be had, and no later increment pretends they were."""
    newest = 100

    def script(request: Received) -> Answer:
        top = int(request.query.get("pagination_token") or newest)
        since = max(int(request.query.get("since_id") or 0), newest - 3200)
        ids = list(range(top, max(top - 100, since), -1))
        return posts(*ids, **({"next_token": str(ids[-1] - 1)} if ids and ids[-1] - 1 > since else {}))

    def walk() -> list[tuple[str, str, bool]]:
        frontier.revisit("x", "timeline", datetime.now(UTC))
        with closing(Wire(timeout=60)) as wire:
            collect(tmp_path, "x", collector, Settings({"base_url": server.url}, TOKEN, wire), frontier=frontier)
        load(tmp_path, {"x": "collectors.x.collector:collector"}, workers=1)
        with duckdb.connect(str(tmp_path / "study.duckdb"), read_only=True) as db:
            return db.execute("SELECT low_water, why, closed_at IS NOT NULL FROM gaps").fetchall()

    frontier = Frontier(tmp_path / "state.sqlite")
    with serve(script) as server:
        frontier.add([request("timeline", "1")], datetime.now(UTC))
        assert walk() == []
        newest = 5000
        assert walk() == [("100", "truncated at 3200 posts", False)]
        newest = 5010
        assert walk() == [("100", "truncated at 3200 posts", False)]  # the increment of ten is whole, the gap is not
        assert server.asked[-1].query["since_id"] == "5000"  # and is not paid for again and again
    kept = {int(post.post_id) for post in of(tmp_path, Post)}
    assert kept == {*range(1, 101), *range(1801, 5011)}


def test_a_list_that_leads_back_to_itself_leaves_the_mark_where_it_was(tmp_path: Path) -> None:
    whole = False

    def script(request: Received) -> Answer:
        second = "pagination_token" in request.query
        return posts(*((90, 80) if second else (120, 110)), **({} if second and whole else {"next_token": "t"}))

    frontier = Frontier(tmp_path / "state.sqlite")
    with serve(script) as server:
        for expected in ((50, "the list repeats its cursor"), (120, "")):
            frontier.add([request("timeline", "1", since="50")], datetime.now(UTC))
            frontier.revisit("x", "timeline", datetime.now(UTC))
            with closing(Wire(timeout=60)) as wire:
                collect(tmp_path, "x", collector, Settings({"base_url": server.url}, TOKEN, wire), frontier=frontier)
            assert frontier.db.execute("SELECT CAST(since AS INTEGER), why FROM targets").fetchone() == expected
            whole = True


def test_a_sample_and_a_change_of_vocabulary_replay_too(tmp_path: Path) -> None:
    def script(request: Received) -> Answer:
        return stream(700) if "stream" in request.path else only("post", "tweet", "referenced_posts")(request)

    jobs = [request("timeline", "1"), request("sample", "worldwide")]
    live, again = tmp_path / "live", tmp_path / "again"
    live.mkdir()
    again.mkdir()
    with serve(script) as server:
        first = run(live, server, Wire(timeout=60), jobs)
    second = run(again, None, Replay(live / "archive", tmp_path / "index.sqlite"), jobs)
    assert state(first) == state(second)
    assert {row[2] for row in state(first)} == {"done"}
    assert sorted(map(repr, archived_records(again))) == sorted(map(repr, archived_records(live)))
    assert len({post.post_id for post in of(live, Post, lambda post: post.sample)}) == 700

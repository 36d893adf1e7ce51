"""The Bluesky collector against Bluesky's own servers, on 127.0.0.1: what it finds is what is there.

Skipped unless SNEEUWBAL_LIVE holds the command that starts the network (`make live` sets it).
"""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import duckdb
import networkx as nx
import psutil
import pytest

from collectors.bluesky.collector import collector
from collectors.wire.exchange import Wire
from jobs.run import waves
from storage.records import Absence, Account, Follow, Post
from storage.tables.load import load
from study.study_file import Study
from tests.pages import rows
from tests.served import Run, run

COMMAND = os.environ.get("SNEEUWBAL_LIVE", "")

pytestmark = [pytest.mark.live, pytest.mark.skipif(not COMMAND, reason="SNEEUWBAL_LIVE is not set; see `make live`")]


class Network:
    """The running network; what is true of it is read after each step."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(shlex.split(COMMAND), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.truth = self._read()

    def _read(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if line.startswith('{"bsky"'):
                found: dict[str, Any] = json.loads(line)
                return found
        raise RuntimeError("the network ended")

    def step(self, name: str) -> dict[str, Any]:
        assert self._process.stdin is not None
        self._process.stdin.write(f"{name}\n")
        self._process.stdin.flush()
        self.truth = self._read()
        return self.truth

    def listening(self) -> set[str]:
        """The addresses that its servers listen on."""
        sockets = psutil.Process(self._process.pid).net_connections("tcp")
        return {one.laddr.ip for one in sockets if one.status == psutil.CONN_LISTEN}

    def close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(timeout=60)


@pytest.fixture(scope="module")
def network() -> Iterator[Network]:
    started = Network()
    yield started
    started.close()


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("live") / "study"


def collect(study: Path, truth: dict[str, Any], *requests: tuple[str, str], **more: Any) -> Run:
    """One run with the real clock."""
    local = {urlsplit(truth[name]).netloc: truth[name] for name in ("bsky", "pds", "plc")}
    options = {"base_url": truth["bsky"], "plc_url": truth["plc"], "hosts": local}
    return run(study, "bluesky", collector, options, requests, wire=Wire(), patience=60.0, **more)


def test_the_network_listens_on_this_machine_only(network: Network) -> None:
    assert network.listening() == {"127.0.0.1"}


def test_people_lists_and_timelines_are_what_the_network_holds(network: Network, study: Path) -> None:
    truth = network.truth
    people = {person["did"]: person["handle"] for person in truth["people"]}
    ann, bob, shy = list(people)[:3]
    requests = [("user", did) for did in people] + [("user", "person5.test"), ("user", "nobody.test")]
    requests += [(kind, ann) for kind in ("timeline", "following", "followers", "follow_records")]
    requests += [("timeline", bob), ("timeline", shy), ("follow_records", bob)]
    found = collect(study, truth, *requests)
    assert found.report.status == "complete"
    assert {a.account_id: a.handle for a in found.of(Account)} == people
    edges = {(edge.follower_id, edge.followed_id, edge.listed) for edge in found.of(Follow)}
    follows = {tuple(pair) for pair in truth["follows"]}
    assert {(a, b) for a, b, listed in edges if listed == "followers"} == {pair for pair in follows if pair[1] == ann}
    assert {(a, b) for a, b, listed in edges if listed == "following"} == {p for p in follows if p[0] in (ann, bob)}
    assert found.states["followers", ann] == found.states["following", ann] == ("done", "")
    own = {post.post_id: post for post in found.of(Post) if post.timeline_of == ann}
    assert {(p.post_id, p.text) for p in own.values()} == {(p["uri"], p["text"]) for p in truth["posts"][ann]}
    root = own[truth["posts"][ann][0]["uri"]]
    assert root.hashtags == ("zorg",)
    assert [(m.handle, m.account_id) for m in root.mentions] == [("person1.test", bob)]
    bobs = {post.kind: post for post in found.of(Post) if post.timeline_of == bob}
    assert set(bobs) == {"reply", "quote", "retweet"}
    assert bobs["reply"].reply_to_post == bobs["quote"].quoted_post == bobs["retweet"].retweeted_post == root.post_id
    assert bobs["retweet"].retweeted_account == bobs["reply"].reply_to_account == ann
    assert found.states["timeline", shy] == ("absent", "opted-out")
    assert not [post for post in found.of(Post) if post.account_id == shy]
    assert Absence("bluesky", "user", "nobody.test", "unknown", "Profile not found") in found.records


def test_a_later_run_finds_what_changed_and_who_is_gone(network: Network, study: Path) -> None:
    before = {p["uri"] for posts in network.truth["posts"].values() for p in posts}
    truth = network.step("change")
    ann, bob = (person["did"] for person in truth["people"][:2])
    found = collect(study, truth, again=["user", "timeline", "followers", "follow_records"])
    assert found.report.status == "complete"
    seen = {post.post_id for post in found.of(Post) if post.timeline_of == ann}
    assert {p["uri"] for p in truth["posts"][ann]} - before <= seen
    assert len(seen) < len(truth["posts"][ann]) - len(truth["deleted"])  # the walk ended at the old mark
    assert not seen & set(truth["deleted"])
    assert {a.handle for a in found.of(Account) if a.account_id == bob} == {"robert.test"}
    reasons = {absence.key: absence.reason for absence in found.of(Absence)}
    assert reasons[truth["deactivated"]] == "deactivated"
    assert reasons[truth["suspended"]] == "suspended"
    state, why = found.states["followers", ann]
    left = len(truth["people"]) - 4  # without ann, bob, and two who are gone
    assert (state, why.partition(" of the ")[0]) == ("done", str(left))


def test_the_tables_tell_who_was_renamed_and_which_edges_opened_and_closed(network: Network, study: Path) -> None:
    truth, (ann, bob, shy) = network.truth, [person["did"] for person in network.truth["people"][:3]]
    load(study, {"bluesky": collector}, workers=1)
    assert rows(study, 'SELECT account_id, "before", "after" FROM handle_changes') == [
        (bob, "person1.test", "robert.test")
    ]
    # ann's list of followers is incomplete now (two are gone, and still counted), so it closes nothing
    assert set(rows(study, "SELECT change, follower_id, followed_id FROM follow_changes")) == {
        ("closed", *truth["unfollowed"]),
        ("opened", bob, shy),
    }
    assert truth["unfollowed"] == [bob, ann]
    gone = rows(study, "SELECT key, reason FROM absences WHERE kind = 'user' AND key LIKE 'did:%'")
    assert set(gone) == {(truth["deactivated"], "deactivated"), (truth["suspended"], "suspended")}


def test_a_walk_from_nothing_shows_what_is_left(network: Network, tmp_path: Path) -> None:
    truth, (ann, bob) = network.truth, [person["did"] for person in network.truth["people"][:2]]
    found = collect(tmp_path / "study", truth, ("timeline", ann), ("timeline", bob), ("follow_records", bob))
    left = {p["uri"] for p in truth["posts"][ann]} - set(truth["deleted"])
    assert {post.post_id for post in found.of(Post) if post.timeline_of == ann} == left
    assert len({post.created_at for post in found.of(Post) if post.timeline_of == ann}) == len(left)
    bobs = {post.kind: post for post in found.of(Post) if post.timeline_of == bob}
    assert set(bobs) == {"reply", "quote"}  # the repost of a deleted post is shown no more
    assert bobs["reply"].reply_to_post == bobs["quote"].quoted_post == truth["deleted"][0]
    assert not [post for post in found.of(Post) if post.post_id in truth["deleted"]]
    assert [(edge.follower_id, edge.followed_id) for edge in found.of(Follow)] == [(bob, truth["people"][2]["did"])]


@pytest.mark.parametrize("begin", ["handles", "starter pack"])
def test_two_waves_along_following_are_a_walk_of_the_servers_own_database(
    network: Network, tmp_path: Path, begin: str
) -> None:
    truth = network.truth if "circle" in network.truth else network.step("snowball")
    ten, pack = truth["circle"][:10], truth["pack"]
    seeds, first = {
        "handles": (f"bluesky = {json.dumps([one['handle'] for one in ten])}", {one["did"] for one in ten}),
        "starter pack": (f'bluesky_starter_packs = ["{pack["uri"]}"]', set(pack["people"])),
    }[begin]
    (tmp_path / "sneeuwbal.toml").write_text(
        f'[study]\nname = "live"\n[seeds]\n{seeds}\n[snowball]\nalong = ["following"]\nwaves = 2\nadmit = "everyone"\n'
        '[collectors.bluesky]\nkinds = ["user", "following"]\n'
        f'base_url = "{truth["bsky"]}"\nplc_url = "{truth["plc"]}"\n'
    )
    reports = waves(Study.load(tmp_path), lambda name: Wire(), threading.Event(), say=lambda line: None)
    assert [report.status for report in reports] == ["complete"]
    graph = nx.DiGraph([tuple(edge) for edge in truth["database"]])
    expected = nx.multi_source_dijkstra_path_length(graph, first, cutoff=2, weight=None)
    assert len(first) < len(expected) < len(truth["circle"])
    with duckdb.connect(str(tmp_path / "study.duckdb"), read_only=True) as db:
        found = dict(db.execute("SELECT key, wave FROM admissions WHERE kind = 'admitted'").fetchall())
    assert found == expected

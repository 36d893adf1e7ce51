"""The loop loses nothing and doubles nothing, whatever kills it; its state can be rebuilt from the archive."""

import random
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from collectors.base import Settings
from collectors.engine.recovery import recover
from collectors.engine.run import collect
from collectors.wire.exchange import Replay, Wire
from storage.archive import reader as archive
from storage.archive import writer as archiving
from storage.errors import UserError
from storage.frontier import moves as frontier_module
from storage.frontier.moves import MAX_TRIES
from storage.frontier.sqlite import Frontier
from storage.locks import lock
from storage.records import Follow, Page
from tests import toy
from tests.conftest import ROOT

LISTS = 120


def _collect(study: Path, url: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "tests.toy", str(study), url], cwd=ROOT, text=True, stdout=subprocess.PIPE
    )


def _edges(study: Path) -> set[tuple[str, str]]:
    found: set[tuple[str, str]] = set()
    for segment in archive.segments(study / "archive"):
        for entry in archive.read(segment):
            if isinstance(entry, Page):
                found |= {(r.follower_id, r.followed_id) for r in toy.collector.parse(entry) if isinstance(r, Follow)}
    return found


def _state(path: Path) -> list[tuple[object, ...]]:
    with sqlite3.connect(path) as db:
        return db.execute(
            "SELECT kind, key, cursor, walk, wave, via, since, newest, position, state, why, tries, due_at FROM targets"
            " ORDER BY kind, key"
        ).fetchall()


def _state_of(study: Path) -> list[tuple[object, ...]]:
    if (study / "store").exists():
        (study / "state.sqlite").unlink(missing_ok=True)
        with closing(toy.state(study)) as frontier:
            frontier.dump(study / "state.sqlite")
    return _state(study / "state.sqlite")


TRUTH = {(str(k), str(i)) for k in range(LISTS) if k % 10 != 9 for i in range(toy.length(str(k)))}


@pytest.fixture(params=["sqlite", "postgres"])
def place(request: pytest.FixtureRequest) -> Callable[[Path], None]:
    """What makes the directory of a study with its state in SQLite, or in PostgreSQL."""
    server = request.getfixturevalue("postgres") if request.param == "postgres" else None

    def make(study: Path) -> None:
        study.mkdir()
        if server is not None:
            (study / "store").write_text(server.database())

    return make


def test_killed_at_ten_random_moments_it_ends_like_an_undisturbed_run(
    tmp_path: Path, place: Callable[[Path], None]
) -> None:
    server, url = toy.serve()
    calm, rough = tmp_path / "calm", tmp_path / "rough"
    for study in (calm, rough):
        place(study)
        toy.seed(study, LISTS)
    assert _collect(calm, url).communicate(timeout=60)[0] == "complete\n"
    dice = random.Random(20130223)
    for _ in range(10):
        process = _collect(rough, url)
        enough = len(server.asked) + dice.randrange(1, 30)  # type: ignore[attr-defined]
        while len(server.asked) < enough and process.poll() is None:  # type: ignore[attr-defined]
            time.sleep(0.001)
        process.send_signal(signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL
    assert _collect(rough, url).communicate(timeout=60)[0] == "complete\n"
    assert _edges(calm) == _edges(rough) == TRUTH
    assert _state_of(calm) == _state_of(rough)
    rebuilt = tmp_path / "rebuilt.sqlite"
    recover(rough, {"toy": toy.collector}, rebuilt)
    assert _state(rebuilt) == _state_of(calm)
    server.shutdown()


def test_a_replay_asks_nothing_of_the_network_and_ends_the_same(tmp_path: Path, place: Callable[[Path], None]) -> None:
    server, url = toy.serve()
    live, replayed = tmp_path / "live", tmp_path / "replayed"
    for study in (live, replayed):
        place(study)
        toy.seed(study, LISTS)
    _collect(live, url).communicate(timeout=60)
    server.shutdown()
    asked = len(server.asked)  # type: ignore[attr-defined]
    wire = Replay(live / "archive", tmp_path / "index.sqlite")
    with_frontier = toy.state(replayed)
    report = collect(replayed, "toy", toy.collector, Settings({"base_url": url}, None, wire), frontier=with_frontier)
    assert report.status == "complete"
    assert len(server.asked) == asked  # type: ignore[attr-defined]
    assert _edges(replayed) == _edges(live) == TRUTH
    assert _records(replayed) == _records(live)


def test_a_replay_of_runs_without_a_network_ends_as_they_did(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: Callable[[Path], None]
) -> None:
    """More tries went unanswered than a target has; none of them counted."""
    monkeypatch.setattr(frontier_module, "BACKOFF", (0.001, 0.002))
    server, url = toy.serve()
    live, replayed = tmp_path / "live", tmp_path / "replayed"
    for study in (live, replayed):
        place(study)
        toy.seed(study, 2)
    with socket.create_server(("127.0.0.1", 0)) as closed:
        nowhere = f"http://127.0.0.1:{closed.getsockname()[1]}"
    found = []
    for place in (nowhere, nowhere, url):
        wire, state = Wire(timeout=60, private=True), toy.state(live)
        found.append(collect(live, "toy", toy.collector, Settings({"base_url": place}, None, wire), frontier=state))
        state.close()
    assert [(report.status, report.failed) for report in found] == [
        ("unreachable", 0), ("unreachable", 0), ("complete", 0)]  # fmt: skip
    assert sum(report.failures for report in found) > 2 * MAX_TRIES
    again = Replay(live / "archive", tmp_path / "index.sqlite")
    state = toy.state(replayed)
    report = collect(replayed, "toy", toy.collector, Settings({"base_url": url}, None, again), frontier=state)
    assert (report.status, report.failed, report.failures) == ("complete", 0, sum(one.failures for one in found))
    assert _edges(replayed) == _edges(live) != set()
    for study in (live, replayed):
        recover(study, {"toy": toy.collector}, study / "rebuilt.sqlite")
        assert [row[:11] for row in _state(study / "rebuilt.sqlite")] == [
            row[:11] for row in _state_of(live)]  # fmt: skip
    server.shutdown()


def _records(study: Path) -> set[tuple[str, object]]:
    return {
        (entry.record_id, entry.fetched_at)
        for segment in archive.segments(study / "archive")
        for entry in archive.read(segment)
        if isinstance(entry, Page)
    }


def test_what_was_not_recorded_names_its_target(tmp_path: Path) -> None:
    from collectors.wire.exchange import NotRecorded

    study = tmp_path / "study"
    study.mkdir()
    toy.seed(study, 1)
    writer = archiving.Writer(tmp_path / "empty", "toy")
    writer.note("run-start", {"run": "r", "collector": "toy"})
    writer.close()
    wire = Replay(tmp_path / "empty", tmp_path / "index.sqlite")
    frontier = Frontier(study / "state.sqlite")
    with pytest.raises(NotRecorded, match="not recorded: toy list 0"):
        collect(study, "toy", toy.collector, Settings({"base_url": "http://x.invalid"}, None, wire), frontier=frontier)


def test_two_runs_of_one_collector_at_once_are_refused(tmp_path: Path) -> None:
    with (
        lock(tmp_path, "collect-toy"),
        pytest.raises(UserError, match="already running"),
        lock(tmp_path, "collect-toy"),
    ):
        pass

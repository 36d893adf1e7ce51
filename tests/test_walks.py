"""A list whose pages lead round in a circle ends, as cut short; one that does not is walked to its end."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from collectors.engine.recovery import recover
from collectors.wire.exchange import Replay
from storage.frontier.cycles import CIRCLE
from storage.frontier.sqlite import Frontier
from storage.records import Request, Target
from storage.tables import database
from storage.tables.load import load
from tests import toy
from tests.served import Answer, FastWire, Run, Server, run


def circle(before: int, round_: int) -> Callable[[str], Answer]:
    """A list of *before* pages, then *round_* pages of which the last leads back to the first of them."""

    def answer(path: str) -> Answer:
        number = int(path.rpartition("=")[2])
        following = number + 1 if number + 1 < before + round_ else before
        return 200, {}, {"items": [number], "next": str(following)}

    return answer


def _run(study: Path, url: str, **more: object) -> Run:
    wire = more.pop("wire", None) or FastWire()
    return run(study, "toy", toy.collector, {"base_url": url}, wire=wire, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize("round_", [2, 3, 5])
@pytest.mark.parametrize("before", [1, 2, 6])
def test_a_circle_ends_cut_short_live_replayed_and_loaded(before: int, round_: int, tmp_path: Path) -> None:
    live, again, request = tmp_path / "live", tmp_path / "again", [("list", "7")]
    with Server(circle(before, round_)) as server:
        found = _run(live, server.url, requests=request)
        assert found.states == {("list", "7"): ("done", CIRCLE)}
        asked = len(server.asked)
        assert before + round_ <= asked <= 4 * (before + round_)
        wire = Replay(live / "archive", tmp_path / "index.sqlite")
        replayed = _run(again, server.url, requests=request, wire=wire)
        assert (replayed.states, len(replayed.pages), len(server.asked)) == (found.states, asked, asked)
    recover(live, {"toy": toy.collector}, tmp_path / "rebuilt.sqlite")
    with closing(sqlite3.connect(tmp_path / "rebuilt.sqlite")) as db:
        assert db.execute("SELECT count(*) FROM targets WHERE why<>?", [CIRCLE]).fetchone() == (0,)
    load(live, {"toy": "tests.toy:collector"}, workers=1)
    with database.open_readonly(live / database.NAME) as db:
        assert db.execute("SELECT key, why, closed_at FROM gaps").fetchall() == [("7", CIRCLE, None)]
        assert db.execute("SELECT count(DISTINCT followed_id) FROM follows").fetchone() == (before + round_,)


def test_a_long_list_is_walked_to_its_end_and_so_is_the_next_walk(tmp_path: Path) -> None:
    pages = 70

    def answer(path: str) -> Answer:
        number = int(path.rpartition("=")[2])
        return 200, {}, {"items": [number], **({"next": str(number + 1)} if number + 1 < pages else {})}

    with Server(answer) as server:
        assert _run(tmp_path, server.url, requests=[("list", "7")]).states == {("list", "7"): ("done", "")}
        assert _run(tmp_path, server.url, again=["list"]).states == {("list", "7"): ("done", "")}
        assert len(server.asked) == 2 * pages


def test_a_state_of_before_is_brought_up_to_date_and_its_walks_go_on(tmp_path: Path) -> None:
    state = Frontier(tmp_path / "state.sqlite")
    with state.transaction():
        state.add([Request(Target("toy", "list", "7"), "")], FastWire().now())
        state.db.execute("ALTER TABLE targets DROP COLUMN pages")
        state.db.execute("ALTER TABLE targets DROP COLUMN anchor")
        state.db.execute("ALTER TABLE targets DROP COLUMN carry")
        state.db.execute("ALTER TABLE kinds DROP COLUMN yields")
        state.db.execute("UPDATE targets SET cursor='2'")
        state.db.execute("PRAGMA user_version=1")
    state.close()
    with Server(circle(1, 4)) as server:
        assert _run(tmp_path, server.url).states == {("list", "7"): ("done", CIRCLE)}
        assert server.paths[0].endswith("cursor=2")

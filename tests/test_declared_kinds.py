"""Whatever a collector calls its kinds: what they declare decides about budget, plan and how long answers are kept."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import ClassVar

import pytest

from collectors.base import Hooks, Kind, Settings, hooks_of
from collectors.engine.recovery import recover
from collectors.engine.run import Budget, collect
from collectors.wire.exchange import Wire
from storage.frontier.sqlite import Frontier
from storage.privacy.minimise import Expiry
from storage.records import Page, Request, Target
from study.installed import installed
from tests import toy


@pytest.mark.parametrize("name", ["posts", "list", "timeline"])
def test_a_kind_that_yields_posts_stays_within_the_budget_of_posts(tmp_path: Path, name: str) -> None:
    class Stranger(toy.Toy):
        kinds: ClassVar = {name: Kind(page=5, paged=True, of="handle", yields="posts")}

    def spent(path: Path) -> int:
        frontier = Frontier(path)
        try:
            return frontier.spent("posts")[1]
        finally:
            frontier.close()

    server, url = toy.serve()
    frontier = Frontier(tmp_path / "state.sqlite")
    with frontier.transaction():
        frontier.add([Request(Target("toy", name, str(key)), "") for key in (1, 2, 3, 4, 5)], datetime.now(UTC))
    settings = Settings({"base_url": url}, None, Wire(timeout=60, private=True))
    report = collect(tmp_path, "toy", Stranger(), settings, frontier=frontier, budget=Budget(posts=12))
    frontier.close()
    server.shutdown()
    assert report.status == "out of budget"
    assert 5 <= report.items <= 12
    assert spent(tmp_path / "state.sqlite") == report.items
    recover(tmp_path, {"toy": Stranger()}, tmp_path / "again.sqlite")
    assert spent(tmp_path / "again.sqlite") == report.items


def test_a_kind_that_does_not_yield_posts_is_not_counted_as_posts_whatever_its_name(tmp_path: Path) -> None:
    frontier = Frontier(tmp_path / "state.sqlite")
    frontier.declare("toy", {"timeline": "documents", "things": "posts"})
    for kind, items in (("timeline", 7), ("things", 3)):
        frontier.db.execute("INSERT INTO spend VALUES ('2026-11-24', 'toy', ?, 1, ?, 0.0)", (kind, items))
    assert frontier.spent("posts") == (0.0, 3, 2)
    frontier.close()


def test_answers_are_kept_by_what_their_kind_yields_or_by_its_name() -> None:
    now = datetime(2026, 11, 24, tzinfo=UTC)
    expiry = Expiry(
        {"posts": 1, "odd": 1}, now, {("mine", "things"): "posts", ("mine", "odd"): "documents"}, lambda page: ()
    )

    def kept(kind: str) -> bool:
        page = Page((Request(Target("mine", kind, "5"), "w"),), "", 200, (), b"", now - timedelta(days=2))
        return expiry.entry(page) is page

    assert [kept(kind) for kind in ("things", "odd", "timeline")] == [False, False, True]


def test_what_a_collector_leaves_out_has_the_default_of_its_hook() -> None:
    assert hooks_of(toy.collector) == Hooks()
    assert hooks_of(toy.collector).canonical("A b") == "A b"
    for point in installed().values():
        found, hooks = point.load(), hooks_of(point.load())
        assert all(getattr(hooks, name) == getattr(found, name) for name in vars(Hooks()) if hasattr(found, name))

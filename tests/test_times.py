"""Times that nobody can have: kept as claimed, counted, and met by nothing else."""

from __future__ import annotations

import shutil
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import ClassVar

import duckdb
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from analysis import activity, populations
from storage.records import Account, Deletion, Follow, Post
from storage.tables import merge
from storage.tables.load import load
from study.installed import installed
from tests.conftest import examples
from tests.pages import T0, Toy, at, page, write

OPENED = date(2006, 3, 21)
FAR = [datetime(year, 6, 1, tzinfo=UTC) for year in (1, 1185, 1969, 2005, 2014, 2100, 2262, 2263, 9999)]


JUDGE = duckdb.connect()
JUDGE.execute("SET TimeZone = 'UTC'")
merge._judge_times(JUDGE, {"x": OPENED})


class Opened(Toy):
    opened: ClassVar = {"x": OPENED}


def loaded(folder: Path, found: list[object]) -> duckdb.DuckDBPyConnection:
    """The database of one answer, of T0, that tells *found*."""
    write(folder / "archive", [page(0, found)])
    load(folder, {"toy": Opened()})
    db = duckdb.connect(str(folder / "study.duckdb"), read_only=True)
    db.execute("SET TimeZone = 'UTC'")
    return db


def post(number: int, when: datetime | None) -> Post:
    return Post(str(number), "x", "7", when, "words #a #b", "7", hashtags=("a", "b"), indexed_at=when)


@pytest.mark.parametrize("far", FAR)
def test_a_time_nobody_can_have_is_set_aside_and_takes_part_in_nothing(far: datetime, tmp_path: Path) -> None:
    """Posts, accounts, follows and deletions; the analyses see the days of those who have one."""
    follow, gone = Follow("x", "7", "8", "following", far), Deletion("x", "post", "3", "deleted", far)
    found = [Account("7", "x", "a", created_at=far), post(1, far), post(2, at(-60)), follow, gone]
    db = loaded(tmp_path, found)
    times = "SELECT post_id, created_at, indexed_at FROM posts ORDER BY post_id"
    assert db.execute(times).fetchall() == [("1", None, None), ("2", at(-60), at(-60))]
    assert db.execute("SELECT created_at FROM accounts").fetchall() == [(None,)]
    assert db.execute("SELECT followed_at FROM follows").fetchall() == [(None,)]
    assert db.execute("SELECT told_at FROM deletions").fetchall() == [(None,)]
    kept = db.execute("SELECT place, excerpt FROM quarantine WHERE reason LIKE 'no usable time%'").fetchall()
    columns = {"posts.created_at", "posts.indexed_at", "accounts.created_at", "follows.followed_at", "deletions.at"}
    assert {place.split(" of ")[0] for place, _ in kept} == columns
    assert {excerpt.lstrip("0")[: len(str(far.year))] for _, excerpt in kept} == {str(far.year)}
    days = activity.daily(db, activity.Scope(accounts="all"))
    assert (len(days), days.attrs["parameters"]["posts_without_time"]) == (1, 1)
    assert populations._posts(db, "UTC") == {"posts": 2, "first_post": "2013-02-23", "last_post": "2013-02-23"}


@given(when=st.datetimes(timezones=st.just(UTC)), seen=st.datetimes(datetime(2000, 1, 1), timezones=st.just(UTC)))
@settings(max_examples=examples(100))
def test_a_claimed_time_is_usable_between_the_platforms_first_day_and_the_answer(
    when: datetime, seen: datetime
) -> None:
    """Of a platform that says when it opened, and of one that does not."""
    for platform, first in (("x", datetime(2006, 3, 21, tzinfo=UTC)), ("other", datetime(1970, 1, 2, tzinfo=UTC))):
        row = JUDGE.execute(f"SELECT usable(CAST($1 AS TIMESTAMPTZ), '{platform}', $2)", [when, seen]).fetchone()
        assert row == (when if when >= first and when - timedelta(hours=1) <= seen else None,)


@given(when=st.datetimes(timezones=st.just(UTC)))
@settings(max_examples=15, deadline=None, database=None, suppress_health_check=list(HealthCheck))
def test_a_time_counts_exactly_if_somebody_can_have_it(when: datetime, tmp_path: Path) -> None:
    """Between the platform's first day and the answer: used; else set aside, with a count. Never both."""
    shutil.rmtree(tmp_path)
    tmp_path.mkdir()
    db = loaded(tmp_path, [post(1, when)])
    possible = datetime(2006, 3, 21, tzinfo=UTC) <= when <= T0 + timedelta(hours=1)
    assert db.execute("SELECT created_at FROM posts").fetchall() == [(when if possible else None,)]
    assert db.execute("SELECT count(*) FROM quarantine").fetchall() == [(0 if possible else 2,)]


def test_an_answer_read_again_or_in_parts_counts_a_time_once(tmp_path: Path) -> None:
    pages = [page(n, [post(1, FAR[-1]), post(n + 2, at(-1))]) for n in range(3)]
    write(tmp_path / "a" / "archive", pages)
    load(tmp_path / "a", {"toy": Opened()})
    for number, one in enumerate(pages):
        write(tmp_path / "b" / "archive", [one], name=f"toy{number}")
        load(tmp_path / "b", {"toy": Opened()})
    found = []
    for name in "ab":
        with duckdb.connect(str(tmp_path / name / "study.duckdb"), read_only=True) as db:
            found.append(db.execute("SELECT record_id, place, excerpt FROM quarantine ORDER BY ALL").fetchall())
    assert found[0] == found[1]
    assert len(found[0]) == 6


def test_every_platform_that_ships_says_when_it_opened() -> None:
    said = {name: point.load() for name, point in installed().items() if name in ("x", "mastodon", "bluesky")}
    assert all(collector.opened[name] > date(2000, 1, 1) for name, collector in said.items())

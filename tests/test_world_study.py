"""The tables loaded from a recording of the world equal what the world knows, row for row."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import duckdb
import pandas as pd
import pytest

from fixtures.world import record, studyfile, truth
from fixtures.world.world import Options, World

OPTIONS = Options(scale=0.02, seed=3)


@pytest.fixture(scope="module")
def world() -> World:
    return World(OPTIONS)


@pytest.fixture(scope="module")
def db(world, tmp_path_factory):
    study = tmp_path_factory.mktemp("study")
    studyfile.write(world, None, study)
    record.record(OPTIONS, study)
    load = [sys.executable, "-m", "sneeuwbal", "--study", str(study), "load"]
    subprocess.run(load, check=True, cwd=Path(__file__).parents[1], capture_output=True)
    with duckdb.connect(str(study / "study.duckdb"), read_only=True) as found:
        for name, table in truth.tables(world).items():
            found.register(f"true_{name}", table)
        yield found


def same(db, computed: str, known: str) -> None:
    """Hold that two queries give the same rows, whatever their order."""
    one, other = db.execute(computed).df(), db.execute(known).df()
    assert len(one) == len(other)
    columns = list(one.columns)
    other.columns = columns
    sort = {"by": columns, "key": lambda column: column.map(str)}
    pd.testing.assert_frame_equal(
        one.sort_values(**sort).reset_index(drop=True).map(str),
        other.sort_values(**sort).reset_index(drop=True).map(str),
    )


def test_people_and_where_they_work(db, world):
    same(db, "SELECT profile_id, name FROM profiles", "SELECT profile_id, name FROM true_profiles WHERE state = 'read'")
    same(
        db,
        "SELECT profile_id, group_name FROM memberships",
        "SELECT * FROM (SELECT profile_id, unnest([ministry, second_ministry]) AS m FROM true_profiles"
        " WHERE state = 'read') WHERE m IS NOT NULL",
    )
    same(
        db,
        "SELECT profile_id, employer, ended IS NULL AS now FROM positions WHERE current",
        "SELECT profile_id, employer, true FROM true_positions WHERE NOT school AND ended IS NULL",
    )


def test_connections_between_people_who_could_be_read(db):
    same(
        db,
        "SELECT profile_a, profile_b FROM connections WHERE profile_a IN (SELECT profile_id FROM profiles)"
        " AND profile_b IN (SELECT profile_id FROM profiles)",
        "SELECT least(profile_id, other_id), greatest(profile_id, other_id) FROM true_connections",
    )


def test_whose_account_is_whose(db):
    same(
        db,
        "SELECT l.profile_id, l.account_id FROM links AS l JOIN members AS c USING (profile_id)",
        "SELECT profile_id, account_id FROM true_links WHERE linked",
    )
    same(
        db,
        "SELECT account_id, handle, name FROM accounts WHERE account_id IN"
        " (SELECT account_id FROM links JOIN members USING (profile_id))",
        "SELECT account_id, handle, name FROM true_accounts WHERE counted AND role = 'linked'",
    )


def test_every_post_with_its_hashtags_and_mentions(db):
    same(
        db,
        "SELECT post_id, account_id, created_at, kind, hashtags, [m.handle FOR m IN mentions] AS mentions,"
        " starts_with(text, '@') AS at_start FROM posts",
        "SELECT post_id, account_id, created_at, kind, hashtags, mentions, at_start FROM true_posts",
    )
    same(
        db,
        "SELECT post_id, list_sort(list_transform(coalesce(full_hashtags, hashtags), lambda t: lower(t))) AS tags,"
        " len(coalesce(full_mentions, mentions)) + CAST(kind = 'retweet' AS INT) AS mentions FROM posts",
        "SELECT post_id, list_sort(list_transform(full_hashtags, lambda t: lower(t))), len(full_mentions)"
        " FROM true_posts",
    )
    same(
        db,
        "SELECT post_id, hashtags, starts_with(text, '@') AS at_start FROM sample_posts WHERE account_id IN"
        " (SELECT account_id FROM true_accounts WHERE role = 'stranger')"
        " AND post_id IN (SELECT post_id FROM true_sample)",
        "SELECT post_id, hashtags, at_start FROM true_sample",
    )


def test_who_follows_whom(db):
    same(db, "SELECT follower_id, followed_id FROM follows", "SELECT follower_id, followed_id FROM true_follows")


def test_the_days_of_the_world_s_own_log(db):
    db.execute("SET TimeZone = 'UTC'")
    same(
        db,
        "SELECT CAST(timezone('Europe/Amsterdam', p.created_at) AS DATE) AS day, count(*) AS posts,"
        " count(DISTINCT p.account_id) AS accounts, count(*) FILTER (a.location IS NOT NULL) AS located,"
        " count(*) FILTER (p.place IS NOT NULL) AS geo"
        " FROM posts AS p JOIN accounts AS a USING (account_id) GROUP BY 1",
        "SELECT CAST(day AS DATE), posts, accounts, located, geo FROM true_days",
    )

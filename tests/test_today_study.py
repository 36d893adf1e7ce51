"""A study of today from its study file alone: two waves along follow lists, members by what they say of themselves."""

from collections import defaultdict

import duckdb
import pytest

from analysis import snowball
from analysis.report.findings import Findings
from analysis.report.findings import Options as Reporting
from fixtures.today import serve, studyfile
from fixtures.today.world import Options, World
from tests.rehearsal import sneeuwbal


@pytest.fixture(scope="module")
def studied(tmp_path_factory):
    """The truth of the world at the start, and the study of it after one `run`."""
    folder = tmp_path_factory.mktemp("today")
    world = World(Options(scale=0.1, seed=1))
    with serve(world) as served:
        served.at(0)
        studyfile.write(served, folder)
        done = sneeuwbal("--study", folder, "run", "--hide-progress", token=None)
    assert done.returncode == 0, done.stdout + done.stderr
    return world.truth(0), folder, done.stdout


def column(folder, query):
    with duckdb.connect(str(folder / "study.duckdb"), read_only=True) as db:
        return {row[0] for row in db.execute(query).fetchall()}


def test_nobody_is_made_a_member_who_is_none_and_nearly_all_who_say_so_are_found(studied):
    truth, folder, _ = studied
    found = column(folder, "SELECT subject FROM actors JOIN members USING (actor_id)")
    seen = column(folder, "SELECT account_id FROM accounts")
    sure = (seen & set(truth.members)) - set(truth.undetectable)
    assert found <= set(truth.members)
    assert len(sure) > 30
    assert len(found & sure) >= 0.9 * len(sure)


def test_bare_collectors_read_the_lists_that_the_ties_need_and_no_others(studied):
    _, folder, _ = studied
    asked = column(folder, "SELECT DISTINCT collector || ' ' || kind FROM answers")
    assert {"mastodon following", "bluesky following", "mastodon timeline"} <= asked
    assert not {one for one in asked if one.endswith((" followers", " follow_records"))}


def test_the_map_of_who_found_whom_is_that_of_the_planted_follows(studied):
    truth, folder, _ = studied
    with duckdb.connect(str(folder / "study.duckdb"), read_only=True) as db:
        waves = dict(db.execute("SELECT key, wave FROM admissions WHERE kind = 'admitted'").fetchall())
        actor = dict(db.execute("SELECT subject, actor_id FROM actors").fetchall())
        group = dict(db.execute("SELECT actor_id, group_name FROM members").fetchall())
        read = {key for (key,) in db.execute("SELECT key FROM answers WHERE kind = 'following' AND outcome = 'done'")
                .fetchall()}  # fmt: skip
        table, found = snowball.between_groups(db), Findings(db, Reporting(least=5))
        public, costs, leaders = found.found_by, snowball.waves(db), snowball.leaders(db)
        hidden = found.waves
    first = defaultdict(lambda: 99)
    for key, wave in waves.items():
        first[actor[key]] = min(first[actor[key]], wave)
    cells, led = defaultdict(set), defaultdict(set)
    for via, wave in waves.items():
        for key in truth.following.get(via, ()) if via in read else ():
            one, other = actor[via], actor.get(key)
            if wave < first[other] < 99 and other in group and one != other:
                led[one].add(other)
                if one in group:
                    cells[group[one], group[other]].add(other)
    assert {(row.found_by, row.group_name): row.members for row in table.itertuples()} == {
        cell: len(people) for cell, people in cells.items()
    }
    assert sorted(leaders["members"], reverse=True) == sorted(map(len, led.values()), reverse=True)
    assert costs["admitted"].sum() == len(set(map(actor.get, waves)))
    assert (public["members"] >= 5).all()
    few = costs["members"].between(1, 4) | costs["others"].between(1, 4)
    assert hidden.loc[few, ["members", "others", "members_per_request"]].isna().all(axis=None)


def test_no_one_who_asked_to_be_left_alone_is_admitted(studied):
    truth, folder, _ = studied
    never = {key for key, how in truth.opted_out.items() if how & {"noindex", "not-indexable", "no-unauthenticated"}}
    admitted = column(folder, "SELECT key FROM admissions WHERE kind = 'admitted'")
    assert admitted
    assert not admitted & never


def test_the_report_is_of_this_study_and_not_of_2013(studied):
    _, folder, out = studied
    page = next((folder / "reports" / "latest").glob("*.html")).read_text("utf-8")
    for word in ("Table 5", "Table 6", "ministry", "ministries", "civil servant"):
        assert word not in out, word
    assert "Table 5" not in page
    assert "Not in this report" in page
    assert "Design of the snowball: everybody whom a list shows" in page
    assert "(along following)" in page

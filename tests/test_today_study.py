"""A study of today from its study file alone: two waves along follow lists, members by what they say of themselves."""

import re
import shlex
import shutil
from collections import Counter, defaultdict
from pathlib import Path

import duckdb
import pytest
from click.testing import CliRunner

from analysis import snowball
from analysis.report.findings import Findings
from analysis.report.findings import Options as Reporting
from cli import cli
from docs.generate import DOCS
from fixtures.today.compare import compared
from fixtures.today.world import Options, World
from study.begin import LIST
from study.study_file import FILE
from tests.rehearsal import sneeuwbal

SCALE, SEED = "0.1", "1"
WORDS = ("Table 5", "Table 6", "ministry", "ministries", "ministerie", "civil servant", "ambtenaar", "ambtenaren")

OF_PROFILES = (
    "current position",
    "position without",
    "profiles read",
    "connections between",
    "lists read",
    ">profiles<",
)


TEXTS = {".html", ".md", ".csv", ".svg", ".json", ".gexf", ".graphml", ".sql", ".toml", ".txt"}


def named(text):
    """The words of the 2013 study that *text* holds."""
    return [word for word in WORDS if word.lower() in text.lower()]


@pytest.fixture(scope="module")
def studied(tmp_path_factory):
    """The truth of the world at the start, the study of it after a rehearsal, and what that and its report said."""
    folder = tmp_path_factory.mktemp("today") / "rehearsal"
    rehearse = ("rehearse", "--study", "today", "--scale", SCALE, "--seed", SEED, "--dir", folder, "--no-report")
    said = ""
    for words in ((*rehearse, "--hide-progress"), ("--study", folder, "report", "--format", "svg")):
        done = sneeuwbal(*words, token=None)
        assert done.returncode == 0, done.stdout + done.stderr
        said = done.stdout + said
    truth = World(Options(scale=float(SCALE), seed=int(SEED), theme="journalists")).truth(0)
    return truth, folder, said


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


def test_the_map_of_which_group_found_which_is_that_of_the_planted_follows(studied):
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
    for text in (out, page):
        assert not named(text)
    assert "Not in this report" in page
    assert "Design of the snowball: everyone on a list" in page
    assert "(along following)" in page
    assert "journalists per request" in page
    spoken = re.sub(r"<pre.*?</pre>", "", page, flags=re.S)  # the SQL may say so
    assert not [word for word in OF_PROFILES if word in spoken]


def test_the_rehearsal_ends_with_what_was_found_missed_and_wrong(studied):
    """Each planted account of a member is either found or missed for a reason that the world knows to be so."""
    truth, folder, out = studied
    got = compared(truth, folder / "study.duckdb")
    assert got.found | got.missed.keys() == truth.members
    assert not got.wrong
    assert list(got.lines(truth)) == out.splitlines()[-1 - len(Counter(got.missed.values())) :]
    silent = {key for key, why in got.missed.items() if why.startswith("nothing on the account")}
    assert silent <= truth.undetectable
    unseen = {key for key, why in got.missed.items() if why.startswith("no list that was read")}
    assert not unseen & column(folder, "SELECT account_id FROM accounts")


def test_every_command_of_the_guide_runs(studied, tmp_path, monkeypatch):
    """In the order of the page; the study that it begins gets the rehearsal's seeds, list and answers.

    None prints a word of the 2013 study, and none stands in a package or an export of this one.
    """
    page = (DOCS / "a-study-of-today.md").read_text("utf-8")
    lines = [line for block in re.findall(r"```sh\n(.*?)```", page, re.S) for line in block.splitlines()]
    assert all(line.startswith("sneeuwbal ") for line in lines)
    monkeypatch.chdir(tmp_path)
    for line in lines:
        words = shlex.split(line)[1:]
        if words[0] == "rehearse":
            assert words == ["rehearse", "--study", "today", "--dir", "rehearsal"]
            shutil.copytree(studied[1], "rehearsal", symlinks=True)
            continue
        done = CliRunner().invoke(cli, words)
        assert done.exit_code == 0, (line, done.output, done.exception)
        assert not named(done.output), line
        if words[0] == "init":
            assert {FILE, LIST} == {path.name for path in (tmp_path / "mystudy").iterdir()}
            shutil.copytree("rehearsal", "mystudy", symlinks=True, dirs_exist_ok=True)
    done = CliRunner().invoke(cli, ["--study", "mystudy", "package", "package", "--format", "svg"])
    assert done.exit_code == 0, (done.output, done.exception)
    assert not named(done.output)
    made = [path for folder in ("mystudy/reports/latest", "package") for path in Path(folder).rglob("*.*")
            if path.suffix in TEXTS]  # fmt: skip
    assert len(made) > 50
    assert not {path: found for path in made if (found := named(path.read_text("utf-8")))}

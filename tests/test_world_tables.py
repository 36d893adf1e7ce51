"""The tables of a recorded study, computed from its traffic alone, are what the simulated world did."""

import subprocess
import sys

import duckdb
import pandas as pd
import pytest

from analysis import activity, populations, shares
from fixtures.world import record, studyfile, truth
from fixtures.world.world import Options, World
from tests.conftest import ROOT

OPTIONS = Options(scale=0.01, seed=5)


@pytest.fixture(scope="module")
def known():
    return World(OPTIONS)


@pytest.fixture(scope="module")
def db(known, tmp_path_factory):
    study = tmp_path_factory.mktemp("study")
    studyfile.write(known, None, study)
    record.record(OPTIONS, study)
    load = [sys.executable, "-m", "sneeuwbal", "--study", str(study), "load"]
    subprocess.run(load, check=True, cwd=ROOT, capture_output=True)
    with duckdb.connect(str(study / "study.duckdb"), read_only=True) as connection:
        yield connection


@pytest.fixture(scope="module")
def figures(known):
    return truth.figures(known)


def test_the_key_figures_are_the_worlds(db, figures):
    frame = populations.selection(db).set_index("figure")["computed"]
    names = {"sum_of_rows": "rows"}
    assert {name: figures[names.get(name, name)] for name in frame.index} == frame.to_dict()


def test_table_5_is_the_worlds(db, figures):
    frame = populations.table(db).set_index("group_name")
    assert frame["profiles"].to_dict() == {key: row["profiles"] for key, row in figures["groups"].items()}
    assert frame["x"].to_dict() == {key: row["accounts"] for key, row in figures["groups"].items()}


def test_table_6_is_the_worlds(db, figures):
    frame = shares.table(db, comparison="sample").set_index("kind")
    for kind, row in frame.iterrows():
        assert (row["count"], row["posts"]) == (figures[kind], figures["posts"])
        assert (row["sample_count"], row["sample_posts"]) == (figures["sample"][kind], figures["sample"]["posts"])


def test_the_days_and_hours_are_the_worlds_cell_by_cell(db, known):
    tables = truth.tables(known)
    days = tables["days"].to_pandas()
    days = days.set_index(pd.to_datetime(days["day"])).drop(columns="day")
    frame = activity.daily(db)
    for ours, theirs in {
        "posts": "posts",
        "active_accounts": "accounts",
        "located": "located",
        "geocoded": "geo",
    }.items():
        assert (frame[ours] == days[theirs].reindex(frame.index, fill_value=0)).all(), ours
    assert frame["posts"].sum() == days["posts"].sum()
    hours = tables["hours"].to_pandas()["posts"].to_numpy().reshape(7, 24)
    assert (activity.hour_by_weekday(db, value="posts").to_numpy() == hours).all()


def test_it_is_clearly_more_on_working_days(db):
    """As the report found for 2012: working days above weekends and holidays, beyond the doubt between accounts."""
    assert (activity.professional_use(db)["low"] > 1).all()

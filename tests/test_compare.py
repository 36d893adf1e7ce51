"""Comparisons: published differences, intervals, and changes between two rounds of collection."""

from datetime import UTC, datetime

import networkx as nx
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis import compare
from analysis.graphs import measures
from analysis.graphs import network as networks
from analysis.graphs.communities import Communities
from tests import studies


def test_table_6_differs_from_the_sample_as_published():
    """237,075 of 687,811 posts with hashtags against 13.18% of a sample of 100,000."""
    found = compare.proportions(237_075, 687_811, 13_180, 100_000)
    assert found["difference"] == pytest.approx(0.3447 - 0.1318, abs=1e-4)
    assert found["low"] < found["difference"] < found["high"]
    assert found["high"] - found["low"] < 0.006
    assert found["p"] < 1e-6


@given(st.integers(1, 200), st.integers(1, 200), st.data())
def test_differences_flip_when_the_sides_do(total, of, data):
    count, other = data.draw(st.integers(0, total)), data.draw(st.integers(0, of))
    one, two = compare.proportions(count, total, other, of), compare.proportions(other, of, count, total)
    assert one["difference"] == pytest.approx(-two["difference"])
    assert one["low"] == pytest.approx(-two["high"])
    assert one["p"] == pytest.approx(two["p"])
    assert one["low"] - 1e-9 <= one["difference"] <= one["high"] + 1e-9


def test_side_by_side_keeps_rows_that_one_has():
    one = pd.DataFrame({"group_name": ["EZ", "BZK"], "posts": [30, 10]})
    other = pd.DataFrame({"group_name": ["EZ", "AZ"], "posts": [20, 5]})
    table = compare.side_by_side(one, other, ["group_name"], totals={"posts": (100, 100)}, names=("2011", "2012"))
    table = table.set_index("group_name")
    assert table.loc["EZ", "posts_difference"] == 10
    assert table.loc["EZ", "posts_share_difference"] == pytest.approx(0.1)
    assert pd.isna(table.loc["AZ", "posts_2011"])
    assert len(table) == 3


def test_two_networks_side_by_side():
    karate = measures.measured(networks.from_networkx(nx.karate_club_graph(), weight=None), positions=False)
    same = compare.networks(karate, karate)
    assert (same["difference"].dropna() == 0).all()
    assert same.attrs["overlap"]["edges_jaccard"] == 1
    assert same.attrs["overlap"]["rank_correlation"] == pytest.approx(1)


def test_the_bootstrap_interval_holds_the_index():
    rng = np.random.default_rng(1)
    nodes = pd.DataFrame({"label": ["member"] * 30 + ["other"] * 30})
    network = networks.from_arrays(nodes, rng.integers(0, 30, 400), rng.integers(0, 60, 400))
    found = compare.resampled_e_i(network, runs=500)
    low, high = np.quantile(found, [0.025, 0.975])
    civil = network.nodes["label"].to_numpy() == "member"
    inside = (civil[network.source] & civil[network.target]).sum()
    assert low < (network.m - 2 * inside) / network.m < high


@pytest.fixture
def walked():
    """Four days of lists: that of 1 read whole on the first, third and fourth, of 4 on the first, of 5 on the third."""
    with studies.empty() as db:
        lists = {("1", 0): "23", ("1", 2): "26", ("1", 3): "267", ("4", 0): "2", ("5", 2): "2"}
        studies.insert(db, "walks", [
            {"walk": f"{key}-{at}", "collector": "x", "kind": "following", "key": key, "started_at": DAY[at],
             "ended_at": DAY[at], "complete": True} for key, at in lists
        ])  # fmt: skip
        studies.insert(db, "answers", [{"walk": f"{key}-{at}", "fetched_at": DAY[at]} for key, at in lists])
        studies.insert(db, "follows", [
            {"platform": "x", "follower_id": key, "followed_id": other, "listed": "following", "walk": f"{key}-{at}",
             "seen_at": DAY[at]} for (key, at), others in lists.items() for other in others
        ])  # fmt: skip
        yield db


DAY = [datetime(2013, month, 1, tzinfo=UTC) for month in (1, 2, 3, 4)]


def test_ties_opened_and_closed_between_two_rounds(walked):
    """Only lists read whole in both rounds tell; that of 4 was not read again and says nothing about what it lacks."""
    table = compare.changes(walked, compare.Window(DAY[0], DAY[1]), compare.Window(DAY[2], DAY[2]))
    assert {(a, b): c for a, b, c in table.itertuples(index=False)} == {
        ("1", "2"): "kept", ("1", "3"): "closed", ("1", "6"): "opened"
    }  # fmt: skip


def test_without_rounds_the_first_and_the_last_whole_reading_of_each_list_tell(walked):
    table = compare.changes(walked)
    assert {b: c for _, b, c in table.itertuples(index=False)} == {
        "2": "kept", "3": "closed", "6": "opened", "7": "opened"
    }  # fmt: skip
    assert compare.changes(walked, platform="mastodon").empty


def test_a_walk_down_to_the_mark_only_closes_nothing(walked):
    walked.execute("UPDATE base.answers SET reached = true WHERE walk = '1-3'")
    assert "7" not in set(compare.changes(walked)["followed_id"])


def communities(**members):
    of = pd.Series({name: int(key[1:]) for key, names in members.items() for name in names})
    return Communities(of, 0.5, np.array([0.5]), 1.0, 1.0)


def test_who_moved_between_communities():
    before = communities(c0="abcd", c1="efg")
    after = communities(c0="efgd", c1="abch")
    table = compare.moved(before, after).set_index("id")["change"]
    assert table.to_dict() == {
        "a": "stayed", "b": "stayed", "c": "stayed", "d": "moved", "e": "stayed", "f": "stayed", "g": "stayed",
        "h": "entered",
    }  # fmt: skip

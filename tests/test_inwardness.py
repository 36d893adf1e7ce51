"""Inwardness and the group network: formulas by hand, properties, the permutation test, what the filter hides."""

import networkx as nx
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis import groups, inwardness
from analysis.graphs import network
from analysis.report import exports
from analysis.report.disclosure import few_hidden, without_few
from storage.privacy.pseudonyms import FEW
from tests import studies


@pytest.fixture
def db():
    connection = studies.empty()
    yield connection
    connection.close()


LABELS = st.lists(st.sampled_from("abc"), min_size=10, max_size=10)
EDGES = st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), max_size=40)


@given(EDGES, LABELS)
def test_the_index_lies_between_minus_one_and_one(edges, labels):
    graph = network.from_networkx(nx.DiGraph([*edges, *[(i, (i + 1) % 10) for i in range(10)]]))
    index = inwardness.overall(graph, [labels[node] for node in graph.nodes.index])
    assert -1 <= index <= 1
    assert inwardness.overall(graph, ["a"] * 10) == -1
    assert inwardness.overall(graph, range(10)) == 1


BETWEEN_SIDES = st.lists(st.tuples(st.integers(0, 4), st.integers(5, 9)), min_size=1, max_size=25)


@given(BETWEEN_SIDES, st.lists(st.booleans(), min_size=10, max_size=10))
def test_it_flips_with_the_labels(edges, labels):
    """Between two sides, swapping the two labels of one side makes every internal tie external and back."""
    graph = network.from_edges(*zip(*edges, strict=True), nodes=range(10))
    flipped = [label if node < 5 else not label for node, label in enumerate(labels)]
    one, two = ([of[node] for node in graph.nodes.index] for of in (labels, flipped))
    assert inwardness.overall(graph, one) == pytest.approx(-inwardness.overall(graph, two))


@given(EDGES.filter(lambda edges: any(a != b for a, b in edges)), LABELS)
@settings(deadline=None)
def test_assortativity_equals_networkx(edges, labels):
    graph = nx.DiGraph()
    graph.add_nodes_from((node, {"group": label}) for node, label in enumerate(labels))
    graph.add_edges_from((a, b) for a, b in edges if a != b)
    found = network.from_networkx(graph)
    codes = np.array(["abc".index(label) for label in found.nodes["group"]])
    ours = inwardness.assortativity(inwardness.mixing(found, codes, 3))
    with np.errstate(invalid="ignore", divide="ignore"):
        theirs = nx.attribute_assortativity_coefficient(graph, "group")
    assert (np.isnan(ours) and not np.isfinite(theirs)) or ours == pytest.approx(theirs)


def world(inner: float, seed: int = 2) -> network.Network:
    """40 members of two groups and 40 others; *inner* of the ties are meant to stay in a group."""
    rng = np.random.default_rng(seed)
    names = [f"{i:02d}" for i in range(80)]
    group = ["EZ"] * 20 + ["BZK"] * 20 + [None] * 40
    nodes = pd.DataFrame({"group_name": group, "label": ["member"] * 40 + ["other"] * 40}, index=names)
    pairs = set()
    while len(pairs) < 800:
        a = int(rng.integers(40))
        own = rng.random() < inner
        b = int(rng.integers(20)) + (0 if a < 20 else 20) if own else int(rng.integers(80))
        if a != b:
            pairs.add((names[a], names[b]))
    return network.from_edges(*zip(*sorted(pairs), strict=True), nodes=nodes)


def test_the_table_counts_as_by_hand_and_the_test_finds_inwardness():
    found = world(inner=0.6)
    table = inwardness.table(found, permutations=199, seed=1).set_index("group")
    label, group = found.nodes["label"].to_numpy(), found.nodes["group_name"].to_numpy()
    civil = label == "member"
    inside = int((civil[found.source] & civil[found.target]).sum())
    outside = int((civil[found.source] ^ civil[found.target]).sum())
    row = table.loc["members"]
    assert (row.internal, row.external, row.members) == (inside, outside, 40)
    assert row.e_i_index == pytest.approx((outside - inside) / (outside + inside))
    own = (group[found.source] == "EZ") & (group[found.target] == "EZ")
    assert table.loc["EZ", "internal"] == own.sum()
    assert (table.loc[["EZ", "BZK"], "p"] < 0.02).all()
    assert (table["e_i_index"] < table["permuted"]).all()
    again = inwardness.table(found, permutations=199, seed=1).set_index("group")
    pd.testing.assert_frame_equal(table, again)


def test_by_chance_the_test_finds_nothing():
    table = inwardness.table(world(inner=0.0), permutations=199).set_index("group")
    assert (table.loc[["EZ", "BZK"], "p"] > 0.05).all()
    assert table.loc["EZ", "e_i_index"] == pytest.approx(table.loc["EZ", "permuted"], abs=0.1)


def test_most_central_by_label_adds_up():
    found = world(inner=0.3)
    found = found.with_columns(found.degrees()).with_columns({"betweenness": np.arange(80.0)})
    table = inwardness.most_central(found, most=10)
    assert table["actors"].sum() == 80
    for column in ("share", "top_betweenness", "top_in_degree"):
        assert table[column].sum() == pytest.approx(1)
    assert list(table["label"][:5]) == list(inwardness.LABELS)


def test_what_the_filter_hides(db):
    """A hub of members stays; the citizen who ties to them all is hidden with the ties to it."""
    studies.people(db, {f"c{i}": "EZ" for i in range(6)})
    inner = [(f"c{i}", f"c{j}") for i in range(6) for j in range(6) if i != j]
    outer = [(f"o{i}", f"c{i % 6}") for i in range(30)]
    studies.follows(db, inner + outer)
    labels = pd.DataFrame({"account_id": ["o1"], "label": ["media"]})
    table = inwardness.hidden(db, min_degree=10, labels=labels).set_index("part")
    assert table["ties"].to_dict() == {"before": 60, "after": 30, "hidden": 30}
    assert table["actors"].to_dict() == {"before": 36, "after": 6, "hidden": 36}
    assert table["e_i_index"].to_dict() == {"before": 0, "after": -1, "hidden": 1}
    assert table.loc["after", "top_in_degree_member"] == 1
    assert table.loc["before", "share_media"] == pytest.approx(1 / 36)
    assert table.loc["before", "reciprocity"] == pytest.approx(30 / 60)


# ---- groups --------------------------------------------------------------------------------------------


def connect(db, pairs):
    rows = [{"profile_a": min(p), "profile_b": max(p)} for p in pairs]
    studies.insert(db, "current_connections", rows)
    studies.insert(db, "connections", [{"profile_id": a, "other_id": b} for a, b in pairs])


def test_the_ministry_network_counts_each_connection_once(db):
    studies.people(db, {"a": "EZ", "b": "EZ", "c": "BZK", "d": ["BZK", "AZ"], "e": "DEF"})
    connect(db, [("p-a", "p-b"), ("p-a", "p-c"), ("p-a", "p-d"), ("p-c", "p-d"), ("p-a", "p-nobody")])
    graph = groups.graph(db)
    assert {n: d["weight"] for n, d in graph.nodes(data=True)} == {"EZ": 1, "BZK": 1, "AZ": 0, "DEF": 0}
    edges = {frozenset((a, b)): w for a, b, w in graph.edges(data="weight")}
    assert edges == {frozenset(("EZ", "BZK")): 2, frozenset(("EZ", "AZ")): 1, frozenset(("BZK", "AZ")): 1}
    cover = groups.coverage(db).set_index("group_name")
    assert cover.loc["EZ", ["members", "readable", "linked"]].tolist() == [2, 1, 2]
    assert cover.loc["DEF", "readable"] == 0
    assert "null" in graph.graph["parameters"]


def test_follow_ties_stand_beside_connections(db):
    studies.people(db, {"a": "EZ", "b": "BZK", "c": "EZ"})
    studies.follows(db, [("a", "b"), ("b", "a"), ("a", "c"), ("c", "zz")])
    table = groups.table(db).set_index(["group_name", "other"])
    assert table.loc[("BZK", "EZ"), "follows"] == 2
    assert table.loc[("EZ", "EZ"), "follows"] == 1
    assert table["connections"].sum() == 0


def test_a_member_whose_group_is_not_known_is_in_no_cell(db):
    """Of a list that names no organisation, or in a pseudonymised database, where a group of few is not named."""
    studies.people(db, {"a": "EZ", "b": "BZK", "c": "EZ"})
    studies.follows(db, [("a", "b"), ("a", "c"), ("a", "d")])
    known = groups.table(db)
    listed = {"subject": "d", "source": "list", "verdict": "member", "confidence": 1.0}
    studies.insert(db, "evidence", [listed, {**listed, "subject": "c"}])
    assert db.execute("SELECT count(*) FROM memberships WHERE group_name IS NULL").fetchone() == (2,)
    pd.testing.assert_frame_equal(groups.table(db), known)
    assert list(groups.coverage(db)["group_name"]) == ["BZK", "EZ"]


def test_a_study_of_follows_alone_is_weighed_by_them_and_no_edge_weighs_nothing(db, tmp_path):
    """Gephi drops edges of weight 0; igraph and networkx read the same ties from our files."""
    studies.people(db, {"a": "EZ", "b": "BZK", "c": "EZ", "d": "AZ"})
    studies.follows(db, [("a", "b"), ("b", "a"), ("a", "c")])
    graph = groups.graph(db)
    assert list(graph.edges(data="weight")) == [("BZK", "EZ", 2)]
    assert dict(graph.nodes(data="weight")) == {"AZ": 0, "BZK": 0, "EZ": 1}
    path = exports.graphml(graph, tmp_path / "a.graphml")
    theirs = pytest.importorskip("igraph").Graph.Read_GraphML(str(path))
    ties = [(*sorted(theirs.vs[end]["id"] for end in tie.tuple), tie["weight"]) for tie in theirs.es]
    assert ties == list(nx.read_graphml(path).edges(data="weight")) == [("BZK", "EZ", 2)]
    shown = without_few(graph, few_hidden(groups.table(db), FEW))
    assert not any("weight" in data for _, data in shown.nodes(data=True) if data.get("follows") is None)
    connect(db, [("p-a", "p-d")])
    assert list(groups.graph(db).edges(data="weight")) == [("AZ", "EZ", 1)]


@given(st.lists(st.integers(0, 30), min_size=6, max_size=6))
def test_expected_connections_keep_every_ministrys_ends(cells):
    """Conservation: chance moves connections between cells, and makes none."""
    matrix = np.zeros((3, 3), dtype=int)
    matrix[np.triu_indices(3)] = cells
    chance = groups.expected(matrix)
    if sum(cells):
        assert chance.sum() == pytest.approx(sum(cells))
        ends = matrix.sum(axis=0) + matrix.sum(axis=1)
        np.testing.assert_allclose(chance.sum(axis=0) + chance.sum(axis=1), ends)


def test_an_empty_study(db):
    assert groups.graph(db).number_of_nodes() == 0
    assert groups.table(db).empty

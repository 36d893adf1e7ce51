"""Measures and communities: published figures, exact optima, networkx as the oracle, and properties."""

from pathlib import Path

import networkx as nx
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.graphs import algorithms
from analysis.graphs import network as networks
from analysis.graphs.communities import adjusted_rand, numbered, supported

ROUNDING = 5e-7  # the optima are given to six digits


def edge_list(path: Path, **options) -> networks.Network:
    frame = pd.read_csv(path, dtype={"from": str, "to": str})
    weight = frame["weight"] if options.pop("weighted", False) else None
    return networks.from_edges(frame["from"], frame["to"], weight, directed=False, **options)


@pytest.mark.parametrize("method", ["louvain", "leiden"])
@pytest.mark.parametrize(
    ("name", "weighted", "optimum"),
    [
        ("karate", False, 0.41979),
        ("dolphins", False, 0.528519),
        ("lesmis", False, 0.560008),
        ("lesmis", True, 0.566688),
    ],
)
def test_the_exact_optimum_is_reached_and_never_exceeded(real, name, weighted, optimum, method):
    network = edge_list(real / "networks" / "onadata" / f"{name}.csv", weighted=weighted)
    found = algorithms.communities(network, method=method)
    assert found.modularity == pytest.approx(optimum, abs=6e-6 if name == "karate" else ROUNDING)
    assert (found.qualities <= found.modularity + 1e-12).all()


def test_karate_optimum_needs_no_file():
    found = algorithms.communities(nx.karate_club_graph())
    assert len(found.sizes) == 4  # weighted in networkx; the weighted optimum has four as well
    plain = networks.from_networkx(nx.karate_club_graph(), weight=None)
    assert algorithms.communities(plain).modularity == pytest.approx(0.41979, abs=6e-6)


def test_betweenness_equals_what_gephi_saved(real):
    path = real / "networks" / "gephi_saved_gexf" / "miserables_result_gephi09_betweenness.gexf"
    graph = _gexf(path)
    ours = algorithms.betweenness(graph)["betweenness"]
    assert len(ours) == 74
    for node, data in graph.nodes(data=True):
        assert ours[node] == pytest.approx(data["betweenness"], abs=1e-9)
    assert ours.max() == pytest.approx(1532.1511417031543, abs=1e-9)


def _gexf(path: Path) -> nx.Graph:
    from defusedxml.ElementTree import parse

    ns = {"g": "http://www.gexf.net/1.3"}
    root = parse(path).getroot()
    graph = nx.Graph()
    for node in root.iterfind(".//g:node", ns):
        value = node.find(".//g:attvalue[@for='betweenesscentrality']", ns).get("value")
        graph.add_node(node.get("id"), betweenness=float(value))
    graph.add_edges_from((e.get("source"), e.get("target")) for e in root.iterfind(".//g:edge", ns))
    return graph


def test_ontario_politicians_party_modularity(real):
    folder = real / "networks" / "onadata"
    party = pd.read_csv(folder / "ontariopol_vertices.csv", dtype=str).set_index("id")["party"]
    network = edge_list(folder / "ontariopol_edgelist.csv", weighted=True, loops=True)
    assert algorithms.modularity(network, party) == pytest.approx(0.382394, abs=ROUNDING)


def test_school_friends(real):
    folder = real / "networks" / "onadata"
    edges = pd.read_csv(folder / "schoolfriends_edgelist.csv", dtype=str)
    people = pd.read_csv(folder / "schoolfriends_vertices.csv", dtype=str).set_index("id")
    online = edges[edges.type == "facebook"]
    network = networks.from_edges(online["from"], online["to"], directed=False)
    assert algorithms.communities(network).modularity >= 0.5290014
    assert algorithms.modularity(network, people["class"]) == pytest.approx(0.317128, abs=ROUNDING)
    assert algorithms.modularity(network, people["gender"]) == pytest.approx(0.06504432, abs=1e-8)
    reported = edges[edges.type == "reported"]
    sizes = np.bincount(networks.from_edges(reported["from"], reported["to"]).components())
    assert sizes.tolist() == [128, 3, 3]


def test_work_france_top_betweenness(real):
    network = edge_list(real / "networks" / "onadata" / "workfrance_edgelist.csv")
    top = algorithms.betweenness(network)["betweenness"].nlargest(3)
    assert list(top.index) == ["603", "99", "322"]
    np.testing.assert_allclose(top, [1357.922, 1285.063, 1158.949], atol=5e-4)


def test_facebook_snap(real):
    frame = pd.read_csv(
        real / "networks" / "facebook_snap" / "facebook_combined.txt", sep=" ", comment="#", names=["a", "b"]
    )
    network = networks.from_edges(frame.a, frame.b, directed=False)
    figures = algorithms.summary(network)
    assert (figures["nodes"], figures["edges"], figures["giant"]) == (4039, 88234, 4039)
    assert figures["clustering"] == pytest.approx(0.6055, abs=5e-5)
    assert figures["transitivity"] == pytest.approx(0.519174, abs=ROUNDING)
    assert algorithms.diameter(network) == 8
    assert algorithms.communities(network, method="leiden").modularity == pytest.approx(0.8358, abs=5e-4)


def test_quakers(real):
    folder = real / "networks" / "quakers"
    edges = pd.read_csv(folder / "quakers_edgelist.csv")
    network = networks.from_edges(edges.Source, edges.Target, directed=False)
    figures = algorithms.summary(network)
    assert (figures["nodes"], figures["edges"]) == (119, 174)
    assert figures["density"] == pytest.approx(0.0248, abs=5e-5)
    assert figures["transitivity"] == pytest.approx(0.1694, abs=5e-5)
    assert algorithms.diameter(network) == 8
    degree = network.degrees()["degree"]
    assert (degree["William Penn"], degree["Margaret Fell"], degree["George Fox"]) == (18, 13, 22)


def test_email_components(real):
    folder = real / "networks" / "onadata"
    network = edge_list(folder / "email_edgelist.csv")
    assert np.bincount(network.components())[0] == 986


def test_resolution_is_gephis(real):
    """A higher resolution in Gephi gives fewer communities, and r multiplies the internal term."""
    network = edge_list(real / "networks" / "onadata" / "lesmis.csv")
    coarse, fine = (algorithms.communities(network, resolution=r) for r in (4.0, 0.25))
    assert len(coarse.sizes) < 6 < len(fine.sizes)
    whole = dict.fromkeys(network.nodes.index, 0)
    assert algorithms.modularity(network, whole, resolution=2.0) == pytest.approx(1 - 1 / 2.0)


def random_graph(directed: bool):
    """A strategy of small multigraphs with self-loops, repeated edges and isolated nodes."""
    node = st.integers(0, 12)
    edges = st.lists(st.tuples(node, node), max_size=40)
    kind = nx.MultiDiGraph if directed else nx.MultiGraph

    def build(found):
        graph = kind()
        graph.add_nodes_from(range(13))
        graph.add_edges_from(found)
        return graph

    return edges.map(build)


@given(st.booleans().flatmap(random_graph), st.sampled_from([(algorithms.DENSE, 12), (0, 12), (0, 2)]))
@settings(deadline=None, max_examples=150)
def test_betweenness_equals_networkx(graph, limits):
    """By igraph; by matrices; by matrices, but for what is deep."""
    simple = nx.DiGraph(graph) if graph.is_directed() else nx.Graph(graph)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(algorithms, "DENSE", limits[0])
        patch.setattr(algorithms, "DEEP", limits[1])
        frame = algorithms.betweenness(graph)
    theirs = nx.betweenness_centrality(simple, normalized=False)
    assert frame["betweenness"].to_dict() == pytest.approx(theirs, abs=1e-9)
    normal = nx.betweenness_centrality(simple, normalized=True)
    assert frame["normalised"].to_dict() == pytest.approx(normal, abs=1e-9)


@given(st.booleans().flatmap(random_graph), st.sampled_from(["louvain", "leiden"]))
@settings(deadline=None, max_examples=60)
def test_communities_partition_the_nodes(graph, method):
    found = algorithms.communities(graph, method=method, runs=5)
    assert set(found.membership.index) == set(graph)
    assert found.sizes.sum() == len(graph)
    assert list(found.sizes) == sorted(found.sizes, reverse=True)
    simple = nx.Graph(graph)
    simple.remove_edges_from(list(nx.selfloop_edges(simple)))
    if simple.size():
        groups = found.membership.groupby(found.membership).groups.values()
        assert found.modularity == pytest.approx(nx.community.modularity(simple, groups), abs=1e-12)
    assert 0 <= found.together <= 1


def test_pagerank_has_the_same_digits_each_time():
    graph = nx.gnm_random_graph(1000, 20_000, seed=1, directed=True)
    assert algorithms.pagerank(graph).equals(algorithms.pagerank(graph))


@given(st.booleans().flatmap(random_graph))
@settings(deadline=None, max_examples=40)
def test_measures_equal_networkx(graph):
    simple = nx.DiGraph(graph) if graph.is_directed() else nx.Graph(graph)
    simple.remove_edges_from(list(nx.selfloop_edges(simple)))
    plain = nx.Graph(simple)
    assert algorithms.coreness(graph).to_dict() == nx.core_number(plain)
    assert algorithms.clustering(graph).to_dict() == pytest.approx(nx.clustering(plain))
    ranks = nx.pagerank(simple, tol=1e-12, max_iter=1000)
    assert algorithms.pagerank(graph).to_dict() == pytest.approx(ranks, abs=1e-10)
    figures = algorithms.summary(graph)
    assert figures["density"] == pytest.approx(nx.density(simple))
    assert figures["transitivity"] == pytest.approx(nx.transitivity(plain))
    assert figures["components"] == nx.number_connected_components(plain)
    if simple.is_directed() and simple.size():
        assert figures["reciprocity"] == pytest.approx(nx.overall_reciprocity(simple))


@given(st.permutations(range(77)))
@settings(deadline=None, max_examples=10)
def test_renaming_and_reordering_change_nothing(order):
    """Les Misérables under new names and in another order: the same communities, betweenness and Q."""
    graph = nx.les_miserables_graph()
    names = dict(zip(graph, (f"n{k:02d}" for k in order), strict=True))
    shuffled = nx.Graph()
    shuffled.add_nodes_from(sorted(names.values()))
    edges = [(names[a], names[b], w) for a, b, w in graph.edges(data="weight")]
    shuffled.add_weighted_edges_from(sorted(edges))
    one, two = algorithms.communities(graph), algorithms.communities(shuffled)
    back = two.membership[[names[node] for node in one.membership.index]]
    assert adjusted_rand(one.membership, back) == 1
    assert one.modularity == pytest.approx(two.modularity, abs=1e-12)
    assert one.sizes.tolist() == two.sizes.tolist()
    ours, theirs = algorithms.betweenness(graph)["betweenness"], algorithms.betweenness(shuffled)["betweenness"]
    assert ours.to_dict() == pytest.approx({k: theirs[v] for k, v in names.items()})


def test_the_same_answer_on_any_number_of_processes(monkeypatch):
    monkeypatch.setattr(algorithms, "WORTH_A_PROCESS", 0)
    graph = nx.gnp_random_graph(120, 0.1, seed=1, directed=True)
    one, three = (algorithms.betweenness(graph, processes=p)["betweenness"] for p in (1, 3))
    assert (one == three).all()
    a, b = (algorithms.communities(graph, processes=p) for p in (1, 2))
    assert (a.membership == b.membership).all()
    assert (a.qualities == b.qualities).all()


def test_sampled_betweenness_states_its_error():
    graph = nx.barabasi_albert_graph(600, 4, seed=2)
    exact = algorithms.betweenness(graph)["betweenness"]
    sampled = algorithms.betweenness(graph, exact_nodes=100, samples=200, seed=3)
    parameters = sampled.attrs["parameters"]
    assert (parameters["betweenness"], parameters["sources"], parameters["of"]) == ("sampled", 200, 600)
    top = exact.nlargest(30).index
    off = (sampled["betweenness"] - exact).abs()[top] / sampled["standard_error"][top]
    assert off.median() < 2  # standard errors mean what they say
    again = algorithms.betweenness(graph, exact_nodes=100, samples=200, seed=3)
    assert (again["betweenness"] == sampled["betweenness"]).all()


def test_why_there_are_no_communities_is_reported():
    assert "nothing passes the filter" in algorithms.communities(nx.Graph()).verdict()
    assert "nothing divides the network" in algorithms.communities(nx.complete_graph(12)).verdict()


def test_a_random_network_has_no_communities_to_speak_of():
    found = algorithms.communities(nx.gnm_random_graph(400, 8000, seed=5))
    assert not found.to_speak_of
    assert found.verdict().startswith("No communities to speak of")


def test_a_planted_partition_comes_back_and_is_steady():
    graph = nx.planted_partition_graph(4, 50, 0.3, 0.03, seed=4)
    found = algorithms.communities(graph)
    planted = [graph.nodes[node]["block"] for node in found.membership.index]
    assert found.to_speak_of
    assert adjusted_rand(found.membership, planted) > 0.95


def test_of_each_node_the_share_of_runs_that_put_it_there():
    """Three runs: as the best one under other numbers, with c moved over, with a and b on their own."""
    best = np.array([0, 0, 0, 1, 1, 1])
    runs = np.array([[5, 5, 5, 2, 2, 2], [0, 0, 1, 1, 1, 1], [2, 2, 0, 1, 1, 1]])
    assert supported(runs, best) == pytest.approx(np.array([3, 3, 1, 3, 3, 3]) / 3)
    assert supported(np.array([[0] * 6]), best) == pytest.approx([1, 1, 1, 0, 0, 0])  # one cannot continue both
    assert supported(np.zeros((2, 0)), np.zeros(0)).tolist() == []
    graph = nx.planted_partition_graph(4, 50, 0.3, 0.03, seed=4)
    assert algorithms.communities(graph).support.min() > 0.9


def test_a_reciprocated_pair_is_one_undirected_edge():
    network = networks.from_edges("aabb", "bcac", [3, 1, 5, 2])
    assert network.m == 4
    once = network.undirected()
    assert once.m == 3
    assert sorted(once.weights) == [1, 2, 5]
    assert network.degrees()["degree"].to_dict() == {"a": 3, "b": 3, "c": 2}


def test_communities_are_numbered_by_size_then_smallest_id():
    ids = pd.Index(["d", "c", "b", "a", "e"], dtype=object)
    assert numbered(ids, np.array([7, 7, 3, 3, 9])).tolist() == [1, 1, 0, 0, 2]


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=2, max_size=30))
def test_adjusted_rand_is_symmetric_and_one_for_equals(pairs):
    a, b = zip(*pairs, strict=True)
    assert adjusted_rand(a, b) == pytest.approx(adjusted_rand(b, a))
    assert adjusted_rand(a, a) == 1
    assert adjusted_rand(a, b) <= 1 + 1e-12

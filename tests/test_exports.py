"""Files for Gephi and others: valid whatever the names, and the same network when read back."""

import math
import xml.etree.ElementTree as ET

import networkx as nx
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.graphs import measures
from analysis.graphs import network as networks
from analysis.report import exports

NS = {"g": "http://gexf.net/1.3", "viz": "http://gexf.net/1.3/viz"}
ANYTHING = st.text(st.characters(codec="utf-8"), max_size=8)  # control characters too


@given(st.lists(ANYTHING, min_size=2, max_size=6, unique=True), ANYTHING)
@settings(deadline=None, max_examples=100)
def test_any_name_gives_valid_xml_and_keeps_its_node(tmp_path_factory, names, column):
    folder = tmp_path_factory.mktemp("xml")
    columns = {column: names, "handle": names[::-1], "count": range(len(names))}
    nodes = pd.DataFrame(columns, index=pd.Index(names, dtype=object))
    network = networks.from_edges(names[:-1], names[1:], nodes=nodes, directed=True)
    root = ET.parse(exports.gexf(network, folder / "a.gexf")).getroot()
    ids = [node.get("id") for node in root.iterfind(".//g:node", NS)]
    assert len(set(ids)) == len(names)
    edges = [(edge.get("source"), edge.get("target")) for edge in root.iterfind(".//g:edge", NS)]
    assert len(edges) == len(names) - 1
    assert all(a in ids and b in ids for a, b in edges)
    whole = [exports.clean(name) for name in network.nodes.index]
    assert [name.split("~")[0] for name in ids] == [name.split("~")[0] for name in whole]
    exports.graphml(network, folder / "a.graphml")
    assert nx.read_graphml(folder / "a.graphml").number_of_edges() == len(names) - 1


@pytest.fixture(scope="module")
def found():
    graph = nx.les_miserables_graph()
    for node in graph:
        graph.nodes[node]["odd"] = 'a "quote" <&>\n'
    return measures.measured(networks.from_networkx(graph), iterations=30).network


def test_gexf_holds_what_the_picture_shows(found, tmp_path):
    path = exports.gexf(found, tmp_path / "lesmis.gexf")
    root = ET.parse(path).getroot()
    assert root.get("version") == "1.3"
    titles = {a.get("id"): (a.get("title"), a.get("type")) for a in root.iterfind(".//g:attribute", NS)}
    assert ("betweenness", "double") in titles.values()
    assert ("community", "long") in titles.values()
    assert {"x", "y", "size", "color"}.isdisjoint(title for title, _ in titles.values())
    valjean = next(n for n in root.iterfind(".//g:node", NS) if n.get("id") == "Valjean")
    values = {titles[v.get("for")][0]: v.get("value") for v in valjean.iterfind(".//g:attvalue", NS)}
    row = found.nodes.loc["Valjean"]
    assert float(values["betweenness"]) == row["betweenness"]
    assert values["odd"] == 'a "quote" <&>\n'
    place = valjean.find("viz:position", NS)
    assert float(place.get("x")) == pytest.approx(row["x"], abs=1e-4)
    color = valjean.find("viz:color", NS)
    assert "#{:02x}{:02x}{:02x}".format(*(int(color.get(c)) for c in "rgb")) == row["color"]
    assert float(valjean.find("viz:size", NS).get("value")) == pytest.approx(row["size"], abs=1e-4)
    edges = [edge.attrib for edge in root.iterfind(".//g:edge", NS)]
    weights = {frozenset((edge["source"], edge["target"])): float(edge["weight"]) for edge in edges}
    assert weights == {frozenset((a, b)): w for a, b, w in nx.les_miserables_graph().edges(data="weight")}


def test_networkx_reads_our_gexf(found, tmp_path):
    path = exports.gexf(found, tmp_path / "a.gexf")
    text = path.read_text("utf-8").replace("http://gexf.net/1.3", "http://www.gexf.net/1.2draft")
    path.write_text(text.replace('"1.3"', '"1.2"'), "utf-8")  # networkx knows the version before
    graph = nx.read_gexf(path)
    assert graph.number_of_nodes() == 77
    assert graph.nodes["Valjean"]["betweenness"] == found.nodes.loc["Valjean", "betweenness"]


def test_a_column_called_label_leaves_the_nodes_their_labels(tmp_path):
    nodes = pd.DataFrame({"handle": ["ann", "ben"], "label": ["member", "media"]}, index=["1", "2"])
    pairs = np.array([0]), np.array([1]), np.array([1.0])
    path = exports.gexf(networks.from_arrays(nodes, *pairs, directed=False, parameters={}), tmp_path / "a.gexf")
    text = path.read_text("utf-8").replace("http://gexf.net/1.3", "http://www.gexf.net/1.2draft")
    path.write_text(text.replace('"1.3"', '"1.2"'), "utf-8")
    read = nx.read_gexf(path)
    assert dict(read.nodes(data="label")) == {"1": "ann", "2": "ben"}
    assert dict(read.nodes(data="role")) == {"1": "member", "2": "media"}


def test_graphml_and_parquet_come_back_whole(found, tmp_path):
    graph = nx.read_graphml(exports.graphml(found, tmp_path / "a.graphml"))
    assert (graph.number_of_nodes(), graph.number_of_edges()) == (77, 254)
    assert graph["Valjean"]["Javert"]["weight"] == 17
    assert graph.nodes["Valjean"]["community"] == found.nodes.loc["Valjean", "community"]
    nodes, edges = exports.parquet(found, tmp_path / "n.parquet", tmp_path / "e.parquet")
    assert len(pd.read_parquet(nodes)) == 77
    back = pd.read_parquet(edges)
    assert len(back) == 254
    assert back["weight"].sum() == nx.les_miserables_graph().size("weight")


def test_missing_and_unusual_values(tmp_path):
    columns = {"a": [1.5, None, math.inf], "b": [True, False, True], "c": ["x", None, "y"]}
    nodes = pd.DataFrame(columns, index=list("pqr"))
    network = networks.from_edges("p", "q", nodes=nodes)
    root = ET.parse(exports.gexf(network, tmp_path / "a.gexf")).getroot()
    values = [v.get("value") for v in root.iterfind(".//g:attvalue", NS)]
    assert sorted(values) == ["1.5", "INF", "false", "true", "true", "x", "y"]
    assert not list(tmp_path.glob(".*"))
    empty = networks.from_edges([], [])
    assert ET.parse(exports.gexf(empty, tmp_path / "b.gexf")).getroot().find(".//g:nodes", NS) is not None

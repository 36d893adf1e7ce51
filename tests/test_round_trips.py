"""Networks read back by what others read them with: networkx, igraph, and graphology (Gephi Lite)."""

from __future__ import annotations

import json
import math
import shutil
import subprocess
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import igraph
import networkx as nx
import pandas as pd
import pytest

from analysis.graphs import network as networks
from analysis.report import exports
from tests.conftest import ROOT

GRAPHOLOGY = ROOT / "tests" / "graphology"
GEXF = "{http://gexf.net/1.3}"
# the types of https://gephi.org/gexf/1.3/gexf.xsd (read November 2026)
TYPES = {"integer", "long", "double", "float", "boolean", "string", "anyURI", "bigdecimal", "biginteger", "byte",
         "char", "short"}  # fmt: skip
COLUMNS = {
    "handle": ["ann", "b\x01é", "日本🎉", None],
    "label": ["member", "media", None, 'a "q" <&>\r\n\tb'],
    "role": ["one", "two", "three", "four"],
    "is_member": [True, None, False, True],
    "whole": [1, 2**53, -5, 0],
    "large": [2**53 + 1, 5, -(2**62), 7],
    "share": [1.5, None, math.inf, -0.25],
    "since": pd.to_datetime(["2026-01-01", None, "1999-12-31 23:59:59", "2020-01-01"], utc=True, format="ISO8601"),
    "mixed": [1, "two", None, 4.5],
    "bad\x01": ["a", "b", "c", "d"],
    "bad\x02": ["e", "f", "g", "h"],
}
# the same as its readers must have it; a missing value is no attribute
WANTED: dict[str, dict[str, Any]] = {
    "1": {"handle": "ann", "role": "member", "role~2": "one", "is_member": True, "whole": 1,
          "large": "9007199254740993", "share": 1.5, "since": "2026-01-01 00:00:00+00:00", "mixed": "1",
          "bad\ufffd": "a", "bad\ufffd~2": "e"},
    "2": {"handle": "b\ufffdé", "role": "media", "role~2": "two", "whole": 2**53, "large": "5", "mixed": "two",
          "bad\ufffd": "b", "bad\ufffd~2": "f"},
    "3": {"handle": "日本🎉", "role~2": "three", "is_member": False, "whole": -5, "large": "-4611686018427387904",
          "share": math.inf, "since": "1999-12-31 23:59:59+00:00", "bad\ufffd": "c", "bad\ufffd~2": "g"},
    "4": {"role": 'a "q" <&>\r\n\tb', "role~2": "four", "is_member": True, "whole": 0, "large": "7", "share": -0.25,
          "since": "2020-01-01 00:00:00+00:00", "mixed": "4.5", "bad\ufffd": "d", "bad\ufffd~2": "h"},
}  # fmt: skip
LABELS = {"1": "ann", "2": "b\ufffdé", "3": "日本🎉", "4": "4"}
EDGES = {("1", "2", 1.0), ("2", "3", 0.0), ("3", "4", 2.5)}


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("networks")
    nodes = pd.DataFrame(COLUMNS, index=pd.Index(list("1234"), dtype=object))
    found = networks.from_edges("123", "234", [1.0, 0.0, 2.5], nodes=nodes)
    return exports.gexf(found, folder / "a.gexf"), exports.graphml(found, folder / "a.graphml")


def test_networkx_reads_what_was_written(files: tuple[Path, Path], tmp_path: Path) -> None:
    text = files[0].read_text("utf-8").replace("http://gexf.net/1.3", "http://www.gexf.net/1.2draft")
    (tmp_path / "a.gexf").write_text(text.replace('"1.3"', '"1.2"'), "utf-8", newline="")  # the newest it knows
    gexf, graphml = nx.read_gexf(tmp_path / "a.gexf"), nx.read_graphml(files[1])
    assert {name: expected.pop("label") for name, expected in gexf.nodes(data=True)} == LABELS
    for read in (gexf, graphml):
        assert dict(read.nodes(data=True)) == WANTED
        assert set(read.edges(data="weight")) == EDGES


def test_igraph_reads_what_was_written(files: tuple[Path, Path]) -> None:
    """It has no missing values: a text is empty then, a number NaN, a boolean false."""
    read = igraph.Graph.Read_GraphML(str(files[1]))
    for vertex in read.vs:
        actual = vertex.attributes()
        wanted = WANTED[actual.pop("id")]
        assert {name: actual[name] for name in wanted} == wanted
        assert all(not actual[name] or math.isnan(actual[name]) for name in actual.keys() - wanted.keys())
    assert {(read.vs[e.source]["id"], read.vs[e.target]["id"], e["weight"]) for e in read.es} == EDGES


def test_graphology_reads_what_was_written(files: tuple[Path, Path]) -> None:
    node = shutil.which("node")
    if node is None or not (GRAPHOLOGY / "node_modules").exists():
        pytest.skip("needs Node, and once: npm install --prefix tests/graphology")
    words = [node, str(GRAPHOLOGY / "read.mjs"), *map(str, files)]
    gexf, graphml = json.loads(subprocess.run(words, capture_output=True, text=True, check=True).stdout)
    assert {name: expected.pop("label") for name, expected in gexf["nodes"].items()} == LABELS
    wanted = {
        name: {**expected, **({"share": None} if name == "3" else {})} for name, expected in WANTED.items()
    }  # JSON's
    for read in (gexf, graphml):
        assert read["nodes"] == wanted
        assert {tuple(edge) for edge in read["edges"]} == EDGES


def test_gexf_keeps_the_rules_of_its_schema(files: tuple[Path, Path]) -> None:
    root = ET.parse(files[0]).getroot()
    assert (root.tag, root.get("version")) == (f"{GEXF}gexf", "1.3")
    assert [child.tag for child in root] == [f"{GEXF}meta", f"{GEXF}graph"]
    graph = root[1]
    assert [child.tag for child in graph] == [f"{GEXF}{name}" for name in ("attributes", "nodes", "edges")]
    declared = {one.get("id"): one.get("type") for one in graph.iter(f"{GEXF}attribute")}
    titles = [one.get("title") for one in graph.iter(f"{GEXF}attribute")]
    assert set(declared.values()) <= TYPES
    assert len(set(titles)) == len(titles) == len(declared)
    ids = [one.get("id") for one in graph.iter(f"{GEXF}node")]
    assert len(set(ids)) == len(ids)
    lexical = {"boolean": {"true": True, "false": False}.__getitem__, "long": int, "double": float, "string": str}
    for one in graph.iter(f"{GEXF}attvalue"):
        lexical[declared[one.get("for")]](one.get("value"))
    for one in graph.iter(f"{GEXF}edge"):
        assert {one.get("source"), one.get("target")} <= set(ids)
        float(one.get("weight"))

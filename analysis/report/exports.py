"""Networks as files: GEXF 1.3 and GraphML for Gephi and similar programs, Parquet node and edge lists for others."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, NamedTuple

import pandas as pd

from analysis.graphs.network import Network, as_network
from analysis.palette import GREY

if TYPE_CHECKING:
    import networkx as nx

# characters not allowed in XML 1.0, escaped or not
FORBIDDEN = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
VIZ = ("x", "y", "size", "color")  # visual properties in Gephi, not attributes
EXACT = 1 << 53  # larger numbers are text: Gephi Lite and igraph read every number as a float
Graph = Any  # a Network or a networkx graph


def clean(text: Any) -> str:
    """*text* with characters not allowed in XML replaced by U+FFFD."""
    return FORBIDDEN.sub("\ufffd", str(text))


def unique(ids: pd.Index[Any]) -> list[str]:
    """*ids* as texts allowed in XML, still distinct: a number is added if two become equal."""
    taken: set[str] = set()
    names = []
    for name in map(clean, ids):
        wanted, number = name, 2
        while wanted in taken:
            wanted, number = f"{name}~{number}", number + 1
        taken.add(wanted)
        names.append(wanted)
    return names


# ---- GEXF --------------------------------------------------------------------------------------------------


def gexf(graph: Graph, path: Path | str, label: str | None = None) -> Path:
    """Write *graph* as GEXF 1.3, a line at a time, and return the path.

    Columns x, y, size and color become position, size and colour; all others are attributes. A node is labelled by the
    column *label*; without one by its handle, else by its id. The parameters are in the description.
    """
    network = as_network(graph)
    with _replaced(Path(path)) as out:
        out.write('<?xml version="1.0" encoding="UTF-8"?>\n')
        out.write('<gexf xmlns="http://gexf.net/1.3" xmlns:viz="http://gexf.net/1.3/viz" version="1.3">\n')
        out.write(f"<meta><creator>sneeuwbal</creator><description>{_description(network)}</description></meta>\n")
        out.write(f'<graph defaultedgetype="{"directed" if network.directed else "undirected"}" mode="static">\n')
        columns = _columns(network.nodes.drop(columns=list(VIZ), errors="ignore"))
        out.writelines(_declared(columns))
        names = unique(network.nodes.index)
        out.write("<nodes>\n")
        out.writelines(_nodes(network.nodes, names, columns, label))
        out.write("</nodes>\n<edges>\n")
        out.writelines(_edges(network, names))
        out.write("</edges>\n</graph>\n</gexf>\n")
    return Path(path)


def _description(network: Network) -> str:
    from xml.sax.saxutils import escape

    return escape(clean(json.dumps(dict(network.parameters), ensure_ascii=False, default=str)))


class _Column(NamedTuple):
    """An attribute of nodes: its *kind* is the type of GEXF and GraphML that fits all *values* but None."""

    title: str
    kind: str
    values: list[Any]


_KINDS: dict[str, tuple[str, Callable[[Any], Any]]] = {
    "boolean": ("boolean", bool), "integer": ("long", int), "floating": ("double", float),
    "mixed-integer-float": ("double", float),
}  # fmt: skip


def _columns(nodes: pd.DataFrame) -> list[_Column]:
    """The columns as attributes, each title once; `label` becomes `role`, as readers would take it for the node's."""
    titles = unique(pd.Index(["role" if name == "label" else name for name in nodes], dtype=object))
    return [_column(title, column) for title, (_, column) in zip(titles, nodes.items(), strict=True)]


def _column(title: str, column: pd.Series[Any]) -> _Column:
    gone = column.isna().to_numpy()
    values = [None if missing else value for missing, value in zip(gone, column.tolist(), strict=True)]
    present = [value for value in values if value is not None]
    kind, plain = _KINDS.get(pd.api.types.infer_dtype(present), ("string", clean))
    if kind == "long" and any(abs(value) > EXACT for value in present):
        kind, plain = "string", str
    return _Column(title, kind, [None if value is None else plain(value) for value in values])


def _declared(columns: list[_Column]) -> Iterator[str]:
    yield '<attributes class="node" mode="static">\n'
    for number, (title, kind, _) in enumerate(columns):
        yield f'<attribute id="{number}" title={_quoted(title)} type="{kind}"/>\n'
    yield "</attributes>\n"


def _quoted(value: Any) -> str:
    """*value* as a quoted XML attribute; line ends and tabs survive."""
    from xml.sax.saxutils import quoteattr

    return quoteattr(clean(value), {"\n": "&#10;", "\r": "&#13;", "\t": "&#9;"})


def _texts(column: _Column) -> list[str | None]:
    """The values of *column* in GEXF's notation, None if missing."""
    texts = [None if value is None else str(value) for value in column.values]
    if column.kind == "boolean":
        return [text and text.lower() for text in texts]
    if column.kind == "double":  # infinities have special names there
        return [text and text.replace("inf", "INF") for text in texts]
    return texts


def _nodes(nodes: pd.DataFrame, names: list[str], columns: list[_Column], label: str | None) -> Iterator[str]:
    texts = [_texts(column) for column in columns]
    shown = _labels(nodes, names, label)
    looks = _looks(nodes)
    for row, name in enumerate(names):
        yield f"<node id={_quoted(name)} label={_quoted(shown[row])}>"
        said = [(number, values[row]) for number, values in enumerate(texts) if values[row] is not None]
        if said:
            pairs = "".join(f'<attvalue for="{number}" value={_quoted(value)}/>' for number, value in said)
            yield f"<attvalues>{pairs}</attvalues>"
        yield f"{looks[row]}</node>\n"


def _labels(nodes: pd.DataFrame, names: list[str], label: str | None) -> list[str]:
    column = label or ("handle" if "handle" in nodes else None)
    if column is None:
        return names
    texts = _texts(_column("", nodes[column]))
    return [name if value is None else value for name, value in zip(names, texts, strict=True)]


def _looks(nodes: pd.DataFrame) -> list[str]:
    """Position, size and colour of each node, if known."""
    parts: list[list[str]] = []
    if {"x", "y"} <= set(nodes):
        places = zip(nodes["x"], nodes["y"], strict=True)
        parts.append([f'<viz:position x="{x:.4f}" y="{y:.4f}" z="0.0"/>' for x, y in places])
    if "size" in nodes:
        parts.append([f'<viz:size value="{size:.4f}"/>' for size in nodes["size"]])
    if "color" in nodes:
        parts.append(['<viz:color r="{}" g="{}" b="{}"/>'.format(*rgb(color)) for color in nodes["color"]])
    return ["".join(row) for row in zip(*parts, strict=True)] if parts else [""] * len(nodes)


def rgb(color: Any) -> tuple[int, int, int]:
    """Red, green and blue of #rrggbb; grey for anything else."""
    digits = (str(color) if re.fullmatch("#[0-9a-fA-F]{6}", str(color)) else GREY)[1:]
    red, green, blue = bytes.fromhex(digits)
    return red, green, blue


def _edges(network: Network, names: list[str]) -> Iterator[str]:
    quoted = [_quoted(name) for name in names]
    weighted = network.weight is not None
    rows = zip(network.source.tolist(), network.target.tolist(), network.weights.tolist(), strict=True)
    for number, (a, b, weight) in enumerate(rows):
        worth = f' weight="{weight!r}"' if weighted else ""
        yield f'<edge id="{number}" source={quoted[a]} target={quoted[b]}{worth}/>\n'


# ---- GraphML and Parquet -----------------------------------------------------------------------------------


def graphml(graph: Graph, path: Path | str) -> Path:
    """Write *graph* as GraphML, by networkx, and return the path."""
    network = as_network(graph)
    names = unique(network.nodes.index)
    import networkx as nx

    made: nx.Graph[Any] = nx.DiGraph() if network.directed else nx.Graph()
    columns = _columns(network.nodes)
    for row, node in enumerate(names):
        attributes = {title: values[row] for title, _, values in columns if values[row] is not None}
        made.add_nodes_from([(node, attributes)])  # a title may be any text
    ends = zip(network.source.tolist(), network.target.tolist(), network.weights.tolist(), strict=True)
    plain = network.weight is None
    made.add_edges_from((names[a], names[b], {} if plain else {"weight": w}) for a, b, w in ends)
    made.graph["parameters"] = clean(json.dumps(dict(network.parameters), ensure_ascii=False, default=str))
    with _replaced(Path(path)) as out:
        nx.write_graphml(made, out.buffer)  # type: ignore[attr-defined]
    return Path(path)


def parquet(graph: Graph, nodes: Path | str, edges: Path | str) -> tuple[Path, Path]:
    """Write the node list (id first) and the edge list (source, target, weight) as Parquet; return the paths."""
    network = as_network(graph)
    frame = network.nodes.rename_axis("id").reset_index()
    frame["id"] = frame["id"].astype(str)
    pairs = network.edges()
    pairs[["source", "target"]] = pairs[["source", "target"]].astype(str)
    for table, path in ((frame, nodes), (pairs, edges)):
        table.attrs = {}
        partial = _partial(Path(path))
        table.to_parquet(partial, index=False)
        os.replace(partial, path)
    return Path(nodes), Path(edges)


def _partial(path: Path) -> Path:
    return path.with_name(f".{path.name}.partial")


@contextmanager
def _replaced(path: Path) -> Iterator[IO[str]]:
    """A text file that replaces *path* when complete."""
    partial = _partial(path)
    try:
        with partial.open("w", encoding="utf-8", newline="\n") as out:
            yield out
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)

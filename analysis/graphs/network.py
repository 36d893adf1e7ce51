"""A network as a frame of nodes and arrays of edges: the form of every network before networkx.

Parallel edges and self-loops are removed, and nodes are in an order that follows from the structure
alone, so that neither names nor the order of rows change the result of a seeded algorithm. (Nodes that the
structure does not distinguish keep their input order.)
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from storage.errors import UserError

if TYPE_CHECKING:
    import networkx as nx
    from scipy import sparse

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Network:
    """*nodes* (one row each, indexed by id) and edges from *source* to *target*, both positions in *nodes*.

    *weight* None means 1 for every edge. *parameters* document how the network was made.
    """

    nodes: pd.DataFrame
    source: Ints
    target: Ints
    weight: Floats | None = None
    directed: bool = True
    parameters: Mapping[str, Any] = field(default_factory=dict)

    @property
    def n(self) -> int:
        """The number of nodes."""
        return len(self.nodes)

    @property
    def m(self) -> int:
        """The number of edges."""
        return len(self.source)

    @property
    def weights(self) -> Floats:
        """The weight of each edge; ones if the network has none."""
        return np.ones(self.m) if self.weight is None else self.weight

    def matrix(self, weighted: bool = True) -> sparse.csr_array:
        """The adjacency matrix, symmetric when undirected."""
        from scipy import sparse

        data = self.weights if weighted else np.ones(self.m)
        ends = self.source.astype(np.int32), self.target.astype(np.int32)  # half the memory to read
        matrix = sparse.csr_array((data, ends), shape=(self.n, self.n))
        return matrix if self.directed else (matrix + matrix.T).tocsr()

    def degrees(self) -> pd.DataFrame:
        """Per node: degree, in and out degree (a mutual tie counts as two), and the same weighted."""
        out, into = (np.bincount(end, minlength=self.n) for end in (self.source, self.target))
        strong_out, strong_in = (np.bincount(end, self.weights, minlength=self.n) for end in (self.source, self.target))
        columns: dict[str, NDArray[Any]] = {"degree": out + into}
        if self.directed:
            columns |= {"in_degree": into, "out_degree": out}
        columns["weighted_degree"] = strong_out + strong_in
        if self.directed:
            columns |= {"weighted_in_degree": strong_in, "weighted_out_degree": strong_out}
        return pd.DataFrame(columns, index=self.nodes.index)

    def with_columns(self, columns: Mapping[str, Any] | pd.DataFrame, **parameters: Any) -> Network:
        """The same network with node *columns* set (in the order of its nodes) and *parameters* added."""
        named = {str(name): np.asarray(values) for name, values in columns.items()}
        nodes = self.nodes.assign(**named)
        return replace(self, nodes=nodes, parameters={**self.parameters, **parameters})

    def subgraph(self, keep: NDArray[np.bool_], **parameters: Any) -> Network:
        """The nodes where *keep* is true and the edges between them; *parameters* are added."""
        position = np.cumsum(keep) - 1
        edges = keep[self.source] & keep[self.target]
        return replace(
            self,
            nodes=self.nodes[keep],
            source=position[self.source[edges]],
            target=position[self.target[edges]],
            weight=None if self.weight is None else self.weight[edges],
            parameters={**self.parameters, **parameters},
        )

    def undirected(self) -> Network:
        """The undirected network as Gephi sees it: ONE edge for a reciprocated pair, weights not added.

        Of two weights the larger is kept (Gephi keeps the one stored last).
        """
        if not self.directed:
            return self
        low, high = np.minimum(self.source, self.target), np.maximum(self.source, self.target)
        source, target, weight = _merged(low, high, self.weight, self.n, np.maximum)
        return replace(self, source=source, target=target, weight=weight, directed=False)

    def components(self) -> Ints:
        """The weak component of each node, numbered from the largest."""
        from scipy.sparse.csgraph import connected_components

        _, label = connected_components(self.matrix(weighted=False), directed=False)
        sizes = np.bincount(label)
        first = np.unique(label, return_index=True)[1]
        rank = np.empty(len(sizes), dtype=np.int64)
        rank[np.lexsort((first, -sizes))] = np.arange(len(sizes))
        return np.asarray(rank[label])

    def edges(self) -> pd.DataFrame:
        """The edge list by id: source, target, weight."""
        ids = self.nodes.index
        frame = pd.DataFrame({"source": ids[self.source], "target": ids[self.target], "weight": self.weights})
        frame.attrs["parameters"] = dict(self.parameters)
        return frame

    def to_networkx(self) -> nx.Graph[Any]:
        """A networkx graph with every column as a node attribute (missing values left out)."""
        import networkx as nx

        graph: nx.Graph[Any] = nx.DiGraph() if self.directed else nx.Graph()
        graph.graph["parameters"] = dict(self.parameters)
        ids = list(self.nodes.index)
        names = [str(column) for column in self.nodes.columns]
        columns = [_plain(self.nodes[column]) for column in self.nodes.columns]
        for node, *values in zip(ids, *columns, strict=True):
            graph.add_node(node, **{k: v for k, v in zip(names, values, strict=True) if v is not None})
        ends = zip(self.source.tolist(), self.target.tolist(), self.weights.tolist(), strict=True)
        if self.weight is None:
            graph.add_edges_from((ids[a], ids[b]) for a, b, _ in ends)
        else:
            graph.add_weighted_edges_from((ids[a], ids[b], w) for a, b, w in ends)
        return graph


def _plain(column: pd.Series[Any]) -> list[Any]:
    """The values of *column* as plain Python, None if missing."""
    missing = column.isna().to_numpy()
    values = column.tolist()
    return [None if gone else value for gone, value in zip(missing, values, strict=True)]


def from_edges(
    source: Iterable[Hashable],
    target: Iterable[Hashable],
    weight: Iterable[float] | None = None,
    *,
    nodes: pd.DataFrame | Iterable[Hashable] | None = None,
    directed: bool = True,
    loops: bool = False,
    parameters: Mapping[str, Any] | None = None,
) -> Network:
    """The network of an edge list by id; *nodes* adds attributes, and nodes without an edge.

    Self-loops are dropped unless *loops*; parallel edges become one, their weights added.
    """
    ends = pd.Index([*source, *target], dtype=object)
    if not isinstance(nodes, pd.DataFrame):
        given = [] if nodes is None else list(nodes)
        nodes = pd.DataFrame(index=pd.Index(given, dtype=object).append(ends).unique())
    position = nodes.index.get_indexer(ends)
    if (position < 0).any():
        unknown = ends[position < 0][0]
        raise UserError(f"an edge names {unknown!r}, which is not in the nodes; add it to the nodes")
    half = len(ends) // 2
    weights = None if weight is None else np.asarray(list(weight), dtype=np.float64)
    return from_arrays(nodes, position[:half], position[half:], weights, directed, loops, parameters)


def from_arrays(
    nodes: pd.DataFrame,
    source: NDArray[Any],
    target: NDArray[Any],
    weight: Floats | None = None,
    directed: bool = True,
    loops: bool = False,
    parameters: Mapping[str, Any] | None = None,
) -> Network:
    """The network of edges given as positions in *nodes*, cleaned as in `from_edges`."""
    source, target = np.asarray(source, dtype=np.int64), np.asarray(target, dtype=np.int64)
    if not directed:
        source, target = np.minimum(source, target), np.maximum(source, target)
    kept = np.full(len(source), True) if loops else source != target
    source, target = source[kept], target[kept]
    weight = None if weight is None else np.asarray(weight, dtype=np.float64)[kept]
    source, target, weight = _merged(source, target, weight, len(nodes), np.add)
    order = _canonical(len(nodes), source, target, weight, directed)
    place = np.empty_like(order)
    place[order] = np.arange(len(order))
    source, target = place[source], place[target]
    if not directed:
        source, target = np.minimum(source, target), np.maximum(source, target)
    rows = np.lexsort((target, source))
    weight = None if weight is None else weight[rows]
    return Network(nodes.iloc[order], source[rows], target[rows], weight, directed, dict(parameters or {}))


def from_networkx(graph: nx.Graph[Any], weight: str | None = "weight") -> Network:
    """The network of a networkx graph; unweighted if no edge has *weight*."""
    nodes = pd.DataFrame([data for _, data in graph.nodes(data=True)])
    nodes.index = pd.Index(list(graph), dtype=object)
    edges = list(graph.edges(data=True))
    weights = None
    if weight is not None and any(weight in data for _, _, data in edges):
        weights = [float(data.get(weight, 1.0)) for _, _, data in edges]
    return from_edges(
        [edge[0] for edge in edges],
        [edge[1] for edge in edges],
        weights,
        nodes=nodes,
        directed=graph.is_directed(),
        parameters=graph.graph.get("parameters"),
    )


def as_network(graph: Network | nx.Graph[Any]) -> Network:
    """*graph* as a Network."""
    return graph if isinstance(graph, Network) else from_networkx(graph)


def _merged(
    source: Ints, target: Ints, weight: Floats | None, n: int, together: np.ufunc
) -> tuple[Ints, Ints, Floats | None]:
    """The edges with each pair once, their weights combined by *together*."""
    if not len(source):
        return source, target, weight
    code = source * n + target
    if weight is None:
        code = np.unique(code)
    else:
        rows = np.argsort(code, kind="stable")
        code, first = np.unique(code[rows], return_index=True)
        weight = together.reduceat(weight[rows], first)
    return code // n, code % n, weight


def _canonical(n: int, source: Ints, target: Ints, weight: Floats | None, directed: bool) -> Ints:
    """An order of the nodes that follows from the structure: four rounds of Weisfeiler-Leman colouring.

    Unsigned integers wrap, so that sums do not depend on their order, unlike sums of floats.
    """
    from scipy import sparse

    bits = np.ones(len(source)) if weight is None else weight
    data = _mix(bits.astype(np.float64).view(np.uint64))
    matrix = sparse.csr_array((data, (source, target)), shape=(n, n))
    back = matrix.T.tocsr()
    if not directed:
        matrix = back = matrix + back
    colour = np.ones(n, dtype=np.uint64)
    for _ in range(4):
        colour = _mix(colour + _mix(matrix @ colour) + _mix(_mix(back @ colour)))
    size = np.bincount(source, minlength=n) + np.bincount(target, minlength=n)
    return np.lexsort((colour, -size))


def _mix(values: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Each value mixed over 64 bits (the finaliser of splitmix64)."""
    mixed = values + np.uint64(0x9E3779B97F4A7C15)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.asarray(mixed ^ (mixed >> np.uint64(31)), dtype=np.uint64)

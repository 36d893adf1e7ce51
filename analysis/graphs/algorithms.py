"""Measures and communities of a network, by igraph, which is used here only; PageRank and, if dense, paths by matrices.

Every function takes a `Network` or a networkx graph. The conventions are Gephi's (docs/definitions.md): a
reciprocated pair is one undirected edge, self-loops do not count, betweenness is not normalised, and a
resolution r multiplies the internal term, so that igraph's gamma is 1 / r.
"""

from __future__ import annotations

import math
import random
import threading
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.graphs.communities import Communities, chosen
from analysis.graphs.network import Floats, Ints, Network, as_network
from analysis.workers import Task, run
from storage.errors import UserError

if TYPE_CHECKING:
    import networkx as nx

Method = Literal["louvain", "leiden"]
Graph: TypeAlias = "Network | nx.Graph[Any]"

EXACT_NODES = 10_000  # betweenness is exact up to here, sampled above it
GROUPS = 8  # number of groups of sources, for any number of processes
WORTH_A_PROCESS = 60_000_000  # steps (a second's work) below which another process costs more than it saves
COMMUNITY_ROUNDS = 32  # a run of communities takes as long as so many sources of betweenness
SEARCH_EDGES = 100_000  # a small network gets more runs, up to this many edges in total
DENSE = 10  # edges a node from which matrices are faster than igraph
DEEP = 12  # steps from a source beyond which they are not
ROUNDING = math.log(1e-16)  # what is left of a rank's error when iterating ends
BLOCK = 200_000  # cells of a matrix of nodes by sources, which fits a processor's cache

_random = threading.Lock()  # igraph's random state is global to the process


def igraph_of(network: Network) -> Any:
    """The network as an igraph graph, its vertices in the order of the nodes."""
    edges = np.column_stack((network.source, network.target)).astype(np.int64)
    import igraph

    return igraph.Graph(network.n, edges, directed=network.directed)


# ---- centrality --------------------------------------------------------------------------------------------


def betweenness(
    graph: Graph,
    *,
    exact_nodes: int = EXACT_NODES,
    samples: int = 1000,
    seed: int = 0,
    processes: int | None = None,
) -> pd.DataFrame:
    """Betweenness per node (Brandes 2001), unweighted, directed as the graph is, not normalised.

    Exact up to *exact_nodes* nodes. Above it the sum over *samples* random sources, scaled up, and a column
    `standard_error` from the spread of eight repeated samples of an eighth of them each. Column `normalised`
    is divided by (n - 1)(n - 2), undirected by half of that. `attrs["parameters"]` says which was used.
    """
    network = as_network(graph)
    out = np.bincount(network.source, minlength=network.n)
    sources = np.flatnonzero(out) if network.directed else np.arange(network.n)
    exact = network.n <= exact_nodes or len(sources) <= samples
    population = len(sources)
    if not exact:
        sources = np.random.default_rng(seed).permutation(sources)[:samples]
    groups = [sources[part::GROUPS] for part in range(GROUPS)]
    parts = np.array(_shared(_betweenness, network, groups, processes, len(sources)))
    values = parts.sum(axis=0) * (population / max(len(sources), 1))
    frame = pd.DataFrame({"betweenness": values}, index=network.nodes.index)
    pairs = max((network.n - 1) * (network.n - 2), 1) / (1 if network.directed else 2)
    frame["normalised"] = values / pairs
    frame.attrs["parameters"] = {"betweenness": "exact", "sources": len(sources)}
    if not exact:
        frame["standard_error"], spread = _spread(parts, groups, population, values)
        frame.attrs["parameters"] = {
            "betweenness": "sampled", "sources": len(sources), "of": population, "seed": seed,
            "median_relative_error_of_top_100": spread,
        }  # fmt: skip
    return frame


def _spread(parts: Floats, groups: list[Ints], population: int, values: Floats) -> tuple[Floats, float]:
    """The standard error of each sampled value, and its relative median among the 100 highest."""
    scaled = parts * (population / np.array([[len(group)] for group in groups]))
    share = sum(map(len, groups)) / population
    error = scaled.std(axis=0, ddof=1) / np.sqrt(len(groups)) * np.sqrt(1 - share)
    top = np.argsort(-values)[:100]
    top = top[values[top] > 0]
    return error, round(float(np.median(error[top] / values[top])), 4) if len(top) else 0.0


def _betweenness(network: Network, groups: Sequence[Any]) -> list[Floats]:
    """The part of betweenness from the paths of each group of sources: by levels, unless sparse or deep."""
    matrix = network.matrix(weighted=False) if network.m > DENSE * network.n else None
    back = None if matrix is None else matrix.T.tocsr()
    graph = cache(lambda: igraph_of(network))
    parts = []
    for group in groups:
        part = None if matrix is None else _by_levels(matrix, back, group)
        if part is None:
            part = np.array(graph().betweenness(sources=group.tolist()))
        elif not network.directed:
            part /= 2  # of an undirected pair, each end was a source
        parts.append(part)
    return parts


def _by_levels(matrix: Any, back: Any, sources: Ints) -> Floats | None:
    """Brandes' sums for *sources*, a block of them at a time; None if one is deeper than DEEP."""
    total = np.zeros(matrix.shape[0])
    width = int(np.clip(BLOCK // len(total), 8, 64))
    for at in range(0, len(sources), width):
        part = _levels(matrix, back, sources[at : at + width])
        if part is None:
            return None
        total += part
    return total


def _levels(matrix: Any, back: Any, sources: Ints) -> Floats | None:
    """`_by_levels` of one block: the paths from all its sources a level at a time, one product of matrices each."""
    paths = np.zeros((matrix.shape[0], len(sources)))  # the number of shortest paths from each source to each node
    paths[sources, np.arange(len(sources))] = 1.0
    first = np.sort(sources)
    levels = [(first, paths[first])]  # the nodes at each distance from any source, and their paths at that distance
    while len(rows := np.flatnonzero((paths == 0).any(axis=1))):
        more = _product(back, matrix, rows, *levels[-1])
        more *= paths[rows] == 0
        there = more.any(axis=1)
        if not there.any():
            break
        if len(levels) > DEEP:
            return None
        rows, more = rows[there], more[there]
        paths[rows] += more
        levels.append((rows, more))
    through = np.zeros_like(paths)
    paths[paths == 0] = 1.0
    for (near, of_near), (far, of_far) in zip(levels[-2:0:-1], levels[:1:-1], strict=True):
        shares = (of_far > 0) * (1.0 + through[far]) / paths[far]
        through[near] += of_near * _product(matrix, back, near, far, shares)
    return np.asarray(through.sum(axis=1))


def _product(matrix: Any, transposed: Any, wanted: Ints, rows: Ints, values: Floats) -> Floats:
    """The rows *wanted* of *matrix* times the dense matrix that has *values* in its *rows* (sorted) and else 0.

    By the rows of the matrix or by its columns, whichever have fewer edges; each sum is in the same order.
    """
    by_row, by_column = (np.diff(of.indptr)[at].sum() for of, at in ((matrix, wanted), (transposed, rows)))
    if by_column < by_row:
        return np.asarray((transposed[rows].T @ values)[wanted])
    dense = np.zeros((matrix.shape[1], values.shape[1]))
    dense[rows] = values
    if 2 * by_row > matrix.nnz:  # cheaper than a copy of most of the matrix
        return np.asarray((matrix @ dense)[wanted])
    return np.asarray(matrix[wanted] @ dense)


def _shared(task: Task, network: Network, jobs: Sequence[Any], processes: int | None, rounds: int) -> list[Any]:
    """*task* over *jobs*, in this process if the total (*rounds* over the network) is small."""
    bare = replace(network, nodes=pd.DataFrame(index=range(network.n)), parameters={})
    small = rounds * (network.n + network.m) < WORTH_A_PROCESS
    return run(task, bare, jobs, 1 if small else processes)


def pagerank(graph: Graph, damping: float = 0.85) -> pd.Series[float]:
    """PageRank per node (sums to 1), over weights if there are any; *damping* is above 0 and below 1.

    Iterated here, as igraph's has other last digits in each run, and networkx's needs its own form of the network.
    """
    network = as_network(graph)
    matrix, n = network.matrix(), network.n
    strength, into = np.asarray(matrix.sum(axis=1)), matrix.T.tocsr()
    share = np.divide(1, strength, out=np.zeros(n), where=strength > 0)
    ranks = np.full(n, 1 / max(n, 1))
    for _ in range(round(ROUNDING / math.log(damping)) if n else 0):
        leaving = ranks[strength == 0].sum() / n  # by no edge: to anywhere
        ranks = damping * (into @ (ranks * share) + leaving) + (1 - damping) / n
    return pd.Series(ranks, index=network.nodes.index, name="pagerank", dtype=float)


def coreness(graph: Graph, distinct: bool = True) -> pd.Series[int]:
    """The highest k for which a node is in the k-core; of the undirected graph, unless not *distinct*.

    Without *distinct*, a mutual tie counts as two, as in the degree filter.
    """
    network = as_network(graph)
    values = igraph_of(network.undirected() if distinct else network).coreness(mode="all")
    return pd.Series(values, index=network.nodes.index, name="coreness", dtype=int)


def clustering(graph: Graph) -> pd.Series[float]:
    """The local clustering coefficient per node of the undirected graph, 0 under two neighbours."""
    network = as_network(graph)
    values = igraph_of(network.undirected()).transitivity_local_undirected(mode="zero")
    return pd.Series(values, index=network.nodes.index, name="clustering", dtype=float)


def summary(graph: Graph) -> pd.Series[float]:
    """Nodes, edges, density, reciprocity, transitivity, mean clustering, components, the giant's size.

    Density and reciprocity are of the graph itself; the rest is of the undirected graph.
    """
    network = as_network(graph)
    simple = igraph_of(network.undirected())
    sizes = np.bincount(network.components()) if network.n else np.zeros(1, dtype=int)
    pairs = network.n * (network.n - 1) / (1 if network.directed else 2)
    figures = {
        "nodes": network.n,
        "edges": network.m,
        "density": network.m / pairs if pairs else 0.0,
        "reciprocity": igraph_of(network).reciprocity() if network.directed and network.m else np.nan,
        "transitivity": simple.transitivity_undirected(mode="zero"),
        "clustering": float(clustering(network).mean()) if network.n else 0.0,
        "components": len(sizes) if network.n else 0,
        "giant": int(sizes.max()),
    }
    return pd.Series(figures, name="value", dtype=float)


def diameter(graph: Graph) -> int:
    """The longest of the shortest paths in the largest component, undirected."""
    return int(igraph_of(as_network(graph).undirected()).diameter(directed=False))


# ---- communities -------------------------------------------------------------------------------------------


def modularity(graph: Graph, partition: Mapping[Hashable, Any] | pd.Series[Any], resolution: float = 1.0) -> float:
    """Newman's modularity of *partition* (node to group) on the undirected graph, weighted if it is.

    At *resolution* r the expected term is divided by r, as in Gephi's algorithm.
    """
    network = as_network(graph).undirected()
    groups, _ = pd.factorize(pd.Series(partition).reindex(network.nodes.index), use_na_sentinel=False)
    return _modularity(igraph_of(network), groups, network.weight, resolution)


def _modularity(graph: Any, groups: NDArray[Any], weight: Floats | None, resolution: float = 1.0) -> float:
    if not graph.ecount():
        return 0.0
    weights = None if weight is None else weight.tolist()
    gamma = 1 / resolution
    return float(graph.modularity(groups.tolist(), weights=weights, resolution=gamma, directed=False))


def communities(
    graph: Graph,
    *,
    method: Method = "louvain",
    resolution: float = 1.0,
    runs: int = 20,
    seed: int = 0,
    processes: int | None = None,
) -> Communities:
    """The best of *runs* seeded runs on the undirected graph, with their stability.

    Louvain (Blondel et al. 2008) as in Gephi, or Leiden (Traag et al. 2019), weighted if the network is.
    A small network gets more runs, which are cheap; stability is that of the first *runs*.
    """
    if method not in ("louvain", "leiden"):
        raise UserError(f"unknown community method {method!r}; use louvain or leiden")
    if resolution <= 0 or runs < 1:
        raise UserError(f"resolution {resolution} and runs {runs} must be above 0")
    network = _loopless(as_network(graph).undirected())
    total = max(runs, min(SEARCH_EDGES // max(network.m, 1), 1000))
    jobs = [(method, resolution, seed + number) for number in range(total)]
    found = _shared(_communities, network, jobs, processes, COMMUNITY_ROUNDS * total)
    memberships = np.array([membership for membership, _ in found], dtype=np.int32).reshape(total, network.n)
    qualities = np.array([quality for _, quality in found])
    parameters = {
        "method": method, "resolution": resolution, "runs": runs, "searched": total, "seed": seed,
        "weighted": network.weight is not None,
    }  # fmt: skip
    best = chosen(network.nodes.index, memberships, qualities, runs)
    headline = _modularity(igraph_of(network), best.membership.to_numpy(), network.weight)
    return best.with_modularity(headline, {**network.parameters, **parameters})


def _loopless(network: Network) -> Network:
    """The network without self-loops, which Gephi's modularity ignores."""
    other = network.source != network.target
    weight = None if network.weight is None else network.weight[other]
    return replace(network, source=network.source[other], target=network.target[other], weight=weight)


def _communities(network: Network, jobs: Sequence[tuple[Method, float, int]]) -> list[tuple[NDArray[Any], float]]:
    """A membership and its quality (modularity at the given resolution) per job."""
    if not network.m:
        return [(np.arange(network.n), 0.0) for _ in jobs]
    import igraph

    graph = igraph_of(network)
    if network.weight is not None:
        graph.es["weight"] = network.weight.tolist()
    weights = None if network.weight is None else "weight"
    results = []
    for method, resolution, seed in jobs:
        with _random:
            igraph.set_random_number_generator(random.Random(seed))  # noqa: S311 - a seed, not a secret
            try:
                groups = _one_run(graph, method, 1 / resolution, weights)
            finally:
                igraph.set_random_number_generator(random)
        results.append((groups, _modularity(graph, groups, network.weight, resolution)))
    return results


def _one_run(graph: Any, method: Method, gamma: float, weights: str | None) -> NDArray[Any]:
    if method == "louvain":
        found = graph.community_multilevel(weights=weights, resolution=gamma)
    else:
        found = graph.community_leiden(
            objective_function="modularity", weights=weights, resolution=gamma, n_iterations=-1
        )
    return np.array(found.membership, dtype=np.int32)

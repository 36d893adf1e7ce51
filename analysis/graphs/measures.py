"""Everything for the figure of a network: degrees, centrality, communities, positions, colours."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from analysis.graphs import algorithms
from analysis.graphs.communities import Communities
from analysis.graphs.layout import layout
from analysis.graphs.network import Network
from analysis.palette import GREY, PALETTE


class Measured(NamedTuple):
    """A network with its measures as columns, and its communities."""

    network: Network
    communities: Communities


def measured(
    network: Network,
    *,
    method: algorithms.Method = "louvain",
    resolution: float = 1.0,
    runs: int = 20,
    seed: int = 0,
    exact_nodes: int = algorithms.EXACT_NODES,
    samples: int = 1000,
    by: str | None = None,
    positions: bool = True,
    iterations: int | None = None,
    no_overlap: bool = False,
    processes: int | None = None,
) -> Measured:
    """*network* with the columns degree (and its variants), betweenness, pagerank, community, size, color, x and y.

    Sizes follow the column *by* (default: betweenness). Without *positions* there is no layout; *no_overlap*
    moves the nodes apart at the end. All parameters are those of the returned network.
    """
    between = algorithms.betweenness(network, exact_nodes=exact_nodes, samples=samples, seed=seed, processes=processes)
    found = algorithms.communities(
        network, method=method, resolution=resolution, runs=runs, seed=seed, processes=processes
    )
    network = network.with_columns(network.degrees())
    network = network.with_columns(between, **between.attrs["parameters"])
    network = network.with_columns(
        {"pagerank": algorithms.pagerank(network), "community": found.membership, "share_of_runs": found.support}
    )
    by = by or "betweenness"
    sizes = node_sizes(network.nodes[by].to_numpy(dtype=float))
    colours = np.array([*PALETTE, GREY])[np.minimum(found.membership.to_numpy(), len(PALETTE))]
    network = network.with_columns({"size": sizes, "color": colours}, size_by=by)
    if positions:
        discs = network.nodes["size"] if no_overlap else None
        places = layout(network, seed=seed, iterations=iterations, sizes=discs)
        network = network.with_columns(places, layout="forceatlas2 by particle mesh", layout_seed=seed)
    parameters = {
        **found.parameters,
        "modularity": round(found.modularity, 6),
        "stability": round(found.stability, 4),
        "together": round(found.together, 4),
    }
    return Measured(network.with_columns({}, **parameters), found)


def node_sizes(values: np.ndarray[tuple[int], np.dtype[np.float64]]) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Radii from 3 to 30 with areas proportional to *values*."""
    top = float(np.nanmax(values, initial=0.0))
    share = np.nan_to_num(values) / top if top > 0 else np.zeros(len(values))
    return 3.0 + 27.0 * np.sqrt(np.clip(share, 0, 1))

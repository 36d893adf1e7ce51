"""The layout: its forces against the exact sum, determinism, and what a reader should see."""

import networkx as nx
import numpy as np
import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial import cKDTree

from analysis.graphs.layout import Repulsion, exact_repulsion, layout, separate


def test_the_grid_repels_as_the_sum_over_all_pairs_does():
    """On a jittered lattice, no two points nearer than seven cells (nearer pairs are softened on purpose)."""
    rng = np.random.default_rng(1)
    lattice = np.stack(np.meshgrid(np.arange(16.0), np.arange(16.0)), axis=-1).reshape(-1, 2)
    points, mass = lattice + rng.uniform(0, 0.5, lattice.shape), 1.0 + rng.integers(0, 50, 256)
    exact, grid = exact_repulsion(points, mass), Repulsion()(points, mass)
    assert np.linalg.norm(grid - exact) / np.linalg.norm(exact) < 0.01
    assert np.abs(grid.sum(axis=0)).max() < 1e-4 * np.abs(grid).sum()  # action equals reaction


def test_two_nodes_repel_by_the_formula():
    force = exact_repulsion(np.array([[0.0, 0.0], [3.0, 4.0]]), np.array([2.0, 5.0]))
    np.testing.assert_allclose(force, [[-1.2, -1.6], [1.2, 1.6]])


def test_the_same_seed_gives_the_same_picture_and_names_do_not_matter():
    graph = nx.planted_partition_graph(4, 150, 0.15, 0.005, seed=1)
    one, two = layout(graph, seed=7, iterations=60), layout(graph, seed=7, iterations=60)
    assert one.equals(two)
    renamed = nx.relabel_nodes(graph, {node: f"x{(node * 7919) % 600}" for node in graph})
    other = layout(renamed, seed=7, iterations=60)
    assert one.loc[5].tolist() == other.loc[f"x{(5 * 7919) % 600}"].tolist()
    assert not np.allclose(one, layout(graph, seed=8, iterations=60).loc[one.index])


def test_neighbours_in_the_picture_are_of_the_same_planted_community():
    graph = nx.planted_partition_graph(4, 200, 0.15, 0.01, seed=3)
    place = layout(graph, seed=1, iterations=150)
    block = np.array([graph.nodes[node]["block"] for node in place.index])
    _, near = cKDTree(place).query(place, k=11)
    assert (block[near[:, 1:]] == block[:, None]).mean() > 0.95


def test_heavy_edges_pull_closer_unless_their_exponent_is_zero():
    graph = nx.Graph()
    graph.add_weighted_edges_from([("a", "b", 8.0), ("b", "c", 1.0)])
    place = layout(graph, seed=2)
    ab, bc = (np.linalg.norm(place.loc[one] - place.loc[two]) for one, two in ("ab", "bc"))
    assert ab < bc / 2
    even = layout(graph, seed=2, weight_exponent=0.0)
    ab, bc = (np.linalg.norm(even.loc[one] - even.loc[two]) for one, two in ("ab", "bc"))
    np.testing.assert_allclose(ab, bc, rtol=0.05)


def test_with_sizes_no_two_nodes_overlap():
    graph = nx.barabasi_albert_graph(300, 3, seed=1)
    sizes = pd.Series({node: 5.0 + 2.0 * np.sqrt(degree) for node, degree in graph.degree})
    place = layout(graph, seed=1, sizes=sizes)
    assert _overlaps(place.to_numpy(), sizes[place.index].to_numpy()) == 0


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5), st.floats(0.1, 3)), min_size=1, max_size=40))
@settings(deadline=None, max_examples=50)
def test_discs_are_always_parted_even_when_they_coincide(discs):
    points, radii = np.array([d[:2] for d in discs], dtype=float), np.array([d[2] for d in discs])
    assert _overlaps(separate(points, radii), radii) == 0


def _overlaps(points, radii):
    distance = np.linalg.norm(points[:, None] - points[None], axis=2)
    touching = distance < radii[:, None] + radii[None]
    return int(np.triu(touching, 1).sum())


def test_small_and_empty_networks_have_a_layout():
    assert layout(nx.Graph()).empty
    assert np.isfinite(layout(nx.path_graph(1)).to_numpy()).all()
    assert np.isfinite(layout(nx.empty_graph(5)).to_numpy()).all()

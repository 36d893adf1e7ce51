"""Positions for the nodes of a network, in the manner of ForceAtlas2 (Jacomy et al. 2014).

Linked nodes attract each other in proportion to their distance, all nodes repel each other in proportion to
(degree + 1) over their distance, and gravity holds the rest together. Repulsion is summed exactly in small
networks; in large ones the nodes' masses are spread over a grid and the sum over all pairs becomes one
convolution by FFT (a particle-mesh method), at a cost almost independent of the number of nodes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.graphs.network import Network, as_network

if TYPE_CHECKING:
    import networkx as nx

Points: TypeAlias = NDArray[np.float64]

EXACT_NODES = 250  # up to here repulsion is summed over all pairs
COARSE, FINE = 128, 256  # cells along a side of the mesh: up to 2,000 nodes, and above
ROUNDS = 200  # in which discs separate without the picture growing
RADIUS = 1000.0  # approximate size of the layout, as in Gephi


def layout(
    graph: Network | nx.Graph[Any],
    *,
    iterations: int | None = None,
    seed: int = 0,
    scaling: float = 2.0,
    gravity: float = 1.0,
    weight_exponent: float = 1.0,
    sizes: pd.Series[float] | None = None,
) -> pd.DataFrame:
    """Columns x and y per node, centred on 0 and about 1,000 in radius; the same for the same *seed*.

    A weight w attracts as w ** *weight_exponent* (0: all edges alike, as Gephi's edge weight influence). With
    *sizes* (radii in the same units) the nodes are moved apart at the end until none overlap. *iterations*:
    None takes 300 for small networks, down to 100 for large ones.
    """
    network = as_network(graph)
    if network.n == 0:
        return pd.DataFrame({"x": [], "y": []}, index=network.nodes.index, dtype=float)
    springs = _springs(network.undirected(), weight_exponent)
    rounds = iterations or int(np.clip(400_000 // network.n, 100, 300))
    mass = 1.0 + np.diff(springs.indptr)
    points = np.random.default_rng(seed).random((network.n, 2)) * np.sqrt(network.n)
    push = Repulsion(FINE if network.n > 2000 else COARSE) if network.n > EXACT_NODES else None
    motion = Motion(network.n)
    for _ in range(rounds):
        away = push(points, mass) if push else exact_repulsion(points, mass)
        points = points + motion.step(_forces(points, mass, springs, away, scaling, gravity), mass)
    points = _framed(points)
    if sizes is not None:
        points = separate(points, sizes.reindex(network.nodes.index).to_numpy(dtype=float))
    return pd.DataFrame(points, columns=["x", "y"], index=network.nodes.index)


def _springs(network: Network, exponent: float) -> Any:
    """The symmetric matrix of attraction, from an undirected network."""
    strength = network.weights**exponent
    from scipy import sparse

    matrix = sparse.csr_array((strength, (network.source, network.target)), shape=(network.n, network.n))
    return (matrix + matrix.T).tocsr()


def _forces(points: Points, mass: NDArray[Any], springs: Any, away: Points, scaling: float, gravity: float) -> Points:
    """The sum of repulsion, attraction and gravity on each node."""
    pull = np.asarray(springs.sum(axis=1)).ravel()[:, None] * points - springs @ points
    distance = np.sqrt((points**2).sum(axis=1)) + 1e-9
    return np.asarray(scaling * away - pull - (gravity * mass / distance)[:, None] * points)


def exact_repulsion(points: Points, mass: NDArray[Any]) -> Points:
    """The repulsion on each node summed over all pairs: m m' (p - p') / |p - p'|²; coincident nodes none."""
    dx, dy = (np.subtract.outer(axis, axis) for axis in points.T)
    square = dx * dx + dy * dy
    square[square == 0] = np.inf
    strength = np.outer(mass, mass) / square
    return np.column_stack(((dx * strength).sum(axis=1), (dy * strength).sum(axis=1)))


class Repulsion:
    """The repulsion on each node from a grid: close to `exact_repulsion` beyond a cell or two."""

    def __init__(self, grid: int = FINE) -> None:
        """Transform the kernel of a unit cell once; the grid is padded so that nothing wraps round."""
        from scipy.fft import rfft2

        self.grid, self.side = grid, 2 * grid
        axis = np.fft.fftfreq(self.side, 1 / self.side).astype(np.float32)
        dx, dy = np.meshgrid(axis, axis, indexing="ij")
        square = dx * dx + dy * dy + 0.25  # softened by half a cell
        self.kernels = [rfft2(part / square) for part in (dx, dy)]

    def __call__(self, points: Points, mass: NDArray[Any]) -> Points:
        """The force on each of *points*."""
        low = points.min(axis=0)
        cell = (float((points.max(axis=0) - low).max()) * 1.0001 + 1e-9) / (self.grid - 2)
        corners, shares = self._corners((points - low) / cell)
        density = np.zeros(self.side * self.side)
        for corner, share in zip(corners, shares, strict=True):
            density += np.bincount(corner, mass * share, minlength=self.side**2)
        from scipy.fft import irfft2, rfft2

        spectrum = rfft2(density.reshape(self.side, self.side).astype(np.float32))
        force = np.empty_like(points)
        for axis, kernel in enumerate(self.kernels):
            field = irfft2(spectrum * kernel, s=(self.side, self.side)).ravel()
            force[:, axis] = sum(share * field[corner] for corner, share in zip(corners, shares, strict=True))
        return np.asarray(force * (mass / cell)[:, None])

    def _corners(self, place: Points) -> tuple[list[NDArray[Any]], list[NDArray[Any]]]:
        """The four grid points around each place and the share of each (bilinear)."""
        whole = np.floor(place).astype(np.int64)
        (fx, fy), first = (place - whole).T, whole[:, 0] * self.side + whole[:, 1]
        corners = [first, first + 1, first + self.side, first + self.side + 1]
        return corners, [(1 - fx) * (1 - fy), (1 - fx) * fy, fx * (1 - fy), fx * fy]


@dataclass
class Motion:
    """ForceAtlas2's adaptive speed: fast while nodes keep their direction, slow while they swing."""

    n: int
    speed: float = 1.0
    efficiency: float = 1.0
    before: Any = 0.0

    def step(self, force: Points, mass: NDArray[Any]) -> Points:
        """The displacement of each node under *force*."""
        swing = np.sqrt(((self.before - force) ** 2).sum(axis=1))
        swinging = float((mass * swing).sum())
        traction = float((mass * np.sqrt(((self.before + force) ** 2).sum(axis=1))).sum()) / 2
        self._adapt(swinging, traction)
        self.before = force
        return np.asarray(force * (self.speed / (1 + np.sqrt(self.speed * swing)))[:, None])

    def _adapt(self, swinging: float, traction: float) -> None:
        """Set speed and efficiency as ForceAtlas2 does, with a tolerance for swinging of 1."""
        usual = 0.05 * np.sqrt(self.n)
        jitter = max(np.sqrt(usual), min(10.0, usual * traction / self.n**2))
        if swinging > 2 * traction:
            self.efficiency = max(self.efficiency * 0.5, 0.05)
            jitter = max(jitter, 1.0)
        target = jitter * self.efficiency * traction / swinging if swinging else np.inf
        if swinging > jitter * traction:
            self.efficiency = max(self.efficiency * 0.7, 0.05)
        elif self.speed < 1000:
            self.efficiency *= 1.3
        self.speed += min(target - self.speed, 0.5 * self.speed)


def _framed(points: Points) -> Points:
    """*points* around their centre, with 99 in 100 inside the radius."""
    points = points - points.mean(axis=0)
    reach = float(np.quantile(np.sqrt((points**2).sum(axis=1)), 0.99))
    return np.asarray(points * (RADIUS / reach) if reach > 0 else points)


def separate(points: Points, radii: NDArray[Any]) -> Points:
    """*points* moved apart until no two discs of *radii* overlap.

    Pairs that overlap push each other apart; if that is not enough, the layout grows a little.
    """
    points = np.array(points, dtype=float)
    reach = 2 * float(radii.max(initial=0.0))
    turn = 2.399963 * np.arange(len(points))  # coincident points move in different directions
    for number in range(10 * ROUNDS):
        from scipy.spatial import cKDTree

        first, second = cKDTree(points).query_pairs(reach, output_type="ndarray").T
        apart = points[first] - points[second]
        distance = np.sqrt((apart**2).sum(axis=1))
        wanted = radii[first] + radii[second]
        close = distance < wanted
        if not close.any():
            break
        first, second, apart, distance = first[close], second[close], apart[close], distance[close]
        same = distance == 0
        apart[same] = np.column_stack((np.cos(turn[first[same]]), np.sin(turn[first[same]])))
        distance[same] = 1.0
        push = apart * ((wanted[close] * 1.001 - np.where(same, 0, distance)) / distance / 2)[:, None]
        for axis in (0, 1):
            points[:, axis] += np.bincount(first, push[:, axis], len(points))
            points[:, axis] -= np.bincount(second, push[:, axis], len(points))
        if number >= ROUNDS:
            points *= 1.05
    return points

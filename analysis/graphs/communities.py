"""The best of many community runs, its stability, and how to number and compare its communities."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

STABLE = 0.5  # mean adjusted Rand index under which there are no clear communities


@dataclass(frozen=True, eq=False)
class Communities:
    """A partition, its modularity at resolution 1, and the stability of the runs it is the best of.

    *stability* is the mean adjusted Rand index between two runs; *together* the share of the pairs of nodes
    in one community that no run separated; *support* of each node the share of the runs that put it where it is.
    """

    membership: pd.Series[int]
    modularity: float
    qualities: NDArray[np.float64]
    stability: float
    together: float
    parameters: Mapping[str, Any] = field(default_factory=dict)
    support: pd.Series[float] | None = None

    @property
    def sizes(self) -> pd.Series[int]:
        """The number of nodes in each community."""
        return self.membership.value_counts().sort_index().rename("size")

    @property
    def to_speak_of(self) -> bool:
        """Whether the runs agree on anything: two communities or more, and a stability of 0.5 or more."""
        return self.steady and self.modularity > 0 and self.membership.nunique() > 1

    @property
    def steady(self) -> bool:
        """Whether the runs agree, possibly on an undivided network."""
        return self.stability >= STABLE

    def verdict(self) -> str:
        """One sentence for a reader: the number of communities and their stability."""
        runs = f"{self.parameters.get('runs')} runs, mean adjusted Rand index {self.stability:.2f}"
        if not len(self.membership):
            return "No communities to speak of: nothing passes the filter."
        if not self.to_speak_of and self.steady:
            return f"No communities to speak of: nothing divides the network (Q {self.modularity:.3f})."
        if not self.to_speak_of:
            return f"No communities to speak of: the runs do not agree ({runs}, Q {self.modularity:.3f})."
        groups = int((self.sizes > 1).sum())
        single = len(self.sizes) - groups
        apart = f" and {single} nodes on their own" if single else ""
        return (
            f"{groups} communities{apart}, Q {self.modularity:.3f} ({runs}; "
            f"{self.together:.0%} of the pairs in one community are together in every run)."
        )

    def with_modularity(self, modularity: float, parameters: Mapping[str, Any]) -> Communities:
        """The same with its headline *modularity* and its *parameters*."""
        return replace(self, modularity=modularity, parameters=parameters)


def chosen(
    ids: pd.Index[Any], memberships: NDArray[np.int32], qualities: NDArray[np.float64], runs: int
) -> Communities:
    """The best run (the first of equals) as Communities, with the stability of the first *runs*.

    *memberships* has a row per run and a column per node.
    """
    best = memberships[int(np.argmax(qualities))] if len(ids) else memberships[0]
    stability, together = steadiness(memberships[:runs], best)
    membership = pd.Series(numbered(ids, best), index=ids, name="community")
    support = pd.Series(supported(memberships[:runs], best), index=ids, name="share_of_runs")
    return Communities(membership, float(qualities.max()), qualities, stability, together, support=support)


def numbered(ids: pd.Index[Any], groups: NDArray[Any]) -> NDArray[np.int64]:
    """*groups* numbered from 0 by size, the largest first, then by smallest id."""
    _, group = np.unique(groups, return_inverse=True)
    sizes = np.bincount(group)
    try:
        rank = np.argsort(np.argsort(ids.to_numpy(), kind="stable"), kind="stable")
    except TypeError:  # ids of several types can only be ordered as text
        rank = np.argsort(np.argsort(ids.astype(str).to_numpy(), kind="stable"), kind="stable")
    smallest = np.full(len(sizes), len(group))
    np.minimum.at(smallest, group, rank)
    number = np.empty(len(sizes), dtype=np.int64)
    number[np.lexsort((smallest, -sizes))] = np.arange(len(sizes))
    return np.asarray(number[group], dtype=np.int64)


def steadiness(memberships: NDArray[Any], best: NDArray[Any]) -> tuple[float, float]:
    """The mean adjusted Rand index over all pairs of runs, and the share of *best*'s pairs never separated."""
    runs = [np.unique(row, return_inverse=True)[1] for row in memberships]
    indices = [adjusted_rand(a, b) for i, a in enumerate(runs) for b in runs[i + 1 :]]
    always = np.unique(best, return_inverse=True)[1]
    pairs = _pairs(np.bincount(always)).sum()
    for run in runs:
        always = np.unique(always * (run.max(initial=0) + 1) + run, return_inverse=True)[1]
    together = _pairs(np.bincount(always)).sum() / pairs if pairs else 1.0
    return float(np.mean(indices)) if indices else 1.0, float(together)


def supported(memberships: NDArray[Any], best: NDArray[Any]) -> NDArray[np.float64]:
    """Of each node, the share of the runs in which it is in the community that continues its community in *best*.

    The communities of a run continue those of *best* one to one: the pair with the largest overlap first, and so on.
    """
    _, home = np.unique(best, return_inverse=True)
    agree = np.zeros(len(home))
    for run in memberships:
        _, there = np.unique(run, return_inverse=True)
        width = int(there.max(initial=0)) + 1
        pairs, overlap = np.unique(home.astype(np.int64) * width + there, return_counts=True)
        continued: dict[int, int] = {}
        taken = set[int]()
        for pair in pairs[np.argsort(-overlap, kind="stable")].tolist():
            mine, theirs = divmod(pair, width)
            if mine not in continued and theirs not in taken:
                continued[mine] = theirs
                taken.add(theirs)
        match = np.array([continued.get(number, -1) for number in range(int(home.max(initial=-1)) + 1)], dtype=np.int64)
        agree += match[home] == there if len(home) else 0
    return agree / max(len(memberships), 1)


def adjusted_rand(a: Any, b: Any) -> float:
    """The adjusted Rand index of two labellings of the same things (Hubert & Arabie 1985).

    1 where both are trivial (all together, or all apart).
    """
    _, left = np.unique(np.asarray(a), return_inverse=True)
    _, right = np.unique(np.asarray(b), return_inverse=True)
    width = right.max(initial=0) + 1
    both = _pairs(np.unique(left * width + right, return_counts=True)[1]).sum()
    rows, columns = _pairs(np.bincount(left)).sum(), _pairs(np.bincount(right)).sum()
    total = _pairs(np.array([len(left)])).sum()
    expected = rows * columns / total if total else 0.0
    highest = (rows + columns) / 2
    return 1.0 if highest == expected else float((both - expected) / (highest - expected))


def _pairs(sizes: NDArray[Any]) -> NDArray[np.float64]:
    return np.asarray(sizes * (sizes - 1.0) / 2)


def matched(before: pd.Series[int], after: pd.Series[int]) -> dict[int, int]:
    """The community of *before* that each of *after* continues: the matching with the largest overlap."""
    from scipy.optimize import linear_sum_assignment

    shared = before.index.intersection(after.index)
    table = pd.crosstab(before.loc[shared], after.loc[shared])
    counts = table.to_numpy()
    rows, columns = linear_sum_assignment(-counts)
    pairs = zip(rows, columns, strict=True)
    return {int(table.index[i]): int(table.columns[j]) for i, j in pairs if counts[i, j] > 0}

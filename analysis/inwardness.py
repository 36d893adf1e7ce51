"""How inward-looking the network is: E-I index, assortativity, central actors, and the effect of the degree filter.

The E-I index of a group (Krackhardt & Stern 1988) is (external - internal) / (external + internal) ties: -1 where all
its ties stay inside, 1 if all leave it. Ties are counted as directed, so a mutual one counts as two.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.actor_edges import network
from analysis.graphs import algorithms
from analysis.graphs.network import Network
from analysis.queries import Database

MEMBER = "member"
LABELS = (MEMBER, "politician", "media", "organisation", "other")


def e_i_index(external: float, internal: float) -> float:
    """(external - internal) / (external + internal); missing without ties."""
    return (external - internal) / (external + internal) if external + internal else float("nan")


def overall(found: Network, groups: Sequence[Any] | NDArray[Any] | pd.Series[Any]) -> float:
    """The E-I index of the whole network: ties between different *groups* (one per node) against ties within one."""
    _, code = np.unique(np.asarray(groups).astype(str), return_inverse=True)
    external = int((code[found.source] != code[found.target]).sum())
    return e_i_index(external, found.m - external)


def mixing(found: Network, groups: NDArray[Any], count: int) -> NDArray[np.int64]:
    """Ties from group to group, a matrix of *count* by *count*; *groups* are numbers, one per node."""
    code = groups[found.source] * count + groups[found.target]
    return np.bincount(code, minlength=count * count).reshape(count, count)


def assortativity(matrix: NDArray[Any]) -> float:
    """Newman's (2003) assortativity coefficient of a mixing matrix: 1 all ties inside groups, 0 as by chance."""
    total = matrix.sum()
    if not total:
        return float("nan")
    share = matrix / total
    chance = float(share.sum(axis=1) @ share.sum(axis=0))
    return float((np.trace(share) - chance) / (1 - chance)) if chance < 1 else float("nan")


# ---- the table ---------------------------------------------------------------------------------------------


def table(found: Network, permutations: int = 999, seed: int = 0) -> pd.DataFrame:
    """E-I index of members against others, and of each group against everyone else, with tests.

    Columns: internal and external ties, the index, the index expected of ties that keep every actor's in and out
    degree but are otherwise random, and from *permutations* of the labels the mean index and the p-value (two-sided,
    including the observed value). For members the labels of all actors are shuffled; for a group those of the
    members only, since an actor whose lists were not read cannot show its ties.
    """
    names, group = _groups(found)
    count = len(names)
    civil = group < count - 1
    observed = mixing(found, group, count)
    index = _indices(observed)
    shuffled = _permuted(found, group, count, permutations, seed)
    mean = shuffled.mean(axis=0) if permutations else np.full(count, np.nan)
    expected = _indices(np.outer(observed.sum(axis=1), observed.sum(axis=0)) / max(found.m, 1))
    internal = _inside(observed)
    rows = [
        {
            "group": name, "members": int(civil.sum()) if at == 0 else int((group == at - 1).sum()),
            "internal": int(internal[at]), "external": int(_outside(observed)[at]), "e_i_index": index[at],
            "expected": expected[at], "permuted": mean[at],
            "p": _p_value(index[at], shuffled[:, at]) if permutations else np.nan,
        }
        for at, name in enumerate(["members", *names[:-1]])
    ]  # fmt: skip
    made = pd.DataFrame(rows)
    made.attrs["parameters"] = dict(found.parameters) | {"permutations": permutations, "seed": seed}
    made.attrs["assortativity"] = {
        "groups": assortativity(observed[:-1, :-1]),
        "members and others": assortativity(_two(observed)),
    }
    return made


def _groups(found: Network) -> tuple[list[str], NDArray[np.int64]]:
    """The groups and, last, all others; and the number of each actor's group."""
    civil = (found.nodes["label"] == MEMBER).to_numpy()
    held = found.nodes["group_name"].where(civil).astype(object)
    names = sorted(set(held.dropna()))
    group = pd.Categorical(held, categories=names).codes.astype(np.int64)
    return [*names, "others"], np.where(group < 0, len(names), group)


def _two(matrix: NDArray[Any]) -> NDArray[Any]:
    """Members (all but the last group) and others."""
    inner = matrix[:-1, :-1].sum()
    return np.array([[inner, matrix[:-1, -1].sum()], [matrix[-1, :-1].sum(), matrix[-1, -1]]])


def _inside(matrix: NDArray[Any]) -> NDArray[Any]:
    """Internal ties: of members, then of each group."""
    return np.concatenate([[matrix[:-1, :-1].sum()], np.diag(matrix)[:-1]])


def _outside(matrix: NDArray[Any]) -> NDArray[Any]:
    """External ties: of members, then of each group."""
    each = matrix.sum(axis=0) + matrix.sum(axis=1) - 2 * np.diag(matrix)
    return np.concatenate([[matrix[:-1, -1].sum() + matrix[-1, :-1].sum()], each[:-1]])


def _indices(matrix: NDArray[Any]) -> NDArray[np.float64]:
    inside, outside = _inside(matrix), _outside(matrix)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray((outside - inside) / (outside + inside), dtype=np.float64)


def _permuted(
    found: Network, group: NDArray[np.int64], count: int, permutations: int, seed: int
) -> NDArray[np.float64]:
    """The indices under each permutation, one row each."""
    rng = np.random.default_rng(seed)
    civil = group < count - 1
    results = np.full((permutations, count), np.nan)
    for number in range(permutations):
        everyone = civil[rng.permutation(found.n)]
        inside = int((everyone[found.source] & everyone[found.target]).sum())
        touching = int((everyone[found.source] | everyone[found.target]).sum())
        within = group.copy()
        within[civil] = rng.permutation(group[civil])
        results[number] = _indices(mixing(found, within, count))
        results[number, 0] = e_i_index(touching - inside, inside)
    return results


def _p_value(observed: float, shuffled: NDArray[np.float64]) -> float:
    """The share of permutations at least as far from their mean as *observed*, including it."""
    if not np.isfinite(observed) or np.isnan(shuffled).all():
        return float("nan")
    far = np.abs(shuffled - np.nanmean(shuffled)) >= abs(observed - np.nanmean(shuffled)) - 1e-12
    return float((far.sum() + 1) / (len(shuffled) + 1))


# ---- central actors ----------------------------------------------------------------------------------------


def most_central(found: Network, most: int = 100, by: Sequence[str] = ("betweenness", "in_degree")) -> pd.DataFrame:
    """The *most* central actors: one row per label, with its share of all actors and of the top by each measure.

    Ties in rank are resolved by id. A label without actors has 0.
    """
    label = found.nodes["label"]
    labels = [*LABELS, *sorted(set(label) - set(LABELS))]
    columns: dict[str, Any] = {"actors": label.value_counts().reindex(labels, fill_value=0)}
    columns["share"] = columns["actors"] / max(found.n, 1)
    for measure in by:
        if measure in found.nodes:
            chosen = found.nodes.sort_index().nlargest(most, measure)["label"]
            columns[f"top_{measure}"] = chosen.value_counts().reindex(labels, fill_value=0) / max(len(chosen), 1)
    made = pd.DataFrame(columns, index=labels).rename_axis("label").reset_index()
    made.attrs["parameters"] = dict(found.parameters) | {"top": most}
    return made


# ---- effect of the filter ---------------------------------------------------------------------------------


def hidden(
    db: Database,
    *,
    min_degree: int = 51,
    samples: int = 500,
    seed: int = 0,
    processes: int | None = None,
    after: Network | None = None,
    **options: Any,
) -> pd.DataFrame:
    """The same figures before the degree filter, after it, and for its difference: three rows.

    `hidden` are the ties with at least one end under *min_degree*. Columns: actors, ties, the share of actors by
    label, the E-I index of members, assortativity by group, reciprocity, and the labels' shares of the top
    100 by betweenness and by in-degree. Betweenness is sampled above 10,000 actors; *after* is the network after the
    filter, if its betweenness is already computed. *options* are those of `network`.
    """
    full = network(db, min_degree=0, **options)
    full = replace(full, nodes=full.nodes[["label", "group_name"]])  # of many actors, only what the figures count
    kept = full.degrees()["degree"].to_numpy() >= min_degree
    parts = {"before": full, "after": after or full.subgraph(kept), "hidden": _periphery(full, kept)}
    rows = []
    for name, part in parts.items():
        part = part.with_columns(part.degrees())
        if "betweenness" not in part.nodes:
            between = algorithms.betweenness(part, samples=samples, seed=seed, processes=processes)
            part = part.with_columns({"betweenness": between["betweenness"]})
        rows.append({"part": name, **_figures(part)})
    made = pd.DataFrame(rows)
    made.attrs["parameters"] = dict(full.parameters) | {"min_degree": min_degree, "samples": samples, "seed": seed}
    return made


def _periphery(full: Network, kept: NDArray[np.bool_]) -> Network:
    """The ties that the filter hides, and the actors at their ends or without any."""
    hides = ~(kept[full.source] & kept[full.target])
    part = Network(full.nodes, full.source[hides], full.target[hides], None, True, full.parameters)
    return part.subgraph(~kept | (part.degrees()["degree"].to_numpy() > 0))


def reciprocity(found: Network) -> float:
    """The share of mutual ties; missing without ties."""
    there, back = found.source * found.n + found.target, found.target * found.n + found.source
    return float(np.isin(there, back).mean()) if found.m else float("nan")


def _figures(part: Network) -> dict[str, Any]:
    names, group = _groups(part)
    matrix = mixing(part, group, len(names))
    central = most_central(part).set_index("label")
    figures: dict[str, Any] = {"actors": part.n, "ties": part.m}
    figures |= {f"share_{label}": central.loc[label, "share"] for label in central.index}
    figures["e_i_index"] = _indices(matrix)[0]
    figures["assortativity"] = assortativity(matrix[:-1, :-1])
    figures["reciprocity"] = reciprocity(part)
    for measure in ("betweenness", "in_degree"):
        figures |= {f"top_{measure}_{label}": central.loc[label, f"top_{measure}"] for label in central.index}
    return figures

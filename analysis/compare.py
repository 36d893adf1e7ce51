"""Two studies, periods or comparison sets compared, and changes between two snapshots of a network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from analysis import inwardness
from analysis.graphs import algorithms
from analysis.graphs.communities import Communities, matched
from analysis.graphs.measures import Measured
from analysis.graphs.network import Network
from analysis.queries import FOLLOW_LISTS, Database


class Window(NamedTuple):
    """A round of collection, from *since* to *until* inclusive."""

    since: datetime
    until: datetime


def proportions(count: float, total: float, other: float, of: float) -> dict[str, float]:
    """Two shares, their difference with its 95% interval (Newcombe's), and the p-value of the two-proportion z-test.

    Missing if a total is 0. The interval assumes that the counted things are independent.
    """
    from statsmodels.stats.proportion import confint_proportions_2indep, proportions_ztest

    missing = float("nan")
    if not total or not of:
        return dict.fromkeys(("share", "other_share", "difference", "low", "high", "p"), missing)
    low, high = confint_proportions_2indep(count, total, other, of, method="newcomb", compare="diff", alpha=0.05)
    pooled = (count + other) / (total + of)
    _, p = proportions_ztest([count, other], [total, of]) if 0 < pooled < 1 else (0.0, 1.0)
    share, other_share = count / total, other / of
    return {
        "share": share, "other_share": other_share, "difference": share - other_share, "low": float(low),
        "high": float(high), "p": float(p),
    }  # fmt: skip


def side_by_side(
    one: pd.DataFrame,
    other: pd.DataFrame,
    on: Sequence[str],
    *,
    totals: Mapping[str, tuple[float, float]] | None = None,
    names: tuple[str, str] = ("one", "other"),
) -> pd.DataFrame:
    """Two tables of the same shape joined: each figure of both, and the difference.

    Rows are joined by the columns *on*; a row in only one has missing figures for the other. A column of counts
    in *totals* (with the total of each) also gets its shares, their difference and a 95% interval.
    """
    both = [str(name) for name in one if name in other and name not in on]
    figures = [name for name in both if pd.api.types.is_numeric_dtype(one[name])]
    keys = list(on)
    merged = one[[*keys, *figures]].merge(
        other[[*keys, *figures]], on=keys, how="outer", suffixes=(f"_{names[0]}", f"_{names[1]}")
    )
    columns: dict[str, Any] = {key: merged[key] for key in keys}
    for figure in figures:
        left, right = (merged[f"{figure}_{name}"] for name in names)
        columns |= {f"{figure}_{names[0]}": left, f"{figure}_{names[1]}": right, f"{figure}_difference": left - right}
        if totals and figure in totals:
            columns |= _interval(figure, left, right, totals[figure])
    made = pd.DataFrame(columns)
    made.attrs["parameters"] = {
        names[0]: one.attrs.get("parameters", {}), names[1]: other.attrs.get("parameters", {}),
    }  # fmt: skip
    return made


def _interval(figure: str, left: pd.Series[Any], right: pd.Series[Any], totals: tuple[float, float]) -> dict[str, Any]:
    tests = [proportions(a, totals[0], b, totals[1]) for a, b in zip(left.fillna(0), right.fillna(0), strict=True)]
    return {
        f"{figure}_share_difference": [test["difference"] for test in tests],
        f"{figure}_low": [test["low"] for test in tests],
        f"{figure}_high": [test["high"] for test in tests],
    }


# ---- two networks ------------------------------------------------------------------------------------------


def networks(one: Measured, other: Measured, names: tuple[str, str] = ("one", "other"), seed: int = 0) -> pd.DataFrame:
    """Figures of two measured networks, a row per figure, with their difference.

    Size, density, reciprocity, clustering, modularity, stability and, where actors have labels, the E-I index of civil
    servants with a 95% bootstrap interval of the difference (accounts are the sampling unit).
    """
    columns = {name: _figures(found) for name, found in zip(names, (one, other), strict=True)}
    made = pd.DataFrame(columns)
    made["difference"] = made[names[0]] - made[names[1]]
    made[["low", "high"]] = np.nan
    if "e_i_index" in made.index:
        apart = resampled_e_i(one.network, seed=seed) - resampled_e_i(other.network, seed=seed + 1)
        made.loc["e_i_index", ["low", "high"]] = np.nanquantile(apart, [0.025, 0.975])
    made = made.rename_axis("figure").reset_index()
    made.attrs["parameters"] = {
        name: dict(found.network.parameters) for name, found in zip(names, (one, other), strict=True)
    }
    made.attrs["overlap"] = overlap(one.network, other.network)
    return made


def _figures(found: Measured) -> pd.Series[float]:
    figures = algorithms.summary(found.network)
    figures["communities"] = found.communities.membership.nunique()
    figures["modularity"] = found.communities.modularity
    figures["stability"] = found.communities.stability
    if "label" in found.network.nodes and (found.network.nodes["label"] == inwardness.MEMBER).any():
        figures["e_i_index"] = inwardness.table(found.network, permutations=0)["e_i_index"].iloc[0]
    return figures


def resampled_e_i(found: Network, runs: int = 1000, seed: int = 0) -> np.ndarray[Any, np.dtype[np.float64]]:
    """The E-I index of members in *runs* bootstrap samples of their accounts.

    An account contributes its ties with others, and half of each tie with another member.
    """
    civil = (found.nodes["label"] == inwardness.MEMBER).to_numpy()
    both = civil[found.source] & civil[found.target]
    internal = sum(np.bincount(end[both], minlength=found.n) for end in (found.source, found.target)) / 2
    external = sum(np.bincount(end[~both], minlength=found.n) for end in (found.source, found.target))
    inside, outside = np.asarray(internal)[civil], np.asarray(external)[civil]
    count = len(inside)
    if not count:
        return np.full(runs, np.nan)
    times = np.random.default_rng(seed).multinomial(count, np.full(count, 1 / count), size=runs)
    within, beyond = times @ inside, times @ outside
    with np.errstate(invalid="ignore"):
        return np.asarray((beyond - within) / (beyond + within))


def overlap(one: Network, other: Network, by: str = "betweenness", most: int = 100) -> dict[str, float]:
    """The similarity of two networks: nodes in both, edges in both (Jaccard), shared top *most*, rank correlation."""
    shared = one.nodes.index.intersection(other.nodes.index)
    union = len(one.nodes.index.union(other.nodes.index))
    edges = [set(zip(n.nodes.index[n.source], n.nodes.index[n.target], strict=True)) for n in (one, other)]
    figures = {
        "nodes_in_both": float(len(shared)), "nodes_jaccard": len(shared) / union if union else np.nan,
        "edges_jaccard": len(edges[0] & edges[1]) / max(len(edges[0] | edges[1]), 1),
    }  # fmt: skip
    if by in one.nodes and by in other.nodes:
        tops = [set(n.nodes.sort_index().nlargest(most, by).index) for n in (one, other)]
        figures["top_shared"] = len(tops[0] & tops[1]) / max(min(map(len, tops)), 1)
        if len(shared) > 2:
            from scipy.stats import spearmanr

            figures["rank_correlation"] = float(spearmanr(one.nodes.loc[shared, by], other.nodes.loc[shared, by])[0])
    return figures


# ---- change ------------------------------------------------------------------------------------------------

CHANGES = """
WITH read AS (  -- lists that were read whole in both rounds: the walk that tells of each
    SELECT {before} AS before, {after} AS after FROM full_walks WHERE {follow_lists}
    GROUP BY collector, kind, key HAVING before <> after),
ties AS (
    SELECT follower_id, followed_id, bool_or(walk = before) AS before, bool_or(walk = after) AS after
    FROM follow_sightings AS f JOIN read AS r ON f.walk IN (r.before, r.after)
    WHERE $platform IS NULL OR platform = $platform GROUP BY ALL)
SELECT follower_id, followed_id,
       CASE WHEN before AND after THEN 'kept' WHEN after THEN 'opened' ELSE 'closed' END AS change
FROM ties"""
FIRST, LAST = "arg_min(walk, ended_at)", "arg_max(walk, ended_at)"
WITHIN = f"{LAST} FILTER (ended_at BETWEEN ${{round}}_since AND ${{round}}_until)"


def changes(
    db: Database, before: Window | None = None, after: Window | None = None, platform: str | None = None
) -> pd.DataFrame:
    """Follow ties kept, opened and closed between two rounds: follower_id, followed_id, change.

    Of each list the last complete readings in *before* and in *after* are compared; by default the first and the last.
    Only lists read completely in both are compared; ties of other lists are left out.
    """
    rounds = {"before": before, "after": after}
    given = {name: window for name, window in rounds.items() if window}
    values = {f"{name}_{end}": moment for name, window in given.items() for end, moment in window._asdict().items()}
    walk = {"before": FIRST, "after": LAST, **{name: WITHIN.format(round=name) for name in given}}
    made = db.execute(
        CHANGES.format(**walk, follow_lists=FOLLOW_LISTS) + " ORDER BY ALL", {**values, "platform": platform}
    ).df()
    ends = {"before": "first whole reading of each list", "after": "last whole reading of each list"}
    made.attrs["parameters"] = {**ends, **{name: [str(moment) for moment in given[name]] for name in given}}
    return made


def tally(db: Database, ours: str) -> pd.DataFrame:
    """The number of ties kept, opened and closed since the first complete reading of each list: change, ties, between.

    *ours* is SQL for account ids; `between` counts the ties that have both ends there.
    """
    ties = CHANGES.format(before=FIRST, after=LAST, follow_lists=FOLLOW_LISTS)
    inside = "follower_id IN (FROM ours) AND followed_id IN (FROM ours)"
    return db.execute(
        f"""WITH ours AS MATERIALIZED ({ours}) SELECT change, count(*) AS ties, count(*) FILTER ({inside}) AS between
        FROM ({ties}) GROUP BY change""",
        {"platform": None},
    ).df()


def moved(before: Communities, after: Communities) -> pd.DataFrame:
    """Each node in two snapshots: id, community before, after, and whether it stayed, moved, entered or left.

    A community of *after* continues the one of *before* with the largest overlap; if it continues
    none, its members count as moved.
    """
    follows = matched(before.membership, after.membership)
    ids = before.membership.index.union(after.membership.index)
    made = pd.DataFrame(
        {"before": before.membership.reindex(ids), "after": after.membership.reindex(ids)}, index=ids
    ).astype("Int64")
    wanted = made["before"].map(follows).astype("Int64")
    made["change"] = np.select(
        [made["before"].isna(), made["after"].isna(), (wanted == made["after"]).fillna(False)],
        ["entered", "left", "stayed"],
        "moved",
    )
    made = made.rename_axis("id").reset_index()
    made.attrs["parameters"] = {"before": dict(before.parameters), "after": dict(after.parameters)}
    return made

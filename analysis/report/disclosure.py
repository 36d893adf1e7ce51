"""Disclosure control for published reports: pseudonyms, and suppression of small cells.

Persons have pseudonyms by a key of the study; cells of fewer than a few persons are hidden.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis import groups
from analysis.graphs.measures import Measured
from storage.privacy.pseudonyms import FEW, Pseudonyms

if TYPE_CHECKING:
    import networkx as nx

NAMED = ("politician", "organisation", "media")  # public by office or as a body, if listed by the study
SHOWN = ("platform", "group_name", "label", "member")  # other personal columns are left out
SMALL = "other {groups}"  # groups with too few in the network to be shown


@dataclass(frozen=True)
class Cells:
    """The counts of persons in a frame, declared where it is made; used by `suppressed` to hide small cells."""

    counts: Mapping[str, Sequence[Any]] = field(default_factory=dict)  # each with the columns that reveal it
    # rows with a known total: those with the same value of this column, or indices of rows; None: all rows
    lines: Sequence[str | Sequence[int] | NDArray[np.intp]] | None = None
    parts: Sequence[str] = ()  # columns that add up, in each row
    alone: Sequence[str] = ()  # counts without a known total
    private: Sequence[str] = ()  # columns to leave out
    behind: Mapping[str, Any] = field(default_factory=dict)  # counts that are not columns of the frame, a value per row
    then: Callable[[pd.DataFrame], pd.DataFrame] | None = None  # recomputation of derived columns from the result

    def places(self, frame: pd.DataFrame) -> list[NDArray[np.intp]]:
        """The indices of the rows of *frame* in `lines`."""
        if self.lines is None:
            return [np.arange(len(frame))]
        found: list[NDArray[np.intp]] = []
        for line in self.lines:
            if isinstance(line, str):
                found += [np.flatnonzero(frame[line] == value) for value in frame[line].unique()]
            else:
                found.append(np.asarray(line, dtype=np.intp))
        return found


def pseudonymous(found: Measured, pseudonyms: Pseudonyms, least: int, other: str = SMALL) -> Measured:
    """*found* with pseudonyms as ids, names and handles; people with a public label keep them.

    Groups with fewer than *least* in the network, or in a community, are merged into *other*, as anyone
    with the nodes could count them.
    """
    nodes = found.network.nodes
    measures = [name for name in nodes if name in SHOWN or name in found.network.degrees() or name in MEASURES]
    public = nodes["label"].isin(NAMED).to_numpy() & nodes["handle"].notna().to_numpy()
    hidden = np.array([pseudonyms.person(str(person)) for person in nodes.index], dtype=object)
    handle = np.where(public, nodes["handle"].astype(object), hidden)
    kept = nodes[measures].assign(handle=handle, name=np.where(public, nodes["name"].astype(object), hidden))
    merged = merged_groups(kept["group_name"], least, other)
    of_each = merged.groupby(found.communities.membership.to_numpy(), group_keys=False)
    kept["group_name"] = of_each.apply(lambda of: merged_groups(of, least, other)).reindex(kept.index)
    kept["title"] = None  # expected by the analyses
    kept.index = pd.Index(handle, name=nodes.index.name)
    network = replace(found.network, nodes=kept)
    held = found.communities
    support = None if held.support is None else held.support.set_axis(kept.index)
    return Measured(network, replace(held, membership=held.membership.set_axis(kept.index), support=support))


MEASURES = (
    "betweenness",
    "normalised",
    "standard_error",
    "pagerank",
    "community",
    "share_of_runs",
    "size",
    "color",
    "x",
    "y",
)


def merged_groups(group: pd.Series[str], least: int, other: str) -> pd.Series[str]:
    """*group* of each actor, those with fewer than *least* merged into *other*."""
    counts = group.value_counts().sort_index().sort_values(kind="stable")
    few = counts < least
    if 0 < few.sum() < len(counts) and (few.sum() == 1 or counts[few].sum() < least):
        few.iloc[few.sum()] = True  # a single merged group, or too few, could still be identified
    return group.where(group.isna() | ~group.map(few).fillna(False).astype(bool), other)


def few_hidden(table: pd.DataFrame, least: int) -> pd.DataFrame:
    """The *table* of pairs of groups without its small cells; the total of each group is known."""
    names = sorted({*table["group_name"], *table["other"]})
    of = [((table["group_name"] == name) | (table["other"] == name)).to_numpy() for name in names]
    made = suppressed(table, least, Cells(groups.DERIVED, [np.flatnonzero(rows) for rows in of]))
    for what in groups.DERIVED:
        for rows in of:  # expected values reveal the total of a group
            if 0 < table.loc[rows, what].sum() < least:
                made.loc[rows, [f"{what}_expected", f"{what}_ratio"]] = np.nan
    return made


def without_few(graph: nx.Graph[Any], table: pd.DataFrame) -> nx.Graph[Any]:
    """*graph* (of groups) without the ties and counts hidden in *table*, of its pairs, and those of few members.

    A circle's size would reveal the number inside.
    """
    made = graph.copy()
    weight = made.graph["parameters"]["weight"]  # connections, or follows in a study without any
    for row in table.to_dict("records"):
        one, two = row["group_name"], row["other"]
        if one != two and made.has_edge(one, two) and (pd.isna(row[weight]) or not row[weight]):
            made.remove_edge(one, two)
        data = made.nodes[one] if one == two else made.edges[one, two] if made.has_edge(one, two) else {}
        gone = {"weight", "size"} if pd.isna(row[weight]) else set[str]()
        gone |= {"expected"} if pd.isna(row[f"{weight}_expected"]) else set()
        gone |= {"ratio"} if pd.isna(row[f"{weight}_ratio"]) else set()
        gone |= {"follows"} if pd.isna(row["follows"]) else set()
        for name in gone & set(data):
            del data[name]
    members = pd.DataFrame.from_dict(dict(made.nodes(data=True)), orient="index")
    counts: dict[str, tuple[str, ...]] = {"members": (), "readable": (), "linked": ()}
    hidden = suppressed(members, FEW, Cells(counts))
    for node, data in made.nodes(data=True):
        for name in (name for name in counts if name in hidden and pd.isna(hidden.loc[node, name])):
            data.pop(name, None)
            data.pop("share_readable", None)
    return made


def suppressed(frame: pd.DataFrame, least: int, cells: Cells) -> pd.DataFrame:
    """*frame* without its small *cells*: counts of 1 to *least* - 1, and values derived from them.

    With a known total no cell is hidden alone: the smallest other one is hidden too. `attrs["hidden"]` counts them.
    With *least* 0 nothing is hidden.
    """
    if not least:
        return frame
    kept = frame.drop(columns=list(cells.private), errors="ignore")
    made = kept.assign(**cells.behind)
    names = [name for name in cells.counts if name in made]
    values = made[names].apply(pd.to_numeric).fillna(0).to_numpy(dtype=float)
    few = (values > 0) & (values < least)
    added = [at for at, name in enumerate(names) if name not in cells.alone]
    along = cells.places(made)
    among = [names.index(name) for name in cells.parts if name in names]
    revealed = np.zeros_like(few)  # hidden, but revealed by the total of a line
    before = (-1, -1)
    while before != (before := (int(few.sum()), int(revealed.sum()))):
        for at, line in product(added, along):
            _accompany(values[:, at], few[:, at], revealed[:, at], line, least)
        for row in np.flatnonzero(few[:, among].any(axis=1)) if among else ():
            _accompany(values[row], few[row], revealed[row], np.asarray(among), least)
        for at, name in enumerate(names):
            for other in (other for other in cells.counts[name] if other in names):
                few[:, names.index(other)] |= few[:, at]
    for at, name in enumerate(names):
        for column in (name, *(other for other in cells.counts[name] if other in made)):
            whole = pd.api.types.is_integer_dtype(made[column])
            made[column] = made[column].astype("Int64" if whole else float).mask(few[:, at])
    made = made.drop(columns=list(cells.behind)).set_axis(kept.columns, axis=1)
    made.attrs = dict(frame.attrs) | {"hidden": frame.attrs.get("hidden", 0) + int(few.sum())}
    return cells.then(made) if cells.then else made


def _accompany(
    values: NDArray[Any], few: NDArray[np.bool_], revealed: NDArray[np.bool_], line: NDArray[np.intp], least: int
) -> None:
    """Hide another cell of *line* if one is hidden alone: the smallest one, 0 if all others are."""
    hidden = line[few[line] & ~revealed[line]]
    if len(hidden) != 1:
        return
    others = line[~few[line] & ~revealed[line]]
    if len(others):
        few[others[np.argmin(np.where(values[others] > 0, values[others], np.inf))]] = True
    elif values[hidden[0]] >= least:
        revealed[hidden] = True

"""What a report that is published does not tell: who the persons are, and how few there are of them.

Persons have pseudonyms by a key of the study; cells of fewer than a few persons are hidden.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import networkx as nx
import numpy as np
import pandas as pd

from analysis.measures import Measured
from storage.pseudonyms import FEW, Pseudonyms

NAMED = ("politician", "organisation", "media")  # public by their office or as a body, if the study lists them
TOLD = ("platform", "ministry", "label", "civil_servant")  # all else of a person's own is left out
SMALL = "other ministries"  # of which too few are in the network to be told apart


def pseudonymous(found: Measured, pseudonyms: Pseudonyms, least: int, other: str = SMALL) -> Measured:
    """*found* with pseudonyms as ids, names and handles; who is public by label keeps them.

    Ministries of which fewer than *least* are in the network are put together as *other*.
    """
    nodes = found.network.nodes
    measures = [name for name in nodes if name in TOLD or name in found.network.degrees() or name in MEASURES]
    public = nodes["label"].isin(NAMED).to_numpy() & nodes["handle"].notna().to_numpy()
    hidden = np.array([pseudonyms.person(str(person)) for person in nodes.index], dtype=object)
    handle = np.where(public, nodes["handle"].astype(object), hidden)
    kept = nodes[measures].assign(handle=handle, name=np.where(public, nodes["name"].astype(object), hidden))
    kept["ministry"] = _merged(kept["ministry"], least, other)
    kept["title"] = None  # the analyses look for it
    kept.index = pd.Index(handle, name=nodes.index.name)
    network = replace(found.network, nodes=kept)
    return Measured(network, replace(found.communities, membership=found.communities.membership.set_axis(kept.index)))


MEASURES = ("betweenness", "normalised", "standard_error", "pagerank", "community", "size", "color", "x", "y")


def _merged(ministry: pd.Series[str], least: int, other: str) -> pd.Series[str]:
    counts = ministry.map(ministry.value_counts())
    return ministry.where(ministry.isna() | (counts >= least), other)


def without_few(graph: nx.Graph[Any]) -> nx.Graph[Any]:
    """*graph* (of ministries) without the ties and the counts of fewer than FEW persons."""
    made = graph.copy()
    made.remove_edges_from([(one, other) for one, other, data in graph.edges(data=True) if data["weight"] < FEW])
    for data in [*(data for _, data in made.nodes(data=True)), *(data for *_, data in made.edges(data=True))]:
        for name in ("weight", "members", "readable", "linked", "follows"):
            if 0 < data.get(name, 0) < FEW:
                del data[name]
                data.pop("ratio", None)
    return made


def small(
    frame: pd.DataFrame, least: int, counts: Mapping[str, Sequence[str]], totals: Sequence[str] = ()
) -> pd.DataFrame:
    """*frame* without its small cells: counts of 1 to *least* - 1, and what is derived from them.

    *counts* names the columns of counts, each with the columns that would give it away. Where the total of a column is
    told elsewhere (*totals*) and only one cell is hidden, the next smallest is hidden too. `attrs["hidden"]` counts.
    """
    if not least:
        return frame
    made, hidden = frame.copy(), 0
    made.attrs = dict(frame.attrs)
    for column, derived in counts.items():
        if column not in made:
            continue
        values = pd.to_numeric(frame[column]).fillna(0)
        few = (values > 0) & (values < least)
        if column in totals and few.sum() == 1 and (values >= least).any():
            few |= values.index == values[values >= least].idxmin()
        hidden += int(few.sum())
        for name in (column, *(name for name in derived if name in made)):
            whole = pd.api.types.is_integer_dtype(made[name])
            made[name] = made[name].astype("Int64" if whole else float).mask(few)
    made.attrs["hidden"] = hidden
    return made

"""What a report that is published does not tell: who the persons are, and how few there are of them.

Persons have pseudonyms by a key of the study; cells of fewer than a few persons are hidden.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd

from analysis.measures import Measured

NAMED = ("politician", "organisation", "media")  # public by their office or as a body, if the study lists them
TOLD = ("platform", "ministry", "label", "civil_servant")  # all else of a person's own is left out
SMALL = "other ministries"  # of which too few are in the network to be told apart


@dataclass(frozen=True)
class Pseudonyms:
    """Pseudonyms of persons; the same key gives the same ones, and without it nobody can go back."""

    key: bytes = field(repr=False)

    def of(self, person: str) -> str:
        """The pseudonym of *person* (an id): P- and ten letters and digits of an HMAC-SHA256 (RFC 2104)."""
        digest = hmac.new(self.key, str(person).encode(), hashlib.sha256).digest()
        return "P-" + base64.b32encode(digest)[:10].decode()


def pseudonymous(found: Measured, pseudonyms: Pseudonyms, least: int) -> Measured:
    """*found* with pseudonyms as ids, names and handles; who is public by label keeps them.

    Ministries of which fewer than *least* are in the network are put together.
    """
    nodes = found.network.nodes
    measures = [name for name in nodes if name in TOLD or name in found.network.degrees() or name in MEASURES]
    public = nodes["label"].isin(NAMED).to_numpy() & nodes["handle"].notna().to_numpy()
    hidden = np.array([pseudonyms.of(person) for person in nodes.index], dtype=object)
    handle = np.where(public, nodes["handle"].astype(object), hidden)
    kept = nodes[measures].assign(handle=handle, name=np.where(public, nodes["name"].astype(object), hidden))
    kept["ministry"] = _merged(kept["ministry"], least)
    kept["title"] = None  # the analyses look for it
    kept.index = pd.Index(handle, name=nodes.index.name)
    network = replace(found.network, nodes=kept)
    return Measured(network, replace(found.communities, membership=found.communities.membership.set_axis(kept.index)))


MEASURES = ("betweenness", "normalised", "standard_error", "pagerank", "community", "size", "color", "x", "y")


def _merged(ministry: pd.Series[str], least: int) -> pd.Series[str]:
    counts = ministry.map(ministry.value_counts())
    return ministry.where(ministry.isna() | (counts >= least), SMALL)


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

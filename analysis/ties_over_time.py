"""The follow ties of a network round by round, from the walks of the lists that show them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from analysis.actor_edges import EVER, of_people
from analysis.graphs.network import Ints, Network
from analysis.queries import FOLLOW_LISTS, Database, query

WALKS = f"""SELECT collector, kind, key, started_at, ended_at FROM walks
WHERE complete AND {FOLLOW_LISTS} ORDER BY started_at, ended_at, walk"""

TIES = """SELECT a.number AS source, b.number AS target, first_seen, closed_at FROM ({}) AS t
JOIN _nodes AS a ON a.id = t.source JOIN _nodes AS b ON b.id = t.target ORDER BY ALL"""


@dataclass(frozen=True, eq=False)
class History:
    """*rounds* (first_at, last_at, lists) and every tie ever seen, open in rounds *opened* <= round < *closed*."""

    rounds: pd.DataFrame
    source: Ints
    target: Ints
    opened: Ints
    closed: Ints


def rounds(db: Database) -> pd.DataFrame:
    """The rounds of complete walks of follow lists: first_at and last_at (times), and lists (how many were walked).

    A round ends before the first walk of a list that was already walked in it.
    """
    found: list[list[object]] = []
    walked: set[tuple[str, str, str]] = set()
    for *of, started, ended in query(db, WALKS).itertuples(index=False, name=None):
        if not found or tuple(of) in walked:
            found.append([started, ended, 0])
            walked = set()
        walked.add(tuple(of))
        found[-1][1:] = [max(found[-1][1], ended), len(walked)]
    return pd.DataFrame(found, columns=["first_at", "last_at", "lists"])


def history(db: Database, network: Network) -> History | None:
    """The ties between the nodes of *network*, a network of follow ties, over the rounds; None if there is one round.

    A tie is open from the round that first showed it, to the one before a whole walk of its list that no longer did.
    In the last round these are the ties open now.
    """
    of = rounds(db)
    if len(of) < 2:
        return None
    ends = "min(first_seen) AS first_seen, CASE WHEN count(closed_at) = count(*) THEN max(closed_at) END AS closed_at"
    nodes = pd.DataFrame({"id": network.nodes.index.to_numpy(), "number": np.arange(network.n)})
    db.register("_nodes", nodes)
    ever = of_people(EVER, network.parameters["scope"], ends)
    found = db.execute(TIES.format(ever), {"platform": network.parameters["platform"]}).df()
    db.unregister("_nodes")
    begins = of["first_at"][1:]
    opened, closed = (begins.searchsorted(found[name], side="right") for name in ("first_seen", "closed_at"))
    ended = found["closed_at"].notna().to_numpy()
    source, target = (found[name].to_numpy(dtype=np.int64) for name in ("source", "target"))
    return History(of, source, target, opened, np.where(ended, closed, len(of)))

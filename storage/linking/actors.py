"""Actors: the profiles and accounts of one person, joined by accepted links."""

from __future__ import annotations

from collections.abc import Iterable

import duckdb
import pyarrow as pa

JOINED = """
SELECT profile_id, account_id FROM base.links WHERE decision = 'accepted' AND account_id IS NOT NULL
UNION SELECT account_id, other_id FROM base.account_links WHERE decision = 'accepted'
ORDER BY ALL
"""
PROFILES = "SELECT DISTINCT profile_id FROM base.links WHERE decision = 'accepted'"


def join(db: duckdb.DuckDBPyConnection) -> int:
    """Refill `base.actors` from the accepted links; return the number of actors with several subjects."""
    profiles = {row[0] for row in db.execute(PROFILES).fetchall()}
    rows = []
    components = list(_components(db.execute(JOINED).fetchall()))
    for component in components:
        actor = min(component & profiles or component)
        rows += [(subject, actor) for subject in sorted(component)]
    db.execute("DELETE FROM base.actors")
    if rows:
        subjects, actors = map(list, zip(*rows, strict=True))
        db.register("rows_of_actors", pa.table({"subject": subjects, "actor_id": actors}))
        db.execute("INSERT INTO base.actors BY NAME FROM rows_of_actors")
        db.unregister("rows_of_actors")
    return len(components)


def _components(pairs: Iterable[tuple[str, str]]) -> Iterable[set[str]]:
    """The connected components of *pairs*."""
    of: dict[str, set[str]] = {}
    for one, other in pairs:
        mine, theirs = of.setdefault(one, {one}), of.setdefault(other, {other})
        if mine is not theirs:
            small, large = sorted((mine, theirs), key=len)
            large |= small
            of.update(dict.fromkeys(small, large))
    return {id(component): component for component in of.values()}.values()

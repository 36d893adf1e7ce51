"""The groups that each group retweets, answers, mentions, quotes and follows: a directed matrix of row shares.

As published for parliaments (the share of each party in the retweets of each party's members): a row adds up to
1 over the groups, so that large and small groups can be compared.
"""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from analysis.actor_edges import Kind, ties
from analysis.queries import OF_MEMBERS, Database, query, with_parameters

KINDS: tuple[Kind, ...] = ("retweet", "reply", "mention", "quote", "follow")
# once for each pair of groups of its two members, with any number of accounts and memberships there
BETWEEN = f"""
WITH linked AS ({OF_MEMBERS}), of AS (SELECT DISTINCT actor_id, group_name FROM memberships),
one AS (SELECT DISTINCT t.source, t.target, t.weight, l.actor_id AS sender, k.actor_id AS receiver
        FROM _between AS t JOIN linked AS l ON l.account_id = t.source JOIN linked AS k ON k.account_id = t.target
        WHERE l.actor_id <> k.actor_id)
SELECT a.group_name, b.group_name AS other, CAST(sum(coalesce(weight, 1)) AS BIGINT) AS count,
       count(DISTINCT sender) AS senders, count(DISTINCT receiver) AS receivers
FROM one JOIN of AS a ON a.actor_id = sender JOIN of AS b ON b.actor_id = receiver GROUP BY ALL"""
# for each count in `table`, the columns that would reveal it
DERIVED = {"senders": ("receivers", "count", "share"), "receivers": ("senders", "count", "share")}


def table(db: Database, kinds: Sequence[Kind] = KINDS, platform: str | None = None) -> pd.DataFrame:
    """One row per kind of tie and pair of groups: the share of a group's ties or posts that goes to each group.

    Columns: kind; group_name, of the senders; other, of the receivers; count, posts (of follow: ties); senders and
    receivers, persons; share, of the row's count (0 to 1, NaN if a group sends nothing). Only ties between two
    members count; a person in two groups counts in both. A kind without such ties is left out.
    """
    names = query(db, "SELECT DISTINCT group_name FROM memberships ORDER BY ALL")["group_name"]
    parts = []
    for kind in kinds:
        with ties(db, kind, "_between", platform, "linked"):
            found = query(db, BETWEEN)
        if len(found):
            pairs = pd.MultiIndex.from_product([names, names], names=["group_name", "other"])
            square = found.set_index(["group_name", "other"]).reindex(pairs, fill_value=0).reset_index()
            whole = square.groupby("group_name")["count"].transform("sum")
            square["share"] = (square["count"] / whole).where(whole > 0)
            parts.append(square.assign(kind=kind))
    columns = ["kind", "group_name", "other", "count", "senders", "receivers", "share"]
    made = pd.concat(parts, ignore_index=True)[columns] if parts else pd.DataFrame(columns=columns)
    return with_parameters(made, platform=platform, ties="between members; in two groups counts in both")


def matrix(shares: pd.DataFrame, kind: str) -> pd.DataFrame:
    """The *shares* of one *kind* as a square: senders' groups as rows, receivers' groups as columns."""
    square = shares[shares["kind"] == kind].pivot(index="group_name", columns="other", values="share")
    return square.rename_axis(columns=None)

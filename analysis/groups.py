"""The group network (Figure 1): connections within and between groups, with chance, coverage and follow ties.

A person with current positions in two groups belongs to both, as in Table 5: a connection counts once in every cell it
belongs to. A member whose group is not known (of a list, or in a pseudonymised database) is in no cell.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.graphs.layout import layout
from analysis.graphs.measures import node_sizes
from analysis.queries import OF_MEMBERS, Database

if TYPE_CHECKING:
    import networkx as nx

CONNECTIONS = """
SELECT least(a.group_name, b.group_name) AS group_name, greatest(a.group_name, b.group_name) AS other,
       count(DISTINCT (least(a.actor_id, b.actor_id), greatest(a.actor_id, b.actor_id))) AS connections
FROM connections AS c JOIN actors AS o ON o.subject = c.profile_a JOIN actors AS p ON p.subject = c.profile_b
JOIN memberships AS a ON a.actor_id = o.actor_id JOIN memberships AS b ON b.actor_id = p.actor_id
WHERE o.actor_id <> p.actor_id AND a.group_name IS NOT NULL AND b.group_name IS NOT NULL
GROUP BY ALL ORDER BY ALL"""

FOLLOWS = f"""
WITH linked AS ({OF_MEMBERS})
SELECT a.group_name AS group_name, b.group_name AS other, count(DISTINCT (l.actor_id, k.actor_id)) AS follows
FROM follows AS f JOIN linked AS l ON l.account_id = f.follower_id JOIN linked AS k ON k.account_id = f.followed_id
JOIN memberships AS a ON a.actor_id = l.actor_id JOIN memberships AS b ON b.actor_id = k.actor_id
WHERE l.actor_id <> k.actor_id AND a.group_name IS NOT NULL AND b.group_name IS NOT NULL
GROUP BY ALL ORDER BY ALL"""

COVERAGE = f"""
SELECT m.group_name, count(DISTINCT m.actor_id) AS members,
       count(DISTINCT w.profile_id) AS readable, count(DISTINCT l.actor_id) AS linked
FROM memberships AS m
LEFT JOIN (SELECT DISTINCT profile_id FROM base.connections) AS w ON w.profile_id = m.profile_id
LEFT JOIN (SELECT DISTINCT actor_id FROM ({OF_MEMBERS}) WHERE account_id IS NOT NULL) AS l ON l.actor_id = m.actor_id
WHERE m.group_name IS NOT NULL GROUP BY ALL ORDER BY m.group_name"""


# for each count in `table`, the columns that would reveal it
DERIVED: dict[str, tuple[str, ...]] = {
    "connections": ("connections_ratio", "share_of_row", "share_of_other"), "follows": ("follows_ratio",),
}  # fmt: skip


def _square(rows: pd.DataFrame, value: str, names: list[str]) -> NDArray[np.int64]:
    """*rows* (group, other, value) as a square matrix in the order of *names*."""
    place = {name: at for at, name in enumerate(names)}
    matrix = np.zeros((len(names), len(names)), dtype=np.int64)
    matrix[rows["group_name"].map(place), rows["other"].map(place)] = rows[value]
    return matrix


def expected(matrix: NDArray[Any]) -> NDArray[np.float64]:
    """*matrix* (upper triangle, internal on the diagonal) as expected if its ends were joined by chance.

    Every group keeps its number of ends (the configuration model: ends are paired at random), so the expected
    cells have the same total as the observed ones.
    """
    ends = (matrix.sum(axis=0) + matrix.sum(axis=1)).astype(float)  # the diagonal counts twice
    total = ends.sum()
    if total < 2:
        return np.zeros(matrix.shape)
    chance = np.triu(np.outer(ends, ends), 1)
    np.fill_diagonal(chance, ends * (ends - 1) / 2)
    return np.asarray(chance / (total - 1))


def coverage(db: Database) -> pd.DataFrame:
    """Per group: members, those with readable connections, and those with a linked account."""
    table = db.execute(COVERAGE).df()
    table["share_readable"] = table["readable"] / table["members"]
    table.attrs["parameters"] = {"members": "at least one current post; two groups count in both"}
    return table


def table(db: Database) -> pd.DataFrame:
    """One row per pair of groups (within: the same twice): connections and follow ties, observed and expected.

    Columns: connections, connections_expected, connections_ratio; share_of_row (of the connections of `group`, those
    with `other`) and share_of_other; follows (either way), follows_expected, follows_ratio. Pairs without any are kept.
    """
    rows, ties = db.execute(CONNECTIONS).df(), db.execute(FOLLOWS).df()
    names = sorted(set(coverage(db)["group_name"]))
    connected = _square(rows, "connections", names)
    follow = _square(ties, "follows", names)
    follow = np.triu(follow) + np.triu(follow.T, 1)
    one, two = np.triu_indices(len(names))
    whole = connected + np.triu(connected, 1).T
    row = np.maximum(whole.sum(axis=1), 1)
    made = pd.DataFrame({
        "group_name": [names[i] for i in one], "other": [names[i] for i in two],
        "connections": connected[one, two], "connections_expected": expected(connected)[one, two],
        "share_of_row": connected[one, two] / row[one], "share_of_other": connected[one, two] / row[two],
        "follows": follow[one, two], "follows_expected": expected(follow)[one, two],
    })  # fmt: skip
    for what in ("connections", "follows"):
        made[f"{what}_ratio"] = (made[what] / made[f"{what}_expected"]).where(made[f"{what}_expected"] > 0)
    made.attrs["parameters"] = {
        "connections": "between members, each once in every cell it belongs to",
        "null": "ends of connections joined by chance, each group keeping its number of ends",
    }
    return made


def graph(db: Database) -> nx.Graph[Any]:
    """The group network as a networkx Graph.

    Node attributes: weight (connections inside the group), members, readable, linked, expected, ratio, follows, and
    x, y and size for drawing. Edge attributes: weight (connections between the two), expected, ratio, follows.
    If a study has no connections, follows are the weight; a pair of weight 0 has no edge.
    """
    import networkx as nx

    made: nx.Graph[Any] = nx.Graph()
    rows = table(db)
    weight = "connections" if rows["connections"].any() or not rows["follows"].any() else "follows"
    made.graph["parameters"] = {**rows.attrs["parameters"], "weight": weight}
    for row in coverage(db).to_dict("records"):
        made.add_node(row["group_name"], **{str(name): value for name, value in row.items() if name != "group_name"})
    for row in rows.to_dict("records"):
        figures = {
            "weight": int(row[weight]), "expected": row[f"{weight}_expected"],
            "follows": int(row["follows"]),
        }  # fmt: skip
        if not pd.isna(row[f"{weight}_ratio"]):
            figures["ratio"] = row[f"{weight}_ratio"]
        if row["group_name"] == row["other"]:
            made.nodes[row["group_name"]].update(figures)
        elif row[weight]:
            made.add_edge(row["group_name"], row["other"], **figures)
    places = layout(made, weight_exponent=0.5)
    sizes = node_sizes(np.array([made.nodes[name]["weight"] for name in places.index], dtype=float))
    for (name, place), size in zip(places.iterrows(), sizes, strict=True):
        made.nodes[name].update(x=float(place["x"]), y=float(place["y"]), size=float(size))
    return made

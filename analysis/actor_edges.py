"""The actor networks from the tables: follow, mention, reply, repost and quote ties.

The edges are counted and filtered in SQL; only the result becomes a Network.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from datetime import datetime
from typing import Any, Literal

import numpy as np
import pandas as pd

from analysis.graphs import algorithms
from analysis.graphs.network import Network, from_arrays
from analysis.queries import OF_MEMBERS, ONE_PERSON, Database
from storage.errors import UserError

Kind = Literal["follow", "mention", "reply", "retweet", "quote"]
INTERACTIONS: tuple[Kind, ...] = ("mention", "reply", "retweet", "quote")
Counting = Literal["ties", "neighbours", "k-core"]
Scope = Literal["linked", "all"]

LINKED = f"""SELECT DISTINCT account_id FROM ({OF_MEMBERS}) WHERE account_id IS NOT NULL
    AND ($platform IS NULL OR platform = $platform)"""
LINKED_PEOPLE = (
    f"SELECT DISTINCT coalesce(p.id, account_id) FROM ({LINKED}) LEFT JOIN ({ONE_PERSON}) AS p USING (account_id)"
)

FOLLOWS = """SELECT follower_id AS source, followed_id AS target, NULL AS weight FROM follows
    WHERE ($platform IS NULL OR platform = $platform)"""

FOLLOWED = """SELECT follower_id AS source, followed_id AS target, NULL AS weight FROM follow_history
    WHERE ($platform IS NULL OR platform = $platform) AND ($until IS NULL OR first_seen <= $until)
    AND ($since IS NULL OR closed_at IS NULL OR closed_at > $since)"""

EVER = """SELECT follower_id AS source, followed_id AS target, first_seen, closed_at FROM follow_history
    WHERE ($platform IS NULL OR platform = $platform)"""

POSTS = """SELECT * REPLACE (coalesce(account_id, timeline_of) AS source) FROM posts
    WHERE ($platform IS NULL OR platform = $platform)
    AND ($until IS NULL OR created_at <= $until) AND ($since IS NULL OR created_at >= $since)"""

# the target of a tie: an account id; a mention with only a handle is looked up
TARGETS: Mapping[str, str] = {
    "mention": f"""SELECT source, coalesce(given, h.account_id) AS target FROM (
            SELECT DISTINCT source, platform, post_id, m.account_id AS given, lower(m.handle) AS handle
            FROM (SELECT source, platform, post_id, unnest(mentions) AS m FROM ({POSTS}) WHERE kind <> 'retweet'))
        LEFT JOIN (SELECT platform, lower(handle) AS handle, arg_max(account_id, last_seen) AS account_id
                   FROM handles GROUP BY ALL) AS h USING (platform, handle)""",
    "reply": f"SELECT source, reply_to_account AS target FROM ({POSTS}) WHERE reply_to_account IS NOT NULL",
    "retweet": f"SELECT source, retweeted_account AS target FROM ({POSTS}) WHERE retweeted_account IS NOT NULL",
    "quote": f"""SELECT p.source, q.account_id AS target FROM ({POSTS}) AS p JOIN (
        SELECT platform, post_id, account_id FROM posts UNION SELECT platform, post_id, account_id FROM referenced_posts
    ) AS q ON q.post_id = p.quoted_post AND q.platform = p.platform""",
}

PEOPLE = f"""
SELECT k.id, a.handle, a.name, a.platform, a.followers, a.following, p.actor_id, p.profile_id, p.group_name,
       p.group_names, p.organisation, p.title, p.actor_id IS NOT NULL AS member
FROM _kept AS k LEFT JOIN accounts AS a ON a.account_id = k.id LEFT JOIN (
    SELECT l.account_id, min(actor_id) AS actor_id, min(profile_id) AS profile_id,
           arg_min(c.group_name, actor_id) AS group_name,
           arg_min(array_to_string(c.group_names, '; '), actor_id) AS group_names,
           arg_min(c.organisation, actor_id) AS organisation, arg_min(c.title, actor_id) AS title
    FROM ({OF_MEMBERS}) AS l JOIN members AS c USING (actor_id) GROUP BY l.account_id) AS p ON p.account_id = k.id
ORDER BY k.number"""


def network(
    db: Database,
    *,
    kind: Kind = "follow",
    platform: str | None = None,
    min_degree: int | Literal["auto"] | None = None,
    counting: Counting = "ties",
    scope: Scope | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    labels: pd.DataFrame | None = None,
) -> Network:
    """The directed network of actors: members with linked accounts and everyone tied to them.

    A node is a person as far as is known: accounts that links join are one, called by the first of them.

    *min_degree* (51 for follow ties, else 1) is in + out degree on the full network, a mutual tie counting 2; "auto"
    is the lowest from 2 that leaves at most MOST_ACTORS. *counting* "neighbours" counts distinct ones, "k-core"
    takes the core instead. *scope* "linked" has the ties of members' accounts, "all" every tie seen; None: linked
    unless there are none. Follow ties are those open now, or, with *since* or *until*, at some time between them;
    these also bound the times of posts. Weights are posts; follow ties have none. *labels* (account_id or
    handle, label) distinguish politicians, media .... Columns: handle, name, group, organisation, title, label ...
    """
    if counting not in ("ties", "neighbours", "k-core"):
        raise UserError(f"unknown degree counting {counting!r}; use ties, neighbours or k-core")
    if min_degree is None:
        min_degree = 51 if kind == "follow" else 1
    scope = scope or default_scope(db, platform)
    values = {"platform": platform}
    with ExitStack() as stack:
        stack.enter_context(ties(db, kind, "_ties", platform, scope, since, until))
        stack.enter_context(_temporary(db, "_degrees", _degrees(counting, scope), values))
        if min_degree == "auto":
            counts = db.execute("SELECT degree, count(*) AS actors FROM _degrees GROUP BY degree").df()
            min_degree = lowest(counts["degree"], counts["actors"], MOST_ACTORS)
        stack.enter_context(_temporary(db, "_kept", KEPT.format(0 if counting == "k-core" else int(min_degree)), {}))
        nodes = db.execute(PEOPLE).df().set_index("id")
        edges = db.execute(
            "SELECT a.number AS source, b.number AS target, weight FROM _ties AS t "
            "JOIN _kept AS a ON a.id = t.source JOIN _kept AS b ON b.id = t.target"
        ).fetchnumpy()
        full = _number(db, "SELECT count(*) FROM _ties", {})
        actors = _number(db, "SELECT count(*) FROM (SELECT source FROM _ties UNION SELECT target FROM _ties)", {})
    others = db.execute(ONE_PERSON, values).df()
    parameters = {
        "network": kind, "platform": platform, "scope": scope, "since": _text(since), "until": _text(until),
        "filter": f"{counting} >= {min_degree}, once on the full network", "min_degree": min_degree,
        "full_nodes": actors, "full_edges": full,
    }  # fmt: skip
    if len(others):
        parameters["joined"] = f"{len(others)} accounts of {others['id'].nunique()} people with several"
    nodes["label"] = labelled(nodes, labels, others)
    weight = None if kind == "follow" else np.asarray(edges["weight"], dtype=np.float64)
    source, target = (np.asarray(edges[end], dtype=np.int64) for end in ("source", "target"))
    found = from_arrays(nodes, source, target, weight, parameters=parameters)
    if counting == "k-core":
        return found.subgraph(algorithms.coreness(found, distinct=False).to_numpy() >= min_degree)
    return found


def default_scope(db: Database, platform: str | None = None) -> Scope:
    """The default scope: members' linked accounts, or all if there are none."""
    return "linked" if _number(db, f"SELECT count(*) FROM ({LINKED})", {"platform": platform}) else "all"


@contextmanager
def ties(
    db: Database,
    kind: Kind,
    name: str,
    platform: str | None = None,
    scope: Scope | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
) -> Iterator[None]:
    """A temporary table *name* of the ties of a *kind* between people, each once: source, target, weight.

    Options as of `network`; an account stands for the person, and ties between two accounts of one are left out.
    """
    if kind != "follow" and kind not in TARGETS:
        raise UserError(f"no network of {kind!r} ties; choose follow, {', '.join(TARGETS)}")
    follow = FOLLOWED if since or until else FOLLOWS
    query = follow if kind == "follow" else f"SELECT source, target, 1 AS weight FROM ({TARGETS[kind]})"
    once = of_people(query, scope or default_scope(db, platform), "sum(weight) AS weight")
    with _temporary(db, name, once, {"platform": platform, "since": since, "until": until}):
        yield


def of_people(query: str, scope: Scope, values: str) -> str:
    """The ties of *query*, each once between two people: source, target, and the aggregates *values*."""
    linked = f"AND (source IN ({LINKED}) OR target IN ({LINKED}))" if scope == "linked" else ""
    return f"""WITH one_person AS ({ONE_PERSON}), found AS (
        SELECT t.* REPLACE (coalesce(a.id, source) AS source, coalesce(b.id, target) AS target)
        FROM (SELECT * FROM ({query}) WHERE source IS NOT NULL AND target IS NOT NULL {linked}) AS t
        LEFT JOIN one_person AS a ON a.account_id = source LEFT JOIN one_person AS b ON b.account_id = target)
        SELECT source, target, {values} FROM found WHERE source <> target GROUP BY source, target"""


def _degrees(counting: Counting, scope: Scope) -> str:
    """The actors with their connections; linked accounts without any are part of the full network."""
    lonely = f"UNION ALL SELECT *, NULL FROM ({LINKED_PEOPLE})" if scope == "linked" else ""
    measure = "count(DISTINCT other)" if counting == "neighbours" else "count(other)"
    return f"""SELECT id, {measure} AS degree FROM (
        SELECT source AS id, target AS other FROM _ties UNION ALL SELECT target, source FROM _ties {lonely})
        GROUP BY id"""


KEPT = "SELECT id, degree, row_number() OVER (ORDER BY id) - 1 AS number FROM _degrees WHERE degree >= {}"
MOST_ACTORS = 1_500  # that can be distinguished in a figure


def lowest(values: pd.Series[int], counts: pd.Series[int], most: int) -> int:
    """The lowest of *values* from 2 that leaves at most *most*; one lower, if it leaves none.

    *counts* are the numbers with each value.
    """
    by = counts.groupby(values).sum().sort_index(ascending=False)
    by = by[by.index >= LEAST].cumsum()
    fits = by[by <= most]
    return int((fits if len(fits) else by).index[-1 if len(fits) else 0]) if len(by) else LEAST


LEAST = 2  # one tie, or one use, connects nothing


@contextmanager
def _temporary(db: Database, name: str, query: str, values: Mapping[str, Any]) -> Iterator[None]:
    """A temporary table of *query* within the block, also in a read-only database."""
    used = {key: value for key, value in values.items() if f"${key}" in query}
    db.execute(f"CREATE OR REPLACE TEMP TABLE {name} AS {query}", used)
    try:
        yield
    finally:
        db.execute(f"DROP TABLE IF EXISTS temp.{name}")


def _number(db: Database, query: str, values: Mapping[str, Any]) -> int:
    ((value,),) = db.execute(query, dict(values)).fetchall()
    return int(value)


def _text(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None


def labelled(nodes: pd.DataFrame, labels: pd.DataFrame | None, others: pd.DataFrame) -> pd.Series[str]:
    """The label of each actor: member, or from the table *labels*, or other.

    *labels* has a column account_id or handle (any case, with or without @), and label (or role); *others* are the
    accounts (account_id, handle) of actors with several (id), which a label may name too.
    """
    label = pd.Series("other", index=nodes.index, dtype=object)
    if labels is not None and len(labels):
        said = next((name for name in ("label", "role") if name in labels), None)
        key = next((name for name in ("account_id", "handle") if name in labels), None)
        if said is None or key is None:
            raise UserError("the table of labels needs a column handle or account_id, and a column label")
        keys = labels[key].astype(str)
        table = dict(zip(keys if key == "account_id" else _folded(keys), labels[said].astype(str), strict=True))
        own = nodes.rename_axis("account_id").reset_index()[["account_id", "handle"]].assign(id=nodes.index)
        borne = pd.concat([own, others])
        names = borne["account_id"].astype(str) if key == "account_id" else _folded(borne["handle"])
        given = borne.assign(label=names.map(table)).dropna(subset="label").drop_duplicates("id")
        label = nodes.index.to_series().map(given.set_index("id")["label"]).astype(object).fillna("other")
    return label.where(~nodes["member"].to_numpy(dtype=bool), "member")


def _folded(handles: pd.Series[str]) -> pd.Series[str]:
    return handles.astype("string").str.strip().str.removeprefix("@").str.casefold()

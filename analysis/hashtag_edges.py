"""Hashtags from the tables: folded, counted and paired in SQL.

Posts with the same hashtags are grouped first, so that folding and pairing work on distinct lists.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

import numpy as np
import pandas as pd

from analysis.actor_edges import LINKED, Scope, default_scope, lowest
from analysis.graphs.network import Network, from_arrays
from analysis.queries import Database
from storage.errors import UserError
from storage.folding import fold, folded

Profile = Literal["study2013", "tcat", "4cat"]
On = Literal["nodes", "edges"]

# The hashtags of a post: as delivered; those of the original that a retweet cut off (tcat); or both (4cat).
LISTS = {
    "study2013": "hashtags",
    "tcat": "coalesce(full_hashtags, hashtags)",
    "4cat": "list_concat(hashtags, full_hashtags)",
}


@dataclass(frozen=True)
class Counting:
    """The counting rules of one profile."""

    lists: str  # SQL for the hashtags of a post
    each_post_once: bool  # a tag repeated in one post counts once
    only_together: bool  # frequency counts only posts with another tag
    operator: str  # frequency against threshold


PROFILES: Mapping[str, Counting] = {
    "study2013": Counting(LISTS["study2013"], True, False, ">"),
    "tcat": Counting(LISTS["tcat"], False, False, ">="),
    "4cat": Counting(LISTS["4cat"], True, True, ">"),
}


def posts_of(scope: Scope, platform: str | None, since: datetime | None = None, until: datetime | None = None) -> str:
    """SQL for the posts that count; its parameters are those of `bounds`."""
    where = [f"timeline_of IN ({LINKED})"] if scope == "linked" else []
    where += ["platform = $platform"] if platform else []
    where += ["created_at >= $since"] if since else []
    where += ["created_at <= $until"] if until else []
    return f"SELECT * FROM posts WHERE {' AND '.join(where) or 'true'}"


def bounds(query: str, platform: str | None, since: datetime | None, until: datetime | None) -> dict[str, Any]:
    """The parameters that *query* uses."""
    values = {"platform": platform, "since": since, "until": until}
    return {name: value for name, value in values.items() if f"${name}" in query}


def profile_of(name: str) -> Counting:
    """The counting rules *name*; raise UserError for an unknown name."""
    if name not in PROFILES:
        raise UserError(f"unknown hashtag profile {name!r}; use {', '.join(PROFILES)}")
    return PROFILES[name]


@contextmanager
def tag_lists(db: Database, rules: Counting, posts: str, values: Mapping[str, Any]) -> Iterator[None]:
    """The temporary table _lists within the block: distinct lists of folded tags, and their numbers of *posts*."""
    tags = f"list_filter(list_transform(tags, lambda t: {folded()}), lambda t: t <> '')"
    tags = f"list_distinct({tags})" if rules.each_post_once else tags
    db.execute(
        f"""CREATE OR REPLACE TEMP TABLE _lists AS SELECT {tags} AS tags, posts FROM (
            SELECT {rules.lists} AS tags, count(*) AS posts FROM ({posts})
            WHERE len({rules.lists}) > 0 GROUP BY ALL)""",
        dict(values),
    )
    try:
        yield
    finally:
        db.execute("DROP TABLE IF EXISTS temp._lists")


def network(
    db: Database,
    *,
    threshold: int | Literal["auto"] = 100,
    profile: Profile = "study2013",
    on: On = "nodes",
    scope: Scope | None = None,
    platform: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
) -> Network:
    """The undirected co-occurrence network: hashtags weighted by posts, edges by the posts with both.

    *profile* chooses the counting rules: study2013 (frequency > *threshold*, each post once), tcat (pairs of rows, the
    original's hashtags for a retweet, frequency >= threshold) or 4cat (a retweet's own and its original's,
    frequency in posts with another tag). "auto" is the lowest threshold from 1 that leaves at most MOST_HASHTAGS.
    It is *on* the nodes, or on the weights of the edges. Column `posts` is the frequency.
    """
    rules = profile_of(profile)
    scope = scope or default_scope(db, platform)
    posts = posts_of(scope, platform, since, until)
    with tag_lists(db, rules, posts, bounds(posts, platform, since, until)):
        together = "WHERE len(list_distinct(tags)) > 1" if rules.only_together else ""
        over = rules.operator == ">"
        if threshold == "auto":
            counts = db.execute(COUNTS.format(together=together)).df()
            threshold = lowest(counts["posts"], counts["tags"], MOST_HASHTAGS) - over
        least = threshold + over
        nodes = db.execute(FREQUENCY.format(together=together, least=least if on == "nodes" else 0)).df()
        pairs = db.execute(PAIRS.format(least=least if on == "edges" else 0)).fetchnumpy()
        db.execute("DROP TABLE temp._frequent")
    parameters = {
        "network": "hashtag co-occurrence", "profile": profile, "scope": scope, "platform": platform,
        "filter": f"{'frequency' if on == 'nodes' else 'edge weight'} {rules.operator} {threshold}",
        "threshold": threshold,
        "since": since.isoformat() if since else None, "until": until.isoformat() if until else None,
    }  # fmt: skip
    nodes.index = pd.Index([fold(tag) for tag in nodes.pop("tag")], dtype=object, name="hashtag")
    source, target = (np.asarray(pairs[end], dtype=np.int64) for end in ("source", "target"))
    weight = np.asarray(pairs["weight"], dtype=np.float64)
    found = from_arrays(nodes, source, target, weight, directed=False, parameters=parameters)
    if on == "edges":
        return found.subgraph(np.asarray(found.degrees()["degree"] > 0))
    return found


MOST_HASHTAGS = 400  # that can be distinguished in a figure

COUNTS = """
SELECT posts, count(*) AS tags FROM (
    SELECT sum(posts)::BIGINT AS posts FROM (SELECT unnest(tags) AS tag, posts FROM _lists {together}) GROUP BY tag)
GROUP BY posts"""

FREQUENCY = """
CREATE OR REPLACE TEMP TABLE _frequent AS
SELECT tag, posts, row_number() OVER (ORDER BY tag) - 1 AS number FROM (
    SELECT tag, sum(posts)::BIGINT AS posts FROM (SELECT unnest(tags) AS tag, posts FROM _lists {together})
    GROUP BY tag)
WHERE posts >= {least};
SELECT tag, posts FROM _frequent ORDER BY number"""

PAIRS = """
SELECT a.number AS source, b.number AS target, sum(p.posts) AS weight
FROM (SELECT one, unnest(tags) AS other, posts
      FROM (SELECT unnest(tags) AS one, tags, posts FROM _lists WHERE len(tags) > 1)) AS p
JOIN _frequent AS a ON a.tag = p.one JOIN _frequent AS b ON b.tag = p.other
WHERE p.one < p.other GROUP BY ALL HAVING sum(p.posts) >= {least}"""

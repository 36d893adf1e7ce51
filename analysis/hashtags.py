"""The hashtag network (Figure 3): communities of hashtags, their characteristic tags, users and course."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from analysis.actor_edges import Scope, default_scope
from analysis.graphs.measures import Measured, measured
from analysis.graphs.network import Network, from_edges
from analysis.hashtag_edges import Profile, bounds, network, posts_of, profile_of
from analysis.queries import OF_MEMBERS, ONE_PERSON, PERSON, Database
from storage.folding import folded

if TYPE_CHECKING:
    import networkx as nx

NETWORK_OPTIONS = ("threshold", "profile", "on", "scope", "platform", "since", "until")


def graph(db: Database, *, measures: bool = True, **options: Any) -> nx.Graph[Any]:
    """The hashtag network as a networkx Graph with all attributes; *options* are those of `network` and `measured`.

    Without *measures* it has the frequencies and edge weights only.
    """
    return (study(db, **options).network if measures else network(db, **options)).to_networkx()


def study(db: Database, **options: Any) -> Measured:
    """The hashtag network measured, sizes by posts; *options* are those of `network` and `measured`."""
    of_network = {name: options.pop(name) for name in list(options) if name in NETWORK_OPTIONS}
    return measured(network(db, **of_network), **{"by": "posts", **options})


def log_odds(one: ArrayLike, other: ArrayLike, prior: ArrayLike) -> np.ndarray[Any, np.dtype[np.float64]]:
    """The z-score of the log-odds ratio of each word between two corpora, with an informative Dirichlet *prior*.

    Monroe, Colaresi & Quinn 2008, "Fightin' Words", equations 16 and 22. Counts by word; positive: more in *one*.
    """
    a, b, p = (np.asarray(counts, dtype=float) for counts in (one, other, prior))
    with np.errstate(divide="ignore", invalid="ignore"):
        left = np.log((a + p) / (a.sum() + p.sum() - a - p))
        right = np.log((b + p) / (b.sum() + p.sum() - b - p))
        score = (left - right) / np.sqrt(1 / (a + p) + 1 / (b + p))
    return np.asarray(np.nan_to_num(score, nan=0.0, posinf=0.0, neginf=0.0))


def characteristic(found: Measured) -> pd.DataFrame:
    """Per hashtag, its characteristicness for its community (column `log_odds`, a z-score).

    The corpus of a community is the co-occurrences with its hashtags, against those with all others; the prior is
    all co-occurrences, scaled to a tenth of them.
    """
    group, count = found.communities.membership.to_numpy(), len(found.communities.sizes)
    strength = np.zeros((found.network.n, count))
    for here, there in ((found.network.source, found.network.target), (found.network.target, found.network.source)):
        np.add.at(strength, (here, group[there]), found.network.weights)
    total = strength.sum(axis=1)
    score = np.zeros(found.network.n)
    for number in range(count):
        inside = strength[:, number]
        members = group == number
        score[members] = log_odds(inside, total - inside, 0.1 * total)[members]
    columns = {"community": group, "posts": found.network.nodes["posts"].to_numpy(), "log_odds": score}
    return pd.DataFrame(columns, index=found.network.nodes.index)


def communities(found: Measured, most: int = 8) -> pd.DataFrame:
    """One row per community: suggested name, hashtags, posts summed, the most used and most characteristic hashtags.

    The name is its three most characteristic hashtags; there is none without clear communities, and
    `attrs["verdict"]` is a sentence about it.
    """
    tags = characteristic(found).sort_index()
    rows = []
    for number, members in tags.groupby("community"):
        used = [f"#{tag}" for tag in members.nlargest(most, "posts").index]
        typical = [f"#{tag}" for tag in members.nlargest(most, "log_odds").index]
        name = ", ".join(typical[:3]) if found.communities.to_speak_of else None
        rows.append({
            "community": number, "name": name, "size": len(members), "share": len(members) / len(tags),
            "uses": int(members["posts"].sum()), "most_used": used, "characteristic": typical,
        })  # fmt: skip
    table = pd.DataFrame(rows, columns=["community", "name", "size", "share", "uses", "most_used", "characteristic"])
    table.attrs["parameters"] = dict(found.network.parameters)
    table.attrs["verdict"] = found.communities.verdict()
    return table


# ---- users and course -------------------------------------------------------------------------------

USES = """
SELECT DISTINCT p.post_id, p.timeline_of AS account_id, p.created_at, m.community FROM (
    SELECT platform, post_id, timeline_of, created_at, unnest({lists}) AS t FROM ({posts})) AS p
JOIN (SELECT {key} AS tag, community FROM grouped) AS m ON m.tag = {folded}"""


def _uses(found: Measured) -> tuple[str, dict[str, Any], pd.DataFrame]:
    """SQL for the posts that use a community, once each, its parameters, and the frame `grouped` that it reads."""
    said = found.network.parameters
    since, until = (datetime.fromisoformat(said[key]) if said[key] else None for key in ("since", "until"))
    posts = posts_of(said["scope"], said["platform"], since, until)
    lists = profile_of(said["profile"]).lists
    query = USES.format(lists=lists, posts=posts, key=folded("hashtag"), folded=folded())
    group = found.communities.membership
    grouped = pd.DataFrame({"hashtag": group.index.astype(str), "community": group.to_numpy()})
    return query, bounds(query, said["platform"], since, until), grouped


def by_group(db: Database, found: Measured) -> pd.DataFrame:
    """Posts and accounts that use each community, by group (accounts of one person once), and its share of the posts.

    A post that uses two communities counts in both; a person with positions in two groups counts in the first.
    """
    query, values, grouped = _uses(found)
    table = db.execute(
        f"""SELECT community, coalesce(c.group_name, 'outside') AS group_name, count(*) AS posts,
            count(DISTINCT {PERSON.format(account="u.account_id")}) AS accounts,
            count(*) / sum(count(*)) OVER (PARTITION BY community) AS share
        FROM ({query}) AS u LEFT JOIN (
            SELECT account_id, min(group_name) AS group_name FROM ({OF_MEMBERS}) JOIN members USING (actor_id)
            GROUP BY account_id) AS c USING (account_id)
        GROUP BY 1, 2 ORDER BY community, posts DESC, group_name""",
        values,
    ).df()
    table.attrs["parameters"] = dict(found.network.parameters) | {"hashtags": len(grouped)}
    return table


def by_account(db: Database, found: Measured, most: int = 10) -> pd.DataFrame:
    """The *most* active accounts in each community: posts that use it, and their share of the community's posts."""
    query, values, grouped = _uses(found)
    table = db.execute(
        f"""SELECT community, u.account_id, any_value(a.handle) AS handle, count(*) AS posts,
            count(*) / sum(count(*)) OVER (PARTITION BY community) AS share
        FROM ({query}) AS u LEFT JOIN accounts AS a USING (account_id)
        GROUP BY community, u.account_id
        QUALIFY row_number() OVER (PARTITION BY community ORDER BY count(*) DESC, u.account_id) <= {int(most)}
        ORDER BY community, posts DESC, u.account_id""",
        values,
    ).df()
    table.attrs["parameters"] = dict(found.network.parameters) | {"hashtags": len(grouped)}
    return table


def course(
    db: Database,
    found: Measured,
    per: str = "month",
    time_zone: str = "Europe/Amsterdam",
    count: Literal["posts", "accounts"] = "posts",
) -> pd.DataFrame:
    """Posts that use each community by local *per* (day, week, month, quarter, year): rows times, columns communities.

    Times without such a post have 0. With *count* "accounts" the distinct accounts that sent them.
    """
    query, values, grouped = _uses(found)
    what = {"posts": "count(*)", "accounts": f"count(DISTINCT {PERSON.format(account='account_id')})"}[count]
    counted = db.execute(
        f"""SELECT date_trunc($per, timezone($zone, created_at))::DATE AS time, community, {what} AS posts
        FROM ({query}) WHERE created_at IS NOT NULL GROUP BY ALL""",
        {**values, "per": per, "zone": time_zone},
    ).df()
    table = counted.pivot_table(index="time", columns="community", values="posts", aggfunc="sum", fill_value=0)
    if len(table):
        steps = {"day": "D", "week": "W-MON", "month": "MS", "quarter": "QS", "year": "YS"}
        table = table.reindex(pd.date_range(table.index.min(), table.index.max(), freq=steps[per]), fill_value=0)
    table = table.rename_axis("time").astype("int64")
    table.attrs["parameters"] = dict(found.network.parameters) | {
        "per": per, "time_zone": time_zone, "hashtags": len(grouped)
    }  # fmt: skip
    return table


def bipartite(
    db: Database,
    *,
    threshold: int = 100,
    profile: Profile = "study2013",
    scope: Scope | None = None,
    platform: str | None = None,
) -> Network:
    """Use of hashtags: an undirected network of hashtags (ids with #) and accounts, edges weighted by posts.

    Hashtags pass the *threshold* as in `network`; accounts of one person are one node, called by the
    first. Columns: kind (hashtag or account), posts, handle.
    """
    tags = network(db, threshold=threshold, profile=profile, scope=scope, platform=platform)
    grouped = pd.DataFrame({"hashtag": tags.nodes.index.astype(str)})
    posts = posts_of(scope or default_scope(db, platform), platform)
    pairs = db.execute(
        f"""SELECT coalesce(o.id, p.account_id) AS account_id, m.hashtag, count(*) AS posts,
               any_value(a.handle) AS handle FROM (
            SELECT DISTINCT platform, post_id, timeline_of AS account_id, {folded()} AS tag
            FROM (SELECT platform, post_id, timeline_of, unnest({profile_of(profile).lists}) AS t FROM ({posts}))) AS p
        JOIN (SELECT {folded("hashtag")} AS tag, hashtag FROM grouped) AS m USING (tag)
        LEFT JOIN ({ONE_PERSON}) AS o ON o.account_id = p.account_id
        LEFT JOIN accounts AS a ON a.account_id = coalesce(o.id, p.account_id) GROUP BY ALL ORDER BY ALL""",
        bounds(posts + ONE_PERSON, platform, None, None),
    ).df()
    accounts = pairs.groupby("account_id").agg(posts=("posts", "sum"), handle=("handle", "first"))
    accounts["kind"] = "account"
    hashtags = tags.nodes[["posts"]].set_axis([f"#{tag}" for tag in grouped["hashtag"]]).assign(kind="hashtag")
    return from_edges(
        pairs["account_id"], "#" + pairs["hashtag"], pairs["posts"],
        nodes=pd.concat([hashtags, accounts]), directed=False,
        parameters={**tags.parameters, "network": "hashtags and accounts"},
    )  # fmt: skip

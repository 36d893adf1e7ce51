"""The actor network (Figure 2): central actors, communities, and bridges."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.actor_edges import INTERACTIONS, Kind, default_scope, network, ties
from analysis.graphs.communities import Communities
from analysis.graphs.measures import Measured, measured
from analysis.graphs.network import Network
from analysis.nouns import GENERAL
from analysis.queries import Database

if TYPE_CHECKING:
    import networkx as nx

OUTSIDE = "outside"  # actors who are not members
SAME_GROUP = 0.5  # a community is named after a group with at least this share of its members
PAIR, BEYOND = "{one} and {other}", "outside the {groups}"
ACROSS, WITH = "across {groups} ({first} first)", "{name}, with {labels}"
LIFT = 1.5  # and after a label this many times as frequent in it as in the network


def graph(db: Database, *, measures: bool = True, **options: Any) -> nx.DiGraph[Any]:
    """The actor network as a networkx DiGraph with all attributes; *options* are those of `network` and `measured`.

    Without *measures* it has the tables' attributes only.
    """
    found = study(db, **options).network if measures else network(db, **options)
    return cast("nx.DiGraph[Any]", found.to_networkx())


def study(db: Database, **options: Any) -> Measured:
    """The actor network measured; *options* are those of `network` and `measured`."""
    of_network = {name: options.pop(name) for name in list(options) if name in NETWORK_OPTIONS}
    return measured(network(db, **of_network), **options)


NETWORK_OPTIONS = ("kind", "platform", "min_degree", "counting", "scope", "since", "until", "labels")


def top(found: Network, by: str = "betweenness", count: int = 25) -> pd.DataFrame:
    """The *count* actors highest in column *by*, with names and groups."""
    shown = ["handle", "name", "label", "group_name", "organisation", "community", "degree", "in_degree", by]
    columns = [name for name in dict.fromkeys(shown) if name in found.nodes]
    table = found.nodes.sort_index().nlargest(count, by)[columns].rename_axis("account_id").reset_index()
    table.attrs["parameters"] = dict(found.parameters)
    return table


# ---- communities described ---------------------------------------------------------------------------------


def communities(found: Measured, central: int = 5, words: Callable[[str], str] = GENERAL) -> pd.DataFrame:
    """One row per community: name, size, members by label, groups, titles, central members, runs, density, E-I index.

    `share_of_runs` is the mean over its actors of the share of the runs that put them there. The name is a
    suggestion from these numbers; there is none without clear communities, and
    `attrs["verdict"]` is a sentence about it. Density is of the directed ties inside; the E-I index counts ties. Titles
    are current job titles that at least two members share, as shares of those. *words* translates names into
    another language.
    """
    nodes, group = found.network.nodes, found.communities.membership.to_numpy()
    count = int(group.max(initial=-1)) + 1
    inside, ends = _ties_of(found.network, group, count)
    size = np.bincount(group, minlength=count)
    labels = pd.crosstab(group, nodes["label"].to_numpy())
    everywhere = labels.sum()
    rows = []
    for number in range(count):
        members = nodes[group == number]
        pairs = size[number] * (size[number] - 1)
        outer = ends[number] - 2 * inside[number]
        groups = members.loc[members["label"] == "member", "group_name"].dropna().value_counts()
        rows.append({
            "community": number, "name": None, "size": size[number], "share": size[number] / len(nodes),
            **{_column(label): count for label, count in _row(labels, number).items()},
            "groups": _shares(groups), "titles": _shares(_common(members["title"])),
            "central": _central(members, central, words),
            "share_of_runs": found.communities.support[group == number].mean()
            if found.communities.support is not None else np.nan,
            "density": inside[number] / pairs if pairs else 0.0,
            "e_i_index": (outer - inside[number]) / (outer + inside[number]) if outer + inside[number] else np.nan,
        })  # fmt: skip
        if found.communities.to_speak_of:
            rows[-1]["name"] = suggested_name(groups, _row(labels, number), everywhere, words)
    table = pd.DataFrame(rows)
    table.attrs["parameters"] = dict(found.network.parameters)
    table.attrs["verdict"] = found.communities.verdict()
    return table


def _ties_of(found: Network, group: NDArray[Any], count: int) -> tuple[NDArray[Any], NDArray[Any]]:
    """Per community: ties inside it, and ends of ties in it."""
    source, target = group[found.source], group[found.target]
    inside = np.bincount(source[source == target], minlength=count)
    return inside, np.bincount(source, minlength=count) + np.bincount(target, minlength=count)


def _row(table: pd.DataFrame, number: int) -> pd.Series[int]:
    return pd.Series(table.to_numpy()[table.index.get_loc(number)], index=table.columns)


def _column(label: Any) -> str:
    return "members" if label == "member" else str(label)


def _shares(counts: pd.Series[int]) -> str:
    """Counts as a text: EZ 61%, BZK 12% ..."""
    total = max(int(counts.sum()), 1)
    return ", ".join(f"{name} {value / total:.0%}" for name, value in counts.head(5).items())


def _common(titles: pd.Series[Any]) -> pd.Series[int]:
    """Current job titles shared by two members or more, in any spelling."""
    counts = titles.dropna().str.strip().str.lower().value_counts()
    return counts[counts > 1]


def _central(members: pd.DataFrame, count: int, words: Callable[[str], str]) -> list[str]:
    """The most central members: handle (or id), with the group or label."""
    chosen = members.sort_index().nlargest(count, "betweenness")
    who = chosen["handle"].where(chosen["handle"].notna(), chosen.index.to_series())
    where = chosen["group_name"].where(chosen["group_name"].notna(), chosen["label"].map(words))
    return [f"{name} ({place})" for name, place in zip(who, where, strict=True)]


def suggested_name(
    groups: pd.Series[int], labels: pd.Series[int], everywhere: pd.Series[int], words: Callable[[str], str] = GENERAL
) -> str:
    """A name for a community from its counts by group and label, compared with the network's label counts.

    The group of at least half of its members, or two groups of two thirds, or "across
    groups"; then the labels (media, politicians ...) that are half as frequent again as elsewhere.
    """
    share = groups / max(int(groups.sum()), 1)
    if len(share) and share.iloc[0] >= SAME_GROUP:
        name = str(share.index[0])
    elif len(share) > 1 and share.iloc[:2].sum() >= 2 / 3:
        name = words(PAIR).format(one=share.index[0], other=share.index[1])
    elif len(share):
        name = words(ACROSS).format(first=", ".join(map(str, share.index[:3])))
    else:
        name = words(BEYOND)
    expected = everywhere / everywhere.sum() * labels.sum()
    many = [
        str(label) for label in labels.index
        if label not in ("member", "other") and labels[label] >= 3 and labels[label] >= LIFT * expected[label]
    ]  # fmt: skip
    if not many:
        return name
    given = words(many[0])
    for label in many[1:]:
        given = words(PAIR).format(one=given, other=words(label))
    return words(WITH).format(name=name, labels=given)


def by_group(found: Measured) -> pd.DataFrame:
    """Actors by community and group: count, share of the community, share of the group; the rest as outside."""
    nodes = found.network.nodes
    place = nodes["group_name"].where(nodes["label"] == "member").fillna(OUTSIDE)
    table = (
        pd.DataFrame({"community": found.communities.membership.to_numpy(), "group_name": place.to_numpy()})
        .value_counts().rename("actors").reset_index().sort_values(["community", "actors", "group_name"],
                                                                     ascending=[True, False, True])
    )  # fmt: skip
    for column, share in (("community", "share_of_community"), ("group_name", "share_of_group")):
        table[share] = table["actors"] / table.groupby(column)["actors"].transform("sum")
    table.attrs["parameters"] = dict(found.network.parameters)
    return table.reset_index(drop=True)


# ---- bridges -----------------------------------------------------------------------------------------------


def participation(found: Network, communities: Communities) -> pd.DataFrame:
    """Per actor: the communities its ties reach, the share of its ties outside its own, and its participation.

    Participation is Guimerà & Amaral's (2005) coefficient: 1 minus the sum of squared shares of its ties by
    community; 0 where all ties are in one.
    """
    group = communities.membership.to_numpy()
    count = int(group.max(initial=-1)) + 1
    from scipy import sparse

    indicator = sparse.csr_array((np.ones(found.n), (np.arange(found.n), group)), shape=(found.n, count))
    ties = found.matrix(weighted=False)
    ties = ties + ties.T if found.directed else ties
    reach = (ties @ indicator).toarray()
    total = np.maximum(reach.sum(axis=1), 1)
    own = reach[np.arange(found.n), group] if count else np.zeros(0)
    return pd.DataFrame(
        {
            "communities_reached": (reach > 0).sum(axis=1),
            "outside_share": np.where(reach.sum(axis=1) > 0, 1 - own / total, 0.0),
            "participation": np.where(reach.sum(axis=1) > 0, 1 - ((reach / total[:, None]) ** 2).sum(axis=1), 0.0),
        },
        index=found.nodes.index,
    )


def bridges(found: Measured, count: int = 25) -> pd.DataFrame:
    """The *count* actors that bridge communities most: betweenness times participation (column `bridging`)."""
    part = participation(found.network, found.communities)
    joined = found.network.nodes.join(part)
    joined["bridging"] = joined["betweenness"] * joined["participation"]
    shown = [
        "handle", "name", "label", "group_name", "community", "betweenness", "communities_reached", "outside_share",
        "participation", "bridging",
    ]  # fmt: skip
    table = joined.sort_index().nlargest(count, "bridging")[[name for name in shown if name in joined]]
    table = table.rename_axis("account_id").reset_index()
    table.attrs["parameters"] = dict(found.network.parameters)
    return table


# ---- interaction against follow ----------------------------------------------------------------------------


ALONG = """
SELECT count(*) AS ties, coalesce(sum(i.weight), 0)::BIGINT AS posts,
       avg((f.source IS NOT NULL)::INT) AS sender_follows,
       sum(i.weight) FILTER (f.source IS NOT NULL) / sum(i.weight) AS posts_to_followed,
       avg((b.source IS NOT NULL)::INT) AS other_follows,
       count(f.source) / (SELECT nullif(count(*), 0) FROM _follows) AS follow_ties_used
FROM _interactions AS i LEFT JOIN _follows AS f ON f.source = i.source AND f.target = i.target
LEFT JOIN _follows AS b ON b.source = i.target AND b.target = i.source"""


def interaction_and_follow(db: Database, kinds: Sequence[Kind] = INTERACTIONS, **options: Any) -> pd.DataFrame:
    """The overlap of interaction and follow ties: one row per kind of interaction.

    Columns: ties, posts, the share of ties (and of posts) where the sender follows the other, the share where the
    other follows the sender, and the share of follow ties that carry such an interaction. Only accounts' lists that
    were read count; *options* are those of `ties` (platform, scope, since, until).
    """
    options["scope"] = options.get("scope") or default_scope(db, options.get("platform"))
    rows = []
    with ties(db, "follow", "_follows", **options):
        for kind in kinds:
            with ties(db, kind, "_interactions", **options):
                rows.append(db.execute(ALONG).df().assign(interaction=kind))
        ((follows,),) = db.execute("SELECT count(*) FROM _follows").fetchall()
    table = pd.concat(rows, ignore_index=True)
    table.insert(0, "interaction", table.pop("interaction"))
    given = {name: str(value) for name, value in options.items() if value is not None}
    table.attrs["parameters"] = {"network": "interaction against follow", "follow_ties": follows, **given}
    return table

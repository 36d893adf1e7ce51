"""The world at the study's true size: every published figure, by construction, counted over its columns."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow.compute as pc
import pytest

from fixtures.world.truth import figures, tables
from fixtures.world.world import Options, World

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def world() -> World:
    return World(Options(scale=1.0))


@pytest.fixture(scope="module")
def truth(world):
    return tables(world)


def test_table_5_and_the_connections_are_the_report_s(truth):
    profiles, ties, accounts = (truth[name].to_pandas() for name in ("profiles", "connections", "accounts"))
    read = profiles[profiles.state == "read"]
    assert len(read) == 47_692
    assert read.start.sum() == 159
    assert read.ministry.notna().sum() == 6_807
    assert read.start[read.ministry.isna()].sum() == 0
    rows = read.ministry.value_counts().add(read.second_ministry.value_counts(), fill_value=0)
    published = {"I&M": 1901, "EZ": 1024, "DEF": 830, "V&J": 793, "BZK": 578, "OCW": 478, "FIN": 455, "SZW": 435,
                 "VWS": 181, "AZ": 82, "BZ": 60}  # fmt: skip
    assert rows.to_dict() == published
    assert rows.sum() == 6_817
    assert read.second_ministry.notna().sum() == 10
    linked = accounts[accounts.counted & (accounts.role == "linked")]
    assert len(linked) == 1_109
    assert linked.ministry.value_counts().to_dict() == {
        "I&M": 266,
        "EZ": 244,
        "BZK": 122,
        "DEF": 103,
        "V&J": 96,
        "FIN": 71,
        "OCW": 66,
        "SZW": 62,
        "VWS": 44,
        "AZ": 25,
        "BZ": 10,
    }
    assert not set(linked.profile_id) & set(read.profile_id[read.second_ministry.notna()])
    pairs = {tuple(sorted(pair)) for pair in zip(ties.profile_id, ties.other_id, strict=True)}
    assert len(pairs) == len(ties) == 74_821
    starts, civil = set(read.profile_id[read.start]), set(read.profile_id[read.ministry.notna()])
    assert sum(a in starts and b in starts for a, b in pairs) >= 500
    seen: dict[str, int] = {}
    for one, other in pairs:
        for me, friend in ((one, other), (other, one)):
            if friend in (civil if me in starts else starts):
                seen[me] = seen.get(me, 0) + 1
    assert sum(count >= 2 for count in seen.values()) == 11_597
    inside = truth["ministries"].to_pandas().query("ministry == other").sort_values("connections", ascending=False)
    assert inside.ministry.tolist()[:3] == ["I&M", "EZ", "DEF"]
    assert inside.connections.iloc[0] > 1.5 * inside.connections.iloc[1]


def test_table_6_and_the_cap_are_the_report_s(world, truth):
    posts = truth["posts"]
    assert posts.num_rows == 687_811 == len(np.unique(world.posts.ids))
    assert pc.sum(pc.greater(pc.list_value_length(posts["hashtags"]), 0)).as_py() == 237_075
    assert pc.sum(pc.greater(pc.list_value_length(posts["mentions"]), 0)).as_py() == 422_153
    assert pc.sum(posts["at_start"]).as_py() == 232_346
    assert (figures(world)["first_post"], figures(world)["last_post"]) == ("2007-03-20", "2013-02-23")
    counts = np.diff(world.posts.bounds)
    assert counts.max() == 3_200
    assert (counts == 3_200).sum() >= 3
    assert (counts == 3_199).sum() >= 3
    retweets = posts.filter(pc.equal(posts["kind"], "retweet"))
    fewer = pc.less(pc.list_value_length(retweets["hashtags"]), pc.list_value_length(retweets["full_hashtags"]))
    assert retweets.num_rows > 80_000
    assert pc.sum(fewer).as_py() > 5_000
    sample = truth["sample"]
    assert sample.num_rows == 100_000
    assert pc.sum(pc.greater(pc.list_value_length(sample["hashtags"]), 0)).as_py() == 13_180
    assert pc.sum(pc.greater(pc.list_value_length(sample["mentions"]), 0)).as_py() == 57_200
    assert pc.sum(sample["at_start"]).as_py() == 46_800


def test_the_rhythm_is_that_of_work(truth):
    days = truth["days"].to_pandas().set_index("day")
    days.index = pd.to_datetime(days.index)
    year = days.loc["2012-01-01":"2012-12-31"]
    weekend = year.index.day_of_week >= 5
    assert len(year) == 366
    assert year.posts[~weekend].mean() > 1.6 * year.posts[weekend].mean()
    summer = (year.index >= "2012-07-10") & (year.index <= "2012-08-20")
    assert year.posts[~weekend & ~summer].mean() > 1.3 * year.posts[~weekend & summer].mean()
    assert year.posts.loc[["2012-04-09", "2012-05-17", "2012-12-25"]].max() < 0.7 * year.posts[~weekend].mean()
    assert (days.accounts <= days.posts).all()
    assert 0 < days.geo.sum() < days.located.sum() < days.posts.sum()
    yearly = days.posts.groupby(days.index.year).sum()
    assert yearly.loc[2008:2012].is_monotonic_increasing


def filtered(world: World):
    """Ties of the graph with more than 50 connections, and the planted communities of its nodes."""
    follower, followed = world.follows.follower, world.follows.followed
    count = len(world.accounts.handle)
    degree = np.bincount(follower, minlength=count) + np.bincount(followed, minlength=count)
    kept = degree >= 51
    inside = kept[follower] & kept[followed]
    return follower[inside], followed[inside], kept, world.accounts.circle


def test_the_follow_network_has_the_size_and_shape_of_figure_2(world):
    follower, followed = world.follows.follower, world.follows.followed
    actors = np.unique(np.concatenate([follower, followed]))
    assert len(follower) >= 600_000
    assert len(actors) >= 250_000
    assert len(np.unique(follower * len(world.accounts.handle) + followed)) == len(follower)
    assert ((follower < world.accounts.linked) | (followed < world.accounts.linked)).all()
    one, other, kept, circle = filtered(world)
    assert 4_000 <= kept.sum() <= 6_000
    assert len(one) >= 250_000
    shares = np.bincount(circle[kept], minlength=4) / kept.sum()
    assert len(shares) == 4
    assert (shares >= 0.08).all()
    assert (shares <= 0.45).all()
    pairs = np.unique(np.sort(np.stack([one, other]), axis=0), axis=1)
    assert abs((circle[one] != circle[other]).mean() - 0.35) <= 0.02
    assert abs((circle[pairs[0]] != circle[pairs[1]]).mean() - 0.35) <= 0.02
    ministry = world.people.ministry[world.accounts.owner]
    crossing = np.bincount(ministry[world.accounts.circle[: world.accounts.linked] == 3], minlength=11)
    assert (crossing > 0).sum() >= 9
    assert crossing.max() < 0.45 * crossing.sum()
    degrees = np.sort(np.bincount(np.concatenate([follower, followed])))[::-1]
    assert degrees[0] > 100 * np.median(degrees[degrees > 0])


def tag_pairs(world: World):
    """Uses of each hashtag, and co-occurrences of frequent ones: (tag, tag)."""
    from fixtures.world.truth import delivered

    spelled, _ = delivered(world, world.posts)
    number = np.where(spelled >= 0, world.tags.tag[spelled], -1)
    uses = np.bincount(number[number >= 0], minlength=len(world.tags.community))
    found = []
    for i, j in ((0, 1), (0, 2), (1, 2)):
        both = (number[:, i] >= 0) & (number[:, j] >= 0)
        one, other = number[both, i], number[both, j]
        found.append(np.stack([one, other])[:, (uses[one] > 100) & (uses[other] > 100)])
    return uses, np.concatenate(found, axis=1)


def test_the_hashtags_have_five_communities(world):
    uses, pairs = tag_pairs(world)
    community = world.tags.community
    assert ((uses > 100) == (community >= 0)).all()
    shares = np.bincount(community[community >= 0]) / (community >= 0).sum()
    assert len(shares) == 5
    assert (shares >= 0.08).all()
    assert (shares <= 0.45).all()
    assert abs((community[pairs[0]] != community[pairs[1]]).mean() - 0.35) <= 0.02
    policy = np.flatnonzero(np.isin(community, (2, 3)))
    assert world.tags.text[world.tags.spellings[policy[uses[policy].argmax()]]] == "innovatie"


def rand_index(one: np.ndarray, other: np.ndarray) -> float:
    """The adjusted Rand index (Hubert and Arabie 1985)."""
    table = np.zeros((one.max() + 1, other.max() + 1))
    np.add.at(table, (one, other), 1)

    def pairs(counts: np.ndarray) -> float:
        return float((counts * (counts - 1) / 2).sum())

    both, rows, columns = pairs(table), pairs(table.sum(1)), pairs(table.sum(0))
    expected = rows * columns / pairs(np.array([table.sum()]))
    return (both - expected) / ((rows + columns) / 2 - expected)


def test_the_planted_communities_can_be_found_again(world):
    import igraph

    one, other, kept, circle = filtered(world)
    number = np.cumsum(kept) - 1
    pairs = np.unique(np.sort(np.stack([number[one], number[other]]), axis=0), axis=1)
    graph = igraph.Graph(n=int(kept.sum()), edges=pairs.T.tolist())
    found = np.array(graph.community_leiden("modularity", n_iterations=-1).membership)
    assert rand_index(found, circle[kept]) >= 0.9
    uses, pairs = tag_pairs(world)
    frequent = uses > 100
    number = np.cumsum(frequent) - 1
    pairs = number[np.sort(pairs, axis=0)]
    edges, weight = np.unique(pairs, axis=1, return_counts=True)
    graph = igraph.Graph(n=int(frequent.sum()), edges=edges.T.tolist())
    found = np.array(graph.community_leiden("modularity", weights=weight.tolist(), n_iterations=-1).membership)
    assert rand_index(found, world.tags.community[frequent]) >= 0.9


@pytest.mark.parametrize(("outside", "low", "high"), [(0.5, 0.48, 0.52), (None, 0.65, 0.8)])
def test_switches_blur_the_communities_or_leave_them_out(outside, low, high):
    world = World(Options(scale=1.0, outside=outside))
    one, other, kept, circle = filtered(world)
    assert low <= (circle[one] != circle[other]).mean() <= high
    assert 4_000 <= kept.sum() <= 6_000
    assert len(one) >= 250_000
    _, pairs = tag_pairs(world)
    community = world.tags.community
    assert low <= (community[pairs[0]] != community[pairs[1]]).mean() <= high + 0.05

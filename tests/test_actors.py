"""The actor network: its nodes, the degree filter, who is who, communities described, bridges, interaction."""

import itertools
from collections import Counter
from datetime import UTC, datetime

import networkx as nx
import numpy as np
import pandas as pd
import pytest

from analysis import actor_edges, actors, groups, hashtags, inwardness, share_matrix, ties_over_time
from analysis.graphs.communities import adjusted_rand
from storage.errors import UserError
from tests import studies


@pytest.fixture
def db():
    connection = studies.empty()
    yield connection
    connection.close()


def small(db):
    """Two linked accounts, a mutual tie, outsiders, and a tie between outsiders that is not the study's."""
    studies.people(db, {"1": "EZ", "2": ["BZK", "AZ"], "9": "EZ"})
    studies.accounts(db, "123456789")
    studies.follows(db, [("1", "2"), ("2", "1"), ("1", "3"), ("4", "1"), ("2", "3"), ("5", "6"), ("1", "1")])


def test_nodes_are_linked_accounts_and_everyone_tied_to_them(db):
    small(db)
    graph = actors.graph(db, min_degree=0, measures=False)
    assert set(graph) == {"1", "2", "3", "4", "9"}  # 9 is linked, without a tie; 5 and 6 are nobody's
    assert set(graph.edges) == {("1", "2"), ("2", "1"), ("1", "3"), ("4", "1"), ("2", "3")}
    assert graph.nodes["1"]["group_name"] == "EZ"
    assert graph.nodes["2"]["group_names"] == "AZ; BZK"
    assert graph.nodes["1"]["handle"] == "h_1"
    assert graph.graph["parameters"]["full_edges"] == 5
    assert set(actors.graph(db, min_degree=0, scope="all", measures=False)) >= {"5", "6"}


@pytest.mark.parametrize(
    ("counting", "least", "left"),
    [("ties", 4, {"1"}), ("ties", 3, {"1", "2"}), ("ties", 2, {"1", "2", "3"}),
     ("neighbours", 3, {"1"}), ("neighbours", 2, {"1", "2", "3"}),
     ("k-core", 3, set()), ("k-core", 2, {"1", "2", "3"})],
)  # fmt: skip
def test_the_degree_filter_counts_once_on_the_full_network(db, counting, least, left):
    """Degrees: 1 has four ties (one mutual) to three neighbours, 2 three to two, 3 two."""
    small(db)
    assert set(actor_edges.network(db, min_degree=least, counting=counting).nodes.index) == left


def test_more_than_50_is_51(db):
    studies.people(db, {"hub": "EZ", "edge": "EZ"})
    ends = [("hub", f"t{i:03d}") for i in range(51)] + [(f"t{i:03d}", "edge") for i in range(50)]
    studies.follows(db, ends)
    found = actor_edges.network(db)
    assert list(found.nodes.index) == ["hub"]
    assert found.m == 0  # everything after the filter sees only the filtered network
    assert found.parameters["filter"] == "ties >= 51, once on the full network"


def test_labels_by_handle_or_account_and_members_first(db):
    small(db)
    labels = pd.DataFrame({"handle": ["@H_3", "h_1"], "label": ["media", "politician"]})
    nodes = actor_edges.network(db, min_degree=0, labels=labels).nodes
    assert nodes["label"].to_dict() == {
        "1": "member", "2": "member", "9": "member", "3": "media", "4": "other"
    }  # fmt: skip
    by_id = pd.DataFrame({"account_id": ["4"], "role": ["politician"]})
    assert actor_edges.network(db, min_degree=0, labels=by_id).nodes.loc["4", "label"] == "politician"
    with pytest.raises(UserError, match="column handle or account_id"):
        actor_edges.network(db, labels=pd.DataFrame({"name": ["x"]}))


def test_no_study_no_rows(db):
    found = actors.study(db)
    assert found.network.n == 0
    assert actors.communities(found).empty


def test_a_person_with_several_accounts_is_one_node_and_counts_once(db):
    """The network of accounts, with the accounts of each person contracted to the first of them, as networkx has it."""
    rng = np.random.default_rng(3)
    own = {
        f"a{person:02d}": [f"a{person:02d}", *(f"b{person:02d}{n}" for n in range(person % 3))] for person in range(30)
    }
    first = {account: person for person, accounts in own.items() for account in accounts}
    members = {person: "EZ" if at % 2 else "BZK" for at, person in enumerate(own) if at < 20}
    studies.people(db, members)
    studies.accounts(db, [account for account in first if account[0] == "a"])
    studies.accounts(db, [account for account in first if account[0] == "b"], platform="mastodon")
    studies.insert(db, "actors", [
        {"actor_id": f"p-{person}" if person in members else person, "subject": subject}
        for person, accounts in own.items() for subject in [*accounts, *([f"p-{person}"] if person in members else [])]
    ])  # fmt: skip
    pairs = {tuple(map(str, rng.choice(list(first), 2, replace=False))) for _ in range(400)}
    studies.follows(db, sorted(pairs))
    studies.posts(db, [{"account_id": one, "kind": "reply", "reply_to_account": other, "hashtags": ["#zorg"]}
                       for one, other in pairs])  # fmt: skip
    graph = nx.DiGraph([(first[a], first[b]) for a, b in pairs if first[a] != first[b]])
    seen = {edge for edge in graph.edges if set(edge) & members.keys()}
    found = actor_edges.network(db, min_degree=0, labels=pd.DataFrame({"handle": ["h_b290"], "label": "media"}))
    assert {(a, b) for a, b, _ in found.edges().itertuples(index=False)} == seen
    assert set(found.nodes.index) == {end for edge in seen for end in edge} | members.keys()
    assert found.nodes["member"].sum() == len(members) == db.execute("SELECT count(*) FROM members").fetchone()[0]
    assert found.nodes["label"].value_counts()["media"] == 1  # named by another account than the node
    assert found.parameters["joined"] == f"{sum(len(accounts) for accounts in own.values() if len(accounts) > 1)}" \
        f" accounts of {sum(len(accounts) > 1 for accounts in own.values())} people with several"  # fmt: skip
    inside = sum({a, b} <= members.keys() for a, b in seen)
    index = inwardness.table(found, permutations=0).set_index("group").loc["members"]
    assert (index["internal"], index["external"]) == (inside, len(seen) - inside)
    cells = {(row.group_name, row.other): row.follows for row in groups.table(db).itertuples()}
    planted = Counter(tuple(sorted((members[a], members[b]))) for a, b in seen if {a, b} <= members.keys())
    assert cells == planted
    sent = share_matrix.table(db, ["follow"]).set_index(["group_name", "other"])["count"].to_dict()
    assert sent == Counter((members[a], members[b]) for a, b in seen if {a, b} <= members.keys())
    weights = {
        (a, b): w for a, b, w in actor_edges.network(db, kind="reply", scope="all").edges().itertuples(index=False)
    }
    assert weights == Counter((first[a], first[b]) for a, b in pairs if first[a] != first[b])
    users = hashtags.bipartite(db, threshold=1, scope="all").nodes
    assert set(users.index[users["kind"] == "account"]) == {first[one] for one, _ in pairs}
    both = actor_edges.network(db, platform="mastodon", min_degree=0).nodes.index
    assert {account[0] for account in both} == {"b"}  # on one platform, by the first of the accounts there


def test_interaction_networks_weigh_posts(db):
    small(db)

    def named(*pairs):
        return [{"handle": handle, "account_id": account} for handle, account in pairs]

    studies.posts(db, [
        {"account_id": "1", "mentions": named(("H_3", None), ("h_3", None))},
        {"account_id": "1", "mentions": named(("h_3", "3"), ("h_2", "2"))},
        {"account_id": "2", "kind": "reply", "reply_to_account": "4", "mentions": named(("h_4", "4"))},
        {"account_id": "2", "kind": "retweet", "retweeted_account": "3", "mentions": named(("h_3", "3"))},
        {"account_id": "2", "kind": "quote", "quoted_post": "0"},
        {"account_id": "1", "mentions": named(("nobody_known", None))},
    ])  # fmt: skip

    def edges(kind):
        frame = actor_edges.network(db, kind=kind).edges()
        return {(a, b): w for a, b, w in frame.itertuples(index=False)}

    assert edges("mention") == {("1", "3"): 2, ("1", "2"): 1, ("2", "4"): 1}
    assert edges("reply") == {("2", "4"): 1}
    assert edges("retweet") == {("2", "3"): 1}
    assert edges("quote") == {("2", "1"): 1}
    table = actors.interaction_and_follow(db).set_index("interaction")
    assert table.loc["mention", "ties"] == 3
    assert table.loc["mention", "sender_follows"] == pytest.approx(2 / 3)
    assert table.loc["mention", "posts_to_followed"] == pytest.approx(3 / 4)
    assert table.loc["mention", "other_follows"] == pytest.approx(1 / 3)
    assert table.loc["retweet", "follow_ties_used"] == pytest.approx(1 / 5)
    with pytest.raises(UserError, match="no network of 'like' ties"):
        actor_edges.network(db, kind="like")


def planted(db, outside: float, seed: int = 1, groups: int = 4):
    """Linked accounts of four groups and media outside, tied by a planted partition; every tie has a linked end."""
    rng = np.random.default_rng(seed)
    linked = [f"l{i:03d}" for i in range(160)]
    others = [f"o{i:03d}" for i in range(240)]
    names = linked + others
    group = {name: i % groups for i, name in enumerate(names)}
    studies.people(db, {name: f"M{group[name]}" for name in linked})
    studies.accounts(db, names)
    pairs = set()
    while len(pairs) < 9000:
        a = linked[rng.integers(160)]
        away = rng.random() < outside
        b = names[rng.integers(400)]
        while b == a or (group[b] != group[a]) != away:
            b = names[rng.integers(400)]
        pairs.add((a, b) if rng.random() < 0.5 else (b, a))
    studies.follows(db, sorted(pairs))
    return group


def test_planted_communities_come_back_and_are_named_after_their_ministry(db):
    group = planted(db, outside=0.35)
    labels = pd.DataFrame({"handle": [f"h_{n}" for n, g in group.items() if g == 2 and n[0] == "o"], "label": "media"})
    found = actors.study(db, min_degree=20, labels=labels, seed=3)
    ours = adjusted_rand([group[n] for n in found.network.nodes.index], found.communities.membership)
    control = nx.community.louvain_communities(nx.Graph(found.network.to_networkx()), seed=3)
    of = {n: i for i, members in enumerate(control) for n in members}
    assert ours >= 0.9
    assert ours >= adjusted_rand([group[n] for n in of], list(of.values())) - 1e-9
    table = actors.communities(found)
    assert sorted(table["name"]) == ["M0", "M1", "M2, with media", "M3"]
    assert table["size"].sum() == found.network.n
    assert table[["members", "media", "other"]].to_numpy().sum() == found.network.n
    assert table["e_i_index"].between(-1, 1).all()
    shares = actors.by_group(found)
    assert shares["actors"].sum() == found.network.n
    assert shares.groupby("community")["share_of_community"].sum().tolist() == pytest.approx([1] * 4)
    assert "4 communities" in table.attrs["verdict"]


def test_a_world_without_communities_has_none_to_speak_of(db):
    planted(db, outside=0.75)  # what chance gives four equal groups
    found = actors.study(db, min_degree=20)
    table = actors.communities(found)
    assert not found.communities.to_speak_of
    assert table["name"].isna().all()
    assert "No communities to speak of" in table.attrs["verdict"]


def test_bridges_are_those_between_communities(db):
    members = {f"{g}{i}": g for g in "ab" for i in range(8)}
    studies.people(db, {**{n: g.upper() for n, g in members.items()}, "z": "AZ"})
    inner = [p for g in "ab" for p in itertools.permutations([n for n in members if n[0] == g], 2)]
    studies.follows(db, [*inner, ("z", "a0"), ("a0", "z"), ("z", "b0"), ("b0", "z")])
    found = actors.study(db, min_degree=0)
    assert set(actors.bridges(found, 3)["account_id"]) == {"z", "a0", "b0"}
    part = actors.participation(found.network, found.communities)
    assert part.loc["z", "participation"] == pytest.approx(0.5)
    assert part.loc["a5", ["participation", "outside_share"]].tolist() == [0, 0]


def test_renamed_accounts_are_the_same_network(db):
    group = planted(db, outside=0.35)
    other = studies.empty()
    new = {name: f"n{(i * 7) % len(group):03d}" for i, name in enumerate(group)}
    studies.people(other, {new[n]: f"M{g}" for n, g in group.items() if n[0] == "l"})
    pairs = db.execute("SELECT follower_id, followed_id FROM follows").fetchall()
    studies.follows(other, [(new[a], new[b]) for a, b in pairs])
    one, two = actors.study(db, min_degree=20), actors.study(other, min_degree=20)
    left = one.network.nodes[["degree", "betweenness", "x", "y"]].rename(index=new)
    right = two.network.nodes.loc[left.index, list(left)]
    pd.testing.assert_frame_equal(left, right, check_names=False, rtol=1e-9)
    assert one.communities.modularity == pytest.approx(two.communities.modularity, abs=1e-12)


def test_the_graph_is_networkx_with_all_attributes_and_its_parameters(db):
    planted(db, outside=0.35)
    graph = actors.graph(db, min_degree=20)
    assert isinstance(graph, nx.DiGraph)
    wanted = {"handle", "label", "group_name", "degree", "betweenness", "community", "x", "y", "size", "color"}
    assert wanted <= set(graph.nodes["l000"])
    theirs = nx.betweenness_centrality(graph, normalized=False)
    assert nx.get_node_attributes(graph, "betweenness") == pytest.approx(theirs)
    assert graph.graph["parameters"]["method"] == "louvain"
    assert graph.graph["parameters"]["betweenness"] == "exact"


def test_a_threshold_of_its_own_is_the_lowest_that_leaves_a_picture() -> None:
    degrees, actors_of = pd.Series([1, 2, 3, 9]), pd.Series([900, 60, 30, 10])
    assert [actor_edges.lowest(degrees, actors_of, most) for most in (1_000, 99, 40, 39, 10, 5)] == [2, 3, 3, 9, 9, 9]
    assert actor_edges.lowest(degrees[:1], actors_of[:1], 10) == actor_edges.LEAST  # nobody has two


def test_ties_that_ended_are_in_no_network_of_now() -> None:
    """Account 0 follows 100; the second whole walk of its list shows 70 of them, and a third is cut short."""
    db = studies.empty()
    days = ["2026-01-01", "2026-02-01", "2026-03-01"]
    studies.insert(db, "walks", [
        {"walk": str(at), "collector": "x", "kind": "following", "key": "0", "started_at": day, "complete": at < 2}
        for at, day in enumerate(days)
    ])  # fmt: skip
    shown = [(str(one), at) for at, until in ((0, 100), (1, 70), (2, 10)) for one in range(1, until + 1)]
    tie = {"platform": "x", "follower_id": "0", "listed": "following"}
    rows = [{**tie, "followed_id": one, "walk": str(at), "seen_at": f"{days[at]} 01:00:00"} for one, at in shown]
    studies.insert(db, "follows", rows)
    db.execute(
        "INSERT INTO base.current_follows BY NAME SELECT follower_id, followed_id, platform, "
        "min(seen_at) AS first_seen, max(seen_at) AS last_seen FROM base.follows GROUP BY ALL"
    )
    assert db.execute("SELECT count(*) FROM follows").fetchone() == (70,)
    assert db.execute("SELECT count(*), count(closed_at) FROM follow_history").fetchone() == (100, 30)
    now, march = datetime(2026, 4, 1, tzinfo=UTC), datetime(2026, 2, 2, tzinfo=UTC)
    january = datetime(2026, 1, 15, tzinfo=UTC)
    assert actor_edges.network(db, min_degree=0).m == 70
    assert actor_edges.network(db, min_degree=0, since=march, until=now).m == 70
    everyone = actor_edges.network(db, min_degree=0, until=january)
    assert everyone.m == 100
    studies.insert(db, "kinds", [{"collector": "x", "kind": "following", "yields": "follows"}])
    seen = ties_over_time.history(db, everyone)
    assert seen is not None
    assert seen.rounds["lists"].tolist() == [1, 1]  # the walk that was cut short is no round
    spans = Counter(zip(seen.opened.tolist(), seen.closed.tolist(), strict=True))
    assert spans == {(0, 2): 70, (0, 1): 30}
    db.execute("DELETE FROM base.walks WHERE walk = '1'")
    assert ties_over_time.history(db, everyone) is None

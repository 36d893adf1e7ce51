"""The hashtag network: counts against brute force, the three profiles, folding, communities, use over time."""

import itertools
import unicodedata
from collections import Counter

import duckdb
import networkx as nx
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis import hashtag_edges, hashtags
from analysis.graphs.communities import adjusted_rand
from storage import folding
from storage.errors import UserError
from storage.privacy.pseudonymise import pseudonymise
from storage.privacy.pseudonyms import Pseudonyms
from storage.records import Post
from storage.tables.load import load
from tests import studies
from tests.conftest import examples
from tests.pages import PARSERS, T0, page, write


@pytest.fixture
def db():
    connection = studies.empty()
    yield connection
    connection.close()


@pytest.fixture(scope="module")
def shared():
    """One database for the many examples of a property."""
    connection = studies.empty()
    yield connection
    connection.close()


def posts(db, lists, **more):
    db.execute("DELETE FROM base.posts")
    studies.posts(db, [{"account_id": "1", "hashtags": list(hashtag_edges), **more} for hashtag_edges in lists])


def table(network):
    """Frequencies and edge weights as plain dicts."""
    pairs = {frozenset((a, b)): w for a, b, w in network.edges().itertuples(index=False)}
    return network.nodes["posts"].to_dict(), pairs


def fold(tag):
    """By Unicode alone: canonical equivalents are one, cases are one, and so are the dotted and the plain i."""
    folding = unicodedata.normalize("NFD", unicodedata.normalize("NFD", tag).casefold().lower()).replace("i\u0307", "i")
    return unicodedata.normalize("NFC", folding).lstrip("#＃")


@pytest.mark.parametrize("tags", [
    ("café", "cafe\u0301", "CAFÉ", "#Cafe\u0301"), ("İstanbul", "istanbul", "i\u0307stanbul", "I\u0307STANBUL"),
    ("STRASSE", "straße"), ("ÅNGSTRÖM", "A\u030angstro\u0308m", "\u212bngström"), ("ﬁets", "FIETS"),
    ("zorg", "zorg\ufe0f", "z\u00adorg\u200b"), ("ᎣᏏᏲ", "ꭳꮟᏺ"),
])  # fmt: skip
def test_one_hashtag_in_several_forms_is_one(tags):
    with duckdb.connect() as db:
        rows = db.execute(f"SELECT {folding.folded()} FROM (SELECT unnest(?) AS t)", [list(tags)]).fetchall()
    assert {tag for (tag,) in rows} == {folding.fold(tag) for tag in tags} == {fold(tags[0])}


def test_a_hashtag_that_five_people_wrote_in_several_forms_stays_in_a_package(tmp_path, monkeypatch):
    """As its analyses count it; what four people wrote becomes a pseudonym."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "home"))
    forms = ["Café", "cafe\u0301", "CAFÉ", "CAFE\u0301", "café"]
    posts = [Post(str(n), "x", str(n), T0, "", str(n), hashtags=(tag, "few") if n else (tag,))
             for n, tag in enumerate(forms)]  # fmt: skip
    study = tmp_path / "study"
    write(study / "archive", [page(1, posts)])
    load(study, PARSERS)
    made = pseudonymise(study / "study.duckdb", tmp_path / "public.duckdb", Pseudonyms(study))
    with duckdb.connect(str(made), read_only=True) as db:
        written = [row[0] for row in db.execute("SELECT unnest(hashtags) FROM posts").fetchall()]
    assert sorted(tag for tag in written if folding.fold(tag) == "café") == sorted(forms)
    assert len(written) == 9
    assert "few" not in written


@given(st.lists(st.text(st.characters(exclude_categories=["Cs", "Cn"]), max_size=6), max_size=20))
@settings(max_examples=examples(50), deadline=None)
def test_sql_folds_as_python_does(tags):
    with duckdb.connect() as db:
        rows = db.execute(f"SELECT t, {folding.folded()} FROM (SELECT unnest(?::VARCHAR[]) AS t)", [tags]).fetchall()
    assert [folding.fold(tag) for tag, _ in rows] == [folding.fold(found) for _, found in rows]


LETTERS = st.sampled_from([*"aAßΣςσİéÉ#日ñﬁᎠꭰ", "SS", "ss", "i̇", "FI"])
POSTS = st.lists(st.lists(st.lists(LETTERS, max_size=2).map("".join), max_size=5), max_size=12)


@given(POSTS, st.integers(0, 3))
@settings(deadline=None, max_examples=25)
def test_co_occurrence_equals_a_brute_force_count(shared, lists, threshold):
    db = shared
    posts(db, lists)
    sets = [sorted({fold(tag) for tag in found} - {""}) for found in lists]
    often = Counter(tag for found in sets for tag in found)
    kept = {tag: n for tag, n in often.items() if n > threshold}
    pairs = Counter(frozenset(p) for found in sets for p in itertools.combinations(found, 2))
    wanted = {pair: n for pair, n in pairs.items() if pair <= set(kept)}
    assert table(hashtag_edges.network(db, threshold=threshold)) == (kept, wanted)
    edges = {pair: n for pair, n in pairs.items() if n > threshold}
    frequencies, weights = table(hashtag_edges.network(db, threshold=threshold, on="edges"))
    assert weights == edges
    assert set(frequencies) == set().union(*edges)
    together = Counter(tag for found in sets if len(found) > 1 for tag in found)
    frequencies, _ = table(hashtag_edges.network(db, threshold=threshold, profile="4cat"))
    assert frequencies == {tag: n for tag, n in together.items() if n > threshold}


@given(POSTS, st.integers(1, 3))
@settings(deadline=None, max_examples=40)
def test_tcat_counts_pairs_of_rows(shared, lists, threshold):
    db = shared
    posts(db, lists)
    rows = [[fold(tag) for tag in found if fold(tag)] for found in lists]
    often = Counter(tag for found in rows for tag in found)
    kept = {tag: n for tag, n in often.items() if n >= threshold}
    pairs = Counter(frozenset((a, b)) for found in rows for a in found for b in found if a < b)
    wanted = {pair: n for pair, n in pairs.items() if pair <= set(kept)}
    assert table(hashtag_edges.network(db, threshold=threshold, profile="tcat")) == (kept, wanted)


def test_more_than_100_is_101_and_tcat_at_least_100(db):
    posts(db, [["often"]] * 101 + [["hundred"]] * 100 + [["less"]] * 99)
    assert set(hashtag_edges.network(db).nodes.index) == {"often"}
    assert set(hashtag_edges.network(db, profile="tcat").nodes.index) == {"often", "hundred"}
    assert hashtag_edges.network(db).parameters["filter"] == "frequency > 100"
    with pytest.raises(UserError, match="unknown hashtag profile 'gephi'"):
        hashtag_edges.network(db, profile="gephi")


def test_tcat_takes_the_originals_hashtags_of_a_retweet(db):
    posts(db, [["a"]], kind="retweet", full_hashtags=["a", "b"])
    assert table(hashtag_edges.network(db, threshold=0)) == ({"a": 1}, {})
    assert table(hashtag_edges.network(db, threshold=1, profile="tcat")) == ({"a": 1, "b": 1}, {frozenset("ab"): 1})
    assert table(hashtag_edges.network(db, threshold=0, profile="4cat")) == ({"a": 1, "b": 1}, {frozenset("ab"): 1})


def test_only_posts_of_members_count_unless_all_are_wanted(db):
    studies.people(db, {"1": "EZ"})
    studies.posts(db, [{"account_id": a, "hashtags": ["x"]} for a in "112"])
    assert hashtag_edges.network(db, threshold=0).nodes.loc["x", "posts"] == 2
    assert hashtag_edges.network(db, threshold=0, scope="all").nodes.loc["x", "posts"] == 3


def test_languages_and_scripts(db):
    greek = [["ΣΊΣΥΦΟΣ"], ["σίσυφος"]]
    posts(db, [["Straße", "ИННОВАЦИЯ"], ["STRASSE", "инновация"], ["数据", "داده"], ["#数据", "داده"], *greek])
    frequencies, pairs = table(hashtag_edges.network(db, threshold=1))
    assert frequencies == {"strasse": 2, "инновация": 2, "数据": 2, "داده": 2, "σίσυφοσ": 2}
    assert pairs == {frozenset(("strasse", "инновация")): 2, frozenset(("数据", "داده")): 2}


def planted(db, outside, seed=1, groups=5):
    """Posts of one to three of a hundred tags in five groups; the second and third from another group by chance."""
    rng = np.random.default_rng(seed)
    studies.people(db, {str(a): f"M{a}" for a in range(groups)})
    rows = []
    for _ in range(6000):
        home = int(rng.integers(groups))
        chosen = [home * 20 + int(20 * rng.random() ** 2)]
        for _ in range(int(rng.integers(0, 3))):
            other = (home + int(rng.integers(1, groups))) % groups if rng.random() < outside else home
            chosen.append(other * 20 + int(20 * rng.random() ** 2))
        month = 1 + int(rng.integers(12))
        rows.append({"account_id": str(home), "hashtags": [f"T{t}" for t in chosen],
                     "created_at": f"2012-{month:02d}-15 12:00:00+00"})  # fmt: skip
    studies.posts(db, rows)


def group_of(tag):
    return int(tag[1:]) // 20


def test_planted_communities_come_back_described(db):
    planted(db, outside=0.35)
    found = hashtags.study(db, threshold=10, iterations=30)
    ours = adjusted_rand([group_of(tag) for tag in found.network.nodes.index], found.communities.membership)
    control = nx.community.louvain_communities(found.network.to_networkx(), seed=1)
    of = {tag: i for i, members in enumerate(control) for tag in members}
    assert ours >= 0.9
    assert ours >= adjusted_rand([group_of(tag) for tag in of], list(of.values())) - 1e-9
    described = hashtags.communities(found).set_index("community")
    for number, row in described.iterrows():
        home = group_of(row["characteristic"][0][1:])
        assert all(group_of(tag[1:]) == home for tag in [*row["characteristic"], *row["most_used"]])
        who = hashtags.by_group(db, found)
        assert who[who.community == number].iloc[0]["group_name"] == f"M{home}"
        accounts = hashtags.by_account(db, found, most=2)
        assert accounts[accounts.community == number].iloc[0]["account_id"] == str(home)
    time = hashtags.course(db, found)
    assert time.shape == (12, 5)
    assert time.to_numpy().sum() == hashtags.by_group(db, found)["posts"].sum()


def test_tags_that_mix_by_chance_have_no_communities_to_speak_of(db):
    planted(db, outside=0.8)
    found = hashtags.study(db, threshold=10, positions=False)
    assert hashtags.communities(found)["name"].isna().all()
    assert hashtags.communities(found).attrs["verdict"].startswith("No communities to speak of")


def test_log_odds_tell_the_corpora_apart():
    """The word of one corpus scores as high as that of the other low; the shared word scores 0."""
    score = hashtags.log_odds([100, 0, 50], [0, 100, 50], [10, 10, 10])
    assert score[0] == pytest.approx(-score[1])
    assert score[0] > 3
    assert score[2] == pytest.approx(0)


def test_bipartite_network_of_hashtags_and_accounts(db):
    studies.accounts(db, "12")
    used = [("1", ["X", "x", "y"]), ("1", ["x"]), ("2", ["x"])]
    studies.posts(db, [{"account_id": account, "hashtags": found} for account, found in used])
    graph = hashtags.bipartite(db, threshold=0).to_networkx()
    assert graph["1"]["#x"]["weight"] == 2
    assert graph["2"]["#x"]["weight"] == 1
    assert graph["1"]["#y"]["weight"] == 1
    assert nx.is_bipartite(graph)
    assert graph.nodes["#x"] == {"posts": 3, "kind": "hashtag"}
    assert graph.nodes["1"]["handle"] == "h_1"


def test_an_empty_study_has_an_empty_network(db):
    found = hashtags.study(db)
    assert found.network.n == 0
    assert hashtags.communities(found).empty
    assert isinstance(hashtags.graph(db), nx.Graph)
    assert pd.api.types.is_integer_dtype(found.network.nodes["posts"])

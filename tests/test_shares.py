"""Table 6: shares of posts with hashtags, with mentions, and that begin with @."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis import shares
from tests import small

POSTS, HASHTAGS, MENTIONS, AT_START = 687_811, 237_075, 422_153, 232_346


def person(handle):
    return {"handle": handle, "account_id": None}


def by_kind(frame, column):
    return dict(zip(frame["kind"], frame[column], strict=True))


def test_the_counts_of_2013_give_the_shares_they_give_and_the_published_ones_stand_beside_them():
    """237,075 of 687,811 posts is 34.47%; the report printed 34.18%. The other two agree to 0.03 points."""
    db = small.database()
    db.execute(
        f"""INSERT INTO base.posts BY NAME
        SELECT range AS post_id, 'x' AS platform, 'a' AS timeline_of, 'original' AS kind,
               CASE WHEN range < {AT_START} THEN '@iemand' ELSE 'tekst' END AS text,
               CASE WHEN range < {HASHTAGS} THEN ['ns'] ELSE [] END AS hashtags,
               CASE WHEN range < {MENTIONS} THEN [{{'handle': 'iemand', 'account_id': NULL::VARCHAR}}] ELSE [] END
                   AS mentions FROM range({POSTS})"""
    )
    published = {"hashtags": (237075, 34.18), "mentions": (422153, 61.40), "begins_with_mention": (232346, 33.80)}
    small.insert(db, "study", [
        {"key": f"published.shares.{kind}.{key}", "value": json.dumps(value)}
        for kind, (count, share) in published.items() for key, value in (("count", count), ("share", share))
    ])  # fmt: skip
    frame = shares.table(db)
    assert by_kind(frame, "count") == {"hashtags": HASHTAGS, "mentions": MENTIONS, "begins_with_mention": AT_START}
    assert [round(share, 2) for share in frame["share"]] == [34.47, 61.38, 33.78]
    assert list(frame["published_share"]) == [34.18, 61.40, 33.80]
    assert list(frame["published_count"]) == [HASHTAGS, MENTIONS, AT_START]
    assert "published_sample" not in frame
    assert frame.attrs["parameters"]["profile"] == "study2013"


RETWEETS = [
    # cut: its hashtag and second mention were beyond 140 characters
    {"kind": "retweet", "text": "RT @een: lang ...", "mentions": [person("een")], "full_hashtags": ["weg"],
     "full_mentions": [person("twee")], "full_text": "lang #weg @twee"},
    # of a post that begins with @
    {"kind": "retweet", "text": "RT @een: @twee ja", "mentions": [person("een"), person("twee")],
     "full_mentions": [person("twee")]},
    # a repost of a platform that puts no RT before it
    {"kind": "retweet", "text": "@drie hallo", "mentions": []},
    {"kind": "reply", "text": "@een ja #eens", "mentions": [person("een")], "hashtags": ["eens"]},
    {"kind": "original", "text": "mail mij@example.org"},
]  # fmt: skip


@pytest.mark.parametrize(
    ("profile", "retweets", "counts"),
    [
        ("study2013", "all", (1, 3, 2)),
        ("tcat", "all", (2, 4, 1)),
        ("4cat", "all", (2, 3, 1)),
        ("study2013", "without", (1, 1, 1)),
        ("tcat", "without", (1, 1, 1)),
        ("4cat", "originals", (0, 0, 0)),
    ],
)
def test_the_tools_differ_over_retweets_only(profile, retweets, counts):
    db = small.database()
    small.posts(db, RETWEETS)
    frame = shares.table(db, profile, retweets)
    assert tuple(frame["count"]) == counts
    assert set(frame["posts"]) == {{"all": 5, "without": 2, "originals": 1}[retweets]}


def test_only_posts_on_timelines_of_linked_members_count_where_there_are_links():
    db = small.database()
    small.insert(db, "employers", [{"employer": "EZ", "organisation": "EZ", "group_name": "EZ", "rule": "name"}])
    small.profiles(db, [{"profile_id": "p", "employers": ["EZ"]}, {"profile_id": "q"}])
    small.posts(db, [{"account_id": "mine"}, {"account_id": "other"}, {"account_id": "outsider"}])
    assert set(shares.table(db)["posts"]) == {3}
    small.link(db, [("p", "mine"), ("q", "outsider")])
    assert set(shares.table(db)["posts"]) == {1}
    assert set(shares.table(db, accounts="all")["posts"]) == {3}
    assert shares.table(db).attrs["parameters"]["accounts"] == "linked"


def test_a_comparison_set_stands_beside_with_the_difference_and_its_interval():
    """Newcombe (1998), table II, example a: 56/70 against 48/80 differ by 20 points, 95% interval 5.24 to 33.39."""
    low, high = shares.interval(56, 70, 48, 80)
    assert (round(low, 2), round(high, 2)) == (5.24, 33.39)
    db = small.database()
    small.posts(db, [{"hashtags": ["a"] if number < 56 else []} for number in range(70)])
    small.posts(
        db, [{"hashtags": ["a"] if number < 48 else []} for number in range(80)], sample="stream", timeline_of=None
    )
    frame = shares.table(db, comparison="stream").set_index("kind")
    assert frame.loc["hashtags", "difference"] == pytest.approx(20)
    assert frame.loc["hashtags", ["low", "high"]].astype(float).round(2).tolist() == [5.24, 33.39]
    assert frame.loc["hashtags", "sample_posts"] == 80


@given(count=st.integers(0, 30), more=st.integers(1, 30), other=st.integers(0, 3000), others=st.integers(1, 3000))
def test_the_interval_is_that_of_statsmodels(count, more, other, others):
    from statsmodels.stats.proportion import confint_proportions_2indep

    numbers = count, count + more, other, other + others
    theirs = confint_proportions_2indep(*numbers, method="newcomb", compare="diff")
    assert shares.interval(*numbers) == pytest.approx([100 * end for end in theirs])


def test_without_posts_there_is_no_share():
    frame = shares.table(small.database(), comparison="none")
    assert frame["share"].isna().all()
    assert frame["low"].isna().all()


text = st.sampled_from(["@een ja", "ja @een", "RT @een: ja", "", "＠een", " @een"])
names = st.lists(st.sampled_from(["a", "b"]), max_size=2)
post = st.fixed_dictionaries({
    "kind": st.sampled_from(["original", "retweet", "reply", "quote"]), "text": text, "hashtags": names,
    "mentions": names.map(lambda found: [person(name) for name in found]),
    "full_hashtags": st.none() | names,
    "full_mentions": st.none() | names.map(lambda found: [person(name) for name in found]),
})  # fmt: skip


@pytest.fixture(scope="module")
def shared():
    return small.database()


@settings(max_examples=40, deadline=None)
@given(st.lists(post, min_size=1, max_size=12))
def test_shares_equal_a_count_by_hand(shared, rows):
    db = shared
    db.execute("DELETE FROM base.posts")
    small.posts(db, rows)
    frame = shares.table(db).set_index("kind")["count"]
    assert frame["hashtags"] == sum(bool(row["hashtags"]) for row in rows)
    assert frame["mentions"] == sum(bool(row["mentions"]) for row in rows)
    assert frame["begins_with_mention"] == sum(row["text"].startswith("@") for row in rows)
    tcat = shares.table(db, "tcat").set_index("kind")["count"]
    full = [
        row["hashtags"] if row["kind"] != "retweet" or row["full_hashtags"] is None else row["full_hashtags"]
        for row in rows
    ]
    assert tcat["hashtags"] == sum(map(bool, full))
    assert tcat["mentions"] == sum(row["kind"] == "retweet" or bool(row["mentions"]) for row in rows)
    without = shares.table(db, retweets="without")
    assert set(without["posts"]) == {sum(row["kind"] != "retweet" for row in rows)}

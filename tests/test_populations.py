"""Table 5 and the key figures of a study: who is counted, and that nobody is counted twice."""

import json

import pandas as pd
import pytest

from analysis import populations
from tests import small

MINISTRIES = {"EZ": "Economische Zaken", "BZK": "Binnenlandse Zaken", "FIN": "Financiën"}


@pytest.fixture
def db():
    """Three start contacts, one with two groups; others; and data that must not count.

    s1 - s2, s3 (in both lists); a is in the lists of s1, s2; b of s1; c of all three; gone, who has no page, of s1, s2.
    """
    db = small.database()
    small.insert(db, "organisations", [
        {"organisation": key, "group_name": key, "name": name, "kind": "group"} for key, name in MINISTRIES.items()
    ])  # fmt: skip
    small.insert(db, "employers", [
        {"employer": f"Ministerie {key}", "organisation": key, "group_name": key, "rule": "name"} for key in MINISTRIES
    ] + [{"employer": "Dienst", "organisation": "Dienst", "group_name": "EZ", "rule": "name"}])  # fmt: skip
    small.profiles(db, [
        {"profile_id": "s1", "start": True, "employers": ["Ministerie EZ", "Dienst"]},  # two posts, one group
        {"profile_id": "s2", "start": True, "employers": ["Ministerie EZ", "Ministerie BZK"]},  # two groups
        {"profile_id": "s3", "start": True, "employers": ["Ministerie BZK"]},
        {"profile_id": "a", "employers": ["Elders"]},
        {"profile_id": "b", "employers": ["Dienst"]},
        {"profile_id": "c", "employers": []},
    ])  # fmt: skip
    pairs = [("s1", "s2"), ("s2", "s1"), ("s1", "s3"), ("s1", "a"), ("s2", "a"), ("s1", "b"),
             ("s1", "c"), ("s2", "c"), ("s3", "c"), ("s1", "gone"), ("s2", "gone")]  # fmt: skip
    small.connections(db, pairs)
    return db


def figures(db):
    frame = populations.selection(db)
    return dict(zip(frame["figure"], frame["computed"], strict=True))


def test_a_list_counts_as_read_whether_a_page_or_its_owner_gave_it(db):
    """s1's page was read and shows nobody; s2 and s3 gave their lists in an export, whose pieces name no profile."""
    db.execute("DELETE FROM base.connections WHERE profile_id = 's1'")
    small.insert(db, "answers", [{"record_id": "r", "collector": "profiles", "kind": "connections", "key": "s1",
                                  "outcome": "done"}], fetched_at=small.SEEN)  # fmt: skip
    read = populations.table(db).set_index("group_name")["lists_read"].to_dict()
    assert read == {"EZ": 2, "BZK": 2, "FIN": 0}


def test_each_connection_counts_once_and_only_between_profiles_that_were_read(db):
    assert figures(db)["profiles"] == 6
    assert figures(db)["connections"] == 8  # eleven in the lists, one twice, two with a profile that has no page


def test_connected_with_two_members(db):
    """a (s1, s2), c, and s1 (s2, s3, b); s2 knows only s1, and b only s1."""
    assert figures(db)["connected_with_two"] == 3


def test_members_count_once_in_all_and_once_in_each_ministry(db):
    assert figures(db)["start_contacts"] == 3
    assert figures(db)["members"] == 4
    assert figures(db)["sum_of_rows"] == 5
    table = populations.table(db)
    assert dict(zip(table["group_name"], table["profiles"], strict=True)) == {"EZ": 3, "BZK": 2, "FIN": 0}
    assert list(table["group_name"]) == ["EZ", "BZK", "FIN"]
    assert (table.attrs["members"], table.attrs["sum_of_rows"]) == (4, 5)


def test_a_former_position_does_not_count(db):
    db.execute("UPDATE base.positions SET current = FALSE, ended = '2012' WHERE profile_id = 'b'")
    assert figures(db)["members"] == 3
    assert figures(db)["connected_with_two"] == 3


def test_found_on_a_platform_is_an_accepted_link_of_a_member(db):
    small.link(db, [("s1", "x1"), ("s3", "x3"), ("a", "x-of-no-civil-servant")])
    small.link(db, [("s1", "m1")], platform="mastodon")
    small.insert(db, "links", [{"profile_id": "b", "account_id": "x4", "platform": "x", "decision": "conflict"}])
    table = populations.table(db).set_index("group_name")
    assert table["x"].to_dict() == {"EZ": 1, "BZK": 1, "FIN": 0}
    assert table["mastodon"].to_dict() == {"EZ": 1, "BZK": 0, "FIN": 0}
    assert table["accounts"].to_dict() == {"EZ": 2, "BZK": 1, "FIN": 0}
    assert table.loc["EZ", "share"] == pytest.approx(100 / 3)  # one person of three, on two platforms
    assert pd.isna(table.loc["FIN", "share"])
    assert figures(db)["accounts"] == 3
    assert "published_profiles" not in table


def test_published_figures_stand_beside_the_computed_ones_where_they_are_named(db):
    db.execute(
        "UPDATE base.organisations SET published_profiles = 1024, published_accounts = 244 WHERE group_name = 'EZ'"
    )
    small.insert(db, "study", [{"key": "published.members", "value": json.dumps(6807)}])
    table = populations.table(db).set_index("group_name")
    assert table.loc["EZ", "published_profiles"] == 1024
    assert pd.isna(table.loc["BZK", "published_profiles"])
    assert table.attrs["published_members"] == 6807
    selection = populations.selection(db).set_index("figure")
    assert selection.loc["members", "published"] == 6807
    assert selection.loc["members", "what"] == "members, each once"
    assert pd.isna(selection.loc["profiles", "published"])


def test_a_profile_known_only_from_a_list_is_not_read(db):
    small.profiles(db, [{"profile_id": "gone", "record_id": "page-of-a-list"}])
    db.execute("DELETE FROM base.answers WHERE record_id = 'page-of-a-list'")
    small.insert(db, "fetches", [{"record_id": "page-of-a-list", "collector": "profiles", "kind": "connections"}])
    assert figures(db)["profiles"] == 6
    assert figures(db)["connections"] == 8


def test_the_first_and_last_day_are_of_the_studys_time_zone(db):
    small.link(db, [("s1", "x1")])
    moments = ["2007-03-19T23:30:00Z", "2013-02-23T22:59:59Z"]
    small.posts(db, [{"account_id": "x1", "created_at": pd.Timestamp(moment)} for moment in moments])
    small.posts(db, [{"account_id": "other", "created_at": pd.Timestamp("2001-01-01T00:00:00Z")}])
    found = figures(db)
    assert (found["first_post"], found["last_post"], found["posts"]) == ("2007-03-20", "2013-02-23", 2)


def test_coverage_says_what_was_not_read_and_why():
    db = small.database()
    rows = [{"key": f"k{number}", "outcome": "done", "complete": True} for number in range(147)]
    rows += [{"key": f"g{number}", "outcome": "absent", "why": "gone"} for number in range(5)]
    rows += [{"key": f"r{number}", "outcome": "absent", "why": "refused"} for number in range(6)]
    # a list of which the second page never came, and one that was read whole the second time
    rows += [
        {"key": "half", "outcome": "done", "next_cursor": "2"},
        {"key": "half", "outcome": "failure", "why": "timeout"},
    ]
    rows += [{"key": "k0", "outcome": "later", "why": "slow down"}]
    small.insert(db, "answers", [
        {"collector": "profiles", "kind": "connections", "fetched_at": small.SEEN + pd.Timedelta(seconds=number), **row}
        for number, row in enumerate(rows)
    ])  # fmt: skip
    frame = populations.coverage(db)
    assert len(frame) == 1
    row = frame.iloc[0]
    assert (row["asked"], row["read_whole"], row["read_in_part"], row["absent"], row["not_read"]) == (
        159,
        147,
        1,
        11,
        0,
    )
    assert row["summary"] == (
        "profiles connections: 12 of 159 were not read whole, 1 of them in part: refused (6), gone (5), timeout (1)"
    )


def test_an_empty_study_has_empty_tables():
    db = small.database()
    assert populations.table(db).empty
    assert populations.coverage(db).empty
    assert figures(db)["posts"] == 0
    assert pd.isna(figures(db)["first_post"])

"""Candidates, the review file, and decisions taken in from it."""

import sys

import pytest

from storage.candidates import candidates
from storage.errors import UserError
from tests.politicians import study_of

PEOPLE = [
    ("nl", "p1", "Anna van Voorbeeld", "Den Haag", "Rijkswaterstaat", "Adviseur water"),
    ("nl", "p2", "Bo Li", None, "Rijkswaterstaat", "Adviseur"),
    ("nl", "p3", "Corné Proefman MSc", None, "Rijkswaterstaat", "Adviseur"),
]


def pairs(*bearers, db=None):
    db = db or study_of(PEOPLE, list(bearers))
    return {(row["profile_id"], row["account_id"]): row for row in candidates(db, "x", 0.2).to_pylist()}


def test_name_handle_and_bio_make_a_candidate_with_its_evidence():
    found = pairs(
        ("1", "annavoorbeeld", "Anna van Voorbeeld", "Adviseur bij Rijkswaterstaat"), ("2", "other", "Dirk", "")
    )
    assert set(found) == {("p1", "1")}
    row = found["p1", "1"]
    assert "Adviseur bij Rijkswaterstaat" in row["evidence"]
    assert (row["record_id"], row["handle"]) == ("r-p1", "annavoorbeeld")


@pytest.mark.parametrize("handle", ["CorneProefman", "proefman_corne", "drs_corneproefman72"])
def test_a_handle_alone_can_tell(handle):
    assert set(pairs(("1", handle, None, None))) == {("p3", "1")}


def test_short_family_names_are_found_only_with_the_given_name():
    assert set(pairs(("1", "x1", "Bo Li", None))) <= {("p2", "1")}
    assert not pairs(("1", "alliance", None, None))


def test_namesakes_share_the_odds():
    one = pairs(("1", "a1", "Anna Voorbeeld", None))["p1", "1"]["confidence"]
    two = pairs(("1", "a1", "Anna Voorbeeld", None), ("2", "a2", "Anna Voorbeeld", None))
    assert [row["confidence"] < 0.51 < one for row in two.values()] == [True, True]


def test_what_is_linked_or_decided_is_not_proposed_again():
    bearer = ("1", "annavoorbeeld", "Anna van Voorbeeld", "")
    for statement in (
        "INSERT INTO links VALUES ('p1', '9', 'x')",
        "INSERT INTO links VALUES ('p9', '1', 'x')",
        "INSERT INTO link_candidates VALUES ('p1', '1', 'x', 'rejected')",
        "INSERT INTO link_candidates VALUES ('p7', '1', 'x', 'organisation')",
    ):
        db = study_of(PEOPLE, [bearer])
        db.execute(statement)
        assert not pairs(db=db), statement


def test_without_splink_one_line_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "splink", None)
    with pytest.raises(UserError, match=r"sneeuwbal\[linkage\]"):
        pairs(("1", "a", "Anna Voorbeeld", None))

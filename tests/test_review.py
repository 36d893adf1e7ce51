"""Candidates, the review file, and decisions taken in from it."""

import csv
import shutil
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

import cli
from jobs import decide
from storage.errors import UserError
from storage.linking.candidates import candidates
from storage.linking.decisions import decisions
from storage.tables.database import open_readonly
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


# ---- the file and the decisions --------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def study(replayed, tmp_path_factory):
    copy = tmp_path_factory.mktemp("review") / "study"
    shutil.copytree(replayed, copy)
    return copy


def review(study, *arguments):
    return cli.main(["--study", str(study), "review", *map(str, arguments)])


def filled(path, target, *decisions_made):
    """The file at *path* with the first candidates decided, at *target*; the lines that are."""
    with path.open(encoding="utf-8", newline="") as file:
        lines = list(csv.DictReader(file))
    chosen = [line for line in lines if line["why"] == "candidate"][: len(decisions_made)]
    for line, decision in zip(chosen, decisions_made, strict=True):
        line["decision"] = decision
    with target.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, lines[0])
        writer.writeheader()
        writer.writerows(lines)
    return chosen


def test_what_a_person_fills_in_becomes_final(study, tmp_path, capsys):
    file, done = tmp_path / "review.csv", tmp_path / "filled.csv"
    assert review(study, "-o", file) == 0
    yes, no = filled(file, done, "accepted", "Rejected")
    before = study.joinpath("decisions.csv").read_bytes() if study.joinpath("decisions.csv").exists() else b""
    assert review(study, "--take", done, "--by", "D. Ecider") == 0
    assert study.joinpath("decisions.csv").read_bytes().startswith(before)
    made = {(one.profile_id, one.account): (one.decision, one.decided_by) for one in decisions(study / "decisions.csv")}
    assert made[yes["profile_id"], yes["account_id"]] == ("accepted", "D. Ecider")
    assert made[no["profile_id"], no["account_id"]] == ("rejected", "D. Ecider")
    size = study.joinpath("decisions.csv").stat().st_size
    assert review(study, "--take", done, "--by", "D. Ecider") == 0
    assert study.joinpath("decisions.csv").stat().st_size == size  # twice taken is once decided
    assert cli.main(["--study", str(study), "load"]) == 0
    with open_readonly(study / "study.duckdb") as db:
        where = "WHERE profile_id = ? AND account_id = ?"
        link = db.execute(f"SELECT decided_by, rule FROM links {where}", [yes["profile_id"], yes["account_id"]])
        assert link.fetchall() == [("D. Ecider", "by hand")]
        assert not db.execute(f"FROM links {where}", [no["profile_id"], no["account_id"]]).fetchall()
    again = tmp_path / "again.csv"
    assert review(study, "-o", again) == 0
    with again.open(encoding="utf-8", newline="") as lines:
        left = {(line["profile_id"], line["account_id"]) for line in csv.DictReader(lines)}
    assert not left & {(line["profile_id"], line["account_id"]) for line in (yes, no)}
    capsys.readouterr()


def test_a_mistake_in_the_file_is_one_line_and_nothing_is_taken(study, tmp_path, capsys):
    file, wrong = tmp_path / "review.csv", tmp_path / "wrong.csv"
    assert review(study, "-o", file) == 0
    log = study / "decisions.csv"
    before = log.read_bytes() if log.exists() else None
    filled(file, wrong, "accepted", "perhaps")
    rounded = tmp_path / "rounded.csv"
    (line,) = filled(file, rounded, "accepted")
    rounded.write_text(rounded.read_text("utf-8").replace(f",{line['account_id']},", ",1.19E+18,"), "utf-8")
    capsys.readouterr()
    for arguments, expected in (
        (("-o", file), "already exists"),
        (("--platform", "myspace", "-o", tmp_path / "b.csv"), "no accounts of 'myspace'"),
        (("--take", wrong), "--by NAME"),
        (("--take", wrong, "--by", "A"), "'perhaps' is not a decision"),
        (("--take", rounded, "--by", "A"), "spreadsheet may have rounded"),
    ):
        assert review(study, *arguments) == 2
        error = capsys.readouterr().err
        assert expected in error
        assert error.count("\n") == 1
    assert (log.read_bytes() if log.exists() else None) == before


# ---- the queues ------------------------------------------------------------------------------------------------


def link_of(study, item):
    profile, _, account = item.subject
    with open_readonly(study / "study.duckdb") as db:
        found = db.execute("""SELECT decided_by, decision FROM link_candidates WHERE profile_id = $1 AND account_id = $2
            UNION ALL SELECT decided_by, 'accepted' FROM links WHERE profile_id = $1 AND account_id = $2""",
            [profile, account])  # fmt: skip
        return found.fetchall()


def test_a_decision_takes_effect_at_the_next_load_and_is_undone_by_a_later_line(study, capsys):
    waiting = decide.Waiting(study)
    item = waiting.left("links", "An")[0]
    (before,) = link_of(study, item)
    assert before[0] == "rule"
    decide.decide(study, "links", item, "accepted", "An")
    assert item not in decide.Waiting(study).left("links", "An")
    assert cli.main(["--study", str(study), "load"]) == 0
    assert link_of(study, item) == [("An", "accepted")]
    again = {one.id: one for one in decide.Waiting(study).left("links", "Ben")}[item.id]  # a second coder's, unseen
    assert "An" not in str(again)
    assert item.id not in {one.id for one in decide.Waiting(study).left("links", "Ben", alone=True)}
    decide.decide(study, "links", again, "rejected", "Ben")
    holding = {one.about: one.decision for one in decisions(study / "decisions.csv")}
    assert holding[item.subject] == "rejected"
    assert decide.agreement(study, "links")[["coder", "other", "agree"]].to_numpy().tolist() == [["An", "Ben", 0.0]]
    decide.undo(study, "links", item.id, "Ben")
    holding = {one.about: one.decision for one in decisions(study / "decisions.csv")}
    assert holding[item.subject] == "accepted"  # the other's decision holds again
    with pytest.raises(UserError, match="no decision of yours"):
        decide.undo(study, "links", item.id, "Ben")
    decide.undo(study, "links", item.id, "An")
    assert cli.main(["--study", str(study), "load"]) == 0
    assert link_of(study, item) == [before]
    capsys.readouterr()


def test_all_evidence_of_an_item_is_there_but_no_decision_of_others(study):
    item = decide.Waiting(study).left("links", "An")[0]
    shown = decide.evidence(study, "links", item)
    assert [title for title, _ in shown.sides] == ["profile", "account"]
    assert item.facts["evidence"] in shown.sides[0][1]["links"]
    assert item.facts["evidence"] in [row["evidence"] for row in shown.rows]
    with pytest.raises(UserError, match="not a decision"):
        decide.decide(study, "links", item, "member", "An")


def test_of_two_coders_at_once_no_line_is_lost(tmp_path):
    items = [decide.Item((f"https://a.example/{number}",), "") for number in range(30)]

    def code(by):
        for item in items:
            decide.decide(tmp_path, "documents", item, "excluded", by, 'off topic; "really",\nyes')
            decide.decide(tmp_path, "members", decide.Item(("", "x", item.subject[0], "BZK"), ""), "member", by)

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(code, ["An", "Ben"]))
    for queue in ("documents", "members"):
        assert len(decide.made(tmp_path, queue)) == 60
        found = decide.agreement(tmp_path, queue)
        assert found[["documents", "agree"]].to_numpy().tolist() == [[30, 1.0]]
    assert decide.reasons(tmp_path, "documents") == ['off topic; "really",\nyes']


def test_lines_are_added_to_a_file_that_a_spreadsheet_wrote(tmp_path):
    wrote = "document;note;decision;reason;decided_by;decided_at\r\nhttps://a.example/1;caf\xe9;included;;An;2026-01-01"
    (tmp_path / "screening.csv").write_bytes(wrote.encode("cp1252"))
    decide.decide(tmp_path, "documents", decide.Item(("https://a.example/2",), ""), "excluded", "Zoë", "too old")
    assert [(one.by, one.decision) for one in decide.made(tmp_path, "documents")] == [
        ("An", "included"), ("Zoë", "excluded")]  # fmt: skip
    assert "café" in (tmp_path / "screening.csv").read_text("utf-8")

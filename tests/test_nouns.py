"""Reports speak the nouns of the study's own list of organisations: journalists by newsroom are no civil servants."""

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest

from analysis.report.findings import Findings
from analysis.report.i18n import Words
from analysis.report.page import Facts, write_report
from storage.linking.organisations import load_list
from tests import studies
from tests.reports import PAGE
from tests.test_few import _planted

NEWSROOMS = """
[population]
en = { member = "journalist", members = "journalists", group = "newsroom", groups = "newsrooms" }
nl = { member = "redacteur", members = "redacteuren", group = "redactie", groups = "redacties" }

[[group]]
id = "A"
name = "Testkrant"
"""
OF_2013 = re.compile("civil.?servant|ministr|ambtena|minister", re.IGNORECASE)
UNFILLED = re.compile(r"\{(?:[a-z]+_)?(?:member|group)s?\}", re.IGNORECASE)


OWN = [("en", ("journalists", "newsroom")), ("nl", ("redacteuren", "redactie"))]


@pytest.mark.parametrize(("language", "own"), OWN)
def test_newsrooms_have_none_of_the_words_of_2013(tmp_path: Path, language: str, own: tuple[str, ...]) -> None:
    (tmp_path / "list.toml").write_text(NEWSROOMS, "utf-8")
    with studies.empty() as db:
        _planted(db)
        rows = load_list(tmp_path / "list.toml").settings()
        studies.insert(db, "study", [{"key": key, "value": value} for key, value in rows])
        found = Findings(db, replace(PAGE, language=language))
        made = write_report(found, tmp_path / "report", Facts("Newsrooms", "", "made for a test"))
    page = made.page.read_text("utf-8")
    assert all(word in page for word in own)
    for file in [made.page, *(tmp_path / "report").rglob("*.csv"), *(tmp_path / "report").rglob("*.gexf")]:
        text = file.read_text("utf-8")
        assert not OF_2013.search(text), (file.name, OF_2013.search(text))
        assert not UNFILLED.search(text), (file.name, UNFILLED.search(text))


@pytest.mark.parametrize(("language", "text", "expected"), [
    ("en", "Table 5: {members} by {group}", "Table 5: civil servants by ministry"),
    ("nl", "Table 5: {members} by {group}", "Tabel 5: ambtenaren per ministerie"),
    ("nl", "How much of each {group} could be read", "Hoeveel er van elk ministerie gelezen kon worden"),
    ("nl", "In brackets: connections inside the {group}.", "Tussen haakjes: connecties binnen het ministerie."),
    ("nl", "other {group}", "ander ministerie"),
    ("en", "member", "civil servant"),
])  # fmt: skip
def test_the_2013_study_reads_as_before(language: str, text: str, expected: str) -> None:
    nouns = json.loads(dict(load_list("nl").settings())["population"])
    assert Words(language, nouns)(text) == expected


def test_articles_follow_the_nouns() -> None:
    nouns = {"nl": {"group": "redactie", "groups": "redacties"}, "en": {"member": "editor", "members": "editors"}}
    assert (
        Words("nl", nouns)("How much of each {group} could be read")
        == "Hoeveel er van elke redactie gelezen kon worden"
    )
    assert Words("en", nouns)("{A_member} writes.") == "An editor writes."

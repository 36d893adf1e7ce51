"""Change between two rounds: planted changes are reported, targets read once are not, small cells are hidden."""

import re
from dataclasses import replace
from pathlib import Path

import pytest
from lxml import html

from analysis import rounds
from analysis.report.left_out import ONCE
from storage.linking.decisions import COLUMNS
from storage.linking.link import Linking
from storage.privacy.pseudonyms import VARIABLE, Pseudonyms
from storage.records import Absence, Account, Follow, Position, Profile, ProfileLink
from storage.tables import database
from storage.tables.load import load
from tests.pages import PARSERS, page, write
from tests.reports import PAGE, blocks, report

MINISTRIES = ("A", "B")
# how many persons, where they work in the first round, and in the second (empty: not read again)
PLANTED = [
    (6, "A", "A"), (6, "Shop", "A"), (5, "A", "Shop"), (7, "A", "B"), (1, "B", "A"), (2, "B", "Shop"), (8, "B", "B"),
    (1, "A", "A B"), (3, "A", ""), (4, "Shop", "Shop"),
]  # fmt: skip
WORKS = [rounds_of for many, *rounds_of in PLANTED for _ in range(many)]
HANDLES = {who: f"h{who}" for who in range(12)}  # of the accounts that profiles name in the first round
LATER = {who: f"h{who}" for who in range(2, 14)} | {0: "anew0"}  # 1 names none any more, 12 and 13 do now
SUSPENDED = 3
LISTS = [("0", 0, "1 2 3 900"), ("0", 1, "2 4 5 900 901"), ("4", 0, "0"), ("5", 1, "0")]


def _organisation(employer: str) -> tuple[str, str, str] | None:
    return (employer, employer, "name") if employer in MINISTRIES else None


def _round(part: int) -> list[tuple[str, str, list[object]]]:
    """What the pages of one round show: kind, key and records."""
    found: list[tuple[str, str, list[object]]] = []
    handles = (HANDLES, LATER)[part]
    for who, handle in handles.items():
        gone = (who, part) == (SUSPENDED, 1)
        one = Absence("x", "user", handle, "suspended") if gone else Account(str(who), "x", handle, f"Test {who}")
        found.append(("user", handle, [one]))
    for who, works in enumerate(WORKS):
        jobs = [Position(f"p{who}", at, employer) for at, employer in enumerate(works[part].split())]
        links = [ProfileLink(f"p{who}", f"https://x.com/{handles[who]}", "sameAs")] if who in handles else []
        if jobs:
            found.append(("profile", f"p{who}", [Profile(f"p{who}", "toy", name=f"Test {who}"), *jobs, *links]))
    for owner, at, others in LISTS:
        if at == part:
            found.append(("following", owner, [Follow("x", owner, other, "following") for other in others.split()]))
    return found


def study_of(place: Path, parts: int = 2) -> Path:
    """A study of so many rounds, a day apart, read from an archive."""
    place.mkdir()
    pages = [
        page(1 + part * 1000 + at, found, minutes=part * 24 * 60 + at, kind=kind, key=key, run=f"run-{part}",
             walk=f"toy/{kind}/{key}/{part}")
        for part in range(parts) for at, (kind, key, found) in enumerate(_round(part))
    ]  # fmt: skip
    write(place / "archive", pages)
    (place / "decisions.csv").write_text(",".join(COLUMNS[:-1]) + "\n")
    known = [(name, name, f"Ministry {name}", name, "group", None, None, None, None) for name in MINISTRIES]
    load(place, PARSERS, workers=1, linking=Linking(known, _organisation, place / "decisions.csv"))
    return place


@pytest.fixture(scope="module")
def twice(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return study_of(tmp_path_factory.mktemp("rounds") / "study")


def _cells(page: str, name: str) -> list[list[str]]:
    return [[cell.text_content() for cell in row]
            for row in html.fromstring(page).xpath(f'//div[@id="table-{name}"]//tbody/tr')]  # fmt: skip


def _said(page: str) -> str:
    return html.fromstring(page).xpath("string(//section[@aria-labelledby='changes'])")


def test_who_came_went_and_moved_is_what_was_planted(twice: Path) -> None:
    with database.open_readonly(twice / "study.duckdb") as db:
        looked, table, moves = rounds.looked(db), rounds.by_group(db), rounds.moves(db)
        assert (looked["profiles"], looked["twice"], looked["lists"]) == (43, 40, 1)
        assert [tuple(row) for row in table.itertuples(index=False)] == [
            ("A", 19, 6, 1, 5, 7, 14), ("B", 11, 0, 8, 2, 1, 16)
        ]  # fmt: skip
        changed = table["entered"] + table["moved_in"] - table["left"] - table["moved_out"]
        assert (table["before"] + changed == table["after"]).all()
        assert [tuple(row) for row in moves.itertuples(index=False)] == [("A", "B", 7), ("B", "A", 1)]
        summary = rounds.summary(db)
        assert [tuple(row) for row in summary[["before", "gained", "lost", "after"]]
                .itertuples(index=False)] == [
            (30, 6, 7, 29), (12, 2, 1, 13), (13, 0, 1, 12), (2, 2, 1, 3), (4, 3, 2, 5)
        ]  # fmt: skip
        assert summary.attrs["renamed"] == 1
        assert not summary["what"].str.contains("{", regex=False).any()


def test_the_page_tells_them_with_their_sql(twice: Path, tmp_path: Path) -> None:
    found, made = report(twice, tmp_path / "report")
    text = made.page.read_text("utf-8")
    assert _cells(text, "changes-by-group")[0] == ["A", "19", "6", "1", "5", "7", "14"]
    assert _cells(text, "moves") == [["A", "B", "7"], ["B", "A", "1"]]
    assert _cells(text, "changes")[0] == ["members", "30", "6", "7", "29"]
    assert "40 of 43 profiles were read more than once" in _said(text)
    assert "30; since then 6 entered the profession and 7 left it" in _said(text)
    assert "members: 2 new, 1 gone (lists that were read whole at least twice: 1)" in _said(text)
    assert all(found.sql[name] for name in ("changes", "changes_by_group", "moves"))
    assert all(made.tables()[name].definitions for name in ("changes", "changes-by-group", "moves"))
    found.db.close()


def test_nothing_read_twice_is_one_sentence_and_no_table(tmp_path: Path) -> None:
    found, made = report(study_of(tmp_path / "study", parts=1), tmp_path / "report")
    assert "changes" not in [one.id for one in made.sections]
    assert ("Change between rounds", ONCE) in made.sections[0].left_out
    found.db.close()


def test_in_public_few_who_moved_cannot_be_worked_out(
    twice: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, str(tmp_path / "key"))
    found, made = report(twice, tmp_path / "report", replace(PAGE, pseudonyms=Pseudonyms(twice), least=5))
    text = made.page.read_text("utf-8")
    a, b = _cells(text, "changes-by-group")
    assert (a[0], a[1], a[-1], b[1], b[-1]) == ("A", "19", "14", "11", "16")
    for row in (a, b):
        assert row[2:-1].count("hidden") >= 2  # of those who came and went never one alone
        assert not {"1", "2"} & set(row)
    assert all((one == "hidden") == (two == "hidden") for one, two in zip(a[2:-1], b[2:-1], strict=True))
    assert ["B", "A", "1"] not in _cells(text, "moves")
    plain = re.sub(r"[A-Za-z0-9+/=]{100,}", "", text)  # what is packed is read unpacked: its letters fall as they may
    for shown in (plain, *(data.decode("utf-8", "replace") for data in blocks(text).values())):
        assert not [name for name in ("Test 1", "h12", "anew0") if name in shown]
    assert "had another handle before: fewer than 5." in _said(text)
    looked = next(row for row in _cells(text, "changes") if row[0] == rounds.LOOKED_UP)
    assert looked == [rounds.LOOKED_UP, "13", "hidden", "hidden", "hidden"]  # one of 13 is gone: none could be gained
    found.db.close()

"""The dossier says what study file, database and settings say, marks what is missing, and names nobody."""

import shutil
import tomllib
from pathlib import Path

import docx
import duckdb
import pytest

from jobs.dossier import write
from storage.errors import UserError
from study.settings import Dossier
from study.study_file import FILE, Study
from tests.conftest import ROOT

WORDS = tomllib.loads((ROOT / "jobs" / "dossier.toml").read_text("utf-8"))


def said(study: Path, more: str, into: Path) -> tuple[str, int]:
    """The dossier of a copy of *study* whose file ends with *more*, and its blanks."""
    place = into / "study"
    place.mkdir()
    for path in study.iterdir():
        if path.is_file() and path.suffix in (".toml", ".csv", ".txt", ".duckdb"):
            shutil.copy2(path, place / path.name)
    with (place / FILE).open("a", encoding="utf-8") as file:
        file.write(more)
    blanks = write(Study.load(place), into / "dossier.md")
    return (into / "dossier.md").read_text("utf-8"), blanks


def test_the_languages_say_the_same_things() -> None:
    assert WORDS["en"].keys() == WORDS["nl"].keys()
    assert set(Dossier.model_fields) <= WORDS["en"].keys()


def test_the_numbers_are_those_of_the_database_and_no_one_is_named(replayed: Path, tmp_path: Path) -> None:
    text, blanks = said(replayed, '\n[dossier]\npurpose = "Een vraag over <b>netwerken</b>"\n', tmp_path)
    words = WORDS[Study.load(replayed).study.language]
    assert text.count(f"**[{words['blank']}]**") == blanks > 5
    assert "Een vraag over &lt;b>netwerken" in text
    with duckdb.connect(str(replayed / "study.duckdb"), read_only=True) as db:
        ((members,), (posts,)) = db.execute(
            "SELECT count(*) FROM members UNION ALL SELECT count(*) FROM posts"
        ).fetchall()
        people = [
            word for row in db.execute("SELECT handle, name, account_id FROM accounts").fetchall() for word in row
        ]
        people += [word for row in db.execute("SELECT profile_id, name FROM profiles").fetchall() for word in row]
    assert f"members {members:,}" in text
    assert f"posts {posts:,}" in text
    assert not [one for one in people if one and len(one) > 5 and one in text]


def test_a_word_document_says_the_same(tmp_path: Path) -> None:
    (tmp_path / FILE).write_text(
        '[study]\nname = "Proef"\nlanguage = "nl"\n[minimise]\ndrop = ["texts"]\nkeep_days = { posts = 30 }\n'
        '[dossier]\nlegal_basis = "toestemming, artikel 6(1)(a) AVG"\nfunding = "niemand"\n[collectors.x]\n'
    )
    study = Study.load(tmp_path)
    assert write(study, tmp_path / "d.md") == write(study, tmp_path / "d.docx")
    text = (tmp_path / "d.md").read_text("utf-8")
    document = docx.Document(str(tmp_path / "d.docx"))
    lines = [line.text for line in document.paragraphs]
    assert "Grondslag: toestemming, artikel 6(1)(a) AVG (bron: dossier.legal_basis)" in lines
    assert "Doel: [NOG IN TE VULLEN] (bron: dossier.purpose)" in lines
    assert "- **Financiering:** niemand (bron: `dossier.funding`)" in text
    assert "posts 30" in text
    fields = {row.cells[2].text: row.cells[3].text for row in document.tables[0].rows}
    assert "account_id*" in fields["Post"]
    assert "text*" not in fields["Post"].split(", ")  # dropped
    assert "| x | " in text


def test_a_file_is_not_replaced_unasked(tmp_path: Path) -> None:
    (tmp_path / FILE).write_text('[study]\nname = "Proef"\n')
    study = Study.load(tmp_path)
    write(study, tmp_path / "d.md")
    with pytest.raises(UserError, match="exists"):
        write(study, tmp_path / "d.md")
    with pytest.raises(UserError, match=r"a \.md or a \.docx"):
        write(study, tmp_path / "d.pdf")
    assert write(study, tmp_path / "d.md", replace=True)

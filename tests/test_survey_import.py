"""Survey files are read as the programs that wrote them mean them, and a respondent can be forgotten."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import duckdb
import pandas as pd
import pyreadstat
import pytest

from analysis import respondents
from collectors import files
from collectors.files import survey as collector
from fixtures import survey
from jobs.context import open_study
from jobs.forget import forget
from jobs.run import import_files
from storage.errors import UserError
from storage.privacy.leaks import leaks
from storage.privacy.minimise import minimised
from storage.privacy.pseudonymise import pseudonymise
from storage.privacy.pseudonyms import Pseudonyms
from storage.records import Quarantine, Record, SurveyAnswer, SurveyVariable
from tests.importing import of, read

Asked = tuple[duckdb.DuckDBPyConnection, respondents.Surveyed]
STUDY2013 = (Path(__file__).parents[1] / "fixtures/study2013.toml").read_text("utf-8")
ROLES = STUDY2013[STUDY2013.index("[survey]") : STUDY2013.index("[published]\n")]
FILE = """[study]
name = "A survey of nobody"
last_day = 2013-02-23
"""


def given(found: list[Record], variable: str) -> list[tuple[str | None, str | None, str | None]]:
    return [(one.code, one.text, one.missing) for one in of(found, SurveyAnswer) if one.variable == variable]


def variable(found: list[Record], name: str) -> SurveyVariable:
    (one,) = (each for each in of(found, SurveyVariable) if each.variable == name)
    return one


def test_spss_keeps_kinds_of_missing_apart(tmp_path: Path) -> None:
    """A user-missing code is not an answer, and distinct from an empty one; so are ranges, labels and dates."""
    frame = pd.DataFrame({
        "nr": [11.0, 12, 13], "q": [1.0, 9, None], "income": [2500.0, 99998, 0], "day": [date(2012, 11, 1)] * 3,
        "why": ["omdat", "", "daarom dus"],
    })  # fmt: skip
    path = tmp_path / "Mijn vragenlijst.sav"
    pyreadstat.write_sav(
        frame, str(path), column_labels=["Nummer", "Ja?", "Inkomen", "Dag", "Waarom?"],
        variable_value_labels={"q": {1: "ja", 9: "weet niet"}, "income": {99998: "geheim"}},
        missing_ranges={"q": [9], "income": [{"lo": 99990, "hi": 99999}]},
    )  # fmt: skip
    found = read("survey", path, respondent="NR")
    assert {one.respondent for one in of(found, SurveyAnswer)} == {f"Mijn-vragenlijst-{n}" for n in (11, 12, 13)}
    assert given(found, "q") == [("1", None, None), ("9", None, "user"), (None, None, "system")]
    assert given(found, "income") == [("2500", None, None), ("99998", None, "user"), ("0", None, None)]
    assert given(found, "day")[0] == ("2012-11-01", None, None)
    assert given(found, "why")[0] == (None, "omdat", None)
    assert [variable(found, name).kind for name in ("q", "income", "day", "why")] == [
        "choice",
        "number",
        "date",
        "text",
    ]
    assert variable(found, "q").label == "Ja?"
    assert variable(found, "q").answers == ("ja", "weet niet")


def test_stata_keeps_its_missing_letters(tmp_path: Path) -> None:
    path = tmp_path / "s.dta"
    pyreadstat.write_dta(
        pd.DataFrame({"q": [1, 2, "a"]}), str(path), missing_user_values={"q": ["a"]},
        variable_value_labels={"q": {1: "yes", "a": "refused"}},
    )  # fmt: skip
    found = read("survey", path)
    assert given(found, "q") == [("1", None, None), ("2", None, None), ("a", None, "user")]


def test_qualtrics_without_what_it_records_of_people(tmp_path: Path) -> None:
    (tmp_path / "q.csv").write_text(
        "ResponseId,IPAddress,RecipientEmail,Q1,Q2\nResponse ID,IP,Email,Are you?,Why?\n"
        '"{""ImportId"":""_recordId""}","{""ImportId"":""ip""}","{""ImportId"":""e""}","{""ImportId"":""1""}",'
        '"{""ImportId"":""2""}"\n' + "".join(f"R_{n},192.0.2.1,a@b.invalid,{n % 2},words {n}\n" for n in range(12))
    )  # fmt: skip
    found = read("survey", tmp_path / "q.csv")
    assert {one.variable for one in of(found, SurveyVariable)} == {"Q1", "Q2"}
    assert variable(found, "Q1").label == "Are you?"
    assert given(found, "Q2")[3] == (None, "words 3", None)
    assert of(found, SurveyAnswer)[0].respondent == "q-R_0"


def test_limesurvey_tells_not_asked_from_not_answered(tmp_path: Path) -> None:
    rows = "".join(f"{n},2012-11-02,3,nl,{'A1' if n % 2 else 'A2'},{'N/A' if n % 2 else ''}\n" for n in range(1, 13))
    (tmp_path / "lime.csv").write_text("id,submitdate,lastpage,startlanguage,Q1,Q2\n" + rows)
    found = read("survey", tmp_path / "lime.csv")
    assert given(found, "Q1")[:2] == [("A1", None, None), ("A2", None, None)]
    assert given(found, "Q2")[:2] == [(None, None, "not asked"), (None, None, "system")]


def test_a_respondent_who_is_there_twice_and_one_without_a_number_are_set_aside(tmp_path: Path) -> None:
    (tmp_path / "s.csv").write_text("nr,q\n1,2\n1,3\n,4\n")
    found = read("survey", tmp_path / "s.csv", respondent="nr")
    assert given(found, "q") == [("2", None, None)]
    assert [one.place for one in of(found, Quarantine)] == ["s.csv:3", "s.csv:4"]


def test_a_plain_table_is_no_survey_unless_said(tmp_path: Path) -> None:
    (tmp_path / "s.csv").write_text("nr,q\n1,2\n")
    with pytest.raises(UserError, match="--codebook"):
        files.targets("survey", [tmp_path / "s.csv"], {})
    with pytest.raises(UserError, match="no column who"):
        files.targets("survey", [tmp_path / "s.csv"], {"respondent": "who"})


def test_sav_and_csv_with_codebook_say_the_same(tmp_path: Path) -> None:
    """The synthetic survey as SPSS and as CSV gives the same answers."""
    path, book = survey.write(tmp_path)
    frame, codes = survey.answers(), survey.codebook()
    labels = {
        name: {float(code): answer for code, answer in zip(rows["code"], rows["answer"], strict=True)}
        for name, rows in codes[codes["code"] != ""].groupby("variable")
    }
    (tmp_path / "spss").mkdir()
    other = tmp_path / "spss" / "survey.sav"
    pyreadstat.write_sav(frame, str(other), variable_value_labels=labels,
                         missing_ranges={name: [99] for name in survey.QUESTIONS})  # fmt: skip
    ours, theirs = read("survey", path, respondent="nr", codebook=str(book)), read("survey", other, respondent="nr")
    assert sorted(map(repr, of(ours, SurveyAnswer))) == sorted(map(repr, of(theirs, SurveyAnswer)))


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("survey")
    path, book = survey.write(place)
    folder = place / "study"
    folder.mkdir()
    (folder / "sneeuwbal.toml").write_text(FILE + ROLES + STUDY2013[STUDY2013.index("[published.survey]") :])
    opened = open_study(folder)
    import_files(opened, "survey", [path], {"codebook": str(book)}, say=lambda line: None)
    return folder


def test_the_codebook_counts_every_answer_once(study: Path) -> None:
    """The printed N of Tables 3 and 4, in the codebook of what was loaded."""
    with duckdb.connect(str(study / "study.duckdb"), read_only=True) as db:
        rows = db.execute(
            "SELECT variable, answer, respondents FROM survey_codebook WHERE variable IN ('job', 'organisation')"
            " AND missing IS NULL"
        ).fetchall()
        wanted = {(name, answer, n) for name in ("job", "organisation")
                  for answer, (n, _) in survey.QUESTIONS[name][1].items()}  # fmt: skip
        assert set(rows) == wanted
        groups = dict(db.execute("SELECT answer, group_name FROM survey_organisations").fetchall())
    assert groups["Belastingdienst"] == groups["Financiën"]
    assert groups["EL&I"] == "EZ"
    assert [answer for answer, group in groups.items() if group is None] == ["another body"]


def test_answers_are_in_no_database_for_publication(study: Path, tmp_path: Path) -> None:
    made = pseudonymise(study / "study.duckdb", tmp_path / "p.duckdb", Pseudonyms(study))
    with duckdb.connect(str(made), read_only=True) as db:
        assert db.execute("SELECT count(*) FROM survey_answers").fetchone() == (0,)
        assert db.execute("SELECT count(*) FROM base.survey_variables").fetchone() == (9,)


def test_what_respondents_wrote_is_left_out_with_texts() -> None:
    answers = [SurveyAnswer("s", "s-1", "remark", text="Mijn naam is Haas"), SurveyAnswer("s", "s-1", "job", "1")]
    assert [(one.code, one.text) for one in minimised(answers, ["texts"])] == [(None, None), ("1", None)]


def test_what_respondents_wrote_is_found_in_a_publication(study: Path, tmp_path: Path) -> None:
    with duckdb.connect(str(study / "study.duckdb"), read_only=True) as db:
        (wrote,) = db.execute("SELECT DISTINCT text FROM survey_answers WHERE text IS NOT NULL").fetchall()
    (tmp_path / "page.html").write_text("<p>een figuur, survey-1</p>")
    assert leaks(study / "study.duckdb", tmp_path) == []
    (tmp_path / "page.html").write_text(f"<p>{wrote[0]}</p>")
    assert len(leaks(study / "study.duckdb", tmp_path)) == 1


@pytest.fixture(scope="module")
def asked(study: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Asked]:
    """A copy: what is open in this process stays the picture that it was."""
    copy = shutil.copy(study / "study.duckdb", tmp_path_factory.mktemp("asked") / "study.duckdb")
    with duckdb.connect(str(copy), read_only=True) as db:
        found = respondents.surveyed(db)
        assert found is not None
        yield db, found


def test_the_printed_shares_come_out_of_the_tables(asked: Asked) -> None:
    """Graphs 3 to 9: 314 of 1,522, and the shares that the report prints, as it rounds them."""
    frame = respondents.shares(asked[1]).set_index(["variable", "answer"])
    assert tuple(frame.loc[("", "all"), ["n", "positive"]]) == (1522, 314)
    printed = {("job", "research"): 21.9, ("job", "legal"): 18.9, ("organisation", "EL&I"): 29.4}
    assert {at: round(frame.loc[at, "share"], 1) for at in printed} == printed
    whole = {
        ("organisation", "VWS"): 32, ("highest education", "university"): 30, ("highest education", "doctorate"): 45,
        ("leading position", "yes"): 26, ("leading position", "no"): 20,
    }  # fmt: skip
    assert {at: round(frame.loc[at, "share"]) for at in whole} == whole
    for margin, name in ((survey.JOB, "job"), (survey.ORGANISATION, "organisation")):
        rows = frame.loc[name].drop(index=respondents.NO_ANSWER, errors="ignore")
        assert {answer: (row["n"], row["positive"]) for answer, row in rows.iterrows()} == margin


def test_published_tests_stand_beside_the_computed_ones(asked: Asked) -> None:
    """All 21 rows of Tables 3 and 4, with the p that follows from each printed Wald; legal work's is not smoothed."""
    frame = respondents.regressions(*asked).set_index(["variable", "answer"])
    assert frame["published"].notna().sum() == 21
    legal = frame.loc[("job", "legal")]
    assert (legal["published_p"], round(legal["p_of_published"], 3)) == (0.601, 0.603)
    others = frame[frame["published"].notna()].drop(("job", "legal"))
    assert (others["p_of_published"].round(3) == others["published_p"]).all()
    assert (frame["n"] == frame["published_n"].fillna(frame["n"])).all()


def test_small_answers_are_listed_and_kept_only_with_a_reason(asked: Asked) -> None:
    frame = respondents.regressions(*asked)
    small = {"Algemene Zaken": 21, "Buitenlandse Zaken": 44, "OCW": 48, "IND": 45, "another body": 23}
    assert frame.attrs["parameters"]["left_out"] == {"job": {}, "organisation": small}
    assert {"secretarial", "international", "communication"} <= set(frame["answer"])  # 40 to 43, kept


def test_chi_square_and_rho_are_of_the_same_answers(asked: Asked) -> None:
    frame = respondents.tests(*asked).set_index("variable")
    assert frame.loc["gross monthly income", ["n", "df", "published"]].tolist() == [1522, 12, 82.52]
    assert frame.loc["highest education", "chi2"] == pytest.approx(86.60, abs=0.01)
    assert (frame["p_holm"] >= frame["p"]).all()
    (rho,) = respondents.ranks(*asked).to_dict("records")
    assert (round(rho["rho"], 2), rho["published"]) == (0.54, 0.54)
    fields = dict(zip(respondents.often(asked[1])["answer"], respondents.often(asked[1])["count"], strict=True))
    assert fields == survey.OFTEN


def test_a_respondent_is_forgotten_by_number(study: Path) -> None:
    forget(open_study(study), "survey-501", say=lambda line: None)
    with duckdb.connect(str(study / "study.duckdb"), read_only=True) as db:
        assert db.execute("SELECT count(DISTINCT respondent) FROM survey_answers").fetchone() == (survey.N - 1,)
        assert db.execute("SELECT 1 FROM base.survey_answers WHERE respondent = 'survey-501'").fetchone() is None
        assert db.execute("SELECT count(text) FROM base.survey_answers").fetchone() == (3,)
    assert collector.PERSONAL.fields["respondent"] == "id"

"""A survey in the report: published beside computed, small cells hidden, and nothing that respondents wrote."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pytest
from lxml import html
from scipy.stats import spearmanr

from analysis import respondents, triangulation
from analysis.report.findings import Findings, Options
from analysis.report.page import Facts, Made, write_report
from analysis.report.sections import sections
from analysis.respondents import NO_ANSWER
from fixtures import survey
from storage.privacy.pseudonyms import FEW
from tests import studies
from tests.reports import PAGE
from tests.test_canaries import MARK, singing
from tests.test_few import _determined
from tests.test_report import ENGLISH

FIXTURE = tomllib.loads((Path(__file__).parents[1] / "fixtures/study2013.toml").read_text("utf-8"))
ROLES = FIXTURE["survey"] | {"variables": FIXTURE["survey"]["variables"] | {"sex": {"order": False}}}
SETTINGS = {"survey": ROLES, "published": {"survey": FIXTURE["published"]["survey"]},
            "study": {"last_day": "2013-02-23"}}  # fmt: skip


def _flat(table: Mapping[str, Any], above: str = "") -> Iterator[dict[str, str]]:
    for key, value in table.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{above}{key}.")
        else:
            yield {"key": f"{above}{key}", "value": json.dumps(value)}


def filled(frame: pd.DataFrame, settings: Mapping[str, Any] = SETTINGS) -> duckdb.DuckDBPyConnection:
    """A database of the synthetic survey with the answers in *frame*."""
    db, book = studies.empty(), survey.codebook()
    variables, answers = [], []
    for at, name in enumerate(frame.columns[1:], 1):
        of = book[book["variable"] == name]
        coded = of["code"].ne("").any()
        codes, meant = ([str(one) for one in of[column]] if coded else [] for column in ("code", "answer"))
        kind = "text" if name == "remark" else "choice" if coded else "number"
        label = of["label"].iloc[0] if len(of) else name
        variables.append({"survey": "s", "variable": name, "ordinal": at, "label": label, "kind": kind, "codes": codes,
                          "answers": meant, "missing_codes": ["99"]})  # fmt: skip
        given = frame[name].map(lambda value: "" if pd.isna(value) else f"{value:g}" if value != str(value) else value)
        rows = pd.DataFrame({"respondent": "s-" + frame["nr"].astype(str), "value": given})
        rows["missing"] = rows["value"].map({"": "system", "99": "user"})
        rows["text" if kind == "text" else "code"] = rows["value"].where(rows["value"] != "")
        answers.append(rows.drop(columns="value").assign(survey="s", variable=name))
    studies.insert(db, "survey_variables", variables)
    studies.insert(db, "survey_answers", pd.concat(answers))
    studies.insert(db, "study", _flat(settings))
    return db


def answers() -> pd.DataFrame:
    return survey.answers().assign(remark=lambda of: np.where(of["remark"] == "", "", MARK))


@pytest.fixture(scope="module")
def reports(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Findings, Made]]:
    """The report of a study of the survey only: in English, and in Dutch for publication."""
    made = {}
    for language, least in (("en", 0), ("nl", FEW)):
        found = Findings(filled(answers()), replace(PAGE, language=language, least=least))
        made[language] = found, write_report(found, tmp_path_factory.mktemp(language), Facts("A survey", "", ""))
    return made


@pytest.mark.parametrize("language", ["en", "nl"])
def test_a_study_of_a_survey_only_reports_without_a_word_about_timelines(reports, language: str) -> None:
    made = reports[language][1]
    assert [one.id for one in made.sections] == ["overview", "survey", "method"]
    tree = html.fromstring(made.page.read_text("utf-8"))
    for part in tree.xpath("//script | //style | //footer | //*[@id='table-versions'] | //pre | //dl[not(@class)]"):
        part.drop_tree()
    text = tree.text_content().lower()
    for word in ("timeline", "tijdlijn", "account", "hashtag", "follow", "volgrel", "profil", "network", "netwerk",
                 "posts", "bericht"):  # fmt: skip
        assert word not in text, word
    assert not list((made.page.parent / "networks").iterdir())
    if language == "nl":
        notes = [
            of["note"] for of in FIXTURE["published"]["survey"].values() if "note" in of
        ]  # in their author's words
        said = [re.sub("|".join(map(re.escape, notes)), "", one) for one in tree.itertext()]
        assert not [one for one in said if ENGLISH.search(one)]


def test_graphs_3_to_10_have_their_intervals_and_numbers(reports) -> None:
    found, made = reports["en"]
    titles = [graph.title.partition(":")[0] for graph in found.survey_graphs]
    assert titles == [f"Graph {number}" for number in range(3, 11)]
    figures = sorted((made.page.parent / "figures").glob("*.svg"))
    assert len(figures) == 8
    for path, graph in zip(figures, found.survey_graphs, strict=True):
        text = path.read_text("utf-8")
        for row in graph.rows.to_dict("records"):
            count = row.get("positive", row.get("count"))
            assert f"{row['share']:.1f}% ({count:,}/{row['n']:,})" in text
            assert row["low"] < row["share"] < row["high"]
    assert len(made.page.read_text("utf-8").split('id="figure-survey-')) == 9


def test_what_disagrees_with_the_published_tests_is_said(reports) -> None:
    """Legal work's p; research, whose printed Wald no 21.9% of 73 has; leading position, 26% against 20%."""
    said = " ".join(reports["en"][1].sections[1].said)
    assert "job: legal is not that of its published value: 0.27 gives 0.603, printed is 0.601" in said
    assert "26% against 20%, as printed, gives 6.01 at most" in said
    assert said.count("is not that of its published value") == 1
    assert "job: research 0.08 (published: 1.20)" in said
    assert "leading position 6.01 (published: 6.26)" in said
    shown = reports["en"][1].tables()["survey-regressions"].shown
    assert {"wald", "p", "p_holm", "odds_ratio", "low", "high", "coding", "published", "published_p"} <= set(shown)
    small = reports["en"][0].survey_small
    assert dict(zip(small["answer"], small["kept"] != "", strict=True)) == {
        "secretarial": True, "international": True, "communication": True, "Algemene Zaken": False,
        "Buitenlandse Zaken": False, "OCW": False, "IND": False, "another body": False,
    }  # fmt: skip


def test_no_hidden_number_of_respondents_can_be_worked_out(reports) -> None:
    """Not from the answers of a question, whose totals are known, nor from the two columns of a row."""
    public, full = reports["nl"][0].survey_shares, reports["en"][0].survey_shares
    hidden = 0
    for variable, rows in public.groupby("variable"):
        cells = rows[["positive", "others"]].to_numpy(dtype=float, na_value=np.nan)
        whole = full.loc[rows.index, ["positive", "others"]].to_numpy(dtype=float)
        assert not ((cells > 0) & (cells < FEW)).any()
        gone, size = np.isnan(cells).ravel(), len(rows)
        lines = [np.arange(2) + 2 * row for row in range(size)] + [2 * np.arange(size) + at for at in (0, 1)]
        assert variable == "" or not _determined(lines, gone)
        assert ((whole.ravel()[~gone]) == cells.ravel()[~gone]).all()
        hidden += int(gone.sum())
    assert hidden == 12


def test_nothing_in_public_depends_on_what_is_hidden(reports) -> None:
    """Two respondents change jobs, so that hidden cells become others: no table or figure of the public report does."""
    frame = answers()
    codes = {name: at for at, name in enumerate(survey.JOB, 1)}
    one = frame[(frame["job"] == codes["other"]) & (frame["public"] == 1)].index[0]
    other = frame[(frame["job"] == codes["secretarial"]) & (frame["public"] == 2)].index[0]
    frame.loc[[one, other], "job"] = [codes["secretarial"], codes["other"]]
    changed = Findings(filled(frame), Options(language="nl", least=FEW))
    actual = ("survey_shares", "survey_tests", "survey_ranks", "survey_regressions", "survey_small", "survey_often",
            "survey_outcome", "survey_organisations", "survey_missing")  # fmt: skip
    for name in actual:
        ours, theirs = getattr(reports["nl"][0], name), getattr(changed, name)
        pd.testing.assert_frame_equal(ours, theirs, rtol=1e-12)
        assert ours.attrs["parameters"] == theirs.attrs["parameters"]
    assert not reports["nl"][0].survey_missing.shape[0]


def test_a_few_without_an_answer_are_hidden_too() -> None:
    """Three gave no sex: neither a difference of totals nor a test tells it, nor how many were asked."""
    frame = answers()
    frame.loc[frame.index[:3], "sex"] = 99
    frame.loc[frame.index[3:5], "public"] = np.nan
    found = Findings(filled(frame), Options(least=FEW))
    rows = found.survey_shares[found.survey_shares["variable"] == "sex"].set_index("answer")
    assert rows.loc[[NO_ANSWER, "woman"], ["n", "positive", "others", "share"]].isna().all(axis=None)
    assert found.survey_tests.set_index("variable").loc["sex", ["n", "chi2", "p"]].isna().all()
    assert found.survey_ranks[["n", "p", "low", "high"]].isna().all(axis=None)
    assert NO_ANSWER not in set(found.survey_outcome["answer"])
    assert "missing" not in found.survey_outcome.attrs["parameters"]


def test_an_answer_that_counts_as_yes_with_another_is_not_reported_by_their_sum() -> None:
    frame = answers().replace({"public": {2: 3}})
    frame.loc[frame.index[frame["public"] == 1][:3], "public"] = 2
    settings = {**SETTINGS, "survey": SETTINGS["survey"] | {"positive": ["1", "2"]}}
    outcome = Findings(filled(frame, settings), Options(least=FEW)).survey_outcome
    assert outcome["count"].isna().tolist() == [True, True, False]


def test_what_respondents_wrote_is_in_no_file_of_a_report(reports) -> None:
    for language, (found, made) in reports.items():
        assert found.db.execute(f"SELECT count(*) FROM survey_answers WHERE text = '{MARK}'").fetchone() == (4,)
        assert singing(made.page.parent) == [], language


def test_weighted_figures_stand_beside_the_unweighted_ones() -> None:
    """A weight of 2 for all is none; one that counts men double is another survey."""
    frame = answers().assign(weight=2.0)
    settings = {**SETTINGS, "survey": SETTINGS["survey"] | {"weight": "weight"}}
    same, other = (Findings(filled(one, settings)) for one in (frame, frame.assign(weight=3.0 - frame["sex"])))
    for found, equal in ((same, True), (other, False)):
        tests, walds = found.survey_tests, found.survey_regressions
        assert np.allclose(tests["chi2"], tests["weighted_chi2"]) == equal
        assert np.allclose(walds["wald"], walds["weighted_wald"], equal_nan=True) == equal
        assert np.allclose(found.survey_shares["share"], found.survey_shares["weighted_share"]) == equal


def test_answers_without_an_outcome_say_what_is_missing(tmp_path: Path) -> None:
    found = Findings(filled(answers(), {"study": SETTINGS["study"]}), Options(formats=()))
    made = write_report(found, tmp_path, Facts("Unsaid", "", ""))
    assert [one.id for one in made.sections] == ["overview", "method"]
    assert "[survey] outcome" in re.sub(r"\s+", " ", made.page.read_text("utf-8"))


# ---- side by side --------------------------------------------------------------------------------------------

GROUPS = {
    "EL&I": "EZ", "Belastingdienst": "FIN", "Financiën": "FIN", "DJI": "V&J", "IND": "V&J", "Rijkswaterstaat": "I&M",
    "Algemene Zaken": "AZ", "Buitenlandse Zaken": "BZ", "another body": None,
}  # fmt: skip


def recognised(db: duckdb.DuckDBPyConnection) -> duckdb.DuckDBPyConnection:
    """*db* with the answers that name an organisation read as the study's groups."""
    studies.insert(db, "survey_organisations", [
        {"survey": "s", "variable": "organisation", "code": str(at), "answer": one, "group_name": GROUPS.get(one, one)}
        for at, one in enumerate(survey.ORGANISATION, 1)
    ])  # fmt: skip
    return db


def published_people() -> pd.DataFrame:
    rows = [{"group_name": name, **of} for name, of in FIXTURE["published"]["groups"].items()]
    return pd.DataFrame(rows)


def test_the_published_figures_do_not_make_ez_lead_in_all_three() -> None:
    """VWS 32% against EZ 29.4%, I&M 1,901 profiles against 1,024, and 266 accounts against 244."""
    with recognised(filled(answers())) as db:
        of = respondents.surveyed(db)
        assert of is not None
        asked = respondents.by_group(db, of)
        frame = triangulation.table(db, asked, published_people(), pd.DataFrame({"group": [], "e_i_index": []}))
    assert asked.set_index("group_name").loc["FIN", ["n", "positive"]].tolist() == [300, 55]
    leads = triangulation.leaders(frame, FIXTURE["published"]["leads"]).set_index("measure")
    assert leads["leader"].to_dict() == {"survey_share": "VWS", "profiles": "I&M", "accounts": "I&M"}
    assert leads["place"].tolist() == [2, 2, 2]
    assert leads["groups"].tolist() == [10, 11, 11]  # nobody of Defensie was asked
    pairs = triangulation.agreement(frame).set_index(["one", "other"])
    people = published_people()
    rho = spearmanr(people["profiles"], people["accounts"]).statistic
    row = pairs.loc[("profiles", "accounts")]
    assert (row["groups"], row["rho"]) == (11, pytest.approx(rho))
    assert row["low"] < rho < row["high"]


@pytest.mark.parametrize("least", [0, FEW])
def test_instruments_stand_side_by_side_and_hide_what_other_tables_hide(tmp_path: Path, least: int) -> None:
    groups = {"EZ": 8, "VWS": 6, "AZ": 5, "DEF": 7, "BZ": 2}
    who = {f"{name}{at}": name for name, many in groups.items() for at in range(many)}
    settings = {**SETTINGS, "analysis": {"min_degree": 1}, "published": SETTINGS["published"] | {"leads": "EZ"}}
    with recognised(filled(answers(), settings)) as db:
        studies.people(db, who)
        studies.accounts(db, who)
        studies.follows(db, [(one, other) for one in list(who)[::2] for other in list(who)[1::3]])
        studies.posts(db, [
            {"account_id": one, "mentions": [{"handle": "h", "account_id": None}] if at % 2 else []}
            for at, one in enumerate([*who, *who])
        ])  # fmt: skip
        found = Findings(db, Options(least=least, language="nl"))
        frame = found.triangulation.set_index("group_name")
        section = next(one for one in sections(found, found.words) if one.id == "triangulation")
    assert frame.loc["EZ", "survey_share"] == pytest.approx(100 * 74 / 252)
    assert frame.loc["EZ", ["profiles", "accounts", "posts_per_account"]].tolist() == [8, 8, 2]
    assert pd.isna(frame.loc["DEF", "survey_share"])
    assert "EZ loopt in alle drie voorop. Berekend: dat klopt niet" in section.said[1]
    actual = frame.loc[["AZ", "BZ"], ["survey_share", "respondents"]].isna().all(axis=1).tolist()
    assert actual == ([True, False] if least else [False, False])  # three of 21 at AZ; eight of 44 at BZ
    assert frame.loc["BZ", ["profiles", "accounts", "posts_per_account", "interaction"]].isna().all() == bool(least)


@pytest.mark.parametrize("least", [0, FEW])
@pytest.mark.parametrize(("role", "ids"), [("outcome", []), ("often", ["survey"]), ("organisation", ["survey"])])
def test_a_variable_that_the_survey_has_not_is_named(role: str, ids: list[str], least: int) -> None:
    wrong = ROLES | {role: "typing-error"} | ({"variables": {"another": {"order": True}}} if ids else {})
    with filled(answers(), SETTINGS | {"survey": wrong}) as db:
        found = Findings(db, Options(least=least))
        made = sections(found, found.words)
    assert [one.id for one in made] == ["overview", *ids, "method"]
    assert not ids or "no variable of the survey: another, typing-error." in made[1].said[1]
    assert bool(ids) or "[survey] outcome" in made[0].left_out[0][1]

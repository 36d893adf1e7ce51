"""Published tables and open microdata, from an SPSS file through the archive to the tables of the report."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pyreadstat
import pytest
from statsmodels.datasets import anes96

from analysis.report.findings import Findings
from jobs.context import open_study
from jobs.run import import_files

# Hosmer and Lemeshow, Applied Logistic Regression (2000), chapter 3: heart disease by race, (present, absent)
RACE = {"white": (5, 20), "black": (20, 10), "hispanic": (15, 10), "other": (10, 10)}
# Koch and Edwards (1988), as Meyer, Zeileis and Hornik print its tests (the strucplot framework, 2006)
ARTHRITIS = {"placebo": (29, 7, 7), "treated": (13, 7, 21)}  # improvement: none, some, marked
STUDY = """[study]
name = "Known answers"

[survey]
name = "race"
outcome = "chd"
positive = ["present"]
minimum = 20

[survey.variables.race]
order = ["white", "black", "hispanic", "other"]
coding = "indicator"
reference = "first"
"""


def _microdata(counts: dict[str, tuple[int, ...]], row: str, column: str) -> pd.DataFrame:
    cells = [(at, place, n) for at, of in enumerate(counts.values(), 1) for place, n in enumerate(of, 1)]
    frame = pd.DataFrame(cells, columns=[row, column, "n"])
    return frame.loc[frame.index.repeat(frame["n"]), [row, column]].reset_index(drop=True).astype(float)


def _labelled(*answers: str) -> dict[float, str]:
    return {float(at): answer for at, answer in enumerate(answers, 1)}


@pytest.fixture(scope="module")
def known(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Findings]]:
    """The findings on one of three imported surveys, asked as the settings say."""
    place = tmp_path_factory.mktemp("known")
    american = anes96.load_pandas().data[["TVnews", "selfLR", "PID", "educ", "vote"]]
    files = {
        "race": (_microdata(RACE, "race", "chd"),
                 {"race": _labelled(*RACE), "chd": _labelled("present", "absent")}, {}),
        "arthritis": (_microdata(ARTHRITIS, "treatment", "improved"),
                      {"treatment": _labelled(*ARTHRITIS), "improved": _labelled("none", "some", "marked")}, {}),
        "anes96": (american,
                   {"vote": {0.0: "Clinton", 1.0: "Dole"}, "educ": _labelled(*(f"level {at}" for at in range(1, 8))),
                    "TVnews": {float(at): f"{at} days" for at in range(8)}}, {"TVnews": [0.0]}),
    }  # fmt: skip
    for name, (frame, labels, missing) in files.items():
        pyreadstat.write_sav(frame, str(place / f"{name}.sav"), variable_value_labels=labels, missing_ranges=missing)
    folder = place / "study"
    folder.mkdir()
    (folder / "sneeuwbal.toml").write_text(STUDY)
    paths = [place / f"{name}.sav" for name in files]
    import_files(open_study(folder), "survey", paths, {}, say=lambda line: None)
    opened: list[duckdb.DuckDBPyConnection] = []

    def asked(**settings: Any) -> Findings:
        copy = shutil.copy(folder / "study.duckdb", place / f"{len(opened)}.duckdb")
        Path(copy).chmod(0o600)
        opened.append(duckdb.connect(str(copy)))
        if settings:
            opened[-1].execute("DELETE FROM base.study WHERE starts_with(key, 'survey.')")
        for key, value in settings.items():
            name = f"survey.{key.replace('__', '.')}"
            opened[-1].execute("INSERT INTO base.study VALUES (?, ?)", [name, json.dumps(value)])
        return Findings(opened[-1])

    yield asked
    for one in opened:
        one.close()


def test_heart_disease_by_race_as_hosmer_and_lemeshow_print_it(known: Callable[..., Findings]) -> None:
    """Both codings: coefficients, standard errors, odds ratios with their intervals."""
    rows = known().survey_regressions.set_index("answer")
    assert rows["coding"].unique().tolist() == ["indicator, against white"]
    printed = {"black": (2.079, 0.63, 8.0, 2.3, 27.6), "hispanic": (1.792, 0.65, 6.0, 1.7, 21.3),
               "other": (1.386, 0.67, 4.0, 1.1, 14.9)}  # fmt: skip
    columns = ["coefficient", "error", "odds_ratio", "low", "high"]
    for answer, values in printed.items():
        places = zip(rows.loc[answer, columns], (3, 2, 1, 1, 1), strict=True)
        assert tuple(round(float(value), digits) for value, digits in places) == values, answer
    order = ["white", "black", "hispanic", "other"]
    rows = known(
        name="race", outcome="chd", positive=["present"], minimum=20, variables__race__order=order,
        variables__race__coding="deviation", variables__race__reference="first",
    ).survey_regressions.set_index("answer")  # fmt: skip
    printed_deviation = {"black": (0.765, 0.351), "hispanic": (0.477, 0.362), "other": (0.072, 0.385)}
    for answer, pair in printed_deviation.items():
        assert (round(rows.loc[answer, "coefficient"], 3), round(rows.loc[answer, "error"], 3)) == pair
    assert (rows["wald"] - (rows["coefficient"] / rows["error"]) ** 2).abs().max() < 1e-9


def test_arthritis_treatment_as_printed(known: Callable[..., Findings]) -> None:
    """Pearson 13.055 with df 2, P 0.0014626, Cramér's V 0.394: by treatment, each improvement an outcome of its own."""
    found = known(name="arthritis", outcome="treatment", positive=["treated"], variables__improved__order=True)
    row = found.survey_tests.iloc[0]
    assert (round(row["chi2"], 3), row["df"], round(row["p"], 7), round(row["cramers_v"], 3)) == (
        13.055, 2, 0.0014626, 0.394,
    )  # fmt: skip
    shares = found.survey_shares.set_index("answer")
    assert shares.loc[["none", "some", "marked"], "positive"].tolist() == [13, 7, 21]


def test_american_voters_agree_with_computations_of_another_kind(known: Callable[..., Findings]) -> None:
    """944 of 1996: days without television news are declared missing, and stay apart from no answer."""
    found = known(
        name="anes96", outcome="vote", positive=["Dole"], minimum=0, variables__educ__order=True,
        variables__educ__coding="each", variables__TVnews__order=True, variables__PID__order=True,
        variables__selfLR__order=True,
    )  # fmt: skip
    data = anes96.load_pandas().data
    watched = data[data["TVnews"] > 0]
    row = found.survey_missing.set_index("variable").loc["TVnews"]
    assert row[["answered", "empty", "user_missing"]].tolist() == [len(watched), 0, len(data) - len(watched)]
    tests = found.survey_tests.set_index("variable")
    for name, of in (("educ", data), ("TVnews", watched)):
        counts = of.groupby([name, "vote"]).size().unstack(fill_value=0).to_numpy(dtype=float)
        expected = np.outer(counts.sum(axis=1), counts.sum(axis=0)) / counts.sum()
        assert tests.loc[name, "chi2"] == pytest.approx(((counts - expected) ** 2 / expected).sum())
        assert tests.loc[name, "n"] == len(of)
    ranks = found.survey_ranks.set_index(["one", "other"])["rho"]
    for (one, other), rho in ranks.items():
        both = watched if "TVnews" in (one, other) else data
        assert rho == pytest.approx(both[one].rank().corr(both[other].rank())), (one, other)
    assert len(ranks) == 6
    walds = found.survey_regressions.set_index("answer")["wald"]
    for level, of in data.groupby("educ")["vote"]:
        yes, no = float(of.sum()), float(len(of) - of.sum())
        others = data["vote"][data["educ"] != level]
        a, b = float(others.sum()), float(len(others) - others.sum())
        closed = np.log(yes * b / (no * a)) ** 2 / (1 / yes + 1 / no + 1 / a + 1 / b)
        assert walds[f"level {level:g}"] == pytest.approx(closed, rel=1e-6)

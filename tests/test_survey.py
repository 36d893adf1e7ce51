"""The tests of a survey give what was published, what has a closed form, and what another package computes."""

from __future__ import annotations

import tomllib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from statsmodels.datasets import fair, spector

from analysis import survey

PUBLISHED = tomllib.loads((Path(__file__).parents[1] / "fixtures/study2013.toml").read_text())["published"]["survey"]


def people(cells: dict[str, tuple[int, int]]) -> pd.DataFrame:
    """A respondent for each of (yes, no) in every category."""
    return pd.DataFrame(
        [(name, said) for name, (yes, no) in cells.items() for said in [True] * yes + [False] * no],
        columns=["category", "outcome"],
    )


CELLS = {"a": (30, 50), "b": (12, 68), "c": (45, 45), "d": (10, 20)}


def test_published_wald_values_give_the_published_p_but_one():
    tests = {name: row for name, row in PUBLISHED.items() if row["statistic"] == "wald"}
    found = {name: round(survey.p_of("wald", row["value"], row.get("df")), 3) for name, row in tests.items()}
    assert len(tests) == 21
    odd = {name: (found[name], row["p"]) for name, row in tests.items() if found[name] != row["p"]}
    assert list(odd.values()) == [(0.603, 0.601)]  # legal work


def test_published_chi_squares_and_rho_lie_under_the_published_bounds():
    for row in PUBLISHED.values():
        if row["statistic"] != "wald" and "below" in row:
            p = survey.p_of(row["statistic"], row["value"], row.get("df"), row.get("n") or 1522)
            assert p < row["below"]


def test_logistic_regression_of_spector_and_mazzeo_as_greene_prints_it():
    data = spector.load_pandas().data
    rows = survey.logistic(data["GRADE"], data[["GPA", "TUCE", "PSI"]]).set_index("term")
    assert rows["coefficient"].round(3).to_dict() == {"constant": -13.021, "GPA": 2.826, "TUCE": 0.095, "PSI": 2.379}
    assert rows["error"].round(3).to_dict() == {"constant": 4.931, "GPA": 1.263, "TUCE": 0.142, "PSI": 1.065}


def test_codings_have_their_closed_forms():
    data = people(CELLS)
    logit = {name: np.log(yes / no) for name, (yes, no) in CELLS.items()}
    each = survey.wald(data["outcome"], data["category"], minimum=0).set_index("category")
    yes, no = 30, 50
    others_yes, others_no = 97 - yes, 183 - no
    assert each.loc["a", "odds_ratio"] == pytest.approx(yes * others_no / (no * others_yes))
    assert each.loc["a", "error"] == pytest.approx(np.sqrt(1 / yes + 1 / no + 1 / others_yes + 1 / others_no))
    for reference, name in (("first", "a"), ("last", "d")):
        rows = survey.wald(data["outcome"], data["category"], "indicator", reference, minimum=0).set_index("category")
        assert name not in rows.index
        assert rows["coefficient"].to_dict() == pytest.approx({k: logit[k] - logit[name] for k in logit if k != name})
    rows = survey.wald(data["outcome"], data["category"], "deviation", minimum=0).set_index("category")
    mean = sum(logit.values()) / 4
    variance = {k: 1 / yes + 1 / no for k, (yes, no) in CELLS.items()}
    assert rows["coefficient"].to_dict() == pytest.approx({k: logit[k] - mean for k in "abc"})
    error = {k: np.sqrt((9 * variance[k] + sum(variance[j] for j in CELLS if j != k)) / 16) for k in "abc"}
    assert rows["error"].to_dict() == pytest.approx(error)


def test_deviation_coding_agrees_with_patsy():
    data = fair.load_pandas().data
    outcome, category = data["affairs"] > 0, data["occupation"]
    ours = survey.wald(outcome, category, "deviation", "last", minimum=0)
    theirs = sm.Logit.from_formula("y ~ C(x, Sum)", pd.DataFrame({"y": outcome.astype(float), "x": category})).fit(
        disp=0
    )
    assert ours["wald"].to_numpy() == pytest.approx(theirs.tvalues.iloc[1:].to_numpy() ** 2, rel=1e-4)


def test_small_categories_are_left_out_and_listed_unless_kept():
    data = people(CELLS)
    rows = survey.wald(data["outcome"], data["category"])
    assert list(rows["category"]) == ["a", "b", "c"]
    assert rows.attrs["parameters"]["left_out"] == {"d": 30}
    kept = survey.wald(data["outcome"], data["category"], kept={"d": "a strong effect"})
    assert list(kept["category"]) == ["a", "b", "c", "d"]


def test_a_category_without_a_yes_has_no_estimate():
    data = people({"a": (0, 60), "b": (20, 40), "c": (30, 30)})
    rows = survey.wald(data["outcome"], data["category"]).set_index("category")
    assert rows.loc["a", ["wald", "p", "odds_ratio", "p_holm"]].isna().all()
    assert sorted(rows["p_holm"].dropna()) == pytest.approx(sorted(survey.holm(rows["p"].dropna())))


def test_weights_as_counts_are_the_respondents_themselves():
    cells = pd.DataFrame(
        [(k, s, n) for k, pair in CELLS.items() for s, n in zip((1, 0), pair, strict=True)], columns=["k", "s", "n"]
    )
    weighted = survey.chi_square(cells["k"], cells["s"], cells["n"]).iloc[1]
    data = people(CELLS)
    full = survey.chi_square(data["category"], data["outcome"]).iloc[0]
    assert weighted["cramers_v"] == pytest.approx(full["cramers_v"])
    shares = survey.frequencies(cells["k"], cells["n"])
    assert list(shares["weighted_share"]) == pytest.approx(list(survey.frequencies(data["category"])["share"]))


def test_chi_square_of_a_two_by_two_table():
    data = people({"a": (10, 20), "b": (30, 40)})
    row = survey.chi_square(data["category"], data["outcome"]).iloc[0]
    assert row["chi2"] == pytest.approx(100 * (10 * 40 - 20 * 30) ** 2 / (30 * 70 * 40 * 60))
    assert (row["df"], row["small_expected"]) == (1, 0)
    assert row["cramers_v"] == pytest.approx(np.sqrt(row["chi2"] / 100))
    assert survey.cross(data["category"], data["outcome"]).groupby("row")["share"].sum().tolist() == [100, 100]


def test_order_of_categories_makes_the_ranks():
    low_high = pd.Series(pd.Categorical(["low", "mid", "high", None], ["low", "mid", "high"], ordered=True))
    row = survey.rank_correlation(low_high, pd.Series([1.0, 2, 3, 9])).iloc[0]
    assert (row["n"], row["rho"]) == (3, 1)
    with pytest.raises(ValueError, match="no order"):
        survey.rank_correlation(low_high.cat.as_unordered(), low_high)


def test_holm_multiplies_the_smallest_p_by_the_number_of_tests():
    adjusted = survey.holm(pd.Series([0.01, float("nan"), 0.04, 0.03]))
    assert adjusted.tolist() == pytest.approx([0.03, float("nan"), 0.06, 0.06], nan_ok=True)


def test_a_cross_table_has_the_counts_of_its_cells():
    table = survey.cross(people(CELLS)["category"], people(CELLS)["outcome"])
    counts = {
        (row, column): count for row, column, count in zip(table["row"], table["column"], table["count"], strict=True)
    }
    assert all((counts[name, True], counts[name, False]) == cell for name, cell in CELLS.items())
    assert table["expected"].sum() == pytest.approx(280)

"""Answers of a survey: shares, cross tables, rank correlations and Wald tests (chapter 4.1 of the 2013 report).

All take columns of one frame of respondents, aligned by index; a respondent with a missing answer is left out of what
needs that answer. Weights are rescaled to a mean of 1 over those who are counted. Weighted p values and intervals take
the weighted counts as if they were respondents, which ignores the design effect: they stand beside the unweighted.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
import pandas as pd

from analysis.queries import with_parameters

Coding = Literal["each", "indicator", "deviation"]
Reference = Literal["first", "last"]
MINIMUM = 50  # respondents: smaller categories of a predictor are left out (2013 report, Tables 3 and 4)
LEVEL = 0.95


def frequencies(answers: pd.Series[Any], weight: pd.Series[Any] | None = None) -> pd.DataFrame:
    """A row for each answer, in the order of its categories: count, n, share (per cent), low and high (Wilson).

    With *weight* also weighted_share, weighted_low and weighted_high, at Kish's effective number of respondents.
    """
    from statsmodels.stats.proportion import proportion_confint

    known, weights = _complete({"answer": answers}, weight)
    counts = _ordered(known["answer"])
    rows = pd.DataFrame({"answer": counts.index, "count": counts.to_numpy(), "n": len(known)})
    rows["share"] = 100 * rows["count"] / rows["n"]
    low, high = proportion_confint(rows["count"].to_numpy(), len(known), alpha=1 - LEVEL, method="wilson")
    rows["low"], rows["high"] = 100 * low, 100 * high
    if weight is not None:
        sums = weights.groupby(known["answer"], observed=False).sum().reindex(counts.index)
        shares = (sums / weights.sum()).to_numpy()
        effective = weights.sum() ** 2 / (weights**2).sum()
        low, high = proportion_confint(shares * effective, effective, alpha=1 - LEVEL, method="wilson")
        rows["weighted_share"], rows["weighted_low"], rows["weighted_high"] = (
            100 * shares,
            100 * low,
            100 * high,
        )
    return with_parameters(rows, interval="Wilson", level=LEVEL, missing=len(answers) - len(known))


def cross(rows: pd.Series[Any], columns: pd.Series[Any]) -> pd.DataFrame:
    """A row for each pair of answers: row, column, count, row_n, share (per cent of the row), expected."""
    known, _ = _complete({"row": rows, "column": columns}, None)
    counts = _counts(known, None)
    total = counts.to_numpy().sum()
    expected = np.outer(counts.sum(axis=1), counts.sum(axis=0)) / (total or np.nan)
    table = pd.DataFrame(
        {
            "row": np.repeat(counts.index.to_numpy(), counts.shape[1]),
            "column": np.tile(counts.columns.to_numpy(), counts.shape[0]),
            "count": counts.to_numpy().ravel(),
        }
    )
    table["row_n"] = np.repeat(counts.sum(axis=1).to_numpy(), counts.shape[1])
    table["share"] = 100 * table["count"] / table["row_n"]
    table["expected"] = expected.ravel()
    return with_parameters(table, missing=len(rows) - len(known))


def chi_square(rows: pd.Series[Any], columns: pd.Series[Any], weight: pd.Series[Any] | None = None) -> pd.DataFrame:
    """One row: Pearson's chi-square without continuity correction; a second one with *weight*.

    Columns: weighted, n, chi2, df, p, cramers_v, cells, small_expected (cells with an expected count under 5). All but
    n are missing where either variable has fewer than two answers.
    """
    from scipy.stats import chi2_contingency

    known, weights = _complete({"row": rows, "column": columns}, weight)
    found = []
    for by in [None] if weight is None else [None, weights]:
        counts = _counts(known, by)
        row: dict[str, Any] = {"weighted": by is not None, "n": len(known)}
        if min(counts.shape) > 1:
            result = chi2_contingency(counts.to_numpy(), correction=False)
            row |= {"chi2": float(result.statistic), "df": int(result.dof), "p": float(result.pvalue)}
            row["cramers_v"] = float(np.sqrt(row["chi2"] / counts.to_numpy().sum() / (min(counts.shape) - 1)))
            row |= {"cells": counts.size, "small_expected": int((result.expected_freq < 5).sum())}
        found.append(row)
    names = ["weighted", "n", "chi2", "df", "p", "cramers_v", "cells", "small_expected"]
    return with_parameters(pd.DataFrame(found, columns=names), test="Pearson chi-square", correction=False)


def rank_correlation(one: pd.Series[Any], other: pd.Series[Any]) -> pd.DataFrame:
    """One row: n, rho (Spearman, ties averaged), p, low and high (Fisher's z, variance of Bonett & Wright 2000).

    Ordered categories go by their order. rho and p are missing under 3 pairs or without variation, the interval
    under 4 pairs.
    """
    from scipy.stats import norm, spearmanr

    known, _ = _complete({"one": _ranked(one), "other": _ranked(other)}, None)
    n, rho, p, low, high = len(known), *[float("nan")] * 4
    if n > 2 and known["one"].nunique() > 1 and known["other"].nunique() > 1:
        rho, p = (float(value) for value in spearmanr(known["one"], known["other"]))
    if n > 3 and abs(rho) < 1:
        half = norm.ppf((1 + LEVEL) / 2) * np.sqrt((1 + rho**2 / 2) / (n - 3))
        low, high = np.tanh(np.arctanh(rho) - half), np.tanh(np.arctanh(rho) + half)
    rows = pd.DataFrame({"n": [n], "rho": [rho], "p": [p], "low": [low], "high": [high]})
    return with_parameters(rows, test="Spearman", level=LEVEL)


def wald(
    outcome: pd.Series[Any],
    predictor: pd.Series[Any],
    coding: Coding = "each",
    reference: Reference = "last",
    weight: pd.Series[Any] | None = None,
    minimum: int = MINIMUM,
    kept: Mapping[str, str] | None = None,
) -> pd.DataFrame:
    """Logistic regression of *outcome* (true or false) on the categories of *predictor*: a row a tested category.

    Columns: category, n, and those of `logistic`, with p_holm; with *weight* also the same with the prefix `weighted_`.
    *coding*: `each`, a model for each category against all other respondents; `indicator` and `deviation`, one model
    against the *reference* category or against the mean of the categories' log odds, as SPSS has them. In all,
    categories under *minimum* are not tested, unless *kept* names them with a reason; they stand in the parameter
    `left_out` with their n. In `each` their respondents stay among the others; in the other codings they leave the
    model.
    """
    known, weights = _complete({"outcome": outcome, "category": predictor}, weight)
    sizes = {name: int(n) for name, n in _ordered(known["category"]).items() if n > 0}
    tested = [name for name, n in sizes.items() if n >= minimum or str(name) in (kept or {})]
    left_out = {str(name): n for name, n in sizes.items() if name not in tested}
    against: Any = None
    if coding != "each":
        inside = known["category"].isin(tested)
        known, weights = known[inside], weights[inside]
        against = tested[0 if reference == "first" else -1] if tested else None
        tested = [name for name in tested if name != against]
    design = pd.DataFrame({name: (known["category"] == name).astype(float) for name in tested}, index=known.index)
    if coding == "deviation":
        design[known["category"] == against] = -1.0
    models = [design[[name]] for name in tested] if coding == "each" else [design] if tested else []
    rows = pd.DataFrame({"category": tested, "n": [sizes[name] for name in tested]})
    for prefix, by in [("", None)] if weight is None else [("", None), ("weighted_", weights)]:
        found = [logistic(known["outcome"], model, by).iloc[1:].drop(columns="term") for model in models]
        if found:
            tests = pd.concat(found, ignore_index=True)
            tests["p_holm"] = holm(tests["p"])
            rows = rows.join(tests.add_prefix(prefix))
    return with_parameters(
        rows, test="Wald", coding=coding, reference=None if against is None else str(against), minimum=minimum,
        kept=dict(kept or {}), left_out=left_out, level=LEVEL, adjusted="Holm",
    )  # fmt: skip


def logistic(outcome: pd.Series[Any], design: pd.DataFrame, weight: pd.Series[Any] | None = None) -> pd.DataFrame:
    """A row for the constant and each column of *design*: term, coefficient, error, wald, df, p, odds_ratio, low, high.

    Wald is (coefficient / error) squared; low and high bound the odds ratio. Where the likelihood has no maximum (a
    category whose answers are all alike, columns that depend on each other) the figures are missing, never huge.
    """
    import statsmodels.api as sm
    from scipy.stats import chi2, norm

    terms = ["constant", *map(str, design.columns)]
    matrix = np.column_stack([np.ones(len(design)), design.to_numpy(dtype=float)])
    answers = outcome.to_numpy(dtype=float)
    coefficient = error = np.full(len(terms), np.nan)
    if len(set(answers)) == 2 and np.linalg.matrix_rank(matrix) == len(terms):
        weights = None if weight is None else weight.to_numpy(dtype=float)
        fitted = sm.GLM(answers, matrix, family=sm.families.Binomial(), freq_weights=weights).fit(
            maxiter=100, tol=1e-12
        )
        probable = np.asarray(fitted.fittedvalues)
        if fitted.converged and ((probable > 1e-8) & (probable < 1 - 1e-8)).all():
            coefficient, error = np.asarray(fitted.params), np.asarray(fitted.bse)
    value = (coefficient / error) ** 2
    half = norm.ppf((1 + LEVEL) / 2) * error
    return pd.DataFrame(
        {
            "term": terms, "coefficient": coefficient, "error": error, "wald": value, "df": 1, "p": chi2.sf(value, 1),
            "odds_ratio": np.exp(coefficient), "low": np.exp(coefficient - half), "high": np.exp(coefficient + half),
        }
    )  # fmt: skip


def holm(p: pd.Series[Any]) -> pd.Series[Any]:
    """*p* adjusted for the number of tests (Holm 1979); a missing p stays missing and is not counted as a test."""
    from statsmodels.stats.multitest import multipletests

    adjusted = p.astype(float)
    tested = adjusted.notna()
    if tested.any():
        adjusted[tested] = multipletests(adjusted[tested], method="holm")[1]
    return adjusted


def p_of(statistic: str, value: float, df: int | None, n: int | None = None) -> float:
    """The p that follows from a published statistic: chi2 and wald by *df*, rho by Student's t with *n* pairs.

    Missing where the publication does not give what is needed.
    """
    from scipy.stats import chi2, t

    if statistic == "rho":
        if n is None or n < 3 or abs(value) >= 1:
            return float("nan")
        return float(2 * t.sf(abs(value) * np.sqrt((n - 2) / (1 - value**2)), n - 2))
    freedom = 1 if df is None and statistic == "wald" else df
    return float("nan") if freedom is None else float(chi2.sf(value, freedom))


def _complete(columns: dict[str, pd.Series[Any]], weight: pd.Series[Any] | None) -> tuple[pd.DataFrame, pd.Series[Any]]:
    """Respondents with all answers (and a weight above 0), and their weights, with a mean of 1."""
    known = pd.DataFrame(columns)
    weights = pd.Series(1.0, known.index) if weight is None else weight.reindex(known.index).astype(float)
    inside = known.notna().all(axis=1) & (weights > 0)
    known, weights = known[inside], weights[inside]
    return known, weights / weights.mean()


def _ordered(answers: pd.Series[Any]) -> pd.Series[Any]:
    """The count of each answer, in the order of its categories or sorted."""
    return answers.value_counts(sort=False).sort_index()


def _counts(known: pd.DataFrame, weights: pd.Series[Any] | None) -> pd.DataFrame:
    """Respondents (or the sum of their weights) by row and column, without empty rows and columns."""
    each = pd.Series(1, known.index) if weights is None else weights
    counts = each.groupby([known["row"], known["column"]], observed=True).sum().unstack(fill_value=0)
    return counts.sort_index().sort_index(axis=1)


def _ranked(answers: pd.Series[Any]) -> pd.Series[Any]:
    """Ordered categories as the numbers of their order; anything else as it is."""
    if isinstance(answers.dtype, pd.CategoricalDtype):
        if not answers.cat.ordered:
            raise ValueError(f"{answers.name} has no order: rank correlation needs one")
        return answers.cat.codes.where(answers.notna())
    return answers

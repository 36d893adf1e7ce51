"""The survey of a study: its answers in the roles that `[survey]` gives them, and the tables made of them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from itertools import combinations
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from analysis import survey
from analysis.queries import Database, query, setting, with_parameters

ANSWERS = """
SELECT respondent, variable, coalesce(answer, code) AS answer, code FROM survey_answers
WHERE survey = ? AND missing IS NULL AND code IS NOT NULL AND list_contains(?, variable)
ORDER BY respondent, variable"""
CODEBOOK = """
SELECT variable, kind, coalesce(answer, code) AS answer, code FROM survey_codebook
WHERE survey = ? AND missing IS NULL AND code IS NOT NULL AND list_contains(?, variable)
ORDER BY ordinal, place, try_cast(code AS DOUBLE), code"""
MISSING = """
SELECT variable, any_value(label) AS question,
       coalesce(sum(respondents) FILTER (missing IS NULL), 0)::BIGINT AS answered,
       coalesce(sum(respondents) FILTER (missing = 'system'), 0)::BIGINT AS empty,
       coalesce(sum(respondents) FILTER (missing = 'user'), 0)::BIGINT AS user_missing,
       coalesce(sum(respondents) FILTER (missing = 'not asked'), 0)::BIGINT AS not_asked
FROM survey_codebook WHERE survey = ? AND list_contains(?, variable) GROUP BY variable ORDER BY any_value(ordinal)"""
ORGANISATIONS = """
SELECT answer, organisation, group_name, count(*) AS n FROM survey_answers AS a
JOIN survey_organisations AS o USING (survey, variable, code, answer) WHERE survey = ? GROUP BY ALL ORDER BY answer"""

NO_ANSWER = "no answer"


class Surveyed(NamedTuple):
    """A survey: *frame* has a row a respondent, *roles* what `[survey]` says."""

    name: str
    frame: pd.DataFrame
    positive: pd.Series[Any]  # true, false, or missing
    positives: tuple[str, ...]  # the answers that count as positive
    weight: pd.Series[Any] | None
    roles: Mapping[str, Any]
    variables: Mapping[str, Mapping[str, Any]]
    absent: tuple[str, ...]  # what `[survey]` names that is no variable of the survey

    def title(self, variable: str) -> str:
        """What reports call *variable*."""
        return str(self.variables.get(variable, {}).get("title") or variable)


def nested(db: Database, table: str) -> dict[str, dict[str, Any]]:
    """The tables below *table* of the study file, by name; of `keep` the reasons, by answer."""
    rows = db.execute("SELECT key, value FROM study WHERE starts_with(key, ?) ORDER BY key", [f"{table}."]).fetchall()
    found: dict[str, dict[str, Any]] = {}
    for key, value in rows:
        name = key.removeprefix(f"{table}.")
        if ".keep." in name:
            name, _, answer = name.partition(".keep.")
            found.setdefault(name, {}).setdefault("keep", {})[answer] = json.loads(value)
        else:
            name, _, leaf = name.rpartition(".")
            found.setdefault(name, {})[leaf] = json.loads(value)
    return found


def surveyed(db: Database) -> Surveyed | None:
    """The survey of the study; None without answers, or without an outcome in `[survey]` that the survey has."""
    names = [row[0] for row in db.execute("SELECT DISTINCT survey FROM survey_answers ORDER BY 1").fetchall()]
    roles = {role: setting(db, f"survey.{role}") for role in ("outcome", "often", "weight", "organisation")}
    name = setting(db, "survey.name") or (names[-1] if names else None)
    if not isinstance(name, str) or name not in names or not roles["outcome"]:
        return None
    there = set(query(db, "SELECT DISTINCT variable FROM survey_codebook WHERE survey = ?", [name])["variable"])
    variables = nested(db, "survey.variables")
    absent = tuple(sorted({one for one in (*variables, *roles.values()) if one and one not in there}))
    if roles["outcome"] in absent:
        return None
    variables = {one: its for one, its in variables.items() if one in there}
    roles = {role: one if one in there else None for role, one in roles.items()}
    wanted = list(dict.fromkeys([*variables, *(one for one in roles.values() if one)]))
    codes = query(db, CODEBOOK, [name, wanted])
    rows = query(db, ANSWERS, [name, wanted])
    everyone = query(db, "SELECT DISTINCT respondent FROM survey_answers WHERE survey = ? ORDER BY 1", [name])
    frame = rows.pivot(index="respondent", columns="variable", values="answer").reindex(everyone["respondent"])
    frame = frame.reindex(columns=wanted)
    weight = pd.to_numeric(frame[roles["weight"]], errors="coerce") if roles["weight"] else None
    of_code = codes.set_index(["variable", "code"])["answer"]
    yes = tuple(str(of_code.get((roles["outcome"], one), one)) for one in setting(db, "survey.positive") or ())
    positive = frame[roles["outcome"]].isin(yes).astype(object).where(frame[roles["outcome"]].notna())
    place = {variable: at for at, variable in enumerate(codes["variable"].unique())}
    variables = dict(sorted(variables.items(), key=lambda one: place.get(one[0], len(place))))
    for variable in wanted:
        frame[variable] = _typed(frame[variable], codes[codes["variable"] == variable], variables.get(variable, {}))
    return Surveyed(name, frame, positive, yes, weight, roles, variables, absent)


def _typed(answers: pd.Series[Any], codes: pd.DataFrame, of: Mapping[str, Any]) -> pd.Series[Any]:
    """*answers* as categories in the order of the codebook, or of the study file; numbers as numbers."""
    if len(codes) == 0 or (codes["kind"] == "number").all():
        return pd.to_numeric(answers, errors="coerce")
    order = list(dict.fromkeys(codes["answer"]))
    if isinstance(of.get("order"), list):
        meant = dict(zip(codes["code"], codes["answer"], strict=True))
        order = [meant.get(one, one) for one in of["order"]]
    return pd.Series(pd.Categorical(answers, order, ordered=bool(of.get("order"))), answers.index, name=answers.name)


def _choices(of: Surveyed) -> Iterator[str]:
    return (name for name in of.variables if isinstance(of.frame[name].dtype, pd.CategoricalDtype))


def missing(db: Database, of: Surveyed) -> pd.DataFrame:
    """A row a variable with a role: its question, how many answered, and how many did not, by kind."""
    frame = query(db, MISSING, [of.name, list(of.frame.columns)])
    return with_parameters(frame, survey=of.name)


def outcome(of: Surveyed) -> pd.DataFrame:
    """The answers to the question for the outcome: a row an answer."""
    return _given(of.frame[of.roles["outcome"]], of.weight)


def _given(answers: pd.Series[Any], weight: pd.Series[Any] | None) -> pd.DataFrame:
    """Frequencies of *answers*; the last row counts those who gave none, if any."""
    made = survey.frequencies(answers, weight).astype({"answer": object})
    if none := made.attrs["parameters"].pop("missing"):
        attrs, more = made.attrs, pd.DataFrame({"answer": [NO_ANSWER], "count": [none]})
        made = pd.concat([made, more], ignore_index=True)
        made.attrs = attrs
    return made.astype({"n": "Int64"})


def shares(of: Surveyed) -> pd.DataFrame:
    """A row an answer of each independent variable: n, positive, others, share (per cent), low and high (Wilson).

    With weights also weighted_share. The first row is everybody; the rows of a variable add up to it, those who gave no
    answer included.
    """
    from statsmodels.stats.proportion import proportion_confint

    groups: list[tuple[str, str, pd.Series[Any]]] = [("", "all", pd.Series(True, of.frame.index))]
    for name in _choices(of):
        answers = of.frame[name]
        groups += [(of.title(name), str(one), answers == one) for one in answers.cat.categories]
        if (answers.isna() & of.positive.notna()).any():
            groups.append((of.title(name), NO_ANSWER, answers.isna()))
    known, yes = of.positive.notna(), of.positive.eq(True)
    counts = [(*names, int((of_row & known).sum()), int((of_row & yes).sum())) for *names, of_row in groups]
    rows = pd.DataFrame(counts, columns=["variable", "answer", "n", "positive"])
    rows["others"] = rows["n"] - rows["positive"]
    n = rows["n"].where(rows["n"] > 0).to_numpy(dtype=float)
    low, high = proportion_confint(rows["positive"].to_numpy(), n, alpha=1 - survey.LEVEL, method="wilson")
    rows["share"], rows["low"], rows["high"] = 100 * rows["positive"] / n, 100 * low, 100 * high
    if of.weight is not None:
        weight = of.weight.where(known & (of.weight > 0), 0)
        sums = [(float(weight[inside & yes].sum()), float(weight[inside].sum())) for _, _, inside in groups]
        rows["weighted_share"] = [100 * part / whole if whole else np.nan for part, whole in sums]
    return with_parameters(rows, survey=of.name, outcome=of.roles["outcome"], interval="Wilson", level=survey.LEVEL)


def by_group(db: Database, of: Surveyed) -> pd.DataFrame:
    """The outcome by the group whose organisation a respondent names: group_name, n, positive, share, low and high.

    Answers that were recognised as no organisation of the study, or of none of its groups, are left out.
    """
    from statsmodels.stats.proportion import proportion_confint

    columns = ["group_name", "n", "positive", "share", "low", "high"]
    if not of.roles["organisation"]:
        return with_parameters(pd.DataFrame(columns=columns), survey=of.name)
    known = organisations(db, of).dropna(subset="group_name").set_index("answer")["group_name"]
    group = of.frame[of.roles["organisation"]].astype(object).map(known)
    by_group = of.positive[group.notna()].dropna().astype(int).groupby(group)
    rows = by_group.agg(n="size", positive="sum").rename_axis("group_name").reset_index()
    low, high = proportion_confint(rows["positive"], rows["n"], alpha=1 - survey.LEVEL, method="wilson")
    rows["share"], rows["low"], rows["high"] = 100 * rows["positive"] / rows["n"], 100 * low, 100 * high
    return with_parameters(rows[columns], survey=of.name, interval="Wilson", level=survey.LEVEL)


def small(db: Database, of: Surveyed) -> pd.DataFrame:
    """Answers of fewer respondents than `[survey] minimum` to what is regressed on: n, and why they are kept, if so."""
    minimum = int(setting(db, "survey.minimum", survey.MINIMUM))
    frame = shares(of)
    frame = frame[(frame["n"] > 0) & (frame["n"] < minimum) & (frame["answer"] != NO_ANSWER)]
    kept = {of.title(name): its.get("keep") or {} for name, its in of.variables.items() if its.get("coding")}
    frame = frame[frame["variable"].isin(list(kept))][["variable", "answer", "n"]].reset_index(drop=True)
    frame["kept"] = [kept[one].get(answer, "") for one, answer in zip(frame["variable"], frame["answer"], strict=True)]
    return with_parameters(frame, survey=of.name, minimum=minimum)


def tests(db: Database, of: Surveyed) -> pd.DataFrame:
    """A row an independent variable: chi-square of it and the outcome, with Holm's p, beside what was published."""
    found = []
    for name in _choices(of):
        made = survey.chi_square(of.frame[name], of.positive, of.weight)
        row = {"variable": of.title(name), **made.iloc[0].drop("weighted")}
        if of.weight is not None:
            row |= {f"weighted_{one}": made.iloc[1][one] for one in ("chi2", "p")}
        found.append({**row, **_published(db, "chi2", [of.title(name), name])})
    frame = pd.DataFrame(found)
    if len(frame):
        frame.insert(list(frame.columns).index("p") + 1, "p_holm", survey.holm(frame["p"]))
    return with_parameters(frame, test="Pearson chi-square", correction=False, adjusted="Holm", survey=of.name)


def ranks(db: Database, of: Surveyed) -> pd.DataFrame:
    """A row a pair of ordinal variables: Spearman's rho with its interval, beside what was published."""
    ordinal = [name for name in of.variables if of.variables[name].get("order")]
    found = []
    for one, other in combinations(ordinal, 2):
        row: dict[Any, Any] = {"one": of.title(one), "other": of.title(other)}
        row |= survey.rank_correlation(of.frame[one], of.frame[other]).iloc[0].to_dict()
        names = [f"{a} and {b}" for a, b in ((one, other), (other, one), (of.title(one), of.title(other)))]
        found.append({**row, **_published(db, "rho", names)})
    return with_parameters(pd.DataFrame(found), test="Spearman", level=0.95, survey=of.name)


def regressions(db: Database, of: Surveyed) -> pd.DataFrame:
    """A row a tested answer: Wald of the logistic regression, beside the published one; attrs say what is left out."""
    parts: list[pd.DataFrame] = []
    left_out: dict[str, dict[str, int]] = {}
    minimum = int(setting(db, "survey.minimum", survey.MINIMUM))
    for name in (name for name in _choices(of) if of.variables[name].get("coding")):
        its = of.variables[name]
        made = survey.wald(of.positive, of.frame[name], its["coding"], its.get("reference", "last"), of.weight, minimum,
                           its.get("keep"))  # fmt: skip
        fit = made.attrs["parameters"]
        left_out[of.title(name)] = fit["left_out"]
        made.insert(0, "variable", of.title(name))
        made = made.rename(columns={"category": "answer"}).astype({"answer": str})
        made.insert(2, "coding", its["coding"] + (f", against {fit['reference']}" if fit["reference"] else ""))
        tested = [_published(db, "wald", [f"{of.title(name)}: {one}", f"{name}: {one}"]) for one in made["answer"]]
        parts.append(made.join(pd.DataFrame(tested, made.index)))
    frame = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()
    return with_parameters(frame, test="Wald", minimum=minimum, left_out=left_out, adjusted="Holm", survey=of.name)


def _published(db: Database, statistic: str, names: list[str]) -> dict[str, Any]:
    """What the study file names as published, and the p that follows from its value; empty where it names nothing."""
    listed = nested(db, "published.survey")
    of = next((listed[name] for name in names if listed.get(name, {}).get("statistic") == statistic), None)
    if of is None:
        return {}
    follows = survey.p_of(statistic, of["value"], of.get("df"), of.get("n"))
    return {"published": of["value"], "published_n": of.get("n"), "published_p": of.get("p"),
            "published_below": of.get("below"), "p_of_published": follows, "note": of.get("note")}  # fmt: skip


class Compared(NamedTuple):
    """How computed tests compare with the published ones, as printed."""

    published: int
    same: int
    other: pd.DataFrame  # those that come out differently, the largest ratio first
    unfounded: pd.DataFrame  # whose published p is not that of the value: with p_low and p_high of its rounding


def compared(frame: pd.DataFrame, statistic: str) -> Compared:
    """The rows of *frame* whose *statistic* was published, compared at the decimals that its variable has in print."""
    if "published" not in frame:
        return Compared(0, 0, frame.iloc[:0], frame.iloc[:0])
    rows = frame[frame["published"].notna() & frame[statistic].notna()].copy()
    by = rows["variable"] if statistic == "wald" else pd.Series("", rows.index)
    places = {name: max(map(_decimals, rows.loc[by == name, "published"])) for name in by.unique()}
    half = by.map(places).map(lambda one: 0.5 * 10.0**-one)
    rows["off"] = (rows[statistic].astype(float) - rows["published"].astype(float)).abs() > half + 1e-12
    least = np.minimum(rows[statistic].abs(), rows["published"].abs()).astype(float)
    rows["times"] = np.maximum(rows[statistic].abs(), rows["published"].abs()).astype(float) / least
    other = rows[rows["off"]].sort_values("times", ascending=False)
    given = rows[rows["published_p"].notna() & rows["p_of_published"].notna()].copy()
    if len(given):
        printed = max(map(_decimals, given["published_p"]))
        for name, sign in (("p_low", 1), ("p_high", -1)):
            ends = given["published"].abs() + sign * half[given.index]
            given[name] = [survey.p_of(statistic, max(value, 0), df, n)
                          for value, df, n in zip(ends, given["df"], given["published_n"], strict=True)]  # fmt: skip
        given = given[(given["p_of_published"].astype(float).round(printed) - given["published_p"]).abs() > 1e-9]
    return Compared(len(rows), int((~rows["off"]).sum()), other, given)


def _decimals(value: Any) -> int:
    return len(repr(float(value)).partition(".")[2].rstrip("0"))


def often(of: Surveyed) -> pd.DataFrame:
    """How often, of those whose outcome is positive: a row an answer."""
    if not of.roles["often"]:
        return with_parameters(pd.DataFrame(columns=["answer", "count", "n", "share", "low", "high"]), survey=of.name)
    inside = of.positive.fillna(False).astype(bool)
    return _given(of.frame.loc[inside, of.roles["often"]], None if of.weight is None else of.weight[inside])


def organisations(db: Database, of: Surveyed) -> pd.DataFrame:
    """A row an answer to the question for the organisation, with the group that it counts for; none: not recognised."""
    return with_parameters(query(db, ORGANISATIONS, [of.name]), survey=of.name)

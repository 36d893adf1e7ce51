"""The section on the survey: who answered yes, what goes with it, and the published tests beside the computed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pandas as pd

from analysis import respondents
from analysis import triangulation as instruments
from analysis.report.blocks import Fact, Picture, Section
from analysis.report.escape import clean
from analysis.report.figures.registry import SURVEY
from analysis.report.findings import Findings
from analysis.report.i18n import Words
from analysis.report.section_parts import PUBLISHED_TOO, published_there, table
from analysis.report.surveyed import Graph
from analysis.report.tables import Table

LIMITS = (
    "Shares are of those who answered; people who were not asked, or did not answer, are counted separately.",
    "Intervals and tests assume that the respondents are a random sample of the survey's population, which a "
    "panel that people join themselves is not.",
    "What respondents wrote in their own words is in no table, figure or file of this report.",
)
HIDDEN = (
    "Numbers based on fewer than {least} respondents are hidden, and a second number wherever a total would "
    "reveal the first; so are tests that would tell them."
)
NAMED = 5  # tests that are named in a sentence; the table has all


def survey(found: Findings, _: Words) -> Section:
    """Graphs 3 to 10 and Tables 3 and 4 of 2013, of the survey of this study."""
    alt = _("Bars of the shares by answer, with their intervals; the numbers are in the tables.")
    pictures = [Picture(f"{SURVEY}{at}", alt, " ".join(_under(found, graph, _)))
                for at, graph in enumerate(found.survey_graphs, 1)]  # fmt: skip
    return Section("survey", _("Survey"), tuple(_said(found, _)), (*pictures, *_tables(found, _)))


def _under(found: Findings, graph: Graph, _: Words) -> Iterator[str]:
    if graph.question not in graph.title:
        yield clean(graph.question)
    if graph.rows["share"].isna().any() and found.options.least:
        yield _(HIDDEN).format(least=found.options.least)


def _said(found: Findings, _: Words) -> Iterator[str]:
    yield from (text for text, _section in brief(found, _))
    if found.survey.absent:
        yield _("[survey] names what is no variable of the survey: {names}.").format(
            names=", ".join(found.survey.absent)
        )
    for statistic, frame in (("chi2", found.survey_tests), ("rho", found.survey_ranks),
                             ("wald", found.survey_regressions)):  # fmt: skip
        yield from _compared(frame, statistic, _)


def brief(found: Findings, _: Words) -> Iterator[tuple[str, str]]:
    """How many of the respondents are positive, in a sentence."""
    if not found.surveyed:
        return
    everyone = found.survey_shares.iloc[0]
    if everyone[["n", "positive"]].isna().any() or not everyone["n"]:
        return
    label = found.survey_graphs[0].question
    yes = ", ".join(found.survey.positives)
    yield _("Of {n} respondents {positive} ({share}%, 95% interval {low} to {high}) answered “{yes}” to “{question}”."
            ).format(n=_.number(everyone["n"]), positive=_.number(everyone["positive"]), yes=yes, question=label,
                     **{name: _.number(everyone[name], 1) for name in ("share", "low", "high")}), "survey"  # fmt: skip


def triangulation(found: Findings, _: Words) -> Section:
    """Survey, profiles and timelines side by side by group, and who leads in each."""
    frame = found.triangulation
    agree = instruments.agreement(frame)
    agree = agree.assign(**{end: agree[end].map(lambda name: _.head(str(name))) for end in ("one", "other")})
    agree.attrs = {"parameters": agree.attrs.get("parameters")}
    hidden = _(HIDDEN).format(least=found.options.least) if frame.attrs.get("hidden") else ""
    picture = Picture("triangulation", _("Dots of each measure by {group}; the same numbers as the table."), hidden)
    sides = table(found, _, "triangulation", "Survey, profiles and timelines by {group}", frame, "surveyed",
                  "asked_by_group", "populations", "triangulation", percent=("interaction",),
                  hundredths=("survey_share", "low", "high"),
                  places={**dict.fromkeys(("survey_share", "low", "high", "posts_per_account"), 1),
                          "respondents": 0})  # fmt: skip
    pairs = table(found, _, "agreement_of_instruments", "How far the instruments agree", agree, places={"p": 3})
    return Section("triangulation", _("Side by side"), tuple(_leading(found, _)), (picture, sides, pairs))


def _leading(found: Findings, _: Words) -> Iterator[str]:
    """Who leads in each instrument, and the place of whoever was said to."""
    rows = instruments.leaders(found.triangulation, found.setting("published.leads")).to_dict("records")
    rows = [row for row in rows if row["groups"]]
    lead = "; ".join(f"{_(BY[row['measure']])}: {row['leader']}" for row in rows)
    yield _("Who leads among the {groups} that have a figure: {lead}.").format(lead=lead)
    if claimed := found.setting("published.leads"):
        places = "; ".join(
            _("{measure}: place {place} of {all}").format(
                measure=_(BY[row["measure"]]), place=_.number(row["place"], 0), all=_.number(row["groups"])
            )
            for row in rows
        )
        text = LEADS if len(rows) == len(BY) and all(row["place"] == 1 for row in rows) else LEADS_NOT
        yield _(text).format(claimed=claimed, places=places)


BY = {"survey_share": "share of the survey", "profiles": "profiles", "accounts": "accounts"}
LEADS = "Published: {claimed} leads in all three. Computed: so it does ({places})."
LEADS_NOT = "Published: {claimed} leads in all three. Computed: it does not ({places})."
STATISTICS = {"chi2": "chi-square", "rho": "Spearman's rho", "wald": "Wald"}


def _compared(frame: pd.DataFrame, statistic: str, _: Words) -> Iterator[str]:
    """How many published tests come out as printed, which do not, and what is known of them."""
    compared = respondents.compared(frame, statistic)
    if not compared.published:
        return
    text = _("{statistic}: {same} of {all} published values come out as printed.")
    same, published = _.number(compared.same), _.number(compared.published)
    said = [text.format(statistic=_(STATISTICS[statistic]), same=same, all=published)]
    if len(compared.other):
        named = "; ".join(
            _("{name} {computed} (published: {published})").format(
                name=_name(row), computed=_.number(row[statistic], 2), published=_.number(row["published"], 2)
            )
            for row in compared.other.head(NAMED).to_dict("records")
        )
        text = _("Others, the farthest first: {named}.")
        said.append(text.format(named=named))
    for row in compared.unfounded.to_dict("records"):
        text = _("The published p of {name} is not that of its published value: {value} gives {p}, printed is "
                 "{published}; values that round to {value} give {low} to {high}.")  # fmt: skip
        said.append(text.format(
            name=_name(row), value=_.number(row["published"], 2), p=_.number(row["p_of_published"], 3),
            published=_.number(row["published_p"], 3), low=_.number(row["p_low"], 3), high=_.number(row["p_high"], 3),
        ))  # fmt: skip
    if "note" in frame:
        noted = frame[frame["note"].notna()].to_dict("records")
        said += [f"{_name(row)}: {row['note']}" for row in noted]
    yield " ".join(said)


def _name(row: dict[Any, Any]) -> str:
    parts = (row.get("variable"), row.get("answer"), row.get("one"), row.get("other"))
    return ": ".join(str(part) for part in parts if part)


def _tables(found: Findings, _: Words) -> Iterator[Table]:
    three = found.of_2013
    shares = _worded(found.survey_shares, _)
    yield table(found, _, "survey_shares", "Answers by the outcome", shares, "surveyed", "survey_shares", folded=True,
                hundredths=("share", "low", "high", "weighted_share"),
                places=dict.fromkeys(("share", "low", "high", "weighted_share"), 1))  # fmt: skip
    if len(found.survey_tests):
        yield _tested(found, _, "survey_tests", "Which answers go with the outcome: chi-square", found.survey_tests,
                      _small_expected(found.survey_tests, _))  # fmt: skip
    if len(found.survey_ranks):
        yield _tested(found, _, "survey_ranks", "Rank correlations", found.survey_ranks)
    if len(found.survey_regressions):
        title = "Tables 3 and 4: Wald by answer" if three else "Wald by answer"
        yield _tested(found, _, "survey_regressions", title, found.survey_regressions)
    if len(found.survey_small):
        yield table(found, _, "survey_small", "Answers of few respondents, and which of them are tested",
                    found.survey_small, "surveyed", "survey_small")  # fmt: skip
    if len(found.survey_often):
        often = _worded(found.survey_often, _)
        yield table(found, _, "survey_often", "How often", often, "surveyed", "survey_often", folded=True,
                    hundredths=("share", "low", "high"), places=dict.fromkeys(("share", "low", "high"), 1))  # fmt: skip
    if len(found.survey_organisations):
        yield table(found, _, "survey_organisations", "The organisations that respondents name",
                    found.survey_organisations, "surveyed", "survey_organisations", folded=True)  # fmt: skip
    if len(found.survey_missing):
        yield table(found, _, "survey_missing", "Who did not answer", found.survey_missing, "survey_missing",
                    folded=True)  # fmt: skip


def _tested(found: Findings, _: Words, name: str, title: str, frame: pd.DataFrame, note: str = "") -> Table:
    """A table of tests: without columns that hold nothing, the published figures behind the computed ones."""
    left = ("note", "term", "df") if name == "survey_regressions" else ("note",)
    published = [str(one) for one in frame if str(one).startswith("published") or one == "p_of_published"]
    shown = [str(one) for one in frame if one not in left and one not in published]
    shown += [one for one in published if frame[one].notna().any()]
    thousandths = {one: 3 for one in shown if one == "p" or one.endswith(("_p", "p_holm", "of_published"))}
    compared = _(PUBLISHED_TOO) if published_there(frame) else ""
    return table(
        found, _, name, title, frame, "surveyed", name, columns=tuple(shown), places={**thousandths, "published_n": 0},
        note=" ".join(filter(None, (note, compared))),
    )  # fmt: skip


def _small_expected(frame: pd.DataFrame, _: Words) -> str:
    few = frame[frame["small_expected"].fillna(0) > 0]
    if few.empty:
        return ""
    text = _("Fewer than 5 are expected in cells of {names}: chi-square is a rough guide there.")
    return text.format(names=", ".join(map(str, few["variable"])))


def _worded(frame: pd.DataFrame, _: Words) -> pd.DataFrame:
    """*frame* with our own words for everybody and for no answer in the report's language."""
    made = frame.assign(answer=[
        _(answer) if answer == respondents.NO_ANSWER or at == "" else answer
        for at, answer in zip(frame.get("variable", frame["answer"]), frame["answer"], strict=True)
    ])  # fmt: skip
    made.attrs = frame.attrs
    return made


def facts(found: Findings, _: Words) -> Iterator[Fact]:
    """What heads a report on a survey."""
    if found.surveyed:
        everyone = found.survey_shares.iloc[0]
        yield Fact(_("respondents"), found.persons(everyone["n"]))
        yield Fact(", ".join(found.survey.positives), found.persons(everyone["positive"]))

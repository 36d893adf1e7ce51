"""What the report says of a survey; in one for publication without what rests on too few respondents."""

from __future__ import annotations

from functools import cached_property, partial
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from analysis import respondents
from analysis.queries import number
from analysis.report.asking import Asking, counting, finding
from analysis.report.disclosure import Cells
from analysis.respondents import NO_ANSWER

COUNTS = ("n", "positive", "others")


class Graph(NamedTuple):
    """The rows of a figure: answers with n, share, low and high."""

    title: str
    question: str
    rows: pd.DataFrame


class Surveys(Asking):
    """The findings on a survey: shares, tests beside the published ones, and who is in it."""

    @cached_property
    def asked(self) -> bool:
        """Whether answers to a survey were read."""
        return number(self.db, "SELECT count(*) FROM (SELECT 1 FROM survey_answers LIMIT 1)") > 0

    @cached_property
    def _read(self) -> respondents.Surveyed | None:
        with self.logging("surveyed"):
            return respondents.surveyed(self.db) if self.asked else None

    @property
    def surveyed(self) -> bool:
        """Whether the study says what to ask of the answers."""
        return self._read is not None

    @property
    def survey(self) -> respondents.Surveyed:
        """The survey, where there is one."""
        assert self._read is not None
        return self._read

    @property
    def of_2013(self) -> bool:
        """Whether tables and graphs are those of the study of 2013, which numbered them."""
        return (
            str(self.setting("study.last_day", "")).startswith("2013") or self.setting("published.source") is not None
        )

    def _of_answers(self, frame: pd.DataFrame) -> Cells:
        derived = [str(name) for name in frame if name not in ("variable", "answer", *COUNTS)]
        together = {name: (*(one for one in COUNTS[1:] if one != name), *derived) for name in COUNTS}
        return Cells(together, ["variable"], COUNTS[1:])

    @counting(_of_answers)
    def survey_shares(self) -> pd.DataFrame:
        """How many of each answer are positive."""
        return respondents.shares(self.survey)

    @cached_property
    def _untold(self) -> pd.DataFrame:
        """The rows of `survey_shares` of which something is hidden."""
        frame = self.survey_shares
        return frame[frame[list(COUNTS)].isna().any(axis=1)]

    def _of_frequencies(self, frame: pd.DataFrame) -> Cells:
        derived = [str(name) for name in frame if name not in ("answer", "count")]
        yes = frame["answer"].isin(self.survey.positives).to_numpy()  # added up, as those that are not, in the shares
        lines = [np.arange(len(frame)), np.flatnonzero(yes), np.flatnonzero(~yes)]
        return Cells({"count": derived}, lines, then=partial(_without_shares, derived=derived))

    @counting(_of_frequencies)
    def survey_outcome(self) -> pd.DataFrame:
        """The answers to the question for the outcome; in public not how many gave none, nor how many were asked."""
        frame = respondents.outcome(self.survey)
        return frame[frame["answer"] != NO_ANSWER] if self.options.least else frame

    @counting(_of_frequencies)
    def survey_often(self) -> pd.DataFrame:
        """How often, of those whose outcome is positive."""
        return respondents.often(self.survey)

    def _of_tests(self, frame: pd.DataFrame) -> Cells:
        """A test of counts of which one is hidden could tell it; so could Holm's p of the other tests."""
        few = frame["variable"].isin(self._untold["variable"])
        derived = [str(name) for name in frame if name != "variable" and not _published(str(name))]
        behind = {"tested": _hiding(few), "adjusted": _hiding(pd.Series(few.any(), frame.index))}
        return Cells({"tested": derived, "adjusted": ("p_holm",)}, (), behind=behind)

    @counting(_of_tests)
    def survey_tests(self) -> pd.DataFrame:
        """Chi-square of each variable, beside the published."""
        return respondents.tests(self.db, self.survey)

    def _of_ranks(self, frame: pd.DataFrame) -> Cells:
        missing = len(self.survey.frame) - frame["n"]
        few = self.few(len(self.survey.frame) - int(self.survey.positive.count()))
        return Cells({"missing": ("n", "p", "low", "high")}, (), behind={"missing": 1 if few else missing})

    @counting(_of_ranks)
    def survey_ranks(self) -> pd.DataFrame:
        """Rank correlations of ordinal variables, beside the published."""
        return respondents.ranks(self.db, self.survey)

    def _of_regressions(self, frame: pd.DataFrame) -> Cells:
        untold = self._untold
        own = frame.set_index(["variable", "answer"]).index.isin(untold.set_index(["variable", "answer"]).index)
        whole = untold.loc[untold["answer"] == NO_ANSWER, "variable"]
        apart = frame["coding"].eq("each") & ~frame["variable"].isin(whole)
        few = pd.Series(own, frame.index) | (~apart & frame["variable"].isin(untold["variable"]))
        derived = [str(name) for name in frame if name not in ("variable", "answer", "coding", "df")]
        derived = [name for name in derived if not _published(name)]
        adjusted = [name for name in derived if name.endswith("p_holm")]
        behind = {"tested": _hiding(few), "adjusted": _hiding(few.groupby(frame["variable"]).transform("any"))}
        return Cells({"tested": derived, "adjusted": adjusted}, (), behind=behind)

    @counting(_of_regressions)
    def survey_regressions(self) -> pd.DataFrame:
        """Wald by answer, beside the published."""
        frame = respondents.regressions(self.db, self.survey)
        frame.attrs["parameters"].pop("left_out")  # `survey_small` lists them
        return frame

    def _of_small(self, frame: pd.DataFrame) -> Cells:
        untold = self._untold[self._untold["n"].isna()].set_index(["variable", "answer"]).index
        few = pd.Series(frame.set_index(["variable", "answer"]).index.isin(untold), frame.index)
        return Cells({"listed": ("n",)}, (), behind={"listed": _hiding(few)})

    @counting(_of_small)
    def survey_small(self) -> pd.DataFrame:
        """Answers of too few respondents to be tested."""
        return respondents.small(self.db, self.survey)

    def _of_groups(self, frame: pd.DataFrame) -> Cells:
        """A group of which an answer is hidden would tell it, the other answers being known."""
        name, size = self.survey.roles["organisation"], ("n", "positive", "share", "low", "high")
        if name not in self.survey.variables:
            parts = ("positive", "rest")
            return Cells({"n": (*parts, *size[2:]), "positive": ("rest", *size[2:]), "rest": size[1:]}, None, parts,
                         behind={"rest": frame["n"] - frame["positive"]})  # fmt: skip
        untold = self._untold.loc[self._untold["variable"] == self.survey.title(name), "answer"]
        listed = self.survey_organisations
        few = frame["group_name"].isin(listed.loc[listed["answer"].isin(untold), "group_name"])
        return Cells({"untold": size}, (), behind={"untold": _hiding(few)})

    @counting(_of_groups)
    def asked_by_group(self) -> pd.DataFrame:
        """The survey by group."""
        return respondents.by_group(self.db, self.survey)

    @counting(Cells(private=("n",)))  # beside the shares it would tell how many answered only one of the two
    def survey_organisations(self) -> pd.DataFrame:
        """The answers that name an organisation, recognised or not."""
        return respondents.organisations(self.db, self.survey)

    @counting(Cells(then=lambda frame: frame.iloc[:0]))  # likewise
    def survey_missing(self) -> pd.DataFrame:
        """How many answered each question, and how many did not; nothing in a report for publication."""
        return respondents.missing(self.db, self.survey)

    @finding
    def survey_graphs(self) -> list[Graph]:
        """Graphs 3 to 10 of 2013: the outcome, each variable, and how often."""
        if not self.surveyed:
            return []
        of, frame = self.survey, self.survey_shares
        graphs = [("", of.roles["outcome"], self.survey_outcome)]
        titles = {name: of.title(name) for name in of.variables}
        graphs += [(title, name, frame[frame["variable"] == title]) for name, title in titles.items()]
        graphs += [("", of.roles["often"], self.survey_often)] if of.roles["often"] else []
        graphs = [one for one in graphs if len(one[2])]  # a number has no answers to draw
        labels = dict(self.db.execute(LABELS, [of.name]).fetchall())
        numbered = self.words("Graph {number}: {title}") if self.of_2013 else "{title}"
        made = []
        for at, (title, name, rows) in enumerate(graphs, 3):
            question = labels.get(name) or name
            shown = numbered.format(number=at, title=title or question)
            made.append(Graph(shown, question, rows[rows["answer"] != NO_ANSWER]))
        return made


LABELS = "SELECT variable, any_value(label) FROM survey_codebook WHERE survey = ? GROUP BY 1"


def _published(name: str) -> bool:
    return name.startswith("published") or name in ("p_of_published", "note")


def _hiding(few: pd.Series[Any]) -> Any:
    """A count that `suppressed` takes for small where *few* is true."""
    return np.where(few, 1, 0)


def _without_shares(frame: pd.DataFrame, derived: list[str]) -> pd.DataFrame:
    """*frame* without shares if it is hidden how many gave no answer: with the counts they would tell it."""
    if frame.loc[frame["answer"] == NO_ANSWER, "count"].isna().any():
        frame[derived] = np.nan
    return frame

"""Every figure: number, name, drawing function and data."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import pandas as pd

from analysis.report.escape import clean
from analysis.report.figures import documents, networks, people, survey, time
from analysis.report.figures.style import nothing, styled
from analysis.report.findings import Findings
from analysis.report.i18n import Words
from storage.errors import UserError

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Drawing:
    """A figure of the report."""

    name: str
    title: str
    draw: Callable[[Findings, Words], Figure]
    data: Callable[[Findings], pd.DataFrame]
    still: bool = False  # the still of an explorable picture, embedded as an image
    number: int = 0

    @property
    def file(self) -> str:
        """The name of its files: numbered, without extension."""
        return f"{self.number:02d}-{self.name}"

    def drawn(self, found: Findings, words: Words, phone: bool = False) -> Figure:
        """The figure in the report's style, for a *phone* if set."""
        with styled(phone):
            return nothing(words) if self.data(found).empty else self.draw(found, words)


def _reset(table: pd.DataFrame) -> pd.DataFrame:
    made = table.reset_index()
    made.columns = [str(name) for name in made.columns]
    return made


_ALL = (
    Drawing("groups", "Connections within and between {groups}", people.circle, lambda f: f.groups),
    Drawing("group-matrix", "Connections between {groups}, observed and by chance", people.matrix,
            lambda f: f.groups),
    Drawing("actors", "The actor network", networks.actors, lambda f: _reset(f.actors.network.nodes), True),
    Drawing("communities", "Communities of actors by {group}", people.communities,
            lambda f: f.communities_by_group),
    Drawing("inwardness", "Inward-looking or not", people.inward, lambda f: f.inward),
    Drawing("activity-timeline", "Activity per day", time.timeline, lambda f: _reset(f.daily)),
    Drawing("activity-calendar", "Every day of the period", time.calendar, lambda f: _reset(f.daily)),
    Drawing("activity-hours", "Weekday by hour", time.hours, lambda f: _reset(f.hours)),
    Drawing("working-days", "Working days against days off", time.working, lambda f: _reset(f.professional_use)),
    Drawing("shares", "Posts with hashtags and mentions", people.shares, lambda f: f.shares),
    Drawing("hashtags", "The hashtag network", networks.hashtags, lambda f: _reset(f.hashtags.network.nodes), True),
    Drawing("hashtag-course", "The hashtag communities over time", time.course, lambda f: _reset(f.hashtag_course)),
    Drawing("waves", "The waves of the snowball", people.waves, lambda f: f.waves),
    Drawing("found-by", "Which {groups} found which", people.found_by, lambda f: f.found_by),
    Drawing("flow", "The flow of documents", documents.flow, lambda f: f.flow),
    Drawing("documents", "Documents by month of publication", documents.over_time, lambda f: _reset(f.document_months)),
    Drawing("triangulation", "Survey, profiles and timelines by {group}", survey.instruments,
            lambda f: f.triangulation),
)  # fmt: skip
DRAWINGS = {
    one.name: Drawing(one.name, one.title, one.draw, one.data, one.still, at + 1) for at, one in enumerate(_ALL)
}


SURVEY = "survey-"  # and the number of a graph


def drawings(found: Findings) -> Mapping[str, Drawing]:
    """Every figure of the report of *found*: those of each study, and one for each question of its survey."""
    return DRAWINGS | {
        f"{SURVEY}{at + 1}": Drawing(f"{SURVEY}{at + 1}", clean(graph.title), partial(survey.bars, number=at),
                                     partial(survey.rows, number=at), number=len(DRAWINGS) + at + 1)
        for at, graph in enumerate(found.survey_graphs)
    }  # fmt: skip


def drawing(name: str, found: Findings) -> Drawing:
    """The figure of *found* called *name* (with or without its number); raise UserError for another."""
    short = name.split("-", 1)[1] if name[:2].isdigit() and "-" in name else name
    among = drawings(found) if short.startswith(SURVEY) else DRAWINGS
    if short not in among:
        raise UserError(f"no figure {name!r}; the figures are {', '.join(among)}")
    return among[short]

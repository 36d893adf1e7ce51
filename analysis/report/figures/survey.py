"""Figures of a survey: shares with their intervals and the number of respondents of each bar; instruments by group."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from analysis.palette import BLUE, INK, ORANGE
from analysis.report.figures.style import canvas, grid, label, narrow, wrapped
from analysis.report.findings import Findings
from analysis.report.i18n import Words
from analysis.triangulation import INSTRUMENTS

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def rows(found: Findings, number: int) -> pd.DataFrame:
    """The rows of a graph of the survey."""
    return found.survey_graphs[number].rows.reset_index(drop=True)


def bars(found: Findings, _: Words, number: int) -> Figure:
    """A bar an answer: its share with the 95% interval, and N behind it; a diamond for the weighted share."""
    table = rows(found, number)
    figure = canvas(7.0, 0.27 * len(table) + 0.9 + 0.4 * narrow())
    axes = figure.add_subplot()
    at = np.arange(len(table))
    share, low, high = (table[name].to_numpy(dtype=float, na_value=np.nan) for name in ("share", "low", "high"))
    axes.barh(at, np.nan_to_num(share), color=BLUE, height=0.68)
    known = np.isfinite(low)
    axes.hlines(at[known], low[known], high[known], color=INK, lw=1.2)
    if "weighted_share" in table:
        weighted = table["weighted_share"].to_numpy(dtype=float, na_value=np.nan)
        axes.plot(weighted, at, "D", color=ORANGE, ms=4.5, label=_("weighted"))
        figure.legend(*axes.get_legend_handles_labels(), loc="outside upper right")
    count = table["positive" if "positive" in table else "count"]
    edge = np.fmax(np.nan_to_num(share), np.nan_to_num(high))
    for row, end, part, n, k in zip(at.tolist(), edge, share, table["n"], count, strict=True):
        said = _("hidden") if pd.isna(k) and pd.isna(part) else f"{_.number(part, 1)}%"
        whole = f" ({_.number(k)}/{_.number(n)})" if pd.notna(n) and pd.notna(k) else ""
        axes.text(end + 0.8, row, said + whole, va="center", fontsize=8)
    most = float(np.max(edge, initial=0))
    axes.set_xlim(0, max(most * (1.5 if narrow() else 1.28), 10))
    axes.set_yticks(at, [wrapped(label(answer, 60), 18 if narrow() else 34) for answer in table["answer"]])
    axes.invert_yaxis()
    axes.set_xlabel(_("per cent, with 95% interval (number/N)"))
    axes.xaxis.set_major_formatter(lambda value, place: _.number(value, 0))
    grid(axes, "x")
    return figure


MEASURES = tuple(chain.from_iterable(INSTRUMENTS.values()))


def instruments(found: Findings, _: Words) -> Figure:
    """A panel a measure, a row a group: dots, the survey's with their intervals; what leads is orange."""
    table = found.triangulation
    across = 3 if narrow() else len(MEASURES)
    down = -(-len(MEASURES) // across)
    figure = canvas(9.6, down * (0.26 * len(table) + 0.9))
    panels = figure.subplots(down, across, sharey=True, squeeze=False).ravel()
    at = np.arange(len(table))
    for axes, measure in zip(panels, MEASURES, strict=True):
        _panel(axes, table, measure, _)
    panels[0].set_yticks(at, [label(name, 16) for name in table["group_name"]])
    panels[0].invert_yaxis()
    return figure


def _panel(axes: Axes, table: pd.DataFrame, measure: str, _: Words) -> None:
    from matplotlib.ticker import MaxNLocator

    at = np.arange(len(table))
    values = table[measure].to_numpy(dtype=float, na_value=np.nan) * (100 if measure == "interaction" else 1)
    if measure == "survey_share":
        low, high = (table[end].to_numpy(dtype=float, na_value=np.nan) for end in ("low", "high"))
        axes.hlines(at, low, high, color=INK, lw=1.1)
    known = np.isfinite(values)
    axes.plot(values[known], at[known], "o", color=BLUE, ms=5.5)
    axes.margins(x=0.12)
    if measure != "e_i_index":
        most = known & (values == np.max(values[known], initial=-np.inf))
        axes.plot(values[most], at[most], "o", color=ORANGE, ms=7)
        axes.set_xlim(0, axes.get_xlim()[1])
    axes.set_title(wrapped(_.head(measure), 18), fontsize=8.5)
    axes.xaxis.set_major_locator(MaxNLocator(3))
    places = 2 if measure == "e_i_index" else 0
    axes.xaxis.set_major_formatter(lambda value, place: _.number(value, places))
    grid(axes, "x")

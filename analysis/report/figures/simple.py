"""A chart of any small table: lines over numbers or time, bars over names."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd
from pandas.api import types

from analysis.palette import PALETTE
from analysis.report.figures.style import canvas, grid, label, legend

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MOST_BARS, MOST_LINES = 40, 6


def chart(table: pd.DataFrame) -> Figure | None:
    """The numeric columns of *table* against its first column; None if it has nothing that can be drawn so.

    At most MOST_LINES columns, and MOST_BARS rows of names.
    """
    if len(table.columns) < 2 or not len(table):
        return None
    across, named = table.iloc[:, 0], not (_measured(table.iloc[:, 0]))
    values = [column for _, column in table.iloc[:, 1:].items() if _number(column)][:MOST_LINES]
    if not values:
        return None
    if not named:
        figure = canvas(8, 3.6)
        axes = figure.subplots()
        order = across.argsort()
        for column, colour in zip(values, PALETTE, strict=False):
            axes.plot(across.iloc[order], column.iloc[order], color=colour, linewidth=1.4, label=label(column.name))
        axes.set_xlabel(label(across.name))
        grid(axes)
    else:
        rows = min(len(table), MOST_BARS)
        figure = canvas(8, 0.6 + 0.24 * rows * max(1.0, len(values) / 2))
        axes = figure.subplots()
        high = 0.8 / len(values)
        for number, (column, colour) in enumerate(zip(values, PALETTE, strict=False)):
            places = [row + (number - (len(values) - 1) / 2) * high for row in range(rows)]
            axes.barh(places, column.iloc[:rows], high, color=colour, label=label(column.name))
        axes.set_yticks(range(rows), [label(one) for one in across.iloc[:rows]])
        axes.invert_yaxis()
        grid(axes, "x")
    legend(figure, axes)
    return figure


def _number(column: pd.Series) -> bool:
    return types.is_numeric_dtype(column) and not types.is_bool_dtype(column) and bool(column.notna().any())


def _measured(column: pd.Series) -> bool:
    return types.is_datetime64_any_dtype(column) or _number(column)

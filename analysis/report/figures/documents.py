"""Figures of coverage searches: the flow of documents in the form of PRISMA 2020, and documents over time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from analysis.palette import BLUE, FAINT, GREY, INK
from analysis.report.figures.style import canvas, grid, label, narrow, wrapped
from analysis.report.findings import Findings
from analysis.report.i18n import Words

if TYPE_CHECKING:
    from matplotlib.figure import Figure

REASONS = 6  # shown in the box of exclusions; the others are combined
LEFT = ("identified", "documents", "screened", "included")  # down the middle, each with its exclusions next to it
LEAVING = {"identified": ("duplicates",), "documents": ("not_screened",), "screened": ("excluded", "disputed")}


def flow(found: Findings, _: Words) -> Figure:
    """Boxes from all records down to the included documents, with the exclusions at each step."""
    rows = found.flow.set_index("step")
    figure = canvas(8.0, 5.2)
    axes = figure.subplots()
    axes.set_axis_off()
    axes.set(xlim=(0, 2), ylim=(-len(LEFT) + 0.5, 0.5))
    width = 20 if narrow() else 34
    for at, step in enumerate(LEFT):
        _box(axes, 0.5, -at, _line(rows, step, _), width)
        if at:
            axes.annotate("", (0.5, -at + 0.3), (0.5, -at + 0.7), arrowprops={"arrowstyle": "->", "color": GREY})
        leaving = [one for one in LEAVING.get(step, ()) if one != "disputed" or rows.loc[one, "documents"]]
        lines = [_line(rows, one, _) for one in leaving]
        if step == "screened":
            lines[1:1] = _reasons(found, _)
        if lines:
            _box(axes, 1.5, -at, "\n".join(lines), width)
            axes.annotate("", (1.05, -at), (0.95, -at), arrowprops={"arrowstyle": "->", "color": GREY})
    return figure


def _line(rows: Any, step: str, _: Words) -> str:
    return f"{_(rows.loc[step, 'what'])}: {_.number(rows.loc[step, 'documents'])}"


def _reasons(found: Findings, _: Words) -> list[str]:
    """The reasons of exclusion, most frequent first; rare ones combined."""
    frame = found.exclusions
    lines = [f"– {label(row.reason)}: {_.number(row.documents)}" for row in frame.head(REASONS).itertuples()]
    rest = int(frame["documents"].iloc[REASONS:].sum())
    return lines + ([f"– {_('other reasons')}: {_.number(rest)}"] if rest else [])


def _box(axes: Any, x: float, y: float, text: str, width: int) -> None:
    lines = "\n".join(wrapped(line, width) for line in text.split("\n"))
    axes.text(x, y, lines, ha="center", va="center", fontsize=8.5, color=INK,
              bbox={"boxstyle": "round,pad=0.6", "facecolor": "none", "edgecolor": FAINT})  # fmt: skip


def over_time(found: Findings, _: Words) -> Figure:
    """Documents by month of publication, and those that are included."""
    from matplotlib.ticker import MaxNLocator

    months = found.document_months
    months = months[months["documents"] > 0]  # empty months need no bar
    figure = canvas(8.0, 3.0)
    axes = figure.subplots()
    axes.bar(months.index, months["documents"], width=25, color=FAINT, label=_("documents found"))
    axes.bar(months.index, months["included"], width=25, color=BLUE, label=_("documents included"))
    axes.yaxis.set_major_locator(MaxNLocator(integer=True))
    axes.legend(loc="upper left")
    grid(axes)
    return figure

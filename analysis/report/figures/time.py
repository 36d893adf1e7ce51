"""Figures of activity and of the hashtags' course."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from analysis.palette import BLUE, FAINT, GREEN, GREY, INK, ORANGE, PALETTE, RED
from analysis.report.figures.style import canvas, grid, label, narrow, ramp, wrapped
from analysis.report.findings import Findings
from analysis.report.i18n import Words
from analysis.report.section_parts import day_kind

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from matplotlib.path import Path

DAY = pd.Timedelta(days=1)
MATERIAL = 0.1  # share of accounts not collected from which a day is not measured


def timeline(found: Findings, _: Words) -> Figure:
    """Graphs 11 and 12: posts per day with their running means, active accounts, located and geo-coded posts."""
    daily = found.daily
    figure = canvas(9.6, 4.6)
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=[3, 2])
    broken = lost(daily)  # a line there would show a false dip
    series = (("posts", "posts per day", FAINT, 0.6), ("posts_7", "mean of 7 days", BLUE, 0.9),
              ("posts_30", "mean of 30 days", RED, 1.5))  # fmt: skip
    for column, name, colour, width in series:
        above.plot(daily.index, daily[column].astype(float).mask(broken), color=colour, lw=width, label=_(name))
    parts = (("active_accounts", "active accounts", GREEN), ("located", "posts of accounts with a location", ORANGE),
             ("geocoded", "geo-coded posts", BLUE))  # fmt: skip
    for column, name, colour in parts:
        mean = daily[column].astype(float).rolling(7).mean().mask(broken)
        below.plot(daily.index, mean, lw=1, color=colour, label=_(name))
    below.set_title(_("means of 7 days"), loc="left", fontsize=8.5)
    unseen = few(daily)
    for axes in (above, below):
        _shaded(axes, daily.index, unseen, color=GREY, alpha=0.2)
    if unseen.any():
        below.plot([], [], color=GREY, lw=6, alpha=0.3, label=_("hidden"))
    for axes in (above, below):
        _shaded(axes, daily.index, gapped(daily), color=ORANGE, alpha=0.22)
        if axes.get_legend_handles_labels()[0]:
            axes.legend(loc="upper left", ncols=1)
        axes.set_ylim(bottom=0)
        axes.margins(x=0.005)
        axes.yaxis.set_major_formatter(lambda value, place: _.number(value))
        grid(axes)
    return figure


def _shaded(axes: Any, days: pd.Index[Any], marked: pd.Series[bool], **look: Any) -> None:
    """Shade *axes* over the *marked* days: one shape, as there may be a thousand runs of them."""
    from matplotlib.patches import PathPatch

    if not marked.any():
        return
    first, last = np.transpose(runs(marked))
    left, right = (axes.xaxis.convert_units(edges) for edges in (days[first], days[last] + DAY))
    axes.update_datalim([(edge, 0) for edge in (*left, *right)], updatey=False)
    shape = boxes(left, right, np.zeros(len(left)), np.ones(len(left)))
    axes.add_artist(PathPatch(shape, transform=axes.get_xaxis_transform(), lw=0, zorder=0, **look))


def gapped(daily: pd.DataFrame) -> pd.Series[bool]:
    """The days with posts that were not collected; the number of accounts may be hidden."""
    return daily["gap_accounts"].isna() | daily["gap_accounts"].fillna(0).gt(0)


def few(daily: pd.DataFrame) -> pd.Series[bool]:
    """The days that are hidden, because too few accounts were active."""
    return daily["hidden"] if "hidden" in daily else pd.Series(False, daily.index)


def lost(daily: pd.DataFrame) -> pd.Series[bool]:
    """The days with too many accounts not collected to be measured."""
    return daily["gap_share"].fillna(0) >= MATERIAL


def runs(marked: pd.Series[bool]) -> list[tuple[int, int]]:
    """The first and last index of each run of marked days."""
    change = np.diff(np.concatenate([[0], marked.to_numpy(dtype=np.int8), [0]]))
    return list(zip(np.flatnonzero(change == 1).tolist(), (np.flatnonzero(change == -1) - 1).tolist(), strict=True))


def calendar(found: Findings, _: Words) -> Figure:
    """Every day a square, coloured by posts; public holidays outlined, school holidays barred, gaps marked."""
    from matplotlib.patches import Patch

    daily = found.daily
    index = pd.DatetimeIndex(daily.index)
    years = sorted(set(index.year)) or [2000]
    edges = _edges(daily["posts"])
    figure = canvas(9.6, (0.78 if narrow() else 1.18) * len(years) + (1.3 if narrow() else 0.75))
    axes_of = figure.subplots(len(years), 1, squeeze=False)[:, 0]
    for axes, year in zip(axes_of, years, strict=True):
        _year(axes, daily[index.year == year], year, edges, _)
    colours = ramp()(np.linspace(0, 1, len(edges) + 1))
    names = _intervals(edges, _)
    keys = [Patch(fc=colour, label=name) for colour, name in zip(colours, names, strict=True)]
    keys.append(Patch(fc="none", ec=RED, lw=1.3, label=_("public holiday")))
    if any(str(name).startswith("school ") for name in daily):
        keys.append(Patch(fc=GREY, label=_("school holiday (any region)")))
    if few(daily).any():
        keys.append(Patch(fc="none", ec=GREY, hatch="xxxx", lw=0, label=_("hidden")))
    if gapped(daily).any():
        keys.append(Patch(fc=ORANGE, label=_("posts of some accounts not collected")))
    if lost(daily).any():
        keys.append(Patch(fc="none", ec=ORANGE, hatch="////", lw=0, label=_("of a tenth of the accounts or more")))
    many = len(keys) if len(keys) < 10 else (len(keys) + 1) // 2
    figure.legend(handles=keys, loc="outside lower center", ncols=2 if narrow() else many,
                  handlelength=1.1, columnspacing=1.0, fontsize=8)  # fmt: skip
    return figure


def _edges(posts: pd.Series[Any]) -> list[int]:
    """Borders between the colours, at the quantiles of the days with posts; the first colour is for none."""
    there = posts.astype(float)
    there = there[there > 0]
    if there.empty:
        return [1]
    return sorted({1, *(round(value) for value in np.quantile(there, [0.2, 0.4, 0.6, 0.8, 0.95]) if value > 1)})


def _intervals(edges: list[int], _: Words) -> list[str]:
    ends = [*(edge - 1 for edge in edges[1:]), None]
    named = ["0"]
    for low, high in zip(edges, ends, strict=True):
        plain = _.number(low) if high == low else f"{_.number(low)}–{_.number(high)}" if high else f"{_.number(low)}+"
        named.append(plain)
    return named


def _year(axes: Any, days: pd.DataFrame, year: int, edges: list[int], _: Words) -> None:
    from matplotlib.patches import PathPatch

    first = pd.Timestamp(year, 1, 1)
    week = (pd.DatetimeIndex(days.index).day_of_year - 1 + first.day_of_week) // 7
    gone, unseen = lost(days).to_numpy(), few(days).to_numpy()
    shade = np.searchsorted(edges, days["posts"].astype(float).fillna(0), side="right")
    for number, colour in enumerate(ramp()(np.linspace(0, 1, len(edges) + 1))):
        chosen = (shade == number) & ~gone & ~unseen
        axes.add_artist(PathPatch(squares(week[chosen], days["weekday"][chosen]), fc=colour, ec="none"))
    for marked, colour, hatch in ((gone, ORANGE, "////"), (unseen & ~gone, GREY, "xxxx")):
        axes.add_artist(
            PathPatch(squares(week[marked], days["weekday"][marked]), fc="none", ec=colour, lw=0, hatch=hatch)
        )
    public = days["holiday"].notna()
    outlines = squares(week[public], days["weekday"][public], 0.06)
    axes.add_artist(PathPatch(outlines, fill=False, ec=RED, lw=0.7 if narrow() else 1.1))
    school = [name for name in days if str(name).startswith("school ")]
    free = days[school].any(axis=1).to_numpy() if school else np.zeros(len(days), bool)
    for marked, colour, height in ((free, GREY, 7.15), (gapped(days).to_numpy(), ORANGE, 7.6)):
        at = np.unique(week[marked])
        axes.add_artist(PathPatch(boxes(at, at + 1, at * 0 + height, at * 0 + height + 0.3), fc=colour, ec="none"))
    months = pd.date_range(first, periods=12, freq="MS")
    every = 2 if narrow() else 1
    weeks = [(day.day_of_year - 1 + first.day_of_week) // 7 + 0.5 for day in months]
    axes.set_xticks(weeks[::every], [_.month(month) for month in range(1, 13, every)])
    axes.set_yticks([0.5, 2.5, 4.5], [_.weekday(day)[:2] for day in (0, 2, 4)])
    axes.set(xlim=(0, 54), ylim=(8, 0))
    axes.xaxis.tick_top()
    axes.tick_params(length=0, pad=1, labelsize=6.5 if narrow() else 7.5)
    axes.spines[:].set_visible(False)
    axes.set_ylabel(
        str(year), rotation=0, ha="right", va="center", fontsize=8 if narrow() else 11, fontweight="bold", labelpad=10
    )


def squares(across: Any, down: Any, edge: float = 0.04) -> Path:
    """Unit squares at these places, without an *edge* all around."""
    x, y = np.asarray(across, dtype=float), np.asarray(down, dtype=float)
    return boxes(x + edge, x + (1 - edge), y + edge, y + (1 - edge))


def boxes(left: Any, right: Any, low: Any, high: Any) -> Path:
    """Rectangles as one path: a tenth of the size of separate patches, and of the time."""
    from matplotlib.path import Path

    corners = [(left, low), (right, low), (right, high), (left, high), (left, low)]
    codes = [Path.MOVETO, Path.LINETO, Path.LINETO, Path.LINETO, Path.CLOSEPOLY]
    places = np.array(corners, dtype=float).transpose(2, 0, 1).reshape(-1, 2)
    return Path(places, np.tile(codes, len(left)).astype(Path.code_type))


def hours(found: Findings, _: Words) -> Figure:
    """Weekday by hour: posts per such hour."""
    from matplotlib.patches import PathPatch

    rates = found.hours.to_numpy(dtype=float)
    figure = canvas(9.6, 4.9 if narrow() else 3.1)
    axes = figure.add_subplot()
    shown = rates.T if narrow() else rates
    image = axes.pcolormesh(shown, cmap=ramp(), vmin=0, edgecolors="white", linewidth=1)
    if found.hours.attrs.get("hidden"):
        down, across = np.nonzero(np.isnan(shown))
        axes.add_artist(PathPatch(squares(across, down, 0.03), fc="none", ec=GREY, lw=0, hatch="xxxx"))
    clock = (np.arange(0, 24, 2) + 0.5, [f"{hour:02d}" for hour in range(0, 24, 2)])
    days = (np.arange(7) + 0.5, [_.weekday(day)[: 2 if narrow() else None] for day in range(7)])
    axes.set_xticks(*(days if narrow() else clock))
    axes.set_yticks(*(clock if narrow() else days))
    axes.invert_yaxis()
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    (axes.set_ylabel if narrow() else axes.set_xlabel)(_("hour of the day, local time"))
    bar = figure.colorbar(image, ax=axes, pad=0.01)
    bar.ax.yaxis.set_major_formatter(lambda value, place: _.number(value, 0 if value == int(value) else 1))
    bar.set_label(_("posts per such hour"))
    bar.outline.set_visible(False)
    return figure


def working(found: Findings, _: Words) -> Figure:
    """Posts per kind of day, and the ratio of working days, with its interval."""
    kinds, use = found.working_days, found.professional_use
    high = 0.3 * max(len(kinds), 3) + 1.3
    figure = canvas(9.6, high + 1.7 if narrow() else high)
    left, right = figure.subplots(2, 1) if narrow() else figure.subplots(1, 2)
    rows = np.arange(len(kinds))
    left.barh(rows, kinds["per_day"].astype(float), color=[BLUE, ORANGE, RED, *[GREY] * 20][: len(kinds)], height=0.66)
    left.set_yticks(rows, [wrapped(day_kind(str(kind), _), 26) for kind in kinds.index])
    left.invert_yaxis()
    left.set_xlabel(_("posts per such day"))
    rows = np.arange(len(use))
    spread = np.abs(use[["low", "high"]].to_numpy(dtype=float).T - use["ratio"].to_numpy(dtype=float))
    right.errorbar(use["ratio"], rows, xerr=np.nan_to_num(spread), fmt="o", color=BLUE, capsize=4, ms=6)
    right.axvline(1, color=INK, lw=0.8)
    right.set_yticks(rows, [wrapped(_(kind), 16) for kind in use.index])
    right.set_ylim(len(use) - 0.4, -0.6)
    right.set_xlim(left=0)
    right.set_xlabel(_("times as many posts on a working day"))
    for axes in (left, right):
        axes.xaxis.set_major_formatter(lambda value, place: _.number(value, 0 if value == int(value) else 1))
        grid(axes, "x")
    return figure


def course(found: Findings, _: Words) -> Figure:
    """Posts per month with hashtags of each community."""
    table = found.hashtag_course.iloc[:, :8]
    names = found.hashtag_communities.set_index("community")["name"]
    figure = canvas(9.6, (3.0 if narrow() else 3.4) + 0.2 * len(table.columns) / (1 if narrow() else 2))
    axes = figure.add_subplot()
    for at, community in enumerate(int(column) for column in table.columns):
        name = names.get(community) or f"{_('community')} {community + 1}"
        axes.plot(table.index, table[community].astype(float), lw=1.6, color=PALETTE[at % len(PALETTE)],
                  label=f"{community + 1}  {label(name, 48)}")  # fmt: skip
    axes.set_ylabel(_("posts per month"))
    axes.set_ylim(bottom=0)
    axes.margins(x=0.01)
    axes.yaxis.set_major_formatter(lambda value, place: _.number(value))
    if len(table.columns):
        handles = axes.get_legend_handles_labels()
        figure.legend(*handles, loc="outside lower center", ncols=1 if narrow() else 2, fontsize=8 if narrow() else 9)
    grid(axes)
    return figure

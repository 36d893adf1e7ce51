"""Figures of groups, actors' communities and inwardness."""

from __future__ import annotations

from itertools import cycle
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.palette import BLUE, FAINT, GREY, GROUPS, INK, ORANGE, UNSURE
from analysis.report.figures.style import canvas, grid, label, legend, narrow, ramp, wrapped
from analysis.report.findings import Findings
from analysis.report.i18n import Words

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def square(table: pd.DataFrame, value: str) -> tuple[list[str], NDArray[Any]]:
    """The pairs of *table* as a symmetric matrix, the group with most connections first."""
    names = sorted(set(table["group_name"]))
    place = {name: at for at, name in enumerate(names)}
    matrix = np.full((len(names), len(names)), np.nan)
    one, two = table["group_name"].map(place), table["other"].map(place)
    matrix[one, two] = matrix[two, one] = table[value].to_numpy(dtype=float, na_value=np.nan)
    whole = np.zeros(len(names))
    np.add.at(whole, one.to_numpy(), table["connections"].to_numpy(dtype=float, na_value=0))
    np.add.at(whole, two.to_numpy(), table["connections"].to_numpy(dtype=float, na_value=0))
    order = np.argsort(-whole, kind="stable")
    return [names[at] for at in order], matrix[np.ix_(order, order)]


HATCHES = ("", "////", "..", "xxx")


def looks(found: Findings) -> dict[str, dict[str, Any]]:
    """The fill of each group in all figures: colour and hatch, by size; merged ones are grey."""
    coverage = found.group_coverage.assign(members=lambda of: of["members"].astype(float).fillna(0))
    names = coverage.sort_values(["members", "group_name"], ascending=[False, True])["group_name"]
    fills = [{"facecolor": colour, "hatch": hatch} for hatch in HATCHES for colour in GROUPS]
    return dict(zip(names, cycle(fills), strict=False))


OTHER: dict[str, Any] = {"facecolor": GREY, "hatch": ""}


def circle(found: Findings, _: Words) -> Figure:
    """Figure 1: groups on a circle, sized by connections inside, lines by connections between."""
    from matplotlib.patches import Circle, PathPatch
    from matplotlib.path import Path as Curve

    names, known = square(found.groups, "connections")
    matrix = np.nan_to_num(known)
    figure = canvas(6.4, 4.0 if narrow() else 6.0)
    axes = figure.add_subplot()
    angle = np.pi / 2 - 2 * np.pi * np.arange(len(names)) / max(len(names), 1)
    spot = np.column_stack((np.cos(angle), np.sin(angle)))
    most = max(float(np.triu(matrix, 1).max(initial=0)), 1.0)
    inner = np.sqrt(np.diag(matrix) / max(float(np.diag(matrix).max(initial=0)), 1.0)) * 0.17 + 0.015
    pairs = [(i, j) for i in range(len(names)) for j in range(i) if matrix[i, j] > 0]
    for i, j in sorted(pairs, key=lambda pair: matrix[pair]):
        bend = Curve([spot[i], 0.35 * (spot[i] + spot[j]) / 2, spot[j]], [Curve.MOVETO, Curve.CURVE3, Curve.CURVE3])
        share = matrix[i, j] / most
        axes.add_patch(PathPatch(bend, fill=False, ec=GREY, lw=0.3 + 9 * share, alpha=0.2 + 0.5 * share))
    fills = looks(found)
    for at, name in enumerate(names):
        fill = fills.get(name, OTHER)
        axes.add_patch(Circle(tuple(spot[at]), inner[at], **fill, ec="white", lw=1.2, zorder=3))
        x, y = spot[at] * (1.06 + inner[at])
        inside = _("hidden") if np.isnan(known[at, at]) else _.number(known[at, at])
        side = "center" if abs(spot[at][0]) < 0.3 else "left" if spot[at][0] > 0 else "right"
        axes.text(
            x,
            y,
            f"{label(name, 24)} ({inside})",
            ha=side,
            va="center",
            fontsize=8 if narrow() else 9.5,
        )
    axes.set(xlim=(-1.65, 1.65), ylim=(-1.28, 1.28), aspect="equal")
    axes.axis("off")
    return figure


LEAST_EXPECTED = 5.0  # expected connections from which differences are meaningful (Cochran 1954)


def matrix(found: Findings, _: Words) -> Figure:
    """The groups' connections as a sorted matrix: numbers, coloured by observed over expected.

    Grey if too few are expected: none where half a connection is expected is not a finding.
    """
    from matplotlib.patches import Patch, Rectangle

    names, counts = square(found.groups, "connections")
    _names, ratio = square(found.groups, "connections_ratio")
    _names, expected = square(found.groups, "connections_expected")
    figure = canvas(7.2, 4.8 if narrow() else 6.0)
    axes = figure.add_subplot()
    known = np.isfinite(counts) & (np.nan_to_num(expected) >= LEAST_EXPECTED)
    shown = np.ma.masked_where(~known, np.log2(np.clip(np.nan_to_num(ratio), 0.125, 8)))
    image = axes.pcolormesh(shown, cmap="PuOr_r", vmin=-3, vmax=3, edgecolors="white", linewidth=1)
    for row, column in np.ndindex(counts.shape):
        if not known[row, column]:
            axes.add_patch(Rectangle((column, row), 1, 1, fc=UNSURE, ec="white", lw=1))
        text = "×" if np.isnan(counts[row, column]) else _.number(counts[row, column])
        dark = known[row, column] and not -1.5 < shown[row, column] < 2.2  # dark enough for white text
        axes.text(column + 0.5, row + 0.5, text, ha="center", va="center",
                  fontsize=5.5 if narrow() else 7.5, color="#ffffff" if dark else "#000000")  # fmt: skip
    axes.set_xticks(np.arange(len(names)) + 0.5, [label(name, 16) for name in names], rotation=45, ha="right")
    axes.set_yticks(np.arange(len(names)) + 0.5, [label(name, 16) for name in names])
    axes.invert_yaxis()
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    bar = figure.colorbar(image, ax=axes, shrink=0.6, ticks=[-3, -2, -1, 0, 1, 2, 3],
                          orientation="horizontal" if narrow() else "vertical")  # fmt: skip
    bar.set_ticklabels(["≤⅛", "¼", "½", "1", "2", "4", "≥8"])
    bar.set_label(_("observed / expected by chance"))
    bar.outline.set_visible(False)
    unsure = Patch(fc=UNSURE, label=_("fewer than {number} expected").format(number=_.number(LEAST_EXPECTED, 0)))
    figure.legend(handles=[unsure], loc="outside upper right", handlelength=1.1)
    return figure


def waves(found: Findings, _: Words) -> Figure:
    """The people admitted in each wave, members and others, and the new members per request."""
    from matplotlib.ticker import MaxNLocator

    table = found.waves
    figure = canvas(7.6, 0.36 * len(table) + 1.3 if not narrow() else 0.6 * len(table) + 2.2)
    one, two = figure.subplots(2, 1, sharey=True) if narrow() else figure.subplots(1, 2, sharey=True)
    rows, left = np.arange(len(table)), np.zeros(len(table))
    for column, name, colour in (("members", _("{members}"), BLUE), ("others", _("others"), GREY)):
        values = np.nan_to_num(table[column].to_numpy(dtype=float, na_value=np.nan))
        one.barh(rows, values, left=left, color=colour, height=0.72, label=name)
        left += values
    gain = table["members_per_request"].to_numpy(dtype=float, na_value=np.nan)
    two.barh(rows, np.nan_to_num(gain), color=BLUE, height=0.72)
    for row, per in zip(rows, gain, strict=True):
        two.text(float(np.nan_to_num(per)), row, f" {_.number(per, 2)}", va="center", fontsize=8)
    one.set_yticks(rows, [_("wave {number}").format(number=int(wave)) for wave in table["wave"]])
    one.invert_yaxis()
    one.xaxis.set_major_locator(MaxNLocator(4, integer=True))
    one.xaxis.set_major_formatter(lambda value, place: _.number(value, 0))
    two.xaxis.set_major_formatter(lambda value, place: _.number(value, 1))
    one.set_xlabel(_("people admitted"))
    two.set_xlabel(_("new {members} per request"))
    two.margins(x=0.2)
    figure.legend(*one.get_legend_handles_labels(), loc="outside upper center", ncols=2)
    for axes in (one, two):
        grid(axes, "x")
    return figure


def found_by(found: Findings, _: Words) -> Figure:
    """A matrix of the members found, by their group and the group that led to them."""
    wide = found.found_by.pivot(index="found_by", columns="group_name", values="members").astype(float)
    order = wide.sum().add(wide.sum(axis=1), fill_value=0).sort_values(ascending=False, kind="stable").index
    known = wide.reindex(index=order, columns=order).to_numpy()
    figure = canvas(7.2, 4.8 if narrow() else 6.0)
    axes = figure.add_subplot()
    most = float(np.nan_to_num(known).max(initial=1))
    axes.pcolormesh(np.ma.masked_invalid(known), cmap=ramp(), vmin=0, vmax=most, edgecolors="white", linewidth=1)
    for row, column in zip(*np.nonzero(np.isfinite(known)), strict=True):
        value = known[row, column]
        axes.text(column + 0.5, row + 0.5, _.number(value, 0), ha="center", va="center",
                  fontsize=5.5 if narrow() else 7.5, color="#ffffff" if value > most / 2 else "#000000")  # fmt: skip
    axes.set_xticks(np.arange(len(order)) + 0.5, [label(name, 16) for name in order], rotation=45, ha="right")
    axes.set_yticks(np.arange(len(order)) + 0.5, [label(name, 16) for name in order])
    axes.set_xlabel(_("{group} of the people found"))
    axes.set_ylabel(_("{group} that led to them"))
    axes.invert_yaxis()
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    return figure


def communities(found: Findings, _: Words) -> Figure:
    """The communities of actors by group: bars of members."""
    from matplotlib.ticker import MaxNLocator

    table = found.communities_by_group
    inside = table[table["group_name"] != "outside"]
    wide = inside.pivot_table(index="community", columns="group_name", values="actors", fill_value=0)
    wide = wide.reindex(sorted(set(table["community"])), fill_value=0).iloc[:14]
    wide = wide[wide.sum().sort_values(ascending=False).index]
    figure = canvas(7.6, max(1.8, 0.36 * len(wide) + 1.2) + 0.7 * narrow())
    axes = figure.add_subplot()
    left = np.zeros(len(wide))
    rows = np.arange(len(wide))
    fills = looks(found)
    for name in wide.columns:
        values = np.nan_to_num(wide[name].to_numpy(dtype=float))
        axes.barh(rows, values, left=left, **fills.get(name, OTHER), label=label(_(str(name)), 20), height=0.72,
                  edgecolor="white", linewidth=0.7)  # fmt: skip
        left += values
    names = found.communities.set_index("community")["name"]
    named = [label(names.get(at) or _("community"), 40 if narrow() else 60) for at in wide.index]
    ticks = [wrapped(f"{at + 1}  {name}", 16 if narrow() else 34) for at, name in zip(wide.index, named, strict=True)]
    axes.set_yticks(rows, ticks)
    axes.invert_yaxis()
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.xaxis.set_major_formatter(lambda value, place: _.number(value, 0))
    axes.set_xlabel(_("{members} in the community"))
    legend(figure, axes, ncols=4)
    grid(axes, "x")
    return figure


def inward(found: Findings, _: Words) -> Figure:
    """E-I indices, observed and expected by chance."""
    table = found.inward.iloc[::-1]
    figure = canvas(6.8, 0.32 * len(table) + 1.3)
    axes = figure.add_subplot()
    rows = np.arange(len(table))
    axes.hlines(rows, table[["e_i_index", "permuted"]].min(axis=1), table[["e_i_index", "permuted"]].max(axis=1),
                color=FAINT, lw=2)  # fmt: skip
    axes.plot(table["permuted"], rows, "D", color=ORANGE, ms=5.5, label=_("mean of the shuffled labels"))
    axes.plot(table["e_i_index"], rows, "o", color=BLUE, ms=7, label=_("observed"))
    axes.axvline(0, color=INK, lw=0.7)
    axes.set_yticks(rows, [label(_(name), 24) for name in table["group"]])
    lowest = float(np.nanmin(table[["e_i_index", "permuted"]].to_numpy(dtype=float), initial=0.0))
    axes.set_xlim(min(lowest, 0) - 0.05, 1.04)
    axes.xaxis.set_major_formatter(lambda value, place: _.number(value, 2))
    axes.set_xlabel(_("E-I index: −1 all ties inside, +1 all ties outside"))
    figure.legend(*axes.get_legend_handles_labels(), loc="outside upper center", ncols=1 if narrow() else 2)
    grid(axes, "x")
    return figure


def shares(found: Findings, _: Words) -> Figure:
    """Table 6 as bars: the study, the comparison set, published values."""
    table = found.shares
    sets = [("share", _("this study"), BLUE), ("sample_share", _("comparison set"), ORANGE),
            ("published_share", _("published"), GREY),
            ("published_sample", _("published, comparison"), FAINT)]  # fmt: skip
    there = [one for one in sets if one[0] in table]
    figure = canvas(6.8, 0.9 + 0.28 * len(there) * len(table) + 0.4 * narrow())
    axes = figure.add_subplot()
    for at, (column, name, colour) in enumerate(there):
        values = table[column].astype(float)
        rows = np.arange(len(table)) + (at - (len(there) - 1) / 2) * (0.8 / len(there))
        axes.barh(rows, values, height=0.74 / len(there), color=colour, label=name)
        for row, value in zip(rows, values, strict=True):
            if np.isfinite(value):
                axes.text(value + 0.6, row, _.number(value, 2) + "%", va="center", fontsize=8)
    axes.set_yticks(np.arange(len(table)), [wrapped(_(what), 14 if narrow() else 40) for what in table["what"]])
    axes.invert_yaxis()
    axes.set_xlabel(_("per cent of the posts"))
    axes.margins(x=0.16 if narrow() else 0.12)
    legend(figure, axes, ncols=2)
    grid(axes, "x")
    return figure

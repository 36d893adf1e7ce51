"""The section on changes between the first and the last reading of each profile, account and list."""

from __future__ import annotations

import pandas as pd

from analysis import rounds
from analysis.report.blocks import Section
from analysis.report.findings import Findings
from analysis.report.i18n import Words
from analysis.report.section_parts import table


def changes(found: Findings, _: Words) -> Section:
    """People who came, left and moved, and changes of accounts and ties."""
    title = _("Change between rounds")
    whole = {"places": dict.fromkeys(("before", "gained", "lost", "after"), 0)}
    tables = [table(found, _, "changes", "Before and after", found.changes, "changes", **whole)]
    if found.looked["twice"]:
        tables.append(table(found, _, "changes_by_group", "Entered and left, by {group}",
                            found.changes_by_group, "changes_by_group", bars=("before",)))  # fmt: skip
    if len(found.moves):
        tables.append(table(found, _, "moves", "Moves between {groups}", found.moves, "moves"))
    return Section("changes", title, tuple(_said(found, _)), tuple(tables))


def _said(found: Findings, _: Words) -> list[str]:
    looked, rows = found.looked, found.changes.set_index("what")
    said = []
    if looked["twice"]:
        first, last = (span(looked[f"{at}_from"], looked[f"{at}_to"]) for at in ("first", "last"))
        said.append(_("{twice} of {all} profiles were read more than once (first: {first}; last: {last}). The "
                      "first reading of each is before, the last one after; profiles read once are left out."
                      ).format(twice=found.persons(looked["twice"]), all=found.persons(looked["profiles"]),
                               first=first, last=last))  # fmt: skip
        said.append(civil(found, _))
    ties = rows.loc["follow ties between {members}"]
    if looked["lists"]:
        said.append(_("Follow ties between {members}: {gained} new, {lost} gone (lists that were read whole at "
                      "least twice: {lists}).").format(
            lists=found.persons(looked["lists"]), gained=found.persons(ties["gained"]),
            lost=found.persons(ties["lost"])))  # fmt: skip
    if renamed := found.changes.attrs["renamed"]:
        said.append(_("Their accounts that had another handle before: {count}.").format(
            count=found.persons(renamed)))  # fmt: skip
    return said


def span(first: pd.Timestamp, last: pd.Timestamp) -> str:
    """The days from *first* to *last*."""
    one, other = f"{first:%Y-%m-%d}", f"{last:%Y-%m-%d}"
    return one if one == other else f"{one} – {other}"


def civil(found: Findings, _: Words) -> str:
    """A sentence on people who entered and left."""
    row = found.changes.set_index("what").loc[rounds.MEMBERS]
    text = _("{Members} before: {before}; since then {gained} entered the profession and {lost} left it.")
    return text.format(**{name: found.persons(row[name]) for name in ("before", "gained", "lost")})

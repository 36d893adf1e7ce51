"""Shared by sections: tables with definitions and SQL, published next to computed figures, sentences on communities."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pandas as pd

from analysis.report.definitions import DEFINITIONS, OF_ACCOUNTS
from analysis.report.findings import Findings
from analysis.report.i18n import Words
from analysis.report.tables import Table

PUBLISHED_TOO = "Computed figures are shown next to the published ones, also where they differ."


def published_there(frame: pd.DataFrame) -> bool:
    """Whether *frame* has a published figure next to a computed one."""
    return any(str(name).startswith("published") and frame[name].notna().any() for name in frame)


def table(found: Findings, _: Words, name: str, title: str, frame: pd.DataFrame, *sql: str, **options: Any) -> Table:
    """A table with its definitions, and the SQL of the findings called *sql*."""
    statements = [query for key in sql for query in found.sql.get(key, ())]
    of_accounts = OF_ACCOUNTS.get(name) if found.of_accounts else None
    definitions = tuple(_(text) for text in of_accounts or DEFINITIONS.get(name, ()))
    return Table(
        name.replace("_", "-"), _(title), frame, definitions=definitions, sql=tuple(dict.fromkeys(statements)),
        hidden=_("hidden") if frame.attrs.get("hidden") else "", **options,
    )  # fmt: skip


def paired(columns: list[str], pairs: tuple[str, ...]) -> list[str]:
    """*columns* with each published figure after the computed one."""
    kept = [name for name in columns if not name.startswith("published_")]
    for name in pairs:
        if f"published_{name}" in columns:
            kept.insert(kept.index(name) + 1, f"published_{name}")
    return kept


def numbered(one: Table) -> Table:
    """*one* with its communities numbered from 1, as in the pictures."""
    if "community" not in one.frame:
        return one
    frame = one.frame.assign(community=one.frame["community"] + 1)
    frame.attrs = one.frame.attrs
    return replace(one, frame=frame)


def verdict(found: Any, _: Words) -> str:
    """A sentence on the number of communities and their stability."""
    numbers = {
        "count": found.membership.nunique(), "q": _.number(found.modularity, 3), "runs": found.parameters.get("runs"),
        "steady": _.number(found.stability, 2), "together": _.number(100 * found.together, 0),
    }  # fmt: skip
    if not len(found.membership):
        return _("Nothing passes the filter, so there are no communities.")
    if not found.to_speak_of and found.steady:
        text = _("There are no communities to speak of: nothing divides the network (modularity {q}).")
        return text.format(**numbers)
    if not found.to_speak_of:
        return _("There are no communities to speak of: the runs do not agree (mean adjusted Rand index {steady} over "
                 "{runs} runs, modularity {q}).").format(**numbers)  # fmt: skip
    return _("{count} communities, modularity {q}; over {runs} runs the mean adjusted Rand index is {steady}, and "
             "{together}% of the pairs in one community are together in every run.").format(**numbers)  # fmt: skip


def day_kind(kind: str, _: Words) -> str:
    """A kind of day in words: those with school holidays name the region."""
    for start, text in SCHOOL.items():
        if kind.startswith(start):
            return _(text).format(region=kind.removeprefix(start).removesuffix(" holiday").removeprefix("school "))
    return _(kind)


SCHOOL = {
    "working day, no ": "working day, no school holiday in {region}",
    "working day, ": "working day, school holiday in {region}",
}

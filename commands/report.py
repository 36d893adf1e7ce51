"""`sneeuwbal report`: the page, the tables and the figures."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    import duckdb
    import pandas as pd

    from analysis.report.page import Section
    from study import Study


@click.command()
@click.pass_obj
def command(directory: Path) -> None:
    """Make the report of what is published, under reports/."""
    from commands.context import open_study

    make(open_study(directory), click.echo)


def make(study: Study, say: Callable[[str], None]) -> Path:
    """Make the report of *study*, say Tables 5 and 6 and where the page is, and return its path."""
    from analysis.report import page
    from commands.context import DATABASE
    from storage import database

    with database.open_readonly(study.directory / DATABASE) as db:
        sections = tables(study, db)
        made = f"Made by sneeuwbal on {datetime.now(UTC):%Y-%m-%d %H:%M} UTC; loaded up to {_loaded(db)}."
        facts = {"name": study.study.name, "comment": study.study.comment, "made": made}
        folder = _folder(study)
        path = page.write(folder, sections, facts)
    latest = study.directory / "reports" / "latest"
    fresh = latest.with_name(".latest")
    fresh.unlink(missing_ok=True)
    fresh.symlink_to(folder.name)
    os.replace(fresh, latest)
    for section in sections[1:3]:
        say(f"\n{section.title}. {study.study.name}{_comment(study)}\n\n{_text(section.table)}")
    say(f"\nthe page: {path}")
    say(f"a query to try: sneeuwbal --study {study.directory} sql {EXAMPLE!r}".replace("'", '"'))
    return path


EXAMPLE = "SELECT ministry, count(*) AS people FROM memberships GROUP BY ALL ORDER BY people DESC"


def tables(study: Study, db: duckdb.DuckDBPyConnection) -> list[Section]:
    """The tables of the page, in its order."""
    from analysis import populations, shares
    from analysis.report.page import Section

    names = [one.name for one in study.comparison]
    comparison = names[0] if names else None
    found = [
        Section("selection", "The selection", populations.selection(db), "What was collected, and from whom."),
        Section("populations", "Table 5: civil servants by ministry", populations.table(db), POPULATIONS),
    ]
    profile, retweets = study.analysis.share_profile, study.analysis.retweets
    chosen = shares.table(db, profile, retweets, comparison)
    found.append(Section("shares", "Table 6: posts with hashtags and mentions", chosen, SHARES))
    other = shares.table(db, "tcat" if profile == "study2013" else "study2013", retweets, comparison)
    found.append(Section("shares-otherwise", "Table 6 by another definition", other, SHARES))
    found.append(Section("coverage", "What was asked, and what came", populations.coverage(db)))
    return found


POPULATIONS = (
    "A civil servant has at least one current position whose employer is an organisation of the study; agencies count "
    "for their ministry. Somebody with current posts in two ministries counts in both rows: they may add up to more."
)
SHARES = "Shares of the distinct posts on the timelines of linked accounts. The definitions are in docs/definitions.md."


def _text(table: pd.DataFrame) -> str:
    shown = table.drop(columns=[name for name in ("name", "kind") if name in table and len(table.columns) > 4])
    return shown.to_string(index=False, na_rep="–", float_format=lambda value: f"{value:,.2f}")


def _comment(study: Study) -> str:
    return f" ({study.study.comment})" if study.study.comment else ""


def _loaded(db: duckdb.DuckDBPyConnection) -> str:
    row = db.execute("SELECT max(fetched_at) FROM fetches").fetchone()
    return f"{row[0]:%Y-%m-%d %H:%M} UTC" if row and row[0] else "nothing yet"


def _folder(study: Study) -> Path:
    """A new folder for this report: named by the time, numbered if there is one already."""
    place = study.directory / "reports"
    name = f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}"
    number = 0
    while True:
        folder = place / (f"{name}-{number}" if number else name)
        try:
            folder.mkdir(parents=True)
        except FileExistsError:
            number += 1
        else:
            return folder

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

    from analysis.report.findings import Options
    from study import Study


@click.command()
@click.pass_obj
def command(directory: Path) -> None:
    """Make the report of what is published, under reports/."""
    from commands.context import open_study

    make(open_study(directory), click.echo)


def make(study: Study, say: Callable[[str], None]) -> Path:
    """Make the report of *study*, say Tables 5 and 6 and where the page is, and return its path."""
    from analysis.report.findings import Findings
    from analysis.report.page import Facts, write_report
    from commands.context import DATABASE
    from storage import database

    with database.open_readonly(study.directory / DATABASE) as db:
        made = f"Made by sneeuwbal on {datetime.now(UTC):%Y-%m-%d %H:%M} UTC; loaded up to {_loaded(db)}."
        facts = Facts(study.study.name, study.study.comment, made, study.study.language)
        folder = _folder(study)
        report = write_report(Findings(db, options(study)), folder, facts)
    _latest(study, folder)
    for table in (report.tables()[name] for name in ("populations", "shares")):
        say(f"\n{table.title}. {study.study.name}{_comment(study)}\n\n{_text(table.frame)}")
    say(f"\nthe page: {report.page}")
    say(f"a query to try: sneeuwbal --study {study.directory} sql {EXAMPLE!r}".replace("'", '"'))
    return report.page


EXAMPLE = "SELECT ministry, count(*) AS people FROM memberships GROUP BY ALL ORDER BY people DESC"


def options(study: Study) -> Options:
    """What the report of *study* is made with beside its database: labels and school holidays of its own."""
    import pandas as pd

    from analysis.days import school_holidays
    from analysis.report.findings import Options

    own = study.analysis
    labels = pd.read_csv(study.directory / own.labels, dtype=str, encoding="utf-8-sig") if own.labels else None
    school = school_holidays(study.directory / own.school_holidays, own.school_regions) if own.school_holidays else None
    return Options(labels=labels, school=school)


def _latest(study: Study, folder: Path) -> None:
    """Let reports/latest point at *folder*."""
    latest = study.directory / "reports" / "latest"
    fresh = latest.with_name(".latest")
    fresh.unlink(missing_ok=True)
    fresh.symlink_to(folder.name)
    os.replace(fresh, latest)


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

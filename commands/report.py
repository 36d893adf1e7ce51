"""`sneeuwbal report`: the page, the tables and the figures."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    import duckdb
    import pandas as pd

    from analysis.report.comparison_section import Other
    from analysis.report.findings import Options
    from analysis.report.i18n import Words
    from study.study_file import Study


@click.command()
@click.option("--public", is_flag=True, help="For publication: pseudonyms, no texts or handles, small cells hidden.")
@click.option("--beside", type=click.Path(path_type=Path, exists=True, file_okay=False),
              help="Directory of another study, to lay beside this one.")  # fmt: skip
@click.pass_obj
def command(directory: Path, public: bool, beside: Path | None) -> None:
    """Make the report of what is published, under reports/: the page, tables/, figures/ and networks/.

    The page is one file that needs no network. With --public persons have pseudonyms by a key of the study: the file
    that SNEEUWBAL_PSEUDONYM_KEY names, one made under ~/.config/sneeuwbal/keys, or in the system's keyring if the study
    file says so. Keep it out of what is published.
    """
    from commands.context import open_study

    make(open_study(directory), click.echo, public, open_study(beside) if beside else None)


def make(study: Study, say: Callable[[str], None], public: bool = False, beside: Study | None = None) -> Path:
    """Make the report of *study*, with another *beside* it if named; say Tables 5 and 6, and return the page."""
    from analysis.report.findings import Findings
    from analysis.report.i18n import Words
    from analysis.report.page import Facts, write_report
    from commands.context import DATABASE
    from storage.tables import database

    with database.open_readonly(study.directory / DATABASE) as db:
        words = Words(study.study.language)
        made = words("Made by sneeuwbal on {when}; loaded up to {loaded}.").format(
            when=f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC", loaded=_loaded(db, words)
        )
        facts = Facts(study.study.name, study.study.comment, made)
        folder = _folder(study, "-public" if public else "")
        with _other(beside, study, public) as other:
            report = write_report(Findings(db, options(study, public)), folder, facts, other)
    _latest(study, folder, "latest-public" if public else "latest")
    for table in (report.tables()[name] for name in ("populations", "shares")):
        say(f"\n{table.title}. {study.study.name}{_comment(study)}\n\n{_text(table.frame)}")
    say(f"\nthe page: {report.page}")
    say(f'a query to try: {_program()} --study {shlex.quote(str(study.directory))} sql "{EXAMPLE}"')
    return report.page


@contextmanager
def _other(beside: Study | None, study: Study, public: bool) -> Iterator[Other | None]:
    """The study *beside*, opened, in the words of *study*."""
    from analysis.report.comparison_section import Other
    from analysis.report.findings import Findings
    from commands.context import DATABASE
    from storage.tables import database

    if beside is None:
        yield None
        return
    with database.open_readonly(beside.directory / DATABASE) as db:
        yield Other(beside.study.name, Findings(db, options(beside, public, study.study.language)))


EXAMPLE = "SELECT ministry, count(*) AS people FROM memberships GROUP BY ALL ORDER BY people DESC"


def options(study: Study, public: bool = False, language: str | None = None) -> Options:
    """What the report of *study* is made with beside its database: labels, school holidays, and if *public* its key."""
    from analysis.days import school_holidays
    from analysis.report.findings import Options
    from commands.context import labels_of
    from storage.privacy.pseudonyms import FEW, Pseudonyms

    own = study.analysis
    labels = labels_of(study)
    school = school_holidays(study.directory / own.school_holidays, own.school_regions) if own.school_holidays else None
    language = language or study.study.language
    if not public:
        return Options(labels=labels, school=school, language=language)
    key = Pseudonyms(study.directory)
    return Options(labels=labels, school=school, language=language, pseudonyms=key, least=FEW)


def _program() -> str:
    """What to type for this program here: its name, or its path where the shell does not find the name."""
    if shutil.which("sneeuwbal"):
        return "sneeuwbal"
    return shlex.quote(os.path.relpath(Path(sys.executable).with_name("sneeuwbal")))


def _latest(study: Study, folder: Path, name: str) -> None:
    """Let reports/NAME point at *folder*."""
    latest = study.directory / "reports" / name
    fresh = latest.with_name(f".{name}")
    fresh.unlink(missing_ok=True)
    fresh.symlink_to(folder.name)
    os.replace(fresh, latest)


def _text(table: pd.DataFrame) -> str:
    from analysis.report.escape import clean

    shown = table.map(lambda value: clean(value) if isinstance(value, str) else value)
    shown = shown.drop(columns=[name for name in ("name", "kind") if name in table and len(table.columns) > 4])
    return shown.to_string(index=False, na_rep="–", float_format=lambda value: f"{value:,.2f}")


def _comment(study: Study) -> str:
    return f" ({study.study.comment})" if study.study.comment else ""


def _loaded(db: duckdb.DuckDBPyConnection, _: Words) -> str:
    row = db.execute("SELECT max(fetched_at) FROM fetches").fetchone()
    return f"{row[0]:%Y-%m-%d %H:%M} UTC" if row and row[0] else _("nothing yet")


def _folder(study: Study, end: str = "") -> Path:
    """A new folder for this report: named by the time, numbered if there is one already."""
    place = study.directory / "reports"
    name = f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}{end}"
    number = 0
    while True:
        folder = place / (f"{name}-{number}" if number else name)
        try:
            folder.mkdir(parents=True)
        except FileExistsError:
            number += 1
        else:
            return folder

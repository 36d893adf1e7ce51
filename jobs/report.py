"""Make the report: the page, the tables and the figures; or one figure of it."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pandas as pd

from analysis.days import school_holidays
from analysis.nouns import GENERAL
from analysis.report import page
from analysis.report.asking import FORMATS as FORMATS
from analysis.report.comparison_section import Other
from analysis.report.escape import clean
from analysis.report.figures.registry import DRAWINGS, Drawing, drawing
from analysis.report.findings import Findings, Options
from analysis.report.i18n import Words
from jobs.context import DATABASE, Say
from storage import csvfile
from storage.children import give_back
from storage.errors import UserError
from storage.privacy.outside_copies import remember
from storage.privacy.pseudonyms import FEW, Pseudonyms
from storage.tables import database
from study.study_file import Study

MEMORY = 3_000_000_000  # bytes that DuckDB may take: with more, a hundred times the study of 2013 is not asked faster
OF_A_THREAD = 128_000_000  # bytes that DuckDB needs for each, at least


def report(
    study: Study,
    *,
    public: bool = False,
    compare: Study | None = None,
    formats: Sequence[str] = FORMATS,
    say: Say = print,
) -> Path:
    """Make the report of *study*, compared with *compare* if given; print its main tables, and return the page.

    *formats* are those of the figures' files; without any it has only their data, and takes about half the time.
    """
    give_back()
    with _opened(study) as db:
        words = Words(study.study.language)
        made = words("Made by sneeuwbal on {when}; loaded up to {loaded}.").format(
            when=f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC", loaded=_loaded(db, words)
        )
        facts = page.Facts(study.study.name, study.study.comment, made)
        folder = _folder(study, "-public" if public else "")
        with _other(compare, study, public) as other:
            found = Findings(db, replace(options(study, public), formats=formats))
            done = page.write_report(found, folder, facts, other)
    _latest(study, folder, "latest-public" if public else "latest")
    tables = done.tables()
    for table in (tables[name] for name in ("populations", "shares") if name in tables):
        say(f"\n{table.title}. {study.study.name}{_comment(study)}\n\n{_text(table.frame)}")
    say(f"\nthe page: {done.page}")
    say(f'a query to try: {_program()} --study {shlex.quote(str(study.directory))} sql "{_example(done)}"')
    return done.page


def figures() -> list[Drawing]:
    """The figures of a report, in order, with `number`, `name` and `title`."""
    return [replace(one, title=GENERAL(one.title)) for one in DRAWINGS.values()]


def figure(
    study: Study,
    name: str,
    path: Path | None = None,
    *,
    form: str = "svg",
    public: bool = False,
    language: str | None = None,
) -> Path:
    """Draw the figure *name* and save its data as CSV and Parquet; return its path. Raise UserError.

    The default of *path* is NAME.FORM in the current directory.
    """
    if path and path.suffix.removeprefix(".") not in FORMATS:
        raise UserError(f"{path}: a figure's file name must end in .svg, .pdf or .png")
    give_back()
    with _opened(study) as db:
        found = Findings(db, options(study, public, language))
        chosen = drawing(name, found)
        path = path or Path(f"{chosen.name}.{form}")
        page.figure(found, chosen, path)
    if not public:
        remember(study.directory, "figure", path)
    return path


def _opened(study: Study) -> duckdb.DuckDBPyConnection:
    """The database of *study*; DuckDB may take as much memory as it is large, to MEMORY: what it has read, it keeps."""
    path = study.directory / DATABASE
    size = path.stat().st_size if path.exists() else 0
    least = OF_A_THREAD * (os.cpu_count() or 1)
    return database.open_readonly(path, memory=min(max(size, least), MEMORY))


@contextmanager
def _other(compare: Study | None, study: Study, public: bool) -> Iterator[Other | None]:
    """Open the study *compare*, with the nouns of *study*."""
    if compare is None:
        yield None
        return
    with _opened(compare) as db:
        yield Other(compare.study.name, Findings(db, options(compare, public, study.study.language)))


PEOPLE = "SELECT group_name, count(*) AS people FROM memberships GROUP BY ALL ORDER BY people DESC"
ANSWERS = "SELECT variable, answer, respondents FROM survey_codebook ORDER BY ordinal, place"
DOCUMENTS = "SELECT published_at, source, title FROM documents ORDER BY published_at DESC"


def _example(done: page.Made) -> str:
    """A query about what the report is on."""
    there = {section.id for section in done.sections}
    only = there <= {"overview", "survey", "documents", "method"}
    return ANSWERS if only and "survey" in there else DOCUMENTS if only and "documents" in there else PEOPLE


def options(study: Study, public: bool = False, language: str | None = None) -> Options:
    """The inputs of *study*'s report besides its database: labels, school holidays, and its key if *public*."""
    own = study.analysis
    labels = labels_of(study)
    school = school_holidays(study.directory / own.school_holidays, own.school_regions) if own.school_holidays else None
    language = language or study.study.language
    if not public:
        return Options(labels=labels, school=school, language=language)
    key = Pseudonyms(study.directory)
    return Options(labels=labels, school=school, language=language, pseudonyms=key, least=FEW)


def labels_of(study: Study) -> pd.DataFrame | None:
    """The table of labels (politician, media ...) that the study names; None if there is none. Raise UserError.

    Of a coder (`decided_by`) who labels an account again the last label counts; an empty one withdraws it.
    """
    if study.analysis.labels is None:
        return None
    names, rows = csvfile.records(study.directory / study.analysis.labels)
    frame = pd.DataFrame([row for _, row in rows], columns=names, dtype=str)
    if "decided_by" in names:
        key = "account_id" if "account_id" in names else "handle"
        frame = frame.drop_duplicates([key, "decided_by"], keep="last")
        frame = frame[frame["label" if "label" in names else "role"] != ""]
    return frame.mask(frame == "")


def _program() -> str:
    """The command for this program: its name, or its path if the shell cannot find the name."""
    if shutil.which("sneeuwbal"):
        return "sneeuwbal"
    return shlex.quote(os.path.relpath(Path(sys.executable).with_name("sneeuwbal")))


def _latest(study: Study, folder: Path, name: str) -> None:
    """Point the link reports/NAME to *folder*."""
    latest = study.directory / "reports" / name
    fresh = latest.with_name(f".{name}")
    fresh.unlink(missing_ok=True)
    fresh.symlink_to(folder.name)
    os.replace(fresh, latest)


def _text(table: pd.DataFrame) -> str:
    shown = table.map(lambda value: clean(value) if isinstance(value, str) else value)
    shown = shown.drop(columns=[name for name in ("name", "kind") if name in table and len(table.columns) > 4])
    return shown.to_string(index=False, na_rep="–", float_format=lambda value: f"{value:,.2f}")


def _comment(study: Study) -> str:
    return f" ({study.study.comment})" if study.study.comment else ""


def _loaded(db: duckdb.DuckDBPyConnection, _: Words) -> str:
    row = db.execute("SELECT max(fetched_at) FROM fetches").fetchone()
    return f"{row[0]:%Y-%m-%d %H:%M} UTC" if row and row[0] else _("nothing yet")


def _folder(study: Study, end: str = "") -> Path:
    """A new folder for this report, named by the time, and numbered if that exists."""
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

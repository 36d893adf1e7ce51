"""Make a replication package: everything a reviewer needs, in one self-describing folder."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from analysis.queries import setting
from analysis.report.definitions import DEFINITIONS
from analysis.report.findings import Findings, Options
from analysis.report.page import Facts, write_report
from jobs.backup import files
from jobs.context import ARCHIVE, DATABASE, Say
from jobs.report import FORMATS, options
from jobs.secrets import NEVER_COPIED
from storage import ro_crate
from storage.backup import Report, copy_archive
from storage.errors import UserError
from storage.privacy import forgotten, outside_copies
from storage.privacy.leaks import leaks
from storage.privacy.pseudonymise import is_public, pseudonymise
from storage.privacy.pseudonyms import FEW, Pseudonyms
from storage.tables import database as tables
from storage.versions import own, versions
from study.study_file import Study

DATABASE_IN, REPORT_IN, STUDY_IN = "database/study.duckdb", "report", "study"
NO_LICENCE = "https://choosealicense.com/no-permission/"


def package(
    study: Study,
    folder: Path,
    *,
    with_archive: bool = False,
    licence: str = NO_LICENCE,
    formats: Sequence[str] = FORMATS,
    say: Say = print,
) -> Path:
    """Make a replication package of *study* in the new or empty *folder*; return it.

    Its database has pseudonyms and no texts. With *with_archive* it has archive, study file and the unchanged database
    instead, which identify people. *formats* as in `jobs.report.report`. Raise UserError.
    """
    directory = study.directory
    if not (directory / DATABASE).is_file():
        raise UserError(f"{directory / DATABASE}: no database yet; run `sneeuwbal load`")
    if folder.exists() and any(folder.iterdir()):
        raise UserError(f"{folder}: not empty; choose a new folder")
    folder.mkdir(parents=True, exist_ok=True)
    database = folder / DATABASE_IN
    database.parent.mkdir()
    if with_archive:
        shutil.copyfile(directory / DATABASE, database)
        _confidential(study, folder)
    else:
        pseudonymise(directory / DATABASE, database, Pseudonyms(directory))
    _papers(study, folder, with_archive)
    say("making the report of the package")
    make(database, folder / REPORT_IN, replace(report_options(study if with_archive else None), formats=formats))
    if not with_archive:
        _check(directory / DATABASE, folder)
    about = {"name": f"{study.study.name}: replication package", "license": licence, "version": own(),
             "description": CONFIDENTIAL if with_archive else PUBLIC}  # fmt: skip
    outside_copies.remember(directory, "package", folder)
    ro_crate.describe(folder, about, datetime.now(UTC))
    seal = ro_crate.seal(folder)
    say(f"{folder}: {sum(1 for _ in ro_crate.files(folder)):,} files; checksum of the manifest: {seal}")
    return folder


PUBLIC = "Report, tables, figures, definitions and the pseudonymised database of a study made with sneeuwbal."
CONFIDENTIAL = "Archive, study file, database, report and definitions of a study made with sneeuwbal. It names people."


def report_options(study: Study | None) -> Options:
    """The inputs of a package's report: the study's if its files are included, else only the database."""
    return options(study) if study is not None else Options(least=FEW)


def make(database: Path, folder: Path, options: Options) -> Path:
    """Make the report of *database* in *folder*, without a date; return its page."""
    with tables.open_readonly(database) as db:
        name = str(setting(db, "study.name", "A study"))
        facts = Facts(name, str(setting(db, "study.comment", "")), f"sneeuwbal {own()}")
        return write_report(Findings(db, options), folder, facts).page


def _confidential(study: Study, folder: Path) -> None:
    """Copy the archive and the study's own files; never secrets, nor who was forgotten, which needs a key."""
    place = folder / STUDY_IN
    more = {path for path in map(Path, os.listdir(study.directory)) if path.suffix in {".toml", ".csv", ".txt"}}
    never = {*map(Path, NEVER_COPIED), Path(outside_copies.FILE), Path(forgotten.FILE)}
    for name in sorted({*files(study), *more} - never):
        if (study.directory / name).is_file():
            (place / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(study.directory / name, place / name)
    copy_archive(study.archive, place / ARCHIVE, False, Report())


def _papers(study: Study, folder: Path, all_settings: bool) -> None:
    """Write settings, versions and definitions."""
    settings = {key: json.loads(value) for key, value in study.rows() if all_settings or is_public(key)}
    _write(folder / "settings.json", settings)
    _write(folder / "versions.json", versions())
    _write(folder / "definitions.json", {name: list(texts) for name, texts in DEFINITIONS.items()})
    (folder / "data-dictionary.md").write_text(tables.data_dictionary(), encoding="utf-8")
    (folder / "README.md").write_text(README, encoding="utf-8")


README = """# Replication package

`report/report.html` is the report; its tables are in `report/tables` (CSV and Parquet), its figures in
`report/figures`. `database/study.duckdb` opens in any DuckDB; `data-dictionary.md` describes it.
`sneeuwbal reproduce FOLDER` checks every file and recomputes every figure, without a network.
"""


def _write(path: Path, content: Any) -> None:
    path.write_text(json.dumps(content, indent=1, ensure_ascii=False, sort_keys=True) + "\n", encoding="utf-8")


def _check(source: Path, folder: Path) -> None:
    """Raise UserError if a public package names a person."""
    if found := leaks(source, folder):
        shutil.rmtree(folder)
        raise UserError(f"{found[0]}; the package was not made. This is a bug in sneeuwbal; please report it")

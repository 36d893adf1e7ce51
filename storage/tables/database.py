"""The database: made, opened, brought up to date, and published whole.

Users open `study.duckdb` read-only; it is never written. Whoever changes it works on a private copy and publishes
that by a rename, so that a reader keeps the picture it opened.
"""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import shutil
from collections.abc import Iterator
from importlib import resources
from pathlib import Path

import duckdb

from storage.archive.writer import sync_directory
from storage.errors import UserError
from storage.locks import lock

NAME = "study.duckdb"
WORK = ".load"  # below the study directory: the private file and what is spilled beside it
STORAGE_VERSION = "v1.5.0"  # readable by DuckDB 1.5 and the command line of today
MODE = 0o444

log = logging.getLogger("sneeuwbal")


def migrations() -> list[tuple[int, str, str]]:
    """The numbered SQL files of storage/tables/schema: (number, name, text), in order."""
    files = [file for file in (resources.files("storage.tables") / "schema").iterdir() if file.name.endswith(".sql")]
    return sorted((int(file.name[:3]), file.name, file.read_text("utf-8")) for file in files)


def open_private(path: Path, *, memory: str | None = None, threads: int | None = None) -> duckdb.DuckDBPyConnection:
    """Open (or make) a database for writing, migrated, as catalog `study`. Nobody else may have it open."""
    db = duckdb.connect()
    try:
        db.execute("SET TimeZone = 'UTC'")
        db.execute("SET preserve_insertion_order = false")
        db.execute(f"SET temp_directory = '{_quoted(path.with_suffix('.spill'))}'")
        if memory:
            db.execute(f"SET memory_limit = '{_quoted(memory)}'")
        if threads:
            db.execute(f"SET threads = {int(threads)}")
        db.execute(f"ATTACH '{_quoted(path)}' AS study (STORAGE_VERSION '{STORAGE_VERSION}')")
        db.execute("USE study")
        migrate(db, path)
    except BaseException:
        db.close()
        raise
    return db


def close_private(db: duckdb.DuckDBPyConnection) -> None:
    """Write everything into the one file and let go of it."""
    db.execute("CHECKPOINT study")
    db.execute("USE memory")
    db.execute("DETACH study")
    db.close()


def open_readonly(path: Path) -> duckdb.DuckDBPyConnection:
    """Open a published database (or the study directory that holds it) for reading."""
    path = path / NAME if path.is_dir() else path
    if not path.is_file():
        raise UserError(f"{path}: there is no database yet: run `sneeuwbal load`")
    try:
        db = duckdb.connect(str(path), read_only=True)
    except duckdb.Error as error:
        raise UserError(_why_not(path, str(error))) from error
    try:
        db.execute("SET TimeZone = 'UTC'")
        _check_version(_applied(db), path)
    except BaseException:
        db.close()
        raise
    return db


def _why_not(path: Path, error: str) -> str:
    wal = path.with_name(path.name + ".wal")
    first = error.splitlines()[0] if error else "unknown"
    if wal.exists():
        return (
            f"{path}: cannot be read because of {wal.name}, which a careless reader left: delete that, nothing is lost"
        )
    if "version" in error.lower():
        return f"{path}: was written by a newer DuckDB: install that, or run `sneeuwbal load --fresh` ({first})"
    return f"{path}: cannot be opened: {first}"


def migrate(db: duckdb.DuckDBPyConnection, path: Path | str = "the database") -> None:
    """Apply the numbered SQL files that *db* has not seen yet. Raise UserError if it knows newer ones than we do."""
    applied = _applied(db)
    _check_version(applied, path)
    for number, name, text in migrations():
        if number not in applied:
            db.execute("BEGIN")
            db.execute(text)
            db.execute("CREATE TABLE IF NOT EXISTS base.migrations (number INTEGER, name VARCHAR)")
            db.execute("INSERT INTO base.migrations VALUES (?, ?)", [number, name])
            db.execute("COMMIT")


def _applied(db: duckdb.DuckDBPyConnection) -> set[int]:
    known = "SELECT 1 FROM duckdb_tables() WHERE schema_name = 'base' AND table_name = 'migrations'"
    if db.execute(known).fetchone() is None:
        return set()
    return {row[0] for row in db.execute("SELECT number FROM base.migrations").fetchall()}


def check_current(db: duckdb.DuckDBPyConnection, path: Path) -> None:
    """Raise UserError if *db* was made by an older schema: what is newer is not in it."""
    applied, newest = max(_applied(db), default=0), max(number for number, _, _ in migrations())
    if applied < newest:
        raise UserError(f"{path}: was made by an older sneeuwbal (schema {applied} of {newest}): run `sneeuwbal load`")


def _check_version(applied: set[int], path: Path | str) -> None:
    newest = max(number for number, _, _ in migrations())
    if max(applied, default=0) > newest:
        raise UserError(
            f"{path}: was made by a newer sneeuwbal (schema {max(applied)}, this one knows {newest}): "
            "upgrade sneeuwbal, or run `sneeuwbal load --fresh`"
        )


@contextlib.contextmanager
def working(study: Path) -> Iterator[Path]:
    """Hold the study's load lock, waiting for it; yield a fresh working directory that is removed afterwards."""
    with lock(study, "load", wait=True):
        work = study / WORK
        shutil.rmtree(work, ignore_errors=True)  # what a killed load left
        try:
            work.mkdir(mode=0o700)
            yield work
        except OSError as error:
            raise _why_not_written(study, error) from error
        except duckdb.IOException as error:
            if "No space left" in str(error):
                raise UserError(f"{study}: the disk is full; make room: the database is as it was") from error
            if "not a valid DuckDB database" in str(error):
                raise UserError(f"{study / NAME}: is no database; run `sneeuwbal load --fresh`") from error
            raise
        finally:
            shutil.rmtree(work, ignore_errors=True)


def _why_not_written(study: Path, error: OSError) -> BaseException:
    if error.errno == errno.ENOSPC or "No space left" in str(error):
        return UserError(f"{study}: the disk is full; make room: the database is as it was")
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return UserError(f"{error.filename or study}: {error.strerror}; make the study directory writable for you")
    return error


def start_private(study: Path, work: Path, *, fresh: bool) -> Path:
    """The path of a private database in *work*: a copy of the published one, unless *fresh* or there is none."""
    private, published = work / NAME, study / NAME
    if not fresh and published.exists():
        copy(published, private)
    return private


def copy(source: Path, target: Path) -> None:
    """Copy a file, sharing its blocks where the file system can."""
    with source.open("rb") as reading, target.open("xb") as writing:
        left = os.fstat(reading.fileno()).st_size
        try:
            while left > 0:
                done = os.copy_file_range(reading.fileno(), writing.fileno(), min(left, 1 << 30))
                if done == 0:
                    break
                left -= done
        except OSError as error:
            if error.errno not in (errno.EXDEV, errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP, errno.EPERM):
                raise
            reading.seek(writing.tell())
            shutil.copyfileobj(reading, writing, 1 << 20)


def publish(private: Path, study: Path, group: str | None = None) -> Path:
    """Put the closed *private* file in the place of the published one; return that.

    Readers who have the old one open keep it. *group* may read the file; nobody may write it.
    """
    published = study / NAME
    if private.with_name(private.name + ".wal").exists():
        raise RuntimeError(f"{private} was not closed: its write-ahead log is still there")
    os.chmod(private, MODE if group is None else 0o440)
    if group is not None:
        shutil.chown(private, group=group)
    handle = os.open(private, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
    stale = published.with_name(published.name + ".wal")
    if stale.exists():
        aside = _free_name(stale)
        stale.rename(aside)
        log.warning("%s: left by someone who opened the database for writing; moved to %s", stale, aside.name)
    os.replace(private, published)
    sync_directory(study)
    return published


def _free_name(path: Path) -> Path:
    number = 1
    while (aside := path.with_name(f"{path.name}.stale-{number}")).exists():
        number += 1
    return aside


def _quoted(text: Path | str) -> str:
    return str(text).replace("'", "''")


def data_dictionary() -> str:
    """The text of docs/data-dictionary.md: every view and column with its comment in the schema."""
    db = duckdb.connect()
    try:
        migrate(db)
        views = db.execute(
            "SELECT view_name, comment FROM duckdb_views() WHERE NOT internal AND schema_name = 'main' "
            "ORDER BY view_oid"
        ).fetchall()
        columns = db.execute(
            "SELECT table_name, column_name, data_type, comment FROM duckdb_columns() "
            "WHERE NOT internal AND schema_name = 'main' ORDER BY table_name, column_index"
        ).fetchall()
    finally:
        db.close()
    lines = [
        "# Data dictionary",
        "",
        "Made from the comments in `storage/tables/schema`; `sneeuwbal sql` and any DuckDB client show them too",
        "(`SELECT * FROM duckdb_columns()`). Moments are UTC. `record_id` is the WARC record a row came from.",
    ]
    for view, comment in views:
        lines += ["", f"## {view}", "", comment or "", "", "| column | type | meaning |", "|---|---|---|"]
        lines += [
            f"| `{name}` | {kind.replace('TIMESTAMP WITH TIME ZONE', 'TIMESTAMPTZ')} | {text or ''} |"
            for table, name, kind, text in columns
            if table == view
        ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":  # python -m storage.tables.database > docs/data-dictionary.md
    print(data_dictionary(), end="")

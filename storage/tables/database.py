"""The database: created, opened, upgraded, and published atomically.

Users open `study.duckdb` read-only; it is never written. Changes are made in a private copy, published
by a rename, so that a reader keeps the snapshot it opened.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import logging
import os
import shutil
import tomllib
from collections.abc import Iterator
from importlib import resources
from pathlib import Path

import duckdb

from storage.archive.writer import sync_directory
from storage.errors import UserError
from storage.locks import lock

NAME = "study.duckdb"
WORK = ".load"  # below the study directory: the private file and spilled columns
STORAGE_VERSION = "v1.5.0"  # readable by DuckDB 1.5 and the command line of today
MODE = 0o444
VERSION = 9  # of the schema; databases of a higher version are not touched
OTHER = "was made by another version of sneeuwbal; run `sneeuwbal load` to rebuild it from the archive"

log = logging.getLogger("sneeuwbal")


def schema() -> tuple[str, str]:
    """Fingerprints of the tables, and of the views with the dictionary: the version of a database."""
    tables, views, dictionary = map(_file, ("tables.sql", "views.sql", "dictionary.toml"))
    return _digest(tables), _digest(views + dictionary)


def _file(name: str) -> str:
    return (resources.files("storage.tables") / "schema" / name).read_text("utf-8")


def _digest(text: str) -> str:
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def create(db: duckdb.DuckDBPyConnection) -> None:
    """Make the tables and views of the schema, with their comments, in an empty database."""
    db.execute("BEGIN")  # one commit instead of seven hundred
    build(db)
    db.execute("COMMIT")


def build(db: duckdb.DuckDBPyConnection, *, columns: bool = True) -> None:
    """As `create`, within a transaction of the caller's; without comments on *columns* where views take none."""
    db.execute(_file("tables.sql"))
    _create_views(db, columns=columns)
    db.execute("CREATE TABLE base.made_by (version INTEGER, tables VARCHAR, views VARCHAR)")
    db.execute("INSERT INTO base.made_by VALUES (?, ?, ?)", [VERSION, *schema()])


def _create_views(db: duckdb.DuckDBPyConnection, *, columns: bool = True) -> None:
    """Create the views, with the dictionary's comments on them and their columns."""
    db.execute(_file("views.sql"))
    words = tomllib.loads(_file("dictionary.toml"))
    comments = [(f"VIEW {view}", about["about"]) for view, about in words["views"].items()]
    named = db.execute(
        "SELECT table_name, column_name FROM duckdb_columns() "
        "WHERE database_name = current_database() AND schema_name = 'main' AND NOT internal"
    ).fetchall()
    if columns:
        comments += [
            (f'COLUMN {view}."{name}"', (words["columns"] | words["views"][view])[name]) for view, name in named
        ]
    db.execute(";".join(f"COMMENT ON {what} IS '{_quoted(text)}'" for what, text in comments))


def _update(db: duckdb.DuckDBPyConnection, path: Path) -> None:
    """Create the schema in a new database, and replace the views in one with another version of them."""
    found = made_by(db, path)
    if found is None and not db.execute("SELECT 1 FROM duckdb_tables() WHERE schema_name = 'base'").fetchall():
        create(db)
    elif found is None or found[0] != schema()[0]:
        raise UserError(f"{path}: {OTHER}")
    elif found != schema():
        views = "SELECT view_name FROM duckdb_views() WHERE NOT internal AND schema_name = 'main'"
        for (view,) in db.execute(views).fetchall():
            db.execute(f'DROP VIEW "{view}"')
        _create_views(db)
        db.execute("UPDATE base.made_by SET views = ?", [schema()[1]])


def made_by(db: duckdb.DuckDBPyConnection, path: Path | str) -> tuple[str, str] | None:
    """The schema version of *db*; None if it has none (it is empty, or older than versions).

    Raise UserError if it is newer than this program.
    """
    known = (
        "SELECT 1 FROM duckdb_tables() WHERE database_name = current_database() "
        "AND schema_name = 'base' AND table_name = 'made_by'"
    )
    if not db.execute(known).fetchall():  # an unfetched result would block a `register`
        return None
    return stated(db, path)


def stated(db: duckdb.DuckDBPyConnection, path: Path | str) -> tuple[str, str]:
    """As `made_by`, of a database that has one: asking a lake for its tables takes half a second."""
    ((version, tables, views),) = db.execute("FROM base.made_by").fetchall()
    if version > VERSION:
        raise UserError(
            f"{path}: was made by a newer sneeuwbal (schema {version}; this one supports {VERSION}): "
            "upgrade sneeuwbal, or run `sneeuwbal load --fresh`"
        )
    return tables, views


def published(study: Path) -> tuple[bool, list[tuple[str, str]]]:
    """Whether the published database has tables of another version; and the settings it was made with, if known.

    Tables of another version must be rebuilt from the archive.
    """
    path = study / NAME
    outdated, settings = False, list[tuple[str, str]]()
    with contextlib.suppress(duckdb.Error):  # the next open reports the error
        if path.exists():
            with duckdb.connect(str(path), read_only=True) as db:
                found = made_by(db, path)
                outdated = found is None or found[0] != schema()[0]
                settings = db.execute("SELECT key, CAST(value AS VARCHAR) FROM base.study").fetchall()
    return outdated, settings


def open_private(path: Path, *, memory: str | None = None, threads: int | None = None) -> duckdb.DuckDBPyConnection:
    """Open (or make) a database for writing, as catalog `study`, with our schema. No other process may have it open."""
    db = duckdb.connect()
    try:
        db.execute("SET TimeZone = 'UTC'")
        db.execute("SET preserve_insertion_order = false")
        db.execute(f"SET temp_directory = '{_quoted(path.with_suffix('.spill'))}'")
        if memory:
            db.execute(f"SET memory_limit = '{_quoted(memory)}'")
        if threads:
            db.execute(f"SET threads = {int(threads)}")
        # without a write-ahead log: a killed load's file is discarded, and `close_private` writes the result
        how = f"STORAGE_VERSION '{STORAGE_VERSION}', RECOVERY_MODE no_wal_writes"
        db.execute(f"ATTACH '{_quoted(path)}' AS study ({how})")
        db.execute("USE study")
        _update(db, path)
    except BaseException:
        db.close()
        raise
    return db


def close_private(db: duckdb.DuckDBPyConnection) -> None:
    """Write everything into the file and close it."""
    db.execute("CHECKPOINT study")
    db.execute("USE memory")
    db.execute("DETACH study")
    db.close()


def open_readonly(path: Path, *, memory: int | None = None) -> duckdb.DuckDBPyConnection:
    """Open a published database (or the one in a study directory) for reading, with at most *memory* bytes."""
    path = path / NAME if path.is_dir() else path
    if not path.is_file():
        raise UserError(f"{path}: no database yet; run `sneeuwbal load`")
    db = connected(path)
    try:
        db.execute("SET TimeZone = 'UTC'")
        (own,) = db.execute("SELECT parse_formatted_bytes(current_setting('memory_limit'))").fetchone() or (0,)
        if memory and memory < own:  # a small machine's own limit holds
            db.execute(f"SET memory_limit = '{memory} B'")
        if made_by(db, path) != schema():
            raise UserError(f"{path}: {OTHER}")
    except BaseException:
        db.close()
        raise
    return db


def open_current(path: Path) -> duckdb.DuckDBPyConnection:
    """Like `open_readonly`; raise UserError also if the tables have another version."""
    db = open_readonly(path)
    found = made_by(db, path)
    if found is None or found[0] != schema()[0]:
        db.close()
        raise UserError(f"{path}: {OTHER}")
    return db


def connected(path: Path) -> duckdb.DuckDBPyConnection:
    """A read-only connection to the database at *path*. Raise UserError if it cannot be opened."""
    try:
        return duckdb.connect(str(path), read_only=True)
    except duckdb.Error as error:
        raise _unreadable(path, error) from error


def attach(db: duckdb.DuckDBPyConnection, path: Path, name: str) -> None:
    """Attach the database at *path* to *db* read-only, as *name*. Raise UserError if it cannot be opened."""
    try:
        db.execute(f"ATTACH '{_quoted(path)}' AS {name} (READ_ONLY)")
    except duckdb.Error as error:
        raise _unreadable(path, error) from error


def _unreadable(path: Path, error: duckdb.Error) -> UserError:
    """Why DuckDB does not open the database at *path*, by its *error*, and what to do."""
    wal, said = path.with_name(path.name + ".wal"), str(error)
    first = said.splitlines()[0] if said else "unknown"
    if wal.exists():
        why = f"cannot be read because of {wal.name}, left by another program: delete that file; nothing is lost"
    elif "not a valid DuckDB database" in said:
        why = "is not a database; run `sneeuwbal load --fresh`"
    elif "version" in said.lower():
        why = f"was written by a newer DuckDB; install that, or run `sneeuwbal load --fresh` ({first})"
    else:
        why = f"cannot be opened ({first}); run `sneeuwbal load --fresh`"
    return UserError(f"{path}: {why}")


@contextlib.contextmanager
def working(study: Path) -> Iterator[Path]:
    """Wait for the study's load lock and hold it; yield a new working directory that is removed afterwards."""
    with lock(study, "load", wait=True):
        work = study / WORK
        shutil.rmtree(work, ignore_errors=True)  # left by a killed load
        try:
            work.mkdir(mode=0o700)
            yield work
        except OSError as error:
            raise _why_not_written(study, error) from error
        except duckdb.IOException as error:
            if "No space left" in str(error):
                raise UserError(f"{study}: the disk is full; free some space: the database is unchanged") from error
            if "not a valid DuckDB database" in str(error):
                raise _unreadable(study / NAME, error) from error
            raise
        finally:
            shutil.rmtree(work, ignore_errors=True)


def _why_not_written(study: Path, error: OSError) -> BaseException:
    if error.errno == errno.ENOSPC or "No space left" in str(error):
        return UserError(f"{study}: the disk is full; free some space: the database is unchanged")
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return UserError(f"{error.filename or study}: {error.strerror}; make the study directory writable")
    return error


def start_private(study: Path, work: Path, *, fresh: bool) -> Path:
    """The path of a private database in *work*: a copy of the published one, unless *fresh* or there is none."""
    private, published = work / NAME, study / NAME
    if not fresh and published.exists():
        copy(published, private)
    return private


def copy(source: Path, target: Path) -> None:
    """Copy a file, sharing its blocks if the file system supports it."""
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
    """Replace the published file by the closed *private* file; return its path.

    Open readers keep the old one. *group* may read the file; no one may write it.
    """
    published = study / NAME
    if private.with_name(private.name + ".wal").exists():
        raise RuntimeError(f"{private} was not closed: its write-ahead log still exists")
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
        log.warning("%s: left by a program that opened the database for writing; moved to %s", stale, aside.name)
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
        create(db)
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
        "Made from `storage/tables/schema/dictionary.toml`; `sneeuwbal sql` and any DuckDB client show them too",
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

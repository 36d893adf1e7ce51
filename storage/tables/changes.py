"""What a load changes in the large tables, row by row: written beside its private file, for a lake to follow.

The schema `gone` has the rows that were taken out of a table, `came` those that were put in; a row may be in both.
"""

from __future__ import annotations

from pathlib import Path

import duckdb
import msgspec

FILE = "changes.duckdb"


class Changes(msgspec.Struct, frozen=True):
    """The changes since the database file *since*, in the database at *path*."""

    path: Path
    since: str


def identity(path: Path) -> str:
    """What tells the published file at *path* from every other: it is never written again."""
    about = path.stat()
    return f"{about.st_ino}-{about.st_size}-{about.st_mtime_ns}"


def keep(db: duckdb.DuckDBPyConnection, path: Path) -> None:
    """Keep the changes from now on in a new database at *path*."""
    db.execute(f"ATTACH '{str(path).replace(chr(39), chr(39) * 2)}' AS changes (RECOVERY_MODE no_wal_writes)")
    db.execute("CREATE SCHEMA changes.gone; CREATE SCHEMA changes.came")


def close(db: duckdb.DuckDBPyConnection) -> bool:
    """Write the changes into their file; whether any were kept."""
    if not _kept(db):
        return False
    db.execute("CHECKPOINT changes")
    db.execute("DETACH changes")
    return True


def give_up(db: duckdb.DuckDBPyConnection) -> None:
    """Keep no changes: there are too many to be worth it."""
    if _kept(db):
        db.execute("DETACH changes")


def note(db: duckdb.DuckDBPyConnection, side: str, table: str, rows: str) -> None:
    """Keep the *rows* (a query) that are `gone` from, or `came` into, `base.<table>`; nothing if none are kept."""
    if _kept(db):
        db.execute(f"CREATE TABLE changes.{side}.{table} AS FROM base.{table} LIMIT 0")
        db.execute(f"INSERT INTO changes.{side}.{table} BY NAME {rows}")


def insert(db: duckdb.DuckDBPyConnection, table: str, rows: str) -> None:
    """Put the *rows* (a query) into `base.<table>`."""
    if _kept(db):
        note(db, "came", table, rows)
        rows = f"FROM changes.came.{table}"
    db.execute(f"INSERT INTO base.{table} BY NAME {rows}")


def _kept(db: duckdb.DuckDBPyConnection) -> bool:
    return db.execute("SELECT 1 FROM duckdb_databases() WHERE database_name = 'changes'").fetchone() is not None

"""What a file of a study holds, to search it: as it is, and as whoever opens it would read it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import duckdb

from storage.archive import reader as archive
from storage.records import Page


def contents(path: Path) -> Iterator[tuple[str, bytes]]:
    """Places and bytes of *path*: archives unpacked, rows of SQLite, the tables of a database one by one."""
    if ".warc" in path.name:
        yield "", b"".join(member for _, _, member in archive.members(path))
        yield "", b"".join(page.content() for page in archive.read(path) if isinstance(page, Page))
        return
    yield "", path.read_bytes()
    if path.suffix == ".sqlite":
        with sqlite3.connect(path) as db:
            yield "", "\n".join(db.iterdump()).encode()
    elif path.suffix == ".duckdb":
        with duckdb.connect(str(path), read_only=True) as base:
            tables = base.execute("SELECT table_name FROM duckdb_tables() WHERE schema_name = 'base'").fetchall()
            for (name,) in tables:
                yield f"table {name}", repr(base.execute(f"FROM base.{name}").fetchall()).encode()

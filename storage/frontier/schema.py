"""The tables of the frontier, and a state of an older version brought up to this one."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from storage.archive.before import modern
from storage.errors import UserError
from storage.records import Failure, Request, Target

VERSION = 3
BUSY = 30.0  # seconds to wait for another program that locks the state

SCHEMA = """
CREATE TABLE kinds (
    id INTEGER PRIMARY KEY, collector TEXT NOT NULL, kind TEXT NOT NULL,
    blocked_until REAL NOT NULL DEFAULT 0, why TEXT NOT NULL DEFAULT '', yields TEXT NOT NULL DEFAULT '',
    UNIQUE (collector, kind));
CREATE TABLE targets (
    id INTEGER PRIMARY KEY, kind INTEGER NOT NULL, key TEXT NOT NULL, cursor TEXT NOT NULL DEFAULT '',
    walk INTEGER NOT NULL DEFAULT 1, wave INTEGER NOT NULL DEFAULT 0, via TEXT NOT NULL DEFAULT '',
    since TEXT NOT NULL DEFAULT '', newest TEXT NOT NULL DEFAULT '', position INTEGER NOT NULL DEFAULT 0,
    state TEXT NOT NULL DEFAULT 'open', why TEXT NOT NULL DEFAULT '', tries INTEGER NOT NULL DEFAULT 0,
    alone INTEGER NOT NULL DEFAULT 0, due_at REAL, lease TEXT, changed_at REAL,
    pages INTEGER NOT NULL DEFAULT 0, anchor TEXT NOT NULL DEFAULT '', carry TEXT NOT NULL DEFAULT '{}');
CREATE UNIQUE INDEX by_name ON targets (kind, key);
CREATE INDEX by_due ON targets (kind, due_at, id) WHERE due_at IS NOT NULL AND lease IS NULL;
CREATE INDEX by_lease ON targets (lease) WHERE lease IS NOT NULL;
CREATE TABLE runs (
    run_id TEXT PRIMARY KEY, collector TEXT, started_at REAL, ended_at REAL, status TEXT, reason TEXT,
    answers INTEGER NOT NULL DEFAULT 0, items INTEGER NOT NULL DEFAULT 0);
CREATE TABLE spend (
    day TEXT, collector TEXT, kind TEXT, requests INTEGER NOT NULL DEFAULT 0, items INTEGER NOT NULL DEFAULT 0,
    usd REAL NOT NULL DEFAULT 0, PRIMARY KEY (day, collector, kind));
"""
FROM_1 = """
ALTER TABLE targets ADD COLUMN pages INTEGER NOT NULL DEFAULT 0;
ALTER TABLE targets ADD COLUMN anchor TEXT NOT NULL DEFAULT '';
"""
FROM_2 = """
ALTER TABLE targets ADD COLUMN carry TEXT NOT NULL DEFAULT '{}';
ALTER TABLE kinds ADD COLUMN yields TEXT NOT NULL DEFAULT '';
"""


def opened(path: Path) -> sqlite3.Connection:
    """The state at *path*, made if needed. Raise UserError if it is no state, or a newer version's."""
    db = sqlite3.connect(path, timeout=BUSY, isolation_level=None, check_same_thread=False)
    try:
        db.execute("PRAGMA journal_mode=WAL")
    except sqlite3.OperationalError:
        raise  # locked, or the disk is full: reported as such
    except sqlite3.DatabaseError as error:
        raise UserError(f"{path}: {error}; move it away and run `sneeuwbal recover`") from error
    db.execute("PRAGMA synchronous=NORMAL")  # a lost transaction is fetched again; the archive was synced
    db.execute("PRAGMA cache_size=-65536")
    version = db.execute("PRAGMA user_version").fetchone()[0]
    if version > VERSION:
        raise UserError(f"{path}: written by a newer sneeuwbal (state {version}); upgrade, or run `sneeuwbal recover`")
    if version < VERSION:
        change = {0: SCHEMA, 1: FROM_1 + FROM_2, 2: FROM_2}[version]
        db.executescript(f"BEGIN IMMEDIATE; {change} PRAGMA user_version={VERSION}; COMMIT;")
    if 0 < version < VERSION:
        _renew_cursors(db)
    return db


def _renew_cursors(db: sqlite3.Connection) -> None:
    """Convert running walks, whose cursors contain more than a position, to today's form."""
    rows = db.execute(
        "SELECT t.id, k.collector, k.kind, t.key, t.cursor FROM targets AS t JOIN kinds AS k ON k.id=t.kind"
        " WHERE t.cursor<>''"
    ).fetchall()
    for number, *name in rows:
        (request,) = modern(Failure((Request(Target(*name), ""),), "other", "", datetime.now(UTC))).requests
        db.execute(
            "UPDATE targets SET cursor=?, carry=? WHERE id=?", (request.target.cursor, encoded(request.carry), number)
        )


def encoded(carry: Mapping[str, Any]) -> str:
    """`Request.carry` as the column holds it."""
    return msgspec.json.encode(carry).decode()

"""Small databases for the tests of analyses: the schema of storage, filled by hand."""

from functools import cache
from importlib.metadata import entry_points
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb
import pandas as pd

from storage.tables import database as tables

SEEN = pd.Timestamp("2013-02-23T12:00:00Z")
BUILD = tables.create


def database():
    """An empty database in memory with the tables and views of the schema."""
    db = duckdb.connect()
    copied(Path(_folder().name) / "kinds.duckdb", db)
    return db


def schema():
    """A database with the schema as `create` makes it."""
    return Path(_folder().name) / "schema.duckdb"


def make_copies(of=None):
    """Let `create` copy the database *of*, or `schema()`, in this process: the statements take ten times as long."""
    tables.create = lambda db: copied(of or schema(), db)


def copied(template, db):
    """Make what the database *template* has in the empty *db*."""
    (name,) = db.execute("SELECT current_database()").fetchone()
    db.execute(f"ATTACH '{template}' AS template (READ_ONLY); COPY FROM DATABASE template TO {name}; DETACH template")


@cache
def _folder():
    """A folder with the databases that others are copies of."""
    folder = TemporaryDirectory()
    with duckdb.connect(f"{folder.name}/schema.duckdb") as db:
        BUILD(db)
    with duckdb.connect(f"{folder.name}/kinds.duckdb") as db:
        copied(f"{folder.name}/schema.duckdb", db)
        for point in entry_points(group="sneeuwbal.collectors"):
            rows = [(point.name, name, kind.of, kind.yields) for name, kind in point.load().kinds.items()]
            db.executemany("INSERT INTO base.kinds (collector, kind, names, yields) VALUES (?, ?, ?, ?)", rows)
    return folder


def insert(db, table, rows, **same):
    """Insert *rows* (dicts) into base.*table*, with *same* in every one."""
    rows = [{**same, **row} for row in rows]
    if not rows:
        return
    frame = pd.DataFrame(rows).astype(object).where(lambda each: each.notna(), None)
    db.register("rows_to_insert", frame)
    db.execute(f"INSERT INTO base.{table} BY NAME SELECT * FROM rows_to_insert")
    db.unregister("rows_to_insert")


def current(db, table):
    """Whether the schema keeps the current state of *table* in a table of its own."""
    return bool(db.execute("SELECT 1 FROM duckdb_tables() WHERE table_name = ?", [f"current_{table}"]).fetchall())


def profiles(db, rows):
    """Profiles read: dicts with profile_id, and employers (current ones, known to base.employers), start, record_id."""
    shown, positions, answers = [], [], []
    for row in rows:
        key = row["profile_id"]
        record = row.get("record_id", f"r-{key}")
        shown.append({"profile_id": key, "content": f"c-{key}", "url": key, "name": key, "record_id": record})
        positions += [
            {"profile_id": key, "content": f"c-{key}", "ordinal": number, "employer": employer, "current": True}
            for number, employer in enumerate(row.get("employers", ()))
        ]
        via = "" if row.get("start") else "somebody"
        answers.append({"record_id": record, "collector": "profiles", "kind": "profile", "key": key, "via": via,
                        "wave": 0 if via == "" else 1, "outcome": "done", "complete": True})  # fmt: skip
    seen = {"first_seen": SEEN, "last_seen": SEEN, "platform": "netwerk.example"}
    insert(db, "profiles", shown, run_id="run", **seen)
    if current(db, "profiles"):
        insert(db, "current_profiles", shown, versions=1, **seen)
    insert(db, "positions", positions)
    insert(db, "answers", answers, fetched_at=SEEN)


def connections(db, pairs):
    """Connections: (whose list, who is in it)."""
    insert(
        db, "connections", [{"profile_id": one, "other_id": two} for one, two in pairs], first_seen=SEEN, last_seen=SEEN
    )
    if current(db, "connections"):
        unique = sorted({tuple(sorted(pair)) for pair in pairs})
        insert(db, "current_connections", [{"profile_a": a, "profile_b": b} for a, b in unique])


def accounts(db, rows):
    """Accounts as they are now: dicts with account_id and what else is known."""
    seen = {"first_seen": SEEN, "last_seen": SEEN, "platform": "x"}
    insert(db, "accounts", [{"content": row["account_id"], **row} for row in rows], run_id="run", **seen)
    if current(db, "accounts"):
        insert(db, "current_accounts", rows, versions=1, **seen)


def posts(db, rows, **same):
    """Posts: dicts; what is left out is an original post of 23 February 2013 on its author's timeline."""
    plain = {"platform": "x", "created_at": SEEN, "text": "", "kind": "original", "hashtags": [], "mentions": [],
             "account_id": "a", **same}  # fmt: skip
    full = []
    for number, row in enumerate(rows):
        post = {"post_id": str(number), **plain, **row}
        post.setdefault("timeline_of", post["account_id"])
        full.append(post)
    insert(db, "posts", full)


def link(db, pairs, platform="x"):
    """Accepted links: (profile, account)."""
    insert(
        db, "links", [{"profile_id": p, "account_id": a, "platform": platform} for p, a in pairs], decision="accepted"
    )

"""Compare two published databases, row for row."""

from __future__ import annotations

from pathlib import Path

import duckdb

# What names a run or a record, or says when something was seen, differs between two collections of the same world;
# the data of the world must not.
PROVENANCE = {
    "seen_at",
    "record_id",
    "run_id",
    "walk",
    "fetched_at",
    "first_seen",
    "last_seen",
    "shown_at",
    "decided_at",
}
OF_FAULTS = {("saturation", "requests"), ("saturation", "new_members_per_request")}  # what is asked again counts
OF_THE_RUN = {
    "runs",
    "full_walks",
    "fetches",
    "answers",
    "walks",
    "gaps",
    "admissions",
    "archives",
    "study",
    "quarantine",
}


def differences(one: Path, other: Path, *, provenance: bool) -> dict[str, int]:
    """The number of rows of each view in one database only. Without *provenance*, only data of the world."""
    found: dict[str, int] = {}
    with duckdb.connect() as db:
        db.execute(f"ATTACH '{one}' AS a (READ_ONLY); ATTACH '{other}' AS b (READ_ONLY)")
        names = db.execute("SELECT view_name FROM duckdb_views() WHERE database_name='a' AND NOT internal ORDER BY 1")
        for (view,) in names.fetchall():
            columns = [row[0] for row in db.execute(f'DESCRIBE SELECT * FROM a."{view}"').fetchall()]
            if not provenance:
                if view in OF_THE_RUN:
                    continue
                columns = [name for name in columns if name not in PROVENANCE and (view, name) not in OF_FAULTS]
            elif view in {"runs", "study", "archives"}:
                continue
            else:
                columns = [name for name in columns if name not in {"run_id", "archive", "admitted_at"}]
            wanted = ", ".join(f'"{name}"' for name in columns)
            a, b = f'SELECT {wanted} FROM a."{view}"', f'SELECT {wanted} FROM b."{view}"'
            (lost,) = db.execute(f"SELECT count(*) FROM ({a} EXCEPT ALL {b})").fetchone() or (0,)
            (made,) = db.execute(f"SELECT count(*) FROM ({b} EXCEPT ALL {a})").fetchone() or (0,)
            if lost or made:
                found[view] = lost + made
    return found


def count(path: Path) -> dict[str, int]:
    """The number of rows of each view."""
    with duckdb.connect(str(path), read_only=True) as db:
        views = db.execute("SELECT view_name FROM duckdb_views() WHERE NOT internal ORDER BY 1").fetchall()
        return {view: db.execute(f'SELECT count(*) FROM "{view}"').fetchone()[0] for (view,) in views}  # type: ignore[index]

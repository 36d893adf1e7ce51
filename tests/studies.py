"""Small databases of the study's shape, made from the schema, for the tests of analyses."""

from collections.abc import Iterable, Mapping

import duckdb
import pandas as pd

from tests.small import database


def empty() -> duckdb.DuckDBPyConnection:
    """A database in memory with the schema's tables and views."""
    db = database()
    db.execute("SET TimeZone = 'UTC'")
    return db


def insert(db: duckdb.DuckDBPyConnection, table: str, rows: Iterable[Mapping[str, object]] | pd.DataFrame) -> None:
    """Put *rows* into base.*table*, by name; what they leave out is NULL."""
    frame = rows if isinstance(rows, pd.DataFrame) else pd.DataFrame(list(rows))
    if len(frame):
        db.execute(f"INSERT INTO base.{table} BY NAME SELECT * FROM frame")


def people(db: duckdb.DuckDBPyConnection, who: Mapping[str, str | list[str]], platform: str = "x") -> None:
    """Members: account id to group (or groups); profile `p-` + id, handle `h_` + id."""
    rows = [(a, m) for a, ms in who.items() for m in ([ms] if isinstance(ms, str) else ms)]
    profiles = [{"profile_id": f"p-{a}", "name": f"Test {a}", "content": "c", "versions": 1} for a in who]
    insert(db, "current_profiles", profiles)
    insert(db, "positions", [
        {"profile_id": f"p-{a}", "content": "c", "ordinal": i, "employer": f"Employer {m}", "current": True}
        for i, (a, m) in enumerate(rows)
    ])  # fmt: skip
    known = db.execute("SELECT group_name FROM base.employers").df()["group_name"]
    new = sorted({m for _, m in rows} - set(known))
    insert(db, "employers", [{"employer": f"Employer {m}", "organisation": m, "group_name": m} for m in new])
    insert(db, "links", [
        {"profile_id": f"p-{a}", "account_id": a, "platform": platform, "decision": "accepted"} for a in who
    ])  # fmt: skip


def accounts(db: duckdb.DuckDBPyConnection, ids: Iterable[str], platform: str = "x") -> None:
    """Accounts with the handle `h_` + id."""
    rows = [{"account_id": a, "platform": platform, "handle": f"h_{a}", "last_seen": "2013-02-23"} for a in ids]
    insert(db, "current_accounts", rows)
    insert(db, "accounts", rows)


def follows(db: duckdb.DuckDBPyConnection, pairs: Iterable[tuple[str, str]], platform: str = "x") -> None:
    """Follow ties, follower first."""
    seen = {"platform": platform, "first_seen": "2013-02-23", "last_seen": "2013-02-23"}
    insert(db, "current_follows", [{"follower_id": a, "followed_id": b, **seen} for a, b in pairs])


def posts(db: duckdb.DuckDBPyConnection, rows: Iterable[Mapping[str, object]], platform: str = "x") -> None:
    """Posts on timelines; each row may leave out what it does not need."""
    filled = [
        {"post_id": str(i), "platform": platform, "kind": "original", "created_at": "2012-06-04 10:00:00+00",
         "timeline_of": row.get("account_id"), "hashtags": [], "mentions": [], **row}
        for i, row in enumerate(rows)
    ]  # fmt: skip
    insert(db, "posts", filled)

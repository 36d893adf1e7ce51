"""Shared by analyses: settings and published figures of the study, and frames with their parameters."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeAlias

import pandas as pd

from analysis.nouns import Nouns

if TYPE_CHECKING:
    import duckdb

Database: TypeAlias = "duckdb.DuckDBPyConnection"

# The accounts of members, by any link: account_id (NULL: linked, not looked up), platform, actor_id
OF_MEMBERS = """
SELECT a.subject AS account_id, a.platform, a.actor_id FROM actors AS a JOIN members AS m USING (actor_id)
WHERE a.subject IN (SELECT account_id FROM accounts)
UNION SELECT l.account_id, l.platform, m.actor_id FROM links AS l LEFT JOIN base.actors AS a ON a.subject = l.profile_id
JOIN members AS m ON m.actor_id = coalesce(a.actor_id, l.profile_id)"""
LINKED_ACCOUNTS = f"SELECT account_id FROM ({OF_MEMBERS})"

# Accounts that are known to be one person's, by the first of them, which stands for all (on one platform, if given).
ONE_PERSON = """
SELECT a.account_id, a.handle, min(a.account_id) OVER (PARTITION BY o.actor_id) AS id
FROM base.actors AS o JOIN accounts AS a ON a.account_id = o.subject WHERE ($platform IS NULL OR a.platform = $platform)
QUALIFY count(*) OVER (PARTITION BY o.actor_id) > 1"""
# The person of an account, as far as is known.
PERSON = "coalesce((SELECT actor_id FROM base.actors WHERE subject = {account}), {account})"

# The declared type of a kind, for answers, fetches, walks and gaps.
YIELDING = "(collector, kind) IN (SELECT collector, kind FROM base.kinds WHERE yields = '{}')"
TIMELINES, FOLLOW_LISTS, PROFILE_PAGES, CONTACT_LISTS = map(
    YIELDING.format, ("posts", "follows", "profiles", "connections")
)


def query(db: Database, sql: str, values: Sequence[Any] = ()) -> pd.DataFrame:
    """The result of *sql* as a frame."""
    return db.execute(sql, list(values)).df()


def number(db: Database, sql: str, values: Sequence[Any] = ()) -> int:
    """The number returned by *sql*."""
    ((value,),) = db.execute(sql, list(values)).fetchall()
    return int(value or 0)


def setting(db: Database, key: str, default: Any = None) -> Any:
    """The setting *key* (dotted) of the study file at the last load."""
    rows = db.execute("SELECT value FROM study WHERE key = ? AND value IS NOT NULL", [key]).fetchall()
    return json.loads(rows[0][0]) if rows else default


def nouns(db: Database) -> Callable[[str], str]:
    """A function that fills the study's English nouns into a text."""
    return Nouns("en", setting(db, "population"))


def published(db: Database, key: str) -> Any:
    """The published figure *key* of the study; None if there is none."""
    return setting(db, f"published.{key}")


def timeline_posts(db: Database, accounts: str | None = None) -> tuple[str, str]:
    """The posts that count, as SQL for a FROM clause, and whose they are: linked, or all.

    *accounts* "linked": on the timelines of accounts linked to members; "all": on every timeline that was
    read; None: linked, unless the study links none.
    """
    if accounts is None:
        accounts = "linked" if number(db, f"SELECT count(*) FROM ({LINKED_ACCOUNTS})") else "all"
    if accounts == "all":
        return "posts", accounts
    if accounts != "linked":
        raise ValueError(f"accounts is linked or all, not {accounts!r}")
    return f"(SELECT * FROM posts WHERE timeline_of IN ({LINKED_ACCOUNTS}))", accounts


PEOPLE = ("actors", "links", "memberships", "members")  # views that most queries read, and each works out again


@contextmanager
def people_once(db: Database) -> Iterator[None]:
    """Within the block, the views PEOPLE are temporary tables of *db*, which hide them; data must not change."""
    ((catalog,),) = db.execute("SELECT current_database()").fetchall()
    try:
        for name in PEOPLE:
            db.execute(f'CREATE OR REPLACE TEMP TABLE {name} AS FROM "{catalog}".main.{name}')
        yield
    finally:
        for name in PEOPLE:
            db.execute(f"DROP TABLE IF EXISTS temp.{name}")


def with_parameters(frame: pd.DataFrame, **parameters: Any) -> pd.DataFrame:
    """*frame* with its parameters in attrs."""
    frame.attrs["parameters"] = parameters
    return frame

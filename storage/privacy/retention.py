"""Items to remove because their platform says so: absences and deletions later than their last sighting."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from pathlib import Path

import duckdb
import msgspec
import pyarrow as pa

from storage.privacy.declared import Platform
from storage.privacy.forgotten import Name

FILE = "removed.csv"
COLUMNS = ("removed_at", "platform", "kind", "token", "reason")
REASONS = ("gone", "suspended", "protected", "deactivated", "deleted", "private")


class Gone(msgspec.Struct, frozen=True):
    """A post or account that is gone, and its names here."""

    platform: str
    kind: str
    reason: str
    names: frozenset[Name]


# a token marks what was already removed: see Forgotten.token
TOKENS = """CREATE OR REPLACE TEMP MACRO is_token(id) AS
    regexp_matches(id, '^-[0-9]|^did:forgotten|forgotten[.]invalid|^forgotten-')"""
POSTS = """
SELECT p.platform, p.post_id, arg_max(t.reason, t.at) FROM base.posts AS p JOIN (
    SELECT platform, key, reason, last_seen AS at FROM base.absences
    WHERE list_contains($1, reason) AND (kind = 'post' OR (platform, kind) IN (
        SELECT platform, kind FROM rechecked WHERE of = 'post'))
    UNION ALL SELECT platform, key, reason, seen_at FROM base.deletions WHERE kind = 'post'
    UNION ALL SELECT o.platform, o.post_id, 'protected', a.last_seen
        FROM base.posts AS o JOIN base.current_accounts AS a USING (platform, account_id)
        WHERE a.protected AND a.last_seen > o.last_seen
) AS t ON t.platform = p.platform AND t.key = p.post_id AND t.at >= p.last_seen
WHERE NOT is_token(p.post_id)
GROUP BY 1, 2 ORDER BY 1, 2
"""
# By id: a missing handle may have been changed, and may look like another's id.
ACCOUNTS = """
SELECT a.platform, a.account_id, arg_max(t.reason, t.at) FROM base.current_accounts AS a JOIN (
    SELECT platform, key, if(reason = 'unknown', 'gone', reason) AS reason, last_seen AS at FROM base.absences
    WHERE (list_contains($1, reason) OR (reason = 'unknown' AND (platform, kind) IN (
            SELECT platform, kind FROM rechecked WHERE of = 'account')))
        AND kind <> 'post' AND (platform, kind) NOT IN (SELECT platform, kind FROM rechecked WHERE of = 'post')
        AND (platform, kind) NOT IN (FROM by_handle)
    UNION ALL SELECT platform, key, reason, seen_at FROM base.deletions WHERE kind = 'account'
    UNION ALL SELECT platform, account_id, 'suspended', last_seen FROM base.current_accounts
        WHERE list_contains(flags, 'suspended')
) AS t ON t.platform = a.platform AND t.key = a.account_id AND t.at >= a.last_seen
WHERE NOT is_token(a.account_id)
GROUP BY 1, 2 ORDER BY 1, 2
"""
# (collector, kind, key); a token is not a name
RECHECKS = """
SELECT r.collector, r.kind, a.account_id FROM base.current_accounts AS a JOIN rechecked AS r USING (platform)
WHERE r.of = 'account' AND NOT is_token(a.account_id)
UNION ALL
SELECT DISTINCT r.collector, r.kind, p.post_id FROM base.posts AS p JOIN rechecked AS r USING (platform)
WHERE r.of = 'post' AND p.sample IS NULL AND NOT is_token(p.post_id)
ORDER BY ALL
"""


def _declare(db: duckdb.DuckDBPyConnection, declared: Iterable[Platform]) -> None:
    """Make tables of the kinds that look up accounts and posts by id, and of those whose keys are handles."""
    declared = list(declared)
    db.execute(TOKENS)
    db.execute("CREATE OR REPLACE TEMP TABLE rechecked (platform VARCHAR, collector VARCHAR, of VARCHAR, kind VARCHAR)")
    db.execute("CREATE OR REPLACE TEMP TABLE by_handle (platform VARCHAR, kind VARCHAR)")
    rows = [[one.name, one.collector, of, kind] for one in declared for of, kind in one.recheck.items()]
    names = [[one.name, kind] for one in declared for kind in sorted(one.by_handle)]
    if rows:
        db.executemany("INSERT INTO rechecked VALUES (?, ?, ?, ?)", rows)
    if names:
        db.executemany("INSERT INTO by_handle VALUES (?, ?)", names)


def gone(db: duckdb.DuckDBPyConnection, declared: Iterable[Platform]) -> list[Gone]:
    """The posts and accounts that the platform reported as unavailable after they were last seen."""
    _declare(db, declared)
    reasons = [list(REASONS)]
    found = [Gone(platform, "post", reason, frozenset({Name("post", key)}))
             for platform, key, reason in db.execute(POSTS, reasons).fetchall()]  # fmt: skip
    for platform, key, reason in db.execute(ACCOUNTS, reasons).fetchall():
        names = {Name("account", key)}
        rows = db.execute("SELECT DISTINCT handle FROM handles WHERE account_id = ?", [key]).fetchall()
        names |= {Name(platform, row[0]) for row in rows}
        rows = db.execute("SELECT DISTINCT post_id FROM base.posts WHERE account_id = ?", [key]).fetchall()
        names |= {Name("post", row[0]) for row in rows if key not in row[0].split("/")[2:3]}
        found.append(Gone(platform, "account", reason, frozenset(names)))
    return found


def rechecks(db: duckdb.DuckDBPyConnection, declared: Iterable[Platform]) -> list[tuple[str, str, str]]:
    """The look-ups for compliance: (collector, kind, key) of the stored accounts and posts."""
    _declare(db, declared)
    return [(str(name), str(kind), str(key)) for name, kind, key in db.execute(RECHECKS).fetchall()]


def read_removed(db: duckdb.DuckDBPyConnection, study: Path) -> None:
    """Fill `base.removed` from the study's list of what was removed."""
    db.execute("DELETE FROM base.removed")
    path = study / FILE
    if not path.exists():
        return
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    came = pa.table({name: [row[name] for row in rows] for name in COLUMNS})
    db.register("came_removed", came)
    db.execute("INSERT INTO base.removed BY NAME SELECT * REPLACE (CAST(removed_at AS TIMESTAMPTZ) AS removed_at)"
               " FROM came_removed")  # fmt: skip
    db.unregister("came_removed")

"""What must go because its platform says so: found in the absences and deletions that were told since it was seen."""

from __future__ import annotations

import csv
from pathlib import Path

import duckdb
import msgspec
import pyarrow as pa

from storage.privacy.forgotten import Name

FILE = "removed.csv"
COLUMNS = ("removed_at", "platform", "kind", "token", "reason")
REASONS = ("gone", "suspended", "protected", "deactivated", "deleted", "private")


class Gone(msgspec.Struct, frozen=True):
    """A post or account that is gone, and by which names it is known here."""

    platform: str
    kind: str
    reason: str
    names: frozenset[Name]


# what stands for whom is gone already: see Forgotten.token
TOKENS = """CREATE OR REPLACE TEMP MACRO is_token(id) AS
    regexp_matches(id, '^-[0-9]|^did:forgotten|forgotten[.]invalid|^forgotten-')"""
POSTS = """
SELECT p.platform, p.post_id, arg_max(t.reason, t.at) FROM base.posts AS p JOIN (
    SELECT platform, key, reason, last_seen AS at FROM base.absences WHERE kind = 'post' AND list_contains($1, reason)
    UNION ALL SELECT platform, key, reason, seen_at FROM base.deletions WHERE kind = 'post'
    UNION ALL SELECT o.platform, o.post_id, 'protected', a.last_seen
        FROM base.posts AS o JOIN base.current_accounts AS a USING (platform, account_id)
        WHERE a.protected AND a.last_seen > o.last_seen
) AS t ON t.platform = p.platform AND t.key = p.post_id AND t.at >= p.last_seen
WHERE NOT is_token(p.post_id)
GROUP BY 1, 2 ORDER BY 1, 2
"""
# told by its id: a handle that is gone may have been changed (on X a handle may look like another's id)
ACCOUNTS = """
SELECT a.platform, a.account_id, arg_max(t.reason, t.at) FROM base.current_accounts AS a JOIN (
    SELECT platform, key, if(reason = 'unknown', 'gone', reason) AS reason, last_seen AS at FROM base.absences
    WHERE (list_contains($1, reason) OR (reason = 'unknown' AND platform <> 'x'))
        AND kind <> 'post' AND (kind <> 'user' OR platform <> 'x')
    UNION ALL SELECT platform, key, reason, seen_at FROM base.deletions WHERE kind = 'account'
    UNION ALL SELECT platform, account_id, 'suspended', last_seen FROM base.current_accounts
        WHERE list_contains(flags, 'suspended')
) AS t ON t.platform = a.platform AND t.key = a.account_id AND t.at >= a.last_seen
WHERE NOT is_token(a.account_id)
GROUP BY 1, 2 ORDER BY 1, 2
"""
# (collector, kind, key); tokens of who is gone already name nobody
RECHECKS = """
SELECT platform, CASE platform WHEN 'x' THEN 'user_id' ELSE 'user' END, account_id FROM base.current_accounts
WHERE platform IN ('x', 'bluesky', 'mastodon') AND NOT is_token(account_id)
UNION ALL
SELECT DISTINCT platform, 'post', post_id FROM base.posts
WHERE platform = 'x' AND sample IS NULL AND NOT is_token(post_id)
ORDER BY ALL
"""


def gone(db: duckdb.DuckDBPyConnection) -> list[Gone]:
    """The posts and accounts of which the platform said, after they were last seen, that they are not to be had."""
    db.execute(TOKENS)
    reasons = [list(REASONS)]
    found = [Gone(platform, "post", reason, frozenset({Name("post", key)}))
             for platform, key, reason in db.execute(POSTS, reasons).fetchall()]  # fmt: skip
    for platform, key, reason in db.execute(ACCOUNTS, reasons).fetchall():
        names = {Name("account", key)}
        rows = db.execute("SELECT DISTINCT handle FROM handles WHERE account_id = ?", [key]).fetchall()
        names |= {Name(platform, row[0]) for row in rows}
        rows = db.execute("SELECT DISTINCT post_id FROM base.posts WHERE account_id = ?", [key]).fetchall()
        names |= {Name("post", row[0]) for row in rows if not row[0].startswith("at://")}
        found.append(Gone(platform, "account", reason, frozenset(names)))
    return found


def rechecks(db: duckdb.DuckDBPyConnection) -> list[tuple[str, str, str]]:
    """What the platforms must be asked again: (collector, kind, key) of accounts that are held, and of X's posts."""
    db.execute(TOKENS)
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

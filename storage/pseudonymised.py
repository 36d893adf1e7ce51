"""A database without people: the same tables, with pseudonyms for whatever names somebody.

What a column holds is kept only if it is listed here: text columns that nobody thought of come out empty. Pseudonyms
are no anonymity: who has the posts elsewhere can find them by their counts and times, so times are coarse.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import duckdb

from storage import database
from storage.pseudonyms import Pseudonyms

# columns of identifiers: the same pseudonym wherever the same identifier stands
PERSONS = {
    "account_id", "follower_id", "followed_id", "timeline_of", "retweeted_account", "reply_to_account", "profile_id",
    "other_id", "profile_a", "profile_b", "post_id", "conversation_id", "reply_to_post", "quoted_post",
    "retweeted_post", "edit_of", "key", "via", "handle", "walk", "cursor", "next_cursor", "content",
}  # fmt: skip
# text that is of no person
KEPT = {
    "record_id", "run_id", "archive", "collector", "kind", "outcome", "platform", "lang", "rule", "decision", "listed",
    "sample", "rel", "origin", "reason", "failure", "status", "version", "organisation", "ministry", "abbreviation",
    "parent_id", "organisation_id", "fingerprint", "source", "started", "ended", "connected_on", "decided_by", "token",
}  # fmt: skip
HIDDEN = {"longitude", "latitude"}  # whatever their type
COARSE = {"created_at": "15 minutes", "indexed_at": "15 minutes"}
ROUNDED = {"followers", "following", "posts", "likes", "reposts", "replies"}  # to two digits: exact ones find people
SPECIAL: Mapping[tuple[str, str], str] = {
    ("posts", "text"): "CASE WHEN starts_with(text, '@') THEN '@' ELSE '' END",
    ("current_connections", "profile_a"): "least(pseudonym(profile_a), pseudonym(profile_b))",
    ("current_connections", "profile_b"): "greatest(pseudonym(profile_a), pseudonym(profile_b))",
    ("accounts", "created_at"): "date_trunc('month', created_at)",
    ("current_accounts", "created_at"): "date_trunc('month', created_at)",
    ("positions", "employer"): "CASE WHEN e.employer IS NOT NULL THEN t.employer ELSE pseudonym(t.employer) END",
    ("employers", "employer"): "employer",
    ("organisations", "name"): "name",
    ("register", "name"): "name",
    ("offices", "function"): '"function"',
    ("links", "decided_by"): "CASE WHEN decided_by = 'rule' THEN 'rule' ELSE 'by hand' END",
    ("answers", "reason"): "NULL",
    ("runs", "reason"): "NULL",
    ("study", "key"): "key",
    ("study", "value"): "value",
}
ROWS: Mapping[str, str] = {  # tables of which not every row may go
    "study": "WHERE NOT (starts_with(key, 'seeds') OR starts_with(key, 'access') OR key IN ('study.contact'))",
    "notes": "WHERE FALSE",
    "post_versions": "WHERE FALSE",
    "quarantine": "WHERE FALSE",
    "link_handles": "WHERE FALSE",
    "profile_links": "WHERE FALSE",
    "made_from": "WHERE FALSE",
}
TAGS = {"hashtags", "full_hashtags", "flags"}


def pseudonymise(source: Path, target: Path, pseudonyms: Pseudonyms) -> Path:
    """Write the published database *source* as *target* without people; return *target*."""
    known: dict[str, str] = {}

    def pseudonym(text: str | None) -> str | None:
        if not text:
            return text
        if text not in known:
            known[text] = pseudonyms.of("p", text.lower())
        return known[text]

    def pseudonyms_of(texts: list[str | None] | None) -> list[str | None] | None:
        return None if texts is None else [pseudonym(text) for text in texts]

    db = database.open_private(target)
    try:
        untyped: Any = db  # DuckDB's stubs know its types by words of their own
        untyped.create_function("pseudonym", pseudonym, ["VARCHAR"], "VARCHAR", null_handling="special")
        untyped.create_function("pseudonyms_of", pseudonyms_of, ["VARCHAR[]"], "VARCHAR[]", null_handling="special")
        db.execute(f"ATTACH '{str(source).replace(chr(39), chr(39) * 2)}' AS source (READ_ONLY)")
        for table in _tables(db):
            _copy(db, table)
        db.execute("DETACH source")
        database.close_private(db)
    finally:
        db.close()
    return target


def _tables(db: duckdb.DuckDBPyConnection) -> list[str]:
    rows = db.execute(
        "SELECT table_name FROM duckdb_tables() WHERE database_name = 'source' AND schema_name = 'base'"
        " AND table_name <> 'migrations' ORDER BY 1"
    ).fetchall()
    return [str(row[0]) for row in rows]


def _copy(db: duckdb.DuckDBPyConnection, table: str) -> None:
    columns = db.execute(
        "SELECT column_name, data_type FROM duckdb_columns() WHERE database_name = 'source' AND schema_name = 'base'"
        " AND table_name = ? ORDER BY column_index",
        [table],
    ).fetchall()
    told = ", ".join(f'{_expression(table, name, kind)} AS "{name}"' for name, kind in columns)
    join = " LEFT JOIN source.base.employers AS e ON e.employer = t.employer" if table == "positions" else ""
    db.execute(f"DELETE FROM study.base.{table}")
    db.execute(f"INSERT INTO study.base.{table} BY NAME SELECT {told} FROM source.base.{table} AS t{join} "
               + ROWS.get(table, ""))  # fmt: skip


def _expression(table: str, name: str, kind: str) -> str:
    """What becomes of a column: its SQL."""
    if (table, name) in SPECIAL:
        return SPECIAL[table, name]
    quoted = f't."{name}"'
    if name in HIDDEN:
        return "NULL"
    if name in COARSE:
        return f"time_bucket(INTERVAL '{COARSE[name]}', {quoted})"
    if name in ROUNDED and kind == "BIGINT":
        digits = f"1 - CAST(floor(log10({quoted})) AS INTEGER)"
        return f"CAST(CASE WHEN {quoted} > 99 THEN round({quoted}, {digits}) ELSE {quoted} END AS BIGINT)"
    if name in PERSONS and kind == "VARCHAR":
        return f"pseudonym({quoted})"
    if name in ("mentions", "full_mentions"):
        ids = f"pseudonyms_of(list_transform({quoted}, lambda m: m.account_id))"
        handles = f"pseudonyms_of(list_transform({quoted}, lambda m: m.handle))"
        return f"list_transform(list_zip({handles}, {ids}), lambda z: {{'handle': z[1], 'account_id': z[2]}})"
    if name in TAGS or (kind == "VARCHAR" and name in KEPT):
        return quoted
    if name == "urls":
        return f"list_transform({quoted}, lambda u: 'url')"
    return "NULL" if "VARCHAR" in kind or "JSON" in kind else quoted

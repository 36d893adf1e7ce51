"""A database without people: the same tables, with pseudonyms for everything that identifies a person.

A column is kept only if it is listed here: unlisted text columns become empty. Pseudonyms
are not anonymity: someone with other copies of the posts can match counts and times, so times are coarse.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import duckdb

from storage.folding import fold, folded
from storage.privacy.declared import IDENTIFIERS, RECORDS
from storage.privacy.pseudonyms import FEW, Pseudonyms
from storage.tables import database

# columns of identifiers: the same identifier has the same pseudonym everywhere
PERSONS = {name for fields in RECORDS.values() for name, what in fields.items() if what in IDENTIFIERS} | {
    "profile_a", "profile_b", "subject", "actor_id", "via", "walk", "cursor", "next_cursor", "content",
}  # fmt: skip
# text without personal data: our own terms, the study's list of organisations and the public register
KEPT = {
    "run_id", "archive", "collector", "kind", "outcome", "rule", "decision", "listed", "reason", "failure",
    "status", "version", "names", "yields", "organisation", "group_name", "abbreviation", "parent_id",
    "organisation_id", "token", "stance", "verdict",
}  # fmt: skip
# untrusted text, kept only if it has the expected form
FORMS: Mapping[str, str] = {
    "record_id": "<urn:uuid:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}>",
    **dict.fromkeys(("lang", "language"), "[A-Za-z]{2,3}([-_][A-Za-z0-9]{2,4})?"),
    **dict.fromkeys(("started", "ended", "connected_on"), "[0-9]{4}(-[0-9]{2}(-[0-9]{2})?)?"),
}
FLAGS = ("noindex", "not-indexable", "not-discoverable", "no-unauthenticated", "bot", "suspended", "memorial")
DELETED = ("deleted", "suspended", "deactivated", "protected", "gone", "scrub_geo")
# values of few people would identify them: pseudonyms
SHARED: Mapping[str, str] = {
    "tags": """SELECT tag AS name FROM (
        SELECT account_id, {tag} AS tag FROM (
            SELECT account_id, unnest(list_concat(hashtags, full_hashtags)) AS t FROM {db}.posts))
        GROUP BY tag HAVING count(DISTINCT account_id) >= {few}""",
    "employers": """SELECT employer AS name FROM {db}.positions JOIN {db}.employers USING (employer)
        GROUP BY employer HAVING count(DISTINCT profile_id) >= {few}""",
    "platforms": """SELECT platform AS name FROM (
            SELECT platform, profile_id AS id FROM {db}.profiles UNION SELECT platform, account_id FROM {db}.accounts)
        GROUP BY platform HAVING count(DISTINCT id) >= {few} UNION SELECT collector FROM {db}.kinds""",
    # texts, links and lists that could identify few people
    **{
        f"{column}s": f"""SELECT {column} AS name FROM {{db}}.evidence
            GROUP BY 1 HAVING count(DISTINCT subject) >= {{few}}"""
        for column in ("organisation", "group_name")
    },
    # why coders excluded documents
    "reasons": """SELECT reason AS name FROM {db}.screenings GROUP BY 1 HAVING count(DISTINCT document) >= {few}""",
    # comparison sets keep their names; a search's name is its query, which may name a person
    "samples": """SELECT set.name AS name FROM (
        SELECT unnest(from_json(value, '[{{"name": "VARCHAR"}}]')) AS set FROM {db}.study WHERE key = 'comparison')""",
}
HIDDEN = {"longitude", "latitude"}  # of any type
COARSE = {"created_at": "15 minutes", "indexed_at": "15 minutes"}
ROUNDED = {
    "followers",
    "following",
    "posts",
    "likes",
    "reposts",
    "replies",
}  # to two digits: exact counts identify
SPECIAL: Mapping[tuple[str, str], str] = {
    ("posts", "text"): "CASE WHEN starts_with(text, '@') THEN '@' ELSE '' END",
    ("current_connections", "profile_a"): "least(pseudonym(profile_a), pseudonym(profile_b))",
    ("current_connections", "profile_b"): "greatest(pseudonym(profile_a), pseudonym(profile_b))",
    ("accounts", "created_at"): "date_trunc('month', created_at)",
    ("current_accounts", "created_at"): "date_trunc('month', created_at)",
    ("deletions", "reason"): f"CASE WHEN reason IN {DELETED} THEN reason ELSE 'other' END",
    ("organisations", "name"): "name",
    ("register", "name"): "name",
    ("offices", "function"): '"function"',
    **{("survey_variables", one): one for one in ("survey", "variable", "label", "codes", "answers", "missing_codes")},
    **{
        (table, "decided_by"): "CASE WHEN decided_by = 'rule' THEN 'rule' ELSE 'by hand' END"
        for table in ("links", "account_links", "evidence")
    },
    ("evidence", "source"): "source",
    **{
        ("evidence", column): f"CASE WHEN {column} IN (SELECT name FROM shared_{column}s) THEN {column} END"
        for column in ("organisation", "group_name")
    },
    ("answers", "reason"): "NULL",
    # a search is known by its id, without its words and place
    ("answers", "key"): "CASE WHEN (collector, kind) IN (SELECT (k.collector, k.kind) FROM source.base.kinds AS k"
    " WHERE k.names = 'search') THEN regexp_extract(key, '^([\\w-]+/\\d+[?])', 1)"
    " ELSE pseudonym(key) END",
    **{
        (table, column): f"pseudonym({column})"
        for table in ("documents", "document_pages")
        for column in ("address", "url", "digest")
    },
    **{(table, "published_at"): "date_trunc('month', published_at)" for table in ("documents", "document_pages")},
    ("documents", "query"): '"query"',
    ("screenings", "document"): "pseudonym(document)",
    ("screenings", "reason"): "CASE WHEN reason IN (SELECT name FROM shared_reasons) THEN reason"
    " WHEN reason <> '' THEN 'other' END",
    ("screenings", "decided_by"): "CASE WHEN decided_by = 'consensus' THEN decided_by ELSE pseudonym(decided_by) END",
    ("runs", "reason"): "NULL",
    ("study", "key"): "key",
    ("study", "value"): "value",
}
OPEN = r"(study|population\.from|organisations|analysis|minimise|comparison|published|survey)(\..*)?"
ROWS: Mapping[str, str] = {  # tables of which not every row may be published
    "study": f"WHERE regexp_full_match(key, '{OPEN}') AND key <> 'study.contact'",
    "notes": "WHERE FALSE",
    "invitations": "WHERE FALSE",  # `participation` has their numbers
    "consents": "WHERE FALSE",
    "observations": "WHERE FALSE",
    "post_versions": "WHERE FALSE",
    "quarantine": "WHERE FALSE",
    "link_handles": "WHERE FALSE",
    "profile_links": "WHERE FALSE",
    "profile_details": "WHERE FALSE",  # schools, dates and skills together identify one person
    "account_fields": "WHERE FALSE",
    "readings": "WHERE FALSE",
    "matches": "WHERE FALSE",
    "read_with": "WHERE FALSE",
    "address_readings": "WHERE FALSE",
    "made_from": "WHERE FALSE",
    "survey_organisations": "WHERE FALSE",
    "survey_answers": "WHERE FALSE",  # a few answers together often identify one person
}
TAGS = {"hashtags", "full_hashtags"}


def pseudonymise(source: Path, target: Path, pseudonyms: Pseudonyms) -> Path:
    """Write the published database *source* as *target* without people; return *target*."""
    known: dict[str, str] = {}
    tags: set[str] = set()

    def pseudonym(text: str | None) -> str | None:
        if not text:
            return text
        if text not in known:
            known[text] = pseudonyms.person(text)
        return known[text]

    def pseudonyms_of(texts: list[str | None] | None) -> list[str | None] | None:
        return None if texts is None else [pseudonym(text) for text in texts]

    def tags_of(texts: list[str | None] | None) -> list[str | None] | None:
        return None if texts is None else [tag if tag and fold(tag) in tags else pseudonym(tag) for tag in texts]

    db = database.open_private(target)
    try:
        untyped: Any = db  # DuckDB's stubs have their own names for its types
        untyped.create_function("pseudonym", pseudonym, ["VARCHAR"], "VARCHAR", null_handling="special")
        untyped.create_function("pseudonyms_of", pseudonyms_of, ["VARCHAR[]"], "VARCHAR[]", null_handling="special")
        untyped.create_function("tags_of", tags_of, ["VARCHAR[]"], "VARCHAR[]", null_handling="special")
        database.attach(db, source, "source")
        for name, query in shared("source.base").items():
            db.execute(f"CREATE TEMP TABLE shared_{name} AS {query}")
        tags.update(row[0] for row in db.execute("FROM shared_tags").fetchall())
        for table in _tables(db):
            _copy(db, table)
        db.execute("DETACH source")
        database.close_private(db)
    finally:
        db.close()
    return target


def is_public(key: str) -> bool:
    """Whether the setting *key* identifies no one."""
    return key != "study.contact" and re.fullmatch(OPEN, key) is not None


def shared(db: str) -> dict[str, str]:
    """Queries for values used by at least FEW people in the schema *db*: tags (folded), employers and platforms."""
    return {name: query.format(db=db, few=FEW, tag=folded()) for name, query in SHARED.items()}


def _tables(db: duckdb.DuckDBPyConnection) -> list[str]:
    rows = db.execute(
        "SELECT table_name FROM duckdb_tables() WHERE database_name = 'source' AND schema_name = 'base'"
        " AND table_name <> 'made_by' ORDER BY 1"
    ).fetchall()
    return [str(row[0]) for row in rows]


def _copy(db: duckdb.DuckDBPyConnection, table: str) -> None:
    columns = db.execute(
        "SELECT column_name, data_type FROM duckdb_columns() WHERE database_name = 'source' AND schema_name = 'base'"
        " AND table_name = ? ORDER BY column_index",
        [table],
    ).fetchall()
    columns_sql = ", ".join(f'{_expression(table, name, kind)} AS "{name}"' for name, kind in columns)
    db.execute(f"DELETE FROM study.base.{table}")
    db.execute(f"INSERT INTO study.base.{table} BY NAME SELECT {columns_sql} FROM source.base.{table} AS t "
               + ROWS.get(table, ""))  # fmt: skip


def _expression(table: str, name: str, kind: str) -> str:
    """The SQL of a pseudonymised column."""
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
    if name in TAGS:
        return f"tags_of({quoted})"
    if name == "flags":
        return f"list_filter({quoted}, lambda flag: flag IN {FLAGS})"
    if name in ("employer", "platform", "sample"):
        return f"CASE WHEN {quoted} IN (SELECT name FROM shared_{name}s) THEN {quoted} ELSE pseudonym({quoted}) END"
    if name in FORMS and kind == "VARCHAR":
        return f"CASE WHEN regexp_full_match({quoted}, '{FORMS[name]}') THEN {quoted} END"
    if kind == "VARCHAR" and name in KEPT:
        return quoted
    if name == "urls":
        return f"list_transform({quoted}, lambda u: 'url')"
    return "NULL" if "VARCHAR" in kind or "JSON" in kind else quoted

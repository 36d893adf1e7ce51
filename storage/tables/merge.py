"""Merge columns on disk into tables: the same rows in any order and with any repetition.

Each table has key columns and a rule for which of several rows with one key is kept. Rows of the table with a key
that occurs again are removed and take part, so that incremental and full loads end the same. Only keys are
kept in memory; the wide rows are streamed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from pathlib import Path

import duckdb
import msgspec
import pyarrow.parquet as pq

from storage.tables import changes, latest


class Rule(msgspec.Struct, frozen=True):
    """The rows of `base.<table>`: *select* over the spilled columns, *key*, and *order*: the first row is kept."""

    table: str
    key: tuple[str, ...]
    order: str
    select: str
    least: tuple[str, ...] = ()  # columns that get the least value of all rows with the key
    most: tuple[str, ...] = ()
    repeated: bool = False  # most rows have a key that comes again: all are compared at once


PORTION = 2_000_000  # rows, which DuckDB compares in load.MEMORY
FEW = 10_000  # rows that are held in memory
SEEN = "fetched_at AS first_seen, fetched_at AS last_seen, record_id"
FIRST = "first_seen, record_id, row_id"
DOCUMENT = ("title", "source", "published_at", "summary")
DOCUMENT_PAGE = ("url", "title", "source", "published_at", "language", "text", "digest")
ACCOUNT = ("handle", "name", "description", "location", "url", "verified", "protected", "flags")


def _hash(columns: tuple[str, ...]) -> str:
    parts = ", ".join(f"coalesce(CAST({name} AS VARCHAR), chr(30))" for name in columns)
    return f"md5(concat_ws(chr(31), {parts}))"


# Times claimed by users, and the key of the row. An impossible time is not used, but kept
# in `quarantine` as claimed: it is in no analysis, figure or export.
CLAIMS = (
    ("posts", "created_at", "post_id"),
    ("posts", "indexed_at", "post_id"),
    ("accounts", "created_at", "account_id"),
    ("follows", "followed_at", "follower_id || ' ' || followed_id"),
    ("deletions", '"at"', "key"),
)
TOLERANCE = "1 hour"  # tolerated difference of clocks
EARLIEST = date(1970, 1, 2)  # if a platform's first day is unknown; the first day is what programs write for none
NOBODYS = "no usable time: before the platform opened, or after the answer that claims it"

RULES = (
    Rule("notes", ("record_id",), "row_id", "record_id, kind, fetched_at AS noted_at, CAST(data AS JSON) AS data"),
    Rule(
        "fetches",
        ("record_id",),
        "archive, row_id",
        "record_id, collector, page_kind AS kind, run_id, url, CAST(status AS INTEGER) AS status, failure, detail, "
        "fetched_at, bytes, CAST(targets AS INTEGER) AS targets, archive",
    ),
    Rule(
        "answers",
        ("record_id", "collector", "kind", "key", '"cursor"'),
        "row_id",
        'record_id, collector, kind, key, "cursor", walk, CAST(wave AS INTEGER) AS wave, via, since, run_id, outcome, '
        "why, items, next_cursor, complete, reached, newest, until, fetched_at",
    ),
    Rule(
        "quarantine",
        ("record_id", "place", "reason", "excerpt"),
        "row_id",
        "record_id, collector, page_kind AS kind, page_key AS key, place, reason, excerpt, fetched_at",
    ),
    Rule(
        "absences",
        ("platform", "kind", "key", "reason"),
        FIRST,
        f"platform, kind, key, reason, detail, {SEEN}",
        ("first_seen",),
        ("last_seen",),
    ),
    Rule(
        "deletions",
        ("platform", "kind", "key", "reason"),
        "seen_at, record_id, row_id",
        'platform, kind, key, reason, usable("at", platform, fetched_at) AS told_at, fetched_at AS seen_at, record_id',
    ),
    Rule(
        "profiles",
        ("profile_id", "content", "run_id", "own"),
        FIRST,
        f"profile_id, content, run_id, (collector, page_kind) IN (SELECT (collector, kind) FROM base.kinds"
        f" WHERE yields = 'profiles') AS own, platform, url, name, headline, description, "
        f"location, {SEEN}",
        ("first_seen",),
        ("last_seen",),
    ),
    Rule(
        "positions",
        ("profile_id", "content", "ordinal", "employer", "title", "started", "ended", "current"),
        "row_id",
        "profile_id, content, CAST(ordinal AS INTEGER) AS ordinal, employer, title, started, ended, current",
    ),
    Rule("profile_links", ("profile_id", "content", "url", "rel"), "row_id", "profile_id, content, url, rel"),
    Rule(
        "profile_details",
        ("profile_id", "content", "domain", "ordinal"),
        "row_id",
        "profile_id, content, domain, CAST(ordinal AS INTEGER) AS ordinal, CAST(fields AS JSON) AS fields",
    ),
    Rule(
        "connections",
        ("profile_id", "other_id", "walk"),
        FIRST,
        f"profile_id, other_id, connected_on, walk, {SEEN}",
        ("first_seen",),
        ("last_seen",),
    ),
    Rule(
        "accounts",
        ("platform", "account_id", "content", "run_id"),
        "followers IS NULL, counted_at DESC, record_id, row_id",
        f"account_id, {_hash(ACCOUNT)} AS content, run_id, platform, handle, name, description, location, url, "
        "verified, protected, usable(created_at, platform, fetched_at) AS created_at, followers, following, posts, "
        "flags, fetched_at AS counted_at, " + SEEN,
        ("first_seen",),
        ("last_seen",),
        repeated=True,
    ),
    Rule(
        "account_fields",
        ("account_id", "name", "value", "url"),
        FIRST,
        f"account_id, name, value, url, verified_at, {SEEN}",
        ("first_seen",),
        ("last_seen", "verified_at"),
    ),
    Rule(
        "follows",
        ("platform", "follower_id", "followed_id", "listed", "walk"),
        "seen_at, record_id, row_id",
        "platform, follower_id, followed_id, listed, walk, fetched_at AS seen_at, record_id, "
        "usable(followed_at, platform, fetched_at) AS followed_at",
    ),
    Rule(
        "listed",
        ("platform", "list_id", "account_id", "walk"),
        FIRST,
        f"platform, list_id, account_id, position, walk, {SEEN}",
        ("first_seen",),
        ("last_seen",),
    ),
    Rule(
        "posts",
        ("platform", "post_id", "sample"),
        "timeline_of IS NULL, text IS NULL, fetched_at DESC, record_id, row_id",
        "post_id, platform, account_id, usable(created_at, platform, fetched_at) AS created_at, text, timeline_of, "
        "kind, full_text, lang, hashtags, mentions, "
        "urls, full_hashtags, full_mentions, conversation_id, reply_to_post, reply_to_account, quoted_post, "
        "retweeted_post, retweeted_account, likes, reposts, replies, source, place, longitude, latitude, edit_of, "
        "usable(indexed_at, platform, fetched_at) AS indexed_at, sample, fetched_at AS first_seen, "
        "fetched_at AS last_seen, fetched_at, record_id",
        ("first_seen",),
        ("last_seen",),
    ),
    Rule(
        "documents",
        ("address", "query", "version", "content"),
        FIRST,
        f"address, {_hash(DOCUMENT)} AS content, platform, url, query, CAST(version AS INTEGER) AS version, title, "
        f"source, published_at, summary, digest, {SEEN}",
        ("first_seen",),
        ("last_seen",),
    ),
    Rule(
        "document_pages",
        ("address", "content"),
        FIRST,
        f"address, {_hash(DOCUMENT_PAGE)} AS content, platform, url, title, source, published_at, language, text, "
        f"digest, {SEEN}",
        ("first_seen",),
        ("last_seen",),
    ),
    Rule(
        "register",
        ("organisation_id",),
        "seen_at DESC, record_id, row_id",
        "organisation_id, name, abbreviation, kind, parent_id, group_name, ended, fetched_at AS seen_at, record_id",
    ),
    Rule(
        "offices",
        ("organisation_id", '"function"', "name", "started"),
        "seen_at DESC, record_id, row_id",
        'organisation_id, "function", name, started, ended, fetched_at AS seen_at, record_id',
    ),
    Rule(
        "survey_variables",
        ("survey", "variable"),
        "seen_at DESC, record_id, row_id",
        "survey, variable, ordinal, label, kind, codes, answers, missing_codes, fetched_at AS seen_at, record_id",
    ),
    Rule(
        "survey_answers",
        ("survey", "respondent", "variable"),
        "seen_at DESC, record_id, row_id",
        "survey, respondent, variable, code, text, missing, fetched_at AS seen_at, record_id",
    ),
)

# the key of each table of which `changes` has what a load changes
KEYS = {rule.table: rule.key for rule in RULES} | {
    f"current_{table}": latest.names(table) for table in latest.KEYS if table not in latest.TARGETS
}


def merge(db: duckdb.DuckDBPyConnection, spilled: Path, opened: Mapping[str, date] | None = None) -> dict[str, int]:
    """Merge everything spilled below *spilled* into the tables; return the number of rows read, by table.

    *opened* is the first possible day of posts by platform. More rows than PORTION are merged in portions, as by one
    load after the other, so that memory does not grow with them.
    """
    _judge_times(db, opened or {})
    came: dict[str, int] = {}
    for rule in RULES:
        sources = list(_portions(spilled, rule.table))
        if rule.table == "quarantine" and _unusable(db, spilled):
            read = [source for source, _ in sources[-1:]]
            sources[-1:] = [(" UNION ALL BY NAME ".join([*read, "FROM unusable"]), False)]
        if len(sources) > 1:
            changes.give_up(db)
        for source, few in sources:
            came[rule.table] = came.get(rule.table, 0) + _merge(db, rule, source, few)
    return came


def _portions(spilled: Path, table: str) -> Iterator[tuple[str, bool]]:
    """The spilled rows of *table*, as SQL: whole files, until they have PORTION rows; and whether they are few."""
    portion, rows = [], 0
    for path in sorted(spilled.glob(f"*/{table}.parquet")):
        portion.append(path)
        rows += pq.read_metadata(path).num_rows
        if rows >= PORTION:
            yield _read(portion), False
            portion, rows = [], 0
    if portion:
        yield _read(portion), rows <= FEW


def _read(files: Iterable[Path]) -> str:
    """The rows of *files*, as SQL."""
    quoted = (str(path).replace("'", "''") for path in files)
    return "FROM read_parquet([" + ", ".join(f"'{path}'" for path in quoted) + "])"


def _judge_times(db: duckdb.DuckDBPyConnection, opened: Mapping[str, date]) -> None:
    """Create the macro `usable`: a claimed time if it is possible, else NULL."""
    cases = "".join(f" WHEN '{name.replace(chr(39), chr(39) * 2)}' THEN DATE '{day}'" for name, day in opened.items())
    day = f"CASE platform{cases} ELSE DATE '{EARLIEST}' END" if cases else f"DATE '{EARLIEST}'"
    db.execute(f"""
        CREATE OR REPLACE TEMP MACRO usable(moment, platform, seen) AS CASE
            WHEN moment >= CAST({day} AS TIMESTAMPTZ) AND moment <= seen + INTERVAL '{TOLERANCE}' THEN moment END""")


def _unusable(db: duckdb.DuckDBPyConnection, spilled: Path) -> bool:
    """Put the impossible times into the table `unusable`, as rows of quarantine, in one reading; whether any are."""
    claims = [
        f"""SELECT record_id, collector, page_kind, page_key, fetched_at, row_id + {number << 58} AS row_id,
            '{table}.{column.strip(chr(34))} of ' || {name} AS place, '{NOBODYS}' AS reason,
            CAST({column} AS VARCHAR) AS excerpt
        {_read(files)} WHERE {column} IS NOT NULL AND usable({column}, platform, fetched_at) IS NULL"""
        for number, (table, column, name) in enumerate(CLAIMS, 1)
        if (files := sorted(spilled.glob(f"*/{table}.parquet")))
    ]
    if not claims:
        return False
    db.execute(f"CREATE OR REPLACE TEMP TABLE unusable AS {' UNION ALL BY NAME '.join(claims)}")
    return db.execute("SELECT 1 FROM unusable LIMIT 1").fetchone() is not None


def _merge(db: duckdb.DuckDBPyConnection, rule: Rule, source: str, few: bool) -> int:
    keys, kind = ", ".join(rule.key), "TABLE" if few else "VIEW"  # opening files again costs more than a few rows
    db.execute(f"CREATE TEMP {kind} came AS SELECT {rule.select}, row_id FROM ({source})")
    _take_out(db, rule)
    changes.note(db, "gone", rule.table, "SELECT * EXCLUDE (row_id) FROM again")
    db.execute("CREATE TEMP VIEW rivals AS FROM came UNION ALL BY NAME FROM again")
    folded = [f"min({name}) OVER same AS {name}" for name in rule.least]
    folded += [f"max({name}) OVER same AS {name}" for name in rule.most]
    replaced = ", ".join(f"coalesce(j.{name}, r.{name}) AS {name}" for name in (*rule.least, *rule.most))
    if rule.table == "posts":
        folded.append("min(hash(text)) OVER same <> max(hash(text)) OVER same AS changed")  # hash(NULL) is a number
    # keys that share a hash are compared, too, and each is found to be alone
    several = f"WHERE hash({keys}) IN (SELECT hash({keys}) FROM rivals GROUP BY ALL HAVING count(*) > 1)"
    db.execute(f"""
        CREATE TEMP TABLE judged AS
        SELECT {", ".join(["row_id", *folded])},
               row_number() OVER (PARTITION BY {keys} ORDER BY {rule.order}) = 1 AS kept
        FROM rivals {"" if rule.repeated else several}
        WINDOW same AS (PARTITION BY {keys})""")
    if rule.table == "posts":
        _post_versions(db)
    changes.insert(
        db,
        rule.table,
        f"SELECT r.* EXCLUDE (row_id) {f'REPLACE ({replaced})' if replaced else ''} "
        "FROM rivals AS r LEFT JOIN judged AS j USING (row_id) WHERE j.kept IS NOT FALSE",
    )
    latest.touch(db, rule.table)
    (rows,) = db.execute("SELECT count(*) FROM came").fetchone() or (0,)
    db.execute(f"DROP VIEW rivals; DROP {kind} came; DROP TABLE again; DROP TABLE judged")
    return int(rows)


def _take_out(db: duckdb.DuckDBPyConnection, rule: Rule) -> None:
    """Move the rows of the table whose key occurs again into `again`."""
    table, keys = f"base.{rule.table}", ", ".join(rule.key)
    same = " AND ".join(f"t.{key} IS NOT DISTINCT FROM k.{key}" for key in rule.key)
    if db.execute(f"SELECT 1 FROM {table} LIMIT 1").fetchone() is None:
        db.execute(f"CREATE TEMP TABLE again AS SELECT *, 0::BIGINT AS row_id FROM {table}")
        return
    db.execute(f"""
        CREATE TEMP TABLE again AS SELECT t.*, -1 - t.rowid AS row_id FROM {table} AS t
        SEMI JOIN (SELECT {keys} FROM came) AS k ON {same}""")
    db.execute(f"DELETE FROM {table} WHERE rowid IN (SELECT -1 - row_id FROM again)")


def _post_versions(db: duckdb.DuckDBPyConnection) -> None:
    """Keep the texts of posts that were not always seen with the same text, or without one.

    Of any other post the row in `posts` says all that its texts need: its text, or none, and when that was seen.
    """
    key = "platform, post_id, sample"

    def same(one: str, other: str) -> str:
        return " AND ".join(f"{one}.{name} IS NOT DISTINCT FROM {other}.{name}" for name in key.split(", "))

    db.execute(f"""
        CREATE TEMP TABLE changed AS
        SELECT {key} FROM rivals SEMI JOIN (FROM judged WHERE changed) USING (row_id)
        UNION SELECT {key} FROM base.post_versions AS v SEMI JOIN came AS c ON {same("v", "c")}""")
    if db.execute("SELECT 1 FROM changed LIMIT 1").fetchone() is not None:
        # a post that is there has its texts and their times there, and not in `again`
        order = "timeline_of IS NULL, fetched_at DESC, record_id, row_id"
        db.execute(f"""
            CREATE TEMP TABLE texts AS
            SELECT r.* EXCLUDE (row_id) REPLACE (
                min(first_seen) OVER same AS first_seen, max(last_seen) OVER same AS last_seen)
            FROM (
                SELECT {key}, text, full_text, timeline_of, first_seen, last_seen, fetched_at, record_id, row_id
                FROM rivals AS r WHERE text IS NOT NULL AND (
                    row_id >= 0 OR NOT EXISTS (FROM base.post_versions AS v WHERE {same("r", "v")}))
                UNION ALL BY NAME SELECT *, -1 AS row_id FROM base.post_versions) AS r
            SEMI JOIN changed AS c ON {same("r", "c")}
            WINDOW same AS (PARTITION BY {key}, text)
            QUALIFY row_number() OVER (PARTITION BY {key}, text ORDER BY {order}) = 1""")
        db.execute(f"DELETE FROM base.post_versions AS v USING changed AS c WHERE {same('v', 'c')}")
        db.execute("INSERT INTO base.post_versions BY NAME FROM texts")
        db.execute("DROP TABLE texts")
    db.execute("DROP TABLE changed")

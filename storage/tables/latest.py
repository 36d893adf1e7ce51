"""The current state, one row per key, walks and admissions: refreshed for the keys of new rows. Small tables anew."""

from __future__ import annotations

from collections.abc import Collection

import duckdb

from storage.tables import changes

KEYS = {  # of the rows of a table, as columns of the table made from it
    "profiles": ("profile_id",),
    "accounts": ("account_id",),
    "connections": ("least(profile_id, other_id) AS profile_a", "greatest(profile_id, other_id) AS profile_b"),
    "follows": ("follower_id", "followed_id", "platform"),
    "answers": ("walk",),
    "notes": ("noted_at AS admitted_at",),
}
TARGETS = {"answers": "walks", "notes": "admissions"}  # of the others, current_<table>

# A profile's own page has more data than a mention in a list, even a newer one with employer and title.
SELECTS = {
    "profiles": """
        SELECT profile_id, platform, url, name, headline, description, location,
               min(first_seen) OVER same AS first_seen, max(last_seen) OVER same AS last_seen,
               count(DISTINCT content) OVER same AS versions, record_id, content
        FROM base.profiles {where}
        WINDOW same AS (PARTITION BY profile_id)
        QUALIFY row_number() OVER (
            PARTITION BY profile_id
            ORDER BY own AND content IN (SELECT content FROM base.positions {where}) DESC,
                     own OR content IN (SELECT content FROM base.positions {where}) DESC, last_seen DESC, content,
                     run_id, own DESC) = 1""",
    "accounts": """
        WITH spans AS (
            SELECT account_id, min(first_seen) AS first_seen, max(last_seen) AS last_seen,
                   count(DISTINCT content) AS versions
            FROM base.accounts {where} GROUP BY account_id),
        picked AS ( -- by row number: the wide rows are not sorted
            SELECT rowid AS chosen, coalesce(first_value(handle IGNORE NULLS) OVER newest, handle) AS handle,
                   first_value(name IGNORE NULLS) OVER newest AS name
            FROM base.accounts {where}
            WINDOW newest AS (PARTITION BY account_id ORDER BY last_seen DESC, content, run_id, platform
                              ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING)
            QUALIFY row_number() OVER (
                PARTITION BY account_id
                ORDER BY followers IS NULL AND description IS NULL, last_seen DESC, content, run_id, platform) = 1)
        SELECT a.account_id, a.platform, p.handle, p.name, a.description, a.location, a.url, a.verified, a.protected,
               a.created_at, a.followers, a.following, a.posts, a.flags, t.first_seen, t.last_seen, t.versions,
               a.record_id
        FROM base.accounts AS a JOIN picked AS p ON a.rowid = p.chosen JOIN spans AS t USING (account_id)""",
    "connections": """
        SELECT least(profile_id, other_id) AS profile_a, greatest(profile_id, other_id) AS profile_b,
               min(connected_on) AS connected_on, count(DISTINCT profile_id) AS lists,
               min(first_seen) AS first_seen, max(last_seen) AS last_seen,
               min(struct_pack(first_seen := first_seen, record_id := record_id)).record_id AS record_id
        FROM base.connections {where} GROUP BY 1, 2""",
    "follows": """
        SELECT follower_id, followed_id, platform, min(seen_at) AS first_seen, max(seen_at) AS last_seen,
               min(struct_pack(seen_at := seen_at, record_id := record_id)).record_id AS record_id,
               min(followed_at) AS followed_at
        FROM base.follows {where} GROUP BY ALL""",
    "answers": """
        WITH one AS (
            SELECT *, next_cursor IS NULL AND outcome IN ('done', 'absent') AS closes FROM base.answers
            {where} AND walk <> '')
        SELECT walk, collector, kind, key, min(run_id) AS run_id, min(fetched_at) AS started_at,
               max(fetched_at) FILTER (closes) AS ended_at, count(*) FILTER (outcome = 'done') AS pages,
               coalesce(CAST(sum(items) AS BIGINT), 0) AS items, bool_or(closes) AS ended,
               bool_or(closes AND outcome = 'done' AND complete) AS complete,
               max(why) FILTER (closes) AS why,
               min(struct_pack(moment := fetched_at, id := newest)) FILTER (newest <> '').id AS newest,
               max(since) AS since
        FROM one GROUP BY walk, collector, kind, key""",
    "notes": """
        WITH notes AS MATERIALIZED (
            SELECT from_json(data->'wants', '[["VARCHAR"]]') AS wants, data->>'rule' AS rule, noted_at AS admitted_at
            FROM base.notes {where} AND kind = 'admission'),
        each AS (SELECT unnest(wants) AS w, rule, admitted_at FROM notes)
        SELECT DISTINCT w[1] AS collector, w[2] AS kind, w[3] AS key, CAST(w[4] AS INTEGER) AS wave, w[5] AS via,
               rule, admitted_at FROM each""",
}

# A key with one row needs no comparison. Most have one, and these tables may have millions.
SINGLE = {
    "accounts": """
        SELECT account_id, platform, handle, name, description, location, url, verified, protected, created_at,
               followers, following, posts, flags, first_seen, last_seen, 1 AS versions, record_id
        FROM base.accounts {where}""",
    "follows": """
        SELECT follower_id, followed_id, platform, seen_at AS first_seen, seen_at AS last_seen, record_id,
               followed_at
        FROM base.follows {where}""",
}


def names(table: str) -> tuple[str, ...]:
    """The key columns of the table made from `base.<table>`."""
    return tuple(key.rpartition(" AS ")[2] for key in KEYS[table])


def touch(db: duckdb.DuckDBPyConnection, table: str) -> None:
    """Store the keys of new rows (in the view `came`), so that `refresh` handles these only."""
    if table in KEYS:
        keys = ", ".join(KEYS[table])
        db.execute(f"CREATE TEMP TABLE IF NOT EXISTS touched_{table} AS SELECT {keys} FROM came LIMIT 0")
        db.execute(f"INSERT INTO touched_{table} SELECT DISTINCT {keys} FROM came")


def refresh(db: duckdb.DuckDBPyConnection, came: Collection[str]) -> None:
    """Update the current state and the derived tables, after the merge of rows of the tables *came*."""
    for table in KEYS:
        if table in came:
            _refresh(db, table)
    for table, select in DERIVED.items() if came else ():
        db.execute(f"DELETE FROM base.{table}")
        db.execute(f"INSERT INTO base.{table} BY NAME {select}")


def _refresh(db: duckdb.DuckDBPyConnection, table: str) -> None:
    made = TARGETS.get(table, f"current_{table}")
    target = f"base.{made}"
    keys, places = ", ".join(names(table)), ", ".join(key.partition(" AS ")[0] for key in KEYS[table])
    touched = f"IN (SELECT ({keys}) FROM touched_{table})"
    if table not in TARGETS:
        changes.note(db, "gone", made, f"FROM {target} WHERE ({keys}) {touched}")
    where = "WHERE TRUE"
    if db.execute(f"SELECT 1 FROM {target} LIMIT 1").fetchone() is not None:
        where = f"WHERE ({places}) {touched}"
        db.execute(f"DELETE FROM {target} WHERE ({keys}) {touched}")
    if table in SINGLE:
        db.execute(
            f"CREATE TEMP TABLE several AS SELECT {places} FROM base.{table} {where} GROUP BY ALL HAVING count(*) > 1"
        )
        single = f"{where} AND ({places}) NOT IN (SELECT ({keys}) FROM several)"
        db.execute(f"INSERT INTO {target} BY NAME {SINGLE[table].format(where=single)}")
        where = f"WHERE ({places}) IN (SELECT ({keys}) FROM several)"
    db.execute(f"INSERT INTO {target} BY NAME {SELECTS[table].format(where=where)}")
    if table not in TARGETS:
        changes.note(db, "came", made, f"FROM {target} WHERE ({keys}) {touched}")
    db.execute(f"DROP TABLE touched_{table}; DROP TABLE IF EXISTS several")


# A run is known by its notes; without notes (archives of other tools) by its answers. A killed run has no end.
DERIVED = {
    "runs": """
        WITH noted AS (
            SELECT data->>'run' AS run_id, data->>'collector' AS collector,
                   min(noted_at) FILTER (kind = 'run-start') AS started_at,
                   max(noted_at) FILTER (kind = 'run-end') AS ended_at,
                   max(data->>'status') AS status, max(data->>'reason') AS reason,
                   max(data->>'version') AS version, max(CAST(data->'settings' AS VARCHAR)) AS settings
            FROM base.notes WHERE kind IN ('run-start', 'run-end') GROUP BY 1, 2)
        SELECT run_id, collector, started_at, ended_at, status, reason, version, CAST(settings AS JSON) AS settings
        FROM noted
        UNION ALL
        SELECT run_id, collector, min(fetched_at), NULL, NULL, NULL, NULL, NULL FROM base.fetches
        WHERE run_id <> '' AND run_id NOT IN (SELECT run_id FROM noted WHERE run_id IS NOT NULL)
        GROUP BY run_id, collector""",
    "overrides": """
        WITH ends AS (
            SELECT collector, started_at, ended_at, unnest([
                {'rule': 'opt-outs', 'is_so': settings->>'$."minimise.opt_outs"' = '"override"',
                 'reason': settings->>'$."minimise.override_reason"'},
                {'rule': 'robots.txt', 'is_so': settings->>('$."collectors.' || collector || '.robots.obey"') = 'false',
                 'reason': settings->>('$."collectors.' || collector || '.robots.reason"')}]) AS one
            FROM base.runs WHERE settings IS NOT NULL)
        SELECT one.rule, collector, CAST(one.reason AS JSON)->>'$' AS reason, min(started_at) AS since,
               max(coalesce(ended_at, started_at)) AS until, count(*) AS runs
        FROM ends WHERE one.is_so GROUP BY ALL""",
    "invitations": """
        SELECT data->>'person' AS person, min(noted_at) FILTER (kind = 'invitation') AS invited_at,
               CAST(min(data->>'expires') AS TIMESTAMPTZ) AS expires_at,
               min(noted_at) FILTER (kind = 'invitation-revoked') AS revoked_at
        FROM base.notes WHERE kind IN ('invitation', 'invitation-revoked') GROUP BY 1""",
    "consents": """
        SELECT data->>'id' AS consent, min(data->>'person') AS person, min(data->>'collector') AS collector,
               min(data->>'covers') AS covers, min(data->>'version') AS version, min(data->>'language') AS language,
               min(noted_at) FILTER (kind = 'consent') AS given_at,
               min(noted_at) FILTER (kind = 'consent-withdrawn') AS withdrawn_at
        FROM base.notes WHERE kind IN ('consent', 'consent-withdrawn') GROUP BY 1""",
    "participation": """
        SELECT 'invited' AS kind, NULL AS collector, count(*) AS people FROM base.invitations HAVING count(*) > 0
        UNION ALL SELECT 'revoked', NULL, count(revoked_at) FROM base.invitations HAVING count(revoked_at) > 0
        UNION ALL SELECT 'consented', collector, count(DISTINCT person) FROM base.consents GROUP BY collector
        UNION ALL SELECT 'withdrawn', collector, count(DISTINCT person) FROM base.consents
            WHERE withdrawn_at IS NOT NULL GROUP BY collector""",
    "gaps": """
        WITH ended AS (
            SELECT data->>'collector' AS collector, data->>'kind' AS kind, data->>'key' AS key,
                   coalesce(data->>'walk', '') AS walk, data->>'cursor' AS "cursor",
                   coalesce(data->>'until_id', data->>'until') AS until_id, data->>'low_water' AS low_water,
                   data->>'why' AS why, noted_at AS opened_at
            FROM base.notes WHERE kind = 'gap'),
        shut AS (
            SELECT data->>'collector' AS collector, data->>'kind' AS kind, data->>'key' AS key,
                   coalesce(data->>'walk', '') AS walk, max(noted_at) AS closed_at
            FROM base.notes WHERE kind = 'gap-closed' GROUP BY ALL),
        latest AS (
            SELECT walk, collector, kind, key,
                   max(struct_pack(moment := fetched_at, next_cursor := next_cursor)).next_cursor AS "cursor"
            FROM base.answers WHERE outcome = 'done'
            AND walk IN (SELECT walk FROM base.walks WHERE complete IS NOT TRUE) GROUP BY ALL),
        healed AS ( -- by a later whole walk of the list that went back as far: one that stops at a newer mark did not
            SELECT w.walk, w.collector, w.kind, w.key, min(l.ended_at) AS closed_at
            FROM base.walks AS w JOIN base.walks AS l USING (collector, kind, key)
            WHERE w.complete IS NOT TRUE AND l.complete AND l.started_at > w.started_at AND l.walk <> w.walk
              AND coalesce(l.since, '') IN ('', w.since)
            GROUP BY ALL)
        SELECT t.*, coalesce(s.closed_at, w.ended_at) AS closed_at
        FROM ended AS t LEFT JOIN shut AS s USING (collector, kind, key, walk)
        LEFT JOIN base.walks AS w ON w.walk = t.walk AND w.collector = t.collector AND w.kind = t.kind
             AND w.key = t.key AND w.complete AND t.walk <> ''
        UNION ALL
        SELECT w.collector, w.kind, w.key, w.walk, l."cursor", NULL, w.since,
               CASE WHEN w.ended THEN coalesce(w.why, 'cut short') ELSE 'not finished' END, w.started_at,
               h.closed_at
        FROM base.walks AS w LEFT JOIN latest AS l USING (walk, collector, kind, key)
        LEFT JOIN healed AS h USING (walk, collector, kind, key)
        WHERE w.complete IS NOT TRUE AND w.pages > 0
          AND (w.collector, w.kind, w.key, w.walk) NOT IN (SELECT (collector, kind, key, walk) FROM ended
               WHERE collector IS NOT NULL AND kind IS NOT NULL AND key IS NOT NULL)""",
}

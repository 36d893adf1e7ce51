"""Populations: members by group and platform (Table 5), key figures, and coverage."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pandas as pd

from analysis.queries import (
    CONTACT_LISTS,
    LINKED_ACCOUNTS,
    OF_MEMBERS,
    PROFILE_PAGES,
    Database,
    nouns,
    number,
    published,
    query,
    setting,
    timeline_posts,
    with_parameters,
)

# the profile's own page, not a list with it
READ = f"""
read_profiles AS (
    SELECT profile_id FROM profiles AS p
    WHERE NOT EXISTS (SELECT 1 FROM fetches AS f WHERE f.record_id = p.record_id AND {CONTACT_LISTS})
), starts AS (
    SELECT DISTINCT v.profile_id FROM profile_versions AS v
    WHERE v.profile_id IN (FROM read_profiles)
      AND v.record_id IN (SELECT record_id FROM answers WHERE {PROFILE_PAGES} AND via = '')
    UNION
    SELECT profile_id FROM profiles WHERE profile_id IN (FROM read_profiles)
      AND record_id IN (SELECT record_id FROM answers WHERE {PROFILE_PAGES} AND via = '')
), ties AS (
    SELECT profile_a AS one, profile_b AS two FROM connections
    WHERE profile_a IN (FROM read_profiles) AND profile_b IN (FROM read_profiles) AND profile_a <> profile_b
), both_ways AS (
    SELECT one AS profile_id, two AS other_id FROM ties UNION ALL SELECT two, one FROM ties
)"""

SELECTION = f"""
WITH {READ}, counted AS (
    SELECT b.profile_id, b.profile_id IN (FROM starts) AS is_start,
           count(*) FILTER (b.other_id IN (FROM starts)) AS starts_connected,
           count(*) FILTER (b.other_id IN (SELECT profile_id FROM members)) AS connected_with_members
    FROM both_ways AS b GROUP BY 1, 2
)
SELECT (SELECT count(*) FROM starts) AS start_contacts,
       (SELECT count(*) FROM read_profiles) AS profiles,
       (SELECT count(*) FROM ties) AS connections,
       (SELECT count(*) FROM counted
        WHERE CASE WHEN is_start THEN connected_with_members ELSE starts_connected END >= 2) AS connected_with_two,
       (SELECT count(*) FROM members) AS members,
       (SELECT count(*) FROM memberships) AS sum_of_rows,
       (SELECT count(DISTINCT account_id) FROM ({LINKED_ACCOUNTS})) AS accounts
"""

# a study of accounts has no profiles; its start contacts are the seed accounts that were read
ACCOUNTS = """
SELECT (SELECT count(*) FROM accounts) AS accounts_seen,
       (SELECT greatest(
            count(DISTINCT (collector, key)) FILTER (kind = 'admitted' AND wave = 0),
            (SELECT count(DISTINCT (collector, key)) FROM answers
             JOIN base.kinds USING (collector, kind)
             WHERE names = 'handle' AND yields = 'accounts' AND via = '' AND outcome = 'done'))
        FROM admissions) AS start_contacts
"""
OF_PROFILES = ("profiles", "connections", "connected_with_two")

SELECTED = {
    "start_contacts": "start contacts (seeds whose profile was read)",
    "accounts_seen": "accounts seen",
    "profiles": "profiles read",
    "connections": "connections between them, each once",
    "connected_with_two": "profiles connected with two {members} or more",
    "members": "{members}, each once",
    "sum_of_rows": "{members}, added up over the {groups}",
    "accounts": "linked accounts of {members}",
    "posts": "posts on their timelines",
    "first_post": "day of the first post",
    "last_post": "day of the last post",
}

TABLE = f"""
WITH found AS (
    SELECT DISTINCT m.group_name, m.actor_id, l.platform, l.account_id
    FROM memberships AS m JOIN ({OF_MEMBERS}) AS l USING (actor_id)
), lists AS ( -- read on a page of the site, or given by its owner, which no page names
    SELECT key FROM answers WHERE {CONTACT_LISTS} AND outcome = 'done'
    UNION SELECT profile_id FROM base.connections
), named AS (
    SELECT group_name, name, published_profiles, published_accounts FROM groups
    UNION ALL SELECT DISTINCT group_name, NULL, NULL, NULL FROM memberships
    WHERE group_name NOT IN (SELECT group_name FROM groups)
)
SELECT n.group_name, n.name,
       (SELECT count(*) FROM memberships AS m WHERE m.group_name = n.group_name) AS profiles,
       (SELECT count(DISTINCT actor_id) FROM found AS f WHERE f.group_name = n.group_name) AS on_a_platform,
       (SELECT count(DISTINCT account_id) FROM found AS f WHERE f.group_name = n.group_name) AS accounts,
       (SELECT count(DISTINCT m.profile_id) FROM memberships AS m JOIN profiles AS p USING (profile_id)
        WHERE m.group_name = n.group_name AND (p.profile_id IN (FROM lists) OR p.url IN (FROM lists))) AS lists_read,
       n.published_profiles, n.published_accounts
FROM named AS n ORDER BY profiles DESC, group_name
"""

PLATFORMS = f"""
SELECT m.group_name, l.platform, count(DISTINCT l.actor_id) AS profiles
FROM memberships AS m JOIN ({OF_MEMBERS}) AS l USING (actor_id) GROUP BY ALL
"""


def table(db: Database) -> pd.DataFrame:
    """Table 5: a row per group, with its members and the number found on each platform.

    Columns: group, name, profiles (persons), one per platform (persons found on it), accounts, share (per cent of
    persons found on any), lists_read (persons whose connection list was read), and, if the study has them,
    published_profiles and published_accounts. A person with current positions in two groups counts in both: attrs
    have `members` (distinct) and `sum_of_rows`.
    """
    rows = query(db, TABLE)
    platforms = query(db, PLATFORMS).pivot_table(
        index="group_name", columns="platform", values="profiles", aggfunc="sum"
    )
    found = platforms.reindex(rows["group_name"]).fillna(0).astype("int64").reset_index(drop=True)
    for place, platform in enumerate(sorted(found.columns)):
        rows.insert(3 + place, platform, found[platform])
    share = 100 * rows.pop("on_a_platform") / rows["profiles"].where(rows["profiles"] > 0)
    rows.insert(list(rows.columns).index("accounts") + 1, "share", share)
    for column in ("published_profiles", "published_accounts"):
        rows = rows.drop(columns=column) if rows[column].isna().all() else rows.astype({column: "Int64"})
    rows.attrs["platforms"] = sorted(found.columns)
    rows.attrs["members"] = number(db, "SELECT count(*) FROM members")
    rows.attrs["sum_of_rows"] = int(rows["profiles"].sum())
    rows.attrs["published_members"] = published(db, "members")
    current = "position without an end" if number(db, "SELECT count(*) FROM profiles") else None
    return with_parameters(rows, unit="persons", current=current, source=published(db, "source"))


def selection(db: Database, words: Callable[[str], str] | None = None) -> pd.DataFrame:
    """The key figures of the study: a row each with its name, description, value, and published value (or NA).

    A connection counts once, and only between profiles that were read. Connected with two members or more:
    others connected with two start contacts or more, and start contacts with two members or more in their list.
    A study of accounts has the accounts seen instead of profiles and connections.
    *words* translates descriptions; None: the study's nouns, in English.
    """
    zone = setting(db, "study.timezone", "Europe/Amsterdam")
    counted = query(db, SELECTION).iloc[0]
    values: dict[str, Any] = {str(name): int(count) for name, count in counted.items()} | _posts(db, zone)
    words = words or nouns(db)
    accounts = {str(name): int(count) for name, count in query(db, ACCOUNTS).iloc[0].items()}
    left_out: tuple[str, ...] = ("accounts_seen",)
    if accounts["accounts_seen"] and not values["profiles"]:
        values, left_out = values | accounts, OF_PROFILES
    rows = pd.DataFrame(
        [
            (name, words(_what(name, left_out)), values[name], published(db, name))
            for name in SELECTED
            if name not in left_out
        ],
        columns=["figure", "what", "computed", "published"],
    ).astype({"computed": object, "published": object})
    return with_parameters(rows, timezone=zone, source=published(db, "source"))


def _what(figure: str, left_out: tuple[str, ...]) -> str:
    """The description of a *figure*."""
    return SEEDS_READ if figure == "start_contacts" and "profiles" in left_out else SELECTED[figure]


SEEDS_READ = "start contacts (seeds that were read)"


def _posts(db: Database, zone: str) -> dict[str, Any]:
    """Number, first and last day of the posts on the timelines of linked accounts."""
    posts, _ = timeline_posts(db)
    row = query(db, f"SELECT count(*) AS posts, min(created_at) AS first, max(created_at) AS last FROM {posts}").iloc[0]
    days = {f"{end}_post": _day(row[end], zone) for end in ("first", "last")}
    return {"posts": int(row["posts"]), **days}


def _day(moment: Any, zone: str) -> str | None:
    """The day of *moment* in *zone*, in ISO form."""
    return None if pd.isna(moment) else pd.Timestamp(moment).tz_convert(zone).date().isoformat()


COVERAGE = """
WITH one AS (
    SELECT collector, kind, key,
           bool_or(outcome = 'done' AND next_cursor IS NULL AND coalesce(complete, TRUE)) AS whole,
           bool_or(outcome = 'done') AS any_page,
           max_by(outcome, fetched_at) AS outcome, max_by(coalesce(why, outcome), fetched_at) AS why
    FROM answers GROUP BY ALL
)
SELECT collector, kind, count(*) AS asked, count(*) FILTER (whole) AS read_whole,
       count(*) FILTER (any_page AND NOT coalesce(whole, FALSE)) AS read_in_part,
       count(*) FILTER (NOT any_page AND outcome = 'absent') AS absent,
       count(*) FILTER (NOT any_page AND outcome <> 'absent') AS not_read,
       list(why) FILTER (NOT coalesce(whole, FALSE)) AS reasons
FROM one GROUP BY collector, kind ORDER BY collector, kind
"""


def coverage(db: Database) -> pd.DataFrame:
    """Requested and received targets, a row per collector and kind; `summary` is a sentence.

    Columns: collector, kind, asked, read_whole, read_in_part, absent, not_read, reasons (counts by reason), summary.
    """
    rows = query(db, COVERAGE)
    rows["reasons"] = rows["reasons"].map(_tally)
    rows["summary"] = [_summary(row) for row in rows.to_dict("records")]
    return with_parameters(rows, unit="targets")


def _tally(reasons: Any) -> dict[str, int]:
    """The count of each reason, the most frequent first."""
    if not pd.api.types.is_list_like(reasons):
        return {}
    return {str(why): int(count) for why, count in pd.Series(list(reasons)).value_counts().items()}


def _summary(row: dict[Any, Any]) -> str:
    """The sentence, such as: x timeline: 12 of 159 were not read whole: protected (9), suspended (3)."""
    short, thing = row["asked"] - row["read_whole"], f"{row['collector']} {row['kind']}"
    if not short:
        return f"{thing}: all {row['asked']:,} were read whole"
    because = ", ".join(f"{why} ({count:,})" for why, count in row["reasons"].items())
    part = f", {row['read_in_part']:,} of them in part" if row["read_in_part"] else ""
    return f"{thing}: {short:,} of {row['asked']:,} were not read whole{part}: {because}"


def participation(db: Database) -> pd.DataFrame:
    """A row a kind (invited, revoked, consented, withdrawn) and collector: people."""
    return query(
        db,
        """SELECT kind, collector, people FROM participation
           ORDER BY list_position(['invited', 'revoked', 'consented', 'withdrawn'], kind), collector""",
    )


def gaps(db: Database) -> pd.DataFrame:
    """A row a reason for which lists are incomplete: collector, kind, why, lists, first_opened."""
    return query(
        db,
        """SELECT collector, kind, why, count(DISTINCT key) AS lists, min(opened_at) AS first_opened FROM gaps
           WHERE closed_at IS NULL GROUP BY collector, kind, why ORDER BY lists DESC, collector, kind, why""",
    )

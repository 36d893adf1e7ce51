"""Changes between the first and the last reading of each profile, account and list.

A study has no fixed rounds: each target is read again when due. So rounds are defined by readings:
the first reading of each target is before, the last one after; targets read once do not count.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pandas as pd

from analysis import compare
from analysis.queries import FOLLOW_LISTS, Database, nouns, number, query, with_parameters

READINGS = """
readings AS (  -- of profiles' own pages, without those that could not be parsed to the end
    SELECT profile_id, arg_min(content, first_seen) AS earlier, arg_max(content, last_seen) AS later,
           min(first_seen) AS first_at, max(last_seen) AS last_at
    FROM base.profiles WHERE own AND record_id NOT IN (SELECT record_id FROM base.quarantine)
    GROUP BY profile_id HAVING count(*) > 1
), held AS (
    SELECT r.profile_id, e.group_name, bool_or(p.content = r.earlier) AS before, bool_or(p.content = r.later) AS after
    FROM readings AS r JOIN base.positions AS p ON p.profile_id = r.profile_id AND p.content IN (r.earlier, r.later)
    JOIN base.employers AS e USING (employer)
    WHERE p."current" AND e.group_name IS NOT NULL GROUP BY ALL
), persons AS (
    SELECT profile_id, bool_or(before) AS before, bool_or(after) AS after FROM held GROUP BY profile_id
), concerned AS (SELECT profile_id FROM persons UNION SELECT profile_id FROM members)"""

LOOKED = f"""
WITH {READINGS}
SELECT (SELECT count(DISTINCT profile_id) FROM base.profiles WHERE own) AS profiles, count(*) AS twice,
       min(first_at) AS first_from, max(first_at) AS first_to, min(last_at) AS last_from, max(last_at) AS last_to
FROM readings"""

BY_GROUP = f"""
WITH {READINGS}
SELECT h.group_name, count(*) FILTER (h.before) AS before,
       count(*) FILTER (h.after AND NOT p.before) AS entered,
       count(*) FILTER (h.after AND NOT h.before AND p.before) AS moved_in,
       count(*) FILTER (h.before AND NOT p.after) AS "left",
       count(*) FILTER (h.before AND NOT h.after AND p.after) AS moved_out,
       count(*) FILTER (h.after) AS after
FROM held AS h JOIN persons AS p USING (profile_id) GROUP BY h.group_name ORDER BY before DESC, h.group_name"""

MOVES = f"""
WITH {READINGS}
SELECT a.group_name AS moved_from, b.group_name AS moved_to, count(*) AS persons
FROM held AS a JOIN held AS b USING (profile_id)
WHERE a.before AND NOT a.after AND b.after AND NOT b.before GROUP BY ALL ORDER BY persons DESC, moved_from, moved_to"""

PERSONS = f"""
WITH {READINGS}
SELECT count(*) FILTER (before) AS before, count(*) FILTER (after AND NOT before) AS gained,
       count(*) FILTER (before AND NOT after) AS lost, count(*) FILTER (after) AS after FROM persons"""

# the accounts named in profiles, at the first reading and at the last: by id if known
NAMED = f"""
WITH {READINGS}, borne AS (
    SELECT platform, lower(handle) AS handle, min(account_id) AS account_id FROM handles GROUP BY ALL
), named AS (
    SELECT n.platform, coalesce(b.account_id, n.handle) AS account,
           bool_or(l.content = r.earlier) AS before, bool_or(l.content = r.later) AS after
    FROM readings AS r JOIN base.profile_links AS l ON l.profile_id = r.profile_id AND l.content IN (r.earlier, r.later)
    JOIN base.link_handles AS n USING (url) LEFT JOIN borne AS b USING (platform, handle)
    WHERE r.profile_id IN (SELECT profile_id FROM concerned) GROUP BY ALL)
SELECT count(*) FILTER (before) AS before, count(*) FILTER (after AND NOT before) AS gained,
       count(*) FILTER (before AND NOT after) AS lost, count(*) FILTER (after) AS after FROM named"""

# their accounts that the platform later reported as absent, and renamed ones
THERE = f"""
WITH {READINGS}, ours AS (
    SELECT a.account_id, a.platform, lower(a.handle) AS handle, a.last_seen FROM accounts AS a
    WHERE a.account_id IN (SELECT account_id FROM links WHERE profile_id IN (FROM concerned))
), gone AS (
    SELECT DISTINCT o.account_id FROM ours AS o JOIN absences AS n
      ON n.platform = o.platform AND (n.key = o.account_id OR n.key = o.handle) AND n.last_seen > o.last_seen
    WHERE n.kind NOT IN ('post', 'profile') AND n.reason IN ('suspended', 'gone', 'unknown', 'deactivated'))
SELECT (SELECT count(*) FROM ours) AS before, (SELECT count(*) FROM gone) AS lost,
       (SELECT count(DISTINCT account_id) FROM handle_changes
        WHERE account_id IN (SELECT account_id FROM ours)) AS renamed"""

LISTS = f"""
SELECT count(*) FROM (SELECT 1 FROM full_walks WHERE {FOLLOW_LISTS}
                      GROUP BY collector, kind, key HAVING count(*) > 1)"""

OURS = f"""
WITH {READINGS}
SELECT DISTINCT account_id FROM links WHERE profile_id IN (FROM concerned)"""


MEMBERS, LOOKED_UP = "{members}", "accounts that could be looked up"
WHAT = (
    MEMBERS, "accounts that their profiles name", LOOKED_UP,
    "follow ties between {members}", "follow ties in lists read whole twice",
)  # fmt: skip


def looked(db: Database) -> dict[str, Any]:
    """The targets read more than once: profiles (of all), lists of follow ties, and first and last times."""
    row = query(db, LOOKED).iloc[0]
    when = {name: row[name] for name in ("first_from", "first_to", "last_from", "last_to")}
    return {**when, "profiles": int(row["profiles"]), "twice": int(row["twice"]), "lists": number(db, LISTS)}


def by_group(db: Database) -> pd.DataFrame:
    """A row per group: its members before and after, and the persons who came and left.

    entered and left: from and to outside the profession; moved_in and moved_out: members before, or now, of
    another group. before + entered + moved_in - left - moved_out = after. A person in two groups counts in both.
    """
    return with_parameters(query(db, BY_GROUP), unit="persons", before="first reading", after="last reading")


def moves(db: Database) -> pd.DataFrame:
    """Moves between groups: moved_from, moved_to, persons. A second position besides the first is not a move."""
    return with_parameters(query(db, MOVES), unit="persons", before="first reading", after="last reading")


def summary(db: Database, words: Callable[[str], str] | None = None) -> pd.DataFrame:
    """A row per count: what, before, gained, lost, after; accounts that could be looked up are never gained.

    attrs["renamed"]: accounts of members (before or after) that once had another handle. *words* translates
    descriptions; None: the study's nouns, in English.
    """
    there = query(db, THERE).iloc[0]
    ties = compare.tally(db, OURS).set_index("change")
    seen = {"before": there["before"], "gained": 0, "lost": there["lost"], "after": there["before"] - there["lost"]}
    counts: list[Mapping[Any, Any]] = [
        query(db, PERSONS).iloc[0].to_dict(),
        query(db, NAMED).iloc[0].to_dict(),
        seen,
        _ties(ties["between"]),
        _ties(ties["ties"]),
    ]
    words = words or nouns(db)
    rows = [{"what": words(what), **row} for what, row in zip(WHAT, counts, strict=True)]
    made = pd.DataFrame(rows, columns=["what", "before", "gained", "lost", "after"])
    made = made.astype(dict.fromkeys(["before", "gained", "lost", "after"], "Int64"))
    made.attrs["renamed"] = int(there["renamed"])
    return with_parameters(made, before="first reading of each", after="last reading of each")


def _ties(count: pd.Series[int]) -> dict[str, int]:
    kept, opened, closed = (int(count.get(name, 0)) for name in ("kept", "opened", "closed"))
    return {"before": kept + closed, "gained": opened, "lost": closed, "after": kept + opened}

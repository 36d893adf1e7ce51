"""The snowball: cost and yield of each wave, by tie, and the people and groups that led to members."""

from __future__ import annotations

import pandas as pd

from analysis.queries import PROFILE_PAGES, Database, query, with_parameters

WAVES = """
SELECT wave, requests, reached, admitted, new_members AS members, admitted - new_members AS others,
       new_members_per_request AS members_per_request
FROM saturation"""

# people by the wave that admitted them, with the paths to them until then: source and tie
PATHS = f"""
inside AS (
    SELECT o.actor_id, min(a.wave) AS wave FROM (
        SELECT key AS subject, wave FROM admissions WHERE kind = 'admitted'
        UNION ALL SELECT p.profile_id, a.wave FROM profiles AS p JOIN (FROM answers WHERE {PROFILE_PAGES}) AS a
        USING (record_id)) AS a
    JOIN actors AS o USING (subject) GROUP BY 1
), shown AS (
    SELECT via, key, wave, tie FROM leads
    UNION ALL SELECT c.profile_id, c.other_id, l.wave + 1, 'connections' FROM base.connections AS c
    JOIN answers AS l USING (record_id)
), paths AS (
    SELECT DISTINCT f.actor_id AS via, o.actor_id, i.wave, s.tie
    FROM shown AS s JOIN actors AS o ON o.subject = s.key JOIN actors AS f ON f.subject = s.via
    JOIN inside AS i ON i.actor_id = o.actor_id
    WHERE s.wave <= i.wave AND i.wave > 0 AND f.actor_id <> o.actor_id)"""

TIES = f"WITH {PATHS} SELECT wave, tie, count(DISTINCT actor_id) AS people FROM paths GROUP BY ALL ORDER BY ALL"

LEADERS = f"""
WITH {PATHS}, named AS (
    SELECT o.actor_id, coalesce(any_value(p.name), arg_min(a.name, a.account_id)) AS name,
           arg_min(a.handle, a.account_id) AS handle
    FROM actors AS o LEFT JOIN profiles AS p ON p.profile_id = o.subject
    LEFT JOIN accounts AS a ON a.account_id = o.subject WHERE o.actor_id IN (SELECT via FROM paths) GROUP BY 1)
SELECT n.name, n.handle, v.group_name, i.wave, count(DISTINCT p.actor_id) AS people,
       count(DISTINCT m.actor_id) AS members
FROM paths AS p JOIN named AS n ON n.actor_id = p.via LEFT JOIN inside AS i ON i.actor_id = p.via
LEFT JOIN members AS v ON v.actor_id = p.via LEFT JOIN members AS m ON m.actor_id = p.actor_id
GROUP BY p.via, n.name, n.handle, v.group_name, i.wave HAVING count(m.actor_id) > 0
ORDER BY members DESC, people DESC, p.via LIMIT ?"""

BETWEEN = f"""
WITH {PATHS}
SELECT v.group_name AS found_by, m.group_name, count(DISTINCT p.actor_id) AS members
FROM paths AS p JOIN memberships AS v ON v.actor_id = p.via JOIN memberships AS m ON m.actor_id = p.actor_id
WHERE v.group_name IS NOT NULL AND m.group_name IS NOT NULL GROUP BY ALL
ORDER BY members DESC, found_by, m.group_name"""


def waves(db: Database) -> pd.DataFrame:
    """A row per wave: requests, people reached and admitted, members among them, and by tie if there are several.

    A person reached by several ties counts in each. `attrs` have the totals and the ties.
    """
    frame, ties = query(db, WAVES), query(db, TIES)
    names = list(dict.fromkeys(ties["tie"]))
    if len(names) > 1:
        wide = ties.pivot_table(index="wave", columns="tie", values="people", fill_value=0).astype(int)
        wide = wide.reindex(frame["wave"], fill_value=0).add_prefix("along_")
        frame = frame.join(wide.reset_index(drop=True))
    made, beyond = with_parameters(frame, ties=names), frame[frame["wave"] > 0]["admitted"]
    totals = {name: int(frame[name].sum()) for name in ("admitted", "members")}
    made.attrs |= {**totals, "beyond": int(beyond.sum()), "largest": int(beyond.max()) if len(beyond) else 0}
    return made


def leaders(db: Database, count: int = 25) -> pd.DataFrame:
    """The *count* people who led to most members, with the wave that admitted them."""
    return with_parameters(query(db, LEADERS, [count]), shown=count)


def between_groups(db: Database) -> pd.DataFrame:
    """A row per pair of groups: the number of members of one found by members of the other."""
    return with_parameters(query(db, BETWEEN))

"""The candidates: one relation over people, for the conditions of rules (its columns: `storage.sampling.rules`).

A person is an actor: the profiles and accounts known to be theirs (view `actors`). Counts are of actors, so that
a person with two accounts counts once.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import duckdb
import pyarrow as pa

from storage.sampling.rules import COUNTS, Rules

OPT_OUTS = ["noindex", "not-indexable", "no-unauthenticated"]  # flags of accounts that are not collected

# (source, target, the target's handle if only that is known) of each tie
SHOWN = {
    "following": "SELECT platform, follower_id AS source, followed_id AS target, NULL AS handle FROM follows",
    "followers": "SELECT platform, followed_id, follower_id, NULL FROM follows",
    "mentions": "SELECT p.platform, p.account_id, m.mentioned_account_id, lower(m.handle) FROM post_mentions AS m"
                " JOIN posts AS p USING (post_id, account_id) WHERE p.kind <> 'retweet'",
    "replies": "SELECT platform, account_id, reply_to_account, NULL FROM posts WHERE reply_to_account IS NOT NULL",
    "reposts": "SELECT platform, account_id, retweeted_account, NULL FROM posts WHERE retweeted_account IS NOT NULL",
    "lists": "SELECT l.platform, a.key, l.account_id, NULL FROM base.listed AS l JOIN base.answers AS a"
             " ON a.record_id = l.record_id AND a.collector = l.platform",
}  # fmt: skip


def prepare(db: duckdb.DuckDBPyConnection, rules: Rules, admitted: Sequence[tuple[str, str, int]], step: int) -> None:
    """Make what candidates are counted from: the lists of those *admitted* up to wave *step*.

    *admitted* are (platform, account, wave). It is in TEMP tables: `actor_of` (subject, actor_id), `sources` (the
    admitted), `shown` (ties in their lists and posts), `led` (the same between actors), `opted_out` (accounts).
    """
    names = ("platform", "account_id", "wave")
    columns = zip(*admitted, strict=True) if admitted else ((), (), ())
    types = (pa.string(), pa.string(), pa.int32())
    arrays = [pa.array(list(column), kind) for column, kind in zip(columns, types, strict=True)]
    table = pa.table(arrays, names=list(names))
    db.register("admitted_now", table)
    db.execute("CREATE OR REPLACE TEMP TABLE admitted AS FROM admitted_now")
    db.unregister("admitted_now")
    db.execute("CREATE OR REPLACE TEMP VIEW actor_of AS SELECT subject, actor_id FROM actors")
    db.execute("CREATE OR REPLACE TEMP TABLE joined AS FROM members")  # planned once, as that costs more than its rows
    db.execute(OPTED_OUT)
    db.execute(SOURCES)
    db.execute(_shown(rules), {"step": step})
    db.execute(LED)
    db.execute(CO_LISTED, {"step": step})
    db.execute("DROP TABLE IF EXISTS temp.candidates")


def count(db: duckdb.DuckDBPyConnection, rules: Rules) -> None:
    """Make the TEMP table `candidates` from what `prepare` made, once: it costs more than all of that."""
    db.execute(_candidates(rules))


# Opt-outs in any answer: an account's own server shows all requests of its owner, lists of others fewer.
OPTED_OUT = f"""
CREATE OR REPLACE TEMP TABLE opted_out AS
SELECT DISTINCT account_id FROM base.accounts WHERE list_has_any(coalesce(flags, []), {OPT_OUTS})
"""
SOURCES = """
CREATE OR REPLACE TEMP TABLE sources AS
SELECT o.actor_id, a.account_id, a.platform, a.wave FROM admitted AS a JOIN actor_of AS o ON o.subject = a.account_id
"""
LED = """
CREATE OR REPLACE TEMP TABLE led AS
SELECT s.tie, s.source, s.source_id, s.wave, o.actor_id AS target, s.target_id
FROM shown AS s JOIN actor_of AS o ON o.subject = s.target_id WHERE o.actor_id <> s.source
"""
# members of the lists that the admitted keep
CO_LISTED = """
CREATE OR REPLACE TEMP TABLE co_listed AS
SELECT DISTINCT l.platform, l.list_id, o.actor_id
FROM base.listed AS l JOIN base.answers AS a ON a.record_id = l.record_id AND a.collector = l.platform
JOIN sources AS s ON s.account_id = a.key AND s.platform = l.platform JOIN actor_of AS o ON o.subject = l.account_id
WHERE s.wave <= $step
"""


def _shown(rules: Rules) -> str:
    ties = " UNION ALL ".join(f"SELECT '{tie}' AS tie, * FROM ({SHOWN[tie]}) AS t(platform, source, target, handle)"
                              for tie in rules.account_ties) or NOTHING  # fmt: skip
    return f"""
    CREATE OR REPLACE TEMP TABLE shown AS
    WITH bearers AS (
        SELECT platform, lower(handle) AS handle, arg_max(account_id, (last_seen, account_id)) AS account_id
        FROM handles GROUP BY ALL)
    SELECT DISTINCT t.tie, s.actor_id AS source, s.account_id AS source_id, s.wave, t.platform,
           coalesce(t.target, b.account_id) AS target_id, t.handle
    FROM ({ties}) AS t JOIN sources AS s ON s.account_id = t.source AND s.platform = t.platform
    LEFT JOIN bearers AS b ON t.target IS NULL AND b.platform = t.platform AND b.handle = t.handle
    WHERE s.wave <= $step
    """


NOTHING = "SELECT '' AS tie, '' AS platform, '' AS source, '' AS target, '' AS handle WHERE FALSE"


def _candidates(rules: Rules) -> str:
    ties = {tie: name for tie, name in COUNTS.items() if tie not in ("connections", "lists")}
    counts = ",\n".join(f"count(DISTINCT l.source) FILTER (l.tie = '{tie}' AND j.actor_id IS NOT NULL) AS {name}"
                        for tie, name in ties.items())  # fmt: skip
    counted = ", ".join(f"coalesce(n.{name}, 0) AS {name}" for name in ties.values())
    asked = [rules.admit, rules.accounts_of, rules.lists_of, rules.timelines_of, rules.order]
    spoken = any(re.search(r"\blanguage\b", rule or "") for rule in asked)
    language = f"LEFT JOIN ({LANGUAGES}) AS s USING (actor_id)" if spoken else ""
    return f"""
    CREATE TEMP TABLE IF NOT EXISTS candidates AS
    WITH reached AS (
        SELECT record_id, min(wave) AS wave, bool_or(via = '') AS is_seed
        FROM answers JOIN base.kinds USING (collector, kind) WHERE yields = 'profiles' GROUP BY 1
    ), pairs AS (
        SELECT profile_a AS profile_id, profile_b AS other_id FROM connections
        UNION ALL SELECT profile_b, profile_a FROM connections
    ), connected AS (
        SELECT t.profile_id, count(*) AS via_count, count(j.actor_id) AS connected_with_members
        FROM pairs AS t LEFT JOIN actor_of AS o ON o.subject = t.other_id
        LEFT JOIN joined AS j ON j.actor_id = o.actor_id GROUP BY 1
    ), counted AS (
        SELECT l.target AS actor_id, min(l.wave) + 1 AS wave, count(DISTINCT l.source) AS via_count, {counts}
        FROM led AS l LEFT JOIN joined AS j ON j.actor_id = l.source GROUP BY l.target
    ), together AS (
        SELECT o.actor_id, count(DISTINCT m.actor_id) AS listed_with_members
        FROM co_listed AS o JOIN co_listed AS m USING (platform, list_id) JOIN joined AS j ON j.actor_id = m.actor_id
        WHERE m.actor_id <> o.actor_id GROUP BY 1
    ), inside AS (SELECT actor_id, min(wave) AS wave FROM sources GROUP BY 1
    ), held AS (
        SELECT o.actor_id, arg_min(a.platform, a.account_id) AS platform, arg_min(a.handle, a.account_id) AS handle,
               arg_min(a.name, a.account_id) AS name, arg_min(a.description, a.account_id) AS bio,
               max(a.followers) AS followers, max(a.following) AS following, max(a.posts) AS posts,
               bool_and(a.account_id IN (FROM opted_out)) AS opted_out
        FROM accounts AS a JOIN actor_of AS o ON o.subject = a.account_id GROUP BY 1
    ), people AS (
        SELECT o.actor_id, p.profile_id, p.platform, p.name, coalesce(p.headline, p.description) AS bio,
               r.wave, r.is_seed
        FROM profiles AS p JOIN actor_of AS o ON o.subject = p.profile_id LEFT JOIN reached AS r USING (record_id)
        UNION ALL
        SELECT actor_id, NULL, NULL, NULL, NULL, NULL, NULL
        FROM (SELECT actor_id FROM counted UNION SELECT actor_id FROM inside)
        WHERE actor_id NOT IN (SELECT o.actor_id FROM profiles AS p JOIN actor_of AS o ON o.subject = p.profile_id)
    )
    SELECT p.actor_id, p.profile_id, coalesce(p.platform, h.platform) AS platform, h.handle,
           coalesce(p.name, h.name) AS name, coalesce(p.bio, h.bio) AS bio,
           coalesce(p.wave, i.wave, n.wave, 0) AS wave,
           coalesce(p.is_seed, FALSE) OR coalesce(i.wave = 0, FALSE) AS is_seed,
           j.actor_id IS NOT NULL AS member, j.group_name, j.organisation, coalesce(j.employer, e.employer) AS employer,
           h.followers, h.following, h.posts, {"s.language" if spoken else "CAST(NULL AS VARCHAR) AS language"},
           coalesce(h.opted_out, FALSE) AS opted_out,
           coalesce(c.via_count, 0) + coalesce(n.via_count, 0) AS via_count,
           coalesce(c.connected_with_members, 0) AS connected_with_members, {counted},
           coalesce(t.listed_with_members, 0) AS listed_with_members
    FROM people AS p LEFT JOIN joined AS j USING (actor_id) LEFT JOIN connected AS c ON c.profile_id = p.profile_id
    LEFT JOIN counted AS n USING (actor_id) LEFT JOIN inside AS i USING (actor_id) LEFT JOIN held AS h USING (actor_id)
    LEFT JOIN together AS t USING (actor_id)
    {language}
    LEFT JOIN (SELECT profile_id, arg_min(employer, ordinal) AS employer FROM positions WHERE current GROUP BY 1) AS e
        ON e.profile_id = p.profile_id
    """


LANGUAGES = """
SELECT actor_id, arg_max(lang, (number, lang)) AS language
FROM (SELECT o.actor_id, p.lang, count(*) AS number
      FROM base.posts AS p JOIN actor_of AS o ON o.subject = p.account_id
      WHERE p.lang IS NOT NULL AND p.sample IS NULL AND p.retweeted_post IS NULL GROUP BY ALL)
GROUP BY 1
"""

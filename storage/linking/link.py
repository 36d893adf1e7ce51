"""Link profiles to accounts by explicit links, and employers to organisations; decisions by hand win.

Every link carries its evidence: the URL that the profile shows and the page that showed it. Precision comes before
recall: an account that two profiles claim, or an organisation's, is not linked until someone decides.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import duckdb
import pyarrow as pa

from storage.linking import account_links, actors, evidence
from storage.linking.decisions import decisions, resolve
from storage.linking.evidence import WHOLE, Population
from storage.linking.names import MACROS
from storage.linking.read_once import Match, hold, match_texts, prune, read_addresses
from storage.privacy.declared import Platform, handles_of


def read_links(db: duckdb.DuckDBPyConnection, declared: Iterable[Platform]) -> None:
    """Fill `base.link_handles`: the URLs on profiles that are pages of accounts, as the platforms *declared* say."""
    read_addresses(db, "base.profile_links", declared)
    db.execute("DELETE FROM base.link_handles")
    db.execute("""INSERT INTO base.link_handles BY NAME FROM base.address_readings
        WHERE platform IS NOT NULL AND url IN (SELECT url FROM base.profile_links)""")


def _insert(db: duckdb.DuckDBPyConnection, table: str, names: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Insert *rows* as one batch (a statement per row would be slow)."""
    if not rows:
        return
    columns = dict(zip(names, map(list, zip(*rows, strict=True)), strict=True))
    db.register("rows_to_insert", pa.table(columns))
    try:
        db.execute(f"INSERT INTO {table} ({', '.join(names)}) SELECT * FROM rows_to_insert")
    finally:
        db.unregister("rows_to_insert")


# ---- linking --------------------------------------------------------------------------------------------------


class Linking(NamedTuple):
    """The study's inputs for linking: rows of `base.organisations`, the matcher of employers, decisions by hand.

    *rules* is everything the matcher was made from, as text: if it changes, everything is linked again.
    """

    organisations: Sequence[Sequence[Any]]
    matcher: Any  # an object with `match(employer) -> Match | None`, or such a function
    decisions: Path
    rules: str = ""
    population: Population | None = None  # None: only positions and decisions make members


ORGANISATION = (
    "organisation", "group_name", "name", "abbreviation", "kind", "started", "ended", "published_profiles",
    "published_accounts",
)  # fmt: skip


def link(db: duckdb.DuckDBPyConnection, linking: Linking, declared: Iterable[Platform]) -> dict[str, int]:
    """Refill organisations, employers and links; return the number of links by decision."""
    by_id = sorted(name for name, handles in handles_of(declared).items() if handles.ids)
    match: Callable[[str], Match | None] = getattr(linking.matcher, "match", linking.matcher)
    made = decisions(linking.decisions)
    hold(db, "list", linking.rules, "readings", "matches")
    db.execute("DELETE FROM base.organisations; DELETE FROM base.links; DELETE FROM base.account_links")
    _insert(db, "base.organisations", ORGANISATION, list(linking.organisations))
    employers(db, match)
    surveyed(db, match)
    _claims(db, match, by_id)
    db.execute(MACROS)
    db.execute("INSERT INTO base.links BY NAME " + BY_RULE)
    resolve(db, made)
    for statement in BY_HAND:
        db.execute(statement)
    if linking.population is not None and linking.population.reads:
        account_links.fill(db, declared)
    account_links.decide(db)
    actors.join(db)
    evidence.fill(db, linking.population)
    evidence.decide(db, match)
    db.execute("DROP TABLE decided; DROP TABLE claims; DROP TABLE claimed; DROP TABLE organisation_accounts")
    reads = linking.population is not None and linking.population.reads
    prune(db, ["base.profile_links", *(["account_fields"] if reads else [])])
    return dict(db.execute("SELECT decision, count(*) FROM base.links GROUP BY 1 ORDER BY 1").fetchall())


def employers(db: duckdb.DuckDBPyConnection, match: Callable[[str], Match | None]) -> None:
    """Fill `base.employers` with every employer that *match* knows."""
    match_texts(db, "SELECT employer AS text FROM base.positions", match)
    db.execute("DELETE FROM base.employers")
    db.execute("""INSERT INTO base.employers SELECT text, organisation, group_name, rule FROM base.matches
        WHERE organisation IS NOT NULL AND text IN (SELECT employer FROM base.positions)""")


def surveyed(db: duckdb.DuckDBPyConnection, match: Callable[[str], Match | None]) -> None:
    """Fill `base.survey_organisations`: answers to the survey's question for the organisation, as *match* reads them.

    A group's bare name, which on a profile could be a trade, means the group here.
    """
    names = db.execute("SELECT lower(name), organisation, group_name FROM base.organisations WHERE kind = 'group'")
    groups = {name: (organisation, group, "name") for name, organisation, group in names.fetchall()}
    rows = []
    for survey, variable, code, answer in db.execute(ANSWERED).fetchall():
        found = match(answer) or groups.get(answer.lower()) or (None, None, None)
        rows.append((survey, variable, code, answer, *found))
    columns = ("survey", "variable", "code", "answer", "organisation", "group_name", "rule")
    db.execute("DELETE FROM base.survey_organisations")
    _insert(db, "base.survey_organisations", columns, rows)


ANSWERED = """
SELECT DISTINCT survey, variable, code, coalesce(answer, code) AS answer FROM survey_answers
WHERE code IS NOT NULL AND missing IS NULL AND variable IN (
    SELECT value->>'$' FROM base.study WHERE key = 'survey.organisation')
ORDER BY ALL"""


# The owner of the handle: of several accounts, the one that had it when the profile first showed the link.
CLAIMS = """
CREATE OR REPLACE TEMP TABLE claims AS
WITH shown AS (
    SELECT h.profile_id, h.platform, h.handle, h.rel, h.url, h.record_id,
           min(p.first_seen) AS shown_at
    FROM profile_handles AS h JOIN base.profile_links AS l USING (profile_id, url)
    JOIN base.profiles AS p USING (profile_id, content) GROUP BY ALL
), borne AS (
    SELECT account_id, platform, lower(a.handle) AS handle, min(first_seen) AS first_seen, max(last_seen) AS last_seen
    FROM base.accounts AS a WHERE (platform, lower(a.handle)) IN (SELECT (platform, handle) FROM shown)
    GROUP BY account_id, platform, a.handle
    UNION ALL SELECT account_id, platform, account_id, first_seen, last_seen FROM accounts
        WHERE list_contains($1, platform)  -- whose addresses may name an account by its id
), held AS (
    SELECT s.*, b.account_id,
           greatest(0, epoch_us(b.first_seen) - epoch_us(s.shown_at),
                    epoch_us(s.shown_at) - epoch_us(b.last_seen)) AS off
    FROM shown AS s LEFT JOIN borne AS b USING (platform, handle)
)
SELECT profile_id, account_id, platform, handle, rel, url, record_id, shown_at,
       off > min(off) OVER (PARTITION BY profile_id, platform, handle) AS later_bearer,
       count(DISTINCT account_id) FILTER (off = 0) OVER (PARTITION BY profile_id, platform, handle) > 1 AS unclear
FROM held
QUALIFY row_number() OVER (
    PARTITION BY profile_id, platform, coalesce(account_id, handle)
    ORDER BY off, CASE rel WHEN 'me' THEN 0 WHEN 'sameAs' THEN 1 ELSE 2 END, url) = 1
"""


def _claims(db: duckdb.DuckDBPyConnection, match: Callable[[str], Match | None], by_id: Sequence[str]) -> None:
    """Make the rules' tables: the profiles' claims, and the organisations' accounts."""
    db.execute(CLAIMS, [list(by_id)])
    db.execute("""CREATE OR REPLACE TEMP TABLE claimed AS
        SELECT account_id, name, handle, url FROM accounts SEMI JOIN claims USING (account_id)""")
    match_texts(db, "SELECT unnest([name, handle]) AS text FROM claimed", match)
    db.execute(f"""CREATE OR REPLACE TEMP TABLE organisation_accounts AS
        SELECT DISTINCT account_id FROM (SELECT account_id, unnest([name, handle]) AS text FROM claimed)
        SEMI JOIN (FROM base.matches WHERE rule IN {WHOLE}) USING (text)""")


# A link on one's own profile is strong evidence; evidence against it makes it a proposal for a decision by a person:
# two profiles claim the account (unless the account links back to one of them), or its name is another's.
BY_RULE = r"""
WITH judged AS (
    SELECT c.*, p.name AS person, a.name AS bearer,
           coalesce(bare(a.url) IN (bare(p.profile_id), bare(p.url)), FALSE) AS returned,
           names_agree(p.name, a.name, c.handle) AS agrees
    FROM claims AS c
    LEFT JOIN claimed AS a USING (account_id)
    LEFT JOIN (FROM profiles SEMI JOIN claims USING (profile_id)) AS p USING (profile_id)
), counted AS (
    SELECT *, count(*) FILTER (returned) OVER (PARTITION BY account_id) AS ties_back FROM judged
)
SELECT profile_id, account_id, platform, handle, CASE WHEN returned THEN rel || ', both ways' ELSE rel END AS rule,
       url AS evidence, 1.0 AS confidence, 'rule' AS decided_by,
       CASE WHEN account_id IS NULL THEN 'unresolved'
            WHEN account_id IN (FROM organisation_accounts) THEN 'organisation'
            WHEN later_bearer THEN 'other-bearer'
            WHEN unclear THEN 'unclear'
            WHEN ties_back = 1 AND NOT returned THEN 'conflict'
            WHEN NOT returned AND NOT agrees THEN 'name-differs'
            ELSE 'accepted' END AS decision,
       shown_at AS decided_at, record_id
FROM counted
"""

# Decisions win; an account that several profiles still claim by rule is a conflict.
BY_HAND = (
    """UPDATE base.links AS l SET decision = 'organisation', decided_by = d.decided_by, decided_at = d.decided_at
    FROM decided AS d WHERE d.about = 'link' AND d.decision = 'organisation' AND d.account_id = l.account_id
      AND d.profile_id IN ('', l.profile_id)""",
    """DELETE FROM base.links AS l USING decided AS d
    WHERE d.about = 'link' AND d.decision <> 'organisation' AND d.profile_id = l.profile_id AND d.platform = l.platform
      AND (d.account_id = l.account_id OR (l.account_id IS NULL AND lower(d.account) = l.handle))""",
    """INSERT INTO base.links BY NAME
    SELECT d.profile_id, d.account_id, d.platform, lower(d.account) AS handle, 'by hand' AS rule, d.note AS evidence,
           1.0 AS confidence, d.decided_by,
           CASE WHEN d.decision = 'accepted' AND d.account_id IS NULL THEN 'unresolved' ELSE d.decision END AS decision,
           d.decided_at, p.record_id
    FROM decided AS d LEFT JOIN profiles AS p USING (profile_id)
    WHERE d.about = 'link' AND d.decision <> 'organisation'""",
    """UPDATE base.links SET decision = 'conflict'
    WHERE decided_by = 'rule' AND decision = 'accepted' AND account_id IN (
        SELECT account_id FROM base.links WHERE decision = 'accepted' GROUP BY 1 HAVING count(*) > 1)""",
)

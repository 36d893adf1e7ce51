"""Profiles to accounts by explicit links, employers to organisations; decisions by hand win.

Every link carries its evidence: the URL that the profile shows and the page that showed it. Precision comes before
recall: an account that two profiles claim, or that is an organisation's, is linked to nobody until someone decides.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import duckdb
import msgspec
import pyarrow as pa

from storage import csvfile
from storage.errors import UserError
from storage.linking import actors
from storage.privacy.declared import Platform, account_of, handles_of


def read_links(db: duckdb.DuckDBPyConnection, declared: Iterable[Platform]) -> None:
    """Fill `base.link_handles`: which URLs on profiles are pages of accounts, as the platforms *declared* say."""
    declared = list(declared)
    urls = [row[0] for row in db.execute("SELECT DISTINCT url FROM base.profile_links ORDER BY url").fetchall()]
    found = [(url, *read) for url in urls if url and (read := account_of(declared, url))]
    db.execute("DELETE FROM base.link_handles")
    _insert(db, "base.link_handles", ("url", "platform", "handle"), found)


def _insert(db: duckdb.DuckDBPyConnection, table: str, names: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Insert *rows* as one batch (a statement a row would be slow)."""
    if not rows:
        return
    columns = dict(zip(names, map(list, zip(*rows, strict=True)), strict=True))
    db.register("rows_to_insert", pa.table(columns))
    try:
        db.execute(f"INSERT INTO {table} ({', '.join(names)}) SELECT * FROM rows_to_insert")
    finally:
        db.unregister("rows_to_insert")


# ---- decisions by hand ----------------------------------------------------------------------------------------

COLUMNS = ("decided_at", "profile_id", "platform", "account", "decision", "decided_by", "note")
DECISIONS = ("accepted", "rejected", "organisation")


class Decision(msgspec.Struct, frozen=True):
    """One line of decisions.csv. *account* is a handle or an id; *profile_id* is empty for `organisation`."""

    decided_at: datetime
    profile_id: str
    platform: str
    account: str
    decision: str
    decided_by: str
    note: str = ""


def decisions(path: Path) -> list[Decision]:
    """The decisions in *path*, the last one of each (profile, account); none if there is no file. Raise UserError."""
    if not path.exists():
        return []
    last: dict[tuple[str, str, str], Decision] = {}
    names, rows = csvfile.records(path, COLUMNS[:-1])
    if missing := [name for name in COLUMNS[:-1] if name not in names]:
        raise UserError(f"{path}: has no column {missing[0]!r}; its first line should be {','.join(COLUMNS)}")
    for line, row in rows:
        one = _decision(f"{path}, line {line}", {name: cell.strip() for name, cell in row.items()})
        last[one.profile_id, one.platform, one.account.lower()] = one
    return list(last.values())


def _decision(place: str, row: dict[str, str]) -> Decision:
    if row["decision"] not in DECISIONS:
        raise UserError(f"{place}: {row['decision']!r} is no decision; write one of {', '.join(DECISIONS)}")
    if not row["platform"] or not row["account"] or not (row["profile_id"] or row["decision"] == "organisation"):
        raise UserError(f"{place}: does not say who; fill in profile_id, platform and account")
    try:
        at = datetime.fromisoformat(row["decided_at"])
    except ValueError as error:
        raise UserError(f"{place}: {row['decided_at']!r} is no moment; write it like 2013-02-23T12:00:00Z") from error
    at = at if at.tzinfo else at.replace(tzinfo=UTC)
    account = row["account"].removeprefix("@")
    note = row.get("note", "")
    return Decision(at, row["profile_id"], row["platform"], account, row["decision"], row["decided_by"], note)


# ---- linking --------------------------------------------------------------------------------------------------

Match = tuple[str, str, str]  # organisation, group, rule


class Linking(NamedTuple):
    """What linking needs from the study: rows of `base.organisations`, the matcher of employers, decisions by hand.

    *rules* is all that the matcher was made from, as text: where it changes, everything is linked anew.
    """

    organisations: Sequence[Sequence[Any]]
    matcher: Any  # an object with `match(employer) -> Match | None`, or such a function
    decisions: Path
    rules: str = ""


ORGANISATION = (
    "organisation", "group_name", "name", "abbreviation", "kind", "started", "ended", "published_profiles",
    "published_accounts",
)  # fmt: skip
WHOLE = {"name", "abbreviation", "prefixed"}  # rules by which a text is an organisation, and not only of one


def link(db: duckdb.DuckDBPyConnection, linking: Linking, declared: Iterable[Platform]) -> dict[str, int]:
    """Fill organisations, employers and links anew; return the number of links by decision."""
    by_id = sorted(name for name, handles in handles_of(declared).items() if handles.ids)
    match: Callable[[str], Match | None] = getattr(linking.matcher, "match", linking.matcher)
    made = decisions(linking.decisions)
    db.execute("DELETE FROM base.organisations; DELETE FROM base.links")
    _insert(db, "base.organisations", ORGANISATION, list(linking.organisations))
    employers(db, match)
    _claims(db, match, by_id)
    db.execute(MACROS)
    db.execute("INSERT INTO base.links BY NAME " + BY_RULE)
    _apply(db, made)
    actors.join(db)
    db.execute("DROP TABLE claims; DROP TABLE organisation_accounts")
    return dict(db.execute("SELECT decision, count(*) FROM base.links GROUP BY 1 ORDER BY 1").fetchall())


def employers(db: duckdb.DuckDBPyConnection, match: Callable[[str], Match | None]) -> int:
    """Fill `base.employers` with every employer that *match* knows; return their number."""
    names = db.execute("SELECT DISTINCT employer FROM base.positions WHERE employer IS NOT NULL ORDER BY 1").fetchall()
    found = [(name, *matched) for (name,) in names if (matched := match(name)) is not None]
    db.execute("DELETE FROM base.employers")
    _insert(db, "base.employers", ("employer", "organisation", "group_name", "rule"), found)
    return len(found)


# Who holds the handle: of several accounts that bore it, the one that did when the profile first showed the link.
CLAIMS = """
CREATE OR REPLACE TEMP TABLE claims AS
WITH shown AS (
    SELECT h.profile_id, h.platform, h.handle, h.rel, h.url, h.record_id,
           min(p.first_seen) AS shown_at
    FROM profile_handles AS h JOIN base.profile_links AS l USING (profile_id, url)
    JOIN base.profiles AS p USING (profile_id, content) GROUP BY ALL
), borne AS (
    SELECT account_id, platform, lower(handle) AS handle, first_seen, last_seen FROM handles
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
    """The tables that the rules look at: what profiles claim, and which of the accounts are organisations'."""
    db.execute(CLAIMS, [list(by_id)])
    named = db.execute(
        "SELECT account_id, name, handle FROM accounts WHERE account_id IN (SELECT account_id FROM claims) ORDER BY 1"
    ).fetchall()
    known = [(key,) for key, *texts in named if any(_is_organisation(match, text) for text in texts)]
    db.execute("CREATE OR REPLACE TEMP TABLE organisation_accounts (account_id VARCHAR)")
    _insert(db, "organisation_accounts", ("account_id",), known)


def _is_organisation(match: Callable[[str], Match | None], text: str | None) -> bool:
    found = match(text) if text else None
    return found is not None and found[2] in WHOLE


# A link on one's own profile is strong evidence; what speaks against it makes it a proposal for a person to decide:
# two profiles claim the account (unless the account links back to one of them), or its name is another's.
BY_RULE = r"""
WITH told AS (
    SELECT c.*, p.name AS person, a.name AS bearer,
           coalesce(bare(a.url) IN (bare(p.profile_id), bare(p.url)), FALSE) AS returned,
           names_agree(p.name, a.name, c.handle) AS agrees
    FROM claims AS c LEFT JOIN accounts AS a USING (account_id) LEFT JOIN profiles AS p USING (profile_id)
), counted AS (
    SELECT *, count(*) FILTER (returned) OVER (PARTITION BY account_id) AS ties_back FROM told
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

# Addresses without scheme, www and trailing slashes; names as their words, without accents, case and particles.
MACROS = r"""
CREATE OR REPLACE TEMP MACRO bare(address) AS
    regexp_replace(regexp_replace(lower(trim(address)), '^(https?:)?//(www\.)?', ''), '/+$', '');
CREATE OR REPLACE TEMP MACRO words(name) AS list_filter(
    string_split_regex(lower(strip_accents(name)), '[^\p{L}\p{N}]+'),
    lambda w: length(w) >= 3
        AND w NOT IN ('van', 'der', 'den', 'ter', 'ten', 'von', 'the', 'del', 'bin', 'prof', 'ing'));
CREATE OR REPLACE TEMP MACRO names_agree(person, bearer, handle) AS
    coalesce(len(words(person)) = 0 OR len(words(bearer)) = 0 OR list_has_any(words(person), words(bearer))
        OR len(list_filter(words(person), lambda w: length(w) >= 4 AND contains(
               lower(strip_accents(bearer || ' ' || handle)), w))) > 0
        OR jaro_winkler_similarity(lower(strip_accents(person)), lower(strip_accents(bearer))) >= 0.9, TRUE);
"""


def _apply(db: duckdb.DuckDBPyConnection, made: Sequence[Decision]) -> None:
    """Let decisions by hand win; what several profiles still claim by rule is a conflict."""
    rows = [(number, *msgspec.structs.astuple(one)) for number, one in enumerate(made)]
    db.execute(
        "CREATE OR REPLACE TEMP TABLE made (number BIGINT, decided_at TIMESTAMPTZ, profile_id VARCHAR,"
        " platform VARCHAR, account VARCHAR, decision VARCHAR, decided_by VARCHAR, note VARCHAR)"
    )
    names = ("number", *COLUMNS)
    _insert(db, "made", names, rows)
    for statement in BY_HAND:
        db.execute(statement)


# A handle names the account that bears it now; failing that, the one that bore it last.
BY_HAND = (
    """CREATE OR REPLACE TEMP TABLE decided AS
    SELECT m.*, b.account_id FROM made AS m LEFT JOIN (
        SELECT account_id, platform, lower(account_id) AS account, last_seen FROM accounts
        UNION ALL SELECT account_id, platform, lower(handle), last_seen FROM handles
    ) AS b ON b.platform = m.platform AND b.account = lower(m.account)
    QUALIFY row_number() OVER (PARTITION BY m.number ORDER BY b.last_seen DESC NULLS LAST, b.account_id) = 1""",
    """UPDATE base.links AS l SET decision = 'organisation', decided_by = d.decided_by, decided_at = d.decided_at
    FROM decided AS d WHERE d.decision = 'organisation' AND d.account_id = l.account_id
      AND d.profile_id IN ('', l.profile_id)""",
    """DELETE FROM base.links AS l USING decided AS d
    WHERE d.decision <> 'organisation' AND d.profile_id = l.profile_id AND d.platform = l.platform
      AND (d.account_id = l.account_id OR (l.account_id IS NULL AND lower(d.account) = l.handle))""",
    """INSERT INTO base.links BY NAME
    SELECT d.profile_id, d.account_id, d.platform, lower(d.account) AS handle, 'by hand' AS rule, d.note AS evidence,
           1.0 AS confidence, d.decided_by,
           CASE WHEN d.decision = 'accepted' AND d.account_id IS NULL THEN 'unresolved' ELSE d.decision END AS decision,
           d.decided_at, p.record_id
    FROM decided AS d LEFT JOIN profiles AS p USING (profile_id) WHERE d.decision <> 'organisation'""",
    """UPDATE base.links SET decision = 'conflict'
    WHERE decided_by = 'rule' AND decision = 'accepted' AND account_id IN (
        SELECT account_id FROM base.links WHERE decision = 'accepted' GROUP BY 1 HAVING count(*) > 1)""",
    "DROP TABLE decided",
    "DROP TABLE made",
)

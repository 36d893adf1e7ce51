"""Accounts of one person by their own statements: mutual links, verified pages, moves.

A link in one direction is only a proposal, and only if the names agree; a person decides.
"""

from __future__ import annotations

from collections.abc import Iterable

import duckdb

from storage.linking.names import MACROS
from storage.linking.read_once import read_addresses
from storage.privacy.declared import Platform


def fill(db: duckdb.DuckDBPyConnection, declared: Iterable[Platform]) -> int:
    """Refill `base.account_links` from fields, bios and moves; return the number accepted."""
    db.execute("DELETE FROM base.account_links")
    read_addresses(db, "account_fields", declared)
    db.execute(MACROS)
    db.execute("INSERT INTO base.account_links BY NAME " + LINKS)
    (accepted,) = db.execute("SELECT count(*) FROM base.account_links WHERE decision = 'accepted'").fetchone() or (0,)
    return int(accepted)


def decide(db: duckdb.DuckDBPyConnection) -> None:
    """Apply the decisions about two accounts in the TEMP table `decided`."""
    db.execute("""CREATE OR REPLACE TEMP TABLE decided_pairs AS
        SELECT least(profile_id, account_id) AS account_id, greatest(profile_id, account_id) AS other_id, decision,
               decided_by, note, number
        FROM decided WHERE about = 'accounts' AND account_id IS NOT NULL AND decision <> 'organisation'
        QUALIFY row_number() OVER (PARTITION BY 1, 2 ORDER BY number DESC) = 1""")
    db.execute("""DELETE FROM base.account_links
        WHERE (account_id, other_id) IN (SELECT (account_id, other_id) FROM decided_pairs)""")
    db.execute("""INSERT INTO base.account_links BY NAME
        SELECT d.account_id, d.other_id, 'by hand' AS rule, d.note AS evidence, 1.0 AS confidence, d.decision,
               d.decided_by, a.record_id
        FROM decided_pairs AS d JOIN base.current_accounts AS a ON a.account_id = d.account_id""")
    db.execute("DROP TABLE decided_pairs")


# Handles with a server or domain occur in bios too; a bare word could be anything. A page that its server verified and
# that is another account's entire domain name belongs to that account: only its owner could create both.
LINKS = r"""
WITH bearers AS (
    SELECT platform, lower(handle) AS handle, account_id FROM handles
    QUALIFY row_number() OVER (PARTITION BY platform, lower(handle) ORDER BY last_seen DESC, account_id) = 1
    UNION SELECT platform, lower(account_id), account_id FROM base.current_accounts
), fields AS (
    SELECT account_id, url, verified_at IS NOT NULL AS verified, record_id,
           lower(regexp_extract(url, '^https?://([^/?#]+)/?$', 1)) AS domain
    FROM account_fields WHERE url IS NOT NULL
), worded AS (
    SELECT account_id, record_id, unnest(list_distinct(regexp_extract_all(
               lower(description), '[\p{L}\p{N}_.-]+(?:@[\p{L}\p{N}-]+)?(?:\.[\p{L}\p{N}-]+)+'))) AS word
    FROM base.current_accounts WHERE contains(description, '.')
), says AS (
    SELECT f.account_id, b.account_id AS other_id, CASE WHEN f.verified THEN 'verified' ELSE 'field' END AS how,
           f.url AS evidence, f.record_id
    FROM fields AS f JOIN base.address_readings AS p USING (url)
    JOIN bearers AS b ON b.platform = p.platform AND b.handle = p.handle
    UNION ALL
    SELECT f.account_id, b.account_id, CASE WHEN f.verified THEN 'verified' ELSE 'field' END, f.url, f.record_id
    FROM fields AS f JOIN bearers AS b ON b.handle = f.domain
    UNION ALL
    SELECT w.account_id, b.account_id, 'words', w.word, w.record_id
    FROM worded AS w JOIN bearers AS b ON b.handle = w.word
    UNION ALL
    SELECT account_id, flag[7:], 'moved', flag, record_id FROM (
        SELECT account_id, record_id, unnest(flags) AS flag FROM base.current_accounts WHERE flags IS NOT NULL)
    WHERE starts_with(flag, 'moved:')
), pairs AS (
    SELECT least(s.account_id, s.other_id) AS account_id, greatest(s.account_id, s.other_id) AS other_id,
           bool_or(how = 'moved') AS moved, bool_or(how = 'verified') AS verified,
           count(DISTINCT s.account_id) = 2 AS mutual, string_agg(DISTINCT evidence, ' ' ORDER BY evidence) AS evidence,
           min(record_id) AS record_id
    FROM says AS s WHERE s.account_id <> s.other_id GROUP BY 1, 2
), judged AS (
    SELECT p.*, names_agree(a.name, b.name, b.handle) AS agree, a.name IS NOT NULL AND b.name IS NOT NULL AS named
    FROM pairs AS p JOIN base.current_accounts AS a ON a.account_id = p.account_id
    JOIN base.current_accounts AS b ON b.account_id = p.other_id
)
SELECT account_id, other_id,
       CASE WHEN moved THEN 'moved' WHEN verified THEN 'verified' WHEN mutual THEN 'both-ways' ELSE 'one-way' END
       AS rule, evidence,
       CASE WHEN moved THEN 0.99 WHEN verified THEN 0.97 WHEN mutual AND agree THEN 0.95 ELSE 0.5 END AS confidence,
       CASE WHEN moved OR verified OR (mutual AND agree) THEN 'accepted' ELSE 'proposed' END AS decision,
       'rule' AS decided_by, record_id
FROM judged WHERE moved OR verified OR mutual OR (agree AND named)
"""

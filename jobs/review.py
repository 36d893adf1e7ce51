"""Links and memberships that await a decision by a person; and the decisions made."""

from __future__ import annotations

import csv
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb

from jobs.context import DECISIONS as DECISIONS_FILE
from jobs.query import attached
from storage import csvfile
from storage.by_hand import LOCK, UNDECIDED
from storage.errors import UserError
from storage.linking.candidates import SURE as SURE
from storage.linking.candidates import candidates
from storage.linking.decisions import DECISIONS, LINKS, MEMBERSHIPS, Decision, by_coder, decisions
from storage.linking.decisions import write as append
from storage.locks import lock
from storage.privacy.outside_copies import remember

FIELDS = (
    "decision", "profile_id", "name", "platform", "account_id", "handle", "account_name", "confidence", "rule", "why",
    "evidence", "organisation",
)  # fmt: skip
CONFIDENCE, WHY = FIELDS.index("confidence") - 1, FIELDS.index("why") - 1  # in a row without `decision`
BY_HAND = "decided by hand"  # why an item is listed again, for another coder
# links that the rules of `load` could not decide, listed with the candidates; $again: and those decided by hand
WAITING = f"""
SELECT c.profile_id, p.name, c.platform, c.account_id, c.handle, a.name AS account_name, c.confidence, c.rule,
       CASE WHEN c.decided_by = 'rule' THEN c.decision ELSE '{BY_HAND}' END AS why, c.evidence, NULL AS organisation
FROM (FROM study.link_candidates UNION ALL BY NAME SELECT *, 'accepted' AS decision FROM study.links) AS c
LEFT JOIN study.profiles AS p USING (profile_id) LEFT JOIN study.accounts AS a USING (account_id)
WHERE c.account_id IS NOT NULL AND ($platform IS NULL OR c.platform = $platform)
  AND CASE WHEN c.decided_by = 'rule' THEN c.decision NOT IN ('accepted', 'organisation') ELSE $again END
ORDER BY c.profile_id, c.account_id
"""
# two accounts that may belong to one person: the first takes the place of a profile
TWO_ACCOUNTS = """
SELECT l.account_id AS profile_id, a.name, b.platform, l.other_id AS account_id, b.handle, b.name AS account_name,
       l.confidence, l.rule, 'two accounts' AS why, l.evidence, NULL AS organisation
FROM study.account_links AS l JOIN study.accounts AS a USING (account_id)
JOIN study.accounts AS b ON b.account_id = l.other_id
WHERE (l.decision = 'proposed' OR ($again AND l.decided_by <> 'rule'))
  AND ($platform IS NULL OR $platform IN (a.platform, b.platform))
ORDER BY l.account_id, l.other_id
"""
# unclear evidence, once per organisation without other evidence for or against it
UNCLEAR = """
SELECT p.profile_id, p.name, e.platform, a.account_id, a.handle, a.name AS account_name,
       max(e.confidence) AS confidence, arg_max(e.rule, e.confidence) AS rule, arg_max(e.stance, e.confidence) AS why,
       string_agg(DISTINCT e.quote, ' … ' ORDER BY e.quote) AS evidence, e.organisation
FROM study.evidence AS e LEFT JOIN study.profiles AS p ON p.profile_id = e.subject
LEFT JOIN study.accounts AS a ON a.account_id = e.subject
WHERE e.verdict = 'review' AND e.source <> 'decisions' AND e.organisation IS NOT NULL
  AND ($platform IS NULL OR e.platform = $platform)
  AND NOT EXISTS (FROM study.evidence AS o WHERE o.subject = e.subject
      AND CASE WHEN o.source = 'decisions' THEN NOT $again ELSE o.verdict = 'member' END
      AND coalesce(o.organisation, e.organisation) = e.organisation)
GROUP BY ALL ORDER BY confidence DESC, e.platform, p.profile_id, a.account_id, e.organisation
"""
PLATFORMS = "SELECT DISTINCT platform FROM study.accounts ORDER BY 1"
PROPOSED = """
SELECT c.profile_id, p.name, c.platform, c.account_id, c.handle, a.name AS account_name, c.confidence, c.rule,
       c.decision AS why, c.evidence, NULL AS organisation
FROM proposed AS c JOIN study.profiles AS p USING (profile_id) JOIN study.accounts AS a USING (account_id)
ORDER BY c.confidence DESC, c.profile_id, c.account_id
"""


def write(directory: Path, output: Path, *, platform: str | None = None, threshold: float = 0.5) -> tuple[int, int]:
    """Write the links that await a decision to the new file *output*; return their number, and that of sure candidates.

    Candidates come from a probabilistic model on name, handle, place and work, down to the probability *threshold*.
    """
    with attached(directory) as db:
        seen = [row[0] for row in db.execute(PLATFORMS).fetchall()]
        if platform is not None and platform not in seen:
            raise UserError(f"no accounts of {platform!r}; the study has accounts of {', '.join(seen) or 'none'}")
        waiting = (WAITING, UNCLEAR, TWO_ACCOUNTS)
        given = {"platform": platform, "again": False}
        rows = [row for query in waiting for row in db.execute(query, given).fetchall()]
        for name in [platform] if platform else seen:
            rows += proposed(db, name, threshold)
    with _opened(output, "x") as file:
        writer = csv.writer(file)
        writer.writerow(FIELDS)
        writer.writerows(["", *map(_cell, row)] for row in rows)
    remember(directory, "review", output)
    sure = sum(row[WHY] == "candidate" and row[CONFIDENCE] >= SURE for row in rows)
    return len(rows), sure


def proposed(db: duckdb.DuckDBPyConnection, platform: str, threshold: float) -> list[Any]:
    """The candidates for accounts of *platform* as rows of FIELDS, without `decision`. Raise UserError."""
    db.register("proposed", candidates(db, platform, threshold, "study."))
    rows = db.execute(PROPOSED).fetchall()
    db.unregister("proposed")
    return rows


def _opened(path: Path, mode: str) -> Any:
    try:
        return path.open(mode, encoding="utf-8", newline="")
    except FileExistsError:
        raise UserError(f"{path}: already exists, perhaps partly filled in; choose another file with -o") from None
    except OSError as error:
        raise UserError(f"{path}: cannot be written ({error.strerror}); choose another file with -o") from error


def _cell(value: Any) -> Any:
    """Escape what a spreadsheet would run as a formula; accounts and profiles are untrusted text."""
    return f"'{value}" if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r") else value


def take(directory: Path, path: Path, by: str) -> tuple[int, int]:
    """Append the decisions in *path*; return the number of new ones, and of those already there."""
    filled = _filled(directory, path, by)
    with lock(directory, LOCK):
        target = directory / DECISIONS_FILE
        holding = {one.about: one.decision for one in decisions(target)}
        own = {one.about: one.decision for one in by_coder(target) if one.decided_by == by}
        new = [one for one in filled if {holding.get(one.about), own.get(one.about)} != {one.decision}]
        append(target, new)
    return len(new), len(filled) - len(new)


def _filled(directory: Path, path: Path, by: str) -> list[Decision]:
    """The decision of each line that is filled in. Raise UserError for any mistake."""
    with attached(directory) as db:
        accounts = set(db.execute("SELECT platform, account_id FROM study.accounts").fetchall())
        profiles = {row[0] for row in db.execute("SELECT profile_id FROM study.profiles").fetchall()}
    bearers = {account for _, account in accounts}
    now = datetime.now(UTC).replace(microsecond=0)
    found = []
    wanted = ("decision", "profile_id", "platform", "account_id")
    names, lines = csvfile.records(path, ("decision", "profile_id"))
    if missing := [name for name in wanted if name not in names]:
        raise UserError(f"{path}: no column {missing[0]!r}; fill in the file that `sneeuwbal review` writes")
    for number, row in lines:
        decision, profile, platform, account = (row[name].strip() for name in wanted)
        decision, organisation = decision.lower(), (row.get("organisation") or "").strip()
        if not decision:
            continue
        place = f"{path}, line {number}"
        if decision not in DECISIONS:
            raise UserError(f"{place}: {decision!r} is not a decision; use {', '.join(DECISIONS)} or nothing")
        about_work = bool(organisation) if decision == UNDECIDED else decision in MEMBERSHIPS
        if about_work != bool(organisation):
            kinds = MEMBERSHIPS if organisation else LINKS
            raise UserError(f"{place}: {decision!r} does not apply to this line; use one of {', '.join(kinds)}")
        known = (platform, account) in accounts or (about_work and not account)
        named = profile in profiles or (about_work and not profile and account) or (
            not about_work and profile in bearers)  # fmt: skip
        if not (known and named):
            raise UserError(f"{place}: profile {profile!r} or {platform} account {account!r} is not in the study; "
                            "a spreadsheet may have rounded the id: read that column as text")  # fmt: skip
        note = f"{row.get('rule') or ''} {row.get('confidence') or ''}".strip()
        found.append(Decision(now, profile, platform, account, decision, by, note, organisation))
    return found

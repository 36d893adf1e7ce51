"""Links and memberships that await a decision by a person; and the decisions made."""

from __future__ import annotations

import csv
import os
import shutil
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import msgspec

from jobs.context import DATABASE
from jobs.context import DECISIONS as DECISIONS_FILE
from jobs.query import connect
from storage import csvfile
from storage.errors import UserError
from storage.linking.candidates import SURE as SURE
from storage.linking.candidates import candidates
from storage.linking.decisions import COLUMNS, DECISIONS, LINKS, MEMBERSHIPS, REQUIRED, Decision, decisions
from storage.locks import lock
from storage.privacy.outside_copies import remember

FIELDS = (
    "decision", "profile_id", "name", "platform", "account_id", "handle", "account_name", "confidence", "rule", "why",
    "evidence", "organisation",
)  # fmt: skip
CONFIDENCE, WHY = FIELDS.index("confidence") - 1, FIELDS.index("why") - 1  # in a row without `decision`
# links that the rules of `load` could not decide, listed with the candidates
WAITING = """
SELECT c.profile_id, p.name, c.platform, c.account_id, c.handle, a.name AS account_name, c.confidence, c.rule,
       c.decision AS why, c.evidence, NULL AS organisation
FROM study.link_candidates AS c LEFT JOIN study.profiles AS p USING (profile_id)
LEFT JOIN study.accounts AS a USING (account_id)
WHERE c.decided_by = 'rule' AND c.account_id IS NOT NULL AND c.decision <> 'organisation'
  AND ($platform IS NULL OR c.platform = $platform)
ORDER BY c.profile_id, c.account_id
"""
# two accounts that may belong to one person: the first takes the place of a profile
TWO_ACCOUNTS = """
SELECT l.account_id AS profile_id, a.name, b.platform, l.other_id AS account_id, b.handle, b.name AS account_name,
       l.confidence, l.rule, 'two accounts' AS why, l.evidence, NULL AS organisation
FROM study.account_links AS l JOIN study.accounts AS a USING (account_id)
JOIN study.accounts AS b ON b.account_id = l.other_id
WHERE l.decision = 'proposed' AND ($platform IS NULL OR $platform IN (a.platform, b.platform))
ORDER BY l.account_id, l.other_id
"""
# unclear evidence, once per organisation without other evidence for or against it
UNCLEAR = """
SELECT p.profile_id, p.name, e.platform, a.account_id, a.handle, a.name AS account_name,
       max(e.confidence) AS confidence, arg_max(e.rule, e.confidence) AS rule, arg_max(e.stance, e.confidence) AS why,
       string_agg(DISTINCT e.quote, ' … ' ORDER BY e.quote) AS evidence, e.organisation
FROM study.evidence AS e LEFT JOIN study.profiles AS p ON p.profile_id = e.subject
LEFT JOIN study.accounts AS a ON a.account_id = e.subject
WHERE e.verdict = 'review' AND e.organisation IS NOT NULL AND ($platform IS NULL OR e.platform = $platform)
  AND NOT EXISTS (FROM study.evidence AS o WHERE o.subject = e.subject
      AND (o.verdict = 'member' OR o.source = 'decisions')
      AND coalesce(o.organisation, e.organisation) = e.organisation)
GROUP BY ALL ORDER BY confidence DESC, e.platform, p.profile_id, a.account_id, e.organisation
"""
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
    db = _attached(directory)
    try:
        seen = [row[0] for row in db.execute("SELECT DISTINCT platform FROM study.accounts ORDER BY 1").fetchall()]
        if platform is not None and platform not in seen:
            raise UserError(f"no accounts of {platform!r}; the study has accounts of {', '.join(seen) or 'none'}")
        waiting = (WAITING, UNCLEAR, TWO_ACCOUNTS)
        rows = [row for query in waiting for row in db.execute(query, {"platform": platform}).fetchall()]
        for name in [platform] if platform else seen:
            db.register("proposed", candidates(db, name, threshold, "study."))
            rows += db.execute(PROPOSED).fetchall()
            db.unregister("proposed")
    finally:
        db.close()
    with _opened(output, "x") as file:
        writer = csv.writer(file)
        writer.writerow(FIELDS)
        writer.writerows(["", *map(_cell, row)] for row in rows)
    remember(directory, "review", output)
    sure = sum(row[WHY] == "candidate" and row[CONFIDENCE] >= SURE for row in rows)
    return len(rows), sure


def _attached(directory: Path) -> Any:
    """An in-memory connection with the published database attached read-only as `study`. Raise UserError."""
    connect(directory).close()  # raises the error if it cannot be read
    db = duckdb.connect()
    db.execute(f"ATTACH '{str(directory / DATABASE).replace(chr(39), chr(39) * 2)}' AS study (READ_ONLY)")
    return db


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
    with lock(directory, "decisions"):
        target = directory / DECISIONS_FILE
        made = {one.about: one.decision for one in decisions(target)}
        new = [one for one in filled if made.get(one.about) != one.decision]
        _append(target, new)
    return len(new), len(filled) - len(new)


def _filled(directory: Path, path: Path, by: str) -> list[Decision]:
    """The decision of each line that is filled in. Raise UserError for any mistake."""
    db = _attached(directory)
    try:
        accounts = set(db.execute("SELECT platform, account_id FROM study.accounts").fetchall())
        profiles = {row[0] for row in db.execute("SELECT profile_id FROM study.profiles").fetchall()}
    finally:
        db.close()
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
        about_work = decision in MEMBERSHIPS
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


def _append(path: Path, made: Sequence[Decision]) -> None:
    """Append *made* atomically and synced; an older file first gets the column of organisations."""
    new = not path.exists() or path.stat().st_size == 0
    columns = list(COLUMNS) if new else csvfile.records(path, REQUIRED)[0]
    if "organisation" not in columns and any(one.organisation for one in made):
        columns = _widened(path)
    cut = not new and not path.read_bytes().endswith(b"\n")
    with _opened(path, "a") as file:
        writer = csv.DictWriter(file, columns, lineterminator="\n", extrasaction="ignore")
        file.write("\n" if cut else "")
        if new:
            writer.writeheader()
        for one in made:
            writer.writerow({**msgspec.structs.asdict(one), "decided_at": one.decided_at.isoformat(timespec="seconds")})
        file.flush()
        os.fsync(file.fileno())


def _widened(path: Path) -> list[str]:
    """Rewrite *path* with a last column `organisation`; return its columns."""
    names, rows = csvfile.records(path, REQUIRED)
    columns, fresh = [*names, "organisation"], path.with_name(path.name + ".new")
    with _opened(fresh, "w") as file:
        writer = csv.DictWriter(file, columns, lineterminator="\n", restval="")
        writer.writeheader()
        writer.writerows(row for _, row in rows)
        file.flush()
        os.fsync(file.fileno())
    shutil.copymode(path, fresh)
    os.replace(fresh, path)
    return columns

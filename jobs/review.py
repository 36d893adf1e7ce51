"""Links between people and accounts that wait for a person to decide; and their decisions taken in."""

from __future__ import annotations

import csv
import os
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb

from jobs.context import DATABASE
from jobs.context import DECISIONS as DECISIONS_FILE
from jobs.query import connect
from storage import csvfile
from storage.errors import UserError
from storage.linking.candidates import SURE as SURE
from storage.linking.candidates import candidates
from storage.linking.link import COLUMNS, decisions
from storage.linking.link import DECISIONS as KINDS
from storage.locks import lock
from storage.privacy.outside_copies import remember

FIELDS = (
    "decision", "profile_id", "name", "platform", "account_id", "handle", "account_name", "confidence", "rule", "why",
    "evidence",
)  # fmt: skip
CONFIDENCE, WHY = FIELDS.index("confidence") - 1, FIELDS.index("why") - 1  # in a row without `decision`
# what the rules of `load` could not decide comes with the candidates: it waits for a person too
WAITING = """
SELECT c.profile_id, p.name, c.platform, c.account_id, c.handle, a.name AS account_name, c.confidence, c.rule,
       c.decision AS why, c.evidence
FROM study.link_candidates AS c LEFT JOIN study.profiles AS p USING (profile_id)
LEFT JOIN study.accounts AS a USING (account_id)
WHERE c.decided_by = 'rule' AND c.account_id IS NOT NULL AND c.decision <> 'organisation'
  AND ($platform IS NULL OR c.platform = $platform)
ORDER BY c.profile_id, c.account_id
"""
PROPOSED = """
SELECT c.profile_id, p.name, c.platform, c.account_id, c.handle, a.name AS account_name, c.confidence, c.rule,
       c.decision AS why, c.evidence
FROM proposed AS c JOIN study.profiles AS p USING (profile_id) JOIN study.accounts AS a USING (account_id)
ORDER BY c.confidence DESC, c.profile_id, c.account_id
"""


def write(directory: Path, output: Path, *, platform: str | None = None, threshold: float = 0.5) -> tuple[int, int]:
    """Write the links that wait into the new file *output*; return how many, and how many of them are sure candidates.

    Candidates come from a probabilistic model on name, handle, place and work, down to the probability *threshold*.
    """
    db = _attached(directory)
    try:
        seen = [row[0] for row in db.execute("SELECT DISTINCT platform FROM study.accounts ORDER BY 1").fetchall()]
        if platform is not None and platform not in seen:
            raise UserError(f"the study has no accounts of {platform!r}; it has some of {', '.join(seen) or 'none'}")
        rows = db.execute(WAITING, {"platform": platform}).fetchall()
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
    """A connection in memory with the published database beside it, read-only, as `study`. Raise UserError."""
    connect(directory).close()  # says what is wrong if it cannot be read
    db = duckdb.connect()
    db.execute(f"ATTACH '{str(directory / DATABASE).replace(chr(39), chr(39) * 2)}' AS study (READ_ONLY)")
    return db


def _opened(path: Path, mode: str) -> Any:
    try:
        return path.open(mode, encoding="utf-8", newline="")
    except FileExistsError:
        raise UserError(f"{path}: is there already, perhaps half filled in; name another file with -o") from None
    except OSError as error:
        raise UserError(f"{path}: cannot be written ({error.strerror}); name another file with -o") from error


def _cell(value: Any) -> Any:
    """A spreadsheet takes what begins so for a formula; account and profile are people's own words."""
    return f"'{value}" if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r") else value


def take(directory: Path, path: Path, by: str) -> tuple[int, int]:
    """Append what is filled in in *path* to the decisions; return how many are new, and how many were there."""
    filled = _filled(directory, path, KINDS)
    with lock(directory, "decisions"):
        target = directory / DECISIONS_FILE
        made = {(one.profile_id, one.platform, one.account.lower()): one.decision for one in decisions(target)}
        new = [row for row in filled if made.get((row[0], row[1], row[2].lower())) != row[3]]
        _append(
            target, COLUMNS, [(datetime.now(UTC).isoformat(timespec="seconds"), *row[:4], by, row[4]) for row in new]
        )
    return len(new), len(filled) - len(new)


def _filled(directory: Path, path: Path, kinds: Sequence[str]) -> list[tuple[str, str, str, str, str]]:
    """Profile, platform, account, decision and note of each line that is filled in. Raise UserError for any mistake."""
    db = _attached(directory)
    try:
        accounts = set(db.execute("SELECT platform, account_id FROM study.accounts").fetchall())
        profiles = {row[0] for row in db.execute("SELECT profile_id FROM study.profiles").fetchall()}
    finally:
        db.close()
    found = []
    names, lines = csvfile.records(path, ("decision", "profile_id"))
    if missing := [name for name in ("decision", "profile_id", "platform", "account_id") if name not in names]:
        raise UserError(f"{path}: has no column {missing[0]!r}; fill in the file that `sneeuwbal review` writes")
    for number, row in lines:
        decision, profile, platform, account = (
            row[name].strip() for name in ("decision", "profile_id", "platform", "account_id")
        )
        if not decision:
            continue
        place = f"{path}, line {number}"
        if decision.lower() not in kinds:
            raise UserError(f"{place}: {decision!r} is no decision; write one of {', '.join(kinds)}, or nothing")
        if (platform, account) not in accounts or profile not in profiles:
            raise UserError(f"{place}: profile {profile!r} or {platform} account {account!r} is not in the study; "
                            "a spreadsheet may have rounded the id: read that column as text")  # fmt: skip
        note = f"{row.get('rule') or ''} {row.get('confidence') or ''}".strip()
        found.append((profile, platform, account, decision.lower(), note))
    return found


def _append(path: Path, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Append *rows* after what is there, whole and synced."""
    new = not path.exists() or path.stat().st_size == 0
    cut = not new and not path.read_bytes().endswith(b"\n")
    with _opened(path, "a") as file:
        writer = csv.writer(file, lineterminator="\n")
        file.write("\n" if cut else "")
        if new:
            writer.writerow(columns)
        writer.writerows(rows)
        file.flush()
        os.fsync(file.fileno())

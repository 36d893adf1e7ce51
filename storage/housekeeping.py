"""Removal of old files by rule: superseded reports and unused private files.

Archive, state, database, study file and decisions are never touched.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

KEEP_REPORTS = 10
KEEP_DAYS = 30  # superseded private files, in case an old one is needed

REPORT = re.compile(r"\d{8}T\d{6}Z(-\d+)?")
SUPERSEDED = ("state.sqlite.old", "state.sqlite.new", "study.duckdb.wal.stale-*", "archive/.*.part")
PICTURE = re.compile(r"\.verify-(\d+)\.duckdb")


def prune(study: Path, now: datetime, *, keep: int = KEEP_REPORTS, dry: bool = False) -> list[Path]:
    """Remove what the rules allow (*dry*: only list it), and return it.

    The newest *keep* reports, the last of every month, and the target of `latest` are kept; superseded
    private files are kept KEEP_DAYS days; database links of a killed `verify` are removed at once.
    """
    found = [*_reports(study / "reports", keep), *_superseded(study, now), *_pictures(study)]
    if not dry:
        for path in found:
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)
    return found


def _reports(folder: Path, keep: int) -> Iterator[Path]:
    if not folder.is_dir():
        return
    made = sorted(path for path in folder.iterdir() if path.is_dir() and REPORT.fullmatch(path.name))
    last_of_month = {path.name[:6]: path for path in made}.values()
    kept = {*made[len(made) - min(keep, len(made)) :], *last_of_month}
    latest = folder / "latest"
    if latest.is_symlink():
        kept.add(folder / latest.readlink().name)
    yield from (path for path in made if path not in kept)


def _superseded(study: Path, now: datetime) -> Iterator[Path]:
    for pattern in SUPERSEDED:
        for path in sorted(study.glob(pattern)):
            if now.timestamp() - path.stat().st_mtime > KEEP_DAYS * 86_400:
                yield path


def _pictures(study: Path) -> Iterator[Path]:
    for path in sorted(study.glob(".verify-*.duckdb")):
        number = PICTURE.fullmatch(path.name)
        if number and not Path(f"/proc/{number[1]}").exists():
            yield path

"""What may be thrown away, by rule: reports long superseded, and private files that nothing needs any more.

Archive, state, database, study file and decisions are never touched.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

KEEP_REPORTS = 10
KEEP_DAYS = 30  # superseded private files: time enough to notice that the old one is wanted

REPORT = re.compile(r"\d{8}T\d{6}Z(-\d+)?")
SUPERSEDED = ("state.sqlite.old", "state.sqlite.new", "study.duckdb.wal.stale-*", "archive/.*.part")
PICTURE = re.compile(r"\.verify-(\d+)\.duckdb")


def prune(study: Path, now: datetime, *, keep: int = KEEP_REPORTS, dry: bool = False) -> list[Path]:
    """Remove what the rules let go of (with *dry*: only tell), and return it.

    Of the reports the newest *keep* stay, the last of every month, and the one that `latest` points at; superseded
    private files stay KEEP_DAYS days; pictures of the database that a killed `verify` left go at once.
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

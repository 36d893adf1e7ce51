"""Housekeeping: copy a study safely while it runs, and delete unused files."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from jobs.context import DECISIONS
from jobs.secrets import NEVER_COPIED, all_secrets
from storage import backup as storage_backup
from storage import by_hand, housekeeping
from storage.backup import Report
from storage.locks import lock
from study.study_file import FILE, Study


def backup(study: Study, target: Path, *, link: bool = True) -> Report:
    """Copy *study* to the new directory *target*; return what was copied. With *link*, hard links where possible.

    Nothing is erased from the study meanwhile.
    """
    with lock(study.directory, "backup", wait=True):
        return storage_backup.backup(study.directory, target, files(study), secrets=all_secrets(study), link=link)


def prune(study: Study, *, keep: int = housekeeping.KEEP_REPORTS, dry: bool = False) -> list[Path]:
    """Remove old reports and unused private files (*dry*: only list them); return their paths."""
    return housekeeping.prune(study.directory, datetime.now(UTC), keep=keep, dry=dry)


def files(study: Study) -> list[Path]:
    """The files of *study*: the study file, decisions, hand-written tables, and the files it names."""
    named = [Path(FILE), Path(DECISIONS), *map(Path, by_hand.FILES), *by_hand.evidence(study.directory)]
    named += [Path(text) for text in _texts(study.model_dump(exclude={"published"})) if _is_file(study, text)]
    return sorted({path for path in named if not path.is_absolute() and path.name not in NEVER_COPIED})


def _is_file(study: Study, text: str) -> bool:
    """Whether *text* is the name of an existing file next to the study file."""
    try:
        return "." in text and len(text) < 200 and (study.directory / text).is_file()
    except (OSError, ValueError):
        return False


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for each in value.values():
            yield from _texts(each)
    elif isinstance(value, (list, tuple)):
        for each in value:
            yield from _texts(each)

"""Taking targets and files in: admissions, and the pieces of files into the archive."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from collectors import files
from collectors.engine.run import Report, mend_archive
from collectors.wire.exchange import Wire
from jobs.collect import Progress, collect_one, silent, stopping
from jobs.context import Say, open_state
from jobs.secrets import all_secrets
from storage.archive.writer import Writer
from storage.errors import UserError
from storage.frontier.base import Frontier
from storage.locks import lock
from storage.privacy.declared import hooks_of
from storage.records import Request
from storage.sampling import admission
from study.installed import installed
from study.study_file import Study


def admit_requests(
    study: Study, frontier: Frontier, rule: str, requests: list[Request], now: datetime
) -> dict[str, int]:
    """Queue *requests*; return the number of new ones by collector and kind."""
    with admitting(study, now) as writer:
        return admission.enter(rule, requests, frontier, writer, now)


@contextmanager
def admitting(study: Study, now: datetime) -> Iterator[Writer]:
    """The archive's writer for admissions; one process at a time."""
    with lock(study.directory, "admit", wait=True):
        mend_archive(study.archive, "snowball")
        writer = Writer(study.archive, "snowball", secrets=all_secrets(study), now=lambda: now)
        try:
            yield writer
        finally:
            writer.close()


def unreadable(form: str, path: Path) -> str:
    """Why the file *path* cannot be read as *form*; "" if it can."""
    try:
        files.targets(form, [path], {})
    except UserError as error:
        return str(error)
    return ""


def read_files(
    study: Study,
    form: str,
    paths: Sequence[Path],
    options: Mapping[str, Any],
    *,
    progress: Progress = silent,
    say: Say = print,
) -> Report:
    """Read the files *paths* of a format into the archive. Raise UserError."""
    if form == "survey" and study.survey.respondent:
        options = {"respondent": study.survey.respondent, **options}
    offer = hooks_of(installed()[form].load()).donation
    if offer is not None and offer.further and study.participants.domains:
        options = {"domains": sorted(study.participants.domains), **options}
    found = files.targets(form, paths, options)
    frontier = open_state(study)
    try:
        new = admit_requests(study, frontier, "import", [Request(target, "") for target in found], datetime.now(UTC))
        if not new:
            say("these files are already imported; nothing new")
        with stopping() as stop:
            report = collect_one(
                study, frontier, form, installed()[form].load(), Wire(), stop, progress,
                options={**options, "paths": files.paths_of(found)},
            )  # fmt: skip
    finally:
        frontier.close()
    return report

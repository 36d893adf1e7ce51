"""`sneeuwbal retain`: what is gone on its platform, or was kept long enough, goes here too."""

from __future__ import annotations

import csv
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from storage.archive.reader import Entry
from storage.records import Page

if TYPE_CHECKING:
    from storage.privacy.forget import Cut
    from study.study_file import Study


@click.command()
@click.option("--recheck", is_flag=True, help="Only queue every account and post that is held for a look-up.")
@click.option("--dry-run", is_flag=True, help="Only say what would go.")
@click.pass_obj
def command(directory: Path, recheck: bool, dry_run: bool) -> None:
    """Take out what its platform says is deleted, suspended or protected, and what is older than [minimise] keep_days.

    Archive, state, database and reports are cut; the view `removed` says what went and why, without its content. It
    waits for collectors that run. As a job: task = "retain"; `compliance` asks the platforms first. X asks for 24
    hours. With [minimise] redact_archive it also redacts what was archived before.
    """
    from commands.compliance import queue
    from commands.context import DATABASE, open_state, open_study, parsers
    from storage.privacy import retention
    from storage.privacy.declared import platforms
    from storage.tables import database

    study = open_study(directory)
    if recheck:
        frontier = open_state(study)
        queue(study, frontier)
        frontier.close()
        click.echo("`sneeuwbal collect` asks them; then load, and run this again")
    elif dry_run:
        with database.open_readonly(directory / DATABASE) as db:
            click.echo(_told(len(retention.gone(db, platforms(parsers()).values()))))
    else:
        retain(study)


def retain(study: Study) -> None:
    """Take out what is to go, and say what that was."""
    from commands.forget import hold, rebuild
    from storage.locks import lock
    from storage.privacy.forget import Cut, rewrite
    from storage.privacy.minimise import Expiry

    now, cut = datetime.now(UTC), Cut()
    archive = study.directory / "archive"
    with ExitStack() as locks:
        hold(locks, study, wait=True)
        with lock(study.directory, "load", wait=True):
            rewrite(archive, Expiry(study.minimise.keep_days, now), cut)
            expired = cut.removed
            if study.minimise.redact_archive:
                rewrite(archive, Redaction(study), cut)
            redacted = cut.changed
            rows = _gone(study, now, cut)
            gone = len(rows)
            rows += [(now.isoformat(timespec="seconds"), "", "answer", "", "expired")] * expired
            if rows or redacted:
                _log(study, rows, cut)
        if rows or redacted:
            rebuild(study.directory)
    click.echo(f"{_told(gone)}; {expired:,} answers were kept long enough" if rows else "nothing is to go")
    if redacted:
        click.echo(f"{redacted:,} answers were redacted that had come before")


def _told(gone: int) -> str:
    return f"{gone:,} posts and accounts are gone on their platforms"


def _gone(study: Study, now: datetime, cut: Cut) -> list[tuple[str, str, str, str, str]]:
    """Cut what is gone out of everything; return its rows for the view `removed`."""
    from commands.context import DATABASE, parsers
    from storage.privacy import retention
    from storage.privacy.declared import platforms
    from storage.privacy.erase import Cutter
    from storage.privacy.forget import forget
    from storage.privacy.forgotten import Forgotten
    from storage.tables import database

    with database.open_readonly(study.directory / DATABASE) as db:
        gone = retention.gone(db, platforms(parsers()).values())
    names = {name for one in gone for name in one.names}
    if not names:
        return []
    forgotten = Forgotten(study.directory, parsers())
    forget(study.directory, Cutter(names, forgotten), cut, published=study.directory / DATABASE)
    forgotten.add_tokens(names)
    at = now.isoformat(timespec="seconds")
    return [(at, one.platform, one.kind, forgotten.token(min(one.names)), one.reason) for one in gone]


class Redaction:
    """Answers that came before the study redacted its archive, redacted now; what `forgetting.rewrite` asks."""

    people: frozenset[str] = frozenset()

    def __init__(self, study: Study) -> None:
        from collectors.parsing.redact import redaction
        from study.study_file import installed

        self._redact = {name: redaction(point.load()) for name, point in installed().items()}
        self._drop = frozenset(study.minimise.drop)

    def entry(self, entry: Entry) -> Entry | None:
        """*entry* redacted; itself if it was, or cannot be."""
        if not isinstance(entry, Page) or not entry.wants or (entry.redacted and self._drop <= set(entry.redacted)):
            return entry
        redacted = self._redact.get(entry.wants[0].target.collector)
        return entry if redacted is None else redacted(entry, self._drop)

    def finds(self, text: str) -> bool:
        """Records that are not ours stay."""
        return False


def _log(study: Study, rows: list[tuple[str, str, str, str, str]], cut: Cut) -> None:
    """Write down what went, and document the cut in the archive; old reports may show it."""
    import shutil

    from storage.archive import writer as archiving
    from storage.privacy.retention import COLUMNS, FILE

    path = study.directory / FILE
    fresh = not path.exists()
    with path.open("a", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerows([COLUMNS] if fresh else [])
        writer.writerows(rows)
    shutil.rmtree(study.directory / "reports", ignore_errors=True)
    notes = archiving.Writer(study.directory / "archive", "forget")
    notes.note("cut", {"by": "retain", "rows": len(rows), "removed": cut.removed, "changed": cut.changed})
    notes.close()

"""`sneeuwbal retain`: what is gone on its platform, or was kept long enough, goes here too."""

from __future__ import annotations

import csv
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from storage.forgetting import Cut
    from storage.retention import Gone
    from study import Study


@click.command()
@click.option("--recheck", is_flag=True, help="First queue every post and account of X for a look-up; then collect.")
@click.option("--dry-run", is_flag=True, help="Only say what would go.")
@click.pass_obj
def command(directory: Path, recheck: bool, dry_run: bool) -> None:
    """Take out what its platform says is deleted, suspended or protected, and what is older than [minimise] keep_days.

    Archive, database and reports are cut; the view `removed` says what went and why, without its content. A job of the
    schedule with command = "retain" does it in time; X asks for 24 hours.
    """
    from commands.context import DATABASE, open_study
    from storage import database, retention

    study = open_study(directory)
    with database.open_readonly(directory / DATABASE) as db:
        wants, gone = retention.rechecks(db) if recheck else [], retention.gone(db)
    if recheck:
        _queue(study, wants)
    told = f"{len(gone):,} posts and accounts are gone on their platforms"
    if dry_run:
        click.echo(told)
        return
    expired = _cut(study, gone)
    click.echo(f"{told}; {expired:,} answers were kept long enough" if gone or expired else "nothing is to go")


def _queue(study: Study, wants: list[tuple[str, str]]) -> None:
    from commands.context import open_state
    from commands.job import admit_wants
    from storage.records import Target, Want

    frontier, now = open_state(study), datetime.now(UTC)
    for kind in sorted({kind for kind, _ in wants}):
        frontier.revisit("x", kind, now)
    new = admit_wants(study, frontier, "recheck", [Want(Target("x", *want), "") for want in wants], now)
    frontier.close()
    click.echo(f"queued {sum(new.values()):,} look-ups; `sneeuwbal collect x` asks them, then run this again")


def _cut(study: Study, gone: list[Gone]) -> int:
    """Rewrite the archive and load anew; return how many answers were old."""
    from commands.forget import hold, rebuild
    from storage.cutting import Cutter
    from storage.forgetting import Cut, rewrite
    from storage.forgotten import Forgotten
    from storage.locks import lock
    from storage.minimising import Expiry

    now, cut = datetime.now(UTC), Cut()
    with ExitStack() as locks:
        hold(locks, study)
        with lock(study.directory, "load"):
            expiry = Expiry(study.minimise.keep_days, now)
            rewrite(study.directory / "archive", expiry, cut)
            expired = cut.removed
            forgotten = Forgotten(study.directory)
            names = {name for one in gone for name in one.names}
            if names:
                rewrite(study.directory / "archive", Cutter(names, forgotten), cut)
            at = now.isoformat(timespec="seconds")
            rows = [(at, one.platform, one.kind, forgotten.token(min(one.names)), one.reason) for one in gone]
            rows += [(at, "", "answer", "", "expired")] * expired
            _log(study, rows, cut)
        if rows:
            rebuild(study.directory)
    return expired


def _log(study: Study, rows: list[tuple[str, str, str, str, str]], cut: Cut) -> None:
    """Write down what went, and document the cut in the archive; old reports may show it."""
    import shutil

    from storage import archiving
    from storage.retention import COLUMNS, FILE

    if not rows:
        return
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

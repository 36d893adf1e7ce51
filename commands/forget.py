"""`sneeuwbal forget`: remove a person permanently."""

from __future__ import annotations

from pathlib import Path

import click

from jobs.context import open_study
from jobs.forget import Removal, forget
from storage.errors import Partial


@click.command()
@click.argument("who")
@click.option("--backup", "backups", multiple=True, type=click.Path(path_type=Path, exists=True, file_okay=False),
              help="Directory with copies of the study, to be erased as well (repeatable).")  # fmt: skip
@click.option("--yes", is_flag=True, help="Do not ask for confirmation.")
@click.pass_obj
def command(directory: Path, who: str, backups: tuple[Path, ...], yes: bool) -> None:
    """Remove WHO (the address, handle or id of an account or profile) and everything the study links to them.

    Their data are deleted from archive, state, database, reports and the backups given; in other people's records
    a token replaces them. Only keyed digests remain, to prevent new collection. This cannot be undone.
    """

    def confirm(found: str) -> None:
        if not yes:
            click.confirm(f"forget {who} ({found})? This cannot be undone", abort=True)

    done = forget(open_study(directory), who, backups=backups, confirm=confirm, say=click.echo)
    _show(done)
    if done.left or done.cut.unread:
        raise Partial("; ".join([*(f"still present: {place}" for place in done.left),
                                 *(f"could not be examined: {place}" for place in done.cut.unread)]))  # fmt: skip


def _show(done: Removal) -> None:
    cut = done.cut
    click.echo(f"archive: {cut.removed:,} records removed, {cut.changed:,} changed, in {cut.segments} segments")
    click.echo(f"state: {cut.state:,} rows; reports removed: {cut.reports}; files changed: {len(cut.files)}")
    if cut.databases:
        click.echo(f"old databases deleted: {', '.join(cut.databases)}")
    for name in done.undeclared:
        click.echo(
            f"the collector {name!r} does not declare personal fields: in its answers, every object that names this"
            " person lost all its text"
        )
    if cut.review:
        click.echo(f"their name (or a namesake's) remains in {len(cut.review)} places; review:")
        for place in sorted(set(cut.review)):
            click.echo(f"  {place}")

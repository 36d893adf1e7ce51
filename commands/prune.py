"""`sneeuwbal prune`: throw away what is superseded."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import click


@click.command()
@click.option("--keep", type=click.IntRange(1), default=10, show_default=True, help="Reports to keep.")
@click.option("--dry-run", is_flag=True, help="Only say what would go.")
@click.pass_obj
def command(directory: Path, keep: int, dry_run: bool) -> None:
    """Remove superseded reports and private files; never archive, state, database or decisions.

    The newest reports stay, the last of every month, and the latest; superseded private files stay 30 days.
    """
    from commands.context import open_study
    from storage.housekeeping import prune

    study = open_study(directory)
    gone = prune(study.directory, datetime.now(UTC), keep=keep, dry=dry_run)
    for path in gone:
        click.echo(f"{'would remove' if dry_run else 'removed'} {path.relative_to(study.directory)}")
    if not gone:
        click.echo("nothing to remove")

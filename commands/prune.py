"""`sneeuwbal prune`: delete old reports and unused files."""

from __future__ import annotations

from pathlib import Path

import click

from jobs.backup import prune
from jobs.context import open_study


@click.command()
@click.option("--keep", type=click.IntRange(1), default=10, show_default=True, help="Number of reports to keep.")
@click.option("--dry-run", is_flag=True, help="Only list what would be removed.")
@click.pass_obj
def command(directory: Path, keep: int, dry_run: bool) -> None:
    """Delete old reports and unused private files; never archive, state, database or decisions.

    The newest reports and the last of each month are kept; unused private files are kept for 30 days.
    """
    study = open_study(directory)
    gone = prune(study, keep=keep, dry=dry_run)
    for path in gone:
        click.echo(f"{'would remove' if dry_run else 'removed'} {path.relative_to(study.directory)}")
    if not gone:
        click.echo("nothing to remove")

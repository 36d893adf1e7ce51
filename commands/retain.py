"""`sneeuwbal retain`: remove what is deleted on its platform, or passed its retention period."""

from __future__ import annotations

from pathlib import Path

import click

from jobs.context import open_study
from jobs.retain import gone, recheck, retain


@click.command()
@click.option("--recheck", "only_queue", is_flag=True, help="Only queue a look-up of every stored account and post.")
@click.option("--dry-run", is_flag=True, help="Only count what would be removed.")
@click.pass_obj
def command(directory: Path, only_queue: bool, dry_run: bool) -> None:
    """Remove what its platform reports as deleted, suspended or protected, and what is older than [minimise] keep_days.

    Data are removed from archive, state, database and reports; the view `removed` lists what and why, without content.
    Waits for running collectors. Schedule it with task = "retain"; `compliance` checks with the platforms first (X
    requires it within 24 hours). With [minimise] redact_archive it also redacts what was archived earlier.
    """
    study = open_study(directory)
    if only_queue:
        recheck(study, say=click.echo)
        click.echo("now run `sneeuwbal collect`, `sneeuwbal load`, and this command again")
    elif dry_run:
        click.echo(f"{gone(study):,} posts and accounts are no longer on their platforms")
    else:
        retain(study, say=click.echo)

"""`sneeuwbal retain`: what is gone on its platform, or was kept long enough, goes here too."""

from __future__ import annotations

from pathlib import Path

import click

from jobs.context import open_study
from jobs.retain import gone, recheck, retain


@click.command()
@click.option("--recheck", "only_queue", is_flag=True, help="Only queue a look-up of every account and post held.")
@click.option("--dry-run", is_flag=True, help="Only count what would be removed.")
@click.pass_obj
def command(directory: Path, only_queue: bool, dry_run: bool) -> None:
    """Remove what its platform says is deleted, suspended or protected, and what is older than [minimise] keep_days.

    Archive, state, database and reports are cut; the view `removed` says what went and why, without its content. It
    waits for collectors that run. As a job: task = "retain"; `compliance` asks the platforms first. X asks for 24
    hours. With [minimise] redact_archive it also redacts what was archived before.
    """
    study = open_study(directory)
    if only_queue:
        recheck(study, say=click.echo)
        click.echo("now run `sneeuwbal collect`, `sneeuwbal load`, and this command again")
    elif dry_run:
        click.echo(f"{gone(study):,} posts and accounts are gone on their platforms")
    else:
        retain(study, say=click.echo)

"""`sneeuwbal recover`: rebuild the state from the archive."""

from __future__ import annotations

from pathlib import Path

import click

from jobs.context import STATE, open_study
from jobs.verify import recover


@click.command()
@click.pass_obj
def command(directory: Path) -> None:
    """Rebuild the state from the archive; an old state.sqlite is kept as state.sqlite.old."""
    study = open_study(directory)
    for name, number in recover(study).items():
        click.echo(f"{name}: {number:,} targets")
    click.echo(f"{study.store.frontier or study.directory / STATE} rebuilt")

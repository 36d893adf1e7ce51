"""`sneeuwbal compliance`: check the stored items with their platforms, and remove those deleted there."""

from __future__ import annotations

from pathlib import Path

import click

from commands.terminal import HIDE, progress
from jobs.collect import judge
from jobs.context import open_study
from jobs.retain import compliance


@click.command()
@HIDE
@click.pass_obj
def command(directory: Path, hide_progress: bool) -> None:
    """Look up every stored account and post, in batches; remove what is deleted, suspended or protected.

    That is `retain --recheck`, `collect` for the look-ups, `load` and `retain` in one. Schedule it (task =
    "compliance"), daily where X is collected. `sneeuwbal plan` estimates what the look-ups cost.
    """
    judge(compliance(open_study(directory), progress=progress(hide_progress), say=click.echo))

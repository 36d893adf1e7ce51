"""`sneeuwbal compliance`: ask the platforms again about what is held, and remove what is gone there."""

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
    """Look up every account and post that is held, in batches, and remove what is deleted, suspended or protected.

    That is `retain --recheck`, `collect` of the look-ups, `load` and `retain` in one; made for a job of the schedule
    (task = "compliance"), daily where X is collected. What a look-up costs: `sneeuwbal plan`.
    """
    judge(compliance(open_study(directory), progress=progress(hide_progress), say=click.echo))

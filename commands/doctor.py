"""`sneeuwbal doctor`: check the installation and the study."""

from __future__ import annotations

from pathlib import Path

import click

from commands.terminal import show
from jobs.doctor import checks


@click.command()
@click.pass_obj
def command(directory: Path) -> None:
    """Check environment, access, secrets, disk, clock and files; exit with 3 if there is a problem."""
    show(checks(directory))

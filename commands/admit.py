"""`sneeuwbal admit`: queue the targets that the sampling rules select."""

from __future__ import annotations

from pathlib import Path

import click

from jobs.context import open_study
from jobs.run import admit


@click.command()
@click.pass_obj
def command(directory: Path) -> None:
    """Queue the targets that the sampling rules select from what is published now."""
    new = admit(open_study(directory))
    click.echo("\n".join(f"{name}: {number:,} admitted" for name, number in new.items()) or "no new targets")

"""`sneeuwbal store move`: move a study to its stores, or back."""

from __future__ import annotations

from pathlib import Path

import click

from jobs.move import move as move_study


@click.group()
def command() -> None:
    """Where archive and state are kept, if not on this machine."""


@command.command()
@click.option("--back", is_flag=True, help="Bring archive and state back into the study's directory.")
@click.pass_obj
def move(directory: Path, back: bool) -> None:
    """Move archive and state to what [store] of the study file names.

    Every segment is read back and compared with its checksum, the state row by row, before the file here is given up.
    After a kill, the same command continues.
    """
    move_study(directory, back=back, say=click.echo)

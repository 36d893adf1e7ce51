"""`sneeuwbal verify`: are archive, state and database consistent?"""

from __future__ import annotations

from pathlib import Path

import click

from commands.terminal import show
from jobs.context import open_study
from jobs.verify import verify_study


@click.command()
@click.option("--seal", is_flag=True, help="Record checksums of sealed segments that have none.")
@click.pass_obj
def command(directory: Path, seal: bool) -> None:
    """Prove that archive, state and database are consistent; exit code 3 if they are not. Nothing is locked.

    Every segment is read to its end and compared with its checksum in archive/MANIFEST; every row must lead to a
    record of the archive, and every record that was loaded to a row; the state must be the one that the archive gives.
    """
    show(verify_study(open_study(directory), seal=seal))

"""`sneeuwbal verify`: check that archive, state and database are consistent"""

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
    """Check that archive, state and database are consistent; exit with 3 if not. Nothing is locked.

    Every segment is read to its end and compared with its checksum in archive/MANIFEST; every row must have a record
    in the archive, every loaded record a row; the state must equal the one rebuilt from the archive.
    """
    show(verify_study(open_study(directory), seal=seal))

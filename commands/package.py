"""`sneeuwbal package`: all that a reviewer needs, in one folder that describes itself."""

from __future__ import annotations

from pathlib import Path

import click

from jobs.context import open_study
from jobs.package import NO_LICENCE, package


@click.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--with-archive", is_flag=True,
              help="Archive, study file and database as they are: names people, for those you trust.")  # fmt: skip
@click.option("--license", "licence", default=NO_LICENCE, show_default=True, help="Address of the licence.")
@click.pass_obj
def command(directory: Path, folder: Path, with_archive: bool, licence: str) -> None:
    """Make a replication package in FOLDER: an RO-Crate with report, tables, definitions, versions and database.

    Its database has pseudonyms instead of persons, and no texts; the report in it is made from that. `reproduce` makes
    every figure again from the package alone.
    """
    package(open_study(directory), folder, with_archive=with_archive, licence=licence, say=click.echo)

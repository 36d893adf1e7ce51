"""`sneeuwbal package`: a replication package in one folder."""

from __future__ import annotations

from pathlib import Path

import click

from commands.terminal import formats
from jobs.context import open_study
from jobs.package import NO_LICENCE, package
from jobs.report import FORMATS


@click.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--with-archive", is_flag=True,
              help="Include archive, study file and unchanged database: identifies people.")  # fmt: skip
@click.option("--license", "licence", default=NO_LICENCE, show_default=True, help="URL of the licence.")
@formats(FORMATS)
@click.pass_obj
def command(directory: Path, folder: Path, with_archive: bool, licence: str, formats: list[str]) -> None:
    """Make a replication package in FOLDER: an RO-Crate of report, tables, definitions, versions and database.

    The database has pseudonyms instead of names and no texts; the report is made from it. `reproduce` recomputes
    every figure from the package alone.
    """
    package(open_study(directory), folder, with_archive=with_archive, licence=licence, formats=formats, say=click.echo)

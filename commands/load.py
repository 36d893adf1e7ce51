"""`sneeuwbal load`: archive -> tables."""

from __future__ import annotations

from pathlib import Path

import click

from jobs.context import open_study
from jobs.run import load
from storage.errors import Partial, UserError


@click.command()
@click.option("--fresh", is_flag=True, help="Load from scratch instead of adding what is new.")
@click.option("--archive", "archives", multiple=True, type=click.Path(path_type=Path),
              help="Merge another machine's archive (or study) first (repeatable).")  # fmt: skip
@click.pass_obj
def command(directory: Path, fresh: bool, archives: tuple[Path, ...]) -> None:
    """Derive the tables from the archive and publish study.duckdb; readers of the old file are not disturbed."""
    report = load(open_study(directory), fresh=fresh, archives=archives, say=click.echo)
    if report is None:
        raise UserError(f"{directory / 'archive'}: there is no archive yet; `sneeuwbal collect` makes one")
    if report.partial:
        raise Partial(f"{len(report.damage)} segments could not be read whole; what could be is loaded")

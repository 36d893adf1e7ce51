"""`sneeuwbal load`: derive the tables from the archive."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path

import click

from jobs.cluster import cluster
from jobs.context import open_study
from jobs.run import load, without_pandas
from storage.errors import Partial, UserError


@click.command()
@click.option("--fresh", is_flag=True, help="Reload everything instead of adding new entries.")
@click.option("--archive", "archives", multiple=True, type=click.Path(path_type=Path),
              help="First merge the archive (or study) of another machine (repeatable).")  # fmt: skip
@click.option(
    "--executor",
    "scheduler",
    metavar="dask://HOST:PORT",
    help="Parse with the workers of this Dask scheduler; they need the study under the same path.",
)
@click.pass_obj
def command(directory: Path, fresh: bool, archives: tuple[Path, ...], scheduler: str | None) -> None:
    """Derive the tables from the archive and publish study.duckdb; open readers keep the old file."""
    without_pandas()
    study = open_study(directory)
    with cluster(scheduler) if scheduler else nullcontext() as executor:
        report = load(study, fresh=fresh, archives=archives, executor=executor, say=click.echo)
    if report is None:
        raise UserError(f"{directory / 'archive'}: no archive yet; run `sneeuwbal collect`")
    if report.partial:
        raise Partial(f"{len(report.damage):,} places could not be read, as listed; the rest is loaded")

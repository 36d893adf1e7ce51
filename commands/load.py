"""`sneeuwbal load`: archive -> tables."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.option("--fresh", is_flag=True, help="From nothing, instead of adding what is new.")
@click.option("--archive", "archives", multiple=True, type=click.Path(path_type=Path),
              help="Bring another machine's archive (or study) in first; may be given again.")  # fmt: skip
@click.pass_obj
def command(directory: Path, fresh: bool, archives: tuple[Path, ...]) -> None:
    """Derive the tables from the archive and publish study.duckdb; readers of the old file are not disturbed."""
    from commands.context import open_study
    from commands.job import load_study
    from storage.archive.merge_archives import gather
    from storage.errors import Partial, UserError

    study = open_study(directory)
    if archives:
        click.echo(f"brought in: {gather(study.directory, archives):,} segments of {len(archives)} archives")
    report = load_study(study, click.echo, fresh=fresh)
    if report is None:
        raise UserError(f"{directory / 'archive'}: there is no archive yet; `sneeuwbal collect` makes one")
    if report.partial:
        raise Partial(f"{len(report.damage)} segments could not be read whole; what could be is loaded")

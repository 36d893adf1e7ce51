"""`sneeuwbal figure`: one figure for a paper, with the data behind it."""

from __future__ import annotations

from pathlib import Path

import click

from jobs.context import read_study
from jobs.report import FORMATS, figure, figures


@click.command()
@click.argument("name", required=False)
@click.option("--format", "form", type=click.Choice(FORMATS), default="svg", show_default=True)
@click.option("-o", "--output", type=click.Path(path_type=Path, dir_okay=False), help="Output file.  [NAME.FORMAT]")
@click.option("--language", type=click.Choice(["en", "nl"]), help="Language of the text.  [the study's]")
@click.option("--public", is_flag=True, help="Use pseudonyms, and hide small cells.")
@click.pass_obj
def command(
    directory: Path, name: str | None, form: str, output: Path | None, language: str | None, public: bool
) -> None:
    """Draw figure NAME of the report and save its data as CSV and Parquet; without NAME, list the figures.

    \b
    sneeuwbal figure activity-calendar --format pdf
    """
    if name is None:
        for one in figures():
            click.echo(f"{one.number:2d}  {one.name:20s}{one.title}")
        click.echo("    survey-1 ...        A question of the survey each, as the report numbers them")
        return
    path = figure(read_study(directory), name, output, form=form, public=public, language=language)
    click.echo(f"{path}; data: {path.with_suffix('.csv')}, {path.with_suffix('.parquet')}")

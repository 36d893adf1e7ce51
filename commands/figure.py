"""`sneeuwbal figure`: one figure for a paper, with the data behind it."""

from __future__ import annotations

from pathlib import Path

import click

FORMATS = ("svg", "pdf", "png")


@click.command()
@click.argument("name", required=False)
@click.option("--format", "form", type=click.Choice(FORMATS), default="svg", show_default=True)
@click.option("-o", "--output", type=click.Path(path_type=Path, dir_okay=False), help="Write here.  [NAME.FORMAT]")
@click.option("--language", type=click.Choice(["en", "nl"]), help="Of the words in it.  [the study's]")
@click.option("--public", is_flag=True, help="With pseudonyms, and small cells hidden.")
@click.pass_obj
def command(
    directory: Path, name: str | None, form: str, output: Path | None, language: str | None, public: bool
) -> None:
    """Draw the figure NAME of the report, and its data as CSV and Parquet beside it; list the figures without NAME.

    \b
    sneeuwbal figure activity-calendar --format pdf
    """
    from analysis.report.figures.registry import DRAWINGS, drawing

    if name is None:
        for one in DRAWINGS.values():
            click.echo(f"{one.number:2d}  {one.name:20s}{one.title}")
        return
    chosen = drawing(name)
    from analysis.report.findings import Findings
    from analysis.report.page import figure
    from commands.context import DATABASE
    from commands.report import options
    from storage.errors import UserError
    from storage.privacy.outside_copies import remember
    from storage.tables import database
    from study.study_file import Study

    study = Study.load(directory)
    path = output or Path(f"{chosen.name}.{form}")
    if path.suffix.removeprefix(".") not in FORMATS:
        raise UserError(f"{path}: a figure ends in .svg, .pdf or .png")
    with database.open_readonly(study.directory / DATABASE) as db:
        figure(Findings(db, options(study, public, language)), chosen, path)
    if not public:
        remember(directory, "figure", path)
    click.echo(f"{path}; its data: {path.with_suffix('.csv')}, {path.with_suffix('.parquet')}")

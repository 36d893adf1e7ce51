"""`sneeuwbal run`: run the whole job."""

from __future__ import annotations

from pathlib import Path

import click

from commands.terminal import BEFORE, HIDE, WHOLE, progress
from jobs.collect import judge, moment
from jobs.context import open_study
from jobs.run import run


@click.command()
@click.option("--collector", "only", help="Collect with this collector only.")
@click.option("--kind", "kinds", multiple=True, help="Collect only this kind (repeatable).")
@click.option("--again", is_flag=True,
              help="Fetch finished targets again, stopping at the newest item already seen.")  # fmt: skip
@WHOLE
@BEFORE
@click.option("--no-report", is_flag=True, help="Do not make the report.")
@HIDE
@click.pass_obj
def command(
    directory: Path,
    only: str | None,
    kinds: tuple[str, ...],
    again: bool,
    whole: bool,
    before: str | None,
    no_report: bool,
    hide_progress: bool,
) -> None:
    """Collect, load, link and admit, in waves until nothing is due; then make the report."""
    study = open_study(directory)
    reports = run(
        study, only=only, kinds=kinds, again=again, whole=whole, before=moment(before),
        progress=progress(hide_progress), say=click.echo,
    )  # fmt: skip
    if not no_report:
        from jobs.report import report  # imports pandas, which a scheduled run does not need

        report(study, say=click.echo)
    judge(reports)

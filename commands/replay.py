"""`sneeuwbal replay`: run the whole job again from an archive."""

from __future__ import annotations

from pathlib import Path

import click

from commands.terminal import HIDE, progress
from jobs.collect import judge
from jobs.replay import replay


@click.command()
@click.argument("archive", type=click.Path(path_type=Path, exists=True))
@click.option(
    "--into", type=click.Path(path_type=Path), help="Study directory to create (default: replay/ in the study)."
)
@click.option("--no-report", is_flag=True, help="Do not make the report.")
@HIDE
@click.pass_obj
def command(directory: Path, archive: Path, into: Path | None, no_report: bool, hide_progress: bool) -> None:
    """Run the whole job again with the answers in ARCHIVE, in a new directory, without a network.

    Scrapy, tweepy and httpx run as usual; waits are skipped, and the clock is the recorded one.
    """
    target = into or directory / "replay"
    study, reports = replay(directory, archive, target, progress=progress(hide_progress), say=click.echo)
    if not no_report:
        from jobs.report import report  # imports pandas, which takes longer than a small replay

        report(study, say=click.echo)
    judge(reports)

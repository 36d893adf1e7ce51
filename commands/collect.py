"""`sneeuwbal collect`: fetch what is due into the archive."""

from __future__ import annotations

from pathlib import Path

import click

from commands.terminal import BEFORE, HIDE, WHOLE, progress
from jobs.collect import collect, judge, moment
from jobs.context import open_study


@click.command()
@click.argument("collector", required=False)
@click.option("--kind", "kinds", multiple=True, help="Only this kind (repeatable).")
@click.option("--limit", type=click.IntRange(1), help="Stop after this many answers.")
@click.option("--again", is_flag=True,
              help="Fetch finished targets again, stopping at the newest item already seen.")  # fmt: skip
@click.option("--since-id", help="With --again: stop at this id where nothing newer is known.")
@WHOLE
@BEFORE
@click.option("--failed", is_flag=True, help="Try failed targets again, where they stopped.")
@HIDE
@click.pass_obj
def command(
    directory: Path,
    collector: str | None,
    kinds: tuple[str, ...],
    limit: int | None,
    again: bool,
    since_id: str | None,
    whole: bool,
    before: str | None,
    failed: bool,
    hide_progress: bool,
) -> None:
    """Fetch what is due with one COLLECTOR, or with all collectors of the study."""
    reports = collect(
        open_study(directory), only=collector, kinds=kinds, limit=limit, failed=failed, again=again, since_id=since_id,
        whole=whole, before=moment(before), progress=progress(hide_progress), say=click.echo,
    )  # fmt: skip
    judge(reports)

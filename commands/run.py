"""`sneeuwbal run`: the whole job."""

from __future__ import annotations

from pathlib import Path

import click

from commands.collect import BEFORE, WHOLE
from storage.errors import UserError


@click.command()
@click.option("--collector", "only", help="Collect with this one only.")
@click.option("--kind", "kinds", multiple=True, help="Collect only this kind; may be given again.")
@click.option("--again", is_flag=True, help="Collect anew what is finished, back to the newest known.")
@WHOLE
@BEFORE
@click.option("--no-report", is_flag=True, help="Leave the report out.")
@click.option("--hide-progress", is_flag=True, help="No progress line.")
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
    from commands import job
    from commands.collect import moment, revisit
    from commands.context import choose, judge, needs_secret, open_state, open_study, stopping, wire_for
    from commands.report import make
    from commands.secrets import secret_of

    study = open_study(directory)
    chosen = choose(study, only)
    for name in chosen:
        if needs_secret(name) and secret_of(study, name) is None:
            raise UserError(
                f"no token for {name}: set SNEEUWBAL_{name.upper()}_BEARER_TOKEN,"
                f" or enabled = false under [collectors.{name}]"
            )
    if again:
        frontier = open_state(study)
        for name, collector in chosen.items():
            revisit(study, frontier, name, kinds or tuple(collector.kinds), whole=whole, before=moment(before))
        frontier.close()
    with stopping() as stop:
        reports = job.whole(
            study,
            lambda name: wire_for(study, name),
            stop,
            only=only,
            kinds=kinds or None,
            hide_progress=hide_progress,
        )
    if not no_report and not stop.is_set():
        make(study, click.echo)
    judge(reports)
    if stop.is_set():  # between two collectors, or in a load
        raise KeyboardInterrupt

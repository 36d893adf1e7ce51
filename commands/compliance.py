"""`sneeuwbal compliance`: ask the platforms again about what is held, and take out what is gone there."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from storage.frontier.sqlite import Frontier
    from study.study_file import Study


@click.command()
@click.option("--hide-progress", is_flag=True, help="No progress line.")
@click.pass_obj
def command(directory: Path, hide_progress: bool) -> None:
    """Look up every account and post that is held, in batches, and take out what is deleted, suspended or protected.

    That is `retain --recheck`, `collect` of the look-ups, `load` and `retain` in one; made for a job of the schedule
    (task = "compliance"), daily where X is collected. What a look-up costs: `sneeuwbal plan`.
    """
    from commands.collect import one, told
    from commands.context import collectors_of, judge, open_state, open_study, stopping, wire_for
    from commands.job import load_study
    from commands.retain import retain

    study = open_study(directory)
    load_study(study, click.echo)
    chosen, reports = collectors_of(study), []
    frontier = open_state(study)
    try:
        kinds = queue(study, frontier)
        with stopping() as stop:
            for name, wanted in kinds.items():
                wire = wire_for(study, name)
                reports.append(one(study, frontier, name, chosen[name], wire, stop, hide_progress, wanted))
                click.echo(told(reports[-1]))
    finally:
        frontier.close()
    load_study(study, click.echo)
    retain(study)
    judge(reports)


def queue(study: Study, frontier: Frontier) -> dict[str, tuple[str, ...]]:
    """Queue a look-up of every account and post that is held; return the kinds to collect, by collector."""
    from datetime import UTC, datetime

    from commands.collect import revisit
    from commands.context import DATABASE, collectors_of, parsers
    from commands.job import admit_wants
    from storage.privacy import retention
    from storage.privacy.declared import platforms
    from storage.records import Target, Want
    from storage.tables import database

    chosen = collectors_of(study)
    with database.open_readonly(study.directory / DATABASE) as db:
        wants = [
            Want(Target(*one), "") for one in retention.rechecks(db, platforms(parsers()).values()) if one[0] in chosen
        ]
    kinds: dict[str, tuple[str, ...]] = {}
    for want in wants:
        name, kind = want.target.collector, want.target.kind
        if kind not in kinds.get(name, ()):
            kinds[name] = (*kinds.get(name, ()), kind)
    for name, again in kinds.items():
        revisit(study, frontier, name, again)
    admit_wants(study, frontier, "recheck", wants, datetime.now(UTC))
    click.echo(f"queued {len(wants):,} look-ups")
    return kinds

"""`sneeuwbal schedule`: what runs when."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from storage.errors import UserError

if TYPE_CHECKING:
    from study.study_file import Study


@click.group()
def command() -> None:
    """Run the jobs of the study file at their times, or look at them."""


@command.command()
@click.option("--once", help="Start this job now, without the daemon, and end with its exit code.")
@click.pass_obj
def run(directory: Path, once: str | None) -> None:
    """Run in the foreground until SIGTERM: for systemd, a container or tmux."""
    import sys

    from commands import notify
    from commands.context import open_study
    from commands.logs import log
    from commands.secrets import notify_settings
    from scheduler import Daemon

    study = open_study(directory)
    notify_settings(directory)  # a mistake in secrets.toml is told now, not at the first failure
    daemon = Daemon(
        study,
        say=log.info if log.isEnabledFor(20) else click.echo,
        ended=lambda job, code: notify.ended(directory, study.study.name, job, code),
    )
    if once is None:
        daemon.run()
        return
    _job(study, once)
    sys.exit(daemon.fire(once) or 0)


@command.command("list")
@click.pass_obj
def list_(directory: Path) -> None:
    """The jobs, when each starts next, and how it ended last."""
    from storage.journal import Journal
    from study.study_file import Study
    from study.triggers import next_starts

    study = Study.load(directory)
    journal = Journal(directory)
    now = datetime.now(UTC)
    for name, start in next_starts(study.schedule, study.study.timezone, now):
        last = journal.history(name, 1)
        ended = f"; last: {last[0][4]}" if last else ""
        when = "paused" if journal.paused(name) else f"next {start:%Y-%m-%d %H:%M %Z}" if start else "never again"
        click.echo(f"{name}: {when}{ended}")


@command.command("next")
@click.argument("job", required=False)
@click.option("-n", "number", default=5, show_default=True, help="How many starts.")
@click.pass_obj
def next_(directory: Path, job: str | None, number: int) -> None:
    """The next starts, of one JOB or of all."""
    from study.study_file import Study
    from study.triggers import trigger_of

    study = Study.load(directory)
    rows = []
    for one in [_job(study, job)] if job else study.schedule:
        trigger, at = trigger_of(one, study.study.timezone), None
        now = datetime.now(UTC)
        for _ in range(number):
            at = trigger.get_next_fire_time(at, now)
            if at is None:
                break
            rows.append((at, one.name))
            now = at
    for at, name in sorted(rows)[: number if job is None else None]:
        click.echo(f"{at:%a %Y-%m-%d %H:%M:%S %Z}  {name}")


@command.command()
@click.argument("job")
@click.pass_obj
def pause(directory: Path, job: str) -> None:
    """Start JOB no more until `resume`."""
    _set(directory, job, True)


@command.command()
@click.argument("job")
@click.pass_obj
def resume(directory: Path, job: str) -> None:
    """Let JOB start again."""
    _set(directory, job, False)


@command.command()
@click.argument("job")
@click.pass_obj
def trigger(directory: Path, job: str) -> None:
    """Have the running daemon start JOB now."""
    from storage.journal import Journal
    from storage.locks import holder
    from study.study_file import Study

    _job(Study.load(directory), job)
    if holder(directory, "schedule") is None:
        raise UserError(f"no daemon runs in {directory}; `sneeuwbal schedule run --once {job}` starts it without one")
    Journal(directory).trigger(job)
    click.echo(f"{job} starts now")


def _set(directory: Path, job: str, on: bool) -> None:
    from storage.journal import Journal
    from study.study_file import Study

    _job(Study.load(directory), job)
    Journal(directory).pause(job, on)
    click.echo(f"{job}: {'paused' if on else 'goes on'}")


def _job(study: Study, name: str):  # type: ignore[no-untyped-def]  # study.settings.Job
    for job in study.schedule:
        if job.name == name:
            return job
    known = ", ".join(job.name for job in study.schedule) or "none"
    raise UserError(f"the study file has no job {name!r}; it has {known}")

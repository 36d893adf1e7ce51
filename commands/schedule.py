"""`sneeuwbal schedule`: run the study's jobs at their times."""

from __future__ import annotations

import sys
from pathlib import Path

import click

import scheduler
from jobs import notify, schedule
from jobs.context import open_study, read_study
from jobs.logs import log


@click.group()
def command() -> None:
    """Run the jobs of the study file at their times, or inspect them."""


@command.command()
@click.option("--once", help="Run this job now, without the daemon, and exit with its code.")
@click.pass_obj
def run(directory: Path, once: str | None) -> None:
    """Run in the foreground until SIGTERM, for systemd, a container or tmux."""
    study = open_study(directory)
    notify.check(directory)
    say = log.info if log.isEnabledFor(20) else click.echo
    with schedule.leading(study, say) as leads:
        daemon = scheduler.Daemon(
            study,
            say=say,
            ended=lambda job, code: notify.ended(directory, study.study.name, job, code),
            leads=leads if once is None else lambda: True,
        )
        if once is None:
            daemon.run()
            return
        schedule.find(study, once)
        sys.exit(daemon.fire(once) or 0)


@command.command("list")
@click.pass_obj
def list_(directory: Path) -> None:
    """List the jobs with their next start and last result."""
    for job in schedule.states(read_study(directory)):
        ended = f"; last: {job.last}" if job.last else ""
        when = "paused" if job.paused else f"next {job.next:%Y-%m-%d %H:%M %Z}" if job.next else "never again"
        click.echo(f"{job.name}: {when}{ended}")


@command.command("next")
@click.argument("job", required=False)
@click.option("-n", "number", default=5, show_default=True, help="Number of starts.")
@click.pass_obj
def next_(directory: Path, job: str | None, number: int) -> None:
    """List the next starts of one JOB or all."""
    for at, name in schedule.starts(read_study(directory), job, number):
        click.echo(f"{at:%a %Y-%m-%d %H:%M:%S %Z}  {name}")


@command.command()
@click.argument("job")
@click.pass_obj
def pause(directory: Path, job: str) -> None:
    """Do not start JOB until `resume`."""
    schedule.pause(read_study(directory), job)
    click.echo(f"{job}: paused")


@command.command()
@click.argument("job")
@click.pass_obj
def resume(directory: Path, job: str) -> None:
    """Resume a paused JOB."""
    schedule.pause(read_study(directory), job, False)
    click.echo(f"{job}: resumed")


@command.command()
@click.argument("job")
@click.pass_obj
def trigger(directory: Path, job: str) -> None:
    """Ask the running daemon to start JOB now."""
    schedule.trigger(read_study(directory), job)
    click.echo(f"{job} starts now")

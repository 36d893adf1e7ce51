"""`sneeuwbal rehearse`: a whole study against a simulated world, over real sockets on this machine."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import click

from commands.terminal import HIDE
from jobs.context import program
from jobs.replay import environment, rehearsal


@click.command()
@click.option(
    "--scale", type=click.FloatRange(0.01, 20.0), default=0.02, show_default=True, help="1 is the study of 2013."
)
@click.option("--dir", "folder", type=click.Path(path_type=Path), required=True, help="The study directory to make.")
@click.option("--seed", default=2013, show_default=True, help="Seed of the world.")
@click.option("--faults", is_flag=True, help="Simulate faults: 429, 5xx, truncated and slow answers.")
@click.option("--no-report", is_flag=True, help="Do not make the report.")
@HIDE
def command(scale: float, folder: Path, seed: int, faults: bool, no_report: bool, hide_progress: bool) -> None:
    """Run a whole study against a simulated world (its people are invented), started as a child process."""
    with rehearsal(folder, scale, seed, faults=faults) as ports:
        click.echo(f"the simulated world listens on {', '.join(str(port) for port in ports.values())}")
        options = ["--hide-progress"] * hide_progress + ["--no-report"] * no_report
        run = [*program(folder), "run", *options]
        code = subprocess.run(run, env=environment()).returncode  # noqa: S603
    sys.exit(code)

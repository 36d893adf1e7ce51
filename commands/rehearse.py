"""`sneeuwbal rehearse`: run a whole study against a simulated world on this machine."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import click

from commands.terminal import HIDE
from jobs.context import program
from jobs.replay import environment, rehearsal, rehearsal_by_consent, rehearsal_of_today


@click.command()
@click.option("--study", "which", type=click.Choice(["2013", "consent", "today"]), default="2013",
              show_default=True, help="The 2013 study; the same with lists that invited people give (donated, or by"
              " OAuth); or a study of Mastodon and Bluesky along follow lists.")  # fmt: skip
@click.option("--scale", type=click.FloatRange(0.01, 20.0),
              help="1 is the full study of 2013, or 3,000 accounts of today; default 0.02, or 0.1.")  # fmt: skip
@click.option("--dir", "folder", type=click.Path(path_type=Path), required=True, help="Study directory to create.")
@click.option("--seed", default=2013, show_default=True, help="Seed of the world.")
@click.option("--faults", is_flag=True, help="With 2013: simulate 429, 5xx, truncated and slow answers.")
@click.option("--no-report", is_flag=True, help="Do not make the report.")
@HIDE
def command(
    which: str, scale: float | None, folder: Path, seed: int, faults: bool, no_report: bool, hide_progress: bool
) -> None:
    """Run a whole study against a simulated world of invented people, over real sockets.

    With --study today it ends with the planted members that were found, missed (and why) or wrong.
    """
    options = ["--hide-progress"] * hide_progress + ["--no-report"] * no_report
    run = [*program(folder), "run", *options]
    if faults and which != "2013":
        raise click.UsageError("--faults needs --study 2013")
    if which == "today":
        with rehearsal_of_today(folder, scale or 0.1, seed) as compare:
            code = subprocess.run(run, env=environment()).returncode  # noqa: S603
            if code == 0:
                compare()
        sys.exit(code)
    begun = rehearsal_by_consent(folder, scale or 0.02, seed) if which == "consent" else None
    with begun or rehearsal(folder, scale or 0.02, seed, faults=faults) as ports:
        click.echo(f"the simulated world listens on {', '.join(str(port) for port in ports.values())}")
        survey = ["import", "survey", str(folder / "survey.csv"), "--codebook", str(folder / "survey-codebook.csv")]
        subprocess.run([*program(folder), *survey, *options[:hide_progress]], check=True)  # noqa: S603
        code = subprocess.run(run, env=environment()).returncode  # noqa: S603
    sys.exit(code)

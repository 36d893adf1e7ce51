"""`sneeuwbal review`: write out links between people and accounts for a decision, and read the decisions."""

from __future__ import annotations

from pathlib import Path

import click

from jobs.context import DECISIONS, open_study
from jobs.review import SURE, take, write
from storage.errors import UserError


@click.command()
@click.option("--platform", metavar="P", help="Only accounts of this platform.  [default: all]")
@click.option("--threshold", type=click.FloatRange(0, 1), default=0.5, show_default=True,
              help="Minimum probability of a candidate.")  # fmt: skip
@click.option("-o", "--output", type=click.Path(path_type=Path, dir_okay=False), default=Path("review.csv"),
              show_default=True, help="The file to fill in.")  # fmt: skip
@click.option("--take", "filled", type=click.Path(path_type=Path, dir_okay=False, exists=True),
              help="Append the decisions in this file to decisions.csv.")  # fmt: skip
@click.option("--by", metavar="NAME", help="With --take: who decided.")
@click.pass_obj
def command(
    directory: Path, platform: str | None, threshold: float, output: Path, filled: Path | None, by: str | None
) -> None:
    """Write out the links that await a decision, or read the decisions.

    Candidates come from a probabilistic model on name, handle, place and work; they count only once someone accepts
    them. Fill in the column `decision`: accepted, rejected or organisation; leave it empty to decide later.
    """
    open_study(directory)
    if filled is None:
        if by is not None:
            raise UserError("--by goes with --take FILE: it names who filled the file in")
        links, sure = write(directory, output, platform=platform, threshold=threshold)
        click.echo(f"{output}: {links:,} links await a decision, {sure:,} of them candidates at {SURE} or more; "
                   f"fill in `decision`, then: sneeuwbal review --take {output} --by NAME")  # fmt: skip
    elif not (by or "").strip():
        raise UserError("--take needs --by NAME: who decided")
    else:
        new, old = take(directory, filled, str(by).strip())
        click.echo(f"{directory / DECISIONS}: {new:,} decisions appended, {old:,} already there; "
                   "`sneeuwbal load` applies them")  # fmt: skip

"""`sneeuwbal backup`: copy a study safely while it runs."""

from __future__ import annotations

from pathlib import Path

import click

from jobs.backup import backup
from jobs.context import open_study
from jobs.logs import clean


@click.command()
@click.argument("target", type=click.Path(path_type=Path))
@click.option("--copy", is_flag=True, help="Copy everything instead of making hard links.")
@click.pass_obj
def command(directory: Path, target: Path, copy: bool) -> None:
    """Copy the study to TARGET, a new directory, even while it runs; secrets and reports are not copied.

    On the same disk, finished segments and the database are hard-linked: fast, and safe against mistakes but not
    against disk failure. The copy is a complete study: check it with `sneeuwbal --study TARGET verify`, then `run`.
    """
    done = backup(open_study(directory), target, link=not copy)
    click.echo(f"{target}: {done.segments:,} segments, {done.bytes / 1e6:,.1f} MB copied, {done.linked:,} files linked")
    if done.outdated:
        click.echo("left out because it is from before an erasure: study.duckdb; `sneeuwbal load` makes it", err=True)
    for name in done.left_out:
        click.echo(clean(f"left out because it contains a secret: {name}"), err=True)

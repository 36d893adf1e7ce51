"""`sneeuwbal reproduce`: recompute every published figure from its package."""

from __future__ import annotations

from pathlib import Path

import click

from jobs.reproduce import reproduce
from storage.errors import Partial


@click.command()
@click.argument("package", type=click.Path(path_type=Path, exists=True, file_okay=False))
def command(package: Path) -> None:
    """Check every file of PACKAGE, recompute its figures without a network, and compare them.

    If the package has an archive, the tables are loaded from it; otherwise its database is used. A changed file is
    named (exit code 2); figures that differ are listed with the difference (exit code 3).
    """
    found = reproduce(package, say=click.echo)
    for one in found:
        click.echo(one.summary())
    wrong = [one.name for one in found if one.differences]
    equal = sum(one.equal for one in found)
    if wrong:
        raise Partial(f"{len(wrong)} of {len(found)} tables differ ({', '.join(wrong)}); {equal:,} figures are equal")
    click.echo(f"all {equal:,} figures of {len(found)} tables are equal to the last digit")

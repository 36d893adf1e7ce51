"""`sneeuwbal reproduce`: every published figure again, from its package."""

from __future__ import annotations

from pathlib import Path

import click

from jobs.reproduce import reproduce
from storage.errors import Partial


@click.command()
@click.argument("package", type=click.Path(path_type=Path, exists=True, file_okay=False))
def command(package: Path) -> None:
    """Check every file of PACKAGE, make its figures again without a network, and compare them.

    With an archive in it the tables are loaded from that; otherwise its database is the start. A file that was changed
    is refused by its name (exit 2); figures that differ are listed with the difference (exit 3).
    """
    found = reproduce(package, say=click.echo)
    for one in found:
        click.echo(one.summary())
    wrong = [one.name for one in found if one.differences]
    equal = sum(one.equal for one in found)
    if wrong:
        raise Partial(f"{len(wrong)} of {len(found)} tables differ ({', '.join(wrong)}); {equal:,} figures are equal")
    click.echo(f"all {equal:,} figures of {len(found)} tables are equal to the last digit")

"""What `doctor` and `verify` share: one line a check."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import click

from storage.errors import Partial


class Check(NamedTuple):
    """One thing looked at: its name, whether it is well, and what was found (with the mend, where it is not)."""

    name: str
    well: bool
    told: str


def tell(checks: Iterable[Check]) -> None:
    """Print each of *checks* as it comes. Raise Partial (exit code 3) if something is to be mended."""
    ill = 0
    for check in checks:
        click.echo(f"{'ok  ' if check.well else 'MEND'}  {check.name}: {check.told}")
        ill += not check.well
    if ill:
        raise Partial(f"{ill} to mend")

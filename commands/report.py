"""`sneeuwbal report`: the page, the tables and the figures."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from study import Study


@click.command()
@click.pass_obj
def command(directory: Path) -> None:
    """Make the report of what is published, under reports/."""
    from commands.context import open_study

    make(open_study(directory), click.echo)


def make(study: Study, say: Callable[[str], None]) -> Path:
    """Make the report of *study* and return the path of its page."""
    raise NotImplementedError

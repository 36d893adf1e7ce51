"""`sneeuwbal admit`: queue whom the rules let in."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.pass_obj
def command(directory: Path) -> None:
    """Queue whom the study's rules let in, by what is published now."""
    from datetime import UTC, datetime

    from commands.context import collectors_of, open_state, open_study
    from commands.job import admit_study

    study = open_study(directory)
    new = admit_study(study, open_state(study), collectors_of(study), datetime.now(UTC))
    click.echo("\n".join(f"{name}: {number:,} admitted" for name, number in new.items()) or "nobody new")

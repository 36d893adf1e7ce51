"""`sneeuwbal connect`: give access to an account of your own."""

from __future__ import annotations

from pathlib import Path

import click

from jobs.connect import connect
from jobs.context import open_study


@click.command()
@click.argument("collector")
@click.argument("profile")
@click.option("--token", prompt=True, hide_input=True, help="Access token; asked for if it is left out.")
@click.pass_obj
def command(directory: Path, collector: str, profile: str, token: str) -> None:
    """Connect your own account, whose page is PROFILE, to a COLLECTOR that reads members by their consent.

    Other people connect theirs on the page of `serve participants`. The token is stored with theirs, and your account
    is queued as a seed: `run` or `collect` reads it.
    """
    new = connect(open_study(directory), collector, profile, token)
    queued = ", ".join(f"{number:,} {name}" for name, number in new.items())
    click.echo(
        f"queued: {queued}" if new else f"the token is replaced; `sneeuwbal collect {collector} --again` reads anew"
    )

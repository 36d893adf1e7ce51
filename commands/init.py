"""`sneeuwbal init`: begin a study."""

from __future__ import annotations

from pathlib import Path

import click

from jobs.context import create


@click.command()
@click.argument("directory", type=click.Path(path_type=Path), required=False)
@click.option("--name", default="My study", show_default=True, help="What the study is called.")
@click.option("--contact", default="", help="Who answers for the collecting: an e-mail or web address.")
@click.pass_obj
def command(study: Path, directory: Path | None, name: str, contact: str) -> None:
    """Write a commented study file into DIRECTORY, which is made if needed. Nothing is overwritten."""
    folder = directory or study
    path = create(folder, name, contact)
    click.echo(f"{path} is written; put your seeds into it, then run `sneeuwbal --study {folder} run`")

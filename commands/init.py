"""`sneeuwbal init`: begin a study."""

from __future__ import annotations

from pathlib import Path

import click

from storage.errors import UserError


@click.command()
@click.argument("directory", type=click.Path(path_type=Path), required=False)
@click.option("--name", default="My study", show_default=True, help="What the study is called.")
@click.option("--contact", default="", help="Who answers for the collecting: an e-mail or web address.")
@click.pass_obj
def command(study: Path, directory: Path | None, name: str, contact: str) -> None:
    """Write a commented study file into DIRECTORY (made if it is not there). Nothing is overwritten."""
    from study.study_file import FILE, template

    folder = directory or study
    path = folder / FILE
    try:
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o700)
        with path.open("x", encoding="utf-8") as file:
            file.write(template(name, contact))
    except FileExistsError as error:
        raise UserError(f"{path}: there is a study already; choose another directory") from error
    click.echo(f"{path} is written; put your seeds into it, then run `sneeuwbal --study {folder} run`")

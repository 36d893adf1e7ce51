"""`sneeuwbal dossier`: write what is known of a study for its legal review."""

from __future__ import annotations

from pathlib import Path

import click

from jobs.context import read_study
from jobs.dossier import write


@click.command()
@click.argument("file", default="dossier.md", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--force", is_flag=True, help="Replace FILE.")
@click.pass_obj
def command(directory: Path, file: Path, force: bool) -> None:
    """Write FILE (.md or .docx): what a data protection officer, or an application under article 40 of the Digital
    Services Act, asks about the study.

    Each statement is made from the study file, the database and the settings, in the language of the study. What only
    you know is a key of [dossier] in the study file; what is left out there is a blank, and is counted. It contains no
    personal data. Have it read before you send it: it is not legal advice.
    """
    blanks = write(read_study(directory), file, replace=force)
    click.echo(
        f"written: {file}" + (f", with {blanks} blanks to fill in: [dossier] of the study file" if blanks else "")
    )

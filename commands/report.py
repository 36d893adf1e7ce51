"""`sneeuwbal report`: make the page, the tables and the figures."""

from __future__ import annotations

from pathlib import Path

import click

from commands.terminal import formats
from jobs.context import open_study
from jobs.report import FORMATS, report


@click.command()
@click.option("--public", is_flag=True, help="For publication: pseudonyms, no texts or handles, small cells hidden.")
@click.option("--compare", type=click.Path(path_type=Path, exists=True, file_okay=False),
              help="Directory of another study, for comparison.")  # fmt: skip
@formats(FORMATS)
@click.pass_obj
def command(directory: Path, public: bool, compare: Path | None, formats: list[str]) -> None:
    """Make the report of the published data in reports/: the page, tables/, figures/ and networks/.

    The page is a single file that needs no network. With --public, persons have pseudonyms made with the study's key:
    the file named by SNEEUWBAL_PSEUDONYM_KEY, one created in ~/.config/sneeuwbal/keys, or the system's keyring if
    the study file says so. Never publish the key.
    """
    other = open_study(compare) if compare else None
    report(open_study(directory), public=public, compare=other, formats=formats, say=click.echo)

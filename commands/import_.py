"""`sneeuwbal import`: read files: exports, captures, archives, registers, tables."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from commands.terminal import HIDE, progress
from jobs.collect import judge
from jobs.context import open_study
from jobs.run import FORMATS, import_files, import_heap, without_pandas
from storage.errors import Partial, UserError


@click.command()
@click.argument("format_", metavar="FORMAT", type=click.Choice(["auto", *FORMATS]))
@click.argument("paths", metavar="FILE...", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--owner", help="linkedin: URL of the exported profile, if the export does not contain it.")
@click.option("--of", help="x-v1, warc, har: owner of the list or timeline, if the file does not name it.")
@click.option(
    "--listed", type=click.Choice(["followers", "following"]), help="x-v1, warc, har: type of the list of ids."
)
@click.option("--sample", help="Add the posts to this comparison set instead of timelines.")
@click.option("--collected", help="Date of collection, if the file does not contain it.")
@click.option("--column", "columns", multiple=True, metavar="OURS=THEIRS", help="table: map a column.")
@click.option("--platform", help="table: platform of posts, post ids or follow ties, such as x, mastodon, bluesky.")
@click.option("--sheet", help="table: sheet of the workbook.")
@click.option("--delimiter", help="table, survey: column delimiter of a CSV (detected if omitted).")
@click.option("--encoding", help="table, survey: of a CSV (detected if omitted); for example cp1250.")
@click.option(
    "--compliance", type=click.Choice(["post", "account"]), help="twarc, warc, har: object type of a compliance job."
)
@click.option("--respondent", help="survey: column with respondent numbers (default: [survey] respondent).")
@click.option(
    "--codebook",
    type=click.Path(exists=True, dir_okay=False),
    help="survey: codebook of a survey in CSV: a CSV with variable, label, code, answer, missing.",
)
@HIDE
@click.pass_obj
def command(directory: Path, /, format_: str, paths: tuple[Path, ...], hide_progress: bool, **given: Any) -> None:
    """Read FILEs of a FORMAT into the study's archive, and load them. The files are not changed."""
    without_pandas()
    study = open_study(directory)
    options = {name: value for name, value in given.items() if value}
    if "columns" in options:
        pairs = [column.partition("=") for column in options["columns"]]
        if wrong := [ours for ours, mark, _ in pairs if not mark]:
            raise UserError(f"--column {wrong[0]}: write it as OURS=THEIRS, for example --column name=Naam")
        options["columns"] = {ours: theirs for ours, _, theirs in pairs}
    if format_ == "auto":
        ended, refused = import_heap(study, paths, options, progress=progress(hide_progress), say=click.echo)
    else:
        one = import_files(study, format_, paths, options, progress=progress(hide_progress), say=click.echo)
        ended, refused = [one], []
    for line in refused:
        click.echo(line, err=True)
    judge([report for report, _ in ended])
    if damaged := max((len(loaded.damage) for _, loaded in ended if loaded is not None), default=0):
        raise Partial(f"{damaged:,} places could not be read, as listed; the rest is loaded")
    if quarantined := max((loaded.quarantined for _, loaded in ended if loaded is not None), default=0):
        raise Partial(f"{quarantined:,} items could not be read; the view `quarantine` lists place and reason")
    if refused:
        raise Partial(f"{len(refused):,} files have no supported format")


AUTO = "files of any of these formats, or folders of them; formats are detected"
listed = "\n".join(f"{name:14} {what}" for name, what in {"auto": AUTO, **FORMATS}.items())
command.help = f"{command.help}\n\n\b\n{listed}"

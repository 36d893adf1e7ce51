"""`sneeuwbal import`: files as collectors: exports, captures, archives, registers, tables."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

FORMATS = ("linkedin", "zeeschuimer", "twarc", "x-v1", "warc", "roo", "table")


@click.command()
@click.argument("format_", metavar="FORMAT", type=click.Choice(FORMATS))
@click.argument("paths", metavar="FILE...", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--owner", help="linkedin: the profile whose export it is (a URL), where the export does not say.")
@click.option("--of", help="x-v1, warc: the account whose list or timeline it is, where the file does not say.")
@click.option("--listed", type=click.Choice(["followers", "following"]), help="x-v1, warc: which list of ids it is.")
@click.option("--sample", help="Posts belong to this comparison set, not to timelines.")
@click.option("--collected", help="When it was collected (a date), where the file does not say.")
@click.option("--column", "columns", multiple=True, metavar="OURS=THEIRS", help="table: which column is what.")
@click.option("--sheet", help="table: the sheet of a workbook.")
@click.option("--delimiter", help="table: what parts the columns of a CSV; found out if not given.")
@click.option("--encoding", help="table: of a CSV, where it is not found out; for example cp1250.")
@click.option(
    "--compliance", type=click.Choice(["post", "account"]), help="twarc, warc: what a compliance job is about."
)
@click.option("--hide-progress", is_flag=True, help="No progress line.")
@click.pass_obj
def command(directory: Path, /, format_: str, paths: tuple[Path, ...], hide_progress: bool, **given: Any) -> None:
    """Read FILEs of a FORMAT into the study's archive, and load them. The files stay as they are.

    \b
    linkedin     a member's own export (zip or folder): Connections.csv, Profile.csv, Positions.csv
    zeeschuimer  NDJSON captures of one's own browsing (X, LinkedIn posts)
    twarc        JSONL of twarc2, pages or flattened
    x-v1         JSON or JSONL of X's API v1.1
    warc         WARCs of API traffic by others, for example Social Feed Manager
    roo          the Dutch register of government organisations (XML)
    table        people in CSV, Excel or Parquet; --column name=Naam --column employer=Werkgever ...
    """
    from datetime import UTC, datetime

    from collectors import files
    from collectors.wire.exchange import Wire
    from commands.collect import one, told
    from commands.context import judge, open_state, open_study, stopping
    from commands.job import admit_wants, load_study
    from storage.errors import Partial, UserError
    from storage.records import Want
    from study.study_file import installed

    study = open_study(directory)
    options = {name: value for name, value in given.items() if value}
    if "columns" in options:
        pairs = [column.partition("=") for column in options["columns"]]
        if wrong := [ours for ours, mark, _ in pairs if not mark]:
            raise UserError(f"--column {wrong[0]}: write it as OURS=THEIRS, for example --column name=Naam")
        options["columns"] = {ours: theirs for ours, _, theirs in pairs}
    found = files.targets(format_, paths, options)
    options["paths"] = files.paths_of(found)
    frontier = open_state(study)
    new = admit_wants(study, frontier, "import", [Want(target, "") for target in found], datetime.now(UTC))
    if not new:
        click.echo("these files were imported before; nothing new")
    with stopping() as stop:
        report = one(
            study, frontier, format_, installed()[format_].load(), Wire(), stop, hide_progress, options=options
        )
    click.echo(told(report))
    loaded = load_study(study, click.echo)
    judge([report])
    if loaded is not None and loaded.quarantined:
        raise Partial(f"{loaded.quarantined:,} pieces could not be read; see the view quarantine for where and why")

"""`sneeuwbal replay`: the whole job again, the wire replaced by an archive."""

from __future__ import annotations

import shutil
from pathlib import Path

import click

from storage.errors import UserError


@click.command()
@click.argument("archive", type=click.Path(path_type=Path, exists=True))
@click.option(
    "--into", type=click.Path(path_type=Path), help="The study directory to make (default: replay/ in the study)."
)
@click.option("--no-report", is_flag=True, help="Leave the report out.")
@click.option("--hide-progress", is_flag=True, help="No progress line.")
@click.pass_obj
def command(directory: Path, archive: Path, into: Path | None, no_report: bool, hide_progress: bool) -> None:
    """Run the whole job of the study again with the answers of ARCHIVE, in a new directory, without a network.

    The real Scrapy, tweepy and httpx run; waits are not slept, and the clock is the recorded one.
    """
    from collectors.wire.exchange import Replay
    from commands.context import DECISIONS, judge, open_study, stopping
    from commands.job import whole
    from commands.report import make
    from commands.secrets import SECRETS
    from study.study_file import FILE

    if not (directory / FILE).is_file():
        raise UserError(
            f"{directory / FILE}: a replay needs the study file of the archive; name its study with --study"
        )
    target = into or directory / "replay"
    if (target / FILE).exists():
        raise UserError(f"{target}: there is a study already; choose another directory with --into")
    target.mkdir(parents=True, exist_ok=True)
    target.chmod(0o700)
    for path in directory.iterdir():
        wanted = path.name in {FILE, DECISIONS} or path.suffix in {".toml", ".csv", ".txt"}
        if path.is_file() and wanted and path.name != SECRETS:
            shutil.copy2(path, target / path.name)
    study = open_study(target)
    wire = Replay(archive, target / ".replay.sqlite")
    try:
        with stopping() as stop:
            reports = whole(study, lambda name: wire, stop, hide_progress=hide_progress)
    finally:
        for suffix in ("", "-wal", "-shm"):
            Path(f"{target / '.replay.sqlite'}{suffix}").unlink(missing_ok=True)
    if not no_report:
        make(study, click.echo)
    judge(reports)

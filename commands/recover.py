"""`sneeuwbal recover`: rebuild the state from the archive."""

from __future__ import annotations

import os
from contextlib import ExitStack
from pathlib import Path

import click


@click.command()
@click.pass_obj
def command(directory: Path) -> None:
    """Rebuild state.sqlite from the archive alone; the old one is kept as state.sqlite.old."""
    from collectors.engine.recovery import recover
    from collectors.engine.run import mend_archive
    from commands.context import STATE, open_study
    from storage.locks import lock
    from study.study_file import installed

    study = open_study(directory)
    with ExitStack() as locks:
        for name in ("admit", *(f"collect-{name}" for name in installed())):
            locks.enter_context(lock(directory, name))
        for name in ("snowball", *installed()):
            mend_archive(directory / "archive", name)
        fresh = directory / f"{STATE}.new"
        for suffix in ("", "-wal", "-shm"):
            Path(f"{fresh}{suffix}").unlink(missing_ok=True)
        fresh.touch(0o600)
        counts = recover(directory, {name: point.load() for name, point in installed().items()}, fresh)
        for suffix in ("-wal", "-shm"):
            Path(f"{directory / STATE}{suffix}").unlink(missing_ok=True)
        if (directory / STATE).exists():
            os.replace(directory / STATE, directory / f"{STATE}.old")
        os.replace(fresh, directory / STATE)
    for name, number in counts.items():
        click.echo(f"{name}: {number:,} targets")
    click.echo(f"{study.directory / STATE} is rebuilt")

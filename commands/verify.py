"""`sneeuwbal verify`: are archive, state and database consistent?"""

from __future__ import annotations

import sqlite3
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click

from commands.checks import Check, tell

if TYPE_CHECKING:
    from collectors.base import Collector
    from storage.verify import Held, Segment

COMPARED = "kind, key, walk, cursor, wave, via, since, newest, position, state, alone"


@click.command()
@click.option("--seal", is_flag=True, help="Note the checksums of sealed segments that have none yet.")
@click.pass_obj
def command(directory: Path, seal: bool) -> None:
    """Prove that archive, state and database are consistent; exit code 3 if they are not. Nothing is locked.

    Every segment is read to its end and compared with its checksum in archive/MANIFEST; every row must lead to a
    record of the archive, and every record that was loaded to a row; the state must be the one that the archive gives.
    """
    from commands.context import open_study
    from study.study_file import installed

    study = open_study(directory)
    tell(checks(study.directory, {name: point.load() for name, point in installed().items()}, seal=seal))


def checks(directory: Path, collectors: Mapping[str, Collector], *, seal: bool = False) -> Iterator[Check]:
    """Every check of the study in *directory*."""
    from storage import verify
    from storage.archive import manifest
    from storage.tables import database

    published, held = directory / database.NAME, verify.Held()
    snapshot = _link(published)  # the archive only grows: what was published before it is read must be in it
    try:
        found = list(verify.segments(directory / "archive", held))
        if seal:
            for segment in found:
                if segment.unsealed and not segment.damage:
                    manifest.note(directory / "archive" / segment.name)
        yield _archive(found, seal)
        yield from (Check("archive", False, one.damage) for one in found if one.damage)
        if snapshot is not None:
            yield from _database(snapshot, held)
        if (directory / "state.sqlite").exists() and not any(one.damage for one in found):
            yield _state(directory, collectors)
    finally:
        held.close()
        if snapshot is not None:
            snapshot.unlink()


def _link(published: Path) -> Path | None:
    """The picture that is published now, under a name of our own that no later publish replaces."""
    import os

    if not published.exists():
        return None
    link = published.with_name(f".verify-{os.getpid()}.duckdb")
    link.unlink(missing_ok=True)
    os.link(published, link)
    return link


def _archive(found: list[Segment], seal: bool) -> Check:
    entries, size = sum(one.entries for one in found), sum(one.bytes for one in found)
    told = f"{len(found):,} segments, {entries:,} entries, {size / 1e6:,.1f} MB"
    if bare := sum(one.unsealed for one in found):
        told += f"; {bare} without a checksum" + (", noted now" if seal else " (`verify --seal` notes it)")
    return Check("archive", True, told)


def _database(published: Path, held: Held) -> Iterator[Check]:
    from storage import verify

    wrong = list(verify.database(published, held))
    for line in wrong:
        yield Check("database", False, f"{line}; run `sneeuwbal load --fresh`")
    if not wrong:
        waiting = verify.waiting(published, held)
        late = f"; {waiting:,} records are not loaded yet" if waiting else ""
        yield Check("database", True, f"every row leads to a record, every loaded record to a row{late}")


def _state(directory: Path, collectors: Mapping[str, Collector]) -> Check:
    """The state against the one that the archive gives; where it only lags behind, a kill did that."""
    from storage.locks import holder

    running = [name for name in ("admit", *(f"collect-{name}" for name in collectors)) if holder(directory, name)]
    if running:
        return Check("state", True, f"not compared while {', '.join(running)} runs")
    with tempfile.TemporaryDirectory(prefix="sneeuwbal-verify-") as folder:
        targets, behind, other = compare(directory, collectors, Path(folder) / "state.sqlite")
    if other:
        return Check("state", False, f"{other:,} targets are not as the archive says; run `sneeuwbal recover`")
    late = f"; {behind:,} lag behind it after a kill, and will be asked again" if behind else ""
    return Check("state", True, f"{targets:,} targets, as the archive says{late}")


def compare(directory: Path, collectors: Mapping[str, Collector], rebuilt: Path) -> tuple[int, int, int]:
    """(targets, those that lag behind the archive, those that are otherwise than it says)."""
    from collectors.engine.recovery import recover

    recover(directory, collectors, rebuilt)
    db = sqlite3.connect(f"file:{directory / 'state.sqlite'}?mode=ro", uri=True, timeout=30)
    try:
        db.execute("ATTACH ? AS rebuilt", (str(rebuilt),))
        for name in ("main", "rebuilt"):
            db.execute(
                f"CREATE TEMP VIEW {name}_targets AS SELECT k.collector||'/'||k.kind AS kind, t.key, t.walk, t.cursor,"
                " t.wave, t.via, t.since, t.newest, t.position, t.state, t.alone"
                f" FROM {name}.targets AS t JOIN {name}.kinds AS k ON k.id=t.kind"
            )
        (targets,) = db.execute("SELECT count(*) FROM main.targets").fetchone()
        differ = db.execute(
            f"SELECT m.state, m.walk, m.position, r.walk, r.position FROM (SELECT {COMPARED} FROM main_targets"
            f" EXCEPT SELECT {COMPARED} FROM rebuilt_targets) AS m LEFT JOIN rebuilt_targets AS r USING (kind, key)"
        ).fetchall()
        (missing,) = db.execute(
            "SELECT count(*) FROM rebuilt_targets AS r WHERE NOT EXISTS"
            " (SELECT 1 FROM main_targets AS m WHERE m.kind=r.kind AND m.key=r.key)"
        ).fetchone()
    finally:
        db.close()
    behind = sum(
        state == "open" and walk is not None and (own_walk, own) <= (walk, position)
        for state, own_walk, own, walk, position in differ
    )
    return int(targets), behind, len(differ) - behind + int(missing)

"""Check that archive, state and database are consistent, and rebuild the state from the archive."""

from __future__ import annotations

import os
import sqlite3
import tempfile
from collections.abc import Container, Iterator, Mapping
from contextlib import ExitStack, closing, nullcontext
from pathlib import Path

from collectors.base import Collector
from collectors.engine import recovery
from collectors.engine.run import mend_archive
from jobs.context import STATE, shared_state
from jobs.doctor import Check, inbox
from storage import verify
from storage.archive import manifest
from storage.archive.store import remote_of
from storage.errors import UserError
from storage.frontier.shared import Shared
from storage.locks import holder, lock
from storage.tables import database
from storage.verify import Held, Segment
from study.installed import installed
from study.study_file import Study

COMPARED = "kind, key, walk, cursor, wave, via, since, newest, position, state, alone"


def checks(
    directory: Path, collectors: Mapping[str, Collector], *, seal: bool = False, shared: Shared | None = None
) -> Iterator[Check]:
    """Every check of the study in *directory*, whose state is *shared* with other machines if given."""
    published, held = directory / database.NAME, verify.Held()
    snapshot = _link(published)  # taken first: the archive only grows, so it must contain what was published before
    try:
        found = list(verify.segments(directory / "archive", held))
        if seal:
            for segment in found:
                if segment.unsealed and not segment.damage:
                    manifest.note(directory / "archive" / segment.name)
        yield _archive(found, seal)
        yield from (Check("archive", False, one.damage) for one in found if one.damage)
        yield inbox(directory)
        if snapshot is not None:
            yield from _database(snapshot, held)
        if (shared or (directory / STATE).exists()) and not any(one.damage for one in found):
            yield _state(directory, collectors, {one.name for one in found if not one.admits}, shared)
    finally:
        held.close()
        if snapshot is not None:
            snapshot.unlink()


def _link(published: Path) -> Path | None:
    """Hard-link the published snapshot, so that no later publish replaces it; return the link."""
    if not published.exists():
        return None
    link = published.with_name(f".verify-{os.getpid()}.duckdb")
    link.unlink(missing_ok=True)
    os.link(published, link)
    return link


def _archive(found: list[Segment], seal: bool) -> Check:
    entries, size = sum(one.entries for one in found), sum(one.bytes for one in found)
    text = f"{len(found):,} segments, {entries:,} entries, {size / 1e6:,.1f} MB"
    if bare := sum(one.unsealed for one in found):
        text += f"; {bare} without a checksum" + (", recorded now" if seal else " (`verify --seal` records it)")
    return Check("archive", True, text)


def _database(published: Path, held: Held) -> Iterator[Check]:
    try:
        wrong = list(verify.database(published, held))
    except UserError as error:  # it is no database
        yield Check("database", False, str(error).replace(str(published), database.NAME))
        return
    for line in wrong:
        yield Check("database", False, f"{line}; run `sneeuwbal load --fresh`")
    if not wrong:
        waiting = verify.waiting(published, held)
        late = f"; {waiting:,} records are not loaded yet" if waiting else ""
        yield Check("database", True, f"every row has a record, every loaded record a row{late}")


def _state(
    directory: Path, collectors: Mapping[str, Collector], without: Container[str], shared: Shared | None
) -> Check:
    """Compare the state with the one rebuilt from the archive; after a kill it may lag behind."""
    running = [name for name in ("admit", *(f"collect-{name}" for name in collectors)) if holder(directory, name)]
    if running:
        return Check("state", True, f"not compared while {', '.join(running)} runs")
    if shared and (others := shared.at_work()):
        return Check("state", True, f"not compared while {', '.join({one.machine for one in others})} collects")
    with tempfile.TemporaryDirectory(prefix="sneeuwbal-verify-") as folder:
        state, rebuilt = directory / STATE, Path(folder) / "rebuilt.sqlite"
        recovery.recover(directory, collectors, rebuilt, without)
        if shared:
            state = Path(folder) / STATE
            shared.dump(state)
            if line := _absent(state, rebuilt, remote_of(directory / "archive") is not None):
                return Check("state", True, f"not compared: {line}")
        targets, behind, other = compare(state, rebuilt)
    if other:
        return Check("state", False, f"{other:,} targets differ from the archive; run `sneeuwbal recover`")
    late = f"; {behind:,} lag behind after a kill, and will be fetched again" if behind else ""
    return Check("state", True, f"{targets:,} targets, equal to the archive{late}")


def _absent(state: Path, rebuilt: Path, stored: bool) -> str:
    """What to do if runs of *state* are not in the archive that *rebuilt* comes from; empty if all are.

    *stored*: the machines' archives lie in one store.
    """
    with closing(sqlite3.connect(state)) as db:
        db.execute("ATTACH ? AS rebuilt", (str(rebuilt),))
        query = "SELECT count(*) FROM main.runs WHERE run_id NOT IN (SELECT run_id FROM rebuilt.runs)"
        (number,) = db.execute(query).fetchone()
    fix = "merge the other machines' archives with `sneeuwbal load --archive` first"
    if stored:
        fix = "start their machines, which upload them; if they are lost, `sneeuwbal recover` makes their targets due"
    return f"{number:,} runs are not in this archive; {fix}" if number else ""


def compare(state: Path, rebuilt: Path) -> tuple[int, int, int]:
    """The numbers of targets, of those that lag behind the archive, and of those that differ from it."""
    db = sqlite3.connect(f"file:{state}?mode=ro", uri=True, timeout=30)
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
            "SELECT count(*) FROM (SELECT kind, key FROM rebuilt_targets EXCEPT SELECT kind, key FROM main_targets)"
        ).fetchone()
    finally:
        db.close()
    behind = sum(
        state == "open" and walk is not None and (own_walk, own) <= (walk, position)
        for state, own_walk, own, walk, position in differ
    )
    return int(targets), behind, len(differ) - behind + int(missing)


def verify_study(study: Study, *, seal: bool = False) -> Iterator[Check]:
    """Every check of *study*; with *seal*, missing checksums of sealed segments are recorded."""
    collectors = {name: point.load() for name, point in installed().items()}
    with closing(shared_state(study)) if study.store.frontier else nullcontext() as shared:
        yield from checks(study.directory, collectors, seal=seal, shared=shared)


def recover(study: Study) -> dict[str, int]:
    """Rebuild the state from the archive; return the number of targets by collector. The old file is kept."""
    directory = study.directory
    with ExitStack() as locks:
        for name in ("admit", *(f"collect-{name}" for name in installed())):
            locks.enter_context(lock(directory, name))
        for name in ("snowball", *installed()):
            mend_archive(directory / "archive", name)
        fresh = directory / f"{STATE}.new"
        for suffix in ("", "-wal", "-shm"):
            Path(f"{fresh}{suffix}").unlink(missing_ok=True)
        fresh.touch(0o600)
        counts = recovery.recover(directory, {name: point.load() for name, point in installed().items()}, fresh)
        if study.store.frontier:
            with closing(shared_state(study)) as shared:
                _replace(shared, fresh, stored=study.store.archive is not None)
            return counts
        for suffix in ("-wal", "-shm"):
            Path(f"{directory / STATE}{suffix}").unlink(missing_ok=True)
        if (directory / STATE).exists():
            os.replace(directory / STATE, directory / f"{STATE}.old")
        os.replace(fresh, directory / STATE)
    return counts


def _replace(shared: Shared, rebuilt: Path, *, stored: bool) -> None:
    """Put the state *rebuilt* in place of the shared one, if this archive has every machine's runs.

    What is not in an archive that the machines have in common (*stored*) is lost, and due again.
    """
    with tempfile.TemporaryDirectory(prefix="sneeuwbal-recover-") as folder:
        shared.dump(Path(folder) / STATE)
        if not stored and (line := _absent(Path(folder) / STATE, rebuilt, stored)):
            raise UserError(line)
    shared.replace(rebuilt)
    rebuilt.unlink()

"""Move a study from one machine to its stores, or back: verified, and resumed by the same command after a kill."""

from __future__ import annotations

import os
import shutil
import sqlite3
import tempfile
from contextlib import ExitStack, closing
from pathlib import Path

from jobs.context import STATE, Say, archive_of, read_study, shared_state
from jobs.erasing import hold
from storage.archive import manifest, store, writer
from storage.errors import UserError
from storage.frontier.shared import Shared
from storage.locks import lock
from study.study_file import FILE, Study


def move(directory: Path, *, back: bool = False, say: Say = print) -> None:
    """Move archive and state of the study in *directory* to what [store] names, or *back* into the directory.

    Raise UserError while another job runs, and for what differs afterwards; nothing is lost then.
    """
    study = read_study(directory)
    if study.store.archive is None and study.store.frontier is None:
        raise UserError(f"{directory / FILE}: names no store; add [store] archive or frontier (docs/scale.md)")
    with ExitStack() as locks:
        hold(locks, study)
        with lock(directory, "load"):
            if (where := archive_of(study)) is not None:
                _archive_back(study.archive, say) if back else _archive(study.archive, where, say)
            if study.store.frontier is not None:
                _state_back(study, say) if back else _state(study, say)
    if back:
        say(f"now take archive and frontier out of [store] in {directory / FILE}")


def _archive(folder: Path, where: store.Where, say: Say) -> None:
    if store.remote_of(folder) is not None:
        store.attach(folder, where)
        say(f"{where.address}: has the archive already")
        return
    remote = store.Remote(folder, where)
    remote.check()
    sums, known, paths = manifest.sealed_here(folder), set(remote.names()), sorted(folder.glob(f"*{store.SEALED}"))
    for path in paths:
        digest = manifest.proven(path, sums)
        if path.name not in known:
            remote.create(path, digest)
        if remote.digest(path.name) != digest:
            raise UserError(f"{where.address}/{path.name}: differs from {path} (SHA-256); delete the object")
        if path.name in known:  # a kill may have left it without its checksum
            remote.note(path.name, digest)
    store.mark(remote)
    for path in paths:
        remote.keep(path)
    say(f"{len(paths):,} segments uploaded to {where.address}, each read back and equal to its checksum")


def _archive_back(folder: Path, say: Say) -> None:
    remote = store.remote_of(folder)
    if remote is None:
        say(f"{folder}: has every segment already")
        return
    sums = manifest.read(folder)
    names = [name for name in remote.names() if not (folder / name).exists()]
    for name in names:
        part, brought = folder / f".{name}.part", folder / f".{name}.brought"
        if brought.exists() and manifest.checksum(brought) == sums.get(name):
            continue
        brought.unlink(missing_ok=True)  # of an earlier try; the object was replaced since
        part.unlink(missing_ok=True)
        store.fetch(folder / name, part)
        if manifest.checksum(part) != sums.get(name):
            raise UserError(f"{remote.where.address}/{name}: differs from its checksum (SHA-256); restore it first")
        writer.sync_directory(part)
        manifest.note(part, name)
        os.replace(part, brought)
    for name in names:
        os.replace(folder / f".{name}.brought", folder / name)
    writer.sync_directory(folder)
    (folder / store.MARK).unlink()
    shutil.rmtree(folder / store.CACHE, ignore_errors=True)
    say(f"{len(names):,} segments brought to {folder}, each equal to its checksum; those in {remote.where.address}"
        " stay: delete them once no machine uses them, as `forget` does not reach them any more")  # fmt: skip


def _state(study: Study, say: Say) -> None:
    state = study.directory / STATE
    if not state.exists():
        say(f"{study.store.frontier}: has the state already")
        return
    with closing(sqlite3.connect(state)) as db:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        (number,) = db.execute("SELECT count(*) FROM targets").fetchone()
    with closing(shared_state(study)) as shared:
        if not shared.rows("SELECT 1 FROM runs UNION ALL SELECT 1 FROM targets LIMIT 1"):
            shared.replace(state)
        if different := _different(shared, state):
            raise UserError(f"{study.store.frontier}: has another state ({different}); choose an empty database")
    os.replace(state, study.directory / f"{STATE}.old")
    say(f"{number:,} targets moved to {study.store.frontier}, equal row for row; the file is kept as {STATE}.old")


def _state_back(study: Study, say: Say) -> None:
    fresh = study.directory / f"{STATE}.new"
    fresh.unlink(missing_ok=True)
    fresh.touch(0o600)
    with closing(shared_state(study)) as shared:
        if busy := shared.at_work():
            raise UserError(f"{busy[0].machine} collects; stop it first")
        shared.dump(fresh)
        if different := _different(shared, fresh):
            raise UserError(f"{study.store.frontier}: changed meanwhile ({different}); run this again")
    os.replace(fresh, study.directory / STATE)
    say(f"the state of {study.store.frontier} brought to {STATE}, equal row for row; drop its schema sneeuwbal")


def _different(shared: Shared, state: Path) -> str:
    """The tables, with the numbers of rows, in which the SQLite file *state* differs from the shared one."""
    from storage.frontier.postgres import TABLES

    with tempfile.TemporaryDirectory(prefix="sneeuwbal-move-") as folder:
        shared.dump(Path(folder) / STATE)
        with closing(sqlite3.connect(state)) as db:
            db.execute("ATTACH ? AS other", (str(Path(folder) / STATE),))
            rows = {
                table: db.execute(
                    f"SELECT (SELECT count(*) FROM (SELECT {columns} FROM main.{table}"
                    f" EXCEPT SELECT {columns} FROM other.{table})) + (SELECT count(*) FROM"
                    f" (SELECT {columns} FROM other.{table} EXCEPT SELECT {columns} FROM main.{table}))"
                ).fetchone()[0]
                for table, columns in TABLES.items()
            }
    return ", ".join(f"{number:,} rows of {table}" for table, number in rows.items() if number)

"""Erasing from everything a study has: under all locks, in copies too, with a note in the archive."""

from __future__ import annotations

import shutil
import sqlite3
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing
from pathlib import Path

from collectors.engine.run import mend_archive
from jobs.context import DATABASE, STATE, lake_of, shared_state
from storage.archive.writer import Writer
from storage.backup import unfinished
from storage.consents import WRITER
from storage.errors import Partial, UserError
from storage.locks import lock
from storage.privacy import outside_copies
from storage.privacy.erase import Cutter
from storage.privacy.forget import Cut, cut_file, cut_state
from storage.privacy.forget import forget as erase
from storage.records import Meta
from study.installed import installed
from study.study_file import Study


def erased(study: Study, cutter: Cutter, cut: Cut, why: str, backups: Sequence[Path] = ()) -> None:
    """Remove what *cutter* cuts, permanently, and count in *cut*; the locks must be held (`hold`, and load's).

    Raise UserError, with nothing removed, while another machine collects or the archive's store is away.
    """
    writer = Writer(study.archive, "forget")
    if study.store.frontier is not None:
        cut.state += _shared_state(study, cutter)
    lake = lake_of(study)
    erase(study.directory, cutter, cut, published=study.directory / DATABASE, lake=lake.folder if lake else None)
    _elsewhere(study.directory, backups, cutter, cut)
    counts = {"removed": cut.removed, "changed": cut.changed, "segments": cut.segments}
    document(writer, {"by": "forget", "why": why, **counts}, cut)  # without any data on the person


def document(writer: Writer, data: Meta, cut: Cut) -> None:
    """Note an erasure in the archive; if its store is away, the note waits here, and *cut* says so."""
    writer.note("cut", data)
    try:
        writer.close()
    except Partial as error:
        cut.unread.append(str(error))


def _shared_state(study: Study, cutter: Cutter) -> int:
    """Erase from a state in PostgreSQL, by way of a copy; return the number of rows."""
    with closing(shared_state(study)) as shared, tempfile.TemporaryDirectory(prefix="sneeuwbal-forget-") as folder:
        if busy := shared.at_work():
            raise UserError(f"{busy[0].machine} collects; stop it first, and forget on each machine")
        copy = Path(folder) / STATE
        shared.dump(copy)
        if rows := cut_state(copy, cutter):
            shared.replace(copy)
    return rows


def backups(directory: Path, cut: Cut, more: Sequence[Path] = ()) -> Iterator[Path]:
    """The backups of the study in *directory*, and *more*; missing ones are listed in *cut*, unfinished ones deleted.

    The lock `backup` must be held.
    """
    known = [path for kind, path in outside_copies.known(directory) if kind == "backup"]
    for path in dict.fromkeys([*known, *(path.resolve() for path in more)]):
        try:
            if path in known and (part := unfinished(path)).exists():
                shutil.rmtree(part)
        except OSError as error:
            cut.unread.append(f"{part} ({error.strerror})")
        if path.is_dir():
            yield path
        else:
            cut.unread.append(f"{path} (a missing copy: mount it, or delete its line in {outside_copies.FILE})")


def _elsewhere(directory: Path, more: Sequence[Path], cutter: Cutter, cut: Cut) -> None:
    """Erase from the copies that the study knows of; list those that cannot be changed or are missing."""
    others = [(kind, path) for kind, path in outside_copies.known(directory) if kind != "backup" and path.exists()]
    for kind, path in [*(("backup", path) for path in backups(directory, cut, more)), *others]:
        try:
            if kind not in outside_copies.CUT:
                cut.unread.append(f"{path} (a {kind}: delete it, or make it again)")
            elif path.is_relative_to(directory.resolve()):
                continue  # erased with the study
            elif kind == "backup":
                erase(path, cutter, cut)
            else:
                cut_file(path, str(path), cutter, cut)
        except (OSError, sqlite3.Error) as error:  # read-only, or unmounted meanwhile
            cut.unread.append(f"{path} ({getattr(error, 'strerror', None) or error})")


def hold(locks: ExitStack, study: Study, *, wait: bool = False, scheduled: bool = False) -> None:
    """Take the locks of all writers and seal what killed runs left open.

    *wait* for them, as in a scheduled job; *scheduled*: a scheduler may be running.
    """
    collecting = (f"collect-{name}" for name in installed())
    first = [] if wait or scheduled else ["schedule"]
    for name in [*first, "backup", "gather", "admit", "decisions", WRITER, *collecting]:
        locks.enter_context(lock(study.directory, name, wait=wait))
    for name in ("snowball", "forget", WRITER, *installed()):
        mend_archive(study.archive, name)

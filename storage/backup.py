"""A copy of a study, made safely while it runs: what is copied first never refers to data missing from the rest."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Iterable, Sequence
from pathlib import Path

import msgspec

from storage import consents
from storage.archive import manifest, store, writer
from storage.archive import reader as archive
from storage.errors import UserError
from storage.privacy.outside_copies import remember
from storage.tables import database

STATES = ("state.sqlite", "schedule.sqlite")


class Report(msgspec.Struct):
    """The contents of a backup."""

    segments: int = 0
    linked: int = 0  # of them, and the database: hard links, which take no space
    bytes: int = 0
    left_out: list[str] = []  # files that contain a secret
    outdated: bool = False  # the database is left out, too: it is from before an erasure


def backup(
    study: Path, target: Path, files: Iterable[Path] = (), *, secrets: Sequence[str] = (), link: bool = True
) -> Report:
    """Copy the study in *study* to *target*, which must not exist; return what was copied.

    *files* are those named in the study file. Sealed segments and the published database never change, so they are
    linked if *target* is on the same disk and *link* is true. Of an open segment the part up to its last sync mark is
    copied. Files that contain one of *secrets*, and a database from before an erasure, are left out. Raise UserError
    if *target* exists or cannot be made.
    """
    if target.exists():
        raise UserError(f"{target}: already exists; choose a new directory")
    part = unfinished(target)
    shutil.rmtree(part, ignore_errors=True)
    try:
        part.mkdir(parents=True, mode=0o700)
    except OSError as error:
        raise UserError(f"{target}: {error.strerror}; choose a writable place") from error
    remember(study, "backup", target)  # first: what a kill leaves is found by who erases
    report = Report()
    # state and database first: they may only refer to what the archive, copied last, contains
    for name in STATES:
        _state(study / name, part / name, report)
    published = study / database.NAME
    report.outdated = published.exists() and _before_an_erasure(study)
    if published.exists() and not report.outdated:
        _copy(published, part / database.NAME, link, report)
    for path in files:
        _text(study, path, part, secrets, report)
    _inbox(study, part, report)
    copy_archive(study / "archive", part / "archive", link, report)
    _sync(part)
    os.rename(part, target)
    writer.sync_directory(target.parent)
    return report


def unfinished(target: Path) -> Path:
    """Where the backup *target* is until it is whole."""
    return target.with_name(f".{target.name}.part")


def _before_an_erasure(study: Path) -> bool:
    """Whether the published database lacks an erasure that the archive notes, as no load has ended since."""
    kept = [path for path in archive.segments(study / "archive") if path.name.startswith("forget-")]
    try:
        noted = {note.record_id for path in kept for note in archive.read(path)
                 if isinstance(note, archive.Note) and note.kind == "cut"}  # fmt: skip
        if not noted:
            return False
        with database.open_readonly(study) as db:
            loaded = {row[0] for row in db.execute("SELECT record_id FROM base.notes WHERE kind = 'cut'").fetchall()}
    except (UserError, archive.Damage):  # of another version: a load makes it anew
        return True
    return not noted <= loaded


def _state(source: Path, target: Path, report: Report) -> None:
    """SQLite's own online backup: a consistent snapshot."""
    if not source.exists():
        return
    target.touch(0o600)
    reading, writing = sqlite3.connect(source, timeout=30), sqlite3.connect(target)
    try:
        reading.backup(writing, pages=4096)
    finally:
        writing.close()
        reading.close()
    report.bytes += target.stat().st_size


def _copy(source: Path, target: Path, link: bool, report: Report) -> None:
    if link:
        try:
            os.link(source, target)
        except OSError:  # another disk, or one without hard links
            pass
        else:
            report.linked += 1
            return
    database.copy(source, target)
    shutil.copystat(source, target)
    report.bytes += target.stat().st_size


def _text(study: Path, path: Path, part: Path, secrets: Sequence[str], report: Report) -> None:
    """Copy a file of the study to the same place in the backup."""
    source = study / path
    if not source.is_file() or not source.resolve().is_relative_to(study.resolve()):
        return
    content = source.read_bytes()
    if any(secret.encode() in content for secret in secrets):
        report.left_out.append(str(path))
        return
    target = part / path
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(content)
    shutil.copystat(source, target)
    report.bytes += len(content)


def _inbox(study: Path, part: Path, report: Report) -> None:
    """Copy what participants gave or withdrew and the archive, copied later, may lack."""
    if not (study / consents.INBOX).is_dir():
        return
    (part / consents.INBOX).mkdir(mode=0o700)
    for source in sorted((study / consents.INBOX).glob("c*")):
        target = part / consents.INBOX / source.name
        try:
            shutil.copy2(source, target)
        except FileNotFoundError:  # taken into the archive meanwhile, or withdrawn
            target.unlink(missing_ok=True)
            continue
        report.bytes += target.stat().st_size


def copy_archive(source: Path, target: Path, link: bool, report: Report) -> None:
    """Copy every segment of the archive *source* up to its last sync mark to the new folder *target*."""
    target.mkdir(mode=0o700)
    sums = manifest.read(source)
    for path in archive.segments(source):
        name = path.name.removesuffix(".open")
        try:
            if path.name.endswith(archive.OPEN):
                _synced(path, target / path.name, report)
            else:
                _segment(path, target / name, link, report)
        except FileNotFoundError:  # sealed meanwhile
            (target / path.name).unlink(missing_ok=True)
            _segment(source / name, target / name, link, report)
        report.segments += 1
    held = {path.name for path in target.iterdir()}
    lines = [f"{digest}  {name}\n" for name, digest in manifest.read(source).items() if name in held]
    lines += [f"{digest}  {name}\n" for name, digest in sums.items() if name not in held]  # already reported missing
    (target / manifest.NAME).write_text("".join(lines), "utf-8")


def _segment(source: Path, target: Path, link: bool, report: Report) -> None:
    """Copy a sealed segment, from the store if it is there."""
    try:
        _copy(source, target, link, report)
    except FileNotFoundError:
        store.fetch(source, target)
        report.bytes += target.stat().st_size


def _synced(source: Path, target: Path, report: Report) -> None:
    end = archive.synced_end(source)
    with source.open("rb") as reading, target.open("xb") as writing:
        left = end
        while left and (chunk := reading.read(min(left, 1 << 20))):
            writing.write(chunk)
            left -= len(chunk)
    report.bytes += end


def _sync(folder: Path) -> None:
    """Sync everything below *folder*."""
    for path in [*folder.rglob("*"), folder]:
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)

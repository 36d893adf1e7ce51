"""Forgetting a person: removing them from archive, state, files, reports and backups.

Removed data are not kept elsewhere. Every step is idempotent: after a kill, the same command finishes.
"""

from __future__ import annotations

import os
import re
import shutil
import sqlite3
from collections.abc import Iterator, Set
from pathlib import Path
from typing import Protocol
from zipfile import ZipFile

import msgspec

from storage.archive import manifest, store, writer
from storage.archive import reader as archive
from storage.consents import DONATED, INBOX
from storage.errors import UserError
from storage.participants import TOKENS
from storage.privacy import outside_copies
from storage.privacy.erase import Cutter
from storage.privacy.forgotten import FILE
from storage.privacy.pseudonyms import ID
from storage.records import Failure
from storage.tables.database import WORK

ROW = 1 << 16  # characters of one row of a table: more means an unclosed quotation mark
TEXT = {".toml", ".csv", ".txt", ".json", ".jsonl", ".ndjson", ".md", ".log", ".tsv", ".yaml", ".yml", ""}
KEPT = {FILE, ID, "secrets.toml", TOKENS, f".{TOKENS}", outside_copies.FILE, "removed.csv", manifest.NAME, store.MARK}
PACKED = {".zip", ".tar", ".tgz", ".gz", ".bz2", ".xz", ".zst", ".7z", ".parquet", ".arrow", ".xlsx", ".pdf", ".png"}


class Cut(msgspec.Struct):
    """The result, in numbers and places, without personal data."""

    removed: int = 0  # records of the archive removed
    changed: int = 0  # records changed: tokens replace the person
    segments: int = 0
    state: int = 0  # rows of the state
    files: list[str] = []
    reports: int = 0
    databases: list[str] = []  # deleted; recreated by `load`
    unread: list[str] = []  # could not be examined
    review: list[str] = []  # places that still have the person's name, or a namesake's


def forget(place: Path, cutter: Cutter, cut: Cut, *, published: Path | None = None, lake: Path | None = None) -> None:
    """Remove the people of *cutter* from all files below *place*, and count in *cut*. No one may write meanwhile.

    The database *published*, and the Parquet files in *lake*, are kept until `load` replaces them. Other databases are
    deleted.
    """
    shutil.rmtree(place / WORK, ignore_errors=True)  # left by a killed load
    reports = [path for path in place.rglob("reports") if path.is_dir() and not path.is_symlink()]
    for folder in reports:
        cut.reports += sum(1 for each in folder.iterdir() if each.is_dir() and not each.is_symlink())
        shutil.rmtree(folder)
    stores = [path.parent for path in place.rglob(store.MARK) if path.parent.name == "archive"]
    for folder in stores:
        shutil.rmtree(folder / store.CACHE, ignore_errors=True)
        _sweep(folder)
        for path in archive.segments(folder):
            if not path.exists():
                _segment(path, cutter, cut)
        shutil.rmtree(folder / store.CACHE, ignore_errors=True)
    for path in sorted(place.rglob("*")):
        if not path.is_file() or path.is_symlink() or path.name in KEPT or ".locks" in path.parts:
            continue
        name = path.name
        if lake is not None and path.is_relative_to(lake) and path.suffix == ".parquet":
            continue
        if path.parent == place / INBOX:
            if published is None:
                _donation(path, str(path.relative_to(place)), cutter, cut)
            continue
        if cutter.finds(f"@{name}") or any(person in name for person in cutter.people):
            cut.review.append(str(path.relative_to(place)))
        if name.endswith((archive.SEALED, archive.OPEN)):
            _segment(path, cutter, cut)
        elif ".duckdb" in name:
            if path != published:
                path.unlink()
                cut.databases.append(str(path.relative_to(place)))
        elif ".sqlite" in name:
            if not name.endswith(("-wal", "-shm")):
                cut.state += cut_state(path, cutter)
        elif path.suffix.lower() in PACKED:
            cut.unread.append(str(path.relative_to(place)))
        elif path.suffix.lower() in TEXT:
            cut_file(path, str(path.relative_to(place)), cutter, cut)
        else:
            cut.unread.append(str(path.relative_to(place)))


def _donation(path: Path, shown: str, cutter: Cutter, cut: Cut) -> None:
    """Delete the copy *path* of a donation that names them; the study has taken it in since, without them."""
    if path.suffix == DONATED:
        with ZipFile(path) as packed:
            if any(cutter.finds(packed.read(name).decode("utf-8", "replace")) for name in packed.namelist()):
                path.unlink()
                cut.files.append(shown)


class Cutting(Protocol):
    """A rewriter of archive entries."""

    @property
    def people(self) -> Set[str]:
        """Names whose places are listed for review."""
        ...

    def entry(self, entry: archive.Entry) -> archive.Entry | None:
        """The rewritten entry: the same object, another, or None."""
        ...

    def finds(self, text: str) -> bool:
        """Whether a record of another program must be removed."""
        ...


def rewrite(directory: Path, cutter: Cutting, cut: Cut) -> None:
    """Rewrite the segments of an archive with *cutter*."""
    _sweep(directory)
    for path in archive.segments(directory):
        _segment(path, cutter, cut)


def _sweep(folder: Path) -> None:
    if (remote := store.remote_of(folder)) is not None:
        remote.sweep()


def _segment(path: Path, cutter: Cutting, cut: Cut) -> None:
    """Rewrite one segment, member by member; untouched members keep their bytes."""
    fresh = path.with_name(path.name + ".cut")
    before = (cut.removed, cut.changed)
    try:
        with archive.opened(path) as old, fresh.open("wb") as new:
            last, size = 0, archive.size(path)
            for at, after, entry in archive.read_at(path, 0, size):
                _between(path, last, at, cutter, cut, new)
                left = cutter.entry(entry)
                if left is entry:
                    old.seek(at)
                    new.write(old.read(after - at))
                    _review(path, entry, cutter, cut)
                elif left is None:
                    cut.removed += 1
                else:
                    cut.changed += 1
                    new.write(writer.encoded(left))
                    _review(path, left, cutter, cut)
                last = after
            _between(path, last, size, cutter, cut, new)
            new.flush()
            os.fsync(new.fileno())
    except archive.Damage as error:
        fresh.unlink(missing_ok=True)
        raise UserError(f"{error}; repair or remove the segment: what cannot be read cannot be erased") from error
    if before == (cut.removed, cut.changed):
        fresh.unlink()
        return
    cut.segments += 1
    if (remote := store.remote_of(path.parent)) is not None and not path.exists():
        if version := remote.replace(path.name, fresh, manifest.checksum(fresh)):
            cut.unread.append(f"{remote.where.address}/{path.name} (the version before {version}: delete it)")
        fresh.unlink()
        return
    shutil.copymode(path, fresh)
    if path.name.endswith(archive.SEALED):
        manifest.note(fresh, path.name)
    os.replace(fresh, path)
    writer.sync_directory(path.parent)


def _between(path: Path, start: int, end: int, cutter: Cutting, cut: Cut, out: object) -> None:
    """Copy the records that `read` skips: marks, and those of other programs that do not name the people."""
    if start >= end:
        return
    with archive.opened(path) as old:
        for at, after, content in archive.members(path, start, end):
            if cutter.finds(content.decode("utf-8", "replace")):
                cut.removed += 1
                continue
            old.seek(at)
            out.write(old.read(after - at))  # type: ignore[attr-defined]


def _review(path: Path, entry: archive.Entry, cutter: Cutting, cut: Cut) -> None:
    """List places that still have a name of the people, which may be a namesake's."""
    if not cutter.people or isinstance(entry, archive.Note | Failure):
        return
    try:
        content = entry.content().decode("utf-8", "replace")
    except ValueError:
        return
    if any(re.search(rf"(?<!\w){re.escape(name)}(?!\w)", content) for name in cutter.people if name in content):
        cut.review.append(f"{path.name} {entry.record_id}")


def cut_state(path: Path, cutter: Cutter) -> int:
    """Remove them from a SQLite file and its free pages; return the number of rows."""
    db = sqlite3.connect(path, timeout=30, isolation_level=None)
    try:
        db.execute("PRAGMA secure_delete=ON")
        db.create_function("cut", 1, cutter.whole, deterministic=True)
        db.create_function("owned", 2, cutter.named, deterministic=True)
        rows = 0
        tables = [row[0] for row in db.execute("SELECT name FROM sqlite_master WHERE type='table'").fetchall()]
        db.execute("BEGIN IMMEDIATE")
        if "targets" in tables and "kinds" in tables:
            rows += db.execute(
                "DELETE FROM targets WHERE id IN (SELECT t.id FROM targets AS t JOIN kinds AS k ON k.id = t.kind"
                " WHERE owned(k.collector, t.key))"
            ).rowcount
        for table in tables:
            columns = db.execute(f'PRAGMA table_info("{table}")').fetchall()
            for column in (row[1] for row in columns if "TEXT" in (row[2] or "TEXT").upper()):
                rows += db.execute(
                    f'UPDATE OR REPLACE "{table}" SET "{column}" = cut("{column}")'
                    f' WHERE typeof("{column}") = \'text\' AND "{column}" <> \'\' AND cut("{column}") <> "{column}"'
                ).rowcount
        db.execute("COMMIT")
        db.execute("VACUUM")
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    except sqlite3.DatabaseError as error:
        raise UserError(f"{path}: cannot be read as SQLite ({error}); remove it, or run `sneeuwbal recover`") from error
    finally:
        db.close()
    return rows


def cut_file(path: Path, shown: str, cutter: Cutter, cut: Cut) -> None:
    """Remove them from a text file, listed as *shown*: table rows and list values go, tokens replace the rest."""
    old = path.read_bytes()
    text = old.decode("utf-8", "surrogateescape")
    if path.suffix == ".toml":
        new = re.sub(r"(\"[^\"\n]*\"|'[^'\n]*')[ \t]*(,[ \t]*)?", lambda m: _listed(m, cutter), text)
        new = cutter.text(new)
    elif path.suffix in (".csv", ".tsv", ".txt"):
        new = "".join(row for row in _table_rows(text) if not _names(row, cutter))
    else:
        new = cutter.text(text)
    if new != text:
        fresh = path.with_name(path.name + ".cut")
        fresh.write_bytes(new.encode("utf-8", "surrogateescape"))
        shutil.copymode(path, fresh)
        os.replace(fresh, path)
        cut.files.append(shown)
    if any(name in new for name in cutter.people):
        cut.review.append(shown)


def _table_rows(text: str) -> Iterator[str]:
    """The rows of a table as written: a line each, or several if a quoted cell has line breaks."""
    row = ""
    for line in text.splitlines(keepends=True):
        row += line
        if row.count('"') % 2 == 0 or len(row) > ROW:
            yield row
            row = ""
    if row:
        yield row


def _listed(match: re.Match[str], cutter: Cutter) -> str:
    bare = match.group(1)[1:-1]
    return "" if match.group(2) is not None and cutter.whole(bare) != bare else match.group()


def _names(row: str, cutter: Cutter) -> bool:
    """Whether a row of a table, or of a list of bare names, is about them."""
    cells = [cell.strip().strip("\"'") for cell in re.split(r"[,;\t]", row)]
    return cutter.finds(row) or any(cell and cutter.whole(cell) != cell for cell in cells)

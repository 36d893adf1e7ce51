"""Checks that the archive is intact, and that the database has exactly the archive's data."""

from __future__ import annotations

import multiprocessing
import tempfile
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from pathlib import Path

import duckdb
import msgspec
import pyarrow as pa

from storage.archive import manifest
from storage.archive import reader as archive
from storage.children import processors
from storage.records import Failure, Page
from storage.tables.database import attach
from storage.tables.parse_worker import begin_worker

SMALL = 32 * 1024 * 1024  # compressed bytes; less is read in this process
KINDS = {Page: "answer", Failure: "answer", archive.Note: "note"}


class Segment(msgspec.Struct, frozen=True):
    """The result for one segment."""

    name: str
    entries: int
    bytes: int  # safe bytes: of an open segment up to its last sync mark
    damage: str = ""  # the damage, and where
    unsealed: bool = False  # sealed, but without a recorded checksum
    admits: bool = True  # whether it has, or while open may get, a note of an admission


class Held:
    """The record ids of an archive, in a temporary database that spills to disk."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="sneeuwbal-verify-")
        self.db = duckdb.connect(f"{self._folder.name}/held.duckdb")
        self.db.execute("SET memory_limit='600MB'")
        self.db.execute("CREATE TABLE held (record_id VARCHAR, kind VARCHAR, archive VARCHAR, ends BIGINT)")

    def add(self, records: pa.Table) -> None:
        """Add records, with their ends in their segment."""
        self.db.register("batch", records)
        self.db.execute("INSERT INTO held FROM batch")
        self.db.unregister("batch")

    def close(self) -> None:
        """Delete everything."""
        self.db.close()
        self._folder.cleanup()


def segments(directory: Path, held: Held, workers: int | None = None) -> Iterator[Segment]:
    """Read every segment of the archive *directory* to its end, and yield the results; *held* receives its records.

    Missing segments of the manifest are yielded too. Several segments are read at once, by *workers* processes.
    """
    sums = manifest.read(directory)
    seen = set()
    for found, records in _read(archive.segments(directory), sums, workers or processors()):
        held.add(records)
        seen.add(found.name)
        yield found
    for name in sorted(set(sums) - seen):
        if not (directory / name).exists() and not (directory / f"{name}.open").exists():
            yield Segment(name, 0, 0, "is in MANIFEST, but not in the archive; restore it from a backup")


def _read(paths: list[Path], sums: dict[str, str], workers: int) -> Iterator[tuple[Segment, pa.Table]]:
    if min(workers, len(paths)) < 2 or archive.total(paths) < SMALL:
        yield from (_segment(path, sums) for path in paths)
        return
    spawn = multiprocessing.get_context("spawn")  # a fork would inherit DuckDB's threads
    with ProcessPoolExecutor(min(workers, len(paths)), spawn, initializer=begin_worker) as pool:
        waiting = deque[Future[tuple[Segment, pa.Table]]]()
        for path in paths:
            waiting.append(pool.submit(_segment, path, sums))
            if len(waiting) > 2 * workers:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def _segment(path: Path, sums: dict[str, str]) -> tuple[Segment, pa.Table]:
    """The result for one segment, and its records."""
    name, last, damage = path.name.removesuffix(".open"), 0, ""
    sealed = path.name.endswith(archive.SEALED)
    admits = not sealed
    rows: list[tuple[str, str, int]] = []
    try:
        for _, last, entry in archive.read_at(path):
            rows.append((entry.record_id, KINDS[type(entry)], last))
            admits |= isinstance(entry, archive.Note) and entry.kind == "admission"
        last = archive.synced_end(path, last)
        if sealed and last < archive.size(path):
            damage = f"{path.name}: the last record is cut off at byte {last}"
    except archive.Damage as error:
        damage = str(error)
    except FileNotFoundError:  # sealed meanwhile
        return _segment(path.with_name(name), sums)
    if sealed and name in sums and manifest.checksum(path) != sums[name]:
        damage = f"{name}: differs from its checksum (SHA-256); restore it from a backup" + (damage and f"; {damage}")
    ids, kinds, ends = zip(*rows, strict=True) if rows else ((), (), ())
    types = (pa.string(), pa.string(), pa.string(), pa.int64())
    columns = [pa.array(one, type_) for one, type_ in zip((ids, kinds, [name] * len(rows), ends), types, strict=True)]
    records = pa.table(columns, names=["record_id", "kind", "archive", "ends"])
    return Segment(name, len(rows), last, damage, sealed and name not in sums, admits), records


def database(path: Path, held: Held) -> Iterator[str]:
    """The disagreements between the published database *path* and the records *held*, one line each."""
    db = held.db
    attach(db, path, "study")
    try:
        yield from _invented(db)
        yield from _lost(db)
    finally:
        db.execute("DETACH study")


def _invented(db: duckdb.DuckDBPyConnection) -> Iterator[str]:
    """Rows without a record in the archive."""
    tables = db.execute(
        "SELECT table_name FROM duckdb_columns() WHERE database_name='study' AND schema_name='base' "
        "AND column_name='record_id' AND NOT internal ORDER BY 1"
    ).fetchall()
    for (table,) in tables:
        count, example = _pair(
            db,
            f"SELECT count(*), min(record_id) FROM study.base.{table} "
            "WHERE record_id <> '' AND record_id NOT IN (SELECT record_id FROM held)",
        )
        if count:
            yield f"{count:,} rows of {table} have no record in the archive, such as {example}"


def _lost(db: duckdb.DuckDBPyConnection) -> Iterator[str]:
    """Loaded records of the archive without a row."""
    count, example = _pair(
        db,
        """SELECT count(*), min(h.record_id) FROM held AS h JOIN study.base.archives AS a USING (archive)
           WHERE h.ends <= a.bytes AND h.record_id NOT IN (
               SELECT record_id FROM study.base.fetches UNION ALL SELECT record_id FROM study.base.notes)""",
    )
    if count:
        yield f"{count:,} records of the archive were loaded but have no row, such as {example}"
    count, example = _pair(
        db, "SELECT count(*), min(archive) FROM study.base.archives WHERE archive NOT IN (SELECT archive FROM held)"
    )
    if count:
        yield f"{count:,} segments were loaded but are not in the archive, such as {example}"


def waiting(path: Path, held: Held) -> int:
    """The number of records of the archive not yet loaded into *path*."""
    db = held.db
    attach(db, path, "study")
    try:
        return int(
            _pair(
                db,
                """SELECT count(*), NULL FROM held AS h LEFT JOIN study.base.archives AS a USING (archive)
                   WHERE a.archive IS NULL OR h.ends > a.bytes""",
            )[0]
        )
    finally:
        db.execute("DETACH study")


def _pair(db: duckdb.DuckDBPyConnection, query: str) -> tuple[int, str]:
    row = db.execute(query).fetchone()
    assert row is not None
    return int(row[0]), str(row[1])

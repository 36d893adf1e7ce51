"""Tables that people write beside the archive: what coders decide about documents, and what observers note.

`screening.csv`: a coder's last line about a document holds. `observations.csv`: a line each; a file that it names lies
in the study directory, and is known by its checksum.
"""

from __future__ import annotations

import csv
import hashlib
import io
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from storage import csvfile
from storage.errors import UserError

SCREENING, OBSERVATIONS = FILES = ("screening.csv", "observations.csv")
DECIDED = ("document", "decision", "reason", "decided_by", "decided_at")
OBSERVED = ("source", "observed_at", "observer", "note", "file")
DECISIONS = ("included", "excluded")
UNDECIDED = "undecided"  # as a decision: withdraws the coder's earlier one
CONSENSUS = "consensus"  # as decided_by: the agreed decision of coders who differed; not a coder
LOCK = "decisions"  # held while one of the files is written


def append(path: Path, columns: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> None:
    """Append *rows* to the file at *path* in one synced write; the caller holds LOCK.

    The file is created if needed. One that lacks a column of *rows*, or is not comma-separated UTF-8, is first
    rewritten, with its rows as they are.
    """
    there = path.exists() and path.stat().st_size > 0
    if there:
        columns = _prepared(path, columns, {name for row in rows for name, value in row.items() if value})
    text = io.StringIO("" if not there or path.read_bytes().endswith(b"\n") else "\n")
    text.seek(0, os.SEEK_END)
    writer = csv.DictWriter(text, columns, restval="", extrasaction="ignore", lineterminator="\n")
    if not there:
        writer.writeheader()
    writer.writerows(rows)
    with path.open("ab", buffering=0) as file:
        file.write(text.getvalue().encode())
        os.fsync(file.fileno())


def _prepared(path: Path, columns: Sequence[str], filled: set[str]) -> list[str]:
    """The columns of the file at *path*, rewritten if rows with those *filled* cannot be appended to it."""
    known = csvfile.table(lambda: path.open("rb"), str(path), header=lambda names: set(columns[:1]) <= set(names))
    names, rows = csvfile.records(path, columns[:1])
    more = [name for name in columns if name not in names and name in filled]
    if not more and known.delimiter == "," and known.encoding == "utf-8":
        return names
    fresh = path.with_name(f".{path.name}.new")
    with fresh.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, [*names, *more], restval="", lineterminator="\n")
        writer.writeheader()
        writer.writerows(row for _, row in rows)
        file.flush()
        os.fsync(file.fileno())
    shutil.copymode(path, fresh)
    os.replace(fresh, path)
    return [*names, *more]


def screened(study: Path) -> list[tuple[str, str, str, str, datetime]]:
    """The last decision of each coder on each document, withdrawn ones too: the columns DECIDED. Raise UserError."""
    last: dict[tuple[str, str], tuple[str, str, str, str, datetime]] = {}
    for place, row in _lines(study / SCREENING, DECIDED):
        if found := _decision(place, row):
            last[found[0], found[3]] = found
    return list(last.values())


def read_screening(db: duckdb.DuckDBPyConnection, study: Path) -> None:
    """Fill `base.screenings` from the study's file; empty it if there is none. Raise UserError."""
    _fill(db, "screenings", DECIDED, screened(study))


def read_observations(db: duckdb.DuckDBPyConnection, study: Path) -> None:
    """Fill `base.observations` from the study's file; empty it if there is none. Raise UserError."""
    found = [_observation(place, row, study) for place, row in _lines(study / OBSERVATIONS, OBSERVED)]
    _fill(db, "observations", (*OBSERVED, "sha256"), found)


def evidence(study: Path) -> list[Path]:
    """The files that observations name, relative to *study*."""
    named = (row["file"] for _, row in _lines(study / OBSERVATIONS, OBSERVED))
    return sorted({Path(name) for name in named if name})


def _lines(path: Path, columns: Sequence[str]) -> Iterator[tuple[str, dict[str, str]]]:
    """(place, cells) of each line of *path*; nothing if it is not there."""
    if not path.exists():
        return
    names, rows = csvfile.records(path, columns)
    if missing := [name for name in columns if name not in names]:
        raise UserError(
            f"{path}: has no column {missing[0]!r}; its columns should be {','.join(columns)}, and any others"
        )
    for line, row in rows:
        yield f"{path}, line {line}", {name: (row.get(name) or "").strip() for name in columns}


def _fill(db: duckdb.DuckDBPyConnection, table: str, names: Sequence[str], rows: Sequence[tuple[Any, ...]]) -> None:
    db.execute(f"DELETE FROM base.{table}")
    columns = [list(column) for column in zip(*rows, strict=True)] or [[] for _ in names]
    kinds = [pa.timestamp("us", "UTC") if name.endswith("_at") else pa.string() for name in names]
    arrays = [pa.array(column, kind) for column, kind in zip(columns, kinds, strict=True)]
    db.register("came_by_hand", pa.Table.from_arrays(arrays, list(names)))
    db.execute(f"INSERT INTO base.{table} BY NAME FROM came_by_hand")
    db.unregister("came_by_hand")


def _decision(place: str, row: dict[str, str]) -> tuple[str, str, str, str, datetime] | None:
    """The decision of a line; None if it is not filled in."""
    document, decision, reason, coder, at = (row[name] for name in DECIDED)
    if not decision:
        return None
    if decision not in (*DECISIONS, UNDECIDED):
        raise UserError(f"{place}: {decision!r} is not a decision; write {' or '.join(DECISIONS)}, or leave it empty")
    if not document or not coder:
        raise UserError(f"{place}: no {'coder' if document else 'document'}; fill in "
                        f"{'decided_by' if document else 'document'}")  # fmt: skip
    if decision == "excluded" and not reason:
        raise UserError(f"{place}: an exclusion without a reason; fill in reason")
    return document, decision, reason, coder, _moment(place, at)


def _observation(place: str, row: dict[str, str], study: Path) -> tuple[str | datetime | None, ...]:
    source, at, observer, note, name = (row[name] for name in OBSERVED)
    for column in ("source", "observer"):
        if not row[column]:
            raise UserError(f"{place}: no {column}; fill in {column}")
    if not note and not name:
        raise UserError(f"{place}: neither a note nor a file; fill in one of them")
    return source, _moment(place, at), observer, note or None, name or None, _checksum(place, study, name)


def _checksum(place: str, study: Path, name: str) -> str | None:
    if not name:
        return None
    path = study / name
    if Path(name).is_absolute() or not path.resolve().is_relative_to(study.resolve()) or not path.is_file():
        raise UserError(f"{place}: no file {name!r} in the study directory; copy it there")
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _moment(place: str, at: str) -> datetime:
    try:
        moment = datetime.fromisoformat(at)
    except ValueError:
        raise UserError(f"{place}: {at!r} is not a time; write it as 2013-02-23T12:00:00Z") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)

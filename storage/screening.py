"""Screening by hand: `screening.csv`, the coders' decisions on documents; a coder's last line on one counts."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pyarrow as pa

from storage import csvfile
from storage.errors import UserError

FILE = "screening.csv"
COLUMNS = ("document", "decision", "reason", "decided_by", "decided_at")
DECISIONS = ("included", "excluded")
CONSENSUS = "consensus"  # as decided_by: the agreed decision of coders who differed; not a coder


def read_screening(db: duckdb.DuckDBPyConnection, study: Path) -> None:
    """Fill `base.screenings` from the study's file; empty it if there is none. Raise UserError."""
    db.execute("DELETE FROM base.screenings")
    path = study / FILE
    if not path.exists():
        return
    last: dict[tuple[str, str], tuple[str, str, str, str, datetime]] = {}
    names, rows = csvfile.records(path, COLUMNS)
    if missing := [name for name in COLUMNS if name not in names]:
        raise UserError(
            f"{path}: has no column {missing[0]!r}; its columns should be {','.join(COLUMNS)}, and any others"
        )
    for line, row in rows:
        if found := _decision(f"{path}, line {line}", {name: (row.get(name) or "").strip() for name in COLUMNS}):
            last[found[0], found[3]] = found
    columns = [list(column) for column in zip(*last.values(), strict=True)] or [[] for _ in COLUMNS]
    kinds = [*[pa.string()] * (len(COLUMNS) - 1), pa.timestamp("us", "UTC")]
    arrays = [pa.array(column, kind) for column, kind in zip(columns, kinds, strict=True)]
    db.register("came_screenings", pa.Table.from_arrays(arrays, list(COLUMNS)))
    db.execute("INSERT INTO base.screenings BY NAME FROM came_screenings")
    db.unregister("came_screenings")


def _decision(place: str, row: dict[str, str]) -> tuple[str, str, str, str, datetime] | None:
    """The decision of a line; None if it is not filled in."""
    document, decision, reason, coder, at = (row[name] for name in COLUMNS)
    if not decision:
        return None
    if decision not in DECISIONS:
        raise UserError(f"{place}: {decision!r} is not a decision; write {' or '.join(DECISIONS)}, or leave it empty")
    if not document or not coder:
        raise UserError(f"{place}: no {'coder' if document else 'document'}; fill in "
                        f"{'decided_by' if document else 'document'}")  # fmt: skip
    if decision == "excluded" and not reason:
        raise UserError(f"{place}: an exclusion without a reason; fill in reason")
    try:
        moment = datetime.fromisoformat(at)
    except ValueError:
        raise UserError(f"{place}: {at!r} is not a time; write it as 2013-02-23T12:00:00Z") from None
    return document, decision, reason, coder, moment if moment.tzinfo else moment.replace(tzinfo=UTC)

"""Records to columns: each class of record becomes one Parquet file, with each row's page."""

from __future__ import annotations

import hashlib
import types
from collections.abc import Iterable, Sequence
from datetime import datetime
from functools import cache
from itertools import chain
from operator import attrgetter
from pathlib import Path
from typing import Any, Union, get_args, get_origin

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from storage import records
from storage.records import Mention, Quarantine

FLUSH = 1_000  # rows of one class held as objects: few enough to stay in the cache until they become columns
GROUP = 40_000  # rows of one class held as columns before they are written
MOMENT = pa.timestamp("us", "UTC")
REPEATED = {  # columns whose values repeat, worth a dictionary
    "record_id", "fetched_at", "run_id", "collector", "page_kind", "page_key", "walk", "platform", "account_id",
    "timeline_of", "kind", "lang", "source", "listed", "profile_id", "outcome", "reason", "rel", "list_id", "archive",
    "survey", "respondent", "variable", "code", "missing",
}  # fmt: skip


class Context(msgspec.Struct, frozen=True):
    """The page (or note) a row came from, added to every row."""

    record_id: str
    fetched_at: datetime
    run_id: str = ""
    collector: str = ""
    page_kind: str = ""
    page_key: str = ""
    walk: str = ""


class Fetch(msgspec.Struct, frozen=True):
    """One answer or failure."""

    url: str
    status: int | None
    failure: str | None
    detail: str | None
    bytes: int
    targets: int
    archive: str


class Answer(msgspec.Struct, frozen=True):
    """The outcome of one target of a page."""

    collector: str
    kind: str
    key: str
    cursor: str
    walk: str
    wave: int
    via: str
    since: str
    outcome: str
    why: str | None = None
    items: int | None = None
    next_cursor: str | None = None
    complete: bool | None = None
    reached: bool | None = None
    newest: str | None = None
    until: datetime | None = None


class Noted(msgspec.Struct, frozen=True):
    """A note of the archive, its data as JSON text."""

    kind: str
    data: str


TABLES: dict[type, str] = {
    records.Profile: "profiles",
    records.Position: "positions",
    records.ProfileLink: "profile_links",
    records.ProfileDetail: "profile_details",
    records.Connection: "connections",
    records.Account: "accounts",
    records.AccountField: "account_fields",
    records.Absence: "absences",
    records.Follow: "follows",
    records.Listed: "listed",
    records.Post: "posts",
    records.Deletion: "deletions",
    records.Quarantine: "quarantine",
    records.Organisation: "register",
    records.Office: "offices",
    records.Document: "documents",
    records.DocumentPage: "document_pages",
    records.SurveyVariable: "survey_variables",
    records.SurveyAnswer: "survey_answers",
    Fetch: "fetches",
    Answer: "answers",
    Noted: "notes",
}
VERSIONED = (
    records.Profile,
    records.Position,
    records.ProfileLink,
    records.ProfileDetail,
)  # rows that carry a content hash


def arrow_type(annotation: Any) -> pa.DataType:
    """The Arrow type of a field's annotation; optional ones are the same, as every column may be null."""
    if get_origin(annotation) in (Union, types.UnionType):
        annotation = next(a for a in get_args(annotation) if a is not type(None))
    if get_origin(annotation) is tuple:
        return pa.list_(arrow_type(get_args(annotation)[0]))
    if annotation is Mention:
        return pa.struct([(field.name, pa.string()) for field in msgspec.structs.fields(Mention)])
    simple = {str: pa.string(), int: pa.int64(), float: pa.float64(), bool: pa.bool_(), datetime: MOMENT}
    return simple[annotation]


@cache
def fields(record: type) -> dict[str, pa.DataType]:
    """The columns of a class of records, in the order of its fields."""
    return {field.name: arrow_type(field.type) for field in msgspec.structs.fields(record)}


@cache
def required(record: type) -> set[str]:
    """The fields that may not be None."""
    kinds = {field.name: field.type for field in msgspec.structs.fields(record)}
    return {name for name, kind in kinds.items() if type(None) not in get_args(kind)}


def column(values: Sequence[Any], type_: pa.DataType) -> pa.Array:
    """*values* as one Arrow array. Raise TypeError, ValueError or OverflowError for a value that does not fit."""
    if pa.types.is_list(type_) and pa.types.is_struct(type_.value_type):
        return _struct_lists(values, type_)
    return pa.array(values, type_)


def _struct_lists(values: Sequence[Any], type_: pa.DataType) -> pa.Array:
    """Tuples of structs (or None) as a list array, without a Python object per struct."""
    given = [value or () for value in values]
    flat = list(chain.from_iterable(given))
    offsets = np.zeros(len(given) + 1, np.int32)
    np.cumsum(np.fromiter(map(len, given), np.int32, len(given)), out=offsets[1:])
    missing = np.array([*(value is None for value in values), False]) if None in values else None
    parts = [pa.array(list(map(attrgetter(field.name), flat)), field.type) for field in type_.value_type]
    structs = pa.StructArray.from_arrays(parts, fields=list(type_.value_type))
    return pa.ListArray.from_arrays(pa.array(offsets, pa.int32(), mask=missing), structs, type=type_)


class Columns:
    """Collects records of one class and writes them to *path* as Parquet; the file appears with the first row."""

    def __init__(self, record: type, path: Path, first: int) -> None:
        self.record, self.path, self.next = record, path, first
        self.types, self.required = fields(record), required(record)
        self.rows: list[Any] = []
        self.content: list[str] = []
        self.contexts: list[Context] = []
        self.counts: list[int] = []
        self.batches: list[pa.RecordBatch] = []
        self.pages: list[Context] = []  # of the batches
        self.marked = self.held = self.written = 0
        self._writer: pq.ParquetWriter | None = None

    def mark(self, context: Context) -> None:
        """Mark the rows since the last mark, one or more, as coming from *context*."""
        self.contexts.append(context)
        self.counts.append(len(self.rows) - self.marked)
        self.marked = len(self.rows)

    def flush(self) -> list[tuple[Context, Quarantine]]:
        """Turn the buffered rows into columns; return the misfits with their pages."""
        if not self.rows:
            return []
        owner = np.repeat(np.arange(len(self.contexts), dtype=np.int32), self.counts)
        good, bad = self._arrays(0, len(self.rows))
        misfits = [(self.contexts[owner[i]], _misfit(self.rows[i], why)) for i, why in bad]
        kept = np.delete(np.arange(len(self.rows)), [i for i, _ in bad])
        if len(kept):
            self.batches.append(self._batch(good, owner[kept] + np.int32(len(self.pages)), kept))
            self.pages += self.contexts
            self.held += len(kept)
        self.next += len(self.rows)
        self.rows, self.content, self.contexts, self.counts, self.marked = [], [], [], [], 0
        return misfits

    def write(self, least: int = 1) -> None:
        """Write the buffered columns, if they have *least* rows or more."""
        if self.held < least:
            return
        table = self._with_pages(pa.Table.from_batches(self.batches))
        if self._writer is None:
            few = [name for name in table.column_names if name in REPEATED]
            self._writer = pq.ParquetWriter(
                self.path, table.schema, compression="lz4", use_dictionary=few, write_statistics=False
            )
        self._writer.write_table(table)
        self.written += self.held
        self.batches, self.pages, self.held = [], [], 0

    def close(self) -> None:
        """Write the buffers and finish the file."""
        self.write()
        if self._writer is not None:
            self._writer.close()
            self._writer = None

    def _arrays(self, start: int, end: int) -> tuple[list[pa.Array], list[tuple[int, str]]]:
        """The columns of some rows, and the rows that do not fit, found by halving, as they are rare."""
        rows = self.rows[start:end]
        try:
            values = zip(*map(msgspec.structs.astuple, rows), strict=True)
            columns = [column(each, kind) for each, kind in zip(values, self.types.values(), strict=True)]
            for name, each in zip(self.types, columns, strict=True):
                if each.null_count and name in self.required:
                    raise ValueError(f"{name} is missing")
            return columns, []
        except (TypeError, ValueError, OverflowError, AttributeError) as error:
            if end - start == 1:
                return [pa.array([], kind) for kind in self.types.values()], [(start, str(error))]
        middle = (start + end) // 2
        left, bad_left = self._arrays(start, middle)
        right, bad_right = self._arrays(middle, end)
        return [pa.concat_arrays(pair) for pair in zip(left, right, strict=True)], bad_left + bad_right

    def _batch(self, arrays: list[pa.Array], owner: np.ndarray[Any, Any], kept: np.ndarray[Any, Any]) -> pa.RecordBatch:
        """The columns of the records with their page's number, a row id, and the content hash if there is one."""
        names = [*self.types, "owner", "row_id"]
        arrays += [pa.array(owner), pa.array(kept + self.next, pa.int64())]
        if self.content:
            arrays.append(pa.array([self.content[i] for i in kept], pa.string()))
            names.append("content")
        return pa.RecordBatch.from_arrays(arrays, names)

    def _with_pages(self, table: pa.Table) -> pa.Table:
        """*table* with the columns of the pages in place of their numbers."""
        owner = table["owner"].combine_chunks()
        for name, kind in fields(Context).items():
            if name not in self.types:
                values = pa.array(list(map(attrgetter(name), self.pages)), kind)
                table = table.append_column(name, values.dictionary_encode().take(owner))
        return table.drop_columns("owner")


def _misfit(record: Any, why: str) -> Quarantine:
    return Quarantine(type(record).__name__, f"a value does not fit its column: {why}"[:500], repr(record)[:1000])


def _digest(found: Iterable[Any]) -> str:
    """A hash of records, independent of their order."""
    try:
        pieces = {msgspec.json.encode(record) for record in found}
    except (TypeError, ValueError):  # a value that does not fit its column; it will be quarantined
        pieces = {repr(record).encode("utf-8", "backslashreplace") for record in found}
    return hashlib.blake2b(b"\n".join(sorted(pieces)), digest_size=16).hexdigest()


class Spill:
    """One file per class of record in *directory*. Row ids count from *unit*, so that they differ between units."""

    def __init__(self, directory: Path, unit: int) -> None:
        self.directory = directory
        directory.mkdir(parents=True, exist_ok=True)
        first = unit << 36
        self.columns = {kind: Columns(kind, directory / f"{name}.parquet", first) for kind, name in TABLES.items()}
        self._rows = {kind: columns.rows for kind, columns in self.columns.items()}

    def add(self, context: Context, found: Iterable[Any]) -> None:
        """Add *found*, all from one page. Exceptions from *found* propagate; the records before them are kept."""
        starts = [len(self.columns[kind].rows) for kind in VERSIONED]
        try:
            for record in found:
                self._rows[record.__class__].append(record)
        finally:
            self._profiles(starts)
            full = False
            for columns in self.columns.values():
                if len(columns.rows) > columns.marked:
                    columns.mark(context)
                    full = full or len(columns.rows) >= FLUSH
        if full:
            self.flush(FLUSH)

    def flush(self, least: int = 1) -> None:
        """Turn the rows of each class with *least* rows or more into columns."""
        for kind, columns in self.columns.items():
            if len(columns.rows) >= least:
                for context, quarantine in columns.flush():
                    self.columns[Quarantine].rows.append(quarantine)
                    self.columns[Quarantine].mark(context)
                columns.write(GROUP)
                self._rows[kind] = columns.rows
        self._rows[Quarantine] = self.columns[Quarantine].rows

    def close(self) -> dict[str, int]:
        """Write everything; return the number of rows per table."""
        self.flush()
        self.flush()  # misfits have become rows of quarantine
        for columns in self.columns.values():
            columns.close()
        return {TABLES[kind]: columns.written for kind, columns in self.columns.items() if columns.written}

    def _profiles(self, starts: list[int]) -> None:
        """Give the page's profiles, positions, links and details their common content hash."""
        if all(len(self.columns[kind].rows) == start for kind, start in zip(VERSIONED, starts, strict=True)):
            return
        new = [self.columns[kind].rows[start:] for kind, start in zip(VERSIONED, starts, strict=True)]
        parts: dict[str, list[Any]] = {}
        for record in chain(*new):
            parts.setdefault(record.profile_id, []).append(record)
        hashes = {key: _digest(found) for key, found in parts.items()}
        for kind, found in zip(VERSIONED, new, strict=True):
            self.columns[kind].content.extend(hashes[record.profile_id] for record in found)

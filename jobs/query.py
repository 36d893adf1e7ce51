"""Query the published database, read-only, without file or network access; of a lake, by SELECT only."""

from __future__ import annotations

import re
from pathlib import Path
from threading import Lock, Timer
from typing import TYPE_CHECKING, Any, BinaryIO

import duckdb
import msgspec
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as arrow_csv
import pyarrow.parquet as parquet

from jobs.context import DATABASE, lake_of, read_study
from storage.errors import UserError
from storage.tables import lake
from storage.tables.database import attach, connected
from study.study_file import FILE

if TYPE_CHECKING:
    import pandas as pd


def query(directory: Path, text: str, parameters: Any = None) -> pd.DataFrame:
    """The rows of one query, *parameters* bound to its ? or $name, as a frame. Raise UserError if it is invalid."""
    with connect(directory) as db:
        try:
            return db.execute(checked(db, text), parameters).df()
        except duckdb.Error as error:
            raise UserError(f"the query: {first_line(error)}") from error


def connect(directory: Path) -> duckdb.DuckDBPyConnection:
    """A read-only connection to the study's database alone. Raise UserError if there is none yet.

    One at a time in a process, as its configuration is locked for all connections; `apart` has no such limit.
    """
    if (db := _from_lake(directory)) is not None:
        return db
    path = _published(directory)
    db = connected(path)
    _guard(db)
    return db


def attached(directory: Path, **settings: str) -> duckdb.DuckDBPyConnection:
    """A database in memory, with *settings*, and the study's attached to it read-only as `study`. Raise UserError."""
    path = _published(directory)
    db = duckdb.connect(config={"temp_directory": f"{path}.tmp", **settings})
    try:
        attach(db, path, "study")
    except UserError:
        db.close()
        raise
    return db


def apart(directory: Path, memory: str = "1GB") -> duckdb.DuckDBPyConnection:
    """As `connect`, for programs that open several at once; queries can make tables in memory, at most of *memory*."""
    if (db := _from_lake(directory, memory_limit=memory)) is not None:
        return db
    db = attached(directory, memory_limit=memory)
    db.execute("USE study")
    _guard(db)
    return db


def _from_lake(directory: Path, **settings: str) -> duckdb.DuckDBPyConnection | None:
    """A connection to the lake alone, on a machine that only reads: the study names one, and was not loaded here."""
    if (directory / DATABASE).is_file() or not (directory / FILE).is_file():
        return None
    if (place := lake_of(read_study(directory))) is None:
        return None
    db = lake.opened(place)
    for name, value in settings.items():
        db.execute(f"SET {name} = '{value}'")
    db.execute("SET allowed_directories = [?]", [lake.directory(db)])
    _guard(db)
    return db


def _guard(db: duckdb.DuckDBPyConnection) -> None:
    db.execute("SET python_enable_replacements=false")
    db.execute("SET enable_external_access=false")
    db.execute("SET lock_configuration=true")


def _published(directory: Path) -> Path:
    path = directory / DATABASE
    if not path.is_file():
        raise UserError(f"{path}: no database yet; run `sneeuwbal run` or `sneeuwbal load`")
    return path


class Answer(msgspec.Struct, frozen=True):
    """The rows of a query, up to a limit: *more* if there were others."""

    rows: pa.Table
    more: bool


CLOSED = re.compile(  # of a lake: functions that reach its server, change it, or run text as a query; its catalogue
    r'"(?:function_name":"(?:postgres_|ducklake_|query"|query_table"|json_execute|\w*_secrets?")|(?:catalog|schema)_name":"__ducklake_)',
    re.I,
)


def checked(db: duckdb.DuckDBPyConnection, text: str) -> str:
    """The query *text*; of a lake, whose connection must reach files and a server, raise UserError if it is no SELECT.

    Raise duckdb.Error if it cannot be parsed.
    """
    if not db.execute("SELECT 1 FROM duckdb_databases() WHERE type = 'ducklake'").fetchall():
        return text
    statements = db.extract_statements(text)
    (parsed,) = db.execute("SELECT json_serialize_sql(?)", [text]).fetchone() or ("",)
    only = {one.type for one in statements} == {duckdb.StatementType.SELECT}
    if not only or parsed.startswith('{"error":true') or CLOSED.search(parsed):
        raise UserError("the query: of a lake, only SELECT from the study's tables is answered")
    return text


READING = {duckdb.StatementType.SELECT, duckdb.StatementType.EXPLAIN}


def within(directory: Path, text: str, *, seconds: float, rows: int) -> Answer:
    """At most *rows* rows of one query. Raise UserError if it is invalid, or takes longer than *seconds*."""
    with apart(directory) as db:
        clock = Timer(seconds, db.interrupt)
        clock.start()
        try:
            statements = db.extract_statements(text)
            if len(statements) != 1 or statements[0].type not in READING:
                raise UserError("the query: only one SELECT is answered here")
            found = db.sql(checked(db, text)).limit(rows + 1).to_arrow_table()
        except duckdb.InterruptException as error:
            raise UserError(f"the query: stopped after {seconds:g} s; ask for less") from error
        except duckdb.Error as error:
            raise UserError(f"the query: {first_line(error)}") from error
        finally:
            clock.cancel()
    return Answer(found.slice(0, rows), len(found) > rows)


_DRAWING = Lock()  # the style of figures is one for the whole process


def chart(rows: pa.Table) -> bytes | None:
    """A chart of *rows* as SVG: their numbers against the first column; None if they have nothing to draw."""
    from analysis.report.figures import simple, style  # matplotlib, which takes a second to import

    with _DRAWING, style.styled():
        figure = simple.chart(rows.to_pandas(date_as_object=False))
        return None if figure is None else style.saved(figure, "svg")


def write(relation: duckdb.DuckDBPyRelation, form: str, file: BinaryIO) -> None:
    """The rows as CSV, newline-delimited JSON or Parquet, in batches."""
    reader = relation.to_arrow_reader(100_000) if hasattr(relation, "to_arrow_reader") else relation.arrow(100_000)
    if form == "parquet":
        with parquet.ParquetWriter(file, reader.schema) as writer:
            for batch in reader:
                writer.write_batch(batch)
    elif form == "json":
        for batch in reader:
            file.writelines(msgspec.json.encode(row) + b"\n" for row in batch.to_pylist())
    else:
        write_csv(reader, file)


def write_csv(reader: pa.RecordBatchReader, file: BinaryIO) -> None:
    """The rows of *reader* as CSV that is safe to open in a spreadsheet."""

    def flat(batch: pa.RecordBatch) -> pa.RecordBatch:
        """Write CSV: lists and structs as JSON, text that a spreadsheet would run as a formula with a leading quote."""
        columns = []
        for column in batch.columns:
            if pa.types.is_nested(column.type):
                texts = [None if v is None else msgspec.json.encode(v).decode() for v in column.to_pylist()]
                columns.append(pa.array(texts, pa.string()))
            elif pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
                columns.append(pc.replace_substring_regex(column, r"^([=+\-@\t\r])", r"'\1"))
            else:
                columns.append(column)
        return pa.RecordBatch.from_arrays(columns, names=batch.schema.names)

    writer = None
    for batch in reader:
        flattened = flat(batch)
        if writer is None:
            writer = arrow_csv.CSVWriter(file, flattened.schema)
        writer.write_batch(flattened)
    if writer is None:
        file.write((",".join(f'"{name}"' for name in reader.schema.names) + "\n").encode())
    else:
        writer.close()


def first_line(error: Exception) -> str:
    """The first line of an error's message."""
    lines = [line for line in str(error).splitlines() if line.strip()]
    return lines[0] if lines else type(error).__name__

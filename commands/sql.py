"""`sneeuwbal sql`: query the published database, read-only, without file or network access."""

from __future__ import annotations

import contextlib
import io
import sys
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import click

from commands.terminal import plain
from storage.errors import UserError

if TYPE_CHECKING:
    import duckdb

FORMATS = ("table", "csv", "json", "parquet")


@click.command()
@click.argument("query", required=False)
@click.option("--format", "form", type=click.Choice(FORMATS), default="table", show_default=True)
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Write here instead of the terminal; - is that.")
@click.pass_obj
def command(directory: Path, query: str | None, form: str, output: Path | None) -> None:
    """Run one QUERY (or read it from a pipe), or open a shell without one.

    \b
    sneeuwbal sql "SELECT group_name, count(*) AS people FROM members GROUP BY ALL ORDER BY people DESC"
    """
    if query is None and not sys.stdin.isatty():
        query = sys.stdin.read()
    with connect(directory) as db:
        if query is None:
            _shell(db)
        else:
            _answer(db, query, form, None if output in (None, Path("-")) else output)


def connect(directory: Path) -> duckdb.DuckDBPyConnection:
    """A read-only connection that can read nothing but the study. Raise UserError if there is none yet."""
    import duckdb

    path = directory / "study.duckdb"
    if not path.is_file():
        raise UserError(f"{path}: nothing is published yet; `sneeuwbal run` or `sneeuwbal load` makes it")
    try:
        db = duckdb.connect(str(path), read_only=True)
    except duckdb.Error as error:
        raise UserError(
            f"{path}: cannot be opened ({_first(error)}); `sneeuwbal load --fresh` makes it anew"
        ) from error
    db.execute("SET python_enable_replacements=false")
    db.execute("SET enable_external_access=false")
    db.execute("SET lock_configuration=true")
    return db


def _answer(db: duckdb.DuckDBPyConnection, query: str, form: str, output: Path | None) -> None:
    import duckdb

    try:
        relation = db.sql(query)
        if relation is None:
            return
        if form == "table" and output is None:
            click.echo(_box(relation))
            return
        if output is None and sys.stdout.isatty():
            data = io.BytesIO()
            _write(relation, form, data)
            click.echo(data.getvalue().decode("utf-8", "replace"), nl=False)  # made plain: it is looked at
        elif output is None:
            _write(relation, form, sys.stdout.buffer)
        else:
            with output.open("wb") as file:
                _write(relation, form, file)
    except duckdb.Error as error:
        raise UserError(f"the query: {_first(error)}") from error


def _box(relation: duckdb.DuckDBPyRelation) -> str:
    """The rows as DuckDB draws them, at most 10,000."""
    text = io.StringIO()
    with contextlib.redirect_stdout(text):
        relation.show(max_rows=10_000, max_width=10_000 if not sys.stdout.isatty() else None)
    return text.getvalue().rstrip()


def _write(relation: duckdb.DuckDBPyRelation, form: str, file: BinaryIO) -> None:
    """The rows as CSV, newline-delimited JSON or Parquet, in batches."""
    import pyarrow.csv as arrow_csv
    import pyarrow.parquet as parquet

    reader = relation.to_arrow_reader(100_000) if hasattr(relation, "to_arrow_reader") else relation.arrow(100_000)
    if form == "parquet":
        with parquet.ParquetWriter(file, reader.schema) as writer:
            for batch in reader:
                writer.write_batch(batch)
    elif form == "json":
        import msgspec

        for batch in reader:
            file.writelines(msgspec.json.encode(row) + b"\n" for row in batch.to_pylist())
    else:
        _csv(reader, arrow_csv, file)


def _csv(reader, arrow_csv, file: BinaryIO) -> None:  # type: ignore[no-untyped-def]  # pyarrow has no types
    import pyarrow as pa
    import pyarrow.compute as pc

    def flat(batch: pa.RecordBatch) -> pa.RecordBatch:
        """Lists and structs as JSON; a text that a spreadsheet would run as a formula gets a quote before it."""
        import msgspec

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


def _shell(db: duckdb.DuckDBPyConnection) -> None:
    """Read queries that end with a semicolon; .tables lists the views; .quit or end of input ends it."""
    with contextlib.suppress(ImportError):
        import readline  # noqa: F401 (gives input() a history)
    click.echo("study.duckdb, read-only. Queries end with ; — .tables lists the views, .quit ends.")
    lines: list[str] = []
    while True:
        try:
            line = input("... " if lines else "sql> ")
        except EOFError:
            return
        if line.strip() == ".quit":
            return
        if line.strip() == ".tables":
            line = "SELECT view_name, comment FROM duckdb_views() WHERE NOT internal ORDER BY 1;"
        lines.append(line)
        if line.rstrip().endswith(";"):
            query, lines = "\n".join(lines), []
            try:
                _answer(db, query, "table", None)
            except UserError as error:
                click.echo(plain(str(error)), err=True)


def _first(error: Exception) -> str:
    lines = [line for line in str(error).splitlines() if line.strip()]
    return lines[0] if lines else type(error).__name__

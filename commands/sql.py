"""`sneeuwbal sql`: query the published database, read-only."""

from __future__ import annotations

import contextlib
import io
import sys
from pathlib import Path

import click
import duckdb

from jobs.logs import plain
from jobs.query import checked, connect, first_line, write
from storage.errors import UserError

FORMATS = ("table", "csv", "json", "parquet")


class _Query(click.Command):
    """A command whose argument may begin with an SQL comment, which looks like an option."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """The arguments, with everything after the options as the query."""
        if "--" not in args:
            queries = [word for word in args if word.startswith("--") and "\n" in word]
            args = [*(word for word in args if word not in queries), *["--"] * bool(queries), *queries]
        return super().parse_args(ctx, args)


@click.command(cls=_Query)
@click.argument("query", required=False)
@click.option("--format", "form", type=click.Choice(FORMATS), default="table", show_default=True)
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Output file (- for the terminal).")
@click.pass_obj
def command(directory: Path, query: str | None, form: str, output: Path | None) -> None:
    """Run one QUERY (an argument, or from a pipe); without one, open a shell.

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


def _answer(db: duckdb.DuckDBPyConnection, query: str, form: str, output: Path | None) -> None:
    try:
        relation = db.sql(checked(db, query))
        if relation is None:
            return
        if form == "table" and output is None:
            click.echo(_box(relation))
            return
        if output is None and sys.stdout.isatty():
            data = io.BytesIO()
            write(relation, form, data)
            click.echo(data.getvalue().decode("utf-8", "replace"), nl=False)  # cleaned for the terminal
        elif output is None:
            write(relation, form, sys.stdout.buffer)
        else:
            with output.open("wb") as file:
                write(relation, form, file)
    except duckdb.Error as error:
        raise UserError(f"the query: {first_line(error)}") from error


def _box(relation: duckdb.DuckDBPyRelation) -> str:
    """The rows as DuckDB draws them, at most 10,000."""
    text = io.StringIO()
    with contextlib.redirect_stdout(text):
        relation.show(max_rows=10_000, max_width=10_000 if not sys.stdout.isatty() else None)
    return text.getvalue().rstrip()


def _shell(db: duckdb.DuckDBPyConnection) -> None:
    """Read queries that end with a semicolon; .tables lists the views; .quit or end of input ends it."""
    with contextlib.suppress(ImportError):
        import readline  # noqa: F401 (gives input() a history)
    click.echo("study.duckdb, read-only. Queries end with ; — .tables lists the views, .quit exits.")
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

"""A connection that logs its SQL, so that a report can show the queries behind its numbers."""

from __future__ import annotations

from typing import Any, cast

from analysis.queries import Database


class Logged:
    """A DuckDB connection that appends every statement to `statements`."""

    def __init__(self, db: Database, statements: list[str] | None = None) -> None:
        self._db = db
        self.statements: list[str] = [] if statements is None else statements

    def execute(self, query: Any, parameters: Any = None) -> Any:
        """Log *query* and run it."""
        if isinstance(query, str):
            self.statements.append(query)
        return self._db.execute(query) if parameters is None else self._db.execute(query, parameters)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._db, name)


def logged(db: Database) -> tuple[Database, list[str]]:
    """*db* as a logging connection, and its log."""
    db.execute("SET python_scan_all_frames = true")  # so that frames of the caller are found beyond ours
    made = Logged(db)
    return cast(Database, made), made.statements


def tidy(query: str) -> str:
    """*query* without the indentation it has in our source."""
    lines = query.strip("\n").rstrip().splitlines()
    deep = [len(line) - len(line.lstrip()) for line in lines[1:] if line.strip()]
    cut = min(deep, default=0)
    return "\n".join([lines[0].strip(), *(line[cut:].rstrip() for line in lines[1:])]) if lines else ""

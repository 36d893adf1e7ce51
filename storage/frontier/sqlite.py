"""The frontier of one machine, in SQLite."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from storage.frontier import base
from storage.frontier.base import KILLED
from storage.frontier.moves import MAX_TRIES
from storage.frontier.schema import opened


class Frontier(base.Frontier):
    """The state in a file."""

    INDEX = " INDEXED BY by_due"
    KEYS = "SELECT value FROM json_each(?)"
    RUNS = "run_id, collector, started_at, ended_at, status, reason, answers, items"

    def __init__(self, path: Path, *, max_tries: int = MAX_TRIES) -> None:
        super().__init__(max_tries)
        self.db = opened(path)

    def close(self) -> None:
        """Close the file."""
        self.db.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """A transaction."""
        self.db.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self.db.execute("ROLLBACK")
            raise
        self.db.execute("COMMIT")

    def rows(self, sql: str, values: Sequence[Any] = ()) -> base.Rows:
        """The rows that a statement returns."""
        return self.db.execute(sql, values).fetchall()

    def change(self, sql: str, values: Sequence[Any] = ()) -> int:
        """Run a statement that returns none; the number of rows that it changed."""
        return self.db.execute(sql, values).rowcount

    def change_many(self, sql: str, values: Iterable[Sequence[Any]]) -> int:
        """Run a statement for each of *values*; the number of rows changed."""
        return self.db.executemany(sql, values).rowcount

    def _bury(self, collector: str, now: datetime) -> None:
        self.change(
            "UPDATE runs SET status='killed', reason=?, ended_at=coalesce(ended_at, ?)"
            " WHERE collector=? AND status='running'",
            (KILLED, now.timestamp(), collector),
        )
        self.change(
            "UPDATE targets SET lease=NULL WHERE lease IS NOT NULL"
            " AND kind IN (SELECT id FROM kinds WHERE collector=?)",
            (collector,),
        )

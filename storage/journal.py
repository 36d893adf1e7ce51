"""The journal of the schedule: which job started when, how it ended, what is paused or triggered by hand."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from storage.errors import UserError

SCHEMA = """
CREATE TABLE IF NOT EXISTS jobs (
    id INTEGER PRIMARY KEY, job TEXT, started_at REAL, due_at REAL, ended_at REAL, code INTEGER, why TEXT);
CREATE TABLE IF NOT EXISTS paused (job TEXT PRIMARY KEY);
CREATE TABLE IF NOT EXISTS triggered (job TEXT PRIMARY KEY);
"""

ENDS = {0: "complete", 3: "partial", 4: "out of budget or credit", 130: "interrupted"}
ORPHANED = "killed with its daemon"


class Journal:
    """The schedule's SQLite file, next to the state."""

    def __init__(self, study: Path) -> None:
        self.path = study / "schedule.sqlite"
        if not self.path.exists():
            self.path.touch(0o600)
        try:
            with self._open() as db:
                db.executescript(SCHEMA)
        except sqlite3.OperationalError:
            raise  # locked, or the disk is full: reported as such
        except sqlite3.DatabaseError as error:
            raise UserError(f"{self.path}: {error}; delete it: it only has the results of jobs") from error

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        db = sqlite3.connect(self.path, timeout=30)
        try:
            with db:
                yield db
        finally:
            db.close()

    def write(self, job: str, started: datetime, due: datetime | None, why: str) -> int:
        """Record a start (or why there was none); return its number."""
        with self._open() as db:
            row = (job, started.timestamp(), due.timestamp() if due else None, why)
            found = db.execute("INSERT INTO jobs (job, started_at, due_at, why) VALUES (?,?,?,?)", row).lastrowid
        return int(found or 0)

    def end(self, number: int, ended: datetime, code: int, why: str | None = None) -> None:
        """Record the end of a run; *why* if the exit code does not explain it."""
        with self._open() as db:
            why = why or ENDS.get(code) or ("failed" if code > 0 else f"killed by signal {-code}")
            db.execute("UPDATE jobs SET ended_at=?, code=?, why=? WHERE id=?", (ended.timestamp(), code, why, number))

    def first_seen(self, job: str, now: datetime) -> None:
        """Record that a job exists from *now* on, so that earlier starts are not missed ones."""
        self.write(job, now, now, "scheduled from here")

    def last_start(self, job: str) -> datetime | None:
        """The due time of the newest recorded start of *job*; None if there is none."""
        with self._open() as db:
            (newest,) = db.execute("SELECT max(due_at) FROM jobs WHERE job=?", (job,)).fetchone()
        return datetime.fromtimestamp(newest, UTC) if newest is not None else None

    def bury(self) -> None:
        """Mark the runs of a dead daemon as ended; only the holder of its lock may call it."""
        with self._open() as db:
            db.execute("UPDATE jobs SET why=? WHERE why='running'", (ORPHANED,))

    def cut_short(self, job: str) -> datetime | None:
        """The due time of the newest start of *job*, if it was interrupted or killed; else None."""
        with self._open() as db:
            row = db.execute("SELECT due_at, code, why FROM jobs WHERE job=? AND due_at IS NOT NULL"
                             " ORDER BY id DESC LIMIT 1", (job,)).fetchone()  # fmt: skip
        if row is None or not (row[2] == ORPHANED or (row[1] is not None and (row[1] < 0 or row[1] == 130))):
            return None
        return datetime.fromtimestamp(row[0], UTC)

    def history(
        self, job: str | None = None, limit: int = 20
    ) -> list[tuple[str, float, float | None, int | None, str]]:
        """(job, started, ended, code, why), newest first; times in Unix seconds."""
        where = "WHERE job=?" if job else ""
        with self._open() as db:
            return db.execute(
                f"SELECT job, started_at, ended_at, code, why FROM jobs {where} ORDER BY id DESC LIMIT ?",
                (*((job,) if job else ()), limit),
            ).fetchall()

    def paused(self, job: str) -> bool:
        """Whether *job* is paused."""
        with self._open() as db:
            return db.execute("SELECT 1 FROM paused WHERE job=?", (job,)).fetchone() is not None

    def pause(self, job: str, on: bool) -> None:
        """Pause *job*, or resume it."""
        with self._open() as db:
            db.execute("INSERT OR IGNORE INTO paused VALUES (?)" if on else "DELETE FROM paused WHERE job=?", (job,))

    def trigger(self, job: str) -> None:
        """Ask the daemon to start *job* now."""
        with self._open() as db:
            db.execute("INSERT OR IGNORE INTO triggered VALUES (?)", (job,))

    def take_triggers(self) -> list[str]:
        """The jobs to start now; each is returned once."""
        with self._open() as db:
            return [job for (job,) in db.execute("DELETE FROM triggered RETURNING job").fetchall()]

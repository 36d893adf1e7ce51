"""The frontier: what to fetch next, in SQLite. Used by collection only, and rebuilt from the archive by `recover`.

A row is one target: (collector, kind, key), with the position of its walk (*cursor*), its high-water mark
(*since*) and when it is due (*due_at*, Unix seconds; 0: at once; NULL: finished). One index answers what is due;
back-off, revisits and limits all move *due_at*. `apply` alone changes a row after it was added:
collecting and recovering both call it, so a rebuilt state equals the lost one.
"""

from __future__ import annotations

import json
import math
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar

import msgspec

from storage.frontier.cycles import mark
from storage.frontier.schema import encoded, opened
from storage.records import Request, Target

ADMITTED = "admitted"  # the kind of a target that is not fetched: a person admitted by the snowball
MAX_TRIES = 6
SILENT = ("timeout", "connection", "dns", "cut")  # reasons of failures that may be due to a lost network
BACKOFF = (5.0, 3600.0)  # seconds: the first wait, doubled each try, and the longest


class Move(msgspec.Struct, frozen=True):
    """A transition of one row: an outcome of `collectors.base` reduced to its effect."""

    target: Target
    walk: str
    to: str  # next | end | later | alone | absent | keep | on
    why: str = ""
    cursor: str = ""  # next: where the walk continues
    items: int = 0
    newest: str = ""
    until: datetime | None = None  # later: the time; None: back-off
    free: bool = False
    whole_kind: bool = False
    restart: bool = False
    stuck: bool = False  # end: the mark is not moved
    tries: int | None = None  # later: the number of tries before this one
    price: float = 0.0  # USD per item
    requests: int = 0  # 1 for the first transition of an answer
    carry: Mapping[str, Any] = {}  # next: data for its page besides the cursor


class Frontier:
    """The state of one study."""

    def __init__(self, path: Path, *, max_tries: int = MAX_TRIES) -> None:
        self.path, self.max_tries = path, max_tries
        self.db = opened(path)
        self._kinds: dict[tuple[str, str], int] = {}

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

    def kind(self, collector: str, kind: str) -> int:
        """The number of a kind, created at its first use."""
        name = (collector, kind)
        if name not in self._kinds:
            self.db.execute("INSERT INTO kinds (collector, kind) VALUES (?,?) ON CONFLICT DO NOTHING", name)
            row = self.db.execute("SELECT id FROM kinds WHERE collector=? AND kind=?", name).fetchone()
            self._kinds[name] = row[0]
        return self._kinds[name]

    def declare(self, collector: str, yields: Mapping[str, str]) -> None:
        """Store what the kinds of *collector* yield (`collectors.base.Kind`), for the counts of `spent`."""
        for kind, what in yields.items():
            self.db.execute("UPDATE kinds SET yields=? WHERE id=?", (what, self.kind(collector, kind)))

    # ---- adding and leasing

    def add(self, requests: Iterable[Request], now: datetime) -> int:
        """Add unknown targets, due at once; return the number added. Call it in a transaction."""
        before = self.db.total_changes
        self.db.executemany(
            "INSERT INTO targets (kind, key, wave, via, since, state, due_at, changed_at) VALUES (?,?,?,?,?,?,?,?)"
            " ON CONFLICT DO NOTHING",
            (
                (
                    self.kind(request.target.collector, request.target.kind),
                    request.target.key,
                    request.wave,
                    request.via,
                    request.since,
                    *(("done", None) if request.target.kind == ADMITTED else ("open", 0)),
                    at,
                )
                for at in (now.timestamp(),)
                for request in requests
            ),
        )
        return self.db.total_changes - before

    def unknown(self, requests: Sequence[Request]) -> list[Request]:
        """Those of *requests* not in the frontier, in order, each target once."""
        self.db.execute("CREATE TEMP TABLE IF NOT EXISTS asked (n INTEGER, kind INTEGER, key TEXT)")
        self.db.execute("DELETE FROM asked")
        self.db.executemany(
            "INSERT INTO asked VALUES (?,?,?)",
            (
                (n, self.kind(request.target.collector, request.target.kind), request.target.key)
                for n, request in enumerate(requests)
            ),
        )
        rows = self.db.execute(
            "SELECT min(n) FROM asked AS a WHERE NOT EXISTS"
            " (SELECT 1 FROM targets AS t WHERE t.kind=a.kind AND t.key=a.key) GROUP BY kind, key ORDER BY 1"
        )
        return [requests[n] for (n,) in rows.fetchall()]

    def led_to(self, collector: str, kind: str) -> int:
        """The number of targets of a kind that are not seeds."""
        row = self.db.execute(
            "SELECT count(*) FROM targets WHERE kind=? AND via<>''", (self.kind(collector, kind),)
        ).fetchone()
        return int(row[0])

    def targets(self, collector: str, kind: str) -> list[tuple[str, int, str]]:
        """(key, wave, state) of all targets of a kind, in the order in which they were added."""
        return self.db.execute(
            "SELECT key, wave, state FROM targets WHERE kind=? ORDER BY id", (self.kind(collector, kind),)
        ).fetchall()

    def ended(self, collector: str, kind: str) -> list[str]:
        """The newest walks of the targets of a kind that are done or absent."""
        rows = self.db.execute(
            "SELECT key, walk FROM targets WHERE kind=? AND state IN ('done','absent') AND due_at IS NULL",
            (self.kind(collector, kind),),
        )
        return [f"{collector}/{kind}/{key}/{walk}" for key, walk in rows.fetchall()]

    def finished(self, collector: str, kind: str) -> bool:
        """Whether a target of this kind is done, absent or failed."""
        found = self.db.execute(
            "SELECT 1 FROM targets WHERE kind=? AND due_at IS NULL LIMIT 1", (self.kind(collector, kind),)
        )
        return found.fetchone() is not None

    def revisit(
        self,
        collector: str,
        kind: str,
        now: datetime,
        *,
        since: str = "",
        whole: bool = False,
        before: datetime | None = None,
        only: Sequence[str] | None = None,
    ) -> int:
        """Start a new walk for all finished targets of a kind, absent ones included; return their number.

        *since* is the mark of those that have none; *whole*: to the end of the list, ignoring marks;
        *before*: only those finished before that time; *only*: those with these keys.
        """
        return self.db.execute(
            "UPDATE targets SET walk=walk+1, cursor='', carry='{}', position=0, pages=0, anchor='', newest='', tries=0,"
            " alone=0, state='open', why='', due_at=0,"
            " since=CASE WHEN ? THEN '' WHEN since='' THEN ? ELSE since END, changed_at=?"
            " WHERE kind=? AND due_at IS NULL AND changed_at<? AND (? OR key IN (SELECT value FROM json_each(?)))",
            (
                whole,
                since,
                now.timestamp(),
                self.kind(collector, kind),
                before.timestamp() if before else math.inf,
                only is None,
                json.dumps(only or []),
            ),
        ).rowcount

    def retry(self, collector: str, kind: str, now: datetime) -> int:
        """Make failed targets of a kind due again, where their walks stopped; return their number."""
        return self.db.execute(
            "UPDATE targets SET tries=0, alone=0, state='open', why='', due_at=0, changed_at=?"
            " WHERE kind=? AND state='failed'",
            (now.timestamp(), self.kind(collector, kind)),
        ).rowcount

    def free_dead_leases(self, collector: str, run: str) -> int:
        """Release the leases of ended runs; only the holder of the collector's lock may call it."""
        return self.db.execute(
            "UPDATE targets SET lease=NULL WHERE lease IS NOT NULL AND lease<>?"
            " AND kind IN (SELECT id FROM kinds WHERE collector=?)",
            (run, collector),
        ).rowcount

    def lease(self, collector: str, kind: str, run: str, limit: int, now: datetime) -> list[Request]:
        """Lease up to *limit* due targets of one kind to *run*, in the order of due time and age.

        Only the holder of the collector's lock may call it.
        """
        rows = self.db.execute(
            "SELECT id, key, cursor, walk, wave, via, since, tries, position, alone, anchor, carry"
            " FROM targets INDEXED BY by_due WHERE kind=? AND due_at<=? AND lease IS NULL ORDER BY due_at, id LIMIT ?",
            (self.kind(collector, kind), now.timestamp(), limit),
        ).fetchall()
        marks = ",".join("?" * len(rows))
        self.db.execute(f"UPDATE targets SET lease=? WHERE id IN ({marks})", (run, *(row[0] for row in rows)))
        return [
            Request(Target(collector, kind, r[1], r[2]), f"{collector}/{kind}/{r[1]}/{r[3]}", r[4], r[5], r[6], r[7],
                    r[8], bool(r[9]), r[10], msgspec.json.decode(r[11]))
            for r in rows
        ]  # fmt: skip

    def release(self, requests: Iterable[Request]) -> None:
        """Return leases unused."""
        self.db.executemany(
            "UPDATE targets SET lease=NULL WHERE kind=? AND key=?",
            ((self.kind(request.target.collector, request.target.kind), request.target.key) for request in requests),
        )

    def postpone(self, request: Request, until: datetime) -> None:
        """Return a lease unused, due again at *until*."""
        self.db.execute(
            "UPDATE targets SET lease=NULL, due_at=?, why='rate limit' WHERE kind=? AND key=? AND state='open'",
            (until.timestamp(), self.kind(request.target.collector, request.target.kind), request.target.key),
        )

    def next_due(self, collector: str, kinds: Sequence[str]) -> tuple[datetime, str] | None:
        """When the next target of these kinds is due, and why not earlier; None if there are none."""
        best: tuple[float, str] | None = None
        for kind in kinds:
            number = self.kind(collector, kind)
            row = self.db.execute(
                "SELECT due_at, why FROM targets WHERE kind=? AND due_at IS NOT NULL ORDER BY due_at, id LIMIT 1",
                (number,),
            ).fetchone()
            if row is None:
                continue
            blocked, why = self.db.execute("SELECT blocked_until, why FROM kinds WHERE id=?", (number,)).fetchone()
            due = (blocked, f"{kind}: {why}") if blocked > row[0] else (row[0], f"{kind}: {row[1]}" if row[1] else kind)
            if best is None or due < best:
                best = due
        return (datetime.fromtimestamp(best[0], UTC), best[1]) if best else None

    def blocked_until(self, collector: str, kind: str) -> float:
        """Unix seconds until which this kind is blocked; 0 if it is not."""
        row = self.db.execute("SELECT blocked_until FROM kinds WHERE id=?", (self.kind(collector, kind),)).fetchone()
        return float(row[0])

    # ---- what an answer does

    def apply(self, moves: Iterable[Move], now: datetime) -> int:
        """Apply *moves*; return the number of targets that failed. Call it in a transaction.

        A transition of an older walk, or of an unknown row, has no effect.
        """
        failed = 0
        for move in moves:
            kind = self.kind(move.target.collector, move.target.kind)
            where = (kind, move.target.key, int(move.walk.rpartition("/")[2] or 0), move.target.cursor)
            failed += bool(self._STEPS[move.to](self, move, where, now.timestamp()))
            if move.items or move.requests:
                self._spend(move, now)
        return failed

    _WHERE = " WHERE kind=? AND key=? AND walk=? AND cursor=? AND state='open'"

    def _next(self, move: Move, where: tuple[int, str, int, str], now: float) -> None:
        self.db.execute(
            "UPDATE targets SET cursor=?, carry=?, position=position+?,"
            " newest=CASE newest WHEN '' THEN ? ELSE newest END, pages=pages+1,"
            " anchor=CASE WHEN (pages+1) & pages = 0 THEN ? ELSE anchor END,"
            " tries=0, why='', alone=0, due_at=0, lease=NULL, changed_at=?" + self._WHERE,
            (move.cursor, encoded(move.carry), move.items, move.newest, mark(move.cursor), now, *where),
        )

    def _end(self, move: Move, where: tuple[int, str, int, str], now: float) -> None:
        self.db.execute(
            "UPDATE targets SET cursor='', carry='{}', position=position+?,"
            " since=CASE WHEN ? THEN since ELSE coalesce(nullif(newest,''), nullif(?,''), since) END, newest='',"
            " tries=0, alone=0, state='done', why=?, due_at=NULL, lease=NULL, changed_at=?" + self._WHERE,
            (move.items, move.stuck, move.newest, move.why, now, *where),
        )

    def _later(self, move: Move, where: tuple[int, str, int, str], now: float) -> bool:
        """Schedule another try; return whether this was the last one."""
        until = move.until.timestamp() if move.until else 0.0
        if move.whole_kind and until:
            self.db.execute("UPDATE kinds SET blocked_until=?, why=? WHERE id=?", (until, move.why, where[0]))
        row = self.db.execute("SELECT tries FROM targets" + self._WHERE, where).fetchone()
        if row is None:
            return False
        before = row[0] if move.tries is None else min(row[0], move.tries)
        tries = before + (not move.free)
        failed = bool(tries >= self.max_tries)
        due = 0.0 if move.whole_kind else until or (0.0 if move.free else now + backoff(where[1], tries))
        restart = ", cursor='', carry='{}', position=0, pages=0, anchor='', newest=''" if move.restart else ""
        self.db.execute(
            "UPDATE targets SET tries=?, why=?, state=?, due_at=?, lease=NULL, changed_at=?" + restart + self._WHERE,
            (tries, move.why, "failed" if failed else "open", None if failed else due, now, *where),
        )
        return failed

    def _alone(self, move: Move, where: tuple[int, str, int, str], now: float) -> None:
        self.db.execute(
            "UPDATE targets SET alone=1, why=?, due_at=0, lease=NULL, changed_at=?" + self._WHERE,
            (move.why, now, *where),
        )

    def _absent(self, move: Move, where: tuple[int, str, int, str], now: float) -> None:
        self.db.execute(
            "UPDATE targets SET state='absent', why=?, cursor='', carry='{}', newest='', position=0, due_at=NULL,"
            " lease=NULL, changed_at=?" + self._WHERE,
            (move.why, now, *where),
        )

    def _keep(self, move: Move, where: tuple[int, str, int, str], now: float) -> None:
        self.db.execute("UPDATE targets SET why=?, lease=NULL, changed_at=?" + self._WHERE, (move.why, now, *where))

    def _on(self, move: Move, where: tuple[int, str, int, str], now: float) -> None:
        """Do nothing: a redirect, whose target follows."""

    _STEPS: ClassVar = {"next": _next, "end": _end, "later": _later, "alone": _alone, "absent": _absent, "keep": _keep,
                        "on": _on}  # fmt: skip

    def _spend(self, move: Move, now: datetime) -> None:
        self.db.execute(
            "INSERT INTO spend VALUES (?,?,?,?,?,?) ON CONFLICT DO UPDATE SET requests=requests+excluded.requests,"
            " items=items+excluded.items, usd=usd+excluded.usd",
            (
                f"{now:%Y-%m-%d}",
                move.target.collector,
                move.target.kind,
                move.requests,
                move.items,
                move.items * move.price,
            ),
        )

    # ---- runs and counts

    def start_run(self, run: str, collector: str, now: datetime) -> None:
        """Record the start of a run; runs of this collector without an end were killed."""
        self.db.execute(
            "UPDATE runs SET status='killed', reason='the process ended unexpectedly', ended_at=coalesce(ended_at, ?)"
            " WHERE collector=? AND status='running'",
            (now.timestamp(), collector),
        )
        self.db.execute(
            "INSERT OR REPLACE INTO runs (run_id, collector, started_at, status) VALUES (?,?,?,'running')",
            (run, collector, now.timestamp()),
        )

    def end_run(
        self, run: str, status: str, reason: str, answers: int, items: int, now: datetime, lost: bool = False
    ) -> None:
        """Record the end of a run. If the network was *lost*, targets without an answer get all their tries back."""
        if lost:
            self.db.execute(
                f"UPDATE targets SET tries=0 WHERE state='open' AND why IN ({', '.join('?' * len(SILENT))}) AND kind IN"
                " (SELECT k.id FROM kinds AS k JOIN runs AS r ON r.collector=k.collector WHERE r.run_id=?)",
                (*SILENT, run),
            )
        self.db.execute(
            "UPDATE runs SET ended_at=?, status=?, reason=?, answers=?, items=? WHERE run_id=?",
            (now.timestamp(), status, reason, answers, items, run),
        )

    def spent(self, what: str) -> tuple[float, int, int]:
        """USD, items of the kinds that yield *what* (such as posts), and requests so far, over all collectors."""
        row = self.db.execute(
            "SELECT coalesce(sum(s.usd),0), coalesce(sum(s.items) FILTER (WHERE k.yields=?),0),"
            " coalesce(sum(s.requests),0) FROM spend AS s LEFT JOIN kinds AS k USING (collector, kind)",
            (what,),
        ).fetchone()
        return float(row[0]), int(row[1]), int(row[2])

    def counts(self) -> list[tuple[str, str, str, str, int]]:
        """(collector, kind, state, why, number) of all targets; *why* only if it explains the state."""
        return self.db.execute(
            "SELECT k.collector, k.kind, t.state, CASE t.state WHEN 'done' THEN '' ELSE t.why END AS reason, count(*)"
            " FROM targets AS t JOIN kinds AS k ON k.id=t.kind GROUP BY 1,2,3,4 ORDER BY k.id, t.state, reason"
        ).fetchall()


def backoff(key: str, tries: int) -> float:
    """Seconds to wait after *tries* failures: doubling, bounded, and spread by the key."""
    first, most = BACKOFF
    spread = 0.75 + (zlib.crc32(f"{key}/{tries}".encode()) % 1000) / 2000
    return float(min(most, first * 2.0 ** (tries - 1)) * spread)

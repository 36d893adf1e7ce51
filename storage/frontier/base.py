"""The frontier: what to fetch next. Used by collection only, and rebuilt from the archive by `recover`.

A row is one target: (collector, kind, key), with the position of its walk (*cursor*), its high-water mark
(*since*) and when it is due (*due_at*, Unix seconds; 0: at once; NULL: finished). One index answers what is due;
back-off, revisits and limits all move *due_at*. `apply` alone changes a row after it was added:
collecting and recovering both call it, so a rebuilt state equals the lost one. The SQL is that of both stores, `sqlite`
and `postgres`, which add how to connect and what several machines need.
"""

from __future__ import annotations

import json
import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from typing import Any, ClassVar, TypeVar

import msgspec

from storage.frontier.cycles import mark
from storage.frontier.moves import SILENT, Move, backoff
from storage.frontier.schema import encoded
from storage.records import Request, Target

ADMITTED = "admitted"  # the kind of a target that is not fetched: a person admitted by the snowball
KILLED = "the process ended unexpectedly"
T = TypeVar("T")
Rows = list[tuple[Any, ...]]


class Run(msgspec.Struct, frozen=True):
    """A run of one collector, as the frontier knows it; times in Unix seconds."""

    run: str
    collector: str
    started: float
    ended: float | None
    status: str
    reason: str | None
    answers: int
    items: int
    machine: str = ""  # the machine and directory, if several share the frontier
    alive: bool = False  # whether its machine showed a sign of life


class Frontier(ABC):
    """The state of one study."""

    INDEX: ClassVar[str] = ""  # what names the index of due targets
    SKIP: ClassVar[str] = ""  # what passes over rows that another machine is leasing
    KEYS: ClassVar[str]  # the elements of a JSON list as rows
    RUNS: ClassVar[str]  # the columns of a Run

    def __init__(self, max_tries: int) -> None:
        self.max_tries = max_tries
        self._kinds: dict[tuple[str, str], int] = {}

    @abstractmethod
    def rows(self, sql: str, values: Sequence[Any] = ()) -> Rows:
        """The rows that a statement returns."""

    @abstractmethod
    def change(self, sql: str, values: Sequence[Any] = ()) -> int:
        """Run a statement that returns none; the number of rows that it changed."""

    @abstractmethod
    def change_many(self, sql: str, values: Iterable[Sequence[Any]]) -> int:
        """Run a statement for each of *values*; the number of rows changed."""

    @abstractmethod
    def transaction(self) -> AbstractContextManager[None]:
        """A transaction."""

    @abstractmethod
    def close(self) -> None:
        """Close the connection."""

    def commit(self, change: Callable[[], T]) -> T:
        """What *change* returns, in a transaction, which a shared frontier repeats if the connection was lost."""
        with self.transaction():
            return change()

    def kind(self, collector: str, kind: str) -> int:
        """The number of a kind, created at its first use."""
        name = (collector, kind)
        if name not in self._kinds:
            self.change("INSERT INTO kinds (collector, kind) VALUES (?,?) ON CONFLICT DO NOTHING", name)
            ((self._kinds[name],),) = self.rows("SELECT id FROM kinds WHERE collector=? AND kind=?", name)
        return self._kinds[name]

    def declare(self, collector: str, yields: Mapping[str, str]) -> None:
        """Store what the kinds of *collector* yield (`collectors.base.Kind`), for the counts of `spent`."""
        for kind, what in yields.items():
            self.change("UPDATE kinds SET yields=? WHERE id=?", (what, self.kind(collector, kind)))

    # ---- adding and leasing

    def add(self, requests: Iterable[Request], now: datetime) -> int:
        """Add unknown targets, due at once; return the number added. Call it in a transaction."""
        at = now.timestamp()

        def row(request: Request) -> tuple[Any, ...]:
            state = ("done", None) if request.target.kind == ADMITTED else ("open", 0)
            return (*self._name(request), request.wave, request.via, request.since, *state, at)

        return self.change_many(
            "INSERT INTO targets (kind, key, wave, via, since, state, due_at, changed_at) VALUES (?,?,?,?,?,?,?,?)"
            " ON CONFLICT DO NOTHING",
            map(row, requests),
        )

    def _name(self, request: Request) -> tuple[int, str]:
        return self.kind(request.target.collector, request.target.kind), request.target.key

    def unknown(self, requests: Sequence[Request]) -> list[Request]:
        """Those of *requests* not in the frontier, in order, each target once."""
        self.change("CREATE TEMP TABLE IF NOT EXISTS asked (n INTEGER, kind INTEGER, key TEXT)")
        self.change("DELETE FROM asked")
        self.change_many(
            "INSERT INTO asked VALUES (?,?,?)",
            ((n, *self._name(request)) for n, request in enumerate(requests)),
        )
        rows = self.rows(
            "SELECT min(n) FROM asked AS a WHERE NOT EXISTS"
            " (SELECT 1 FROM targets AS t WHERE t.kind=a.kind AND t.key=a.key) GROUP BY kind, key ORDER BY 1"
        )
        return [requests[n] for (n,) in rows]

    def led_to(self, collector: str, kind: str) -> int:
        """The number of targets of a kind that are not seeds."""
        query = "SELECT count(*) FROM targets WHERE kind=? AND via<>''"
        return int(self.rows(query, (self.kind(collector, kind),))[0][0])

    def targets(self, collector: str, kind: str) -> list[tuple[str, int, str]]:
        """(key, wave, state) of all targets of a kind, in the order in which they were added."""
        return self.rows("SELECT key, wave, state FROM targets WHERE kind=? ORDER BY id", (self.kind(collector, kind),))

    def ended(self, collector: str, kind: str) -> list[str]:
        """The newest walks of the targets of a kind that are done or absent."""
        rows = self.rows(
            "SELECT key, walk FROM targets WHERE kind=? AND state IN ('done','absent') AND due_at IS NULL",
            (self.kind(collector, kind),),
        )
        return [f"{collector}/{kind}/{key}/{walk}" for key, walk in rows]

    def finished(self, collector: str, kind: str) -> bool:
        """Whether a target of this kind is done, absent or failed."""
        query = "SELECT 1 FROM targets WHERE kind=? AND due_at IS NULL LIMIT 1"
        return bool(self.rows(query, (self.kind(collector, kind),)))

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
        return self.change(
            "UPDATE targets SET walk=walk+1, cursor='', carry='{}', position=0, pages=0, anchor='', newest='', tries=0,"
            " alone=0, state='open', why='', due_at=0,"
            " since=CASE WHEN ? THEN '' WHEN since='' THEN ? ELSE since END, changed_at=?"
            f" WHERE kind=? AND due_at IS NULL AND changed_at<? AND (? OR key IN ({self.KEYS}))",
            (
                whole,
                since,
                now.timestamp(),
                self.kind(collector, kind),
                before.timestamp() if before else math.inf,
                only is None,
                json.dumps(only or []),
            ),
        )

    def retry(self, collector: str, kind: str, now: datetime) -> int:
        """Make failed targets of a kind due again, where their walks stopped; return their number."""
        return self.change(
            "UPDATE targets SET tries=0, alone=0, state='open', why='', due_at=0, changed_at=?"
            " WHERE kind=? AND state='failed'",
            (now.timestamp(), self.kind(collector, kind)),
        )

    def lease(self, collector: str, kind: str, run: str, limit: int, now: datetime) -> list[Request]:
        """Lease up to *limit* due targets of one kind to *run*, in the order of due time and age."""
        rows = self.rows(
            f"WITH due AS MATERIALIZED (SELECT id FROM targets{self.INDEX} WHERE kind=? AND due_at<=? AND lease IS NULL"
            f" ORDER BY due_at, id LIMIT ?{self.SKIP}) UPDATE targets SET lease=? WHERE id IN (SELECT id FROM due)"
            " RETURNING due_at, id, key, cursor, walk, wave, via, since, tries, position, alone, anchor, carry",
            (self.kind(collector, kind), now.timestamp(), limit, run),
        )
        return [
            Request(Target(collector, kind, r[2], r[3]), f"{collector}/{kind}/{r[2]}/{r[4]}", r[5], r[6], r[7], r[8],
                    r[9], bool(r[10]), r[11], msgspec.json.decode(r[12]))
            for r in sorted(rows)
        ]  # fmt: skip

    def release(self, requests: Iterable[Request]) -> None:
        """Return leases unused."""
        self.change_many(
            "UPDATE targets SET lease=NULL WHERE kind=? AND key=?",
            map(self._name, requests),
        )

    def postpone(self, request: Request, until: datetime) -> None:
        """Return a lease unused, due again at *until*."""
        self.change(
            "UPDATE targets SET lease=NULL, due_at=?, why='rate limit' WHERE kind=? AND key=? AND state='open'",
            (until.timestamp(), *self._name(request)),
        )

    def next_due(self, collector: str, kinds: Sequence[str]) -> tuple[datetime, str] | None:
        """When the next target of these kinds is due, and why not earlier; None if there are none."""
        best: tuple[float, str] | None = None
        for kind in kinds:
            number = self.kind(collector, kind)
            rows = self._first(number, "lease IS NULL") + self._leased(self._first(number, "lease IS NOT NULL"))
            if not rows:
                continue
            at, reason = min(rows)
            ((blocked, why),) = self.rows("SELECT blocked_until, why FROM kinds WHERE id=?", (number,))
            due = (blocked, f"{kind}: {why}") if blocked > at else (at, f"{kind}: {reason}" if reason else kind)
            if best is None or due < best:
                best = due
        return (datetime.fromtimestamp(best[0], UTC), best[1]) if best else None

    def _leased(self, leased: Rows) -> Rows:
        """When a leased target is due, if one is: a killed run's, at its own time."""
        return leased

    def _first(self, kind: int, which: str) -> Rows:
        return self.rows(
            f"SELECT due_at, why FROM targets WHERE kind=? AND due_at IS NOT NULL AND {which}"
            " ORDER BY due_at, id LIMIT 1",
            (kind,),
        )

    def blocked_until(self, collector: str, kind: str) -> float:
        """Unix seconds until which this kind is blocked; 0 if it is not."""
        ((until,),) = self.rows("SELECT blocked_until FROM kinds WHERE id=?", (self.kind(collector, kind),))
        return float(until)

    # ---- what an answer does

    def apply(self, moves: Iterable[Move], now: datetime) -> int:
        """Apply *moves*; return the number of targets that failed. Call it in a transaction.

        A transition of an older walk, or of an unknown row, has no effect.
        """
        failed, spent = 0, dict[tuple[str, str], list[float]]()
        for move in moves:
            kind = self.kind(move.target.collector, move.target.kind)
            where = (kind, move.target.key, int(move.walk.rpartition("/")[2] or 0), move.target.cursor)
            if step := self._STEPS.get(move.to):
                failed += bool(step(self, move, where, now.timestamp()))
            if move.items or move.requests:
                sums = spent.setdefault((move.target.collector, move.target.kind), [0, 0, 0])
                for n, number in enumerate((move.requests, move.items, move.items * move.price)):
                    sums[n] += number
        self.change_many(  # last, and in one order, as other machines wait for these rows
            "INSERT INTO spend VALUES (?,?,?,?,?,?) ON CONFLICT (day, collector, kind) DO UPDATE SET"
            " requests=spend.requests+excluded.requests, items=spend.items+excluded.items, usd=spend.usd+excluded.usd",
            [(f"{now:%Y-%m-%d}", *name, *sums) for name, sums in sorted(spent.items())],
        )
        return failed

    _WHERE = " WHERE kind=? AND key=? AND walk=? AND cursor=? AND state='open'"

    def _next(self, move: Move, where: tuple[int, str, int, str], now: float) -> None:
        self.change(
            "UPDATE targets SET cursor=?, carry=?, position=position+?,"
            " newest=CASE newest WHEN '' THEN ? ELSE newest END, pages=pages+1,"
            " anchor=CASE WHEN (pages+1) & pages = 0 THEN ? ELSE anchor END,"
            " tries=0, why='', alone=0, due_at=0, lease=NULL, changed_at=?" + self._WHERE,
            (move.cursor, encoded(move.carry), move.items, move.newest, mark(move.cursor), now, *where),
        )

    def _end(self, move: Move, where: tuple[int, str, int, str], now: float) -> None:
        self.change(
            "UPDATE targets SET cursor='', carry='{}', position=position+?,"
            " since=CASE WHEN ? THEN since ELSE coalesce(nullif(newest,''), nullif(?,''), since) END, newest='',"
            " tries=0, alone=0, state='done', why=?, due_at=NULL, lease=NULL, changed_at=?" + self._WHERE,
            (move.items, move.stuck, move.newest, move.why, now, *where),
        )

    def _later(self, move: Move, where: tuple[int, str, int, str], now: float) -> bool:
        """Schedule another try; return whether this was the last one."""
        until = move.until.timestamp() if move.until else 0.0
        if move.whole_kind and until:
            self.change("UPDATE kinds SET blocked_until=?, why=? WHERE id=?", (until, move.why, where[0]))
        rows = self.rows("SELECT tries FROM targets" + self._WHERE, where)
        if not rows:
            return False
        ((tried,),) = rows
        before = tried if move.tries is None else min(tried, move.tries)
        tries = before + (not move.free)
        failed = bool(tries >= self.max_tries)
        due = 0.0 if move.whole_kind else until or (0.0 if move.free else now + backoff(where[1], tries))
        restart = ", cursor='', carry='{}', position=0, pages=0, anchor='', newest=''" if move.restart else ""
        self.change(
            "UPDATE targets SET tries=?, why=?, state=?, due_at=?, lease=NULL, changed_at=?" + restart + self._WHERE,
            (tries, move.why, "failed" if failed else "open", None if failed else due, now, *where),
        )
        return failed

    def _alone(self, move: Move, where: tuple[int, str, int, str], now: float) -> None:
        self.change(
            "UPDATE targets SET alone=1, why=?, due_at=0, lease=NULL, changed_at=?" + self._WHERE,
            (move.why, now, *where),
        )

    def _absent(self, move: Move, where: tuple[int, str, int, str], now: float) -> None:
        self.change(
            "UPDATE targets SET state='absent', why=?, cursor='', carry='{}', newest='', position=0, due_at=NULL,"
            " lease=NULL, changed_at=?" + self._WHERE,
            (move.why, now, *where),
        )

    def _keep(self, move: Move, where: tuple[int, str, int, str], now: float) -> None:
        self.change("UPDATE targets SET why=?, lease=NULL, changed_at=?" + self._WHERE, (move.why, now, *where))

    _STEPS: ClassVar = {"next": _next, "end": _end, "later": _later, "alone": _alone, "absent": _absent,
                        "keep": _keep}  # fmt: skip

    # ---- runs and counts

    def start_run(self, run: str, collector: str, now: datetime) -> None:
        """Record the start of a run. Runs of this collector without an end, of this machine, were killed."""
        self._bury(collector, now)
        self.change(
            "INSERT INTO runs (run_id, collector, started_at, status) VALUES (?,?,?,'running') ON CONFLICT (run_id)"
            " DO UPDATE SET started_at=excluded.started_at, ended_at=NULL, status='running', reason=NULL, answers=0,"
            " items=0",
            (run, collector, now.timestamp()),
        )

    @abstractmethod
    def _bury(self, collector: str, now: datetime) -> None:
        """Mark killed runs, and release their leases; only the holder of the collector's lock may call it."""

    def end_run(
        self, run: str, status: str, reason: str, answers: int, items: int, now: datetime, lost: bool = False
    ) -> None:
        """Record the end of a run and release its leases.

        If the network was *lost*, targets without an answer get all their tries back.
        """
        self.change("UPDATE targets SET lease=NULL WHERE lease=?", (run,))
        if lost:
            self.change(
                f"UPDATE targets SET tries=0 WHERE state='open' AND why IN ({', '.join('?' * len(SILENT))}) AND kind IN"
                " (SELECT k.id FROM kinds AS k JOIN runs AS r ON r.collector=k.collector WHERE r.run_id=?)",
                (*SILENT, run),
            )
        self.change(
            "UPDATE runs SET ended_at=?, status=?, reason=?, answers=?, items=? WHERE run_id=?",
            (now.timestamp(), status, reason, answers, items, run),
        )

    def spent(self, what: str) -> tuple[float, int, int]:
        """USD, items of the kinds that yield *what* (such as posts), and requests so far, over all collectors."""
        ((usd, items, requests),) = self.rows(
            "SELECT coalesce(sum(s.usd),0), coalesce(sum(s.items) FILTER (WHERE k.yields=?),0),"
            " coalesce(sum(s.requests),0) FROM spend AS s LEFT JOIN kinds AS k USING (collector, kind)",
            (what,),
        )
        return float(usd), int(items), int(requests)

    def counts(self) -> list[tuple[str, str, str, str, int]]:
        """(collector, kind, state, why, number) of all targets; *why* only if it explains the state."""
        return self.rows(
            "SELECT k.collector, k.kind, t.state, CASE t.state WHEN 'done' THEN '' ELSE t.why END AS reason, count(*)"
            " FROM targets AS t JOIN kinds AS k ON k.id=t.kind GROUP BY k.id, 1,2,3,4 ORDER BY k.id, t.state, reason"
        )

    def runs(self, number: int) -> list[Run]:
        """The newest *number* runs, newest first."""
        return [Run(*row) for row in self.rows(f"SELECT {self.RUNS} FROM runs ORDER BY started_at DESC LIMIT {number}")]

    def newest_runs(self) -> float | None:
        """The earliest start of the collectors' newest runs with an answer, in Unix seconds; None without any."""
        ((oldest,),) = self.rows("SELECT min(newest) FROM (SELECT max(started_at) AS newest FROM runs"
                                 " WHERE answers > 0 GROUP BY collector) AS each")  # fmt: skip
        return None if oldest is None else float(oldest)

"""collect(): the one loop, frontier -> fetch -> archive -> outcome -> frontier, for every collector.

An answer is appended to the archive; for up to GROUP answers or PAUSE seconds of them there is one fsync and one
transaction on the frontier. A target changes only after both, so after a kill the next run continues without a gap.
"""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Callable, Collection, Generator, Iterator, Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from importlib.metadata import entry_points
from pathlib import Path

import msgspec

from collectors.base import Collector, Kind, Settings
from collectors.engine.connectivity import Connectivity
from collectors.engine.rate_limits import Windows
from collectors.engine.transitions import kinds_of, moves_of
from collectors.parsing.redact import redaction
from collectors.wire.address_policy import named
from storage.archive import reader as archive
from storage.archive import writer as archiving
from storage.errors import UserError
from storage.frontier.base import Frontier
from storage.frontier.moves import Move
from storage.frontier.shared import Shared
from storage.locks import lock
from storage.privacy.suppression import Guard
from storage.records import Failure, Meta, Page, Request

GROUP, PAUSE = 64, 0.05  # answers and seconds of one group commit
SLACK = 10.0  # seconds beyond a limit window that a run waits
PATIENCE = 960.0  # seconds a run waits for later targets, unless a window is longer

STOPPING = {"refused": "refused", "credit": "out of credit"}


class Budget(msgspec.Struct, frozen=True):
    """The maximum spending of a study; None: no limit."""

    usd: float | None = None
    posts: int | None = None
    requests: int | None = None


class Report(msgspec.Struct):
    """How a run ended."""

    run: str
    collector: str
    status: str = (
        "complete"  # complete | waiting | interrupted | limit | out of credit | out of budget | refused | unreachable
    )
    reason: str = ""
    answers: int = 0
    items: int = 0
    failures: int = 0  # requests without an answer
    failed: int = 0  # targets whose tries are used up
    due_at: datetime | None = None


def collect(
    study: Path,
    name: str,
    collector: Collector,
    settings: Settings,
    *,
    frontier: Frontier,
    kinds: Sequence[str] | None = None,
    budget: Budget = Budget(),  # noqa: B008 (frozen)
    secrets: Sequence[str] = (),
    about: Meta | None = None,
    limit: int | None = None,
    patience: float | None = None,
    stop: threading.Event | None = None,
    progress: Callable[[Report], None] = lambda report: None,
    redact: Collection[str] | None = None,
) -> Report:
    """Fetch what is due for one collector until nothing is, and return the report.

    *limit* bounds the answers; *patience* the seconds to wait for later targets (default: the longest limit
    window). *about* goes into the run's first note. With *redact* (words of `[minimise] drop`) answers are redacted
    before they are written. Raise UserError if another run uses this collector, or if it cannot redact.
    """
    settled = _redaction(name, collector, redact)
    with lock(study, f"collect-{name}"):
        mend_archive(study / "archive", name)
        writer = archiving.Writer(study / "archive", name, secrets=secrets, now=settings.wire.now)
        with closing(writer):
            settings = msgspec.structs.replace(settings, archive=writer.directory)
            run = _Run(name, collector, settings, frontier, writer, kinds, budget, limit, patience, stop, progress)
            run.redacted = settled
            return run.whole(about or {})


def _redaction(name: str, collector: Collector, drop: Collection[str] | None) -> Callable[[Page], Page]:
    """The filter of answers before they are written: none (*drop* None), or redaction as declared by the collector."""
    if drop is None:
        return lambda page: page
    redacted = redaction(collector)
    if redacted is None:
        problem = "cannot redact what it reads; take [minimise] redact_archive out, or collect in a study without it"
        raise UserError(f"the collector {name!r} {problem}")
    return lambda page: redacted(page, drop)


def _installed() -> dict[str, str]:
    """The installed collectors as import paths, by name."""
    return {point.name: point.value for point in entry_points(group="sneeuwbal.collectors")}


def mend_archive(directory: Path, name: str) -> int:
    """Repair and seal the segments left open by dead runs of *name*; return their number. The lock must be held."""
    left = sorted(directory.glob(f"{name}-*{archive.OPEN}"))
    for path in left:
        archiving.repair(path)
    archiving.upload(directory)
    return len(left)


def run_id(name: str, now: datetime) -> str:
    """The name of a run: its time and collector."""
    return f"{now.astimezone(UTC):%Y%m%dT%H%M%S.%fZ}-{name}"


class _Run:
    """One run of one collector."""

    def __init__(
        self,
        name: str,
        collector: Collector,
        settings: Settings,
        frontier: Frontier,
        writer: archiving.Writer,
        kinds: Sequence[str] | None,
        budget: Budget,
        limit: int | None,
        patience: float | None,
        stop: threading.Event | None,
        progress: Callable[[Report], None],
    ) -> None:
        self.name, self.collector, self.settings, self.wire = name, collector, settings, settings.wire
        self.frontier, self.writer, self.budget, self.limit = frontier, writer, budget, limit
        self.kinds = {
            k: spec for k, spec in kinds_of(collector, settings.options).items() if kinds is None or k in kinds
        }
        windows = [spec.limit.seconds + SLACK for spec in self.kinds.values() if spec.limit]
        self.patience = patience if patience is not None else max([PATIENCE, *windows])
        self.stop, self.progress = stop or threading.Event(), progress
        self.report = Report(run_id(name, self.wire.now()), name)
        self.wire.run, self.wire.named = self.report.run, named(settings.options)
        share = frontier if isinstance(frontier, Shared) else None
        token = hashlib.sha256((settings.secret or "").encode()).hexdigest()[:16]
        self.windows = Windows(collector, self.kinds, settings.options, self.wire, share, f"{name} {token}")
        self.guard = Guard(writer.directory.parent, _installed())
        self.redacted: Callable[[Page], Page] = lambda page: page
        self.moves: list[Move] = []
        self.unsaved = 0
        self.connectivity = Connectivity(frontier.max_tries)
        self.saved_at = self.came_at = time.monotonic()
        self.usd, self.posts, self.requests = frontier.spent("posts")

    def whole(self, about: Meta) -> Report:
        """Run, from the first note to the last."""
        report, start = self.report, self.wire.now()
        self.writer.note("run-start", {"run": report.run, "collector": self.name, **about}, start)
        self.writer.sync()
        self.frontier.commit(lambda: self._start(start))
        self._hold()
        try:
            self._rounds()
        except BaseException as error:
            interrupted = isinstance(error, KeyboardInterrupt)
            report.status = "interrupted" if interrupted else "failed"
            report.reason = report.reason or self.writer.clean_text(str(error) or type(error).__name__)[:300]
            raise
        finally:
            self._end()
        return report

    def _start(self, now: datetime) -> None:
        self.frontier.declare(self.name, {kind: spec.yields for kind, spec in self.collector.kinds.items()})
        self.frontier.start_run(self.report.run, self.name, now)

    def _hold(self) -> None:
        """Take a group's share of the budget, if other machines spend it too."""
        budget = self.budget
        if not isinstance(self.frontier, Shared) or (budget.usd, budget.posts, budget.requests) == (None,) * 3:
            return
        most = [max(spec.page, spec.batch) for spec in self.kinds.values()]
        usd = max((one * spec.price for one, spec in zip(most, self.kinds.values(), strict=True)), default=0.0)
        self.usd, self.posts, self.requests = self.frontier.hold(
            self.report.run,
            (budget.usd, budget.posts, budget.requests),
            (GROUP * usd, GROUP * max(most, default=1), GROUP),
        )

    def _end(self) -> None:
        self._save()
        report, now = self.report, self.wire.now()
        self.frontier.commit(
            lambda: self.frontier.end_run(
                report.run, report.status, report.reason, report.answers, report.items, now, self.connectivity.lost
            )
        )
        outcome = {"run": report.run, "collector": self.name, "status": report.status, "reason": report.reason}
        self.writer.note(
            "run-end",
            {**outcome, "answers": report.answers, "items": report.items, "lost": self.connectivity.lost},
            now,
        )
        self.progress(report)

    def _rounds(self) -> None:
        while True:
            before = self.report.answers
            requests = self._requests()
            with closing(requests), closing(_generator(self.collector.fetch(requests, self.settings))) as answers:
                for answer in answers:
                    did = self._take(answer)
                    if did == {"on"}:  # its target has been requested
                        continue
                    if self._must_stop() or ("next" in did and not self._affords_more(answer)):
                        break
            self._save()
            if self._must_stop() or (self.report.answers == before and not self._wait()):
                return

    def _must_stop(self) -> bool:
        if self.stop.is_set() and self.report.status == "complete":
            self.report.status, self.report.reason = "interrupted", "asked to stop"
        if self.limit is not None and self.report.answers >= self.limit and self.report.status == "complete":
            self.report.status, self.report.reason = "limit", f"--limit {self.limit}"
        return self.report.status != "complete"

    def _wait(self) -> bool:
        """Sleep until something is due, if that is soon; else report when and return False."""
        due = self.frontier.next_due(self.name, list(self.kinds))
        if due is None:
            return False
        until, why = due
        if until <= self.wire.now():
            until = max(until, self.windows.opens_at() or until)
        if (until - self.wire.now()).total_seconds() > self.patience:
            self.report.status, self.report.due_at = "waiting", until
            self.report.reason = f"the next target is due at {until:%Y-%m-%d %H:%M:%S} UTC ({why})"
            return False
        self.writer.rest((until - self.wire.now()).total_seconds())
        self.wire.sleep(max(until, self.wire.now() + timedelta(milliseconds=1)), self.stop)
        return not self._must_stop()

    # ---- requests

    def _requests(self) -> Generator[Request]:
        """Lease lazily, kind by kind, as long as limits and budget allow."""
        leased: list[Request] = []
        try:
            while not self._must_stop():
                self._save()
                leased = self._lease()
                if not leased:
                    return
                kind = leased[0].target.kind
                while leased and not self._must_stop() and self._may(kind) and self._affords(kind):
                    request = leased.pop(0)
                    if (until := self.windows.hold(request)) is None:
                        yield request
                    else:
                        self.frontier.postpone(request, until)
                self.frontier.release(leased)
                leased = []
        finally:
            if leased:
                self.frontier.release(leased)

    def _lease(self) -> list[Request]:
        now = self.wire.now()
        for kind, spec in self.kinds.items():
            if self._may(kind) and (
                leased := self.frontier.lease(self.name, kind, self.report.run, self._room(spec), now)
            ):
                return leased
        return []

    def _room(self, spec: Kind) -> int:
        return max(GROUP, 2 * spec.batch) if self.limit is None else max(1, min(GROUP, self.limit)) * spec.batch

    def _may(self, kind: str) -> bool:
        """Whether the limits allow a request of *kind* now."""
        if not self.windows.may(kind):
            return False
        return self.frontier.blocked_until(self.name, kind) <= self.wire.now().timestamp()

    def _affords(self, kind: str) -> bool:
        """Whether the most expensive answer of *kind* fits the budget; if not, the run stops before exceeding it."""
        spec, usd, posts = self.kinds[kind], self.budget.usd, self.budget.posts
        dearest = spec.price * max(spec.page, spec.batch)
        if usd is not None and dearest and self.usd + dearest > usd:
            spent = f"{self.usd:.2f} of {usd:.2f} USD spent, and the next request for {kind} may cost {dearest:.2f}"
        elif posts is not None and spec.yields == "posts" and self.posts + max(spec.page, spec.batch) > posts:
            spent = f"{self.posts} of {posts} posts collected, and the next request for {kind} may bring more"
        elif self.budget.requests is not None and self.requests >= self.budget.requests:
            spent = f"{self.requests} of {self.budget.requests} requests made"
        else:
            return True
        self.report.status, self.report.reason = "out of budget", f"{spent}; raise [budget] to continue"
        return False

    def _affords_more(self, answer: Page | Failure) -> bool:
        """Whether a stream may continue, as its next page arrives without a request."""
        kind = answer.requests[0].target.kind
        return not self.kinds[kind].stream or self._affords(kind)

    # ---- answers

    def _take(self, answer: Page | Failure) -> set[str]:
        """Archive *answer* and record its transitions; return their names."""
        answer = self.writer.clean(answer)  # first, so that no cursor or reason made from it contains a secret
        if isinstance(answer, Page) and not answer.record_id:
            answer = msgspec.structs.replace(answer, record_id=archiving.new_id())
        kept = self.guard.entry(answer)
        if kept is not None and not isinstance(kept, archive.Note):
            self.writer.put(self.redacted(kept) if isinstance(kept, Page) else kept)
        moves = moves_of(answer, self.collector, self.kinds)
        self.moves += moves
        self.report.answers += 1
        self.report.items += sum(move.items for move in moves)
        self.report.failures += isinstance(answer, Failure)
        self.usd += sum(move.items * move.price for move in moves)
        self.posts += sum(move.items for move in moves if self.kinds[move.target.kind].yields == "posts")
        self.requests += 1
        self.unsaved += 1
        self.windows.count(answer.requests, moves)
        self._stop_on(moves)
        if self.wire.live and (why := self.connectivity.note(answer)) and self.report.status == "complete":
            self.report.status, self.report.reason = "unreachable", why
        now = time.monotonic()
        slow = now - self.came_at > PAUSE
        self.came_at = now
        if slow or self.unsaved >= GROUP or now - self.saved_at > PAUSE:
            self._save()
        return {move.to for move in moves}

    def _stop_on(self, moves: Sequence[Move]) -> None:
        for move in moves:
            if move.to == "keep":
                word, _, why = move.why.partition(": ")
                self.report.status, self.report.reason = STOPPING[word], why

    def _save(self) -> None:
        """Make one fsync and one transaction for all answers since the last."""
        if not self.unsaved:
            return
        self.writer.sync()
        self.report.failed += self.frontier.commit(lambda: self.frontier.apply(self.moves, self.wire.now()))
        self.moves, self.unsaved, self.saved_at = [], 0, time.monotonic()
        self._hold()
        self.progress(self.report)


def _generator(answers: Iterator[Page | Failure]) -> Generator[Page | Failure]:
    """*answers* as a closable iterator, whatever the collector returns."""
    yield from answers

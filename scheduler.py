"""When a job runs: APScheduler with jobs from the study file. Each run is a child process of the command line.

The scheduler has no database: jobs are derived at every start, and runs are in the journal, so a daemon that was
down at the hour catches up, once, within the job's catch-up window, and continues runs that were cut short.
"""

from __future__ import annotations

import random
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler

from jobs.context import program
from storage.children import environment
from storage.errors import UserError
from storage.journal import Journal
from storage.locks import holder, lock
from study.triggers import missed, trigger_of

if TYPE_CHECKING:
    from study.settings import Job
    from study.study_file import Study

GRACE = 10.0  # seconds for a run to end at a page boundary before it is killed (nothing is lost)
POLL = 1.0  # seconds between checks of the clock, of `schedule trigger` and of other processes
RETRY, RETRIES = 60.0, 3  # seconds after which a run that was killed goes on, and how often in a row
LEAST = 16_384  # bytes of archive that are worth a first load: less is the notes that a run begins with
JUMP = 60.0  # seconds that the clock must be set back to be called a jump


def command_of(job: Job, study: Path, resume: datetime | None = None) -> list[str]:
    """The command line of one run of *job*; *resume*: go on with the pass that was due then, instead of a new one."""
    words = [*program(study), job.task]
    if job.task not in ("collect", "run"):
        return words
    if job.collector:
        words += [job.collector] if job.task == "collect" else ["--collector", job.collector]
    words += [word for kind in job.kinds or () for word in ("--kind", kind)]
    words += ["--again", *(["--whole"] if job.whole else []), "--hide-progress"]
    return words + (["--finished-before", resume.isoformat()] if resume else [])


def in_the_way(one: Job, other: Job) -> bool:
    """Whether two jobs cannot run at once: the same job, or the same collector (whose lock there is one of)."""
    if one.name == other.name:
        return True
    collecting = one.task in COLLECTING and other.task in COLLECTING
    return collecting and (None in (one.collector, other.collector) or one.collector == other.collector)


COLLECTING = ("run", "collect", "retain")  # tasks that hold collectors' locks


class Freshness:
    """When to load new answers while runs collect: `[study] load_every` seconds after the last load.

    If nothing is published yet, the first load is immediate, and the next follow at growing intervals.
    """

    def __init__(self, study: Study) -> None:
        self.every, self.archive = float(study.study.load_every), study.archive
        self.gap = self.every if (study.directory / "study.duckdb").exists() else min(1.0, self.every)
        self.size, self.at = 0, time.monotonic()

    def wanted(self) -> bool:
        """Whether a load is due; true once per load."""
        if not self.every or time.monotonic() - self.at < self.gap:
            return False
        size = sum(path.stat().st_size for path in self.archive.glob("*.warc.gz*") if path.exists())
        if abs(size - self.size) < (1 if self.size else LEAST):  # less: uploaded to a store
            return False
        self.size, self.at, self.gap = size, time.monotonic(), min(2 * self.gap, self.every)
        return True


def _start(words: Sequence[str]) -> subprocess.Popen[bytes]:
    """Start a run as a child process that ends at its next page if this process is killed."""
    return subprocess.Popen(words, env=environment(signal.SIGTERM))  # noqa: S603


class Daemon:
    """Runs the jobs of one study until asked to stop. *start* starts a child process (replaced in tests).

    *say* receives each line of output, *ended* the result of each run of a job. *leads*: whether this daemon runs the
    jobs, if several machines have one.
    """

    def __init__(
        self,
        study: Study,
        *,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        start: Callable[[Sequence[str]], Any] = _start,
        say: Callable[[str], None] = print,
        ended: Callable[[str, int], object] = lambda job, code: None,
        leads: Callable[[], bool] = lambda: True,
    ) -> None:
        self.study, self.now, self.start, self.say, self.ended, self.leads = study, now, start, say, ended, leads
        self.journal = Journal(study.directory)
        self.triggers = {job.name: trigger_of(job, study.study.timezone) for job in study.schedule}
        self.children: dict[str, Any] = {}  # by job; None while it is between two
        self.loading: Any = None
        self.queue: list[Job] = []  # jobs that wait for another to end
        self.gives_way: dict[str, str] = {}  # running job -> the one that asked for its place
        self.stop = threading.Event()
        self._guard = threading.Lock()

    def run(self) -> None:
        """Run until SIGTERM or SIGINT. Raise UserError if another daemon runs this study, or it has no job."""
        if not self.study.schedule:
            raise UserError("the study file has no [[schedule]]; add a job, for example cron = '30 3 * * *'")
        with lock(self.study.directory, "schedule"):
            before = {n: signal.signal(n, lambda *_: self.stop.set()) for n in (signal.SIGTERM, signal.SIGINT)}
            scheduler = self._scheduler()
            scheduler.start()
            try:
                self._await_orphans()
                self._catch_up()
                self._watch(scheduler)
            finally:
                self.stop.set()
                scheduler.shutdown(wait=False)
                self._end_children()
                for number, handler in before.items():
                    signal.signal(number, handler)

    def _watch(self, scheduler: BackgroundScheduler) -> None:
        """Watch the clock, manual triggers and new answers until stopped."""
        fresh = Freshness(self.study)
        wall, steady = self.now(), time.monotonic()
        while not self.stop.wait(POLL):
            behind = (wall - self.now()).total_seconds() + time.monotonic() - steady
            wall, steady = self.now(), time.monotonic()
            if behind > JUMP:
                self._set_back(scheduler, behind)
            scheduler.wakeup()  # its own waiting counts seconds awake, and knows of no jump of the clock
            for name in self.journal.take_triggers():
                self._spawn_thread(name, self.now())
            if self.loading is None and any(self.children.values()) and fresh.wanted():
                threading.Thread(target=self._load, daemon=True).start()

    def _scheduler(self) -> BackgroundScheduler:
        pool = ThreadPoolExecutor(max_workers=max(4, 2 * len(self.study.schedule)))
        scheduler = BackgroundScheduler(timezone=UTC, executors={"default": pool})
        for job in self.study.schedule:
            scheduler.add_job(
                self._later,
                self.triggers[job.name],
                args=[job.name, job.jitter],
                id=job.name,
                misfire_grace_time=max(1, job.catch_up),  # the default of 1 s drops what is late
                coalesce=True,
                max_instances=2,  # the overlap policy is ours: see fire()
            )
        return scheduler

    def _set_back(self, scheduler: BackgroundScheduler, seconds: float) -> None:
        """Recompute the next starts after the clock was set back; what has started does not start again."""
        self.say(f"the clock was set back by {timedelta(seconds=round(seconds))}; the next starts are recomputed")
        now = self.now()
        for name, trigger in self.triggers.items():
            last = self.journal.last_start(name)
            known = last is not None and now <= last <= now + timedelta(days=1)
            floor = last + timedelta(seconds=1) if known and last else now
            scheduler.modify_job(name, next_run_time=trigger.get_next_fire_time(None, floor))

    def _later(self, name: str, jitter: int) -> None:
        """Start after up to *jitter* seconds."""
        if not self.stop.wait(random.uniform(0, jitter)):  # noqa: S311 (not used for secrets)
            self.fire(name)

    def _await_orphans(self) -> None:
        """Wait for the runs of a killed daemon, which end at their next page and hold locks until then."""
        until, locks = time.monotonic() + GRACE, self.study.directory / ".locks"
        while time.monotonic() < until and not self.stop.is_set():
            if not any(holder(self.study.directory, path.name) for path in locks.glob("collect-*")):
                return
            self.stop.wait(POLL / 4)

    def _catch_up(self) -> None:
        """Start missed jobs, continue interrupted ones, and start a new study at once."""
        now, begun = self.now(), (self.study.directory / "study.duckdb").exists()
        self.journal.bury()
        for job in self.study.schedule:
            last = self.journal.last_start(job.name)
            if last is None and not begun and job.task == "run":
                self.say(f"{job.name}: no data yet; starting now")
                self._spawn_thread(job.name, now)
            elif last is None:
                self.journal.first_seen(job.name, now)
            elif (due := missed(self.triggers[job.name], last, now, job.catch_up)) is not None:
                self.say(f"{job.name}: the start of {due:%Y-%m-%d %H:%M} was missed; starting now")
                self._spawn_thread(job.name, due)
            elif (due := self.journal.cut_short(job.name)) is not None:
                self.say(f"{job.name}: the run of {due:%Y-%m-%d %H:%M} was interrupted; continuing now")
                self._spawn_thread(job.name, due, resume=True)

    def _spawn_thread(self, name: str, due: datetime, resume: bool = False) -> None:
        threading.Thread(target=self.fire, args=[name, due], kwargs={"resume": resume}, daemon=True).start()

    def fire(self, name: str, due: datetime | None = None, *, resume: bool = False) -> int | None:
        """One start of a job: its exit code; None if it was skipped (paused, or still running).

        A job that needs the collector of a running one goes first if it starts more often (a pass of days gives way to
        the daily timelines, and continues after them); otherwise it waits.
        """
        job = next((one for one in self.study.schedule if one.name == name), None)
        if job is None:
            self.journal.write(name, self.now(), None, "gone: no longer in the study file")
            return None
        if self.journal.paused(name):
            return None
        if not self.leads():
            self.journal.write(name, self.now(), due or self.now(), "skipped: another machine runs the schedule")
            return None
        due, code = due or self.now(), None
        while self._turn(job):
            try:
                code = self._run(job, due, resume)
            finally:
                with self._guard:
                    self.children.pop(name, None)
                    gave_way = self.gives_way.pop(name, None)
            if gave_way is None or code != 130 or self.stop.is_set():
                self.ended(name, code)
                return code
            resume = True
        return code

    def _turn(self, job: Job) -> bool:
        """Wait until no conflicting job runs, and reserve the place of *job*; False if it should not run."""
        jobs = {one.name: one for one in self.study.schedule}
        with self._guard:
            if job.name in self.children and job.overlap == "skip":
                self.journal.write(job.name, self.now(), None, "skipped: the previous run has not ended")
                return False
            self.queue.append(job)
        try:
            while not self.stop.is_set():
                with self._guard:
                    busy = [jobs[name] for name in self.children if in_the_way(jobs[name], job)]
                    before = [one for one in self.queue if in_the_way(one, job) and self._rarer(job, one)]
                    if not busy and not before:
                        self.children[job.name] = None
                        return True
                    for other in busy:
                        self._ask_to_give_way(other, job)
                self.stop.wait(min(POLL, 0.2))
            return False
        finally:
            with self._guard:
                self.queue.remove(job)

    def _ask_to_give_way(self, other: Job, job: Job) -> None:
        child = self.children[other.name]
        if child is not None and other.name not in self.gives_way and self._rarer(other, job):
            self.gives_way[other.name] = job.name
            child.send_signal(signal.SIGTERM)

    def _rarer(self, one: Job, other: Job) -> bool:
        """Whether *one* starts less often than *other*."""
        return self._period(one) > self._period(other)

    def _period(self, job: Job) -> timedelta:
        trigger = self.triggers[job.name]
        first = trigger.get_next_fire_time(None, self.now())
        second = first and trigger.get_next_fire_time(first, first + timedelta(seconds=1))
        return second - first if first and second else timedelta.max

    def _run(self, job: Job, due: datetime, resume: bool) -> int:
        """Run *job* in a child process; continue it if it is killed."""
        for again in range(1 + RETRIES):
            code = self._run_child(job, due, resume or again > 0)
            if code >= 0 or again == RETRIES or self.stop.wait(RETRY):
                break
        return code

    def _run_child(self, job: Job, due: datetime, resume: bool) -> int:
        row = self.journal.write(job.name, self.now(), due, "running")
        words = command_of(job, self.study.directory, due if resume else None)
        with self._guard:
            if self.stop.is_set():
                return 130
            child = self.children[job.name] = self.start(words)
        code = int(child.wait())
        with self._guard:
            self.children[job.name] = None
            other = self.gives_way.get(job.name) if code == 130 else None
        self.journal.end(row, self.now(), code, f"gave way to {other}; continues after it" if other else None)
        self.say(f"{job.name}: exit code {code}")
        return code

    def _load(self) -> None:
        """Load what has been collected so far."""
        words = [*program(self.study.directory), "load"]
        with self._guard:
            if self.stop.is_set() or self.loading is not None:
                return
            self.loading = self.start(words)
        code = int(self.loading.wait())
        self.loading = None
        if code not in (0, -signal.SIGTERM):
            self.say(f"load: exit code {code}")

    def _end_children(self) -> None:
        """Ask the running children to end at a page boundary; kill what has not ended after GRACE seconds."""
        with self._guard:
            children = [child for child in (*self.children.values(), self.loading) if child is not None]
        for child in children:
            child.send_signal(signal.SIGTERM)
        until = time.monotonic() + GRACE
        for child in children:
            try:
                child.wait(timeout=max(0.0, until - time.monotonic()))
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()

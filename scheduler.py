"""When a job runs: APScheduler with jobs from the study file. Each run is a child process of the command line.

The scheduler holds no database: jobs are derived at every start, and what ran is in the state (table `jobs`), so a
daemon that was down at the hour makes up for it, once, within the job's catch-up window. Times of day are wall-clock
times of the job's zone: through a change to summer time a job whose hour does not exist runs when the clocks have
moved, and through the change back it runs once, not twice.
"""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.base import BaseTrigger
from apscheduler.triggers.calendarinterval import CalendarIntervalTrigger
from apscheduler.triggers.cron import CronTrigger
from apscheduler.triggers.interval import IntervalTrigger

from storage.errors import UserError
from storage.journal import Journal
from storage.locks import lock

if TYPE_CHECKING:
    from storage.settings import Job
    from study import Study

GRACE = 10.0  # seconds a run has to end at a page boundary, then it is killed (nothing is lost)
POLL = 1.0  # seconds between two looks for `schedule trigger`
EPOCH = datetime(2024, 1, 1, tzinfo=UTC)  # interval jobs count from here, so that a restart does not shift them


class WallClock(BaseTrigger):  # type: ignore[misc]  # APScheduler has no types
    """A trigger of wall-clock times made sound through changes of summer time.

    The inner trigger works on wall clocks without a zone; here each becomes one moment: of a time that comes twice
    the first, and instead of one that does not exist the moment as long after the change.
    """

    def __init__(self, inner: BaseTrigger, zone: ZoneInfo) -> None:
        self.inner, self.zone = inner, zone

    def get_next_fire_time(self, previous_fire_time: datetime | None, now: datetime) -> datetime | None:
        """The first moment at or after *now* and after *previous_fire_time*; None if there is none."""
        floor = now if previous_fire_time is None else max(now, previous_fire_time + timedelta(microseconds=1))
        now_on_the_wall = floor.astimezone(self.zone).replace(tzinfo=UTC) - timedelta(hours=3)
        wall: datetime | None = None
        for _ in range(20_000):  # a calendar trigger counts up from its first day
            wall = self.inner.get_next_fire_time(wall, now_on_the_wall)
            if wall is None:
                return None
            moment = wall.replace(tzinfo=self.zone, fold=0).astimezone(UTC)
            if moment >= floor:
                return moment.astimezone(self.zone)
            now_on_the_wall = max(now_on_the_wall, wall + timedelta(microseconds=1))
        return None


def trigger_of(job: Job, zone: str) -> BaseTrigger:
    """When *job* starts; *zone* is the study's time zone."""
    where = ZoneInfo(job.timezone or zone)
    if job.cron is not None:
        minute, hour, day, month, weekday = job.cron.split()
        fields = {"minute": minute, "hour": hour, "day": day, "month": month, "day_of_week": weekday}
        if hour == "*":  # every hour is meant: on the clock, the one that comes twice too
            return CronTrigger(**fields, timezone=where if day != "*" or month != "*" or weekday != "*" else UTC)
        return WallClock(CronTrigger(**fields, timezone=UTC), where)
    if job.calendar is not None:
        every = job.calendar
        hour, _, minute = (every.time or "03:30").partition(":")
        inner = CalendarIntervalTrigger(months=every.months, weeks=every.weeks, days=every.days, hour=int(hour),
                                        minute=int(minute), timezone=UTC, start_date=date(2024, 1, 1))  # fmt: skip
        return WallClock(inner, where)
    assert job.interval is not None
    return IntervalTrigger(hours=job.interval.hours, minutes=job.interval.minutes, start_date=EPOCH, timezone=UTC)


def missed(trigger: BaseTrigger, last: datetime | None, now: datetime, catch_up: int) -> datetime | None:
    """The latest start that was missed since *last* and not longer ago than *catch_up* seconds; None if none was."""
    floor = now - timedelta(seconds=catch_up)
    after = floor if last is None else max(floor, last + timedelta(seconds=1))
    found, at = None, trigger.get_next_fire_time(None, after)
    while at is not None and at <= now:
        found, at = at, trigger.get_next_fire_time(at, at + timedelta(seconds=1))
    return found


def command_of(job: Job, study: Path) -> list[str]:
    """The command line of one run of *job*."""
    words = [sys.executable, "-m", "cli", "--study", str(study), job.task]
    if job.task == "collect":
        words += [job.collector] if job.collector else []
        words += [word for kind in job.kinds or () for word in ("--kind", kind)]
        words += ["--again", "--hide-progress"]
    elif job.task == "run":
        words += ["--again", "--hide-progress"]
        words += ["--collector", job.collector] if job.collector else []
        words += [word for kind in job.kinds or () for word in ("--kind", kind)]
    return words


def next_starts(study: Study, now: datetime) -> Iterator[tuple[str, datetime | None]]:
    """(job, its next start) for every job of the study file."""
    for job in study.schedule:
        yield job.name, trigger_of(job, study.study.timezone).get_next_fire_time(None, now)


class Daemon:
    """Runs the jobs of one study until it is told to stop. *start* starts a child: `subprocess.Popen`, or a test's.

    *say* is told what happens, *ended* how each run of a job ended.
    """

    def __init__(
        self,
        study: Study,
        *,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        start: Callable[[Sequence[str]], Any] = lambda words: subprocess.Popen(words),  # noqa: S603
        say: Callable[[str], None] = print,
        ended: Callable[[str, int], object] = lambda job, code: None,
    ) -> None:
        self.study, self.now, self.start, self.say, self.ended = study, now, start, say, ended
        self.journal = Journal(study.directory)
        self.children: dict[str, Any] = {}
        self.stop = threading.Event()
        self._guard = threading.Lock()

    def run(self) -> None:
        """Run until SIGTERM or SIGINT. Raise UserError if another daemon runs this study, or there is no job."""
        if not self.study.schedule:
            raise UserError("the study file has no [[schedule]]; add a job, for example cron = '30 3 * * *'")
        with lock(self.study.directory, "schedule"):
            before = {n: signal.signal(n, lambda *_: self.stop.set()) for n in (signal.SIGTERM, signal.SIGINT)}
            scheduler = self._scheduler()
            scheduler.start()
            try:
                self._catch_up()
                while not self.stop.wait(POLL):
                    for name in self.journal.take_triggers():
                        self._spawn_thread(name, self.now())
            finally:
                self.stop.set()
                scheduler.shutdown(wait=False)
                self._end_children()
                for number, handler in before.items():
                    signal.signal(number, handler)

    def _scheduler(self) -> BackgroundScheduler:
        pool = ThreadPoolExecutor(max_workers=max(4, len(self.study.schedule)))
        scheduler = BackgroundScheduler(timezone=UTC, executors={"default": pool})
        for job in self.study.schedule:
            scheduler.add_job(
                self._later,
                trigger_of(job, self.study.study.timezone),
                args=[job.name, job.jitter],
                id=job.name,
                misfire_grace_time=max(1, job.catch_up),  # the default of 1 s drops what is late
                coalesce=True,
                max_instances=2,  # the overlap policy is ours: see fire()
            )
        return scheduler

    def _later(self, name: str, jitter: int) -> None:
        """Start after up to *jitter* seconds."""
        if not self.stop.wait(random.uniform(0, jitter)):  # noqa: S311 (no secret hangs on it)
            self.fire(name)

    def _catch_up(self) -> None:
        now = self.now()
        for job in self.study.schedule:
            trigger = trigger_of(job, self.study.study.timezone)
            last = self.journal.last_start(job.name)
            if last is None:
                self.journal.first_seen(job.name, now)
                continue
            if (due := missed(trigger, last, now, job.catch_up)) is not None:
                self.say(f"{job.name}: the start of {due:%Y-%m-%d %H:%M} was missed and is made up for now")
                self._spawn_thread(job.name, due)

    def _spawn_thread(self, name: str, due: datetime) -> None:
        threading.Thread(target=self.fire, args=[name, due], daemon=True).start()

    def fire(self, name: str, due: datetime | None = None) -> int | None:
        """One start of a job: its exit code; None if it was skipped (paused, or still running)."""
        job = next((one for one in self.study.schedule if one.name == name), None)
        if job is None:
            self.journal.write(name, self.now(), None, "gone: the study file has no such job any more")
            return None
        if self.journal.paused(name):
            return None
        while name in self.children:
            if job.overlap == "skip":
                self.journal.write(name, self.now(), None, "skipped: the last run still goes on")
                return None
            if self.stop.wait(POLL):
                return None
        return self._run_child(job, due or self.now())

    def _run_child(self, job: Job, due: datetime) -> int:
        row = self.journal.write(job.name, self.now(), due, "running")
        with self._guard:
            if self.stop.is_set():
                return 130
            child = self.children[job.name] = self.start(command_of(job, self.study.directory))
        try:
            code = int(child.wait())
        finally:
            self.children.pop(job.name, None)
        self.journal.end(row, self.now(), code)
        self.say(f"{job.name}: exit code {code}")
        self.ended(job.name, code)
        return code

    def _end_children(self) -> None:
        """Ask the running children to end at a page boundary; kill what has not ended after GRACE seconds."""
        with self._guard:
            children = list(self.children.values())
        for child in children:
            child.send_signal(signal.SIGTERM)
        until = time.monotonic() + GRACE
        for child in children:
            try:
                child.wait(timeout=max(0.0, until - time.monotonic()))
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()

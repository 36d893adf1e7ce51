"""When a job of the study file is due: APScheduler's triggers, made correct across daylight-saving changes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from apscheduler.triggers.base import BaseTrigger
from apscheduler.triggers.calendarinterval import CalendarIntervalTrigger
from apscheduler.triggers.cron import CronTrigger
from apscheduler.triggers.interval import IntervalTrigger

from study.settings import Job

EPOCH = datetime(2024, 1, 1, tzinfo=UTC)  # origin of interval jobs, so that a restart does not shift them


class WallClock(BaseTrigger):  # type: ignore[misc]  # APScheduler has no types
    """A trigger of wall-clock times, made correct across daylight-saving changes.

    The inner trigger works on local times without a zone; each is mapped to one moment: of a time that occurs twice
    the first, and for one that is skipped the moment as long after the change.
    """

    def __init__(self, inner: BaseTrigger, zone: ZoneInfo) -> None:
        self.inner, self.zone = inner, zone

    def get_next_fire_time(self, previous_fire_time: datetime | None, now: datetime) -> datetime | None:
        """The first moment after *previous_fire_time*, or where that is None at or after *now*; None if there is none.

        Missed starts are returned too: APScheduler makes one start for all of them.
        """
        floor = now if previous_fire_time is None else previous_fire_time + timedelta(microseconds=1)
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
        if hour == "*":  # every hour, on the clock, including the one that occurs twice
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
    """The latest start missed since *last* within the past *catch_up* seconds; None if there is none."""
    floor = now - timedelta(seconds=catch_up)
    after = floor if last is None else max(floor, last + timedelta(seconds=1))
    found, at = None, trigger.get_next_fire_time(None, after)
    while at is not None and at <= now:
        found, at = at, trigger.get_next_fire_time(at, at + timedelta(seconds=1))
    return found


def next_starts(jobs: Iterable[Job], zone: str, now: datetime) -> Iterator[tuple[str, datetime | None]]:
    """(job, its next start) for each of *jobs*; *zone* is the study's time zone."""
    for job in jobs:
        yield job.name, trigger_of(job, zone).get_next_fire_time(None, now)

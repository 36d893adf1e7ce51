"""The jobs of a study's schedule: when each starts, how it ended, paused or not."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime

import msgspec

from jobs.context import Say, shared_state
from storage.errors import Partial, UserError
from storage.journal import Journal
from storage.locks import holder
from study.settings import Job
from study.study_file import Study
from study.triggers import next_starts, trigger_of


@contextmanager
def leading(study: Study, say: Say) -> Iterator[Callable[[], bool]]:
    """Whether this machine runs the jobs: of several, the first that asked, until it ends or is lost."""
    if study.store.frontier is None:
        yield lambda: True
        return
    guard = threading.Lock()
    with closing(shared_state(study)) as shared:

        def leads() -> bool:
            try:
                with guard:
                    return shared.alone("schedule")
            except Partial as error:
                say(f"not started: {error}")
                return False

        yield leads


class State(msgspec.Struct, frozen=True):
    """A job: its next start (None: never again), whether it is paused, and how its last run ended."""

    name: str
    next: datetime | None
    paused: bool
    last: str | None


def states(study: Study) -> Iterator[State]:
    """The status of each job of *study*."""
    journal = Journal(study.directory)
    for name, start in next_starts(study.schedule, study.study.timezone, datetime.now(UTC)):
        last = journal.history(name, 1)
        yield State(name, start, journal.paused(name), last[0][4] if last else None)


def starts(study: Study, name: str | None = None, number: int = 5) -> list[tuple[datetime, str]]:
    """The next *number* starts, of one job or of all, in order."""
    rows = []
    for job in [find(study, name)] if name else study.schedule:
        trigger, at, now = trigger_of(job, study.study.timezone), None, datetime.now(UTC)
        for _ in range(number):
            at = trigger.get_next_fire_time(at, now)
            if at is None:
                break
            rows.append((at, job.name))
            now = at
    return sorted(rows)[:number]


def pause(study: Study, name: str, on: bool = True) -> None:
    """Pause the job *name*; with *on* false, resume it."""
    find(study, name)
    Journal(study.directory).pause(name, on)


def trigger(study: Study, name: str) -> None:
    """Ask the running daemon to start the job *name* now. Raise UserError if none runs."""
    find(study, name)
    if not running(study):
        raise UserError(f"no daemon runs in {study.directory}; use `sneeuwbal schedule run --once {name}` instead")
    Journal(study.directory).trigger(name)


def running(study: Study) -> bool:
    """Whether a daemon runs the schedule."""
    return holder(study.directory, "schedule") is not None


def find(study: Study, name: str) -> Job:
    """The job called *name*. Raise UserError."""
    for job in study.schedule:
        if job.name == name:
            return job
    known = ", ".join(job.name for job in study.schedule) or "none"
    raise UserError(f"the study file has no job {name!r}; it has {known}")

"""Jobs start when they should, through summer time, downtime and overlap; each is a child process."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scheduler import Daemon, command_of
from storage.errors import UserError
from storage.journal import Journal
from storage.locks import lock
from storage.settings import Job
from storage.triggers import missed, trigger_of
from study import Study
from tests.conftest import ROOT

AMSTERDAM = ZoneInfo("Europe/Amsterdam")
SPRING, AUTUMN = datetime(2026, 3, 29, tzinfo=AMSTERDAM), datetime(2026, 10, 25, tzinfo=AMSTERDAM)


def _starts(job: Job, first: datetime, last: datetime) -> list[datetime]:
    trigger, at, found = trigger_of(job, "Europe/Amsterdam"), None, []
    now = first
    while (at := trigger.get_next_fire_time(at, now)) is not None and at < last:
        found.append(at.astimezone(UTC))
        now = at + timedelta(microseconds=1)
    return found


def test_a_daily_job_runs_once_on_the_days_the_clocks_change() -> None:
    for job in (
        Job(name="a", cron="30 2 * * *"),
        Job.model_validate({"name": "b", "calendar": {"days": 1, "time": "02:30"}}),
    ):
        for change in (SPRING, AUTUMN):
            starts = _starts(job, change - timedelta(days=2), change + timedelta(days=3))
            days = [start.astimezone(AMSTERDAM).date() for start in starts]
            assert days == sorted(set(days)), job.name
            assert len(days) == 5, job.name
    assert _starts(Job(name="a", cron="30 2 * * *"), SPRING, SPRING + timedelta(days=1)) == [
        datetime(2026, 3, 29, 1, 30, tzinfo=UTC)  # 03:30 in Amsterdam: 02:30 did not exist
    ]
    assert _starts(Job(name="a", cron="30 2 * * *"), AUTUMN, AUTUMN + timedelta(days=1)) == [
        datetime(2026, 10, 25, 0, 30, tzinfo=UTC)  # the first of the two 02:30
    ]


def test_an_hourly_job_runs_in_the_hour_that_comes_twice_too() -> None:
    starts = _starts(Job(name="a", cron="15 * * * *"), AUTUMN, AUTUMN + timedelta(days=1))
    assert len(starts) == 25
    assert {b - a for a, b in pairwise(starts)} == {timedelta(hours=1)}


def test_an_interval_counts_on_the_clock_and_does_not_shift_with_a_restart() -> None:
    job = Job.model_validate({"name": "a", "interval": {"hours": 6}})
    whole = _starts(job, SPRING - timedelta(days=1), SPRING + timedelta(days=2))
    restarted = _starts(job, SPRING + timedelta(hours=7, minutes=11), SPRING + timedelta(days=2))
    assert restarted == [start for start in whole if start >= SPRING + timedelta(hours=7, minutes=11)]
    assert {b - a for a, b in pairwise(whole)} == {timedelta(hours=6)}


@given(st.integers(0, 400), st.integers(0, 23), st.integers(0, 59))
def test_wall_clock_times_are_kept_all_year(day: int, hour: int, minute: int) -> None:
    now = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=day)
    at = trigger_of(Job(name="a", cron=f"{minute} {hour} * * *"), "Europe/Amsterdam").get_next_fire_time(None, now)
    assert at is not None
    local = at.astimezone(AMSTERDAM)
    shifted = local.date() == SPRING.date() and hour == 2
    assert (local.hour, local.minute) == ((3 if shifted else hour), minute)
    assert now <= at <= now + timedelta(hours=25)


def test_a_start_missed_while_the_daemon_was_down_is_made_up_once_within_its_window() -> None:
    trigger = trigger_of(Job(name="a", cron="0 3 * * *"), "UTC")
    at = lambda text: datetime.fromisoformat(text).replace(tzinfo=UTC)  # noqa: E731
    last, now = at("2026-05-01T03:00"), at("2026-05-04T12:00")
    assert missed(trigger, last, now, 86_400) == at("2026-05-04T03:00")
    assert missed(trigger, at("2026-05-04T03:00"), now, 86_400) is None
    assert missed(trigger, last, now, 3_600) is None


def _study(folder: Path, jobs: str) -> Study:
    folder.mkdir(exist_ok=True)
    (folder / "sneeuwbal.toml").write_text(f'[study]\nname = "Test"\n{jobs}')
    return Study.load(folder)


class _Child:
    """A child process that ends when it is told to."""

    def __init__(self) -> None:
        self.over = threading.Event()

    def wait(self, timeout: float | None = None) -> int:
        if not self.over.wait(timeout):
            raise subprocess.TimeoutExpired("child", timeout or 0)
        return 0

    def send_signal(self, number: int) -> None:
        self.over.set()

    kill = over = None  # type: ignore[assignment]


def test_a_run_longer_than_its_interval_is_skipped_or_waited_for(tmp_path: Path) -> None:
    study = _study(
        tmp_path / "s",
        '[[schedule]]\nname = "skips"\ncron = "0 3 * * *"\n'
        '[[schedule]]\nname = "waits"\ncron = "0 3 * * *"\noverlap = "wait"\n',
    )
    children: list[_Child] = []

    def start(words: Sequence[str]) -> _Child:
        child = _Child()
        child.over = threading.Event()
        children.append(child)
        return child

    daemon = Daemon(study, start=start, say=lambda text: None)
    first = threading.Thread(target=daemon.fire, args=["skips"])
    first.start()
    _until(lambda: len(children) == 1)
    assert daemon.fire("skips") is None
    assert daemon.journal.history("skips")[0][4] == "skipped: the last run still goes on"
    children[0].over.set()
    first.join(5)
    threads = [threading.Thread(target=daemon.fire, args=["waits"]) for _ in range(2)]
    for thread in threads:
        thread.start()
    _until(lambda: len(children) == 2)
    children[1].over.set()
    _until(lambda: len(children) == 3)
    children[2].over.set()
    for thread in threads:
        thread.join(5)
    assert [row[4] for row in daemon.journal.history("waits")] == ["complete", "complete"]


def _until(true: Any) -> None:
    until = time.monotonic() + 20
    while not true():
        assert time.monotonic() < until
        time.sleep(0.02)


def test_a_job_that_is_gone_and_a_paused_one_do_not_start(tmp_path: Path) -> None:
    daemon = Daemon(_study(tmp_path / "s", '[[schedule]]\nname = "a"\ncron = "0 3 * * *"\n'), start=lambda words: None)
    assert daemon.fire("gone") is None
    assert "no such job" in daemon.journal.history("gone")[0][4]
    daemon.journal.pause("a", True)
    assert daemon.fire("a") is None
    assert daemon.journal.history("a") == []


def test_two_daemons_on_one_study_are_refused_and_so_is_one_without_jobs(tmp_path: Path) -> None:
    study = _study(tmp_path / "s", '[[schedule]]\nname = "a"\ncron = "0 3 * * *"\n')
    with lock(study.directory, "schedule"), pytest.raises(UserError, match="already running"):
        Daemon(study).run()
    with pytest.raises(UserError, match="no \\[\\[schedule\\]\\]"):
        Daemon(_study(tmp_path / "t", "")).run()


def test_each_run_is_the_command_line_of_its_job(tmp_path: Path) -> None:
    job = Job(name="a", task="run", collector="x", kinds=("timeline",), cron="0 3 * * *")
    words = command_of(job, tmp_path)
    assert words[words.index("--study") :] == [
        "--study", str(tmp_path), "run", "--collector", "x", "--kind", "timeline", "--again", "--hide-progress",
    ]  # fmt: skip
    due = datetime(2026, 5, 1, tzinfo=UTC)
    assert command_of(job, tmp_path, due)[-2:] == ["--finished-before", due.isoformat()]
    assert command_of(Job(name="a", task="load", cron="0 3 * * *"), tmp_path, due)[-1] == "load"


def test_the_daemon_starts_a_triggered_job_and_ends_within_ten_seconds_of_sigterm(tmp_path: Path) -> None:
    study = _study(tmp_path / "s", '[[schedule]]\nname = "load"\ntask = "load"\ncron = "0 3 1 1 *"\n')
    command = [sys.executable, "-m", "cli", "--study", str(study.directory), "schedule"]
    daemon = subprocess.Popen([*command, "run"], cwd=ROOT, text=True, stdout=subprocess.PIPE, env={**os.environ})
    journal = Journal(study.directory)
    _until(lambda: journal.history("load") or daemon.poll() is not None)
    done = subprocess.run([*command, "trigger", "load"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    _until(lambda: journal.history("load")[0][4] not in ("running", "scheduled from here"))
    assert journal.history("load")[0][3] == 2  # there is no archive to load: the user's mistake, told by its code
    asked = time.monotonic()
    daemon.send_signal(signal.SIGTERM)
    daemon.wait(timeout=15)
    assert time.monotonic() - asked < 10

"""Jobs start when they should, through summer time, downtime and overlap; each is a child process."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import time_machine
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

import scheduler
from scheduler import Daemon, command_of
from storage.errors import UserError
from storage.journal import Journal
from storage.locks import lock
from study.settings import Job
from study.study_file import Study
from study.triggers import missed, trigger_of
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


@given(
    st.tuples(*[
        st.from_regex(pattern, fullmatch=True)
        for pattern in (
            r"(\*|[0-9]{1,2})(-[0-9]{1,2})?(/[0-9]{1,2})?",
            r"(\*|[0-9]{1,2})(-[0-9]{1,2})?",
            r"\*|[0-9]{1,2}(,[0-9]{1,2})?",
            r"\*|[0-9]{1,2}|(jan|feb)(-(jan|dec))?",
            r"\*|(sun|mon|sat)(-(sun|mon|fri))?",
        )
    ])
)  # fmt: skip
def test_a_schedule_that_is_accepted_runs(fields: tuple[str, ...]) -> None:
    try:
        job = Job(name="a", cron=" ".join(fields))
    except ValidationError:
        return
    assert trigger_of(job, "Europe/Amsterdam").get_next_fire_time(None, SPRING) is not None


@pytest.mark.parametrize(
    ("cron", "why"),
    [
        ("0 3 * * sun-mon", "as a list: sun,mon"),
        ("0 3 30 2 *", "no date matches"),
        ("0 3 31 4,6 *", "no date matches"),
        ("61 3 * * *", "higher than the maximum"),
        ("0 3 * foo *", "Invalid month"),
        ("0 3 * * mon–fri", "hyphens and commas"),
        ("0 3 * * mon;tue", "hyphens and commas"),
        ("0 3 * jan- *", "hyphens and commas"),
    ],
)
def test_a_schedule_that_cannot_run_is_a_mistake(cron: str, why: str) -> None:
    with pytest.raises(ValidationError, match=why):
        Job(name="a", cron=cron)


def test_day_and_weekday_must_both_match() -> None:
    starts = _starts(Job(name="a", cron="0 6 13 * fri"), SPRING, SPRING + timedelta(days=400))
    assert [start.date() for start in starts] == [date(2026, 11, 13)]


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
    """A child process that ends on request: with 130 if it is asked to stop."""

    def __init__(self, words: Sequence[str] = ()) -> None:
        self.words, self.ended, self.code = list(words), threading.Event(), 0

    def wait(self, timeout: float | None = None) -> int:
        if not self.ended.wait(timeout):
            raise subprocess.TimeoutExpired("child", timeout or 0)
        return self.code

    def end(self, code: int = 0) -> None:
        self.code = code
        self.ended.set()

    def send_signal(self, number: int) -> None:
        self.end(130)


class _Children(list):
    """All that were started, in order."""

    def __call__(self, words: Sequence[str]) -> _Child:
        self.append(_Child(words))
        return self[-1]

    def tasks(self) -> list[str]:
        return [child.words[child.words.index("--study") + 2] for child in self]


def _fired(daemon: Daemon, name: str) -> threading.Thread:
    thread = threading.Thread(target=daemon.fire, args=[name])
    thread.start()
    return thread


def test_a_run_longer_than_its_interval_is_skipped_or_waited_for(tmp_path: Path) -> None:
    study = _study(
        tmp_path / "s",
        '[[schedule]]\nname = "skips"\ncron = "0 3 * * *"\n'
        '[[schedule]]\nname = "waits"\ncron = "0 3 * * *"\noverlap = "wait"\n',
    )
    children = _Children()
    daemon = Daemon(study, start=children, say=lambda text: None)
    first = _fired(daemon, "skips")
    _until(lambda: len(children) == 1)
    assert daemon.fire("skips") is None
    assert daemon.journal.history("skips")[0][4] == "skipped: the previous run has not ended"
    children[0].end()
    first.join(60)
    threads = [_fired(daemon, "waits") for _ in range(2)]
    _until(lambda: len(children) == 2)
    children[1].end()
    _until(lambda: len(children) == 3)
    children[2].end()
    for thread in threads:
        thread.join(60)
    assert [row[4] for row in daemon.journal.history("waits")] == ["complete", "complete"]


def test_a_walk_of_days_gives_way_to_the_daily_timelines_and_goes_on_after_them(tmp_path: Path) -> None:
    study = _study(
        tmp_path / "s",
        "[collectors.x]\n[collectors.mastodon]\n"
        '[[schedule]]\nname = "follows"\ntask = "collect"\ncollector = "x"\ncron = "0 3 * * mon"\n'
        '[[schedule]]\nname = "daily"\ntask = "collect"\ncollector = "x"\ncron = "0 3 * * *"\n'
        '[[schedule]]\nname = "other"\ntask = "collect"\ncollector = "mastodon"\ncron = "0 3 * * *"\n',
    )
    children = _Children()
    daemon = Daemon(study, start=children, say=lambda text: None)
    threads = [_fired(daemon, "follows")]
    _until(lambda: len(children) == 1)
    threads.append(_fired(daemon, "other"))  # another collector: side by side
    _until(lambda: len(children) == 2)
    assert not children[0].ended.is_set()
    threads.append(_fired(daemon, "daily"))
    _until(lambda: len(children) == 3)
    assert children[0].ended.is_set()
    assert daemon.journal.history("follows")[0][4] == "gave way to daily; continues after it"
    threads.append(_fired(daemon, "other"))
    threads[-1].join(60)  # skipped
    children[2].end()
    _until(lambda: len(children) == 4)
    assert "--finished-before" in children[3].words, "it began anew"
    threads.append(_fired(daemon, "daily"))
    _until(lambda: len(children) == 5)  # the next day already
    children[4].end()
    _until(lambda: len(children) == 6)
    for child in (children[1], children[5]):
        child.end()
    for thread in threads:
        thread.join(60)
    assert daemon.journal.history("follows")[0][4] == "complete"
    assert daemon.children == {}


def test_a_daily_run_does_not_give_way_to_a_weekly_walk(tmp_path: Path) -> None:
    study = _study(
        tmp_path / "s",
        '[[schedule]]\nname = "weekly"\ncron = "0 3 * * mon"\n[[schedule]]\nname = "daily"\ncron = "0 3 * * *"\n',
    )
    children = _Children()
    daemon = Daemon(study, start=children, say=lambda text: None)
    threads = [_fired(daemon, "daily")]
    _until(lambda: len(children) == 1)
    threads.append(_fired(daemon, "weekly"))
    _until(lambda: [job.name for job in daemon.queue] == ["weekly"])
    assert not children[0].ended.is_set()
    children[0].end()
    _until(lambda: len(children) == 2)
    children[1].end()
    for thread in threads:
        thread.join(60)


def test_a_run_that_is_killed_goes_on_a_few_times_and_is_reported_once(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(scheduler, "RETRY", 0.01)
    study = _study(tmp_path / "s", '[[schedule]]\nname = "a"\ncron = "0 3 * * *"\n')
    children, actual = _Children(), list[tuple[str, int]]()
    daemon = Daemon(study, start=children, say=lambda text: None, ended=lambda job, code: actual.append((job, code)))
    thread = _fired(daemon, "a")
    for number in range(1 + scheduler.RETRIES):
        _until(lambda number=number: len(children) == number + 1)
        children[number].end(-9)
    thread.join(60)
    assert actual == [("a", -9)]
    assert ["--finished-before" in child.words for child in children] == [False] + [True] * scheduler.RETRIES
    assert daemon.journal.history("a")[0][4] == "killed by signal 9"


def test_what_was_cut_short_goes_on_when_the_daemon_is_back(tmp_path: Path) -> None:
    jobs = ('"killed"', '"stopped"', '"orphaned"', '"well"', '"new"')
    study = _study(tmp_path / "s", "".join(f"[[schedule]]\nname = {job}\ntask = 'load'\ncron = '0 3 1 1 *'\n"
                                           for job in jobs))  # fmt: skip
    children, now = _Children(), datetime(2026, 5, 1, tzinfo=UTC)
    daemon = Daemon(study, start=children, now=lambda: now, say=lambda text: None)
    for name, code in (("killed", -9), ("stopped", 130), ("well", 0), ("orphaned", None)):
        row = daemon.journal.write(name, now, now, "running")
        if code is not None:
            daemon.journal.end(row, now, code)
    daemon._catch_up()
    _until(lambda: len(children) == 3)
    for child in list(children):
        child.end()
    _until(lambda: not daemon.children)
    ends = {name: daemon.journal.history(name)[0][4] for name in ("killed", "stopped", "orphaned", "well", "new")}
    assert ends == dict.fromkeys(("killed", "stopped", "orphaned", "well"), "complete") | {"new": "scheduled from here"}
    assert len(children) == 3
    assert daemon.journal.history("orphaned")[1][4] == "killed with its daemon"


def test_nothing_starts_any_more_when_the_daemon_is_to_stop(tmp_path: Path) -> None:
    study = _study(tmp_path / "s", '[[schedule]]\nname = "a"\ncron = "0 3 * * *"\n')
    children = _Children()
    daemon = Daemon(study, start=children, say=lambda text: None)
    daemon.stop.set()
    assert daemon._run(study.schedule[0], datetime.now(UTC), False) == 130  # its turn had come just before
    assert daemon.fire("a") is None
    assert children == []


@pytest.mark.parametrize("published", [False, True])
def test_a_study_that_has_nothing_yet_begins_at_once(tmp_path: Path, published: bool) -> None:
    study = _study(tmp_path / "s", "[[schedule]]\nname = 'all'\ncron = '0 3 1 1 *'\n")
    if published:
        (study.directory / "study.duckdb").touch()
    children = _Children()
    daemon = Daemon(study, start=children, say=lambda text: None)
    daemon._catch_up()
    if not published:
        _ran(daemon, children, 1)
    time.sleep(0.1)
    assert len(children) == (not published)


@pytest.fixture
def clocked(tmp_path: Path, monkeypatch) -> Iterator[tuple[Daemon, _Children, time_machine.Traveller]]:
    """A daemon at work in a thread, whose clock is in our hands; its job runs at 03:30 in Amsterdam."""
    monkeypatch.setattr(scheduler, "POLL", 0.02)
    study = _study(tmp_path / "s", '[[schedule]]\nname = "a"\ntask = "load"\ncron = "30 3 * * *"\ncatch_up = 604800\n')
    children, actual = _Children(), list[str]()
    with time_machine.travel(datetime(2026, 5, 1, 12, tzinfo=UTC), tick=False) as clock:
        daemon = Daemon(study, start=children, say=actual.append)
        daemon.actual = actual  # type: ignore[attr-defined]
        jobs = daemon._scheduler()
        jobs.start()
        daemon._catch_up()
        thread = threading.Thread(target=daemon._watch, args=[jobs])
        thread.start()
        yield daemon, children, clock
        for child in children:
            child.end()
        daemon.stop.set()
        thread.join(60)
        jobs.shutdown()


def _ran(daemon: Daemon, children: _Children, number: int) -> None:
    _until(lambda: len(children) == number)
    children[-1].end()
    _until(lambda: not daemon.children)


def test_a_machine_that_slept_past_the_hour_starts_when_it_wakes(clocked) -> None:
    """A sleeping machine's timers stand still: APScheduler's own would start hours late."""
    daemon, children, clock = clocked
    clock.move_to(datetime(2026, 5, 2, 9, tzinfo=UTC), tick=False)
    _ran(daemon, children, 1)
    clock.move_to(datetime(2026, 5, 5, 9, tzinfo=UTC), tick=False)  # three were missed: one is made up
    _ran(daemon, children, 2)
    time.sleep(0.2)
    assert len(children) == 2


def test_a_clock_that_was_a_year_ahead_starts_the_job_the_next_day_again(clocked) -> None:
    daemon, children, clock = clocked
    clock.move_to(datetime(2027, 5, 2, 9, tzinfo=UTC), tick=False)
    _ran(daemon, children, 1)
    clock.move_to(datetime(2026, 5, 2, 9, tzinfo=UTC), tick=False)
    _until(lambda: any("the clock was set back" in text for text in daemon.actual))
    clock.move_to(datetime(2026, 5, 3, 2, tzinfo=UTC), tick=False)
    _ran(daemon, children, 2)


def test_a_clock_set_back_past_the_hour_starts_nothing_twice(clocked) -> None:
    daemon, children, clock = clocked
    clock.move_to(datetime(2026, 5, 2, 1, 31, tzinfo=UTC), tick=False)  # 03:31 in Amsterdam
    _ran(daemon, children, 1)
    clock.move_to(datetime(2026, 5, 2, 1, 0, tzinfo=UTC), tick=False)
    _until(lambda: any("the clock was set back" in text for text in daemon.actual))
    clock.move_to(datetime(2026, 5, 2, 2, 0, tzinfo=UTC), tick=False)
    time.sleep(0.3)
    assert len(children) == 1
    clock.move_to(datetime(2026, 5, 3, 2, 0, tzinfo=UTC), tick=False)
    _ran(daemon, children, 2)


def _until(true: Any) -> None:
    until = time.monotonic() + 60
    while not true():
        assert time.monotonic() < until
        time.sleep(0.02)


def test_a_job_that_is_gone_and_a_paused_one_do_not_start(tmp_path: Path) -> None:
    daemon = Daemon(_study(tmp_path / "s", '[[schedule]]\nname = "a"\ncron = "0 3 * * *"\n'), start=lambda words: None)
    assert daemon.fire("gone") is None
    assert "no longer in the study file" in daemon.journal.history("gone")[0][4]
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


def test_the_daemon_starts_a_triggered_job_and_ends_at_sigterm(tmp_path: Path) -> None:
    study = _study(tmp_path / "s", '[[schedule]]\nname = "load"\ntask = "load"\ncron = "0 3 1 1 *"\n')
    command = [sys.executable, "-m", "sneeuwbal", "--study", str(study.directory), "schedule"]
    daemon = subprocess.Popen([*command, "run"], cwd=ROOT, text=True, stdout=subprocess.PIPE, env={**os.environ})
    journal = Journal(study.directory)
    _until(lambda: journal.history("load") or daemon.poll() is not None)
    done = subprocess.run([*command, "trigger", "load"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    _until(lambda: journal.history("load")[0][4] not in ("running", "scheduled from here"))
    assert journal.history("load")[0][3] == 2  # there is no archive to load: an input error, reported by its code
    daemon.send_signal(signal.SIGTERM)
    daemon.wait(timeout=60)

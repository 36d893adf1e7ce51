"""A study left alone in a living world: `make soak`, or `python -m tests.soak DAYS KILLS MINUTES`.

The real daemon runs the jobs of a study file by a simulated clock, each a real child of the command line that
collects over real sockets. Each simulated day the world changes; runs and the daemon itself are killed now and then,
and a reader is attached all the time. At the end the history in DuckDB is compared with the world's own log, event for
event, and the memory of the last third of the days with that of the first.
"""

from __future__ import annotations

import csv
import random
import resource
import signal
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import psutil
import time_machine

from storage.archive import writer as archiving
from storage.frontier.sqlite import Frontier
from storage.records import Request, Target
from tests.living import FIRST_DAY, Living
from tests.loopback import serve

ROOT = Path(__file__).parents[1]  # not from conftest, whose imports are no run's
SIZE, SEED = 24, 7
EVENTS = ("posts", "edits", "deletions", "follows", "renames", "states")
PATIENCE = 120.0  # seconds for the jobs of one day; a slow machine, not a measure

STUDY = """
[study]
name = "Soak"
load_every = 0
[collectors.x]
base_url = "{url}"
follows_page = 5
timeline_page = 5
limits.timeline = {{requests = 1000000, seconds = 900}}
limits.following = {{requests = 1000000, seconds = 900}}
"""
JOBS = {  # by name: what it is, its cron
    "timelines": ("collect", "0 12 * * mon-sat", 'collector = "x"\nkinds = ["timeline"]'),
    "whole": ("collect", "0 12 * * sun", 'collector = "x"\nkinds = ["timeline"]\nwhole = true'),
    "follows": ("collect", "5 12 * * mon,wed,fri,sun", 'collector = "x"\nkinds = ["following"]'),
    "load": ("load", "30 12 * * *", ""),
    "verify": ("verify", "0 13 * * sun", ""),
    "prune": ("prune", "0 13 * * sat", ""),
}
STEPS = (("12:06", ("timelines", "whole", "follows")), ("12:31", ("load",)), ("13:01", ("verify", "prune")))


# ---- the daemon and its runs, by the simulated clock


def read(clock: Path) -> float:
    """The simulated moment in Unix seconds."""
    return float(clock.read_text())


def daemon(study: Path, clock: Path) -> None:
    """`schedule run` whose clock is the file *clock*; so is that of its runs when they start."""
    import scheduler
    from study.study_file import Study

    scheduler.POLL, scheduler.RETRY = 0.1, 0.2

    def start(words: Sequence[str]) -> subprocess.Popen[bytes]:
        return scheduler._start([sys.executable, "-m", "tests.soak", "--run", str(clock), *words[3:]])

    with time_machine.travel(read(clock), tick=False) as traveller:
        threading.Thread(target=_follow, args=[clock, traveller], daemon=True).start()
        scheduler.Daemon(Study.load(study), start=start).run()


def _follow(clock: Path, traveller: time_machine.Traveller) -> None:
    while True:
        time.sleep(0.02)
        if (now := read(clock)) != time.time():
            traveller.move_to(now, tick=False)


def run(clock: Path, words: list[str]) -> int:
    """One run of the command line from the simulated moment on; its memory is written down at the end."""
    import cli

    with time_machine.travel(read(clock), tick=True):
        code = cli.main(words)
        day = datetime.now(UTC).date()
    with clock.with_name("memory.csv").open("a") as file:
        file.write(f"{day},{words[2]},{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.1f}\n")
    return code


# ---- the world outside


def admit(study: Path, world: Living, now: datetime) -> None:
    """Queue everybody; noted in the archive first, as admissions are."""
    requests = [Request(Target("x", kind, str(person.number)), "", 0, "", "")
             for person in world.people for kind in ("timeline", "following")]  # fmt: skip
    writer = archiving.Writer(study / "archive", "snowball", now=lambda: now)
    found = [[w.target.collector, w.target.kind, w.target.key, 0, "", ""] for w in requests]
    writer.note("admission", {"rule": "seed", "wants": found}, now)
    writer.close()
    frontier = Frontier(study / "state.sqlite")
    with frontier.transaction():
        frontier.add(requests, now)
    frontier.close()


class Soak:
    """One soak: a study in *place*, its world, its clock and its daemon."""

    def __init__(self, place: Path, world: Living, url: str, dice: random.Random) -> None:
        self.place, self.world, self.dice = place, world, dice
        self.study, self.clock = place / "study", place / "clock"
        self.struck: dict[str, int] = {"run": 0, "daemon": 0, "stop": 0}
        self.study.mkdir(mode=0o700)
        jobs = (f'[[schedule]]\nname = "{name}"\ntask = "{task}"\ncron = "{cron}"\n{more}\n'
                for name, (task, cron, more) in JOBS.items())  # fmt: skip
        (self.study / "sneeuwbal.toml").write_text(STUDY.format(url=url) + "".join(jobs))
        (self.study / "secrets.toml").touch(0o600)
        (self.study / "secrets.toml").write_text("x = 'a-token-of-the-soak'\n")
        self.set(0, "10:00")
        admit(self.study, world, datetime.fromtimestamp(read(self.clock), UTC))
        self._start()
        _until(lambda: len(self._journal("SELECT 1 FROM jobs")) == len(JOBS))

    def set(self, day: int, hour: str) -> None:
        """Put the clock on *hour* in Amsterdam (near enough: an hour later in summer) of *day*."""
        hours, minutes = map(int, hour.split(":"))
        summer = (FIRST_DAY + timedelta(days=day)).date() >= datetime(2026, 3, 29).date()
        at = FIRST_DAY + timedelta(days=day, hours=hours - (2 if summer else 1), minutes=minutes)
        part = self.clock.with_name("clock.part")
        part.write_text(str(at.timestamp()))
        part.replace(self.clock)

    def _start(self) -> None:
        words = [sys.executable, "-m", "tests.soak", "--daemon", str(self.study), str(self.clock)]
        with (self.place / "daemon.log").open("a") as log:
            self.daemon = subprocess.Popen(words, cwd=ROOT, stdout=log, stderr=log)

    def live(self, days: int, kills: int, *, first: int = 0, pace: float = 0.0) -> None:
        """Live from day *first* to *days*, with about *kills* kills; a day takes at least *pace* seconds."""
        for day in range(first, days):
            began = time.monotonic()
            if day:
                self.world.live_through()
            for hour, names in STEPS:
                self.set(day, hour)
                due = [name for name in names if self._due(name, day)]
                if "load" not in due and due and self.dice.random() < kills / (days - first) / 1.2:
                    self._strike(day)
                _until(lambda due=due, day=day: all(self._done(name, day) for name in due), self._progress)
            self._write(day, "daemon", psutil.Process(self.daemon.pid).memory_info().rss / 2**20)
            while time.monotonic() - began < pace:
                time.sleep(0.1)

    def _due(self, name: str, day: int) -> bool:
        weekdays = JOBS[name][1].split()[4]
        today = (FIRST_DAY + timedelta(days=day)).strftime("%a").lower()
        return weekdays == "*" or today in weekdays or (weekdays == "mon-sat" and today != "sun")

    def _done(self, name: str, day: int) -> bool:
        day_began = (FIRST_DAY + timedelta(days=day)).timestamp()
        newest = self._journal(
            "SELECT code, due_at FROM jobs WHERE job=? AND due_at IS NOT NULL ORDER BY id DESC", name
        )
        return bool(newest) and newest[0][0] == 0 and newest[0][1] > day_began

    def _strike(self, day: int) -> None:
        """Kill a run, kill the daemon, or ask the daemon to end; after the last two it is started again."""
        before = self._size()
        with suppress(TimeoutError):  # or it is over already
            _until(lambda: self._size() != before, patience=10.0)  # something is being written
        time.sleep(self.dice.uniform(0, 0.4))
        what = self.dice.choices(("run", "daemon", "stop"), (6, 2, 2))[0]
        if what == "run":
            with suppress(psutil.Error):
                for child in psutil.Process(self.daemon.pid).children():
                    child.kill()
                    self.struck["run"] += 1
            return
        self.daemon.send_signal(signal.SIGKILL if what == "daemon" else signal.SIGTERM)
        self.daemon.wait(timeout=20)
        self.struck[what] += 1
        self._start()

    def end(self) -> None:
        """Stop the daemon."""
        self.daemon.send_signal(signal.SIGTERM)
        self.daemon.wait(timeout=20)

    def _size(self) -> int:
        return sum(path.stat().st_size for path in (self.study / "archive").glob("x-*") if path.exists())

    def _journal(self, query: str, *values: str) -> list[tuple]:
        path = self.study / "schedule.sqlite"
        if not path.exists():
            return []
        db = sqlite3.connect(path, timeout=30)
        try:
            return db.execute(query, values).fetchall()
        except sqlite3.OperationalError:  # it is being made
            return []
        finally:
            db.close()

    def _write(self, day: int, what: str, megabytes: float) -> None:
        with (self.place / "memory.csv").open("a") as file:
            file.write(f"{(FIRST_DAY + timedelta(days=day)).date()},{what},{megabytes:.1f}\n")

    def _progress(self) -> str:
        rows = self._journal("SELECT job, code, why FROM jobs ORDER BY id DESC LIMIT 12")
        return f"{rows}\n{(self.place / 'daemon.log').read_text()[-3000:]}"

    def memory(self) -> dict[str, tuple[float, float]]:
        """Median peak in MB of the first and of the last third of the days, by what ran."""
        found: dict[str, list[float]] = {}
        with (self.place / "memory.csv").open() as file:
            for _, what, megabytes in csv.reader(file):
                found.setdefault(what, []).append(float(megabytes))
        medians = {}
        for what, values in found.items():
            if (third := len(values) // 3) > 0:
                medians[what] = statistics.median(values[:third]), statistics.median(values[-third:])
        return medians

    def compare(self) -> dict[str, tuple[set, set]]:
        """(in the log only, in the tables only) of each sort of event that differs."""
        return compare(self.study, self.world)


def compare(study: Path, world: Living) -> dict[str, tuple[set, set]]:
    """(in the world's log only, in the tables only) of each sort of event that differs."""
    day = f"CAST(date_diff('day', TIMESTAMPTZ '{FIRST_DAY.isoformat()}', seen_at) AS INTEGER)"
    queries = {
        "follows": (world.follows, f"SELECT {day}, change, follower_id, followed_id FROM follow_changes"),
        "renames": (world.renames, f'SELECT {day}, account_id, "before", "after" FROM handle_changes'),
        "posts": (world.posts, "SELECT post_id, account_id FROM posts"),
        "edits": (world.edits, f'SELECT {day}, post_id, "before", "after" FROM post_edits'),
        "deletions": (world.deletions, f"SELECT {day}, post_id FROM vanished_posts"),
        "states": (
            world.states,
            f"""SELECT {day}, key, state FROM (
                SELECT key, fetched_at AS seen_at, CASE outcome WHEN 'done' THEN 'live' ELSE why END AS state,
                       lag(state, 1, 'live') OVER (PARTITION BY key ORDER BY fetched_at) AS earlier
                FROM answers WHERE kind = 'timeline' AND outcome IN ('done', 'absent')) WHERE state <> earlier""",
        ),
    }
    different = {}
    with duckdb.connect(str(study / "study.duckdb"), read_only=True) as db:
        db.execute("SET TimeZone = 'UTC'")
        for name, (log, query) in queries.items():
            rows = db.execute(query).fetchall()
            assert len(rows) == len(set(rows)), f"{name} are doubled"
            if set(rows) != set(log):
                different[name] = (set(log) - set(rows), set(rows) - set(log))
    return different


READER = """
import subprocess, sys, time, duckdb
path, over, rest = sys.argv[1], sys.argv[2], float(sys.argv[3])
checksum = "SELECT count(*), bit_xor(hash(post_id, text)) FROM posts"
old = duckdb.connect(path, read_only=True)  # one picture, kept from the first day to the last
first, looked, pictures = old.execute(checksum).fetchone(), 0, set()
code = '''
import sys, time, duckdb
db = duckdb.connect(sys.argv[1], read_only=True)
print(a := db.execute(sys.argv[2]).fetchone())
time.sleep(0.3)
assert db.execute(sys.argv[2]).fetchone() == a
'''
while not open(over).read():
    pictures.add(subprocess.run([sys.executable, "-c", code, path, checksum], check=True, capture_output=True).stdout)
    assert old.execute(checksum).fetchone() == first, "the picture changed under a reader"
    looked += 1
    time.sleep(rest)
print(looked, len(pictures))
"""


@contextmanager
def reader(study: Path, rest: float = 0.5) -> Iterator[list[int]]:
    """Somebody who reads all the time: one old picture, and the newest again and again. Yields [looks, pictures]."""
    found: list[int] = []
    over = study.parent / "over"
    over.write_text("")
    words = [sys.executable, "-c", READER, str(study / "study.duckdb"), str(over), str(rest)]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield found
        finally:
            over.write_text("over")
            out, _ = process.communicate(timeout=60)
        assert process.returncode == 0, "a reader was disturbed"
        found += map(int, out.split())


def _until(true: Callable[[], bool], expected: Callable[[], str] = lambda: "", patience: float = PATIENCE) -> None:
    until = time.monotonic() + patience
    while not true():
        if time.monotonic() > until:
            raise TimeoutError(expected())
        time.sleep(0.05)


def main(days: int, kills: int, minutes: float) -> int:
    """Run the soak and say how it went; 1 if the history differs from the log or memory grows."""
    from collectors.x.collector import collector
    from jobs.verify import checks

    began, pace, first = time.monotonic(), minutes * 60 / days, 2
    world = Living(SIZE, SEED)
    with tempfile.TemporaryDirectory() as place, serve(world.answer) as server:
        soak = Soak(Path(place), world, server.url, random.Random(SEED))
        soak.live(first, 0, pace=pace)
        with reader(soak.study, rest=5.0 if pace else 0.5) as looks:
            soak.live(days, kills, first=first, pace=pace)
        soak.end()
        different, memory = soak.compare(), soak.memory()
        ill = [check.found for check in checks(soak.study, {"x": collector}) if not check.passed]
        sizes = [soak._size(), (soak.study / "study.duckdb").stat().st_size]
    print(f"{days} days in {time.monotonic() - began:.0f} s; struck: {soak.struck}")
    print(f"the reader looked {looks[0]} times and saw {looks[1]} pictures")
    print(f"archive {sizes[0] / 1e6:.1f} MB, database {sizes[1] / 1e6:.1f} MB")
    print("events: " + ", ".join(f"{len(getattr(world, name))} {name}" for name in EVENTS))
    for name, (lost, made) in different.items():
        print(f"{name}: {len(lost)} lost, {len(made)} invented, such as {sorted([*lost, *made])[:3]}")
    grown = []
    for what, (early, late) in sorted(memory.items()):
        print(f"memory of {what}: {early:.1f} MB in the first third of the days, {late:.1f} MB in the last")
        grown += [what] if late > early * 1.1 + 2 else []
    print("; ".join(ill) or "verify: consistent", "; memory grew: " + ", ".join(grown) if grown else "; memory is flat")
    return int(bool(different or ill or grown))


if __name__ == "__main__":
    if sys.argv[1:2] == ["--daemon"]:
        daemon(Path(sys.argv[2]), Path(sys.argv[3]))
    elif sys.argv[1:2] == ["--run"]:
        sys.exit(run(Path(sys.argv[2]), sys.argv[3:]))
    else:
        numbers = [float(word) for word in sys.argv[1:]]
        days, kills, minutes = [*numbers, *(30, 15, 30)[len(numbers) :]]
        sys.exit(main(int(days), int(kills), minutes))

"""A study left alone in a living world, its days compressed: `make soak`, or `python -m tests.soak DAYS KILLS`.

Each simulated day the world changes, then the real collector `x` collects over real sockets, with SIGKILL now and then,
and a load publishes, while a reader is attached all the time. At the end the history in DuckDB is compared with the
world's own log, event for event.
"""

from __future__ import annotations

import random
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb

from collectors.base import Settings
from collectors.run import collect
from collectors.wire import Wire
from collectors.x import collector
from storage import archiving
from storage.frontier import Frontier
from storage.load import load
from storage.records import Target, Want
from tests.conftest import ROOT
from tests.living import Living
from tests.loopback import serve

BASE = datetime(2026, 1, 1, tzinfo=UTC)
KINDS = ("timeline", "following")
LIMITS = {kind: {"requests": 1_000_000, "seconds": 900} for kind in KINDS}
SIZE, SEED = 24, 7


class Clock(Wire):
    """The live wire at the simulated hour: noon of *day*, and what has really passed since.

    After a kill it is noon again: the clock jumps back, as that of a machine may.
    """

    def __init__(self, day: int) -> None:
        super().__init__(timeout=5)
        self.noon, self.began = BASE + timedelta(days=day, hours=12), time.monotonic()

    def now(self) -> datetime:
        return self.noon + timedelta(seconds=time.monotonic() - self.began)


def once(study: Path, url: str, day: int) -> None:
    """Collect what is due on *day* (what the child process does)."""
    options = {"base_url": url, "follows_page": 5, "timeline_page": 5, "limits": LIMITS}
    frontier = Frontier(study / "state.sqlite")
    report = collect(study, "x", collector, Settings(options, "a-token", Clock(day)), frontier=frontier, kinds=KINDS)
    if report.status != "complete":
        raise SystemExit(f"{report.status}: {report.reason}")


def prepare(study: Path, day: int) -> None:
    """On the first day queue everybody, on the others make them due again; noted in the archive first."""
    now = BASE + timedelta(days=day, hours=11)
    writer = archiving.Writer(study / "archive", "snowball" if day == 0 else "x", now=lambda: now)
    frontier = Frontier(study / "state.sqlite")
    if day == 0:
        wants = [Want(Target("x", kind, str(n)), "", 0, "", "") for n in range(SIZE) for kind in KINDS]
        told = [[w.target.collector, w.target.kind, w.target.key, 0, "", ""] for w in wants]
        writer.note("admission", {"rule": "seed", "wants": told}, now)
    else:
        for kind in KINDS:
            writer.note("revisit", {"collector": "x", "kind": kind, "since": ""}, now)
    writer.close()
    with frontier.transaction():
        if day == 0:
            frontier.add(wants, now)
        else:
            for kind in KINDS:
                frontier.revisit("x", kind, now)
    frontier.close()


def live(study: Path, days: int, kills: int, dice: random.Random, world: Living, url: str, first: int = 0) -> int:
    """Live from day *first* to *days* with up to *kills* SIGKILLs; return how many struck."""
    struck, rate = 0, kills / (days - first)
    for day in range(first, days):
        if day:
            world.live_through()
        prepare(study, day)
        while True:
            words = [sys.executable, "-m", "tests.soak", "--once", str(study), url, str(day)]
            child = subprocess.Popen(words, cwd=ROOT)
            if struck < kills and dice.random() < rate / (0.5 + rate):
                before = _size(study)
                while child.poll() is None and _size(study) == before:  # it has begun to write
                    time.sleep(0.005)
                time.sleep(dice.uniform(0, 0.3))
                if child.poll() is None:
                    child.kill()
                    struck += 1
            if (code := child.wait()) == 0:
                break
            assert code == -9, f"day {day}: exit code {code}"
        load(study, {"x": "collectors.x:collector"}, workers=1)
    return struck


def _size(study: Path) -> int:
    return sum(path.stat().st_size for path in (study / "archive").glob("x-*") if path.exists())


def compare(study: Path, world: Living) -> dict[str, tuple[set, set]]:
    """(in the log only, in the tables only) of each sort of event that differs."""
    day = f"CAST(date_diff('day', TIMESTAMPTZ '{BASE.isoformat()}', seen_at) AS INTEGER)"
    queries = {
        "follows": (set(world.follows), f"SELECT {day}, change, follower_id, followed_id FROM follow_changes"),
        "renames": (set(world.renames), f'SELECT {day}, account_id, "before", "after" FROM handle_changes'),
        "posts": (world.posts, "SELECT post_id, account_id FROM posts"),
        "losses": (
            set(world.losses),
            f"SELECT {day}, key, why FROM (SELECT key, why, min(fetched_at) AS seen_at FROM answers "
            "WHERE outcome = 'absent' AND kind = 'timeline' GROUP BY ALL)",
        ),
    }
    different = {}
    with duckdb.connect(str(study / "study.duckdb"), read_only=True) as db:
        db.execute("SET TimeZone = 'UTC'")
        for name, (log, query) in queries.items():
            rows = db.execute(query).fetchall()
            assert len(rows) == len(set(rows)), f"{name} are doubled"
            if set(rows) != log:
                different[name] = (log - set(rows), set(rows) - log)
    return different


def main(days: int, kills: int) -> int:
    """Run the soak and say how it went; 1 if the history differs from the log."""
    dice, began = random.Random(SEED), time.monotonic()
    world = Living(SIZE, SEED)
    with tempfile.TemporaryDirectory() as place, serve(world.answer) as server:
        struck = live(Path(place), days, kills, dice, world, server.url)
        different = compare(Path(place), world)
    events = len(world.follows) + len(world.renames) + len(world.losses) + len(world.posts)
    print(f"{days} days, {struck} SIGKILLs, {events} events in {time.monotonic() - began:.0f} s")
    for name, (lost, made) in different.items():
        print(f"{name}: {len(lost)} lost, {len(made)} invented, such as {sorted([*lost, *made])[:3]}")
    return int(bool(different))


if __name__ == "__main__":
    if sys.argv[1:2] == ["--once"]:
        once(Path(sys.argv[2]), sys.argv[3], int(sys.argv[4]))
    else:
        numbers = [int(word) for word in sys.argv[1:]] or [30]
        sys.exit(main(numbers[0], numbers[1] if len(numbers) > 1 else numbers[0] // 2))

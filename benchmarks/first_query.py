"""How soon a fresh study answers a query, and how long an answer received takes to be queryable.

`python -m benchmarks.first_query [--scale 0.02] [--every 5]`. The daemon is started on a study that has nothing,
against a simulated world in another process; the clock stops when `study.duckdb` answers with a profile. The limit
beside it is the same by hand in the same run: admit, collect two answers, load, each with its process's start and
nothing in between. Then the study is read until the run ends: the delay is the age of the oldest answer that each
publishing brings.
"""

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import duckdb

from jobs.replay import TOKEN
from storage.journal import Journal
from tests.rehearsal import served, sneeuwbal

ROOT = Path(__file__).resolve().parents[1]
MOST = 10.0  # seconds


def profiles(study: Path) -> int:
    """Profiles that can be queried now."""
    if not (study / "study.duckdb").exists():
        return 0
    with duckdb.connect(str(study / "study.duckdb"), read_only=True) as db:
        return int(db.execute("SELECT count(*) FROM profiles").fetchone()[0])


def by_hand(study: Path) -> float:
    """Seconds for one profile by the shortest way there is."""
    began = time.monotonic()
    for words in (
        ("admit",),
        ("collect", "profiles", "--kind", "profile", "--limit", "2", "--hide-progress"),
        ("load",),
    ):
        done = sneeuwbal("--study", study, *words)
        assert done.returncode == 0, done.stderr
    assert profiles(study) > 0
    return time.monotonic() - began


def scheduled(study: Path, every: int) -> tuple[float, list[float], float]:
    """(seconds to the first profile, the longest delay at each publishing after it, seconds to the end of the run)."""
    path = study / "sneeuwbal.toml"
    text = path.read_text().replace("[study]\n", f"[study]\nload_every = {every}\n", 1)
    path.write_text(text + '\n[[schedule]]\nname = "all"\ncron = "30 3 * * *"\n')
    words = [sys.executable, "-m", "sneeuwbal", "--study", str(study), "schedule", "run"]
    began, delays = time.monotonic(), list[float]()
    environment = {**os.environ, "SNEEUWBAL_X_BEARER_TOKEN": TOKEN}
    with subprocess.Popen(words, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL) as daemon:
        while not profiles(study):
            assert daemon.poll() is None, "the daemon ended"
            time.sleep(0.05)
        first = time.monotonic() - began
        published, newest = state(study)
        while not ended(study):
            time.sleep(0.1)
            if (found := state(study))[0] != published:
                delays.append(found[0] - newest)  # the oldest answer that could not be queried until now
                published, newest = found
        whole = time.monotonic() - began
        daemon.send_signal(signal.SIGTERM)
    return first, delays, whole


def state(study: Path) -> tuple[float, float]:
    """(when it was published, the moment of the newest answer in it), in Unix seconds."""
    with duckdb.connect(str(study / "study.duckdb"), read_only=True) as db:
        (newest,) = db.execute("SELECT epoch(max(newest_at)) FROM base.archives").fetchone()
    return (study / "study.duckdb").stat().st_mtime, newest


def ended(study: Path) -> bool:
    """Whether the job has ended, and well."""
    ((_, _, _, code, _),) = Journal(study).history("all", 1)
    assert code in (None, 0), code
    return code == 0


def main() -> None:
    """Measure, and fail where it takes longer than it may."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--scale", default="0.02")
    parser.add_argument("--every", type=int, default=5, help="[study] load_every, in seconds")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, served(options.scale) as world:
        limit = by_hand(world.study(Path(folder) / "by-hand"))
        first, delays, whole = scheduled(world.study(Path(folder) / "scheduled"), options.every)
    print(f"from `schedule run` to the first profile: {first:.1f} s; by hand {limit:.1f} s, ratio {first / limit:.2f}")
    print(f"delay from answer to query, load_every = {options.every}: at most {max(delays):.1f} s, {len(delays)} loads "
          f"in a run of {whole:.0f} s")  # fmt: skip
    assert first < max(MOST, 1.25 * limit), f"longer than {MOST:.0f} s, and than the shortest way allows"


if __name__ == "__main__":
    main()

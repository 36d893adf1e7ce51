"""The frontier at size: transactions of 100 targets leased, answered and 100 added, among 10 thousand and 10 million.

    python -m benchmarks.frontier [LARGE] [DIRECTORY]

Each size runs in a process of its own. Limits: 15 ms a transaction, 5 times the CPU of the small one, 512 MB; leasing
alone within 20% of the small one's CPU. Half of the targets are finished, as in the middle of a study. A lease takes
less than 0.1 ms, and whoever else uses the machine can double that: so it is measured by turns, small and large, and
the least of the medians counts.

Where PostgreSQL is installed, the same transactions are made there, by one process and by four, among as many targets
as the small ones in SQLite; their rates are printed with the ratio to SQLite's.
"""

from __future__ import annotations

import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

from storage.frontier.moves import Move
from storage.frontier.sqlite import Frontier
from storage.records import Request, Target

NOW = datetime(2026, 1, 1, tzinfo=UTC)
SMALL, BATCH, ROUNDS = 10_000, 100, 300
LEASES, TURNS = 400, 7
MS, RATIO, MEGABYTES, LEASING = 15.0, 5.0, 512, 1.2


def fill(frontier: Frontier, number: int) -> None:
    """Put *number* targets in, their keys in no order, every second finished."""
    kind = frontier.kind("x", "user")
    frontier.db.execute("BEGIN")
    frontier.db.execute(
        "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i+1 FROM n WHERE i+1 < ?)"
        " INSERT INTO targets (kind, key, due_at, state, changed_at)"
        " SELECT ?, ((i*2654435761) % 4294967296)||'', iif(i%2, NULL, 0), iif(i%2, 'done', 'open'), 0 FROM n",
        (number, kind),
    )
    frontier.db.execute("COMMIT")
    frontier.db.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def measure(number: int, path: Path) -> dict[str, float]:
    """Median milliseconds and mean CPU milliseconds of a transaction; peak megabytes."""
    frontier = Frontier(path)
    fill(frontier, number)
    walls, cpus = [], []
    for turn in range(ROUNDS):
        wall, cpu = time.perf_counter(), time.process_time()
        with frontier.transaction():
            leased = frontier.lease("x", "user", "run", BATCH, NOW)
            frontier.apply((Move(w.target, w.walk, "end", newest="9", items=1, requests=1) for w in leased), NOW)
            new = (str(((number + turn * BATCH + i) * 2654435761) % 4294967296) for i in range(BATCH))
            frontier.add([Request(Target("x", "user", key), "", 1, "a", "") for key in new], NOW)
        walls.append(time.perf_counter() - wall)
        cpus.append(time.process_time() - cpu)
    assert len(leased) == BATCH
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    frontier.close()
    return {
        "ms": statistics.median(walls) * 1e3,
        "cpu_ms": statistics.fmean(cpus) * 1e3,
        "mb": peak,
        "bytes_a_target": path.stat().st_size / number,
    }


def leasing(path: Path) -> float:
    """Median CPU milliseconds of leasing 10; the leases are given back."""
    frontier, cpus = Frontier(path), []
    for turn in range(LEASES):
        cpu = time.process_time()
        with frontier.transaction():
            leased = frontier.lease("x", "user", f"run-{turn}", 10, NOW)
        cpus.append(time.process_time() - cpu)
        assert len(leased) == 10
    frontier.start_run("none", "x", NOW)  # releases them
    frontier.close()
    return statistics.median(cpus) * 1e3


def work(address: str, machine: str) -> float:
    """Seconds of ROUNDS transactions on a frontier in PostgreSQL."""
    from storage.frontier.postgres import Frontier as Shared

    frontier, run = Shared(address, "benchmark", machine), f"run-{machine}"
    frontier.commit(lambda: frontier.start_run(run, "x", NOW))
    turn, began = count(), time.perf_counter()

    def change() -> None:
        leased = frontier.lease("x", "user", run, BATCH, NOW)
        frontier.apply((Move(w.target, w.walk, "end", newest="9", items=1, requests=1) for w in leased), NOW)
        frontier.add(
            [Request(Target("x", "user", f"{machine}-{next(turn)}"), "", 1, "a", "") for i in range(BATCH)], NOW
        )

    for _ in range(ROUNDS):
        frontier.commit(change)
    took = time.perf_counter() - began
    frontier.close()
    return took


def postgres(sqlite: float) -> None:
    """Print the rates in PostgreSQL, and their ratio to SQLite's targets a second."""
    from storage.frontier.postgres import Frontier as Shared
    from tests.postgres import initdb, serving

    if initdb() is None:
        print("PostgreSQL is not installed: not measured")
        return
    with serving() as server:
        for workers in (1, 4):
            address = server.database()
            frontier = Shared(address, "benchmark", "filling")
            number = SMALL + workers * ROUNDS * BATCH
            requests = [Request(Target("x", "user", str(i)), "") for i in range(number)]
            frontier.commit(partial(frontier.add, requests, NOW))
            frontier.close()
            with ThreadPoolExecutor(workers) as pool:
                took = max(pool.map(partial(apart, "--work", address), range(workers)))
            rate = workers * ROUNDS * BATCH / took
            print(f"PostgreSQL, {workers} processes: {rate:,.0f} targets/s, {rate / sqlite:.2f} times SQLite's")


def apart(*words: object) -> Any:
    """What a process of its own prints."""
    command = [sys.executable, "-m", "benchmarks.frontier", *map(str, words)]
    return json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def main(large: int, where: Path | None) -> int:
    """Print both sizes and the ratios; return 1 if a limit is missed."""
    leases: dict[int, list[float]] = {SMALL: [], large: []}
    with tempfile.TemporaryDirectory(dir=where) as place:
        paths = {number: Path(place) / f"{number}.sqlite" for number in leases}
        figures_of = {number: apart("--measure", number, path) for number, path in paths.items()}
        for _ in range(TURNS):
            for number, path in paths.items():
                leases[number].append(apart("--lease", path))
    for number, figures in figures_of.items():
        print(f"{number:>12,} targets: " + ", ".join(f"{name} {value:.3f}" for name, value in figures.items()))
        print(f"{'':>12} leasing 10, CPU ms by turns: " + " ".join(f"{value:.3f}" for value in leases[number]))
    small, big = figures_of[SMALL], figures_of[large]
    cpu, lease = big["cpu_ms"] / small["cpu_ms"], min(leases[large]) / min(leases[SMALL])
    print(f"median transaction {big['ms']:.1f} ms (limit {MS}); CPU {cpu:.2f} times the small one's (limit {RATIO});")
    print(f"peak {big['mb']:.0f} MB (limit {MEGABYTES}); leasing alone {lease:.2f} times (limit {LEASING})")
    postgres(BATCH / small["ms"] * 1e3)
    return int(big["ms"] > MS or cpu > RATIO or big["mb"] > MEGABYTES or lease > LEASING)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--measure"]:
        print(json.dumps(measure(int(sys.argv[2]), Path(sys.argv[3]))))
    elif sys.argv[1:2] == ["--work"]:
        print(json.dumps(work(sys.argv[2], sys.argv[3])))
    elif sys.argv[1:2] == ["--lease"]:
        print(json.dumps(leasing(Path(sys.argv[2]))))
    else:
        sys.exit(main(int((sys.argv[1:] or ["10000000"])[0]), Path(sys.argv[2]) if len(sys.argv) > 2 else None))

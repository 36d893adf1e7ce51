"""The frontier at size: transactions of 100 targets leased, answered and 100 added, in SQLite and PostgreSQL.

    python -m benchmarks.frontier [LARGE] [DIRECTORY]

One process works in SQLite, one and four in PostgreSQL (where it is installed; its settings are Debian's), each among
50 thousand targets and LARGE (5 million), of which every second is finished, as in the middle of a study. Whoever else
uses the machine slows some of it down: so all are measured by turns, and each one's best turn counts. Limits in SQLite:
a transaction of 15 ms median and 15 ms CPU, at most 5 times the CPU among few; 512 MB; leasing alone within 20% of its
CPU among few. In PostgreSQL: 2,500 targets a second of four processes, and within 20% of that rate among few.
"""

from __future__ import annotations

import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import UTC, datetime
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import psutil

from storage.frontier import base
from storage.frontier.moves import Move
from storage.frontier.sqlite import Frontier
from storage.records import Request, Target
from tests.postgres import initdb, serving

NOW = datetime(2026, 1, 1, tzinfo=UTC)
SMALL, BATCH, ROUNDS, TURNS = 50_000, 100, 200, 3
LEASES = 400
MS, RATIO, MEGABYTES, LEASING, RATE, FLAT = 15.0, 5.0, 512, 1.2, 2_500, 0.8
FILL = """
    WITH RECURSIVE n(i) AS (SELECT CAST(0 AS BIGINT) UNION ALL SELECT i+1 FROM n WHERE i+1 < ?)
    INSERT INTO targets (kind, key, due_at, state, changed_at)
    SELECT k.id, CAST((i*2654435761) & 4294967295 AS TEXT), CASE WHEN i&1=0 THEN 0 END,
        CASE WHEN i&1=0 THEN 'open' ELSE 'done' END, 0 FROM n, kinds AS k"""


class Work(NamedTuple):
    """ROUNDS transactions of each process: targets a second, ms CPU and median ms a transaction, the peak MB of one."""

    rate: float
    cpu: float
    ms: float
    mb: float


def opened(place: str, machine: str) -> base.Frontier:
    """The frontier at *place*, a path or the address of a database."""
    if not place.startswith("postgresql:"):
        return Frontier(Path(place))
    from storage.frontier.postgres import Frontier as Shared

    return Shared(place, "benchmark", machine)


def fill(place: str, number: int) -> None:
    """Put *number* targets in, their keys in no order, every second finished."""
    frontier: Any = opened(place, "filling")
    with frontier.transaction():
        frontier.kind("x", "user")
        frontier.change(FILL, (number,))
    for tidy in ("VACUUM ANALYZE", "CHECKPOINT") if place.startswith("p") else ("PRAGMA wal_checkpoint(TRUNCATE)",):
        frontier.db.execute(tidy)
    frontier.close()


def work(place: str, machine: str) -> tuple[float, float, float, float, float]:
    """When ROUNDS transactions began and ended; their CPU seconds (the server's, too); the median ms; the peak MB."""
    frontier: Any = opened(place, machine)
    run, keys = f"run-{machine}", _keys(machine)
    frontier.commit(lambda: frontier.start_run(run, "x", NOW))

    def change() -> None:
        leased = frontier.lease("x", "user", run, BATCH, NOW)
        assert len(leased) == BATCH
        frontier.apply((Move(w.target, w.walk, "end", newest="9", items=1, requests=1) for w in leased), NOW)
        frontier.add([Request(Target("x", "user", next(keys)), "", 1, "a", "") for _ in leased], NOW)

    busy = [psutil.Process()] + ([psutil.Process(frontier.db.info.backend_pid)] if place.startswith("p") else [])
    before, ends = sum(sum(one.cpu_times()[:2]) for one in busy), [time.perf_counter()]
    for _ in range(ROUNDS):
        frontier.commit(change)
        ends.append(time.perf_counter())
    cpu = sum(sum(one.cpu_times()[:2]) for one in busy) - before
    frontier.close()
    median = statistics.median(end - begin for begin, end in pairwise(ends)) * 1e3
    return ends[0], ends[-1], cpu, median, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _keys(machine: str) -> Iterator[str]:
    """Keys in no order that no other *machine* or number has."""
    number = 0
    while True:
        yield f"{number * 2654435761 & 4294967295}-{machine}"
        number += 1


def together(place: str, processes: int, turn: int) -> Work:
    """What *processes* do at once."""
    with ThreadPoolExecutor(processes) as pool:
        names = [f"{turn}-{processes}-{one}" for one in range(processes)]
        each = list(pool.map(partial(apart, "--work", place), names))
    began, ended, cpu, ms, mb = zip(*each, strict=True)
    transactions = ROUNDS * processes
    return Work(transactions * BATCH / (max(ended) - min(began)), sum(cpu) / transactions * 1e3, max(ms), max(mb))


def leasing(place: str) -> float:
    """Median CPU milliseconds of leasing 10 in SQLite; the leases are given back."""
    frontier, cpus = Frontier(Path(place)), []
    for turn in range(LEASES):
        cpu = time.process_time()
        with frontier.transaction():
            leased = frontier.lease("x", "user", f"run-{turn}", 10, NOW)
        cpus.append(time.process_time() - cpu)
        assert len(leased) == 10
    frontier.start_run("none", "x", NOW)  # releases them
    frontier.close()
    return statistics.median(cpus) * 1e3


def apart(*words: object) -> Any:
    """What a process of its own prints."""
    command = [sys.executable, "-m", "benchmarks.frontier", *map(str, words)]
    return json.loads(subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout)


def main(large: int, where: Path | None) -> int:
    """Print the table; return 1 if a limit is missed."""
    sizes, leases = (SMALL, large), {SMALL: 9e9, large: 9e9}
    best: dict[tuple[str, int, int], Work] = {}
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(dir=where))
        places = {("SQLite", number): f"{folder}/{number}.sqlite" for number in sizes}
        ways = [("SQLite", 1)]
        if initdb() is None:
            print("PostgreSQL is not installed: not measured")
        else:
            server = stack.enter_context(serving(settings=""))
            places |= {("PostgreSQL", number): server.database() for number in sizes}
            ways += [("PostgreSQL", 1), ("PostgreSQL", 4)]
        for (_, number), place in places.items():
            fill(place, number)
        disk = Path(places["SQLite", large]).stat().st_size / large
        for turn in range(TURNS):
            for number in sizes:
                leases[number] = min(leases[number], apart("--lease", places["SQLite", number]))
            for engine, processes in ways:
                for number in sizes:
                    done = together(places[engine, number], processes, turn)
                    print(f"turn {turn + 1}: {engine} {processes} {number:,} {done}", file=sys.stderr, flush=True)
                    best[engine, processes, number] = max(done, best.get((engine, processes, number), done))
    print(f"{'targets a second (CPU ms a transaction)':40} {SMALL:>16,} {large:>16,}   ratio   to SQLite's")
    for engine, processes in ways:
        few, many = (best[engine, processes, number] for number in sizes)
        print(
            f"{f'{engine}, {processes} process' + 'es' * (processes > 1):40} {few.rate:>8,.0f} ({few.cpu:5.1f})"
            f" {many.rate:>8,.0f} ({many.cpu:5.1f}) {many.rate / few.rate:>7.2f}"
            f" {many.rate / best['SQLite', 1, large].rate:>13.2f}"
        )
    alone, many = best["SQLite", 1, large], best[*ways[-1], large]
    times = alone.cpu / best["SQLite", 1, SMALL].cpu
    flat, lease = many.rate / best[*ways[-1], SMALL].rate, leases[large] / leases[SMALL]
    print(f"SQLite: a transaction {alone.ms:.1f} ms median, {times:.1f} times the CPU among {SMALL:,}; leasing 10 alone"
          f" {leases[large]:.3f} ms CPU, {lease:.2f} times; {disk:.0f} bytes a target; {alone.mb:.0f} MB")  # fmt: skip
    missed = [
        max(alone.ms, alone.cpu) > MS,
        times > RATIO,
        alone.mb > MEGABYTES,
        lease > LEASING,
        len(ways) > 1 and (many.rate < RATE or flat < FLAT),
    ]
    return int(any(missed))


if __name__ == "__main__":
    if sys.argv[1:2] == ["--work"]:
        print(json.dumps(work(sys.argv[2], sys.argv[3])))
    elif sys.argv[1:2] == ["--lease"]:
        print(json.dumps(leasing(sys.argv[2])))
    else:
        sys.exit(main(int((sys.argv[1:] or ["5000000"])[0]), Path(sys.argv[2]) if len(sys.argv) > 2 else None))

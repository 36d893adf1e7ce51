"""The report of a whole study: how long it takes, how large it is, and how soon a browser can use it.

python -m benchmarks.report [--scale 1] [--study DIR]

Without --study the simulated world is recorded at --scale without sockets, and loaded. Limits: 60 s, 5 MB, and 5 s
until the actor network can be explored on software GL. Beside them, in the same run: exact betweenness alone, the actor
network alone as GEXF, and the same page with scripts off.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

from analysis import actor_edges
from analysis.graphs import algorithms
from benchmarks._measure import Cost, show
from benchmarks._measure import measured as cost_of
from storage.tables import database
from tests.browser import MISSING, chromium, executable, opened, playing
from tests.rehearsal import recorded_study

SECONDS, BYTES, READY = 60.0, 5_000_000, 5.0


def made(study: Path) -> tuple[Path, Cost]:
    """The page of a new report of *study*, and what it cost, from the command line."""
    cost = cost_of("sneeuwbal", "--study", study, "report", shown=False)
    return (study / "reports" / "latest" / "report.html").resolve(), cost


def betweenness(study: Path) -> float:
    """Seconds for the exact betweenness of the actor network alone."""
    with database.open_readonly(study / "study.duckdb") as db:
        network = actor_edges.network(db)
    begin = time.perf_counter()
    algorithms.betweenness(network)
    return time.perf_counter() - begin


def ready(page: Path) -> dict[str, float]:
    """Seconds from opening *page* until it can be read, the network explored, a name chosen; and without scripts."""
    found = {}
    with playing() as play, chromium(play) as browser:
        begin = time.perf_counter()
        with opened(browser, page, java_script_enabled=False):
            found["opened, scripts off"] = time.perf_counter() - begin
        begin = time.perf_counter()
        with opened(browser, page) as watched:
            watched.page.locator("html[data-ready]").wait_for(state="attached")
            found["ready"] = time.perf_counter() - begin
            watched.page.evaluate("document.getElementById('figure-actors').scrollIntoView()")
            watched.page.locator("[data-network=actors][data-ready]").wait_for(state="attached", timeout=60_000)
            found["network explorable"] = time.perf_counter() - begin
            watched.page.locator("[data-network=actors] [data-drawn]").wait_for(state="attached", timeout=60_000)
            found["every tie drawn"] = time.perf_counter() - begin
            network = "document.querySelector('[data-network=actors]').network"
            begin = time.perf_counter()
            watched.page.evaluate(f"{network}.step(1)")
            found["a name chosen"] = time.perf_counter() - begin
            begin = time.perf_counter()
            watched.page.evaluate(f"{network}.model.largest = 1000; {network}.apply()")
            found["filtered"] = time.perf_counter() - begin
            assert not watched.outside, watched.outside
            assert not watched.errors, watched.errors
    return found


def measured(study: Path) -> int:
    """Print the figures of *study*; return how many are over their limit."""
    page, cost = made(study)
    seconds = cost.wall
    size, gexf = page.stat().st_size, (page.parent / "networks" / "actors.gexf").stat().st_size
    alone = betweenness(study)
    over = (seconds > SECONDS) + (size > BYTES)
    show("report with figures", cost, f"   limit {SECONDS:.0f} s wall")
    print(f"exact betweenness      {alone:8.1f} s   the report takes {seconds / max(alone, 1e-9):.1f} times as long")
    print(f"the page               {size / 1e6:8.2f} MB  limit {BYTES / 1e6:.0f} MB")
    print(f"its network as GEXF    {gexf / 1e6:8.2f} MB  the page is {size / gexf:.2f} times as large")
    if executable() is None:
        print(f"{MISSING}: not opened")
        return over
    times = ready(page)
    for name, value in times.items():
        print(f"{name:22s} {value:8.2f} s")
    ratio = times["network explorable"] / times["opened, scripts off"]
    print(f"explorable after {ratio:.1f} times what the page takes with scripts off; limit {READY:.0f} s")
    return over + (times["network explorable"] > READY)


def main() -> int:
    """Measure, and return how many figures are over their limit."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.report")
    parser.add_argument("--scale", default="1")
    parser.add_argument("--study", type=Path, help="a study that is loaded already")
    arguments = parser.parse_args()
    if arguments.study:
        return measured(arguments.study.resolve())
    with tempfile.TemporaryDirectory() as place:
        return measured(recorded_study(Path(place) / "study", arguments.scale, 51, 100))


if __name__ == "__main__":
    sys.exit(main())

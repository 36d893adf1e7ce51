"""Children end with their parent, at whatever moment and by whatever signal it ends."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from storage.children import PROCESSES, processors
from storage.errors import UserError
from tests.conftest import ROOT

pytestmark = pytest.mark.skipif(not Path("/proc").is_dir(), reason="children are found in /proc")

# each starts children and says so, then waits for them; they compute without ever reading their input
WORKERS = """
from analysis import workers
import tests.test_children as here
workers.run(here.busy, None, [1, 2], 2)
"""
POOL = """
import multiprocessing, pathlib
from concurrent.futures import ProcessPoolExecutor
from storage.tables.parse_worker import begin_worker
import tests.test_children as here
if __name__ == "__main__":
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(2, spawn, initializer=begin_worker) as pool:
        list(pool.map(here.work, [1, 2]))
"""
RUN = """
import signal, subprocess, sys
from storage.children import environment
code = "import time; from storage.children import end_with_parent; end_with_parent(); time.sleep(600)"
subprocess.run([sys.executable, "-c", code], env=environment(signal.SIGTERM))
"""


def work(number: int) -> int:
    """Hold Python's lock, as igraph does, for minutes."""
    return len(str(7 ** (30_000_000 + number)))


def busy(shared: object, jobs: list[int]) -> list[int]:
    return [work(job) for job in jobs]


def _children(parent: int) -> set[int]:
    """The processes below *parent*."""
    parents: dict[int, int] = {}
    for process in Path("/proc").glob("[0-9]*"):
        try:
            parents[int(process.name)] = int((process / "stat").read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue
    found, before = {parent}, set()
    while found != before:
        before, found = found, found | {child for child, above in parents.items() if above in found}
    return found - {parent}


def _alive(process: int) -> bool:
    try:
        return (Path("/proc") / str(process) / "stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
@pytest.mark.parametrize("code", [WORKERS, POOL, RUN], ids=["workers", "pool", "run"])
def test_no_child_outlives_its_parent(code: str, number: int, tmp_path: Path) -> None:
    """Killed at random moments, from the first child's start on."""
    script = tmp_path / "parent.py"
    script.write_text(code)
    chance = random.Random(number)
    parent = subprocess.Popen([sys.executable, script], cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)},
                              stderr=subprocess.DEVNULL)  # fmt: skip
    while not _children(parent.pid):
        assert parent.poll() is None
        time.sleep(0.01)
    time.sleep(chance.uniform(0, 2))
    children = _children(parent.pid)
    parent.send_signal(number)
    parent.wait(60)
    until = time.monotonic() + 60
    while left := [child for child in children if _alive(child)]:
        assert time.monotonic() < until, left
        time.sleep(0.05)


def test_the_number_of_processes_is_as_set_or_one_line_says_why_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(PROCESSES, "3")
    assert processors() == 3
    monkeypatch.setenv(PROCESSES, "")
    assert processors() >= 1
    for wrong in ("0", "two", "-1", "1.5", "٣"):
        monkeypatch.setenv(PROCESSES, wrong)
        with pytest.raises(UserError, match=PROCESSES):
            processors()

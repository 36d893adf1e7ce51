"""Work in other processes: the same processes while they are kept, none left behind, and deaths are reported."""

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from analysis.workers import kept, run
from tests.conftest import ROOT


def who(shared: Any, jobs: Sequence[Any]) -> list[tuple[int, Any, Any]]:
    """The process that does each job."""
    return [(os.getpid(), shared, job) for job in jobs]


def die(shared: Any, jobs: Sequence[Any]) -> list[Any]:
    """Let a process other than *shared* end in the middle of its share."""
    if os.getpid() != shared:
        os._exit(7)
    return list(jobs)


def others(found: list[tuple[int, Any, Any]]) -> set[int]:
    """The processes that were started for the work; this one does a share itself."""
    processes = {process for process, *_ in found}
    assert os.getpid() in processes
    return processes - {os.getpid()}


def alive(process: int) -> bool:
    state = Path(f"/proc/{process}/stat")
    return state.exists() and state.read_text().split()[2] != "Z"


def test_kept_processes_do_all_the_work_and_end_with_the_block() -> None:
    with kept():
        first, second = run(who, "a", [1, 2, 3], 3), run(who, "b", [4, 5, 6], 3)
        assert others(first) == others(second)
        assert len(others(first)) == 2
        assert [job for *_, job in first + second] == [1, 2, 3, 4, 5, 6]
        assert {said for _, said, _ in second} == {"b"}
    assert not any(map(alive, others(first)))
    alone = run(who, "c", [1, 2], 2)
    assert len(others(alone) - others(first)) == 1
    assert not any(map(alive, others(alone)))


def test_a_process_that_dies_is_reported_and_the_others_do_not_stay() -> None:
    with kept():
        before = others(run(who, None, [1, 2, 3], 3))
        with pytest.raises(RuntimeError, match="ended with 7"):
            run(die, os.getpid(), [1, 2, 3], 3)
        assert not any(map(alive, before))
        assert len(others(run(who, None, [1, 2, 3], 3))) == 2


WAITS = """
import time
from analysis.workers import kept, run
from tests.test_workers import others, who
with kept():
    print(*others(run(who, None, [1, 2, 3], 3)), flush=True)
    time.sleep(60)
"""


def test_processes_end_when_the_one_that_started_them_is_killed() -> None:
    with subprocess.Popen([sys.executable, "-c", WAITS], cwd=ROOT, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        found = [int(process) for process in parent.stdout.readline().split()]
        assert len(found) == 2
        assert all(map(alive, found))
        parent.kill()
    end = time.monotonic() + 60
    while any(map(alive, found)):
        assert time.monotonic() < end
        time.sleep(0.05)

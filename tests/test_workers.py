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
    """Let the process end in the middle of its share."""
    os._exit(7)


def alive(process: int) -> bool:
    state = Path(f"/proc/{process}/stat")
    return state.exists() and state.read_text().split()[2] != "Z"


def test_kept_processes_do_all_the_work_and_end_with_the_block() -> None:
    with kept():
        first, second = run(who, "a", [1, 2, 3], 2), run(who, "b", [4, 5], 2)
        assert {process for process, *_ in first} == {process for process, *_ in second}
        assert [job for *_, job in first + second] == [1, 2, 3, 4, 5]
        assert {said for _, said, _ in second} == {"b"}
    assert not any(alive(process) for process, *_ in first)
    alone = run(who, "c", [1, 2], 2)
    assert not {process for process, *_ in alone} & {process for process, *_ in first}
    assert not any(alive(process) for process, *_ in alone)


def test_a_process_that_dies_is_reported_and_the_others_do_not_stay() -> None:
    with kept():
        others = run(who, None, [1, 2], 2)
        with pytest.raises(RuntimeError, match="ended with 7"):
            run(die, None, [1, 2], 2)
        assert not any(alive(process) for process, *_ in others)
        assert len({process for process, *_ in run(who, None, [1, 2], 2)}) == 2


WAITS = """
import time
from analysis.workers import kept, run
from tests.test_workers import who
with kept():
    print(*(process for process, *_ in run(who, None, [1, 2], 2)), flush=True)
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

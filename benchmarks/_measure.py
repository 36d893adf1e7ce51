"""Seconds, CPU and peak memory of a child process and all that it starts."""

import os
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import psutil

HERE = Path(__file__).resolve().parents[1]


class Cost(NamedTuple):
    """Wall seconds, CPU seconds, and peak memory in MB (proportional set size, summed; sampled five times a second)."""

    wall: float
    cpu: float
    memory: int


def measured(module: str, *words: object, shown: bool = True) -> Cost:
    """The cost of `python -m MODULE WORDS`, whose lines are shown or not; exit if that fails."""
    before, start = os.times(), time.perf_counter()
    # where Python may not write bytecode, each child would compile what users have compiled
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    command = [sys.executable, "-m", module, *map(str, words)]
    child = subprocess.Popen(command, cwd=HERE, env=environment, stdout=None if shown else subprocess.DEVNULL)
    process, peak = psutil.Process(child.pid), 0
    while child.poll() is None:
        peak = max(peak, _memory(process))
        with suppress(subprocess.TimeoutExpired):
            child.wait(0.2)
    wall, after = time.perf_counter() - start, os.times()
    if child.returncode:
        sys.exit(f"{module} {' '.join(map(str, words))}: failed")
    cpu = after.children_user + after.children_system - before.children_user - before.children_system
    return Cost(wall, cpu, peak // 1_000_000)


def show(name: str, cost: Cost, more: str = "") -> None:
    """One line of the table."""
    print(f"{name:34} {cost.wall:8.1f} s wall {cost.cpu:8.1f} s CPU {cost.memory:6,} MB{more}", flush=True)


def _memory(process: psutil.Process) -> int:
    total = 0
    try:
        for one in [process, *process.children(recursive=True)]:
            total += one.memory_full_info().pss
    except psutil.Error:
        pass
    return total

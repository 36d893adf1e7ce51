"""Work split over processes, with the same answer for any number of them.

The libraries that do the work hold Python's lock, so threads do not help. A child is a fresh interpreter
that reads its jobs from a pipe: it runs nothing of the caller's script again (as multiprocessing's spawn
would) and copies no threads or open databases (as fork would).
"""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module
from typing import Any

Task = Callable[[Any, Sequence[Any]], list[Any]]


def processors() -> int:
    """The number of processors this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def run(task: Task, shared: Any, jobs: Sequence[Any], processes: int | None = None) -> list[Any]:
    """`task(shared, jobs)` with its *jobs* dealt over *processes* (None: all processors); results in order.

    *task* is a module-level function that returns one result a job, and each result may depend only on
    *shared* and that job. With one process or one job it runs here.
    """
    count = min(processes or processors(), len(jobs))
    if count <= 1:
        return task(shared, jobs)
    children: list[subprocess.Popen[bytes]] = []
    try:
        children += [_child() for _ in range(count)]
        shares = [(task.__module__, task.__name__, shared, jobs[part::count]) for part in range(count)]
        with ThreadPoolExecutor(count) as threads:
            answers = list(threads.map(_ask, children, shares))
    finally:
        for child in children:
            child.kill()
            child.wait()
    results: list[Any] = [None] * len(jobs)
    for part, answer in enumerate(answers):
        results[part::count] = answer
    return results


def _child() -> subprocess.Popen[bytes]:
    """A fresh interpreter that waits for its share of the jobs."""
    code = f"import sys; sys.path[:] = {sys.path!r}; from analysis.workers import serve; serve()"
    return subprocess.Popen(  # noqa: S603 - our own interpreter and our own code
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True
    )


def _ask(child: subprocess.Popen[bytes], share: tuple[Any, ...]) -> list[Any]:
    """What *child* answers to *share*."""
    answer, _ = child.communicate(pickle.dumps(share, protocol=5))
    if child.returncode:
        raise RuntimeError(f"a worker process ended with {child.returncode}; its error is above")
    results: list[Any] = pickle.loads(answer)  # noqa: S301 - from our own child
    return results


def serve() -> None:
    """Read one share of jobs from standard input, do it, write the results to standard output."""
    module, name, shared, jobs = pickle.load(sys.stdin.buffer)  # noqa: S301 - from our own parent
    answer, sys.stdout = sys.stdout.buffer, sys.stderr  # nothing a library prints may get into the answer
    pickle.dump(getattr(import_module(module), name)(shared, jobs), answer, protocol=5)
    answer.flush()

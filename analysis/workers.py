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
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from importlib import import_module
from typing import Any, TypeAlias

from storage.children import end_with_parent, environment, give_back, processors

Child: TypeAlias = "subprocess.Popen[bytes]"
Task = Callable[[Any, Sequence[Any]], list[Any]]


_waiting: ContextVar[list[Child] | None] = ContextVar("_waiting", default=None)


@contextmanager
def kept() -> Iterator[None]:
    """Keep processes waiting for more work within the block, to save their start."""
    waiting: list[Child] = []
    token = _waiting.set(waiting)
    try:
        yield
    finally:
        _waiting.reset(token)
        _end(waiting)


def run(task: Task, shared: Any, jobs: Sequence[Any], processes: int | None = None) -> list[Any]:
    """`task(shared, jobs)` with its *jobs* distributed over *processes*; results in order.

    *processes* is `processors()` by default. *task* is a module-level function that returns one result per job, and
    each result may depend only on *shared* and that job. This process does the first share
    itself: a fresh one costs seconds of imports.
    """
    count = min(processes or processors(), len(jobs))
    if count <= 1:
        return task(shared, jobs)
    waiting = _waiting.get()
    children: list[Child] = []
    try:
        children += [waiting.pop() if waiting else _child() for _ in range(1, count)]
        shares = [(task.__module__, task.__name__, shared, jobs[part::count]) for part in range(1, count)]
        with ThreadPoolExecutor(count - 1) as threads:
            theirs = threads.map(_ask, children, shares)
            answers = [task(shared, jobs[::count]), *theirs]
    except BaseException:
        _end(children)
        raise
    if waiting is None:
        _end(children)
    else:
        waiting += children
    results: list[Any] = [None] * len(jobs)
    for part, answer in enumerate(answers):
        results[part::count] = answer
    return results


def _child() -> Child:
    """A fresh interpreter that waits for its share of the jobs."""
    code = f"import sys; sys.path[:] = {sys.path!r}; from analysis.workers import serve; serve()"
    words = [sys.executable, "-c", code]
    return subprocess.Popen(  # noqa: S603 - our own interpreter and our own code
        words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True, env=environment()
    )


def _end(children: list[Child]) -> None:
    for child in children:
        with child:
            child.kill()


def _ask(child: Child, share: tuple[Any, ...]) -> list[Any]:
    """The answer of *child* to *share*."""
    assert child.stdin is not None
    assert child.stdout is not None
    try:
        pickle.dump(share, child.stdin, protocol=5)
        child.stdin.flush()
        results: list[Any] = pickle.load(child.stdout)  # noqa: S301 - from our own child
    except (BrokenPipeError, EOFError):
        raise RuntimeError(f"a worker process ended with {child.wait()}; its error is above") from None
    return results


def serve() -> None:
    """Read shares of jobs from standard input, do them, write their results to standard output, until it ends."""
    end_with_parent()
    give_back()
    # with a buffer of its own: under PYTHONUNBUFFERED a write that a signal interrupts would end halfway
    with suppress(EOFError, BrokenPipeError), os.fdopen(sys.stdout.fileno(), "wb", closefd=False) as answer:
        sys.stdout = sys.stderr  # output of libraries must not mix with the answer
        while True:  # until the parent has ended
            module, name, shared, jobs = pickle.load(sys.stdin.buffer)  # noqa: S301 - from our own parent
            pickle.dump(getattr(import_module(module), name)(shared, jobs), answer, protocol=5)
            answer.flush()

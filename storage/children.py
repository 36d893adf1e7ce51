"""Child processes that end with their parent, even if it is killed.

The parent starts a child with `environment()`; the child calls `end_with_parent()` first. On Linux the kernel ends it,
also while a library holds Python's lock; elsewhere a thread watches. The thread that starts a child must outlive it:
Linux treats its end as the parent's.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import threading
import time
from collections.abc import Mapping
from contextlib import suppress

from storage.errors import UserError

VARIABLE = "SNEEUWBAL_PARENT"  # process id and signal
PROCESSES = "SNEEUWBAL_PROCESSES"
PR_SET_PDEATHSIG = 1
M_MMAP_THRESHOLD = -3
POLL = 0.5  # seconds


def processors() -> int:
    """The number of processes to work with: as SNEEUWBAL_PROCESSES says, otherwise the processors available here.

    Raise UserError if the variable holds no such number.
    """
    said = os.environ.get(PROCESSES)
    if said:
        if not said.isascii() or not said.isdigit() or not int(said[:9]) > 0:
            raise UserError(f"{PROCESSES}: {said[:50]!r} is not a number of processes; give 1 or more, or unset it")
        return int(said[:9])
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def give_back() -> None:
    """Let this process give freed blocks of memory back at once: glibc keeps those of up to 32 MB."""
    if sys.platform == "linux":
        with suppress(AttributeError):  # another C library
            ctypes.CDLL(None).mallopt(M_MMAP_THRESHOLD, 1 << 17)


def environment(end: signal.Signals = signal.SIGKILL, more: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment of a child that receives the signal *end* when this process ends, with *more* variables."""
    return {**os.environ, **(more or {}), VARIABLE: f"{os.getpid()} {int(end)}"}


def end_with_parent(parent: int | None = None, end: signal.Signals = signal.SIGKILL) -> None:
    """End this process by the signal *end* once *parent* has ended; by default as set by `environment`, if at all."""
    said = os.environ.pop(VARIABLE, None)  # not inherited by this process's children
    if parent is None:
        if said is None:
            return
        number, of_signal = map(int, said.split())
        parent, end = number, signal.Signals(of_signal)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, int(end))
        if os.getppid() != parent:  # it had already ended
            os.kill(os.getpid(), end)
    else:
        threading.Thread(target=_watch, args=[parent, end], daemon=True).start()


def _watch(parent: int, end: signal.Signals) -> None:
    while os.getppid() == parent:
        time.sleep(POLL)
    os.kill(os.getpid(), end)

"""Locks between processes: one per collector of a study, and one for loading and publishing."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from storage.errors import UserError


@contextmanager
def lock(study: Path, name: str, *, wait: bool = False) -> Iterator[None]:
    """Hold the lock *name* of *study*; the kernel frees it when its process dies.

    Raise UserError at once if another process holds it, unless *wait*.
    """
    folder = study / ".locks"
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        handle = os.open(folder / name, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise UserError(f"{folder}: {error.strerror}; make the study directory writable") from error
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError as error:
            holder = os.pread(handle, 20, 0).decode().strip() or "unknown"
            raise UserError(
                f"{name} is already running in {study} (process {holder}); wait for it or stop it"
            ) from error
        os.ftruncate(handle, 0)
        os.pwrite(handle, str(os.getpid()).encode(), 0)
        yield
    finally:
        os.close(handle)


def holder(study: Path, name: str) -> int | None:
    """The process that holds the lock *name* of *study*; None if there is none."""
    try:
        handle = os.open(study / ".locks" / name, os.O_RDWR)
    except OSError:
        return None
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return int(os.pread(handle, 20, 0) or 0)
    else:
        return None
    finally:
        os.close(handle)

"""archive/MANIFEST: the SHA-256 of every sealed segment, in the form of `sha256sum` (`sha256sum -c MANIFEST`).

Those of segments in a store lie there, too, as several machines seal.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path

from storage.archive import store
from storage.errors import UserError

NAME = "MANIFEST"


def checksum(path: Path) -> str:
    """The SHA-256 of the file *path*, in hexadecimal."""
    remote = store.remote_of(path.parent)
    if remote is not None and not path.exists():
        return remote.digest(path.name)  # of what is there, not in the cache
    with store.opened(path) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()  # type: ignore[arg-type]


def read(directory: Path) -> dict[str, str]:
    """The recorded checksum of each segment of the archive *directory*, by name; the newest line of a name counts.

    A last line cut off by a crash is ignored.
    """
    remote = store.remote_of(directory)
    return sealed_here(directory) | (remote.sums() if remote else {})


def sealed_here(directory: Path) -> dict[str, str]:
    """Like `read`, of the segments that were sealed on this machine."""
    try:
        text = (directory / NAME).read_text("utf-8")
    except FileNotFoundError:
        return {}
    pairs = (line.split("  ", 1) for line in text.splitlines())
    return {pair[1]: pair[0] for pair in pairs if len(pair) == 2 and len(pair[0]) == 64}


def proven(path: Path, sums: Mapping[str, str]) -> str:
    """The SHA-256 of the segment *path*. Raise UserError if another was recorded when it was sealed."""
    digest = checksum(path)
    if sums.get(path.name, digest) != digest:
        raise UserError(f"{path}: differs from its checksum (SHA-256) in {NAME}; restore it from a backup")
    return digest


def note(path: Path, name: str | None = None) -> None:
    """Record the checksum of the segment *path* under its final *name* (default: its own), synced.

    Each line is one append, so several processes may seal at once.
    """
    remote = store.remote_of(path.parent)
    if remote is not None and not path.exists():
        remote.note(path.name, checksum(path))
        return
    line = f"{checksum(path)}  {name or path.name}\n"
    handle = os.open(path.parent / NAME, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        os.write(handle, line.encode())
        os.fsync(handle)
    finally:
        os.close(handle)

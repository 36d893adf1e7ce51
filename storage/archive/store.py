"""Where segments lie: in the archive's folder; or, if that has a file STORE, in object storage once they are sealed.

Then the folder has the segments that are still open or not uploaded yet, and a cache. This module is all that knows of
it: it lists, opens, measures and uploads.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

import msgspec

from storage.archive.remote import CACHE as CACHE
from storage.archive.remote import SEALED as SEALED
from storage.archive.remote import Remote as Remote
from storage.archive.remote import Where as Where
from storage.archive.remote import synced
from storage.errors import UserError

OPEN, MARK = ".warc.gz.open", "STORE"

_remotes: dict[Path, tuple[bytes, Remote]] = {}


def remote_of(folder: Path) -> Remote | None:
    """The store of the archive in *folder*; None if it is all there."""
    try:
        mark = (folder / MARK).read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return None
    known = _remotes.get(folder)
    if known is None or known[0] != mark:
        known = _remotes[folder] = (mark, Remote(folder, msgspec.json.decode(mark, type=Where)))
    return known[1]


def segments(directory: Path) -> list[Path]:
    """The segments of an archive (or the one file), in the order of their names, open ones included.

    One that is only in the store has the path that it would have here.
    """
    if directory.is_file():
        return [directory]
    remote = remote_of(directory)
    kept = remote.names() if remote else []  # first: what is uploaded meanwhile is not missed
    here = [path.name for path in directory.glob("*.warc.gz*") if path.name.endswith((SEALED, OPEN))]
    return [directory / name for name in sorted({*here, *kept})]


def waiting(directory: Path) -> list[Path]:
    """The sealed segments here that a store should have."""
    return sorted(directory.glob(f"*{SEALED}")) if remote_of(directory) else []


def opened(path: Path) -> BinaryIO:
    """Open the segment *path*, under its final name if it was sealed meanwhile, and from the store if it is there."""
    try:
        return path.open("rb")
    except FileNotFoundError:
        if path.name.endswith(OPEN):
            return opened(path.with_name(path.name.removesuffix(".open")))
        if (remote := remote_of(path.parent)) is None:
            raise
        return remote.open(path.name)


def state(path: Path) -> tuple[int, int | str]:
    """The size of the segment *path*, and what changes when its content does. Raise FileNotFoundError."""
    try:
        about = path.stat()
    except FileNotFoundError:
        if (remote := remote_of(path.parent)) is None or path.name.endswith(OPEN):
            raise
        return remote.about(path.name)
    return about.st_size, about.st_mtime_ns


def size(path: Path) -> int:
    """The bytes of the segment *path*. Raise FileNotFoundError."""
    return state(path)[0]


def total(paths: Iterable[Path]) -> int:
    """The bytes of the segments *paths*, without what is sealed meanwhile."""
    found = 0
    for path in paths:
        with suppress(FileNotFoundError):
            found += size(path)
    return found


def fetch(path: Path, target: Path) -> None:
    """Copy the segment *path* to the new file *target*."""
    with opened(path) as reading, target.open("xb") as writing:
        shutil.copyfileobj(reading, writing, 1 << 20)


def attach(folder: Path, where: Where | None) -> None:
    """Let the archive in *folder* lie at *where* (None: here). Raise UserError if its segments are elsewhere."""
    remote = remote_of(folder)
    if where is None:
        if remote is not None:
            why = f"its segments are in {remote.where.address}; name it in [store] archive"
            raise UserError(f"{folder}: {why}, or bring them here first with `sneeuwbal store move --back`")
        return
    if remote is not None:
        if remote.where.address != where.address:
            why = f"its segments are in {remote.where.address}, not in {where.address}"
            raise UserError(f"{folder}: {why}; name the first in [store] archive, and `sneeuwbal store move --back`")
        where.machine = remote.where.machine
        if where == remote.where:
            return
    elif next(folder.glob("*.warc.gz*"), None) is not None:
        raise UserError(f"{folder}: has segments, but [store] archive names {where.address}; upload them with"
                        " `sneeuwbal store move`, or take the line out")  # fmt: skip
    mark(Remote(folder, where))


def mark(remote: Remote) -> None:
    """Let the archive's segments lie in the store from now on. Raise UserError if it cannot be used."""
    remote.check()
    remote.folder.mkdir(parents=True, exist_ok=True)
    part = remote.folder / f".{MARK}.part"
    part.write_bytes(msgspec.json.encode(remote.where))
    synced(part)
    part.replace(remote.folder / MARK)

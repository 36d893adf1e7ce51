"""Merge the segments of other machines' archives into one: in any order, any number of times, with the same result.

A segment is identified by its name. One that was still open when copied is copied again later.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Container, Iterable
from pathlib import Path

from storage.archive import manifest, store, writer
from storage.archive import reader as archive
from storage.errors import UserError
from storage.locks import lock

CHUNK = 1 << 20


def gather(study: Path, sources: Iterable[Path], say: Callable[[str], None] = print) -> int:
    """Copy new segments of the archives *sources* into the archive of *study*; return their number.

    Sealed segments are hard-linked if possible; open ones do not go into a store, and are named by *say*.
    Raise UserError for a source without segments, and for two different segments of one name.
    """
    place, taken = study / "archive", 0
    place.mkdir(mode=0o700, exist_ok=True)
    remote = store.remote_of(place)
    kept = set(remote.names()) if remote else set()
    with lock(study, "gather", wait=True):
        for source in sources:
            folder = source / "archive" if (source / "archive").is_dir() else source
            found = archive.segments(folder) if folder.exists() else []
            if not found:
                raise UserError(f"{source}: no archive; give a directory with *.warc.gz, or a study")
            taken += sum(_take(path, place, kept, say) for path in found)
        writer.upload(place)
    return taken


def _take(path: Path, place: Path, kept: Container[str], say: Callable[[str], None]) -> bool:
    name = path.name.removesuffix(".open")
    end = archive.synced_end(path) if path.name.endswith(archive.OPEN) else archive.size(path)
    ours = next((one for one in (place / name, place / f"{name}.open") if one.exists() or one.name in kept), None)
    if ours is not None:
        if path.exists() and ours.exists() and ours.samefile(path):
            return False
        _compare(path, ours, min(end, archive.size(ours)))
        if archive.size(ours) >= end or ours.name.endswith(archive.OPEN):
            return False
    if end == 0:
        return False
    if path.name.endswith(archive.OPEN) and store.remote_of(place):  # an object is whole
        say(f"not merged: {path} is still open; run `sneeuwbal recover` or `collect` there, and merge again")
        return False
    part = place / f".{name}.part"
    part.unlink(missing_ok=True)
    _bring(path, part, end)
    manifest.note(part, name)
    os.replace(part, place / name)
    writer.sync_directory(place)
    return True


def _bring(path: Path, part: Path, end: int) -> None:
    """Link *path* as a whole, or copy it up to *end*, synced."""
    if end == archive.size(path) and not path.name.endswith(archive.OPEN):
        try:
            os.link(path, part)
        except OSError:  # another disk, or a store
            store.fetch(path, part)
    else:
        with path.open("rb") as reading, part.open("xb") as writing:
            while writing.tell() < end and (chunk := reading.read(min(CHUNK, end - writing.tell()))):
                writing.write(chunk)
    handle = os.open(part, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _compare(path: Path, ours: Path, length: int) -> None:
    """Raise UserError unless both begin with the same *length* bytes."""
    with archive.opened(path) as one, archive.opened(ours) as other:
        left = length
        while left > 0:
            size = min(CHUNK, left)
            if one.read(size) != other.read(size):
                raise UserError(f"{path}: differs from the existing {ours.name}; rename one of the two")
            left -= size

"""A file cut into pieces: whole lines, whole elements, with at most a few megabytes in memory."""

from __future__ import annotations

import zipfile
from collections.abc import Generator, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

import msgspec

from collectors.importing.unpack import FREE, MAX_RATIO, Unreadable, bounded, open_bytes

PIECE = 1 << 20  # approximate bytes of a piece
MAX_UNIT = 16 << 20  # bytes of one line or element; longer ones are rejected
EXCERPT = 1000
__all__ = [
    "EXCERPT", "FREE", "MAX_RATIO", "MAX_UNIT", "PIECE", "Piece", "Unreadable", "as_far", "bounded", "checked_zip",
    "cursor", "line_pieces", "look_ahead", "open_bytes", "open_member", "places", "skip",
]  # fmt: skip


class Piece(msgspec.Struct, frozen=True):
    """A part of a file, and the place after it."""

    body: bytes
    after: str = ""  # cursor of the next piece; the collector empties it at the end of the file
    first: int = 1  # number of its first line, element, row or record
    items: int = 0
    unit: str = "line"  # line | item | row | record | organisation
    type: str = "application/x-ndjson"
    refused: str = ""  # why this part was rejected; the body is its beginning
    headers: tuple[tuple[str, str], ...] = ()  # of a recorded answer; else only its type
    asked: Mapping[str, Any] = {}  # other data for parse: see `Page.asked`
    at: datetime | None = None  # when the data were collected, if known
    url: str = ""  # of a recorded answer; else the file's own
    status: int = 200


def cursor(*places: int) -> str:
    """The cursor of some places in a file."""
    return ":".join(map(str, places))


def places(text: str, count: int) -> list[int]:
    """The *count* places in a cursor; zeros for the start. Raise Unreadable for a foreign cursor."""
    if not text:
        return [0] * count
    parts = text.split(":")
    if len(parts) != count or not all(part.isdigit() for part in parts):
        raise Unreadable(f"{text!r} is no place in this file")
    return [int(part) for part in parts]


def skip(stream: BinaryIO, count: int) -> None:
    """Move *stream* (at its start) to byte *count*; by reading if it cannot seek."""
    if stream.seekable():
        stream.seek(count)
        return
    while count and (data := stream.read(min(count, PIECE))):
        count -= len(data)


def look_ahead(pieces: Iterator[Piece]) -> Iterator[Piece]:
    """*pieces* with an empty cursor on the last one; a file that breaks off ends in a rejected piece."""
    last: Piece | None = None
    try:
        for piece in pieces:
            if last is not None:
                yield last
            last = piece
    except Unreadable as error:
        if last is not None:
            yield last
        yield Piece(b"", refused=str(error), first=last.first + last.items if last else 1)
        return
    yield msgspec.structs.replace(last or Piece(b""), after="")


T = TypeVar("T")


def as_far(found: Iterator[T], damage: list[Unreadable]) -> Iterator[T]:
    """*found* up to the damage, which is added to *damage*: the caller closes its piece, then raises it."""
    try:
        yield from found
    except Unreadable as error:
        damage.append(error)


# ---- lines --------------------------------------------------------------------------------------------------


def line_pieces(stream: BinaryIO, start: str = "", size: int | None = None) -> Generator[Piece]:
    """Yield groups of whole lines of *stream* from the cursor *start*; a line over MAX_UNIT is marked as rejected."""
    offset, before = places(start, 2)
    skip(stream, offset)
    while body := stream.read(size or PIECE):
        torn = b""
        if not body.endswith(b"\n"):
            body += stream.readline(MAX_UNIT)
            if not body.endswith(b"\n") and len(body) >= MAX_UNIT:
                whole = body.rfind(b"\n") + 1
                body, torn = body[:whole], body[whole:]
        if body:
            count = body.count(b"\n") + (not body.endswith(b"\n"))
            offset, before = offset + len(body), before + count
            yield Piece(body, cursor(offset, before), before - count + 1, count)
        if torn:
            offset, before = offset + len(torn) + _rest_of_line(stream), before + 1
            reason = f"the line is longer than {MAX_UNIT >> 20} MiB"
            yield Piece(torn[:EXCERPT], cursor(offset, before), before, 1, refused=reason)


def _rest_of_line(stream: BinaryIO) -> int:
    count = 0
    while part := stream.readline(PIECE):
        count += len(part)
        if part.endswith(b"\n"):
            break
    return count


# ---- zip ------------------------------------------------------------------------------------------------

MAX_ENTRIES = 10_000
MAX_MEMBER = 512 << 20  # unpacked bytes of one file in a zip


def checked_zip(path: Path) -> zipfile.ZipFile:
    """*path* as a ZIP with a safe directory. Raise Unreadable for a damaged one, strange paths, or a bomb."""
    try:
        archive = zipfile.ZipFile(path)
    except (zipfile.BadZipFile, NotImplementedError, ValueError, EOFError) as error:
        raise Unreadable(f"{path.name} is not a whole zip file: {error}") from error
    entries = archive.infolist()
    if len(entries) > MAX_ENTRIES:
        raise Unreadable(f"{path.name} holds {len(entries)} files, more than {MAX_ENTRIES}: not opened")
    for entry in entries:
        name = entry.filename.replace("\\", "/")
        if name.startswith("/") or ".." in name.split("/") or name[1:2] == ":":
            raise Unreadable(f"{path.name} holds a path that leads out of it: not opened")
        if entry.file_size > MAX_MEMBER or entry.file_size > max(FREE, entry.compress_size * MAX_RATIO):
            raise Unreadable(f"{path.name}: {Path(name).name} unpacks to {entry.file_size} bytes: not opened")
    return archive


def open_member(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> BinaryIO:
    """A file in a ZIP, limited to the size in its directory. Raise Unreadable if it is encrypted."""
    try:
        file = archive.open(entry)
        return bounded(iter(lambda: file.read(1 << 14), b""), entry.filename, entry.compress_size)
    except (RuntimeError, NotImplementedError, zipfile.BadZipFile) as error:
        raise Unreadable(f"{entry.filename} cannot be unpacked: {error}") from error

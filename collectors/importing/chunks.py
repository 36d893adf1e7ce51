"""A file cut into pieces: whole lines, whole elements, never more than a few megabytes in memory."""

from __future__ import annotations

import gzip
import io
import lzma
import zipfile
import zlib
from collections.abc import Generator, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO, cast

import msgspec

PIECE = 1 << 20  # bytes of a piece, give or take a line
MAX_UNIT = 16 << 20  # bytes of one line or element; what is longer is refused
MAX_RATIO = 200  # of decompressed to compressed bytes: JSON reaches 30, a bomb 1,000
FREE = 64 << 20  # bytes that any compressed file may grow to
EXCERPT = 1000


class Unreadable(ValueError):
    """The file cannot be read on from here: why. What was read before stays."""


class Piece(msgspec.Struct, frozen=True):
    """A part of a file as it stands there, and the place behind it."""

    body: bytes
    after: str = ""  # cursor of the next piece; the collector empties it at the end of the file
    first: int = 1  # number of its first line, element, row or record
    items: int = 0
    unit: str = "line"  # line | item | row | record | organisation
    type: str = "application/x-ndjson"
    refused: str = ""  # why this part is not read; the body is its beginning
    headers: tuple[tuple[str, str], ...] = ()  # of a recorded answer; else only its type is known
    asked: Mapping[str, Any] = {}  # what else parse must know: see `Page.asked`
    at: datetime | None = None  # when the data were collected, if the file says so
    url: str = ""  # of a recorded answer; else the file's own
    status: int = 200


def cursor(*places: int) -> str:
    """The cursor for some places in a file."""
    return ":".join(map(str, places))


def places(text: str, count: int) -> list[int]:
    """The *count* places in a cursor; zeros for the start. Raise Unreadable for a foreign cursor."""
    if not text:
        return [0] * count
    parts = text.split(":")
    if len(parts) != count or not all(part.isdigit() for part in parts):
        raise Unreadable(f"{text!r} is no place in this file")
    return [int(part) for part in parts]


def open_bytes(path: Path) -> BinaryIO:
    """*path* opened for reading, decompressed by its magic bytes (gzip, xz); a bomb ends in Unreadable."""
    with path.open("rb") as file:
        magic = file.read(6)
    if magic[:2] == b"\x1f\x8b":
        return bounded(gzip.open(path, "rb"), path.name, path.stat().st_size)
    if magic == b"\xfd7zXZ\x00":
        return bounded(lzma.open(path, "rb"), path.name, path.stat().st_size)
    return path.open("rb")


def bounded(stream: Any, name: str, packed: int) -> BinaryIO:
    """*stream*, which unpacks *packed* bytes, read up to MAX_RATIO times that; then, and where damaged, Unreadable."""
    return cast("BinaryIO", io.BufferedReader(_Bounded(stream, name, packed), PIECE))


class _Bounded(io.RawIOBase):
    def __init__(self, stream: Any, name: str, packed: int) -> None:
        self.stream, self.name = stream, name
        self.ceiling = max(FREE, packed * MAX_RATIO)
        self.count = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        try:
            data = self.stream.read(len(buffer))
        except (OSError, EOFError, zlib.error, lzma.LZMAError, zipfile.BadZipFile) as error:
            raise Unreadable(f"{self.name} is damaged: {error}") from error
        self.count += len(data)
        if self.count > self.ceiling:
            raise Unreadable(f"{self.name} unpacks to more than {MAX_RATIO} times its size: not read on")
        buffer[: len(data)] = data
        return len(data)

    def close(self) -> None:
        self.stream.close()
        super().close()


def skip(stream: BinaryIO, count: int) -> None:
    """Move *stream* (at its start) to byte *count*; by reading if it cannot seek."""
    if stream.seekable():
        stream.seek(count)
        return
    while count and (data := stream.read(min(count, PIECE))):
        count -= len(data)


def look_ahead(pieces: Iterator[Piece]) -> Iterator[Piece]:
    """*pieces* with an empty cursor on the last one; what breaks off ends in a refused piece."""
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


# ---- lines --------------------------------------------------------------------------------------------------


def line_pieces(stream: BinaryIO, start: str = "", size: int | None = None) -> Generator[Piece]:
    """Yield groups of whole lines of *stream* from the cursor *start*; a line over MAX_UNIT comes as refused."""
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
    """*path* as a zip with a harmless directory. Raise Unreadable for a damaged one, strange paths, or a bomb."""
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
    """A file in a zip, never more of it than its directory promised. Raise Unreadable if it is locked."""
    try:
        return bounded(archive.open(entry), entry.filename, entry.compress_size)
    except (RuntimeError, NotImplementedError, zipfile.BadZipFile) as error:
        raise Unreadable(f"{entry.filename} cannot be unpacked: {error}") from error

"""Compressed files, read as far as possible: the data before the damage, then the damage with its place."""

from __future__ import annotations

import bz2
import lzma
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO, cast

BLOCK = 1 << 14  # compressed bytes at a time
OUT = 1 << 18  # unpacked bytes at a time
MAX_RATIO = 200  # of decompressed to compressed bytes: JSON reaches 30, a bomb 1,000
FREE = 64 << 20  # bytes that any compressed file may unpack to


class Unreadable(ValueError):
    """The reason why a file cannot be read further. Data read before are kept."""


class _Gzip:
    """zlib's decompressor with the methods of bz2's and lzma's."""

    def __init__(self) -> None:
        self._one = zlib.decompressobj(31)
        self._error: zlib.error | None = None

    def decompress(self, data: bytes, max_length: int) -> bytes:
        if self._error:
            raise self._error
        before, given = self._one.copy(), self._one.unconsumed_tail + data
        try:
            return self._one.decompress(given, max_length)
        except zlib.error as error:  # zlib keeps what it had unpacked on the way, and a wrong checksum comes last
            self._error = error
            return _bytewise(before, given)

    @property
    def eof(self) -> bool:
        return self._one.eof

    @property
    def needs_input(self) -> bool:
        return not self._one.unconsumed_tail and not self._error

    @property
    def unused_data(self) -> bytes:
        return self._one.unused_data


def _bytewise(one: Any, given: bytes) -> bytes:
    """What *given* unpacks to before it is damaged."""
    parts = []
    with suppress(zlib.error):
        for at in range(len(given)):
            parts.append(one.decompress(given[at : at + 1]))
    return b"".join(parts)


_MAGIC: tuple[tuple[bytes, Callable[[], Any]], ...] = (
    (b"\x1f\x8b", _Gzip), (b"\xfd7zXZ\x00", lzma.LZMADecompressor), (b"BZh", bz2.BZ2Decompressor),
)  # fmt: skip
_ZSTD = b"\x28\xb5\x2f\xfd"
_PACKED = (_ZSTD, *(magic for magic, _ in _MAGIC))
BROKEN = (OSError, EOFError, zlib.error, lzma.LZMAError, zipfile.BadZipFile)


def open_bytes(path: Path) -> BinaryIO:
    """*path* opened for reading, decompressed by its magic bytes (gzip, xz, bzip2, zstd); a bomb ends in Unreadable."""
    with path.open("rb") as file:
        magic = file.read(6)
    for begin, make in _MAGIC:
        if magic.startswith(begin):
            return bounded(_members(path, begin, make), path.name, path.stat().st_size)
    if magic.startswith(_ZSTD):
        return bounded(_zstd(path), path.name, path.stat().st_size)
    return path.open("rb")


_TEXT = (".zip", ".json", ".jsonl", ".ndjson", ".csv", ".tsv", ".txt", ".xml", ".js", ".har")


_OTHERS = {
    b"\xd0\xcf\x11\xe0": "an old Excel or Word file; save it as .xlsx or CSV", b"%PDF": "a PDF; export a table instead",
    b"Rar!": "a RAR archive; unpack it first", b"7z\xbc\xaf": "a 7z archive; unpack it first",
    b"<html": "a web page, whatever its name; download the file again",
    b"<!doctype html": "a web page, whatever its name; download the file again",
}  # fmt: skip


def unfit(path: Path) -> str:
    """Why no format can be read from *path*, with the fix; empty if it looks readable."""
    with suppress(Unreadable, *BROKEN), path.open("rb") as file, open_bytes(path) as stream:
        head = stream.read(512)
        if not head.strip(b"\xef\xbb\xbf\0 \t\r\n") and not stream.read(1):
            return "empty"
        if file.read(6).startswith(_PACKED) and head.startswith(_PACKED):
            return "packed twice; unpack it once"
        if head[257:262] == b"ustar":
            return "a tar archive; unpack it first"
        start = head.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
        for magic, what in _OTHERS.items():
            if head.startswith(magic) or start.startswith(magic):
                return what
    return (
        "neither text nor a whole archive: damaged, or encrypted; copy or download it again" if _garbled(path) else ""
    )


def _garbled(path: Path) -> bool:
    """Whether a file named as text or ZIP begins with what neither does: control characters among high bytes.

    UTF-16 without a mark has the former without the latter.
    """
    with path.open("rb") as file:
        head = file.read(1 << 12)
    if not path.name.lower().endswith(_TEXT) or head.startswith((b"PK", b"PAR1", *_PACKED, b"\xff\xfe", b"\xfe\xff")):
        return False
    control = sum(byte < 32 and byte not in b"\0\t\n\v\f\r\x1a\x1b" for byte in head)
    return control * 16 > len(head) and sum(byte > 127 for byte in head) * 4 > len(head)


def _members(path: Path, magic: bytes, make: Callable[[], Any]) -> Iterator[bytes]:
    """The content of all members of a file, one after the other."""
    with path.open("rb") as file:
        data, begun = file.read(BLOCK), 0
        while data:
            one, sound = make(), True
            while not one.eof:
                try:
                    yield one.decompress(data, OUT)
                except BROKEN as error:
                    raise Unreadable(f"damaged between bytes {begun} and {file.tell()}: {error}") from error
                data = b""
                if not one.eof and one.needs_input and not (data := file.read(BLOCK)):
                    sound = False
                    break
            if not sound:
                raise Unreadable(f"cut off: what begins at byte {begun} does not end before byte {file.tell()}")
            data = one.unused_data or file.read(BLOCK)
            while data and not data.strip(b"\0"):
                data = file.read(BLOCK)
            data = data.lstrip(b"\0")
            if 0 < len(data) < len(magic):
                data += file.read(BLOCK)
            begun = file.tell() - len(data)
            if data and not data.startswith(magic):
                raise Unreadable(f"something else stands from byte {begun} on")


def _zstd(path: Path) -> Iterator[bytes]:
    import pyarrow as pa

    got, step = 0, OUT
    while True:
        with pa.OSFile(str(path)) as file, pa.CompressedInputStream(file, "zstd") as stream:
            left = got
            while left and (part := stream.read(min(left, OUT))):
                left -= len(part)
            try:
                while data := stream.read(step):
                    got += len(data)
                    yield data
                return
            except OSError as error:
                if step == 1:
                    raise Unreadable(f"damaged behind {got} unpacked bytes: {error}") from error
        step = 1  # the library returns nothing of an incomplete last block


def bounded(parts: Iterator[bytes], name: str, packed: int) -> BinaryIO:
    """The unpacked *parts* of *packed* bytes as a stream, up to MAX_RATIO times their size.

    Reading past the last byte before damage raises Unreadable.
    """
    return cast("BinaryIO", _Stream(parts, name, max(FREE, packed * MAX_RATIO)))


class _Stream:
    """A stream that cannot seek."""

    def __init__(self, parts: Iterator[bytes], name: str, ceiling: int) -> None:
        self._parts, self._name, self._ceiling = parts, name, ceiling
        self._buffer, self._at, self._count = b"", 0, 0
        self._damage: Unreadable | None = None
        self._over = False

    def __enter__(self) -> _Stream:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        if closing := getattr(self._parts, "close", None):
            closing()

    def seekable(self) -> bool:
        return False

    def tell(self) -> int:
        return self._count - self._left()

    def read(self, count: int = -1) -> bytes:
        """At most *count* bytes; raise Unreadable where the file is damaged, before another byte is given."""
        while (count < 0 or self._left() < count) and self._more():
            pass
        taken = self._take(self._left() if count < 0 else count)
        if not taken and count and self._damage:
            raise self._damage
        return taken

    def readline(self, limit: int = -1) -> bytes:
        """The rest of the line, at most *limit* bytes."""
        seen = 0
        while (end := self._buffer.find(b"\n", self._at + seen)) < 0 and (limit < 0 or self._left() < limit):
            seen = self._left()
            if not self._more():
                break
        size = end + 1 - self._at if end >= 0 else self._left()
        return self._take(size if limit < 0 else min(size, limit))

    def _left(self) -> int:
        return len(self._buffer) - self._at

    def _take(self, count: int) -> bytes:
        taken = self._buffer[self._at : self._at + count]
        self._at += len(taken)
        return taken

    def _more(self) -> bool:
        if self._over:
            return False
        try:
            data = next(self._parts, None)
        except Unreadable as error:
            self._damage = Unreadable(f"{self._name}: {error}; what stands before it is read")
        except BROKEN as error:
            self._damage = Unreadable(f"{self._name} is damaged: {error}; what stands before it is read")
        else:
            if data is not None and self._count + len(data) > self._ceiling:
                self._damage = Unreadable(f"{self._name} unpacks to more than {MAX_RATIO} times its size: not read on")
            elif data is not None:
                self._count += len(data)
                self._buffer, self._at = self._buffer[self._at :] + data, 0
                return True
        self._over = True
        return False

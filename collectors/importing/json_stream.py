"""JSON that is not one value per line, cut after whole elements without decoding them."""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable, Generator, Iterator
from typing import BinaryIO

from collectors.importing import chunks
from collectors.importing.chunks import (
    EXCERPT,
    FREE,
    MAX_UNIT,
    Piece,
    Unreadable,
    as_far,
    bounded,
    cursor,
    line_pieces,
    places,
    skip,
)
from storage.records import MAX_BODY

_TOKEN = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"|[\[\]{}"]', re.DOTALL)


def json_pieces(open_: Callable[[], BinaryIO], start: str = "") -> Generator[Piece]:
    """Yield the pieces of a JSON file: lines, the elements of an array, or one value spread over many lines."""
    with _utf8(open_) as stream:
        shape = _shape(stream)
    with _utf8(open_) as stream:
        if shape == "array":
            yield from _array_pieces(stream, start)
        elif shape == "lines":
            yield from line_pieces(stream, start)
        else:
            yield _document(stream)


def _utf8(open_: Callable[[], BinaryIO]) -> BinaryIO:
    """The opened file; one in UTF-16 with a mark, as PowerShell writes what is redirected, as UTF-8."""
    with open_() as stream:
        if stream.read(2) not in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
            return open_()
    stream = open_()
    texts = codecs.iterdecode(iter(lambda: stream.read(1 << 16), b""), "utf-16", "replace")
    return bounded((text.encode("utf-8", "replace") for text in texts), "", FREE)


def _shape(stream: BinaryIO) -> str:
    """lines, array (it begins with [) or document (its first line is no whole object, its second begins no new one)."""
    heads: list[bytes] = []
    for _ in range(1000):
        line = stream.readline(MAX_UNIT)
        if head := line.removeprefix(b"\xef\xbb\xbf").strip():
            heads.append(head)
        if not line or len(heads) == 2:
            break
    if not heads or heads[0].startswith(b"["):
        return "array" if heads else "lines"
    if not heads[0].startswith(b"{") or heads[0].endswith(b"}"):
        return "lines"
    return "lines" if len(heads) == 2 and heads[1].startswith(b"{") else "document"


def _document(stream: BinaryIO) -> Piece:
    body = stream.read(MAX_BODY + 1)
    if len(body) > MAX_BODY:
        reason = f"one JSON value of more than {MAX_BODY >> 20} MiB; give it as one value a line"
        return Piece(body[:EXCERPT], refused=reason)
    return Piece(body, items=1, unit="item", type="application/json")


def _array_pieces(stream: BinaryIO, start: str) -> Iterator[Piece]:
    """Yield groups of whole elements, each as a JSON array."""
    offset, index = places(start, 2)
    skip(stream, offset)
    cutter = Cutter(inside=offset > 0)
    damage: list[Unreadable] = []
    for body, end, count in as_far(_cut(stream, cutter), damage):
        index += count
        yield Piece(body, cursor(offset + end, index), index - count + 1, count, "item", "application/json")
    if damage:
        raise damage[0]
    if cutter.depth:
        raise Unreadable(f"the array breaks off in element {index + 1}")


def _cut(stream: BinaryIO, cutter: Cutter) -> Iterator[tuple[bytes, int, int]]:
    """The pieces of *stream* from *cutter*; if it breaks off, the whole elements before the error."""
    try:
        while data := stream.read(chunks.PIECE):
            yield from cutter.feed(data)
    except Unreadable:
        yield from cutter.rest()
        raise
    if cutter.depth:
        yield from cutter.rest()


class Cutter:
    """Cuts a stream of JSON arrays after whole elements."""

    def __init__(self, inside: bool = False, size: int | None = None) -> None:
        self.size, self.depth = size or chunks.PIECE, int(inside)
        self.buffer = b""
        self.base = self.scanned = self.begun = 0  # of the buffer in the stream; in the buffer
        self.ends: list[int] = []  # of the buffered whole elements

    def feed(self, data: bytes) -> Iterator[tuple[bytes, int, int]]:
        """Yield (array, end in the stream, elements) for the elements completed by *data*."""
        self.buffer += data
        for match in _TOKEN.finditer(self.buffer, self.scanned):
            token = match[0]
            if token == b'"':
                break  # a string that continues in the next read
            self.scanned = match.end()
            if token in (b"[", b"{"):
                self.depth += 1
                if self.depth == 1:
                    self.begun = match.end()
            elif token in (b"]", b"}"):
                self.depth -= 1
                if self.depth < 0:
                    raise Unreadable(f"an unexpected {token.decode()} at byte {self.base + match.start()}")
                if self.depth == 1:
                    self.ends.append(match.end())
                if self.depth == 0 or (self.depth == 1 and match.end() - self.begun >= self.size):
                    yield from self._cut(match.start() if self.depth == 0 else match.end())
        self._forget()

    def _cut(self, end: int) -> Iterator[tuple[bytes, int, int]]:
        body = self.buffer[self.begun : end].strip().lstrip(b",").strip()
        if body:
            yield b"[" + body + b"]", self.base + end, len(self.ends) or 1
        self.begun, self.ends = end, []

    def rest(self) -> Iterator[tuple[bytes, int, int]]:
        """The buffered whole elements."""
        if self.ends:
            yield from self._cut(self.ends[-1])

    def _forget(self) -> None:
        """Drop yielded data; raise Unreadable if the rest grows too long."""
        if len(self.buffer) - self.begun > MAX_UNIT + self.size:
            raise Unreadable(f"the element at byte {self.base + self.begun} is longer than {MAX_UNIT >> 20} MiB")
        drop = self.begun if self.depth else self.scanned
        self.buffer = self.buffer[drop:]
        self.base, self.scanned = self.base + drop, self.scanned - drop
        self.begun = 0
        self.ends = [end - drop for end in self.ends]


def elements(body: bytes) -> list[bytes]:
    """The undecoded elements of a JSON array; an incomplete one is the last."""
    cutter = Cutter(size=1)
    try:
        found = [part[1:-1] for part, _, _ in cutter.feed(body)]
    except Unreadable:
        return [body]
    rest = cutter.buffer.strip().lstrip(b",").strip()
    return [*found, rest] if rest and cutter.depth else found

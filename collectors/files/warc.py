"""WARC files of other tools: the recorded answers of platforms' APIs (Social Feed Manager ...).

A page keeps the URL, status, headers and time of the recorded answer, and is read by its URL (`recordings`). Requests
are never copied: they contain credentials. Answers that no collector reads are left out, and counted.
"""

from __future__ import annotations

import io
import re
from collections.abc import Generator, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, cast

import msgspec

from collectors.files.recordings import Recording, read, redacted
from collectors.importing.chunks import Piece, Unreadable, cursor, line_pieces, open_bytes, places
from collectors.importing.file_collector import FileCollector
from collectors.x.personal import FILES
from storage.records import MAX_BODY, Request

_STREAM = re.compile(
    r"^https?://(\w*stream\.twitter\.com|api\.(twitter|x)\.com/2/tweets/(search|sample\d*|firehose)/?stream)"
)
ASIDE = ("warcinfo", "request", "metadata")  # what a recording holds beside answers
NO_HTTP = "without an answer of HTTP"
_CHUNK = re.compile(rb"(?:\r?\n)?([0-9a-fA-F]{1,16})[ \t]*(?:;[^\r\n]*)?\r?\n")


# ---- cutting ------------------------------------------------------------------------------------------------


def cut(path: Path, request: Request, options: Mapping[str, Any]) -> Generator[Piece]:
    """One piece per answer; streams in groups of lines."""
    done, offset, line = places(request.target.cursor, 3)
    known = Recording()
    with open_bytes(path) as stream:
        for number, one in enumerate(_records(stream, path.name), 1):
            if one.rec_type != "response" or one.http_headers is None:
                if one.rec_type not in ASIDE:
                    known.leave(NO_HTTP if one.rec_type == "response" else f"records of the type {one.rec_type}")
                continue
            url = one.rec_headers.get_header("WARC-Target-URI") or ""
            for piece in _pieces(one, url, number, cursor(offset, line) if number == done else ""):
                if not piece.status and not piece.body:
                    known.leave(NO_HTTP)
                    continue
                read_before = number < done or (number == done and not offset)
                if (found := known.piece(piece)) and not read_before:
                    yield found
    yield from known.rest(f"{1 << 62}:0:0")


def _records(stream: Any, name: str) -> Iterator[Any]:
    """The records of an archive; raise Unreadable where it is damaged."""
    from warcio.archiveiterator import ArchiveIterator  # a tenth of a second, which every command would pay
    from warcio.exceptions import ArchiveLoadFailed

    found = iter(ArchiveIterator(stream))
    while True:
        try:
            one = next(found, None)
        except Unreadable:
            raise
        except (ArchiveLoadFailed, EOFError, OSError, ValueError, AttributeError, TypeError) as error:
            raise Unreadable(f"{name} is no WARC, or damaged: {error}") from error
        if one is None:
            return
        yield one


def _pieces(one: Any, url: str, number: int, start: str) -> Iterator[Piece]:
    headers = tuple(_kept(name, value) for name, value in one.http_headers.headers)
    status = int(code) if (code := str(one.http_headers.get_statuscode())).isdigit() else 0
    base = Piece(b"", unit="record", status=status, url=url, at=_at(one))
    if _STREAM.match(url):
        plain = tuple(pair for pair in headers if pair[0].lower() != "content-encoding")
        for piece in line_pieces(cast("Any", io.BufferedReader(_Decoded(one))), start):
            yield msgspec.structs.replace(
                base, body=piece.body, after=f"{number}:{piece.after}", first=piece.first, items=piece.items,
                unit="line", refused=piece.refused, headers=plain,
            )  # fmt: skip
        return
    body = _read(one.raw_stream)
    if len(body) <= MAX_BODY and getattr(one.raw_stream, "limit", 0) > 0:
        raise Unreadable(f"record {number} is cut off: {one.raw_stream.limit} bytes of it are missing")
    if "chunked" in (one.http_headers.get_header("transfer-encoding") or "").lower():
        body = dechunked(body)
    refused = f"the answer is larger than {MAX_BODY >> 20} MiB" if len(body) > MAX_BODY else ""
    yield msgspec.structs.replace(
        base, body=body[:1000] if refused else body, after=cursor(number, 0, 0), first=number, items=1,
        refused=refused, headers=headers,
    )  # fmt: skip


def _kept(name: str, value: str) -> tuple[str, str]:
    return name, " ".join(value.split())


def _read(stream: Any) -> bytes:
    """The body, up to one byte more than the maximum."""
    parts, size = [], 0
    while size <= MAX_BODY and (part := stream.read(min(1 << 16, MAX_BODY + 1 - size))):
        parts.append(part)
        size += len(part)
    return b"".join(parts)


def dechunked(body: bytes) -> bytes:
    """*body* without chunk headers, extensions and trailers; unchanged if it is not chunked."""
    parts: list[bytes] = []
    at = 0
    while match := _CHUNK.match(body, at):
        size = int(match[1], 16)
        if size == 0:
            return b"".join(parts)
        parts.append(body[match.end() : match.end() + size])
        at = match.end() + size
    return b"".join(parts) if parts and at >= len(body) else body


class _Decoded(io.RawIOBase):
    """The content of a record, decoded, as a stream."""

    def __init__(self, one: Any) -> None:
        self.stream = one.content_stream()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = self.stream.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)


def _at(one: Any) -> datetime | None:
    try:
        at = datetime.fromisoformat(one.rec_headers.get_header("WARC-Date") or "")
    except ValueError:
        return None
    return at if at.tzinfo else None


collector = FileCollector("warc", cut, read, personal=FILES, redacted=redacted)

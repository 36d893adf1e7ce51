"""The archive: every answer as received, in WARC files, synced before anything is derived from it.

Each `response` record is preceded by a `metadata` record in JSON with what it answers (run, requests) and how it
was requested; failures, run starts and ends, admissions and gaps are `metadata` records alone. A segment is called
`*.warc.gz.open` while one process writes it; a sync mark follows each group of records, and readers of an open
segment stop at the last one. The files are plain WARC 1.1: warcio, pywb and ReplayWeb.page read them.

This module reads them; `storage.archive.writer` writes them; where they lie, `storage.archive.store` knows.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec

from storage.archive.before import modern
from storage.archive.store import OPEN as OPEN
from storage.archive.store import SEALED as SEALED
from storage.archive.store import opened as opened
from storage.archive.store import segments as segments
from storage.archive.store import size as size
from storage.archive.store import state as state
from storage.archive.store import total as total
from storage.records import Failure, Meta, Page, Request

MAX_RECORD = 512 * 1024 * 1024  # decompressed bytes of one record; a larger one is damage or an attack
FORMAT = "application/vnd.sneeuwbal+json"


class Note(msgspec.Struct, frozen=True):
    """A record other than an answer: a run's start or end, an admission, a gap, the end of a walk, a sync mark."""

    kind: str
    at: datetime
    data: Meta
    record_id: str = ""


Entry = Page | Failure | Note


class Head(msgspec.Struct, omit_defaults=True):
    """The JSON of a metadata record."""

    what: str  # answer | failure | note
    run: str = ""
    requests: tuple[Request, ...] = msgspec.field(default=(), name="wants")  # the name in archives
    method: str = "GET"
    redacted: tuple[str, ...] = ()
    reason: str = ""
    detail: str = ""
    kind: str = ""
    data: Meta = {}
    asked: Mapping[str, Any] | None = None  # None: written before the field existed


encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Head).decode
SYNC = encode(Head("note", kind="sync"))


class Damage(ValueError):
    """A segment that cannot be read further: where, and why."""


def members(path: Path, start: int = 0, end: int | None = None) -> Iterator[tuple[int, int, bytes]]:
    """Yield (offset, end, content) of each whole gzip member of *path*; stop at an incomplete last one.

    Raise Damage if the bytes are not gzip, or a member is larger than MAX_RECORD.
    """
    with opened(path) as file:
        file.seek(start)
        offset, rest = start, b""
        while end is None or offset < end:
            reader, parts, size, used = zlib.decompressobj(31), [], 0, 0
            while not reader.eof:
                chunk = rest or file.read(1 << 17)
                rest = b""
                if not chunk:
                    return
                try:
                    parts.append(reader.decompress(chunk, MAX_RECORD + 1 - size))
                except zlib.error as error:
                    raise Damage(f"{path.name}: not a gzip member at byte {offset}: {error}") from error
                used += len(chunk)
                size += len(parts[-1])
                if size > MAX_RECORD:
                    raise Damage(f"{path.name}: the record at byte {offset} is larger than {MAX_RECORD} bytes")
            rest = reader.unused_data
            used -= len(rest)
            yield offset, offset + used, b"".join(parts)
            offset += used


def synced_end(path: Path, start: int = 0) -> int:
    """The offset after the last sync mark of *path*; for a sealed segment after its last complete member.

    Only what is after *start*, the offset of a member, is read.
    """
    last = start
    for _, end, content in members(path, start):
        if not path.name.endswith(OPEN) or _is_sync(content):
            last = end
    return last


def _is_sync(content: bytes) -> bool:
    return content.rstrip().endswith(SYNC)


def read(path: Path, start: int = 0, end: int | None = None) -> Iterator[Entry]:
    """Yield the entries of *path* between two offsets (of members), in order, without sync marks and foreign records.

    An open segment is read up to its last sync mark. Raise Damage where it cannot be read further.
    """
    for _, _, entry in read_at(path, start, end):
        yield entry


def read_at(path: Path, start: int = 0, end: int | None = None) -> Iterator[tuple[int, int, Entry]]:
    """Like `read`, with the offset of each entry and of the next one."""
    waiting: list[tuple[int, int, Entry]] = []
    open_ = path.name.endswith(OPEN) and end is None
    head: tuple[int, str, Head] | None = None
    for offset, after, content in members(path, start, end):
        fields, block = _split(path, offset, content)
        kind = fields.get("warc-type")
        if kind == "metadata" and fields.get("content-type") == FORMAT:
            parsed = _head(path, offset, block)
            if parsed.what == "answer":
                head = (offset, fields.get("warc-concurrent-to", ""), parsed)
                continue
            if parsed.what == "note" and parsed.kind == "sync":
                yield from waiting
                waiting.clear()
                continue
            found: tuple[int, int, Entry] = (offset, after, _record(parsed, fields))
        elif kind == "response" and head is not None and head[1] == fields.get("warc-record-id"):
            found = (head[0], after, _page(head[2], fields, block))
            head = None
        else:
            continue
        if open_:
            waiting.append(found)
        else:
            yield found


def foreign(path: Path) -> int:
    """The number of records of *path* written by other programs (`read` skips them)."""
    ours = 0
    total = 0
    for offset, _, content in members(path):
        fields, _ = _split(path, offset, content)
        if fields.get("warc-type") != "warcinfo":
            total += 1
            ours += fields.get("content-type") == FORMAT
    answers = sum(isinstance(entry, Page) for entry in read(path))
    return total - ours - answers


def _split(path: Path, offset: int, content: bytes) -> tuple[dict[str, str], bytes]:
    """The header fields of a WARC record and its block."""
    head, mark, rest = content.partition(b"\r\n\r\n")
    lines = head.decode("utf-8", "replace").split("\r\n")
    if not mark or not lines[0].startswith("WARC/"):
        raise Damage(f"{path.name}: no WARC record at byte {offset}")
    fields = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}
    try:
        return fields, rest[: int(fields["content-length"])]
    except (KeyError, ValueError) as error:
        raise Damage(f"{path.name}: the record at byte {offset} has no length") from error


def _head(path: Path, offset: int, block: bytes) -> Head:
    try:
        return _decode(block)
    except msgspec.DecodeError as error:
        raise Damage(f"{path.name}: the metadata at byte {offset} cannot be read: {error}") from error


def _date(fields: dict[str, str]) -> datetime:
    return datetime.fromisoformat(fields["warc-date"])


def _record(head: Head, fields: dict[str, str]) -> Failure | Note:
    at, record_id = _date(fields), fields["warc-record-id"]
    if head.what == "failure":
        url = fields.get("warc-target-uri", "")
        failure = Failure(head.requests, head.reason, head.detail, at, url, record_id, head.run)
        return failure if head.asked is not None else modern(failure)
    return Note(head.kind, at, head.data, record_id)


def _page(head: Head, fields: dict[str, str], block: bytes) -> Page:
    status, headers, body = http_message(block)
    url, record_id = fields.get("warc-target-uri", ""), fields["warc-record-id"]
    page = Page(head.requests, url, status, headers, body, _date(fields), record_id, head.method, head.run,
                head.redacted, head.asked or {})  # fmt: skip
    return page if head.asked is not None else modern(page)


def http_message(block: bytes) -> tuple[int, tuple[tuple[str, str], ...], bytes]:
    """Status, headers and body of a recorded HTTP answer."""
    head, _, body = block.partition(b"\r\n\r\n")
    lines = head.decode("utf-8", "replace").split("\r\n")
    words = lines[0].split(" ", 2)
    status = int(words[1]) if len(words) > 1 and words[1].isdigit() else 0
    pairs = (line.partition(":") for line in lines[1:])
    return status, tuple((name, value.strip()) for name, _, value in pairs), body


def entry_at(path: Path, offset: int, end: int) -> Entry:
    """The entry between two offsets from `read_at`. Raise Damage if there is none."""
    for entry in read(path, offset, end):
        return entry
    raise Damage(f"{path.name}: no entry at byte {offset}")

"""The archive: every answer as it came, in WARC files, synced before anything is derived from it.

Before each `response` record stands a `metadata` record in JSON that says what it answers (run, wants); an
answer that never came, run starts and ends, admissions and gaps are `metadata` records alone. A segment is called
`*.warc.gz.open` while one process writes it; a sync mark follows each group of records, and readers of an open
segment stop at the last one. The files are plain WARC 1.1: warcio, pywb and ReplayWeb.page read them.
"""

from __future__ import annotations

import os
import re
import uuid
import zlib
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import msgspec

from storage import manifest
from storage.records import BadBody, Failure, Meta, Page, Want, compress

SEALED, OPEN = ".warc.gz", ".warc.gz.open"
MAX_SEGMENT = 128 * 1024 * 1024  # compressed bytes, then a new segment is begun
MAX_RECORD = 512 * 1024 * 1024  # decompressed bytes of one record; what is larger is damage or an attack
FORMAT = "application/vnd.sneeuwbal+json"
HIDDEN_HEADERS = {
    "set-cookie",
    "set-cookie2",
    "authorization",
    "cookie",
    "proxy-authorization",
    "www-authenticate",
}
SECRET_PARAMETER = re.compile(r"token|secret|password|api_?key|access_?key|signature|auth", re.I)
PAGE_TOKENS = {"pagination_token", "next_token", "previous_token"}
REDACTED = "REDACTED"


class Note(msgspec.Struct, frozen=True):
    """What is not an answer: a run's start or end, an admission, a gap, the end of a walk, a sync mark."""

    kind: str
    at: datetime
    data: Meta
    record_id: str = ""


Entry = Page | Failure | Note


class _Head(msgspec.Struct, omit_defaults=True):
    """The JSON of a metadata record."""

    what: str  # answer | failure | note
    run: str = ""
    wants: tuple[Want, ...] = ()
    method: str = "GET"
    reason: str = ""
    detail: str = ""
    kind: str = ""
    data: Meta = {}


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(_Head).decode


class Damage(ValueError):
    """A segment that cannot be read on: where, and why."""


# ---- writing ------------------------------------------------------------------------------------------------


class Writer:
    """Appends records to segments in *directory*; one writer a process and collector.

    *secrets* are cut out of URLs, headers and bodies. Nothing is safe before `sync`.
    """

    def __init__(
        self,
        directory: Path,
        name: str = "all",
        *,
        secrets: Sequence[str] = (),
        max_segment: int = MAX_SEGMENT,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        fsync: bool = True,
    ) -> None:
        self.directory, self.name = directory, name
        self.secrets = tuple(secret for secret in secrets if secret)
        self.max_segment, self._now, self._fsync = max_segment, now, fsync
        self._file: BinaryIO | None = None
        self._path = Path()
        self._size = self._number = self._unsynced = 0
        directory.mkdir(parents=True, exist_ok=True)

    def append(self, answer: Page | Failure) -> str:
        """Write *answer*, redacted; return its record id."""
        record_id = answer.record_id or new_id()
        if isinstance(answer, Page):
            answer = redact(answer, self.secrets)
        else:
            url, detail = _cut(answer.url, self.secrets), _cut(answer.detail, self.secrets)
            answer = msgspec.structs.replace(answer, url=url, detail=detail)
        self._write(encoded(msgspec.structs.replace(answer, record_id=record_id)))
        return record_id

    def note(self, kind: str, data: Meta, at: datetime | None = None) -> str:
        """Write a note of *kind*; return its record id."""
        record_id, at = new_id(), at or self._now()
        text = _cut(_encode(_Head("note", kind=kind, data=data)).decode(), self.secrets)
        self._write(_record("metadata", record_id, at, "", FORMAT, text.encode()))
        return record_id

    def sync(self) -> None:
        """Put a sync mark and make all that was written safe; begin a new segment if this one is full."""
        if self._file is None or not self._unsynced:
            return
        self._file.write(_record("metadata", new_id(), self._now(), "", FORMAT, _SYNC))
        self._file.flush()
        if self._fsync:
            os.fsync(self._file.fileno())
        self._unsynced = 0
        if self._file.tell() >= self.max_segment:
            self._seal()

    def close(self) -> None:
        """Sync and seal the open segment."""
        self.sync()
        if self._file is not None:
            self._seal()

    def _write(self, data: bytes) -> None:
        if self._file is None:
            self._begin()
        assert self._file is not None
        self._file.write(data)
        self._unsynced += 1

    def _begin(self) -> None:
        self._number += 1
        stamp = f"{self._now():%Y%m%dT%H%M%S%f}"
        self._path = self.directory / f"{self.name}-{stamp}-{os.getpid()}-{self._number:05d}{OPEN}"
        self._file = self._path.open("xb")
        info = b"software: sneeuwbal\r\nformat: WARC File Format 1.1\r\n"
        self._file.write(_record("warcinfo", new_id(), self._now(), "", "application/warc-fields", info))
        sync_directory(self.directory)

    def _seal(self) -> None:
        assert self._file is not None
        self._file.close()
        self._file = None
        seal(self._path)


def encoded(entry: Entry) -> bytes:
    """*entry* as gzip members, as it is: with its record id and nothing cut."""
    if isinstance(entry, Page):
        head = _Head("answer", entry.run, entry.wants, entry.method)
        data = _record("metadata", new_id(), entry.fetched_at, entry.url, FORMAT, _encode(head), entry.record_id)
        return data + _record("response", entry.record_id, entry.fetched_at, entry.url, _HTTP, _http(entry))
    if isinstance(entry, Failure):
        head = _Head("failure", entry.run, entry.wants, reason=entry.reason, detail=entry.detail)
        return _record("metadata", entry.record_id, entry.failed_at, entry.url, FORMAT, _encode(head))
    head = _Head("note", kind=entry.kind, data=entry.data)
    return _record("metadata", entry.record_id, entry.at, "", FORMAT, _encode(head))


_HTTP = "application/http; msgtype=response"
_SYNC = _encode(_Head("note", kind="sync"))


def new_id() -> str:
    """A fresh WARC-Record-ID."""
    return f"<urn:uuid:{uuid.uuid4()}>"


def seal(path: Path) -> Path:
    """Note the checksum of an open segment, give it its final name, and return that."""
    final = path.with_name(path.name.removesuffix(".open"))
    manifest.note(path, final.name)  # first: a sum without a segment is harmless, for mending seals it again
    path.rename(final)
    sync_directory(path.parent)
    return final


def sync_directory(path: Path) -> None:
    """Make renames and new files in *path* safe."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _record(kind: str, record_id: str, at: datetime, url: str, type_: str, block: bytes, beside: str = "") -> bytes:
    """One gzip member with one WARC record."""
    lines = [f"WARC/1.1\r\nWARC-Type: {kind}\r\nWARC-Record-ID: {record_id}"]
    lines.append(f"WARC-Date: {at.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%f}Z")
    if url:
        lines.append(f"WARC-Target-URI: {_header_safe(url)}")
    if beside:
        lines.append(f"WARC-Concurrent-To: {beside}")
    lines.append(f"Content-Type: {type_}\r\nContent-Length: {len(block)}\r\n\r\n")
    return compress("\r\n".join(lines).encode() + block + b"\r\n\r\n")


def _http(page: Page) -> bytes:
    """The HTTP message of *page*: as received, but de-chunked."""
    lines = [f"HTTP/1.1 {page.status} {_REASONS.get(page.status, 'Answer')}"]
    for name, value in page.headers:
        if name.lower() not in {"transfer-encoding", "content-length"}:
            lines.append(f"{_header_safe(name)}: {_header_safe(value)}")
    lines.append(f"Content-Length: {len(page.body)}\r\n\r\n")
    return "\r\n".join(lines).encode() + page.body


_REASONS = {200: "OK", 301: "Moved Permanently", 302: "Found", 400: "Bad Request", 401: "Unauthorized",
            403: "Forbidden", 404: "Not Found", 429: "Too Many Requests", 503: "Service Unavailable"}  # fmt: skip


def _header_safe(text: str) -> str:
    return text.replace("\r", " ").replace("\n", " ")


# ---- redaction ----------------------------------------------------------------------------------------------


def redact(page: Page, secrets: Sequence[str]) -> Page:
    """*page* without cookies, secrets and secret-looking URL parameters. The body changes only if it holds one."""
    headers = tuple((name, _cut(value, secrets)) for name, value in page.headers if name.lower() not in HIDDEN_HEADERS)
    body = page.body
    if secrets and body:
        body, headers = _redact_body(page, headers, [secret.encode() for secret in secrets])
    url = clean_url(_cut(page.url, secrets))
    return msgspec.structs.replace(page, url=url, headers=headers, body=body)


def _redact_body(
    page: Page, headers: tuple[tuple[str, str], ...], secrets: list[bytes]
) -> tuple[bytes, tuple[tuple[str, str], ...]]:
    try:
        content = page.content()
    except BadBody:
        content = page.body
    if not any(secret in content or secret in page.body for secret in secrets):
        return page.body, headers
    for secret in secrets:
        content = content.replace(secret, REDACTED.encode())
    return content, tuple((name, value) for name, value in headers if name.lower() != "content-encoding")


def _cut(text: str, secrets: Sequence[str]) -> str:
    for secret in secrets:
        text = text.replace(secret, REDACTED)
    return text


def clean_url(url: str) -> str:
    """*url* without user name and password, and with the values of secret-looking parameters cut out."""
    parts = urlsplit(url)
    netloc = parts.netloc.rpartition("@")[2]
    query = parts.query
    if SECRET_PARAMETER.search(query):
        pairs = parse_qsl(query, keep_blank_values=True)
        hidden = [(k, REDACTED if SECRET_PARAMETER.search(k) and k not in PAGE_TOKENS else v) for k, v in pairs]
        query = urlencode(hidden) if hidden != pairs else query
    if (netloc, query) == (parts.netloc, parts.query):
        return url
    return urlunsplit(parts._replace(netloc=netloc, query=query))


# ---- reading ------------------------------------------------------------------------------------------------


def segments(directory: Path) -> list[Path]:
    """The segments of an archive (or the one file), in the order of their names, open ones included."""
    if directory.is_file():
        return [directory]
    found = [path for path in directory.glob("*.warc.gz*") if path.name.endswith((SEALED, OPEN))]
    return sorted(found, key=lambda path: path.name)


def members(path: Path, start: int = 0, end: int | None = None) -> Iterator[tuple[int, int, bytes]]:
    """Yield (offset, end, content) of each whole gzip member of *path*; stop quietly at a torn last one.

    Raise Damage where the bytes are not gzip at all, or one member grows past MAX_RECORD.
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


def opened(path: Path) -> BinaryIO:
    """The segment *path* for reading, under its final name if it was sealed meanwhile."""
    try:
        return path.open("rb")
    except FileNotFoundError:
        if not path.name.endswith(OPEN):
            raise
        return path.with_name(path.name.removesuffix(".open")).open("rb")


def synced_end(path: Path) -> int:
    """The offset behind the last sync mark of *path*; for a sealed segment behind its last whole member."""
    last = 0
    for _, end, content in members(path):
        if not path.name.endswith(OPEN) or _is_sync(content):
            last = end
    return last


def _is_sync(content: bytes) -> bool:
    return content.rstrip().endswith(_SYNC)


def read(path: Path, start: int = 0, end: int | None = None) -> Iterator[Entry]:
    """Yield what *path* holds between two offsets (of members), in order. Sync marks and foreign records are left out.

    Of an open segment only what a sync mark covers is read. Raise Damage where it cannot be read on.
    """
    for _, _, entry in read_at(path, start, end):
        yield entry


def read_at(path: Path, start: int = 0, end: int | None = None) -> Iterator[tuple[int, int, Entry]]:
    """Like `read`, with the offsets of each entry: where it begins and where the next one does."""
    waiting: list[tuple[int, int, Entry]] = []
    open_ = path.name.endswith(OPEN) and end is None
    head: tuple[int, str, _Head] | None = None
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
            found: tuple[int, int, Entry] = (offset, after, _told(parsed, fields))
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
    """How many records of *path* are not ours (they are left out by `read`)."""
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


def _head(path: Path, offset: int, block: bytes) -> _Head:
    try:
        return _decode(block)
    except msgspec.DecodeError as error:
        raise Damage(f"{path.name}: the metadata at byte {offset} cannot be read: {error}") from error


def _date(fields: dict[str, str]) -> datetime:
    return datetime.fromisoformat(fields["warc-date"])


def _told(head: _Head, fields: dict[str, str]) -> Failure | Note:
    at, record_id = _date(fields), fields["warc-record-id"]
    if head.what == "failure":
        url = fields.get("warc-target-uri", "")
        return Failure(head.wants, head.reason, head.detail, at, url, record_id, head.run)
    return Note(head.kind, at, head.data, record_id)


def _page(head: _Head, fields: dict[str, str], block: bytes) -> Page:
    status, headers, body = http_message(block)
    url, record_id = fields.get("warc-target-uri", ""), fields["warc-record-id"]
    return Page(head.wants, url, status, headers, body, _date(fields), record_id, head.method, head.run)


def http_message(block: bytes) -> tuple[int, tuple[tuple[str, str], ...], bytes]:
    """Status, headers and body of a recorded HTTP answer."""
    head, _, body = block.partition(b"\r\n\r\n")
    lines = head.decode("utf-8", "replace").split("\r\n")
    words = lines[0].split(" ", 2)
    status = int(words[1]) if len(words) > 1 and words[1].isdigit() else 0
    pairs = (line.partition(":") for line in lines[1:])
    return status, tuple((name, value.strip()) for name, _, value in pairs), body


def entry_at(path: Path, offset: int, end: int) -> Entry:
    """The entry between two offsets that `read_at` gave. Raise Damage if there is none."""
    for entry in read(path, offset, end):
        return entry
    raise Damage(f"{path.name}: no entry at byte {offset}")


# ---- recovery -----------------------------------------------------------------------------------------------


def mend(path: Path) -> tuple[Path, int]:
    """Cut the torn tail off a segment that its dead writer left open, and seal it; return it and the bytes cut.

    Whole members behind the last sync mark stay: an answer that no state knows is harmless. An answer that lost
    its head is left out by `read`.
    """
    last = 0
    try:
        for _, end, _ in members(path):
            last = end
    except Damage:
        pass  # what is behind the last whole member is cut
    cut = path.stat().st_size - last
    with path.open("r+b") as file:
        file.truncate(last)
        file.flush()
        os.fsync(file.fileno())
    return seal(path), cut


def look_up(directory: Path, record_id: str) -> Entry | None:
    """The entry with *record_id*, or None; reads until it is found."""
    wanted = record_id if record_id.startswith("<") else f"<urn:uuid:{record_id}>"
    for path in segments(directory):
        for entry in read(path):
            if entry.record_id == wanted:
                return entry
    return None

"""Writing the archive: segments, sync marks and seals, without secrets; and the repair of a torn segment."""

from __future__ import annotations

import os
import time
import uuid
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

import msgspec

from storage.archive import manifest, store
from storage.archive.reader import FORMAT, OPEN, SEALED, SYNC, Damage, Entry, Head, encode, members
from storage.archive.secrets import clean_text, cut, redact, spellings
from storage.errors import Partial, UserError
from storage.records import Failure, Meta, Page, compress

MAX_SEGMENT = 128 * 1024 * 1024  # compressed bytes of a segment


class Writer:
    """Appends records to segments in *directory*; one writer per process and collector.

    *secrets* are removed from everything, in any encoding. Data are safe only after `sync`.
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
        self.secrets = spellings(secrets)
        self.max_segment, self._now, self._fsync = max_segment, now, fsync
        self._file: BinaryIO | None = None
        self._path = Path()
        self._size = self._number = self._unsynced = 0
        directory.mkdir(parents=True, exist_ok=True)
        self._remote = store.remote_of(directory)
        self._begun = 0.0
        if self._remote is not None:
            self._remote.check()

    def clean(self, answer: Page | Failure) -> Page | Failure:
        """*answer* without the secrets."""
        return redact(answer, self.secrets)

    def clean_text(self, text: str) -> str:
        """*text* without the secrets."""
        return clean_text(cut(text, self.secrets))

    def append(self, answer: Page | Failure) -> str:
        """Write *answer*, redacted; return its record id."""
        return self.put(self.clean(answer))

    def put(self, answer: Page | Failure) -> str:
        """Write *answer*, already redacted; return its record id."""
        record_id = answer.record_id or new_id()
        self._write(encoded(msgspec.structs.replace(answer, record_id=record_id)))
        return record_id

    def note(self, kind: str, data: Meta, at: datetime | None = None) -> str:
        """Write a note of *kind*; return its record id."""
        record_id, at = new_id(), at or self._now()
        text = cut(encode(Head("note", kind=kind, data=data)).decode(), self.secrets)
        self._write(_record("metadata", record_id, at, "", FORMAT, text.encode()))
        return record_id

    def sync(self) -> None:
        """Write a sync mark and sync; start a new segment if this one is full."""
        if self._file is None or not self._unsynced:
            return
        self._file.write(_record("metadata", new_id(), self._now(), "", FORMAT, SYNC))
        self._file.flush()
        if self._fsync:
            os.fsync(self._file.fileno())
        self._unsynced = 0
        if self._file.tell() >= self.max_segment or self._due(0):
            self._seal()

    def rest(self, seconds: float) -> None:
        """Sync; if nothing is written for *seconds*, seal what a store should have before their end."""
        self.sync()
        if self._file is not None and self._due(seconds):
            self._seal()

    def _due(self, seconds: float) -> bool:
        return self._remote is not None and time.monotonic() - self._begun + seconds >= self._remote.where.upload_every

    def close(self) -> None:
        """Sync and seal the open segment. Raise Partial if the archive lies in a store that does not take it."""
        self.sync()
        if self._file is not None:
            self._seal()
        try:
            upload(self.directory)
        except UserError as error:
            raise Partial(str(error)) from error

    def _write(self, data: bytes) -> None:
        if self._file is None:
            self._begin()
        assert self._file is not None
        self._file.write(data)
        self._unsynced += 1

    def _begin(self) -> None:
        machine = f"{self._remote.where.machine}-" if self._remote else ""
        stem = f"{self.name}-{self._now():%Y%m%dT%H%M%S%f}-{machine}{os.getpid()}"
        self._number += 1
        while (self.directory / f"{stem}-{self._number:05d}{SEALED}").exists():  # a replay's clock may not advance
            self._number += 1
        self._path = self.directory / f"{stem}-{self._number:05d}{OPEN}"
        self._file, self._begun = self._path.open("xb"), time.monotonic()
        info = b"software: sneeuwbal\r\nformat: WARC File Format 1.1\r\n"
        self._file.write(_record("warcinfo", new_id(), self._now(), "", "application/warc-fields", info))
        sync_directory(self.directory)

    def _seal(self) -> None:
        assert self._file is not None
        self._file.close()
        self._file = None
        seal(self._path)


def encoded(entry: Entry) -> bytes:
    """*entry* as gzip members, unchanged, with its record id."""
    if isinstance(entry, Page):
        head = Head("answer", entry.run, entry.requests, entry.method, entry.redacted, asked=entry.asked)
        data = _record("metadata", new_id(), entry.fetched_at, entry.url, FORMAT, encode(head), entry.record_id)
        return data + _record("response", entry.record_id, entry.fetched_at, entry.url, _HTTP, _http(entry))
    if isinstance(entry, Failure):
        head = Head("failure", entry.run, entry.requests, reason=entry.reason, detail=entry.detail, asked={})
        return _record("metadata", entry.record_id, entry.failed_at, entry.url, FORMAT, encode(head))
    head = Head("note", kind=entry.kind, data=entry.data)
    return _record("metadata", entry.record_id, entry.at, "", FORMAT, encode(head))


_HTTP = "application/http; msgtype=response"


def new_id() -> str:
    """A fresh WARC-Record-ID."""
    return f"<urn:uuid:{uuid.uuid4()}>"


def seal(path: Path) -> Path:
    """Record the checksum of an open segment, and rename it; return its final name."""
    final = path.with_name(path.name.removesuffix(".open"))
    manifest.note(path, final.name)  # first: a checksum without a segment is harmless, as a repair seals it again
    path.rename(final)
    sync_directory(path.parent)
    with suppress(UserError):  # tried again at the next one, and at the end
        upload(path.parent)
    return final


def upload(directory: Path) -> None:
    """Upload the sealed segments in *directory* that its store should have. Raise UserError if one must wait."""
    remote = store.remote_of(directory)
    if remote is None or not (paths := store.waiting(directory)):
        return
    sums = manifest.sealed_here(directory)
    try:
        for path in paths:
            with suppress(FileNotFoundError):  # uploaded by another process
                remote.create(path, manifest.proven(path, sums))
                remote.keep(path)
    except UserError as error:
        left = len(store.waiting(directory))
        raise UserError(f"{error} ({left:,} segments wait in {directory})") from error


def sync_directory(path: Path) -> None:
    """Sync the directory (or file) *path*, so that renames and new files are safe."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _record(kind: str, record_id: str, at: datetime, url: str, type_: str, block: bytes, answer: str = "") -> bytes:
    """One gzip member with one WARC record."""
    lines = [f"WARC/1.1\r\nWARC-Type: {kind}\r\nWARC-Record-ID: {record_id}"]
    lines.append(f"WARC-Date: {at.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%f}Z")
    if url:
        lines.append(f"WARC-Target-URI: {_header_safe(url)}")
    if answer:
        lines.append(f"WARC-Concurrent-To: {answer}")
    lines.append(f"Content-Type: {type_}\r\nContent-Length: {len(block)}\r\n\r\n")
    return compress("\r\n".join(lines).encode() + block + b"\r\n\r\n")


def _http(page: Page) -> bytes:
    """The HTTP message of *page*: as received, but not chunked."""
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


def repair(path: Path) -> tuple[Path, int]:
    """Remove the torn tail of a segment left open by a dead writer, and seal it; return it and the bytes removed.

    Complete members after the last sync mark are kept: an answer unknown to the state is harmless. An answer that lost
    its metadata is skipped by `read`.
    """
    last = 0
    try:
        for _, end, _ in members(path):
            last = end
    except Damage:
        pass  # the rest after the last complete member is removed
    cut = path.stat().st_size - last
    with path.open("r+b") as file:
        file.truncate(last)
        file.flush()
        os.fsync(file.fileno())
    return seal(path), cut

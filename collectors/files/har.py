"""HAR files: recordings of a browser's network panel or a proxy, of supported platforms.

http://www.softwareishard.com/blog/har-12-spec/: `log.entries`, each with `startedDateTime`, `request.url`, and
`response` with `status`, `headers` and the decoded body as `content.text`, in base64 if `content.encoding` says so.
Requests are never copied: they contain credentials.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Generator, Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

from collectors.files.recordings import Recording, read, redacted
from collectors.importing import chunks
from collectors.importing.chunks import EXCERPT, Piece, Unreadable, as_far, cursor, open_bytes, places
from collectors.importing.file_collector import FileCollector
from collectors.importing.json_stream import Cutter
from collectors.parsing.coerce import decode, each, get, moment, number, text
from collectors.x.personal import FILES
from storage.records import Request

_ENTRIES = re.compile(rb'"entries"\s*:\s*(?=\[)')
SENT = {"content-encoding", "content-length", "transfer-encoding"}  # describe the body as sent


def cut(path: Path, request: Request, options: Mapping[str, Any]) -> Generator[Piece]:
    """One piece per answer."""
    (done,) = places(request.target.cursor, 1)
    known, damage, count = Recording(), list[Unreadable](), 0
    with open_bytes(path) as stream:
        for count, raw in enumerate(as_far(_entries(stream, path.name), damage), 1):
            try:
                piece = known.piece(_piece(decode(raw), count))
            except ValueError as error:
                piece = Piece(raw[:EXCERPT], cursor(count), count, 1, "entry", refused=str(error))
            if piece and count > done:
                yield piece
    yield from known.rest(cursor(1 << 62))
    if damage:
        raise damage[0]


def _entries(stream: BinaryIO, name: str) -> Iterator[bytes]:
    """The entries of the log, undecoded."""
    head = b""
    while not (found := _ENTRIES.search(head)):
        if len(head) > chunks.MAX_UNIT or not (data := stream.read(chunks.PIECE)):
            raise Unreadable(f"{name} is no HAR file: it has no list of entries")
        head += data
    cutter, data = Cutter(size=1), head[found.end() :]
    while data:
        try:
            yield from (body[1:-1] for body, _, _ in cutter.feed(data))
        except Unreadable:
            if cutter.depth < 0:  # the end of the list, and of the log
                return
            raise
        data = stream.read(chunks.PIECE)
    if cutter.depth > 0:
        raise Unreadable(f"{name} breaks off in an entry")


def _piece(entry: Any, count: int) -> Piece:
    """The answer in an *entry*. Raise ValueError if there is none."""
    url, answer = text(get(entry, "request", "url")), get(entry, "response")
    said = get(answer, "content", "text")
    if url is None or not isinstance(answer, dict):
        raise ValueError("an entry without an address or an answer")
    body = said.encode() if isinstance(said, str) else b""
    if get(answer, "content", "encoding") == "base64":
        body = base64.b64decode(body)
    pairs = ((text(get(one, "name")), get(one, "value")) for one in each(answer.get("headers")))
    headers = tuple((name, " ".join(str(value).split())) for name, value in pairs if name and name.lower() not in SENT)
    return Piece(
        body, cursor(count), count, 1, "entry", status=number(answer.get("status")) or 0, url=url, headers=headers,
        at=moment(get(entry, "startedDateTime")),
    )  # fmt: skip


collector = FileCollector("har", cut, read, personal=FILES, redacted=redacted)

"""The archive of a member's own posts from X: `tweets.js`, alone or in its ZIP.

Only the posts are read, and from `account.js` the account's id: never the e-mail address, messages and the rest.
"""

from __future__ import annotations

import re
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any, BinaryIO

import msgspec

from collectors.files.x_v1_posts import Context, status
from collectors.importing.chunks import Unreadable, bounded, checked_zip, open_bytes, open_member
from collectors.parsing.coerce import decode, get, ident
from storage.records import Post, Record

_NAME = re.compile(r"(?:^|/)tweets?(?:-part\d+)?\.js$")
_SCRIPT = re.compile(rb"\s*window\.YTD\.\w+\.part\d+\s*=\s*")
BLOCK = 1 << 16


def opened(path: Path) -> tuple[list[Callable[[], BinaryIO]], str]:
    """Functions that open the JSON in *path*, without the script's assignment, and the account's id if known."""
    if not zipfile.is_zipfile(path):
        with open_bytes(path) as stream:
            script = _SCRIPT.match(stream.read(200))
        size = path.stat().st_size
        return [(lambda: _json(open_bytes(path), path.name, size)) if script else (lambda: open_bytes(path))], ""
    archive = checked_zip(path)
    found = [entry for entry in archive.infolist() if _NAME.search(entry.filename)]
    if not found:
        raise Unreadable(f"{path.name} holds no tweets.js")
    owner = next((entry for entry in archive.infolist() if entry.filename.endswith("/account.js")), None)
    return [
        (lambda entry=entry: _json(open_member(archive, entry), entry.filename, entry.file_size))  # type: ignore[misc]
        for entry in sorted(found, key=lambda entry: entry.filename)
    ], _owner(open_member(archive, owner)) if owner else ""


def _json(stream: BinaryIO, name: str, size: int) -> BinaryIO:
    def parts() -> Iterator[bytes]:
        with closing(stream):
            yield _SCRIPT.sub(b"", stream.read(BLOCK), count=1)
            while block := stream.read(BLOCK):
                yield block

    return bounded(parts(), name, size)


def _owner(stream: BinaryIO) -> str:
    with closing(stream):
        try:
            account = decode(_SCRIPT.sub(b"", stream.read(BLOCK), count=1))
        except ValueError:
            return ""
    return ident(get(account, 0, "account", "accountId")) or ""


def post(tweet: Mapping[str, Any], context: Context) -> Iterator[Record]:
    """A post of the archive, on its owner's timeline. Raise ValueError if the owner is unknown.

    Of a retweet the archive has only the cut text, which begins with `RT @`.
    """
    if not context.of:
        raise ValueError("a post of an archive that does not say whose it is; give --of ID, or the whole ZIP")
    for one in status({**tweet, "user": {"id_str": context.of}}, context):
        if isinstance(one, Post) and (one.text or "").startswith("RT @"):
            one = msgspec.structs.replace(one, kind="retweet")
        yield one

"""Suppression of forgotten people in collection, loading and admission."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any
from urllib.parse import unquote

import msgspec

from storage.archive.reader import Entry, Note
from storage.privacy.erase import Cutter
from storage.privacy.forgotten import Forgotten, Name, bare
from storage.privacy.quoted_text import unescaped
from storage.records import BadBody, Failure, Request

RELATIVE = re.compile(r"href=[\"'](/[^\"'\s?#]{2,300})")


class Guard:
    """Keeps forgotten people out of the study in *study*; free of cost if no one is forgotten.

    *collectors* are all installed ones, as objects or "module:object"; without them only targets can be checked.
    """

    def __init__(self, study: Path, collectors: Mapping[str, Any] = MappingProxyType({})) -> None:
        self.forgotten = Forgotten(study, collectors)
        self._copied = self.forgotten.copied()

    def entry(self, entry: Entry) -> Entry | None:
        """*entry* without forgotten people; the same object if none is in it; None if it is entirely theirs."""
        if not self.forgotten:
            return entry
        ours, content = _ours(entry), _content(entry)
        text = _readable(entry, content)
        names = self.forgotten.sight(f"{ours} {text}", ours)
        if not isinstance(entry, Note):
            kinds = ("account", "profile", "post")
            targets = [
                request.target
                for request in entry.requests
                if self.forgotten.holds(request.target.collector, request.target.key)
            ]
            names |= {Name(kind, bare(t.key)) for t in targets for kind in (t.collector, *kinds)}
        if not names and not self._copied.finds_in(content):
            return entry
        return Cutter(names, self.forgotten, copied=self._copied).entry(entry)

    def requests(self, requests: Sequence[Request]) -> list[Request]:
        """Those of *requests* that do not name a forgotten person."""
        if not self.forgotten:
            return list(requests)
        return [
            request for request in requests if not self.forgotten.holds(request.target.collector, request.target.key)
        ]


def _ours(entry: Entry) -> str:
    """Our metadata of an answer, or a note: in it even a bare word may be a handle."""
    if isinstance(entry, Note):
        return msgspec.json.encode(entry.data).decode().replace('\\"', '"')
    owner = "" if isinstance(entry, Failure) else entry.asked.get("owner", "")
    return f"{unquote(entry.url)} {msgspec.json.encode(entry.requests).decode()} {owner}"


def _content(entry: Entry) -> bytes:
    """The body of *entry*, as far as it can be read, or the words of a failure."""
    if isinstance(entry, Note):
        return b""
    if isinstance(entry, Failure):
        return entry.detail.encode("utf-8", "replace")
    try:
        return entry.content()
    except BadBody:
        return entry.body


def _readable(entry: Entry, content: bytes) -> str:
    """The text of *content*, with escapes decoded and relative links made absolute."""
    text = unescaped(content)
    if "<" not in text[:2000] or isinstance(entry, Note):
        return text
    origin = "/".join(entry.url.split("/", 3)[:3])
    return f"{text} {' '.join(origin + path for path in set(RELATIVE.findall(text)))}"

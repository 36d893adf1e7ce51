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
from storage.privacy.erase_bodies import unescaped
from storage.privacy.forgotten import Forgotten, Name, bare
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
        ours = _ours(entry)
        text = _readable(entry)
        names = self.forgotten.sight(f"{ours} {text}", ours)
        if not isinstance(entry, Note):
            kinds = ("account", "profile", "post")
            targets = [
                request.target
                for request in entry.requests
                if self.forgotten.holds(request.target.collector, request.target.key)
            ]
            names |= {Name(kind, bare(t.key)) for t in targets for kind in (t.collector, *kinds)}
        if not names and not self._copied.finds(text):
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


def _readable(entry: Entry) -> str:
    """All text of *entry*, with escapes decoded and relative links made absolute."""
    if isinstance(entry, Note):
        return ""
    if isinstance(entry, Failure):
        return entry.detail
    try:
        content = entry.content()
    except BadBody:
        content = entry.body
    text = unescaped(content)
    origin = "/".join(entry.url.split("/", 3)[:3])
    links = " ".join(origin + path for path in set(RELATIVE.findall(text))) if "<" in text[:2000] else ""
    return f"{text} {links}"

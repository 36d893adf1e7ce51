"""A registered search: its words, its place, and the key of its target, which contains both.

A key is `ID/VERSION?at=...&q=...`: the archive thus documents each search, and other words are another target.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from urllib.parse import parse_qsl, quote, urlencode

import msgspec

from storage.errors import UserError


class Search(msgspec.Struct, frozen=True):
    """One version of a search, as sent to one interface."""

    query: str  # its id
    version: int = 1
    words: str = ""
    address: str = ""  # of the feed, site or server; empty: the interface's own
    first_day: date | None = None  # of the documents
    last_day: date | None = None

    @property
    def name(self) -> str:
        """Id and version; a name always has the same words."""
        return f"{self.query}/{self.version}"

    @property
    def key(self) -> str:
        """The key of its target."""
        asked = {"at": self.address, "q": self.words, "from": self.first_day or "", "to": self.last_day or ""}
        given = {name: str(value) for name, value in asked.items() if value}
        return f"{self.name}?{urlencode(given, quote_via=quote, safe='')}"


def search_of(key: str) -> Search:
    """The search with this *key*. Raise ValueError if it is not one."""
    name, mark, rest = key.partition("?")
    query, slash, version = name.rpartition("/")
    if not (query and slash and mark):
        raise ValueError(f"{key[:100]!r} is not the key of a search")
    given = dict(parse_qsl(rest))
    first, last = (date.fromisoformat(given[name]) if name in given else None for name in ("from", "to"))
    return Search(query, int(version), given.get("q", ""), given.get("at", ""), first, last)


def refuse_changed(wanted: Iterable[str], known: Iterable[str], file: str) -> None:
    """Raise UserError if a key of *wanted* differs from the one of *known* with the same name: it needs a new version.

    *file* contains the register.
    """
    asked: dict[str, str] = {}
    highest: dict[str, int] = {}
    for key in known:
        one = search_of(key)
        asked[one.name] = key
        highest[one.query] = max(one.version, highest.get(one.query, 0))
    for key in wanted:
        one = search_of(key)
        if (before := asked.get(one.name, key)) != key:
            raise UserError(
                f"{file}: search {one.query!r} version {one.version} was run as {_shown(before)}, but is now"
                f" {_shown(key)}; give it version = {highest[one.query] + 1}, to keep their results apart"
            )


def _shown(key: str) -> str:
    one = search_of(key)
    said = {"": one.words and repr(one.words), "at": one.address, "from": one.first_day, "to": one.last_day}
    return " ".join(f"{word} {value}".strip() for word, value in said.items() if value) or "nothing"

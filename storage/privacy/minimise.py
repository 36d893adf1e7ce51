"""Data minimisation: fields dropped before loading, and retention of records by kind."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

import msgspec

from storage.archive.reader import Entry, Note
from storage.privacy.declared import RECORDS
from storage.records import Account, Connection, Document, DocumentPage, Follow, Page, Post, Profile, Quarantine

YIELDS = {
    Post: "posts",
    Follow: "follows",
    Connection: "connections",
    Document: "documents",
    DocumentPage: "documents",
    Profile: "profiles",
    Account: "accounts",
}


def minimised(records: Iterable[Any], drop: Iterable[str]) -> Iterator[Any]:
    """*records* without the categories in *drop*. Whether a text begins with @ is kept, for Table 6."""
    drop = frozenset(drop)
    emptied = {
        kind: {name: None for name, category in fields.items() if category in drop and (kind, name) != (Post, "text")}
        for kind, fields in RECORDS.items()
    }
    for record in records:
        values: dict[str, Any] = dict(emptied.get(type(record), {}))
        if "texts" in drop and isinstance(record, Post) and record.text is not None:
            values["text"] = "@" if record.text.startswith("@") else ""
        if drop and isinstance(record, Quarantine):
            values["excerpt"] = ""
        yield msgspec.structs.replace(record, **values) if values else record


class Expiry:
    """A rewriter that removes records older than the study keeps them."""

    people: frozenset[str] = frozenset()

    def __init__(
        self,
        keep_days: Mapping[str, int],
        now: datetime,
        yields: Mapping[tuple[str, str], str],
        parse: Callable[[Page], Iterable[Any]],
    ) -> None:
        """*yields* is the yield of each (collector, kind); the keys of *keep_days* are yields or kinds.

        An answer without either, such as a part of an imported file, yields the first of `YIELDS` in its records, which
        *parse* reads.
        """
        self._ends = {name: now - timedelta(days=days) for name, days in keep_days.items()}
        self._yields, self._parse = yields, parse

    def entry(self, entry: Entry) -> Entry | None:
        """*entry*, or None if it is an answer older than its kind is kept."""
        if isinstance(entry, Note) or not entry.requests:
            return entry
        at = entry.fetched_at if isinstance(entry, Page) else entry.failed_at
        target = entry.meant if isinstance(entry, Page) else entry.requests[0].target
        kind = self._yields.get((target.collector, target.kind), "")
        end = self._ends.get(kind, self._ends.get(target.kind))
        if not kind and end is None and isinstance(entry, Page) and any(at < one for one in self._ends.values()):
            found = {type(record) for record in self._parse(entry)}
            end = next((self._ends.get(name) for type_, name in YIELDS.items() if type_ in found), None)
        return None if end is not None and at < end else entry

    def finds(self, text: str) -> bool:
        """Keep records of other programs, which have no kind."""
        return False

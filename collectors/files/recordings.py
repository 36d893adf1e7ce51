"""Answers recorded by other tools: of X, and of any platform whose collector recognises its own (`Hooks.recorded`).

The hook's result is in `Page.asked`: `recorded` (the collector), and the `kind`, `key` and `cursor` of the
answer's target. It is read by that collector, like its own answer.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import entry_points
from typing import Any
from urllib.parse import urlsplit

import msgspec

from collectors.files import x_v1, x_v2
from collectors.importing.chunks import Piece
from collectors.importing.file_collector import place, read_json
from collectors.parsing.redact import Shapes, redaction
from collectors.wire.http import UNREADABLE
from collectors.x.personal import PERSONAL
from storage.errors import UserError
from storage.outcomes import absences
from storage.privacy.declared import OUT, Hooks, hooks_of
from storage.records import Page, Post, Quarantine, Record, Request, Target

HOSTS = {"api.twitter.com", "api.x.com", "stream.twitter.com", "sitestream.twitter.com", "userstream.twitter.com"}


@cache
def _recognising() -> Mapping[str, tuple[Any, Hooks]]:
    """The collectors that recognise recorded answers, by name."""
    found = {point.name: point.load() for point in entry_points(group="sneeuwbal.collectors")}
    return {name: (one, hooks) for name, one in sorted(found.items()) if (hooks := hooks_of(one)).recorded}


class Recording:
    """The state while reading one recording, whose answers are in order."""

    def __init__(self) -> None:
        self._seen: dict[str, dict[str, str]] = {}  # by collector, a memory for its hook
        self._left_out: Counter[str] = Counter()

    def leave(self, what: str) -> None:
        """Count something that is no answer to read."""
        self._left_out[what] += 1

    def piece(self, piece: Piece) -> Piece | None:
        """*piece*, an answer, assigned to its platform; None if it is left out and counted."""
        parts = urlsplit(piece.url)
        piece = msgspec.structs.replace(piece, url=parts._replace(netloc=parts.netloc.lower()).geturl())
        if (parts.hostname or "") in HOSTS:
            return piece
        page = Page((), piece.url, piece.status, piece.headers, piece.body, piece.at or datetime.now(UTC))
        for name, (_, hooks) in _recognising().items():
            assert hooks.recorded is not None
            try:
                target = hooks.recorded(page, self._seen.setdefault(name, {}))
            except UNREADABLE:
                continue
            if isinstance(target, Target) and self._opted_out(name, target):
                target = "their account opted out"
            if isinstance(target, str):
                self.leave(target)
                return None
            if target is not None:
                asked = {"recorded": name, "kind": target.kind, "key": target.key, "cursor": target.cursor}
                return msgspec.structs.replace(piece, asked={**piece.asked, **asked})
        self.leave("no collector reads them")
        return None

    def _opted_out(self, name: str, target: Target) -> bool:
        """Whether *target* is a list of an account that opted out, which is not requested here either."""
        kind = _recognising()[name][0].kinds.get(target.kind)
        return kind is not None and kind.of == "account" and OUT + target.key in self._seen[name]

    def rest(self, after: str) -> Iterator[Piece]:
        """A last piece with the number of answers left out, and why."""
        if self._left_out:
            summary = "; ".join(f"{count} answers: {why}" for why, count in sorted(self._left_out.items()))
            yield Piece(b"", after, asked={"left_out": summary})


def read(page: Page) -> Iterator[Record]:
    """The records of an answer: of X by its URL, of another platform by the collector that recognised it."""
    if left_out := page.asked.get("left_out"):
        return iter([Quarantine(place(page), f"left out: {left_out}")])
    if not page.body:
        return iter(())
    if "recorded" in page.asked:
        return _recognised(page)
    second = urlsplit(page.url).path.startswith("/2/")
    if page.status != 200:
        return x_v2.refused(page) if second else x_v1.refused(page)
    if second:
        return x_v2.read(page)
    context = x_v1.from_url(page.url, x_v1.context_of(page))
    return x_v1.once(read_json(page, lambda value: x_v1.records(value, context)))


def redacted(page: Page, drop: Collection[str]) -> Page:
    """*page* redacted as its own platform declares. Raise UserError if that cannot be."""
    target = page.meant
    redact = redaction(_recognising()[page.collector][0]) if "recorded" in page.asked else None
    if urlsplit(page.url).hostname in HOSTS and urlsplit(page.url).path.startswith("/2/"):
        target = Target("x", "sample" if page.asked.get("unit") == "line" else "timeline", "")
        redact = Shapes(PERSONAL).redacted
    if redact is None and page.body:
        raise UserError(
            f"answers of {urlsplit(page.url).hostname} cannot be redacted; take [minimise] redact_archive out, or"
            " import in a study without it"
        )
    left = redact(msgspec.structs.replace(page, requests=(Request(target, ""),)), drop) if redact else page
    return msgspec.structs.replace(left, requests=page.requests)


def _recognised(page: Page) -> Iterator[Record]:
    """The records of an answer of another platform; its posts belong to the given comparison set, if any."""
    sample = page.asked.get("sample")
    collector, answer = (
        _recognising()[page.collector][0],
        msgspec.structs.replace(page, requests=(Request(page.meant, ""),)),
    )
    yield from absences(collector.outcome(answer))
    for one in collector.parse(answer):
        if isinstance(one, Post) and sample:
            if one.timeline_of is not None:  # referenced posts are not part of a set
                yield msgspec.structs.replace(one, sample=sample)
        else:
            yield one

"""recover(): rebuild the state from the archive."""

from __future__ import annotations

import heapq
import re
from collections.abc import Container, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

from collectors.base import Collector
from collectors.engine.transitions import moves_of
from storage.archive import reader as archive
from storage.errors import UserError
from storage.frontier.sqlite import Frontier
from storage.records import Page
from storage.sampling.admission import admitted

TOGETHER = 1_000  # entries in one transaction


def recover(
    study: Path, collectors: Mapping[str, Collector], path: Path, without: Container[str] = ()
) -> dict[str, int]:
    """Rebuild the state of *study* at *path* from its archive; return the number of targets per collector.

    The same outcomes are applied in the same order as when they were collected. *without*: the names of the sealed
    segments that are known to have no admission. Raise UserError on damage.
    """
    frontier = Frontier(path)
    with frontier.transaction():
        for name, collector in collectors.items():
            frontier.declare(name, {kind: spec.yields for kind, spec in collector.kinds.items()})
    segments = archive.segments(study / "archive")
    try:
        for only_admissions in (True, False):  # additions before outcomes, in any order of files
            entries = _in_order(one for one in segments if not (only_admissions and one.name in without))
            while some := list(islice(entries, TOGETHER)):
                with frontier.transaction():
                    for entry in some:
                        admission = isinstance(entry, archive.Note) and entry.kind == "admission"
                        if admission == only_admissions:
                            _retrace(entry, frontier, collectors)
    except archive.Damage as error:
        raise UserError(f"{error}; move the segment away or restore it from a backup") from error
    counts: dict[str, int] = {}
    for named, _, _, _, number in frontier.counts():
        counts[named] = counts.get(named, 0) + number
    frontier.close()
    return counts


def _in_order(segments: Iterable[Path]) -> Iterator[archive.Entry]:
    """The entries of all segments by time, as machines that share a frontier continue each other's walks.

    The order within a segment is kept. A segment is opened at the time in its name.
    """
    heap: list[tuple[float, int, archive.Entry | None, Iterator[archive.Entry]]] = [
        (_begun(segment), number, None, archive.read(segment)) for number, segment in enumerate(segments)
    ]
    heapq.heapify(heap)
    while heap:
        at, number, entry, rest = heap[0]
        if entry is not None:
            yield entry
        if (following := next(rest, None)) is None:
            heapq.heappop(heap)
        else:
            heapq.heapreplace(heap, (max(at, _time(following)), number, following, rest))


def _begun(segment: Path) -> float:
    found = re.search(r"-(\d{8}T\d{12})-", segment.name)
    return datetime.strptime(found.group(1), "%Y%m%dT%H%M%S%f").replace(tzinfo=UTC).timestamp() if found else 0.0


def _time(entry: archive.Entry) -> float:
    if isinstance(entry, archive.Note):
        return entry.at.timestamp()
    return (entry.fetched_at if isinstance(entry, Page) else entry.failed_at).timestamp()


def _retrace(entry: archive.Entry, frontier: Frontier, collectors: Mapping[str, Collector]) -> None:
    if isinstance(entry, archive.Note):
        note = entry.data
        if entry.kind == "admission":
            frontier.add(admitted(note), entry.at)
        elif entry.kind == "revisit":
            before = datetime.fromisoformat(note["before"]) if note.get("before") else None
            frontier.revisit(note["collector"], note["kind"], entry.at, since=note.get("since", ""),
                             whole=note.get("whole", False), before=before, only=note.get("only"))  # fmt: skip
        elif entry.kind == "retry":
            frontier.retry(note["collector"], note["kind"], entry.at)
        elif entry.kind == "run-start":
            frontier.start_run(note["run"], note["collector"], entry.at)
        elif entry.kind == "run-end":
            frontier.end_run(note["run"], note["status"], note["reason"], note["answers"], note["items"], entry.at,
                             note.get("lost", False))  # fmt: skip
        return
    if entry.requests and (collector := collectors.get(entry.requests[0].target.collector)):
        at = entry.fetched_at if isinstance(entry, Page) else entry.failed_at
        frontier.apply(moves_of(entry, collector, collector.kinds), at)

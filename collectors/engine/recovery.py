"""recover(): rebuild the state from the archive."""

from __future__ import annotations

from collections.abc import Container, Mapping
from datetime import datetime
from pathlib import Path

from collectors.base import Collector
from collectors.engine.transitions import moves_of
from storage.archive import reader as archive
from storage.errors import UserError
from storage.frontier.sqlite import Frontier
from storage.records import Page
from storage.sampling.admission import admitted


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
            for segment in segments:
                if only_admissions and segment.name in without:
                    continue
                with frontier.transaction():
                    for entry in archive.read(segment):
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

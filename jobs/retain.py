"""Compliance and retention: remove what is deleted on its platform or passed its retention period."""

from __future__ import annotations

import csv
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from datetime import UTC, datetime

from collectors.engine.run import Report
from collectors.parsing.redact import redaction
from jobs.collect import Progress, collect_one, judge, revisit, silent, stopping, summary
from jobs.context import DATABASE, Say, collectors_of, lake_of, open_state, parsers, wire_for, yields
from jobs.erasing import document, hold
from jobs.forget import rebuild
from jobs.intake import admit_requests
from jobs.run import load
from storage import consents
from storage.archive.reader import Entry
from storage.archive.writer import Writer
from storage.errors import Partial, UserError
from storage.frontier.base import Frontier
from storage.locks import lock
from storage.privacy import retention
from storage.privacy.declared import platforms
from storage.privacy.erase import Cutter
from storage.privacy.forget import Cut, forget, rewrite
from storage.privacy.forgotten import Forgotten
from storage.privacy.minimise import Expiry
from storage.records import Page, Record, Request, Target
from storage.tables import database
from study.installed import installed
from study.study_file import Study


def compliance(study: Study, *, progress: Progress = silent, say: Say = print) -> list[Report]:
    """Look up every stored account and post, and remove those deleted; return the reports of the look-ups.

    Raise Partial as `retain` does.
    """
    load(study, say=say)
    chosen, reports = collectors_of(study), []
    frontier = open_state(study)
    try:
        kinds = queue(study, frontier, say)
        with stopping() as stop:
            for name, wanted in kinds.items():
                wire = wire_for(study, name)
                reports.append(collect_one(study, frontier, name, chosen[name], wire, stop, progress, wanted))
                say(summary(reports[-1]))
    finally:
        frontier.close()
    load(study, say=say)
    try:
        retain(study, say=say)
    except Partial as error:
        say(str(error))
        judge(reports)  # how the look-ups ended counts more
        raise
    return reports


def recheck(study: Study, *, say: Say = print) -> dict[str, tuple[str, ...]]:
    """Queue a look-up of every stored account and post; return the kinds to collect, by collector."""
    frontier = open_state(study)
    try:
        return queue(study, frontier, say)
    finally:
        frontier.close()


def queue(study: Study, frontier: Frontier, say: Say) -> dict[str, tuple[str, ...]]:
    """Queue the look-ups on an open state; see `recheck`."""
    chosen = collectors_of(study)
    with database.open_readonly(study.directory / DATABASE) as db:
        found = retention.rechecks(db, platforms(parsers()).values())
    requests = [Request(Target(*one), "") for one in found if one[0] in chosen]
    kinds: dict[str, tuple[str, ...]] = {}
    for request in requests:
        name, kind = request.target.collector, request.target.kind
        if kind not in kinds.get(name, ()):
            kinds[name] = (*kinds.get(name, ()), kind)
    for name, again in kinds.items():
        revisit(study, frontier, name, again)
    admit_requests(study, frontier, "recheck", requests, datetime.now(UTC))
    say(f"queued {len(requests):,} look-ups")
    return kinds


def gone(study: Study) -> int:
    """The number of stored posts and accounts that are no longer on their platforms."""
    with database.open_readonly(study.directory / DATABASE) as db:
        return len(retention.gone(db, platforms(parsers()).values()))


def retain(study: Study, *, say: Say = print) -> None:
    """Remove what is deleted on its platform or passed its retention period; the view `removed` lists it.

    Raise Partial, after all else is removed, for what could not be examined.
    """
    waiting = consents.waiting(study.directory)
    if waiting.since:  # what participants gave has a period too
        load(study, say=say)
    now, cut = datetime.now(UTC), Cut(unread=[waiting.unreadable] if waiting.unreadable else [])
    archive = study.archive
    with ExitStack() as locks:
        hold(locks, study, wait=True)
        with lock(study.directory, "load", wait=True):
            notes = Writer(archive, "forget")  # first: if the store is away, nothing is removed
            rewrite(archive, Expiry(study.minimise.keep_days, now, yields(), _records), cut)
            expired = cut.removed
            if study.minimise.redact_archive:
                archived = Redaction(study)
                rewrite(archive, archived, cut)
                for name, number in archived.unable.items():
                    say(f"{number:,} answers of {name!r} were not redacted: it does not declare personal fields")
            redacted = cut.changed
            rows = _cut_gone(study, now, cut)
            missing = len(rows)
            rows += [(now.isoformat(timespec="seconds"), "", "answer", "", "expired")] * expired
            if rows or redacted:
                _log(study, rows, notes, cut)
        if rows or redacted:
            cut.unread += rebuild(study.directory, say)
    if rows:
        say(f"{missing:,} posts and accounts are no longer on their platforms; {expired:,} answers passed their "
            "retention period")  # fmt: skip
    else:
        say("nothing to remove")
    if redacted:
        say(f"{redacted:,} earlier answers were redacted")
    if cut.unread:
        raise Partial("; ".join(f"could not be examined: {place}" for place in cut.unread))


def _records(page: Page) -> Iterator[Record]:
    """The records of *page*; none if its collector is not installed."""
    point = installed().get(page.requests[0].target.collector)
    return iter(point.load().parse(page)) if point else iter(())


def _cut_gone(study: Study, now: datetime, cut: Cut) -> list[tuple[str, str, str, str, str]]:
    """Remove deleted items everywhere; return their rows for the view `removed`."""
    with database.open_readonly(study.directory / DATABASE) as db:
        found = retention.gone(db, platforms(parsers()).values())
    names = {name for one in found for name in one.names}
    if not names:
        return []
    forgotten = Forgotten(study.directory, parsers())
    lake = lake_of(study)
    forget(
        study.directory, Cutter(names, forgotten), cut,
        published=study.directory / DATABASE, lake=lake.folder if lake else None,
    )  # fmt: skip
    forgotten.add_tokens(names)
    at = now.isoformat(timespec="seconds")
    return [(at, one.platform, one.kind, forgotten.token(min(one.names)), one.reason) for one in found]


class Redaction:
    """Redacts answers archived before the study redacted its archive; a callback of `rewrite`."""

    people: frozenset[str] = frozenset()

    def __init__(self, study: Study) -> None:
        self._redact = {name: redaction(point.load()) for name, point in installed().items()}
        self.unable: dict[str, int] = {}  # answers left unchanged, by collector
        self._drop = frozenset(study.minimise.drop)

    def entry(self, entry: Entry) -> Entry | None:
        """*entry*, redacted; unchanged if it already was, or cannot be."""
        if not isinstance(entry, Page) or not entry.requests or (entry.redacted and self._drop <= set(entry.redacted)):
            return entry
        name = entry.requests[0].target.collector
        redact = self._redact.get(name)
        with suppress(UserError):  # of recordings, an answer that its platform does not declare
            if redact is not None:
                return redact(entry, self._drop)
        self.unable[name] = self.unable.get(name, 0) + 1
        return entry

    def finds(self, text: str) -> bool:
        """Keep records of other programs."""
        return False


def _log(study: Study, rows: list[tuple[str, str, str, str, str]], notes: Writer, cut: Cut) -> None:
    """Record what was removed, document it in the archive, and delete old reports, which may show it."""
    path = study.directory / retention.FILE
    fresh = not path.exists()
    with path.open("a", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerows([retention.COLUMNS] if fresh else [])
        writer.writerows(rows)
    shutil.rmtree(study.directory / "reports", ignore_errors=True)
    document(notes, {"by": "retain", "rows": len(rows), "removed": cut.removed, "changed": cut.changed}, cut)

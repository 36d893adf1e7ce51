"""Compliance and retention: what is gone on its platform, or was kept long enough, goes here too."""

from __future__ import annotations

import csv
import shutil
from contextlib import ExitStack, suppress
from datetime import UTC, datetime

from collectors.engine.run import Report
from collectors.parsing.redact import redaction
from jobs.collect import Progress, collect_one, revisit, silent, stopping, summary
from jobs.context import DATABASE, Say, collectors_of, open_state, parsers, wire_for, yields
from jobs.forget import hold, rebuild
from jobs.run import admit_wants, load
from storage.archive.reader import Entry
from storage.archive.writer import Writer
from storage.errors import UserError
from storage.frontier.sqlite import Frontier
from storage.locks import lock
from storage.privacy import retention
from storage.privacy.declared import platforms
from storage.privacy.erase import Cutter
from storage.privacy.forget import Cut, forget, rewrite
from storage.privacy.forgotten import Forgotten
from storage.privacy.minimise import Expiry
from storage.records import Page, Target, Want
from storage.tables import database
from study.installed import installed
from study.study_file import Study


def compliance(study: Study, *, progress: Progress = silent, say: Say = print) -> list[Report]:
    """Look up every account and post that is held, and remove what is gone; return how the look-ups ended."""
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
    retain(study, say=say)
    return reports


def recheck(study: Study, *, say: Say = print) -> dict[str, tuple[str, ...]]:
    """Queue a look-up of every account and post that is held; return the kinds to collect, by collector."""
    frontier = open_state(study)
    try:
        return queue(study, frontier, say)
    finally:
        frontier.close()


def queue(study: Study, frontier: Frontier, say: Say) -> dict[str, tuple[str, ...]]:
    """As `recheck`, with the state open."""
    chosen = collectors_of(study)
    with database.open_readonly(study.directory / DATABASE) as db:
        found = retention.rechecks(db, platforms(parsers()).values())
    wants = [Want(Target(*one), "") for one in found if one[0] in chosen]
    kinds: dict[str, tuple[str, ...]] = {}
    for want in wants:
        name, kind = want.target.collector, want.target.kind
        if kind not in kinds.get(name, ()):
            kinds[name] = (*kinds.get(name, ()), kind)
    for name, again in kinds.items():
        revisit(study, frontier, name, again)
    admit_wants(study, frontier, "recheck", wants, datetime.now(UTC))
    say(f"queued {len(wants):,} look-ups")
    return kinds


def gone(study: Study) -> int:
    """How many posts and accounts that the study holds are gone on their platforms."""
    with database.open_readonly(study.directory / DATABASE) as db:
        return len(retention.gone(db, platforms(parsers()).values()))


def retain(study: Study, *, say: Say = print) -> None:
    """Remove what is gone on its platform, and what passed its retention period; the view `removed` lists it."""
    now, cut = datetime.now(UTC), Cut()
    archive = study.archive
    with ExitStack() as locks:
        hold(locks, study, wait=True)
        with lock(study.directory, "load", wait=True):
            rewrite(archive, Expiry(study.minimise.keep_days, now, yields()), cut)
            expired = cut.removed
            if study.minimise.redact_archive:
                archived = Redaction(study)
                rewrite(archive, archived, cut)
                for name, number in archived.unable.items():
                    say(f"{number:,} answers of {name!r} were not redacted: it does not declare what is personal")
            redacted = cut.changed
            rows = _cut_gone(study, now, cut)
            missing = len(rows)
            rows += [(now.isoformat(timespec="seconds"), "", "answer", "", "expired")] * expired
            if rows or redacted:
                _log(study, rows, cut)
        if rows or redacted:
            rebuild(study.directory, say)
    if rows:
        say(f"{missing:,} posts and accounts are gone on their platforms; {expired:,} answers passed their retention "
            "period")  # fmt: skip
    else:
        say("nothing to remove")
    if redacted:
        say(f"{redacted:,} answers archived before were redacted")


def _cut_gone(study: Study, now: datetime, cut: Cut) -> list[tuple[str, str, str, str, str]]:
    """Cut what is gone out of everything; return its rows for the view `removed`."""
    with database.open_readonly(study.directory / DATABASE) as db:
        found = retention.gone(db, platforms(parsers()).values())
    names = {name for one in found for name in one.names}
    if not names:
        return []
    forgotten = Forgotten(study.directory, parsers())
    forget(study.directory, Cutter(names, forgotten), cut, published=study.directory / DATABASE)
    forgotten.add_tokens(names)
    at = now.isoformat(timespec="seconds")
    return [(at, one.platform, one.kind, forgotten.token(min(one.names)), one.reason) for one in found]


class Redaction:
    """Answers archived before the study redacted its archive, redacted now; what `rewrite` asks."""

    people: frozenset[str] = frozenset()

    def __init__(self, study: Study) -> None:
        self._redact = {name: redaction(point.load()) for name, point in installed().items()}
        self.unable: dict[str, int] = {}  # answers left as they are, by collector
        self._drop = frozenset(study.minimise.drop)

    def entry(self, entry: Entry) -> Entry | None:
        """*entry* redacted; itself if it was, or cannot be."""
        if not isinstance(entry, Page) or not entry.wants or (entry.redacted and self._drop <= set(entry.redacted)):
            return entry
        name = entry.wants[0].target.collector
        redact = self._redact.get(name)
        with suppress(UserError):  # of recordings, an answer that its platform does not declare
            if redact is not None:
                return redact(entry, self._drop)
        self.unable[name] = self.unable.get(name, 0) + 1
        return entry

    def finds(self, text: str) -> bool:
        """Records that are not ours stay."""
        return False


def _log(study: Study, rows: list[tuple[str, str, str, str, str]], cut: Cut) -> None:
    """Write down what went, and document the cut in the archive; old reports may show it."""
    path = study.directory / retention.FILE
    fresh = not path.exists()
    with path.open("a", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerows([retention.COLUMNS] if fresh else [])
        writer.writerows(rows)
    shutil.rmtree(study.directory / "reports", ignore_errors=True)
    notes = Writer(study.archive, "forget")
    notes.note("cut", {"by": "retain", "rows": len(rows), "removed": cut.removed, "changed": cut.changed})
    notes.close()

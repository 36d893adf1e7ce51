"""The whole job: admit, collect, load, link, in waves until nothing is due; then the report."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from commands.collect import one, told
from commands.context import collectors_of, kinds_of, open_state, parsers, rules_of
from storage.errors import UserError
from study.study_file import FILE

if TYPE_CHECKING:
    import threading
    from datetime import datetime

    from collectors.base import Collector
    from collectors.engine.run import Report
    from collectors.wire.exchange import Wire
    from storage.archive.writer import Writer
    from storage.frontier.sqlite import Frontier
    from storage.records import Want
    from storage.tables.load import LoadReport
    from study.study_file import Study

ROUNDS = 1_000  # a snowball ends at its waves; this only bounds a mistake


def whole(
    study: Study,
    wire_of: Callable[[str], Wire],
    stop: threading.Event,
    *,
    only: str | None = None,
    kinds: tuple[str, ...] | None = None,
    hide_progress: bool = True,
    say: Callable[[str], None] = click.echo,
) -> list[Report]:
    """Run the whole job of *study* and return how each collector's last run ended; *failed* counts those of all runs.

    *wire_of* gives the wire for a collector (it is closed after the run). *only* and *kinds* bound what is collected,
    not who is admitted. The report is not made here.
    """
    chosen = collectors_of(study)
    frontier = open_state(study)
    last: dict[str, Report] = {}
    loaded = load_study(study, say)
    try:
        for _ in range(ROUNDS):
            new = admit_study(study, frontier, chosen, wire_of("snowball").now())
            if not new and loaded is None and not frontier.counts():
                raise UserError(
                    f"{study.directory / FILE}: nobody to start from; write profiles or handles into [seeds]"
                )
            if new:
                say("admitted: " + ", ".join(f"{number:,} {name}" for name, number in new.items()))
            came = False
            for name, collector in chosen.items():
                unwanted = only not in (None, name)
                if stop.is_set() or unwanted or not _due(frontier, name, kinds or kinds_of(study, name, collector)):
                    continue
                report = one(study, frontier, name, collector, wire_of(name), stop, hide_progress, kinds)
                report.failed += last[name].failed if name in last else 0
                last[name] = report
                came |= report.answers > 0
                if report.answers or report.status != "complete":
                    say(told(report))
            if (came or loaded is None) and not stop.is_set():
                loaded = load_study(study, say)
            if stop.is_set() or not (came or new):
                break
            if any(
                report.status in {"refused", "unreachable", "out of credit", "out of budget"}
                for report in last.values()
            ):
                break
    finally:
        frontier.close()
    return list(last.values())


def _due(frontier: Frontier, name: str, kinds: tuple[str, ...]) -> bool:
    return frontier.next_due(name, kinds) is not None


def admit_study(study: Study, frontier: Frontier, chosen: dict[str, Collector], now: datetime) -> dict[str, int]:
    """Queue whom the rules let in, by what is published; return how many are new, by collector and kind."""
    import duckdb

    from commands.context import DATABASE
    from storage.sampling import admission

    path = study.directory / DATABASE
    with admitting(study, now) as writer:
        db = duckdb.connect(str(path), read_only=True) if path.is_file() else None
        try:
            return admission.admit(rules_of(study, chosen), frontier, writer, db, now)
        finally:
            if db is not None:
                db.close()


def admit_wants(study: Study, frontier: Frontier, rule: str, wants: list[Want], now: datetime) -> dict[str, int]:
    """Queue *wants* by hand; return how many are new, by collector and kind."""
    from storage.sampling import admission

    with admitting(study, now) as writer:
        return admission.enter(rule, wants, frontier, writer, now)


@contextmanager
def admitting(study: Study, now: datetime) -> Iterator[Writer]:
    """The archive's writer for admissions; one process at a time."""
    from collectors.engine.run import mend_archive
    from commands.secrets import all_secrets
    from storage.archive import writer as archiving
    from storage.locks import lock

    with lock(study.directory, "admit", wait=True):
        mend_archive(study.directory / "archive", "snowball")
        writer = archiving.Writer(study.directory / "archive", "snowball", secrets=all_secrets(study), now=lambda: now)
        try:
            yield writer
        finally:
            writer.close()


def load_study(study: Study, say: Callable[[str], None], *, fresh: bool = False) -> LoadReport | None:
    """Load what is new in the archive, link, and publish; None if there is no archive yet."""
    from storage.archive import reader as archive
    from storage.linking.link import Linking
    from storage.linking.organisations import Matcher, load_list
    from storage.tables.load import load

    if not archive.segments(study.directory / "archive"):
        return None
    listed = load_list(study.organisation_list)
    rows = listed.rows(study.era, study.published.groups)
    linking = Linking(rows, Matcher(listed, study.era), study.directory / "decisions.csv")
    report = load(study.directory, parsers(), fresh=fresh, linking=linking, settings=list(study.rows()))
    say(report.told())
    return report

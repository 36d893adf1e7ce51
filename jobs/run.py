"""The whole job: admit, collect, load and link, in waves until nothing is due; and each step by itself."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import duckdb

from collectors import files
from collectors.base import Collector
from collectors.engine.run import Report
from collectors.files.detect import formats_of, options_for
from collectors.wire.exchange import Wire
from jobs.collect import Progress, collect_one, judge, repeated, revisit, silent, stopping, summary
from jobs.consents import take_in
from jobs.context import (
    DATABASE,
    DECISIONS,
    Say,
    choose,
    collectors_of,
    kinds_of,
    lake_of,
    list_keys,
    needs_secret,
    open_state,
    parsers,
    rules_of,
    warnings,
    wire_for,
)
from jobs.intake import admitting, read_files
from jobs.secrets import secret_of, variable_of
from storage.archive import reader as archive
from storage.archive.merge_archives import gather
from storage.errors import UserError
from storage.frontier.base import Frontier
from storage.frontier.shared import Shared
from storage.linking.evidence import population
from storage.linking.link import Linking
from storage.linking.organisations import load_list
from storage.sampling import admission
from storage.searches import refuse_changed
from storage.tables.database import open_current
from storage.tables.lake import publish
from storage.tables.load import LoadReport
from storage.tables.load import load as load_tables
from storage.tables.parse_worker import without_pandas as without_pandas
from study.study_file import FILE, Study

FORMATS = files.FORMATS
MOST_RUNS = 1_000_000
ROUNDS = 1_000  # a snowball ends with its waves; this only bounds a bug


def run(
    study: Study,
    *,
    only: str | None = None,
    kinds: Sequence[str] = (),
    again: bool = False,
    whole: bool = False,
    before: datetime | None = None,
    progress: Progress = silent,
    say: Say = print,
) -> list[Report]:
    """Run the whole job of *study* on the live network; return the report of each collector's last run.

    No report page is made. *only* and *kinds* restrict collection, not admission; *again* as in `collect`. Raise
    UserError if a token is missing, KeyboardInterrupt if asked to stop before the end.
    """
    chosen = choose(study, only)
    for name in chosen:
        if needs_secret(name) and secret_of(study, name) is None:
            raise UserError(
                f"no token for {name}: set {variable_of(name)}, or enabled = false under [collectors.{name}]"
            )
    if again:
        frontier = open_state(study)
        for name, collector in chosen.items():
            revisit(study, frontier, name, tuple(kinds) or repeated(collector), whole=whole, before=before)
        frontier.close()
    for line in warnings(study):
        say(f"warning: {line}")
    with stopping() as stop:
        reports = waves(
            study, lambda name: wire_for(study, name), stop, only=only, kinds=tuple(kinds) or None,
            progress=progress, say=say,
        )  # fmt: skip
    if stop.is_set():
        judge(reports)
        raise KeyboardInterrupt  # between two collectors, or in a load
    return reports


def waves(
    study: Study,
    wire_of: Callable[[str], Wire],
    stop: threading.Event,
    *,
    only: str | None = None,
    kinds: tuple[str, ...] | None = None,
    progress: Progress = silent,
    say: Say = print,
) -> list[Report]:
    """Admit, collect and load in turn until nothing is due; return the report of each collector's last run.

    *failed* of a report counts the failed targets of all its runs. *wire_of* makes the wire of a collector, which is
    closed after the run.
    """
    chosen = collectors_of(study)
    frontier = open_state(study)
    last: dict[str, Report] = {}
    loaded = load(study, say=say)
    try:
        for _ in range(ROUNDS):
            new = admit_study(study, frontier, chosen, wire_of("snowball").now())
            if not new and loaded is None and not frontier.counts():
                raise UserError(f"{study.directory / FILE}: no seeds; add profiles or handles to [seeds]")
            if new:
                say("admitted: " + ", ".join(f"{number:,} {name}" for name, number in new.items()))
            answered = False
            for name, collector in chosen.items():
                unwanted = only not in (None, name)
                if stop.is_set() or unwanted or not _due(frontier, name, kinds or kinds_of(study, name, collector)):
                    continue
                report = collect_one(study, frontier, name, collector, wire_of(name), stop, progress, kinds)
                report.failed += last[name].failed if name in last else 0
                last[name] = report
                answered |= report.answers > 0
                if report.answers or report.status != "complete":
                    say(summary(report))
            if (answered or new or loaded is None) and not stop.is_set():
                loaded = load(study, say=say)
            if stop.is_set() or not (answered or new):
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


def admit(study: Study) -> dict[str, int]:
    """Queue the targets that the sampling rules select from the published data; return their number by collector."""
    frontier = open_state(study)
    try:
        return admit_study(study, frontier, collectors_of(study), datetime.now(UTC))
    finally:
        frontier.close()


def admit_study(study: Study, frontier: Frontier, chosen: Mapping[str, Collector], now: datetime) -> dict[str, int]:
    """Queue the targets that the sampling rules select; return the number of new ones by collector and kind."""
    path = study.directory / DATABASE
    with admitting(study, now) as writer:
        db = open_current(path) if path.is_file() else None
        try:
            if isinstance(frontier, Shared):
                db = _all_loaded(frontier, db)
            _refuse_changed(study, frontier, chosen)
            return admission.admit(rules_of(study, chosen), frontier, writer, db, now)
        finally:
            if db is not None:
                db.close()


def _all_loaded(frontier: Shared, db: duckdb.DuckDBPyConnection | None) -> duckdb.DuckDBPyConnection | None:
    """*db* if it has the runs of every machine, and none is at work; else None, as rules would see a part only.

    Raise UserError if another machine admits.
    """
    if not frontier.alone("admit"):
        raise UserError("another machine admits; wait for it, or run `sneeuwbal collect` here")
    if db is None:
        return None
    loaded = dict(db.execute("SELECT run_id, ended_at FROM runs").fetchall())
    others = [one for one in frontier.runs(MOST_RUNS) if one.machine != frontier.machine]
    if all(one.run in loaded and (loaded[one.run] or one.status == "killed") for one in others):
        return db
    db.close()
    return None


def _refuse_changed(study: Study, frontier: Frontier, chosen: Mapping[str, Collector]) -> None:
    """Raise UserError if a registered search was changed without a new version after it was run."""
    for name, collector in chosen.items():
        for kind, keys in study.searches_for(collector.kinds).items():
            refuse_changed(keys, (key for key, _, _ in frontier.targets(name, kind)), str(study.directory / FILE))


def load(
    study: Study,
    *,
    fresh: bool = False,
    archives: Sequence[Path] = (),
    executor: Executor | None = None,
    held: bool = False,
    say: Say = print,
) -> LoadReport | None:
    """Load new entries of the archive, link, and publish; return the report, None if there is no archive yet.

    *fresh* reloads everything. *archives* of other machines (or their studies) are merged first; then what participants
    gave is taken in, unless the caller has *held* the locks. *executor*: as in `storage.tables.load.load`.
    Raise UserError.
    """
    if archives:
        say(f"merged: {gather(study.directory, archives, say):,} segments of {len(archives)} archives")
    spoilt = list[str]()
    withdrawn = [] if held else take_in(study, say, spoilt)
    if not archive.segments(study.archive):
        for line in spoilt:
            say(line)
        return None
    listed = load_list(study.organisation_list)
    rows = listed.rows(study.era, study.published.groups)
    who = population(listed, study.era, study.population.sources, list_keys(study))
    linking = Linking(rows, who.matcher, study.directory / DECISIONS, who.fingerprint, who)
    settings = [*study.rows(), *listed.settings()]
    lake = lake_of(study)
    report = load_tables(
        study.directory, parsers(), fresh=fresh or bool(withdrawn), linking=linking, settings=settings,
        executor=executor, say=say,
        publish=None if lake is None else partial(publish, lake, fresh=fresh and not held),  # as the user asked
    )  # fmt: skip
    for path in withdrawn:
        path.unlink(missing_ok=True)
    report.damage += spoilt
    say(report.summary())
    return report


def import_files(
    study: Study,
    form: str,
    paths: Sequence[Path],
    options: Mapping[str, Any],
    *,
    progress: Progress = silent,
    say: Say = print,
) -> tuple[Report, LoadReport | None]:
    """Read the files *paths* of a format into the archive and load them; return both reports. Raise UserError."""
    report = read_files(study, form, paths, options, progress=progress, say=say)
    say(summary(report))
    return report, load(study, say=say)


def import_heap(
    study: Study, paths: Sequence[Path], options: Mapping[str, Any], *, progress: Progress = silent, say: Say = print
) -> tuple[list[tuple[Report, LoadReport | None]], list[str]]:
    """Read files of any format, and folders of them; return the report of each format, and a line per file not read.

    Raise UserError if none can be read.
    """
    sorted_, refused = formats_of(paths, options)
    if not sorted_:
        raise UserError("; ".join(refused[:3]) or "no files in these folders")
    ended = [
        import_files(study, form, found, options_for(form, options), progress=progress, say=say)
        for form, found in sorted_.items()
    ]
    return ended, refused

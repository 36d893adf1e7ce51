"""What commands share: the study in its directory, its collectors, secrets, wire and progress."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from commands.secrets import secret_of
from storage.errors import OutOfBudget, Partial, UserError
from study.study_file import Study, installed

if TYPE_CHECKING:
    from collectors.base import Collector, Settings
    from collectors.engine.run import Report
    from collectors.wire.exchange import Wire
    from storage.frontier.sqlite import Frontier
    from storage.sampling.admission import Rules

STATE, DATABASE, ARCHIVE, DECISIONS = "state.sqlite", "study.duckdb", "archive", "decisions.csv"


def open_study(directory: Path) -> Study:
    """The study of *directory*, which must be writable for us. Raise UserError."""
    study = Study.load(directory)
    if not os.access(directory, os.W_OK | os.X_OK):
        raise UserError(f"{directory}: no permission to write; make it writable for you")
    return study


def open_state(study: Study) -> Frontier:
    """The state of *study*; only its owner reads it."""
    from storage.frontier.sqlite import Frontier

    path = study.directory / STATE
    if not path.exists():
        path.touch(0o600)
    return Frontier(path)


def collectors_of(study: Study) -> dict[str, Collector]:
    """The collectors that the study names (or has seeds for), by name, in the order of the study file."""
    points = installed()
    names = [name for name, table in study.collectors.items() if table.enabled]
    names += [name for name in points if name not in study.collectors and study.seeds_for(name)]
    return {name: points[name].load() for name in names}


def choose(study: Study, only: str | None) -> dict[str, Collector]:
    """The collectors of *study*, or the one called *only*. Raise UserError if it has no such."""
    chosen = collectors_of(study)
    if only is None:
        return chosen
    if only not in chosen:
        raise UserError(f"the study has no collector {only!r}; it has {', '.join(chosen) or 'none'}")
    return {only: chosen[only]}


def kinds_of(study: Study, name: str, collector: Collector) -> tuple[str, ...]:
    """The kinds that the study collects with *collector*."""
    table = study.collectors.get(name)
    return (table.kinds if table is not None else None) or tuple(collector.kinds)


def parsers() -> dict[str, str]:
    """Where the parser of each installed collector is, for `load` and its workers."""
    return {name: point.value for name, point in installed().items()}


def needs_secret(name: str) -> bool:
    """Whether the collector says of itself (`needs_secret`) that it can ask nothing without a secret."""
    point = installed().get(name)
    return point is not None and bool(getattr(point.load(), "needs_secret", False))


def labels_of(study: Study) -> Any:
    """The table of labels (politician, media ...) that the study names, as a frame; None if it names none."""
    if study.analysis.labels is None:
        return None
    import pandas as pd

    from storage import csvfile

    names, rows = csvfile.records(study.directory / study.analysis.labels)
    frame = pd.DataFrame([row for _, row in rows], columns=names, dtype=str)
    return frame.mask(frame == "")


def settings_for(study: Study, name: str, wire: Wire, more: Mapping[str, Any]) -> Settings:
    """What the fetch of collector *name* gets; *more* are options beside those of the study file."""
    from collectors.base import Settings

    sets = {one.name: one.posts for one in study.comparison if one.collector == name}
    options = {**study.options(name), "contact": study.study.contact, "sets": sets, **more}
    if study.minimise.opt_outs == "override":
        options["honour_opt_outs"] = False
    return Settings(options, secret_of(study, name), wire)


def wire_for(study: Study, name: str) -> Wire:
    """The live wire of collector *name*; of what is none (the snowball asks for the time), a plain one."""
    from collectors.wire.exchange import Wire

    options = study.options(name) if name in installed() else {}
    return Wire(timeout=float(options.get("timeout") or 30.0), private=bool(options.get("allow_private")))


def rules_of(study: Study, collectors: Mapping[str, Collector]) -> Rules:
    """Who is followed up, as the study file says."""
    from storage.sampling.admission import Rules

    kinds = {}
    for name, collector in collectors.items():
        wanted = kinds_of(study, name, collector)
        kinds[name] = {kind: spec.of for kind, spec in collector.kinds.items() if spec.of and kind in wanted}
    sets: dict[str, list[str]] = {}
    for one in study.comparison:
        sets.setdefault(one.collector, []).append(one.name)
    canonical = {name: getattr(collector, "canonical", str) for name, collector in collectors.items()}
    seeds = {name: [canonical[name](seed) for seed in study.seeds_for(name)] for name in collectors}
    queries = {name: study.options(name).get("queries") or () for name in collectors}
    snowball = study.snowball
    return Rules(seeds, kinds, sets, snowball.waves, snowball.admit, snowball.accounts_of, snowball.max_profiles,
                 study.minimise.opt_outs == "honour", queries)  # fmt: skip


@contextmanager
def stopping() -> Iterator[threading.Event]:
    """An event that SIGTERM and the first SIGINT set; the second SIGINT interrupts at once.

    In a run of the schedule it is set, too, when standard input ends: then its daemon is gone.
    """
    stop = threading.Event()
    if os.environ.get("SNEEUWBAL_SCHEDULED"):
        threading.Thread(target=_until_input_ends, args=[stop], daemon=True).start()

    def ask(number: int, frame: object) -> None:
        if stop.is_set() and number == signal.SIGINT:
            raise KeyboardInterrupt
        stop.set()

    if threading.current_thread() is not threading.main_thread():
        yield stop
        return
    before = {number: signal.signal(number, ask) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _until_input_ends(stop: threading.Event) -> None:
    os.read(0, 1)
    stop.set()


@contextmanager
def progress(name: str, hide: bool) -> Iterator[Callable[[Report], None]]:
    """A line that counts, on a terminal; nothing in a pipe or where it is hidden."""
    from rich.console import Console
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    console = Console(stderr=True)
    if hide or not console.is_terminal:
        yield lambda report: None
        return
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task(name)
        yield lambda report: bar.update(
            task,
            description=f"{name}: {report.answers:,} answers, {report.items:,} items, {report.failures:,} failures",
        )


def judge(reports: list[Report]) -> None:
    """Raise what the exit code must say if a run did not end complete."""
    for report in reports:
        told = f"{report.collector}: {report.status}: {report.reason}"
        if report.status in {"out of credit", "out of budget"}:
            raise OutOfBudget(told)
        if report.status == "interrupted":
            raise KeyboardInterrupt
        if report.status == "refused":
            raise UserError(f"{told}; mend its access (a new token, say) and run again: nothing is lost")
    partial = [
        f"{report.collector}: {report.status}: {report.reason}"
        for report in reports
        if report.status not in {"complete", "limit"}
    ]
    failed = [report for report in reports if report.failed]
    if failed:
        told = ", ".join(f"{report.failed:,} of {report.collector}" for report in failed)
        names = " and ".join(f"`sneeuwbal collect {report.collector} --failed`" for report in failed)
        partial.append(f"targets failed: {told}; `sneeuwbal status` says why, {names} asks for them again")
    if partial:
        raise Partial("; ".join(partial))

"""Collect: fetch what is due into the archive, one collector at a time."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext
from datetime import UTC, datetime
from typing import Any

from collectors.base import Collector
from collectors.engine import run as engine
from collectors.engine.run import Budget
from collectors.engine.run import Report as Report
from collectors.wire.exchange import Wire
from jobs.context import Say, choose, kinds_of, open_state, settings_for, wire_for
from jobs.secrets import all_secrets
from storage.archive.writer import Writer
from storage.errors import OutOfBudget, Partial, UserError
from storage.frontier.base import Frontier
from storage.locks import lock
from storage.records import Meta
from storage.versions import own
from study.installed import installed
from study.study_file import Study

# Given a collector's name, a context manager of the callback that receives the counts of its run after each answer.
Progress = Callable[[str], AbstractContextManager[Callable[[Report], None]]]


def silent(name: str) -> AbstractContextManager[Callable[[Report], None]]:
    """A Progress that shows nothing."""
    return nullcontext(lambda report: None)


def collect(
    study: Study,
    *,
    only: str | None = None,
    kinds: Sequence[str] = (),
    limit: int | None = None,
    failed: bool = False,
    again: bool = False,
    since_id: str | None = None,
    whole: bool = False,
    before: datetime | None = None,
    progress: Progress = silent,
    say: Say = print,
) -> list[Report]:
    """Fetch what is due with collector *only* (or all of the study); return the report of each run.

    *failed* makes failed targets due again; *again* finished ones, see `revisit`. *limit* bounds the answers of
    each collector. Raise UserError.
    """
    frontier = open_state(study)
    reports = []
    try:
        with stopping() as stop:
            for name, each in choose(study, only).items():
                wanted = tuple(kinds) or tuple(each.kinds)
                if failed:
                    retry(study, frontier, name, wanted)
                if again:
                    once_more = tuple(kinds) or repeated(each)
                    revisit(study, frontier, name, once_more, since_id=since_id, whole=whole, before=before)
                wire = wire_for(study, name)
                reports.append(
                    collect_one(study, frontier, name, each, wire, stop, progress, tuple(kinds) or None, limit)
                )
                say(summary(reports[-1]))
    finally:
        frontier.close()
    return reports


def collect_one(
    study: Study,
    frontier: Frontier,
    name: str,
    collector: Collector,
    wire: Wire,
    stop: threading.Event,
    progress: Progress = silent,
    kinds: tuple[str, ...] | None = None,
    limit: int | None = None,
    options: Mapping[str, Any] | None = None,
) -> Report:
    """Run one collector with the study's options and *options*; return its report and close the wire."""
    settings = settings_for(study, name, wire, options or {})
    try:
        with progress(name) as show:
            return engine.collect(
                study.directory,
                name,
                collector,
                settings,
                frontier=frontier,
                kinds=kinds or kinds_of(study, name, collector),
                budget=Budget(study.budget.usd, study.budget.posts, study.budget.requests),
                secrets=[*all_secrets(study), *(settings.tokens.secrets if settings.tokens else ())],
                about={"version": own(), "settings": dict(study.rows())},
                limit=limit,
                stop=stop,
                progress=show,
                redact=study.minimise.drop if study.minimise.redact_archive else None,
            )
    finally:
        wire.close()


def revisit(
    study: Study,
    frontier: Frontier,
    name: str,
    kinds: Sequence[str],
    *,
    since_id: str | None = None,
    whole: bool = False,
    before: datetime | None = None,
) -> None:
    """Make finished targets due again (frontier.revisit), after a note in the archive; of searches those registered."""
    more = {"whole": whole, "before": before.isoformat()} if before else {"whole": whole}
    specs = installed()[name].load().kinds
    register = study.searches_for(specs)
    only = {kind: register.get(kind, []) for kind in kinds if specs[kind].of == "search"}
    _noted(
        study, frontier, name, [kind for kind in kinds if frontier.finished(name, kind)], "revisit",
        lambda kind: {"since": since_id or "", **more} | ({"only": only[kind]} if kind in only else {}),
        lambda kind, now: frontier.revisit(
            name, kind, now, since=since_id or "", whole=whole, before=before, only=only.get(kind)),
    )  # fmt: skip


def repeated(collector: Collector) -> tuple[str, ...]:
    """The kinds that `again` fetches if none is named: all but the pages of documents, which are fetched once."""
    return tuple(kind for kind, spec in collector.kinds.items() if spec.of != "document")


def retry(study: Study, frontier: Frontier, name: str, kinds: Sequence[str]) -> None:
    """Make failed targets due again (frontier.retry), after a note in the archive."""
    failed = {kind for collector, kind, state, _, _ in frontier.counts() if (collector, state) == (name, "failed")}
    _noted(study, frontier, name, [kind for kind in kinds if kind in failed], "retry", lambda kind: {},
           lambda kind, now: frontier.retry(name, kind, now))  # fmt: skip


def _noted(
    study: Study,
    frontier: Frontier,
    name: str,
    kinds: list[str],
    word: str,
    data: Callable[[str], Meta],
    change: Callable[[str, datetime], object],
) -> None:
    """Write a note (*word*, with its *data*) for each of *kinds* into the archive, then *change* the frontier."""
    if not kinds:
        return
    with (
        lock(study.directory, f"collect-{name}"),
        closing(Writer(study.archive, name, secrets=all_secrets(study))) as writer,
    ):
        now = datetime.now(UTC)
        for kind in kinds:
            writer.note(word, {"collector": name, "kind": kind, **data(kind)}, now)
        writer.sync()  # not closed yet: that fails if the archive's store is away
        frontier.commit(lambda: [change(kind, now) for kind in kinds])


def moment(text: str | None) -> datetime | None:
    """Parse *text* as ISO 8601, in UTC unless it has a zone; None for None. Raise UserError."""
    if text is None:
        return None
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise UserError(f"{text!r} is not a time; write it as 2026-03-29T03:30:00+02:00") from None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def summary(report: Report) -> str:
    """Summarise a run in one line."""
    text = f"{report.collector}: {report.status}, {report.answers:,} answers, {report.items:,} items"
    if report.failures:
        text += f", {report.failures:,} failures"
    if report.failed:
        text += f", {report.failed:,} targets failed"
    return f"{text} ({report.reason})" if report.reason else text


def judge(reports: Sequence[Report]) -> None:
    """Raise OutOfBudget, Partial, UserError or KeyboardInterrupt unless all runs are complete."""
    for report in reports:
        text = f"{report.collector}: {report.status}: {report.reason}"
        if report.status in {"out of credit", "out of budget"}:
            raise OutOfBudget(text)
        if report.status == "interrupted":
            raise KeyboardInterrupt
        if report.status == "refused":
            raise UserError(f"{text}; fix the access (for example with a new token) and run again: nothing is lost")
    partial = [
        f"{report.collector}: {report.status}: {report.reason}"
        for report in reports
        if report.status not in {"complete", "limit"}
    ]
    failed = [report for report in reports if report.failed]
    if failed:
        counts = ", ".join(f"{report.failed:,} of {report.collector}" for report in failed)
        retries = " and ".join(f"`sneeuwbal collect {report.collector} --failed`" for report in failed)
        partial.append(f"targets failed: {counts}; `sneeuwbal status` shows why, {retries} retries them")
    if partial:
        raise Partial("; ".join(partial))


@contextmanager
def stopping() -> Iterator[threading.Event]:
    """An event that SIGTERM and the first SIGINT set; the second SIGINT interrupts at once."""
    stop = threading.Event()

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

"""`sneeuwbal collect`: fetch what is due into the archive."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from storage.errors import UserError

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from collectors.base import Collector
    from collectors.engine.run import Report
    from collectors.wire.exchange import Wire
    from storage.frontier.sqlite import Frontier
    from storage.records import Meta
    from study.study_file import Study


WHOLE = click.option("--whole", is_flag=True, help="With --again: to the end of every list, past the newest known.")
BEFORE = click.option("--finished-before", "before", metavar="MOMENT",
                      help="With --again: only what was finished before (a pass goes on).")  # fmt: skip


@click.command()
@click.argument("collector", required=False)
@click.option("--kind", "kinds", multiple=True, help="Only this kind; may be given again.")
@click.option("--limit", type=click.IntRange(1), help="Stop after so many answers.")
@click.option("--again", is_flag=True, help="Ask again for what is finished: a new walk, back to the old mark.")
@click.option("--since-id", help="With --again: stop at this id where there is no older mark.")
@WHOLE
@BEFORE
@click.option("--failed", is_flag=True, help="Ask again for what failed, where it stopped.")
@click.option("--hide-progress", is_flag=True, help="No progress line.")
@click.pass_obj
def command(
    directory: Path,
    collector: str | None,
    kinds: tuple[str, ...],
    limit: int | None,
    again: bool,
    since_id: str | None,
    whole: bool,
    before: str | None,
    failed: bool,
    hide_progress: bool,
) -> None:
    """Fetch what is due, for one COLLECTOR or for all the study names."""
    from commands.context import choose, judge, open_state, open_study, stopping, wire_for

    study = open_study(directory)
    chosen = choose(study, collector)
    frontier = open_state(study)
    with stopping() as stop:
        reports = []
        for name, each in chosen.items():
            wanted = kinds or tuple(each.kinds)
            if failed:
                retry(study, frontier, name, wanted)
            if again:
                revisit(study, frontier, name, wanted, since_id=since_id, whole=whole, before=moment(before))
            wire = wire_for(study, name)
            reports.append(one(study, frontier, name, each, wire, stop, hide_progress, kinds or None, limit))
            click.echo(told(reports[-1]))
    judge(reports)


def one(
    study: Study,
    frontier: Frontier,
    name: str,
    collector: Collector,
    wire: Wire,
    stop: threading.Event,
    hide_progress: bool = True,
    kinds: tuple[str, ...] | None = None,
    limit: int | None = None,
    options: Mapping[str, Any] | None = None,
) -> Report:
    """One run of one collector of a study, with *options* beside the study's; the wire is closed afterwards."""
    from collectors.engine.run import Budget, collect
    from commands.context import kinds_of, progress, settings_for
    from commands.secrets import all_secrets
    from storage.versions import own

    settings = settings_for(study, name, wire, options or {})
    budget = Budget(study.budget.usd, study.budget.posts, study.budget.requests)
    about = {"version": own(), "settings": dict(study.rows())}
    try:
        with progress(name, hide_progress) as show:
            return collect(
                study.directory,
                name,
                collector,
                settings,
                frontier=frontier,
                kinds=kinds or kinds_of(study, name, collector),
                budget=budget,
                secrets=all_secrets(study),
                about=about,
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
    kinds: tuple[str, ...],
    *,
    since_id: str | None = None,
    whole: bool = False,
    before: datetime | None = None,
) -> None:
    """Make finished targets due again (frontier.revisit), noted in the archive first."""
    more = {"whole": whole, "before": before.isoformat()} if before else {"whole": whole}
    _noted(
        study, frontier, name, [kind for kind in kinds if frontier.finished(name, kind)],
        "revisit", {"since": since_id or "", **more},
        lambda kind, now: frontier.revisit(name, kind, now, since=since_id or "", whole=whole, before=before),
    )  # fmt: skip


def retry(study: Study, frontier: Frontier, name: str, kinds: tuple[str, ...]) -> None:
    """Make failed targets due again (frontier.retry), noted in the archive first."""
    failed = {kind for collector, kind, state, _, _ in frontier.counts() if (collector, state) == (name, "failed")}
    _noted(study, frontier, name, [kind for kind in kinds if kind in failed], "retry", {},
           lambda kind, now: frontier.retry(name, kind, now))  # fmt: skip


def _noted(
    study: Study,
    frontier: Frontier,
    name: str,
    kinds: list[str],
    word: str,
    data: Meta,
    change: Callable[[str, datetime], object],
) -> None:
    """Write a note (*word*, *data*) for each of *kinds* into the archive, then *change* the frontier."""
    from datetime import UTC, datetime

    from commands.secrets import all_secrets
    from storage.archive import writer as archiving
    from storage.locks import lock

    if not kinds:
        return
    with lock(study.directory, f"collect-{name}"):
        writer = archiving.Writer(study.directory / "archive", name, secrets=all_secrets(study))
        now = datetime.now(UTC)
        for kind in kinds:
            writer.note(word, {"collector": name, "kind": kind, **data}, now)
        writer.close()
        with frontier.transaction():
            for kind in kinds:
                change(kind, now)


def moment(text: str | None) -> datetime | None:
    """The moment that *text* says in ISO 8601, UTC if it names no zone. Raise UserError."""
    from datetime import UTC, datetime

    if text is None:
        return None
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise UserError(f"{text!r} is no moment; write it as 2026-03-29T03:30:00+02:00") from None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def told(report: Report) -> str:
    """One line on how a run ended."""
    text = f"{report.collector}: {report.status}, {report.answers:,} answers, {report.items:,} items"
    if report.failures:
        text += f", {report.failures:,} failures"
    if report.failed:
        text += f", {report.failed:,} targets failed"
    return f"{text} ({report.reason})" if report.reason else text

"""`sneeuwbal status`: what is done, due, waiting and why."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from storage.frontier.sqlite import Frontier
    from study.study_file import Study


@click.command()
@click.option("--json", "as_json", is_flag=True, help="For machines.")
@click.option("--since", help="Count what changed since this day or moment; else since the newest runs began.")
@click.option("--no-changes", is_flag=True, help="Do not count what changed: quicker with a large database.")
@click.option("--prometheus", type=click.Path(path_type=Path), help="Write it to this file for Prometheus, too.")
@click.pass_obj
def command(directory: Path, as_json: bool, since: str | None, no_changes: bool, prometheus: Path | None) -> None:
    """Show at a glance what is running, done, due, waiting until when and why, absent, failed, spent and changed.

    The exit code is the study's health: 0 if nothing needs attention, 3 if something does, 4 if budget or credit is
    used up.
    """
    import sys

    from commands import health
    from commands.collect import moment
    from commands.context import open_state
    from study.study_file import Study

    study, from_ = Study.load(directory), moment(since)
    frontier = open_state(study)
    told = status(study, frontier, None if no_changes else from_ or newest_runs(frontier))
    frontier.close()
    if as_json:
        click.echo(json.dumps(told, default=str, indent=2))
    else:
        _show(told)
    if prometheus is not None:
        health.write_whole(prometheus, health.prometheus(told))
    sys.exit(told["exit_code"])


def newest_runs(frontier: Frontier) -> datetime | None:
    """Since when every collector's newest run with an answer has begun; None if none has."""
    (oldest,) = frontier.db.execute("SELECT min(newest) FROM (SELECT max(started_at) AS newest FROM runs"
                                    " WHERE answers > 0 GROUP BY collector)").fetchone()  # fmt: skip
    return None if oldest is None else datetime.fromtimestamp(oldest, UTC)


def status(study: Study, frontier: Frontier, since: datetime | None = None) -> dict[str, Any]:
    """The state of a study as plain values: moments in ISO 8601 and UTC, sizes in bytes; changes are counted *since*.

    What is due already has None for its moment.
    """
    from commands import health
    from storage.locks import holder
    from study.study_file import installed

    usd, posts, requests = frontier.spent("posts")
    targets = [
        {"collector": c, "kind": k, "state": state, "why": why, "targets": n}
        for c, k, state, why, n in frontier.counts()
    ]
    waiting, now = {}, datetime.now(UTC)
    for collector, kind in {(row["collector"], row["kind"]) for row in targets if row["state"] == "open"}:
        if due := frontier.next_due(str(collector), [str(kind)]):
            waiting[f"{collector} {kind}"] = {"due": due[0].isoformat() if due[0] > now else None, "why": due[1]}
    runs = [
        {"run": r[0], "collector": r[1], "started": _iso(r[2]), "ended": _iso(r[3]), "status": r[4], "reason": r[5],
         "answers": r[6], "items": r[7]}
        for r in frontier.db.execute("SELECT * FROM runs ORDER BY started_at DESC LIMIT 20").fetchall()
    ]  # fmt: skip
    names = ["schedule", "load", "admit", *(f"collect-{name}" for name in installed())]
    running = {name: pid for name in names if (pid := holder(study.directory, name)) is not None}
    told = {
        "study": study.study.name,
        "directory": str(study.directory.resolve()),
        "running": running,
        "targets": targets,
        "waiting": dict(sorted(waiting.items())),
        "spent": {"usd": round(usd, 4), "posts": posts, "requests": requests},
        "budget": study.budget.model_dump(exclude_none=True),
        "runs": runs,
        "archive_bytes": sum(path.stat().st_size for path in (study.directory / "archive").glob("*")),
        "database_bytes": _size(study.directory / "study.duckdb"),
        "superseded": health.superseded(study.directory),
        "load_every_seconds": study.study.load_every,
        "disk_free_bytes": health.disk_free(study.directory),
        "jobs": health.jobs(study, now),
        **health.published(study, since),
    }
    found = list(health.problems(told))
    told["problems"], told["healthy"] = [text for _, text in found], not found
    told["exit_code"] = min((code for code, _ in found), default=0)
    return told


def _show(told: dict[str, Any]) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table

    console = Console(highlight=False)
    console.print(f"{told['study']} ({told['directory']})", markup=False, soft_wrap=True)
    table = Table("collector", "kind", "state", "why", "targets", box=box.SIMPLE)
    table.columns[-1].justify = "right"
    for row in told["targets"]:
        table.add_row(row["collector"], row["kind"], row["state"], row["why"] or "", f"{row['targets']:,}")
    console.print(table)
    for name, pid in told["running"].items():
        console.print(f"running: {name} (process {pid})", markup=False, soft_wrap=True)
    for name, row in told["waiting"].items():
        when = f"at {row['due']}" if row["due"] else "now"
        console.print(f"due: {name} {when} ({row['why']})", markup=False, soft_wrap=True)
    for job in told["jobs"]:
        when = "paused" if job["paused"] else f"next {job['next']}"
        ended = f"; last: {job['last']} {job['ended'] or job['started']}" if job["last"] else ""
        console.print(f"job {job['job']}: {when}{ended}", markup=False, soft_wrap=True)
    for row in told["snapshots"]:
        whole = f"complete since {row['snapshot']}" if row["snapshot"] else "not complete"
        console.print(f"{row['collector']} {row['kind']}: {row['complete']:,} of {row['lists']:,} walked to the end, "
                      f"{whole}", markup=False, soft_wrap=True)  # fmt: skip
    for run in told["runs"][:5]:
        console.print(f"run {run['run']}: {run['status']} {run['reason'] or ''}".rstrip(), markup=False, soft_wrap=True)
    console.print(_spent(told["spent"], told["budget"]), markup=False, soft_wrap=True)
    if told["changes_since"]:
        changes = ", ".join(f"{number:,} {WORDS[what]}" for what, number in told["changes"].items())
        console.print(f"changed since {told['changes_since']}: {changes or 'nothing'}", markup=False, soft_wrap=True)
    if told["published_at"]:
        console.print(f"can be queried: what came up to {told['loaded_up_to'] or 'nothing'}, published "
                      f"{told['published_at']}; while scheduled runs collect {_every(told['load_every_seconds'])}",
                      markup=False, soft_wrap=True)  # fmt: skip
    mega = 1_000_000
    if told["open_gaps"]:
        console.print(f"{told['open_gaps']:,} gaps are open (view `gaps`)", markup=False, soft_wrap=True)
    for text in told["problems"]:
        console.print(f"needs attention: {text}", markup=False, soft_wrap=True)
    if held := told["superseded"]:
        of = ", ".join(sorted({str(process) for one in held for process in one["processes"]}))
        size = sum(one["bytes"] for one in held) / mega
        console.print(f"{len(held)} superseded pictures of the database, {size:,.1f} MB, are held by readers "
                      f"(process {of})", markup=False, soft_wrap=True)  # fmt: skip
    console.print(f"archive {told['archive_bytes'] / mega:,.1f} MB, database {told['database_bytes'] / mega:,.1f} MB")


WORDS = {"profile": "profile fields", "employer": "employers begun or left", "account": "account fields",
         "follow": "follow edges opened or closed", "edit": "posts edited", "vanished": "posts vanished"}  # fmt: skip


def _spent(spent: dict[str, Any], budget: dict[str, Any]) -> str:
    """What was spent, and of what."""
    usd = f" of {budget['usd']:.2f}" if "usd" in budget else ""
    requests = f" of {budget['requests']:,}" if "requests" in budget else ""
    posts = f", {spent['priced_items']:,} of {budget['posts']:,} items" if "posts" in budget else ""
    return f"spent: {spent['usd']:.2f}{usd} USD, {spent['requests']:,}{requests} requests{posts}"


def _every(seconds: int) -> str:
    return f"a load follows every {seconds:,} s ([study] load_every)" if seconds else "a load follows their end only"


def _iso(seconds: float | None) -> str | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC).isoformat()


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0

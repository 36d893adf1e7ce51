"""`sneeuwbal status`: what is done, due or waiting, and why."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import click
from rich import box
from rich.console import Console
from rich.table import Table

from jobs.collect import moment
from jobs.context import read_study
from jobs.status import prometheus as prometheus_text
from jobs.status import status, write_whole


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("--since", help="Count changes since this date or time (default: the start of the newest runs).")
@click.option("--no-changes", is_flag=True, help="Skip changes and waves: faster with a large database.")
@click.option("--prometheus", type=click.Path(path_type=Path), help="Also write metrics for Prometheus to this file.")
@click.pass_obj
def command(directory: Path, as_json: bool, since: str | None, no_changes: bool, prometheus: Path | None) -> None:
    """Show what is running, done, due, waiting (until when and why), absent, failed, spent and changed.

    The exit code is the study's health: 0 if nothing needs attention, 3 if something does, 4 if budget or credit ran
    out.
    """
    state = status(read_study(directory), since=moment(since), changes=not no_changes)
    if as_json:
        click.echo(json.dumps(state, default=str, indent=2))
    else:
        _show(state)
    if prometheus is not None:
        write_whole(prometheus, prometheus_text(state))
    sys.exit(state["exit_code"])


def _show(state: dict[str, Any]) -> None:
    console = Console(highlight=False)
    console.print(f"{state['study']} ({state['directory']})", markup=False, soft_wrap=True)
    table = Table("collector", "kind", "state", "why", "targets", box=box.SIMPLE)
    table.columns[-1].justify = "right"
    for row in state["targets"]:
        table.add_row(row["collector"], row["kind"], row["state"], row["why"] or "", f"{row['targets']:,}")
    console.print(table)
    for name, pid in state["running"].items():
        console.print(f"running: {name} (process {pid})", markup=False, soft_wrap=True)
    for run in state["runs"]:
        if run["machine"] and run["alive"]:
            console.print(f"at work: {run['collector']} on {run['machine']}", markup=False, soft_wrap=True)
    if given := _inbox(state["participants"]):
        console.print(given, markup=False, soft_wrap=True)
    for name, row in state["waiting"].items():
        when = f"at {row['due']}" if row["due"] else "now"
        console.print(f"due: {name} {when} ({row['why']})", markup=False, soft_wrap=True)
    for job in state["jobs"]:
        when = "paused" if job["paused"] else f"next {job['next']}"
        ended = f"; last: {job['last']} {job['ended'] or job['started']}" if job["last"] else ""
        console.print(f"job {job['job']}: {when}{ended}", markup=False, soft_wrap=True)
    for row in state["snapshots"]:
        whole = f"complete since {row['snapshot']}" if row["snapshot"] else "not complete"
        console.print(f"{row['collector']} {row['kind']}: {row['complete']:,} of {row['lists']:,} read to the end, "
                      f"{whole}", markup=False, soft_wrap=True)  # fmt: skip
    for row in state["waves"]:
        if (each := row["new_members_per_request"]) is not None:
            console.print(f"wave {row['wave']}: {row['requests']:,} requests, {row['admitted']:,} people admitted of "
                          f"{row['reached']:,}, {row['new_members']:,} new members ({each:.3g} per request)",
                          markup=False, soft_wrap=True)  # fmt: skip
    for run in state["runs"][:5]:
        console.print(f"run {run['run']}: {run['status']} {run['reason'] or ''}".rstrip(), markup=False, soft_wrap=True)
    console.print(_spent(state["spent"], state["budget"]), markup=False, soft_wrap=True)
    if state["changes_since"]:
        changes = ", ".join(f"{number:,} {WORDS[what]}" for what, number in state["changes"].items())
        console.print(f"changed since {state['changes_since']}: {changes or 'nothing'}", markup=False, soft_wrap=True)
    if state["published_at"]:
        console.print(f"can be queried: everything up to {state['loaded_up_to'] or 'nothing'}, published "
                      f"{state['published_at']}; while scheduled runs collect {_every(state['load_every_seconds'])}",
                      markup=False, soft_wrap=True)  # fmt: skip
    mega = 1_000_000
    if state["open_gaps"]:
        console.print(f"{state['open_gaps']:,} gaps are open (view `gaps`)", markup=False, soft_wrap=True)
    for text in state["problems"]:
        console.print(f"needs attention: {text}", markup=False, soft_wrap=True)
    if held := state["superseded"]:
        of = ", ".join(sorted({str(process) for one in held for process in one["processes"]}))
        size = sum(one["bytes"] for one in held) / mega
        console.print(f"{len(held)} old snapshots of the database, {size:,.1f} MB, are kept open by readers "
                      f"(process {of})", markup=False, soft_wrap=True)  # fmt: skip
    console.print(f"archive {state['archive_bytes'] / mega:,.1f} MB, database {state['database_bytes'] / mega:,.1f} MB")


WORDS = {"profile": "profile fields", "employer": "employers begun or left", "account": "account fields",
         "follow": "follow edges opened or closed", "edit": "posts edited", "vanished": "posts vanished"}  # fmt: skip


def _spent(spent: dict[str, Any], budget: dict[str, Any]) -> str:
    """The line on money, requests and posts spent, with their budgets."""
    usd = f" of {budget['usd']:.2f}" if "usd" in budget else ""
    requests = f" of {budget['requests']:,}" if "requests" in budget else ""
    posts = f", {spent['posts']:,} of {budget['posts']:,} posts" if "posts" in budget else ""
    return f"spent: {spent['usd']:.2f}{usd} USD, {spent['requests']:,}{requests} requests{posts}"


def _inbox(waits: dict[str, Any]) -> str:
    """What participants gave or withdrew since the last load; "" for nothing."""
    if not waits["since"]:
        return ""
    given, withdrawn = f"{waits['given']:,} donations and connections", f"{waits['withdrawn']:,} withdrawals"
    return f"participants: {given} and {withdrawn} wait for the next load, since {waits['since']}"


def _every(seconds: int) -> str:
    return f"loaded every {seconds:,} s ([study] load_every)" if seconds else "they are loaded when they end"

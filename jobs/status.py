"""The state of a study: done, due, running, spent, changed, and what needs attention; also for Prometheus."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from jobs.context import DATABASE, open_state
from storage import consents
from storage.archive import store
from storage.errors import UserError
from storage.frontier.base import Frontier
from storage.journal import Journal
from storage.locks import holder
from storage.tables import database
from study.installed import installed
from study.study_file import Study
from study.triggers import next_starts

SHORT_OF_DISK = 2_000_000_000  # bytes, besides a second database

# A snapshot of a kind is complete when every list of it was read to its end or is known to be absent: since the
# oldest of these newest walks, all are known.
SNAPSHOTS = """
    SELECT collector, kind, count(*) AS lists, count(newest) AS complete, max(newest) AS newest,
           CASE WHEN count(newest) = count(*) THEN min(newest) END AS snapshot
    FROM (SELECT collector, kind, key, max(ended_at) FILTER (complete OR ended AND pages = 0) AS newest
          FROM walks GROUP BY ALL)
    GROUP BY ALL ORDER BY ALL"""


CHANGES = "SELECT what, count(*) FROM changes WHERE seen_at >= $1 GROUP BY ALL ORDER BY ALL"
WAVES = ("wave", "requests", "reached", "admitted", "new_members", "new_members_per_request")


def newest_runs(frontier: Frontier) -> datetime | None:
    """The earliest start of the collectors' newest runs with an answer; None without any."""
    oldest = frontier.newest_runs()
    return None if oldest is None else datetime.fromtimestamp(oldest, UTC)


def status(study: Study, *, since: datetime | None = None, changes: bool = True) -> dict[str, Any]:
    """The state of a study as plain values: moments in ISO 8601 and UTC, sizes in bytes.

    Changes are counted *since* that moment (None: since the newest runs began), unless *changes* is false. A target due
    already has None as its time. *exit_code* is the study's health: 0, 3 or 4.
    """
    frontier = open_state(study)
    try:
        return _status(study, frontier, (since or newest_runs(frontier)) if changes else None)
    finally:
        frontier.close()


def _status(study: Study, frontier: Frontier, since: datetime | None) -> dict[str, Any]:
    usd, posts, requests = frontier.spent("posts")
    targets = [
        {"collector": c, "kind": k, "state": condition, "why": why, "targets": n}
        for c, k, condition, why, n in frontier.counts()
    ]
    waiting, now = {}, datetime.now(UTC)
    for collector, kind in {(row["collector"], row["kind"]) for row in targets if row["state"] == "open"}:
        if due := frontier.next_due(str(collector), [str(kind)]):
            waiting[f"{collector} {kind}"] = {"due": due[0].isoformat() if due[0] > now else None, "why": due[1]}
    runs = [
        {**msgspec.structs.asdict(one), "started": _seconds(one.started), "ended": _seconds(one.ended)}
        for one in frontier.runs(20)
    ]  # fmt: skip
    names = ["schedule", "load", "participants", "admit", *(f"collect-{name}" for name in installed())]
    running = {name: pid for name in names if (pid := holder(study.directory, name)) is not None}
    segments, unreached = _segments(study.archive)
    state = {
        "study": study.study.name,
        "directory": str(study.directory.resolve()),
        "running": running,
        "participants": msgspec.to_builtins(consents.waiting(study.directory)),
        "targets": targets,
        "waiting": dict(sorted(waiting.items())),
        "spent": {"usd": round(usd, 4), "posts": posts, "requests": requests},
        "budget": study.budget.model_dump(exclude_none=True),
        "runs": runs,
        "archive_bytes": store.total(segments),
        "store": unreached,
        "not_uploaded": len(store.waiting(study.archive)),
        "database_bytes": size(study.directory / "study.duckdb"),
        "superseded": superseded(study.directory),
        "load_every_seconds": study.study.load_every,
        "disk_free_bytes": shutil.disk_usage(study.directory).free,
        "jobs": jobs(study, now),
        **published(study, since),
    }
    found = list(problems(state))
    state["problems"], state["healthy"] = [text for _, text in found], not found
    state["exit_code"] = min((code for code, _ in found), default=0)
    return state


def _segments(folder: Path) -> tuple[list[Path], str]:
    """The segments of the archive in *folder*; those here, and why, if its store cannot be reached."""
    try:
        return store.segments(folder), ""
    except UserError as error:
        return store.waiting(folder), str(error)


def size(path: Path) -> int:
    """Bytes of the file *path*; 0 if there is none."""
    return path.stat().st_size if path.exists() else 0


def published(study: Study, since: datetime | None) -> dict[str, Any]:
    """Snapshots, open gaps, damage and times from the database; the snowball's waves, and changes since *since*.

    With *since* None, the last two are left out.
    Empty before the first load.
    """
    path = study.directory / DATABASE
    if not path.exists():
        empty: dict[str, Any] = {"snapshots": [], "open_gaps": 0, "damage": [], "waves": [], "changes": {}}
        return {**empty, "changes_since": _iso(since), "loaded_up_to": None, "published_at": None}
    with database.open_readonly(path) as db:
        names = ("collector", "kind", "lists", "complete", "newest", "snapshot")
        snapshots = [dict(zip(names, row, strict=True)) for row in db.execute(SNAPSHOTS).fetchall()]
        gaps = db.execute("SELECT count(*) FROM gaps WHERE closed_at IS NULL").fetchone() or (0,)
        damage = db.execute("SELECT damage FROM base.archives WHERE damage IS NOT NULL ORDER BY 1").fetchall()
        newest = db.execute("SELECT max(newest_at) FROM base.archives").fetchone() or (None,)
        changes = dict(db.execute(CHANGES, [since]).fetchall()) if since is not None else {}
        waves = db.execute(f"SELECT {', '.join(WAVES)} FROM saturation").fetchall() if since is not None else []
    for row in snapshots:
        row["newest"], row["snapshot"] = _iso(row["newest"]), _iso(row["snapshot"])
    return {
        "snapshots": snapshots,
        "open_gaps": gaps[0],
        "damage": [line for (line,) in damage],
        "waves": [dict(zip(WAVES, row, strict=True)) for row in waves],
        "changes_since": _iso(since),
        "changes": changes,
        "loaded_up_to": _iso(newest[0]),
        "published_at": _iso(datetime.fromtimestamp(path.stat().st_mtime, UTC)),
    }


def jobs(study: Study, now: datetime) -> list[dict[str, Any]]:
    """The scheduled jobs: when each starts next, and how it last ended."""
    if not study.schedule:
        return []
    journal = Journal(study.directory)
    found = []
    for name, start in next_starts(study.schedule, study.study.timezone, now):
        last = next((row for row in journal.history(name) if row[2] is not None or row[4] == "running"), None)
        found.append(
            {
                "job": name,
                "paused": journal.paused(name),
                "next": _iso(start),
                "started": _seconds(last[1]) if last else None,
                "ended": _seconds(last[2]) if last else None,
                "code": last[3] if last else None,
                "last": last[4] if last else None,
            }
        )
    return found


def progress(state: dict[str, Any]) -> list[tuple[str, int, int]]:
    """(collector and kind, targets that are finished, all targets) in the result of `status`, where some are open."""
    found: dict[str, list[int]] = {}
    for row in state["targets"]:
        counted = found.setdefault(f"{row['collector']} {row['kind']}", [0, 0])
        counted[0] += row["targets"] * (row["state"] != "open")
        counted[1] += row["targets"]
    return [(name, finished, of) for name, (finished, of) in found.items() if finished < of]


def problems(state: dict[str, Any]) -> Iterator[tuple[int, str]]:
    """(exit code, problem) for each problem in the result of `status`."""
    latest: dict[str, dict[str, Any]] = {}
    for run in state["runs"]:
        latest.setdefault(run["collector"], run)
    for name, run in latest.items():
        if run["status"] in {"out of credit", "out of budget"}:
            yield 4, f"{name}: {run['status']}: {run['reason']}"
        elif run["status"] in {"failed", "refused", "unreachable"}:
            yield 3, f"{name}: {run['status']}: {run['reason']}"
        elif run["status"] == "running" and f"collect-{name}" not in state["running"] and not run["alive"]:
            yield 3, f"{name}: the last run was killed; the next one continues where it stopped"
    for row in state["targets"]:
        if row["state"] == "failed":
            yield 3, f"{row['targets']:,} {row['collector']} {row['kind']} failed: {row['why']}"
    for job in state["jobs"]:
        if job["code"] not in (None, 0, 3, 130):
            yield 4 if job["code"] == 4 else 3, f"job {job['job']}: {job['last']} (exit code {job['code']})"
    if any(job["started"] for job in state["jobs"]) and "schedule" not in state["running"]:
        yield 3, "the schedule is not running; start `sneeuwbal schedule run`"
    if state["store"]:
        yield 3, state["store"]
    if number := state["not_uploaded"]:
        yield 3, f"{number:,} segments of the archive are not in its store yet; the next run uploads them"
    if wrong := state["participants"]["unreadable"]:
        yield 3, wrong
    for line in state["damage"]:
        yield 3, f"{line}; restore it from a backup"
    if state["disk_free_bytes"] < state["database_bytes"] * 2 + SHORT_OF_DISK:
        held = sorted({process for one in state["superseded"] for process in one["processes"]})
        free = f"; stopping the readers {', '.join(map(str, held))} frees the old snapshots they hold" if held else ""
        yield (
            3,
            f"{state['disk_free_bytes'] / 1e9:.1f} GB of disk left; a load needs space for a second database{free}",
        )


def superseded(directory: Path) -> list[dict[str, Any]]:
    """Old snapshots of the database that take disk space because a process has them open.

    Each reader keeps only the one it opened. Linux only; other users' processes only for root.
    """
    gone = f"{directory.resolve() / 'study.duckdb'} (deleted)"
    found: dict[int, dict[str, Any]] = {}
    for process in Path("/proc").glob("[0-9]*"):
        try:
            for handle in (process / "fd").iterdir():
                if os.readlink(handle) == gone:
                    held = handle.stat()
                    one = found.setdefault(held.st_ino, {"bytes": held.st_size, "processes": set()})
                    one["processes"].add(int(process.name))
        except OSError:
            continue  # it ended, or belongs to another user
    return [{**one, "processes": sorted(one["processes"])} for _, one in sorted(found.items())]


def prometheus(state: dict[str, Any]) -> str:
    """The state in the text format of Prometheus, for the text-file collector of its node exporter."""
    lines: list[str] = []

    def gauge(name: str, text: str, values: list[tuple[dict[str, Any], float]]) -> None:
        lines.extend([f"# HELP sneeuwbal_{name} {text}", f"# TYPE sneeuwbal_{name} gauge"])
        for labels, value in values:
            named = ",".join(f'{key}="{_escaped(str(each))}"' for key, each in {**study, **labels}.items())
            lines.append(f"sneeuwbal_{name}{{{named}}} {value:.17g}")

    study = {"study": state["study"]}
    targets: dict[tuple[str, str, str], int] = {}
    for row in state["targets"]:
        key = (row["collector"], row["kind"], row["state"])
        targets[key] = targets.get(key, 0) + row["targets"]
    names = ("collector", "kind", "state")
    gauge("healthy", "1 if nothing needs attention.", [({}, float(state["healthy"]))])
    gauge("targets", "Targets by state.", [(dict(zip(names, key, strict=True)), n) for key, n in targets.items()])
    gauge("running", "Processes at work.", [({"what": name}, 1) for name in state["running"]])
    gauge("spent_usd", "US dollars spent.", [({}, state["spent"]["usd"])])
    gauge("requests", "Requests made.", [({}, state["spent"]["requests"])])
    gauge("archive_bytes", "Size of the archive.", [({}, state["archive_bytes"])])
    gauge("database_bytes", "Size of the database.", [({}, state["database_bytes"])])
    gauge("disk_free_bytes", "Disk left.", [({}, state["disk_free_bytes"])])
    inbox = state["participants"]
    gauge("inbox", "Donations and withdrawals that wait for a load.",
          [({"what": what}, inbox[what]) for what in ("given", "withdrawn")])  # fmt: skip
    gauge("superseded_bytes", "Old snapshots of the database that readers hold.",
          [({}, sum(one["bytes"] for one in state["superseded"]))])  # fmt: skip
    changes = state["changes"].items()
    gauge("changes", "What changed since the newest runs began.", [({"what": what}, n) for what, n in changes])
    gauge("open_gaps", "Gaps in collection that are not closed.", [({}, state["open_gaps"])])
    ended = [job for job in state["jobs"] if job["ended"]]
    gauge("job_ended_seconds", "Time when a job last ended.", [({"job": j["job"]}, _unix(j["ended"])) for j in ended])
    gauge("job_exit_code", "Its exit code.", [({"job": j["job"]}, j["code"]) for j in ended if j["code"] is not None])
    whole = [row for row in state["snapshots"] if row["snapshot"]]
    gauge("snapshot_seconds", "Time since which all lists of a kind are known.",
          [({"collector": r["collector"], "kind": r["kind"]}, _unix(r["snapshot"])) for r in whole])  # fmt: skip
    return "\n".join(lines) + "\n"


def write_whole(path: Path, text: str) -> None:
    """Write *text* to *path* atomically."""
    part = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        part.write_text(text, "utf-8")
        os.replace(part, path)
    finally:
        with contextlib.suppress(FileNotFoundError):
            part.unlink()


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')


def _iso(moment: datetime | None) -> str | None:
    return None if moment is None else moment.astimezone(UTC).isoformat()


def _seconds(seconds: float | None) -> str | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC).isoformat()


def _unix(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()

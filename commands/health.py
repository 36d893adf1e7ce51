"""What `status` tells beyond the frontier: scheduled jobs, complete snapshots, health; and the same for Prometheus."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from study.study_file import Study

SHORT_OF_DISK = 2_000_000_000  # bytes, and room for a second database

# A snapshot of a kind is complete when every list of it was walked to its end or is known to be absent: since the
# oldest of their newest such walks all are known.
SNAPSHOTS = """
    SELECT collector, kind, count(*) AS lists, count(newest) AS complete, max(newest) AS newest,
           CASE WHEN count(newest) = count(*) THEN min(newest) END AS snapshot
    FROM (SELECT collector, kind, key, max(ended_at) FILTER (complete OR ended AND pages = 0) AS newest
          FROM walks GROUP BY ALL)
    GROUP BY ALL ORDER BY ALL"""


CHANGES = "SELECT what, count(*) FROM changes WHERE seen_at >= $1 GROUP BY ALL ORDER BY ALL"


def published(study: Study, since: datetime | None) -> dict[str, Any]:
    """What the database tells of itself: snapshots, open gaps, damage, moments; empty before the first load.

    And how much has changed since *since*, unless that is None.
    """
    from commands.context import DATABASE
    from storage.tables import database

    path = study.directory / DATABASE
    if not path.exists():
        empty: dict[str, Any] = {"snapshots": [], "open_gaps": 0, "damage": [], "changes": {}}
        return {**empty, "changes_since": _iso(since), "loaded_up_to": None, "published_at": None}
    with database.open_readonly(path) as db:
        names = ("collector", "kind", "lists", "complete", "newest", "snapshot")
        snapshots = [dict(zip(names, row, strict=True)) for row in db.execute(SNAPSHOTS).fetchall()]
        gaps = db.execute("SELECT count(*) FROM gaps WHERE closed_at IS NULL").fetchone() or (0,)
        damage = db.execute("SELECT damage FROM base.archives WHERE damage IS NOT NULL ORDER BY 1").fetchall()
        newest = db.execute("SELECT max(newest_at) FROM base.archives").fetchone() or (None,)
        changes = dict(db.execute(CHANGES, [since]).fetchall()) if since is not None else {}
    for row in snapshots:
        row["newest"], row["snapshot"] = _iso(row["newest"]), _iso(row["snapshot"])
    return {
        "snapshots": snapshots,
        "open_gaps": gaps[0],
        "damage": [line for (line,) in damage],
        "changes_since": _iso(since),
        "changes": changes,
        "loaded_up_to": _iso(newest[0]),
        "published_at": _iso(datetime.fromtimestamp(path.stat().st_mtime, UTC)),
    }


def jobs(study: Study, now: datetime) -> list[dict[str, Any]]:
    """The scheduled jobs: when each starts next, and how it last ended."""
    if not study.schedule:
        return []
    from storage.journal import Journal
    from study.triggers import next_starts

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


def problems(told: dict[str, Any]) -> Iterator[tuple[int, str]]:
    """(exit code, what is wrong) of the state that `status` tells; nothing if all is well."""
    latest: dict[str, dict[str, Any]] = {}
    for run in told["runs"]:
        latest.setdefault(run["collector"], run)
    for name, run in latest.items():
        if run["status"] in {"out of credit", "out of budget"}:
            yield 4, f"{name}: {run['status']}: {run['reason']}"
        elif run["status"] in {"failed", "refused", "unreachable"}:
            yield 3, f"{name}: {run['status']}: {run['reason']}"
        elif run["status"] == "running" and f"collect-{name}" not in told["running"]:
            yield 3, f"{name}: the last run was killed; the next one goes on where it was"
    for row in told["targets"]:
        if row["state"] == "failed":
            yield 3, f"{row['targets']:,} {row['collector']} {row['kind']} failed: {row['why']}"
    for job in told["jobs"]:
        if job["code"] not in (None, 0, 3, 130):
            yield 4 if job["code"] == 4 else 3, f"job {job['job']}: {job['last']} (exit code {job['code']})"
    if any(job["started"] for job in told["jobs"]) and "schedule" not in told["running"]:
        yield 3, "the schedule does not run; start `sneeuwbal schedule run`"
    for line in told["damage"]:
        yield 3, f"{line}; restore it from a backup"
    if told["disk_free_bytes"] < told["database_bytes"] * 2 + SHORT_OF_DISK:
        held = sorted({process for one in told["superseded"] for process in one["processes"]})
        free = f"; ending the readers {', '.join(map(str, held))} frees the old pictures they hold" if held else ""
        yield 3, f"{told['disk_free_bytes'] / 1e9:.1f} GB of disk left; a load needs room for a second database{free}"


def superseded(directory: Path) -> list[dict[str, Any]]:
    """Pictures of the database that are published no more and take disk space because a process has them open.

    Each reader keeps the one that it opened, no more. Linux only, and of other people's processes only for root.
    """
    gone = f"{directory.resolve() / 'study.duckdb'} (deleted)"
    found: dict[int, dict[str, Any]] = {}
    for process in Path("/proc").glob("[0-9]*"):
        try:
            for handle in (process / "fd").iterdir():
                if os.readlink(handle) == gone:
                    told = handle.stat()
                    one = found.setdefault(told.st_ino, {"bytes": told.st_size, "processes": set()})
                    one["processes"].add(int(process.name))
        except OSError:
            continue  # it ended, or is somebody else's
    return [{**one, "processes": sorted(one["processes"])} for _, one in sorted(found.items())]


def disk_free(directory: Path) -> int:
    """Bytes free where the study lies."""
    return shutil.disk_usage(directory).free


def prometheus(told: dict[str, Any]) -> str:
    """The state in the text format of Prometheus, for the text-file collector of its node exporter."""
    lines: list[str] = []

    def gauge(name: str, text: str, values: list[tuple[dict[str, Any], float]]) -> None:
        lines.extend([f"# HELP sneeuwbal_{name} {text}", f"# TYPE sneeuwbal_{name} gauge"])
        for labels, value in values:
            named = ",".join(f'{key}="{_escaped(str(each))}"' for key, each in {**study, **labels}.items())
            lines.append(f"sneeuwbal_{name}{{{named}}} {value:.17g}")

    study = {"study": told["study"]}
    targets: dict[tuple[str, str, str], int] = {}
    for row in told["targets"]:
        key = (row["collector"], row["kind"], row["state"])
        targets[key] = targets.get(key, 0) + row["targets"]
    names = ("collector", "kind", "state")
    gauge("healthy", "1 if nothing needs attention.", [({}, float(told["healthy"]))])
    gauge("targets", "Targets by state.", [(dict(zip(names, key, strict=True)), n) for key, n in targets.items()])
    gauge("running", "Processes at work.", [({"what": name}, 1) for name in told["running"]])
    gauge("spent_usd", "US dollars spent.", [({}, told["spent"]["usd"])])
    gauge("requests", "Requests made.", [({}, told["spent"]["requests"])])
    gauge("archive_bytes", "Size of the archive.", [({}, told["archive_bytes"])])
    gauge("database_bytes", "Size of the database.", [({}, told["database_bytes"])])
    gauge("disk_free_bytes", "Disk left.", [({}, told["disk_free_bytes"])])
    gauge("superseded_bytes", "Old pictures of the database that readers hold.",
          [({}, sum(one["bytes"] for one in told["superseded"]))])  # fmt: skip
    changes = told["changes"].items()
    gauge("changes", "What changed since the newest runs began.", [({"what": what}, n) for what, n in changes])
    gauge("open_gaps", "Gaps in collection that are not closed.", [({}, told["open_gaps"])])
    ended = [job for job in told["jobs"] if job["ended"]]
    gauge("job_ended_seconds", "When a job last ended.", [({"job": j["job"]}, _unix(j["ended"])) for j in ended])
    gauge("job_exit_code", "How it ended.", [({"job": j["job"]}, j["code"]) for j in ended if j["code"] is not None])
    whole = [row for row in told["snapshots"] if row["snapshot"]]
    gauge("snapshot_seconds", "Since when all lists of a kind are known.",
          [({"collector": r["collector"], "kind": r["kind"]}, _unix(r["snapshot"])) for r in whole])  # fmt: skip
    return "\n".join(lines) + "\n"


def write_whole(path: Path, text: str) -> None:
    """Write *text* to *path* so that a reader sees the old or the new, never half."""
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

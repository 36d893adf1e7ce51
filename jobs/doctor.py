"""Checks of the installation and of a study: environment, access, secrets, disk, clock, files."""

from __future__ import annotations

import grp
import os
import shutil
import sqlite3
import stat
import sys
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from typing import NamedTuple

from packaging.requirements import Requirement

from jobs.context import archive_of, lake_of, needs_secret, read_study, shared_state, warnings
from jobs.schedule import starts
from jobs.secrets import secret_of, variable_of
from storage import consents
from storage.archive import store
from storage.errors import UserError
from storage.tables import database, lake
from study.study_file import Study

OTHERS = stat.S_IRWXG | stat.S_IRWXO
LEAST_FREE = 2_000_000_000  # bytes; less is reported


class Check(NamedTuple):
    """One check: its name, whether it passed (None: a warning), and the finding (with the fix)."""

    name: str
    passed: bool | None
    found: str


def checks(directory: Path) -> Iterator[Check]:
    """Every check of the study in *directory*; only those of the machine if there is no study."""
    yield from (_python(), _versions())
    study = None
    try:
        study = read_study(directory)
        yield Check("study file", True, f"{study.study.name}, {len(study.schedule)} jobs")
    except UserError as error:
        yield Check("study file", False, str(error))
    if not directory.is_dir():
        return
    yield from (_directory(directory), _private(directory), _disk(directory), _clock(directory, datetime.now(UTC)))
    if study is not None:
        yield from (Check("population", None, line) for line in warnings(study))
        yield from _secrets(study)
        yield _group(study)
        yield from _schedule(study)
    if study is not None and study.store.frontier:
        yield _shared(study)
    if study is not None and (where := archive_of(study)):
        yield _stored(study.archive, where)
    if study is not None and (place := lake_of(study)):
        yield _lake(place)
    yield from (inbox(directory), _state(directory), _database(directory), _writers(directory), _log(directory))


def _python() -> Check:
    found = ".".join(map(str, sys.version_info[:3]))
    return Check("python", sys.version_info >= (3, 11), f"{found} ({sys.executable})")


def _versions() -> Check:
    """Compare the installed version of every required package with the requirement."""
    wrong, seen = [], []
    for line in requires("sneeuwbal") or []:
        wanted = Requirement(line)
        if wanted.marker is not None and not wanted.marker.evaluate({"extra": ""}):
            continue
        try:
            found = version(wanted.name)
        except PackageNotFoundError:
            wrong.append(f"{wanted} is not installed")
            continue
        seen.append(f"{wanted.name} {found}")
        if not wanted.specifier.contains(found, prereleases=True):
            wrong.append(f"{wanted.name} {found} where {wanted.specifier} is required")
    text = "; ".join(wrong) + "; reinstall sneeuwbal" if wrong else ", ".join(seen)
    return Check("packages", not wrong, text)


def _directory(directory: Path) -> Check:
    mode = stat.S_IMODE(directory.stat().st_mode)
    if not os.access(directory, os.R_OK | os.W_OK | os.X_OK):
        return Check("access", False, f"{directory}: not writable; make it writable")
    if mode & stat.S_IWOTH:
        return Check("access", False, f"{directory}: writable by anyone; run `chmod o-w {directory}`")
    return Check("access", True, f"{directory}, mode {mode:04o}")


def _private(directory: Path) -> Check:
    """Check that private files are readable by their owner only."""
    names = ("secrets.toml", "tokens.json", "state.sqlite", "schedule.sqlite")
    found = [directory / name for name in names if (directory / name).exists()]
    open_ = [path.name for path in found if path.stat().st_mode & OTHERS]
    if open_:
        return Check("private files", False, f"others can read {', '.join(open_)}; run `chmod 600 {' '.join(open_)}`")
    return Check("private files", True, ", ".join(path.name for path in found) or "none yet")


def _disk(directory: Path) -> Check:
    free = shutil.disk_usage(directory).free
    archive = _total(directory / "archive")
    database = _total(directory / "study.duckdb")
    text = f"{free / 1e9:,.1f} GB free; archive {archive / 1e9:,.2f} GB, database {database / 1e9:,.2f} GB"
    if free < 2 * database + LEAST_FREE:
        return Check("disk", False, f"{text}; a load needs space for a second database and 2 GB: free some")
    return Check("disk", True, text)


def _total(path: Path) -> int:
    files = path.iterdir() if path.is_dir() else [path] if path.exists() else []
    return sum(file.stat().st_size for file in files)


def _clock(directory: Path, now: datetime) -> Check:
    """Compare the clock with the newest file of this study."""
    files = [*(directory / "archive").glob("*"), directory / "state.sqlite", directory / "schedule.sqlite"]
    newest = max((file.stat().st_mtime for file in files if file.exists()), default=0.0)
    if now.timestamp() < newest - 60:
        behind = f"{datetime.fromtimestamp(newest, UTC):%Y-%m-%d %H:%M}"
        return Check("clock", False, f"{now:%Y-%m-%d %H:%M} UTC, but files here are dated {behind}; set the clock")
    return Check("clock", True, f"{now:%Y-%m-%d %H:%M:%S} UTC")


def _secrets(study: Study) -> Iterator[Check]:
    """Check which collectors have a secret, without showing it."""
    for name, table in study.collectors.items():
        if not table.enabled:
            continue
        try:
            found = secret_of(study, name) is not None
        except UserError as error:
            yield Check(f"secret of {name}", False, str(error))
            continue
        needed = table.secret_env is not None or needs_secret(name)
        fix = f"none; set {table.secret_env or variable_of(name)} or write it into secrets.toml"
        if found or needed:
            yield Check(f"secret of {name}", found, "present" if found else fix)


def _group(study: Study) -> Check:
    group, path = study.access.group, study.directory / "study.duckdb"
    if group is None:
        return Check("group", True, "none; only you read the database")
    try:
        number = grp.getgrnam(group).gr_gid
    except KeyError:
        return Check("group", False, f"[access] group {group!r} is unknown on this machine")
    if path.exists() and path.stat().st_gid != number:
        return Check("group", False, f"{path.name} does not belong to {group}; the next load fixes this")
    return Check("group", True, f"{group} may read the database")


def _schedule(study: Study) -> Iterator[Check]:
    """List the first five starts of each job."""
    for job in study.schedule:
        found = ", ".join(f"{at:%a %Y-%m-%d %H:%M %Z}" for at, _ in starts(study, job.name))
        yield Check(f"job {job.name}", bool(found), found or "never starts; change its schedule")


def _shared(study: Study) -> Check:
    """Check that the state in PostgreSQL can be used, and say who does."""
    try:
        with closing(shared_state(study)) as shared:
            machines = ", ".join(sorted({one.machine for one in shared.at_work()}))
    except UserError as error:
        return Check("frontier", False, str(error))
    return Check("frontier", True, f"{study.store.frontier}; at work: {machines or 'no machine'}")


def _stored(folder: Path, where: store.Where) -> Check:
    """Check that the archive's store can be used."""
    try:
        (store.remote_of(folder) or store.Remote(folder, where)).check()
    except UserError as error:
        return Check("archive store", False, str(error))
    return Check("archive store", True, f"{where.address}; {len(store.waiting(folder)):,} segments wait here")


def _lake(place: lake.Lake) -> Check:
    """Check that the tables in DuckLake can be read."""
    try:
        lake.opened(place).close()
    except UserError as error:
        return Check("tables in DuckLake", None if lake.EMPTY in str(error) else False, str(error))
    return Check("tables in DuckLake", True, f"can be read; data in {place.data}")


def inbox(directory: Path) -> Check:
    """Check what participants gave or withdrew since the last load."""
    found, folder = consents.waiting(directory), directory / consents.INBOX
    if folder.exists() and folder.stat().st_mode & OTHERS:
        return Check("inbox", False, f"others can read {folder.name}; run `chmod 700 {folder.name}`")
    if found.unreadable:
        return Check("inbox", False, found.unreadable)
    given = "donation or connection" if found.given == 1 else "donations and connections"
    withdrawn = "withdrawal" if found.withdrawn == 1 else "withdrawals"
    waits = f"{found.given:,} {given}, {found.withdrawn:,} {withdrawn} wait for the next load"
    return Check("inbox", True, f"{waits}, since {found.since:%Y-%m-%d %H:%M} UTC" if found.since else "empty")


def _state(directory: Path) -> Check:
    path = directory / "state.sqlite"
    if not path.exists():
        return Check("state", True, "none yet")
    try:
        db = sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=5)
        (text,) = db.execute("PRAGMA quick_check(1)").fetchone()
        db.close()
    except sqlite3.Error as error:
        text = str(error)
    fix = "; run `sneeuwbal recover`, which rebuilds it from the archive"
    return Check("state", text == "ok", "whole" if text == "ok" else f"{text}{fix}")


def _database(directory: Path) -> Check:
    path = directory / database.NAME
    if not path.exists():
        return Check("database", True, "none yet")
    try:
        with database.open_readonly(path) as db:
            (views,) = db.execute("SELECT count(*) FROM duckdb_views() WHERE NOT internal").fetchone() or (0,)
    except UserError as error:
        return Check("database", False, str(error))
    if path.stat().st_mode & 0o222:
        return Check("database", False, f"{path.name} is writable; run `chmod a-w {path.name}`")
    return Check("database", True, f"opens, {views} views, mode {stat.S_IMODE(path.stat().st_mode):04o}")


def _writers(directory: Path) -> Check:
    """Check for processes that have the database open for writing."""
    path = directory / database.NAME
    found = [f"process {number} ({name})" for number, name in holders(path, writing=True)]
    if found:
        return Check("writers", False, f"{', '.join(found)} has {path.name} open for writing; open it read-only there")
    readers = len(list(holders(path, writing=False)))
    return Check("writers", True, f"none; {readers} readers" if Path("/proc").is_dir() else "cannot be checked here")


def holders(path: Path, *, writing: bool) -> Iterator[tuple[int, str]]:
    """(process, its name) of those that have *path* open; only the user's own, unless root. Linux only."""
    try:
        wanted = path.stat()
    except OSError:
        return
    for process in Path("/proc").glob("[0-9]*"):
        try:
            handles = [one for one in (process / "fd").iterdir() if _same(one, wanted)]
            if any(_writes(process, one.name) for one in handles) if writing else handles:
                yield int(process.name), (process / "comm").read_text().strip()
        except OSError:
            continue  # it ended, or belongs to another user


def _same(handle: Path, wanted: os.stat_result) -> bool:
    try:
        found = handle.stat()
    except OSError:
        return False
    return (found.st_dev, found.st_ino) == (wanted.st_dev, wanted.st_ino)


def _writes(process: Path, handle: str) -> bool:
    lines = (process / "fdinfo" / handle).read_text().splitlines()
    flags = next(int(line.split()[1], 8) for line in lines if line.startswith("flags:"))
    return flags & os.O_ACCMODE != os.O_RDONLY


def _log(directory: Path) -> Check:
    """Check for a write-ahead log left by a reader, which makes every later open fail."""
    path = directory / "study.duckdb.wal"
    if path.exists():
        return Check("leftovers", False, f"{path.name} was left by a program that had the database open for writing; "
                     "delete it; nothing is lost")  # fmt: skip
    return Check("leftovers", True, "none")

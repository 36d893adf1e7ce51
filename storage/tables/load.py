"""Load: archive to tables, in large batches, with one worker process per core.

Workers read stretches of the archive, parse, and spill columns to disk; then one statement per table inserts them.
The result is built in a private file and published atomically: after a kill, the published file is unchanged.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from concurrent.futures import Executor
from datetime import date
from pathlib import Path

import duckdb
import msgspec

from storage.archive import reader as archive
from storage.archive.reader import OPEN
from storage.by_hand import FILES as BY_HAND
from storage.by_hand import evidence, read_observations, read_screening
from storage.children import processors
from storage.errors import UserError
from storage.linking import link
from storage.linking.link import Linking
from storage.privacy import forgotten, retention
from storage.privacy.declared import hooks_of, platforms, resolved
from storage.tables import changes, database, latest, merge
from storage.tables.changes import Changes
from storage.tables.parse_worker import Keep, Result, Unit, split, torn
from storage.tables.spread import Parsers, Progress, spill_all

SMALL = 2 * 1024 * 1024  # compressed bytes; less is read in this process
STRETCH = 4 * 1024 * 1024  # compressed bytes a worker reads at a time: small enough that both end together
RATE = 1_000_000  # bytes of archive that a core loads per second, approximately: `python -m benchmarks.load`
MEMORY = "400MB"  # of DuckDB, once the workers are gone; more is not faster (5 million accounts, 2 cores)

FIX = "restore it, or run `sneeuwbal load --fresh`"
Publish = Callable[[Path, Changes | None], list[str]]  # a database, and what is new in it -> a line per remnant
COUNTED = {  # views, and the tables whose new rows change their number
    "profiles": {"profiles"}, "connections": {"connections"}, "accounts": {"accounts"},
    "follows": {"follows", "answers"}, "posts": {"posts"}, "referenced_posts": {"posts"}, "sample_posts": {"posts"},
}  # fmt: skip


class LoadReport(msgspec.Struct):
    """What a load did."""

    fresh: bool  # everything was loaded again
    segments: int = 0  # with new entries
    bytes: int = 0  # of archive read
    entries: int = 0
    read: dict[str, int] = {}  # rows read, by table, including known ones
    rows: dict[str, int] = {}  # rows in each view of COUNTED
    before: dict[str, int] = {}  # the same before this load
    quarantined: int = 0
    damage: list[str] = []  # one line per damaged segment, or file of the inbox

    links: dict[str, int] = {}  # by decision
    published: bool = False

    @property
    def partial(self) -> bool:
        """Whether something of the archive could not be read."""
        return bool(self.damage)

    def summary(self) -> str:
        """One line for the terminal with the sizes of the tables, and one per damaged segment or file."""
        if not self.segments:
            line = "load: nothing new in the archive"
            if self.published:
                line += "; employers and accounts linked again"
        else:
            rows = ", ".join(self._counted(name) for name in COUNTED if self.rows.get(name))
            how = "fresh" if self.fresh else "added"
            line = f"load ({how}): {self.entries:,} entries of {self.segments} segments: {rows or 'no rows'}"
        if self.quarantined:
            line += f"; {self.quarantined:,} items could not be read (view `quarantine`)"
        return "\n".join([line, *self.damage])

    def _counted(self, view: str) -> str:
        new = self.rows[view] - self.before.get(view, 0)
        return f"{self.rows[view]:,} {view.replace('_', ' ')}" + (f" ({new:+,})" if new and not self.fresh else "")


def load(
    study: Path,
    parsers: Parsers,
    *,
    fresh: bool = False,
    archives: Iterable[Path] | None = None,
    linking: Linking | None = None,
    settings: Iterable[tuple[str, str]] | None = None,
    workers: int | None = None,
    executor: Executor | None = None,
    memory: str = MEMORY,
    group: str | None = None,
    publish: Publish | None = None,
    progress: Progress | None = None,
    say: Callable[[str], None] = lambda line: None,
) -> LoadReport:
    """Load new entries of the archive of *study* (all of it if *fresh*), link, and publish the database.

    A database of an older schema is rebuilt from the archive; *say* gets one line about it first.

    *parsers* maps a collector's name to "module:object" or to the object. *archives* are directories or files, by
    default `archive/`. *settings* are the rows of the view `study`. *progress* receives bytes done and bytes in total.
    *executor* parses instead of *workers* processes here; its workers need the directory and the archives, too.
    Nothing is published if nothing has changed. *publish* is called at the end in any case, for what follows the
    database elsewhere. Raise UserError for a database that is newer than this program, or
    does not belong to the archive, and for a mistake in the decisions.
    """
    workers = workers or processors()
    rows = None if settings is None else sorted(settings)
    keep = Keep(str(study.absolute()) if (study / forgotten.FILE).exists() else "", _dropped(rows or ()))
    with database.working(study) as work:
        if not fresh:
            outdated, settings_then = database.published(study)
            fresh = outdated or (rows is not None and _dropped(settings_then) != keep.drop)
            if outdated:
                say(_made_anew(study / "archive", workers))
        private = database.start_private(study, work, fresh=fresh)
        report = LoadReport(fresh=not private.exists())
        paths = [path for place in archives or [study / "archive"] for path in archive.segments(place)]
        since = None if report.fresh or publish is None else changes.identity(study / database.NAME)
        db = database.open_private(private, memory=memory, threads=workers)
        try:
            if since is not None:
                changes.keep(db, work / changes.FILE)
            units = plan(paths, _known(db), report, workers)
            report.damage += _gone(study, paths) if report.fresh else []
            kinds = _kinds(parsers)
            by_hand = [study / name for name in BY_HAND] + [study / name for name in evidence(study)]
            made_from = _fingerprint(linking, rows, kinds, *by_hand)
            if units or report.fresh or made_from != _made_from(db):
                report.before = _count(db, COUNTED)
                _declare(db, kinds)
                _bring_in(db, units, parsers, work, report, workers, progress, keep, executor)
                if rows is not None:
                    _settings(db, rows)
                if linking is not None:
                    report.links = link.link(db, linking, platforms(parsers).values())
                retention.read_removed(db, study)
                read_screening(db, study)
                read_observations(db, study)
                db.execute("DELETE FROM base.made_from")
                db.execute("INSERT INTO base.made_from VALUES (?)", [made_from])
                changed = [view for view, tables in COUNTED.items() if tables & report.read.keys()]
                report.rows = report.before | _count(db, changed)
                since = since if changes.close(db) else None
                database.close_private(db)
                database.publish(private, study, group)
                report.published = True
        finally:
            db.close()
        if publish is not None:
            new = Changes(work / changes.FILE, since) if since is not None and report.published else None
            report.damage += publish(study / database.NAME, new)
    return report


def _made_anew(directory: Path, workers: int) -> str:
    """The message before a database of an older schema is rebuilt, with an estimate of the time."""
    size = archive.total(archive.segments(directory))
    minutes = size / (RATE * workers) / 60
    return (
        f"{database.NAME} was made by an older sneeuwbal: rebuilding it from {size / 1e6:,.0f} MB of archive, "
        f"in about {f'{minutes:,.0f} minutes' if minutes >= 1.5 else 'a minute'}"
    )


def _dropped(rows: Iterable[tuple[str, str]]) -> tuple[str, ...]:
    """The value of `[minimise] drop` among the settings *rows*."""
    return tuple(sorted(msgspec.json.decode(dict(rows).get("minimise.drop") or "[]")))


def _count(db: duckdb.DuckDBPyConnection, views: Collection[str]) -> dict[str, int]:
    """The number of rows of each of *views*."""
    counts = ", ".join(f"(SELECT count(*) FROM {view})" for view in views)
    return dict(zip(views, db.execute(f"SELECT {counts}").fetchone() or (), strict=True)) if views else {}


def _fingerprint(
    linking: Linking | None, settings: Sequence[tuple[str, str]] | None, kinds: Sequence[tuple[str, ...]], *files: Path
) -> str:
    """A hash of everything the tables depend on besides the archive."""
    made = [repr(settings), repr(kinds), repr(database.schema())]
    if linking is not None:
        made += [repr([tuple(row) for row in linking.organisations]), linking.rules]
        files += (linking.decisions,)
    made += [_digest(path) if path.is_file() else "" for path in files]
    return hashlib.blake2b("\n".join(made).encode(), digest_size=16).hexdigest()


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _made_from(db: duckdb.DuckDBPyConnection) -> str | None:
    row = db.execute("SELECT fingerprint FROM base.made_from").fetchone()
    return row[0] if row else None


def _kinds(parsers: Parsers) -> list[tuple[str, ...]]:
    """The rows of `base.kinds`: the declared kinds of *parsers*."""
    return sorted(
        (name, kind, spec.of, spec.yields)
        for name, parser in resolved(parsers).items()
        for kind, spec in parser.kinds.items()
    )


def _declare(db: duckdb.DuckDBPyConnection, kinds: Sequence[tuple[str, ...]]) -> None:
    """Write the declaration of *kinds*; that of collectors no longer installed is kept."""
    db.execute("DELETE FROM base.kinds WHERE list_contains(?, collector)", [sorted({row[0] for row in kinds})])
    if kinds:  # one statement, as each costs a millisecond
        db.execute("INSERT INTO base.kinds SELECT unnest(?), unnest(?), unnest(?), unnest(?)", _columns(kinds))


def _settings(db: duckdb.DuckDBPyConnection, rows: Sequence[tuple[str, str]]) -> None:
    db.execute("DELETE FROM base.study")
    if rows:
        db.execute("INSERT INTO base.study SELECT unnest(?), unnest(?)", _columns(rows))


def _columns(rows: Iterable[tuple[str, ...]]) -> list[list[str]]:
    return [list(column) for column in zip(*rows, strict=True)]


def _known(db: duckdb.DuckDBPyConnection) -> dict[str, int]:
    return dict(db.execute("SELECT archive, bytes FROM base.archives").fetchall())


def plan(paths: Iterable[Path], known: Mapping[str, int], report: LoadReport, workers: int) -> list[Unit]:
    """The stretches of *paths* that are not in the tables yet. Raise UserError if archive and tables disagree."""
    new: list[tuple[Path, int, int]] = []
    seen: set[str] = set()
    for path in paths:
        name = path.name.removesuffix(".open")
        if name in seen:
            continue  # the same segment in two places
        seen.add(name)
        end = archive.synced_end(path) if path.name.endswith(OPEN) else archive.size(path)
        start = known.get(name, 0)
        if start > end:
            raise UserError(f"{path}: is shorter than when it was loaded: {FIX}")
        if start < end:
            new.append((path, start, end))
    if gone := sorted(set(known) - seen):
        raise UserError(f"{gone[0]}: was loaded, but is not in the archive: {FIX}")
    report.segments, report.bytes = len(new), sum(end - start for _, start, end in new)
    size = max(SMALL // 4, min(STRETCH, report.bytes // (4 * workers)))
    stretches = [(path, cut, end) for path, start, end in new for cut in split(path, start, end, size)]
    return [Unit(number, str(path.absolute()), *cut, end) for number, (path, cut, end) in enumerate(stretches, 1)]


def _gone(study: Path, paths: Iterable[Path]) -> list[str]:
    """One line on the segments with rows in the published database that are not among *paths*."""
    if not (study / database.NAME).exists():
        return []
    try:
        with duckdb.connect(str(study / database.NAME), read_only=True) as db:
            known = {name for (name,) in db.execute("SELECT DISTINCT archive FROM base.fetches").fetchall()}
    except duckdb.Error:
        return []  # they are unknown
    gone = sorted(known - {path.name.removesuffix(".open") for path in paths})
    if not gone:
        return []
    which = gone[0] if len(gone) == 1 else f"{gone[0]} and {len(gone) - 1:,} more"
    return [f"{which}: was loaded before, but is not in the archive: its data are left out; restore it and load"]


def _bring_in(
    db: duckdb.DuckDBPyConnection,
    units: list[Unit],
    parsers: Parsers,
    work: Path,
    report: LoadReport,
    workers: int,
    progress: Progress | None,
    keep: Keep,
    executor: Executor | None,
) -> None:
    workers = workers if report.bytes > SMALL else 1
    spilled, results = spill_all(units, parsers, work, workers, keep, progress, executor)
    report.entries = sum(one.entries for one in results)
    report.read = merge.merge(db, spilled, _opened(parsers))
    shutil.rmtree(spilled, ignore_errors=True)
    report.quarantined = report.read.get("quarantine", 0)
    _remember(db, results, report)
    latest.refresh(db, report.read)
    link.read_links(db, platforms(parsers).values())


def _opened(parsers: Parsers) -> dict[str, date]:
    """The first day of each platform, as declared by the collectors in `opened`."""
    days: dict[str, date] = {}
    for parser in resolved(parsers).values():
        days |= hooks_of(parser).opened
    return days


def _remember(db: duckdb.DuckDBPyConnection, results: list[Result], report: LoadReport) -> None:
    """Record how far each segment was read, and its damage."""
    segments: dict[str, list[Result]] = {}
    for one in sorted(results, key=lambda one: one.unit.start):
        segments.setdefault(one.unit.archive, []).append(one)
    for name, pieces in sorted(segments.items()):
        path, end = Path(pieces[0].unit.path), pieces[-1].unit.whole
        damage = next((one.damage for one in pieces if one.damage), "")
        if not damage and not path.name.endswith(OPEN) and torn(path):
            damage = f"{name}: the last record is cut off"
        if damage:
            report.damage.append(damage)
        entries = sum(one.entries for one in pieces)
        newest = max((one.newest_at for one in pieces if one.newest_at), default=None)
        db.execute(
            "INSERT INTO base.archives SELECT $1, $2, coalesce(sum(entries), 0) + $3, greatest(max(newest_at), "
            "CAST($4 AS TIMESTAMPTZ)), coalesce(max(damage), $5) FROM base.archives WHERE archive = $1",
            [name, end, entries, newest, damage or None],
        )
        db.execute("DELETE FROM base.archives WHERE archive = ? AND bytes < ?", [name, end])

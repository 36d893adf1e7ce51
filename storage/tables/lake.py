"""The tables in DuckLake: published as one snapshot of Parquet files with a catalogue in PostgreSQL, for many readers.

A load builds its file as always; `publish` then changes in the lake what differs, in one transaction. A reader keeps
the snapshot it began with. After an erasure all earlier snapshots and their files are removed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import msgspec

from storage import objects
from storage.errors import UserError
from storage.structs import ready
from storage.tables import database
from storage.tables.changes import Changes, identity
from storage.tables.lake_files import MARK, Bucket, Directory
from storage.tables.merge import KEYS

if TYPE_CHECKING:
    import psycopg

EXTENSIONS = ("ducklake", "postgres_scanner")
LOCK = 0x5EEDBA11  # of PostgreSQL, advisory: one loader at a time
GRACE = "1 day"  # that a reader may use a file that merging replaced
MEMORY = "1GB"  # of DuckDB while it publishes; it sorts beyond that on disk
MANY = 50  # small files of a table before they are merged
DELETED = 0.1  # of a file's rows, for it to be written anew without them, as no others are merged
AGAIN = "; run the command again when it answers (the lake keeps its last whole snapshot)"
MOVED = "name that, or an empty database and an empty place: the next load writes the tables there"
APART = "give the tables a place of their own"
EMPTY = "no tables yet; run `sneeuwbal load` where the archive is"
NO_EXTENSION = (
    "needs DuckDB's extensions ducklake, postgres and (for a bucket) httpfs: run `pip install 'sneeuwbal[lake]'`, "
    "which takes DuckDB 1.5.5, or let this machine reach DuckDB's own repository"
)


class Lake(msgspec.Struct, frozen=True):
    """Where the tables are: the address of the catalogue, and the place of the data; the study they belong to."""

    address: str  # postgresql://...
    data: Path | str  # a directory, or s3://bucket/prefix
    study: str
    endpoint: str | None = None  # of another S3 server than Amazon's

    @property
    def folder(self) -> Path | None:
        """The directory of the data; None if they are in a bucket."""
        return self.data if isinstance(self.data, Path) else None

    @property
    def files(self) -> Bucket | Directory:
        """The place of the data."""
        return Directory(self.data) if isinstance(self.data, Path) else Bucket(self.data, self.endpoint)


class _AstrayError(Exception):
    """The lake is not what a load began with."""


class Published(msgspec.Struct):
    """What a snapshot holds, kept with it: the number of erasures before it, and a fingerprint of each table."""

    study: str = ""
    cuts: int = 0
    drop: frozenset[str] = frozenset()  # the fields that it does not have
    contents: dict[str, str] = {}
    made_of: str = ""  # the identity of the database

    def clears(self, last: Published) -> bool:
        """Whether this, which follows *last*, was made without something that *last* may hold."""
        return self.cuts != last.cuts or not self.drop <= last.drop


ready(Published)


def opened(lake: Lake, *, snapshot: int | None = None) -> duckdb.DuckDBPyConnection:
    """A connection that reads the newest snapshot, or an earlier one, as catalog `study`. Raise UserError."""
    db = _connection(lake, "study", "READ_ONLY" if snapshot is None else f"READ_ONLY, SNAPSHOT_VERSION {snapshot}")
    try:
        if _last(db, "study") is None:
            raise UserError(f"{_place(lake)}: {EMPTY}")
        if database.stated(db, _place(lake)) != database.schema():
            raise UserError(f"{_place(lake)}: {database.OTHER}")
    except BaseException as error:
        db.close()
        if isinstance(error, duckdb.Error):
            raise UserError(_why(lake, error)) from error
        raise
    return db


def directory(db: duckdb.DuckDBPyConnection) -> str:
    """The place of the data of the lake attached as `study`."""
    (found,) = db.execute("SELECT data_path FROM ducklake_settings('study')").fetchone() or ("",)
    return str(found)


def publish(lake: Lake, path: Path, changes: Changes | None = None, *, fresh: bool = False) -> list[str]:
    """Make the lake equal to the database at *path*, as one snapshot; return a line about each remnant of an erasure.

    If the lake has what *changes* begin with, only they are written; else the tables are compared in full.
    *fresh*: the tables are written anew, and the database may lack segments that the lake has, but never an erasure.
    Raise UserError if it may not, or if the lake is another study's or a newer program's. Waits for another machine
    that publishes.
    """
    tables = _tables(path, "base")
    with _alone(lake) as server:
        files = lake.files
        files.begin()
        if server.execute("SELECT to_regclass('ducklake_metadata')").fetchone() == (None,):
            _unmarked(lake, files, "", full=False)  # before the catalogue is made, which keeps the place for good
        db = _connection(lake, "lake", f"DATA_PATH '{_quoted(files.path)}', DATA_INLINING_ROW_LIMIT 0")
        try:
            spill = _quoted(path.parent / database.WORK / "lake.spill")
            db.execute(f"SET memory_limit = '{MEMORY}'; SET temp_directory = '{spill}'")
            db.execute(f"ATTACH '{_quoted(path)}' AS loaded (READ_ONLY)")
            last = _last(db, "lake")
            now = Published(lake.study, _cuts(db), _dropped(db), made_of=identity(path))
            _begin(db, lake, files, full=last is not None)
            anew = last is None or _must_be_anew(db, lake, last, now, fresh)
            if anew or last is None or last.made_of != now.made_of:
                _bring_up(db, now, None if anew else last, tables, changes)
            return _tidied(db, lake, files, now)
        except duckdb.Error as error:
            raise UserError(_why(lake, error)) from error
        finally:
            db.close()


def _unmarked(lake: Lake, files: Bucket | Directory, owner: str, *, full: bool) -> bool:
    """Whether nobody's mark is at the place. Raise UserError if it is not for the lake, which is *full* or not yet."""
    found = files.owner()
    if found is None:
        if outer := files.outer():
            raise UserError(f"{lake.data}: lies in {outer}, which has other tables; {APART}")
        if any(not full or name.endswith(f"/{MARK}") for name in files.names()):
            raise UserError(f"{lake.data}: is not empty; {APART}")
    elif found != owner:
        raise UserError(f"{lake.data}: has other tables; {APART}")
    return found is None


def _begin(db: duckdb.DuckDBPyConnection, lake: Lake, files: Bucket | Directory, *, full: bool) -> None:
    """Mark the place as the lake's. If that was not *full* yet, remove what a killed load may have left."""
    made = "SELECT schema_uuid FROM __ducklake_metadata_lake.ducklake_schema ORDER BY schema_id LIMIT 1"
    owner = str((db.execute(made).fetchone() or ("",))[0])
    if _unmarked(lake, files, owner, full=full):
        files.claim(owner)
    if not full:
        _delete(db, "cleanup_all => true")


def _must_be_anew(db: duckdb.DuckDBPyConnection, lake: Lake, last: Published, now: Published, fresh: bool) -> bool:
    if last.study != lake.study:
        raise UserError(f"{_place(lake)}: has the tables of the study {last.study!r}; name another database")
    made_by = database.stated(db, _place(lake))
    erased = "SELECT record_id FROM {}.base.notes WHERE kind = 'cut'"
    if missed := db.execute(f"{erased.format('lake')} EXCEPT {erased.format('loaded')}").fetchall():
        raise UserError(
            f"{_place(lake)}: this archive lacks {len(missed):,} of its erasures: merge the archives "
            "(`load --archive`), and forget the same people here"
        )
    less = " AND b.bytes >= a.bytes" if last.cuts == now.cuts else ""  # an erasure shortens segments
    ahead = db.execute(
        "SELECT archive FROM lake.base.archives AS a WHERE NOT EXISTS ("
        f"FROM loaded.base.archives AS b WHERE a.archive = b.archive{less}) ORDER BY 1"
    ).fetchall()
    if ahead and not fresh:
        raise UserError(
            f"{_place(lake)}: has {ahead[0][0]}, which this archive lacks or has less of: merge the archives "
            "(`load --archive`), or run `sneeuwbal load --fresh` to publish without it"
        )
    return fresh or now.clears(last) or made_by != database.schema()


def _bring_up(
    db: duckdb.DuckDBPyConnection, now: Published, last: Published | None, tables: list[str], changes: Changes | None
) -> None:
    """Write what differs from *last* (everything if None), as one snapshot: from *changes*, if they begin there."""
    changed = None
    if last is not None and changes is not None and last.made_of == changes.since:
        changed = set(_tables(changes.path, "came"))
        db.execute(f"ATTACH '{_quoted(changes.path)}' AS changes (READ_ONLY)")
    db.execute("BEGIN")
    try:
        _write(db, now, last, tables, changed)
    except _AstrayError:
        db.execute("ROLLBACK")
        db.execute("BEGIN")
        _write(db, now, Published(), tables, None)
    db.execute("COMMIT")


def _tables(path: Path, schema: str) -> list[str]:
    """The tables of a schema of the database at *path*; opened apart, as listing those of a lake takes long."""
    with duckdb.connect(str(path), read_only=True) as db:
        names = "SELECT table_name FROM duckdb_tables() WHERE schema_name = ? ORDER BY 1"
        return [name for (name,) in db.execute(names, [schema]).fetchall()]


def _write(
    db: duckdb.DuckDBPyConnection, now: Published, last: Published | None, tables: list[str], changed: set[str] | None
) -> None:
    if last is None:
        _drop(db)
        database.build(db, columns=False)
        db.execute("ALTER TABLE lake.base.posts SET SORTED BY (account_id, created_at)")  # one account's lie together
    now.contents = {table: _content(db, table, last, changed) for table in tables}
    for table, content in now.contents.items():
        if last is None:
            db.execute(f'DELETE FROM lake.base."{table}"')  # made_by
            db.execute(f'INSERT INTO lake.base."{table}" FROM loaded.base."{table}"')
        elif last.contents.get(table) != content:
            (_compare if changed is None or table not in KEYS else _follow)(db, table)
    db.execute(
        "CALL lake.set_commit_message('sneeuwbal', 'load', extra_info => ?)", [msgspec.json.encode(now).decode()]
    )


def _compare(db: duckdb.DuckDBPyConnection, table: str) -> None:
    """Make one table equal: rows that occur as often as before stay in their files."""
    here, there = f'loaded.base."{table}"', f'lake.base."{table}"'
    _differing(db, here, there)
    db.execute(f"DELETE FROM {there} AS t WHERE hash(t) IN (FROM differing)")
    db.execute(f"INSERT INTO {there} SELECT t.* FROM {here} AS t WHERE hash(t) IN (FROM differing)")


def _follow(db: duckdb.DuckDBPyConnection, table: str) -> None:
    """Make one table equal by what a load changed. Raise _AstrayError if it is not what that load began with."""
    came, gone, there, key = f"changes.came.{table}", f"changes.gone.{table}", f"lake.base.{table}", KEYS[table]
    _differing(db, came, gone)
    db.execute(f"CREATE OR REPLACE TEMP TABLE leaving AS FROM {gone} AS t WHERE hash(t) IN (FROM differing)")
    described = db.execute("FROM leaving LIMIT 0").description or []
    columns = [*key, *(f'"{name}"' for name, kind, *_ in described if str(kind).startswith("TIMESTAMP"))]
    extents = ", ".join(f"CASE WHEN count({name}) = count(*) THEN [min({name}), max({name})] END" for name in columns)
    number, *found = db.execute(f"SELECT count(*), {extents} FROM leaving").fetchone() or (0,)
    if number:
        extent = {
            name: ends for name, ends in zip(columns, found, strict=True) if ends
        }  # lets whole files be passed by
        which = "".join(f"t.{name} BETWEEN ? AND ? AND " for name in extent)
        which += f"hash({', '.join(key)}) IN (SELECT hash({', '.join(key)}) FROM leaving)"
        done = db.execute(f"DELETE FROM {there} AS t WHERE {which}", [end for ends in extent.values() for end in ends])
        if done.fetchone() != (number,):
            raise _AstrayError
    db.execute(f"INSERT INTO {there} FROM {came} AS t WHERE hash(t) IN (FROM differing)")


def _differing(db: duckdb.DuckDBPyConnection, here: str, there: str) -> None:
    """Make `differing`: the hashes of rows that *here* and *there* do not have equally often."""
    db.execute(  # hashes, as whole rows would be held in memory
        f"CREATE OR REPLACE TEMP TABLE differing AS SELECT mark FROM (SELECT hash(t) AS mark, 1 AS n FROM {here} AS t"
        f" UNION ALL SELECT hash(t), -1 FROM {there} AS t) GROUP BY mark HAVING sum(n) <> 0"
    )


def _drop(db: duckdb.DuckDBPyConnection) -> None:
    for kind, schema in (("view", "main"), ("table", "base")):
        names = f"SELECT {kind}_name FROM duckdb_{kind}s() WHERE database_name = 'lake' AND schema_name = '{schema}'"
        for (name,) in db.execute(names).fetchall():
            db.execute(f'DROP {kind} lake.{schema}."{name}"')
    db.execute("DROP SCHEMA IF EXISTS lake.base")


def _tidied(db: duckdb.DuckDBPyConnection, lake: Lake, files: Bucket | Directory, now: Published) -> list[str]:
    """Remove snapshots that hold what was erased, with their files, and what killed loads left; merge small files."""
    if any(count > MANY for (count,) in db.execute("SELECT file_count FROM ducklake_table_info('lake')").fetchall()):
        db.execute(f"CALL ducklake_rewrite_data_files('lake', delete_threshold => {DELETED})")
        db.execute("CALL ducklake_merge_adjacent_files('lake')")
    erases, lines = now.clears(Published()), list[str]()
    past = _earlier(db, now) if erases else []
    if past or files.erasing():
        lines += filter(None, [files.begin_erasing()])
        if past:
            db.execute(f"CALL ducklake_expire_snapshots('lake', versions => {past})")
        _delete(db, "cleanup_all => true")
        files.end_erasing()
    else:
        _delete(db, f"older_than => now() - INTERVAL '{GRACE}'")
    return lines + _remnants(db, lake, files, now) if erases else []


def _earlier(db: duckdb.DuckDBPyConnection, now: Published) -> list[int]:
    """The snapshots that may hold what was erased since; one that merging made belongs to the publish before it."""
    found, holds = [], True
    noted = "SELECT snapshot_id, commit_extra_info FROM ducklake_snapshots('lake') ORDER BY 1"
    for number, extra in db.execute(noted).fetchall():
        holds = now.clears(_published(extra)) if extra else holds
        if holds:
            found.append(number)
    return found


def _delete(db: duckdb.DuckDBPyConnection, which: str) -> None:
    db.execute(f"CALL ducklake_cleanup_old_files('lake', {which})")
    db.execute(f"CALL ducklake_delete_orphaned_files('lake', {which})")


def _remnants(db: duckdb.DuckDBPyConnection, lake: Lake, files: Bucket | Directory, now: Published) -> list[str]:
    """Snapshots that hold what has been erased, and data files that no snapshot uses."""
    lines = [f"{_place(lake)}: snapshot {number} is from before an erasure" for number in _earlier(db, now)]
    tables = " UNION ".join(
        f"SELECT path FROM __ducklake_metadata_lake.{table}"
        for table in ("ducklake_data_file", "ducklake_delete_file", "ducklake_files_scheduled_for_deletion")
    )
    used = {Path(name).name for (name,) in db.execute(tables).fetchall()}
    found = [name for name in files.names() if Path(name).name not in used]
    unused, strange = "a data file that no snapshot uses; delete it", f"is not a file of these tables; {APART}"
    return lines + [f"{name}: {unused if name.endswith('.parquet') else strange}" for name in found]


def _content(db: duckdb.DuckDBPyConnection, table: str, last: Published | None, changed: set[str] | None) -> str:
    """The number of rows of *table*, and the sum of their hashes: of a large one, if *changed* since *last*, by that.

    Raise _AstrayError if the number is another one.
    """
    here = f'loaded.base."{table}"'
    if last is None or changed is None or table not in KEYS:
        count, total = _marks(db, here)
    else:
        count, total = map(int, last.contents[table].split())
        for sign, side in ((1, "came"), (-1, "gone")) if table in changed else ():
            rows, marks = _marks(db, f"changes.{side}.{table}")
            count, total = count + sign * rows, total + sign * marks
        if db.execute(f"SELECT count(*) FROM {here}").fetchone() != (count,):
            raise _AstrayError
    return f"{count} {total}"


def _marks(db: duckdb.DuckDBPyConnection, rows: str) -> tuple[int, int]:
    """Count and sum, as rows may occur twice."""
    return db.execute(f"SELECT count(*), coalesce(sum(hash(t)), 0) FROM {rows} AS t").fetchone() or (0, 0)


def _cuts(db: duckdb.DuckDBPyConnection) -> int:
    """The number of erasures noted in the archive."""
    (count,) = db.execute("SELECT count(*) FROM loaded.base.notes WHERE kind = 'cut'").fetchone() or (0,)
    return int(count)


def _dropped(db: duckdb.DuckDBPyConnection) -> frozenset[str]:
    """The value of `[minimise] drop` that the tables were loaded with."""
    found = db.execute("SELECT CAST(value AS VARCHAR) FROM loaded.base.study WHERE key = 'minimise.drop'").fetchone()
    return msgspec.json.decode((found and found[0]) or "[]", type=frozenset[str])


def _published(extra: str) -> Published:
    return msgspec.json.decode(extra, type=Published)


def _last(db: duckdb.DuckDBPyConnection, name: str) -> Published | None:
    """What the newest snapshot that a load made holds; None if there is none."""
    noted = f"SELECT commit_extra_info FROM ducklake_snapshots('{name}') WHERE commit_extra_info <> ''"
    found = db.execute(f"{noted} ORDER BY snapshot_id DESC LIMIT 1").fetchone()
    return _published(found[0]) if found else None


@contextmanager
def _alone(lake: Lake) -> Iterator[psycopg.Connection[Any]]:
    """Wait for other loaders of this lake, and keep them waiting; the server frees the lock if this process dies."""
    try:
        import psycopg
    except ImportError as error:
        raise UserError(f"[store] tables: {error}; run `pip install 'sneeuwbal[lake]'`") from error
    try:
        with psycopg.connect(lake.address, autocommit=True) as connection:
            connection.execute("SELECT pg_advisory_lock(%s)", [LOCK])
            yield connection
    except psycopg.Error as error:
        raise UserError(f"{_place(lake)}: {str(error).splitlines()[0]}{AGAIN}") from error


def _connection(lake: Lake, name: str, how: str) -> duckdb.DuckDBPyConnection:
    db = duckdb.connect()
    try:
        db.execute("SET TimeZone = 'UTC'")
        for extension in EXTENSIONS if lake.folder else (*EXTENSIONS, "httpfs"):
            _load(db, extension)
        lake.files.allow(db)
        db.execute("SET pg_null_byte_replacement = ''")
        db.execute(f"ATTACH 'ducklake:postgres:{_quoted(lake.address)}' AS {name} ({how}); USE {name}")
    except BaseException as error:
        db.close()
        if isinstance(error, duckdb.Error):
            raise UserError(_why(lake, error)) from error
        raise
    return db


def _load(db: duckdb.DuckDBPyConnection, extension: str) -> None:
    """Load *extension*: as installed, else from the package of the extra `lake`, else from DuckDB's repository."""
    try:
        db.execute(f"LOAD {extension}")
        return
    except duckdb.Error:
        pass
    try:
        import_module("duckdb_extensions").import_extension(extension)
    except (ImportError, RuntimeError, OSError):
        try:
            db.execute(f"INSTALL {extension}")
        except duckdb.Error as error:
            raise UserError(f"[store] tables {NO_EXTENSION}") from error
    try:
        db.execute(f"LOAD {extension}")
    except duckdb.Error as error:
        raise UserError(f"[store] tables {NO_EXTENSION}") from error


def _why(lake: Lake, error: duckdb.Error) -> str:
    first = str(error).splitlines()[0]
    if "creating a new DuckLake is explicitly disabled" in first:
        return f"{_place(lake)}: {EMPTY}"
    if "existing data path" in first:
        return f"{_place(lake)}: has its data elsewhere than in {lake.data}; {MOVED}"
    if lake.folder is None and "HTTP" in first:
        return f"{lake.data}: {objects.why(str(error))}{AGAIN}"
    return f"{_place(lake)}: {first.rpartition('failed: ')[2]}{AGAIN}"


def _place(lake: Lake) -> str:
    return re.sub(r"//[^@/]*@", "//", lake.address)


def _quoted(text: Path | str) -> str:
    return str(text).replace("'", "''")

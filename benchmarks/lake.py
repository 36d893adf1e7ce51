"""Tables in DuckLake beside the single file: loading simulated posts, and the report's queries over them.

    PYTHONPATH=build/lake python -m benchmarks.lake [POSTS] [DIRECTORY]        (make lake installs build/lake)

The timelines of half the study of 2013 are loaded from nothing, as users do, parsing included. Then posts (2 million; a
third with hashtags, as in that study) are written as columns, as parsing writes them, and merged and published as by
`load`; then a hundredth of them more. Limits: half the single file's rate for the load with parsing, and twice its time
for the queries, by CPU, as the machine may have other work. PostgreSQL has its catalogue, on loopback.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from analysis import activity, hashtag_edges, shares
from benchmarks.load import PARSERS, record, timelines
from storage.records import Post
from storage.tables import changes, database, lake, latest, merge
from storage.tables.load import MEMORY
from storage.tables.load import load as load_archive
from storage.tables.parquet_spill import Context, fields
from tests.postgres import serving

RATE, QUERIES, TURNS = 0.5, 2.0, 3
SCALE = 0.5  # of the study of 2013
FILE = 250_000  # posts
POSTS = """
    SELECT CAST(i AS VARCHAR) AS post_id, 'x' AS platform, CAST(hash(i) % $accounts AS VARCHAR) AS account_id,
        TIMESTAMPTZ '2012-01-01 00:00:00+00' + to_seconds(CAST(hash(i + 1) % 30000000 AS BIGINT)) AS created_at,
        CASE WHEN i % 5 = 0 THEN '@someone ' ELSE '' END || md5(CAST(i AS VARCHAR)) || ' ' || md5(CAST(-i AS VARCHAR))
            AS text,
        account_id AS timeline_of, CASE WHEN i % 4 = 0 THEN 'reply' ELSE 'original' END AS kind, 'nl' AS lang,
        list_transform(range(CASE WHEN hash(i + 2) % 100 >= 34 THEN 0 WHEN hash(i + 3) % 100 < 63 THEN 1
                WHEN hash(i + 3) % 100 < 89 THEN 2 ELSE 3 END),
            lambda n: 'tag' || CAST(pow(hash(8 * i + n) % 1000003 / 1000003, 3) * 200000 AS BIGINT)) AS hashtags,
        CAST(i % 50 AS BIGINT) AS likes, 'page-' || i // 100 AS record_id,
        TIMESTAMPTZ '2013-02-23 12:00:00+00' AS fetched_at, 'run' AS run_id, 'x' AS collector, 'timeline' AS page_kind,
        CAST(i AS BIGINT) AS row_id
    FROM range($first, $last) AS numbers(i)"""
SCOPE = activity.Scope(accounts="all")
ASKED: dict[str, Callable[[duckdb.DuckDBPyConnection], Any]] = {
    "hashtags, mentions and @ (Table 6)": partial(shares.table, accounts="all"),
    "weekday by hour": partial(activity.hour_by_weekday, scope=SCOPE),
    "per day": partial(activity.daily, scope=SCOPE),
    "network of hashtags": partial(hashtag_edges.network, scope="all", threshold="auto"),
    "posts by account": lambda db: db.sql(
        "SELECT account_id, count(*), min(created_at), max(created_at) FROM posts GROUP BY 1"
    ).to_arrow_table(),
    "posts with a word": lambda db: db.sql("SELECT count(*) FROM posts WHERE text ILIKE '%abcde%'").to_arrow_table(),
    "one account's newest": lambda db: db.sql(
        "SELECT * FROM posts WHERE account_id = '7' ORDER BY created_at DESC LIMIT 20"
    ).to_arrow_table(),
}


def spill(folder: Path, first: int, last: int, accounts: int) -> None:
    """Write the columns of the posts from *first* to *last*, as parsing does: many files."""
    types = fields(Post) | {name: kind for name, kind in fields(Context).items() if name not in fields(Post)}
    with duckdb.connect(config={"memory_limit": MEMORY, "preserve_insertion_order": False}) as db:
        db.execute("SET TimeZone = 'UTC'")
        empty = pa.schema([*types.items(), ("row_id", pa.int64())]).empty_table()
        db.register("kinds", empty)
        for number, begin in enumerate(range(first, last, FILE)):
            place = folder / f"{number:06d}"
            place.mkdir(parents=True)
            sql = POSTS.replace("$accounts", str(accounts)).replace("$first", str(begin))
            sql = sql.replace("$last", str(min(last, begin + FILE)))
            db.execute(f"COPY (FROM kinds UNION ALL BY NAME {sql}) TO '{place}/posts.parquet'")


def timed(what: Callable[..., Any], *words: Any) -> tuple[float, float]:
    """Wall and CPU seconds of a call, its processes included."""
    wall, cpu = time.perf_counter(), sum(os.times()[:4])
    what(*words)
    return time.perf_counter() - wall, sum(os.times()[:4]) - cpu


def parsed(folder: Path, to: lake.Lake) -> tuple[tuple[float, float], tuple[float, float]]:
    """What it takes to load timelines from nothing: into the file alone, and into the lake too."""
    record(SCALE, folder / "world")
    timelines(folder / "world", folder / "timelines")
    whole = partial(load_archive, folder / "timelines", PARSERS, fresh=True)
    return timed(whole), timed(partial(whole, publish=partial(lake.publish, to)))


def load(study: Path, spilled: Path, to: lake.Lake) -> tuple[tuple[float, float], tuple[float, float]]:
    """Merge the columns into the study's tables, and publish its file; what that took, and publishing to the lake."""
    with database.working(study) as work:
        alone = timed(merged, study, spilled, work)
        new = changes.Changes(work / changes.FILE, (work / "since").read_text()) if (work / "since").exists() else None
        return alone, timed(lake.publish, to, study / database.NAME, new)


def merged(study: Path, spilled: Path, work: Path) -> None:
    """Merge the columns into the tables of *study*, its changes noted in *work*, and publish its file."""
    private = database.start_private(study, work, fresh=False)
    if private.exists():
        (work / "since").write_text(changes.identity(study / database.NAME))
    db = database.open_private(private, memory=MEMORY)
    if (work / "since").exists():
        changes.keep(db, work / changes.FILE)
    came = merge.merge(db, spilled)
    latest.refresh(db, came)
    db.execute("INSERT INTO base.archives VALUES (?, 1, 1, now(), NULL)", [spilled.name])
    changes.close(db)
    database.close_private(db)
    db.close()
    database.publish(private, study)


def show(what: str, one: tuple[float, float], other: tuple[float, float]) -> float:
    """Print a line; return the ratio of the CPU seconds."""
    ratio = other[1] / one[1]
    print(f"{what:36} {one[0]:8.2f} ({one[1]:7.2f}) {other[0]:8.2f} ({other[1]:7.2f}) {ratio:6.2f}", flush=True)
    return ratio


def main(posts: int, where: Path | None) -> int:
    """Print what both take; return 1 if a limit is missed."""
    more, accounts = posts // 100, max(1000, posts // 200)
    with tempfile.TemporaryDirectory(dir=where) as folder, serving(settings="") as server:
        study = Path(folder) / "study"
        study.mkdir()
        to = lake.Lake(server.database(), Path(folder) / "lake", "A study")
        print(f"{f'{posts:,} posts: s (s CPU)':36} {'single file':>18} {'DuckLake':>18} {'ratio':>6}")
        apart = lake.Lake(server.database(), Path(folder) / "parsed", "A study")
        ratio = show(f"load, parsing, of {SCALE:.0%} of 2013's posts", *parsed(Path(folder), apart))
        for name, first, last in (("first", 0, posts), ("more", posts, posts + more)):
            spilled = Path(folder) / name
            spill(spilled, first, last, accounts)
            alone, added = load(study, spilled, to)
            shutil.rmtree(spilled)
            both = (alone[0] + added[0], alone[1] + added[1])
            show(f"load {last - first:,} posts", alone, both)
        with database.open_readonly(study / database.NAME) as file, lake.opened(to) as shared:
            sums = [(0.0, 0.0), (0.0, 0.0)]
            for what, ask in ASKED.items():
                least = [min(timed(ask, db) for _ in range(TURNS)) for db in (file, shared)]
                show(what, *least)
                sums = [(a + c, b + d) for (a, b), (c, d) in zip(sums, least, strict=True)]
            asked = show("all queries", *sums)
        size = sum(path.stat().st_size for path in to.data.rglob("*.parquet"))
        print(f"on disk: {(study / database.NAME).stat().st_size / 1e6:,.0f} MB, {size / 1e6:,.0f} MB")
    return int(1 / ratio < RATE or asked > QUERIES)


if __name__ == "__main__":
    sys.exit(main(int((sys.argv[1:] or ["2000000"])[0]), Path(sys.argv[2]) if len(sys.argv) > 2 else None))

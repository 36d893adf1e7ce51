"""Weekday by hour and per day of many posts, beside the plain query that converts every post to local time.

python -m benchmarks.activity [--posts 70000000] [--accounts 100000]
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

import duckdb
import pandas as pd

from analysis import activity
from storage.tables.database import create

ZONE = "Europe/Amsterdam"
POSTS = """
INSERT INTO base.posts BY NAME
SELECT 'x' AS platform, range AS post_id, 'original' AS kind, hash(range) % $accounts AS account_id,
       hash(range) % $accounts AS timeline_of,
       TIMESTAMPTZ '2007-03-20 00:00:00+00'
           + to_microseconds(CAST(hash(range + 1) % 187000000000000 AS BIGINT)) AS created_at
FROM range($posts)
"""
# what one writes first
PLAIN = f"""
SELECT isodow(created_at AT TIME ZONE '{ZONE}') - 1 AS weekday, hour(created_at AT TIME ZONE '{ZONE}') AS hour,
       count(*) AS posts
FROM posts GROUP BY ALL
"""
PLAIN_DAILY = f"""
SELECT CAST(created_at AT TIME ZONE '{ZONE}' AS DATE) AS day, count(*) AS posts,
       count(DISTINCT timeline_of) AS active_accounts FROM posts GROUP BY ALL ORDER BY 1
"""


def build(path: Path, posts: int, accounts: int) -> duckdb.DuckDBPyConnection:
    """A database of *posts* posts by *accounts* accounts between March 2007 and February 2013."""
    db = duckdb.connect(str(path), config={"threads": 2})
    create(db)
    db.execute(POSTS, {"posts": posts, "accounts": accounts})
    db.close()
    return duckdb.connect(str(path), read_only=True, config={"threads": 2})


def timed(what, *arguments, **options):
    """The result of *what*, and (wall, CPU) seconds of the better of two calls."""
    seconds = []
    for _ in range(2):
        begin, cpu = time.perf_counter(), time.process_time()
        result = what(*arguments, **options)
        seconds.append((time.perf_counter() - begin, time.process_time() - cpu))
    return result, min(seconds)


def show(what, ours, theirs):
    """One line: wall and CPU seconds of both, and the ratio of CPU seconds (steadier on a busy machine)."""
    times = "; ".join(
        f"{name} {wall:.2f} s ({cpu:.2f} s CPU)" for name, (wall, cpu) in (("ours", ours), ("plain", theirs))
    )
    print(f"{what}: {times}; {theirs[1] / ours[1]:.1f} times")


def main() -> None:
    """Build, time, compare the answers, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--posts", type=int, default=70_000_000)
    parser.add_argument("--accounts", type=int, default=100_000)
    options = parser.parse_args()
    scope = activity.Scope(timezone=ZONE, accounts="all")
    with tempfile.TemporaryDirectory() as folder:
        db = build(Path(folder) / "bench.duckdb", options.posts, options.accounts)
        grid, ours = timed(activity.hour_by_weekday, db, scope, value="posts")
        plain, theirs = timed(lambda: db.execute(PLAIN).df())
        same = plain.pivot(index="weekday", columns="hour", values="posts").fillna(0)
        assert (same.to_numpy() == grid.to_numpy()).all()
        show(f"weekday by hour of {options.posts:,} posts", ours, theirs)
        days, ours = timed(activity.daily, db, scope)
        plain, theirs = timed(lambda: db.execute(PLAIN_DAILY).df())
        plain = plain.set_index(pd.to_datetime(plain["day"]))
        assert (plain["posts"].reindex(days.index, fill_value=0) == days["posts"]).all()
        assert (plain["active_accounts"].reindex(days.index, fill_value=0) == days["active_accounts"]).all()
        show("per day, with distinct accounts", ours, theirs)
        db.close()


if __name__ == "__main__":
    main()

"""A hundred times the posts of the study of 2013, loaded and queried, beside a tenth of them.

    python -m benchmarks.volume [POSTS] [DIRECTORY]

The posts (69 million) are written as columns, as parsing writes them: an archive of so many would be 30 GB, and its
reading grows with its answers (`benchmarks.load --twice`). Each size is merged and published as by `load`, and then
asked what the report asks of posts, each in a process of its own. The tenth is measured before and after, as a
machine's speed may change in ten minutes. Limits: a post costs within 10% of its CPU among a tenth as many (the
mean); the queries take 60 s; 4 GB. DIRECTORY needs 500 bytes a post.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

import duckdb

from benchmarks._measure import Cost, measured, show
from benchmarks.lake import ASKED, merged, spill
from jobs.report import MEMORY
from storage.tables import database

POSTS, CPU, SECONDS, MEGABYTES = 69_000_000, 1.1, 60.0, 4_000


def ask(study: Path) -> None:
    """Ask what the report asks of posts, and print what each takes: the child's work."""
    with database.open_readonly(study / database.NAME, memory=MEMORY) as db:
        for what, query in ASKED.items():
            began = time.perf_counter()
            query(db)
            print(f"    {what:36} {time.perf_counter() - began:8.1f} s", flush=True)


def rows(study: Path) -> int:
    """How many posts *study* has."""
    with duckdb.connect(study / database.NAME, read_only=True) as db:
        (count,) = db.execute("SELECT count(*) FROM base.posts").fetchone() or (0,)
    return int(count)


def size(posts: int, place: Path) -> tuple[Cost, Cost]:
    """What loading and asking *posts* cost."""
    study, spilled = place / "study", place / "columns"
    study.mkdir()
    spill(spilled, 0, posts, max(1000, posts // 200))
    costs = [measured("benchmarks.volume", "--load", study, spilled), measured("benchmarks.volume", "--ask", study)]
    assert rows(study) == posts
    show(f"load {posts:,} posts", costs[0], f"   {costs[0].cpu / posts * 1e6:.1f} µs CPU a post")
    show("the report's queries", costs[1], f"   database {(study / database.NAME).stat().st_size / 1e6:,.0f} MB")
    return costs[0], costs[1]


def main(posts: int, where: Path | None) -> int:
    """Print all sizes; return how many limits are missed."""
    costs = []
    for number in (posts // 10, posts, posts // 10):
        with tempfile.TemporaryDirectory(dir=where) as place:
            costs.append(size(number, Path(place)))
    (before, _), (loaded, asked), (after, _) = costs
    ratio = loaded.cpu / posts / ((before.cpu + after.cpu) / 2 / (posts // 10))
    peak = max(loaded.memory, asked.memory)
    print(f"loading a post: {ratio:.2f} times the CPU among a tenth as many (limit {CPU}); queries {asked.wall:.0f} s"
          f" (limit {SECONDS:.0f}); peak {peak:,} MB (limit {MEGABYTES:,})")  # fmt: skip
    return (ratio > CPU) + (asked.wall > SECONDS) + (peak > MEGABYTES)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--load"]:
        with database.working(Path(sys.argv[2])) as work:
            merged(Path(sys.argv[2]), Path(sys.argv[3]), work)
    elif sys.argv[1:2] == ["--ask"]:
        ask(Path(sys.argv[2]))
    else:
        sys.exit(main(int((sys.argv[1:] or [str(POSTS)])[0]), Path(sys.argv[2]) if len(sys.argv) > 2 else None))

"""What loading costs: wall time, CPU, peak memory; its posts beside DuckDB's own `read_json`; and twice the data.

`python -m benchmarks.load [--scale 1] [--twice] [--keep DIR]`. The archive is the simulated world's, recorded without
sockets. Every figure comes from a child process; memory is the proportional set size of it and its workers, summed.
The peer reads the same timeline pages as newline-delimited JSON with explicit columns and two threads, and makes the
posts, the referenced posts, their hashtags and mentions, and the accounts: no duplicates removed, nothing kept of
where a row came from.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from datetime import date
from pathlib import Path

import psutil

HERE = Path(__file__).resolve().parents[1]
PARSERS = {"x": "collectors.x:collector", "profiles": "collectors.profiles:collector"}

USER = """STRUCT(id VARCHAR, "name" VARCHAR, username VARCHAR, created_at TIMESTAMPTZ, description VARCHAR,
    "location" VARCHAR, protected BOOLEAN, verified BOOLEAN, url VARCHAR,
    public_metrics STRUCT(followers_count BIGINT, following_count BIGINT, tweet_count BIGINT))"""
POST = """STRUCT(id VARCHAR, author_id VARCHAR, conversation_id VARCHAR, created_at TIMESTAMPTZ, "text" VARCHAR,
    lang VARCHAR, "source" VARCHAR, in_reply_to_user_id VARCHAR, edit_history_tweet_ids VARCHAR[],
    referenced_tweets STRUCT("type" VARCHAR, id VARCHAR)[],
    entities STRUCT(hashtags STRUCT(tag VARCHAR)[], mentions STRUCT(username VARCHAR, id VARCHAR)[],
                    urls STRUCT(expanded_url VARCHAR)[]),
    geo STRUCT(place_id VARCHAR, coordinates STRUCT(coordinates DOUBLE[])),
    public_metrics STRUCT(retweet_count BIGINT, reply_count BIGINT, like_count BIGINT))"""
PEER = f"""
CREATE TEMP TABLE pages AS SELECT * FROM read_json('FILE', format = 'newline_delimited', maximum_object_size = 67108864,
    columns = {{data: '{POST}[]', includes: 'STRUCT(users {USER}[], tweets {POST}[])'}});
CREATE TABLE posts AS SELECT unnest(p, recursive := false) FROM (SELECT unnest(data) AS p FROM pages);
CREATE TABLE referenced AS SELECT unnest(p, recursive := false) FROM (SELECT unnest(includes.tweets) AS p FROM pages);
CREATE TABLE users AS SELECT unnest(u, recursive := false) FROM (SELECT unnest(includes.users) AS u FROM pages);
CREATE TABLE hashtags AS SELECT id, unnest(entities.hashtags).tag AS tag FROM posts;
CREATE TABLE mentions AS SELECT id, unnest(m) FROM (SELECT id, unnest(entities.mentions) AS m FROM posts);
"""


def record(scale: float, place: Path) -> None:
    """The world's archive at *scale* in *place*, unless it is there already."""
    if not (place / "archive").is_dir():
        subprocess.run(
            [sys.executable, "-m", "fixtures.world", "record", "--scale", str(scale), str(place)], check=True, cwd=HERE
        )


def timelines(source: Path, place: Path) -> None:
    """The timeline pages of an archive, alone: as an archive, and as newline-delimited JSON."""
    from storage import archive, archiving
    from storage.records import Page

    if (place / "pages.ndjson").exists():
        return
    writer = archiving.Writer(place / "archive", "x", fsync=False)
    with (place / "pages.ndjson").open("wb") as lines:
        for path in archive.segments(source / "archive"):
            if path.name.startswith("x-"):
                for entry in archive.read(path):
                    if isinstance(entry, Page) and entry.wants and entry.kind == "timeline" and entry.status == 200:
                        writer.append(entry)
                        lines.write(entry.content().replace(b"\n", b" ") + b"\n")
            writer.sync()
    writer.close()


def load(study: str) -> None:
    """Load *study* from nothing, link and publish: the child's work."""
    from storage.link import Linking
    from storage.load import load
    from storage.organisations import Matcher, load_list

    day = date(2013, 2, 23)
    listed = load_list("nl")
    linking = Linking(list(listed.rows(day)), Matcher(listed, day), Path(study) / "decisions.csv")
    print(load(Path(study), PARSERS, fresh=True, linking=linking).told())


def load_posts(study: str) -> None:
    """Load *study* from nothing, without linking, as the peer does not link either: the child's work."""
    from storage.load import load

    print(load(Path(study), PARSERS, fresh=True).told())


def peer(study: str) -> None:
    """Load the same timelines with `read_json`: the child's work."""
    import duckdb

    target = Path(study) / "peer.duckdb"
    target.unlink(missing_ok=True)
    db = duckdb.connect()
    db.execute("SET threads = 2; SET preserve_insertion_order = false")
    db.execute(f"ATTACH '{target}' AS peer (STORAGE_VERSION 'v1.5.0')")
    db.execute("USE peer")
    db.execute(PEER.replace("FILE", f"{study}/pages.ndjson"))
    db.execute("CHECKPOINT peer")
    counts = [db.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in ("posts", "hashtags", "mentions")]
    print("read_json: {:,} posts, {:,} hashtags, {:,} mentions".format(*counts))


def measured(work: str, study: Path) -> tuple[float, float, int]:
    """Wall seconds, CPU seconds and peak memory (MB) of *work* in a child process."""
    before = os.times()
    start = time.perf_counter()
    child = subprocess.Popen([sys.executable, "-m", "benchmarks.load", "--child", work, str(study)], cwd=HERE)
    process, peak = psutil.Process(child.pid), 0
    while child.poll() is None:
        peak = max(peak, _memory(process))
        time.sleep(0.2)
    wall, after = time.perf_counter() - start, os.times()
    if child.returncode:
        sys.exit(f"{work} of {study} failed")
    cpu = after.children_user + after.children_system - before.children_user - before.children_system
    return wall, cpu, peak // 1_000_000


def _memory(process: psutil.Process) -> int:
    total = 0
    try:
        for one in [process, *process.children(recursive=True)]:
            total += one.memory_full_info().pss
    except psutil.Error:
        pass
    return total


def show(name: str, figures: tuple[float, float, int]) -> None:
    wall, cpu, peak = figures
    print(f"{name:34} {wall:8.1f} s wall {cpu:8.1f} s CPU {peak:6,} MB", flush=True)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--scale", type=float, default=1.0)
    options.add_argument("--twice", action="store_true", help="twice the scale too")
    options.add_argument("--keep", type=Path, help="a directory for archives and databases, kept for the next time")
    options.add_argument("--child", nargs=2, help=argparse.SUPPRESS)
    given = options.parse_args()
    if given.child:
        {"load": load, "posts": load_posts, "peer": peer}[given.child[0]](given.child[1])
        return
    place = given.keep or Path(tempfile.mkdtemp(prefix="bench-load-"))
    try:
        bench(place, given.scale, given.twice)
    finally:
        if given.keep is None:
            shutil.rmtree(place)


def bench(place: Path, scale: float, twice: bool) -> None:
    print(f"load: scale {scale}, {os.cpu_count()} cores, load average {os.getloadavg()[0]:.1f} before the start")
    whole, posts, double = place / f"scale-{scale}", place / f"posts-{scale}", place / f"scale-{2 * scale}"
    record(scale, whole)
    posts.mkdir(parents=True, exist_ok=True)
    timelines(whole, posts)
    once = measured("load", whole)
    show("the whole archive", once)
    ours, theirs = measured("posts", posts), measured("peer", posts)
    show("its posts alone", ours)
    show("the same, by DuckDB's read_json", theirs)
    print(f"{'':34} {ours[0] / theirs[0]:8.2f} x wall {ours[1] / theirs[1]:8.2f} x CPU   (at most 3 x wall)")
    if twice:
        record(2 * scale, double)
        two = measured("load", double)
        show("twice the scale", two)
        print(f"{'':34} {two[0] / once[0]:8.2f} x wall {two[1] / once[1]:8.2f} x CPU {two[2] / once[2]:6.2f} x memory")


if __name__ == "__main__":
    main()

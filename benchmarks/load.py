"""What loading costs: wall time, CPU, peak memory; its posts beside what else reads them; and twice the data.

    python -m benchmarks.load [--scale 1] [--twice] [--twarc PYTHON] [--keep DIR]

The archive is the simulated world's, recorded without sockets. Every figure comes from a child process; memory is the
proportional set size of it and its workers, summed.

The peers read the same timeline pages as newline-delimited JSON. DuckDB's `read_json`, with explicit columns and two
threads, makes the posts, the referenced posts, their hashtags and mentions, and the accounts: no duplicates removed,
nothing kept of where a row came from. `rows` is what 4CAT and most scripts do: a dictionary a post, written to one CSV.
`--twarc` names a Python with twarc-csv (`pip install twarc-csv 'pandas<3'`), the converter most researchers use.
"""

import argparse
import csv
import json
import os
import shutil
import subprocess
import sys
import tempfile
from datetime import date
from pathlib import Path
from typing import Any

from benchmarks._measure import Cost, measured, show

HERE = Path(__file__).resolve().parents[1]
PARSERS = {"x": "collectors.x.collector:collector", "profiles": "collectors.profiles.collector:collector"}

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


COLUMNS = ("id", "thread_id", "timestamp", "author", "author_id", "body", "lang", "hashtags", "mentions", "retweets")
TWARC = """
import sys
from twarc_csv import CSVConverter, DataFrameConverter
extra = "note_tweet.text,author.public_metrics.like_count,note_tweet.entities.hashtags"
made = DataFrameConverter("tweets", extra_input_columns=extra)
with open(sys.argv[1] + "/pages.ndjson") as pages, open(sys.argv[1] + "/twarc.csv", "w") as out:
    CSVConverter(pages, out, converter=made).process()
print(f"twarc-csv: {made.counts['rows']:,} posts")
"""


def record(scale: float, place: Path) -> None:
    """The world's archive at *scale* in *place*, unless it is there already."""
    if not (place / "archive").is_dir():
        subprocess.run(
            [sys.executable, "-m", "fixtures.world", "record", "--scale", str(scale), str(place)], check=True, cwd=HERE
        )


def timelines(source: Path, place: Path) -> None:
    """The timeline pages of an archive, alone: as an archive, and as newline-delimited JSON."""
    from storage.archive import reader as archive
    from storage.archive import writer as archiving
    from storage.records import Page

    if (place / "pages.ndjson").exists():
        return
    writer = archiving.Writer(place / "archive", "x", fsync=False)
    with (place / "pages.ndjson").open("wb") as lines:
        for path in archive.segments(source / "archive"):
            if path.name.startswith("x-"):
                for entry in archive.read(path):
                    if isinstance(entry, Page) and entry.requests and entry.kind == "timeline" and entry.status == 200:
                        writer.append(entry)
                        lines.write(entry.content().replace(b"\n", b" ") + b"\n")
            writer.sync()
    writer.close()


def load(study: str) -> None:
    """Load *study* from nothing, link and publish: the child's work."""
    from storage.linking.link import Linking
    from storage.linking.organisations import Matcher, load_list
    from storage.tables.load import load

    day = date(2013, 2, 23)
    listed = load_list("nl")
    linking = Linking(list(listed.rows(day)), Matcher(listed, day), Path(study) / "decisions.csv")
    print(load(Path(study), PARSERS, fresh=True, linking=linking).summary())


def load_posts(study: str) -> None:
    """Load *study* from nothing, without linking, as the peer does not link either: the child's work."""
    from storage.tables.load import load

    print(load(Path(study), PARSERS, fresh=True).summary())


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


def rows(study: str) -> None:
    """A dictionary a post, to one CSV: the child's work."""
    count = 0
    with open(f"{study}/pages.ndjson", "rb") as pages, open(f"{study}/rows.csv", "w", newline="") as file:
        out = csv.DictWriter(file, COLUMNS)
        out.writeheader()
        for line in pages:
            page = json.loads(line)
            names = {user["id"]: user["username"] for user in page.get("includes", {}).get("users", ())}
            for post in page.get("data", ()):
                out.writerow(row(post, names))
                count += 1
    print(f"row by row: {count:,} posts")


def row(post: dict[str, Any], names: dict[str, str]) -> dict[str, Any]:
    """A post as one row of a CSV."""
    entities, author = post.get("entities", {}), post["author_id"]
    return {
        "id": post["id"], "thread_id": post.get("conversation_id"), "timestamp": post["created_at"],
        "author": names.get(author), "author_id": author, "body": post["text"], "lang": post.get("lang"),
        "hashtags": ",".join(each["tag"] for each in entities.get("hashtags", ())),
        "mentions": ",".join(each["username"] for each in entities.get("mentions", ())),
        "retweets": post.get("public_metrics", {}).get("retweet_count"),
    }  # fmt: skip


def twarc(study: str) -> None:
    """What `twarc2 csv` does, by the Python that TWARC_PYTHON names: the child's work."""
    subprocess.run([os.environ["TWARC_PYTHON"], "-c", TWARC, study], check=True, stderr=subprocess.DEVNULL)


def cost(work: str, study: Path) -> Cost:
    """The cost of *work* on *study* in a child process."""
    return measured("benchmarks.load", "--child", work, study)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--scale", type=float, default=1.0)
    options.add_argument("--twice", action="store_true", help="twice the scale too")
    options.add_argument("--twarc", metavar="PYTHON", help="an interpreter that has twarc-csv")
    options.add_argument("--keep", type=Path, help="a directory for archives and databases, kept for the next time")
    options.add_argument("--child", nargs=2, help=argparse.SUPPRESS)
    given = options.parse_args()
    if given.child:
        from storage.tables.parse_worker import without_pandas

        without_pandas()  # as the command does
        works = {"load": load, "posts": load_posts, "peer": peer, "rows": rows, "twarc": twarc}
        works[given.child[0]](given.child[1])
        return
    if given.twarc:
        os.environ["TWARC_PYTHON"] = given.twarc
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
    once = cost("load", whole)
    show("the whole archive", once)
    beside(posts)
    if twice:
        record(2 * scale, double)
        two = cost("load", double)
        show("twice the scale", two)
        print(f"{'':34} {two[0] / once[0]:8.2f} x wall {two[1] / once[1]:8.2f} x CPU {two[2] / once[2]:6.2f} x memory")


def beside(posts: Path) -> None:
    """The posts alone, by us and by the peers: posts a second, and how much dearer we are."""
    count = sum(len(json.loads(line).get("data", ())) for line in (posts / "pages.ndjson").open("rb"))
    ours = cost("posts", posts)
    show("its posts alone", ours, f"   {count / ours.wall:,.0f} posts/s")
    peers = {"peer": "DuckDB's read_json (limit 3 x wall)", "rows": "row by row to CSV"}
    if "TWARC_PYTHON" in os.environ:
        peers["twarc"] = "twarc-csv"
    for work, name in peers.items():
        peer = cost(work, posts)
        show(f"the same, {name}", peer, f"   {count / peer.wall:,.0f} posts/s")
        print(f"{'':34} ours is {ours.wall / peer.wall:.2f} x its wall, {ours.cpu / peer.cpu:.2f} x its CPU")


if __name__ == "__main__":
    main()

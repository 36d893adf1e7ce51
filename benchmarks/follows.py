"""A follow list of millions: walked over real sockets by X's collector, archived, loaded, its edges opened and closed.

    python -m benchmarks.follows [--small 1_000_000] [--large 5_000_000] [--walks 1] [--keep DIR]

A server in a process of its own gives pages of 1,000 followers, each as X describes an account, gzipped. Beside
collecting: a bare loop of `requests` that asks for the same pages and drops them. Beside loading, at the small size:
DuckDB's `read_json` over the same pages as newline-delimited JSON, which makes accounts and edges and keeps nothing of
where a row came from. Collecting must not take more memory for more, and loading (DuckDB has 400 MB there, and spills)
stays below 700 MB; the views are asked with DuckDB at 1 GB. With two walks, every tenth follower is gone in the second.
"""

import argparse
import asyncio
import gzip
import json
import multiprocessing
import random
import shutil
import sys
import tempfile
from multiprocessing.queues import Queue
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from benchmarks._measure import Cost, measured, show

PAGE = 1000  # accounts
GROWTH, MEGABYTES = 1.3, 700  # collecting may take so much more memory for the large list; loading so much at any size
TOKEN = "made-up"
PEER = """
CREATE TEMP TABLE pages AS SELECT * FROM read_json('FILE', format = 'newline_delimited', maximum_object_size = 67108864,
    columns = {data: 'STRUCT(id VARCHAR, "name" VARCHAR, username VARCHAR, created_at TIMESTAMPTZ, description VARCHAR,
        "location" VARCHAR, protected BOOLEAN, verified BOOLEAN, url VARCHAR,
        public_metrics STRUCT(followers_count BIGINT, following_count BIGINT, tweet_count BIGINT))[]'});
CREATE TABLE accounts AS SELECT unnest(u, recursive := false) FROM (SELECT unnest(data) AS u FROM pages);
CREATE TABLE follows AS SELECT id AS follower_id, '1' AS followed_id FROM accounts;
"""


# ---- the list ---------------------------------------------------------------------------------------------------


def users() -> list[tuple[str, str]]:
    """A few hundred invented accounts, the id left out."""
    dice, made = random.Random(20130223), []
    words = ("water", "wegen", "weer", "sneeuw", "trein", "koffie", "beleid", "onderwijs", "zorg", "ruimte")
    for number in range(500):
        user = {
            "created_at": f"20{dice.randrange(10, 25)}-05-04T10:11:12.000Z",
            "name": f"Verzonnen Persoon {number}", "description": " ".join(dice.choices(words, k=dice.randrange(20))),
            "location": dice.choice(("Den Haag", "Utrecht", "")), "protected": False, "verified": False,
            "verified_type": "none", "url": f"https://example.org/{dice.randrange(10**9)}",
            "public_metrics": {"followers_count": dice.randrange(10**4), "following_count": dice.randrange(10**4),
                               "tweet_count": dice.randrange(10**5), "listed_count": dice.randrange(99)},
        }  # fmt: skip
        text = json.dumps(user)[1:]
        made.append(('{"id": "', '", "username": "verzonnen_%d", ' + text.replace("%", "%%")))
    return made


def page(templates: list[tuple[str, str]], number: int, pages: int, walk: int) -> bytes:
    """The page *number* of the list, as JSON; in the second walk every tenth account is gone."""
    first = 10**18 + number * PAGE
    each = (
        f"{templates[n % len(templates)][0]}{first + n}{templates[n % len(templates)][1] % (first + n)}"
        for n in range(PAGE)
        if walk == 1 or n % 10
    )
    meta = {"result_count": PAGE} | ({"next_token": str(number + 1)} if number + 1 < pages else {})
    return f'{{"data": [{",".join(each)}], "meta": {json.dumps(meta)}}}'.encode()


def serve(ports: "Queue[int]", size: int) -> None:
    """Answer `GET /2/users/WALK/followers`, a page at a time, on 127.0.0.1."""
    templates, pages = users(), size // PAGE
    asked_first = 0
    head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Encoding: gzip\r\nContent-Length: {}\r\n\r\n"

    class Server(asyncio.Protocol):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            self.transport, self.got = transport, b""

        def data_received(self, data: bytes) -> None:
            nonlocal asked_first
            self.got += data
            while (end := self.got.find(b"\r\n\r\n")) >= 0:
                line, self.got = self.got[: end + 4].split(b"\r\n")[0].decode(), self.got[end + 4 :]
                token = parse_qs(urlsplit(line.split()[1]).query).get("pagination_token", ["0"])[0]
                asked_first += token == "0"
                body = gzip.compress(page(templates, int(token), pages, asked_first), 1)
                self.transport.write(head.format(len(body)).encode() + body)

    async def forever() -> None:
        server = await asyncio.get_running_loop().create_server(Server, "127.0.0.1", 0)
        ports.put(server.sockets[0].getsockname()[1])
        await asyncio.Event().wait()

    asyncio.run(forever())


# ---- the children's work ----------------------------------------------------------------------------------------


def bare(place: Path, port: int) -> None:
    """Ask for every page and drop it."""
    import requests

    session, token = requests.Session(), "0"
    while token:
        asked = f"http://127.0.0.1:{port}/2/users/1/followers?max_results=1000&pagination_token={token}"
        token = json.loads(session.get(asked).content)["meta"].get("next_token", "")


def collect(place: Path, port: int) -> None:
    """Walk the list into the archive of the study *place*; again, if it was walked before."""
    from collectors.base import Settings
    from collectors.engine.run import collect
    from collectors.wire.exchange import Wire
    from collectors.x.collector import collector
    from storage.frontier.sqlite import Frontier
    from storage.records import Request, Target

    place.mkdir(parents=True, exist_ok=True)
    wire, frontier = Wire(), Frontier(place / "state.sqlite")
    with frontier.transaction():
        if not frontier.add([Request(Target("x", "followers", "1"), "")], wire.now()):
            frontier.revisit("x", "followers", wire.now())
    options = {"base_url": f"http://127.0.0.1:{port}", "limits": {"followers": None}}
    report = collect(place, "x", collector, Settings(options, TOKEN, wire), frontier=frontier)
    assert report.status == "complete", report
    print(f"walked: {report.answers:,} pages, {report.items:,} accounts")


def load(place: Path, port: int) -> None:
    """Load what is new in the archive."""
    from storage.tables.load import load

    print(load(place, {"x": "collectors.x.collector:collector"}).summary())


def changes(place: Path, port: int) -> None:
    """Ask the database what opened and closed."""
    from storage.tables.database import open_readonly

    db = open_readonly(place)
    db.execute(f"SET memory_limit = '1GB'; SET temp_directory = '{place}/spill'; SET threads = 2")
    print("follow_changes:", db.execute("SELECT change, count(*) FROM follow_changes GROUP BY ALL").fetchall())
    print("follow_history:", db.execute("SELECT count(*), count(closed_at) FROM follow_history").fetchone())


def peer(place: Path, port: int) -> None:
    """Load the same pages with `read_json`."""
    import duckdb

    target = place / "peer.duckdb"
    db = duckdb.connect()
    db.execute("SET threads = 2; SET preserve_insertion_order = false")
    db.execute(f"ATTACH '{target}' AS peer (STORAGE_VERSION 'v1.5.0')")
    db.execute("USE peer")
    db.execute(PEER.replace("FILE", f"{place}/pages.ndjson"))
    db.execute("CHECKPOINT peer")


WORK = {"bare": bare, "collect": collect, "load": load, "changes": changes, "peer": peer}


# ---- the table --------------------------------------------------------------------------------------------------


def one(place: Path, size: int, walks: int) -> dict[str, Cost]:
    """Walk, load and ask, at one size; check that the tables hold what the server gave."""
    ports: Queue[int] = multiprocessing.Queue()
    server = multiprocessing.Process(target=serve, args=(ports, size), daemon=True)
    server.start()
    port, costs = ports.get(), {}
    for walk in range(1, walks + 1):
        for work in ("collect", "load"):
            name = f"{work} {size:,}" + (f", walk {walk}" if walk > 1 else "")
            cost = costs[f"{work}{walk}"] = measured("benchmarks.follows", "--child", work, place, port)
            show(name, cost, f"   {size / cost.wall:,.0f} edges/s, {size / PAGE / cost.wall:.0f} pages/s")
    costs["changes"] = measured("benchmarks.follows", "--child", "changes", place, port)
    show("follow_changes and follow_history", costs["changes"])
    server.kill()
    check(place, size, walks)
    disk = sum(file.stat().st_size for file in (place / "archive").iterdir()) / walks
    base = (place / "study.duckdb").stat().st_size
    print(f"per million edges: {disk / size:.0f} MB of archive, {base / size / walks:.0f} MB of database", flush=True)
    return costs


def check(place: Path, size: int, walks: int) -> None:
    """Exactly the list, its walk complete, and closed what only a complete walk can close."""
    from storage.tables.database import open_readonly

    with open_readonly(place) as db:
        row = "SELECT count(*), count(DISTINCT follower_id) FROM follows WHERE followed_id = '1'"
        assert db.execute(row).fetchone() == (size, size)
        rows = db.execute("SELECT complete, items FROM base.walks ORDER BY started_at").fetchall()
        assert rows == [(True, size), (True, size * 9 // 10)][:walks], rows
        closed = db.execute("SELECT count(*) FROM follow_changes WHERE change = 'closed'").fetchone()
        assert closed == (size // 10 if walks > 1 else 0,), closed


def beside(place: Path, size: int, costs: dict[str, Cost]) -> None:
    """The peers, and the ratios."""
    ports: Queue[int] = multiprocessing.Queue()
    server = multiprocessing.Process(target=serve, args=(ports, size), daemon=True)
    server.start()
    fetched = measured("benchmarks.follows", "--child", "bare", place, ports.get())
    server.kill()
    show("the same pages, by requests alone", fetched)
    templates = users()
    with (place / "pages.ndjson").open("wb") as file:
        for number in range(size // PAGE):
            file.write(page(templates, number, size // PAGE, 1) + b"\n")
    read = measured("benchmarks.follows", "--child", "peer", place, 0)
    show("the same accounts, by read_json", read)
    for name, ours, theirs in (("collect1", costs["collect1"], fetched), ("load1", costs["load1"], read)):
        print(f"{name}: {ours.wall / theirs.wall:.2f} x wall, {ours.cpu / theirs.cpu:.2f} x CPU of that", flush=True)


def main() -> int:
    """Print the table; return 1 if memory grows with the list."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--small", type=int, default=1_000_000)
    parser.add_argument("--large", type=int, default=5_000_000)
    parser.add_argument("--walks", type=int, default=1, choices=(1, 2))
    parser.add_argument("--keep", type=Path, help="a directory for the studies, kept")
    parser.add_argument("--child", nargs=3, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.child:
        WORK[given.child[0]](Path(given.child[1]), int(given.child[2]))
        return 0
    place = given.keep or Path(tempfile.mkdtemp(prefix="bench-follows-"))
    try:
        small = one(place / f"small-{given.small}", given.small, given.walks)
        beside(place / f"small-{given.small}", given.small, small)
        if not given.large:
            return 0
        large = one(place / f"large-{given.large}", given.large, given.walks)
    finally:
        if given.keep is None:
            shutil.rmtree(place)
    grown = {name: large[name].memory / small[name].memory for name in small}
    ratios = ", ".join(f"{name} {ratio:.2f} x" for name, ratio in grown.items())
    print(f"memory at {given.large / given.small:.1f} times the list: {ratios}")
    loading = max(cost.memory for name, cost in large.items() if name.startswith("load"))
    walking = max(ratio for name, ratio in grown.items() if name.startswith("collect"))
    print(f"collecting grows {walking:.2f} x (limit {GROWTH}); loading takes {loading} MB (limit {MEGABYTES})")
    return int(walking > GROWTH or loading > MEGABYTES)


if __name__ == "__main__":
    sys.exit(main())

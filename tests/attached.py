"""Loads into DuckLake while readers are attached: `make scale`, or `python -m tests.attached [LOADS] [MINUTES]`.

No read may mix two loads, or be older than a load that had ended when it began; no publish may be lost.
"""

from __future__ import annotations

import sys
import tempfile
import threading
import time
from contextlib import closing
from functools import partial
from pathlib import Path

import duckdb

from storage.records import Post
from storage.tables.lake import Lake, opened, publish
from storage.tables.load import Publish, load
from tests.pages import T0, page, write
from tests.postgres import serving

TOY = {"toy": "tests.pages:collector"}
EACH = 9  # posts a page
PAUSE = 0.5  # seconds a reader rests, so that loads get a processor
READ = (  # two statements of one transaction: they must agree, too
    "SELECT (SELECT count(*) FROM posts), (SELECT count(*) FROM fetches), (SELECT sum(entries) FROM base.archives)",
    "SELECT count(DISTINCT account_id), count(*), max(length(text)) FROM posts",
)


def loaded(study: Path, number: int, text: str = "a text", publish: Publish | None = None) -> Path:
    """The database of *study* with one more page, which no other number names."""
    written(study, number, text)
    load(study, TOY, workers=1, publish=publish)
    return study / "study.duckdb"


def written(study: Path, number: int, text: str = "a text") -> None:
    """Add that page to the archive of *study*."""
    posts = [Post(str(number * EACH + n), "x", "7", T0, f"{text} {number}", "7") for n in range(EACH)]
    write(study / "archive", [page(number, posts)], f"part{number:03}")


class Readers:
    """Readers of *lake* in threads, of which every second attaches anew for each read; what they found wrong."""

    def __init__(self, lake: Lake, number: int) -> None:
        self.lake, self.loads, self.reads, self.wrong = lake, 1, 0, list[str]()
        self._ended = threading.Event()
        self._threads = [threading.Thread(target=self._read, args=(bool(n % 2),)) for n in range(number)]
        for thread in self._threads:
            thread.start()

    def _read(self, anew: bool) -> None:
        try:
            while not self._ended.is_set():
                with closing(opened(self.lake)) as db:
                    while not self._ended.is_set():
                        self._once(db)
                        if self._ended.wait(PAUSE) or anew:
                            break
        except Exception as error:
            self.wrong.append(repr(error))

    def _once(self, db: duckdb.DuckDBPyConnection) -> None:
        least = self.loads
        db.execute("BEGIN")
        posts, pages, entries, accounts, again, _ = (
            value for sql in READ for value in db.execute(sql).fetchone() or ()
        )
        db.execute("COMMIT")
        self.reads += 1
        if not posts == again == EACH * pages or entries != pages or accounts != 1 or pages < least:
            self.wrong.append(f"{posts}, {again} posts, {pages} pages, {entries} entries after {least} loads")

    def end(self) -> None:
        """Stop them."""
        self._ended.set()
        for thread in self._threads:
            thread.join()


def attached(lake: Lake, study: Path, loads: int, readers: int = 2, until: float = float("inf")) -> Readers:
    """What *readers* saw of *loads* loads, of which none may be missing at the end; none begins after *until*."""
    publish(lake, loaded(study, 1))
    found = Readers(lake, readers)
    try:
        for number in range(2, loads + 1):
            if time.monotonic() > until:
                break
            loaded(study, number, publish=partial(publish, lake))
            found.loads = number
    finally:
        found.end()
    with opened(lake) as db:
        noted = db.execute("SELECT count(commit_message) FROM ducklake_snapshots('study')").fetchone()
        pages = db.execute("SELECT count(DISTINCT record_id) FROM fetches").fetchone()
    if not noted == pages == (found.loads,):
        found.wrong.append(f"{found.loads} loads, of which {noted} are noted and {pages} are there")
    return found


def main(loads: int, minutes: float) -> int:
    """Print what readers saw; 1 if something was wrong."""
    began, cpu = time.monotonic(), time.process_time()
    with tempfile.TemporaryDirectory() as folder, serving() as server:
        lake = Lake(server.database(), Path(folder) / "data", "A study")
        found = attached(lake, Path(folder) / "study", loads, until=began + 60 * minutes)
    print(f"{found.loads:,} loads, {found.reads:,} reads in {time.monotonic() - began:,.0f} s"
          f" ({time.process_time() - cpu:,.0f} s CPU): {len(found.wrong)} wrong {found.wrong[:3]}")  # fmt: skip
    return int(bool(found.wrong))


if __name__ == "__main__":
    given = [*sys.argv[1:], *("1000", "600")[len(sys.argv) - 1 :]]
    sys.exit(main(int(given[0]), float(given[1])))

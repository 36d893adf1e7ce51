"""What texts and addresses say, asked once each: it holds while the list, the rules and the platforms are the same.

After `prune` the tables are as a fresh load makes them.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import duckdb
import pyarrow as pa

from storage.privacy import declared
from storage.privacy.declared import Platform, account_of

Match = tuple[str, str, str]  # organisation, group, rule


def hold(db: duckdb.DuckDBPyConnection, what: str, fingerprint: str, *tables: str) -> None:
    """Empty *tables* unless they were made with *fingerprint*; an empty one is unknown, and never the same."""
    made = db.execute("SELECT fingerprint FROM base.read_with WHERE what = ?", [what]).fetchall()
    if made == [(fingerprint,)] and fingerprint:
        return
    db.execute(";".join(f"DELETE FROM base.{table}" for table in tables))
    db.execute("DELETE FROM base.read_with WHERE what = ?", [what])
    db.execute("INSERT INTO base.read_with VALUES (?, ?)", [what, fingerprint])


def match_texts(db: duckdb.DuckDBPyConnection, asked: str, match: Callable[[str], Match | None]) -> None:
    """Add to `base.matches` what *match* says of each text that the query *asked* gives as `text`."""
    db.execute("CREATE TEMP TABLE IF NOT EXISTS asked (text VARCHAR)")
    db.execute(f"INSERT INTO asked SELECT text FROM ({asked}) WHERE text <> '' EXCEPT FROM asked")
    new = db.execute("FROM asked WHERE text NOT IN (SELECT text FROM base.matches) ORDER BY 1").fetchall()
    _add(db, "matches", ("text", "organisation", "group_name", "rule"),
         [(text, *(match(text) or (None, None, None))) for (text,) in new])  # fmt: skip


def read_addresses(db: duckdb.DuckDBPyConnection, shown: str, platforms: Iterable[Platform]) -> None:
    """Add to `base.address_readings` whose page each `url` of the table *shown* is."""
    platforms = list(platforms)
    hold(db, "addresses", _fingerprint(platforms), "address_readings")
    rows = db.execute(f"""SELECT DISTINCT url FROM {shown}
        WHERE url <> '' AND url NOT IN (SELECT url FROM base.address_readings) ORDER BY 1""").fetchall()
    _add(db, "address_readings", ("url", "platform", "handle"),
         [(url, *(account_of(platforms, url) or (None, None))) for (url,) in rows])  # fmt: skip


def prune(db: duckdb.DuckDBPyConnection, shown: Iterable[str]) -> None:
    """Delete what is no longer asked: matches of other texts, and addresses of no table in *shown*."""
    db.execute("DELETE FROM base.matches WHERE text NOT IN (FROM asked); DROP TABLE asked")
    urls = " UNION ALL ".join(f"SELECT url FROM {table} WHERE url IS NOT NULL" for table in shown)
    db.execute(f"DELETE FROM base.address_readings WHERE url NOT IN ({urls})")


def _fingerprint(platforms: Iterable[Platform]) -> str:
    """A hash of what the reading of addresses depends on: the declarations, and the modules of their functions."""
    reading = [one for one in platforms if one.handle_of is not None]
    modules = {declared.__name__, *(one.handle_of.__module__ for one in reading if one.handle_of is not None)}
    made = hashlib.blake2b(repr([(one.name, one.handles) for one in reading]).encode(), digest_size=16)
    for name in sorted(modules):
        if (file := getattr(sys.modules.get(name), "__file__", None)) is None:
            return ""
        made.update(Path(file).read_bytes())
    return made.hexdigest()


def _add(db: duckdb.DuckDBPyConnection, table: str, names: Sequence[str], rows: Sequence[Sequence[str | None]]) -> None:
    if rows:
        arrays = [pa.array(column, pa.string()) for column in zip(*rows, strict=True)]
        db.register("read_now", pa.Table.from_arrays(arrays, list(names)))
        db.execute(f"INSERT INTO base.{table} BY NAME FROM read_now")
        db.unregister("read_now")

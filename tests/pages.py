"""A toy collector whose pages spell out their records, and archives of such pages."""

import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import ClassVar

import duckdb
import msgspec

from collectors.base import Absent, Done, Kind, Later
from jobs.context import parsers
from storage import records
from storage.archive import writer as archiving
from storage.records import Page, Post, Request, Target

T0 = datetime(2013, 2, 23, 12, tzinfo=UTC)
CLASSES = {name: getattr(records, name) for name in (
    "Profile", "Position", "ProfileLink", "Connection", "Account", "AccountField", "Absence", "Follow", "Post",
    "Deletion", "Quarantine", "Organisation", "Office")}  # fmt: skip


def at(minutes: float) -> datetime:
    return T0 + timedelta(minutes=minutes)


class Toy:
    kinds: ClassVar = {
        "profile": Kind(of="profile", yields="profiles"),
        "connections": Kind(of="list", yields="connections", paged=True),
        "user": Kind(of="handle", yields="accounts"),
        "timeline": Kind(of="account", yields="posts", paged=True),
        "following": Kind(of="account", yields="follows", paged=True),
        "followers": Kind(of="account", yields="follows", paged=True),
    }

    def fetch(self, requests, settings):
        raise NotImplementedError

    def outcome(self, page):
        actual = msgspec.json.decode(page.body)["outcomes"] if page.status == 200 else {}
        for request in page.requests:
            if page.status == 404:
                yield Absent(request.target, "gone")
            elif page.status != 200:
                yield Later(request.target, f"status {page.status}")
            else:
                yield Done(request.target, **actual)

    def parse(self, page):
        if page.status != 200:
            return
        for name, fields in msgspec.json.decode(page.body)["records"]:
            if name == "bug":
                raise KeyError("a bug in the parser")
            if name == "misfit":
                yield Post("1", "toy", None, None, "text", None, likes=10**30)
            else:
                yield msgspec.convert(fields, CLASSES[name])


collector = Toy()
PARSERS = {**parsers(), "toy": "tests.pages:collector"}


def page(number, found, *, minutes=None, kind="profile", key=None, run="run-1", walk=None, status=200, wave=0, via="",
         since="", **outcomes):  # fmt: skip
    """A page that tells *found*; its record id and time follow from *number*."""
    key = key or f"key-{number}"
    request = Request(
        Target("toy", kind, key, str(outcomes.pop("cursor", ""))), walk or f"toy/{kind}/{key}/1", wave, via, since
    )
    result = [[type(r).__name__, r] if not isinstance(r, str) else [r, {}] for r in found]
    body = msgspec.json.encode({"records": result, "outcomes": outcomes})
    moment = at(number if minutes is None else minutes)
    return Page((request,), f"https://toy.example/{key}", status, (("Content-Type", "application/json"),), body, moment,
                f"<urn:uuid:{uuid.UUID(int=number)}>", "GET", run)  # fmt: skip


def write(directory: Path, entries, name="toy", max_segment=archiving.MAX_SEGMENT) -> None:
    """Write *entries* (answers, or (kind, data, at) notes) as a sealed archive."""
    writer = archiving.Writer(directory, name, max_segment=max_segment, fsync=False)
    for entry in entries:
        writer.note(*entry) if isinstance(entry, tuple) else writer.append(entry)
        if max_segment < archiving.MAX_SEGMENT:
            writer.sync()
    writer.close()


def contents(path: Path, *, without=("archives", "made_by", "made_from")) -> dict[str, list]:
    """Every table of a published study, its rows sorted."""
    with duckdb.connect(str(path / "study.duckdb"), read_only=True) as db:
        db.execute("SET TimeZone = 'UTC'")
        tables = [row[0] for row in db.execute(
            "SELECT table_name FROM duckdb_tables() WHERE schema_name = 'base' ORDER BY 1").fetchall()]  # fmt: skip
        return {table: sorted(db.execute(f"SELECT CAST(t AS VARCHAR) FROM base.{table} AS t").fetchall())
                for table in tables if table not in without}  # fmt: skip


def rows(path: Path, query: str) -> list:
    with duckdb.connect(str(path / "study.duckdb"), read_only=True) as db:
        db.execute("SET TimeZone = 'UTC'")
        return db.execute(query).fetchall()

"""Archives from before `Page.asked` give the tables they gave then, row for row (fixtures/before_asked/README.md)."""

import hashlib
import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

import duckdb

from collectors.engine.recovery import recover
from storage.frontier.sqlite import Frontier
from storage.tables.load import load
from study.installed import installed
from tests.conftest import ROOT

BEFORE = ROOT / "fixtures" / "before_asked"
TABLES = {
    "fetches": "record_id, collector, kind, run_id, regexp_replace(url, '#.*', ''), status, failure, detail,"
    " fetched_at, bytes, targets",
    "answers": 'record_id, collector, kind, key, "cursor", walk, wave, via, since, run_id, outcome, why, items,'
    " next_cursor, complete, reached, newest, until, fetched_at",
    "walks": "walk, collector, kind, key, run_id, started_at, ended_at, pages, items, ended, complete, why, newest,"
    " since",
    "gaps": 'collector, kind, key, walk, "cursor", until_id, low_water, why, opened_at, closed_at',
    "absences": "platform, kind, key, reason, detail, first_seen, last_seen, record_id",
    "deletions": "platform, kind, key, reason, told_at, seen_at, record_id",
    "quarantine": "record_id, collector, kind, key, place, reason, excerpt, fetched_at",
    "profiles": "profile_id, run_id, own, platform, url, name, headline, first_seen, last_seen, record_id",
    "positions": "profile_id, ordinal, employer, title, started, ended, current",
    "connections": "profile_id, other_id, connected_on, walk, first_seen, last_seen, record_id",
    "accounts": "account_id, run_id, platform, handle, name, flags, followers, first_seen, last_seen, record_id",
    "follows": "platform, follower_id, followed_id, listed, walk, seen_at, record_id",
    "posts": "post_id, platform, account_id, created_at, text, timeline_of, kind, sample, first_seen, record_id",
}


def tables(study: Path) -> dict[str, list[str]]:
    with duckdb.connect(str(study / "study.duckdb"), read_only=True) as db:
        db.execute("SET TimeZone = 'UTC'")
        return {
            table: sorted(row[0] for row in db.execute(
                f"SELECT CAST(row({columns}) AS VARCHAR) FROM base.{table}").fetchall())
            for table, columns in TABLES.items()
        }  # fmt: skip


def renamed(row: str) -> str:
    """*row* of then with today's cursors: what was in them beside the place stands in `Request.carry` now."""
    row = re.sub(r"#(?:head|(?:&?(?:claimed=\d+|remote|empty))+)(?=')", "", row)
    row = re.sub(r"/api/v1/accounts/user4#head", "/api/v1/accounts/user4", row)
    row = re.sub(r"'\d*:start'", "'at:'", row)
    row = re.sub(r"'\d*:at:(\w*)'", r"'at:\1'", row)
    row = re.sub(r"'pds:https://pds\.example ?(\w*)'", r"'at:\1'", row)
    key = next(iter(re.findall(r"user, ([\w@.]+),", row)), "")
    finger = f"'/.well-known/webfinger?resource={quote('acct:' + key)}'"
    return re.sub(r"(?<=, )webfinger(?=,)", lambda _: finger, row)


SHORT = "3 of the 5 that the profile claims, private posts included"


def unsaid(row: str) -> str:
    """*row* of today without the reason that a timeline gives since then when it ends short of its claim."""
    return row.replace(f"'{SHORT}'", "NULL")


def state(path: Path) -> list[list[Any]]:
    frontier = Frontier(path)
    rows = frontier.db.execute(
        "SELECT k.collector, k.kind, t.key, t.cursor, t.walk, t.since, t.newest, t.position, t.state, t.why, t.tries,"
        " t.pages FROM targets AS t JOIN kinds AS k ON k.id = t.kind ORDER BY 1, 2, 3"
    ).fetchall()
    frontier.close()
    return [list(row) for row in rows]


def loaded(archive: Path, study: Path) -> Path:
    study.mkdir(exist_ok=True)
    (study / "archive").symlink_to(archive)
    load(study, {name: point.value for name, point in installed().items()}, workers=1)
    return study


def test_the_tables_are_those_of_then(tmp_path: Path) -> None:
    expected = json.loads((BEFORE / "tables.json").read_text("utf-8"))
    found = tables(loaded(BEFORE / "archive", tmp_path))
    for table in TABLES:
        assert sorted(map(unsaid, found[table])) == sorted(map(renamed, expected[table])), table
    assert {table: sum(SHORT in row for row in rows) for table, rows in found.items() if SHORT in str(rows)} == {
        "answers": 1, "walks": 1,
    }  # fmt: skip


def test_the_tables_of_the_recorded_study_are_those_of_then(tmp_path: Path) -> None:
    found = tables(loaded(ROOT / "fixtures" / "recording" / "archive", tmp_path))
    sums = {name: [len(rows), hashlib.sha256("\n".join(rows).encode()).hexdigest()] for name, rows in found.items()}
    assert sums == json.loads((BEFORE / "recording.json").read_text("utf-8"))


def test_the_frontier_recovered_is_that_of_then(tmp_path: Path) -> None:
    (tmp_path / "archive").symlink_to(BEFORE / "archive")
    recover(tmp_path, {name: point.load() for name, point in installed().items()}, tmp_path / "state.sqlite")
    found = [["" if cell == SHORT else cell for cell in row] for row in state(tmp_path / "state.sqlite")]
    assert found == json.loads((BEFORE / "state.json").read_text("utf-8"))


def test_a_walk_under_way_in_an_older_state_goes_on_where_it_was(tmp_path: Path) -> None:
    """The state is brought into today's form: the place stays in the cursor, the rest is carried."""
    frontier = Frontier(tmp_path / "state.sqlite")
    walks = [
        ("mastodon", "timeline", "/api/v1/accounts/1/statuses?max_id=9#claimed=5&remote"),
        ("bluesky", "following", "3:at:abc"),
        ("bluesky", "follow_records", "pds:https://pds.example xyz"),
    ]
    for collector, kind, cursor in walks:
        number = frontier.kind(collector, kind)
        frontier.db.execute("INSERT INTO targets (kind, key, cursor, due_at) VALUES (?, 'k', ?, 0)", (number, cursor))
    frontier.db.executescript(
        "ALTER TABLE targets DROP COLUMN carry; ALTER TABLE kinds DROP COLUMN yields; PRAGMA user_version=2"
    )
    frontier.close()
    frontier = Frontier(tmp_path / "state.sqlite")
    now = datetime(2026, 11, 24, tzinfo=UTC)
    found = [frontier.lease(collector, kind, "r", 9, now)[0] for collector, kind, _ in walks]
    frontier.close()
    assert [(request.target.cursor, request.carry) for request in found] == [
        ("/api/v1/accounts/1/statuses?max_id=9", {"claimed": 5, "remote": True}),
        ("at:abc", {"claimed": 3}),
        ("at:xyz", {"server": "https://pds.example"}),
    ]

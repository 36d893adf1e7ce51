"""A recording made before the renames gives the same tables, row for row, under the map of docs/renames.md."""

import json
import re
from pathlib import Path

import duckdb
import pytest

ROOT = Path(__file__).parents[1]
BEFORE = json.loads((Path(__file__).parent / "data" / "tables-before-renames.json").read_text("utf-8"))


def renames(heading: str) -> list[tuple[str, ...]]:
    """The rows of the table below *heading* in docs/renames.md, without backticks."""
    text = (ROOT / "docs" / "renames.md").read_text("utf-8").split(f"\n## {heading}\n")[1].split("\n## ")[0]
    rows = [tuple(re.findall(r"`([^`]+)`", line)) for line in text.splitlines() if line.startswith("| `")]
    assert rows
    return rows


@pytest.fixture(scope="module")
def db(replayed: Path) -> duckdb.DuckDBPyConnection:
    with duckdb.connect(str(replayed / "study.duckdb"), read_only=True) as made:
        made.execute("SET TimeZone = 'UTC'")
        yield made


@pytest.mark.parametrize("view", BEFORE)
def test_a_recording_made_before_gives_the_same_rows(db: duckdb.DuckDBPyConnection, view: str) -> None:
    views, columns = dict(renames("Views")), dict(renames("Columns"))
    values = {place: (before, now) for place, before, now in renames("Values")}

    def cell(column: str) -> str:
        """What the *column* was, from what it is."""
        now = f'"{columns.get(f"{view}.{column}", column)}"'
        if changed := values.get(f"{view}.{column}"):
            return f"CASE {now} WHEN '{changed[1]}' THEN '{changed[0]}' ELSE {now} END"
        return now

    row = ", ".join(f"'{column}': {cell(column)}" for column in BEFORE[view]["columns"])
    rows, digest = db.execute(
        "SELECT count(*), md5(string_agg(digest, '' ORDER BY digest)) FROM ("
        f' SELECT md5(to_json({{{row}}})::VARCHAR) AS digest FROM "{views.get(view, view)}")'
    ).fetchone()
    assert (rows, digest) == (BEFORE[view]["rows"], BEFORE[view]["digest"])

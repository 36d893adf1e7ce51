"""The database: readers never meet a lock, and what is published is whole."""

import errno
import os
import stat
import subprocess
import sys
import tomllib
import warnings
from pathlib import Path

import duckdb
import pytest

from storage.errors import UserError
from storage.records import Post
from storage.tables import database
from storage.tables.load import load
from tests import small
from tests.pages import PARSERS, T0, page, rows, write

ROOT = Path(__file__).parents[1]


pytestmark = pytest.mark.usefixtures("built")


MADE = (
    "SELECT schema_name, table_name, comment, column_count, index_count, sql FROM duckdb_tables()",
    "SELECT schema_name, view_name, comment, column_count, list_sort(regexp_extract_all(sql, '\\w+'))"  # of no order:
    " FROM duckdb_views() WHERE NOT internal",  # the columns that EXCLUDE names
    "SELECT * EXCLUDE (database_oid, schema_oid, table_oid) FROM duckdb_columns() WHERE NOT internal",
    "FROM base.made_by",
)


def test_a_copy_of_the_schema_is_the_schema():
    """What the other tests load into is what `create` makes."""
    with duckdb.connect() as one, duckdb.connect() as other:
        database.create(one)
        small.copied(small.schema(), other)
        for query in MADE:
            found = one.execute(f"{query} ORDER BY ALL").fetchall()
            assert other.execute(f"{query} ORDER BY ALL").fetchall() == found != []


def some_pages(first, count):
    """Pages of one post each; a reader must see all posts of a page or none, and as many runs' worth as were loaded."""
    return [page(n, [Post(str(n), "x", "7", T0, f"text {n}", "7")]) for n in range(first, first + count)]


READER = """
import sys, time, duckdb
from pathlib import Path
path, stop = Path(sys.argv[1]) / "study.duckdb", Path(sys.argv[1]) / "stop"
seen = 0
while not stop.exists():
    with duckdb.connect(str(path), read_only=True) as db:
        posts, fetches = db.execute("SELECT (SELECT count(*) FROM posts), (SELECT count(*) FROM fetches)").fetchone()
    assert posts == fetches and posts % 5 == 0 and posts >= seen, (posts, fetches, seen)
    seen = posts
print(seen)
"""


def test_many_processes_read_whole_pictures_while_loads_go_on(tmp_path):
    write(tmp_path / "archive", some_pages(1, 5), "a1")
    load(tmp_path, PARSERS)
    command = [sys.executable, "-c", READER, str(tmp_path)]
    readers = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    with duckdb.connect(str(tmp_path / "study.duckdb"), read_only=True) as staying:
        for number in range(2, 6):
            write(tmp_path / "archive", some_pages(number * 5 + 1, 5), f"a{number}")
            load(tmp_path, PARSERS)
        assert staying.execute("SELECT count(*) FROM posts").fetchone() == (5,)
    (tmp_path / "stop").touch()
    found = [reader.communicate()[0] for reader in readers]
    assert [reader.returncode for reader in readers] == [0, 0, 0]
    assert all(int(text) >= 5 for text in found)
    assert rows(tmp_path, "SELECT count(*) FROM posts") == [(25,)]


CARELESS = """
import duckdb, os
db = duckdb.connect("study.duckdb")
db.execute("CREATE TABLE mine (a INTEGER)")
db.execute("INSERT INTO mine VALUES (1)")
os._exit(1)
"""


def careless(study):
    """Open the published file for writing, as one should not, and leave a log behind."""
    (study / "study.duckdb").chmod(0o644)
    subprocess.run([sys.executable, "-c", CARELESS], cwd=study, check=False)
    assert (study / "study.duckdb.wal").exists()


def test_a_stale_log_of_a_careless_reader_is_moved_away(tmp_path, caplog):
    write(tmp_path / "archive", some_pages(1, 5), "a1")
    load(tmp_path, PARSERS)
    careless(tmp_path)
    write(tmp_path / "archive", some_pages(6, 5), "a2")
    with caplog.at_level("WARNING"):
        load(tmp_path, PARSERS)
    assert "study.duckdb.wal.stale-1" in caplog.text
    assert not (tmp_path / "study.duckdb.wal").exists()
    assert rows(tmp_path, "SELECT count(*) FROM posts") == [(10,)]
    with duckdb.connect(str(tmp_path / "study.duckdb"), read_only=True) as db:
        assert db.execute("SELECT count(*) FROM duckdb_tables() WHERE table_name = 'mine'").fetchone() == (0,)


def test_what_a_log_makes_unreadable_is_said_with_the_mend(tmp_path):
    load(tmp_path, PARSERS)
    careless(tmp_path)
    other = tmp_path / "other"
    write(other / "archive", some_pages(1, 5))
    load(other, PARSERS)
    os.replace(other / "study.duckdb", tmp_path / "study.duckdb")  # published while the careless one was at it
    with pytest.raises(UserError, match=r"study.duckdb.wal.*delete"):
        database.open_readonly(tmp_path)


def test_an_ordinary_connect_cannot_write(tmp_path):
    load(tmp_path, PARSERS)
    mode = stat.S_IMODE((tmp_path / "study.duckdb").stat().st_mode)
    assert mode == 0o444
    with database.open_readonly(tmp_path) as db, pytest.raises(duckdb.Error):
        db.execute("DELETE FROM base.posts")


def test_a_group_may_read_and_others_not(tmp_path):
    import grp

    own = grp.getgrgid(os.getgid()).gr_name
    load(tmp_path, PARSERS, group=own)
    assert stat.S_IMODE((tmp_path / "study.duckdb").stat().st_mode) == 0o440


def test_a_database_of_a_newer_program_is_left_alone(tmp_path):
    write(tmp_path / "archive", some_pages(1, 5))
    load(tmp_path, PARSERS)
    (tmp_path / "study.duckdb").chmod(0o644)
    with duckdb.connect(str(tmp_path / "study.duckdb")) as db:
        db.execute("UPDATE base.made_by SET version = 999")
    before = (tmp_path / "study.duckdb").read_bytes()
    for attempt in (lambda: load(tmp_path, PARSERS), lambda: database.open_readonly(tmp_path)):
        with pytest.raises(UserError, match=r"newer sneeuwbal.*--fresh"):
            attempt()
    assert (tmp_path / "study.duckdb").read_bytes() == before
    load(tmp_path, PARSERS, fresh=True)
    assert rows(tmp_path, "SELECT count(*) FROM posts") == [(5,)]


@pytest.mark.parametrize("mark", ["DROP TABLE base.made_by", "UPDATE base.made_by SET tables = 'older'"])
def test_a_database_of_an_older_schema_is_made_anew_and_says_so(tmp_path, mark):
    write(tmp_path / "archive", some_pages(1, 5))
    load(tmp_path, PARSERS)
    (tmp_path / "study.duckdb").chmod(0o644)
    with duckdb.connect(str(tmp_path / "study.duckdb")) as db:
        db.execute(mark)
        db.execute("DELETE FROM base.posts")
    with pytest.raises(UserError, match="another version of sneeuwbal; run `sneeuwbal load`"):
        database.open_readonly(tmp_path)
    said = []
    assert load(tmp_path, PARSERS, say=said.append).fresh
    assert len(said) == 1
    assert "older sneeuwbal: rebuilding it from 0 MB of archive, in about a minute" in said[0]
    assert rows(tmp_path, "SELECT count(*) FROM posts") == [(5,)]
    load(tmp_path, PARSERS, say=said.append)
    assert len(said) == 1


def test_views_of_another_version_are_made_anew_without_a_load(tmp_path):
    write(tmp_path / "archive", some_pages(1, 5))
    load(tmp_path, PARSERS)
    (tmp_path / "study.duckdb").chmod(0o644)
    with duckdb.connect(str(tmp_path / "study.duckdb")) as db:
        db.execute("UPDATE base.made_by SET views = 'older'")
        db.execute("UPDATE base.made_from SET fingerprint = 'older'")
        db.execute("CREATE OR REPLACE VIEW posts AS SELECT 1 AS older")
    said = []
    assert not load(tmp_path, PARSERS, say=said.append).fresh
    assert said == []
    assert rows(tmp_path, "SELECT count(DISTINCT post_id) FROM posts") == [(5,)]


def test_the_dictionary_says_everything_once():
    """Each column of each view has its words; what a view repeats of the common ones, or has no column for, is dead."""
    words = tomllib.loads(database._file("dictionary.toml"))
    db = duckdb.connect()
    database.create(db)
    columns = db.execute(
        "SELECT table_name, column_name, comment FROM duckdb_columns() WHERE schema_name = 'main' AND NOT internal"
    ).fetchall()
    assert not [(view, name) for view, name, text in columns if not text]
    assert {view for view, _, _ in columns} == words["views"].keys()
    here = {(view, name) for view, name, _ in columns}
    said = {(view, name): text for view, each in words["views"].items() for name, text in each.items()}
    for (view, name), text in said.items():
        assert name == "about" or ((view, name) in here and text != words["columns"].get(name)), (view, name)
    assert words["columns"].keys() <= {name for _, name in here}


def test_older_programs_can_open_the_file(tmp_path):
    load(tmp_path, PARSERS)
    with duckdb.connect(str(tmp_path / "study.duckdb"), read_only=True) as db:
        (tags,) = db.execute("SELECT tags FROM duckdb_databases() WHERE database_name = 'study'").fetchone()
    assert "v1.5.0" in str(tags)


@pytest.mark.parametrize(
    ("number", "expected"), [(errno.ENOSPC, "disk is full"), (errno.EACCES, "make the study directory")]
)
def test_a_disk_that_is_full_or_shut_is_reported_in_one_line_and_changes_nothing(
    tmp_path, monkeypatch, number, expected
):
    write(tmp_path / "archive", some_pages(1, 5), "a1")
    load(tmp_path, PARSERS)
    write(tmp_path / "archive", some_pages(6, 5), "a2")
    before = (tmp_path / "study.duckdb").read_bytes()

    def fails(*args):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(database, "copy", fails)
    with pytest.raises(UserError, match=expected):
        load(tmp_path, PARSERS)
    assert (tmp_path / "study.duckdb").read_bytes() == before
    assert not (tmp_path / ".load").exists()


@pytest.fixture
def small_disk(tmp_path):
    place = tmp_path / "small"
    place.mkdir()
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", str(place)], capture_output=True, check=False
    )
    if made.returncode:
        pytest.skip("no right to mount a small file system here")
    yield place
    subprocess.run(["umount", str(place)], check=True)


def test_a_really_full_disk_loses_nothing(small_disk, tmp_path):
    load(small_disk, PARSERS)
    before = (small_disk / "study.duckdb").read_bytes()
    many = [
        page(n, [Post(f"{n}-{m}", "x", "7", T0, os.urandom(200).hex(), "7") for m in range(100)]) for n in range(200)
    ]
    write(tmp_path / "archive", many)
    with pytest.raises(UserError, match="disk is full"):
        load(small_disk, PARSERS, archives=[tmp_path / "archive"])
    assert (small_disk / "study.duckdb").read_bytes() == before


def test_a_copy_is_equal(tmp_path):
    (tmp_path / "a").write_bytes(os.urandom(3_000_001))
    database.copy(tmp_path / "a", tmp_path / "b")
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_no_database_yet_is_said_with_the_mend(tmp_path):
    with pytest.raises(UserError, match="run `sneeuwbal load`"):
        database.open_readonly(tmp_path)


# ---- the data dictionary -------------------------------------------------------------------------------------


def test_every_view_and_column_has_a_comment_and_the_dictionary_holds_them():
    db = duckdb.connect()
    database.create(db)
    silent = db.execute(
        "SELECT view_name FROM duckdb_views() WHERE NOT internal AND comment IS NULL UNION ALL "
        "SELECT table_name || '.' || column_name FROM duckdb_columns() "
        "WHERE schema_name = 'main' AND NOT internal AND comment IS NULL"
    ).fetchall()
    assert silent == []
    text = (ROOT / "docs" / "data-dictionary.md").read_text("utf-8")
    assert text == database.data_dictionary(), "run: python -m storage.tables.database > docs/data-dictionary.md"


def test_every_view_answers():
    db = duckdb.connect()
    database.create(db)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for (view,) in db.execute("SELECT view_name FROM duckdb_views() WHERE NOT internal").fetchall():
            assert db.execute(f"FROM {view}").fetchall() == []


def test_who_needs_todays_tables_is_asked_to_load_first(tmp_path):
    write(tmp_path / "archive", some_pages(1, 5), "a1")
    load(tmp_path, PARSERS)
    database.open_current(tmp_path / "study.duckdb").close()
    with duckdb.connect(str(tmp_path / "study.duckdb")) as db:
        db.execute("UPDATE base.made_by SET tables = 'of before'")
    with pytest.raises(UserError, match="sneeuwbal load"):
        database.open_current(tmp_path / "study.duckdb")

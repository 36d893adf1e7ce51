"""Tables in DuckLake: readers see whole publishes only, loaders take turns, and an erasure reaches every file."""

import random
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path

import duckdb
import obstore
import pytest
from msgspec import structs

from jobs import query, run
from jobs.context import open_study
from jobs.doctor import checks
from jobs.forget import forget
from storage import objects
from storage.errors import UserError
from storage.privacy.pseudonyms import VARIABLE
from storage.records import Absence, Account, AccountField, Connection, Follow, Post, Profile
from storage.tables import lake as lakes
from storage.tables import merge
from storage.tables.lake import Lake, opened, publish
from storage.tables.load import load
from tests.attached import EACH, TOY, attached, loaded, written
from tests.conftest import ROOT
from tests.objects import READER, READERS, SECRET
from tests.objects import Server as Bucket
from tests.pages import at, page, write
from tests.postgres import Server

PERSON = "anna-whom-no-file-may-hold"


@pytest.fixture
def lake(tmp_path: Path, postgres: Server) -> Lake:
    pytest.importorskip("duckdb_extensions", reason="needs the extra lake")
    return Lake(postgres.database(), tmp_path / "data", "A study")


@pytest.fixture(params=["directory", "bucket"])
def anywhere(request: pytest.FixtureRequest, lake: Lake) -> Lake:
    """A lake in a directory, or in a bucket."""
    return lake if request.param == "directory" else in_bucket(lake, request.getfixturevalue("bucket"))


def in_bucket(lake: Lake, bucket: Bucket) -> Lake:
    return structs.replace(lake, data=bucket.address())


def tables(db: duckdb.DuckDBPyConnection) -> dict[str, list[str]]:
    views = db.execute(
        "SELECT view_name FROM duckdb_views() WHERE database_name = 'study' AND NOT internal AND schema_name = 'main'"
    ).fetchall()
    return {view: sorted(str(row) for row in db.execute(f'FROM "{view}"').fetchall()) for (view,) in views}


def test_the_views_hold_the_same_and_an_earlier_publish_can_be_read(tmp_path: Path, lake: Lake) -> None:
    study = tmp_path / "study"
    for number in (1, 2):
        path = loaded(study, number)
        assert publish(lake, path) == []
    with closing(duckdb.connect()) as db:
        db.execute("SET TimeZone = 'UTC'")
        db.execute(f"ATTACH '{path}' AS study (READ_ONLY); USE study")
        expected = tables(db)
    assert len(expected) > 60
    with opened(lake) as db:
        assert tables(db) == expected
        before = len(db.execute("FROM ducklake_snapshots('study')").fetchall())
        earlier = before - 2
    with opened(lake, snapshot=earlier) as db:
        assert db.execute("SELECT count(*) FROM posts").fetchone() == (EACH,)
    assert publish(lake, path) == []
    with opened(lake) as db:
        assert len(db.execute("FROM ducklake_snapshots('study')").fetchall()) == before  # nothing changed


def test_readers_see_whole_publishes_only(tmp_path: Path, lake: Lake) -> None:
    found = attached(lake, tmp_path / "study", loads=6)
    assert found.wrong == []
    assert found.reads > 0


DYING = """
import os, signal, sys
from functools import partial
from pathlib import Path
from storage.tables import lake
from storage.tables.load import load
from tests.attached import TOY
real = lake.{name}
def dying(db, *words):
    real(db, *words)
    if "{name}" == "_write" or words == ("posts",):
        os.kill(os.getpid(), signal.SIGKILL)
lake.{name} = dying
data = sys.argv[2] if sys.argv[2].startswith("s3:") else Path(sys.argv[2])
publish = partial(lake.publish, lake.Lake(sys.argv[1], data, "A study"))
load(Path(sys.argv[3]), TOY, workers=1, publish=publish)
"""


@pytest.mark.parametrize("place", ["_compare", "_follow"])
def test_a_loader_killed_in_a_publish_leaves_the_earlier_one(tmp_path: Path, anywhere: Lake, place: str) -> None:
    lake = anywhere
    study = tmp_path / "study"
    publish(lake, loaded(study, 1))
    if place == "_compare":
        loaded(study, 2)  # which the lake does not get
    else:
        written(study, 2)
    program = DYING.format(name=place)
    done = subprocess.run(
        [sys.executable, "-c", program, lake.address, str(lake.data), str(study)], cwd=ROOT, check=False
    )
    assert done.returncode == -signal.SIGKILL
    with opened(lake) as db:
        assert db.execute("SELECT count(*) FROM posts").fetchone() == (EACH,)
    publish(lake, study / "study.duckdb")
    assert same(lake, study / "study.duckdb")
    with opened(lake) as db:
        assert db.execute("SELECT count(*) FROM posts").fetchone() == (2 * EACH,)


def test_what_a_first_load_left_when_it_was_killed_goes_with_the_next(tmp_path: Path, anywhere: Lake) -> None:
    lake, path = anywhere, loaded(tmp_path / "study", 1)
    words = [sys.executable, "-c", DYING.format(name="_write"), lake.address, str(lake.data), str(path.parent)]
    assert subprocess.run(words, cwd=ROOT, check=False).returncode == -signal.SIGKILL
    left = set(lake.files.names())
    assert left
    assert publish(lake, path) == []
    assert left.isdisjoint(lake.files.names())
    with opened(lake) as db:
        assert db.execute("SELECT count(*) FROM posts").fetchone() == (EACH,)


def test_no_lake_lies_within_another_whose_loads_would_delete_its_files(
    tmp_path: Path, anywhere: Lake, postgres: Server
) -> None:
    outer, path = anywhere, loaded(tmp_path / "study", 1)
    place = f"{outer.data}/deep/within" if outer.folder is None else outer.folder / "deep" / "within"
    inner = structs.replace(outer, address=postgres.database(), data=place)
    publish(outer, path)
    with pytest.raises(UserError, match=r"lies in .* which has other tables"):
        publish(inner, path)
    with pytest.raises(UserError, match="has other tables"):
        publish(structs.replace(inner, data=outer.data), path)
    assert inner.files.names() == []
    publish(structs.replace(inner, data=f"{outer.data}-2" if outer.folder is None else tmp_path / "apart"), path)


def seen(study: Path, number: int, lake: Lake | None) -> Path:
    """The database of *study* with one more page, of which half was seen before, in part with other words."""
    chosen = random.Random(number)
    handles = [f"person{chosen.randrange(6)}" for _ in range(3)]
    found = [
        *(
            Post(str(chosen.randrange(40)), "x", "7", at(0), chosen.choice("ab"), chosen.choice(["7", None]))
            for _ in range(9)
        ),
        *(Account(handle, "x", handle, followers=chosen.choice([None, number])) for handle in handles),
        *(AccountField(handle, None, chosen.choice("ab")) for handle in handles),
        *(Follow("x", handle, chosen.choice("ab"), "following") for handle in handles),
        *(Connection(handle, chosen.choice("ab")) for handle in handles),
        *(Profile(handle, "toy", name=chosen.choice("ab")) for handle in handles),
        *(Absence("x", "user", handle, "gone") for handle in handles),
    ]
    write(study / "archive", [page(number, found, run=f"run-{number % 3}")], f"part{number:03}")
    load(study, TOY, workers=1, publish=None if lake is None else partial(publish, lake))
    return study / "study.duckdb"


def same(lake: Lake, path: Path) -> bool:
    """Whether every table of the lake has the rows of the database at *path*, and as often."""
    with opened(lake) as db:
        db.execute(f"ATTACH '{path}' AS loaded (READ_ONLY)")
        there = {table: lakes._marks(db, f'study.base."{table}"') for table in lakes._tables(path, "base")}
        return there == {table: lakes._marks(db, f'loaded.base."{table}"') for table in there}


def test_a_load_writes_what_it_changed_and_reads_the_large_tables_only_if_the_lake_is_behind(
    tmp_path: Path, lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    study, compared, real = tmp_path / "study", set(), lakes._compare
    monkeypatch.setattr(lakes, "_compare", lambda db, table: (compared.add(table), real(db, table)))
    for number in range(1, 5):
        assert same(lake, seen(study, number, lake))
    assert compared
    assert compared.isdisjoint(merge.KEYS)
    seen(study, 5, None)  # as if killed before it published
    compared.clear()
    assert same(lake, seen(study, 6, lake))
    assert {"posts", "accounts", "current_accounts"} <= compared
    compared.clear()
    assert same(lake, seen(study, 7, lake))
    assert compared.isdisjoint(merge.KEYS)


def test_files_stay_few_though_each_load_changes_what_the_last_wrote(
    tmp_path: Path, lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lakes, "MANY", 3)
    study = tmp_path / "study"
    for number in range(1, 9):
        posts = [Post(str(9 * number + n), "x", "7", at(0), f"text {number}", "7") for n in range(9)]
        posts += [Post(str(9 * (number - 1) + n), "x", "7", at(0), "edited", "7") for n in range(2)]
        write(study / "archive", [page(number, posts)], f"part{number:03}")
        load(study, TOY, workers=1, publish=partial(publish, lake))
    assert same(lake, study / "study.duckdb")
    with opened(lake) as db:
        (files,) = db.execute("SELECT max(file_count) FROM ducklake_table_info('study')").fetchone()
    assert files <= 4


def test_a_lake_that_is_not_what_it_says_is_compared_in_full(tmp_path: Path, lake: Lake) -> None:
    study = tmp_path / "study"
    seen(study, 1, lake)
    with closing(lakes._connection(lake, "lake", "DATA_INLINING_ROW_LIMIT 0")) as db:
        db.execute("DELETE FROM lake.base.posts; DELETE FROM lake.base.profiles")
    write(study / "archive", [page(2, [Post(str(n), "x", "7", at(0), "again", "7") for n in range(40)])])
    load(study, TOY, workers=1, publish=partial(publish, lake))
    assert same(lake, study / "study.duckdb")


def test_a_second_loader_waits(tmp_path: Path, lake: Lake) -> None:
    psycopg = pytest.importorskip("psycopg")
    path = loaded(tmp_path / "study", 1)
    with psycopg.connect(lake.address, autocommit=True) as first:
        first.execute("SELECT pg_advisory_lock(%s)", [lakes.LOCK])
        second = threading.Thread(target=publish, args=[lake, path])
        second.start()
        waiting = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
        while first.execute(waiting).fetchone() == (0,):
            assert second.is_alive()
        with pytest.raises(UserError, match="no tables yet"):
            opened(lake)
    second.join()
    with opened(lake) as db:
        assert db.execute("SELECT count(*) FROM posts").fetchone() == (EACH,)


def held(lake: Lake) -> list[str]:
    """The data files, and tables of the catalogue, that hold the person."""
    psycopg = pytest.importorskip("psycopg")
    found = []
    with closing(lakes._connection(lake, "lake", "DATA_INLINING_ROW_LIMIT 0")) as db:
        for name in (name for name in lake.files.names() if name.endswith(".parquet")):
            if db.execute(
                f"SELECT count(*) FROM read_parquet('{name}') AS t WHERE contains(CAST(t AS VARCHAR), ?)", [PERSON]
            ).fetchone() != (0,):
                found.append(name)
    with psycopg.connect(lake.address) as catalogue:
        names = catalogue.execute("SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'")
        for (name,) in names.fetchall():
            rows = catalogue.execute(f'SELECT t::text FROM "{name}" AS t').fetchall()
            if any(PERSON in text for (text,) in rows):
                found.append(name)
    return found


def test_an_erasure_leaves_the_person_in_no_file_no_snapshot_and_no_statistics(tmp_path: Path, anywhere: Lake) -> None:
    lake = anywhere
    study = tmp_path / "study"
    publish(lake, loaded(study, 1, PERSON))
    publish(lake, loaded(study, 2))
    assert any(name.endswith(".parquet") for name in held(lake))
    assert "ducklake_file_column_stats" in held(lake)
    next((study / "archive").glob("part001*")).unlink()
    write(study / "archive", [("cut", {"by": "forget"}, at(9))], "forget")
    load(study, TOY, workers=1, fresh=True)
    assert publish(lake, study / "study.duckdb", fresh=True) == []
    assert held(lake) == []
    with opened(lake) as db:
        assert db.execute("SELECT count(*) FROM posts").fetchone() == (EACH,)
        assert len(db.execute("FROM ducklake_snapshots('study')").fetchall()) == 1
    with closing(lakes._connection(lake, "lake", "DATA_INLINING_ROW_LIMIT 0")) as db:
        db.execute(f"COPY (SELECT '{PERSON}') TO '{lake.files.path}base/left-behind.parquet' (FORMAT parquet)")
    (line,) = publish(lake, study / "study.duckdb")
    assert "left-behind.parquet: a data file that no snapshot uses" in line


def test_fields_that_are_dropped_are_in_no_snapshot_and_taking_fewer_away_removes_none(
    tmp_path: Path, lake: Lake
) -> None:
    study = tmp_path / "study"
    for number in (1, 2):
        publish(lake, loaded(study, number, PERSON))
    for drop, snapshots in (('["texts"]', 1), ('["texts", "names"]', 1), ('["names"]', 2)):
        load(study, TOY, workers=1, settings=[("minimise.drop", drop)])
        assert publish(lake, study / "study.duckdb") == []
        assert (held(lake) == []) == ("texts" in drop)
        with opened(lake) as db:
            assert len(db.execute("FROM ducklake_snapshots('study')").fetchall()) == snapshots


def test_no_machine_brings_back_whom_another_forgot_and_an_erasure_publishes_no_less(
    tmp_path: Path, lake: Lake
) -> None:
    study, other = tmp_path / "study", tmp_path / "other"
    before = loaded(study, 1, PERSON).rename(tmp_path / "before.duckdb")
    write(study / "archive", [("cut", {"by": "forget"}, at(9))], "forget")
    publish(lake, loaded(study, 2))
    write(other / "archive", [("cut", {"by": "forget"}, at(10))], "forget-other")
    for fresh in (False, True):
        for path in (before, loaded(other, 3)):
            with pytest.raises(UserError, match="lacks 1 of its erasures: merge"):
                publish(lake, path, fresh=fresh)
    for segment in (study / "archive").glob("forget*"):
        (other / "archive" / segment.name).write_bytes(segment.read_bytes())
    merged = loaded(other, 4)
    with pytest.raises(UserError, match=r"has part001.*which this archive lacks"):
        publish(lake, merged)
    assert publish(lake, merged, fresh=True) == []
    with opened(lake) as db:
        assert db.execute("SELECT count(*) FROM posts").fetchone() == (2 * EACH,)


def test_an_erasure_killed_before_it_deleted_the_files_is_ended_by_the_next_load(
    tmp_path: Path, anywhere: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake = anywhere
    study = tmp_path / "study"
    publish(lake, loaded(study, 1, PERSON))
    next((study / "archive").glob("part001*")).unlink()
    write(study / "archive", [("cut", {"by": "forget"}, at(9))], "forget")
    load(study, TOY, workers=1, fresh=True)
    path = loaded(study, 2)

    def killed(db: duckdb.DuckDBPyConnection, which: str) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(lakes, "_delete", killed)
    with pytest.raises(KeyboardInterrupt):
        publish(lake, path, fresh=True)
    monkeypatch.undo()
    assert held(lake) != []
    assert publish(lake, path) == []
    assert held(lake) == []


def test_a_merge_after_an_erasure_is_not_from_before_it(
    tmp_path: Path, lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lakes, "MANY", 1)
    study = tmp_path / "study"
    write(study / "archive", [("cut", {"by": "forget"}, at(9))], "forget")
    for number in (1, 2, 3):
        assert publish(lake, loaded(study, number)) == []
    with opened(lake) as db:
        count = "SELECT count(commit_message), count(*) FROM ducklake_snapshots('study')"
        publishes, snapshots = db.execute(count).fetchone()
        assert publishes == 3 < snapshots


def test_what_is_wrong_is_one_line_and_nothing_is_lost(
    tmp_path: Path, lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = loaded(tmp_path / "study", 1)
    with pytest.raises(UserError, match="no tables yet"):
        opened(lake)
    (lake.data / "a folder").mkdir(parents=True)
    (lake.data / "something").touch()
    with pytest.raises(UserError, match="is not empty"):
        publish(lake, path)
    (lake.data / "something").unlink()
    publish(lake, path)
    with pytest.raises(UserError, match="tables of the study 'A study'"):
        publish(structs.replace(lake, study="Another"), path)
    with pytest.raises(UserError, match="does not exist"):
        publish(structs.replace(lake, address=lake.address.replace("/study", "/none")), path)
    with pytest.raises(UserError, match="does not exist"):
        opened(structs.replace(lake, address=lake.address.replace("/study", "/none")))
    other = loaded(tmp_path / "other", 2)
    with pytest.raises(UserError, match="which this archive lacks"):
        publish(lake, other)
    monkeypatch.setattr(lakes.database, "schema", lambda: ("older", "views"))
    with pytest.raises(UserError, match="another version of sneeuwbal"):
        opened(lake)
    monkeypatch.undo()
    with opened(lake) as db:
        assert db.execute("SELECT count(*) FROM posts").fetchone() == (EACH,)


def test_a_bucket_that_cannot_be_used_is_one_line_without_the_key(
    tmp_path: Path, lake: Lake, bucket: Bucket, postgres: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(objects.RETRY, "max_retries", 1)
    lake, path = in_bucket(lake, bucket), loaded(tmp_path / "study", 1)

    def line(of: Lake = lake, ask: Callable[[Lake], object] | None = None, **environment: str) -> str:
        with monkeypatch.context() as patch:
            for name, value in environment.items():
                patch.setenv(name, value)
            with pytest.raises(UserError) as caught:
                ask(of) if ask else publish(of, path)
        found = str(caught.value)
        assert "\n" not in found
        assert not any(word in found for word in (SECRET, READERS, "a-wrong-one"))
        return found

    assert "no such bucket" in line(structs.replace(lake, data="s3://no-bucket-here/tables"))
    assert "the access key is refused" in line(AWS_SECRET_ACCESS_KEY="a-wrong-one")
    assert "no answer" in line(AWS_ENDPOINT_URL="http://127.0.0.1:1")
    assert "no access key" in line(AWS_ACCESS_KEY_ID="")
    assert "access denied" in line(AWS_ACCESS_KEY_ID=READER, AWS_SECRET_ACCESS_KEY=READERS)
    other = structs.replace(lake, data=bucket.address(), address=postgres.database())
    obstore.put(other.files._store, "something", b"")
    assert "is not empty" in line(other)
    publish(lake, path)
    assert "has its data elsewhere" in line(structs.replace(lake, data=bucket.address()))
    assert "refused" in line(ask=opened, AWS_SECRET_ACCESS_KEY="a-wrong-one")
    assert "no answer" in line(ask=opened, AWS_ENDPOINT_URL="http://127.0.0.1:1")
    with monkeypatch.context() as patch:
        patch.setenv("AWS_ACCESS_KEY_ID", READER)
        patch.setenv("AWS_SECRET_ACCESS_KEY", READERS)
        with opened(lake) as db:
            assert db.execute("SELECT count(*) FROM posts").fetchone() == (EACH,)


def test_sql_reads_a_bucket_alone_and_shows_no_key(tmp_path: Path, lake: Lake, bucket: Bucket) -> None:
    lake, reader = in_bucket(lake, bucket), tmp_path / "reader"
    publish(lake, loaded(tmp_path / "study", 1))
    reader.mkdir()
    (reader / "sneeuwbal.toml").write_text(
        f'[study]\nname = "A study"\ncontact = "me@example.org"\n[store]\nendpoint = "{bucket.endpoint}"\n'
        f'tables = "ducklake:postgres:{lake.address}"\ntables_data = "{lake.data}"\n'
    )
    assert query.query(reader, "SELECT count(*) AS n FROM posts")["n"].tolist() == [EACH]
    assert query.within(reader, "SELECT text FROM posts", seconds=600, rows=2).more
    (check,) = (one for one in checks(reader) if one.name == "tables in DuckLake")
    assert check.passed
    with query.connect(reader) as db, pytest.raises(duckdb.Error, match=r"disabled|Permission"):
        db.execute("FROM read_blob('s3://bucket/begun')").fetchall()
    for text in ("FROM duckdb_secrets()", "FROM which_secret('s3://bucket/', 's3')"):
        with pytest.raises(UserError, match="only SELECT"):
            query.query(reader, text)


def test_a_bucket_that_keeps_what_is_deleted_is_named(
    tmp_path: Path, lake: Lake, bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    study, put = tmp_path / "study", obstore.put
    lake = in_bucket(lake, bucket)
    publish(lake, loaded(study, 1))
    write(study / "archive", [("cut", {"by": "forget"}, at(9))], "forget")
    monkeypatch.setattr("obstore.put", lambda *words, **more: {**put(*words, **more), "version": "1"})
    (line,) = publish(lake, loaded(study, 2))
    assert "delete all noncurrent versions" in line


def test_sql_reads_the_lake_where_nothing_was_loaded(tmp_path: Path, lake: Lake) -> None:
    publish(lake, loaded(tmp_path / "study", 1))
    reader = tmp_path / "reader"
    reader.mkdir()
    (reader / "sneeuwbal.toml").write_text(
        f'[study]\nname = "A study"\ncontact = "me@example.org"\n[store]\n'
        f'tables = "ducklake:postgres:{lake.address}"\ntables_data = "{lake.data}"\n'
    )
    assert query.query(reader, "SELECT count(*) AS n FROM posts")["n"].tolist() == [EACH]
    with query.connect(reader) as db, pytest.raises(duckdb.Error, match=r"disabled|Permission"):
        db.execute(f"FROM read_csv('{reader / 'sneeuwbal.toml'}')").fetchall()
    for text in (
        f"COPY (SELECT 1) TO '{lake.data}/main.parquet'",
        f"EXPLAIN ANALYZE COPY (SELECT 1) TO '{lake.data}/main.parquet'",
        "SELECT 1; CALL ducklake_cleanup_old_files('study', cleanup_all => true)",
        "SELECT * FROM ducklake_cleanup_old_files('study', cleanup_all => true)",
        "DESCRIBE SELECT * FROM \"Postgres_Query\"/**/('__ducklake_metadata_study', 'SELECT 1')",
        "WITH a AS (FROM query/**/('SELECT ' || '1')) FROM a",
        "FROM json_execute_serialized_sql(json_serialize_sql('SELECT 1'))",
        "FROM __ducklake_metadata_study.public.ducklake_snapshot",
        "FROM __ducklake_metadata_study.ducklake_snapshot",
    ):
        for ask in (query.query, partial(query.within, seconds=600, rows=9)):
            with pytest.raises(UserError, match=r"only (one )?SELECT"):
                ask(reader, text)
    plain = "SELECT text, 'postgres_query and ducklake' AS \"query\" FROM posts"
    assert len(query.within(reader, plain, seconds=600, rows=EACH).rows) == EACH
    assert len(query.query(reader, "DESCRIBE posts")) > 9


def test_forget_examines_the_lake_in_the_study_by_publishing_it(
    tmp_path: Path, lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, str(tmp_path / "key"))
    place = tmp_path / "study"
    place.mkdir()
    (place / "sneeuwbal.toml").write_text(
        f'[study]\nname = "A study"\ncontact = "me@example.org"\n[store]\ntables = "ducklake:postgres:{lake.address}"\n'
    )
    write(place / "archive", [("cut", {"by": "forget"}, at(9))], "forget")
    study = open_study(place)
    run.load(study)
    before = set((place / "lake").rglob("*.parquet"))
    assert forget(study, "nobody@example.org").cut.unread == []
    assert before.isdisjoint((place / "lake").rglob("*.parquet"))
    assert any((place / "lake").rglob("*.parquet"))


def test_without_the_extensions_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    class Bare:
        def execute(self, text: str) -> None:
            raise duckdb.IOException(f"{text}: no such extension, and no network")

    monkeypatch.setitem(sys.modules, "duckdb_extensions", None)
    with pytest.raises(UserError, match="sneeuwbal"):
        lakes._load(Bare(), "ducklake")  # type: ignore[arg-type]

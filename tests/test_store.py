"""The archive in object storage: the same tables, nothing lost by a kill, nothing left of a person, one line each."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

import cli
from collectors.wire.exchange import Replay
from jobs.collect import retry
from jobs.context import open_study
from jobs.erasing import erased
from jobs.move import move
from jobs.replay import replay
from jobs.run import load as load_study
from jobs.verify import checks
from storage import objects, verify
from storage.archive import manifest, remote, store
from storage.archive import reader as archive
from storage.archive import writer as archiving
from storage.archive.merge_archives import gather
from storage.archive.reader import Note
from storage.archive.store import Where
from storage.backup import backup
from storage.errors import Partial, UserError
from storage.privacy.forget import Cut, forget
from storage.records import Account, Follow, Page, Post, Profile, Request, Target
from storage.tables.load import load
from tests import toy
from tests.objects import READER, READERS, SECRET, Server
from tests.pages import PARSERS, T0, contents, page, write
from tests.postgres import Server as Postgres

PAGES = [
    page(n, [Profile(f"p{n % 5}", "toy", name=f"N{n % 3}"), Account(str(n % 4), "x", f"h{n % 4}"),
             Post(str(n), "toy", "1", T0, f"text {n} {'x' * 500}", "1"), Follow("x", "1", str(n), "following")])
    for n in range(1, 61)
]  # fmt: skip


@pytest.fixture
def address(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty store: a folder, or a prefix of a bucket."""
    if getattr(request, "param", "file") == "file":
        return f"file://{tmp_path}/a%20store"
    server: Server = request.getfixturevalue("bucket")
    return server.address()


both = pytest.mark.parametrize("address", ["file", "s3"], indirect=True)


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A study on one machine, loaded; its archive has 60 segments."""
    folder = tmp_path_factory.mktemp("alone")
    write(folder / "archive", PAGES, max_segment=1)
    load(folder, PARSERS, workers=1)
    return folder


def _machine(folder: Path, address: str, **options: object) -> Path:
    folder.mkdir()
    store.attach(folder / "archive", Where(address, "toy", **options))  # type: ignore[arg-type]
    return folder


@both
def test_machines_share_an_archive_and_any_loads_the_tables_of_one(
    tmp_path: Path, address: str, alone: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Read by blocks, with a cache that stays within its bound or with none."""
    monkeypatch.setattr(remote, "BLOCK", 500)
    whole = archive.total(archive.segments(alone / "archive"))
    for number in range(2):
        parts = tmp_path / f"parts-{number}"
        parts.mkdir()
        for path in archive.segments(alone / "archive")[number::2]:
            shutil.copy2(path, parts / path.name)
        machine = _machine(tmp_path / f"machine-{number}", address)
        assert gather(machine, [parts]) == gather(machine, [parts]) + 30
        assert not store.waiting(machine / "archive")
    for bound in (0, whole // 4):
        reader = _machine(tmp_path / f"reader-{bound}", address, cache_bytes=bound)
        load(reader, PARSERS, workers=1)
        assert contents(reader) == contents(alone)
        cache = reader / "archive" / store.CACHE
        held = sum(path.stat().st_size for path in cache.iterdir()) if cache.exists() else 0
        assert bool(bound) == bool(held)
        assert held <= bound


def test_a_study_collected_into_a_store_is_proven_replayed_and_copied(tmp_path: Path, address: str) -> None:
    """A segment for each group of answers (`upload_every` 0); a backup has everything, without the store."""
    machine = _machine(tmp_path / "machine", address, upload_every=0)
    server, url = toy.serve()
    toy.seed(machine, 40)
    toy.main(machine, url)
    server.shutdown()
    server.server_close()
    load(machine, {"toy": "tests.toy:collector"}, workers=1)
    assert len(archive.segments(machine / "archive")) > 3
    assert not list((machine / "archive").glob("*.warc.gz*"))
    assert all(check.passed for check in checks(machine, {"toy": toy.collector}))
    wire = Replay(machine / "archive", tmp_path / "index.sqlite")
    answered = wire.recorded((Request(Target("toy", "list", "3"), ""),), "")
    assert isinstance(answered, Page)
    assert answered.status == 200
    copied = backup(machine, tmp_path / "copy")
    assert copied.segments == len(archive.segments(tmp_path / "copy" / "archive"))
    assert not (tmp_path / "copy" / "archive" / store.MARK).exists()
    assert manifest.read(tmp_path / "copy" / "archive") == manifest.read(machine / "archive")
    assert all(check.passed for check in checks(tmp_path / "copy", {"toy": toy.collector}))


def test_a_damaged_or_missing_object_is_named(tmp_path: Path, address: str) -> None:
    """Though the cache of this machine has it whole."""
    machine = _machine(tmp_path / "machine", address)
    write(machine / "archive", PAGES[:20], max_segment=1)
    first, second, *_ = archive.segments(machine / "archive")
    kept = store.remote_of(machine / "archive")
    assert kept is not None
    content = bytearray(archive.opened(first).read())
    content[len(content) // 2] ^= 1
    kept._put(first.name, bytes(content))
    __import__("obstore").delete(kept._store, second.name)
    kept._objects.clear()
    held = verify.Held()
    damaged = {one.name: one.damage for one in verify.segments(machine / "archive", held, 1) if one.damage}
    held.close()
    assert set(damaged) == {first.name, second.name}
    assert "checksum" in damaged[first.name]
    assert "not in the archive" in damaged[second.name]


def test_an_object_is_created_once(tmp_path: Path, address: str) -> None:
    machine = _machine(tmp_path / "machine", address)
    write(machine / "archive", PAGES[:1])
    (path,) = archive.segments(machine / "archive")
    there = store.remote_of(machine / "archive")
    assert there is not None
    before = archive.opened(path).read()
    path.write_bytes(before)  # as after a kill between upload and rename
    archiving.upload(machine / "archive")
    assert not path.exists()
    path.write_bytes(b"another")
    with pytest.raises(UserError, match="differs from its checksum"):
        archiving.upload(machine / "archive")
    manifest.note(path)
    with pytest.raises(UserError, match="has another segment of this name"):
        archiving.upload(machine / "archive")
    assert path.exists()
    assert there.digest(path.name) == hashlib.sha256(before).hexdigest()


class Eraser:
    """Erases the pages whose address has a word."""

    people = frozenset({"key-1007"})

    def entry(self, entry: archive.Entry) -> archive.Entry | None:
        return None if getattr(entry, "url", "").endswith("/key-1007") else entry

    def finds(self, text: str) -> bool:
        return False

    def whole(self, text: str) -> str:
        return text

    text = whole

    def named(self, collector: str, key: str) -> bool:
        return key == "key-1007"


def test_a_cache_that_is_cut_off_or_full_loses_no_entry(
    tmp_path: Path, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As after a crash, with a full disk, and if the store sends less than was asked for."""
    monkeypatch.setattr(remote, "BLOCK", 500)
    machine, other = (_machine(tmp_path / name, address) / "archive" for name in ("machine", "other"))
    write(machine, PAGES[:5])
    (path,) = archive.segments(other)
    before = archive.opened(path).read()
    assert len(list((other / store.CACHE).iterdir())) > 2
    for cached in [*(machine / store.CACHE).iterdir(), *(other / store.CACHE).iterdir()]:
        os.truncate(cached, cached.stat().st_size // 2)
    assert archive.opened(machine / path.name).read() == archive.opened(path).read() == before
    shutil.rmtree(other / store.CACHE)

    def full(*words: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_bytes", full)
        assert archive.opened(path).read() == before
    for name, age in (("old", 7200), ("new", 0)):
        (other / store.CACHE / f".{name}").touch()
        os.utime(other / store.CACHE / f".{name}", (time.time() - age,) * 2)
    archive.segments(other)
    assert [one.name for one in (other / store.CACHE).iterdir()] == [".new"]
    monkeypatch.setattr("obstore.get_range", lambda *words, **more: b"less")
    with pytest.raises(UserError, match="4 bytes from 0 instead of 500"):
        archive.opened(path).read()


@both
def test_nothing_of_the_forgotten_is_left_in_any_object_or_cache(
    tmp_path: Path, address: str, request: pytest.FixtureRequest
) -> None:
    """Searched in the server's own files; another machine's cache loses it when it next lists the store."""
    machine, other = (_machine(tmp_path / name, address) for name in ("machine", "other"))
    marked = page(1007, [Post("7", "toy", "1", T0, "text", "1")], key="key-1007")
    raw = [marked.body, b"https://toy.example/key-1007"]
    writer = archiving.Writer(machine / "archive", "toy", fsync=False)
    for one in [*PAGES[:5], marked]:
        writer.append(one)
    writer.close()
    assert [entry for path in archive.segments(other / "archive") for entry in archive.read(path)]
    assert list((other / "archive" / store.CACHE).iterdir())
    if address.startswith("file:"):
        (tmp_path / "a store" / f"{writer.name}.warc.gz#1").write_bytes(marked.body)  # as a killed upload leaves it
    cut = Cut()
    forget(machine, Eraser(), cut)  # type: ignore[arg-type]
    assert (cut.removed, cut.segments) == (1, 1)
    archive.segments(other / "archive")
    places = [machine, other / "archive"]
    if address.startswith("s3:"):
        server: Server = request.getfixturevalue("bucket")
        for _ in range(120):  # it deletes when it has time
            server.vacuum()
            if not _having(raw, server.place):
                break
            time.sleep(1)
        places.append(server.place)
    else:
        places.append(tmp_path / "a store")
    assert _having(raw, *places) == []
    (left,) = archive.segments(other / "archive")
    assert len(list(archive.read(left))) == 5
    assert manifest.checksum(left) == manifest.read(machine / "archive")[left.name]


def _having(raw: list[bytes], *places: Path) -> list[Path]:
    """The files below *places* that have one of *raw*."""
    files = [path for place in places for path in place.rglob("*") if path.is_file()]
    return [path for path in files if _packed(path.read_bytes(), raw)]


def _packed(content: bytes, raw: list[bytes]) -> bool:
    """Whether *content* has one of *raw*, as it is or in a gzip member."""
    import zlib

    parts = [content]
    for found in re.finditer(rb"\x1f\x8b\x08", content):
        try:
            parts.append(zlib.decompressobj(31).decompress(content[found.start() :]))
        except zlib.error:
            continue
    return any(word in part for word in raw for part in parts)


@pytest.fixture
def lose(monkeypatch: pytest.MonkeyPatch) -> Callable[[bool], None]:
    """A function that takes the store away, or brings it back."""
    put = remote.Remote._put

    def gone(*words: object, **more: object) -> None:
        raise UserError("the store: no answer")

    return lambda away: monkeypatch.setattr(remote.Remote, "_put", gone if away else put)


def test_a_store_that_is_lost_gets_what_waits(tmp_path: Path, address: str, lose: Callable[[bool], None]) -> None:
    """Segments wait here, are read from here, and survive a kill: the next command uploads them."""
    machine = _machine(tmp_path / "machine", address, upload_every=0)
    writer = archiving.Writer(machine / "archive", "toy", fsync=False)
    lose(True)
    for number, one in enumerate(PAGES[:6]):
        if number == 3:
            lose(False)
        writer.append(one)
        writer.sync()
        assert len(store.waiting(machine / "archive")) == (number + 1 if number < 3 else 0)
    lose(True)
    writer.append(PAGES[6])
    with pytest.raises(Partial, match="1 segments wait in"):
        writer.close()
    assert [len(list(archive.read(path))) for path in archive.segments(machine / "archive")] == [1] * 7
    with pytest.raises(UserError, match="no answer"):
        archiving.Writer(machine / "archive", "toy")
    lose(False)
    archiving.Writer(machine / "archive", "toy").close()
    assert not store.waiting(machine / "archive")
    assert len(archive.segments(_machine(tmp_path / "other", address) / "archive")) == 7


def test_an_erasure_and_a_retry_are_whole_though_the_store_is_lost_at_their_end(
    tmp_path: Path, address: str, lose: Callable[[bool], None]
) -> None:
    """What is noted is done, once: only the upload waits."""
    study, cut = open_study(_study(tmp_path / "study", address)), Cut()
    write(study.archive, PAGES[:5])

    class Last(Eraser):
        def entry(self, entry: archive.Entry) -> archive.Entry | None:
            lose(True)
            return entry

    erased(study, Last(), cut, "a test")  # type: ignore[arg-type]
    assert "1 segments wait in" in cut.unread[-1]
    lose(False)
    toy.seed(study.directory, 3)
    with closing(sqlite3.connect(study.directory / "state.sqlite")) as db, db:
        db.execute("UPDATE targets SET state = 'failed'")
    with closing(toy.state(study.directory)) as frontier:
        (kind,) = {row[1] for row in frontier.counts()}
        check = remote.Remote.check

        def lost(self: remote.Remote) -> None:
            check(self)
            lose(True)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(remote.Remote, "check", lost)
            with pytest.raises(Partial, match="wait in"):
                retry(study, frontier, "toy", [kind])
        lose(False)
        retry(study, frontier, "toy", [kind])
        assert "failed" not in {row[2] for row in frontier.counts()}
    archiving.upload(study.archive)
    notes = [one for path in archive.segments(study.archive) for one in archive.read(path) if isinstance(one, Note)]
    assert [one.kind for one in notes if one.kind != "admission"] == ["cut", "retry"]


def test_an_open_segment_of_another_machine_is_named(tmp_path: Path, address: str) -> None:
    machine, said = _machine(tmp_path / "machine", address), list[str]()
    writer = archiving.Writer(tmp_path / "another", "toy", fsync=False)
    writer.append(PAGES[0])
    writer.sync()
    assert gather(machine, [tmp_path / "another"], said.append) == 0
    assert "still open" in said[0]
    writer.close()
    assert gather(machine, [tmp_path / "another"], said.append) == len(said) == 1


STUDY = '[study]\nname = "toy"\n{}'


def _study(folder: Path, address: str = "", name: str = "toy") -> Path:
    folder.mkdir(mode=0o700, exist_ok=True)
    text = STUDY.format(f'[store]\narchive = "{address}"\n' if address else "").replace("toy", name)
    (folder / "sneeuwbal.toml").write_text(text)
    return folder


@both
def test_a_study_moves_to_a_store_and_back_though_it_is_killed(
    tmp_path: Path, address: str, alone: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study, said = shutil.copytree(alone, tmp_path / "study"), list[str]()
    _study(study, address)
    sums = manifest.read(study / "archive")
    with pytest.raises(UserError, match="has segments, but"):
        open_study(study)
    digest, calls = remote.Remote.digest, list[str]()

    def killed(self: remote.Remote, name: str) -> str:
        calls.append(name)
        if len(calls) == 10:
            raise KeyboardInterrupt
        return digest(self, name)

    monkeypatch.setattr(remote.Remote, "digest", killed)
    with pytest.raises(KeyboardInterrupt):
        move(study, say=said.append)
    assert len(list((study / "archive").glob("*.warc.gz"))) == len(sums)  # all are here until all are there
    move(study, say=said.append)
    assert "60 segments uploaded" in said[-1]
    assert not list((study / "archive").glob("*.warc.gz"))
    shutil.rmtree(study / "archive" / store.CACHE)
    assert manifest.read(study / "archive") == sums
    load(study, PARSERS, workers=1, fresh=True)
    assert contents(study) == contents(alone)
    _study(study)
    with pytest.raises(UserError, match="its segments are in"):
        open_study(study)
    _study(study, address)
    fetch, brought = store.fetch, list[Path]()

    def stopped(path: Path, target: Path) -> None:
        brought.append(path)
        if len(brought) == 10:
            raise KeyboardInterrupt
        fetch(path, target)

    monkeypatch.setattr(store, "fetch", stopped)
    with pytest.raises(KeyboardInterrupt):
        move(study, back=True, say=said.append)
    next((study / "archive").glob(".*.brought")).write_bytes(b"of an object that was replaced since")
    move(study, back=True, say=said.append)
    assert len(brought) == 62
    assert not [path for path in (study / "archive").iterdir() if path.name in (store.MARK, store.CACHE)]
    _study(study)
    brought_back = archive.segments(open_study(study).archive)
    assert {path.name: path.read_bytes() for path in brought_back} == {
        path.name: path.read_bytes() for path in archive.segments(alone / "archive")
    }


def test_a_study_does_not_move_over_another_archive(tmp_path: Path, address: str) -> None:
    study = _study(tmp_path / "study", address)
    write(study / "archive", PAGES[:1])
    (path,) = archive.segments(study / "archive")
    other = tmp_path / "other" / path.name
    other.parent.mkdir()
    other.write_bytes(b"another")
    there = store.Remote(other.parent / "archive", Where(address, "toy"))
    there.check()
    there.create(other, digest := manifest.checksum(other))
    with pytest.raises(UserError, match="differs from"):
        move(study)
    assert there.sums() == {path.name: digest}


def test_the_state_moves_to_postgresql_and_back(tmp_path: Path, postgres: Postgres) -> None:
    study, said = tmp_path / "study", list[str]()
    study.mkdir()
    toy.seed(study, 40)
    (study / "sneeuwbal.toml").write_text(f'[study]\nname = "toy"\n[store]\nfrontier = "{postgres.database()}"\n')
    rows = "SELECT key, cursor, due_at, state FROM targets ORDER BY key"
    with closing(sqlite3.connect(study / "state.sqlite")) as db:
        before = db.execute(rows).fetchall()
    move(study, say=said.append)
    assert "40 targets moved" in said[-1]
    assert not (study / "state.sqlite").exists()
    (study / "state.sqlite.old").rename(study / "state.sqlite")  # as after a kill before it was renamed
    move(study, say=said.append)
    with closing(sqlite3.connect(study / "state.sqlite.old")) as db, db:
        db.execute("UPDATE targets SET tries=3 WHERE key='7'")
    shutil.copy2(study / "state.sqlite.old", study / "state.sqlite")
    with pytest.raises(UserError, match=r"another state \(2 rows of targets\)"):
        move(study, say=said.append)
    move(study, back=True, say=said.append)
    with closing(sqlite3.connect(study / "state.sqlite")) as db:
        assert db.execute(rows).fetchall() == before
        assert db.execute("SELECT count(*) FROM targets WHERE tries=3").fetchone() == (0,)


@pytest.mark.parametrize("where", ["[store]\n", "  [ store ] # shared\n  "])
def test_a_replay_never_uses_the_stores_of_its_study(tmp_path: Path, where: str) -> None:
    file, live = tmp_path / "sneeuwbal.toml", 'frontier = "postgresql://db.example.org/live"\n'
    file.write_text(f"{STUDY.format(where)}{live}[budget]\nusd = 1\n")
    with pytest.raises(UserError, match="no seeds"):
        replay(tmp_path, tmp_path / "archive", tmp_path / "replay", say=lambda line: None)
    study = open_study(tmp_path / "replay")
    assert (study.store.frontier, study.budget.usd) == (None, 1)
    file.write_text(f'store.{live}[study]\nname = "toy"\n')
    with pytest.raises(UserError, match=r"under the line \[store\]"):
        replay(tmp_path, tmp_path / "archive", tmp_path / "other")
    assert not (tmp_path / "other").exists()


def _line(capsys: pytest.CaptureFixture[str], study: Path, *words: str) -> str:
    assert cli.main(["--study", str(study), *words]) == 2
    (line,) = capsys.readouterr().err.strip().splitlines()
    return line


def test_what_cannot_be_used_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    address = f"file://{tmp_path}/store"
    _machine(tmp_path / "machine", address)
    other = _study(tmp_path / "other", address, "another")
    assert "has the archive of the study 'toy', not of 'another'" in _line(capsys, other, "load")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "letter.txt").write_text("not ours")
    assert "not empty, and no archive" in _line(capsys, _study(tmp_path / "b", f"file://{tmp_path}/full"), "load")
    inside = _study(tmp_path / "c", f"file://{tmp_path}/c/store")
    assert "inside the study" in _line(capsys, inside, "load")
    assert "names no store" in _line(capsys, _study(tmp_path / "d"), "store", "move")
    for odd in ("key:secret@bucket/x", "bucket/a%20b", "bucket/a#b", "bucket/a/../b", "bucket//b"):
        assert "should" in _line(capsys, _study(tmp_path / "e", f"s3://{odd}"), "load")
    for held, tables in (
        ("s3://bucket/x", "s3://bucket/x/tables"),
        ("s3://bucket/x/archive", "s3://bucket/x"),
        ("file:///mnt/shared/x", "/mnt/shared"),
    ):
        nested = _study(tmp_path / "nested", held)
        with (nested / "sneeuwbal.toml").open("a") as file:
            file.write(f'tables_data = "{tables}"\n')
        assert "tables_data: should be apart from archive" in _line(capsys, nested, "load")
    now = remote.time.time()
    monkeypatch.setattr("storage.archive.remote.time.time", lambda: now - 3600)
    assert re.search(r"clock is 3,[56]\d\d s behind", _line(capsys, _study(tmp_path / "f", address), "load"))
    assert not (tmp_path / "f" / "archive" / store.MARK).exists()


def test_an_s3_server_that_refuses_is_one_line_without_the_key(
    tmp_path: Path, bucket: Server, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(objects.RETRY, "max_retries", 1)
    study = _study(tmp_path / "study", bucket.address())

    def line(**environment: str) -> str:
        with pytest.MonkeyPatch.context() as patch:
            for name, value in environment.items():
                patch.setenv(name, value)
            found = _line(capsys, study, "load")
        assert not any(word in found for word in (SECRET, READERS, "a-wrong-one"))
        return found

    assert "the access key is refused" in line(AWS_SECRET_ACCESS_KEY="a-wrong-one")
    assert "the access key is refused" in line(AWS_ACCESS_KEY_ID="a-wrong-one")
    assert "access denied" in line(AWS_ACCESS_KEY_ID=READER, AWS_SECRET_ACCESS_KEY=READERS)
    assert "no answer" in line(AWS_ENDPOINT_URL="http://127.0.0.1:1")
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    (study / "secrets.toml").write_text("archive = 'a-key-without-its-secret'\n")
    (study / "secrets.toml").chmod(0o600)
    assert "should be 'ID:SECRET'" in _line(capsys, study, "load")
    (study / "secrets.toml").write_text(f"archive = 'a-key-id:{SECRET}'\n")
    assert load_study(open_study(study), say=lambda line: None) is None  # its archive is empty
    assert os.environ.pop("AWS_SECRET_ACCESS_KEY") == SECRET
    del os.environ["AWS_ACCESS_KEY_ID"]


def test_a_kill_of_the_server_in_the_middle_loses_nothing(
    tmp_path: Path, bucket: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(objects.RETRY, "max_retries", 1)
    machine = _machine(tmp_path / "machine", bucket.address(), upload_every=0)
    writer = archiving.Writer(machine / "archive", "toy", fsync=False)
    for number, one in enumerate(PAGES[:8]):
        if number == 3:
            bucket.kill()
        if number == 5:
            with pytest.raises(UserError, match="no answer"):
                archive.segments(machine / "archive")
            bucket.start()
        writer.append(one)
        writer.sync()
    writer.close()
    assert not store.waiting(machine / "archive")
    there = store.remote_of(machine / "archive")
    assert there is not None
    other = _machine(tmp_path / "other", there.where.address) / "archive"
    assert [entry.record_id for path in archive.segments(other) for entry in archive.read(path)] == [
        one.record_id for one in PAGES[:8]
    ]

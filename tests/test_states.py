"""What a year brings is a state with a reason and a way on: after each of them the next run repairs."""

import errno
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import duckdb
import pytest

import cli
from jobs import run as job
from storage.archive import reader as archive
from storage.archive import writer
from storage.frontier import base, moves, schema
from storage.locks import holder
from storage.records import Request, Target
from tests.conftest import ROOT
from tests.living import FIRST_DAY, Living
from tests.loopback import Answer, Loopback, Received
from tests.rehearsal import sneeuwbal, start
from tests.soak import STUDY, admit

SIZE = 8
COLLECT = ("collect", "x", "--kind", "timeline", "--kind", "following", "--hide-progress")


class World:
    """A still world over a real socket, which can be slow, refuse, or be away."""

    def __init__(self) -> None:
        self.living, self.pause, self.refused = Living(SIZE, 3), 0.0, False
        self.broken: set[str] = set()  # the accounts whose lists it fails to serve
        self.asked, self.requests = threading.Event(), 0
        self.server = Loopback(self.answer)

    def answer(self, request: Received) -> Answer:
        self.asked.set()
        self.requests += 1
        time.sleep(self.pause)
        if self.refused:
            return Answer(
                401, {"title": "Unauthorized", "status": 401, "detail": "Unauthorized", "type": "about:blank"}
            )
        if request.path.split("/")[3] in self.broken:
            return Answer(503)
        return self.living.answer(request)


@pytest.fixture
def world() -> Iterator[World]:
    found = World()
    yield found
    found.server.close()


@pytest.fixture
def study(tmp_path: Path, world: World) -> Path:
    return _study(tmp_path / "study", world)


def _study(folder: Path, world: World) -> Path:
    folder.mkdir(mode=0o700)
    (folder / "sneeuwbal.toml").write_text(STUDY.format(url=world.server.url))
    admit(folder, world.living, FIRST_DAY)
    return folder


def _whole(study: Path, world: World) -> None:
    """The next runs repair: everything is there once, and nothing else."""
    done = sneeuwbal("--study", study, *COLLECT)
    assert done.returncode == 0, done.stdout + done.stderr
    assert sneeuwbal("--study", study, "load").returncode == 0
    with duckdb.connect(str(study / "study.duckdb"), read_only=True) as db:
        posts = db.execute("SELECT post_id, account_id FROM posts").fetchall()
        follows = db.execute("SELECT follower_id, followed_id FROM follows").fetchall()
    assert sorted(posts) == sorted(world.living.posts)
    assert sorted(follows) == sorted((str(p.number), str(n)) for p in world.living.people for n in p.following)
    verified = sneeuwbal("--study", study, "verify")
    assert verified.returncode == 0, verified.stdout


def _one_line(done: subprocess.CompletedProcess[str], code: int) -> str:
    assert done.returncode == code, done.stdout + done.stderr
    (line,) = done.stderr.strip().splitlines()
    assert line.startswith("sneeuwbal: ")
    return line


def _health(study: Path) -> str:
    return sneeuwbal("--study", study, "status").stdout


def test_sigterm_ends_a_run_at_a_page_long_before_the_last(study: Path, world: World) -> None:
    world.pause = 0.5
    process = start("--study", study, *COLLECT)
    assert world.asked.wait(60)
    process.send_signal(signal.SIGTERM)
    actual = "".join(process.communicate(timeout=60))
    assert world.requests < SIZE  # of a timeline and a list for each person
    assert process.returncode == 130, actual
    assert "everything received is kept" in actual
    assert not list((study / "archive").glob("*.open"))
    world.pause = 0
    _whole(study, world)


def test_a_run_ends_when_its_daemon_is_gone(study: Path, world: World) -> None:
    world.pause = 0.5
    words = [sys.executable, "-m", "sneeuwbal", "--study", str(study), *COLLECT]
    code = "import sys, scheduler; child = scheduler._start(sys.argv[1:]); print(child.pid, flush=True); child.wait()"
    environment = {**os.environ, "SNEEUWBAL_X_BEARER_TOKEN": "a-token"}
    with subprocess.Popen(
        [sys.executable, "-c", code, *words], cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True
    ) as daemon:
        assert daemon.stdout is not None
        daemon.stdout.readline()
        assert world.asked.wait(60)
        daemon.kill()
    until = time.monotonic() + 60
    while holder(study, "collect-x") is not None:
        assert time.monotonic() < until
        time.sleep(0.05)
    assert not list((study / "archive").glob("*.open"))  # it ended at a page, not in the middle
    world.pause = 0
    _whole(study, world)


def test_a_run_that_is_stopped_while_it_loads_is_interrupted_not_complete(
    study: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The schedule goes on with what was interrupted."""
    monkeypatch.setenv("SNEEUWBAL_X_BEARER_TOKEN", "a-token")
    monkeypatch.setattr(job, "load", lambda *_, **more: os.kill(os.getpid(), signal.SIGTERM))
    assert cli.main(["--study", str(study), "run", "--no-report", "--hide-progress"]) == 130


@pytest.mark.parametrize("number", [1, 2, 5])
def test_a_disk_that_is_full_when_the_archive_is_written(
    study: Path, world: World, number: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The device says so when the *number*-th group is made safe."""
    calls, real = [], os.fsync

    def full(handle: int) -> None:
        if os.readlink(f"/proc/self/fd/{handle}").endswith(archive.OPEN):
            calls.append(handle)
            if len(calls) >= number:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        real(handle)

    monkeypatch.setenv("SNEEUWBAL_X_BEARER_TOKEN", "a-token")
    monkeypatch.setattr(writer.os, "fsync", full)
    assert cli.main(["--study", str(study), *COLLECT]) == 3
    assert "the disk is full; received data are safe: free space and run again" in capsys.readouterr().err
    monkeypatch.undo()
    _whole(study, world)


def test_a_disk_that_is_full(tmp_path: Path, world: World) -> None:
    """A file system of 300 kB that something else fills; then room is made."""
    place = tmp_path / "small"
    place.mkdir()
    mount = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=300k", "tmpfs", place], capture_output=True)
    if mount.returncode != 0:
        pytest.skip("no permission to mount")
    try:
        study = _study(place / "study", world)
        free = os.statvfs(place)
        (place / "filler").write_bytes(bytes(free.f_bavail * free.f_frsize - 40_960))
        result = _one_line(sneeuwbal("--study", study, *COLLECT), 3)
        assert "the disk is full" in result
        (place / "filler").unlink()
        subprocess.run(["mount", "-o", "remount,size=100m", place], check=True)
        _whole(study, world)
    finally:
        subprocess.run(["umount", place], check=True)


def test_a_network_that_is_lost_is_waited_for(study: Path, world: World) -> None:
    url, answer = world.server.url, world.answer
    world.server.close()
    done = sneeuwbal("--study", study, *COLLECT)
    assert "x: unreachable: 12 requests in a row got no answer" in _one_line(done, 3)
    assert "needs attention: x: unreachable" in _health(study)
    assert " failed " not in _health(study)
    port = int(url.rpartition(":")[2])
    world.server = Loopback(answer, port)
    _due_now(study)
    _whole(study, world)


@pytest.mark.parametrize("left", [1, 2])
def test_a_lost_network_fails_nobody_however_few_are_wanted(
    study: Path, world: World, left: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nor in one run, nor in many; and the state that the archive gives says the same."""
    monkeypatch.setenv("SNEEUWBAL_X_BEARER_TOKEN", "a-token")
    monkeypatch.setattr(moves, "BACKOFF", (0.01, 0.02))
    with closing(sqlite3.connect(study / "state.sqlite")) as db, db:
        db.execute("DELETE FROM targets WHERE id NOT IN (SELECT id FROM targets LIMIT ?)", [left])
    url, answer = world.server.url, world.answer
    world.server.close()
    for _ in range(3):
        assert cli.main(["--study", str(study), *COLLECT]) == 3
        assert "requests in a row got no answer" in capsys.readouterr().err
        assert " failed " not in _health(study)
    with closing(sqlite3.connect(study / "state.sqlite")) as db:
        assert db.execute("SELECT state, tries, count(*) FROM targets GROUP BY 1, 2").fetchall() == [("open", 0, left)]
    assert sneeuwbal("--study", study, "load").returncode == 0
    world.server = Loopback(answer, int(url.rpartition(":")[2]))
    assert cli.main(["--study", str(study), *COLLECT]) == 0
    with closing(sqlite3.connect(study / "state.sqlite")) as db:
        assert db.execute("SELECT state, count(*) FROM targets GROUP BY 1").fetchall() == [("done", left)]


def _due_now(study: Path) -> None:
    with closing(sqlite3.connect(study / "state.sqlite")) as db, db:
        db.execute("UPDATE targets SET due_at=0 WHERE due_at IS NOT NULL")


def test_targets_that_failed_are_partial_until_they_are_asked_for_again_and_absences_are_not(
    study: Path, world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SNEEUWBAL_X_BEARER_TOKEN", "a-token")
    monkeypatch.setattr(moves, "BACKOFF", (0.01, 0.02))
    world.broken = {"3", "5"}
    world.living.people[6].state = "suspended"
    assert cli.main(["--study", str(study), *COLLECT]) == 3
    (actual,) = capsys.readouterr().err.strip().splitlines()
    assert actual == ("sneeuwbal: targets failed: 4 of x; `sneeuwbal status` shows why,"
                    " `sneeuwbal collect x --failed` retries them")  # fmt: skip
    assert "needs attention: 2 x timeline failed: " in _health(study)
    assert cli.main(["--study", str(study), *COLLECT]) == 0  # it had nothing to do, and did it
    asked = len(world.server.asked)
    world.broken = {"5"}
    assert cli.main(["--study", str(study), *COLLECT, "--failed"]) == 3
    assert {request.path.split("/")[3] for request in world.server.asked[asked:]} == {"3", "5"}
    assert "targets failed: 2 of x" in capsys.readouterr().err
    world.broken = set()
    assert cli.main(["--study", str(study), *COLLECT, "--failed"]) == 0
    assert sneeuwbal("--study", study, "status").returncode == 0
    world.living.people[6].posts.clear()
    world.living.posts = {(post, who) for post, who in world.living.posts if who != "6"}
    world.living.people[6].following.clear()
    for person in world.living.people:
        person.following = [number for number in person.following if number != 6]
    _whole(study, world)


def test_the_whole_job_tells_of_what_failed_in_any_of_its_rounds(
    study: Path, world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SNEEUWBAL_X_BEARER_TOKEN", "a-token")
    monkeypatch.setattr(moves, "BACKOFF", (0.01, 0.02))
    world.broken, real, rounds = {"3"}, job.collect_one, []

    def one(study: Any, state: base.Frontier, *rest: Any) -> Any:
        rounds.append(real(study, state, *rest))
        if len(rounds) == 1:
            with state.transaction():
                state.add([Request(Target("x", "timeline", "4"), "")], FIRST_DAY)
        return rounds[-1]

    monkeypatch.setattr(job, "collect_one", one)
    with closing(sqlite3.connect(study / "state.sqlite")) as db, db:
        db.execute("DELETE FROM targets WHERE key='4'")
    assert cli.main(["--study", str(study), "run", "--no-report", "--hide-progress"]) == 3
    assert "targets failed: 2 of x" in capsys.readouterr().err
    assert len(rounds) == 2


def test_a_token_that_is_revoked_stops_the_run_and_a_new_one_goes_on(study: Path, world: World) -> None:
    world.refused = True
    result = _one_line(sneeuwbal("--study", study, *COLLECT), 2)
    assert "refused" in result
    assert "token" in result.lower()
    status = sneeuwbal("--study", study, "status")
    assert status.returncode == 3
    assert "needs attention: x: refused" in status.stdout
    world.refused = False
    _whole(study, world)
    assert sneeuwbal("--study", study, "status").returncode == 0


def test_a_state_that_another_program_holds(
    study: Path, world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(schema, "BUSY", 0.2)
    with closing(sqlite3.connect(study / "state.sqlite")) as db:
        db.execute("BEGIN EXCLUSIVE")
        assert cli.main(["--study", str(study), *COLLECT]) == 3
    assert "the state is locked by another program" in capsys.readouterr().err
    _whole(study, world)


@pytest.mark.parametrize("name", ["state.sqlite", "study.duckdb", "schedule.sqlite"])
def test_a_foreign_file_in_the_place_of_ours(study: Path, world: World, name: str) -> None:
    _whole(study, world)
    for path in study.glob(f"{name}*"):
        path.unlink()
    (study / name).write_bytes(b"this is somebody's shopping list\n" * 300)
    words = {"state.sqlite": COLLECT, "study.duckdb": ("load",), "schedule.sqlite": ("schedule", "list")}[name]
    result = _one_line(sneeuwbal("--study", study, *words), 2)
    assert name in result
    if name == "study.duckdb":
        assert "sneeuwbal load --fresh" in result
        assert sneeuwbal("--study", study, "load", "--fresh").returncode == 0
    else:
        (study / name).unlink()
    if name == "state.sqlite":
        assert "sneeuwbal recover" in result
        assert sneeuwbal("--study", study, "recover").returncode == 0
    assert sneeuwbal("--study", study, *words).returncode == 0
    _whole(study, world)


def test_after_somebody_is_forgotten_the_study_verifies_and_goes_on(study: Path, world: World) -> None:
    _whole(study, world)
    done = sneeuwbal("--study", study, "forget", "@synthetic_3", "--yes")
    assert done.returncode == 0, done.stdout + done.stderr
    for words in (
        ("verify",),
        (*COLLECT, "--again", "--whole"),
        ("load",),
        ("verify",),
        ("load", "--fresh"),
        ("verify",),
    ):
        done = sneeuwbal("--study", study, *words)
        assert done.returncode == 0, (words, done.stdout, done.stderr)
    with duckdb.connect(str(study / "study.duckdb"), read_only=True) as db:
        posts = {row[0] for row in db.execute("SELECT DISTINCT account_id FROM posts").fetchall()}
    assert posts == {str(person.number) for person in world.living.people if person.posts} - {"3"}


def test_a_copy_made_while_the_daemon_runs_is_restored_and_goes_on(tmp_path: Path, study: Path, world: World) -> None:
    with (study / "sneeuwbal.toml").open("a") as file:
        file.write("\n[[schedule]]\nname = 'all'\ncron = '0 3 1 1 *'\n[[schedule]]\nname = 'v'\ntask = 'verify'\n"
                   "cron = '0 3 1 1 *'\n")  # fmt: skip
    world.pause = 0.3
    daemon = start("--study", study, "schedule", "run")
    assert world.asked.wait(60), daemon.poll()
    copy = tmp_path / "copy"
    assert sneeuwbal("--study", study, "backup", copy).returncode == 0
    world.pause = 0
    daemon.send_signal(signal.SIGTERM)
    actual = "".join(daemon.communicate(timeout=60))
    assert daemon.returncode == 0, actual
    for place in (copy, study):
        assert sneeuwbal("--study", place, "verify").returncode == 0
        _whole(place, world)

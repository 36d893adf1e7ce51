"""Several machines collect one study through PostgreSQL: nothing is lost or asked twice, and limits hold over all."""

import sqlite3
import sys
import threading
import time
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import pytest

import cli
from collectors.base import Kind, Limit, Settings
from collectors.engine.rate_limits import Windows
from collectors.engine.recovery import recover
from collectors.engine.run import Budget, collect
from collectors.wire.exchange import Wire
from jobs.run import _all_loaded
from jobs.status import status
from jobs.verify import checks
from scheduler import Daemon
from storage.archive.merge_archives import gather
from storage.errors import UserError
from storage.frontier.moves import Move
from storage.frontier.postgres import LOST, Frontier
from storage.records import Request, Target
from storage.tables.load import load
from study.study_file import Study
from tests import toy
from tests.postgres import PASSWORD, Server
from tests.tables import differences
from tests.test_collect import _collect, _edges

NOW = datetime(2026, 11, 1, tzinfo=UTC)


def _requests(number: int) -> list[Request]:
    return [Request(Target("toy", "list", str(key)), "") for key in range(number)]


def _machines(place: Path, address: str, number: int, lists: int) -> list[Path]:
    """The directories of *number* machines that share one study; the first has admitted the lists."""
    found = [place / f"machine-{n}" for n in range(number)]
    for study in found:
        study.mkdir()
        (study / "store").write_text(address)
    toy.seed(found[0], lists)
    return found


def test_four_machines_a_kill_and_a_restart_of_the_server_give_the_study_of_one(
    tmp_path: Path, postgres: Server
) -> None:
    """Row for row; what was asked twice are the answers of the killed machine's last group."""
    server, url = toy.serve()
    alone, lists = tmp_path / "alone", 160
    alone.mkdir()
    toy.seed(alone, lists)
    toy.main(alone, url)
    once = len(server.asked)  # type: ignore[attr-defined]
    machines = _machines(tmp_path, postgres.database(), 4, lists)
    server.asked.clear()  # type: ignore[attr-defined]
    server.holds = threading.Event()  # type: ignore[attr-defined]
    runs = [_collect(study, url) for study in machines]
    while len(server.asked) <= once // 8:  # type: ignore[attr-defined]
        assert runs[3].poll() is None
        time.sleep(0.005)
    runs[3].kill()
    runs[3].wait()
    postgres.stop()
    postgres.start()
    with closing(toy.state(machines[0])) as frontier:  # the killed one's heartbeat was last heard long ago
        frontier.change(f"UPDATE runs SET seen_at=seen_at-{2 * LOST} WHERE machine=?", (str(machines[3]),))
        frontier.commit(lambda: frontier._bury("none", NOW))
    server.holds.set()  # type: ignore[attr-defined]
    for run in runs[:3]:
        assert run.communicate(timeout=600)[0] == "complete\n"
    assert _collect(machines[3], url).communicate(timeout=600)[0] == "complete\n"  # seals what the killed one left
    server.shutdown()
    server.server_close()
    assert len(server.asked) - once <= 64  # type: ignore[attr-defined]
    whole = tmp_path / "whole"
    whole.mkdir()
    gather(whole, machines)
    for study in (whole, alone):
        load(study, {"toy": "tests.toy:collector"}, workers=1)
    assert _edges(whole) == _edges(alone)
    assert differences(alone / "study.duckdb", whole / "study.duckdb", provenance=False) == {}
    recover(whole, {"toy": toy.collector}, whole / "state.sqlite")
    with closing(toy.state(machines[0])) as frontier:
        assert all(check.passed for check in checks(whole, {"toy": toy.collector}, shared=frontier))
        assert "not in this archive" in next(
            check.found
            for check in checks(machines[1], {"toy": toy.collector}, shared=frontier)
            if check.name == "state"
        )


@pytest.fixture
def two(postgres: Server):  # type: ignore[no-untyped-def]
    """The same study on two machines, with 20 targets."""
    address = postgres.database()
    with closing(Frontier(address, "toy", "one")) as one, closing(Frontier(address, "toy", "other")) as other:
        one.commit(lambda: one.add(_requests(20), NOW))
        yield one, other


def test_a_lease_lasts_as_long_as_the_heartbeat_of_its_run(two: tuple[Frontier, Frontier]) -> None:
    one, other = two
    one.commit(lambda: one.start_run("a", "toy", NOW))
    other.commit(lambda: other.start_run("b", "toy", NOW))
    assert len(one.lease("toy", "list", "a", 15, NOW)) == 15
    mine = other.lease("toy", "list", "b", 15, NOW)
    assert [request.target.key for request in mine] == ["15", "16", "17", "18", "19"]
    other.release(mine)
    assert {run.machine for run in other.at_work()} == {"one", "other"}
    one.change(f"UPDATE runs SET seen_at=seen_at-{LOST} WHERE run_id='a'")
    other.commit(lambda: other.start_run("c", "toy", NOW))
    assert len(other.lease("toy", "list", "c", 30, NOW)) == 20
    assert [run.status for run in other.runs(5) if run.run == "a"] == ["killed"]
    first = mine[0]
    late = Move(first.target, "toy/list/15/1", "end", items=1, requests=1)
    for frontier in two:  # a machine that was thought lost answers too: its answer counts once
        frontier.commit(lambda frontier=frontier: frontier.apply([late], NOW))
    assert sum(n for *_, state, _, n in one.counts() if state == "done") == 1


def test_a_transaction_is_applied_once_though_its_connection_was_lost(
    two: tuple[Frontier, Frontier], postgres: Server
) -> None:
    one, _ = two
    tries = []

    def change() -> int:
        tries.append(1)
        number = one.change("UPDATE targets SET tries=tries+1 WHERE key='3'")
        if len(tries) == 1:
            postgres.stop()
            postgres.start()
        return number

    assert one.commit(change) == 1
    assert len(tries) == 2
    assert one.rows("SELECT tries FROM targets WHERE key='3'") == [(1,)]


def test_a_limit_counts_the_requests_of_all_machines(two: tuple[Frontier, Frontier]) -> None:
    kinds = {"list": Kind(page=5, paged=True, of="handle", limit=Limit(50, 900))}
    wire = Wire()
    windows = [Windows(toy.collector, kinds, {}, wire, share, "toy token") for share in two]
    sent = 0
    while any(window.may("list") for window in windows):
        for window in windows:
            if window.may("list"):
                window.count((_requests(1)[0],), [])
                sent += 1
    assert sent == 50
    assert windows[0].opens_at() is not None
    assert Windows(toy.collector, kinds, {}, wire, two[0], "toy other-token").may("list")


def test_a_budget_is_that_of_all_machines(tmp_path: Path, postgres: Server) -> None:
    """Two runs at once make the requests that the budget allows, and not one more."""
    server, url = toy.serve()
    machines = _machines(tmp_path, postgres.database(), 2, 160)

    def run(study: Path) -> None:
        with closing(toy.state(study)) as frontier:
            settings = Settings({"base_url": url}, None, Wire(timeout=60, private=True))
            collect(study, "toy", toy.collector, settings, frontier=frontier, budget=Budget(requests=150))

    threads = [threading.Thread(target=run, args=(study,)) for study in machines]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    server.shutdown()
    server.server_close()
    assert 150 - 64 < len(server.asked) <= 150  # type: ignore[attr-defined]
    with closing(toy.state(machines[0])) as frontier:
        assert frontier.spent("posts")[2] == len(server.asked)  # type: ignore[attr-defined]


STUDY = '[study]\nname = "Shared"\n[store]\nfrontier = "{}"\n'
JOB = '[[schedule]]\nname = "load"\ntask = "load"\ncron = "0 3 * * *"\n'


def _study(folder: Path, address: str, more: str = "") -> Path:
    folder.mkdir(mode=0o700)
    (folder / "sneeuwbal.toml").write_text(STUDY.format(address) + more)
    return folder


def test_a_scheduled_job_starts_on_one_machine(tmp_path: Path, postgres: Server) -> None:
    from jobs.schedule import leading

    started, address = [], postgres.database()

    class Child:
        def wait(self) -> int:
            return 0

    with (
        leading(first := Study.load(_study(tmp_path / "a", address, JOB)), print) as one,
        leading(second := Study.load(_study(tmp_path / "b", address, JOB)), print) as other,
    ):
        daemons = [
            Daemon(study, start=lambda words: started.append(words) or Child(), leads=leads, say=lambda line: None)
            for study, leads in ((first, one), (second, other))
        ]
        assert [daemon.fire("load") for daemon in daemons] == [0, None]
    assert len(started) == 1


def _one_line(capsys: pytest.CaptureFixture[str], study: Path, *words: str) -> str:
    assert cli.main(["--study", str(study), *words]) == 2
    (line,) = capsys.readouterr().err.strip().splitlines()
    return line


def test_what_cannot_be_used_is_one_line_and_loses_nothing(
    tmp_path: Path, postgres: Server, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PGPASSWORD", raising=False)
    address = postgres.database()
    study = _study(tmp_path / "study", address)
    assert status(Study.load(study))["healthy"]
    name = address.partition("/?")[0].rpartition("/")[2] if "/?" in address else address.split("/")[3].partition("?")[0]
    by_network = f"postgresql://pg@127.0.0.1:{postgres.port}/{name}"
    locked = _study(tmp_path / "locked", by_network)
    assert "set PGPASSWORD" in _one_line(capsys, locked, "status")
    monkeypatch.setenv("PGPASSWORD", "a-wrong-one")
    line = _one_line(capsys, locked, "status")
    assert "password authentication failed" in line
    assert "a-wrong-one" not in line
    monkeypatch.delenv("PGPASSWORD")
    (locked / "secrets.toml").write_text(f"frontier = '{PASSWORD}'\n")
    (locked / "secrets.toml").chmod(0o600)
    assert status(Study.load(locked))["healthy"]
    written = _study(tmp_path / "written", by_network.replace("pg@", f"pg:{PASSWORD}@"))
    line = _one_line(capsys, written, "status")
    assert "contains a password" in line
    assert PASSWORD not in line
    away = _study(tmp_path / "away", "postgresql://pg@127.0.0.1:1/none")
    assert "is the server running" in _one_line(capsys, away, "status")
    missing = _study(tmp_path / "missing", postgres.address("none"))
    assert "createdb" in _one_line(capsys, missing, "status")
    other = _study(tmp_path / "other", address)
    (other / "sneeuwbal.toml").write_text(STUDY.format(address).replace("Shared", "Another"))
    assert "has the state of the study 'Shared'" in _one_line(capsys, other, "status")
    with closing(Frontier(address, "Shared", "here")) as frontier:
        frontier.change("UPDATE study SET version=2")
    assert "written by another version" in _one_line(capsys, study, "status")
    assert sys.modules["storage.frontier.postgres"]


def test_a_clock_that_is_off_is_refused(postgres: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    address = postgres.database()
    Frontier(address, "toy", "one").close()
    wrong = time.time() - timedelta(hours=1).total_seconds()
    monkeypatch.setattr("storage.frontier.postgres.time.time", lambda: wrong)
    with pytest.raises(UserError, match="clock is 3,600 s behind"):
        Frontier(address, "toy", "two")


def test_a_person_is_removed_from_the_state(two: tuple[Frontier, Frontier], tmp_path: Path) -> None:
    """By way of a copy: what a copy holds is what the database has, and what is put back is there."""
    one, other = two
    one.dump(tmp_path / "copy.sqlite")
    with closing(sqlite3.connect(tmp_path / "copy.sqlite")) as db, db:
        db.execute("DELETE FROM targets WHERE key='7'")
    other.commit(lambda: other.start_run("b", "toy", NOW))
    with pytest.raises(UserError, match="other collects; stop it first"):
        one.replace(tmp_path / "copy.sqlite")
    other.commit(lambda: other.end_run("b", "complete", "", 0, 0, NOW))
    one.replace(tmp_path / "copy.sqlite")
    assert [key for key, _, _ in other.targets("toy", "list")] == [str(n) for n in range(20) if n != 7]
    assert other.commit(lambda: other.add(_requests(20), NOW)) == 1


def test_nobody_is_admitted_while_lists_of_another_machine_are_missing(two: tuple[Frontier, Frontier]) -> None:
    one, other = two

    def sees(*rows: tuple[str, datetime | None]) -> bool:
        with duckdb.connect() as db:
            db.execute("CREATE TABLE runs (run_id VARCHAR, ended_at TIMESTAMPTZ)")
            db.executemany("INSERT INTO runs VALUES (?, ?)", [list(row) for row in rows or [("an-own", NOW)]])
            return _all_loaded(one, db) is not None

    assert sees()
    with pytest.raises(UserError, match="another machine admits"), duckdb.connect() as db:
        _all_loaded(other, db)
    other.commit(lambda: other.start_run("b", "toy", NOW))
    assert not sees(("b", None))
    other.commit(lambda: other.end_run("b", "complete", "", 1, 1, NOW))
    assert not sees()
    assert not sees(("b", None))
    assert sees(("b", NOW))

"""Verify proves a study consistent and finds every way in which it is not; a backup is a study that goes on."""

import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from http.server import ThreadingHTTPServer
from pathlib import Path
from threading import Event

import duckdb
import pytest

from collectors.base import Settings
from collectors.engine.recovery import recover
from collectors.engine.run import collect
from collectors.wire.exchange import Wire
from jobs.verify import checks
from storage.archive import manifest
from storage.archive import reader as archive
from storage.backup import backup
from storage.errors import UserError
from storage.frontier.sqlite import Frontier
from storage.tables.load import load
from tests.conftest import ROOT
from tests.pages import contents
from tests.toy import collector, seed, serve

PARSERS = {"toy": "tests.toy:collector"}


@pytest.fixture(scope="module")
def server() -> Iterator[ThreadingHTTPServer]:
    server, _ = serve()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def url(server: ThreadingHTTPServer) -> str:
    return f"http://127.0.0.1:{server.server_port}"


def _collect(study: Path, url: str) -> None:
    frontier = Frontier(study / "state.sqlite")
    collect(
        study, "toy", collector, Settings({"base_url": url}, None, Wire(timeout=60, private=True)), frontier=frontier
    )
    frontier.close()


def _ill(study: Path) -> dict[str, str]:
    return {check.name: check.found for check in checks(study, {"toy": collector}) if not check.passed}


@pytest.fixture
def study(tmp_path: Path, url: str) -> Path:
    """A finished study of thirty lists, published."""
    folder = tmp_path / "study"
    seed(folder, 30)
    _collect(folder, url)
    load(folder, PARSERS)
    return folder


def test_a_finished_study_is_consistent_and_sha256sum_agrees(study: Path) -> None:
    result = {check.name: check for check in checks(study, {"toy": collector})}
    assert all(check.passed for check in result.values()), result
    assert "30 targets, equal to the archive" in result["state"].found
    assert "not loaded yet" not in result["database"].found
    done = subprocess.run(["sha256sum", "-c", "MANIFEST"], cwd=study / "archive", capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
    assert len(done.stdout.splitlines()) == len(archive.segments(study / "archive"))


def _segment(study: Path) -> Path:
    return next(path for path in archive.segments(study / "archive") if path.name.startswith("toy-"))


def test_a_changed_a_torn_and_a_missing_segment_are_found(study: Path) -> None:
    path = _segment(study)
    whole = path.read_bytes()
    path.write_bytes(whole[:-60] + bytes([whole[-60] ^ 1]) + whole[-59:])
    assert "differs from its checksum" in _ill(study)["archive"]
    path.write_bytes(whole[:-7])
    assert "cut off" in _ill(study)["archive"]
    path.unlink()
    ill = _ill(study)
    assert "restore it from a backup" in ill["archive"]
    assert "load --fresh" in ill["database"]
    path.write_bytes(whole)
    assert _ill(study) == {}


def _write(study: Path, statement: str) -> None:
    path = study / "study.duckdb"
    path.chmod(0o644)
    with duckdb.connect(str(path)) as db:
        db.execute(statement)
    path.chmod(0o444)


def test_an_invented_row_and_a_lost_one_are_found(study: Path) -> None:
    _write(study, "INSERT INTO base.follows (follower_id, record_id) VALUES ('x', '<urn:uuid:nobody>')")
    assert "1 rows of follows have no record in the archive, such as <urn:uuid:nobody>" in _ill(study)["database"]
    load(study, PARSERS, fresh=True)
    _write(study, "DELETE FROM base.fetches WHERE rowid = (SELECT max(rowid) FROM base.fetches)")
    assert "1 records of the archive were loaded but have no row" in _ill(study)["database"]


def test_what_is_no_database_is_found_and_the_rest_compared(study: Path) -> None:
    path = study / "study.duckdb"
    path.chmod(0o644)
    path.write_text("nothing that DuckDB wrote")
    assert _ill(study) == {"database": "study.duckdb: is not a database; run `sneeuwbal load --fresh`"}
    assert "state" in {check.name for check in checks(study, {"toy": collector})}


def test_a_state_that_is_not_the_archives_is_found_and_recover_repairs_it(study: Path) -> None:
    with sqlite3.connect(study / "state.sqlite") as db:
        db.execute("UPDATE targets SET position=position+1 WHERE id=3")
    db.close()
    assert "1 targets differ from the archive" in _ill(study)["state"]
    (study / "state.sqlite").unlink()
    recover(study, {"toy": collector}, study / "state.sqlite")
    assert _ill(study) == {}


def test_a_state_that_lags_behind_a_kill_is_well_and_reported(study: Path) -> None:
    with sqlite3.connect(study / "state.sqlite") as db:
        db.execute("UPDATE targets SET state='open', cursor='', position=0, since='', due_at=0 WHERE key='20'")
    db.close()
    result = {check.name: check for check in checks(study, {"toy": collector})}
    assert result["state"].passed
    assert "1 lag behind" in result["state"].found


def test_segments_without_a_checksum_get_one_when_asked(study: Path) -> None:
    (study / "archive" / manifest.NAME).unlink()
    result = next(iter(checks(study, {"toy": collector})))
    assert result.passed
    assert "without a checksum" in result.found
    list(checks(study, {"toy": collector}, seal=True))
    assert set(manifest.read(study / "archive")) == {path.name for path in archive.segments(study / "archive")}
    assert "without a checksum" not in next(iter(checks(study, {"toy": collector}))).found


@pytest.mark.parametrize("link", [True, False])
def test_backups_made_while_a_run_goes_on_are_studies_that_end_the_same(
    server: ThreadingHTTPServer, tmp_path: Path, url: str, link: bool
) -> None:
    busy = tmp_path / "busy"
    seed(busy, 300)
    words = [sys.executable, "-m", "tests.toy", str(busy), url]
    copies = [tmp_path / f"copy-{number}" for number in range(3)]
    server.asked.clear()  # type: ignore[attr-defined]
    server.holds = Event()  # type: ignore[attr-defined]
    with subprocess.Popen(words, cwd=ROOT, stdout=subprocess.DEVNULL) as run:
        for copy in copies:
            load(busy, PARSERS)
            backup(busy, copy, link=link)
        assert run.poll() is None
        server.holds.set()  # type: ignore[attr-defined]
        assert run.wait() == 0
    load(busy, PARSERS)
    for copy in copies:
        assert _ill(copy) == {}, copy
        _collect(copy, url)
        load(copy, PARSERS)
        assert _ill(copy) == {}, copy
        assert _follows(copy) == _follows(busy)


def _follows(study: Path) -> list[tuple[str, ...]]:
    with duckdb.connect(str(study / "study.duckdb"), read_only=True) as db:
        return db.execute("SELECT platform, follower_id, followed_id FROM follows ORDER BY ALL").fetchall()


def test_a_backup_holds_the_files_of_the_study_and_never_a_secret(study: Path, tmp_path: Path) -> None:
    (study / "seeds.txt").write_text("someone\n")
    (study / "token.txt").write_text("let me in: verysecretindeed\n")
    (study / "secrets.toml").write_text("toy = 'verysecretindeed'\n")
    named = [Path("seeds.txt"), Path("token.txt")]
    done = backup(study, tmp_path / "copy", named, secrets=["verysecretindeed"])
    assert done.left_out == ["token.txt"]
    held = {path.name for path in (tmp_path / "copy").rglob("*") if path.is_file()}
    assert "seeds.txt" in held
    assert not held & {"secrets.toml", "token.txt"}
    for path in (tmp_path / "copy").rglob("*"):
        assert not path.is_file() or b"verysecretindeed" not in path.read_bytes()
    assert (tmp_path / "copy").stat().st_mode & 0o077 == 0
    assert contents(tmp_path / "copy") == contents(study)
    with pytest.raises(UserError, match="already exists"):
        backup(study, tmp_path / "copy")

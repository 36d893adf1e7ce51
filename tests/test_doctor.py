"""The doctor finds what is wrong with a study, names the fix, and reveals no secret."""

import grp
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import pytest

from jobs.doctor import _clock as clock
from jobs.doctor import checks
from storage.tables import database
from tests.rehearsal import sneeuwbal

STUDY = """
[study]
name = "Test"
[population]
from = ["decisions"]
[seeds]
x = ["verzonnen"]
[collectors.x]
"""


@pytest.fixture
def study(tmp_path: Path) -> Path:
    """A small study with a published database."""
    folder = tmp_path / "study"
    folder.mkdir(mode=0o700)
    (folder / "sneeuwbal.toml").write_text(STUDY)
    (folder / "archive").mkdir()
    private = tmp_path / "made.duckdb"
    database.close_private(database.open_private(private))
    database.publish(private, folder)
    return folder


def _ill(study: Path) -> dict[str, str]:
    return {check.name: check.found for check in checks(study) if check.passed is False}


def test_a_healthy_study_ends_with_0_and_an_ill_one_with_3(study: Path) -> None:
    done = sneeuwbal("--study", study, "doctor", token="verysecretindeed")
    assert done.returncode == 0, done.stdout + done.stderr
    assert all(line.startswith("ok") for line in done.stdout.splitlines())
    assert "verysecretindeed" not in done.stdout
    done = sneeuwbal("--study", study, "doctor", token=None)
    assert done.returncode == 3
    assert "FAIL  secret of x: none; set SNEEUWBAL_X_BEARER_TOKEN" in done.stdout


def test_every_illness_is_found_and_named(study: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SNEEUWBAL_X_TOKEN", "verysecretindeed")
    assert _ill(study) == {}
    (study / "secrets.toml").write_text("x = 'verysecretindeed'\n")
    (study / "secrets.toml").chmod(0o644)
    (study / "state.sqlite").write_bytes(b"SQLite format 3\0" + bytes(4080))
    (study / "state.sqlite").chmod(0o600)
    (study / "study.duckdb.wal").write_bytes(b"")
    (study / "study.duckdb").chmod(0o644)
    study.chmod(0o777)
    with (study / "sneeuwbal.toml").open("a") as file:
        file.write("[access]\ngroup = 'no-such-group-here'\n")
    ill = _ill(study)
    assert set(ill) >= {"private files", "state", "leftovers", "access", "group"}
    assert "database" in ill
    assert "chmod 600 secrets.toml" in ill["private files"]
    assert "recover" in ill["state"]
    assert not any("verysecretindeed" in expected for expected in ill.values())


def test_a_database_that_does_not_belong_to_the_group_is_reported(study: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SNEEUWBAL_X_TOKEN", "t0k3n")
    own = (study / "study.duckdb").stat().st_gid
    other = next((each.gr_name for each in grp.getgrall() if each.gr_gid != own), None)
    if other is None:
        pytest.skip("this machine has one group")
    with (study / "sneeuwbal.toml").open("a") as file:
        file.write(f"[access]\ngroup = '{other}'\n")
    assert other in _ill(study)["group"]


@pytest.mark.skipif(not Path("/proc/self/fdinfo").is_dir(), reason="only Linux shows who holds a file")
def test_a_process_that_holds_the_database_for_writing_is_named(study: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SNEEUWBAL_X_TOKEN", "t0k3n")
    (study / "study.duckdb").chmod(0o644)
    code = (
        "import duckdb, sys; db = duckdb.connect(sys.argv[1], read_only=MODE); print(1, flush=True); sys.stdin.read()"
    )
    for writing in (False, True):
        words = [sys.executable, "-c", code.replace("MODE", str(not writing)), str(study / "study.duckdb")]
        with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
            assert other.stdout is not None
            other.stdout.readline()
            result = {check.name: check for check in checks(study)}["writers"]
            assert other.stdin is not None
            other.stdin.close()
            other.wait()
        assert result.passed is not writing
        assert (f"process {other.pid}" in result.found) is writing
        assert ("1 readers" in result.found) is not writing


def test_a_clock_behind_the_archive_is_reported(study: Path) -> None:
    now = datetime.now(UTC)
    segment = study / "archive" / "x-1.warc.gz"
    segment.write_bytes(b"")
    os.utime(segment, ((now + timedelta(days=2)).timestamp(),) * 2)
    assert not clock(study, now).passed
    assert clock(study, now + timedelta(days=2)).passed


def test_without_a_study_the_machine_is_looked_at_all_the_same(tmp_path: Path) -> None:
    found = {check.name: check.passed for check in checks(tmp_path)}
    assert found["study file"] is False
    assert found["python"]
    assert found["packages"]


def test_a_database_of_a_newer_program_is_ill(study: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SNEEUWBAL_X_TOKEN", "t0k3n")
    (study / "study.duckdb").chmod(0o644)
    with duckdb.connect(str(study / "study.duckdb")) as db:
        db.execute("UPDATE base.made_by SET version = 999")
    (study / "study.duckdb").chmod(0o444)
    assert "newer sneeuwbal" in _ill(study)["database"]

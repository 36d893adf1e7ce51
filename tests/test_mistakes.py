"""A user's mistake gives one clear line and exit code 2, and loses nothing."""

import gzip
import os
import shutil
import stat
import subprocess
from pathlib import Path

import duckdb
import pytest

from tests.conftest import ROOT
from tests.rehearsal import sneeuwbal

STUDY = """
[study]
name = "Test"
[seeds]
profiles = ["http://127.0.0.1:9/in/niemand"]
[collectors.profiles]
allow_private = true
"""


@pytest.fixture
def study(tmp_path: Path) -> Path:
    folder = tmp_path / "study"
    folder.mkdir()
    (folder / "sneeuwbal.toml").write_text(STUDY)
    return folder


def _one_line(done: subprocess.CompletedProcess[str], code: int = 2) -> str:
    assert done.returncode == code, done.stdout + done.stderr
    lines = done.stderr.strip().splitlines()
    assert len(lines) == 1, done.stderr
    assert lines[0].startswith("sneeuwbal: ")
    return lines[0]


def test_all_mistakes_of_a_study_file_are_reported_at_once(study: Path) -> None:
    (study / "sneeuwbal.toml").write_text('[study]\nname = 3\nzone = "UTC"\n[snowball]\nwaves = "two"\n')
    done = sneeuwbal("--study", study, "run")
    assert done.returncode == 2
    for key in ("study.name", "study.zone", "snowball.waves"):
        assert key in done.stderr
    assert "Traceback" not in done.stderr


def test_no_study_an_unknown_command_and_an_unknown_collector(tmp_path: Path, study: Path) -> None:
    assert "no study here" in _one_line(sneeuwbal("--study", tmp_path, "run"))
    assert "did you mean 'load'" in _one_line(sneeuwbal("--study", study, "laod"))
    assert "no collector 'myspace'" in _one_line(sneeuwbal("--study", study, "collect", "myspace"))


def test_a_missing_token_is_reported_before_anything_is_asked(study: Path) -> None:
    with (study / "sneeuwbal.toml").open("a") as file:
        file.write("[collectors.x]\n")
    text = (study / "sneeuwbal.toml").read_text().replace("[seeds]", '[seeds]\nx = ["verzonnen"]')
    (study / "sneeuwbal.toml").write_text(text)
    assert "no token for x" in _one_line(sneeuwbal("--study", study, "run", token=None))
    assert not (study / "archive").exists()
    result = _one_line(sneeuwbal("--study", study, "collect", "x", token=None))
    assert "SNEEUWBAL_X_BEARER_TOKEN" in result
    (study / "secrets.toml").write_text("x = 'abc'")
    (study / "secrets.toml").chmod(0o644)
    assert "readable by others" in _one_line(sneeuwbal("--study", study, "collect", "x", token=None))


def test_init_writes_a_study_that_loads_and_overwrites_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "new"
    assert sneeuwbal("init", folder).returncode == 0
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert "a study already exists" in _one_line(sneeuwbal("init", folder))
    assert sneeuwbal("--study", folder, "status").returncode == 0
    assert "no seeds" in _one_line(sneeuwbal("--study", folder, "run"))


def test_a_query_before_anything_is_published_and_a_wrong_query(study: Path) -> None:
    assert "no database yet" in _one_line(sneeuwbal("--study", study, "sql", "SELECT 1"))
    _published(study)
    assert "Catalog Error" in _one_line(sneeuwbal("--study", study, "sql", "SELECT * FROM nonsense"))
    for query in ("COPY (SELECT 1) TO '/tmp/leak.csv'", "SELECT * FROM read_csv('/etc/passwd')", "DROP VIEW posts"):
        assert sneeuwbal("--study", study, "sql", query).returncode == 2
    done = sneeuwbal("--study", study, "sql", "SELECT 'a' AS x, [1, 2] AS y", "--format", "csv")
    assert done.stdout == '"x","y"\n"a","[1,2]"\n'


def _published(study: Path) -> None:
    from storage.archive import writer as archiving

    writer = archiving.Writer(study / "archive", "profiles")
    writer.note("run-start", {"run": "r", "collector": "profiles"})
    writer.close()
    assert sneeuwbal("--study", study, "load").returncode == 0


def test_a_file_that_is_no_database_is_the_same_line_for_every_command(study: Path) -> None:
    _published(study)
    path = study / "study.duckdb"
    path.chmod(0o644)
    path.write_text("nothing that DuckDB wrote")
    commands = (
        ("load",), ("sql", "SELECT 1"), ("report",), ("network", "actors"), ("package", study / "package"),
        ("forget", "https://x.com/verzonnen"),
    )  # fmt: skip
    said = {_one_line(sneeuwbal("--study", study, *words)) for words in commands}
    assert said == {f"sneeuwbal: {path}: is not a database; run `sneeuwbal load --fresh`"}


def test_a_database_of_a_newer_version_is_left_alone(study: Path) -> None:
    _published(study)
    path = study / "study.duckdb"
    path.chmod(0o644)
    with duckdb.connect(str(path)) as db:
        db.execute("UPDATE base.made_by SET version = 999")
    before = path.read_bytes()
    from storage.archive import writer as archiving

    writer = archiving.Writer(study / "archive", "profiles")
    writer.note("run-start", {"run": "r2", "collector": "profiles"})
    writer.close()
    assert "newer" in _one_line(sneeuwbal("--study", study, "load"))
    assert path.read_bytes() == before


def test_a_segment_cut_in_the_middle_loads_up_to_there_and_is_reported(study: Path) -> None:
    _published(study)
    (segment,) = (study / "archive").glob("*.warc.gz")
    content = segment.read_bytes()
    foreign = gzip.compress(
        b"WARC/1.0\r\nWARC-Type: response\r\nWARC-Record-ID: <urn:uuid:1>\r\nContent-Length: 0\r\n\r\n\r\n\r\n"
    )
    (study / "archive" / "other.warc.gz").write_bytes(foreign + content[: len(content) - 20])
    done = sneeuwbal("--study", study, "load", "--fresh")
    assert done.returncode == 3
    assert "other.warc.gz: the last record is cut off" in done.stdout + done.stderr


def test_a_directory_without_permission_to_write(study: Path) -> None:
    study.chmod(0o555)
    try:
        words = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"] if os.geteuid() == 0 else []
        if words and not shutil.which("setpriv"):
            pytest.skip("root, and no setpriv")
        if words:
            for parent in [study, *study.parents]:
                if not parent.stat().st_mode & 0o001:
                    parent.chmod(parent.stat().st_mode | 0o011)
        from sys import executable

        done = subprocess.run(
            [*words, executable, "-m", "sneeuwbal", "--study", str(study), "run"],
            cwd=ROOT,
            capture_output=True,
            text=True,
        )
        if "No module named" in done.stderr or "Permission denied" in done.stderr.splitlines()[-1]:
            pytest.skip("this checkout itself cannot be read by another user")
        assert "no permission" in _one_line(done)
    finally:
        study.chmod(0o700)


def test_two_runs_of_one_collector_at_once(study: Path) -> None:
    from storage.locks import lock

    with lock(study, "collect-profiles"):
        assert "already running" in _one_line(sneeuwbal("--study", study, "collect", "profiles"))


def test_a_seed_that_does_not_exist_is_waited_for_and_reported_partial(study: Path) -> None:
    assert sneeuwbal("--study", study, "admit").returncode == 0
    done = sneeuwbal("--study", study, "collect", "profiles", "--limit", "4")
    assert "connection" in sneeuwbal("--study", study, "status", "--json").stdout
    assert done.returncode in (0, 3)

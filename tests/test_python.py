"""A study in Python, end to end on the demo's recording: every command as a method, without a terminal."""

import subprocess
import sys
from pathlib import Path

import pytest

import cli
import sneeuwbal
from jobs.interface import Study
from storage.errors import UserError
from tests.conftest import ROOT

RECORDING = ROOT / "fixtures" / "recording"


@pytest.fixture(scope="module")
def lines() -> list[str]:
    return []


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory, lines: list[str]) -> Study:
    return sneeuwbal.replay(RECORDING, tmp_path_factory.mktemp("python") / "study", say=lines.append)


def test_a_replay_says_what_it_does_to_the_callback_only(
    study: Study, lines: list[str], capfd: pytest.CaptureFixture[str]
) -> None:
    assert study.load() is not None
    assert any(line.startswith("admitted: ") for line in lines)
    assert any(line.startswith("x: complete, ") for line in lines)
    assert capfd.readouterr().out == ""


def test_a_query_is_a_frame(study: Study) -> None:
    posts = study.query("SELECT count(*) AS n FROM posts").n[0]
    of_one = study.query("SELECT count(*) AS n FROM posts WHERE account_id = $1", [
        study.query("SELECT account_id FROM posts ORDER BY ALL LIMIT 1").account_id[0]]).n[0]  # fmt: skip
    assert 0 < of_one < posts
    with pytest.raises(UserError, match="no_such_table"):
        study.query("SELECT * FROM no_such_table")


def test_on_the_command_line_a_query_may_begin_with_a_comment(study: Study, capfd: pytest.CaptureFixture[str]) -> None:
    query = "-- how many\nSELECT count(*) AS posts FROM posts"
    assert cli.main(["--study", str(study.directory), "sql", query, "--format", "csv"]) == 0
    assert capfd.readouterr().out.startswith('"posts"')


def test_what_was_spent_of_a_budget_of_posts_is_shown(study: Study, capfd: pytest.CaptureFixture[str]) -> None:
    file = study.directory / "sneeuwbal.toml"
    before = file.read_text("utf-8")
    file.write_text(f"{before}\n[budget]\nposts = 1000000\n", "utf-8")
    try:
        with pytest.raises(SystemExit):
            cli.main(["--study", str(study.directory), "status"])
    finally:
        file.write_text(before, "utf-8")
    assert f"{study.status()['spent']['posts']:,} of 1,000,000 posts" in capfd.readouterr().out


def test_nothing_is_due_after_a_complete_run(study: Study) -> None:
    assert study.admit() == {}
    state = study.status()
    assert {row["state"] for row in state["targets"]} <= {"done", "absent", "failed"}
    assert state["spent"]["requests"] > 0
    assert not [check for check in study.verify() if not check.passed]
    assert study.plan().requests.sum() > 0
    assert study.plan(list_size=1.0).requests.sum() < study.plan().requests.sum()


def test_a_report_a_figure_and_a_network(study: Study, tmp_path: Path) -> None:
    page = study.report(formats=())
    assert page.read_text("utf-8").startswith("<!")
    assert (study.directory / "reports" / "latest" / page.name).samefile(page)
    assert study.figure("activity-calendar", tmp_path / "a.svg").with_suffix(".parquet").is_file()
    _, communities = study.network("hashtags", threshold=2, layout=False)
    assert len(communities) > 0


def test_a_study_begins_in_python(tmp_path: Path) -> None:
    sneeuwbal.init(tmp_path / "new", "New study", "someone@example.org")
    with pytest.raises(UserError, match="already"):
        sneeuwbal.init(tmp_path / "new")
    study = sneeuwbal.open(tmp_path / "new", say=lambda line: None)
    assert study.load() is None
    with pytest.raises(UserError, match="no network 'nobody'"):
        study.network("nobody")
    with pytest.raises(UserError, match="no study here"):
        sneeuwbal.open(tmp_path)


def test_opening_a_study_imports_no_analysis(tmp_path: Path) -> None:
    """Each method imports what it needs, so that a notebook that only queries waits for nothing else."""
    sneeuwbal.init(tmp_path / "new")
    code = (
        "import sys, sneeuwbal; sneeuwbal.open(sys.argv[1]); assert not {'pandas', 'scipy', 'click'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path / "new")], cwd=ROOT, check=True)

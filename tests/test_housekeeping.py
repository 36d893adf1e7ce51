"""Pruning removes what is superseded, and nothing that is the study."""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import get_args

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import cli
from storage.housekeeping import KEEP_DAYS, prune
from study.settings import Job

NOW = datetime(2026, 6, 1, tzinfo=UTC)


def test_every_task_of_the_schedule_is_a_command() -> None:
    assert set(get_args(Job.model_fields["task"].annotation)) <= set(cli.COMMANDS)


def _study(folder: Path, days: list[int]) -> Path:
    for name in ("archive", "reports"):
        (folder / name).mkdir(parents=True)
    for name in ("sneeuwbal.toml", "decisions.csv", "state.sqlite", "study.duckdb", "archive/x-1.warc.gz"):
        (folder / name).write_text("kept")
        os.utime(folder / name, (0, 0))
    for day in days:
        report = folder / "reports" / f"{NOW - timedelta(days=day):%Y%m%dT%H%M%SZ}"
        report.mkdir()
        (report / "report.html").write_text("r")
    if days:
        (folder / "reports" / "latest").symlink_to(f"{NOW - timedelta(days=days[0]):%Y%m%dT%H%M%SZ}")
    return folder


@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(st.integers(0, 700), unique=True, max_size=25), st.integers(1, 6))
def test_of_the_reports_the_newest_the_latest_and_one_a_month_stay(tmp_path_factory, days, keep) -> None:
    study = _study(tmp_path_factory.mktemp("s") / "study", days)
    actual = prune(study, NOW, keep=keep, dry=True)
    assert len(list((study / "reports").glob("2*"))) == len(days)
    assert prune(study, NOW, keep=keep) == actual
    left = sorted(path.name for path in (study / "reports").glob("2*"))
    made = sorted(f"{NOW - timedelta(days=day):%Y%m%dT%H%M%SZ}" for day in days)
    assert set(made[-keep:]) <= set(left)
    assert {name[:6] for name in left} == {name[:6] for name in made}
    assert len(left) <= keep + len({name[:6] for name in made}) + 1
    assert not days or (study / "reports" / "latest" / "report.html").exists()
    assert prune(study, NOW, keep=keep) == []


def test_superseded_files_go_after_a_while_and_the_study_stays(tmp_path: Path) -> None:
    study = _study(tmp_path / "study", [])
    old, fresh = NOW - timedelta(days=KEEP_DAYS + 1), NOW - timedelta(days=KEEP_DAYS - 1)
    for name, at in (("state.sqlite.old", old), ("study.duckdb.wal.stale-1", old), ("study.duckdb.wal.stale-2", fresh)):
        (study / name).write_text("superseded")
        os.utime(study / name, (at.timestamp(),) * 2)
    (study / f".verify-{os.getpid()}.duckdb").write_text("in use")
    (study / ".verify-999999999.duckdb").write_text("left")
    before = {path.relative_to(study) for path in study.rglob("*")}
    prune(study, NOW)
    gone = before - {path.relative_to(study) for path in study.rglob("*")}
    assert gone == {Path("state.sqlite.old"), Path("study.duckdb.wal.stale-1"), Path(".verify-999999999.duckdb")}

"""A collector written by someone else, in a package of their own, is found by its entry point and used."""

import os
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

from tests import toy
from tests.conftest import ROOT

PYPROJECT = """
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"
[project]
name = "strangers-collector"
version = "1"
[project.entry-points."sneeuwbal.collectors"]
stranger = "strangers_collector:collector"
[tool.hatch.build.targets.wheel]
only-include = ["strangers_collector.py"]
"""


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """The package, installed into a folder of its own (not into this environment)."""
    source, site = tmp_path / "source", tmp_path / "site"
    source.mkdir()
    (source / "pyproject.toml").write_text(PYPROJECT)
    (source / "strangers_collector.py").write_text(
        (ROOT / "tests" / "toy.py").read_text().replace('"toy"', '"stranger"')
    )
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(site), str(source)]
    done = subprocess.run(pip, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return site


def test_a_strangers_collector_is_found_run_and_loaded(installed: Path, tmp_path: Path) -> None:
    server, url = toy.serve()
    study = tmp_path / "study"
    study.mkdir()
    (study / "sneeuwbal.toml").write_text(
        f'[study]\nname = "Test"\n[seeds]\nstranger = ["3", "4", "19"]\n[collectors.stranger]\nbase_url = "{url}"\n'
    )
    environment = {**os.environ, "PYTHONPATH": f"{installed}{os.pathsep}{ROOT}"}

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "sneeuwbal", "--study", str(study), *words]
        return subprocess.run(command, env=environment, capture_output=True, text=True, cwd=tmp_path)

    done = run("run", "--no-report")
    server.shutdown()
    assert done.returncode == 0, done.stdout + done.stderr
    with duckdb.connect(str(study / "study.duckdb"), read_only=True) as db:
        edges = db.execute("SELECT follower_id, count(*) FROM follows GROUP BY 1 ORDER BY 1").fetchall()
        absent = db.execute("SELECT key, why FROM answers WHERE outcome = 'absent'").fetchall()
    assert edges == [("3", toy.length("3")), ("4", toy.length("4"))]
    assert absent == [("19", "gone")]
    assert "stranger" in run("status").stdout

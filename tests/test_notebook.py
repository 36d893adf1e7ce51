"""Every cell of the notebook runs on a recorded study, finds something, and changes nothing."""

import hashlib
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT

pytest.importorskip("marimo")

QUERIES = 12


def test_every_query_of_the_notebook_finds_something(recorded: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from analysis.notebook import app

    database = recorded / "study.duckdb"
    before = hashlib.sha256(database.read_bytes()).digest()
    monkeypatch.setenv("SNEEUWBAL_STUDY", str(recorded))
    monkeypatch.setattr(sys, "argv", ["notebook"])
    outputs, defined = app.run()
    frames = {name: value for name, value in defined.items() if hasattr(value, "columns")}
    assert len(frames) == QUERIES
    assert not [name for name, frame in frames.items() if not len(frame)]
    assert sum("<h2" in getattr(output, "text", "") for output in outputs) == QUERIES + 1
    assert hashlib.sha256(database.read_bytes()).digest() == before
    assert not database.with_name("study.duckdb.wal").exists()


def test_without_a_study_it_says_so(tmp_path: Path) -> None:
    words = [sys.executable, ROOT / "analysis" / "notebook.py", "--study", tmp_path]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "no database here" in done.stdout + done.stderr

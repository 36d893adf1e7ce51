"""Modules import fast: what only some of their functions need is imported by those."""

import importlib
import subprocess
import sys

import pytest

from tests.conftest import ROOT

HEAVY = (
    "PIL", "duckdb", "fontTools", "holidays", "igraph", "importlib.metadata", "jinja2", "matplotlib", "networkx",
    "scipy", "ssl", "statsmodels",
)  # fmt: skip


def test_no_module_of_analysis_imports_a_heavy_library() -> None:
    paths = [path for path in (ROOT / "analysis").rglob("*.py") if path.name != "notebook.py"]  # which is marimo's
    names = sorted(".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__") for path in paths)
    code = f"import sys, {', '.join(names)}; print(*sorted(set({HEAVY!r}) & set(sys.modules)))"
    made = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert made.stdout.split() == []


def test_pyarrow_finds_no_pandas_in_a_worker_and_others_still_do() -> None:
    code = (
        "import sys; from storage.tables.parse_worker import without_pandas; without_pandas(); import pyarrow;"
        "pyarrow.array(['x']); pyarrow.table({'x': ['y']}); print('pandas' in sys.modules); import pandas;"
        "print(len(pandas.DataFrame({'x': [1]})))"
    )
    made = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert made.stdout.split() == ["False", "1"]


def test_reading_answers_needs_no_client() -> None:
    names = "collectors.bluesky.collector, collectors.mastodon.collector, collectors.linkedin.members"
    clients = {"httpx", "requests", "scrapy", "tweepy", "twisted"}
    code = f"import sys, {names}; print(*sorted({clients!r} & set(sys.modules)))"
    made = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert made.stdout.split() == []


@pytest.mark.parametrize("name", sorted(path.stem for path in (ROOT / "benchmarks").glob("[a-z]*.py")))
def test_every_benchmark_finds_what_it_measures(name: str) -> None:
    importlib.import_module(f"benchmarks.{name}")

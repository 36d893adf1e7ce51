"""What the docs say is so: generated pages are up to date, and every example in them runs."""

import re
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

from docs.generate import DOCS, PAGES
from tests.conftest import ROOT


@pytest.mark.usefixtures("built")  # a copy has its views in another order
@pytest.mark.parametrize("name", PAGES)
def test_generated_pages_are_what_the_code_says(name: str) -> None:
    assert (DOCS / name).read_text(encoding="utf-8") == PAGES[name](), "run `make docs`"


def test_help_comes_at_once_and_lists_every_command() -> None:
    import cli

    modules = {path.stem.rstrip("_") for path in (ROOT / "commands").glob("*.py") if "@click" in path.read_text()}
    assert modules == {name.replace("-", "_") for name in cli.COMMANDS}
    result = subprocess.run(
        [sys.executable, "-m", "sneeuwbal", "--help"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert all(name in result.stdout for name in cli.COMMANDS)
    heavy = "import sys, cli; assert not {'duckdb', 'scrapy', 'pandas', 'pydantic', 'httpx', 'jobs'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", heavy], cwd=ROOT, check=True)


def _fenced(page: str, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", (DOCS / page).read_text(encoding="utf-8"), re.S)


@pytest.fixture(scope="module")
def demo(replayed: Path) -> Path:
    return replayed


@pytest.mark.parametrize("query", _fenced("querying.md", "sql"), ids=lambda query: query.split("\n")[0][:50])
def test_every_query_of_the_docs_runs_and_finds_something(demo: Path, query: str) -> None:
    with duckdb.connect(str(demo / "study.duckdb"), read_only=True) as db:
        assert db.execute(query).fetchone() is not None


@pytest.mark.parametrize("code", _fenced("querying.md", "python"), ids=lambda code: code.split("\n")[-2][:50])
def test_every_example_in_python_runs(demo: Path, code: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(demo)
    exec(compile(code, "docs/querying.md", "exec"), {})


def test_every_trap_names_tests_that_exist() -> None:
    page = (DOCS / "collectors" / "traps.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`(test_\w+\.py)::(\w+)`", page))
    there = {(path.name, name) for path in (ROOT / "tests").glob("test_*.py")
             for name in re.findall(r"^def (test_\w+)", path.read_text(encoding="utf-8"), re.M)}  # fmt: skip
    assert named - there == set()
    rows = [line.split(" | ") for line in page.splitlines() if re.match(r"\| (\d+|\+) \|", line)]
    assert [row[0].strip("| ") for row in rows] == [*map(str, range(1, 31)), "+"]
    assert all(re.search(r"`test_\w+\.py::|the same three", row[3]) for row in rows)


def test_links_between_the_docs_lead_somewhere() -> None:
    for page in [ROOT / "README.md", *DOCS.rglob("*.md")]:
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
            assert (page.parent / target).exists(), f"{page.name}: {target}"

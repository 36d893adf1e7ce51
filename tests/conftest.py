"""What every test may use."""

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from collectors.wire import scrapy_parent
from collectors.wire.scrapy_parent import Child
from storage.children import PROCESSES
from storage.locks import lock
from storage.tables import database
from tests.crawling import START, fork_crawlers
from tests.objects import bucket as bucket
from tests.postgres import postgres as postgres
from tests.small import BUILD, make_copies

ROOT = Path(__file__).parents[1]

# `make fuzz` sets SNEEUWBAL_FUZZ: a property then gets as many examples as the profile says, otherwise a few. They are
# new ones in every run, but in CI: the same commit gets the same answer there.
settings.register_profile(
    "few",
    deadline=None,  # a busy machine is slow
    suppress_health_check=[HealthCheck.too_slow],
    derandomize="SNEEUWBAL_CI" in os.environ,
)
settings.register_profile(
    "fuzz", max_examples=10_000, deadline=None, database=None, suppress_health_check=list(HealthCheck)
)
FUZZ = "SNEEUWBAL_FUZZ" in os.environ
settings.load_profile("fuzz" if FUZZ else "few")

# The processes of xdist have a core each. Work split over processes is tested by name, and in test_main_job.
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.setdefault(PROCESSES, "1")


make_copies()
fork_crawlers()


@pytest.fixture
def interpreters(monkeypatch: pytest.MonkeyPatch) -> None:
    """Crawls start interpreters, as they do outside of tests."""
    monkeypatch.setattr(Child, "_start", START)
    monkeypatch.setattr(scrapy_parent, "subprocess", subprocess)


@pytest.fixture
def built(monkeypatch: pytest.MonkeyPatch) -> None:
    """The schema is built, not copied."""
    monkeypatch.setattr(database, "create", BUILD)


def examples(few: int) -> int:
    """How many examples a property gets: *few*, or as many as the profile of `make fuzz` says."""
    return settings.get_profile("fuzz").max_examples if FUZZ else few


@pytest.fixture(scope="session")
def real() -> Path:
    """The folder of real recorded data beside the checkout; skip without it."""
    folder = ROOT.parent / "shared" / "real"
    if not folder.is_dir():
        pytest.skip("no recorded real data beside the checkout")
    return folder


@pytest.fixture(scope="session")
def cases() -> Path:
    """The folder of small broken inputs beside the checkout; skip without it."""
    folder = ROOT.parent / "shared" / "cases"
    if not folder.is_dir():
        pytest.skip("no cases beside the checkout")
    return folder


def _once(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], object]) -> Path:
    """A copy of its own of the study *name*, which the first worker that needs it makes for all."""
    place = factory.getbasetemp().parent if "PYTEST_XDIST_WORKER" in os.environ else factory.getbasetemp()
    made = place / f"{name}-made"
    with lock(place, name, wait=True):
        if not made.exists():
            make(place / f"{name}-begun")
            (place / f"{name}-begun").rename(made)
    return Path(shutil.copytree(made, factory.mktemp(name) / "study", symlinks=True))


@pytest.fixture(scope="session")
def replayed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The study that the demo makes: the recording of the simulated world at scale 0.02, replayed."""
    from tests.rehearsal import sneeuwbal

    def make(study: Path) -> None:
        recording = ROOT / "fixtures" / "recording"
        done = sneeuwbal("--study", recording, "replay", recording / "archive", "--into", study, token=None)
        assert done.returncode == 0, done.stdout + done.stderr

    return _once(tmp_path_factory, "replayed", make)


@pytest.fixture(scope="session")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A study of the simulated world at scale 0.05, recorded without sockets and loaded; thresholds that suit it."""
    from tests.rehearsal import recorded_study

    return _once(tmp_path_factory, "recorded", recorded_study)


# The files of over twenty seconds: they begin first, so that no process waits at the end for another's (see Makefile).
LONGEST = (
    "main_job", "canaries", "sampling", "report_page", "fault_run", "report", "load", "soak", "store", "package",
    "seeds", "today_study", "states", "taking_part", "retention", "read_once", "survey_report", "forget", "installed",
    "desk", "fuzz", "verify", "hostile", "collect", "desk_browser",
)  # fmt: skip


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Order the files by how long they take."""
    ranks = {f"test_{name}": rank for rank, name in enumerate(LONGEST)}
    items.sort(key=lambda item: ranks.get(item.path.stem, len(ranks)))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say in one line what was left out because there is no browser, and what to install."""
    from tests.browser import MISSING

    if any(MISSING in str(report.longrepr) for report in terminalreporter.stats.get("skipped", ())):
        terminalreporter.write_line(f"the tests of the report in a browser were LEFT OUT: {MISSING}")

"""Parsing by any executor gives the tables of one process, though a worker is killed; what workers lack is one line."""

import os
import shutil
import signal
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context
from pathlib import Path

import pytest
from msgspec import structs

from jobs.cluster import cluster
from storage.errors import UserError
from storage.records import Page, Post
from storage.tables.load import load
from tests.pages import T0, Toy, contents, page, write


class Mortal(Toy):
    """Kills its process once, in the middle of the page that names an existing file."""

    def parse(self, page: Page):
        for record in super().parse(page):
            yield record
            if isinstance(record, Post) and (record.text or "").startswith("/"):
                try:
                    Path(record.text).unlink()
                except FileNotFoundError:
                    continue
                os.kill(os.getpid(), signal.SIGKILL)


collector = Mortal()
MORTAL = {"toy": "tests.test_executors:collector"}


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Forty pages in some ten segments, one of them deadly; loaded by one process."""
    study = tmp_path_factory.mktemp("executors") / "study"
    some = [page(n, [Post(str(n * 9 + m), "x", "7", T0, f"{n} {m}", "7") for m in range(9)]) for n in range(1, 40)]
    deadly = page(40, [Post("1", "x", "7", T0, str(study / "mark"), "7"), Post("2", "x", "7", T0, "after", "7")])
    write(study / "archive", [*some[:20], deadly, *some[20:]], max_segment=2000)
    load(study, MORTAL, workers=1)
    return study


@contextmanager
def dask():
    distributed = pytest.importorskip("distributed")
    with (
        distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as local,
        cluster(local.scheduler_address.replace("tcp://", "dask://")) as executor,
    ):
        yield executor


EXECUTORS = {
    "threads": lambda: ThreadPoolExecutor(2),
    "processes": lambda: ProcessPoolExecutor(2, get_context("spawn")),
    "dask": dask,
}


@pytest.mark.parametrize("kind", EXECUTORS)
def test_any_executor_gives_the_tables_of_one_process_though_a_worker_is_killed(study: Path, kind: str) -> None:
    expected, mark = contents(study), study / "mark"
    if kind != "threads":
        mark.touch()
    with EXECUTORS[kind]() as executor:
        report = load(study, MORTAL, fresh=True, executor=executor)
    assert not mark.exists()
    assert report.segments > 5
    assert contents(study) == expected
    assert not (study / ".load").exists()


class Elsewhere(ThreadPoolExecutor):
    """A worker of another machine: *change* says how its arguments differ from those sent."""

    def __init__(self, change) -> None:
        super().__init__(1)
        self.change = change

    def submit(self, fn, unit, parsers, directory, keep, version):  # type: ignore[override]
        return super().submit(fn, *self.change(unit, parsers, directory, keep, version))


def _cut(path: Path) -> str:
    short = Path(shutil.copy(path, path.with_name("short")))
    os.truncate(short, 10)
    return str(short)


@pytest.mark.parametrize(("change", "line"), [
    (lambda unit, *rest: (structs.replace(unit, path="/not/here.warc.gz"), *rest), "under the same path"),
    (lambda unit, *rest: (structs.replace(unit, path=_cut(Path(unit.path))), *rest), "is shorter for the worker"),
    (lambda unit, parsers, directory, *rest: (unit, parsers, str(Path(directory).parents[1]), *rest), "another direct"),
    (lambda unit, parsers, *rest: (unit, {"toy": "not_installed:collector"}, *rest), "a worker lacks what it needs"),
    (lambda *sent: (*sent[:-1], "0.0.0"), "load 0.0.0; install the same version"),
])  # fmt: skip
def test_what_a_worker_lacks_is_one_line_and_the_tables_stay(study: Path, change, line: str) -> None:
    before = (study / "study.duckdb").read_bytes()
    with Elsewhere(change) as executor, pytest.raises(UserError, match=line) as raised:
        load(study, MORTAL, fresh=True, executor=executor)
    assert "\n" not in str(raised.value)
    assert (study / "study.duckdb").read_bytes() == before


class Broken(ProcessPoolExecutor):
    """Its workers all die before they read anything; those that this machine starts do not."""

    def submit(self, fn, *args):  # type: ignore[override]
        return super().submit(os._exit, 1)


def test_a_pool_that_dies_at_once_is_reported(study: Path) -> None:
    with Broken(1, get_context("spawn")) as executor, pytest.raises(UserError, match="enough memory"):
        load(study, MORTAL, fresh=True, executor=executor)


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:1", "dask://", "dask://127.0.0.1:1"])
def test_a_wrong_address_of_a_scheduler_is_one_line(address: str) -> None:
    config = pytest.importorskip("dask").config
    timeout = config.set({"distributed.comm.timeouts.connect": "1s"})
    with timeout, pytest.raises(UserError, match="--executor"), cluster(address):
        pass

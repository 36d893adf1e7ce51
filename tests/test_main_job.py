"""The main job over real HTTP: nothing is lost, doubled or invented, however it is interrupted."""

import random
import shutil
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from storage.children import PROCESSES
from tests.kills import SEED, strike
from tests.rehearsal import World, served, sneeuwbal, start
from tests.tables import differences


@pytest.fixture(scope="module", autouse=True)
def several_processes() -> Iterator[None]:
    """Load and report split their work, whatever conftest says."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(PROCESSES, "2")
        yield


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with served() as standing:
        yield standing


@pytest.fixture(scope="module")
def calm(world: World, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A study run to its end without a disturbance."""
    study = world.study(tmp_path_factory.mktemp("calm") / "study")
    done = sneeuwbal("--study", study, "run", "--hide-progress")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Table 5" in done.stdout
    assert "Table 6" in done.stdout
    return study


@pytest.fixture(scope="module")
def truth(world: World, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return world.truth(tmp_path_factory.mktemp("truth"))


def _one(study: Path, query: str) -> object:
    with duckdb.connect(str(study / "study.duckdb"), read_only=True) as db:
        return db.execute(query).fetchone()[0]  # type: ignore[index]


def _rows(study: Path, query: str) -> list[tuple[object, ...]]:
    with duckdb.connect(str(study / "study.duckdb"), read_only=True) as db:
        return db.execute(query).fetchall()


@pytest.mark.parametrize("seed", ["1", "2"])
def test_loading_from_nothing_gives_the_same_tables(calm: Path, tmp_path: Path, seed: str) -> None:
    again = shutil.copytree(calm, tmp_path / "again")
    (again / "study.duckdb").unlink()
    done = sneeuwbal("--study", again, "load", "--fresh", PYTHONHASHSEED=seed)
    assert done.returncode == 0, done.stderr
    assert differences(calm / "study.duckdb", again / "study.duckdb", provenance=True) == {}


@pytest.mark.parametrize(("end", "code", "said"), [("", 0, ""), ("3", 3, ""), ("'why'", 1, "why\n")])
def test_a_forked_command_ends_as_one_of_its_own(end: str, code: int, said: str) -> None:
    done = start("--version", before=f"import sys; sys.exit({end})")
    assert (done.communicate(), done.wait()) == (("", said), code)


def test_a_replay_gives_the_same_tables_without_a_network(calm: Path, tmp_path: Path) -> None:
    words = ("replay", calm / "archive", "--into", tmp_path / "replay", "--no-report", "--hide-progress")
    done = sneeuwbal("--study", calm, *words, token=None)
    assert done.returncode == 0, done.stdout + done.stderr
    assert differences(calm / "study.duckdb", tmp_path / "replay" / "study.duckdb", provenance=True) == {}


def test_a_replay_of_half_an_archive_names_what_is_missing_and_ends_partial(calm: Path, tmp_path: Path) -> None:
    half = tmp_path / "archive"
    half.mkdir()
    for path in sorted((calm / "archive").iterdir()):
        if not path.name.startswith("x-"):
            shutil.copy2(path, half / path.name)
    words = ("replay", half, "--into", tmp_path / "replay", "--no-report", "--hide-progress")
    done = sneeuwbal("--study", calm, *words, token=None)
    assert done.returncode == 3
    assert done.stderr.splitlines()[-1].startswith("sneeuwbal: not recorded: x ")


def test_state_and_database_deleted_are_recovered_and_the_study_goes_on(calm: Path, tmp_path: Path) -> None:
    again = shutil.copytree(calm, tmp_path / "again")
    for name in ("state.sqlite", "study.duckdb"):
        (again / name).unlink()
    assert sneeuwbal("--study", again, "recover").returncode == 0
    done = sneeuwbal("--study", again, "run", "--no-report", "--hide-progress")
    assert done.returncode == 0, done.stdout + done.stderr
    assert " answers" not in done.stdout, "what the archive holds was asked for again"
    assert differences(calm / "study.duckdb", again / "study.duckdb", provenance=True) == {}


def test_killed_at_ten_random_moments_it_ends_with_the_same_tables(world: World, calm: Path, tmp_path: Path) -> None:
    """A tenth of the hundred of `python -m tests.kills`."""
    kills = strike(world, tmp_path / "study", 10, 3.0, random.Random(SEED))
    assert kills >= 3
    assert differences(calm / "study.duckdb", tmp_path / "study" / "study.duckdb", provenance=False) == {}


def test_what_the_world_knows_is_what_the_tables_say(calm: Path, truth: Path) -> None:
    with duckdb.connect() as db:
        db.execute(f"ATTACH '{calm / 'study.duckdb'}' AS s (READ_ONLY)")
        for name in ("profiles", "connections", "posts"):
            (here,) = db.execute(f"SELECT count(*) FROM s.{name}").fetchone()  # type: ignore[misc]
            assert here > 0
        known, query = f"SELECT post_id FROM '{truth}/posts.parquet'", "SELECT post_id FROM s.posts"
        lost = db.execute(f"SELECT count(*) FROM ({known} EXCEPT ALL {query})").fetchone()
        made = db.execute(f"SELECT count(*) FROM ({query} EXCEPT ALL {known})").fetchone()
    assert (lost, made) == ((0,), (0,))


def test_every_row_leads_to_the_recorded_answer_it_came_from(calm: Path) -> None:
    from storage.archive import reader as archive
    from storage.records import Page

    known = {
        entry.record_id
        for segment in archive.segments(calm / "archive")
        for entry in archive.read(segment)
        if isinstance(entry, Page)
    }
    for view in ("profiles", "positions", "connections", "accounts", "follows", "posts", "post_hashtags", "links"):
        records = {row[0] for row in _rows(calm, f"SELECT DISTINCT record_id FROM {view}")}
        assert records, view
        assert records <= known, view


def test_the_archive_the_state_and_the_report_hold_no_secret(calm: Path) -> None:
    from jobs.replay import TOKEN
    from storage.archive import reader as archive

    for path in calm.rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            if path.name.endswith(".warc.gz"):
                content += b"".join(member for _, _, member in archive.members(path))
            assert TOKEN.encode() not in content, path.name

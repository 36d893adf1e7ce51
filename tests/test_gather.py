"""Archives of several machines become one study: in any order, twice, while they grow, with the same result."""

import itertools
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from collectors.engine.recovery import recover
from jobs.verify import checks
from storage.archive import manifest
from storage.archive import reader as archive
from storage.archive import writer as archiving
from storage.archive.merge_archives import gather
from storage.errors import UserError
from storage.records import Account, Follow, Post, Profile
from storage.tables.load import load
from tests import toy
from tests.pages import PARSERS, T0, contents, page, rows, write
from tests.rehearsal import sneeuwbal


def _machines(place: Path) -> list[Path]:
    """Three machines that each collected a part, and saw some of the same people."""
    pages = [
        page(n, [Profile(f"p{n % 5}", "toy", name=f"N{n % 3}"), Account(str(n % 4), "x", f"h{n % 4}"),
                 Post(str(n % 7), "toy", "1", T0, f"text {n % 2}", "1"), Follow("x", "1", str(n), "following")])
        for n in range(1, 31)
    ]  # fmt: skip
    found = []
    for number in range(3):
        found.append(place / f"machine-{number}" / "archive")
        write(found[-1], pages[number::3], name=f"toy{number}")
    return found


def test_any_order_and_twice_gives_the_tables_of_one_archive(tmp_path: Path) -> None:
    machines = _machines(tmp_path)
    results = []
    for number, order in enumerate(itertools.permutations(machines)):
        study = tmp_path / f"study-{number}"
        study.mkdir()
        for source in (*order, *order[:2]):
            gather(study, [source])
            load(study, PARSERS, workers=1)
        assert gather(study, [machine.parent for machine in order]) == 0
        assert set(manifest.read(study / "archive")) == {path.name for path in archive.segments(study / "archive")}
        results.append(contents(study))
    together = tmp_path / "together"
    together.mkdir()
    load(together, PARSERS, archives=machines, workers=1)
    assert all(result == contents(together) for result in results)


def test_a_segment_that_still_grows_is_taken_to_its_last_mark_and_later_to_its_end(tmp_path: Path) -> None:
    machine, study = tmp_path / "machine", tmp_path / "study"
    study.mkdir()
    writer = archiving.Writer(machine, "toy", fsync=False)
    for number in range(1, 9):
        writer.append(page(number, [Follow("x", "1", str(number), "following")]))
        if number % 3 == 0:
            writer.sync()
            assert gather(study, [machine]) == 1
            load(study, PARSERS, workers=1)
    assert gather(study, [machine]) == 0
    writer.close()
    assert gather(study, [machine]) == 1
    load(study, PARSERS, workers=1)
    once = tmp_path / "once"
    once.mkdir()
    load(once, PARSERS, archives=[machine], workers=1)
    assert contents(study) == contents(once)


def test_another_segment_of_the_same_name_is_refused(tmp_path: Path) -> None:
    machine = _machines(tmp_path)[0]
    study = tmp_path / "study"
    study.mkdir()
    gather(study, [machine])
    segment = archive.segments(machine)[0]
    content = segment.read_bytes()
    segment.unlink()  # ours is a hard link to it
    segment.write_bytes(b"x" + content[1:])
    with pytest.raises(UserError, match="rename one of the two"):
        gather(study, [machine])
    with pytest.raises(UserError, match="no archive"):
        gather(study, [tmp_path / "nowhere"])


def test_the_command_takes_archives_and_studies(tmp_path: Path) -> None:
    machines = _machines(tmp_path)
    study = tmp_path / "study"
    study.mkdir()
    (study / "sneeuwbal.toml").write_text('[study]\nname = "Test"\n')
    words = ("--archive", machines[0], "--archive", machines[1].parent)
    done = sneeuwbal("--study", study, "load", *words)
    assert done.returncode == 0, done.stderr
    assert "merged: 2 segments of 2 archives" in done.stdout
    assert "merged: 0 segments" in sneeuwbal("--study", study, "load", *words).stdout
    assert sneeuwbal("--study", study, "load").returncode == 0


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_machines_with_seeds_of_their_own_become_one_study_with_one_state(tmp_path: Path, order) -> None:
    """Tables, state and the proof of `verify` are those of one machine that collected it all."""
    server, url = toy.serve()
    parts = [tmp_path / "part-0", tmp_path / "part-1"]
    study, alone = tmp_path / "study", tmp_path / "alone"
    for folder, first, last in ((parts[0], 0, 17), (parts[1], 17, 40), (alone, 0, 40)):
        folder.mkdir()
        toy.seed(folder, last, first)
        toy.main(folder, url)
    server.shutdown()
    server.server_close()
    study.mkdir()
    for number in (*order, order[0]):
        gather(study, [parts[number]])
        load(study, {"toy": "tests.toy:collector"})
    load(alone, {"toy": "tests.toy:collector"})
    recover(study, {"toy": toy.collector}, study / "state.sqlite")
    assert _targets(study) == _targets(alone)
    query = "SELECT follower_id, followed_id FROM follows ORDER BY ALL"
    assert rows(study, query) == rows(alone, query)
    assert all(check.passed for check in checks(study, {"toy": toy.collector}))


def _targets(study: Path) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(study / "state.sqlite")) as db:
        return db.execute("SELECT key, walk, cursor, position, state, why, since FROM targets ORDER BY key").fetchall()

"""A study left alone for days, killed now and then: its history is the world's own log, event for event."""

import random
import subprocess
import sys
from pathlib import Path

import pytest

from collectors.x import collector
from commands.verify import checks
from tests.living import Living
from tests.loopback import serve
from tests.soak import SEED, SIZE, compare, live

READER = """
import sys, time, duckdb
path, looked = sys.argv[1], 0
while not open(sys.argv[2]).read():
    with duckdb.connect(path, read_only=True) as db:
        first = db.execute("SELECT count(*) FROM posts").fetchone()
        time.sleep(0.5)
        assert db.execute("SELECT count(*) FROM posts").fetchone() == first, "the picture changed under a reader"
        looked += 1
print(looked)
"""


def test_the_history_of_a_living_world_is_its_own_log(tmp_path: Path) -> None:
    """Five days with up to four SIGKILLs; from the third on with a reader attached all the time."""
    study, over = tmp_path / "study", tmp_path / "over"
    over.write_text("")
    world, dice = Living(SIZE, SEED), random.Random(2013)
    with serve(world.answer) as server:
        struck = live(study, 2, 2, dice, world, server.url)
        words = [sys.executable, "-c", READER, str(study / "study.duckdb"), str(over)]
        with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as reader:
            struck += live(study, 5, 2, dice, world, server.url, first=2)
            over.write_text("over")
            told, _ = reader.communicate(timeout=30)
    assert reader.returncode == 0
    assert int(told) > 0
    assert compare(study, world) == {}
    assert world.follows, "the world did not live"
    assert world.renames, "the world did not live"
    assert all(check.well for check in checks(study, {"x": collector})), struck


@pytest.mark.slow
def test_ten_sigkills_lose_nothing_and_double_nothing(tmp_path: Path) -> None:
    """A tenth of the hundred that `python -m tests.soak 100 100` strikes."""
    world = Living(SIZE, SEED + 1)
    with serve(world.answer) as server:
        struck = live(tmp_path, 3, 10, random.Random(1), world, server.url)
    assert struck >= 5
    assert compare(tmp_path, world) == {}

"""A study left alone for days, killed now and then: its history is the world's own log, event for event."""

import random
from pathlib import Path

from collectors.x.collector import collector
from jobs.verify import checks
from tests.living import Living
from tests.loopback import serve
from tests.soak import SEED, SIZE, Soak, reader


def test_the_history_of_a_living_world_is_its_own_log(tmp_path: Path) -> None:
    """Five days by the real daemon, with SIGKILLs of runs and daemon and a reader attached; `make soak` lives 30."""
    world = Living(SIZE, SEED)
    with serve(world.answer) as server:
        soak = Soak(tmp_path, world, server.url, random.Random(6))
        try:
            soak.live(2, 0)
            with reader(soak.study) as looks:
                soak.live(5, 3, first=2)
        finally:
            soak.end()
    assert sum(soak.struck.values()) > 0
    assert looks[0] > 0
    assert soak.compare() == {}
    for log in (world.follows, world.renames, world.edits, world.deletions, world.states):
        assert log, "the world did not live"
    assert all(check.passed for check in checks(soak.study, {"x": collector})), soak.struck

"""The small world with everything that goes wrong, and a budget that runs out: the tables are those of a calm run.

The world serves profile sites and X. Its faults are fixed by its seed: 429 in every form, 5xx with HTML, answers that
come later than the study waits, bodies cut in the middle, tokens that expire, 402. SIGKILLs come on top.
"""

from __future__ import annotations

import random
import sqlite3
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from tests.rehearsal import World, killed, served, sneeuwbal, start
from tests.tables import differences

SCALE = "0.01"
FAULTS = ("--faults", "429,402,5xx,slow,cut,expired", "--slow", "1.5")
KILLS = 6

# The command line with waits a twentieth as long: what is waited for is tested elsewhere, by the clock.
IMPATIENT = """
import datetime
import collectors.x.retry_after
from storage.frontier import moves
moves.BACKOFF = tuple(seconds / 20 for seconds in moves.BACKOFF)
collectors.x.retry_after.FIRST = datetime.timedelta(seconds=0.25)
"""


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with served(SCALE) as standing:
        yield standing


@pytest.fixture(scope="module")
def calm(world: World, tmp_path_factory: pytest.TempPathFactory) -> Path:
    study = world.study(tmp_path_factory.mktemp("calm") / "study")
    done = sneeuwbal("--study", study, "run", "--no-report", "--hide-progress")
    assert done.returncode == 0, done.stdout + done.stderr
    return study


@pytest.mark.slow
def test_faults_and_kills_end_with_the_tables_of_a_calm_run(calm: Path, tmp_path: Path) -> None:
    dice, ends = random.Random(20130223), Counter[str]()
    with served(SCALE, more=FAULTS) as rough:
        study = rough.study(tmp_path / "study")
        file = study / "sneeuwbal.toml"
        text = file.read_text()
        for name in ("profiles", "x"):
            text = text.replace(f"[collectors.{name}]\n", f"[collectors.{name}]\ntimeout = 1.0\n")
        file.write_text(text)
        for _ in range(40):
            process = start("--study", study, "run", "--no-report", "--hide-progress", before=IMPATIENT)
            if ends["killed"] < KILLS:
                grown = None if ends["killed"] % 4 == 3 else dice.randrange(1, 40_000)
                if killed(process, study, grown):
                    ends["killed"] += 1
                    continue
            code = process.wait()
            assert code in (0, 4), process.communicate()
            ends["out of credit"] += code == 4
            if code == 0:
                break
    assert ends["killed"] == KILLS, "the run was over before it was killed often enough"
    assert ends["out of credit"] > 0
    assert differences(calm / "study.duckdb", study / "study.duckdb", provenance=False) == {}
    with duckdb.connect(str(study / "study.duckdb"), read_only=True) as db:
        met = {word for row in db.execute("SELECT DISTINCT status, failure FROM fetches").fetchall() for word in row}
        assert met >= {200, 402, 429, 500, 502, 503, "cut", "timeout"}
    assert gaps(study) == gaps(calm)  # the reach of X: what cannot be had in a calm run either


def gaps(study: Path) -> list[tuple[str, ...]]:
    with duckdb.connect(str(study / "study.duckdb"), read_only=True) as db:
        return db.execute("SELECT collector, kind, key, why FROM gaps WHERE closed_at IS NULL ORDER BY ALL").fetchall()


def spent(study: Path) -> tuple[float, int]:
    """USD spent, and targets still wanted."""
    with sqlite3.connect(study / "state.sqlite") as db:
        return db.execute(
            "SELECT (SELECT sum(usd) FROM spend), (SELECT count(*) FROM targets WHERE due_at IS NOT NULL)"
        ).fetchone()


@pytest.mark.slow
def test_a_budget_stops_the_study_before_it_is_passed_and_keeps_what_is_wanted(
    world: World, calm: Path, tmp_path: Path
) -> None:
    whole, _ = spent(calm)
    study = world.study(tmp_path / "study")
    file = study / "sneeuwbal.toml"
    plain = file.read_text()
    for limit in (round(whole * share, 2) for share in (0.05, 0.6)):
        file.write_text(plain + f"\n[budget]\nusd = {limit}\n")
        done = sneeuwbal("--study", study, "run", "--no-report", "--hide-progress")
        assert done.returncode == 4, done.stdout + done.stderr
        assert "raise [budget] to continue" in done.stdout + done.stderr
        usd, wanted = spent(study)
        assert usd <= limit
        assert wanted > 0
    assert usd > whole * 0.5  # it stopped where it had to, and not long before
    file.write_text(plain)
    assert sneeuwbal("--study", study, "run", "--no-report", "--hide-progress").returncode == 0
    assert differences(calm / "study.duckdb", study / "study.duckdb", provenance=False) == {}

"""SIGKILLs at random moments over whole studies: `python -m tests.kills 100`.

The whole job runs over real HTTP against a served world and is killed again and again, at a moment drawn from the
length of an undisturbed run, until it ends by itself; its tables must then be those of the undisturbed run, row for
row. Studies are begun until the wanted number of kills has struck.
"""

from __future__ import annotations

import random
import sys
import tempfile
import time
from pathlib import Path

import psutil

from tests.rehearsal import World, served, sneeuwbal, start
from tests.tables import differences

SEED = 47692
RUN = ("run", "--no-report", "--hide-progress")


def undisturbed(world: World, study: Path) -> float:
    """Run a new study in *study* to its end; return how long it took."""
    began = time.monotonic()
    done = sneeuwbal("--study", world.study(study), *RUN)
    assert done.returncode == 0, done.stdout + done.stderr
    return time.monotonic() - began


def strike(world: World, study: Path, kills: int, longest: float, dice: random.Random) -> int:
    """Run a new study in *study* under up to *kills* SIGKILLs, then to its end; return how many struck."""
    world.study(study)
    struck = 0
    while struck < kills:
        process = start("--study", study, *RUN)
        time.sleep(dice.uniform(0.2, longest))
        if process.poll() is not None:
            break
        children = psutil.Process(process.pid).children(recursive=True)
        process.kill()
        process.wait()
        struck += 1
        _, alive = psutil.wait_procs(children, timeout=60)
        assert not alive, "a child outlived its parent"
    done = sneeuwbal("--study", study, *RUN)
    assert done.returncode == 0, done.stdout + done.stderr
    return struck


def main(kills: int) -> int:
    """Strike *kills* times and say what differs; 1 if something does."""
    dice, began, struck, studies, different = random.Random(SEED), time.monotonic(), 0, 0, 0
    with tempfile.TemporaryDirectory() as folder, served() as world:
        calm = Path(folder) / "calm"
        longest = undisturbed(world, calm)
        while struck < kills:
            study = Path(folder) / f"rough-{studies}"
            came = strike(world, study, kills - struck, max(3.0, longest / 3), dice)
            found = differences(calm / "study.duckdb", study / "study.duckdb", provenance=False)
            print(f"study {studies}: {came} kills; differs in {found or 'nothing'}", flush=True)
            struck, studies, different = struck + came, studies + 1, different + bool(found)
    print(f"{struck} SIGKILLs over {studies} studies in {time.monotonic() - began:.0f} s; {different} studies differ")
    return int(different > 0)


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 100))

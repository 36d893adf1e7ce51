"""Four machines collect the simulated world through PostgreSQL and S3: `make scale`, or `python -m tests.scale KILLS`.

Each machine is a process with a directory of its own; their archive is one, and the first machine loads and admits.
SIGKILLs strike machines and the S3 server at random moments, and PostgreSQL is restarted now and then; the tables must
be those of one machine's undisturbed run, row for row.
"""

from __future__ import annotations

import random
import sys
import tempfile
import time
from pathlib import Path

from tests import objects
from tests.kills import undisturbed
from tests.postgres import Server, serving
from tests.rehearsal import World, served, sneeuwbal, start
from tests.tables import differences

MACHINES, SEED = 4, 20130223


def command(study: Path, *words: str | Path) -> str:
    """What a command prints; it must not fail."""
    done = sneeuwbal("--study", study, *words)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def round_of(
    machines: list[Path], server: Server, bucket: objects.Server, kills: int, longest: float, dice: random.Random
) -> int:
    """Let all machines collect what is due, under up to *kills* SIGKILLs; return how many struck."""
    words = ("collect", "--hide-progress")
    running = {study: start("--study", study, *words) for study in machines}
    struck = 0
    while struck < kills:
        time.sleep(dice.uniform(0.2, longest))
        alive = [study for study, process in running.items() if process.poll() is None]
        if not alive:
            break
        study = dice.choice(alive)
        running[study].kill()
        running[study].wait()
        struck += 1
        if struck % 3 == 0:
            server.stop()
            server.start()
        elif struck % 3 == 1:
            bucket.kill()
            bucket.start()
        running[study] = start("--study", study, *words)
    for study, process in running.items():
        said = "".join(process.communicate())
        while process.returncode in (2, 3) and "no answer" in said:  # the store was away: nothing is lost
            process = start("--study", study, *words)
            said = "".join(process.communicate())
        assert process.returncode == 0, said
    return struck


def main(kills: int) -> int:
    """Collect one study after the other, until *kills* have struck, and print what differs; 1 if something does."""
    dice, struck, wrong = random.Random(SEED), 0, 0
    with tempfile.TemporaryDirectory() as folder, serving() as server, objects.serving() as bucket, served() as world:
        calm = Path(folder) / "calm"
        longest = undisturbed(world, calm)
        while struck < kills:
            address = bucket.address()
            machines = _studies(world, Path(folder) / address.rpartition("/")[2], server.database(), address)
            before = struck
            while "no new targets" not in command(machines[0], "admit"):
                struck += round_of(machines, server, bucket, kills - struck, longest / 8, dice)
                command(machines[0], "load")
            command(machines[0], "verify")
            found = differences(calm / "study.duckdb", machines[0] / "study.duckdb", provenance=False)
            alone, together = _requests(calm), _requests(machines[0])
            wrong += bool(found) or together - alone > 64 * (struck - before)
            print(
                f"{MACHINES} machines, {struck - before} kills: {together:,} requests, {alone:,} by one machine;"
                f" differences: {found}",
                flush=True,
            )
    return int(wrong > 0)


def _studies(world: World, folder: Path, address: str, archive: str) -> list[Path]:
    found = [world.study(folder / f"machine-{number}") for number in range(MACHINES)]
    for study in found:
        with (study / "sneeuwbal.toml").open("a") as file:
            file.write(f'\n[store]\nfrontier = "{address}"\narchive = "{archive}"\nupload_every = 2\n')
    return found


def _requests(study: Path) -> int:
    return int(command(study, "sql", "--format", "csv", "SELECT count(*) FROM fetches").split()[-1])


if __name__ == "__main__":
    sys.exit(main(int((sys.argv[1:] or ["12"])[0])))

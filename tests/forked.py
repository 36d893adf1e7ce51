"""The command line in processes of its own that begin with everything imported.

`python -m tests.forked` imports what commands import, then reads a line of JSON for each command (words, environment,
files for its output), runs it in a fork, and answers with its exit code.
"""

from __future__ import annotations

import gc
import json
import os
import subprocess
import sys
import time
from contextlib import suppress
from importlib import import_module
from importlib.metadata import entry_points
from pathlib import Path
from threading import Lock
from typing import NoReturn

import click

import cli

ROOT = Path(__file__).parents[1]
HEAVY = ("pandas", "networkx", "httpx", "tweepy", "extruct", "igraph", "scipy.sparse", "scrapy.crawler")


class Forked:
    """A process that forks once a command."""

    def __init__(self) -> None:
        words = [sys.executable, "-m", "tests.forked"]
        alone = {**os.environ, "OPENBLAS_NUM_THREADS": "1"}  # a fork of a process with threads may wait for ever
        self._process = subprocess.Popen(
            words, cwd=ROOT, env=alone, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self._lock = Lock()

    def run(self, words: list[str], environment: dict[str, str], out: str, err: str) -> int:
        """Run the command line with *words* to its end; its exit code, negative for a signal."""
        job = {"words": words, "environment": environment, "out": out, "err": err}
        with self._lock:
            assert self._process.stdin is not None
            assert self._process.stdout is not None
            print(json.dumps(job), file=self._process.stdin, flush=True)
            return int(self._process.stdout.readline())


def _main() -> None:
    for name in HEAVY:
        import_module(name)
    for name in cli.COMMANDS:
        cli.cli.get_command(click.Context(cli.cli), name)  # which imports it
    for point in entry_points(group="sneeuwbal.collectors"):
        point.load()
    gc.freeze()
    until = time.monotonic() + 60
    while (others := _threads()) > 1:  # one that has just begun has no name yet
        assert time.monotonic() < until, others
        time.sleep(0.05)
    for line in sys.stdin:
        child = os.fork()
        if not child:
            _be(**json.loads(line))
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


def _threads() -> int:
    """The threads of this process but those of its allocator; 0 where there is no /proc."""
    count = 0
    for task in Path("/proc/self/task").glob("*/comm"):
        with suppress(OSError):  # it has ended
            count += task.read_text() != "jemalloc_bg_thd\n"
    return count


def _be(words: list[str], environment: dict[str, str], out: str, err: str) -> NoReturn:
    """Be the command, to its end."""
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(os.open(out, os.O_WRONLY | os.O_APPEND), 1)
    os.dup2(os.open(err, os.O_WRONLY | os.O_APPEND), 2)
    os.environ.clear()
    os.environ.update(environment)
    time.tzset()
    sys.argv = ["sneeuwbal", *words]
    sys.stdin, sys.stdout, sys.stderr = open(0), open(1, "w"), open(2, "w")  # noqa: SIM115
    cli.entry()
    raise AssertionError


if __name__ == "__main__":
    _main()

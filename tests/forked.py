"""The command line in processes of its own that begin with everything imported.

`python -m tests.forked SCHEMA` imports what commands import, then reads lines of JSON. A command (words, environment,
code to run before, files for its output) begins in a fork, and its process id is the answer; a process id is answered
with the exit code of that command, null while it runs.
"""

from __future__ import annotations

import atexit
import gc
import json
import os
import select
import signal
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import suppress
from importlib import import_module
from importlib.metadata import entry_points
from pathlib import Path
from threading import Lock
from typing import Any, NoReturn

import click

import cli
from tests.crawling import fork_crawlers, prepare
from tests.small import make_copies, schema

ROOT = Path(__file__).parents[1]
HEAVY = (
    "pandas", "pyarrow.parquet", "networkx", "httpx", "tweepy", "extruct", "igraph", "scipy.sparse", "scrapy.crawler",
    "holidays", "PIL.Image", "rich.table", "fontTools.subset", "matplotlib.figure", "matplotlib.backends.backend_agg",
    "matplotlib.backends.backend_pdf", "matplotlib.backends.backend_svg",
)  # fmt: skip


class Forked:
    """A process that forks once a command."""

    def __init__(self) -> None:
        words = [sys.executable, "-m", "tests.forked", str(schema())]
        alone = {**os.environ, "OPENBLAS_NUM_THREADS": "1"}  # a fork of a process with threads may wait for ever
        self._process = subprocess.Popen(
            words, cwd=ROOT, env=alone, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self._lock = Lock()

    def start(self, words: list[str], environment: dict[str, str], before: str = "") -> Running:
        """Start the command line with *words*, after running the code *before*."""
        return Running(self, {"words": words, "environment": environment, "before": before})

    def ask(self, what: object) -> Any:
        """The process's answer to a line of JSON."""
        with self._lock:
            assert self._process.stdin is not None
            assert self._process.stdout is not None
            print(json.dumps(what), file=self._process.stdin, flush=True)
            return json.loads(self._process.stdout.readline())


class Running:
    """A command that was started, as far as tests need the methods of Popen."""

    def __init__(self, forked: Forked, what: dict[str, Any]) -> None:
        self._files = [tempfile.NamedTemporaryFile("r", encoding="utf-8") for _ in ("out", "err")]  # noqa: SIM115
        out, err = (file.name for file in self._files)
        self._forked, self._said = forked, list[str]()
        self.pid = int(forked.ask({**what, "out": out, "err": err}))
        self.returncode: int | None = None

    def poll(self) -> int | None:
        """The exit code, negative for a signal; None while it runs."""
        if self.returncode is None and (code := self._forked.ask(self.pid)) is not None:
            self.returncode = int(code)
            for file in self._files:
                with file:
                    self._said.append(file.read())
        return self.returncode

    def communicate(self, timeout: float | None = None) -> tuple[str, str]:
        """Wait for the end; what it wrote to standard output and to standard error. Raise TimeoutExpired."""
        self.wait(timeout)
        out, err = self._said
        return out, err

    def wait(self, timeout: float | None = None) -> int:
        """Wait for the end; its exit code. Raise TimeoutExpired after *timeout* seconds."""
        began = time.monotonic()
        if self.poll() is None and hasattr(os, "pidfd_open"):  # of Linux; elsewhere it is asked again and again
            ended = os.pidfd_open(self.pid)
            select.select([ended], [], [], timeout)
            os.close(ended)
        while (code := self.poll()) is None:
            waited = time.monotonic() - began
            if timeout is not None and waited > timeout:
                raise subprocess.TimeoutExpired(str(self.pid), timeout)
            time.sleep(0.01 + min(waited / 20, 0.1))
        return code

    def send_signal(self, number: int) -> None:
        """Send a signal to it, unless it has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """Kill it."""
        self.send_signal(signal.SIGKILL)


def _main() -> None:
    for name in HEAVY:
        import_module(name)
    for name in cli.COMMANDS:
        cli.cli.get_command(click.Context(cli.cli), name)  # which imports it
    for point in entry_points(group="sneeuwbal.collectors"):
        point.load()
    make_copies(sys.argv[1])
    prepare()
    fork_crawlers()
    gc.freeze()
    until = time.monotonic() + 60
    while (others := _threads()) > 1:  # one that has just begun has no name yet
        assert time.monotonic() < until, others
        time.sleep(0.05)
    for line in sys.stdin:
        what = json.loads(line)
        if isinstance(what, int):
            ended, status = os.waitpid(what, os.WNOHANG)
            answer = os.waitstatus_to_exitcode(status) if ended else None
        elif not (answer := os.fork()):
            _be(**what)
        print(json.dumps(answer), flush=True)


def _threads() -> int:
    """The threads of this process but those of its allocator; 0 where there is no /proc."""
    count = 0
    for task in Path("/proc/self/task").glob("*/comm"):
        with suppress(OSError):  # it has ended
            count += task.read_text() != "jemalloc_bg_thd\n"
    return count


def _be(words: list[str], environment: dict[str, str], before: str, out: str, err: str) -> NoReturn:
    """Be the command, to its end."""
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(os.open(out, os.O_WRONLY | os.O_APPEND), 1)
    os.dup2(os.open(err, os.O_WRONLY | os.O_APPEND), 2)
    os.environ.clear()
    os.environ.update(environment)
    time.tzset()
    sys.argv = ["sneeuwbal", *words]
    sys.stdin, sys.stdout, sys.stderr = open(0), open(1, "w"), open(2, "w")  # noqa: SIM115
    code = 1
    try:
        exec(before, {})
        cli.entry()
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
        if isinstance(end.code, str):
            print(end.code, file=sys.stderr)
    except BaseException:
        sys.excepthook(*sys.exc_info())
    threading._shutdown()
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)  # taking apart all that was imported costs more than most commands


if __name__ == "__main__":
    _main()

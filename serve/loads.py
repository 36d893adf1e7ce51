"""Loads that a page asks for: one at a time, in a process of its own."""

from __future__ import annotations

import logging
import subprocess
import threading
from contextlib import suppress
from pathlib import Path

from jobs.context import program

log = logging.getLogger("sneeuwbal.serve")


class Loads:
    """Loads the study in *directory* when asked, and once more if asked meanwhile.

    `problem` is why the last load failed, in its own words; "" if it did not.
    """

    def __init__(self, directory: Path) -> None:
        self.words = [*program(directory), "load"]
        self._asked = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._busy, self.problem = False, ""

    def ask(self) -> None:
        """Load soon."""
        self._asked.set()
        with suppress(RuntimeError):  # it was started before
            self._thread.start()

    @property
    def runs(self) -> bool:
        """Whether a load runs or is about to."""
        return self._busy or self._asked.is_set()

    def _run(self) -> None:
        while self._asked.wait():
            self._busy = True
            self._asked.clear()
            self.once()
            self._busy = False

    def once(self) -> None:
        """Load now, and wait for it."""
        done = subprocess.run(self.words, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, check=False)  # noqa: S603
        said, self.problem = done.stderr.decode("utf-8", "replace").strip().splitlines(), ""
        if done.returncode:
            code = f"`sneeuwbal load` ended with code {done.returncode}"
            log.warning("%s: run it in a terminal to see why", code)  # without its words, which may name people
            self.problem = said[-1] if said else code

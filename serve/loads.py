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
    """Loads the study in *directory* when asked, and once more if asked meanwhile."""

    def __init__(self, directory: Path) -> None:
        self._words = [*program(directory), "load"]
        self._asked = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def ask(self) -> None:
        """Load soon."""
        self._asked.set()
        with suppress(RuntimeError):  # it was started before
            self._thread.start()

    def _run(self) -> None:
        while self._asked.wait():
            self._asked.clear()
            code = subprocess.call(self._words, stdout=subprocess.DEVNULL)  # noqa: S603
            if code:
                log.warning("`sneeuwbal load` ended with code %s: run it in a terminal to see why", code)

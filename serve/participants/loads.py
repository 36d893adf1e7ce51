"""Loads started by what participants do: one at a time, in a process of its own."""

from __future__ import annotations

import logging
import subprocess
import threading
from pathlib import Path

from jobs.context import program
from storage.consents import INBOX

log = logging.getLogger("sneeuwbal.serve")


class Loads:
    """Loads the study in *directory* when asked, and once more if asked meanwhile."""

    def __init__(self, directory: Path) -> None:
        self._words = [*program(directory), "load"]
        self._asked = threading.Event()
        if any((directory / INBOX).glob("c*")):
            self._asked.set()
        threading.Thread(target=self._run, daemon=True).start()

    def ask(self) -> None:
        """Load soon."""
        self._asked.set()

    def _run(self) -> None:
        while self._asked.wait():
            self._asked.clear()
            code = subprocess.call(self._words, stdout=subprocess.DEVNULL)  # noqa: S603
            if code:
                log.warning("`sneeuwbal load` ended with code %s: what was given waits in the inbox", code)

"""What a frontier adds if several machines share it: limits and budgets over all of them, and who is at work."""

from __future__ import annotations

import time
from abc import abstractmethod
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from storage.frontier import base

ELSEWHERE = 1.0  # seconds after which a run looks again for targets that another machine has leased


class Shared(base.Frontier):
    """The state of one study that several machines collect."""

    machine: str  # this one, and its directory

    def _leased(self, leased: base.Rows) -> base.Rows:
        """Another machine's targets: its run may end, or be killed."""
        return leased and [(time.time() + ELSEWHERE, "leased by another machine")]

    @abstractmethod
    def reserve(self, place: str, number: int, requests: int, seconds: float, now: datetime) -> tuple[int, float, bool]:
        """Up to *number* of the *requests* that all machines may send to *place* in the *seconds* of a window.

        With the end of the window in Unix seconds, and whether it was opened by this.
        """

    @abstractmethod
    def extend(self, place: str, until: datetime, *, full: bool = False) -> None:
        """Let the window of *place* last until then at least; with *full*, without another request."""

    @abstractmethod
    def hold(self, run: str, budget: Sequence[float | None], group: Sequence[float]) -> tuple[float, int, int]:
        """What is spent, or held by other runs, of *budget* (USD, posts, requests; None: unlimited).

        What is left of it, up to *group*, is held for *run* until it asks again or ends.
        """

    @abstractmethod
    def alone(self, what: str) -> bool:
        """Whether this connection holds, or now takes, the lock *what*; it has it until it ends."""

    @abstractmethod
    def at_work(self) -> list[base.Run]:
        """The runs at work, on any machine."""

    @abstractmethod
    def dump(self, path: Path) -> None:
        """Write the state to *path*, a new SQLite file of the same tables, as of one moment."""

    @abstractmethod
    def replace(self, path: Path) -> None:
        """Put the state in the SQLite file *path* in place of this one. Raise UserError while a machine collects."""

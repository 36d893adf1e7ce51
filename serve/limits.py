"""Limits on how often something may be tried: in memory, of one process."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable

MOST = 10_000  # keys remembered; the oldest is forgotten first


class Limit:
    """At most *number* tries per key within *seconds* of the first, or of the latest if each renews the time."""

    def __init__(self, number: int, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._number, self._seconds, self._clock = number, seconds, clock
        self._tries: OrderedDict[str, tuple[float, int]] = OrderedDict()  # when the key's window began, and the tries

    def allows(self, key: str, *, renew: bool = False) -> bool:
        """Whether *key* may try once more; counts the try. With *renew*, the time begins anew with it."""
        begun, tries = self._window(key)
        self._tries[key] = (self._clock() if renew else begun, tries + 1)
        self._tries.move_to_end(key)
        while len(self._tries) > MOST:
            self._tries.popitem(last=False)
        return tries < self._number

    def reached(self, key: str) -> bool:
        """Whether *key* may not try again now; counts nothing."""
        return self._window(key)[1] >= self._number

    def forget(self, key: str) -> None:
        """Let *key* begin anew."""
        self._tries.pop(key, None)

    def _window(self, key: str) -> tuple[float, int]:
        """When the window of *key* began, and the tries in it."""
        now = self._clock()
        begun, tries = self._tries.get(key, (now, 0))
        return (now, 0) if now - begun >= self._seconds else (begun, tries)

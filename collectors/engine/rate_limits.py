"""The requests of a run, counted against the documented or announced limits of the platforms.

If several machines share the frontier, requests are counted there, over all of them, for each token.

A limit applies to a kind; on a platform of many servers whose collector names the server of a request, to
each server over all kinds. Nothing here sleeps: it returns the time to wait for, by the wire's clock.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from collectors.base import Collector, Kind, Limit, hooks_of
from collectors.wire.exchange import Wire
from storage.frontier.moves import Move
from storage.frontier.shared import Shared
from storage.records import Request

NEAR = timedelta(minutes=15)  # a server's limit that ends later applies to its own target only
HELD = 1000  # consecutive targets of servers at their limit, after which the whole kind waits


class Windows:
    """The limit windows of one run; *share* counts those of *owner* (a token) over all machines. A replay has none."""

    def __init__(
        self,
        collector: Collector,
        kinds: Mapping[str, Kind],
        options: Mapping[str, Any],
        wire: Wire,
        share: Shared | None = None,
        owner: str = "",
    ) -> None:
        self.share, self.owner = share, owner
        self.server = hooks_of(collector).server
        self.kinds, self.options, self.wire = kinds, options, wire
        self._windows: dict[str, _Window] = {}
        self._held: dict[str, tuple[int, datetime]] = {}  # by kind: consecutive targets held, and until when

    def may(self, kind: str) -> bool:
        """Whether *kind* may be requested now."""
        now = self.wire.now()
        in_a_row, until = self._held.get(kind, (0, now))
        if self.wire.live and in_a_row >= HELD and now >= until:
            del self._held[kind]
        return not self.wire.live or not (
            (in_a_row >= HELD and now < until) or (self.server is None and self._window(kind, kind).full(now))
        )

    def hold(self, request: Request) -> datetime | None:
        """The time until which *request* must wait for its server's limit; None if it need not."""
        if self.server is None or not self.wire.live:
            return None
        kind, now = request.target.kind, self.wire.now()
        window = self._window(self.server(request, self.options), kind)
        if not window.full(now):
            self._held.pop(kind, None)
            return None
        in_a_row, until = self._held.get(kind, (0, window.until))
        self._held[kind] = in_a_row + 1, min(until, window.until)
        return window.until

    def count(self, requests: tuple[Request, ...], moves: Iterable[Move]) -> None:
        """Count a request, and close its server's window if *moves* say that the limit is reached."""
        if not requests or (kind := requests[0].target.kind) not in self.kinds:
            return
        now, place = self.wire.now(), self.server(requests[0], self.options) if self.server else kind
        self._window(place, kind).count(now)
        resets = [move.until for move in moves if move.to == "later" and move.free and move.until]
        if self.server and resets and now < max(resets) <= now + NEAR:
            self._window(place, kind).close(max(resets))

    def opens_at(self) -> datetime | None:
        """When the first full window opens again; None if none is full."""
        now = self.wire.now()
        return min((window.until for window in self._windows.values() if window.full(now)), default=None)

    def _window(self, place: str, kind: str) -> _Window:
        if place not in self._windows:
            limit, now = self.kinds[kind].limit, self.wire.now()
            self._windows[place] = (
                _Window(limit, now)
                if self.share is None
                else _SharedWindow(limit, now, self.share, f"{self.owner} {place}")
            )
        return self._windows[place]


class _Window:
    """The requests of one kind, or to one server, in the current window."""

    def __init__(self, limit: Limit | None, now: datetime) -> None:
        self.limit, self.used, self.shut, self.until = limit, 0, False, now

    def count(self, now: datetime) -> None:
        if now >= self.until and self.limit is not None:
            self.used, self.shut, self.until = 0, False, now + timedelta(seconds=self.limit.seconds)
        self.used += 1

    def close(self, until: datetime) -> None:
        self.shut, self.until = True, until

    def full(self, now: datetime) -> bool:
        used_up = self.shut or (self.limit is not None and self.used >= self.limit.requests)
        return now < self.until and used_up


class _SharedWindow(_Window):
    """A window that several machines fill: each reserves a twentieth of its requests at a time."""

    def __init__(self, limit: Limit | None, now: datetime, share: Shared, place: str) -> None:
        super().__init__(limit, now)
        self.share, self.place, self.left, self.begun = share, place, 0, False

    def count(self, now: datetime) -> None:
        self.left -= 1
        if self.begun and self.limit is not None:  # as for one machine, it lasts from the first answer
            self.until, self.begun = now + timedelta(seconds=self.limit.seconds), False
            self.share.extend(self.place, self.until)

    def close(self, until: datetime) -> None:
        super().close(until)
        self.share.extend(self.place, until, full=True)

    def full(self, now: datetime) -> bool:
        if now < self.until and self.shut:
            return True
        if self.limit is None or (now < self.until and self.left > 0):
            return False
        block = max(1, self.limit.requests // 20)
        self.left, until, self.begun = self.share.reserve(
            self.place, block, self.limit.requests, self.limit.seconds, now
        )
        self.until, self.shut = datetime.fromtimestamp(until, UTC), self.left == 0
        return self.shut

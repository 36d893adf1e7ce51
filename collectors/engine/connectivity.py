"""Connectivity: whether missing answers are due to the network or to the targets."""

from __future__ import annotations

from collections import Counter

from collectors.engine.transitions import OURS
from storage.frontier.moves import SILENT
from storage.records import Failure, Page, Target

LOST_AFTER = 12  # requests in a row without an answer: the network is lost, and more would only use up tries


class Connectivity:
    """The servers that answered in a run, and the current series of failures."""

    def __init__(self, max_tries: int) -> None:
        self.max_tries, self.requests = max_tries, 0
        self.reached: set[str] = set()  # the servers that answered
        self.failing = Counter[Target]()  # the tries in the current series of failures
        self.lost = False  # whether that series is due to the network

    def note(self, answer: Page | Failure) -> str:
        """Why the run must stop, before missing answers fail its targets; empty if it need not.

        It is due to the network if no one answered in this run, or if the silent server did before: a server that
        never answers while others do only affects its own targets.
        """
        server = answer.url.partition("//")[2].partition("/")[0]
        if not isinstance(answer, Failure):
            self.reached.add(server)
            self.requests, self.lost = 0, False
            self.failing.clear()
        elif answer.reason not in OURS:
            self.requests += 1
            if answer.reason in SILENT:
                self.failing.update(request.target for request in answer.requests)
                self.lost |= not self.reached or server in self.reached
            last_try = self.lost and max(self.failing.values()) >= self.max_tries - 1
            if last_try or self.requests >= LOST_AFTER:
                return f"{self.requests} requests in a row got no answer ({answer.reason}); is there a network?"
        return ""

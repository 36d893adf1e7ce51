"""Connectivity: whether missing answers are due to the network or to the targets."""

from __future__ import annotations

from collections import Counter

from collectors.engine.transitions import OURS
from storage.frontier.moves import SILENT
from storage.records import Failure, Page, Target

SILENCE = 12  # consecutive requests without an answer: the network is lost, and more requests would only use up tries


class Silence:
    """The servers that answered in a run, and the current series of failures."""

    def __init__(self, max_tries: int) -> None:
        self.max_tries, self.requests = max_tries, 0
        self.heard: set[str] = set()  # the servers that answered
        self.unheard = Counter[Target]()  # the tries in the current series of failures
        self.lost = False  # whether that series is due to the network

    def hear(self, answer: Page | Failure) -> str:
        """Why the run must stop, before missing answers fail its targets; empty if it need not.

        It is due to the network if no one answered in this run, or if the silent server did before: a server that
        never answers while others do only affects its own targets.
        """
        server = answer.url.partition("//")[2].partition("/")[0]
        if not isinstance(answer, Failure):
            self.heard.add(server)
            self.requests, self.lost = 0, False
            self.unheard.clear()
        elif answer.reason not in OURS:
            self.requests += 1
            if answer.reason in SILENT:
                self.unheard.update(want.target for want in answer.wants)
                self.lost |= not self.heard or server in self.heard
            last_try = self.lost and max(self.unheard.values()) >= self.max_tries - 1
            if last_try or self.requests >= SILENCE:
                return f"{self.requests} requests in a row got no answer ({answer.reason}); is there a network?"
        return ""

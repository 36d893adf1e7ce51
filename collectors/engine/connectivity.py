"""When nobody answers: whether that is the network's fault, or that of those who are wanted."""

from __future__ import annotations

from collections import Counter

from collectors.engine.transitions import OURS
from storage.frontier.sqlite import SILENT
from storage.records import Failure, Page, Target

SILENCE = 12  # requests in a row without an answer: the network is lost, and asking on would only use up their tries


class Silence:
    """Who has answered in a run, and how long nobody has."""

    def __init__(self, max_tries: int) -> None:
        self.max_tries, self.requests = max_tries, 0
        self.heard: set[str] = set()  # the servers that answered
        self.unheard = Counter[Target]()  # the tries of the silence that lasts
        self.lost = False  # whether that silence is the network's, and not the targets'

    def hear(self, answer: Page | Failure) -> str:
        """Why the run must stop, before the silence fails those that are wanted; empty if it need not.

        It is the network's if nobody has answered in this run, or if the very server that is silent has: a server that
        never answers while others do is its targets' own trouble.
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

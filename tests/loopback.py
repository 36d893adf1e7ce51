"""Scripted servers on loopback: those of `fixtures.loopback`, and bare sockets."""

from __future__ import annotations

import socket
from collections.abc import Callable
from threading import Thread

from fixtures.loopback import Answer, Loopback, Received, Script, serve

__all__ = ["Answer", "Loopback", "Raw", "Received", "Script", "in_turn", "serve"]


class Raw:
    """A server of bare sockets, for answers that no library would send: *answer* has each connection to itself."""

    def __init__(self, answer: Callable[[socket.socket], None]) -> None:
        self._answer, self.socket = answer, socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self.socket.getsockname()[1]}"
        Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                link, _ = self.socket.accept()
            except OSError:  # closed
                return
            Thread(target=self._answer, args=(link,), daemon=True).start()


def in_turn(*answers: Answer) -> Script:
    """A script that gives *answers* one after the other, whatever is asked."""
    waiting = iter(answers)
    return lambda request: next(waiting)

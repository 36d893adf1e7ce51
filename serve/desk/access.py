"""Who may enter the desk: those who know its password, or who a reverse proxy says they are."""

from __future__ import annotations

import hmac
import secrets
import time
from collections.abc import Callable
from threading import Lock
from typing import NamedTuple, Protocol

from starlette.requests import Request

from jobs.secrets import fits
from serve.limits import Limit

COOKIE = "sneeuwbal_desk"
HOURS = 12  # that a session lasts
TRIES, WINDOW = 5, 300.0  # failed logins of an address, each within so many seconds of the last; then it waits
NAME = 80  # letters of a coder's name


class Person(NamedTuple):
    """Who is at the desk, as `decided_by` names them, and the token of their forms."""

    name: str
    token: str


class Access(Protocol):
    """A way to know who asks."""

    def person(self, request: Request) -> Person | None:
        """Who asks; None if not known."""


def named(text: str) -> str | None:
    """*text* as the name of a coder; None if it is none: empty, long, unprintable, or a spreadsheet's formula."""
    name = " ".join(text.split())
    fine = 0 < len(name) <= NAME and name.isprintable() and not name.startswith(("=", "+", "-", "@"))
    return name if fine else None


class Proxy:
    """Trusts the *header* of requests from the *address* of a reverse proxy, which overwrites it."""

    def __init__(self, header: str, address: str) -> None:
        self.header, self.address, self.key = header, address, secrets.token_bytes(32)

    def person(self, request: Request) -> Person | None:
        """The person the proxy names; None for requests from elsewhere, and without one name."""
        said = request.headers.getlist(self.header)
        if request.client is None or request.client.host != self.address or len(said) != 1:
            return None
        name = named(said[0])
        return (name and Person(name, hmac.digest(self.key, name.encode(), "sha256").hex())) or None


class Password:
    """Sessions of those who gave the password that *known* is the hash of; they end with the process."""

    def __init__(self, known: str, now: Callable[[], float] = time.monotonic) -> None:
        self.known, self.now = known, now
        self.sessions: dict[str, tuple[Person, float]] = {}
        self.failed = Limit(TRIES, WINDOW, now)  # wrong passwords by address
        self._one = Lock()  # a try takes memory, and threads change the sessions

    def person(self, request: Request) -> Person | None:
        """Whose session the cookie names, if it has not ended."""
        person, until = self.sessions.get(request.cookies.get(COOKIE, ""), (None, 0.0))
        return person if self.now() < until else None

    def waits(self, address: str) -> bool:
        """Whether *address* has failed too often to try again now."""
        return self.failed.reached(address)

    def enter(self, address: str, password: str, name: str) -> str | None:
        """The key of a new session; None if the password is wrong, or *address* has failed too often."""
        with self._one:
            if self.waits(address):
                return None
            if not fits(password, self.known):
                self.failed.allows(address, renew=True)
                return None
            self.failed.forget(address)
            self.sessions = {key: one for key, one in self.sessions.items() if self.now() < one[1]}
            key = secrets.token_urlsafe(32)
            self.sessions[key] = (Person(name, secrets.token_urlsafe(32)), self.now() + 3600 * HOURS)
            return key

    def leave(self, request: Request) -> None:
        """End the session."""
        with self._one:
            self.sessions.pop(request.cookies.get(COOKIE, ""), None)

"""X through its API v2: users, timelines, follow lists, the sample stream, recent search. With tweepy.

`outcome` and `parse` are pure and in their own modules; this one connects them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date

from collectors.base import Kind, Settings
from collectors.x import typed
from collectors.x.before import asked_before
from collectors.x.limits import KINDS
from collectors.x.outcome import outcome
from collectors.x.parse import parse
from collectors.x.personal import PERSONAL, handle_of
from storage.errors import UserError
from storage.records import Failure, Page, Request


class X:
    """The collector `x`."""

    kinds: Mapping[str, Kind] = KINDS
    opened: Mapping[str, date] = {"x": date(2006, 3, 21)}
    needs_secret = True
    environment = ("BEARER_TOKEN",)  # twarc's name
    outcome = staticmethod(outcome)
    parse = staticmethod(parse)
    personal = PERSONAL
    handle_of = staticmethod(handle_of)
    recheck: Mapping[str, str] = {"account": "user_id", "post": "post"}  # the kinds for look-ups by id
    asked_before = staticmethod(asked_before)

    page_of = staticmethod(typed.page_of)
    made_at = staticmethod(typed.made_at)
    id_of = staticmethod(typed.id_of)
    query_of = staticmethod(typed.query_of)
    seed_form = "a handle on X; it has at most 15 letters, digits and _"

    @staticmethod
    def canonical(seed: str) -> str:
        """The key of an account: its handle, also from its address."""
        return typed.handle(seed)

    def fetch(self, requests: Iterator[Request], settings: Settings) -> Iterator[Page | Failure]:
        """Yield X's answers. Raise UserError without a bearer token on a live wire.

        Of the common options it uses `base_url`, and `sets`: the number of posts of each comparison set.
        """
        # they import tweepy and pydantic, which a worker that loads does not need
        from collectors.x.client import Client
        from collectors.x.options import Options

        wire = settings.wire
        if wire.live and not settings.secret:
            raise UserError("no bearer token for X: set SNEEUWBAL_X_BEARER_TOKEN or BEARER_TOKEN")
        options, given = settings.checked(Options), settings.options
        token = settings.secret or "replayed"
        client: Client = wire.resource(
            "x", lambda: Client(wire, options, token, given.get("base_url"), given.get("sets"), settings.archive)
        )
        for batch in wire.batches(requests, lambda kind: KINDS[kind].batch):
            yield from client.ask(batch)


collector = X()

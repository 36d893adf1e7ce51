"""X through its API v2: users, timelines, follow lists, the sample stream, recent search. By tweepy.

`outcome` and `parse` are pure and lie in modules of their own; this one holds the settings and the order of things.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from collectors.base import Kind, Settings
from collectors.x.before import asked_before
from collectors.x.limits import KINDS
from collectors.x.outcome import outcome
from collectors.x.parse import parse
from collectors.x.redact import redacted
from storage.errors import UserError
from storage.records import Failure, Page, Want


class Options(BaseModel):
    """The collector's own keys of `[collectors.x]` in the study file."""

    model_config = ConfigDict(extra="forbid")

    vocabulary: Literal["auto", "tweet", "post"] = Field(
        "auto", description="Names of fields: the old ones (tweet), the new ones (post), or what the platform takes."
    )
    timeline_page: int = Field(100, ge=5, le=100, description="Posts a page of a timeline.")
    follows_page: int = Field(1000, ge=1, le=1000, description="Accounts a page of a follow list.")
    search_page: int = Field(100, ge=10, le=100, description="Posts a page of a search.")
    queries: list[Annotated[str, Field(min_length=1, max_length=4096)]] = Field(
        [], description="Recent searches; the posts of each are kept apart.", examples=[["#sneeuw lang:nl"]]
    )
    exclude: list[Literal["replies", "retweets"]] = Field(
        [], description="What X leaves out of timelines.", examples=[["replies"]]
    )
    since: date | None = Field(None, description="Timelines: nothing before this day (UTC).", examples=["2012-01-01"])
    until: date | None = Field(None, description="Timelines: nothing from this day on (UTC).", examples=["2013-02-24"])


class X:
    """The collector `x`."""

    kinds: Mapping[str, Kind] = KINDS
    opened: Mapping[str, date] = {"x": date(2006, 3, 21)}
    Options = Options
    needs_secret = True
    outcome = staticmethod(outcome)
    parse = staticmethod(parse)
    redacted = staticmethod(redacted)
    asked_before = staticmethod(asked_before)

    @staticmethod
    def canonical(seed: str) -> str:
        """The key of a handle."""
        return seed.strip().removeprefix("@").lower()

    def fetch(self, wants: Iterator[Want], settings: Settings) -> Iterator[Page | Failure]:
        """Yield X's answers. Raise UserError without a bearer token on a live wire.

        Of the common options it reads `base_url`, and `sets`: how many posts each comparison set shall have.
        """
        from collectors.x.client import Client  # it imports tweepy, which loading and planning do not need

        wire = settings.wire
        assert wire is not None
        if wire.live and not settings.secret:
            raise UserError("no bearer token for X: set SNEEUWBAL_X_BEARER_TOKEN or BEARER_TOKEN")
        options, given = settings.checked(Options), settings.options
        token = settings.secret or "replayed"
        client: Client = wire.resource(
            "x", lambda: Client(wire, options, token, given.get("base_url"), given.get("sets"), settings.archive)
        )
        for batch in wire.batches(wants, lambda kind: KINDS[kind].batch):
            yield from client.ask(batch)


collector = X()

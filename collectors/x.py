"""X through its API v2: users, timelines, follow lists, the sample stream, recent search. By tweepy.

`outcome` and `parse` are pure and lie in modules of their own; this one holds the settings and the order of things.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from collectors.base import Kind, Settings
from collectors.x_limits import KINDS
from collectors.x_outcome import outcome
from collectors.x_parse import parse
from storage.errors import UserError
from storage.records import Failure, Page, Want


class Requests(BaseModel):
    """At most *requests* per *seconds*."""

    model_config = ConfigDict(extra="forbid")

    requests: int = Field(gt=0)
    seconds: int = Field(900, gt=0)


class Options(BaseModel):
    """The table `[x]` of the study file."""

    model_config = ConfigDict(extra="forbid")

    base_url: str | None = Field(None, description="where to ask instead of https://api.twitter.com (a test server)")
    vocabulary: Literal["auto", "tweet", "post"] = Field(
        "auto", description="names of fields: tweet, post, or tweet until the platform refuses it"
    )
    timeline_page: int = Field(100, ge=5, le=100, description="posts a page of a timeline")
    follows_page: int = Field(1000, ge=1, le=1000, description="accounts a page of a follow list")
    search_page: int = Field(100, ge=10, le=100, description="posts a page of a search")
    exclude: list[Literal["replies", "retweets"]] = Field([], description="left out of timelines by the platform")
    since: date | None = Field(None, description="timelines: nothing before this day (UTC)")
    until: date | None = Field(None, description="timelines: nothing from this day on (UTC)")
    sample_posts: int = Field(10_000, gt=0, description="posts of a comparison set from the sample stream")
    limits: dict[str, Requests] = Field({}, description="requests by kind, instead of the documented ones")
    prices: dict[str, float] = Field({}, description="USD an item by kind, instead of the documented ones")


class X:
    """The collector `x`."""

    kinds: Mapping[str, Kind] = KINDS
    Options = Options
    outcome = staticmethod(outcome)
    parse = staticmethod(parse)

    def fetch(self, wants: Iterator[Want], settings: Settings) -> Iterator[Page | Failure]:
        """Yield X's answers. Raise UserError without a bearer token on a live wire."""
        from collectors.x_client import Client  # tweepy takes long to import; loading and planning do not need it

        wire = settings.wire
        assert wire is not None
        if wire.live and not settings.secret:
            raise UserError("no bearer token for X: set SNEEUWBAL_X_BEARER_TOKEN (or BEARER_TOKEN), or leave out [x]")
        options = settings.checked(Options)
        client: Client = wire.resource("x", lambda: Client(wire, options, settings.secret or "replayed"))
        for batch in wire.batches(wants, lambda kind: KINDS[kind].batch):
            yield from client.ask(batch)


collector = X()

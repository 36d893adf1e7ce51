"""The settings of X in the study file."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field


class Options(BaseModel):
    """The collector's own keys of `[collectors.x]` in the study file."""

    model_config = ConfigDict(extra="forbid")

    vocabulary: Literal["auto", "tweet", "post"] = Field(
        "auto", description="Names of fields: old (tweet), new (post), or whichever the platform accepts."
    )
    timeline_page: int = Field(100, ge=5, le=100, description="Posts per page of a timeline.")
    follows_page: int = Field(1000, ge=1, le=1000, description="Accounts per page of a follow list.")
    search_page: int = Field(100, ge=10, le=100, description="Posts per page of a search.")
    queries: list[Annotated[str, Field(min_length=1, max_length=4096)]] = Field(
        [], description="Recent searches; the posts of each are kept separately.", examples=[["#sneeuw lang:nl"]]
    )
    exclude: list[Literal["replies", "retweets"]] = Field(
        [], description="Posts that X should leave out of timelines.", examples=[["replies"]]
    )
    since: date | None = Field(None, description="Timelines: first day of posts (UTC).", examples=["2012-01-01"])
    until: date | None = Field(None, description="Timelines: day after the last one (UTC).", examples=["2013-02-24"])

"""The table [published] of the study file: the figures of an earlier report."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import ClassVar, Literal

from pydantic import Field

from storage.tomlfile import Table
from study.field_types import Count


class PublishedGroup(Table):
    """A row of the published Table 5."""

    profiles: Count | None = Field(None, description="Members.")
    accounts: Count | None = Field(None, description="Profiles with an account on the platform.")


class PublishedShare(Table):
    """A row of the published Table 6."""

    count: Count | None = Field(None, description="Posts.")
    share: float | None = Field(None, ge=0, le=100, description="Per cent of all posts.")
    sample: float | None = Field(None, ge=0, le=100, description="Per cent in the comparison set.")


class PublishedTest(Table):
    """A published test: its statistic and parameters."""

    statistic: Literal["chi2", "wald", "rho"] = Field(description="chi2, wald or rho.")
    value: float = Field(description="The value of the statistic.")
    df: Count | None = Field(None, description="Degrees of freedom.")
    n: Count | None = Field(None, description="Respondents in the category.")
    p: float | None = Field(None, ge=0, le=1, description="p as published.")
    below: float | None = Field(None, ge=0, le=1, description="The bound, if p < bound was published.")
    note: str | None = Field(None, description="A remark, shown in the report next to the test.")


class Published(Table):
    """Figures of an earlier report, shown next to the computed ones."""

    RENAMED: ClassVar[Mapping[str, str]] = {"civil_servants": "members", "ministries": "groups"}

    source: str | None = Field(None, description="The report they are taken from.")
    start_contacts: Count | None = Field(None, description="Start contacts.")
    profiles: Count | None = Field(None, description="Profiles read.")
    connections: Count | None = Field(None, description="Distinct connections.")
    connected_with_two: Count | None = Field(None, description="Profiles connected with two members or more.")
    members: Count | None = Field(None, description="Distinct members.")
    accounts: Count | None = Field(None, description="Linked accounts.")
    posts: Count | None = Field(None, description="Posts on their timelines.")
    first_post: date | None = Field(None, description="Day of the first post.")
    last_post: date | None = Field(None, description="Day of the last post.")
    communities: Count | None = Field(None, description="Communities in the actor network.")
    hashtag_communities: Count | None = Field(None, description="Communities in the hashtag network.")
    leads: str | None = Field(
        None, description="The group that was said to lead in survey, profiles and accounts.", examples=["EZ"]
    )
    groups: dict[str, PublishedGroup] = Field(
        {}, description="Table 5, by group.", examples=[{"EZ": {"profiles": 1024, "accounts": 244}}]
    )
    shares: dict[Literal["hashtags", "mentions", "begins_with_mention"], PublishedShare] = Field(
        {}, description="Table 6: hashtags, mentions, begins_with_mention.",
        examples=[{"hashtags": {"count": 237075, "share": 34.18, "sample": 13.18}}],
    )  # fmt: skip
    survey: dict[str, PublishedTest] = Field(
        {}, description="Tests of a survey, by name.",
        examples=[{"sex": {"statistic": "chi2", "value": 6.46, "df": 1, "below": 0.05}}],
    )  # fmt: skip

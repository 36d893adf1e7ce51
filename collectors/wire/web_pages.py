"""Web pages fetched by the crawler: its options, and the meaning of a status."""

from __future__ import annotations

from collections.abc import Callable

from pydantic import BaseModel, ConfigDict, Field, model_validator

from collectors.base import Absent, Later, Outcome
from collectors.wire.retry_after import retry_after
from storage.records import Page, Target

LATER = {408, 425, 429}  # and every 5xx
GONE, PRIVATE, REFUSED = {404, 410}, {401, 403, 407}, {451, 999}


class Robots(BaseModel):
    """Whether to obey robots.txt; ignoring it needs a reason, which is recorded with the run's settings."""

    model_config = ConfigDict(extra="forbid")
    obey: bool = Field(True, description="Whether to obey robots.txt.")
    reason: str = Field("", description="Reason for not obeying it, such as the site's written permission.")

    @model_validator(mode="after")
    def _reason(self) -> Robots:
        if not self.obey and not self.reason.strip():
            raise ValueError("obey = false needs a reason, for example the site's written permission")
        return self


class Crawling(BaseModel):
    """Options of a collector that fetches web pages with `collectors.wire.scrapy_parent.crawl`."""

    model_config = ConfigDict(extra="forbid")
    robots: Robots = Field(Robots(), description="Whether to obey robots.txt, and if not, why.")
    autothrottle: bool = Field(True, description="Whether to use Scrapy's AutoThrottle.")
    delay: float = Field(0.0, ge=0, description="Minimum seconds between two requests to one host.")
    concurrency: int = Field(8, ge=1, le=64, description="Maximum concurrent requests to one host.")
    max_bytes: int = Field(16 * 1024 * 1024, ge=1024, description="Maximum bytes of one page.")
    user_agent: str | None = Field(None, description="User agent, instead of the one with the study's contact.")
    allow_private: bool = Field(False, description="Allow addresses outside the public internet.")


def refusal(page: Page, target: Target, absent: Callable[[str], Absent]) -> Outcome:
    """The outcome of a status other than 200; *absent* makes that of a page that is not available, from the reason."""
    status, until = page.status, retry_after(page)
    if status in LATER or (status >= 500 and status not in REFUSED) or (status in REFUSED and until):
        limited = status == 429 and until is not None
        return Later(target, f"status {status}", until, free=limited, whole_kind=limited)
    if status in GONE:
        return absent("gone")
    if status in PRIVATE:
        return absent("private")
    if status in REFUSED or 400 <= status < 500:
        return absent("refused")
    return Later(target, f"status {status}")

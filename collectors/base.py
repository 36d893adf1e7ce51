"""The contract of a collector, and the outcomes it may give."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import msgspec

from storage.records import Failure, Page, Record, Target, Want

if TYPE_CHECKING:
    from pydantic import BaseModel

    from collectors.wire.exchange import Wire

M = TypeVar("M", bound="BaseModel")
MOVED = {301, 302, 303, 307, 308}


class Limit(msgspec.Struct, frozen=True):
    """At most *requests* per *seconds*, as the platform documents it (dated and sourced beside the table)."""

    requests: int
    seconds: int


class Kind(msgspec.Struct, frozen=True):
    """What one kind of target costs: the single table that fetch, `plan` and `budget` read."""

    batch: int = 1  # targets a request
    page: int = 1  # items a page at most
    limit: Limit | None = None
    price: float = 0.0  # USD an item delivered
    paged: bool = False  # a list that is walked
    head: int = 0  # requests of a walk before its first page
    of: str = ""  # what a key names, for the snowball: profile | list (of a profile) | handle | account | set | query


class Done(msgspec.Struct, frozen=True):
    """The target is answered. *next* is the next page of the same walk; None ends the walk."""

    target: Target
    next: str | None = None  # cursor of the next page
    items: int = 0  # things delivered: what is paid for, and what `--limit` counts
    newest: str = ""  # the newest id on this page, for the high-water mark
    complete: bool = True  # with next None: False if the list was cut short (truncated: the reason in *why*)
    why: str = ""
    reached: bool = False  # the old high-water mark was met on this page
    stuck: bool = False  # the list led back to itself: what lies behind may still be had, so the old mark stays


class Later(msgspec.Struct, frozen=True):
    """Ask again at *until* (None: by back-off). Counts as a try unless *free*."""

    target: Target
    why: str
    until: datetime | None = None
    free: bool = False
    whole_kind: bool = False  # a rate limit: nothing of this kind is due before *until*
    restart: bool = False  # the cursor is no good any more: the walk begins again from the top


class Split(msgspec.Struct, frozen=True):
    """A batch spoilt by one bad member: ask for this target alone (or in halves)."""

    target: Target
    why: str


class Absent(msgspec.Struct, frozen=True):
    """Not to be had, and why: suspended, protected, gone, unknown, masked, refused, opted-out, private ..."""

    target: Target
    why: str


class OutOfCredit(msgspec.Struct, frozen=True):
    """The platform wants money (402): the job stops with exit code 4, the frontier stays."""

    target: Target
    why: str


class Refused(msgspec.Struct, frozen=True):
    """The platform does not accept our credentials (401): the job stops, the frontier stays."""

    target: Target
    why: str


Outcome = Done | Later | Split | Absent | OutOfCredit | Refused


def redirected(page: Page) -> bool:
    """Whether *page* is a redirect that leads on: another answer, or a failure, for the same target follows it."""
    return page.status in MOVED and page.header("location") is not None


class Settings(msgspec.Struct, frozen=True):
    """What fetch gets: the collector's table of the study file, its secrets, and the wire to use."""

    options: Mapping[str, Any]  # the collector's own table, validated by its `Options` model if it has one
    secret: str | None = None
    wire: Wire | None = None
    archive: Path | None = None  # what was answered before, where the collector must know

    def checked(self, model: type[M]) -> M:
        """The collector's own options as its `Options` model; what is unset or not its own is left out."""
        own = {k: v for k, v in self.options.items() if k in model.model_fields and v is not None}
        return model.model_validate(own)


class Collector(Protocol):
    """A module or object with these names, found by an entry point in the group `sneeuwbal.collectors`.

    Where a platform is many servers, `server(want, options) -> str` may name the one that *want* is asked at: limits
    are then counted for each server, over all kinds, and a limit that a server tells of holds for that server only.
    """

    @property
    def kinds(self) -> Mapping[str, Kind]:
        """What it can fetch."""
        ...

    def fetch(self, wants: Iterator[Want], settings: Settings) -> Iterator[Page | Failure]:
        """Yield answers, lazily and in any order; every want is answered once. The only I/O."""
        ...

    def outcome(self, page: Page) -> Iterator[Outcome]:
        """Yield one outcome per target; nothing for a redirect that was followed. Pure and cheap."""
        ...

    # For studies with `redact_archive` also redacted(page: Page, drop: Collection[str]) -> Page: the page with what
    # outcome and parse need (both then say the same), and without what `[minimise] drop` names. Pure.

    def parse(self, page: Page) -> Iterator[Record]:
        """Yield what the page tells. Pure; a page that cannot be read yields Quarantine, never an exception."""
        ...

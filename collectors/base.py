"""The contract of a collector. The outcomes it may give are `storage.outcomes`, its records `storage.records`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import msgspec

from collectors.wire.exchange import Wire
from storage.outcomes import Absent, Done, Later, Outcome, OutOfCredit, Refused, Split
from storage.privacy.declared import Hooks, hooks_of
from storage.records import Failure, Page, Record, Want

if TYPE_CHECKING:
    from pydantic import BaseModel

__all__ = [
    "Absent",
    "Collector",
    "Done",
    "Hooks",
    "Kind",
    "Later",
    "Limit",
    "OutOfCredit",
    "Outcome",
    "Refused",
    "Settings",
    "Split",
    "hooks_of",
    "redirected",
]

M = TypeVar("M", bound="BaseModel")
MOVED = {301, 302, 303, 307, 308}


class Limit(msgspec.Struct, frozen=True):
    """At most *requests* per *seconds*, as the platform documents it (dated and sourced beside the table)."""

    requests: int
    seconds: int


class Kind(msgspec.Struct, frozen=True):
    """What one kind of target is and costs: all that the study-wide features know of it.

    What is left empty takes part in no rule that asks for it.
    """

    batch: int = 1  # targets a request
    page: int = 1  # items a page at most
    limit: Limit | None = None
    price: float = 0.0  # USD an item delivered
    paged: bool = False  # a list that is walked
    head: int = 0  # requests of a walk before its first page
    # what a key names, for the snowball: profile | list (of a profile) | handle | account | set | query | search
    of: str = ""
    yields: str = ""  # what its items are: posts | accounts | profiles | connections | follows | documents
    ties: tuple[str, ...] = ()  # which ties it shows: words of [snowball] along (storage.sampling.rules.TIES)
    ids: bool = False  # of "handle": its keys may be the ids of accounts as well
    # of "handle" with ids: it shows opt-outs that lists do not; asked before an admission, whatever kinds are named
    asked_first: bool = False
    seeds: str = ""  # of "query": its name in [seeds], behind the collector's; whom it finds are seeds (Listed)
    stream: bool = False  # its pages come without being asked for, one by one
    bytes: float = 300.0  # in the archive, compressed, an item: an assumption that `plan` names


def redirected(page: Page) -> bool:
    """Whether *page* is a redirect that leads on: another answer, or a failure, for the same target follows it."""
    return page.status in MOVED and page.header("location") is not None


class Settings(msgspec.Struct, frozen=True):
    """What fetch gets: the collector's table of the study file, its secrets, and the wire to use."""

    options: Mapping[str, Any]  # the collector's own table, validated by its `Options` model if it has one
    secret: str | None = None
    wire: Wire = msgspec.field(default_factory=Wire)
    archive: Path | None = None  # what was answered before, where the collector must know

    def checked(self, model: type[M]) -> M:
        """The collector's own options as its `Options` model; what is unset or not its own is left out."""
        own = {k: v for k, v in self.options.items() if k in model.model_fields and v is not None}
        return model.model_validate(own)


class Collector(Protocol):
    """A module or object with these names, found by an entry point in the group `sneeuwbal.collectors`.

    What else it may declare is in `Hooks`.
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

    def parse(self, page: Page) -> Iterator[Record]:
        """Yield what the page tells. Pure; a page that cannot be read yields Quarantine, never an exception."""
        ...

"""The contract of a collector. Its outcomes are in `storage.outcomes`, its records in `storage.records`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import msgspec

from collectors.wire.exchange import Wire
from storage.outcomes import Absent, Done, Later, Outcome, OutOfCredit, Refused, Split
from storage.participants import Token, Tokens
from storage.privacy.declared import Hooks, OAuth, hooks_of
from storage.records import Failure, Page, Record, Request
from storage.structs import ready

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
    "OAuth",
    "OutOfCredit",
    "Outcome",
    "Refused",
    "Settings",
    "Split",
    "Token",
    "Tokens",
    "hooks_of",
    "redirected",
]

M = TypeVar("M", bound="BaseModel")
MOVED = {301, 302, 303, 307, 308}


class Limit(msgspec.Struct, frozen=True):
    """At most *requests* per *seconds*, as the platform documents it (dated and sourced next to the table)."""

    requests: int
    seconds: int


class Kind(msgspec.Struct, frozen=True):
    """The properties and costs of one kind of target, for the study-wide features.

    An empty field excludes the kind from rules that need it.
    """

    batch: int = 1  # targets per request
    page: int = 1  # maximum items per page
    limit: Limit | None = None
    price: float = 0.0  # USD per item delivered
    paged: bool = False  # a list with pages
    head: int = 0  # requests of a walk before its first page
    # the type of a key, for the snowball: profile | list (of a profile) | handle | account | set | query | search |
    # document (an address that a search with `fetch` found) | consent (its id: admitted when a participant connects an
    # account)
    of: str = ""
    yields: str = ""  # the type of its items: posts | accounts | profiles | connections | follows | documents
    ties: tuple[str, ...] = ()  # the ties it shows: values of [snowball] along (storage.sampling.rules.TIES)
    ids: bool = False  # of "handle": its keys may be the ids of accounts as well
    # of "handle" with ids: it shows opt-outs that lists do not; looked up before an admission, whatever kinds are named
    asked_first: bool = False
    seeds: str = ""  # of "query": its name in [seeds], after the collector's; its results are seeds (Listed)
    stream: bool = False  # its pages arrive without requests
    bytes: float = 300.0  # per item in the compressed archive: an assumption shown by `plan`


ready(Limit)


def redirected(page: Page) -> bool:
    """Whether *page* is a redirect: another answer, or a failure, for the same target follows it."""
    return page.status in MOVED and page.header("location") is not None


class Settings(msgspec.Struct, frozen=True):
    """The arguments of fetch: the collector's table of the study file, its secrets, and the wire."""

    options: Mapping[str, Any]  # the collector's own table, validated by its `Options` model if it has one
    secret: str | None = None
    wire: Wire = msgspec.field(default_factory=Wire)
    archive: Path | None = None  # earlier answers, for collectors that need them
    tokens: Tokens | None = None  # of participants, for a collector that declares `oauth`
    consented: Callable[[str], str] = lambda consent: ""  # what a consent, by its id, covers; "": none, or withdrawn

    def checked(self, model: type[M]) -> M:
        """The collector's own options as its `Options` model, without unset and common ones."""
        own = {k: v for k, v in self.options.items() if k in model.model_fields and v is not None}
        return model.model_validate(own)


class Collector(Protocol):
    """A module or object with these names, found by an entry point in the group `sneeuwbal.collectors`.

    Optional declarations are in `Hooks`.
    """

    @property
    def kinds(self) -> Mapping[str, Kind]:
        """The kinds it can fetch."""
        ...

    def fetch(self, requests: Iterator[Request], settings: Settings) -> Iterator[Page | Failure]:
        """Yield answers, lazily and in any order, one for each request. The only I/O."""
        ...

    def outcome(self, page: Page) -> Iterator[Outcome]:
        """Yield one outcome per target; nothing for a redirect that was followed. Pure and cheap."""
        ...

    def parse(self, page: Page) -> Iterator[Record]:
        """Yield the records of the page. Pure; an unreadable page yields Quarantine, never an exception."""
        ...

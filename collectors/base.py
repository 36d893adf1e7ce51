"""The contract of a collector. The outcomes it may give are among the words that the rooms share: `storage.records`."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field, fields
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import msgspec

from collectors.wire.exchange import Wire
from storage.privacy.declared import Personal
from storage.records import (
    Absent,
    Done,
    Failure,
    Later,
    Outcome,
    OutOfCredit,
    Page,
    Record,
    Refused,
    Split,
    Want,
)

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
    of: str = ""  # what a key names, for the snowball: profile | list (of a profile) | handle | account | set | query
    yields: str = ""  # what its items are: posts | accounts | profiles | connections | follows | documents
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


@dataclass(frozen=True)
class Hooks:
    """What a collector may declare beside its four names: the whole list, with the default of what it leaves out.

    A module-level `Options`, a pydantic model, checks its table of the study file.
    """

    #: the one form of a seed of the study file
    canonical: Callable[[str], str] = str
    #: the address of an account's page, of an account as people type it: what has none is no seed
    page_of: Callable[[str], str | None] | None = None
    #: what a seed is, for whoever typed another thing: "a handle on X; it has at most 15 letters"
    seed_form: str = "an account"
    #: the key of a query of a kind, as people type it; None if it can be none
    query_of: Callable[[str, str], str | None] | None = None
    #: it can ask nothing without a secret
    needs_secret: bool = False
    #: the server that a want is asked at, where a platform is many: limits are then counted for each server, over all
    #: kinds, and a limit that a server names holds for that server only
    server: Callable[[Want, Mapping[str, Any]], str] | None = None
    #: which fields of its answers are personal, and how its people are named. Redaction in the archive, `forget` and
    #: its guard follow from it. Without it `redact_archive` refuses, and `forget` empties whatever object names the
    #: person
    personal: Personal | None = None
    #: redaction of its own, where answers are no JSON: what outcome and parse need (both then say the same), without
    #: what `[minimise] drop` names. Pure
    redacted: Callable[[Page, Collection[str]], Page] | None = None
    #: the handle whose page a web address is: links from profiles
    handle_of: Callable[[str], str | None] | None = None
    #: the kinds that look things up by their ids, for `compliance`: {"account": kind, "post": kind}
    recheck: Mapping[str, str] = field(default_factory=dict)
    #: the first day of each platform it tells of: a time from before counts as none
    opened: Mapping[str, date] = field(default_factory=dict)
    #: an answer, archived before `Page.asked` was, in today's form
    asked_before: Callable[[Any], Any] | None = None


def hooks_of(collector: object) -> Hooks:
    """The hooks of *collector*, a module or an object."""
    return Hooks(**{one.name: getattr(collector, one.name) for one in fields(Hooks) if hasattr(collector, one.name)})

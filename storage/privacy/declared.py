"""Declarations of collectors: hooks, how a platform names people, and which fields of its answers are personal.

A collector declares it once (`personal`, `handle_of`, `recheck`; see `Hooks`). Minimising, redaction in the
archive, forgetting, retention and links to accounts all follow from it.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields
from datetime import date, datetime
from typing import Any, Literal
from urllib.parse import urlsplit

import msgspec

from storage.records import (
    Absence,
    Account,
    AccountField,
    Connection,
    Deletion,
    Document,
    DocumentPage,
    Follow,
    Listed,
    Mention,
    Page,
    Post,
    Profile,
    ProfileDetail,
    Request,
    SurveyAnswer,
    Target,
)  # fmt: skip

CONTENT = ("texts", "names", "descriptions", "locations", "coordinates")  # the words of `[minimise] drop`

# The personal fields of the records of any platform, by their category in `Personal`
RECORDS: Mapping[type, Mapping[str, str]] = {
    Profile: {
        "profile_id": "id", "url": "address", "name": "names", "headline": "descriptions",
        "description": "descriptions", "location": "locations",
    },
    ProfileDetail: {"profile_id": "id", "fields": "descriptions"},
    Connection: {"profile_id": "id", "other_id": "refers"},
    Account: {
        "account_id": "id", "handle": "handle", "url": "address", "name": "names", "description": "descriptions",
        "location": "locations",
    },
    AccountField: {"account_id": "id", "name": "descriptions", "value": "descriptions", "url": "address"},
    Follow: {"follower_id": "refers", "followed_id": "refers"},
    Listed: {"list_id": "refers", "account_id": "refers"},
    Mention: {"handle": "handle", "account_id": "refers"},
    Post: {
        "post_id": "id", "account_id": "author", "timeline_of": "refers", "conversation_id": "refers",
        "reply_to_post": "refers", "reply_to_account": "refers", "quoted_post": "refers", "retweeted_post": "refers",
        "retweeted_account": "refers", "edit_of": "refers", "text": "texts", "full_text": "texts",
        "place": "locations", "longitude": "coordinates", "latitude": "coordinates",
    },
    Document: {"title": "texts", "summary": "texts"},
    DocumentPage: {"title": "texts", "text": "texts"},
    SurveyAnswer: {"respondent": "id", "text": "texts"},
    Absence: {"key": "id"},
    Deletion: {"key": "id"},
}  # fmt: skip
OUT = "out "
IDENTIFIERS = ("id", "author", "refers", "handle")


def gone(value: Any, owner: Mapping[str, Any]) -> Any:
    """Leave nothing of the value."""
    return None


class Field(msgspec.Struct, frozen=True):
    """A personal field, and what redaction leaves of its value (given the value and its object)."""

    category: str  # "": tables need only what is left, so it is always redacted
    left: Callable[[Any, Mapping[str, Any]], Any] = gone


class Handles(msgspec.Struct, frozen=True):
    """The form of a platform's handles, and where they occur."""

    form: Literal["word", "domain", "address"] = "word"  # name | name.example | name@server.example
    pattern: str = r"\w(?:[\w.-]{0,62}\w)?"  # of a whole handle
    hosts: tuple[str, ...] = ()  # of the addresses that `handle_of` reads; none: any other host
    before: tuple[str, ...] = ()  # what precedes a handle in an address, as "site.example/users/"
    addresses: tuple[str, ...] = ()  # of an account, made of {user} and {server}
    ids: bool = False  # an address may name an account by its id instead


class Personal(msgspec.Struct, frozen=True):
    """The personal data in the answers of a platform.

    *fields* maps a field of a JSON object, by its name or by (struct, name), to its meaning:
    - texts, names, descriptions, locations, coordinates: content, as named in `[minimise] drop`;
    - id, handle, address: the object is the account or post with this id, handle or web address;
    - author: the object was written by this account (an id, or an object that is the account);
    - repeats: the object reposts this post (an id, an object, or a list of references);
    - refers: ids of other accounts and posts; body: an object that holds the object's texts; kept: its structure.
    In an object of a forgotten person, content is emptied, ids become tokens, and unlisted fields are removed.
    """

    platform: str = ""  # as in its records; "": its answers cover several
    handles: Handles | None = None
    numbers: bool = True  # False: a bare number in an answer is a local id of a server
    fields: Mapping[str | tuple[type, str], str | Field] = {}
    shapes: Mapping[str, tuple[Any, ...]] = {}  # by kind of target ("": others), decoded by `outcome` and `parse`
    untyped: Mapping[tuple[type, str], tuple[type, ...]] = {}  # shapes of fields that are untyped in the structs
    lines: tuple[str, ...] = ()  # kinds whose answers have one document per line

    def field(self, of: type, name: str) -> Field | None:
        """The declaration of the field *name* of *of*; None if there is none."""
        found = self.fields.get((of, name), self.fields.get(name))
        return Field(found) if isinstance(found, str) else found


class Donation(msgspec.Struct, frozen=True):
    """What participants may give of their own export of a platform: the files, and of each the columns."""

    title: str  # the platform as participants know it
    files: Mapping[str, tuple[str, ...]]  # the first two columns tell the heading line from what stands above it
    headings: Mapping[str, str]  # a column's name by its heading in any language: NFKD without marks, in lower case
    cut: str  # a pattern of Python and JavaScript: what is removed from every cell
    how: Mapping[str, str]  # how to get the export, by language
    address: str = ""  # a pattern of the address of a participant's own page, asked for if the export lacks it
    address_in: tuple[str, str] = ("", "")  # the file and column that the address is written into
    further: Mapping[str, tuple[str, tuple[str, ...]]] = {}  # as *files*, by domain: if the study names it
    refused: Mapping[str, str] = {}  # domains that a study cannot name, and why

    def asking(self, domains: Iterable[str]) -> Donation:
        """The same, with the files of *domains*."""
        files = {**self.files, **dict(self.further[name] for name in domains if name in self.further)}
        return msgspec.structs.replace(self, files=files)


class OAuth(msgspec.Struct, frozen=True):
    """How participants connect an account: OAuth 2.0 with an authorisation code."""

    title: str  # the platform as participants know it
    client_id: str
    authorize_url: str
    token_url: str
    scopes: tuple[str, ...]
    member_url: str  # with a participant's token and *headers*, its answer says who the token belongs to
    member: Callable[[bytes], str | None]  # the member's id in that answer; None: the platform does not know yet
    headers: Mapping[str, str] = {}
    pkce: bool = True  # False: the server takes no code challenge
    address: str = ""  # a pattern of the address of a participant's own page, asked for if the answers lack it
    reads: tuple[str, ...] = ()  # what is read, as the platform calls it


@dataclass(frozen=True)
class Hooks:
    """The optional declarations of a collector, with their defaults.

    A module-level `Options`, a pydantic model, checks its table of the study file.
    """

    #: the canonical form of a seed of the study file
    canonical: Callable[[str], str] = str
    #: the address of an account's page, from an account as typed; without one it is not a seed
    page_of: Callable[[str], str | None] | None = None
    #: a description of a seed, for error messages: "a handle on X; it has at most 15 letters"
    seed_form: str = "an account"
    #: the key of a query of a kind, as typed; None if it is invalid
    query_of: Callable[[str, str], str | None] | None = None
    #: whether it needs a secret
    needs_secret: bool = False
    #: environment variables of other tools that may contain its secret
    environment: Collection[str] = ()
    #: the server of a request, on a platform of many servers: limits are then counted per server, over all
    #: kinds, and a limit set by a server applies to that server only
    server: Callable[[Request, Mapping[str, Any]], str] | None = None
    #: the personal fields of its answers, and how its people are named. Redaction in the archive, `forget` and
    #: suppression follow from it. Without it `redact_archive` is an error, and `forget` empties objects that name the
    #: person
    personal: Personal | None = None
    #: its own redaction, for answers that are not JSON: keeps what outcome and parse need (with equal results), without
    #: what `[minimise] drop` names. Pure
    redacted: Callable[[Page, Collection[str]], Page] | None = None
    #: the handle of the account whose page a web address is, for links from profiles
    handle_of: Callable[[str], str | None] | None = None
    #: the kinds that look up items by their ids, for `compliance`: {"account": kind, "post": kind}
    recheck: Mapping[str, str] = field(default_factory=dict)
    #: the target of an answer recorded by other tools, the reason to leave it out, or None if it is not its own.
    #: The mapping is shared by all answers of a recording, in order, to remember the owner of a list and, as OUT and
    #: their key, accounts that opted out: no list of theirs is read
    recorded: Callable[[Page, dict[str, str]], Target | str | None] | None = None
    #: what participants may donate of their own exports, which it imports
    donation: Donation | None = None
    #: when a post was made, derived from its id; None if it cannot be
    made_at: Callable[[str], datetime | None] | None = None
    #: the id in a cell of a table, such as the address of a post; other text unchanged
    id_of: Callable[[str], str] = str
    #: the first day of each platform it covers: an earlier time counts as none
    opened: Mapping[str, date] = field(default_factory=dict)
    #: how participants connect an account, given the collector's table of the study file; None: not offered.
    #: A collector with it reads no one without a consent on record (`Settings.consented`)
    oauth: Callable[[Mapping[str, Any]], OAuth | None] | None = None
    #: an answer archived before `Page.asked` existed, in today's form
    asked_before: Callable[[Any], Any] | None = None


def hooks_of(collector: object) -> Hooks:
    """The hooks of *collector*, a module or an object."""
    return Hooks(**{one.name: getattr(collector, one.name) for one in fields(Hooks) if hasattr(collector, one.name)})


class Platform(msgspec.Struct, frozen=True):
    """The declarations of an installed collector; *personal* None: no personal data declared."""

    collector: str
    personal: Personal | None = None
    handle_of: Callable[[str], str | None] | None = None
    recheck: Mapping[str, str] = {}  # account, post -> the kind that looks one up by its id
    by_handle: frozenset[str] = frozenset()  # kinds whose keys are handles

    @property
    def name(self) -> str:
        """The platform, as in its records."""
        return self.personal.platform if self.personal and self.personal.platform else self.collector

    @property
    def handles(self) -> Handles | None:
        """The form of its handles; None if it declares none."""
        return self.personal.handles if self.personal else None


def resolved(collectors: Mapping[str, Any]) -> dict[str, Any]:
    """The collectors as objects: those named "module:object" are imported."""
    found: dict[str, Any] = {}
    for name, one in collectors.items():
        if isinstance(one, str):
            module, _, attribute = one.partition(":")
            imported = importlib.import_module(module)
            found[name] = getattr(imported, attribute) if attribute else imported
        else:
            found[name] = one
    return found


def platforms(collectors: Mapping[str, Any]) -> dict[str, Platform]:
    """The declarations of *collectors* (objects, or "module:object"), by name."""
    return {name: _platform(name, one) for name, one in resolved(collectors).items()}


def _platform(name: str, collector: Any) -> Platform:
    hooks = hooks_of(collector)
    by_handle = {kind for kind, spec in getattr(collector, "kinds", {}).items() if getattr(spec, "of", "") == "handle"}
    return Platform(
        name,
        hooks.personal,
        hooks.handle_of,
        hooks.recheck,
        frozenset(by_handle - set(hooks.recheck.values())),
    )


def handles_of(declared: Iterable[Platform]) -> dict[str, Handles]:
    """The forms of handles, by platform."""
    return {one.name: one.handles for one in declared if one.handles is not None}


def account_of(declared: Iterable[Platform], url: str) -> tuple[str, str] | None:
    """The (platform, handle) of the account whose page *url* is; None if it is not one.

    The page of a post, a search or a share button is not an account's page. A platform that declares the host
    decides alone.
    """
    text = url.strip()
    if not re.match(r"[a-z][a-z0-9+.-]*://", text, re.I):
        text = "https://" + text.removeprefix("//")
    try:
        parts = urlsplit(text)
        host = (parts.hostname or "").rstrip(".").lower()
    except ValueError:
        return None
    if parts.scheme.lower() not in ("http", "https"):
        return None
    reading = [one for one in declared if one.handle_of is not None]
    own = [one for one in reading if one.handles and host in one.handles.hosts]
    for one in own or [one for one in reading if not (one.handles and one.handles.hosts)]:
        if one.handle_of is not None and (handle := one.handle_of(text)):
            return one.name, handle
    return None


class Names(msgspec.Struct, frozen=True):
    """The names of the fields in a platform's answers, by meaning."""

    content: frozenset[str] = frozenset()
    texts: frozenset[str] = frozenset()
    ids: frozenset[str] = frozenset()
    handles: frozenset[str] = frozenset()
    addresses: frozenset[str] = frozenset()
    authors: frozenset[str] = frozenset()
    repeats: frozenset[str] = frozenset()
    refers: frozenset[str] = frozenset()
    bodies: frozenset[str] = frozenset()
    kept: frozenset[str] = frozenset()


def names_in(declared: Iterable[Personal]) -> Names:
    """The names of fields by their meaning in any of *declared*."""
    found: dict[str, set[str]] = {}
    for category, name in (pair for one in declared for pair in _pairs(one)):
        found.setdefault(category, set()).add(name)
    content = {name for category in CONTENT for name in found.get(category, ())}
    of = {category: frozenset(names) for category, names in found.items()}
    empty: frozenset[str] = frozenset()
    return Names(
        frozenset(content),
        *(of.get(one, empty) for one in ("texts", "id", "handle", "address", "author", "repeats", "refers", "body",
                                         "kept")),
    )  # fmt: skip


def _pairs(personal: Personal) -> Iterator[tuple[str, str]]:
    for place, what in personal.fields.items():
        yield what if isinstance(what, str) else what.category, place if isinstance(place, str) else place[1]

"""The records shared by all packages: targets, answers, outcomes, and the data parsed from answers.

All are frozen msgspec structs: cheap to make, and plain data. Ids are strings; times are aware datetimes in UTC; a
value that the platform did not give is None, never a guess."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from typing import Any, TypeVar

import msgspec

from storage.structs import ready

MAX_BODY = 64 * 1024 * 1024  # decoded bytes of one page; a larger one is kept raw and flagged, not parsed


class Target(msgspec.Struct, frozen=True, order=True):
    """One thing to fetch: *key* identifies it, *cursor* is the position in its list (empty: the start)."""

    collector: str
    kind: str
    key: str
    cursor: str = ""


class Request(msgspec.Struct, frozen=True, omit_defaults=True):
    """A target as leased: with its walk, its wave, the key that led to it and how far to go back."""

    target: Target
    walk: str  # one pass over one list; the same for all its pages
    wave: int = 0
    via: str = ""  # the key that led here ("" for a seed)
    since: str = ""  # high-water mark: the newest id of the last complete walk, at which to stop
    tries: int = 0
    position: int = 0  # items of this walk seen on earlier pages
    alone: bool = False  # a batch failed: request this one by itself
    anchor: str = ""  # a stored cursor of this walk: see `storage.frontier.cycles`
    carry: Mapping[str, Any] = {}  # data from earlier pages of this walk (`Done.carry`); JSON


ready(Request)


class BadBody(ValueError):
    """A body that cannot be decoded, or exceeds the limit."""


class Page(msgspec.Struct, frozen=True):
    """One answer as received: de-chunked, still content-encoded. It answers every request in *requests*."""

    requests: tuple[Request, ...]
    url: str
    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes
    fetched_at: datetime
    record_id: str = ""  # WARC-Record-ID once archived
    method: str = "GET"
    run: str = ""
    redacted: tuple[str, ...] = ()  # what was redacted before archiving: categories of [minimise] drop ...
    asked: Mapping[str, Any] = {}  # request parameters that `outcome` and `parse` need; small, JSON

    @property
    def targets(self) -> tuple[Target, ...]:
        """The targets this page answers."""
        return tuple(request.target for request in self.requests)

    @property
    def kind(self) -> str:
        """The kind of its targets (one page answers one kind)."""
        return self.requests[0].target.kind

    @property
    def key(self) -> str:
        """The key of its first target."""
        return self.requests[0].target.key

    @property
    def collector(self) -> str:
        """Its collector: that of its targets, or for a recording the one that recognised it."""
        return str(self.asked.get("recorded") or (self.requests[0].target.collector if self.requests else ""))

    @property
    def meant(self) -> Target:
        """Its first target; of a recording, the one that an answer would have had of the collector that reads it."""
        if "recorded" not in self.asked:
            return self.requests[0].target
        return Target(self.collector, *(str(self.asked.get(part, "")) for part in ("kind", "key", "cursor")))

    def header(self, name: str) -> str | None:
        """The first header called *name*, in any case; None if there is none."""
        name = name.lower()
        return next((value for key, value in self.headers if key.lower() == name), None)

    def content(self, limit: int = MAX_BODY) -> bytes:
        """The decoded body, at most *limit* bytes; raise BadBody otherwise.

        A plain body labelled gzip is returned unchanged (real archives have such).
        """
        content = self.body
        for encoding in reversed((self.header("content-encoding") or "").lower().split(",")):
            name = encoding.strip()
            if content and not _plain(content, name):
                content = _decoded(content, name, limit)
        if len(content) > limit:
            raise BadBody(f"the body is larger than {limit} bytes")
        return content


def _plain(body: bytes, encoding: str) -> bool:
    """Whether *body* is unchanged by *encoding*."""
    return encoding in ("", "identity") or (encoding in ("gzip", "x-gzip") and body[:2] != b"\x1f\x8b")


@lru_cache(maxsize=1)  # `outcome` and `parse` read the same page one after the other
def _decoded(body: bytes, encoding: str, limit: int) -> bytes:
    if encoding in ("gzip", "x-gzip", "deflate"):
        return _inflate(body, limit)
    if encoding not in ("br", "zstd"):
        raise BadBody(f"content encoding {encoding!r} is not supported")
    import pyarrow as pa

    try:
        stream = pa.CompressedInputStream(pa.BufferReader(body), {"br": "brotli"}.get(encoding, encoding))
        return bytes(stream.read(limit + 1))
    except OSError as error:
        raise BadBody(f"the body cannot be decompressed: {error}") from error


def _inflate(body: bytes, limit: int) -> bytes:
    """*body* decompressed (gzip, zlib or raw deflate), never more than *limit* bytes."""
    try:
        reader = zlib.decompressobj(wbits=47 if body[:1] in (b"\x1f", b"\x78") else -15)
        out = reader.decompress(body, limit + 1)
    except zlib.error as error:
        raise BadBody(f"the body cannot be decompressed: {error}") from error
    if not reader.eof and len(out) <= limit:
        raise BadBody("the compressed body is cut off")
    return out


def compress(body: bytes) -> bytes:
    """*body* gzipped, reproducibly."""
    return gzip.compress(body, 6, mtime=0)


class Failure(msgspec.Struct, frozen=True):
    """No answer came: a time-out, a refused connection, an unresolvable name, a robots.txt that forbids it."""

    requests: tuple[Request, ...]
    # timeout | connection | dns | robots | cut | private-address | redirect | too-large | invalid-key | other
    reason: str
    detail: str
    failed_at: datetime
    url: str = ""
    record_id: str = ""
    run: str = ""


Answer = TypeVar("Answer", bound=Page | Failure)


# ---- data yielded by parse(), which load turns into rows -------------------------------------
class Profile(msgspec.Struct, frozen=True):
    """A professional profile as shown by one page."""

    profile_id: str  # canonical URL, or the platform's own id
    platform: str  # the site's host for web pages
    url: str | None = None
    name: str | None = None
    headline: str | None = None
    description: str | None = None
    location: str | None = None


class Position(msgspec.Struct, frozen=True):
    """A job on a profile. *ended* None together with *current* True is a current one."""

    profile_id: str
    ordinal: int  # order on the page
    employer: str | None
    title: str | None = None
    started: str | None = None  # as given: 2011, 2011-05 or 2011-05-01
    ended: str | None = None
    current: bool = True


class ProfileLink(msgspec.Struct, frozen=True):
    """A link on a profile to a page elsewhere (sameAs, rel=me, website)."""

    profile_id: str
    url: str
    rel: str  # sameAs | me | website


class ProfileDetail(msgspec.Struct, frozen=True):
    """A row of a further domain of a profile that its owner gave: education, skills ..."""

    profile_id: str
    domain: str  # as the platform calls it
    ordinal: int  # place of the row
    fields: str | None  # its columns, as a JSON object


class Connection(msgspec.Struct, frozen=True):
    """*profile_id*'s list contains *other_id*. Each pair counts once, on one list or both."""

    profile_id: str
    other_id: str
    connected_on: str | None = None


class Account(msgspec.Struct, frozen=True):
    """An account on a social platform as shown by one page."""

    account_id: str  # the platform's stable id (X: numeric string, Mastodon: URI, Bluesky: DID)
    platform: str  # x | mastodon | bluesky
    handle: str | None = None
    name: str | None = None
    description: str | None = None
    location: str | None = None
    url: str | None = None  # the link on the profile, expanded
    verified: bool | None = None
    protected: bool | None = None
    created_at: datetime | None = None
    followers: int | None = None  # counts on a profile are claims
    following: int | None = None
    posts: int | None = None
    flags: tuple[str, ...] = ()  # opt-outs and states: noindex, not-discoverable, suspended, limited, moved:<uri> ...


class AccountField(msgspec.Struct, frozen=True):
    """A row of the table on an account's profile: a name and a text, which may contain an address."""

    account_id: str
    name: str | None = None
    value: str | None = None
    url: str | None = None  # the first address in it
    verified_at: datetime | None = None  # when the server last verified that this page links back (rel=me)


class Absence(msgspec.Struct, frozen=True):
    """A target that is not available, and why. Absence is data."""

    platform: str
    kind: str
    key: str
    # suspended | protected | gone | unknown | deactivated | masked | refused | opted-out | private
    reason: str
    detail: str | None = None


class Follow(msgspec.Struct, frozen=True):
    """*follower_id* follows *followed_id*; *listed* is the list that showed it: following or followers."""

    platform: str
    follower_id: str
    followed_id: str
    listed: str
    followed_at: datetime | None = None  # a claim of the follower's program, if any


class Listed(msgspec.Struct, frozen=True):
    """*account_id* is on a list: one kept by a user, or the result of a query (authors with a hashtag ...)."""

    list_id: str  # the key of its target
    platform: str
    account_id: str
    position: int | None = None  # its place on the list, from 1


class Mention(msgspec.Struct, frozen=True):
    """An @mention in a post."""

    handle: str
    account_id: str | None = None


class Post(msgspec.Struct, frozen=True):
    """A public post, as delivered; the `full_` fields have what a retweet cut off."""

    post_id: str
    platform: str
    account_id: str | None
    created_at: datetime | None
    text: str | None  # None: only its id is known
    timeline_of: str | None  # the account whose timeline showed it; None: seen only through another post
    kind: str | None = "original"  # original | retweet | quote | reply; None: not known
    full_text: str | None = None
    lang: str | None = None
    hashtags: tuple[str, ...] = ()
    mentions: tuple[Mention, ...] = ()
    urls: tuple[str, ...] = ()
    full_hashtags: tuple[str, ...] | None = None  # None: the same as delivered
    full_mentions: tuple[Mention, ...] | None = None
    conversation_id: str | None = None
    reply_to_post: str | None = None
    reply_to_account: str | None = None
    quoted_post: str | None = None
    retweeted_post: str | None = None
    retweeted_account: str | None = None
    likes: int | None = None
    reposts: int | None = None
    replies: int | None = None
    source: str | None = None  # the application that sent it
    place: str | None = None  # the platform's place id or name
    longitude: float | None = None
    latitude: float | None = None
    edit_of: str | None = None  # first id of the edit history, if any
    indexed_at: datetime | None = None  # the server's own time, if created_at is a claim
    sample: str | None = None  # name of its comparison set; such posts are kept apart


class Deletion(msgspec.Struct, frozen=True):
    """The platform's notice that a post or account must be deleted."""

    platform: str
    kind: str  # post | account
    key: str
    reason: str
    at: datetime | None = None


class Document(msgspec.Struct, frozen=True):
    """A web page found by a registered search."""

    address: str  # in its canonical form
    platform: str  # the site's host
    url: str  # as found
    query: str  # the search that found it
    version: int
    title: str | None = None
    source: str | None = None  # the publication, as named by the interface
    published_at: datetime | None = None
    summary: str | None = None  # the part of its text that the interface gives
    digest: str | None = None  # of title and summary; None: too short to recognise a document by


class DocumentPage(msgspec.Struct, frozen=True):
    """The page of a document, fetched from an address that a search found."""

    address: str  # in its canonical form
    platform: str
    url: str  # where redirects led
    title: str | None = None
    source: str | None = None
    published_at: datetime | None = None  # as the page declares it
    language: str | None = None  # likewise
    text: str | None = None
    digest: str | None = None  # of the text; None: too short to recognise a document by


class Quarantine(msgspec.Struct, frozen=True):
    """A piece of a page that could not be read: where, why, and its first 1,000 characters."""

    place: str
    reason: str
    excerpt: str = ""


class Organisation(msgspec.Struct, frozen=True):
    """An organisation as listed in a register."""

    organisation_id: str
    name: str
    abbreviation: str | None = None
    kind: str | None = None
    parent_id: str | None = None
    group_name: str | None = None
    ended: str | None = None


class Office(msgspec.Struct, frozen=True):
    """A published office and its holder."""

    organisation_id: str
    function: str
    name: str | None = None
    started: str | None = None
    ended: str | None = None


class SurveyVariable(msgspec.Struct, frozen=True):
    """A variable of a survey's codebook: its codes, their meanings, and which of them are missing values."""

    survey: str
    variable: str
    ordinal: int
    label: str | None = None
    kind: str = "number"  # choice | number | date | text
    codes: tuple[str, ...] = ()
    answers: tuple[str, ...] = ()
    missing_codes: tuple[str, ...] = ()


class SurveyAnswer(msgspec.Struct, frozen=True):
    """A respondent's answer to one question: a code, or free text."""

    survey: str
    respondent: str  # SURVEY-NUMBER
    variable: str
    code: str | None = None
    text: str | None = None
    missing: str | None = None  # why it is missing: system (empty) | user (a code) | not asked


Record = (
    Profile | Position | ProfileLink | ProfileDetail | Connection | Account | AccountField | Absence | Follow | Listed
    | Post | Deletion | Quarantine | Organisation | Office | SurveyVariable | SurveyAnswer | Document
    | DocumentPage
)  # fmt: skip

Meta = dict[str, Any]

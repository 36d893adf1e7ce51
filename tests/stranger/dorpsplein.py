"""A collector of dorpsplein.example, an invented platform, in a package of its own that knows only the contract."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime
from urllib.parse import quote, urlsplit

import httpx
import msgspec
from pydantic import BaseModel

from sneeuwbal.contract import (
    Absent,
    Account,
    Done,
    Failure,
    Follow,
    Handles,
    Kind,
    Later,
    Limit,
    Mention,
    Outcome,
    Page,
    Personal,
    Post,
    Quarantine,
    Record,
    Request,
    Settings,
    Transport,
    retry_at,
)

PLATFORM = "dorpsplein"

LIMIT = Limit(requests=600, seconds=60)
kinds = {
    "villager": Kind(limit=LIMIT, of="handle", yields="accounts"),
    "sayings": Kind(page=2, limit=LIMIT, price=0.01, paged=True, of="account", yields="posts"),
    "heeds": Kind(page=2, limit=LIMIT, paged=True, of="account", yields="follows", ties=("following",)),
    "villager_again": Kind(limit=LIMIT, yields="accounts"),
    "saying_again": Kind(limit=LIMIT, price=0.01, yields="posts"),
}
PATHS = {
    "villager": "/@{key}",
    "sayings": "/villagers/{key}/sayings",
    "heeds": "/villagers/{key}/heeds",
    "villager_again": "/villagers/{key}",
    "saying_again": "/sayings/{key}",
}


class Options(BaseModel):
    """The table `[collectors.dorpsplein]` of the study file."""

    base_url: str = "https://dorpsplein.example"


def fetch(requests: Iterator[Request], settings: Settings) -> Iterator[Page | Failure]:
    """Ask for each request."""
    options = settings.checked(Options)
    with httpx.Client(transport=Transport(settings.wire), base_url=options.base_url) as client:
        for request in requests:
            path = PATHS[request.target.kind].format(key=quote(request.target.key, safe=""))
            with settings.wire.ask((request,)) as exchange, suppress(httpx.TransportError):
                client.get(path, params={"from": request.target.cursor} if request.target.cursor else {})
            yield exchange.answer


class Villager(msgspec.Struct):
    """An account."""

    uid: str
    nick: str | None = None
    label: str | None = None
    about: str | None = None
    town: str | None = None
    heeded_by: int | None = None
    quiet: bool = False  # does not want to be found


class Saying(msgspec.Struct):
    """A post; *again* is the one that it passes on, *answers* the one that it is a reply to."""

    sid: str
    by: Villager | None = None
    at: datetime | None = None
    text: str = ""
    tags: list[str] = []
    named: list[Villager] = []
    answers: Saying | None = None
    again: Saying | None = None


class Body(msgspec.Struct):
    """An answer of any kind."""

    villagers: list[Villager] = []
    sayings: list[Saying] = []
    next: str | None = None
    why: str = "gone"


_decode = msgspec.json.Decoder(Body).decode


def outcome(page: Page) -> Iterator[Outcome]:
    """What became of the target of *page*."""
    request = page.requests[0]
    if page.status == 429:
        yield Later(request.target, "rate limit", retry_at(page), free=True, whole_kind=True)
    elif page.status not in (200, 404):
        yield Later(request.target, f"status {page.status}")
    elif isinstance(body := _read(page), Quarantine):
        yield Later(request.target, body.reason)
    elif page.status == 404:
        yield Absent(request.target, body.why)
    else:
        ids = [one.sid for one in body.sayings]
        reached = request.since in ids
        items = len(body.villagers) + len(ids)
        yield Done(request.target, None if reached else body.next, items, ids[0] if ids else "", reached=reached)


def parse(page: Page) -> Iterator[Record]:
    """The records of *page*."""
    body = _read(page)
    if isinstance(body, Quarantine):
        yield body
    elif page.status == 200:
        for villager in body.villagers:
            yield _account(villager)
            if page.kind == "heeds":
                yield Follow(PLATFORM, page.key, villager.uid, "following")
        for saying in body.sayings:
            yield from _posts(saying, page.key if page.kind == "sayings" else None)


def _read(page: Page) -> Body | Quarantine:
    try:
        return _decode(page.content())
    except ValueError as error:
        return Quarantine("page", str(error), page.body[:1000].decode("utf-8", "replace"))


def _account(one: Villager) -> Account:
    flags = ("noindex",) if one.quiet else ()
    return Account(one.uid, PLATFORM, one.nick, one.label, one.about, one.town, followers=one.heeded_by, flags=flags)


def _author(one: Saying) -> str | None:
    return one.by.uid if one.by else None


def _posts(one: Saying, timeline: str | None) -> Iterator[Record]:
    """The post, and the one that it passes on, which nobody's timeline showed."""
    original, answered = one.again, one.answers
    post = Post(
        one.sid, PLATFORM, _author(one), one.at, one.text, timeline, "reply" if answered else "original",
        hashtags=tuple(one.tags), reply_to_post=answered.sid if answered else None,
        reply_to_account=_author(answered) if answered else None,
        mentions=tuple(Mention(other.nick or "", other.uid) for other in one.named),
    )  # fmt: skip
    if one.by is not None and one.by.nick is not None:
        yield _account(one.by)
    if original is not None:
        nick = original.by.nick if original.by else ""
        post = msgspec.structs.replace(
            post, kind="retweet", text=f"RT @{nick}: {original.text}", hashtags=tuple(original.tags),
            retweeted_post=original.sid, retweeted_account=_author(original),
        )  # fmt: skip
        yield from _posts(original, None)
    yield post


personal = Personal(
    handles=Handles(form="word", hosts=("dorpsplein.example",), before=("dorpsplein.example/@",)),
    fields={
        "uid": "id", "sid": "id", "nick": "handle", "by": "author", "again": "repeats",
        "label": "names", "about": "descriptions", "town": "locations", "text": "texts",
    },
    shapes={"": (Body,)},
)  # fmt: skip


def handle_of(url: str) -> str | None:
    """The nick whose page *url* is."""
    found = re.fullmatch(r"/@(\w+)/?", urlsplit(url).path)
    return found[1].lower() if found else None


seed_form = "a nick on the dorpsplein"
recheck = {"account": "villager_again", "post": "saying_again"}

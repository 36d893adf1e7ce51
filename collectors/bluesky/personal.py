"""Declaration of personal data in AT protocol answers, and of how it names people. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote, urlsplit

import msgspec

from collectors.bluesky.own_lists import KIND, KeptView
from collectors.bluesky.own_lists import PackView as KeptPack
from collectors.bluesky.parse import (
    ActorView,
    ErrorView,
    FacetView,
    FeedItem,
    FollowRecord,
    PostRecord,
    PostView,
    ReasonView,
    ServiceView,
)
from collectors.bluesky.queries import METHODS, ItemView, ListView, PackView
from storage.privacy.declared import Field, Handles, Personal

HOSTS = ("bsky.app", "www.bsky.app", "staging.bsky.app")
DID = r"did:[a-z]+:[A-Za-z0-9._:%-]+"
DOMAIN = r"(?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\.)+[a-z][a-z0-9-]*"
ACTOR = re.compile(f"{DID}|{DOMAIN}", re.I)


def handle_of(url: str) -> str | None:
    """The handle (in lower case) or DID whose page *url* is; None if it is not an account's page."""
    path = [unquote(piece) for piece in urlsplit(url).path.split("/") if piece]
    if len(path) != 2 or path[0] != "profile":
        return None
    actor = path[1].removeprefix("@")
    if not ACTOR.fullmatch(actor):
        return None
    return actor if actor.startswith("did:") else actor.lower()


class _Feature(msgspec.Struct):
    tag: str = ""
    did: str = ""
    uri: str = ""


class _External(msgspec.Struct):
    uri: str = ""


class _Embed(msgspec.Struct):
    record: PostView | None = None
    external: _External | None = None


class _Around(msgspec.Struct):
    record: PostView | None = None


class _Context(msgspec.Struct):
    parent: PostView | None = None
    root: PostView | None = None


class _Body(msgspec.Struct):
    profiles: list[ActorView] = []
    subject: ActorView | None = None
    follows: list[ActorView] = []
    followers: list[ActorView] = []
    feed: list[FeedItem] = []
    records: list[FollowRecord] = []
    cursor: str | None = None
    service: list[ServiceView] = []


class _Found(msgspec.Struct, rename="camel"):
    did: str = ""
    starter_pack: PackView | None = None
    kept: ListView | None = msgspec.field(name="list", default=None)
    lists: list[KeptView] = []
    starter_packs: list[KeptPack] = []
    items: list[ItemView] = []
    actors: list[ActorView] = []
    feed: list[FeedItem] = []
    posts: list[PostView] = []
    hits_total: int | None = None
    cursor: str | None = None


def _masked(value: Any, owner: Mapping[str, Any]) -> Any:
    """Blanks for everything but mentioned handles, so that byte offsets still point to these; and an @ at the
    beginning, which Table 6 counts."""
    if not isinstance(value, str):
        return ""
    raw = value.encode("utf-8", "surrogatepass")
    kept = bytearray(b"@" if raw[:1] == b"@" else b" " * bool(raw)) + b" " * (len(raw) - 1)
    facets = owner.get("facets")
    for facet in facets if isinstance(facets, list) else ():
        try:
            start, end = facet["index"]["byteStart"], facet["index"]["byteEnd"]
            mention = any(str(feature.get("$type")).endswith("#mention") for feature in facet["features"])
            if mention and 0 <= start <= end:
                kept[start:end] = raw[start:end]
        except (KeyError, TypeError, AttributeError):
            continue
    return kept.decode("utf-8", "replace")


PERSONAL = Personal(
    platform="bluesky",
    handles=Handles(form="domain", pattern=r"[^@\s.]+(?:\.[^@\s.]+)+", hosts=HOSTS, ids=True),
    numbers=False,
    fields={
        "did": "id", "uri": "id", "handle": "handle", "author": "author", "record": "body", "value": "body",
        "url": "address", "$type": "kept",
        (PostRecord, "text"): Field("texts", _masked),
        (ActorView, "displayName"): "names",
        (ActorView, "description"): "descriptions",
    },
    shapes={"": (_Body, ActorView, ErrorView), **dict.fromkeys((KIND, *METHODS), (_Found, ActorView, ErrorView))},
    untyped={
        (PostRecord, "embed"): (_Embed,),
        (PostView, "embed"): (_Embed,),
        (_Embed, "record"): (PostView, _Around),
        (FacetView, "features"): (list[_Feature],),
        (FeedItem, "reason"): (ReasonView,),
        (FeedItem, "reply"): (_Context,),
        (ServiceView, "serviceEndpoint"): (str,),
    },
)  # fmt: skip

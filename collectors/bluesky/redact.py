"""Answers of the AT protocol without what a study does not want. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import msgspec

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
from collectors.parsing.redact import Shapes, gone
from storage.records import Page


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


def _masked(value: Any, owner: Mapping[str, Any]) -> Any:
    """Blanks for all but the handles that are mentioned, so that byte offsets still point at these; and an @ at the
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


_SHAPES = Shapes(
    {
        (PostRecord, "text"): ("texts", _masked),
        (ActorView, "displayName"): ("names", gone),
        (ActorView, "description"): ("descriptions", gone),
    },
    {
        (PostRecord, "embed"): (_Embed,),
        (PostView, "embed"): (_Embed,),
        (_Embed, "record"): (PostView, _Around),
        (FacetView, "features"): (list[_Feature],),
        (FeedItem, "reason"): (ReasonView,),
        (FeedItem, "reply"): (_Context,),
        (ServiceView, "serviceEndpoint"): (str,),
    },
)


def redacted(page: Page, drop: Collection[str]) -> Page:
    """*page* with nothing but what the tables are made from, and without what *drop* names."""
    return _SHAPES.redacted(page, (_Body, ActorView, ErrorView), drop)

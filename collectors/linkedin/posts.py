"""LinkedIn posts as received by its web client ("Voyager"), captured by Zeeschuimer."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from collectors.parsing.coerce import each, from_epoch, get, number, record, text
from collectors.parsing.people import profile_url, shown
from storage.records import Account, Mention, Post, Record

PLATFORM = "linkedin"
_ACTIVITY = re.compile(r"urn:li:(?:activity|ugcPost|share):(\d+)")
_FIRST = datetime(2003, 5, 5, tzinfo=UTC)  # LinkedIn's launch


def post(data: Mapping[str, Any], collected: datetime | None, sample: str | None) -> Iterator[Record]:
    """The post with its author, and the post it shares. Raise ValueError without an id."""
    yield from _post(data, collected, sample, on_timeline=True)


def _post(
    data: Mapping[str, Any], collected: datetime | None, sample: str | None, on_timeline: bool
) -> Iterator[Record]:
    urn = _urn(data)
    if urn is None:
        raise ValueError("a post of LinkedIn without an activity id")
    author = _author(record(data.get("actor")))
    if author is not None:
        yield author
    said = record(get(data, "commentary", "text"))
    shared = record(data.get("resharedUpdate")) or record(data.get("*resharedUpdate"))
    shared_urn = _urn(shared) if shared else None
    body = said.get("text") if isinstance(said.get("text"), str) else ""
    likes, reposts, replies = _counts(record(data.get("*socialDetail")) or record(data.get("socialDetail")))
    yield Post(
        urn,
        PLATFORM,
        author.account_id if author else None,
        _made(urn, collected),
        str(body),
        author.account_id if author and on_timeline else None,
        "original" if not shared_urn else "quote" if body else "retweet",
        hashtags=_hashtags(said),
        mentions=_mentions(said),
        urls=_links(record(data.get("content"))),
        quoted_post=shared_urn if body else None,
        retweeted_post=None if body else shared_urn,
        likes=likes,
        reposts=reposts,
        replies=replies,
        sample=sample,
    )
    if shared_urn and sample is None:
        yield from _post(shared, collected, sample, on_timeline=False)


def _urn(data: Mapping[str, Any]) -> str | None:
    """The first activity id in the fields where the client keeps it."""
    for value in (
        get(data, "updateMetadata", "urn"),
        data.get("preDashEntityUrn"),
        get(data, "metadata", "backendUrn"),
        data.get("entityUrn"),
        data.get("id"),
    ):
        match = _ACTIVITY.search(value) if isinstance(value, str) else None
        if match:
            return match[0]
    return None


def _made(urn: str, collected: datetime | None) -> datetime | None:
    """When the id was made: its upper bits count milliseconds since 1970. None if absurd.

    The client itself shows only "2w".
    """
    made = from_epoch(int(urn.rpartition(":")[2][:20]) >> 22)
    if made is None or made < _FIRST or made > (collected or made) + timedelta(days=1):
        return None
    return made


def _author(actor: Mapping[str, Any]) -> Account | None:
    target = text(get(actor, "navigationContext", "actionTarget"))
    url = profile_url(target) if target else None
    if url is None:
        return None
    name, headline = shown(get(actor, "name", "text")), shown(get(actor, "description", "text"))
    return Account(url, PLATFORM, url.rpartition("/")[2], name, headline, url=url)


def _marks(said: Mapping[str, Any]) -> list[Any]:
    return each(said.get("attributes")) + each(said.get("attributesV2"))


def _hashtags(said: Mapping[str, Any]) -> tuple[str, ...]:
    found = []
    for mark in _marks(said):
        urn = get(mark, "detailData", "*hashtag", "trackingUrn") or get(mark, "trackingUrn")
        if isinstance(urn, str) and "hashtag:" in urn:
            found.append(urn.rpartition(":")[2])
    return tuple(tag for tag in found if tag)


def _mentions(said: Mapping[str, Any]) -> tuple[Mention, ...]:
    found = []
    for mark in _marks(said):
        for place in (
            get(mark, "*miniProfile"),
            get(mark, "detailData", "*profileMention"),
            get(mark, "detailData", "*profileFullName"),
        ):
            handle = text(get(place, "publicIdentifier"))
            if handle:
                found.append(Mention(handle, profile_url(f"https://www.linkedin.com/in/{handle}")))
    return tuple(found)


def _links(content: Mapping[str, Any]) -> tuple[str, ...]:
    link = text(get(content, "navigationContext", "actionTarget")) or text(
        get(content, "articleComponent", "navigationContext", "actionTarget")
    )
    return (link,) if link else ()


def _counts(detail: Mapping[str, Any]) -> tuple[int | None, int | None, int | None]:
    """Reactions, shares and comments."""
    total = record(detail.get("*totalSocialActivityCounts")) or record(detail.get("totalSocialActivityCounts"))
    if total:
        return number(total.get("numLikes")), number(total.get("numShares")), number(total.get("numComments"))
    likes, replies = get(detail, "likes", "paging", "total"), get(detail, "comments", "paging", "total")
    return number(likes), number(detail.get("totalShares")), number(replies)

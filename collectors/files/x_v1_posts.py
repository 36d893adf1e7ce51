"""Accounts and posts in the shape of X's API v1.1 ("User object", "Tweet object"; retired in 2023)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, TypedDict

import msgspec

from collectors.parsing import lenient
from collectors.parsing.coerce import each, flag, get, ident, moment, number, real, record, text
from storage.records import Account, Mention, Post, Quarantine, Record

PLATFORM = "x"
_ANCHOR = re.compile(r"<a [^>]*>(.*?)</a>", re.DOTALL)


class Context(msgspec.Struct, frozen=True):
    """Data missing from a value: the owner of its list, and its comparison set."""

    of: str = ""  # the owner of the list
    listed: str = ""  # followers | following
    sample: str | None = None


# ---- the types of fields; what has another is left out and counted --------------------------------------------


class Tag(TypedDict, total=False):
    """A hashtag."""

    text: str | None


class Named(TypedDict, total=False):
    """A mention."""

    screen_name: str | None
    id_str: Any
    id: Any


class Link(TypedDict, total=False):
    """A link in a text."""

    expanded_url: str | None
    url: str | None


class Links(TypedDict, total=False):
    """The links of an account."""

    urls: list[Link] | None


class Page(TypedDict, total=False):
    """The page of an account."""

    url: Links | None


class Place(TypedDict, total=False):
    """A place."""

    full_name: str | None
    id: str | None


class Point(TypedDict, total=False):
    """Longitude and latitude."""

    coordinates: list[float | None] | None


Object = dict[str, Any] | None


class Entities(TypedDict, total=False):
    """What is marked in a text; some libraries wrote it next to the text."""

    hashtags: list[Tag] | None
    user_mentions: list[Named] | None
    urls: list[Link] | None


class Long(TypedDict, total=False):
    """The long form of a post."""

    full_text: str | None
    entities: Entities | None


class Status(Entities, total=False):
    """A post."""

    entities: Entities | None
    extended_tweet: Long | None
    user: Object
    retweeted_status: Object
    quoted_status: Object
    lang: str | None
    source: str | None
    favorite_count: lenient.Count | None
    retweet_count: lenient.Count | None
    reply_count: lenient.Count | None
    place: Place | None
    coordinates: Point | None


class User(TypedDict, total=False):
    """An account."""

    screen_name: str | None
    name: str | None
    description: str | None
    location: str | None
    url: str | None
    entities: Page | None
    verified: bool | None
    protected: bool | None
    followers_count: lenient.Count | None
    friends_count: lenient.Count | None
    statuses_count: lenient.Count | None
    status: Object


def _typed(it: dict[str, Any], type_: Any, what: str) -> tuple[dict[str, Any], list[Record]]:
    """*it* with the types of *type_*, and what is left out of it; that of a time is found by reading it."""
    found, left = lenient.convert(it, type_)
    where = f"{what} {ident(it.get('id_str'), it.get('id')) or ''}".strip()
    wrong: list[Record] = [one.quarantine(where) for one in left]
    if (given := it.get("created_at")) not in (None, "") and moment(given) is None:
        wrong.append(Quarantine(where, f"created_at: {str(given)[:50]} is no moment that is read"))
    return {**it, **found}, wrong


def user(it: Any, context: Context) -> Iterator[Record]:
    """The account, and the status in it, if any."""
    it, wrong = _typed(record(it), User, "account")
    found = account(it)
    if found is None:
        raise ValueError("an account without an id")
    yield found
    yield from wrong
    inner = record(it.get("status"))
    if ident(inner.get("id_str"), inner.get("id")) and ("text" in inner or "full_text" in inner):
        yield from status({**inner, "user": {"id_str": found.account_id}}, context)


def account(it: Mapping[str, Any]) -> Account | None:
    """A user object as an account; None without an id."""
    key = ident(it.get("id_str"), it.get("id"))
    if key is None:
        return None
    return Account(
        key,
        PLATFORM,
        handle=text(it.get("screen_name")),
        name=text(it.get("name")),
        description=text(it.get("description")),
        location=text(it.get("location")),
        url=text(get(it, "entities", "url", "urls", 0, "expanded_url")) or text(it.get("url")),
        verified=flag(it.get("verified")),
        protected=flag(it.get("protected")),
        created_at=moment(it.get("created_at")),
        followers=number(it.get("followers_count")),
        following=number(it.get("friends_count")),
        posts=number(it.get("statuses_count")),
    )


# ---- posts -------------------------------------------------------------------------------------------------


def status(it: Mapping[str, Any], context: Context, on_timeline: bool = True) -> Iterator[Record]:
    """The post with its author; the retweeted and the quoted post under their own authors."""
    it, wrong = _typed(dict(it), Status, "post")
    by, wrong_of_author = _typed(record(it.get("user")), User, "account")
    author = account(by)
    if author is not None and author.handle:
        yield author
    inner = record(it.get("retweeted_status"))
    quoted = record(it.get("quoted_status"))
    post = _post(it, author.account_id if author else None, inner, quoted, context, on_timeline)
    yield post
    yield from (*wrong, *wrong_of_author)
    for one in (inner, quoted) if context.sample is None else ():  # a set has its own posts only
        if ident(one.get("id_str"), one.get("id")):
            yield from status(one, context, on_timeline=False)


def _post(
    it: Mapping[str, Any],
    author: str | None,
    inner: Mapping[str, Any],
    quoted: Mapping[str, Any],
    context: Context,
    on_timeline: bool,
) -> Post:
    key = ident(it.get("id_str"), it.get("id"))
    if key is None:
        raise ValueError("a post without an id")
    delivered, tags, mentions = _delivered(it)
    full = _full(inner or it)
    reply_post = ident(it.get("in_reply_to_status_id_str"), it.get("in_reply_to_status_id"))
    reply_account = ident(it.get("in_reply_to_user_id_str"), it.get("in_reply_to_user_id"))
    quoted_post = ident(it.get("quoted_status_id_str"), it.get("quoted_status_id"), quoted.get("id_str"))
    kind = "retweet" if inner else "reply" if reply_post or reply_account else "quote" if quoted_post else "original"
    return Post(
        key,
        PLATFORM,
        author,
        moment(it.get("created_at")),
        delivered,
        author if on_timeline else None,
        kind,
        full_text=full[0] if full[0] != delivered else None,
        lang=text(it.get("lang")),
        hashtags=tags,
        mentions=mentions,
        urls=_urls(_entities(it)),
        full_hashtags=full[1] if full[1] != tags else None,
        full_mentions=full[2] if full[2] != mentions else None,
        conversation_id=ident(it.get("conversation_id_str")),
        reply_to_post=reply_post,
        reply_to_account=reply_account,
        quoted_post=None if inner else quoted_post,
        retweeted_post=ident(inner.get("id_str"), inner.get("id")),
        retweeted_account=ident(get(inner, "user", "id_str"), get(inner, "user", "id")),
        likes=number(it.get("favorite_count")),
        reposts=number(it.get("retweet_count")),
        replies=number(it.get("reply_count")),
        source=_source(it.get("source")),
        place=text(get(it, "place", "full_name")) or text(get(it, "place", "id")),
        longitude=real(get(it, "coordinates", "coordinates", 0)),
        latitude=real(get(it, "coordinates", "coordinates", 1)),
        edit_of=_edited(it, key),
        sample=context.sample,
    )


_Said = tuple[str, tuple[str, ...], tuple[Mention, ...]]


def _delivered(it: Mapping[str, Any]) -> _Said:
    """Text, hashtags and mentions as delivered."""
    said = it["text"] if isinstance(it.get("text"), str) else it.get("full_text")
    if not isinstance(said, str):
        raise ValueError("a post without a text")
    return said, *_tags(_entities(it))


def _full(it: Mapping[str, Any]) -> _Said:
    """Text, hashtags and mentions in full: from the long form if there is one."""
    long = record(it.get("extended_tweet"))
    if isinstance(long.get("full_text"), str):
        return long["full_text"], *_tags(record(long.get("entities")))
    whole = it["full_text"] if isinstance(it.get("full_text"), str) else it.get("text")
    return whole if isinstance(whole, str) else "", *_tags(_entities(it))


def _entities(it: Mapping[str, Any]) -> Mapping[str, Any]:
    """The entities, which some libraries wrote next to the text."""
    return record(it.get("entities")) if "entities" in it else it


def _tags(entities: Mapping[str, Any]) -> tuple[tuple[str, ...], tuple[Mention, ...]]:
    tags = tuple(tag for one in each(entities.get("hashtags")) if (tag := text(get(one, "text"))))
    mentions = tuple(
        Mention(handle, ident(get(one, "id_str"), get(one, "id")))
        for one in each(entities.get("user_mentions"))
        if (handle := text(get(one, "screen_name")))
    )
    return tags, mentions


def _urls(entities: Mapping[str, Any]) -> tuple[str, ...]:
    found = (text(get(one, "expanded_url")) or text(get(one, "url")) for one in each(entities.get("urls")))
    return tuple(url for url in found if url)


def _source(value: Any) -> str | None:
    found = text(value)
    match = _ANCHOR.search(found) if found else None
    return match[1] if match else found


def _edited(it: Mapping[str, Any], key: str) -> str | None:
    first = ident(get(it, "edit_control", "edit_tweet_ids", 0))
    return first if first != key else None

"""X's API v1.1 as it was kept in files: statuses, accounts, lists of ids, stream messages; one value a line, or arrays.

Field names are those of the v1.1 documentation ("Tweet object", "User object", retired in 2023).
"""

from __future__ import annotations

import re
from collections.abc import Generator, Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import msgspec

from collectors.files.arrays import json_pieces
from collectors.files.collector import FileCollector, read_json
from collectors.files.pieces import Piece, open_bytes
from collectors.files.values import decode, each, flag, from_epoch, get, ident, moment, number, real, record, text
from storage.records import Absence, Account, Deletion, Follow, Mention, Page, Post, Quarantine, Record, Want

PLATFORM = "x"
_ANCHOR = re.compile(r"<a [^>]*>(.*?)</a>", re.DOTALL)


class Context(msgspec.Struct, frozen=True):
    """What a value does not say of itself: whose list it is, and the comparison set it belongs to."""

    of: str = ""  # the account whose list it is
    listed: str = ""  # followers | following
    sample: str | None = None


def cut(path: Path, want: Want, options: Mapping[str, Any]) -> Generator[Piece]:
    """The pieces of a v1.1 file."""
    return json_pieces(lambda: open_bytes(path), want.target.cursor)


def read(page: Page) -> Iterator[Record]:
    """The records of a piece; an account shown by many statuses comes once."""
    context = context_of(page)
    return once(read_json(page, lambda value: records(value, context)))


def context_of(page: Page) -> Context:
    """What the page's headers tell about its values."""
    return Context(
        page.header("Sneeuwbal-Of") or "", page.header("Sneeuwbal-Listed") or "", page.header("Sneeuwbal-Sample")
    )


def once(found: Iterator[Record]) -> Iterator[Record]:
    """*found* without accounts that were just seen with the same content."""
    seen: set[Account] = set()
    for one in found:
        if isinstance(one, Account):
            if one in seen:
                continue
            seen.add(one)
        yield one


def from_url(url: str, context: Context) -> Context:
    """*context* with the subject of a follow list, as the request's URL names it."""
    parts = urlsplit(url)
    match = re.search(r"/(followers|friends)/(?:ids|list)(?:\.json)?$", parts.path)
    if not match:
        return Context(sample=context.sample)
    of = parse_qs(parts.query).get("user_id", [context.of])[0]
    return Context(of, "followers" if match[1] == "followers" else "following", context.sample)


# ---- what a value is ----------------------------------------------------------------------------------------


def records(value: Any, context: Context) -> Iterator[Record]:
    """The records in one decoded value. Raise ValueError for a value that is nothing known."""
    if isinstance(value, list):
        for one in value:
            yield from records(one, context)
        return
    it = record(value)
    if "http_interactions" in it:
        yield from _interactions(it, context)
    elif "statuses" in it or "users" in it or "ids" in it:
        yield from _lists(it, context)
    elif isinstance(it.get("id"), dict):
        yield from _mapped(it["id"], context)
    elif "delete" in it:
        yield _deletion(it["delete"])
    elif ident(it.get("id_str"), it.get("id")) and ("text" in it or "full_text" in it):
        yield from status(it, context)
    elif ident(it.get("id_str"), it.get("id")) and "screen_name" in it:
        yield from user(it, context)
    else:
        raise ValueError(_unknown(it))


def _unknown(it: Mapping[str, Any]) -> str:
    errors = [str(get(error, "message") or error) for error in each(it.get("errors"))]
    if text(it.get("error")):
        errors.append(str(it["error"]))
    if errors:
        return "an error answer: " + "; ".join(errors)
    if "id" in it and isinstance(it["id"], float):
        return "the id lost its last digits (a float)"
    return f"neither a post nor an account: {', '.join(map(str, list(it)[:5])) or 'empty'}"


def _interactions(it: Mapping[str, Any], context: Context) -> Iterator[Record]:
    """Exchanges recorded by vcr: the body of each answer, read by its request's URL."""
    for number_, one in enumerate(each(it.get("http_interactions")), 1):
        body = get(one, "response", "body", "string")
        uri = str(get(one, "request", "uri") or "")
        try:
            yield from list(records(decode(str(body).encode()), from_url(uri, context)))
        except ValueError as error:
            yield Quarantine(f"interaction {number_}: {urlsplit(uri).path}", str(error), str(body)[:1000])


def _lists(it: Mapping[str, Any], context: Context) -> Iterator[Record]:
    for one in each(it.get("statuses")):
        yield from records(one, context)
    for one in each(it.get("users")):
        yield from user(one, context)
        if context.of and context.listed and (other := ident(one.get("id_str"), one.get("id"))):
            yield _follow(context, other)
    if "ids" in it:
        if not (context.of and context.listed):
            raise ValueError("a list of ids that does not say whose it is; give --of ID and --listed followers")
        for one in each(it["ids"]):
            other = ident(one)
            if other is None:
                raise ValueError(f"not an id: {str(one)[:50]}")
            yield _follow(context, other)


def _follow(context: Context, other: str) -> Follow:
    pair = (other, context.of) if context.listed == "followers" else (context.of, other)
    return Follow(PLATFORM, *pair, context.listed)


def _mapped(by_id: Mapping[str, Any], context: Context) -> Iterator[Record]:
    """statuses/lookup with map=true: what is not to be had is null."""
    for key, one in by_id.items():
        if one is None:
            yield Absence(PLATFORM, "post", str(key), "unknown")
        else:
            yield from records(one, context)


def _deletion(message: Any) -> Record:
    """A deletion notice of a stream."""
    post = ident(get(message, "status", "id_str"), get(message, "status", "id"))
    if post is None:
        raise ValueError("a deletion that names no post")
    return Deletion(PLATFORM, "post", post, "deleted", from_epoch(get(message, "timestamp_ms")))


# ---- accounts -----------------------------------------------------------------------------------------------


def user(it: Any, context: Context) -> Iterator[Record]:
    """The account, and the status that may lie in it."""
    it = record(it)
    found = account(it)
    if found is None:
        raise ValueError("an account without an id")
    yield found
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


# ---- posts --------------------------------------------------------------------------------------------------


def status(it: Mapping[str, Any], context: Context, on_timeline: bool = True) -> Iterator[Record]:
    """The post with its author; the retweeted and the quoted post under their own authors."""
    author = account(record(it.get("user")))
    if author is not None and author.handle:
        yield author
    inner = record(it.get("retweeted_status"))
    quoted = record(it.get("quoted_status"))
    yield _post(it, author.account_id if author else None, inner, quoted, context, on_timeline)
    for one in (inner, quoted):
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
    """Text, hashtags and mentions in full: of the long form where there is one."""
    long = record(it.get("extended_tweet"))
    if isinstance(long.get("full_text"), str):
        return long["full_text"], *_tags(record(long.get("entities")))
    whole = it["full_text"] if isinstance(it.get("full_text"), str) else it.get("text")
    return whole if isinstance(whole, str) else "", *_tags(_entities(it))


def _entities(it: Mapping[str, Any]) -> Mapping[str, Any]:
    """The entities; some libraries wrote them beside the text."""
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


collector = FileCollector("x-v1", cut, read)

"""Answers of X's API v2 in files: whole pages, flattened posts, bare lists, compliance notices.

The v2 JSON itself is read by `collectors.x.parse`; here values are only classified, and requests recognised by
their URLs.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

import msgspec

from collectors.files.x_v1 import once
from collectors.importing.file_collector import documents, excerpt, guarded, place
from collectors.importing.json_stream import elements
from collectors.parsing import lenient
from collectors.parsing.coerce import decode, each, get, ident, moment, record, text
from collectors.x import outcome, parse
from storage.outcomes import absences
from storage.records import Deletion, Page, Post, Quarantine, Record, Request, Target

OWN = "its own author's"  # placeholder for the timeline of each post's author until the author is known
_LISTS = re.compile(r"/2/users/(\d+)/(followers|following)$")
_encode = msgspec.json.Encoder().encode


class _Keys(msgspec.Struct):
    """The fields that distinguish a post, an account and anything else."""

    text: Any = None
    username: Any = None


class _Twarc(msgspec.Struct):
    url: str = ""


class _Shape(msgspec.Struct):
    data: list[_Keys] | _Keys | msgspec.UnsetType | None = msgspec.UNSET
    includes: Any = None
    errors: Any = None
    meta: Any = None
    title: Any = None
    id: Any = None
    text: Any = None
    username: Any = None
    action: Any = None
    users: Any = None
    tweets: Any = None
    twarc: _Twarc | None = msgspec.field(default=None, name="__twarc")


_shape = msgspec.json.Decoder(_Shape).decode


class Context(msgspec.Struct, frozen=True):
    """Data missing from a value."""

    url: str = ""  # of the request
    sample: str | None = None
    compliance: str = ""  # post | account: the object type of compliance notices


def read(page: Page) -> Iterator[Record]:
    """The records of one recorded answer, or of a piece of a file."""
    url = page.url if page.url.startswith("http") else ""
    context = Context(url, page.asked.get("sample"), _about(page))
    return once(_read(page, context))


def refused(page: Page) -> Iterator[Record]:
    """The records of an answer without data."""
    requests = _asked(page.url)
    found = list(absences(outcome.outcome(msgspec.structs.replace(page, requests=requests)))) if requests else []
    if not found and page.status != 429 and page.status < 500:
        yield Quarantine(urlsplit(page.url).path, f"an answer with status {page.status}", excerpt(page.body))
    yield from found


def _about(page: Page) -> str:
    """The object type of compliance notices in this file: as given, else from the file's name."""
    name = place(page).lower()
    given: str = page.asked.get("compliance", "")
    return given or ("account" if "user" in name else "post" if "tweet" in name or "post" in name else "")


def _read(page: Page, context: Context) -> Iterator[Record]:
    content = page.content().removeprefix(b"\xef\xbb\xbf")
    if page.asked.get("unit", "line") == "line":
        units = enumerate(content.split(b"\n"))
    elif content.lstrip().startswith(b"["):
        units = enumerate(elements(content))
    else:
        units = enumerate([content])
    for index, raw in units:
        if raw.strip():
            where = place(page, index)
            for one in documents(raw):
                yield from _placed(where, guarded(where, one, lambda one=one: answer(one, context)))  # type: ignore[misc]


def _placed(where: str, found: Iterator[Record]) -> Iterator[Record]:
    for one in found:
        if isinstance(one, Quarantine) and one.place != where:
            one = Quarantine(f"{where}, {one.place}", one.reason, one.excerpt)
        yield one


# ---- one value ---------------------------------------------------------------------------------------------


def answer(raw: bytes, context: Context) -> Iterator[Record]:
    """The records of one JSON value: a page, a post, an account, a notice. Raise ValueError for anything else."""
    try:
        shape = _shape(raw)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        value, left = lenient.value(raw)
        yield from (each.quarantine() for each in left)
        raw = _encode(value)
        shape = _lenient(value)
    url = shape.twarc.url if shape.twarc else context.url
    if shape.data is not msgspec.UNSET or shape.includes is not None or shape.errors is not None:
        yield from _page(raw, shape, url, context)
    elif shape.action is not None and shape.id is not None:
        yield _notice(record(decode(raw)), context)
    elif isinstance(shape.text, str) and shape.id is not None:
        yield from _posts(_encode(unflattened(record(decode(raw)))), context)
    elif shape.username is not None and shape.id is not None:
        yield from _accounts(_encode({"data": [decode(raw)]}), "", context)
    elif shape.users is not None or shape.tweets is not None:
        yield from _posts(_encode({"includes": decode(raw)}), context)
    elif shape.meta is not None:
        return  # an empty page
    else:
        raise ValueError(f"neither a page of API v2 nor a post: {excerpt(raw)[:80]}")


def _lenient(value: Any) -> _Shape:
    try:
        return msgspec.convert(value, _Shape)
    except msgspec.ValidationError as error:
        raise ValueError(f"not an answer of API v2: {error}") from error


def _page(raw: bytes, shape: _Shape, url: str, context: Context) -> Iterator[Record]:
    data = shape.data if isinstance(shape.data, list) else [shape.data] if isinstance(shape.data, _Keys) else []
    if any(one.username is not None for one in data):
        yield from _accounts(raw, url, context)
    elif data and not any(isinstance(one.text, str) for one in data):
        value = record(decode(raw))
        yield from _posts(_encode({"includes": value.get("includes")}), context)
        yield _event(value, excerpt(raw))
    elif "/users" in urlsplit(url).path and not data and shape.errors:
        yield from _accounts(raw, url, context)
    else:
        yield from _absent(raw, url, {"post"})
        yield from _posts(raw, context)


def _posts(raw: bytes, context: Context) -> Iterator[Record]:
    """The posts of a page; each on its own author's timeline, the referenced ones on none."""
    for one in parse.posts(raw, OWN, context.sample):
        if isinstance(one, Post) and one.timeline_of == OWN:
            author = None if one.account_id == OWN else one.account_id
            one = msgspec.structs.replace(one, account_id=author, timeline_of=author)
        yield one


def _accounts(raw: bytes, url: str, context: Context) -> Iterator[Record]:
    """The accounts of a page, with the edges if it is a follow list."""
    asked = _asked(url)
    page = Page(asked or (Request(Target("x", "accounts", ""), ""),), url, 200, (), raw, datetime.now(UTC))
    if asked:
        yield from absences(outcome.outcome(page))
    yield from parse.parse(page)


def _absent(raw: bytes, url: str, kinds: set[str]) -> Iterator[Record]:
    """Absences of ids that were requested but not returned."""
    requests = _asked(url)
    if requests and requests[0].target.kind in kinds:
        yield from absences(outcome.outcome(Page(requests, url, 200, (), raw, datetime.now(UTC))))


def _asked(url: str) -> tuple[Request, ...]:
    """The targets of a request, from its URL; none if unknown."""
    parts = urlsplit(url)
    if match := _LISTS.search(parts.path):
        return (Request(Target("x", match[2], match[1]), ""),)
    asked = parse_qs(parts.query)
    for path, parameter, kind in (
        ("/2/users/by", "usernames", "user"),
        ("/2/users", "ids", "user_id"),
        ("/2/tweets", "ids", "post"),
        ("/2/posts", "ids", "post"),
    ):
        if parts.path == path and parameter in asked:
            keys = ",".join(asked[parameter]).split(",")
            return tuple(Request(Target("x", kind, key.strip().lower()), "") for key in keys if key.strip())
    return ()


# ---- notices -----------------------------------------------------------------------------------------------


def _notice(it: Mapping[str, Any], context: Context) -> Record:
    """A line of a compliance job: a deletion."""
    key = ident(it.get("id"))
    if it.get("action") != "delete" or key is None:
        raise ValueError(f"a compliance notice that asks for {it.get('action')!s}, which is not done here")
    if not context.compliance:
        raise ValueError("a compliance notice that does not say of what; give --compliance post or account")
    return Deletion("x", context.compliance, key, text(it.get("reason")) or "deleted", moment(it.get("redacted_at")))


def _event(it: Mapping[str, Any], raw: str) -> Record:
    """An event of a compliance stream; anything else is ignored."""
    for name, kind in (("delete", "post"), ("tweet_delete", "post"), ("user_delete", "account")):
        event = record(get(it, "data", name))
        key = ident(get(event, "tweet", "id"), get(event, "post", "id"), get(event, "user", "id"))
        if key:
            return Deletion("x", kind, key, "deleted", moment(event.get("event_at")))
    return Quarantine("data", "neither posts nor accounts", raw)


# ---- flattened posts ---------------------------------------------------------------------------------------


def unflattened(post: Mapping[str, Any]) -> dict[str, Any]:
    """A page of one post: what `twarc2 flatten` inlined is moved back into the includes."""
    users: dict[str, Any] = {}
    tweets: dict[str, Any] = {}
    places: dict[str, Any] = {}
    _collect(post, users, tweets, places)
    includes = {"users": list(users.values()), "tweets": list(tweets.values()), "places": list(places.values())}
    return {"data": [_bare(post)], "includes": includes}


def _collect(post: Mapping[str, Any], users: dict[str, Any], tweets: dict[str, Any], places: dict[str, Any]) -> None:
    people = [post.get("author"), post.get("in_reply_to_user"), *each(get(post, "entities", "mentions"))]
    for one in people:
        if isinstance(one, dict) and "name" in one and (key := ident(one.get("id"))):
            users.setdefault(key, {**one, "id": key})
    geo = record(post.get("geo"))
    if (key := ident(geo.get("place_id"), geo.get("id"))) and text(geo.get("full_name")):
        places.setdefault(key, {"id": key, "full_name": geo["full_name"]})
    for one in each(post.get("referenced_tweets")):
        if isinstance(one, dict) and isinstance(one.get("text"), str) and (key := ident(one.get("id"))):
            tweets.setdefault(key, _bare({name: value for name, value in one.items() if name != "type"}))
            _collect(one, users, tweets, places)


def _bare(post: Mapping[str, Any]) -> dict[str, Any]:
    """A post in the API's form."""
    bare = {name: value for name, value in post.items() if name not in ("author", "in_reply_to_user", "__twarc")}
    if isinstance(author := post.get("author"), dict) and "author_id" not in bare:
        bare["author_id"] = ident(author.get("id"))
    if isinstance(links := bare.get("referenced_tweets"), list):
        bare["referenced_tweets"] = [{"type": get(one, "type"), "id": get(one, "id")} for one in links]
    return bare


__all__ = ["Context", "answer", "read", "unflattened"]

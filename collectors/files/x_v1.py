"""X's API v1.1 in files: posts, accounts, lists of ids, stream messages; one value per line, or arrays."""

from __future__ import annotations

import re
from collections.abc import Generator, Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import msgspec

from collectors.files import x_archive
from collectors.files.x_v1_posts import PLATFORM, Context, status, user
from collectors.importing.chunks import Piece
from collectors.importing.file_collector import FileCollector, read_json
from collectors.importing.json_stream import json_pieces
from collectors.parsing.coerce import decode, each, from_epoch, get, ident, record, text
from collectors.x.personal import FILES
from storage.records import Absence, Account, Deletion, Follow, Page, Quarantine, Record, Request


def cut(path: Path, request: Request, options: Mapping[str, Any]) -> Generator[Piece]:
    """The pieces of a v1.1 file, or of a member's archive, its parts one after the other."""
    parts, owner = x_archive.opened(path)
    number, _, start = request.target.cursor.rpartition("/")
    for index, open_ in enumerate(parts):
        if index < int(number or 0):
            continue
        for piece in json_pieces(open_, start if index == int(number or 0) else ""):
            after = f"{index}/{piece.after}" if index else piece.after
            if not piece.after and index + 1 < len(parts):
                after = f"{index + 1}/"
            yield msgspec.structs.replace(piece, after=after, asked={**piece.asked, **({"of": owner} if owner else {})})


def read(page: Page) -> Iterator[Record]:
    """The records of a piece; an account shown by many statuses occurs once."""
    context = context_of(page)
    return once(read_json(page, lambda value: records(value, context)))


def context_of(page: Page) -> Context:
    """The options given for the file's values."""
    return Context(page.asked.get("of", ""), page.asked.get("listed", ""), page.asked.get("sample"))


def once(found: Iterator[Record]) -> Iterator[Record]:
    """*found* without accounts just seen with the same content."""
    seen: set[Account] = set()
    for one in found:
        if isinstance(one, Account):
            if one in seen:
                continue
            seen.add(one)
        yield one


def from_url(url: str, context: Context) -> Context:
    """*context* with the subject of a follow list, from the request's URL."""
    parts = urlsplit(url)
    match = re.search(r"/(followers|friends)/(?:ids|list)(?:\.json)?$", parts.path)
    if not match:
        return Context(sample=context.sample)
    of = parse_qs(parts.query).get("user_id", [context.of])[0]
    return Context(of, "followers" if match[1] == "followers" else "following", context.sample)


_REASONS = {17: "unknown", 34: "unknown", 50: "unknown", 63: "suspended", 64: "suspended", 144: "unknown",
            179: "protected"}  # fmt: skip


def refused(page: Page) -> Iterator[Record]:
    """The absence in an answer without data; nothing for limits and server errors.

    Codes as in X's list of response codes of API v1.1.
    """
    if page.status == 429 or page.status >= 500:
        return
    asked = parse_qs(urlsplit(page.url).query)
    key = next((asked[name][0] for name in ("user_id", "screen_name", "id") if name in asked), None)
    try:
        body = record(decode(page.content()))
    except ValueError:
        body = {}
    codes = [get(error, "code") for error in each(body.get("errors"))]
    reason = next((_REASONS[code] for code in codes if isinstance(code, int) and code in _REASONS), None)
    if body.get("error") == "Not authorized.":
        reason = "protected"
    if key and reason:
        yield Absence(PLATFORM, "post" if "id" in asked else "account", key, reason, _unknown(body))
    else:
        yield Quarantine(urlsplit(page.url).path, f"an answer with status {page.status}: {_unknown(body)}")


# ---- values -------------------------------------------------------------------------------------------------


def records(value: Any, context: Context) -> Iterator[Record]:
    """The records in one decoded value. Raise ValueError for an unknown value."""
    if isinstance(value, list):
        for one in value:
            yield from records(one, context)
        return
    it = record(value)
    if "http_interactions" in it:
        yield from _interactions(it, context)
    elif "statuses" in it or "users" in it or "ids" in it:
        yield from _lists(it, context)
    elif isinstance(it.get("tweet"), dict):
        yield from x_archive.post(it["tweet"], context)
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
    for name in ("statuses", "users", "ids"):
        if it.get(name) is not None and not isinstance(it[name], list):
            yield Quarantine(name, f"not a list: {str(it[name])[:50]}")
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
    """statuses/lookup with map=true: what is not available is null."""
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


collector = FileCollector("x-v1", cut, read, personal=FILES)

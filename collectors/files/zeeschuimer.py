"""Zeeschuimer: posts captured while browsing, one item per line; items of X and LinkedIn are read.

Both envelopes: `{item_id, timestamp_collected, source_platform, data}`, and 4CAT's `{**data, "__import_meta"}`. Items
of X are converted to the form of API v1.1, which their `legacy` part still has. The browser rounds
`item_id` and `data.id`; `data.rest_id` is the id.
"""

from __future__ import annotations

import re
from collections.abc import Generator, Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec

from collectors.files import x_v1, x_v1_posts
from collectors.importing.chunks import Piece, line_pieces, open_bytes
from collectors.importing.file_collector import FileCollector, read_json
from collectors.linkedin.posts import post as linkedin_post
from collectors.parsing.coerce import flag, from_epoch, get, ident, record
from collectors.x.personal import FILES
from storage.records import Page, Record, Request

_COLLECTED = re.compile(rb'"timestamp_collected"\s*:\s*(\d{12,14})')


def cut(path: Path, request: Request, options: Mapping[str, Any]) -> Generator[Piece]:
    """Groups of whole lines, dated by the newest item in them."""
    with open_bytes(path) as stream:
        for piece in line_pieces(stream, request.target.cursor):
            times = [int(match) for match in _COLLECTED.findall(piece.body)]
            yield msgspec.structs.replace(piece, at=from_epoch(max(times, default=None)))


def read(page: Page) -> Iterator[Record]:
    """The posts in a piece with their authors."""
    context = x_v1.context_of(page)
    return x_v1.once(read_json(page, lambda value: records(value, context)))


def records(value: Any, context: x_v1_posts.Context) -> Iterator[Record]:
    """The records of one captured item. Raise ValueError for another platform's."""
    item = record(value)
    meta = record(item["__import_meta"]) if "__import_meta" in item else item
    data = item if "__import_meta" in item else record(item.get("data"))
    platform = str(meta.get("source_platform") or "").removeprefix("www.")
    if platform in ("twitter.com", "x.com", "twitter", "x"):
        status = _status(data)
        if status is None:
            raise ValueError("a post that is no longer shown (tombstone), or without its legacy part")
        yield from x_v1_posts.status(status, context)
    elif platform in ("linkedin.com", "linkedin"):
        yield from linkedin_post(data, from_epoch(meta.get("timestamp_collected")), context.sample)
    else:
        raise ValueError(f"items of {platform or 'an unnamed platform'} are not read")


def _status(data: Any) -> dict[str, Any] | None:
    """A captured post in the form of API v1.1; None if it has no data."""
    data = record(data)
    data = record(data["tweet"]) if "tweet" in data else data
    legacy = record(data.get("legacy"))
    key = ident(data.get("rest_id"), legacy.get("id_str"))
    if key is None or not isinstance(legacy.get("full_text", legacy.get("text")), str):
        return None
    status = {**legacy, "id_str": key, "id": None, "user": _user(data, legacy)}
    status["retweeted_status"] = _status(get(legacy, "retweeted_status_result", "result"))
    status["quoted_status"] = _status(
        get(data, "quoted_status_result", "result") or get(legacy, "quoted_status_result", "result")
    )
    status["source"] = data.get("source", legacy.get("source"))
    status["edit_control"] = data.get("edit_control")
    long = record(get(data, "note_tweet", "note_tweet_results", "result"))
    if isinstance(long.get("text"), str):
        status["extended_tweet"] = {"full_text": long["text"], "entities": long.get("entity_set")}
    return status


def _user(data: Mapping[str, Any], legacy: Mapping[str, Any]) -> dict[str, Any]:
    """The author in the shape of API v1.1, from the old place of each field or the new one."""
    it = record(get(data, "core", "user_results", "result"))
    it = record(it["user"]) if "user" in it else it
    old = record(it.get("legacy")) or record(data.get("user"))
    user = {**old, **{name: value for name, value in record(it.get("core")).items() if value is not None}}
    user["id_str"], user["id"] = ident(it.get("rest_id"), old.get("id_str"), legacy.get("user_id_str")), None
    user["location"] = get(it, "location", "location") or old.get("location")
    user["description"] = get(it, "profile_bio", "description") or old.get("description")
    protected = flag(get(it, "privacy", "protected"))
    user["protected"] = flag(old.get("protected")) if protected is None else protected
    signs = [flag(old.get("verified")), flag(get(it, "verification", "verified")), flag(it.get("is_blue_verified"))]
    user["verified"] = True if True in signs else False if False in signs else None
    return user


PERSONAL = msgspec.structs.replace(
    FILES,
    platform="",  # items of two
    handles=None,
    fields={**FILES.fields, "actor": "author", "navigationContext": "author", "actionTarget": "address",
            "entityUrn": "id", "preDashEntityUrn": "id", "urn": "id", "commentary": "texts"},
)  # fmt: skip
collector = FileCollector("zeeschuimer", cut, read, personal=PERSONAL)

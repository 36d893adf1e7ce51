"""Declaration of personal data in X's answers, and of how X names people. Pure."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import unquote, urlsplit

from collectors.parsing.redact import reply_mark
from collectors.x.models import Geo, Includes, Note, PostItem, PostPage, Problem, UserItem, UserPage
from collectors.x.outcome import Answer, WithClaims
from storage.privacy.declared import Field, Handles, Personal

HANDLE = r"[A-Za-z0-9_]{1,15}"
HOSTS = tuple(f"{prefix}{host}" for prefix in ("", "www.", "mobile.", "m.") for host in ("twitter.com", "x.com"))
PAGES = {"with_replies", "media", "likes", "favorites", "followers", "following", "lists", "highlights", "articles"}
RESERVED = {
    "about", "account", "compose", "download", "en", "explore", "following", "followers", "goodies", "hashtag", "home",
    "i", "intent", "invitations", "jobs", "login", "logout", "messages", "notifications", "oauth", "privacy", "search",
    "search-advanced", "settings", "share", "signin", "signup", "status", "statuses", "tos", "who_to_follow", "widgets",
}  # fmt: skip


def handle_of(url: str) -> str | None:
    """The handle whose page *url* is, in lower case; None if it is not an account's page."""
    parts = urlsplit(url)
    path = [unquote(piece) for piece in parts.path.split("/") if piece]
    if not path and parts.fragment.startswith("!"):  # links of 2011
        path = [unquote(piece) for piece in re.split(r"[/?]", parts.fragment[1:]) if piece]
    if not path or len(path) > 2 or (len(path) == 2 and path[1].lower() not in PAGES):
        return None
    handle = path[0].removeprefix("@").lower()
    return handle if handle not in RESERVED and re.fullmatch(HANDLE, handle) else None


def _note(value: Any, owner: Any) -> Any:
    """Keep a blank: an empty note would be dropped, with the hashtags in it."""
    return " " if value else value


# API v2 in both vocabularies; then v1.1 and the web client, as in files
PERSONAL = Personal(
    platform="x",
    handles=Handles(
        form="word", pattern=HANDLE, hosts=HOSTS, before=("twitter.com/", "x.com/", "twitter.com/#!/", "x.com/#!/")
    ),
    fields={
        "id": "id", "username": "handle", "author_id": "author",
        "conversation_id": "refers", "in_reply_to_user_id": "refers",
        "referenced_tweets": "repeats", "referenced_posts": "repeats",
        "url": "address", "expanded_url": "address", "unwound_url": "address",
        "start": "kept", "end": "kept", "type": "kept",
        (PostItem, "text"): Field("texts", reply_mark),
        (Note, "text"): Field("texts", _note),
        (UserItem, "name"): "names",
        (UserItem, "description"): "descriptions",
        (UserItem, "location"): "locations",
        (Includes, "places"): "locations",
        (Geo, "place_id"): "locations",
        (Geo, "coordinates"): "coordinates",
    },
    shapes={"": (PostPage, UserPage, Answer, WithClaims, Problem)},
    untyped={(Problem, "errors"): (list[Problem],)},
    lines=("sample",),
)  # fmt: skip
FILES = Personal(
    platform="x",
    handles=PERSONAL.handles,
    fields={
        **PERSONAL.fields,
        "text": "texts", "full_text": "texts", "name": "names", "description": "descriptions", "location": "locations",
        "id_str": "id", "rest_id": "id", "screen_name": "handle", "user_id_str": "author", "user": "author",
        "core": "author", "user_results": "author", "result": "author",
        "in_reply_to_user_id_str": "refers", "in_reply_to_status_id_str": "refers", "in_reply_to_status_id": "refers",
        "retweeted_status": "repeats", "indices": "kept",
    },
)  # fmt: skip

"""Targets for AT protocol answers recorded by other tools."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, urlsplit

import msgspec

from collectors.bluesky import typed
from collectors.bluesky.parse import OPT_OUT
from collectors.parsing import lenient
from collectors.parsing.coerce import each, get, record
from storage.privacy.declared import OUT
from storage.records import Page, Target

WHOSE = "the recording does not show whose list it is"
# the kind, and the parameter that is its key, by method
ACTORS = {"app.bsky.feed.getAuthorFeed": "timeline", "app.bsky.graph.getFollows": "following",
          "app.bsky.graph.getFollowers": "followers"}  # fmt: skip
QUERIES = {
    "app.bsky.graph.getList": ("list", "list"),
    "app.bsky.feed.getFeed": ("feed", "feed"),
    "app.bsky.actor.searchActors": ("search_actors", "q"),
    "app.bsky.feed.searchPosts": ("search_posts", "q"),
}


def recorded(page: Page, seen: dict[str, str]) -> Target | str | None:
    """The target that *page* answers; why it is left out; None if it is not of a supported kind.

    *seen* has DIDs by the handles of earlier answers. Raise a decoding error for a body that is not JSON.
    """
    parts = urlsplit(page.url)
    method = parts.path.rpartition("/xrpc/")[2]
    if parts.path != f"/xrpc/{method}":
        return None
    said = {name: values[0] for name, values in parse_qs(parts.query).items()}
    actor = typed.actor(said.get("actor", "")) or ""
    cursor = f"at:{said['cursor']}" if said.get("cursor") else ""
    if page.status != 200:
        return Target("bluesky", "user", actor) if method == "app.bsky.actor.getProfile" and actor else None
    body = msgspec.convert(lenient.value(page.content())[0], dict[str, Any])
    if method in ("app.bsky.actor.getProfile", "app.bsky.actor.getProfiles"):
        found = each(body.get("profiles")) or [body]
        for one in found:
            _remember(one, seen)
        key = next((str(did) for one in found if (did := get(one, "did"))), "")
        return Target("bluesky", "user", key) if key else None
    if method in ACTORS:
        return _walked(ACTORS[method], actor, cursor, body, seen)
    if method == "com.atproto.repo.listRecords" and said.get("collection") == "app.bsky.graph.follow":
        key = seen.get(said.get("repo", "").lower(), said.get("repo", ""))
        return Target("bluesky", "follow_records", key, cursor or "at:") if "records" in body else None
    if method in QUERIES and said.get(QUERIES[method][1]):
        return Target("bluesky", QUERIES[method][0], said[QUERIES[method][1]], cursor or "at:")
    return None


def _walked(kind: str, actor: str, cursor: str, body: dict[str, Any], seen: dict[str, str]) -> Target | str:
    """A page of an account's list; the account itself is in it, if the recording is complete."""
    shown = [get(item, "post", "author") for item in each(body.get("feed"))] + [body.get("subject")]
    for one in shown:
        _remember(one, seen)
    key = actor if actor.startswith("did:") else seen.get(actor, "")
    return Target("bluesky", kind, key, cursor) if key else WHOSE


def _remember(view: Any, seen: dict[str, str]) -> None:
    it = record(view)
    if isinstance(it.get("did"), str):
        if isinstance(it.get("handle"), str):
            seen[it["handle"].lower()] = it["did"]
        if any(get(label, "val") == OPT_OUT and not get(label, "neg") for label in each(it.get("labels"))):
            seen[OUT + it["did"]] = ""

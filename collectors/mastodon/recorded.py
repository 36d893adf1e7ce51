"""Targets for answers of Mastodon's API recorded by other tools.

A list names its account by the server's id, which an earlier answer of the recording resolves (the account
itself, a list that it is on, a post), or the posts of a timeline themselves.
"""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import msgspec

from collectors.mastodon.parse import VITAL, AccountView, StatusView
from collectors.mastodon.queries import DIRECTORY, HASHTAG
from collectors.parsing import lenient
from storage.privacy.declared import OUT
from storage.records import Page, Target

_ACCOUNT = re.compile(r"/api/v1/accounts/(?!verify_credentials)(\w+)")
_LIST = re.compile(r"/api/v1/accounts/(\w+)/(statuses|following|followers)")
_TAG = re.compile(r"/api/v1/timelines/tag/([^/]+)")
KINDS = {"statuses": "timeline", "following": "following", "followers": "followers"}
WHOSE = "the recording does not show whose list it is"


def recorded(page: Page, seen: dict[str, str]) -> Target | str | None:
    """The target that *page* answers; why it is left out; None if it is not of a supported kind.

    *seen* has data of earlier answers: addresses of accounts by server and id, and opt-outs. Raise a decoding
    error for a body that is not JSON.
    """
    parts = urlsplit(page.url)
    path = parts.path.rstrip("/")
    if not path.startswith("/api/v1/") or not parts.hostname:
        return None
    host, place = parts.netloc.lower(), parts.path + (f"?{parts.query}" if parts.query else "")
    if page.status != 200:
        asked = parse_qs(parts.query).get("acct", [""])[0]
        named = path == "/api/v1/accounts/lookup" and page.status in (404, 410) and asked
        return Target("mastodon", "user", asked if "@" in asked else f"{asked}@{host}", place) if named else None
    value = lenient.value(page.content())[0]
    if match := _LIST.fullmatch(path):
        views = _views(value, StatusView if match[2] == "statuses" else AccountView)
        _remember(views, host, seen)
        key = seen.get(f"{host} {match[1]}")
        if views is None or (key is None and not views):
            return None if views is None else WHOSE
        if key is None:
            return WHOSE
        return Target("mastodon", KINDS[match[2]], key, place)
    if match := _TAG.fullmatch(path):
        views = _views(value, StatusView)
        _remember(views, host, seen)
        key = f"#{unquote(match[1]).lower()}@{host}"
        return None if views is None else Target("mastodon", HASHTAG, key, place)
    if path == "/api/v1/directory":
        views = _views(value, AccountView)
        _remember(views, host, seen)
        return None if views is None else Target("mastodon", DIRECTORY, host, place)
    if _ACCOUNT.fullmatch(path) and (views := _views([value], AccountView)):
        _remember(views, host, seen)
        return Target("mastodon", "user", views[0].account_id, place) if views[0].account_id else None
    return None


def _views(value: Any, shape: Any) -> list[Any] | None:
    """The readable accounts or posts in a list; None if it is not such a list."""
    if not isinstance(value, list):
        return None
    views = []
    for one in value:
        try:
            views.append(lenient.convert(one, shape, VITAL)[0])
        except (msgspec.MsgspecError, ValueError, TypeError):
            continue
    return views if views or not value else None


def _remember(views: list[Any] | None, host: str, seen: dict[str, str]) -> None:
    for view in views or ():
        account: AccountView = view.account if isinstance(view, StatusView) else view
        if account.account_id:
            seen[f"{host} {account.id}"] = account.account_id
            if account.opted_out:
                seen[OUT + account.account_id] = ""

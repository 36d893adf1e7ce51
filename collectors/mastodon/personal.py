"""Declaration of personal data in answers of Mastodon's API, and of how its servers name people. Pure."""

from __future__ import annotations

import re
from html import escape
from typing import Any
from urllib.parse import unquote, urlsplit

from collectors.mastodon.parse import AccountView, Descriptor, Error, FieldView, StatusView, content_of
from storage.privacy.declared import Field, Handles, Personal

# sites with users at /@name that are not such servers
OTHERS = {
    "codepen.io", "dev.to", "flipboard.com", "hackernoon.com", "kick.com", "linktr.ee", "medium.com", "npmjs.com",
    "odysee.com", "pinterest.com", "rumble.com", "steemit.com", "substack.com", "t.me", "threads.com", "threads.net",
    "tiktok.com", "unsplash.com", "vimeo.com", "youtube.com",
}  # fmt: skip
USER = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_.-]*[A-Za-z0-9_])?")
HOST = re.compile(r"(?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\.)+[a-z][a-z0-9-]+")


def handle_of(url: str) -> str | None:
    """The handle (user@server) whose page *url* is, in lower case; None if it is not an account's page."""
    parts = urlsplit(url)
    host = (parts.hostname or "").rstrip(".").lower().removeprefix("www.")
    if host in OTHERS or host.endswith((".medium.com", ".substack.com")) or not HOST.fullmatch(host):
        return None
    path = [unquote(piece) for piece in parts.path.split("/") if piece]
    if len(path) == 2 and path[0] in ("users", "web"):
        path = [path[1] if path[0] == "web" else "@" + path[1]]
    if len(path) != 1 or not path[0].startswith("@"):
        return None
    user, _, server = path[0][1:].lower().partition("@")
    if not USER.fullmatch(user) or (server and not HOST.fullmatch(server)):
        return None
    return f"{user}@{server or host}"


def _links(value: Any, owner: Any) -> str:
    """Keep the links of HTML, and whether its text begins with @."""
    text, urls = content_of(value) if isinstance(value, str) else ("", ())
    return "@" * text.startswith("@") + "".join(f'<a href="{escape(url)}"></a>' for url in urls)


PERSONAL = Personal(
    platform="mastodon",
    handles=Handles(
        form="address",
        pattern=r"[^@\s]+@[^@\s]+",
        addresses=("https://{server}/@{user}", "https://{server}/users/{user}"),
    ),
    numbers=False,
    fields={
        "id": "id", "uri": "id", "acct": "handle", "username": "handle", "url": "address", "href": "address",
        "account": "author", "in_reply_to_id": "refers", "in_reply_to_account_id": "refers", "reblog": "repeats",
        "visibility": "kept", "type": "kept",
        (StatusView, "content"): Field("texts", _links),
        (FieldView, "name"): "descriptions",
        (FieldView, "value"): Field("descriptions", _links),
        (AccountView, "display_name"): "names",
        (AccountView, "note"): "descriptions",
    },
    shapes={
        **dict.fromkeys(("timeline", "hashtag"), (AccountView, list[StatusView], Error, Descriptor)),
        "": (AccountView, list[AccountView], Error, Descriptor),
    },
)  # fmt: skip

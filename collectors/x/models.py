"""The shapes of X's v2 JSON: typed structs that hold only what is needed, in both vocabularies (tweet and post).

A page is decoded in one go. Where that fails each item is decoded alone, and only the one that cannot be read
becomes a Quarantine. Fields that are not named here are skipped, so a page with new ones still reads.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime
from typing import Any

import msgspec

from storage.records import BadBody, Quarantine

EXCERPT = 1000  # characters of a piece that could not be read
UNREADABLE = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, BadBody)


class Problem(msgspec.Struct):
    """One of the `errors` of an answer (RFC 7807), or an answer that is one. Nothing in it is taken for granted."""

    type: Any = None
    title: Any = None
    detail: Any = None
    message: Any = None
    value: Any = None
    parameter: Any = None
    parameters: Any = None
    resource_id: Any = None
    resource_type: Any = None
    reason: Any = None
    errors: Any = None

    @property
    def text(self) -> str:
        """Type, title, detail and message in one lower-case line."""
        return " ".join(str(word) for word in (self.type, self.title, self.detail, self.message) if word).lower()


class _Tag(msgspec.Struct):
    tag: str


class _MentionEntity(msgspec.Struct):
    username: str | None = None
    id: str | None = None


class _Url(msgspec.Struct):
    url: str | None = None
    expanded_url: str | None = None


class Entities(msgspec.Struct):
    """Hashtags, mentions and links of a text."""

    # {} stands for an empty list in pages that went through R
    hashtags: list[_Tag] | dict[str, Any] | None = None
    mentions: list[_MentionEntity] | dict[str, Any] | None = None
    urls: list[_Url] | dict[str, Any] | None = None


class Note(msgspec.Struct):
    """The whole text of a long post."""

    text: str | None = None
    entities: Entities | None = None


class _Reference(msgspec.Struct):
    type: str
    id: str


class PostMetrics(msgspec.Struct):
    """A post's counts."""

    like_count: int | None = None
    reply_count: int | None = None
    retweet_count: int | None = None
    repost_count: int | None = None


class _Point(msgspec.Struct):
    coordinates: list[float] | None = None


class Geo(msgspec.Struct):
    """Where a post was tagged."""

    place_id: str | None = None
    coordinates: _Point | None = None


class PostItem(msgspec.Struct):
    """A post (tweet)."""

    id: str
    text: str = ""
    author_id: str | None = None
    created_at: datetime | None = None
    lang: str | None = None
    entities: Entities | None = None
    conversation_id: str | None = None
    in_reply_to_user_id: str | None = None
    referenced_tweets: list[_Reference] | dict[str, Any] | None = None
    referenced_posts: list[_Reference] | dict[str, Any] | None = None
    note_tweet: Note | None = None
    note_post: Note | None = None
    edit_history_tweet_ids: list[str] | None = None
    edit_history_post_ids: list[str] | None = None
    public_metrics: PostMetrics | None = None
    geo: Geo | None = None
    source: str | None = None


class UserMetrics(msgspec.Struct):
    """A user's counts."""

    followers_count: int | None = None
    following_count: int | None = None
    tweet_count: int | None = None
    post_count: int | None = None


class _UserUrl(msgspec.Struct):
    urls: list[_Url] | dict[str, Any] | None = None


class _UserEntities(msgspec.Struct):
    url: _UserUrl | None = None


class _Withheld(msgspec.Struct):
    country_codes: list[str] | None = None


class UserItem(msgspec.Struct):
    """A user."""

    id: str
    username: str | None = None
    name: str | None = None
    description: str | None = None
    location: str | None = None
    url: str | None = None
    verified: bool | None = None
    verified_type: str | None = None
    protected: bool | None = None
    created_at: datetime | None = None
    public_metrics: UserMetrics | None = None
    entities: _UserEntities | None = None
    withheld: _Withheld | None = None


class _Place(msgspec.Struct):
    id: str
    full_name: str | None = None


class Includes(msgspec.Struct):
    """What the items of a page refer to."""

    users: list[UserItem] | None = None
    tweets: list[PostItem] | None = None
    posts: list[PostItem] | None = None
    places: list[_Place] | None = None


class PostPage(msgspec.Struct):
    """A page of posts, or one post."""

    data: list[PostItem] | PostItem | None = None
    includes: Includes | None = None
    errors: list[Problem] | None = None


class UserPage(msgspec.Struct):
    """A page of users, or one user."""

    data: list[UserItem] | UserItem | None = None
    includes: Includes | None = None
    errors: list[Problem] | None = None


class _RawIncludes(msgspec.Struct):
    users: list[msgspec.Raw] | None = None
    tweets: list[msgspec.Raw] | None = None
    posts: list[msgspec.Raw] | None = None
    places: list[msgspec.Raw] | None = None


class _RawPage(msgspec.Struct):
    data: list[msgspec.Raw] | msgspec.Raw | None = None
    includes: _RawIncludes | None = None
    errors: list[msgspec.Raw] | None = None


_posts = msgspec.json.Decoder(PostPage)
_users = msgspec.json.Decoder(UserPage)
_raw_page = msgspec.json.Decoder(_RawPage).decode
_post = msgspec.json.Decoder(PostItem)
_user = msgspec.json.Decoder(UserItem)
_place = msgspec.json.Decoder(_Place)
_problem = msgspec.json.Decoder(Problem)


# ---- decoding -----------------------------------------------------------------------------------------------


def post_page(content: bytes) -> tuple[PostPage | None, list[Quarantine]]:
    """A page of posts (None if nothing of it can be read), and the pieces that could not be read."""
    return _decoded(content, _posts, _post)


def user_page(content: bytes) -> tuple[UserPage | None, list[Quarantine]]:
    """A page of users (None if nothing of it can be read), and the pieces that could not be read."""
    return _decoded(content, _users, _user)


def _decoded(content: bytes, whole: Any, one: Any) -> tuple[Any, list[Quarantine]]:
    try:
        return whole.decode(content), []
    except UNREADABLE:
        content = mended(content)
    try:
        return whole.decode(content), []
    except UNREADABLE:
        pass
    try:
        raw = _raw_page(content)
    except UNREADABLE as error:
        return None, [_quarantine("page", error, content)]
    bad: list[Quarantine] = []
    data = raw.data if isinstance(raw.data, list) else [raw.data] if raw.data is not None else []
    includes = raw.includes or _RawIncludes()
    kept = Includes(
        users=_each(includes.users, _user, "includes.users", bad),
        tweets=_each(includes.tweets, _post, "includes.tweets", bad),
        posts=_each(includes.posts, _post, "includes.posts", bad),
        places=_each(includes.places, _place, "includes.places", bad),
    )
    page = PostPage if one is _post else UserPage
    return page(_each(data, one, "data", bad), kept, _each(raw.errors, _problem, "errors", bad)), bad


_ESCAPE = re.compile(rb"(\\u[dD][89abAB]..\\u[dD][c-fC-F]..)|(\\u[dD][89a-fA-F]..)|\\.", re.DOTALL)


def mended(content: bytes) -> bytes:
    """*content* with U+FFFD for what no text can hold: halves of surrogate pairs, and bytes that are not UTF-8."""
    content = content.decode("utf-8", "replace").encode()
    return _ESCAPE.sub(lambda found: rb"\ufffd" if found[2] else found[0], content)


def _each(items: Iterable[msgspec.Raw] | None, decoder: Any, place: str, bad: list[Quarantine]) -> list[Any]:
    kept = []
    for number, item in enumerate(items or ()):
        try:
            kept.append(_one(item, decoder))
        except UNREADABLE as error:
            bad.append(_quarantine(f"{place}[{number}]", error, bytes(item)))
    return kept


def _one(item: msgspec.Raw, decoder: Any) -> Any:
    """One item; ids that are JSON integers count as their digits, those that went through a float do not."""
    try:
        return decoder.decode(item)
    except msgspec.ValidationError:
        return msgspec.convert(_ids_as_text(msgspec.json.decode(item)), decoder.type)


def _ids_as_text(value: Any, name: str = "") -> Any:
    if isinstance(value, dict):
        return {key: _ids_as_text(each, key) for key, each in value.items()}
    if isinstance(value, list):
        return [_ids_as_text(each, name.removesuffix("s")) for each in value]
    is_id = type(value) is int and (name == "id" or name.endswith("_id"))
    return str(value) if is_id else value


def _quarantine(place: str, error: Exception, content: bytes) -> Quarantine:
    return Quarantine(place, str(error), content[: 4 * EXCERPT].decode("utf-8", "replace")[:EXCERPT])

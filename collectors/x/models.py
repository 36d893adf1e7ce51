"""The shapes of X's v2 JSON: typed structs with only the needed fields, in both vocabularies (tweet and post).

A page is decoded at once. If that fails, each item is decoded alone, and only the unreadable value
becomes a Quarantine; an item does if that value is its id or one of the VITAL. Fields that are not
named here are skipped, so pages with new fields can be read. The collector of cyclic garbage need not know them:
data from JSON have no cycles.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

import msgspec

from collectors.parsing import lenient
from collectors.parsing.lenient import Count
from storage.records import BadBody, Quarantine
from storage.structs import ready

# Fields of a post or account that must be readable if present: text, author, and visibility.
VITAL = ("text", "author_id", "referenced_tweets", "referenced_posts", "protected")
EXCERPT = 1000  # characters of a piece that could not be read
UNREADABLE = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, BadBody)


class Problem(msgspec.Struct, gc=False):
    """One of the `errors` of an answer (RFC 7807), or an answer that is one. No field is guaranteed."""

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


class _Tag(msgspec.Struct, gc=False):
    tag: str


class _MentionEntity(msgspec.Struct, gc=False):
    username: str | None = None
    id: str | None = None


class _Url(msgspec.Struct, gc=False):
    url: str | None = None
    expanded_url: str | None = None


class Entities(msgspec.Struct, gc=False):
    """Hashtags, mentions and links of a text."""

    # {} is an empty list in pages processed with R
    hashtags: list[_Tag] | dict[str, Any] | None = None
    mentions: list[_MentionEntity] | dict[str, Any] | None = None
    urls: list[_Url] | dict[str, Any] | None = None


class Note(msgspec.Struct, gc=False):
    """The full text of a long post."""

    text: str | None = None
    entities: Entities | None = None


class _Reference(msgspec.Struct, gc=False):
    type: str
    id: str


class PostMetrics(msgspec.Struct, gc=False):
    """A post's counts."""

    like_count: Count | None = None
    reply_count: Count | None = None
    retweet_count: Count | None = None
    repost_count: Count | None = None


class _Point(msgspec.Struct, gc=False):
    coordinates: list[float] | None = None


class Geo(msgspec.Struct, gc=False):
    """The location tag of a post."""

    place_id: str | None = None
    coordinates: _Point | None = None


class PostItem(msgspec.Struct, gc=False):
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


class UserMetrics(msgspec.Struct, gc=False):
    """A user's counts."""

    followers_count: Count | None = None
    following_count: Count | None = None
    tweet_count: Count | None = None
    post_count: Count | None = None


class _UserUrl(msgspec.Struct, gc=False):
    urls: list[_Url] | dict[str, Any] | None = None


class _UserEntities(msgspec.Struct, gc=False):
    url: _UserUrl | None = None


class _Withheld(msgspec.Struct, gc=False):
    country_codes: list[str] | None = None


class UserItem(msgspec.Struct, gc=False):
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


class _Place(msgspec.Struct, gc=False):
    id: str
    full_name: str | None = None


class Includes(msgspec.Struct, gc=False):
    """The referenced objects of a page."""

    users: list[UserItem] | None = None
    tweets: list[PostItem] | None = None
    posts: list[PostItem] | None = None
    places: list[_Place] | None = None


class Meta(msgspec.Struct, gc=False):
    """Where a list goes on."""

    next_token: Any = None


class PostPage(msgspec.Struct, gc=False):
    """A page of posts, or one post."""

    data: list[PostItem] | PostItem | None = None
    includes: Includes | None = None
    errors: list[Problem] | None = None
    meta: Meta | None = None


class UserPage(msgspec.Struct, gc=False):
    """A page of users, or one user."""

    data: list[UserItem] | UserItem | None = None
    includes: Includes | None = None
    errors: list[Problem] | None = None
    meta: Meta | None = None


class _TopIncludes(msgspec.Struct, gc=False):
    users: list[Any] | None = None
    tweets: list[Any] | None = None
    posts: list[Any] | None = None
    places: list[Any] | None = None


class _Top(msgspec.Struct, gc=False):
    """A page with undecoded items."""

    data: list[Any] | dict[str, Any] | None = None
    includes: _TopIncludes | None = None
    errors: list[Any] | None = None


ready(Problem)
_DECODERS: dict[type, Any] = {PostItem: msgspec.json.Decoder(PostPage), UserItem: msgspec.json.Decoder(UserPage)}


# ---- decoding -----------------------------------------------------------------------------------------------


_last: tuple[bytes, type, Any] = (b"", PostItem, None)


def well_formed(content: bytes, one: type[PostItem | UserItem]) -> Any:
    """A page of posts (PostPage) or users (UserPage) in which everything can be read; None if something cannot."""
    global _last  # `outcome` and `parse` read the same page one after the other; an `lru_cache` would hash its bytes
    last = _last
    if last[0] is not content or last[1] is not one:
        try:
            last = content, one, _DECODERS[one].decode(content)
        except UNREADABLE:
            last = content, one, None
        _last = last
    return last[2]


def post_page(content: bytes) -> tuple[PostPage | None, list[Quarantine]]:
    """A page of posts (None if unreadable), and its unreadable items."""
    return _decoded(content, PostItem)


def user_page(content: bytes) -> tuple[UserPage | None, list[Quarantine]]:
    """A page of users (None if unreadable), and its unreadable items."""
    return _decoded(content, UserItem)


def _decoded(content: bytes, one: Any) -> tuple[Any, list[Quarantine]]:
    if (whole := well_formed(content, one)) is not None:
        return whole, []
    try:
        found, left = lenient.value(content)
        top, more = lenient.convert(found, _Top)
    except UNREADABLE as error:
        return None, [_quarantine("page", error, content)]
    bad = [each.quarantine() for each in (*left, *more)]
    data = top.data if isinstance(top.data, list) else [top.data] if top.data is not None else []
    includes = top.includes or _TopIncludes()
    kept = Includes(
        users=_each(includes.users, UserItem, "includes.users", bad),
        tweets=_each(includes.tweets, PostItem, "includes.tweets", bad),
        posts=_each(includes.posts, PostItem, "includes.posts", bad),
        places=_each(includes.places, _Place, "includes.places", bad),
    )
    page = PostPage if one is PostItem else UserPage
    return page(_each(data, one, "data", bad), kept, _each(top.errors, Problem, "errors", bad)), bad


def _each(items: Iterable[Any] | None, type_: type[Any], place: str, bad: list[Quarantine]) -> list[Any]:
    """Decode each item alone; integer ids are converted to text, ids damaged by a float are not."""
    kept = []
    for number, item in enumerate(items or ()):
        here, excerpt = f"{place}[{number}]", lenient.shown(item)
        try:
            one, left = lenient.convert(_ids_as_text(item), type_, VITAL)
        except UNREADABLE as error:
            bad.append(_quarantine(here, error, excerpt.encode()))
        else:
            kept.append(one)
            bad += [each.quarantine(here, excerpt) for each in left]
    return kept


def _ids_as_text(value: Any, name: str = "") -> Any:
    if isinstance(value, dict):
        return {key: _ids_as_text(each, key) for key, each in value.items()}
    if isinstance(value, list):
        return [_ids_as_text(each, name.removesuffix("s")) for each in value]
    is_id = type(value) is int and (name == "id" or name.endswith("_id"))
    return str(value) if is_id else value


def _quarantine(place: str, error: Exception, content: bytes) -> Quarantine:
    return Quarantine(place, str(error), content[: 4 * EXCERPT].decode("utf-8", "replace")[:EXCERPT])

"""Parser of X's answers. Pure: bytes in, records out; for both vocabularies (tweet and post)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from collectors.parsing.lenient import documents
from collectors.x.errors import reason_of
from collectors.x.models import (
    UNREADABLE,
    Entities,
    Geo,
    Includes,
    PostItem,
    PostMetrics,
    PostPage,
    Problem,
    UserItem,
    UserMetrics,
    post_page,
    user_page,
)
from collectors.x.outcome import LOOKUPS, POSTS
from storage.records import Absence, Account, Follow, Listed, Mention, Page, Post, Quarantine, Record


def parse(page: Page) -> Iterator[Record]:
    """Yield what *page* tells: accounts, posts, follows, what else is absent; Quarantine for what cannot be read."""
    if page.status != 200:
        return
    try:
        content = page.content()
    except UNREADABLE as error:
        yield Quarantine("page", str(error))
        return
    asked = {(target.kind, target.key) for target in page.targets}  # what became of them, their outcomes say
    for one in _records(content, page.kind, page.key):
        if one.__class__ is not Absence or (one.kind, one.key) not in asked:
            yield one


def _records(content: bytes, kind: str, key: str) -> Iterator[Record]:
    if kind == "sample":
        return _sample(content, key)
    if kind in POSTS:
        query = key if kind == "search" else None
        return posts(content, key if kind == "timeline" else None, query, query)
    return _accounts(content, kind, key)


def posts(
    content: bytes, timeline_of: str | None = None, sample: str | None = None, searched: str | None = None
) -> Iterator[Record]:
    """Yield the records of one page of posts in X's v2 JSON.

    *timeline_of* is the account whose timeline it is; *sample* the comparison set the page belongs to: of such a
    page only the set's own posts are yielded, not referenced ones. *searched* is the search that found the posts.
    """
    found, bad = post_page(content)
    yield from bad
    if found is not None:
        yield from _posts(found, timeline_of, sample, searched)


def _posts(
    page: PostPage, timeline_of: str | None, sample: str | None, searched: str | None = None
) -> Iterator[Record]:
    includes = page.includes or Includes()
    referenced = {post.id: post for post in (*(includes.tweets or ()), *(includes.posts or ()))}
    places = {place.id: place.full_name or place.id for place in includes.places or ()}
    own = _listed(page.data)
    for post in own:
        yield _record(post, referenced, places, timeline_of, sample)
        if searched is not None and post.author_id:
            yield Listed(searched, "x", post.author_id)
    if sample is None:
        shown = {post.id for post in own}
        for post in referenced.values():
            if post.id not in shown:
                yield _record(post, referenced, places, None, None)
    for user in includes.users or ():
        yield account(user)
    yield from _missing(page.errors)


def _accounts(content: bytes, kind: str, key: str) -> Iterator[Record]:
    """The records of a look-up of users or of a page of a follow list."""
    page, bad = user_page(content)
    yield from bad
    if page is None:
        return
    for user in _listed(page.data):
        yield account(user)
        if kind == "following":
            yield Follow("x", key, user.id, kind)
        elif kind == "followers":
            yield Follow("x", user.id, key, kind)
        elif kind == "list_members":
            yield Listed(key, "x", user.id)
    includes = page.includes or Includes()
    for post in (*(includes.tweets or ()), *(includes.posts or ())):
        yield _record(post, {}, {}, None, None)
    for user in includes.users or ():
        yield account(user)
    if kind not in LOOKUPS:
        yield from _missing(page.errors)


def _sample(content: bytes, name: str) -> Iterator[Record]:
    """The posts of a stream: a page of JSON per line. Lines without a post (notices) are skipped."""
    for number, line in enumerate(content.splitlines(), 1):
        if not line.strip():
            continue
        for record in (one for document in documents(line) for one in posts(document, None, name)):
            if isinstance(record, Quarantine):
                record = msgspec.structs.replace(record, place=f"line {number}, {record.place}")
            yield record


def _listed(data: Any) -> list[Any]:
    return data if isinstance(data, list) else [] if data is None else [data]


# ---- records ------------------------------------------------------------------------------------------------


def account(user: UserItem) -> Account:
    """A user as shown by the page; counts are claims. Empty values are absent, as in API v1.1 and files."""
    link = user.entities.url.urls if user.entities and user.entities.url else None
    url = (link[0].expanded_url or link[0].url) if isinstance(link, list) and link else None
    metrics = user.public_metrics or UserMetrics()
    flags = []
    if user.withheld and user.withheld.country_codes:
        flags.append("withheld:" + ",".join(sorted(user.withheld.country_codes)))
    if user.verified_type and user.verified_type != "none":
        flags.append(f"verified-type:{user.verified_type}")
    return Account(
        user.id,
        "x",
        user.username or None,
        user.name or None,
        user.description or None,
        user.location or None,
        url or user.url or None,
        user.verified,
        user.protected,
        user.created_at,
        metrics.followers_count,
        metrics.following_count,
        metrics.tweet_count if metrics.post_count is None else metrics.post_count,
        tuple(flags),
    )


def _record(
    post: PostItem, referenced: dict[str, PostItem], places: dict[str, str], timeline_of: str | None, sample: str | None
) -> Post:
    """A post as delivered; parts cut off in a retweet or long post are in the `full_` fields."""
    links = post.referenced_posts or post.referenced_tweets
    refers = {link.type: link.id for link in links} if isinstance(links, list) else {}
    retweeted = refers.get("retweeted")
    origin = referenced.get(retweeted) if retweeted else None
    full_text, full_hashtags, full_mentions = _full(post, origin, retweeted)
    metrics = post.public_metrics or _NO_METRICS
    history = post.edit_history_post_ids or post.edit_history_tweet_ids
    longitude, latitude = _where(post.geo)
    place = post.geo.place_id if post.geo else None
    return Post(  # by position: names cost a third of this module's time
        post.id,
        "x",
        post.author_id or timeline_of,
        post.created_at,
        post.text,
        timeline_of,
        _kind(refers, post.in_reply_to_user_id),
        full_text,
        post.lang,
        _hashtags(post.entities),
        _mentions(post.entities),
        _urls(post.entities),
        full_hashtags,
        full_mentions,
        post.conversation_id,
        refers.get("replied_to"),
        post.in_reply_to_user_id,
        refers.get("quoted"),
        retweeted,
        origin.author_id if origin else None,
        metrics.like_count,
        metrics.retweet_count if metrics.repost_count is None else metrics.repost_count,
        metrics.reply_count,
        post.source,
        places.get(place, place) if place else None,
        longitude,
        latitude,
        history[0] if history and len(history) > 1 else None,
        sample=sample,
    )


_NO_METRICS = PostMetrics()


def _kind(refers: dict[str, str], replied_to: str | None) -> str:
    """The kind of a post. Early replies name only the account they answer, not the post."""
    if "retweeted" in refers:
        return "retweet"
    if "replied_to" in refers or replied_to:
        return "reply"
    return "quote" if "quoted" in refers else "original"


def _full(
    post: PostItem, origin: PostItem | None, retweeted: str | None
) -> tuple[str | None, tuple[str, ...] | None, tuple[Mention, ...] | None]:
    """Full text, hashtags and mentions if the delivered ones are cut off: a retweet's original, a long post's note."""
    whole = origin if retweeted else post
    if whole is None:
        return None, None, None
    note = whole.note_post or whole.note_tweet
    if note is not None and note.text:
        entities = note.entities or whole.entities
        return note.text, _hashtags(entities), _mentions(entities)
    if retweeted:
        return whole.text, _hashtags(whole.entities), _mentions(whole.entities)
    return None, None, None


def _hashtags(entities: Entities | None) -> tuple[str, ...]:
    tags = entities.hashtags if entities else None
    return tuple([tag.tag for tag in tags]) if isinstance(tags, list) else ()


def _mentions(entities: Entities | None) -> tuple[Mention, ...]:
    found = entities.mentions if entities else None
    if not isinstance(found, list):
        return ()
    return tuple([Mention(mention.username, mention.id) for mention in found if mention.username])


def _urls(entities: Entities | None) -> tuple[str, ...]:
    found = entities.urls if entities else None
    if not isinstance(found, list):
        return ()
    return tuple([url for link in found if (url := link.expanded_url or link.url)])


def _where(geo: Geo | None) -> tuple[float | None, float | None]:
    point = geo.coordinates.coordinates if geo and geo.coordinates else None
    return (point[0], point[1]) if point and len(point) == 2 else (None, None)


def _missing(problems: list[Problem] | None) -> Iterator[Absence]:
    """Absences of referenced posts and accounts that the page lacks."""
    for problem in problems or ():
        reason, key = reason_of(problem), problem.resource_id or problem.value
        if reason and key and isinstance(key, str) and problem.resource_type in ("user", "tweet", "post"):
            by_name = problem.resource_type == "user" and "username" in str(problem.parameter)
            kind = "user" if by_name else "user_id" if problem.resource_type == "user" else "post"
            detail = problem.detail if isinstance(problem.detail, str) else None
            yield Absence("x", kind, key.lower() if by_name else key, reason, detail)

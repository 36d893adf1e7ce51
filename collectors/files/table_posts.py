"""Table rows that are posts, or follow ties, of one platform."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime

from collectors.parsing.coerce import from_epoch, moment, number
from storage.records import Account, Follow, Mention, Post, Quarantine, Record

TIES = ("follower", "followed")
POSTS = ("post_id", "text", "account_id", "handle", "name", "created_at", "lang", "hashtags", "mentions", "urls",
         "likes", "reposts", "replies", "is_retweet", "retweeted_post", "retweeted_account", "quoted_post",
         "reply_to_post", "reply_to_account", "conversation_id", "source")  # fmt: skip
KEYS = {"post_id", "account_id", "retweeted_post", "retweeted_account", "quoted_post", "reply_to_post",
        "reply_to_account", "conversation_id", *TIES}  # fmt: skip
# the columns of known tools, in lower case: a table with the first two is theirs
TOOLS: tuple[Mapping[str, str], ...] = (
    {"post_id": "status_id", "text": "text", "account_id": "user_id", "handle": "screen_name",
     "created_at": "created_at", "lang": "lang", "hashtags": "hashtags", "mentions": "mentions_screen_name",
     "urls": "urls_expanded_url", "likes": "favorite_count", "reposts": "retweet_count", "is_retweet": "is_retweet",
     "retweeted_post": "retweet_status_id", "retweeted_account": "retweet_user_id", "quoted_post": "quoted_status_id",
     "reply_to_post": "reply_to_status_id", "reply_to_account": "reply_to_user_id", "source": "source"},  # rtweet
    {"post_id": "tweet_id", "text": "text", "account_id": "author_id", "handle": "user_username",
     "name": "user_name", "created_at": "created_at", "lang": "lang", "likes": "like_count",
     "reposts": "retweet_count", "reply_to_account": "in_reply_to_user_id",
     "conversation_id": "conversation_id", "source": "source"},  # academictwitteR
    {"post_id": "id", "text": "body", "account_id": "author_id", "handle": "author", "name": "author_fullname",
     "created_at": "timestamp", "lang": "language_guess", "hashtags": "hashtags", "mentions": "mentions",
     "urls": "urls", "likes": "like_count", "reposts": "retweet_count", "replies": "reply_count",
     "is_retweet": "is_retweet", "conversation_id": "thread_id", "source": "source"},  # 4CAT
    {"account_id": "facebook id", "post_id": "url", "text": "message", "handle": "user name", "name": "page name",
     "created_at": "post created", "urls": "link", "likes": "likes", "reposts": "shares",
     "replies": "comments"},  # CrowdTangle, which gives posts no id but their address
    {"account_id": "post_owner.id", "post_id": "id", "text": "text", "handle": "post_owner.username",
     "name": "post_owner.name", "created_at": "creation_time", "lang": "lang", "likes": "statistics.like_count",
     "reposts": "statistics.share_count", "replies": "statistics.comment_count"},  # Meta Content Library
)  # fmt: skip
IDS = {"id", "id_str", "tweet_id", "tweetid", "status_id"}  # columns of tables with ids only
BARE = re.compile(r"x?\d{2,20}|at://\S+/\S+|https?://\S+/\d{5,}")  # an id of a post in place of a header
_TAG = re.compile(r"[^\s,;|#＃'\"\[\](){}]+")  # \w would cut a tag at its combining marks
ZONES = {  # those of RFC 5322, and others that mean one offset only; IST, for one, means three
    "UTC": "+00:00", "GMT": "+00:00", "EST": "-05:00", "EDT": "-04:00", "CST": "-06:00", "CDT": "-05:00",
    "MST": "-07:00", "MDT": "-06:00", "PST": "-08:00", "PDT": "-07:00", "WET": "+00:00", "WEST": "+01:00",
    "CET": "+01:00", "CEST": "+02:00", "EET": "+02:00", "EEST": "+03:00", "BST": "+01:00", "AEST": "+10:00",
    "AEDT": "+11:00", "NZST": "+12:00", "NZDT": "+13:00", "JST": "+09:00",
}  # fmt: skip
_ZONE = re.compile(rf" ({'|'.join(ZONES)})$")
_LIST = re.compile(r"c\((.*)\)", re.DOTALL)  # in R's notation


def tool(names: set[str]) -> Mapping[str, str]:
    """The mapping of the tool that wrote a table with the columns *names*; empty if unknown."""
    for one in TOOLS:
        if {*list(one.values())[:2]} <= names:
            return {field: column for field, column in one.items() if column in names}
    return {}


def tie(it: Mapping[str, str], platform: str) -> Iterator[Record]:
    """The follow tie of a row, its ids in the platform's form. An end that is not a number or URI is a handle
    (`@name`)."""
    ends = [_end(it[name], platform) for name in TIES]
    for _, account in ends:
        if account is not None:
            yield account
    yield Follow(platform, ends[0][0], ends[1][0], "following")


def _end(key: str, platform: str) -> tuple[str, Account | None]:
    if key.isdigit() or ":" in key:
        return key, None
    handle = key.removeprefix("@")
    return f"@{handle.lower()}", Account(f"@{handle.lower()}", platform, handle)


def post(
    it: Mapping[str, str],
    platform: str,
    where: str,
    sample: str | None,
    bare: bool = False,
    made_at: Callable[[str], datetime | None] | None = None,
) -> Iterator[Record]:
    """The post of a row with its author, on the author's timeline. Raise ValueError without an id or a text.

    Ids are in the platform's form. *bare*: the table has no texts. *made_at* derives the time if the row has none.
    """
    key, said, handle = it.get("post_id"), it.get("text"), (it.get("handle") or "").removeprefix("@") or None
    if key is None or (said is None and not bare):
        raise ValueError("a post without " + ("an id" if key is None else "a text"))
    author = it.get("account_id") or (f"@{handle.lower()}" if handle else None)
    if author:
        yield Account(author, platform, handle, it.get("name"))
    made = _moment(it.get("created_at"))
    if made_at and not it.get("created_at"):
        made = made_at(key)
    if made is None and it.get("created_at"):
        yield Quarantine(where, f"created_at: {it['created_at'][:50]} is no moment that is read")
    retweeted, quoted = it.get("retweeted_post"), it.get("quoted_post")
    reply = it.get("reply_to_post")
    answered = it.get("reply_to_account")
    retweet = retweeted or (it.get("is_retweet") or "").casefold() in ("true", "yes", "1")
    kind = (
        "retweet" if retweet else "reply" if reply or answered else "quote" if quoted else None if bare else "original"
    )
    yield Post(
        key,
        platform,
        author,
        made,
        said,
        author,
        kind,
        lang=it.get("lang"),
        hashtags=tuple(_TAG.findall(_items(it.get("hashtags")))),
        mentions=tuple(Mention(one.strip("@.-")) for one in re.findall(r"[\w.@-]+", _items(it.get("mentions")))),
        urls=tuple(re.findall(r"https?://[^\s,'\"|\])]+", it.get("urls") or "")),
        conversation_id=it.get("conversation_id"),
        reply_to_post=reply,
        reply_to_account=answered,
        quoted_post=quoted,
        retweeted_post=retweeted,
        retweeted_account=it.get("retweeted_account"),
        likes=number(it.get("likes")),
        reposts=number(it.get("reposts")),
        replies=number(it.get("replies")),
        source=it.get("source"),
        sample=sample,
    )


def _items(cell: str | None) -> str:
    match = _LIST.fullmatch(cell) if cell else None
    return match[1] if match else cell or ""


def _moment(value: str | None) -> datetime | None:
    """A time in any of the usual forms; without a zone it is in UTC, as these tools write it."""
    if value is None:
        return None
    if value.isdigit() and len(value) in (9, 10):
        return datetime.fromtimestamp(int(value), UTC)
    if value.isdigit() and len(value) in (12, 13):
        return from_epoch(value)
    if zone := _ZONE.search(value):  # as CrowdTangle writes it
        value = f"{value[: zone.start()]}{ZONES[zone[1]]}"
    return moment(value) or (moment(f"{value.strip()}+00:00") if len(value.strip()) > 10 else None)

"""Parser of AT protocol answers. Pure: a page in, records out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

import msgspec

from collectors.parsing import lenient
from collectors.parsing.lenient import Count
from collectors.wire.http import UNREADABLE, count, moment, netloc, unread_time, unreadable
from storage.records import Account, Follow, Mention, Page, Post, Quarantine, Record
from storage.structs import ready

POST = "app.bsky.feed.post"
REPOST, PIN = "#reasonRepost", "#reasonPin"
# Fields that must be readable if present: the text, the opt-outs, and the type of a post.
VITAL = ("text", "labels", "val", "neg", "record", "value", "reply", "reason", "embed")
OPT_OUT = "!no-unauthenticated"  # https://docs.bsky.app/docs/advanced-guides/moderation: not shown without log-in


class ErrorView(msgspec.Struct):
    """An XRPC error."""

    error: str
    message: str | None = None


class ServiceView(msgspec.Struct, rename="camel"):
    """A service in a DID document."""

    id: str = ""
    service_endpoint: Any = None


class LabelView(msgspec.Struct):
    """A label on an account; *neg* revokes an earlier one."""

    val: str
    neg: bool | None = None


class VerificationView(msgspec.Struct, rename="camel"):
    """Whether trusted verifiers vouch for the account."""

    verified_status: str | None = None


class ActorView(msgspec.Struct, rename="camel"):
    """An account as in the lexicon app.bsky.actor.defs (basic, in lists, or detailed)."""

    did: str
    handle: str = ""
    display_name: str | None = None
    description: str | None = None
    website: str | None = None
    created_at: str | None = None
    followers_count: Count | None = None
    follows_count: Count | None = None
    posts_count: Count | None = None
    labels: list[LabelView] | None = None
    verification: VerificationView | None = None

    @property
    def opted_out(self) -> bool:
        """Whether the owner asks not to be shown without log-in."""
        return any(label.val == OPT_OUT and not label.neg for label in self.labels or ())

    def claims(self, kind: str) -> int | None:
        """The length of a list as claimed by the profile."""
        claims = {"following": self.follows_count, "followers": self.followers_count}
        return count(claims.get(kind, self.posts_count))


class Span(msgspec.Struct, rename="camel"):
    """A span of the text, in UTF-8 bytes."""

    byte_start: int
    byte_end: int


class FacetView(msgspec.Struct):
    """The type of a span of the text: a mention, a link, a hashtag (app.bsky.richtext.facet)."""

    index: Span
    features: list[dict[str, Any]] = []


class RefView(msgspec.Struct):
    """A reference to a record."""

    uri: str


class ReplyView(msgspec.Struct):
    """The reply reference of a post."""

    root: RefView
    parent: RefView


class PostRecord(msgspec.Struct, rename="camel"):
    """A post as written by its author (lexicon app.bsky.feed.post)."""

    text: str = ""
    created_at: str | None = None
    langs: list[str] | None = None
    tags: list[str] | None = None
    facets: list[FacetView] | None = None
    reply: ReplyView | None = None
    embed: dict[str, Any] | None = None


class PostView(msgspec.Struct, rename="camel"):
    """A post as shown by the server; inside another post the record is called *value*."""

    uri: str
    author: ActorView
    record: PostRecord | None = None
    value: PostRecord | None = None
    indexed_at: str | None = None
    embed: dict[str, Any] | None = None
    like_count: Count | None = None
    repost_count: Count | None = None
    reply_count: Count | None = None


class ReasonView(msgspec.Struct, rename="camel"):
    """The reason why a post is on another's timeline."""

    by: ActorView
    uri: str | None = None
    indexed_at: str | None = None


class FeedItem(msgspec.Struct):
    """An item of a timeline."""

    post: PostView
    reason: dict[str, Any] | None = None
    reply: dict[str, Any] | None = None


class FollowValue(msgspec.Struct, rename="camel"):
    """A follow as written by its author (lexicon app.bsky.graph.follow)."""

    subject: str
    created_at: str | None = None


class FollowRecord(msgspec.Struct):
    """A follow in its author's repository."""

    uri: str
    value: FollowValue


ready(ServiceView)


def error(page: Page) -> ErrorView | None:
    """The XRPC error in the body; None if there is none."""
    try:
        return lenient.read(page.content(), ErrorView)[0]
    except UNREADABLE:
        return None


def server(document: dict[str, Any]) -> str | None:
    """The account's own server in a DID document; None if there is none. Raise ValidationError if it is not one."""
    for service in msgspec.convert(document.get("service") or [], list[ServiceView]):
        end = str(service.service_endpoint)
        if service.id.endswith("#atproto_pds") and netloc(end):
            return end.rstrip("/")
    return None


def seen_at(item: Any) -> datetime | None:
    """When the server saw an item of a timeline (for a repost: the repost); None for a pinned one."""
    reason = _part(item, "reason")
    kind = str(reason.get("$type", ""))
    if kind.endswith(PIN):
        return None
    at = (reason if kind.endswith(REPOST) else _part(item, "post")).get("indexedAt")
    return moment(at) if isinstance(at, str) else None


def _part(of: Any, name: str) -> dict[str, Any]:
    """The object called *name* in *of*; empty if there is none."""
    found = of.get(name) if isinstance(of, dict) else None
    return found if isinstance(found, dict) else {}


def read(page: Page) -> Iterator[Record]:
    """The records of a 200. Raise a decoding error if the body does not fit the lexicons."""
    content, repaired = lenient.clean(page.content())
    yield from (left.quarantine() for left in repaired)
    body = msgspec.json.decode(content, type=dict[str, msgspec.Raw])
    lists: dict[str, tuple[Any, Callable[[Any, Page], Iterator[Record]]]] = {
        "profiles": (ActorView, _profile),
        "feed": (FeedItem, _item),
        "follows": (ActorView, _listed),
        "followers": (ActorView, _listed),
        "records": (FollowRecord, _followed),
    }
    found = [name for name in lists if name in body]
    if page.kind != "follow_records" and "did" in body:
        view, left_out = lenient.read(content, ActorView, VITAL)
        yield account(view)
        yield from (left.quarantine(excerpt=content) for left in left_out)
    elif not found and page.kind != "follow_records":
        raise ValueError("neither a profile nor a list")
    if "subject" in body:
        view, left_out = lenient.read(body["subject"], ActorView, VITAL)
        yield account(view)
        yield from (left.quarantine("subject", bytes(body["subject"])) for left in left_out)
    for name in found:
        what, tell = lists[name]
        for n, raw in enumerate(msgspec.json.decode(body[name], type=list[msgspec.Raw] | None) or ()):
            try:
                item, left_out = lenient.read(raw, what, VITAL)
                yield from (_placed(one, f"{name}[{n}]") for one in tell(item, page))
                yield from (left.quarantine(f"{name}[{n}]", bytes(raw)) for left in left_out)
            except UNREADABLE as reason:
                yield unreadable(f"{name}[{n}]", reason, bytes(raw))


def account(view: ActorView) -> Account:
    """An account; a handle that does not resolve (`handle.invalid`) is left out."""
    status = view.verification.verified_status if view.verification else None
    return Account(
        account_id=view.did,
        platform="bluesky",
        handle=view.handle if view.handle not in ("", "handle.invalid") else None,
        name=view.display_name or None,
        description=view.description or None,
        url=view.website or None,
        verified=None if status is None else status == "valid",
        created_at=moment(view.created_at),
        followers=count(view.followers_count),
        following=count(view.follows_count),
        posts=count(view.posts_count),
        flags=tuple(label.val[1:] for label in view.labels or () if label.val.startswith("!") and not label.neg),
    )


def _profile(view: ActorView, page: Page) -> Iterator[Record]:
    yield account(view)


def _listed(view: ActorView, page: Page) -> Iterator[Record]:
    """A member of the list of the account that is the page's key."""
    yield account(view)
    if page.kind == "following":
        yield Follow("bluesky", page.key, view.did, "following")
    else:
        yield Follow("bluesky", view.did, page.key, "followers")


def _followed(record: FollowRecord, page: Page) -> Iterator[Record]:
    """A follow from its author's own repository."""
    yield Follow("bluesky", page.key, record.value.subject, "following", moment(record.value.created_at))


def _item(item: FeedItem, page: Page) -> Iterator[Record]:
    """An item of the timeline of the page's key: its own post, or its repost of another's."""
    view, owner = item.post, page.key
    yield from unread_time(f".post.record.createdAt of {view.uri}", view.record.created_at if view.record else None)
    repost = str((item.reason or {}).get("$type", "")).endswith(REPOST)
    if view.author.did != owner or not page.targets[0].cursor:  # the head of the walk has more data on the owner
        yield account(view.author)
    if repost:
        reason, left = lenient.convert(item.reason, ReasonView, VITAL)
        yield from (one.quarantine(".reason") for one in left)
        yield _repost(view, reason, page)
    if not repost or not hidden(view, page):
        yield post(view, owner if not repost and view.author.did == owner else None)
    yield from _referenced((item.reply or {}).get("parent"), ".reply.parent", page)
    yield from _referenced((item.reply or {}).get("root"), ".reply.root", page)
    yield from quoted(view, ".post", page)


def quoted(view: PostView, place: str, page: Page) -> Iterator[Record]:
    """The post that *view* quotes, under its own author."""
    yield from _referenced(_quoted_view(view.embed), f"{place}.embed.record", page)


def hidden(view: PostView, page: Page) -> bool:
    """Whether the text of a post is left out, as its author opted out and the study honours that."""
    return view.author.opted_out and not page.asked.get("overruled")


def _placed(record: Record, place: str) -> Record:
    """*record*; for a Quarantine with its place on the page."""
    return msgspec.structs.replace(record, place=place + record.place) if isinstance(record, Quarantine) else record


def _referenced(found: Any, place: str, page: Page) -> Iterator[Record]:
    """A post seen only through another, under its own author; not those that are gone, blocked, or not posts."""
    if not isinstance(found, dict) or "author" not in found or f"/{POST}/" not in str(found.get("uri")):
        return
    if "record" not in found and "value" not in found:
        return
    excerpt = lenient.shown(found)
    try:
        view, left = lenient.convert(found, PostView, VITAL)
    except UNREADABLE as reason:
        yield unreadable(place, reason, excerpt.encode())
        return
    yield from (one.quarantine(place, excerpt) for one in left)
    yield account(view.author)
    if not hidden(view, page):
        yield post(view, None)


def _quoted_view(embed: dict[str, Any] | None) -> dict[str, Any]:
    """The quoted post in an embed, as shown by the server or referenced by the author; empty if there is none."""
    found = _part(embed, "record")
    return _part(found, "record") if "uri" not in found else found


def post(view: PostView, owner: str | None) -> Post:
    """A post of its author, on the timeline of *owner* (None: seen only through another)."""
    record = view.record or view.value or PostRecord()
    quote = _quoted_uri(record.embed)
    return Post(
        post_id=view.uri,
        account_id=view.author.did,
        created_at=moment(record.created_at),
        timeline_of=owner,
        kind="reply" if record.reply else "quote" if quote else "original",
        conversation_id=record.reply.root.uri if record.reply else view.uri,
        reply_to_post=record.reply.parent.uri if record.reply else None,
        reply_to_account=_author(record.reply.parent.uri) if record.reply else None,
        quoted_post=quote,
        likes=count(view.like_count),
        reposts=count(view.repost_count),
        replies=count(view.reply_count),
        indexed_at=moment(view.indexed_at),
        **_words(record),
    )


def _repost(view: PostView, reason: ReasonView, page: Page) -> Post:
    """A repost on the timeline of the page's key; without text if its author opted out.

    Its time is the server's. Older servers give it no URI, so its id is derived from the reposted post.
    """
    words = PostRecord() if hidden(view, page) else view.record or PostRecord()
    return Post(
        post_id=reason.uri or f"{view.uri}#reposted-by={reason.by.did}",
        account_id=reason.by.did,
        created_at=moment(reason.indexed_at),
        timeline_of=page.key,
        kind="retweet",
        retweeted_post=view.uri,
        retweeted_account=view.author.did,
        indexed_at=moment(reason.indexed_at),
        **_words(words),
    )


def _words(record: PostRecord) -> dict[str, Any]:
    """The text, and its hashtags, mentions and links."""
    raw, tags, mentions, urls = record.text.encode(), [], [], []
    for facet in sorted(record.facets or (), key=lambda facet: facet.index.byte_start):
        for feature in facet.features:
            kind = str(feature.get("$type", "")).partition("#")[2]
            shown = raw[facet.index.byte_start : facet.index.byte_end].decode("utf-8", "replace")
            if kind == "tag" and feature.get("tag"):
                tags.append(str(feature["tag"]))
            elif kind == "mention" and feature.get("did"):
                mentions.append(Mention(shown.strip().removeprefix("@"), str(feature["did"])))
            elif kind == "link" and feature.get("uri"):
                urls.append(str(feature["uri"]))
    if (external := _part(record.embed, "external").get("uri")) and str(external) not in urls:
        urls.append(str(external))
    return {
        "platform": "bluesky",
        "text": record.text,
        "lang": record.langs[0] if record.langs else None,
        "hashtags": (*tags, *(tag for tag in record.tags or () if tag not in tags)),
        "mentions": tuple(mentions),
        "urls": tuple(urls),
    }


def _quoted_uri(embed: dict[str, Any] | None) -> str | None:
    """The URI of the post that an embed quotes; None if it quotes none (a list or a feed is not a post)."""
    uri = str(_quoted_view(embed).get("uri", ""))
    return uri if f"/{POST}/" in uri else None


def _author(uri: str) -> str | None:
    """The DID in an at:// URI."""
    authority = uri.removeprefix("at://").partition("/")[0]
    return authority if authority.startswith("did:") else None

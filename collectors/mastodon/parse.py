"""Parser of Mastodon's API. Pure: a page in, records out."""

from __future__ import annotations

from collections.abc import Iterator
from html import unescape
from urllib.parse import urlsplit

import msgspec
from lxml import html
from lxml.etree import ParserError

from collectors.parsing import lenient
from collectors.parsing.lenient import Count
from collectors.wire.http import UNREADABLE, count, moment, netloc, unread_time, unreadable
from storage.records import Account, AccountField, Follow, Mention, Page, Post, Record

HEAD = "head"  # the step of a walk that must find its account by name
WEBFINGER = "webfinger"  # the step that finds the server of a handle

PUBLIC = (None, "public", "unlisted")  # anything else that a token shows is not kept
# Fields of an account or post that must be readable if present: text, visibility, and author.
VITAL = ("content", "visibility", "reblog", "quote", "noindex", "indexable", "hide_collections", "suspended",
         "hide_follows", "hide_followers", "in_reply_to_id")  # fmt: skip


class Error(msgspec.Struct):
    """The body of a refusal."""

    error: str


class FieldView(msgspec.Struct):
    """A row of the table on a profile; *verified_at* if the page it links to links back with rel=me."""

    value: str = ""
    name: str | None = None
    verified_at: str | None = None


class PleromaView(msgspec.Struct):
    """Fields that Pleroma and Akkoma add to an account (docs-develop.pleroma.social, "Differences in Mastodon API")."""

    hide_follows: bool | None = None
    hide_followers: bool | None = None


class AccountView(msgspec.Struct):
    """An account as the API shows it (https://docs.joinmastodon.org/entities/Account/); older servers give no *uri*."""

    id: str | int
    acct: str
    username: str = ""
    url: str | None = None
    uri: str | None = None
    display_name: str | None = None
    note: str | None = None
    locked: bool | None = None
    bot: bool | None = None
    discoverable: bool | None = None
    indexable: bool | None = None
    noindex: bool | None = None
    hide_collections: bool | None = None
    suspended: bool | None = None
    limited: bool | None = None
    memorial: bool | None = None
    moved: AccountView | bool | None = None
    created_at: str | None = None
    followers_count: Count | None = None
    following_count: Count | None = None
    statuses_count: Count | None = None
    fields: list[FieldView] | None = None
    pleroma: PleromaView | None = None

    @property
    def account_id(self) -> str:
        """The account's id: its URI, or its URL."""
        return self.uri or self.url or ""

    @property
    def opted_out(self) -> bool:
        """Whether the owner opted out."""
        return self.noindex is True or self.indexable is False

    @property
    def is_remote(self) -> bool:
        """Whether the account is on another server than the one that shows it."""
        return "@" in self.acct

    def answers_to(self, key: str) -> bool:
        """Whether *key* is one of the account's names (http and https are the same)."""
        names = {_bare(name) for name in (self.uri, self.url) if name}
        return _bare(key) in names

    def hides(self, kind: str) -> bool:
        """Whether the owner hides a follow list."""
        hidden = self.pleroma or PleromaView()
        own = {"following": hidden.hide_follows, "followers": hidden.hide_followers}
        return self.hide_collections is True or own.get(kind) is True

    def claims(self, kind: str) -> int | None:
        """The length of a list as claimed by the profile."""
        claims = {"following": self.following_count, "followers": self.followers_count}
        return count(claims.get(kind, self.statuses_count))

    def flags(self) -> tuple[str, ...]:
        """Opt-outs and states, in a fixed order."""
        states = {
            "noindex": self.noindex,
            "not-indexable": self.indexable is False,
            "not-discoverable": self.discoverable is False,
            "hide_collections": self.hide_collections,
            "hide_following": self.pleroma and self.pleroma.hide_follows,
            "hide_followers": self.pleroma and self.pleroma.hide_followers,
            "suspended": self.suspended,
            "limited": self.limited,
            "locked": self.locked,
            "bot": self.bot,
            "memorial": self.memorial,
        }
        moved = (f"moved:{self.moved.account_id}",) if isinstance(self.moved, AccountView) else ()
        return (*(name for name, is_so in states.items() if is_so), *moved)

    def handle(self, domain: str = "") -> str:
        """user@server; for a local account with *domain*, or the host of its page."""
        if self.is_remote:
            return self.acct
        return f"{self.acct}@{domain or netloc(self.url or self.uri)}"


class MentionView(msgspec.Struct):
    """A mention: the API gives the account's page, not its URI."""

    id: str | int
    acct: str
    url: str | None = None


class TagView(msgspec.Struct):
    """A hashtag."""

    name: str


class ApplicationView(msgspec.Struct):
    """The application that sent a post."""

    name: str | None = None


class QuoteView(msgspec.Struct):
    """A quote: of Mastodon 4.5 (the post stands in *quoted_status*), or of Pleroma and others (the post itself)."""

    quoted_status: StatusView | None = None
    id: str | int | None = None
    uri: str | None = None


class StatusView(msgspec.Struct):
    """A post as the API shows it (https://docs.joinmastodon.org/entities/Status/)."""

    id: str | int
    uri: str
    account: AccountView
    created_at: str | None = None
    edited_at: str | None = None
    content: str | None = None
    language: str | None = None
    visibility: str | None = None
    in_reply_to_id: str | int | None = None
    in_reply_to_account_id: str | int | None = None
    reblog: StatusView | None = None
    quote: QuoteView | None = None
    mentions: list[MentionView] | None = None
    tags: list[TagView] | None = None
    application: ApplicationView | None = None
    favourites_count: Count | None = None
    reblogs_count: Count | None = None
    replies_count: Count | None = None


class Link(msgspec.Struct):
    """A link of a WebFinger answer."""

    rel: str = ""
    href: str | None = None
    type: str | None = None


class Descriptor(msgspec.Struct):
    """A WebFinger answer (RFC 7033)."""

    links: list[Link] = []


def self_link(page: Page) -> str | None:
    """The account's own URI in a WebFinger answer; None if the body is not one."""
    try:
        links = lenient.read(page.content(), Descriptor)[0].links
    except UNREADABLE:
        return None
    return next((link.href for link in links if link.rel == "self" and link.href), None)


def read(page: Page) -> Iterator[Record]:
    """The records of an account or a list of them or of posts. Raise a decoding error if the body is neither."""
    if is_account(page):
        view, left_out = lenient.read(page.content(), AccountView, VITAL)
        yield from accounts(view, domain=_domain(page, view))
        yield from (left.quarantine(excerpt=page.content()) for left in left_out)
        return
    content, repaired = lenient.clean(page.content())
    yield from (left.quarantine() for left in repaired)
    for n, raw in enumerate(msgspec.json.decode(content, type=list[msgspec.Raw])):
        try:
            if page.kind == "timeline":
                status, left_out = lenient.read(raw, StatusView, VITAL)
                yield from _statuses(status, page)
            else:
                member, left_out = lenient.read(raw, AccountView, VITAL)
                yield from _follow(member, page)
        except UNREADABLE as error:
            yield unreadable(f"[{n}]", error, bytes(raw))
        else:
            yield from (left.quarantine(f"[{n}]", bytes(raw)) for left in left_out)


def is_account(page: Page) -> bool:
    """Whether an account was requested: a look-up, or the head of a walk."""
    request = page.requests[0]
    return page.kind == "user" or not request.target.cursor or request.carry.get("step") == HEAD


def _domain(page: Page, view: AccountView) -> str:
    """The domain of the requested handle: a server's handles may have another domain than its pages."""
    name, _, domain = page.key.removeprefix("acct:").lstrip("@").partition("@")
    return domain if page.kind == "user" and domain and name.lower() == view.acct.lower() else ""


def accounts(view: AccountView, domain: str = "") -> Iterator[Account | AccountField]:
    """The account with its fields, and the one it moved to."""
    if not view.account_id:
        raise ValueError("an account without uri and url")
    yield Account(
        account_id=view.account_id,
        platform="mastodon",
        handle=view.handle(domain),
        name=view.display_name or None,
        description=plain(view.note or "") or None,
        url=_link(view),
        created_at=moment(view.created_at),
        followers=count(view.followers_count),
        following=count(view.following_count),
        posts=count(view.statuses_count),
        flags=view.flags(),
    )
    for field in view.fields or ():
        value, urls = content_of(field.value)
        name, verified = (field.name or "").strip(), moment(field.verified_at)
        yield AccountField(view.account_id, name or None, value or None, urls[0] if urls else None, verified)
    if isinstance(view.moved, AccountView):
        yield from accounts(view.moved)


def _follow(view: AccountView, page: Page) -> Iterator[Record]:
    """A member of the list of the account that is the page's key."""
    yield from accounts(view)
    if page.kind == "following":
        yield Follow("mastodon", page.key, view.account_id, "following")
    else:
        yield Follow("mastodon", view.account_id, page.key, "followers")


def _statuses(view: StatusView, page: Page) -> Iterator[Record]:
    """A post on the timeline of the page's key, and those it quotes or reblogs under their own authors."""
    if view.visibility not in PUBLIC:
        return
    yield from unread_time(f".created_at of {view.uri}", view.created_at)
    yield post(view, page, page.key)
    for other in (view.reblog, view.quote.quoted_status if view.quote else None):
        if other is not None and other.visibility in PUBLIC:
            yield from accounts(other.account)
            if not hidden(other, page):
                yield post(other, page, None)


def hidden(view: StatusView, page: Page) -> bool:
    """Whether the text of another's post is left out, as its author opted out and the study honours that."""
    return view.account.opted_out and not page.asked.get("overruled")


def post(view: StatusView, page: Page, owner: str | None) -> Post:
    """One post. A reblog has the text, tags and links of the original, unless its author opted out."""
    shown = view.reblog or view
    if shown is not view and hidden(shown, page):
        shown = StatusView(shown.id, shown.uri, shown.account)
    text, urls = content_of(shown.content or "")
    quoted = (view.quote.quoted_status.uri if view.quote.quoted_status else view.quote.uri) if view.quote else None
    return Post(
        post_id=view.uri,
        platform="mastodon",
        account_id=owner or view.account.account_id,
        created_at=moment(view.created_at),
        text=text,
        timeline_of=owner,
        kind=_kind(view, quoted),
        lang=shown.language or None,
        hashtags=tuple(tag.name for tag in shown.tags or ()),
        mentions=tuple(_mention(mention, shown, page) for mention in shown.mentions or ()),
        urls=urls,
        reply_to_post=_parent(view, page),
        reply_to_account=_parent_account(view),
        quoted_post=quoted,
        retweeted_post=view.reblog.uri if view.reblog else None,
        retweeted_account=view.reblog.account.account_id if view.reblog else None,
        likes=count(view.favourites_count),
        reposts=count(view.reblogs_count),
        replies=count(view.replies_count),
        source=view.application.name if view.application else None,
        edit_of=view.uri if view.edited_at else None,  # an edited post keeps its id
    )


def _kind(view: StatusView, quoted: str | None) -> str:
    if view.reblog:
        return "retweet"
    if view.in_reply_to_id is not None:
        return "reply"
    return "quote" if quoted else "original"


def _parent(view: StatusView, page: Page) -> str | None:
    """The post replied to, by its address in the server's API, as its URI is not given."""
    if view.in_reply_to_id is None:
        return None
    parts = urlsplit(page.url)
    return f"{parts.scheme}://{parts.netloc}/api/v1/statuses/{view.in_reply_to_id}"


def _parent_account(view: StatusView) -> str | None:
    """The account replied to: the author's own, or one that is mentioned; None if unknown."""
    wanted = str(view.in_reply_to_account_id)
    if wanted == str(view.account.id):
        return view.account.account_id
    mentions = (mention for mention in view.mentions or () if str(mention.id) == wanted)
    return next((_known(mention, view) for mention in mentions), None)


def _known(mention: MentionView, view: StatusView) -> str | None:
    """The id of the account mentioned: its page if the server gives no URIs; else only the author's."""
    if str(mention.id) == str(view.account.id):
        return view.account.account_id
    return mention.url if view.account.uri is None else None


def _mention(mention: MentionView, view: StatusView, page: Page) -> Mention:
    host = netloc(mention.url) or netloc(page.url)
    handle = mention.acct if "@" in mention.acct else f"{mention.acct}@{host}"
    return Mention(handle, _known(mention, view))


def _link(view: AccountView) -> str | None:
    """The link on the profile: the first that is verified, else the first."""
    links = [(not field.verified_at, url) for field in view.fields or () for url in content_of(field.value)[1][:1]]
    return min(links, key=lambda link: link[0])[1] if links else None


def plain(content: str) -> str:
    """The text of a post's HTML: paragraphs and line breaks kept, entities resolved, hidden parts of links included."""
    return content_of(content)[0]


def content_of(content: str) -> tuple[str, tuple[str, ...]]:
    """Text and links (mentions and hashtags left out) of a piece of HTML."""
    if "<" not in content:
        return unescape(content).strip(), ()
    try:
        tree = html.fragment_fromstring(content, create_parent="div")
    except (ParserError, ValueError):
        return unescape(content).strip(), ()
    for element in tree.iter("br", "p", "li", "blockquote", "pre"):
        element.tail = ("\n" if element.tag in ("br", "li") else "\n\n") + (element.tail or "")
    links = (link for link in tree.iter("a") if not {"mention", "hashtag"} & set(link.get("class", "").split()))
    urls = tuple(url for link in links if (url := link.get("href", "")).startswith(("https://", "http://")))
    return tree.text_content().strip(), urls


def _bare(name: str) -> str:
    return name.partition("://")[2].rstrip("/").lower()

"""Discourse forums: the search, the latest topics, and the posts of a topic.

docs.discourse.org (search.json, latest.json, t/{id}.json), read November 2026. Authors are not read.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import quote, urlencode

import msgspec

from collectors.coverage.reading import Hit, Reading
from collectors.parsing import lenient
from collectors.wire.http import unreadable
from storage.records import Page, Request
from storage.searches import Search

SEARCHED, LISTED, SHOWN = 50, 30, 20  # hits, topics and posts per page
PAGES = 10  # of a search: a forum shows no more


class Topic(msgspec.Struct):
    """A topic in a list or a search."""

    id: int
    slug: str = "-"
    title: str | None = None
    created_at: str | None = None
    excerpt: str | None = None


class Post(msgspec.Struct):
    """A post; `cooked` is its HTML, `blurb` the excerpt in a search."""

    id: int
    topic_id: int
    post_number: int = 1
    created_at: str | None = None
    cooked: str | None = None
    blurb: str | None = None


def search(found: Search, request: Request) -> str:
    """The address of a page of a search; days are given as the forum's operators `after:` and `before:`."""
    words = [found.words, f"after:{found.first_day}" if found.first_day else "",
             f"before:{found.last_day}" if found.last_day else ""]  # fmt: skip
    asked = {"q": " ".join(filter(None, words)), "page": request.target.cursor or "1"}
    return f"{found.address.rstrip('/')}/search.json?{urlencode(asked, quote_via=quote)}"


def latest(found: Search, request: Request) -> str:
    """The address of a page of the latest topics."""
    return f"{found.address.rstrip('/')}/latest.json?order=created&page={request.target.cursor or '0'}"


def topic(found: Search, request: Request) -> str:
    """The address of a page of a topic; the register has the topic's address."""
    return f"{found.address.rstrip('/').removesuffix('.json')}.json?page={request.target.cursor or '1'}"


def read_search(page: Page, found: Search) -> Reading:
    """The posts on a page of a search, each with its topic's title."""
    body = msgspec.json.decode(lenient.clean(page.content())[0], type=dict[str, msgspec.Raw])
    reading = Reading()
    topics = {one.id: one for one, _, _ in _all(body.get("topics"), Topic, "topics", reading)}
    for post, place, raw in _all(_part(body, "posts"), Post, "posts", reading):
        of = topics.get(post.topic_id, Topic(post.topic_id))
        reading.hits.append(
            Hit(place, _address(page, of, post.post_number), of.title, _forum(page), post.created_at, post.blurb, raw)
        )
    number = int(page.requests[0].target.cursor or 1)
    about = msgspec.json.decode(body.get("grouped_search_result", msgspec.Raw(b"{}")), type=dict[str, Any] | None) or {}
    if about.get("error"):
        raise ValueError(f"the forum says: {about['error']}")
    more = bool(about.get("more_full_page_results")) and bool(reading.hits)
    if more and number >= PAGES:
        reading.complete, reading.why = False, f"a forum shows {PAGES} pages of a search at most"
    elif more:
        reading.next = str(number + 1)
    return reading


def read_latest(page: Page, found: Search) -> Reading:
    """The topics on a page of the latest; the first one before the first day ends the walk."""
    body = msgspec.json.decode(lenient.clean(page.content())[0], type=dict[str, msgspec.Raw])
    listed = msgspec.json.decode(_part(body, "topic_list"), type=dict[str, msgspec.Raw])
    reading, dates = Reading(), []
    for one, place, raw in _all(_part(listed, "topics"), Topic, "topics", reading):
        reading.hits.append(Hit(place, _address(page, one), one.title, _forum(page), one.created_at, one.excerpt, raw))
        dates.append(one.created_at or "")
    past = found.first_day is not None and bool(dates) and max(dates) < found.first_day.isoformat()
    if b"more_topics_url" in bytes(_part(body, "topic_list")) and reading.hits and not past:
        reading.next = str(int(page.requests[0].target.cursor or 0) + 1)
    return reading


def read_topic(page: Page, found: Search) -> Reading:
    """The posts of a page of a topic."""
    body = msgspec.json.decode(lenient.clean(page.content())[0], type=dict[str, msgspec.Raw])
    stream = msgspec.json.decode(_part(body, "post_stream"), type=dict[str, msgspec.Raw])
    about = Topic(
        msgspec.json.decode(_part(body, "id"), type=int), _string(body, "slug") or "-", _string(body, "title")
    )
    reading = Reading()
    for post, place, raw in _all(_part(stream, "posts"), Post, "posts", reading):
        url = _address(page, about, post.post_number)
        reading.hits.append(Hit(place, url, about.title, _forum(page), post.created_at, post.cooked, raw))
    ids = msgspec.json.decode(stream.get("stream", msgspec.Raw(b"[]")), type=list[Any])
    number = int(page.requests[0].target.cursor or 1)
    if number * SHOWN < len(ids) and reading.hits:
        reading.next = str(number + 1)
    return reading


def _all(raws: msgspec.Raw | None, shape: Any, name: str, reading: Reading) -> Any:
    """(object, place, raw) of each of *raws*; unreadable ones are counted in *reading*."""
    for number, raw in enumerate(msgspec.json.decode(raws, type=list[msgspec.Raw] | None) or () if raws else ()):
        place = f"{name}[{number}]"
        try:
            one, left = lenient.read(raw, shape, ("id", "topic_id"))
        except (msgspec.MsgspecError, ValueError) as error:
            reading.wrong.append(unreadable(place, error, bytes(raw)))
        else:
            reading.wrong += [each.quarantine(place, bytes(raw)) for each in left]
            yield one, place, bytes(raw)


def _part(body: dict[str, msgspec.Raw], name: str) -> msgspec.Raw:
    if name not in body:
        raise ValueError(f"the answer has no {name}")
    return body[name]


def _address(page: Page, of: Topic, post: int = 1) -> str:
    """The address of a post; a topic's own is that of its first."""
    base = page.url.partition("/t/")[0] if "/t/" in page.url else page.url.rpartition("/")[0]
    return f"{base}/t/{quote(of.slug or '-')}/{of.id}" + (f"/{post}" if post > 1 else "")


def _forum(page: Page) -> str:
    return page.url.partition("://")[2].partition("/")[0]


def _string(body: dict[str, msgspec.Raw], name: str) -> str | None:
    return msgspec.json.decode(body[name], type=str | None) if name in body else None

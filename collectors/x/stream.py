"""The sample stream by tweepy: pages of lines, with a place in the set as their cursor.

A page is passed on as soon as it is full, so that a killed run continues where it was. `Page.asked` of the last
one marks it, so that `outcome`, which sees one page only, knows the end.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from threading import Thread

import msgspec
import requests
import tweepy

from collectors.parsing import lenient
from collectors.wire.exchange import Exchange
from collectors.wire.transports import STREAM_LINES
from collectors.x.models import UNREADABLE
from collectors.x.outcome import LAST, posts_of
from storage.archive import reader as archive
from storage.records import Failure, Page, Request, Target

POSTS = 100_000  # default size of a set


class _Post(msgspec.Struct):
    id: str = ""


class _Line(msgspec.Struct):
    data: _Post | None = None


def post_id(line: bytes) -> str:
    """The id of the post in a line of the stream; empty for a notice or an unreadable line."""
    try:
        found = lenient.read(line, _Line)[0].data
    except UNREADABLE:
        return ""
    return found.id if found else ""


def archived(directory: Path, key: str) -> set[str]:
    """The ids of the posts of set *key* archived earlier: a resumed stream may repeat them."""
    ids: set[str] = set()
    for segment in archive.segments(directory):
        with suppress(archive.Damage):  # reported by load and verify; here only a post is missed
            for entry in archive.read(segment):
                if isinstance(entry, Page) and entry.status == 200 and entry.requests and _of(entry.targets[0]) == key:
                    ids.update(map(post_id, entry.content().splitlines()))
    return ids - {""}


def _of(target: Target) -> str | None:
    """The set of *target*; None for anything else."""
    return target.key if (target.collector, target.kind) == ("x", "sample") else None


class Sample(tweepy.StreamingClient):  # type: ignore[misc]
    """A stream that ends when *seen* has *wished* posts, or at the first error: retries are the
    frontier's task."""

    def __init__(self, token: str, wished: int, seen: Iterable[str] = ()) -> None:
        super().__init__(token, daemon=True)
        self.wished, self.seen = wished, set(seen)
        self.error: Exception | None = None

    def on_data(self, raw_data: bytes) -> None:
        """Stop when there are enough."""
        self.seen.add(post_id(raw_data))
        self.seen.discard("")
        if len(self.seen) >= self.wished:
            self.disconnect()

    def on_closed(self, response: requests.Response) -> None:
        """Do not connect again."""
        self.disconnect()

    def on_request_error(self, status_code: int) -> None:
        """Do not connect again."""
        self.disconnect()

    def on_connection_error(self) -> None:
        """Do not connect again."""
        self.disconnect()

    def on_exception(self, exception: Exception) -> None:
        """Store the exception for the caller."""
        self.error = exception


def recorded(exchange: Exchange, stream: Sample, start: Callable[[bool], None]) -> Iterator[Page | Failure]:
    """Yield the next recorded page."""
    start(False)
    if stream.error is not None:
        raise stream.error
    yield exchange.answer


def pages(
    exchange: Exchange, stream: Sample, seen: set[str], start: Callable[[bool], Thread]
) -> Iterator[Page | Failure]:
    """Yield pages of *stream* as they arrive, until *seen* has the wished number of posts.

    Later pages are dropped.
    """
    (request,) = exchange.requests
    thread = start(True)
    came = False
    try:
        for answer, broken in _arriving(exchange, thread):
            came = True
            answer = msgspec.structs.replace(answer, requests=(request,))
            if isinstance(answer, Page) and answer.status == 200:
                seen.update(filter(None, map(post_id, answer.body.splitlines())))
                ended = len(seen) >= stream.wished or not (broken or _full(answer))
                answer = msgspec.structs.replace(answer, asked={LAST: True} if ended else {})
                request = _after(request, posts_of(answer))
            yield answer
            if isinstance(answer, Page) and answer.asked.get(LAST):
                return
    finally:
        stream.disconnect()
    if stream.error is not None:
        raise stream.error
    if not came:
        yield exchange.fail("cut", "the stream ended before it brought anything", "")


def _arriving(exchange: Exchange, thread: Thread) -> Iterator[tuple[Page | Failure, bool]]:
    """Each answer once complete, and whether the connection broke after it. A short page may be the last."""
    waiting = exchange.answers
    while True:
        running = thread.is_alive()
        if waiting and (len(waiting) > 1 or not running or _full(waiting[0])):
            answer = waiting.popleft()
            yield answer, bool(waiting) and isinstance(waiting[0], Failure)
        elif not running:
            return
        else:
            thread.join(0.02)


def _full(answer: Page | Failure) -> bool:
    return isinstance(answer, Page) and answer.body.count(b"\n") >= STREAM_LINES


def _after(request: Request, posts: int) -> Request:
    place = request.position + posts
    target = msgspec.structs.replace(request.target, cursor=str(place))
    return msgspec.structs.replace(request, target=target, position=place)

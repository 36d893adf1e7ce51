"""The sample stream by tweepy: pages of lines as they pass, a place in the set as their cursor.

A page is handed on as soon as it is full, so that a run that is killed goes on where it was. The last one has END
behind its address (a fragment is never sent): that is how `outcome`, which sees one page only, knows the end.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from threading import Thread

import msgspec
import requests
import tweepy

from collectors.wire import STREAM_LINES, Exchange
from collectors.x_outcome import END, posts_of
from storage.records import Failure, Page, Want

POSTS = 100_000  # of a set whose size the study file does not say


class Sample(tweepy.StreamingClient):  # type: ignore[misc]
    """A stream that ends at *posts* posts, or at the first trouble: asking again is the frontier's business."""

    def __init__(self, token: str, posts: int) -> None:
        super().__init__(token, daemon=True)
        self.left = posts
        self.error: Exception | None = None

    def on_data(self, raw_data: bytes) -> None:
        """Count a line; stop when there are enough."""
        self.left -= b'"data"' in raw_data
        if self.left <= 0:
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
        """Keep it for the one who asked."""
        self.error = exception


def pages(
    exchange: Exchange, stream: Sample, wished: int, start: Callable[[bool], Thread | None]
) -> Iterator[Page | Failure]:
    """Yield what *stream* brings until there are *wished* posts, while it runs; of a recorded one the next page."""
    live = exchange.wire.live
    thread = start(live)
    (want,) = exchange.wants
    came = False
    try:
        for answer, broken in _arriving(exchange, thread):
            came = True
            if live:
                answer = msgspec.structs.replace(answer, wants=(want,))
            if live and isinstance(answer, Page) and answer.status == 200:
                answer = _marked(answer, wished, broken)
                want = _after(want, posts_of(answer))
            yield answer
    finally:
        stream.disconnect()
    if stream.error is not None:
        raise stream.error
    if not came:
        yield exchange.fail("cut", "the stream ended before it brought anything", "")


def _arriving(exchange: Exchange, thread: Thread | None) -> Iterator[tuple[Page | Failure, bool]]:
    """Each answer as soon as it is whole, and whether the connection broke behind it. A short page may be the last."""
    waiting = exchange.answers
    while True:
        running = thread is not None and thread.is_alive()
        if waiting and (len(waiting) > 1 or not running or _full(waiting[0])):
            answer = waiting.popleft()
            yield answer, bool(waiting) and isinstance(waiting[0], Failure)
        elif not running:
            return
        elif thread is not None:
            thread.join(0.02)


def _full(answer: Page | Failure) -> bool:
    return isinstance(answer, Page) and answer.body.count(b"\n") >= STREAM_LINES


def _marked(page: Page, wished: int, broken: bool) -> Page:
    """*page* with END behind its address if it is the last one."""
    enough = page.wants[0].position + posts_of(page) >= wished
    ended = enough or not (broken or _full(page))
    return msgspec.structs.replace(page, url=page.url + END * ended)


def _after(want: Want, posts: int) -> Want:
    place = want.position + posts
    target = msgspec.structs.replace(want.target, cursor=str(place))
    return msgspec.structs.replace(want, target=target, position=place)

"""tweepy, configured: raw answers, no waiting, no redirects, no cookies, and no token in logs."""

from __future__ import annotations

import io
import logging
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, time
from pathlib import Path
from typing import Any

import msgspec
import requests
import tweepy

from collectors.wire.exchange import Wire
from collectors.wire.transports import Adapter
from collectors.x.errors import wrong_vocabulary
from collectors.x.options import Options
from collectors.x.stream import POSTS, Sample, archived, pages, recorded
from storage.records import Failure, Page, Request

HOSTS = ("https://api.twitter.com", "https://api.x.com")
# Exceptions of tweepy for an unexpected answer: its own, requests', and accidental ones for odd answers
# (a reset that is not a number, JSON that is not an object). The answer itself is in the exchange anyway.
ANSWERED = (tweepy.TweepyException, requests.RequestException, ValueError, TypeError, AttributeError)

USER_FIELDS = ["created_at", "description", "entities", "id", "location", "name", "protected", "public_metrics", "url",
               "username", "verified", "verified_type", "withheld"]  # fmt: skip
PLACE_FIELDS = ["full_name", "id"]
_PLAIN = [
    "conversation_id",
    "created_at",
    "entities",
    "geo",
    "id",
    "lang",
    "public_metrics",
    "source",
    "text",
    "withheld",
]


class Vocabulary(msgspec.Struct, frozen=True):
    """Names in requests: the parameter, its fields, the expansions, and those for others' posts."""

    word: str
    fields: list[str]
    expansions: list[str]
    sample: list[str]  # of the stream: references of posts, without their authors

    @property
    def parameter(self) -> str:
        """The parameter that lists the fields of posts, as spelled by tweepy (which lacks the new one)."""
        return "tweet_fields" if self.word == "tweet" else f"{self.word}.fields"


def _spelled(word: str) -> Vocabulary:
    """The vocabulary of OpenAPI 2.166, with *word* for tweet."""
    own = ["author_id", f"edit_history_{word}_ids", "in_reply_to_user_id", f"note_{word}", f"referenced_{word}s"]
    refers = f"referenced_{word}s.id"
    expansions = ["author_id", "geo.place_id", refers, f"{refers}.author_id"]
    return Vocabulary(word, sorted(_PLAIN + own), expansions, ["geo.place_id", refers])


# Tried in this order. 2.167 (August 2026) made expansions of some fields; the last is for servers that only renamed.
VOCABULARIES = (
    _spelled("tweet"),
    Vocabulary(
        "post",
        sorted([*_PLAIN, "note_post"]),
        ["author_id", "edit_history_post_ids", "geo.place_id", "in_reply_to_user_id", "referenced_posts"],
        ["author_id", "geo.place_id", "referenced_posts"],
    ),
    _spelled("post"),
)

# At DEBUG tweepy logs the Authorization header; its warnings are about newer parameter names.
logging.getLogger("tweepy").setLevel(logging.ERROR)


class Client:
    """A client of X on a wire, which remembers the accepted vocabulary."""

    def __init__(
        self,
        wire: Wire,
        options: Options,
        token: str,
        base_url: str | None = None,
        sets: Mapping[str, int] | None = None,
        archive: Path | None = None,
    ) -> None:
        self.wire, self.options, self.token, self.base_url, self.sets = wire, options, token, base_url, sets or {}
        self.archive = archive
        self.seen: dict[str, set[str]] = {}  # by set: the ids of its posts so far
        self.vocabularies = [each for each in VOCABULARIES if options.vocabulary in ("auto", each.word)]
        self.tweepy = tweepy.Client(token, return_type=requests.Response, wait_on_rate_limit=False)
        self._prepare(self.tweepy.session)
        self.tweepy.session.hooks["response"].append(_without_body)

    def _prepare(self, session: requests.Session) -> None:
        """Send all requests through the wire."""
        session.trust_env = False  # a .netrc would replace the token
        session.max_redirects = 0
        session.adapters.clear()
        for host in HOSTS:
            session.mount(host, Adapter(self.wire, self.base_url))

    def close(self) -> None:
        """Close the connections."""
        self.tweepy.session.close()

    def ask(self, requests: tuple[Request, ...]) -> Iterator[Page | Failure]:
        """Yield the answer to *requests*, all of one kind; of a stream its pages."""
        if requests[0].target.kind == "sample":
            yield from map(self._noted, self._sample(requests))
            return
        with self.wire.ask(requests) as exchange:
            try:
                CALLS[requests[0].target.kind](self, requests)
            except ANSWERED as error:
                if not exchange.answers:
                    exchange.fail("other", f"{type(error).__name__}: {error}", "")
            answer = exchange.answer
        yield self._noted(answer)

    def _noted(self, answer: Page | Failure) -> Page | Failure:
        """*answer*; switch to the next vocabulary if it rejects this one."""
        if len(self.vocabularies) > 1 and isinstance(answer, Page) and wrong_vocabulary(answer):
            self.vocabularies.pop(0)
        return answer

    def _sample(self, requests: tuple[Request, ...]) -> Iterator[Page | Failure]:
        """The sample stream until there are enough posts. Authors of referenced posts are not requested."""
        (request,), words = requests, self.vocabularies[0]
        key = request.target.key
        if key not in self.seen:
            self.seen[key] = (
                archived(self.archive, key) if self.wire.live and request.position and self.archive else set()
            )
        seen, wished = self.seen[key], self.sets.get(key, POSTS) if self.wire.live else 1
        stream = Sample(self.token, wished, seen)
        self._prepare(stream.session)
        asked = {words.parameter: words.fields, "expansions": words.sample, "place_fields": PLACE_FIELDS}

        def start(threaded: bool) -> Any:
            return stream.sample(threaded=threaded, **asked)

        with self.wire.ask(requests) as exchange:
            yield from pages(exchange, stream, seen, start) if self.wire.live else recorded(exchange, stream, start)

    # ---- one method per kind

    def _of_posts(self) -> dict[str, Any]:
        words = self.vocabularies[0]
        return {
            words.parameter: words.fields,
            "expansions": words.expansions,
            "user_fields": USER_FIELDS,
            "place_fields": PLACE_FIELDS,
        }

    def _users(self, requests: tuple[Request, ...]) -> None:
        self.tweepy.get_users(usernames=[request.target.key for request in requests], user_fields=USER_FIELDS)

    def _users_by_id(self, requests: tuple[Request, ...]) -> None:
        self.tweepy.get_users(ids=[request.target.key for request in requests], user_fields=USER_FIELDS)

    def _posts_by_id(self, requests: tuple[Request, ...]) -> None:
        self.tweepy.get_tweets([request.target.key for request in requests], **self._of_posts())

    def _timeline(self, requests: tuple[Request, ...]) -> None:
        """A page of a timeline. The mark is from a completed walk, so `since_id` loses nothing."""
        request, options = requests[0], self.options
        self.tweepy.get_users_tweets(
            request.target.key,
            max_results=options.timeline_page,
            pagination_token=request.target.cursor or None,
            since_id=request.since or None,
            exclude=list(options.exclude) or None,
            start_time=_midnight(options.since),
            end_time=_midnight(options.until),
            **self._of_posts(),
        )

    def _following(self, requests: tuple[Request, ...]) -> None:
        self.tweepy.get_users_following(requests[0].target.key, **self._of_follows(requests[0]))

    def _followers(self, requests: tuple[Request, ...]) -> None:
        self.tweepy.get_users_followers(requests[0].target.key, **self._of_follows(requests[0]))

    def _list_members(self, requests: tuple[Request, ...]) -> None:
        target = requests[0].target
        self.tweepy.get_list_members(
            target.key, max_results=100, pagination_token=target.cursor or None, user_fields=USER_FIELDS
        )

    def _of_follows(self, request: Request) -> dict[str, Any]:
        return {
            "max_results": self.options.follows_page,
            "pagination_token": request.target.cursor or None,
            "user_fields": USER_FIELDS,
        }

    def _search(self, requests: tuple[Request, ...]) -> None:
        """A page of recent search, without `since_id`: X rejects one older than its seven days."""
        request = requests[0]
        self.tweepy.search_recent_tweets(
            request.target.key,
            max_results=self.options.search_page,
            next_token=request.target.cursor or None,
            **self._of_posts(),
        )


CALLS: dict[str, Callable[[Client, tuple[Request, ...]], None]] = {
    "user": Client._users,
    "user_id": Client._users_by_id,
    "timeline": Client._timeline,
    "following": Client._following,
    "followers": Client._followers,
    "search": Client._search,
    "list_members": Client._list_members,
    "post": Client._posts_by_id,
}


def _without_body(response: requests.Response, *_: Any, **__: Any) -> requests.Response:
    """The answer for tweepy: status and headers. The body is in the exchange, still compressed (it may be
    a bomb), and tweepy would decompress it only to log it."""
    bare = requests.Response()
    bare.status_code, bare.url, bare.request = response.status_code, response.url, response.request
    bare.headers.update({name: value for name, value in response.headers.items() if name.lower() != "content-encoding"})
    bare.raw = io.BytesIO(b"{}")
    return bare


def _midnight(day: Any) -> datetime | None:
    return datetime.combine(day, time(), UTC) if day else None

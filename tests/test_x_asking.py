"""How X is asked, and what its limits, refusals and vocabularies are answered with.

Each trap stands against a loopback server, over real sockets and through the real tweepy. Bodies are recorded where it
says so, otherwise as X's documents and OpenAPI files describe them. People are invented.
"""

from __future__ import annotations

import gzip
import tracemalloc
from contextlib import closing
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import msgspec
import pytest

from collectors.base import Later, OutOfCredit, Refused, Settings
from collectors.engine.run import collect
from collectors.wire.exchange import Wire
from collectors.x.collector import collector
from storage.errors import UserError
from storage.frontier.sqlite import Frontier
from storage.records import Failure, Post, Target
from tests.loopback import Answer, in_turn, serve
from tests.x_api import (
    TOKEN,
    ask,
    fetch,
    of,
    only,
    refusal,
    request,
    run,
    state,
    user,
)

# ---- how it asks -------------------------------------------------------------------------------------------------


def test_names_are_asked_for_a_hundred_at_a_time_and_lists_one_by_one() -> None:
    requests = [request("user", f"synthetic_{n}") for n in range(230)] + [
        request("timeline", "1"),
        request("timeline", "2"),
    ]
    with serve(lambda request: Answer(200, {"meta": {"result_count": 0}})) as server:
        pages = fetch(server, *requests)
    assert [len(page.requests) for page in pages] == [100, 100, 30, 1, 1]
    assert [request.path for request in server.asked] == ["/2/users/by"] * 3 + [
        "/2/users/1/tweets",
        "/2/users/2/tweets",
    ]
    assert server.asked[0].query["usernames"].split(",") == [f"synthetic_{n}" for n in range(100)]
    assert server.asked[3].query["max_results"] == "100"


def test_a_page_keeps_the_real_address_whatever_server_is_asked() -> None:
    page, _, _ = ask(Answer(200, {"meta": {"result_count": 0}}), request("followers"))
    assert page.url.startswith("https://api.twitter.com/2/users/42/followers?max_results=1000")


def test_the_token_goes_to_the_platform_and_into_no_log(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(0), serve(in_turn(Answer(200, {"meta": {}}))) as server:
        fetch(server, request("timeline"))
    assert server.asked[0].headers["authorization"] == f"Bearer {TOKEN}"
    assert TOKEN not in caplog.text


def test_without_a_token_it_says_what_to_do() -> None:
    with closing(Wire()) as wire, pytest.raises(UserError, match="SNEEUWBAL_X_BEARER_TOKEN"):
        list(collector.fetch(iter([request("timeline")]), Settings({}, None, wire)))


@pytest.mark.parametrize("where", ["http://127.0.0.1:9/elsewhere", "/2/users/3/tweets", "https://api.x.com/2/users/3"])
def test_redirects_and_cookies_are_not_followed(where: str) -> None:
    away = Answer(302, b"", {"Location": where, "Set-Cookie": "guest_id=1; Path=/"})
    with serve(in_turn(away, Answer(200, {"meta": {}}), Answer(500))) as server:
        first, second = fetch(server, request("timeline", "1"), request("timeline", "2"))
    assert (first.status, second.status) == (302, 200)
    assert "cookie" not in server.asked[1].headers
    assert [type(one) for one in collector.outcome(first)] == [Later]


def test_a_compressed_bomb_is_kept_as_it_came_and_unpacked_by_nobody_while_fetching() -> None:
    bomb = gzip.compress(b"[" + b" " * 80_000_000 + b"]", 9)
    tracemalloc.start()
    with serve(in_turn(Answer(200, bomb, {"Content-Encoding": "gzip"}))) as server:
        (page,) = fetch(server, request("timeline"))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 10_000_000
    assert page.body == bomb
    assert [type(one) for one in collector.outcome(page)] == [Later]
    assert [type(one).__name__ for one in collector.parse(page)] == ["Quarantine"]


# ---- limits ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "body", [b"Rate limit exceeded", b'{"title":"Too Many Requests","status":429}', b'"odd"', b"[]"]
)
def test_a_429_waits_for_the_reset_it_names_whatever_its_body(body: bytes) -> None:
    now = datetime.now(UTC)
    reset = {
        "x-rate-limit-reset": str(int(now.timestamp()) + 600),
        "X-Rate-Limit-Reset": (now + timedelta(seconds=600)).isoformat(),
        "Retry-After": format_datetime(now + timedelta(seconds=600), usegmt=True),
        "retry-after": "600",
        "X-RateLimit-Reset": str(int(now.timestamp()) + 600),
    }
    for name, value in reset.items():
        _, (later,), records = ask(Answer(429, body, {"Content-Type": "text/plain", name: value}), request("timeline"))
        assert isinstance(later, Later)
        assert later.free
        assert later.whole_kind
        assert abs((later.until - now).total_seconds() - 600) < 8
        assert records == []


def test_a_reset_that_is_missing_or_past_makes_requests_rarer_not_more_frequent() -> None:
    now = datetime.now(UTC)
    for headers in ({}, {"x-rate-limit-reset": "1"}, {"x-rate-limit-reset": "soon"}, {"x-rate-limit-reset": "-5"}):
        page, _, _ = ask(Answer(429, b"Rate limit exceeded", headers), request("timeline"))
        waits, free = [], []
        for tries in range(8):
            tried = msgspec.structs.replace(page, requests=(request("timeline", tries=tries),))
            (later,) = collector.outcome(tried)
            waits.append((later.until - page.fetched_at).total_seconds())
            free.append(later.free)
        assert waits == [5, 20, 80, 320, 900, 900, 900, 900]
        assert free == [False] * 4 + [True] * 4  # waiting for a limit is never a failure
    assert now - timedelta(minutes=1) < page.fetched_at


def test_a_reset_a_day_away_is_reported_and_one_in_the_far_future_is_not_believed() -> None:
    now = datetime.now(UTC)
    for seconds, believed in ((86_400, 86_400), (10 * 365 * 86_400, 2 * 86_400)):
        reset = str(int(now.timestamp()) + seconds)
        _, (later,), _ = ask(Answer(429, b"", {"x-rate-limit-reset": reset}), request("followers"))
        assert abs((later.until - now).total_seconds() - believed) < 8


def test_a_reset_a_day_away_ends_the_run_and_no_process_sleeps_for_it(tmp_path: Path) -> None:
    reset = int(datetime.now(UTC).timestamp()) + 86_400
    with serve(lambda request: Answer(429, b"", {"x-rate-limit-reset": str(reset)})) as server:
        frontier = Frontier(tmp_path / "state.sqlite")
        frontier.add([request("timeline", str(n)) for n in range(50)], datetime.now(UTC))
        wire = Wire(timeout=60)
        report = collect(
            tmp_path, "x", collector, Settings({"base_url": server.url}, TOKEN, wire), frontier=frontier
        )  # the patience of a real run
    assert (report.status, report.due_at) == ("waiting", datetime.fromtimestamp(reset + 1, UTC))
    assert len(server.asked) < 50  # nothing more of the kind was asked once the limit was known
    assert {row[2] for row in state(frontier)} == {"open"}


def test_where_the_day_is_used_up_the_quarter_of_an_hour_does_not_matter() -> None:
    now = int(datetime.now(UTC).timestamp())
    headers = {
        "x-rate-limit-reset": str(now + 60),
        "x-app-limit-24hour-remaining": "0",
        "x-app-limit-24hour-reset": str(now + 40_000),
    }
    _, (later,), _ = ask(Answer(429, b"", headers), request("timeline"))
    assert abs(later.until.timestamp() - now - 40_000) < 8


def test_no_credit_left_pauses_the_job_and_keeps_every_target() -> None:
    body = {"title": "CreditsDepleted", "detail": "No credits.", "type": "about:blank", "status": 402}
    _, outcomes, records = ask(Answer(402, body), request("user", "a"), request("user", "b"))
    assert [type(one) for one in outcomes] == [OutOfCredit, OutOfCredit]
    assert records == []
    capped = {
        "title": "UsageCapExceeded",
        "detail": "Monthly",
        "type": "https://api.twitter.com/2/problems/usage-capped",
    }
    _, (outcome,), _ = ask(Answer(429, capped), request("timeline"))
    assert isinstance(outcome, OutOfCredit)


def test_a_token_that_is_not_accepted_stops_the_job() -> None:
    body = {"title": "Unauthorized", "type": "about:blank", "status": 401, "detail": "Unauthorized"}
    _, (outcome,), _ = ask(Answer(401, body), request("timeline"))
    assert outcome == Refused(Target("x", "timeline", "42"), "HTTP 401 Unauthorized")
    enrol = {"title": "Client Forbidden", "reason": "client-not-enrolled", "detail": "Attach the app to a project.",
             "type": "https://api.twitter.com/2/problems/client-forbidden"}  # fmt: skip
    _, (outcome,), _ = ask(Answer(403, enrol), request("timeline"))
    assert isinstance(outcome, Refused)


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_html_with_a_5xx_is_tried_again_later_and_never_parsed(status: int) -> None:
    html = Answer(status, b"<html><body>Over capacity</body></html>", {"Content-Type": "text/html"})
    _, (later,), records = ask(html, request("timeline"))
    assert later == Later(Target("x", "timeline", "42"), f"HTTP {status}")
    assert records == []


def test_html_where_json_was_due_is_no_answer() -> None:
    for status in (200, 404, 403):
        html = Answer(status, b"<!DOCTYPE html><title>404</title>", {"Content-Type": "text/html"})
        _, (later,), _ = ask(html, request("timeline"))
        assert isinstance(later, Later)
        assert not later.free


def test_an_answer_cut_off_in_the_middle_is_a_failure_with_its_reason() -> None:
    with serve(in_turn(Answer(200, {"data": [user(1, "a")]}, cut=400))) as server:
        (failure,) = fetch(server, request("followers"))
    assert isinstance(failure, Failure)
    assert failure.reason == "cut"
    (nobody,) = fetch(server, request("followers"))  # the server is closed by now
    assert isinstance(nobody, Failure)
    assert nobody.reason == "connection"


# ---- vocabularies ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("word", "other", "expansion", "asked"),
    [("tweet", "post", "referenced_tweets.id", 2), ("post", "tweet", "referenced_posts", 3),
     ("post", "tweet", "referenced_posts.id", 4)],
)  # fmt: skip
def test_it_speaks_the_vocabulary_that_the_platform_accepts(
    tmp_path: Path, word: str, other: str, expansion: str, asked: int
) -> None:
    with serve(only(word, other, expansion)) as server:
        frontier = run(tmp_path, server, Wire(timeout=60), [request("timeline", "1"), request("timeline", "2")])
    assert {row[2] for row in state(frontier)} == {"done"}
    assert len(server.asked) == asked
    for post in of(tmp_path, Post, lambda post: post.timeline_of):
        assert (post.quoted_post, post.full_text, post.full_hashtags) == (
            "5", "the whole of a long synthetic post", ("sneeuw",))  # fmt: skip
    assert {post.account_id for post in of(tmp_path, Post, lambda post: not post.timeline_of)} == {"7"}


def test_a_vocabulary_that_is_refused_for_good_ends_with_the_reason() -> None:
    actual = refusal("tweet.fields", "id", "The query parameter [tweet.fields] is not one of [id,expansions]")
    _, (later,), _ = ask(Answer(400, actual), request("timeline"), vocabulary="tweet")
    assert not later.free  # so the tries are counted, and it ends

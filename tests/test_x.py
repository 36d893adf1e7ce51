"""X as it really behaves: each trap against a loopback server, over real sockets and through the real tweepy.

Bodies are recorded where it says so, otherwise as X's documents and OpenAPI files describe them. People are invented.
"""

from __future__ import annotations

import gzip
import threading
import tracemalloc
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import duckdb
import msgspec
import pytest

from collectors.base import Absent, Done, Later, OutOfCredit, Refused, Settings, Split
from collectors.run import collect, recover
from collectors.wire import Replay, Wire
from collectors.x import collector
from commands.context import rules_of
from storage import archive, archiving
from storage.errors import UserError
from storage.frontier import Frontier
from storage.load import load
from storage.records import Absence, Account, Failure, Page, Post, Record, Target, Want
from storage.snowball import admit
from study import Study
from tests.loopback import Answer, Loopback, Request, in_turn, serve

TOKEN = "a-token-that-nobody-has"
NOT_FOUND = "https://api.twitter.com/2/problems/resource-not-found"
CLOSED = "https://api.twitter.com/2/problems/not-authorized-for-resource"
INVALID = "https://api.twitter.com/2/problems/invalid-request"


def want(kind: str, key: str = "42", cursor: str = "", **more: Any) -> Want:
    return Want(Target("x", kind, key, cursor), f"x/{kind}/{key}/1", **more)


def fetch(server: Loopback, *wants: Want, wire: Wire | None = None, **options: Any) -> list[Page | Failure]:
    """The answers of *server* to *wants*."""
    with closing(wire or Wire(timeout=5)) as open_wire:
        settings = Settings({"base_url": server.url, **options}, TOKEN, open_wire)
        return list(collector.fetch(iter(wants), settings))


def ask(answer: Answer, *wants: Want, **options: Any) -> tuple[Any, list[Any], list[Record]]:
    """One *answer* to one request: the page, its outcomes and its records."""
    with serve(in_turn(answer)) as server:
        (page,) = fetch(server, *wants, **options)
    assert isinstance(page, Page)
    return page, list(collector.outcome(page)), list(collector.parse(page))


def user(number: int, handle: str, **more: Any) -> dict[str, Any]:
    return {"id": str(number), "name": f"Synthetic Person {number}", "username": handle, **more}


def problem(
    value: str, detail: str, type_: str = NOT_FOUND, title: str = "Not Found Error", **more: Any
) -> dict[str, Any]:
    told = {"value": value, "resource_id": value, "detail": detail, "title": title, "type": type_}
    return {"parameter": "usernames", "resource_type": "user", **told, **more}


def refusal(parameter: str, value: str, message: str) -> dict[str, Any]:
    """A 400 as X words it (recorded wording; the value of a batch is the whole batch)."""
    return {
        "errors": [{"parameters": {parameter: [value]}, "message": message}],
        "title": "Invalid Request",
        "detail": "One or more parameters to your request was invalid.",
        "type": INVALID,
    }


# ---- how it asks --------------------------------------------------------------------------------------------


def test_names_are_asked_for_a_hundred_at_a_time_and_lists_one_by_one() -> None:
    wants = [want("user", f"synthetic_{n}") for n in range(230)] + [want("timeline", "1"), want("timeline", "2")]
    with serve(lambda request: Answer(200, {"meta": {"result_count": 0}})) as server:
        pages = fetch(server, *wants)
    assert [len(page.wants) for page in pages] == [100, 100, 30, 1, 1]
    assert [request.path for request in server.asked] == ["/2/users/by"] * 3 + [
        "/2/users/1/tweets",
        "/2/users/2/tweets",
    ]
    assert server.asked[0].query["usernames"].split(",") == [f"synthetic_{n}" for n in range(100)]
    assert server.asked[3].query["max_results"] == "100"


def test_a_page_keeps_the_real_address_whatever_server_is_asked() -> None:
    page, _, _ = ask(Answer(200, {"meta": {"result_count": 0}}), want("followers"))
    assert page.url.startswith("https://api.twitter.com/2/users/42/followers?max_results=1000")


def test_the_token_goes_to_the_platform_and_into_no_log(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(0), serve(in_turn(Answer(200, {"meta": {}}))) as server:
        fetch(server, want("timeline"))
    assert server.asked[0].headers["authorization"] == f"Bearer {TOKEN}"
    assert TOKEN not in caplog.text


def test_without_a_token_it_says_what_to_do() -> None:
    with closing(Wire()) as wire, pytest.raises(UserError, match="SNEEUWBAL_X_BEARER_TOKEN"):
        list(collector.fetch(iter([want("timeline")]), Settings({}, None, wire)))


@pytest.mark.parametrize("where", ["http://127.0.0.1:9/elsewhere", "/2/users/3/tweets", "https://api.x.com/2/users/3"])
def test_redirects_and_cookies_are_not_followed(where: str) -> None:
    away = Answer(302, b"", {"Location": where, "Set-Cookie": "guest_id=1; Path=/"})
    with serve(in_turn(away, Answer(200, {"meta": {}}), Answer(500))) as server:
        first, second = fetch(server, want("timeline", "1"), want("timeline", "2"))
    assert (first.status, second.status) == (302, 200)
    assert "cookie" not in server.asked[1].headers
    assert [type(one) for one in collector.outcome(first)] == [Later]


def test_a_compressed_bomb_is_kept_as_it_came_and_unpacked_by_nobody_while_fetching() -> None:
    bomb = gzip.compress(b"[" + b" " * 80_000_000 + b"]", 9)
    tracemalloc.start()
    with serve(in_turn(Answer(200, bomb, {"Content-Encoding": "gzip"}))) as server:
        (page,) = fetch(server, want("timeline"))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 10_000_000
    assert page.body == bomb
    assert [type(one) for one in collector.outcome(page)] == [Later]
    assert [type(one).__name__ for one in collector.parse(page)] == ["Quarantine"]


# ---- limits -------------------------------------------------------------------------------------------------


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
        _, (later,), records = ask(Answer(429, body, {"Content-Type": "text/plain", name: value}), want("timeline"))
        assert isinstance(later, Later)
        assert later.free
        assert later.whole_kind
        assert abs((later.until - now).total_seconds() - 600) < 8
        assert records == []


def test_a_reset_that_is_missing_or_past_makes_requests_rarer_not_more_frequent() -> None:
    now = datetime.now(UTC)
    for headers in ({}, {"x-rate-limit-reset": "1"}, {"x-rate-limit-reset": "soon"}, {"x-rate-limit-reset": "-5"}):
        page, _, _ = ask(Answer(429, b"Rate limit exceeded", headers), want("timeline"))
        waits, free = [], []
        for tries in range(8):
            tried = msgspec.structs.replace(page, wants=(want("timeline", tries=tries),))
            (later,) = collector.outcome(tried)
            waits.append((later.until - page.fetched_at).total_seconds())
            free.append(later.free)
        assert waits == [5, 20, 80, 320, 900, 900, 900, 900]
        assert free == [False] * 4 + [True] * 4  # it never fails for being told to wait
    assert now - timedelta(minutes=1) < page.fetched_at


def test_a_reset_a_day_away_is_told_and_one_in_the_far_future_is_not_believed() -> None:
    now = datetime.now(UTC)
    for seconds, believed in ((86_400, 86_400), (10 * 365 * 86_400, 2 * 86_400)):
        reset = str(int(now.timestamp()) + seconds)
        _, (later,), _ = ask(Answer(429, b"", {"x-rate-limit-reset": reset}), want("followers"))
        assert abs((later.until - now).total_seconds() - believed) < 8


def test_a_reset_a_day_away_ends_the_run_and_no_process_sleeps_for_it(tmp_path: Path) -> None:
    reset = int(datetime.now(UTC).timestamp()) + 86_400
    with serve(lambda request: Answer(429, b"", {"x-rate-limit-reset": str(reset)})) as server:
        frontier = Frontier(tmp_path / "state.sqlite")
        frontier.add([want("timeline", str(n)) for n in range(50)], datetime.now(UTC))
        wire = Wire(timeout=5)
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
    _, (later,), _ = ask(Answer(429, b"", headers), want("timeline"))
    assert abs(later.until.timestamp() - now - 40_000) < 8


def test_no_credit_left_pauses_the_job_and_keeps_every_target() -> None:
    body = {"title": "CreditsDepleted", "detail": "No credits.", "type": "about:blank", "status": 402}
    _, outcomes, records = ask(Answer(402, body), want("user", "a"), want("user", "b"))
    assert [type(one) for one in outcomes] == [OutOfCredit, OutOfCredit]
    assert records == []
    capped = {
        "title": "UsageCapExceeded",
        "detail": "Monthly",
        "type": "https://api.twitter.com/2/problems/usage-capped",
    }
    _, (outcome,), _ = ask(Answer(429, capped), want("timeline"))
    assert isinstance(outcome, OutOfCredit)


def test_a_token_that_is_not_accepted_stops_the_job() -> None:
    body = {"title": "Unauthorized", "type": "about:blank", "status": 401, "detail": "Unauthorized"}
    _, (outcome,), _ = ask(Answer(401, body), want("timeline"))
    assert outcome == Refused(Target("x", "timeline", "42"), "HTTP 401 Unauthorized")
    enrol = {"title": "Client Forbidden", "reason": "client-not-enrolled", "detail": "Attach the app to a project.",
             "type": "https://api.twitter.com/2/problems/client-forbidden"}  # fmt: skip
    _, (outcome,), _ = ask(Answer(403, enrol), want("timeline"))
    assert isinstance(outcome, Refused)


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_html_with_a_5xx_is_tried_again_later_and_never_parsed(status: int) -> None:
    html = Answer(status, b"<html><body>Over capacity</body></html>", {"Content-Type": "text/html"})
    _, (later,), records = ask(html, want("timeline"))
    assert later == Later(Target("x", "timeline", "42"), f"HTTP {status}")
    assert records == []


def test_html_where_json_was_due_is_no_answer() -> None:
    for status in (200, 404, 403):
        html = Answer(status, b"<!DOCTYPE html><title>404</title>", {"Content-Type": "text/html"})
        _, (later,), _ = ask(html, want("timeline"))
        assert isinstance(later, Later)
        assert not later.free


def test_an_answer_cut_off_in_the_middle_is_a_failure_with_its_reason() -> None:
    with serve(in_turn(Answer(200, {"data": [user(1, "a")]}, cut=400))) as server:
        (failure,) = fetch(server, want("followers"))
    assert isinstance(failure, Failure)
    assert failure.reason == "cut"
    (nobody,) = fetch(server, want("followers"))  # the server is closed by now
    assert isinstance(nobody, Failure)
    assert nobody.reason == "connection"


# ---- lists --------------------------------------------------------------------------------------------------


def posts(*ids: int, **meta: Any) -> Answer:
    data = [{"id": str(i), "text": f"synthetic {i}", "author_id": "42"} for i in ids]
    return Answer(200, {"data": data, "meta": {"result_count": len(data), **meta}} if data else {"meta": meta})


def test_a_short_page_and_an_empty_one_with_a_token_are_not_the_last() -> None:
    _, (short,), _ = ask(posts(9, 8, next_token="t2"), want("timeline"))
    assert (short.next, short.items, short.newest) == ("t2", 2, "9")
    _, (empty,), _ = ask(posts(result_count=0, next_token="t3"), want("timeline", cursor="t2"))
    assert (empty.next, empty.items) == ("t3", 0)
    _, (last,), _ = ask(posts(result_count=0, previous_token="p"), want("timeline", cursor="t3"))
    assert (last.next, last.complete) == (None, True)


def test_the_cursor_of_a_target_is_the_token_it_asks_with() -> None:
    with serve(lambda request: posts(1)) as server:
        fetch(
            server,
            want("timeline", cursor="t2"),
            want("followers", cursor="f2"),
            want("search", "#sneeuw", cursor="s2"),
        )
    assert [request.query.get("pagination_token") or request.query.get("next_token") for request in server.asked] == [
        "t2", "f2", "s2"]  # fmt: skip


def test_a_search_is_walked_to_the_old_mark_and_asks_as_documented(tmp_path: Path) -> None:
    """Without `since_id`, which X refuses beyond the seven days that a search reaches back."""
    now, newest = datetime.now(UTC), 250
    first = (int(now.timestamp() * 1000) - 1_288_834_974_657) << 22  # an id of this moment

    def script(request: Request) -> Answer:
        top = int(request.query.get("next_token") or newest)
        ids = range(top, max(0, top - 100), -1)
        return posts(*(first + n for n in ids), **({"next_token": str(top - 100)} if top > 100 else {}))

    frontier = Frontier(tmp_path / "state.sqlite")
    with serve(script) as server:
        frontier.add([want("search", "#sneeuw lang:nl")], now)
        for newest in (250, 330):
            with closing(Wire(timeout=5)) as wire:
                collect(tmp_path, "x", collector, Settings({"base_url": server.url}, TOKEN, wire), frontier=frontier)
            assert state(frontier) == {("search", "#sneeuw lang:nl", "done", "", str(first + newest))}
            frontier.revisit("x", "search", now)
    assert {request.path for request in server.asked} == {"/2/tweets/search/recent"}
    assert [request.query.get("next_token") for request in server.asked] == [None, "150", "50", None]
    assert {request.query["query"] for request in server.asked} == {"#sneeuw lang:nl"}
    assert {request.query["max_results"] for request in server.asked} == {"100"}
    assert not [request for request in server.asked if "since_id" in request.query]
    assert {int(post.post_id) - first for post in of(tmp_path, Post)} == set(range(1, 331))


def test_the_study_file_names_the_searches(tmp_path: Path) -> None:
    (tmp_path / "sneeuwbal.toml").write_text('[study]\nname = "s"\n[collectors.x]\nqueries = ["#sneeuw", "de ijzel"]\n')
    study = Study.load(tmp_path)
    frontier = Frontier(tmp_path / "state.sqlite")
    writer = archiving.Writer(tmp_path / "archive", "snowball")
    rules = rules_of(study, {"x": collector})
    assert admit(rules, frontier, writer, None, datetime.now(UTC)) == {"x search": 2}
    assert {row[1] for row in state(frontier)} == {"#sneeuw", "de ijzel"}
    writer.close()


def test_a_search_that_does_not_reach_the_old_mark_any_more_says_so() -> None:
    long_ago = (int((datetime.now(UTC) - timedelta(days=8)).timestamp() * 1000) - 1_288_834_974_657) << 22
    lately = long_ago + (3 * 86_400_000 << 22)
    for mark, complete in ((long_ago, False), (lately, True)):
        _, (done,), _ = ask(posts(lately + 9, lately + 8), want("search", "#sneeuw", since=str(mark)))
        assert (done.next, done.complete) == (None, complete)
    _, (done,), _ = ask(posts(lately + 9), want("search", "#sneeuw"))
    assert done.complete


def test_a_list_that_leads_back_to_itself_ends() -> None:
    _, (done,), _ = ask(posts(9, next_token="t2"), want("timeline", cursor="t2"))
    assert done.next is None
    assert not done.complete


def test_nineteen_digits_survive() -> None:
    _, (done,), records = ask(posts(1999999999999999999, 1999999999999999998), want("timeline"))
    assert done.newest == "1999999999999999999"
    assert [record.post_id for record in records] == ["1999999999999999999", "1999999999999999998"]


@pytest.mark.parametrize(
    ("exclude", "before", "here", "claim", "complete"),
    [
        ([], 3100, 100, 8000, False),  # the cap
        ([], 3080, 100, 8000, False),  # the cap, where some of the 3,200 were deleted
        ([], 3100, 100, 3200, True),  # a timeline that happens to hold as many as the cap
        ([], 3080, 100, 3180, True),
        ([], 1000, 100, 8000, True),  # far from the cap a claim decides nothing
        (["replies"], 700, 100, 8000, False),  # the other cap
        (["retweets"], 700, 100, 8000, True),
    ],
)
def test_a_timeline_that_ends_at_the_cap_is_recorded_as_truncated(
    exclude: list[str], before: int, here: int, claim: int, complete: bool
) -> None:
    answer = posts(*range(here, 0, -1))
    answer.body["includes"] = {"users": [user(42, "a", public_metrics={"tweet_count": claim})]}
    _, (done,), _ = ask(answer, want("timeline", cursor="c", position=before), exclude=exclude)
    assert done.next is None
    assert done.complete == complete
    assert done.why == ("" if complete else f"truncated at {before + here} posts")


def test_a_last_page_of_meta_alone_behind_the_cap_is_truncated_too() -> None:
    _, (done,), _ = ask(posts(result_count=0, previous_token="p"), want("timeline", cursor="c", position=3200))
    assert (done.complete, done.why) == (False, "truncated at 3200 posts")


def test_the_mark_of_the_last_complete_walk_is_where_a_walk_stops() -> None:
    with serve(in_turn(posts(120, 110))) as server:
        (page,) = fetch(server, want("timeline", since="100"))
    assert server.asked[0].query["since_id"] == "100"
    assert list(collector.outcome(page)) == [Done(page.targets[0], None, 2, "120", reached=True)]
    # a server that does not heed since_id
    _, (done,), _ = ask(posts(120, 110, 100, 90, next_token="more"), want("timeline", since="100"))
    assert (done.next, done.reached) == (None, True)
    _, (done,), _ = ask(posts(120, 110, next_token="more"), want("timeline", since="100"))
    assert (done.next, done.reached) == ("more", False)


def test_an_expired_cursor_begins_the_walk_again_and_a_bad_parameter_does_not() -> None:
    told = refusal("pagination_token", "old", "The `pagination_token` query parameter value [old] is not valid")
    _, (later,), records = ask(Answer(400, told), want("timeline", cursor="old", since="7"))
    assert isinstance(later, Later)
    assert later.restart
    assert records == []
    told = refusal("max_results", "1", "The `max_results` query parameter value [1] is not between 5 and 100")
    _, (later,), _ = ask(Answer(400, told), want("timeline", cursor="old"))
    assert isinstance(later, Later)
    assert not later.restart


# ---- users --------------------------------------------------------------------------------------------------


def test_absence_keeps_its_reasons_apart_and_users_left_out_are_noticed() -> None:
    body = {
        "data": [user(1, "Present")],
        "errors": [
            problem("nobody", "Could not find user with usernames: [nobody]."),
            problem("banned", "User has been suspended: [banned].", title="Forbidden"),
        ],
    }
    names = ["present", "nobody", "banned", "left_out"]
    _, outcomes, records = ask(Answer(200, body), *(want("user", name) for name in names))
    reasons = {one.target.key: getattr(one, "why", "") for one in outcomes}
    assert reasons == {"present": "", "nobody": "unknown", "banned": "suspended", "left_out": "unknown"}
    absences = {record.key: record.reason for record in records if isinstance(record, Absence)}
    assert absences == {"nobody": "unknown", "banned": "suspended", "left_out": "unknown"}
    assert [record.account_id for record in records if isinstance(record, Account)] == ["1"]


def test_errors_alone_are_no_crash_and_a_protected_timeline_is_not_an_empty_one() -> None:
    for told, reason in (
        (problem("42", "Sorry, you are not authorized to see the user with id: [42].", CLOSED, "Authorization Error"),
         "protected"),
        (problem("42", "User has been suspended: [42].", title="Forbidden"), "suspended"),
        (problem("42", "Could not find user with id: [42].", parameter="id"), "gone"),
    ):  # fmt: skip
        _, (outcome,), records = ask(Answer(200, {"errors": [told]}), want("timeline"))
        assert outcome == Absent(Target("x", "timeline", "42"), reason)
        assert ("timeline", reason) in {(r.kind, r.reason) for r in records if isinstance(r, Absence)}


def test_a_field_that_is_refused_and_a_failure_of_x_itself_make_nobody_absent() -> None:
    """Problems as OpenAPI 2.167 has them, under api.x.com."""
    of_x = "https://api.x.com/2/problems/"
    told = "You may not see field [public_metrics] of a protected user."
    field = problem("42", told, of_x + "not-authorized-for-field", "Field Authorization Error", field="public_metrics")
    broken = {"title": "Internal Error", "detail": "Something broke.", "type": of_x + "internal-error"}
    gone = problem("left", "Could not find user with usernames: [left].", of_x + "resource-not-found")
    _, (done,), records = ask(Answer(200, {**posts(9).body, "errors": [field]}), want("timeline"))
    assert (done.items, [r for r in records if isinstance(r, Absence)]) == (1, [])
    body = {"data": [user(1, "here")], "errors": [broken, gone]}
    _, outcomes, records = ask(Answer(200, body), *(want("user", name) for name in ("here", "left", "unsaid")))
    assert [type(one) for one in outcomes] == [Done, Absent, Later]
    assert [r.key for r in records if isinstance(r, Absence)] == ["left"]


def test_data_and_errors_together_are_both_kept() -> None:
    answer = posts(9)
    answer.body["errors"] = [
        problem("5", "Could not find tweet with referenced_tweets.id: [5].", parameter="referenced_tweets.id",
                resource_type="tweet"),
        problem("6", "Sorry, you are not authorized to see the Tweet with referenced_tweets.id: [6].", CLOSED,
                "Authorization Error", parameter="referenced_tweets.id", resource_type="tweet"),
    ]  # fmt: skip
    _, (done,), records = ask(answer, want("timeline"))
    assert done.items == 1
    assert [(r.kind, r.key, r.reason) for r in records if isinstance(r, Absence)] == [
        ("post", "5", "gone"), ("post", "6", "protected")]  # fmt: skip


def test_posts_and_accounts_are_looked_up_again_by_id_in_batches() -> None:
    lost = problem("6", "Could not find tweet with ids: [6].", parameter="ids", resource_type="tweet")
    shut = problem("7", "Sorry, you are not authorized to see the Tweet with ids: [7].", CLOSED, "Authorization Error",
                   parameter="ids", resource_type="tweet")  # fmt: skip
    answer = posts(5)
    answer.body["errors"] = [lost, shut]
    page, outcomes, records = ask(answer, *(want("post", key) for key in "5678"))
    assert page.url.endswith("&ids=5%2C6%2C7%2C8")
    assert [(one.target.key, getattr(one, "why", "")) for one in outcomes] == [
        ("5", ""), ("6", "gone"), ("7", "protected"), ("8", "unknown")]  # fmt: skip
    assert sorted((r.kind, r.key, r.reason) for r in records if isinstance(r, Absence)) == [
        ("post", "6", "gone"), ("post", "7", "protected"), ("post", "8", "unknown")]  # fmt: skip
    body = {
        "data": [user(1, "Renamed")],
        "errors": [problem("2", "Could not find user with ids: [2].", parameter="ids")],
    }
    _, outcomes, records = ask(Answer(200, body), want("user_id", "1"), want("user_id", "2"))
    assert [getattr(one, "why", "") for one in outcomes] == ["", "gone"]
    assert [(r.account_id, r.handle) for r in records if isinstance(r, Account)] == [("1", "Renamed")]


def x_users(known: dict[str, int]) -> Callable[[Request], Answer]:
    """X's look-up of users by name, with its refusal of a batch that holds a malformed name."""

    def script(request: Request) -> Answer:
        names = request.query["usernames"].split(",")
        for name in names:
            if not name.isascii() or not name.replace("_", "a").isalnum() or len(name) > 15:
                told = f"The `usernames` query parameter value [{name}] does not match ^[A-Za-z0-9_]{{1,15}}$"
                return Answer(400, refusal("usernames", ",".join(names), told))
        return Answer(200, {"data": [user(known[name], name) for name in names if name in known]})

    return script


def run(study: Path, server: Loopback | None, wire: Wire, wants: list[Want], **options: Any) -> Frontier:
    """Collect *wants* until nothing is due; return the frontier."""
    frontier = Frontier(study / "state.sqlite")
    with frontier.transaction():
        frontier.add(wants, wire.now())
    base = {"base_url": server.url} if server else {}
    collect(study, "x", collector, Settings({**base, **options}, TOKEN, wire), frontier=frontier, patience=0.5)
    return frontier


def state(frontier: Frontier) -> set[tuple[Any, ...]]:
    rows = "SELECT k.kind, t.key, t.state, t.why, t.since FROM targets AS t JOIN kinds AS k ON k.id = t.kind"
    return set(frontier.db.execute(rows))


def test_one_malformed_name_costs_two_more_requests_not_a_hundred(tmp_path: Path) -> None:
    known = {f"synthetic_{n}": n + 1 for n in range(99)}
    with serve(x_users(known)) as server:
        frontier = run(tmp_path, server, Wire(timeout=5), [want("user", n) for n in [*known, "not a name"]])
    assert ("user", "not a name", "absent", "unknown", "") in state(frontier)
    assert sum(row[2] == "done" for row in state(frontier)) == 99
    assert len(server.asked) == 3


def test_a_batch_spoilt_by_nobody_knows_whom_comes_apart() -> None:
    body = {
        "title": "Invalid Request",
        "detail": "One or more parameters to your request was invalid.",
        "type": INVALID,
    }
    _, outcomes, _ = ask(Answer(400, body), want("user", "a"), want("user", "b"))
    assert [type(one) for one in outcomes] == [Split, Split]


# ---- vocabularies -------------------------------------------------------------------------------------------


def only(word: str, other: str, expansion: str) -> Callable[[Request], Answer]:
    """X when it knows one vocabulary only."""

    def script(request: Request) -> Answer:
        if f"{other}.fields" in request.query:
            told = f"The query parameter [{other}.fields] is not one of [id,{word}.fields,expansions,pagination_token]"
            return Answer(400, refusal(f"{other}.fields", request.query[f"{other}.fields"], told))
        if expansion not in request.query["expansions"].split(","):
            return Answer(
                400, refusal("expansions", "", f"The `expansions` query parameter value is not one of [{expansion}]")
            )
        note = {"text": "the whole of a long synthetic post", "entities": {"hashtags": [{"tag": "sneeuw"}]}}
        data = [
            {
                "id": "9",
                "text": "the whole of",
                f"note_{word}": note,
                f"referenced_{word}s": [{"type": "quoted", "id": "5"}],
            }
        ]
        includes = {f"{word}s": [{"id": "5", "text": "quoted", "author_id": "7"}]}
        return Answer(200, {"data": data, "includes": includes, "meta": {"result_count": 1}})

    return script


@pytest.mark.parametrize(
    ("word", "other", "expansion", "asked"),
    [("tweet", "post", "referenced_tweets.id", 2), ("post", "tweet", "referenced_posts", 3),
     ("post", "tweet", "referenced_posts.id", 4)],
)  # fmt: skip
def test_it_speaks_the_vocabulary_that_the_platform_accepts(
    tmp_path: Path, word: str, other: str, expansion: str, asked: int
) -> None:
    with serve(only(word, other, expansion)) as server:
        frontier = run(tmp_path, server, Wire(timeout=5), [want("timeline", "1"), want("timeline", "2")])
    assert {row[2] for row in state(frontier)} == {"done"}
    assert len(server.asked) == asked
    for post in of(tmp_path, Post, lambda post: post.timeline_of):
        assert (post.quoted_post, post.full_text, post.full_hashtags) == (
            "5", "the whole of a long synthetic post", ("sneeuw",))  # fmt: skip
    assert {post.account_id for post in of(tmp_path, Post, lambda post: not post.timeline_of)} == {"7"}


def test_a_vocabulary_that_is_refused_for_good_ends_with_the_reason() -> None:
    told = refusal("tweet.fields", "id", "The query parameter [tweet.fields] is not one of [id,expansions]")
    _, (later,), _ = ask(Answer(400, told), want("timeline"), vocabulary="tweet")
    assert not later.free  # so the tries are counted, and it ends


# ---- what posts say -----------------------------------------------------------------------------------------


def of(study: Path, type_: Any, keep: Callable[[Any], Any] = lambda record: True) -> list[Any]:
    """The records of one type in the archive of *study*."""
    return [
        record
        for segment in archive.segments(study / "archive")
        for entry in archive.read(segment)
        if isinstance(entry, Page)
        for record in collector.parse(entry)
        if isinstance(record, type_) and keep(record)
    ]


LONG = "A synthetic original that is longer than what a retweet shows of it. " * 3 + "#sneeuw @synthetic_two"


def test_a_retweet_is_delivered_cut_and_its_whole_text_comes_from_the_original() -> None:
    entities = {"hashtags": [{"tag": "sneeuw"}], "mentions": [{"username": "synthetic_two", "id": "8"}]}
    original = {"id": "5", "text": LONG, "author_id": "7", "entities": entities}
    cut = {"id": "9", "text": "RT @synthetic_one: " + LONG[:120] + "…", "author_id": "42",
           "entities": {"mentions": [{"username": "synthetic_one", "id": "7"}]},
           "referenced_tweets": [{"type": "retweeted", "id": "5"}]}  # fmt: skip
    body = {
        "data": [cut],
        "includes": {"tweets": [original], "users": [user(7, "synthetic_one")]},
        "meta": {"result_count": 1},
    }
    _, _, records = ask(Answer(200, body), want("timeline"))
    retweet, seen = (record for record in records if isinstance(record, Post))
    assert (retweet.kind, retweet.account_id, retweet.retweeted_post, retweet.retweeted_account) == (
        "retweet",
        "42",
        "5",
        "7",
    )
    assert (retweet.text, retweet.full_text) == (cut["text"], LONG)
    assert (retweet.hashtags, retweet.full_hashtags) == ((), ("sneeuw",))
    assert [m.handle for m in retweet.mentions] == ["synthetic_one"]
    assert [m.handle for m in retweet.full_mentions] == ["synthetic_two"]
    assert (seen.post_id, seen.account_id, seen.timeline_of, seen.kind) == ("5", "7", None, "original")


def test_a_retweet_whose_original_is_not_there_is_not_completed() -> None:
    cut = {
        "id": "9",
        "text": "RT @synthetic_one: cut…",
        "author_id": "42",
        "referenced_tweets": [{"type": "retweeted", "id": "5"}],
    }
    _, _, (post,) = ask(Answer(200, {"data": [cut], "meta": {}}), want("timeline"))
    assert (post.full_text, post.full_hashtags, post.full_mentions, post.retweeted_account) == (None, None, None, None)


def test_replies_places_points_and_withheld_accounts_are_kept_as_given() -> None:
    reply = {"id": "9", "text": "@synthetic_one yes &amp; no", "author_id": "42", "in_reply_to_user_id": "7",
             "referenced_tweets": [{"type": "replied_to", "id": "5"}, {"type": "quoted", "id": "6"}],
             "geo": {"place_id": "p1", "coordinates": {"type": "Point", "coordinates": [4.31, 52.08]}}}  # fmt: skip
    bare = {"id": "8", "text": "", "author_id": "42", "geo": {"place_id": "p2"}}
    body = {"data": [reply, bare], "includes": {
        "places": [{"id": "p1", "full_name": "Den Haag, Nederland"}],
        "users": [user(42, "a", withheld={"country_codes": ["TR", "DE"]}, verified_type="government")]}}  # fmt: skip
    _, _, (first, second, account) = ask(Answer(200, body), want("timeline"))
    assert (first.kind, first.reply_to_post, first.reply_to_account, first.quoted_post) == ("reply", "5", "7", "6")
    assert (first.place, first.longitude, first.latitude) == ("Den Haag, Nederland", 4.31, 52.08)
    assert first.text == "@synthetic_one yes &amp; no"
    assert (second.place, second.longitude, second.latitude) == ("p2", None, None)
    assert account.flags == ("withheld:DE,TR", "verified-type:government")
    assert account.verified is None


def test_one_post_that_cannot_be_read_does_not_take_the_page_with_it() -> None:
    good = '{"id":"%d","text":"fine","author_id":"42"}'
    items = [good % 1, '{"id":1.2e18,"text":"an id through a float"}', good % 2, '{"id":"3","text":[]}']
    body = f'{{"data":[{",".join(items)}],"meta":{{"result_count":4}}}}'.encode()
    _, (done,), records = ask(Answer(200, body), want("timeline"))
    assert [record.post_id for record in records if isinstance(record, Post)] == ["1", "2"]
    assert [record.place for record in records if not isinstance(record, Post)] == ["data[1]", "data[3]"]
    assert isinstance(done, Done)


def test_half_a_surrogate_pair_or_a_byte_that_is_no_text_costs_one_character() -> None:
    body = rb'{"data":[{"id":"1","text":"half \ud83d, whole \ud83d\ude00, written \\ud83d"},{"id":"2","text":"'
    body += b'\xff"}],"meta":{"result_count":2}}'
    _, (done,), records = ask(Answer(200, body), want("timeline"))
    assert [record.text for record in records if isinstance(record, Post)] == [
        "half \ufffd, whole \U0001f600, written \\ud83d", "\ufffd"]  # fmt: skip
    assert done.items == 2


# ---- the sample stream --------------------------------------------------------------------------------------


def stream(number: int) -> Answer:
    refers = b'"referenced_tweets":[{"type":"retweeted","id":"1"}]'
    original = b'"includes":{"tweets":[{"id":"1","text":"whole","author_id":"8"}]}'
    line = b'{"data":{"id":"%d","text":"RT @a: cut","author_id":"7",' + refers + b"}," + original + b"}"
    lines = [line % (n + 10) for n in range(number)]
    return Answer(200, b"\r\n".join([*lines[: number // 2], b"", *lines[number // 2 :]]) + b"\r\n")


def test_a_sample_ends_when_there_is_enough_of_it_or_the_stream_ends() -> None:
    for delivered, wished, cursors in ((1200, 900, ["", "500"]), (1200, 9999, ["", "500", "1000"]), (3, 10, [""])):
        with serve(lambda request, n=delivered: stream(n)) as server:
            found = fetch(server, want("sample", "worldwide"), sets={"worldwide": wished})
        assert len(server.asked) == 1
        assert [page.targets[0].cursor for page in found] == cursors
        outcomes = [next(iter(collector.outcome(page))) for page in found]
        assert [one.next for one in outcomes] == [*cursors[1:], None]
        assert sum(one.items for one in outcomes) == min(delivered, 500 * len(cursors))


def test_posts_of_a_sample_are_marked_and_those_they_refer_to_do_not_count_as_it() -> None:
    with serve(lambda request: stream(4)) as server:
        (page,) = fetch(server, want("sample", "worldwide"))
    records = list(collector.parse(page))
    assert [(r.post_id, r.sample, r.timeline_of, r.full_text) for r in records] == [
        (str(n + 10), "worldwide", None, "whole") for n in range(4)
    ]
    assert "referenced_tweets.id.author_id" not in server.asked[0].query["expansions"]


def test_a_sample_whose_stream_breaks_goes_on_where_it_was(tmp_path: Path) -> None:
    """A server that begins its stream anew does not shorten the set, and no page is fetched without need."""
    whole = stream(2000).body.split(b"\r\n")
    anew = Answer(200, b"\r\n".join(whole))
    with serve(in_turn(Answer(200, b"\r\n".join(whole[:700]), cut=999), anew)) as server:
        wire = Wire(timeout=5)
        frontier = run(tmp_path, server, wire, [want("sample", "worldwide")], sets={"worldwide": 1600})
        assert state(frontier) == {("sample", "worldwide", "open", "cut", "")}
        with frontier.transaction():
            frontier.db.execute("UPDATE targets SET due_at = 0")
        run(tmp_path, server, wire, [], sets={"worldwide": 1600})
    assert {row[2] for row in state(frontier)} == {"done"}
    ids = {int(post.post_id) for post in of(tmp_path, Post)}
    assert ids == set(range(10, 10 + len(ids)))
    assert 1600 <= len(ids) < 1600 + 500


@pytest.mark.parametrize("anew", [True, False])
def test_a_sample_taken_up_by_another_process_is_as_large_as_wished(tmp_path: Path, anew: bool) -> None:
    """What came before a kill is known to the archive alone. A stream that begins anew doubles no row and shortens no
    set, and one that goes on makes none longer."""
    whole = stream(3000).body.split(b"\r\n")
    rest = whole if anew else whole[600:]
    with serve(in_turn(Answer(200, b"\r\n".join(whole)), Answer(200, b"\r\n".join(rest)))) as server:
        frontier = Frontier(tmp_path / "state.sqlite")
        frontier.add([want("sample", "worldwide")], datetime.now(UTC))
        for limit in (1, None):  # a process each: nothing but the study directory is the same
            with closing(Wire(timeout=5)) as wire:
                settings = Settings({"base_url": server.url, "sets": {"worldwide": 1600}}, TOKEN, wire)
                collect(tmp_path, "x", collector, settings, frontier=frontier, limit=limit)
    assert {row[2] for row in state(frontier)} == {"done"}
    came = [post.post_id for post in of(tmp_path, Post)]
    assert anew == (len(came) > len(set(came)))
    load(tmp_path, {"x": "collectors.x:collector"}, workers=1)
    with duckdb.connect(str(tmp_path / "study.duckdb"), read_only=True) as db:
        rows = db.execute("SELECT post_id FROM sample_posts").fetchall()
    assert sorted(id_ for (id_,) in rows) == sorted(set(came))
    assert 1600 <= len(rows) < 1600 + 500


def test_a_stream_that_brings_nothing_is_a_failure() -> None:
    with serve(lambda request: Answer(200, b"\r\n\r\n")) as server:
        (failure,) = fetch(server, want("sample", "worldwide"))
    assert isinstance(failure, Failure)
    assert len(server.asked) == 1


def test_a_stream_that_is_refused_waits_like_any_other_request() -> None:
    reset = str(int(datetime.now(UTC).timestamp()) + 600)
    page, (later,), _ = ask(Answer(429, b"Rate limit exceeded", {"x-rate-limit-reset": reset}), want("sample", "s"))
    assert page.status == 429
    assert later.until.timestamp() == float(reset) + 1


# ---- the whole job ------------------------------------------------------------------------------------------


class Small:
    """A small X: one account of 130 posts, 25 followers, and trouble on the way."""

    def __init__(self) -> None:
        self.failed: set[str] = set()
        self.lock = threading.Lock()

    def __call__(self, request: Request) -> Answer:
        token = request.query.get("pagination_token", "")
        with self.lock:
            first = request.path + token not in self.failed
            self.failed.add(request.path + token)
        if first and token == "30":
            return Answer(
                429, b"Rate limit exceeded", {"x-rate-limit-reset": str(int(datetime.now(UTC).timestamp()) + 1)}
            )
        if first and token == "60":
            return Answer(
                400, refusal("pagination_token", "60", "The `pagination_token` query parameter value [60] is not valid")
            )
        if request.path == "/2/users/by":
            return x_users({"synthetic_one": 1})(request)
        start, number = int(token.rstrip("!") or 0), 130 if request.path.endswith("/tweets") else 25
        end = min(start + 30, number) if token != "90" else start  # an empty page in the middle
        meta = {"result_count": end - start} | (
            {"next_token": str(end) if end > start else "90!"} if end < number else {}
        )
        if request.path.endswith("/tweets"):
            since = int(request.query.get("since_id", 0))
            data = [
                {"id": str(1000 - n), "text": f"synthetic {n}", "author_id": "1"}
                for n in range(start, end)
                if 1000 - n > since
            ]
        else:
            data = [user(n + 2, f"follower_{n}") for n in range(start, end)]
        return Answer(200, {"data": data, "meta": meta} if data else {"meta": meta})


def job() -> list[Want]:
    return [want("user", "synthetic_one"), want("user", "nobody"), want("timeline", "1"), want("followers", "1")]


def told(study: Path) -> list[Record]:
    return of(study, object)


def test_a_job_comes_through_its_troubles_and_replays_the_same_from_its_archive(tmp_path: Path) -> None:
    live, again = tmp_path / "live", tmp_path / "again"
    live.mkdir()
    again.mkdir()
    with serve(Small()) as server:
        frontier = Frontier(live / "state.sqlite")
        wire = Wire(timeout=5)
        with frontier.transaction():
            frontier.add(job(), wire.now())
        collect(live, "x", collector, Settings({"base_url": server.url}, TOKEN, wire), frontier=frontier, patience=10)
    assert state(frontier) == {
        ("user", "synthetic_one", "done", "", ""), ("user", "nobody", "absent", "unknown", ""),
        ("timeline", "1", "done", "", "1000"), ("followers", "1", "done", "", "")}  # fmt: skip
    assert {post.post_id for post in of(live, Post)} == {str(1000 - n) for n in range(130)}

    wire = Replay(live / "archive", tmp_path / "index.sqlite")
    frontier = Frontier(again / "state.sqlite")
    with frontier.transaction():
        frontier.add(job(), wire.now())
    collect(again, "x", collector, Settings({}, None, wire), frontier=frontier, patience=10)
    assert state(frontier) == state(Frontier(live / "state.sqlite"))
    assert sorted(map(repr, told(again))) == sorted(map(repr, told(live)))
    recover(live, {"x": collector}, tmp_path / "rebuilt.sqlite")
    assert {row[:4] for row in state(Frontier(tmp_path / "rebuilt.sqlite"))} <= {row[:4] for row in state(frontier)}


def test_a_walk_that_was_cut_short_leaves_no_gap_behind_the_mark(tmp_path: Path) -> None:
    """What the established tools lose: posts between the newest one seen and where a walk was cut."""
    newest = 300

    def script(request: Request) -> Answer:
        top = int(request.query.get("pagination_token") or newest)
        since = int(request.query.get("since_id") or 0)
        ids = [number for number in range(top, 0, -1) if number > since]
        return posts(*ids[:100], **({"next_token": str(ids[100])} if len(ids) > 100 else {}))

    def walk(server: Loopback, limit: int | None) -> tuple[str, str]:
        with closing(Wire(timeout=5)) as wire:
            options = Settings({"base_url": server.url}, TOKEN, wire)
            collect(tmp_path, "x", collector, options, frontier=frontier, patience=0.5, limit=limit)
        return frontier.db.execute("SELECT state, since FROM targets").fetchone()

    frontier = Frontier(tmp_path / "state.sqlite")
    with serve(script) as server:
        with frontier.transaction():
            frontier.add([want("timeline", "1")], datetime.now(UTC))
        assert walk(server, 2) == ("open", "")  # cut: the mark has not moved
        newest = 350
        assert walk(server, None) == ("done", "300")  # what came since then is above the mark
        with frontier.transaction():
            frontier.revisit("x", "timeline", datetime.now(UTC))
        newest = 520
        assert walk(server, 1) == ("open", "300")
        assert walk(server, None) == ("done", "520")
    assert {int(post.post_id) for post in of(tmp_path, Post)} == set(range(1, 521))
    assert [request.query.get("since_id") for request in server.asked] == [None] * 3 + ["300"] * 3


def test_what_lies_between_the_reach_of_the_platform_and_the_old_mark_stays_an_open_gap(tmp_path: Path) -> None:
    """More new posts than the platform reaches back: they cannot be had, and no later increment pretends they were."""
    newest = 100

    def script(request: Request) -> Answer:
        top = int(request.query.get("pagination_token") or newest)
        since = max(int(request.query.get("since_id") or 0), newest - 3200)
        ids = list(range(top, max(top - 100, since), -1))
        return posts(*ids, **({"next_token": str(ids[-1] - 1)} if ids and ids[-1] - 1 > since else {}))

    def walk() -> list[tuple[str, str, bool]]:
        frontier.revisit("x", "timeline", datetime.now(UTC))
        with closing(Wire(timeout=5)) as wire:
            collect(tmp_path, "x", collector, Settings({"base_url": server.url}, TOKEN, wire), frontier=frontier)
        load(tmp_path, {"x": "collectors.x:collector"}, workers=1)
        with duckdb.connect(str(tmp_path / "study.duckdb"), read_only=True) as db:
            return db.execute("SELECT low_water, why, closed_at IS NOT NULL FROM gaps").fetchall()

    frontier = Frontier(tmp_path / "state.sqlite")
    with serve(script) as server:
        frontier.add([want("timeline", "1")], datetime.now(UTC))
        assert walk() == []
        newest = 5000
        assert walk() == [("100", "truncated at 3200 posts", False)]
        newest = 5010
        assert walk() == [("100", "truncated at 3200 posts", False)]  # the increment of ten is whole, the gap is not
        assert server.asked[-1].query["since_id"] == "5000"  # and is not paid for again and again
    kept = {int(post.post_id) for post in of(tmp_path, Post)}
    assert kept == {*range(1, 101), *range(1801, 5011)}


def test_a_list_that_leads_back_to_itself_leaves_the_mark_where_it_was(tmp_path: Path) -> None:
    whole = False

    def script(request: Request) -> Answer:
        second = "pagination_token" in request.query
        return posts(*((90, 80) if second else (120, 110)), **({} if second and whole else {"next_token": "t"}))

    frontier = Frontier(tmp_path / "state.sqlite")
    with serve(script) as server:
        for expected in ((50, "the list repeats its cursor"), (120, "")):
            frontier.add([want("timeline", "1", since="50")], datetime.now(UTC))
            frontier.revisit("x", "timeline", datetime.now(UTC))
            with closing(Wire(timeout=5)) as wire:
                collect(tmp_path, "x", collector, Settings({"base_url": server.url}, TOKEN, wire), frontier=frontier)
            assert frontier.db.execute("SELECT CAST(since AS INTEGER), why FROM targets").fetchone() == expected
            whole = True


def test_a_sample_and_a_change_of_vocabulary_replay_too(tmp_path: Path) -> None:
    def script(request: Request) -> Answer:
        return stream(700) if "stream" in request.path else only("post", "tweet", "referenced_posts")(request)

    jobs = [want("timeline", "1"), want("sample", "worldwide")]
    live, again = tmp_path / "live", tmp_path / "again"
    live.mkdir()
    again.mkdir()
    with serve(script) as server:
        first = run(live, server, Wire(timeout=5), jobs)
    second = run(again, None, Replay(live / "archive", tmp_path / "index.sqlite"), jobs)
    assert state(first) == state(second)
    assert {row[2] for row in state(first)} == {"done"}
    assert sorted(map(repr, told(again))) == sorted(map(repr, told(live)))
    assert len({post.post_id for post in of(live, Post, lambda post: post.sample)}) == 700

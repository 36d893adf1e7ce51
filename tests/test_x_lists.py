"""Lists and look-ups of X: where they end, what is absent, and why.

Each trap stands against a loopback server, over real sockets and through the real tweepy. Bodies are recorded where it
says so, otherwise as X's documents and OpenAPI files describe them. People are invented.
"""

from __future__ import annotations

from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from collectors.base import Absent, Done, Later, Settings, Split
from collectors.engine.run import collect
from collectors.wire.exchange import Wire
from collectors.x.collector import collector
from jobs.context import rules_of
from storage.archive import writer as archiving
from storage.frontier.sqlite import Frontier
from storage.records import Absence, Account, Listed, Post, Target
from storage.sampling.admission import admit
from study.study_file import Study
from tests.loopback import Answer, Received, in_turn, serve
from tests.x_api import (
    CLOSED,
    INVALID,
    TOKEN,
    ask,
    fetch,
    of,
    posts,
    problem,
    refusal,
    request,
    run,
    state,
    user,
    x_users,
)

# ---- lists -------------------------------------------------------------------------------------------------------


def test_a_short_page_and_an_empty_one_with_a_token_are_not_the_last() -> None:
    _, (short,), _ = ask(posts(9, 8, next_token="t2"), request("timeline"))
    assert (short.next, short.items, short.newest) == ("t2", 2, "9")
    _, (empty,), _ = ask(posts(result_count=0, next_token="t3"), request("timeline", cursor="t2"))
    assert (empty.next, empty.items) == ("t3", 0)
    _, (last,), _ = ask(posts(result_count=0, previous_token="p"), request("timeline", cursor="t3"))
    assert (last.next, last.complete) == (None, True)


def test_the_cursor_of_a_target_is_the_token_it_asks_with() -> None:
    with serve(lambda request: posts(1)) as server:
        fetch(
            server,
            request("timeline", cursor="t2"),
            request("followers", cursor="f2"),
            request("search", "#sneeuw", cursor="s2"),
        )
    assert [request.query.get("pagination_token") or request.query.get("next_token") for request in server.asked] == [
        "t2", "f2", "s2"]  # fmt: skip


def test_a_search_is_walked_to_the_old_mark_and_asks_as_documented(tmp_path: Path) -> None:
    """Without `since_id`, which X refuses beyond the seven days that a search reaches back."""
    now, newest = datetime.now(UTC), 250
    first = (int(now.timestamp() * 1000) - 1_288_834_974_657) << 22  # an id of this moment

    def script(request: Received) -> Answer:
        top = int(request.query.get("next_token") or newest)
        ids = range(top, max(0, top - 100), -1)
        return posts(*(first + n for n in ids), **({"next_token": str(top - 100)} if top > 100 else {}))

    frontier = Frontier(tmp_path / "state.sqlite")
    with serve(script) as server:
        frontier.add([request("search", "#sneeuw lang:nl")], now)
        for newest in (250, 330):
            with closing(Wire(timeout=60)) as wire:
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
        _, (done,), _ = ask(posts(lately + 9, lately + 8), request("search", "#sneeuw", since=str(mark)))
        assert (done.next, done.complete) == (None, complete)
    _, (done,), _ = ask(posts(lately + 9), request("search", "#sneeuw"))
    assert done.complete


def test_a_list_that_leads_back_to_itself_ends() -> None:
    _, (done,), _ = ask(posts(9, next_token="t2"), request("timeline", cursor="t2"))
    assert done.next is None
    assert not done.complete


def test_nineteen_digits_survive() -> None:
    _, (done,), records = ask(posts(1999999999999999999, 1999999999999999998), request("timeline"))
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
    _, (done,), _ = ask(answer, request("timeline", cursor="c", position=before), exclude=exclude)
    assert done.next is None
    assert done.complete == complete
    assert done.why == ("" if complete else f"truncated at {before + here} posts")


def test_a_last_page_of_meta_alone_behind_the_cap_is_truncated_too() -> None:
    _, (done,), _ = ask(posts(result_count=0, previous_token="p"), request("timeline", cursor="c", position=3200))
    assert (done.complete, done.why) == (False, "truncated at 3200 posts")


def test_the_mark_of_the_last_complete_walk_is_where_a_walk_stops() -> None:
    with serve(in_turn(posts(120, 110))) as server:
        (page,) = fetch(server, request("timeline", since="100"))
    assert server.asked[0].query["since_id"] == "100"
    assert list(collector.outcome(page)) == [Done(page.targets[0], None, 2, "120", reached=True)]
    # a server that does not heed since_id
    _, (done,), _ = ask(posts(120, 110, 100, 90, next_token="more"), request("timeline", since="100"))
    assert (done.next, done.reached) == (None, True)
    _, (done,), _ = ask(posts(120, 110, next_token="more"), request("timeline", since="100"))
    assert (done.next, done.reached) == ("more", False)


def test_an_expired_cursor_begins_the_walk_again_and_a_bad_parameter_does_not() -> None:
    actual = refusal("pagination_token", "old", "The `pagination_token` query parameter value [old] is not valid")
    _, (later,), records = ask(Answer(400, actual), request("timeline", cursor="old", since="7"))
    assert isinstance(later, Later)
    assert later.restart
    assert records == []
    actual = refusal("max_results", "1", "The `max_results` query parameter value [1] is not between 5 and 100")
    _, (later,), _ = ask(Answer(400, actual), request("timeline", cursor="old"))
    assert isinstance(later, Later)
    assert not later.restart


# ---- users -------------------------------------------------------------------------------------------------------


def test_absence_keeps_its_reasons_apart_and_users_left_out_are_noticed() -> None:
    body = {
        "data": [user(1, "Present")],
        "errors": [
            problem("nobody", "Could not find user with usernames: [nobody]."),
            problem("banned", "User has been suspended: [banned].", title="Forbidden"),
        ],
    }
    names = ["present", "nobody", "banned", "left_out"]
    _, outcomes, records = ask(Answer(200, body), *(request("user", name) for name in names))
    reasons = {one.target.key: getattr(one, "why", "") for one in outcomes}
    assert reasons == {"present": "", "nobody": "unknown", "banned": "suspended", "left_out": "unknown"}
    absences = {record.key: record.reason for record in records if isinstance(record, Absence)}
    assert absences == {"nobody": "unknown", "banned": "suspended", "left_out": "unknown"}
    assert [record.account_id for record in records if isinstance(record, Account)] == ["1"]


def test_errors_alone_are_no_crash_and_a_protected_timeline_is_not_an_empty_one() -> None:
    for expected, reason in (
        (problem("42", "Sorry, you are not authorized to see the user with id: [42].", CLOSED, "Authorization Error"),
         "protected"),
        (problem("42", "User has been suspended: [42].", title="Forbidden"), "suspended"),
        (problem("42", "Could not find user with id: [42].", parameter="id"), "gone"),
    ):  # fmt: skip
        _, (outcome,), records = ask(Answer(200, {"errors": [expected]}), request("timeline"))
        assert outcome == Absent(Target("x", "timeline", "42"), reason, expected["detail"], "x")
        assert ("timeline", reason) in {(r.kind, r.reason) for r in records if isinstance(r, Absence)}


def test_a_field_that_is_refused_and_a_failure_of_x_itself_make_nobody_absent() -> None:
    """Problems as OpenAPI 2.167 has them, under api.x.com."""
    of_x = "https://api.x.com/2/problems/"
    text = "You may not see field [public_metrics] of a protected user."
    field = problem("42", text, of_x + "not-authorized-for-field", "Field Authorization Error", field="public_metrics")
    broken = {"title": "Internal Error", "detail": "Something broke.", "type": of_x + "internal-error"}
    gone = problem("left", "Could not find user with usernames: [left].", of_x + "resource-not-found")
    _, (done,), records = ask(Answer(200, {**posts(9).body, "errors": [field]}), request("timeline"))
    assert (done.items, [r for r in records if isinstance(r, Absence)]) == (1, [])
    body = {"data": [user(1, "here")], "errors": [broken, gone]}
    _, outcomes, records = ask(Answer(200, body), *(request("user", name) for name in ("here", "left", "unsaid")))
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
    _, (done,), records = ask(answer, request("timeline"))
    assert done.items == 1
    assert [(r.kind, r.key, r.reason) for r in records if isinstance(r, Absence)] == [
        ("post", "5", "gone"), ("post", "6", "protected")]  # fmt: skip


def test_posts_and_accounts_are_looked_up_again_by_id_in_batches() -> None:
    lost = problem("6", "Could not find tweet with ids: [6].", parameter="ids", resource_type="tweet")
    shut = problem("7", "Sorry, you are not authorized to see the Tweet with ids: [7].", CLOSED, "Authorization Error",
                   parameter="ids", resource_type="tweet")  # fmt: skip
    answer = posts(5)
    answer.body["errors"] = [lost, shut]
    page, outcomes, records = ask(answer, *(request("post", key) for key in "5678"))
    assert page.url.endswith("&ids=5%2C6%2C7%2C8")
    assert [(one.target.key, getattr(one, "why", "")) for one in outcomes] == [
        ("5", ""), ("6", "gone"), ("7", "protected"), ("8", "unknown")]  # fmt: skip
    assert sorted((r.kind, r.key, r.reason) for r in records if isinstance(r, Absence)) == [
        ("post", "6", "gone"), ("post", "7", "protected"), ("post", "8", "unknown")]  # fmt: skip
    body = {
        "data": [user(1, "Renamed")],
        "errors": [problem("2", "Could not find user with ids: [2].", parameter="ids")],
    }
    _, outcomes, records = ask(Answer(200, body), request("user_id", "1"), request("user_id", "2"))
    assert [getattr(one, "why", "") for one in outcomes] == ["", "gone"]
    assert [(r.account_id, r.handle) for r in records if isinstance(r, Account)] == [("1", "Renamed")]


def test_one_malformed_name_costs_two_more_requests_not_a_hundred(tmp_path: Path) -> None:
    known = {f"synthetic_{n}": n + 1 for n in range(99)}
    with serve(x_users(known)) as server:
        frontier = run(tmp_path, server, Wire(timeout=60), [request("user", n) for n in [*known, "not a name"]])
    assert ("user", "not a name", "absent", "unknown", "") in state(frontier)
    assert sum(row[2] == "done" for row in state(frontier)) == 99
    assert len(server.asked) == 3


def test_a_batch_spoilt_by_an_unknown_member_comes_apart() -> None:
    body = {
        "title": "Invalid Received",
        "detail": "One or more parameters to your request was invalid.",
        "type": INVALID,
    }
    _, outcomes, _ = ask(Answer(400, body), request("user", "a"), request("user", "b"))
    assert [type(one) for one in outcomes] == [Split, Split]


def test_the_members_of_a_list_and_who_wrote_what_a_search_finds_are_listed(tmp_path: Path) -> None:
    """As OpenAPI 2.167 has GET /2/lists/{id}/members: at most 100 a page, paged by `pagination_token`."""
    typed = ("https://x.com/i/lists/84839422", "twitter.com/i/lists/84839422/members", " 84839422 ", "x.com/name")
    kept = [collector.query_of("list_members", one) for one in typed]
    assert kept == ["84839422"] * 3 + [None]

    def script(request: Received) -> Answer:
        if request.path == "/2/tweets/search/recent":
            return posts(9, 8)
        assert (request.path, request.query["max_results"]) == ("/2/lists/84839422/members", "100")
        second = request.query.get("pagination_token") == "t2"
        people = [user(n, f"synthetic_{n}") for n in (range(101, 131) if second else range(1, 101))]
        return Answer(
            200, {"data": people, "meta": {"result_count": len(people), **({} if second else {"next_token": "t2"})}}
        )

    with serve(script) as server:
        frontier = run(
            tmp_path, server, Wire(timeout=60), [request("list_members", "84839422"), request("search", "#sneeuw")]
        )
    assert {(row[0], row[2]) for row in state(frontier)} == {("list_members", "done"), ("search", "done")}
    listed = {(one.list_id, one.account_id) for one in of(tmp_path, Listed)}
    assert listed == {("84839422", str(n)) for n in range(1, 131)} | {("#sneeuw", "42")}
    assert {one.account_id for one in of(tmp_path, Account)} == {str(n) for n in range(1, 131)}


def test_the_searches_of_a_study_are_seeds_where_seeds_says_so_and_comparisons_where_queries_does(
    tmp_path: Path,
) -> None:
    (tmp_path / "sneeuwbal.toml").write_text(
        '[study]\nname = "x"\n[seeds]\nx_lists = ["x.com/i/lists/7"]\nx_searches = ["#sneeuw"]\n'
        '[collectors.x]\nqueries = ["#hagel"]\nkinds = ["search", "user"]\n'
    )
    rules = rules_of(Study.load(tmp_path), {"x": collector})
    assert rules.finding == {"x": {"search": ["#sneeuw"], "list_members": ["7"]}}
    assert rules.queries == {"x": {"search": ["#hagel"]}}

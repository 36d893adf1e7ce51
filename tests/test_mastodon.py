"""Mastodon: the recorded answers against an independent count, and every trap that concerns it on real sockets.

Bodies: *recorded* are the cassettes beside the checkout; all others are *documented* (docs.joinmastodon.org, the
sources of GoToSocial and Takahe), built here. Traps are numbered as in the list that the project works from.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import msgspec
import pytest

from collectors.base import Absent, Done, Later, Refused
from collectors.mastodon.collector import KINDS, collector
from storage.records import Absence, Account, Failure, Follow, Page, Post, Quarantine, Request, Target
from tests.served import Answer, FastWire, Run, Server, run

HOST = "social.example"
NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)


def account(number: int | str, **fields: Any) -> dict[str, Any]:
    """A documented account of HOST (Mastodon 4.5: the URI holds the id)."""
    name = f"user{number}"
    return {
        "id": str(number), "username": name, "acct": name, "display_name": name, "note": "<p>hello</p>",
        "url": f"https://{HOST}/@{name}", "uri": f"https://{HOST}/ap/users/{number}",
        "created_at": "2020-01-01T00:00:00.000Z", "followers_count": 3, "following_count": 3, "statuses_count": 5,
        "discoverable": True, "indexable": True, "noindex": False, "hide_collections": False, "fields": [],
    } | fields  # fmt: skip


def status(number: int | str, author: dict[str, Any], **fields: Any) -> dict[str, Any]:
    """A documented post."""
    return {
        "id": str(number), "uri": f"{author['url']}/statuses/{number}", "account": author,
        "content": f"<p>{number}</p>",
        "created_at": "2026-11-01T10:00:00.000Z", "edited_at": None, "visibility": "public", "language": "nl",
        "in_reply_to_id": None, "in_reply_to_account_id": None, "reblog": None, "mentions": [], "tags": [],
        "favourites_count": 0, "reblogs_count": 0, "replies_count": 0,
    } | fields  # fmt: skip


def page(kind: str, body: Any, status: int = 200, *, cursor: str = "", headers: Any = (), key: str = "",
         url: str = "", **request: Any) -> Page:  # fmt: skip
    """A page as it would come."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    target = Target("mastodon", kind, key or f"https://{HOST}/ap/users/1", cursor)
    return Page((Request(target, "w", **request),), url or f"https://{HOST}/x", status, tuple(headers), raw, NOW)


def outcome(of: Page) -> Any:
    (found,) = collector.outcome(of)
    return found


def collected(
    tmp_path: Path, answer: Callable[[str], Answer], *requests: tuple[str, str], **more: Any
) -> tuple[Run, Server]:
    """One run against a server that answers for HOST."""
    with Server(answer) as server:
        options = {"hosts": {HOST: server.address}} | more.pop("options", {})
        return run(tmp_path / "study", "mastodon", collector, options, requests, **more), server


def site(
    accounts: dict[str, dict[str, Any]], lists: Callable[[str, dict[str, str]], Answer]
) -> Callable[[str], Answer]:
    """A server: look-ups from *accounts* (by name or id), the rest from *lists(what, query)*."""

    def answer(path: str) -> Answer:
        parts = urlsplit(path)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        if parts.path == "/api/v1/accounts/lookup":
            found = accounts.get(query["acct"].partition("@")[0])
        elif re.fullmatch(r"/api/v1/accounts/[^/]+", parts.path):
            found = next((a for a in accounts.values() if a["id"] == parts.path.rpartition("/")[2]), None)
        elif parts.path.startswith("/api/v1/accounts/"):
            code, headers, items = lists(parts.path.removeprefix("/api/v1/accounts/"), query)
            if "Link" not in headers and "max_id" in query:  # no list pages by itself: heed what is asked
                items = [item for item in items if int(item["id"]) < int(query["max_id"])]
            return code, headers, items
        else:
            found = None
        return (200, {}, found) if found else (404, {}, {"error": "Record not found"})

    return answer


ME = account(1)
KEY = ME["uri"]


# ---- recorded -----------------------------------------------------------------------------------------------------


def exchanges(real: Path) -> Iterator[tuple[str, dict[str, str], int, bytes]]:
    """(url, headers, status, body) of every recorded GET."""
    yaml = pytest.importorskip("yaml")
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    for cassette in sorted(real.glob("mastodon/mastodon_py_cassettes/cassettes*/*.yaml")):
        for exchange in yaml.load(cassette.read_text(), loader)["interactions"]:
            answer = exchange["response"]
            headers = {name.lower(): ", ".join(values) for name, values in answer["headers"].items()}
            body = answer["body"]["string"]
            if exchange["request"]["method"] == "GET":
                raw = body if isinstance(body, bytes) else body.encode()
                yield exchange["request"]["uri"], headers, answer["status"]["code"], raw


def bodies(real: Path, test: Callable[[Any], bool]) -> Iterator[tuple[str, dict[str, str], Any]]:
    for url, headers, code, body in exchanges(real):
        if code == 200 and headers.get("content-type", "").startswith("application/json"):
            parsed = json.loads(body)
            if test(parsed):
                yield url, {k: v for k, v in headers.items() if k != "content-encoding"}, parsed


class Text(HTMLParser):
    """The text of a piece of HTML, by the standard library: an independent reading."""

    def __init__(self, content: str) -> None:
        super().__init__()
        self.text, self.links = "", 0
        self.feed(content)

    def handle_data(self, data: str) -> None:
        self.text += data

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.text += "\n" if tag == "br" else ""


def test_recorded_accounts_say_what_their_json_says(real: Path) -> None:
    found = list(bodies(real, lambda body: isinstance(body, dict) and "acct" in body))
    assert len(found) > 20
    for url, _, body in found:
        actual, *fields = collector.parse(page("user", body, url=url, key="someone@nowhere.example"))
        assert [(one.account_id, one.name) for one in fields] == [
            (actual.account_id, field["name"].strip() or None) for field in body["fields"]
        ]
        assert (actual.account_id, actual.name) == (body.get("uri") or body["url"], body["display_name"] or None)
        assert (actual.followers, actual.following, actual.posts) == tuple(
            body[f"{name}_count"] for name in ("followers", "following", "statuses")
        )
        assert ("hide_collections" in actual.flags) == bool(body.get("hide_collections"))
        assert ("not-indexable" in actual.flags) == (body.get("indexable") is False)
        assert actual.created_at == datetime.fromisoformat(body["created_at"])
        assert actual.handle.count("@") == 1


def test_recorded_posts_say_what_their_json_says(real: Path) -> None:
    found = list(
        bodies(real, lambda body: isinstance(body, list) and bool(body) and {"content", "uri"} <= set(body[0]))
    )
    alone = bodies(real, lambda body: isinstance(body, dict) and {"content", "uri", "account"} <= set(body))
    found += [(url, headers, [body]) for url, headers, body in alone]
    total = 0
    for url, headers, body in found:
        quarantined = list(collector.parse(page("timeline", body, url=url, cursor="/x", headers=headers.items())))
        assert not [record for record in quarantined if isinstance(record, Quarantine)]
        posts = [record for record in quarantined if isinstance(record, Post) and record.timeline_of]
        public = [item for item in body if item["visibility"] in ("public", "unlisted")]
        assert [post.post_id for post in posts] == [item["uri"] for item in public]
        for post, item in zip(posts, public, strict=True):
            shown = item["reblog"] or item
            assert "".join(post.text.split()) == "".join(Text(shown["content"]).text.split())
            assert list(post.hashtags) == [tag["name"] for tag in shown["tags"]]
            assert len(post.mentions) == len(shown["mentions"])
            assert post.created_at == datetime.fromisoformat(item["created_at"])
        total += len(posts)
    assert total > 100


def test_recorded_link_headers_lead_the_walk(real: Path) -> None:
    seen = 0
    for url, headers, body in bodies(real, lambda body: isinstance(body, list)):
        wanted = re.search(r'<([^>]*)>;\s*rel="next"', headers.get("link", ""))
        if not re.search(r"/accounts/\d+/statuses", url):
            continue
        found = outcome(page("timeline", body, cursor="/x", headers=headers.items(), url=url))
        expected = urlsplit(wanted[1]) if wanted else None
        assert found.next == (f"{expected.path}?{expected.query}" if expected else None)
        assert found.items == len(body)
        assert found.newest == (max((item["id"] for item in body), key=int) if body else "")
        seen += 1
    assert seen > 10


def test_recorded_refusals_are_distinguished(real: Path) -> None:
    codes = {}
    for url, headers, code, body in exchanges(real):
        if code >= 400:
            target = page("following", body, code, cursor="/x", headers=headers.items(), url=url)
            codes[code] = outcome(target), outcome(msgspec.structs.replace(target, asked={"signed": True}))
    assert isinstance(codes[404][0], Absent)
    assert codes[404][0].why == "gone"
    assert isinstance(codes[401][0], Absent)
    assert codes[401][0].why.startswith("refused: ")
    assert isinstance(codes[401][1], Refused)


# ---- the traps, on real sockets -----------------------------------------------------------------------------------


def members(what: str, query: dict[str, str], size: int, last_link: bool = False) -> Answer:
    """Follow pages as Mastodon gives them: the ids in the links are internal, and nobody's account id."""
    start = int(query.get("max_id", 900_000))
    order = [900_000 - 7 * n for n in range(size)]
    left = [n for n, internal in enumerate(order) if internal < start or "max_id" not in query]
    shown = left[: min(int(query.get("limit", 40)), 80)]
    headers = {}
    if len(left) > len(shown) or (last_link and shown):
        url = f"https://{HOST}/api/v1/accounts/{what}?limit={query.get('limit', 40)}&max_id={order[shown[-1]]}"
        headers["Link"] = f'<{url}>; rel="next", <https://{HOST}/api/v1/accounts/{what}?since_id=1>; rel="prev"'
    return 200, headers, [account(100 + n) for n in shown]


def test_trap_04_follow_lists_are_walked_by_the_link_header(tmp_path: Path) -> None:
    answer = site({"1": ME}, lambda what, query: members(what, query, 205))
    found, server = collected(tmp_path, answer, ("followers", KEY), ("following", KEY))
    followers = {edge.follower_id for edge in found.of(Follow) if edge.listed == "followers"}
    following = {edge.followed_id for edge in found.of(Follow) if edge.listed == "following"}
    assert followers == following == {account(100 + n)["uri"] for n in range(205)}
    assert [path for path in server.paths if "limit=80" in path and "max_id" not in path]
    assert len(server.paths) == 2 * (1 + 3)
    assert {state for state, _ in found.states.values()} == {"done"}


def test_trap_03_a_next_link_on_the_last_page_ends_without_duplicates(tmp_path: Path) -> None:
    """As GoToSocial does: a next link is given until an empty page."""
    answer = site({"1": ME}, lambda what, query: members(what, query, 160, last_link=True))
    found, server = collected(tmp_path, answer, ("followers", KEY))
    assert len(found.of(Follow)) == len({edge.follower_id for edge in found.of(Follow)}) == 160
    assert len(server.paths) == 1 + 3
    assert found.states["followers", KEY] == ("done", "")


def test_trap_03_a_link_that_leads_back_or_nowhere_ends_too(tmp_path: Path) -> None:
    back = '<https://elsewhere.example/api/v1/accounts/1/followers?max_id=5>; rel="next"'
    answer = site({"1": ME}, lambda what, query: (200, {"Link": back}, [account(7)]))
    found, server = collected(tmp_path, answer, ("followers", KEY))
    assert found.states["followers", KEY] == ("done", "the next link leads back to its page")
    assert all(asked.headers["Host"] == HOST for asked in server.asked)  # no link can send us elsewhere

    def empty(what: str, query: dict[str, str]) -> Answer:
        link = f'<https://{HOST}/api/v1/accounts/{what}?max_id={int(query.get("max_id", 0)) + 1}>; rel="next"'
        return 200, {"Link": link}, []

    found, server = collected(tmp_path / "b", site({"1": ME}, empty), ("followers", KEY))
    assert len(server.paths) == 3
    assert found.states["followers", KEY][1] == "the profile claims 3, the server lists none"


def test_traps_01_02_short_and_empty_pages_go_on(tmp_path: Path) -> None:
    pages = [[status(90, ME)], [], [status(80, ME), status(70, ME)]]

    def lists(what: str, query: dict[str, str]) -> Answer:
        n = int(query.get("max_id", 0))
        link = f"<https://{HOST}/api/v1/accounts/{what}?limit=40&{'max' if n < 2 else 'min'}_id={n + 1}>; "
        return 200, {"Link": link + f'rel="{"next" if n < 2 else "prev"}"'}, pages[n]

    found, _ = collected(tmp_path, site({"1": ME}, lists), ("timeline", KEY))
    assert [post.post_id.rpartition("/")[2] for post in found.of(Post)] == ["90", "80", "70"]
    assert found.report.items == 3


def test_trap_05_ulids_are_ordered_and_kept_as_they_are(tmp_path: Path) -> None:
    """GoToSocial: ULIDs for ids, accounts without uri, and a token for every look-up."""
    ids = [f"01FBVD42CQ3ZEEVMW180SBX0{n}" for n in "9876543210"]
    gts = {k: v for k, v in account("01FBVD42CQ3ZEEVMW180SBXME").items() if k not in ("uri", "indexable", "noindex")}
    gts |= {"url": f"https://{HOST}/@me", "acct": "me", "username": "me"}
    shown = list(ids)

    def lists(what: str, query: dict[str, str]) -> Answer:
        rest = [id_ for id_ in shown if id_ < query.get("max_id", "Z")][:4]
        link = f'<https://{HOST}/api/v1/accounts/{what}?limit=40&max_id={rest[-1]}>; rel="next"' if rest else ""
        return 200, {"Link": link} if rest else {}, [status(id_, gts) for id_ in rest]

    def answer(path: str) -> Answer:
        if server.asked[-1].headers.get("Authorization") != "Bearer s3cret":
            return 401, {}, {"error": "Unauthorized: token not supplied"}
        return site({"me": gts}, lists)(path)

    with Server(answer) as server:
        options = {"hosts": {HOST: server.address}, "token_host": HOST}
        study = tmp_path / "study"
        found = run(study, "mastodon", collector, options, [("timeline", gts["url"])], secret="s3cret")
        assert [post.post_id.rpartition("/")[2] for post in found.of(Post)] == ids
        assert {post.timeline_of for post in found.of(Post)} == {gts["url"]}
        shown.insert(0, "01FBVD42CQ3ZEEVMW180SBX0A")
        del shown[1]  # the marked post was deleted: the order of the ids still ends the walk
        asked = len(server.paths)
        again = run(study, "mastodon", collector, options, secret="s3cret", again=["timeline"])
        assert len(server.paths) - asked == 2
        assert again.of(Post)[0].post_id.endswith("0A")
        denied = run(tmp_path / "b", "mastodon", collector, {"hosts": {HOST: server.address}},
                     [("timeline", gts["url"]), ("user", f"me@{HOST}")])  # fmt: skip
    assert {why for _, why in denied.states.values()} == {"refused: Unauthorized: token not supplied"}
    assert {absence.reason for absence in denied.of(Absence)} == {"refused"}


def test_a_token_goes_to_its_own_server_only(tmp_path: Path) -> None:
    with Server(lambda path: (401, {}, {"error": "The access token is invalid"})) as server:
        options = {"hosts": {HOST: server.address, "home.example": server.address}, "token_host": "home.example"}
        requests = [("user", f"a@{HOST}"), ("user", "a@home.example")]
        found = run(tmp_path / "study", "mastodon", collector, options, requests, secret="s3cret")
    sent = {asked.headers["Host"]: asked.headers.get("Authorization") for asked in server.asked}
    assert sent == {HOST: None, "home.example": "Bearer s3cret"}
    assert found.report.status == "refused"  # our own token: the run stops, and the target stays open
    assert found.states["user", "a@home.example"][0] == "open"


def test_trap_10_suspended_hidden_gone_and_unknown_are_kept_apart(tmp_path: Path) -> None:
    accounts = {
        "user2": account(2, suspended=True),
        "user3": account(3, hide_collections=True),
        "user5": account(5, uri=f"https://{HOST}/users/user5"),
    }
    requests = [("timeline", account(2)["uri"]), ("following", account(3)["uri"]), ("timeline", account(4)["uri"])]
    requests += [("user", f"nobody@{HOST}"), ("user", f"user2@{HOST}")]
    found, _ = collected(tmp_path, site(accounts, lambda *_: (200, {}, [])), *requests)
    assert [found.states[request] for request in requests] == [
        ("absent", "suspended"), ("absent", "private: the account hides whom it follows and who follows it"),
        ("absent", "gone"), ("absent", "unknown"), ("done", ""),
    ]  # fmt: skip
    assert sorted(absence.reason for absence in found.of(Absence)) == ["gone", "private", "suspended", "unknown"]
    assert "suspended" in next(a for a in found.of(Account) if a.account_id == account(2)["uri"]).flags


def test_trap_20_a_name_registered_again_is_another_person(tmp_path: Path) -> None:
    first = account(1, uri=f"https://{HOST}/users/ann", url=f"https://{HOST}/@old", acct="ann")
    other = account(77, acct="ann", url=f"https://{HOST}/@ann")
    found, _ = collected(tmp_path, site({"ann": other}, lambda *_: (200, {}, [])), ("timeline", first["uri"]))
    assert found.states["timeline", first["uri"]] == ("absent", f"gone: the name now belongs to {other['uri']}")
    assert not found.of(Post)


@pytest.mark.parametrize(
    ("headers", "waits"),
    [
        ([("X-RateLimit-Reset", "2026-11-24T12:04:30.123456Z")], 270.123456),  # Mastodon
        ([("X-RateLimit-Reset", "1795521000")], None),  # past, in Unix seconds (of another API): no time to wait for
        ([("Retry-After", "90")], 90.0),
        ([("Retry-After", "Tue, 24 Nov 2026 12:02:00 GMT")], 120.0),
        ([("Retry-After", "60"), ("Retry-After", "Tue, 24 Nov 2026 12:02:00 GMT")], 120.0),  # GoToSocial
        ([("X-RateLimit-Reset", "2020-01-01T00:00:00Z")], None),
        ([], None),
    ],
)
def test_traps_13_14_every_form_of_a_reset_and_none(
    tmp_path: Path, headers: list[tuple[str, str]], waits: float | None
) -> None:
    """A given reset is waited for, once; without one the requests are bounded by back-off."""
    with Server(lambda path: (429, headers, {"error": "Too many requests"}) if early() else (200, {}, ME)) as server:

        def early() -> bool:
            return waits is None or len(server.asked) < 2

        found = run(
            tmp_path / "study", "mastodon", collector, {"hosts": {HOST: server.address}}, [("user", f"user1@{HOST}")]
        )
    if waits is None:
        assert len(server.asked) == 6
        assert found.states["user", f"user1@{HOST}"] == ("failed", "rate limit")
    else:
        assert len(server.asked) == 2
        assert found.wire.slept[0] == pytest.approx(waits)
        assert found.states["user", f"user1@{HOST}"] == ("done", "")


def test_trap_15_a_reset_a_day_away_is_not_slept_and_holds_only_its_target(tmp_path: Path) -> None:
    def answer(path: str) -> Answer:
        slow = "slow" in path
        return (429, {"X-RateLimit-Reset": "2026-11-25T12:00:00Z"}, {}) if slow else (200, {}, ME)

    requests = [("user", f"slow@{HOST}"), ("user", f"user1@{HOST}")]
    found, server = collected(tmp_path, answer, *requests)
    assert found.report.status == "waiting"
    assert found.report.due_at == datetime(2026, 11, 25, 12, tzinfo=UTC)
    assert not found.wire.slept
    assert found.states["user", f"user1@{HOST}"] == ("done", "")
    assert len(server.paths) == 2


@pytest.mark.parametrize("headers", [[], [("Retry-After", "120"), ("Retry-After", "Tue, 24 Nov 2026 12:02:00 GMT")]])
def test_trap_16_a_503_in_html_is_asked_again_and_never_read(tmp_path: Path, headers: list[tuple[str, str]]) -> None:
    def answer(path: str) -> Answer:
        return (503, headers, b"<html>starting</html>") if len(server.asked) < 3 else (200, {}, ME)

    with Server(answer) as server:
        found = run(
            tmp_path / "study", "mastodon", collector, {"hosts": {HOST: server.address}}, [("user", f"user1@{HOST}")]
        )
    assert [page.status for page in found.pages if isinstance(page, Page)] == [503, 503, 200]
    assert found.records == [record for record in found.records if isinstance(record, Account)]
    assert all(wait >= 3 for wait in found.wire.slept)
    assert not headers or found.wire.slept[0] == pytest.approx(120)


def test_trap_17_a_402_stops_the_run_and_keeps_the_target(tmp_path: Path) -> None:
    found, server = collected(
        tmp_path, lambda path: (402, {}, {"error": "Payment required"}), ("user", f"user1@{HOST}")
    )
    assert found.report.status == "out of credit"
    assert found.states["user", f"user1@{HOST}"][0] == "open"
    assert len(server.paths) == 1


def test_trap_18_an_html_404_from_the_api_is_a_404(tmp_path: Path) -> None:
    """Takahe answers so for accounts it does not know."""
    requests = [("user", f"nobody@{HOST}"), ("timeline", KEY)]
    found, _ = collected(tmp_path, lambda path: (404, {}, b"<html><h1>404</h1></html>"), *requests)
    assert [found.states[request] for request in requests] == [("absent", "unknown"), ("absent", "gone")]
    assert not found.of(Quarantine)


def test_a_page_that_is_no_json_is_asked_again_and_quarantined(tmp_path: Path) -> None:
    found, _ = collected(tmp_path, lambda path: (200, {}, b"<html>please log in</html>"), ("following", KEY))
    assert found.states["following", KEY][0] == "failed"
    assert {record.place for record in found.of(Quarantine)} == {"body"}


def test_one_broken_item_does_not_spoil_its_page(tmp_path: Path) -> None:
    broken = status(3, ME) | {"account": None}
    items = [status(4, ME), broken, None, status(2, ME)]
    last = {"Link": f'<https://{HOST}/api/v1/accounts/1/statuses?min_id=4>; rel="prev"'}
    found, _ = collected(tmp_path, site({"1": ME}, lambda *_: (200, last, items)), ("timeline", KEY))
    assert [post.post_id.rpartition("/")[2] for post in found.of(Post)] == ["4", "2"]
    assert [record.place for record in found.of(Quarantine)] == ["[1]", "[2]"]
    assert found.report.items == 4


def test_trap_21_a_reblog_is_the_act_of_one_and_the_words_of_another(tmp_path: Path) -> None:
    author = account(9, acct="ann@far.example", url="https://far.example/@ann", uri="https://far.example/users/ann")
    shy = account(8, indexable=False)
    mention = {"id": "9", "acct": "ann@far.example", "url": author["url"]}
    original = status(50, author, content="<p>lang &amp; <b>heel</b><br>lang #Zorg</p>", tags=[{"name": "zorg"}],
                      mentions=[mention])  # fmt: skip
    items = [
        status(60, ME, reblog=original, content=""),
        status(59, ME, quote={"state": "accepted", "quoted_status": original}),
        status(58, ME, reblog=status(57, shy, content="<p>eigen woorden</p>", tags=[{"name": "zorg"}])),
        status(56, ME, in_reply_to_id="55", in_reply_to_account_id="1", edited_at="2026-11-02T00:00:00Z"),
        status(54, ME, visibility="private"),
    ]
    found, _ = collected(tmp_path, site({"1": ME}, lambda *_: (200, {}, items)), ("timeline", KEY))
    own = [post for post in found.of(Post) if post.timeline_of]
    seen = [post for post in found.of(Post) if not post.timeline_of]
    assert [(post.kind, post.account_id) for post in own] == [
        (kind, KEY) for kind in ("retweet", "quote", "retweet", "reply")
    ]
    assert (own[0].retweeted_post, own[0].retweeted_account) == (original["uri"], author["uri"])
    assert own[0].text == "lang & heel\nlang #Zorg"
    assert own[0].hashtags == ("zorg",)
    assert own[0].mentions[0].handle == "ann@far.example"
    assert own[1].quoted_post == original["uri"]
    assert (own[2].retweeted_account, own[2].text, own[2].hashtags) == (shy["uri"], "", ())
    assert (own[3].reply_to_account, own[3].edit_of) == (KEY, own[3].post_id)
    assert {post.account_id for post in seen} == {author["uri"]}  # not the words of someone who opted out
    assert len({post.post_id for post in own}) == 4  # a followers-only post is not kept, whoever's token shows it


def test_trap_22_the_mark_is_the_servers_order_whatever_dates_the_posts_claim(tmp_path: Path) -> None:
    dates = {100: "2099-01-01T00:00:00Z", 99: "2010-01-01T00:00:00Z"}
    shown = [100, 99, 98]

    def lists(what: str, query: dict[str, str]) -> Answer:
        rest = [n for n in sorted(shown, reverse=True) if n < int(query.get("max_id", 10**9))][:40]
        link = f'<https://{HOST}/api/v1/accounts/{what}?max_id={rest[-1]}>; rel="next"' if rest else ""
        date = "2026-11-01T00:00:00Z"
        return 200, {"Link": link} if rest else {}, [status(n, ME, created_at=dates.get(n, date)) for n in rest]

    with Server(site({"1": ME}, lists)) as server:
        options = {"hosts": {HOST: server.address}}
        run(tmp_path / "study", "mastodon", collector, options, [("timeline", KEY)])
        dates[101] = "2001-01-01T00:00:00Z"
        shown += range(101, 201)  # more than two pages of new posts, the first of them from the past
        asked = len(server.paths)
        found = run(tmp_path / "study", "mastodon", collector, options, again=["timeline"])
        ids = {int(post.post_id.rpartition("/")[2]) for post in found.of(Post)}
        assert set(range(101, 201)) <= ids
        assert len(server.paths) - asked == 1 + 3


def test_the_watermark_gap_a_walk_cut_short_loses_nothing(tmp_path: Path) -> None:
    shown = list(range(1, 11))

    def lists(what: str, query: dict[str, str]) -> Answer:
        rest = [n for n in sorted(shown, reverse=True) if n < int(query.get("max_id", 10**9))][:40]
        link = f'<https://{HOST}/api/v1/accounts/{what}?max_id={rest[-1]}>; rel="next"' if rest else ""
        return 200, {"Link": link} if rest else {}, [status(n, ME) for n in rest]

    with Server(site({"1": ME}, lists)) as server:
        options, study = {"hosts": {HOST: server.address}}, tmp_path / "study"
        run(study, "mastodon", collector, options, [("timeline", KEY)])
        shown += range(11, 211)
        cut = run(study, "mastodon", collector, options, again=["timeline"], limit=2)  # the account and one page
        shown += range(211, 221)
        rest = run(study, "mastodon", collector, options)  # goes on where it was cut
        last = run(study, "mastodon", collector, options, again=["timeline"])
    ids = {int(post.post_id.rpartition("/")[2]) for part in (cut, rest, last) for post in part.of(Post)}
    assert set(range(11, 221)) <= ids


def test_trap_23_counts_on_a_profile_are_kept_as_claims(tmp_path: Path) -> None:
    """Takahe claims 20 posts where it lists 17: the claim is recorded, the list is what was seen."""
    takahe = account(1, statuses_count=20, moved=False)
    items = [status(n, takahe) for n in range(30, 13, -1)]
    found, _ = collected(tmp_path, site({"1": takahe}, lambda *_: (200, {}, items)), ("timeline", KEY))
    assert {a.posts for a in found.of(Account)} == {20}
    assert len(found.of(Post)) == found.report.items == 17


@pytest.mark.parametrize("flag", [{"noindex": True}, {"indexable": False}])
def test_trap_27_opt_outs_are_honoured_before_any_post_is_fetched(tmp_path: Path, flag: dict[str, bool]) -> None:
    shy = account(1, **flag)
    lists = site({"user1": shy}, lambda *_: (200, {}, [status(5, shy)]))
    requests = [("user", f"user1@{HOST}"), ("timeline", KEY)]
    found, server = collected(tmp_path, lists, *requests)
    assert found.states["timeline", KEY] == ("absent", "opted-out")
    assert found.states["user", f"user1@{HOST}"] == ("done", "")
    assert not [path for path in server.paths if "statuses" in path]
    assert {flags for a in found.of(Account) for flags in a.flags} <= {"noindex", "not-indexable"}
    assert Absence("mastodon", "timeline", KEY, "opted-out") in found.records
    found, _ = collected(tmp_path / "b", lists, ("timeline", KEY), options={"honour_opt_outs": False})
    assert len(found.of(Post)) == 1  # only by the study's own decision


# ---- finding the server of a handle -------------------------------------------------------------------------------


@pytest.mark.parametrize("body", [b"<html>a web site</html>", {"error": "no such page"}])
@pytest.mark.parametrize("code", [200, 404])
def test_a_handle_is_found_where_webfinger_says(tmp_path: Path, code: int, body: Any) -> None:
    """user@example.org at a server called social.example: the host itself is asked first, then WebFinger."""

    def answer(path: str) -> Answer:
        host = server.asked[-1].headers["Host"]
        if host == HOST:
            return site({"ann": account(1, acct="ann", url=f"https://{HOST}/@ann")}, lambda *_: (404, {}, {}))(path)
        if path == "/.well-known/webfinger?resource=acct%3Aann%40example.org":
            links = [{"rel": "http://webfinger.net/rel/profile-page", "href": f"https://{HOST}/@ann"},
                     {"rel": "self", "type": "application/activity+json", "href": f"https://{HOST}/u/ann"}]  # fmt: skip
            return 200, {"Content-Type": "application/jrd+json"}, {"subject": "acct:ann@example.org", "links": links}
        return (404 if "webfinger" in path else code), {}, body

    with Server(answer) as server:
        options = {"hosts": {"example.org": server.address, HOST: server.address}}
        requests = [("user", "@Ann@example.org".lower()), ("user", "bob@example.org")]
        found = run(tmp_path / "study", "mastodon", collector, options, requests)
    assert [a.handle for a in found.of(Account)] == ["ann@example.org"]
    assert found.states["user", "bob@example.org"] == ("absent", "unknown")


def test_a_private_address_and_a_key_that_is_none_are_not_asked(tmp_path: Path) -> None:
    requests = [("user", f"ann@{host}") for host in ("127.0.0.1", "localhost", "10.0.0.3", "[::1]", "printer.local")]
    found = run(tmp_path / "study", "mastodon", collector, {}, [*requests, ("user", "ann"), ("timeline", "12345")])
    assert {found.states[request] for request in requests} == {("absent", "refused: private-address")}
    assert found.states["timeline", "12345"] == ("absent", "refused: invalid-key")
    assert all(isinstance(answer, Failure) for answer in found.pages)


def test_a_redirect_is_followed_but_not_into_a_private_network(tmp_path: Path) -> None:
    def answer(path: str) -> Answer:
        if path.startswith("/moved"):
            return 200, {}, ME
        return 302, {"Location": f"{inside.url if 'bad' in path else ''}/moved?{path.partition('?')[2]}"}, b""

    with Server(lambda path: (200, {}, account(66))) as inside:
        found, server = collected(tmp_path, answer, ("user", f"user1@{HOST}"), ("user", f"bad@{HOST}"))
    assert [a.account_id for a in found.of(Account)] == [KEY]
    assert not inside.asked
    assert found.states["user", f"bad@{HOST}"] == ("absent", "refused: private-address")
    assert len(server.asked) == 2 + 1


def test_seeds_are_brought_to_one_form() -> None:
    assert (
        collector.canonical("@Ann@Social.Example")
        == collector.canonical("acct:Ann@social.example")
        == "Ann@social.example"
    )
    assert collector.canonical("https://social.example/@ann") == "https://social.example/@ann"


def test_another_server_tells_only_what_it_has_seen(tmp_path: Path) -> None:
    far = account(5, acct="ann@far.example", url="https://far.example/@ann", uri="https://far.example/users/ann")
    answer = site({"ann": far}, lambda *_: (200, {}, [status(9, far)]))
    with Server(answer) as server:
        found = run(tmp_path / "study", "mastodon", collector, {"base_url": server.url}, [("timeline", far["uri"])])
    assert found.states["timeline", far["uri"]][1] == "asked at another server, which knows only what it has seen"
    assert [post.timeline_of for post in found.of(Post)] == [far["uri"]]


def test_trap_06_long_ids_stay_exact_even_as_json_numbers() -> None:
    items = [status(n, ME) | {"id": n} for n in (117020580452511285, 117020580452511284)]
    found = outcome(page("timeline", items, cursor="/x", since="117020580452511284"))
    assert (found.newest, found.reached) == ("117020580452511285", True)
    assert not outcome(page("timeline", items, cursor="/x", since="117020580452511283")).reached


def test_outcomes_name_the_mark_only_by_ids() -> None:
    items = [status(n, ME) for n in (300, 299, 1000)]
    assert outcome(page("timeline", items, cursor="/x")).newest == "1000"
    assert outcome(page("timeline", items, cursor="/x", since="299")).reached
    assert outcome(page("timeline", items, cursor="/x", since="999")) == Done(
        Target("mastodon", "timeline", KEY, "/x"), items=3, newest="1000", reached=True
    )
    assert not outcome(page("timeline", items, cursor="/x", since="20")).reached
    assert isinstance(outcome(page("timeline", b"", 500)), Later)
    assert all(kind.page in (1, 40, 80) for kind in KINDS.values())
    assert FastWire().now() == NOW


@pytest.mark.parametrize(
    ("claimed", "why"), [(2, ""), (5, "2 of the 5 that the profile claims, private posts included")]
)
def test_a_timeline_shorter_than_its_account_claims_says_so(tmp_path: Path, claimed: int, why: str) -> None:
    me = account(1, statuses_count=claimed)
    end = {"Link": f'<https://{HOST}/x>; rel="prev"'}
    answer = site({"1": me}, lambda what, query: (200, end, [status(8, me), status(7, me)]))
    found, _ = collected(tmp_path, answer, ("timeline", KEY))
    assert found.states["timeline", KEY] == ("done", why)

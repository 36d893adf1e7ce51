"""What posts of X say, on timelines and in the sample stream.

Each trap stands against a loopback server, over real sockets and through the real tweepy. Bodies are recorded where it
says so, otherwise as X's documents and OpenAPI files describe them. People are invented.
"""

from __future__ import annotations

from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pytest

from collectors.base import Done, Settings
from collectors.engine.run import collect
from collectors.wire.exchange import Wire
from collectors.x.collector import collector
from storage.frontier.sqlite import Frontier
from storage.records import Failure, Post
from storage.tables.load import load
from tests.loopback import Answer, in_turn, serve
from tests.x_api import (
    TOKEN,
    ask,
    fetch,
    of,
    request,
    run,
    state,
    stream,
    user,
)

# ---- what posts say ----------------------------------------------------------------------------------------------


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
    _, _, records = ask(Answer(200, body), request("timeline"))
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
    _, _, (post,) = ask(Answer(200, {"data": [cut], "meta": {}}), request("timeline"))
    assert (post.full_text, post.full_hashtags, post.full_mentions, post.retweeted_account) == (None, None, None, None)


def test_replies_places_points_and_withheld_accounts_are_kept_as_given() -> None:
    reply = {"id": "9", "text": "@synthetic_one yes &amp; no", "author_id": "42", "in_reply_to_user_id": "7",
             "referenced_tweets": [{"type": "replied_to", "id": "5"}, {"type": "quoted", "id": "6"}],
             "geo": {"place_id": "p1", "coordinates": {"type": "Point", "coordinates": [4.31, 52.08]}}}  # fmt: skip
    bare = {"id": "8", "text": "", "author_id": "42", "geo": {"place_id": "p2"}}
    body = {"data": [reply, bare], "includes": {
        "places": [{"id": "p1", "full_name": "Den Haag, Nederland"}],
        "users": [user(42, "a", withheld={"country_codes": ["TR", "DE"]}, verified_type="government")]}}  # fmt: skip
    _, _, (first, second, account) = ask(Answer(200, body), request("timeline"))
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
    _, (done,), records = ask(Answer(200, body), request("timeline"))
    assert [record.post_id for record in records if isinstance(record, Post)] == ["1", "2"]
    assert [record.place for record in records if not isinstance(record, Post)] == ["data[1]", "data[3]"]
    assert isinstance(done, Done)


def test_half_a_surrogate_pair_or_a_byte_that_is_no_text_costs_one_character() -> None:
    body = rb'{"data":[{"id":"1","text":"half \ud83d, whole \ud83d\ude00, written \\ud83d"},{"id":"2","text":"'
    body += b'\xff"}],"meta":{"result_count":2}}'
    _, (done,), records = ask(Answer(200, body), request("timeline"))
    assert [record.text for record in records if isinstance(record, Post)] == [
        "half \ufffd, whole \U0001f600, written \\ud83d", "\ufffd"]  # fmt: skip
    assert done.items == 2


# ---- the sample stream -------------------------------------------------------------------------------------------


def test_a_sample_ends_when_there_is_enough_of_it_or_the_stream_ends() -> None:
    for delivered, wished, cursors in ((1200, 900, ["", "500"]), (1200, 9999, ["", "500", "1000"]), (3, 10, [""])):
        with serve(lambda request, n=delivered: stream(n)) as server:
            found = fetch(server, request("sample", "worldwide"), sets={"worldwide": wished})
        assert len(server.asked) == 1
        assert [page.targets[0].cursor for page in found] == cursors
        outcomes = [next(iter(collector.outcome(page))) for page in found]
        assert [one.next for one in outcomes] == [*cursors[1:], None]
        assert sum(one.items for one in outcomes) == min(delivered, 500 * len(cursors))


def test_posts_of_a_sample_are_marked_and_those_they_refer_to_do_not_count_as_it() -> None:
    with serve(lambda request: stream(4)) as server:
        (page,) = fetch(server, request("sample", "worldwide"))
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
        wire = Wire(timeout=60)
        frontier = run(tmp_path, server, wire, [request("sample", "worldwide")], sets={"worldwide": 1600})
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
        frontier.add([request("sample", "worldwide")], datetime.now(UTC))
        for limit in (1, None):  # a process each: nothing but the study directory is the same
            with closing(Wire(timeout=60)) as wire:
                settings = Settings({"base_url": server.url, "sets": {"worldwide": 1600}}, TOKEN, wire)
                collect(tmp_path, "x", collector, settings, frontier=frontier, limit=limit)
    assert {row[2] for row in state(frontier)} == {"done"}
    came = [post.post_id for post in of(tmp_path, Post)]
    assert anew == (len(came) > len(set(came)))
    load(tmp_path, {"x": "collectors.x.collector:collector"}, workers=1)
    with duckdb.connect(str(tmp_path / "study.duckdb"), read_only=True) as db:
        rows = db.execute("SELECT post_id FROM sample_posts").fetchall()
    assert sorted(id_ for (id_,) in rows) == sorted(set(came))
    assert 1600 <= len(rows) < 1600 + 500


def test_a_stream_that_brings_nothing_is_a_failure() -> None:
    with serve(lambda request: Answer(200, b"\r\n\r\n")) as server:
        (failure,) = fetch(server, request("sample", "worldwide"))
    assert isinstance(failure, Failure)
    assert len(server.asked) == 1


def test_a_stream_that_is_refused_waits_like_any_other_request() -> None:
    reset = str(int(datetime.now(UTC).timestamp()) + 600)
    page, (later,), _ = ask(Answer(429, b"Rate limit exceeded", {"x-rate-limit-reset": reset}), request("sample", "s"))
    assert page.status == 429
    assert later.until.timestamp() == float(reset) + 1

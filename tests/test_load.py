"""Load: nothing lost, doubled or invented, in whatever order and however often the archive is read."""

import gzip
import os
import random
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from unittest.mock import patch

import msgspec
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from storage.archive import reader as archive
from storage.archive import writer as archiving
from storage.errors import UserError
from storage.records import (
    Absence,
    Account,
    Connection,
    Failure,
    Follow,
    Mention,
    Position,
    Post,
    Profile,
    ProfileLink,
    Quarantine,
)
from storage.tables import load as loading
from storage.tables import merge, parse_worker
from storage.tables.load import load
from tests.pages import PARSERS, T0, at, contents, page, rows, write

# ---- the same whatever the order -----------------------------------------------------------------------------

few = st.sampled_from
ids = few(["1", "2", "3"])
profiles = st.builds(
    lambda key, name, jobs, urls: [
        Profile(key, "toy", name=name),
        *[Position(key, n, job) for n, job in enumerate(jobs)],
        *[ProfileLink(key, url, "sameAs") for url in urls],
    ],
    ids,
    few(["Anna", "Ben"]),
    st.lists(few(["RWS", "IND"]), max_size=2),
    st.lists(few(["https://x.com/anna", "https://x.com/ben"]), max_size=1),
)
accounts = st.builds(
    Account, ids, st.just("x"), few(["anna", "ben"]), few(["A", None]), few(["bio", None]), followers=few([None, 1, 2])
)
posts = st.builds(
    Post,
    ids,
    st.just("x"),
    few(["7", None]),
    st.just(T0),
    few(["one #a", "two", None]),
    few(["7", None]),
    hashtags=few([(), ("a",)]),
    mentions=few([(), (Mention("b"), Mention("c", "9"))]),
    full_mentions=few([None, (), (Mention("d"),)]),
    sample=few([None, None, "worldwide"]),
)
others = st.one_of(
    st.builds(Connection, ids, ids),
    st.builds(Follow, st.just("x"), ids, ids, few(["following", "followers"])),
    st.builds(Absence, st.just("x"), st.just("account"), ids, few(["gone", "suspended"])),
    st.just("bug"),
)
records = st.one_of(profiles, st.lists(st.one_of(accounts, posts, others), max_size=4))
drafts = st.lists(
    st.tuples(records, st.integers(0, 3), few(["run-1", "run-2"]), few(["profile", "list"]), few([None, "more"])),
    min_size=3,
    max_size=8,
)


def made(drawn):
    return [
        page(n, found, minutes=minutes, run=run, kind=kind, key=f"key-{n % 3}", next=following)
        for n, (found, minutes, run, kind, following) in enumerate(drawn, 1)
    ]


def texts(*seen):
    return [([Post("1", "x", "7", T0, text, of)], minute, "run-1", "profile", None)
            for minute, (text, of) in enumerate(seen)]  # fmt: skip


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@example(texts(("a", None), (None, "7"), ("b", "7")), 0)  # the row that is kept has no text for a while
@example(texts((None, None), ("a", "7"), ("b", "7")), 0)  # the first text was not there the first time
@example(texts((None, "7"), ("a", None), ("a", "7")), 0)
@given(drafts, st.integers(0, 5))
def test_any_order_any_number_of_loads_and_any_repetition_give_the_same_tables(tmp_path_factory, drawn, cut):
    place = tmp_path_factory.mktemp("orders")
    pages = made(drawn)
    cut = 1 + cut % (len(pages) - 2)
    one, two, three = (place / name for name in ("one", "two", "three"))
    write(one, pages[:cut], "one")
    write(two, pages[cut:-1], "two")
    write(three, pages[-1:], "three")
    (again,) = archive.segments(one)
    copy = place / "copy"
    copy.mkdir()
    shutil.copy(again, copy / "z-copy.warc.gz")
    ways = {
        "at once": [[one, two, three]],
        "bit by bit": [[two], [two, one], [three, two, one]],
        "twice": [[two, three, one], [place / "copy", one, two, three]],
        "in portions": [[two], [one, two, three]],
    }
    found = {}
    for way, steps in ways.items():
        study = place / way
        study.mkdir()
        with patch.object(merge, "PORTION", 1 if way == "in portions" else merge.PORTION):
            for archives in steps:
                load(study, PARSERS, archives=archives)
        found[way] = contents(study)
    for way in ways:
        assert found[way] == found["at once"], way


def test_every_portion_of_a_load_reaches_the_current_accounts(tmp_path):
    for name in "123":
        write(tmp_path / "archive", [page(int(name), [Account(name, "x", f"handle-{name}")])], name)
        if name == "1":
            load(tmp_path, PARSERS)
    with patch.object(merge, "PORTION", 1):
        load(tmp_path, PARSERS)
    assert rows(tmp_path, "SELECT account_id FROM accounts ORDER BY 1") == [("1",), ("2",), ("3",)]


def test_every_record_is_a_row_a_duplicate_or_in_quarantine(tmp_path):
    given_ = [Post(str(n % 40), "x", "7", T0, "text", "7") for n in range(100)]
    write(tmp_path / "archive", [page(1, given_), page(2, ["misfit", *given_, Quarantine("here", "why")])])
    report = load(tmp_path, PARSERS)
    kept = rows(tmp_path, "SELECT count(*) FROM posts")[0][0]
    assert report.read["posts"] == 200
    assert kept == report.rows["posts"] == 40
    assert report.quarantined == rows(tmp_path, "SELECT count(*) FROM quarantine")[0][0] == 2


def test_the_line_of_a_load_counts_what_can_be_queried_not_what_was_read(tmp_path):
    """Forty posts on two pages, two hundred sightings: forty; then one more of them, and one that is known."""
    posts = [Post(str(n % 40), "x", "7", T0, "text", "7") for n in range(100)]
    write(tmp_path / "archive", [page(1, posts), page(2, posts)], "a")
    assert load(tmp_path, PARSERS).summary() == "load (fresh): 2 entries of 1 segments: 40 posts"
    write(tmp_path / "archive", [page(3, [*posts[:1], Post("41", "x", "7", T0, "new", "7")])], "b")
    assert load(tmp_path, PARSERS).summary() == "load (added): 1 entries of 1 segments: 41 posts (+1)"
    assert load(tmp_path, PARSERS).summary() == "load: nothing new in the archive"


def test_several_processes_read_what_one_reads(tmp_path, monkeypatch):
    some = [
        page(n, [Post(str(n * 100 + m), "x", "7", T0, f"text {n} {m}", "7") for m in range(50)]) for n in range(1, 60)
    ]
    write(tmp_path / "a", some, "a")
    write(tmp_path / "b", some[30:], "b", max_segment=2000)
    alone, split = tmp_path / "alone", tmp_path / "split"
    alone.mkdir(), split.mkdir()
    load(alone, PARSERS, archives=[tmp_path / "a", tmp_path / "b"], workers=1)
    monkeypatch.setattr(loading, "SMALL", 0)
    report = load(split, PARSERS, archives=[tmp_path / "a", tmp_path / "b"], workers=2)
    assert report.segments > 10
    assert contents(split) == contents(alone)


# ---- what wins -----------------------------------------------------------------------------------------------


def test_a_post_on_its_timeline_wins_over_a_later_sighting_elsewhere(tmp_path):
    seen = Post("1", "x", "7", T0, "text", "7", likes=1)
    elsewhere = Post("1", "x", "7", T0, "text", None, likes=5)
    write(tmp_path / "archive", [page(1, [seen]), page(2, [elsewhere]), page(3, [Post("2", "x", "8", T0, "t", None)])])
    load(tmp_path, PARSERS)
    assert rows(tmp_path, "SELECT post_id, likes, first_seen, last_seen FROM posts") == [("1", 1, at(1), at(2))]
    assert rows(tmp_path, "SELECT post_id FROM referenced_posts") == [("2",)]


def test_texts_of_an_edited_post_are_kept(tmp_path):
    edits = [page(n, [Post("1", "x", "7", T0, text, "7")]) for n, text in enumerate(["first", "first", "second"], 1)]
    write(tmp_path / "archive", [*edits, page(9, [Post("2", "x", "7", T0, "same", "7")])])
    load(tmp_path, PARSERS)
    assert rows(tmp_path, "SELECT text, first_seen, last_seen FROM post_versions ORDER BY first_seen") == [
        ("first", at(1), at(2)),
        ("second", at(3), at(3)),
    ]


def test_a_renamed_account_is_one_account_with_two_handles(tmp_path):
    old, new = Account("7", "x", "old", followers=1), Account("7", "x", "new", followers=2)
    write(tmp_path / "archive", [page(1, [old]), page(2, [new])])
    load(tmp_path, PARSERS)
    assert rows(tmp_path, "SELECT handle, followers, versions FROM accounts") == [("new", 2, 2)]
    assert rows(tmp_path, "SELECT handle, first_seen FROM handles ORDER BY 2") == [("old", at(1)), ("new", at(2))]


def test_a_mention_in_a_list_does_not_hide_what_a_page_of_its_own_reported(tmp_path):
    own = page(1, [Profile("p", "toy", name="Anna", description="text"), Position("p", 0, "RWS")])
    listed = page(2, [Profile("p", "toy", name="Anna"), Profile("q", "toy", name="Ben")], kind="list")
    full = page(3, [Account("7", "x", "anna", "Anna", "bio", followers=3)])
    lean = page(4, [Account("7", "x", "anna_now", "Anna")])
    write(tmp_path / "archive", [own, listed, full, lean])
    load(tmp_path, PARSERS)
    assert rows(tmp_path, "SELECT employer FROM positions") == [("RWS",)]
    assert rows(tmp_path, "SELECT description, last_seen FROM profiles WHERE profile_id = 'p'") == [("text", at(2))]
    assert rows(tmp_path, "SELECT handle, description, followers FROM accounts") == [("anna_now", "bio", 3)]


@pytest.mark.parametrize("order", [[1, 2], [2, 1]])
def test_an_id_that_is_looked_up_is_one_post_and_no_edit(tmp_path, order):
    """A list of bare ids hides no text, whichever came first, and a text that was not known before is no new one."""
    bare = Post("9", "x", None, T0, None, None, None)
    found = {1: [bare, Post("8", "x", None, T0, None, None, None)], 2: [Post("9", "x", "7", T0, "a text", None)]}
    for number in order:
        write(tmp_path / "archive", [page(number, found[number], minutes=order.index(number))], f"part-{number}")
        load(tmp_path, PARSERS)
    query = "SELECT post_id, text, kind, account_id FROM referenced_posts ORDER BY 1"
    assert rows(tmp_path, query) == [("8", None, None, None), ("9", "a text", "original", "7")]
    assert rows(tmp_path, "SELECT count(*) FROM post_versions") == [(0,)]


def test_a_text_that_only_other_pages_told_is_kept_as_a_version(tmp_path):
    told = [Post("1", "x", "7", T0, "told elsewhere", None), Post("1", "x", "7", T0, None, "7")]
    write(tmp_path / "archive", [page(n, [post]) for n, post in enumerate(told, 1)])
    load(tmp_path, PARSERS)
    assert rows(tmp_path, "SELECT text FROM posts") == [(None,)]
    assert rows(tmp_path, "SELECT text FROM post_versions") == [("told elsewhere",)]


def test_positions_and_links_follow_the_newest_content_of_their_page(tmp_path):
    before = [Profile("p", "toy", name="Anna"), Position("p", 0, "RWS"), ProfileLink("p", "https://x.com/Anna", "me")]
    after = [Profile("p", "toy", name="Anna"), Position("p", 0, "IND")]
    write(tmp_path / "archive", [page(1, before), page(2, after)])
    load(tmp_path, PARSERS)
    assert rows(tmp_path, "SELECT employer FROM positions") == [("IND",)]
    assert rows(tmp_path, "SELECT count(*) FROM profile_links") == [(0,)]
    assert rows(tmp_path, "SELECT versions FROM profiles") == [(2,)]


# ---- walks, gaps, runs ---------------------------------------------------------------------------------------


def test_a_walk_that_was_not_finished_is_a_gap_until_it_is(tmp_path):
    first = page(1, [], kind="list", key="7", walk="w", since="100", next="c2", items=5, newest="150")
    last = page(2, [], kind="list", key="7", walk="w", since="100", cursor="c2", items=3)
    capped = page(3, [], kind="list", key="8", walk="v", items=3200, complete=False, why="3,200 posts are all it gives")
    gone = page(4, [], kind="list", key="9", walk="u", status=404)
    write(tmp_path / "archive", [first], "first")
    load(tmp_path, PARSERS)
    assert rows(tmp_path, 'SELECT key, "cursor", low_water, why, closed_at FROM gaps') == [
        ("7", "c2", "100", "not finished", None)
    ]
    write(tmp_path / "archive", [last, capped, gone], "last")
    load(tmp_path, PARSERS)
    assert rows(tmp_path, "SELECT key, why FROM gaps") == [("8", "3,200 posts are all it gives")]
    assert rows(tmp_path, "SELECT walk, pages, items, ended, complete, newest FROM walks ORDER BY walk") == [
        ("u", 0, 0, True, False, None),
        ("v", 1, 3200, True, False, None),
        ("w", 2, 8, True, True, "150"),
    ]


@pytest.mark.parametrize(
    ("since", "expected", "closed"),
    [
        ("150", {}, False),  # from the newer mark on: what the cut walk missed is still missing
        ("100", {"complete": False, "why": "cut"}, False),  # as far back, but cut itself
        ("100", {"next": "c"}, False),  # not finished
        ("100", {}, True),  # to the mark the cut walk did not reach
        ("", {}, True),  # the whole list
    ],
)
def test_a_gap_is_closed_by_a_walk_that_went_back_as_far_and_by_no_other(tmp_path, since, expected, closed):
    capped = page(1, [], kind="list", key="7", walk="w", since="100", items=9, newest="150", complete=False, why="cut")
    write(tmp_path / "archive", [capped, page(2, [], kind="list", key="7", walk="v", since=since, **expected)])
    load(tmp_path, PARSERS)
    found = rows(tmp_path, "SELECT low_water, closed_at FROM gaps WHERE walk = 'w'")
    assert found == [("100", at(2) if closed else None)]


def test_a_follow_edge_ends_only_when_a_later_complete_walk_no_longer_shows_it(tmp_path):
    def listed(number, walk, *followed, **expected):
        edges = [Follow("toy", "7", other, "following") for other in followed]
        return page(number, edges, kind="following", key="7", walk=walk, **expected)

    write(tmp_path / "archive", [listed(1, "first", "1", "2"), listed(2, "cut short", "1", next="c")], "a")
    load(tmp_path, PARSERS)
    over = "SELECT followed_id, closed_at FROM follow_history ORDER BY 1"
    assert rows(tmp_path, over) == [("1", None), ("2", None)]
    write(tmp_path / "archive", [listed(3, "third", "1")], "b")
    load(tmp_path, PARSERS)
    assert rows(tmp_path, over) == [("1", None), ("2", at(3))]


def test_a_follow_edge_ends_by_the_list_that_showed_it_and_by_no_other_of_that_key(tmp_path):
    """A list may be of a kind of its own (records at the account's server), and two platforms may share a key."""

    def kept(number, *followed):
        edges = [Follow("toy", "7", other, "following") for other in followed]
        return page(number, edges, kind="follow_records", key="7", walk=f"toy/follow_records/7/{number}")

    other = page(2, [], kind="following", key="7", walk="toy/following/7/1")
    over = "SELECT followed_id, closed_at FROM follow_history ORDER BY 1"
    write(tmp_path / "archive", [kept(1, "1", "2"), other], "a")
    load(tmp_path, PARSERS)
    assert rows(tmp_path, over) == [("1", None), ("2", None)]
    write(tmp_path / "archive", [kept(3, "1")], "b")
    load(tmp_path, PARSERS)
    assert rows(tmp_path, over) == [("1", None), ("2", at(3))]


def test_runs_admissions_and_failures_are_rows(tmp_path):
    requests = page(1, []).requests
    admitted = [["toy", "profile", f"p{n}", 1, "p0", ""] for n in range(5000)]
    write(tmp_path / "archive", [
        ("run-start", {"run": "r", "collector": "toy", "version": "1", "settings": {"a": 1}}, at(0)),
        ("run-end", {"run": "r", "collector": "toy", "status": "complete", "reason": ""}, at(5)),
        ("run-start", {"run": "killed", "collector": "toy"}, at(6)),
        ("admission", {"rule": "seed", "wants": admitted}, at(0)),
        Failure(requests, "timeout", "after 30 s", at(7), "https://toy.example/", archiving.new_id(), "r"),
    ])  # fmt: skip
    load(tmp_path, PARSERS)
    assert rows(tmp_path, "SELECT run_id, status, ended_at FROM runs ORDER BY started_at") == [
        ("r", "complete", at(5)),
        ("killed", None, None),
    ]
    assert rows(tmp_path, "SELECT count(*), count(DISTINCT key), max(wave), max(via) FROM admissions") == [
        (5000, 5000, 1, "p0")
    ]
    assert rows(tmp_path, "SELECT failure, status FROM fetches") == [("timeout", None)]
    assert rows(tmp_path, "SELECT outcome, why FROM answers") == [("failure", "timeout")]


# ---- what is broken ------------------------------------------------------------------------------------------


def test_a_bug_in_a_parser_costs_the_rest_of_its_page_only(tmp_path):
    post = [Post(str(n), "x", "7", T0, "text", "7") for n in range(3)]
    write(tmp_path / "archive", [page(1, [post[0], "bug", post[1]]), page(2, [post[2]])])
    load(tmp_path, PARSERS)
    assert rows(tmp_path, "SELECT post_id FROM posts ORDER BY 1") == [("0",), ("2",)]
    assert rows(tmp_path, "SELECT place, reason FROM quarantine") == [("parse", "KeyError: 'a bug in the parser'")]


def test_a_collector_that_is_not_installed_is_reported_and_costs_nothing_else(tmp_path):
    write(tmp_path / "archive", [page(1, [])])
    load(tmp_path, {})
    assert rows(tmp_path, "SELECT reason FROM quarantine") == [("no collector called 'toy' is installed",)]


@pytest.mark.parametrize("text", ["a\ud800b", "a\x00b", "a'b\"; DROP TABLE", "\u202e\U0001f600"])
def test_any_text_is_kept_or_reported(tmp_path, text, monkeypatch):
    from tests import pages

    monkeypatch.setattr(pages.Toy, "parse", lambda self, page: iter([Post("1", "x", "7", T0, text, "7")]))
    write(tmp_path / "archive", [page(1, [])])
    load(tmp_path, {"toy": pages.collector})
    kept = rows(tmp_path, "SELECT text FROM posts")
    assert kept == [(text,)] or (kept == [] and len(rows(tmp_path, "FROM quarantine")) == 1)


def test_a_record_without_its_key_is_reported_and_not_kept(tmp_path, monkeypatch):
    from tests import pages

    found = [Follow("x", None, "2", "following"), Follow("x", "1", "2", "following"), Account(None, "x", "anna")]
    monkeypatch.setattr(pages.Toy, "parse", lambda self, page: iter(found))
    write(tmp_path / "archive", [page(1, [])])
    load(tmp_path, {"toy": pages.collector})
    assert rows(tmp_path, "SELECT follower_id FROM follows") == [("1",)]
    assert sorted(rows(tmp_path, "SELECT place, reason FROM quarantine")) == [
        ("Account", "a value does not fit its column: account_id is missing"),
        ("Follow", "a value does not fit its column: follower_id is missing"),
    ]


def some_pages(count=40):
    return [page(n, [Post(str(n), "x", "7", T0, f"text {n}", "7")]) for n in range(1, count + 1)]


def test_a_segment_cut_in_the_middle_gives_what_is_whole_and_is_reported(tmp_path):
    write(tmp_path / "archive", some_pages())
    (path,) = archive.segments(tmp_path / "archive")
    os.truncate(path, path.stat().st_size * 2 // 3)
    report = load(tmp_path, PARSERS)
    assert report.partial
    assert report.damage == [f"{path.name}: the last record is cut off"]
    assert 20 < rows(tmp_path, "SELECT count(*) FROM posts")[0][0] < 40


def test_behind_a_damaged_record_reading_goes_on(tmp_path):
    write(tmp_path / "archive", some_pages())
    (path,) = archive.segments(tmp_path / "archive")
    places = [(offset, end) for offset, end, _ in archive.read_at(path)]
    with path.open("r+b") as file:
        file.seek((places[9][0] + places[9][1]) // 2)
        file.write(b"\xff" * 20)
    report = load(tmp_path, PARSERS)
    assert len(report.damage) == 1
    assert path.name in report.damage[0]
    assert {row[0] for row in rows(tmp_path, "SELECT post_id FROM posts")} == {str(n) for n in range(1, 41) if n != 10}


def test_a_body_that_looks_like_an_archive_is_never_read_as_one(tmp_path, monkeypatch):
    forged = tmp_path / "forged"
    write(forged, [page(1000, [Post("forged", "x", "7", T0, "lie", "7")])])
    (lie,) = archive.segments(forged)
    noise = random.Random(1).randbytes  # what cannot be compressed lies in the segment as it is
    start, end, _ = next(archive.read_at(lie))
    body = b"".join(noise(50_000) + lie.read_bytes()[start:end] for _ in range(4))
    bait = msgspec.structs.replace(page(500, []), status=404, body=body)
    write(tmp_path / "archive", [*some_pages(3), bait, *some_pages(6)[3:]])
    monkeypatch.setattr(loading, "SMALL", 0)
    (path,) = archive.segments(tmp_path / "archive")
    cuts = parse_worker.split(path, 0, path.stat().st_size, path.stat().st_size // 6)
    places = {offset for offset, _, _ in archive.read_at(path)}
    assert any(start not in places for start, _ in cuts[1:])  # the bait is taken ...
    load(tmp_path, PARSERS, workers=2)
    assert {row[0] for row in rows(tmp_path, "SELECT post_id FROM base.posts")} == set("123456")  # ... and seen through


def test_records_of_others_are_left_out(tmp_path):
    write(tmp_path / "archive", some_pages(2))
    (path,) = archive.segments(tmp_path / "archive")
    foreign = b"WARC/1.0\r\nWARC-Type: resource\r\nWARC-Record-ID: <urn:x>\r\nContent-Length: 2\r\n\r\nhi\r\n\r\n"
    path.write_bytes(path.read_bytes() + gzip.compress(foreign))
    report = load(tmp_path, PARSERS)
    assert (report.entries, report.damage) == (2, [])


# ---- bit by bit ----------------------------------------------------------------------------------------------


def test_an_open_segment_is_read_as_far_as_it_is_synced_and_then_on(tmp_path):
    writer = archiving.Writer(tmp_path / "archive", "toy", fsync=False)
    first, second, third = some_pages(3)
    writer.append(first)
    writer.sync()
    writer.append(second)
    assert load(tmp_path, PARSERS).entries == 1
    assert load(tmp_path, PARSERS).entries == 0
    writer.append(third)
    writer.close()
    assert load(tmp_path, PARSERS).entries == 2
    assert rows(tmp_path, "SELECT count(*) FROM posts") == [(3,)]


def test_nothing_new_publishes_nothing(tmp_path):
    write(tmp_path / "archive", some_pages(2))
    assert load(tmp_path, PARSERS, settings=[("a", "1")]).published
    before = (tmp_path / "study.duckdb").stat()
    assert not load(tmp_path, PARSERS, settings=[("a", "1")]).published
    assert (tmp_path / "study.duckdb").stat().st_ino == before.st_ino
    assert load(tmp_path, PARSERS, settings=[("a", "2")]).published
    assert rows(tmp_path, "FROM study") == [("a", "2")]


def test_a_segment_that_has_gone_stops_the_load_and_loses_nothing(tmp_path):
    write(tmp_path / "archive", some_pages(2))
    load(tmp_path, PARSERS)
    (path,) = archive.segments(tmp_path / "archive")
    path.rename(tmp_path / path.name)
    with pytest.raises(UserError, match="restore it, or run `sneeuwbal load --fresh`"):
        load(tmp_path, PARSERS)
    assert rows(tmp_path, "SELECT count(*) FROM posts") == [(2,)]
    anew = load(tmp_path, PARSERS, fresh=True)
    assert anew.partial
    (line,) = anew.damage
    assert line.startswith(f"{path.name}: was loaded before, but is not in the archive")
    assert rows(tmp_path, "SELECT count(*) FROM posts") == [(0,)]
    assert not load(tmp_path, PARSERS, fresh=True).partial  # said once: the tables promise no more than the archive


KILLED = """
import sys, time
from pathlib import Path
from storage.tables import {module}
def slow(*args, **kwargs):
    print("here", flush=True)
    time.sleep(60)
{module}.{name} = slow
from storage.tables.load import load
from tests.pages import PARSERS
load(Path(sys.argv[1]), PARSERS)
"""


@pytest.mark.parametrize("place", ["merge.merge", "latest.refresh", "database.publish"])
def test_a_load_killed_anywhere_leaves_the_published_file_as_it_was(tmp_path, place):
    write(tmp_path / "archive", some_pages(2), "a")
    load(tmp_path, PARSERS)
    before = (tmp_path / "study.duckdb").read_bytes()
    write(tmp_path / "archive", some_pages(5)[2:], "b")
    module, _, name = place.partition(".")
    child = subprocess.Popen(
        [sys.executable, "-c", KILLED.format(module=module, name=name), str(tmp_path)],
        stdout=subprocess.PIPE, cwd=Path(__file__).parents[1],
    )  # fmt: skip
    assert child.stdout.readline() == b"here\n"
    child.send_signal(signal.SIGKILL)
    child.communicate()
    assert (tmp_path / "study.duckdb").read_bytes() == before
    load(tmp_path, PARSERS)
    assert rows(tmp_path, "SELECT count(*) FROM posts") == [(5,)]
    assert not (tmp_path / ".load").exists()


def test_a_second_load_waits_for_the_first(tmp_path):
    write(tmp_path / "archive", some_pages(2))
    program = (
        "import sys, pathlib, storage.tables.load as l, tests.pages as t; l.load(pathlib.Path(sys.argv[1]), t.PARSERS)"
    )
    command = [sys.executable, "-c", program, str(tmp_path)]
    children = [subprocess.Popen(command, cwd=Path(__file__).parents[1]) for _ in range(2)]
    assert [child.wait() for child in children] == [0, 0]
    assert rows(tmp_path, "SELECT count(*) FROM posts") == [(2,)]


def test_a_segment_that_is_sealed_while_a_load_begins_is_read_all_the_same(tmp_path: Path, monkeypatch) -> None:
    writer = archiving.Writer(tmp_path / "archive", "toy", fsync=False)
    writer.append(page(1, [Follow("x", "1", "2", "following")]))
    writer.sync()
    listed = archive.segments

    def then_sealed(place: Path) -> list[Path]:
        found = listed(place)
        writer.close()
        return found

    monkeypatch.setattr(archive, "segments", then_sealed)
    load(tmp_path, PARSERS, workers=1)
    assert rows(tmp_path, "SELECT followed_id FROM follows") == [("2",)]
    monkeypatch.undo()
    load(tmp_path, PARSERS, workers=1)
    assert rows(tmp_path, "SELECT followed_id FROM follows") == [("2",)]

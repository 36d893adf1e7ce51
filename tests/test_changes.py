"""What changed since: nothing is called a change that was not looked for to the end."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from storage.records import Account, Deletion, Follow, Position, Post, Profile, Quarantine
from storage.tables.load import load
from tests.pages import PARSERS, T0, at, page, rows, write


def _load(study: Path, pages: list) -> None:
    write(study / "archive", pages)
    load(study, PARSERS, workers=1)


def _list(number: int, walk: int, members: str, **outcomes: object):
    found = [Follow("toy", "anna", member, "following") for member in members]
    return page(number, found, kind="following", key="anna", walk=f"toy/following/anna/{walk}", run=f"run-{walk}",
                **outcomes)  # fmt: skip


def _follows(study: Path) -> list:
    return rows(study, "SELECT change, followed_id, last_seen, seen_at, gap FROM follow_changes ORDER BY seen_at, 2")


def test_an_edge_closes_by_a_complete_walk_only_and_reopens(tmp_path: Path) -> None:
    _load(tmp_path, [
        _list(1, 1, "ab"),
        _list(2, 2, "a", next="c"),  # cut short by a kill: b is not gone
        _list(3, 3, "a", complete=False, why="capped"),  # cut short by the platform: nor is it now
        _list(4, 4, "a", reached=True),  # only down to the old mark: nor is it now
        _list(5, 5, "ac"),
        _list(6, 6, "abc"),
    ])  # fmt: skip
    assert _follows(tmp_path) == [
        ("closed", "b", at(1), at(5), True),
        ("opened", "c", at(1), at(5), True),
        ("opened", "b", at(5), at(6), False),
    ]


def test_a_list_that_became_empty_closes_all_of_it_and_one_that_is_absent_nothing(tmp_path: Path) -> None:
    _load(tmp_path, [_list(1, 1, "ab"), _list(2, 2, "", status=404)])
    assert _follows(tmp_path) == []
    write(tmp_path / "archive", [_list(3, 3, "")], name="more")
    load(tmp_path, PARSERS, workers=1)
    assert [(row[0], row[1]) for row in _follows(tmp_path)] == [("closed", "a"), ("closed", "b")]


walks = st.lists(
    st.tuples(st.sets(st.sampled_from("abc")), st.sampled_from(["full", "killed", "capped", "reached", "absent"])),
    min_size=1,
    max_size=7,
)


@settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))
@given(walks)
def test_follow_changes_are_those_of_a_model_of_opened_and_closed_edges(tmp_path_factory, drawn) -> None:
    """The model: an edge is unknown, open or closed; presence opens it, absence from a full walk closes it."""
    study = tmp_path_factory.mktemp("study")
    how = {"full": {}, "killed": {"next": "c"}, "capped": {"complete": False}, "reached": {"reached": True},
           "absent": {"status": 404}}  # fmt: skip
    pages, expected, full_before = [], [], False
    state: dict[str, str] = {}
    for number, (members, kind) in enumerate(drawn, 1):
        pages.append(_list(number, number, "".join(sorted(members)), **how[kind]))
        if kind == "absent":
            continue
        for edge in "abc":
            if edge in members and state.get(edge) != "open":
                if full_before or state.get(edge) == "closed":
                    expected.append(("opened", edge, at(number)))
                state[edge] = "open"
            elif edge not in members and kind == "full" and state.get(edge) == "open":
                expected.append(("closed", edge, at(number)))
                state[edge] = "closed"
        full_before = full_before or kind == "full"
    _load(study, pages)
    found = rows(study, "SELECT change, followed_id, seen_at FROM follow_changes")
    assert sorted(found) == sorted(expected)


def _profile(number: int, run: int, jobs: list[str], **fields: str):
    records = [Profile("p", "toy", **{"name": "Anna", **fields}), *[Position("p", n, j) for n, j in enumerate(jobs)]]
    return page(number, records, kind="profile", key="p", walk=f"toy/profile/p/{run}", run=f"run-{run}")


def test_a_profile_that_changes_employer_and_back_gives_both_changes(tmp_path: Path) -> None:
    mention = page(9, [Profile("p", "toy", name="A.")], kind="connections", key="q", run="run-2", minutes=2.5)
    broken = page(10, [Profile("p", "toy", name="Anna"), Quarantine("position", "no employer")], kind="profile",
                  key="p", run="run-5", minutes=10)  # fmt: skip
    _load(tmp_path, [
        _profile(1, 1, ["RWS"]), _profile(2, 2, ["IND"], headline="New"), mention, _profile(3, 3, ["RWS"]), broken,
    ])  # fmt: skip
    found = rows(tmp_path, "SELECT change, employer, last_seen, seen_at FROM employer_changes ORDER BY 4, 1")
    assert found == [("began", "IND", at(1), at(2)), ("left", "RWS", at(1), at(2)),
                     ("began", "RWS", at(2), at(3)), ("left", "IND", at(2), at(3))]  # fmt: skip
    stored = rows(tmp_path, 'SELECT field, "before", "after", seen_at FROM profile_changes ORDER BY seen_at')
    assert stored == [("headline", None, "New", at(2)), ("headline", "New", None, at(3))]


def test_a_renamed_account_is_one_change_and_what_is_left_out_none(tmp_path: Path) -> None:
    def user(number: int, **fields: object):
        return page(number, [Account("7", "x", **fields)], kind="user", key="7", run=f"run-{number}")

    _load(tmp_path, [user(1, handle="anna", name="Anna"), user(2, handle="anna", name=None),
                     user(3, handle="annette", name="Anna"), user(4, handle="anna", name="Anna")])  # fmt: skip
    found = rows(tmp_path, 'SELECT "before", "after", last_seen, seen_at FROM handle_changes ORDER BY seen_at')
    assert found == [("anna", "annette", at(2), at(3)), ("annette", "anna", at(3), at(4))]
    assert rows(tmp_path, "SELECT DISTINCT field FROM account_changes") == [("handle",)]


def _timeline(number: int, posts: dict[str, str], **outcomes: object):
    found = [Post(key, "toy", "7", T0, text, "7") for key, text in posts.items()]
    return page(number, found, kind="timeline", key="7", walk=f"toy/timeline/7/{number}", run=f"run-{number}",
                **outcomes)  # fmt: skip


def test_edited_and_vanished_posts_are_distinguished_from_those_not_asked_for(tmp_path: Path) -> None:
    deleted = page(5, [Deletion("toy", "post", "2", "deleted", at(2.5))], kind="compliance", key="job")
    _load(tmp_path, [
        _timeline(1, {"1": "one", "2": "two", "3": "three"}),
        _timeline(2, {"3": "drei"}, reached=True),  # down to the mark only: 1 and 2 were not asked for
        _timeline(3, {"1": "one"}, complete=False),
        _timeline(4, {"1": "one", "3": "drei"}),
        deleted,
    ])  # fmt: skip
    edits = rows(tmp_path, 'SELECT post_id, "before", "after", last_seen, seen_at FROM post_edits')
    assert edits == [("3", "three", "drei", at(1), at(2))]
    gone = rows(tmp_path, "SELECT post_id, last_seen, seen_at, told_at FROM vanished_posts")
    assert gone == [("2", at(1), at(4), at(2.5))]
    kinds = rows(tmp_path, "SELECT what, count(*) FROM changes GROUP BY ALL ORDER BY ALL")
    assert kinds == [("edit", 1), ("vanished", 1)]


def test_an_edit_that_is_a_post_of_its_own_is_an_edit_and_nothing_vanished(tmp_path: Path) -> None:
    def timeline(number: int, *versions: tuple[str, str, str | None]):
        found = [Post(key, "x", "7", at(int(key)), text, "7", edit_of=first) for key, text, first in versions]
        return page(number, found, kind="timeline", key="7", walk=f"x/timeline/7/{number}", run=f"run-{number}")

    _load(tmp_path, [
        timeline(1, ("1", "one", None), ("2", "two", None)),
        timeline(2, ("1", "one", None), ("3", "twee", "2")),
        timeline(3, ("1", "one", None), ("4", "deux", "2")),
        timeline(4, ("1", "one", None)),
    ])  # fmt: skip
    edits = rows(tmp_path, 'SELECT post_id, "before", "after", last_seen, seen_at FROM post_edits ORDER BY 1')
    assert edits == [("3", "two", "twee", at(1), at(2)), ("4", "twee", "deux", at(2), at(3))]
    assert rows(tmp_path, "SELECT post_id, last_seen, seen_at FROM vanished_posts") == [("4", at(3), at(4))]


@pytest.mark.parametrize("order", [(1, 2), (2, 1)])
def test_what_two_runs_saw_at_one_moment_is_of_the_same_record_in_any_order_of_loading(
    order: tuple[int, int], tmp_path: Path
) -> None:
    for number in order:
        one = [Account("7", "x", handle="a"), Profile("https://a.example/in/b", "https://a.example/in/b", "B")]
        write(tmp_path / "archive", [page(number, one, minutes=0, run=f"run-{number}")], name=f"toy{number}")
        load(tmp_path, PARSERS, workers=1)
    for view in ("account_versions", "profile_versions"):
        assert rows(tmp_path, f"SELECT right(record_id, 2) FROM {view}") == [("1>",)], view

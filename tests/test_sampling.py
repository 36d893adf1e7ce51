"""A snowball over the simulated Mastodon and Bluesky of today admits the people reached by planted ties, no others."""

from __future__ import annotations

import hashlib
import json
import random
import re
import threading
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import duckdb
import pytest

from fixtures.today import serve, studyfile
from fixtures.today.planted import clock
from fixtures.today.planted.lists import MODERATED
from fixtures.today.planted.people import BLUESKY, MASTODON
from fixtures.today.serving import Served
from fixtures.today.walk import NEVER, walk
from jobs.collect import revisit
from jobs.context import open_state
from jobs.replay import replay
from jobs.run import run, waves
from jobs.status import status
from storage.errors import UserError
from study.study_file import Study
from tests.rehearsal import killed, sneeuwbal, start
from tests.served import FastWire
from tests.tables import differences
from tests.today import truth, world

SEEDS = studyfile.seeds(truth()).accounts["handles"]
ALL = 'waves = 5\nadmit = "everyone"'  # no more than that: ten handles must do


def silent(line: str) -> None:
    """Say nothing."""


def written(folder: Path, served: Served, snowball: str, kinds: tuple[str, ...] = ("user", "following")) -> Path:
    """A study of ten Mastodon handles in *folder*, with a table [snowball]."""
    folder.mkdir(parents=True, exist_ok=True)
    handles = json.dumps([truth().accounts[key].handle for key in sorted(SEEDS)])
    tables = studyfile.collectors(served).replace("\nhosts", f"\nkinds = {json.dumps(kinds)}\nhosts", 1)
    (folder / "organisations.toml").write_text(studyfile.organisations(served.world.theme), "utf-8")
    (folder / "sneeuwbal.toml").write_text(
        '[study]\nname = "today"\ncontact = "me@example.org"\n[organisations]\nfile = "organisations.toml"\n'
        f"[seeds]\nmastodon = {handles}\n[snowball]\n{snowball}\n{tables}", "utf-8",
    )  # fmt: skip
    return folder


def rows(folder: Path, query: str) -> list[tuple]:
    with duckdb.connect(str(folder / "study.duckdb"), read_only=True) as db:
        return db.execute(query).fetchall()


def admitted(folder: Path) -> dict[str, int]:
    """Who was admitted, and in which wave."""
    found = rows(folder, "SELECT key, wave FROM admissions WHERE kind = 'admitted'")
    assert len(found) == len(dict(found)), "somebody was admitted twice"
    return dict(found)


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    with serve(world()) as standing:
        yield standing


@pytest.fixture(scope="module")
def calm(served: Served, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A study of everybody within five waves, along what is followed."""
    folder = written(tmp_path_factory.mktemp("calm") / "study", served, ALL)
    run(Study.load(folder), say=silent)
    return folder


@pytest.fixture
def again(served: Served, calm: Path, tmp_path: Path) -> Iterator:
    """Another snowball over the answers of the calm study."""

    def play(snowball: str) -> dict[str, int]:
        number = len(list(tmp_path.iterdir()))
        folder = written(tmp_path / f"file{number}", served, snowball)
        replay(folder, calm / "archive", tmp_path / f"into{number}", say=silent)
        return admitted(tmp_path / f"into{number}")

    return play


def test_everybody_within_five_waves_is_admitted_by_all_paths_and_nobody_else(calm: Path) -> None:
    found = walk(truth(), SEEDS, waves=5)
    assert admitted(calm) == found.admitted
    assert max(found.admitted.values()) >= 3
    stored = rows(calm, "SELECT key, via, tie FROM discoveries WHERE kind = 'admitted' AND via <> ''")
    assert set(stored) == {(key, *path) for key, paths in found.paths.items() for path in paths}
    assert len(stored) == len(set(stored))
    assert not {key for key in found.admitted if truth().accounts[key].opt_outs & NEVER}


def test_each_wave_says_what_it_cost_and_brought(calm: Path) -> None:
    found = walk(truth(), SEEDS, waves=5)
    stored = rows(calm, "SELECT wave, reached, admitted, requests FROM saturation ORDER BY wave")
    reached = [sum(one.wave == wave for one in found.candidates.values()) for wave, *_ in stored]
    assert [row[1] for row in stored] == reached
    assert [row[2] for row in stored] == [len(found.wave(wave)) for wave, *_ in stored]
    assert sum(row[3] for row in stored) == rows(calm, "SELECT count(*) FROM fetches WHERE status IS NOT NULL")[0][0]
    shown = status(Study.load(calm))["waves"]
    assert [(row["wave"], row["reached"], row["admitted"], row["requests"]) for row in shown] == stored
    assert sum(row["new_members"] for row in shown) == rows(calm, "SELECT count(*) FROM members")[0][0]


def test_a_replay_admits_the_same(calm: Path, tmp_path: Path) -> None:
    replay(calm, calm / "archive", tmp_path / "again", say=silent)
    assert differences(calm / "study.duckdb", tmp_path / "again" / "study.duckdb", provenance=True) == {}


def test_killed_ten_times_it_admits_the_same_by_the_same_paths(served: Served, tmp_path: Path, again) -> None:
    rules = 'along = ["following"]\nwaves = 2\nadmit = "everyone"\nmax_per_wave = 25\ndesign = "random"\nk = 4'
    calm, study, dice = again(rules), written(tmp_path / "rough", served, rules), random.Random(16)
    words, struck = ("--study", study, "run", "--no-report", "--hide-progress"), 0
    while struck < 10:
        grown = None if struck == 2 else dice.randrange(1, 10_000)
        assert killed(start(*words, token=None), study, grown), f"it was over after {struck} kills"
        struck += 1
    done = sneeuwbal(*words, token=None)
    assert done.returncode == 0, done.stdout + done.stderr
    assert admitted(study) == calm


def test_bounds_admit_first_people_shown_by_most(again) -> None:
    found = again('waves = 2\nadmit = "everyone"\nmax_actors = 40')
    assert found == walk(truth(), SEEDS, waves=2, most=40).admitted
    found = again('waves = 2\nadmit = "everyone"\nmax_per_wave = 7')
    assert [sum(wave == n for wave in found.values()) for n in range(3)] == [10, 7, 7]


def test_a_threshold_asks_for_so_many_who_lead_there(again) -> None:
    expected = walk(truth(), SEEDS, waves=2, rule=lambda one: one.via_count >= 3 and one.account.followers > 9)
    assert again('waves = 2\nadmit = "followers > 9"\ndesign = "threshold"\nk = 3') == expected.admitted


def drawn(k: int, seed: int, waves: int) -> dict[str, int]:
    """The random design worked out by hand: k of each list, by the least hashes."""
    found = dict.fromkeys(SEEDS, 0)
    for wave in range(1, waves + 1):
        for via in [key for key, at in found.items() if at == wave - 1]:
            if truth().accounts[via].opt_outs & {"hide-collections"}:
                continue
            listed = truth().following.get(via, set())
            least = sorted(listed, key=lambda key: hashlib.md5(f"{seed} {via} {key}".encode()).hexdigest())
            for key in least[:k]:
                if not truth().accounts[key].opt_outs & NEVER:
                    found.setdefault(key, wave)
    return found


def test_a_random_design_draws_so_many_of_each_list_and_the_same_for_the_same_seed(again) -> None:
    rules = 'waves = 2\nadmit = "everyone"\ndesign = "random"\nk = 2\nseed = {}'
    first, other = again(rules.format(1)), again(rules.format(2))
    assert first == drawn(2, 1, 2)
    assert other == drawn(2, 2, 2)
    assert first != other


def test_a_walker_goes_one_step_a_wave_along_a_tie(again) -> None:
    found = again('waves = 3\nadmit = "everyone"\ndesign = "walk"\nseed = 3')
    for wave in range(1, 4):
        here = {key for key, at in found.items() if at == wave}
        assert len(here) <= len(SEEDS)
        assert all(
            any(at < wave and key in truth().following.get(via, ()) for via, at in found.items()) for key in here
        )
    assert len(found) > 2 * len(SEEDS)


def test_along_several_ties_on_posts_and_lists(served: Served, tmp_path: Path) -> None:
    ties = ("following", "mentions", "reposts")
    study = written(
        tmp_path,
        served,
        f'along = {json.dumps(ties)}\nwaves = 1\nadmit = "everyone"',
        ("user", "following", "timeline"),
    )
    run(Study.load(study), say=silent)
    found = walk(truth(), SEEDS, along=ties, waves=1)
    assert admitted(study) == found.admitted
    stored = rows(study, "SELECT key, via, tie FROM discoveries WHERE kind = 'admitted' AND via <> ''")
    assert set(stored) == {(key, *path) for key, paths in found.paths.items() for path in paths}


def test_along_lists_who_is_on_one_with_three_members_is_admitted(served: Served, tmp_path: Path) -> None:
    lists = [one for one in world().lists.lists.values() if one.purpose != MODERATED]
    owners = {truth().key(one.owner) for one in lists}
    assert len(owners) > 1
    seeds = f"[seeds]\nbluesky = {json.dumps(sorted(owners))}\n"
    study = written(tmp_path, served, 'along = ["lists"]\nadmit = "listed_with_members >= 3"', ("user", "own_lists"))
    text = (study / "sneeuwbal.toml").read_text("utf-8")
    head, _, rest = text.partition("[seeds]")
    (study / "sneeuwbal.toml").write_text(
        f'{head}[population]\nfrom = ["bio"]\n{seeds}[snowball]{rest.partition("[snowball]")[2]}'.replace(
            'kinds = ["user", "own_lists"]', 'kinds = ["user"]', 1), "utf-8",
    )  # fmt: skip
    run(Study.load(study), say=silent)
    actor = dict(rows(study, "SELECT subject, actor_id FROM actors"))
    members = {one for (one,) in rows(study, "SELECT actor_id FROM members")}
    on = [{key: actor[key] for key in truth().lists[one.key]} for one in lists]
    assert set(rows(study, "SELECT DISTINCT account_id FROM listed")) == {(key,) for one in on for key in one}
    together = {key: {other for one in on if key in one for other in one.values()} & members - {actor[key]}
                for each in on for key in each}  # fmt: skip
    shut = {key for key, one in truth().accounts.items() if one.opt_outs & NEVER}
    expected = {key for key, others in together.items() if len(others) >= 3} - shut
    assert 3 < len(expected - owners) < len(together)
    assert set(admitted(study)) == expected | owners
    stored = rows(study, "SELECT key, via FROM discoveries WHERE tie = 'lists' AND kind = 'admitted'")
    assert set(stored) == {(key, truth().key(one.owner)) for one in lists for key in truth().lists[one.key]
                         if key in expected | owners and key != truth().key(one.owner)}  # fmt: skip


# ---- the rounds of a month -------------------------------------------------------------------------------------

ROUNDS = (0, 14, 31)  # days after the start
RESTLESS = ("opt_out", "opt_in", "leave", "suspend", "protect", "rename")
LISTS_SHUT = {MASTODON: {"hide-collections"}, BLUESKY: {"no-unauthenticated"}}  # by these opt-outs


class Planted:
    """The snowball of several rounds over the planted follows: each list as it was when it could last be read."""

    def __init__(self, seeds: set[str]) -> None:
        self.seeds, self.admitted = seeds, dict.fromkeys(seeds, 0)
        self.lists, self.shut = dict[str, set[str]](), set[str]()

    def play(self, day: int, waves: int = 2) -> None:
        """One more round, along what can be read on *day*."""
        now = truth(day)
        for wave in range(waves):
            owners = [key for key, at in self.admitted.items() if at <= wave]
            for key in owners:
                one = now.accounts.get(key)
                if one is not None and not one.opt_outs & LISTS_SHUT[one.platform]:
                    self.lists[key] = now.following.get(key, set())
            seen = set().union(*(self.lists.get(key, set()) for key in owners))
            asked = {key for key, one in now.accounts.items() if one.opt_outs & NEVER}
            self.shut |= (seen | self.admitted.keys()) & asked
            for key in (seen - self.shut) & now.accounts.keys():
                self.admitted.setdefault(key, wave + 1)


@pytest.fixture(scope="module")
def month(served: Served, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Planted]:
    """Some scheduled passes of a study from the ten and all people with a planned event, each under its day's clock."""
    folder, begin, kinds = tmp_path_factory.mktemp("month") / "study", truth(), ("user", "following", "timeline")
    restless = {begin.key(event.account) for event in world().events if event.kind in RESTLESS}
    seeds = {key for key in (SEEDS | restless) & begin.accounts.keys() if not begin.accounts[key].opt_outs & NEVER}
    path = written(folder, served, 'waves = 2\nadmit = "everyone"\ntimelines_of = "seeds"', kinds) / "sneeuwbal.toml"
    handles = {name: sorted(begin.accounts[key].handle for key in seeds if begin.accounts[key].platform == name)
               for name in (MASTODON, BLUESKY)}  # fmt: skip
    lines = [f"{name} = {json.dumps(given)}" for name, given in handles.items()]
    text = re.sub(r"^mastodon = .*$", "\n".join(lines), path.read_text("utf-8"), flags=re.M)
    path.write_text(text.replace("[collectors.bluesky]", f"[collectors.bluesky]\nkinds = {json.dumps(kinds)}"))
    study, planted = Study.load(folder), Planted(seeds)
    try:
        for day in ROUNDS:
            served.at(day)
            if day:
                with closing(open_state(study)) as frontier:
                    for name in handles:
                        revisit(study, frontier, name, kinds)
            now = clock.START + timedelta(days=day)
            reports = waves(study, lambda name, now=now: FastWire(now), threading.Event(), say=silent)
            assert {report.status for report in reports} == {"complete"}
            planted.play(day)
            assert admitted(folder) == planted.admitted, f"on day {day}"
            assert_ties_of_now(folder, planted)
    finally:
        served.at(0)
    return folder, planted


def assert_ties_of_now(folder: Path, planted: Planted) -> None:
    """The view `follows` has exactly the ties of each list that was last read whole."""
    last = "SELECT key FROM walks WHERE kind = 'following' GROUP BY 1 HAVING arg_max(complete, started_at)"
    read = {key for (key,) in rows(folder, last)} & planted.lists.keys()
    assert len(read) > 100
    found = {tie for tie in rows(folder, "SELECT follower_id, followed_id FROM follows") if tie[0] in read}
    assert found == {(one, other) for one in read for other in planted.lists[one]}


def test_the_rounds_of_a_month_admit_whom_the_ties_of_each_day_lead_to(month) -> None:
    """People join, leave, rename, protect, opt out and in; ties begin and end; a stranger takes an old handle."""
    folder, planted = month
    begin, end = truth(0), truth(ROUNDS[-1])
    assert planted.admitted.keys() & (end.accounts.keys() - begin.accounts.keys())  # who was not there at the start
    ended = set(rows(folder, "SELECT follower_id, followed_id FROM follow_history WHERE closed_at IS NOT NULL"))
    assert ended & (begin.follows - end.follows)
    renamed = {(begin.key(event.account), event.before, event.after) for event in world().events
               if event.kind == "rename" and begin.key(event.account) in planted.seeds}  # fmt: skip
    assert renamed
    assert renamed <= set(rows(folder, 'SELECT account_id, "before", "after" FROM handle_changes'))
    taker = next(end.key(event.account) for event in world().events if event.kind == "reregister")
    assert rows(folder, f"SELECT 1 FROM handles WHERE account_id = '{taker}'")  # seen, and no seed
    assert taker not in planted.admitted
    gone = {begin.key(event.account) for event in world().events if event.kind in ("leave", "suspend")} & planted.seeds
    assert gone
    assert gone <= {key for (key,) in rows(folder, "SELECT key FROM absences WHERE kind = 'timeline'")}
    asked_once = {key for key in planted.shut - planted.admitted.keys() if not end.accounts[key].opt_outs & NEVER}
    assert asked_once  # they asked to be left alone, do so no more, and are left alone all the same


def test_of_who_opts_out_after_a_round_stays_what_was_read_and_nothing_is_added(month) -> None:
    folder, planted = month
    asked = {truth().key(event.account): event.day for event in world().events if event.kind == "opt_out"}
    shut = {key for key in asked.keys() & planted.seeds if truth(31).accounts[key].opt_outs & NEVER}
    assert shut
    for key in shut:
        last = max(day for day in ROUNDS if day < asked[key])
        posts = {post for (post,) in rows(folder, f"SELECT post_id FROM posts WHERE timeline_of = '{key}'")}
        assert posts == truth(last).timelines.get(key, set())
        absent = rows(folder, f"SELECT DISTINCT kind FROM absences WHERE key = '{key}' AND reason = 'opted-out'")
        assert set(absent) == {("timeline",), ("following",)}


MISTAKES = {
    'admit = "folowers > 10"': "no column 'folowers'; the columns are actor_id, profile_id, platform",
    'along = ["following"]\nadmit = "mentioned_by_members > 2"': "admit: asks for mentioned_by_members, which counts"
    " nothing here; add 'mentions' to along",
    'along = ["connections"]': "no collector of the study shows connections; they show following, followers",
    'along = ["likes"]': "snowball.along",
    'order = "wavelength"': "no column 'wavelength'",
}


@pytest.mark.parametrize("table", MISTAKES)
def test_what_no_collector_serves_is_a_mistake_with_a_fix(served: Served, tmp_path: Path, table: str) -> None:
    study = written(tmp_path, served, table, ("user", "following", "followers"))
    (study / "sneeuwbal.toml").write_text((study / "sneeuwbal.toml").read_text().split("[collectors.bluesky]")[0])
    with pytest.raises(UserError) as error:
        Study.load(study)
    assert MISTAKES[table] in str(error.value)

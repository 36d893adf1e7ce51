"""The simulated Mastodon and Bluesky of today: what is planted, what a month brings, walks and studies."""

from __future__ import annotations

import json
import subprocess
import sys
import tomllib
import urllib.request
from collections import Counter
from pathlib import Path
from urllib.parse import urlencode

import networkx as nx
import pytest

from collectors.bluesky.collector import Options as BlueskyOptions
from collectors.mastodon.collector import Options as MastodonOptions
from fixtures.today import Options, World, serve, studyfile
from fixtures.today.ids import post_key
from fixtures.today.planted import clock
from fixtures.today.planted.people import BLUESKY, EVIDENCE, MASTODON
from fixtures.today.planted.themes import THEMES
from fixtures.today.walk import NEVER, members, walk
from storage.linking.organisations import Matcher, load_list
from tests.today import SCALE, truth, world


def digest(one: World) -> tuple:
    follows, accounts = one.follows, [history.versions for history in one.population.histories]
    return (
        accounts,
        one.posts,
        one.events,
        follows.follower.tolist(),
        follows.followed.tolist(),
        follows.opened.tolist(),
    )


def test_the_same_seed_gives_the_same_world_and_another_one_does_not() -> None:
    again = World(Options(SCALE))
    assert digest(again) == digest(world())
    assert digest(world(seed=2027)) != digest(world())


@pytest.mark.parametrize("theme", THEMES)
def test_there_are_members_in_every_group_with_every_kind_of_evidence_and_every_decoy(theme: str) -> None:
    found = world(theme).truth()
    assert set(found.groups.values()) == set(world(theme).theme.groups)
    assert len(world(theme).theme.groups) == 12
    assert set().union(*found.evidence.values()) == set(EVIDENCE)
    assert found.undetectable
    assert all(found.decoys.values()), found.decoys
    assert {account.platform for account in found.accounts.values()} == {MASTODON, BLUESKY}
    assert not {key for kind in found.decoys.values() for key in kind} & found.members


def test_the_list_that_ships_knows_the_organisations_by_the_names_that_bios_use() -> None:
    matcher = Matcher(load_list("nl"))
    for one in THEMES["civil-servants"].organisations:
        for name in (one.called, one.short, one.english.removeprefix("the ")):
            match = matcher.match(name)
            assert match is not None, name
            assert match.group == one.group, name


@pytest.mark.parametrize("day", [0, 9.5, 31])
def test_every_follow_has_two_living_ends_and_profiles_claim_no_less_than_lists_show(day: float) -> None:
    found = truth(day)
    assert found.follows <= {(one, other) for one, other in found.follows if {one, other} <= found.accounts.keys()}
    assert all(one != other for one, other in found.follows)
    assert all(found.accounts[one].platform == found.accounts[other].platform for one, other in found.follows)
    larger = 0
    for key, account in found.accounts.items():
        lists = [len(each.get(key, ())) for each in (found.followers, found.following, found.timelines)]
        claims = [account.followers, account.following, account.posts]
        assert all(claim >= shown for claim, shown in zip(claims, lists, strict=True)), account
        larger += claims != lists
    assert 0 < larger < len(found.accounts) / 2
    assert all(post.author in found.accounts for post in found.posts.values())


def test_members_follow_members_many_ties_are_mutual_and_a_few_accounts_are_followed_by_many() -> None:
    found = truth()
    inside = sum(one in found.members and other in found.members for one, other in found.follows)
    of_members = sum(one in found.members for one, _ in found.follows)
    assert inside / of_members > 2 * len(found.members) / len(found.accounts)
    pairs = [(one, other) for one in found.members for other in found.members - {one}
             if found.accounts[one].platform == found.accounts[other].platform]  # fmt: skip
    near = [pair for pair in pairs if found.groups[pair[0]] == found.groups[pair[1]]]
    far = set(pairs) - set(near)
    assert len(found.follows & set(near)) / len(near) > 2 * len(found.follows & far) / len(far)
    mutual = sum((other, one) in found.follows for one, other in found.follows) / len(found.follows)
    assert 0.2 < mutual < 0.8
    degree = sorted((len(each) for each in found.followers.values()), reverse=True)
    assert sum(degree[: len(degree) // 10]) > 0.3 * sum(degree)


def test_posts_keep_the_rhythm_of_the_week() -> None:
    days = Counter(clock.moment(post.at).astimezone(clock.AMSTERDAM).weekday() for post in truth().posts.values())
    assert min(days[n] for n in range(5)) > 1.5 * max(days[5], days[6])


# ---- the month ----------------------------------------------------------------------------------------------------


def test_the_log_explains_every_difference_between_two_days() -> None:
    begin, end = truth(0), truth(31)
    kinds = Counter(event.kind for event in end.events)
    wanted = {"join", "leave", "rename", "protect", "opt_out", "follow", "unfollow", "bio", "quit", "transfer", "hire",
              "suspend", "deactivate", "move", "delete_post", "edit_post", "list_add", "list_remove"}  # fmt: skip
    assert wanted <= kinds.keys()
    logged: dict[str, set[str]] = {}
    for event in end.events:
        logged.setdefault(event.kind, set()).add(end.key(event.account))
    came, went = end.accounts.keys() - begin.accounts.keys(), begin.accounts.keys() - end.accounts.keys()
    assert came <= logged["join"] | logged.get("reactivate", set()) | begin.gone.keys()
    assert went <= logged["leave"] | logged["suspend"] | logged["deactivate"]
    for key in begin.accounts.keys() & end.accounts.keys():
        one, other = begin.accounts[key], end.accounts[key]
        assert (one.handle == other.handle) or key in logged["rename"]
        assert (one.opt_outs == other.opt_outs) or key in logged["opt_out"] | logged["opt_in"]
        assert (one.organisation == other.organisation) or key in logged["quit"] | logged["transfer"] | logged["hire"]
        assert (one.bio == other.bio) or key in logged["bio"] | logged["opt_out"]
    ties = {(e.kind, end.key(e.account), end.key(e.other)) for e in end.events if e.kind in ("follow", "unfollow")}
    there = begin.accounts.keys() & end.accounts.keys()
    assert {pair for pair in end.follows - begin.follows if set(pair) <= there} <= {
        t[1:] for t in ties if t[0] == "follow"
    }
    assert {pair for pair in begin.follows - end.follows if set(pair) <= there} <= {
        t[1:] for t in ties if t[0] == "unfollow"
    }
    gone = {post_key(end.snapshot, e.other) for e in end.events if e.kind == "delete_post"}
    assert not gone & end.posts.keys()


# ---- walks, studies, the command --------------------------------------------------------------------------------


@pytest.mark.parametrize("waves", [1, 2])
def test_a_walk_that_admits_everyone_is_a_breadth_first_search(waves: int) -> None:
    found = truth()
    asked = {key: account.opt_outs for key, account in found.accounts.items()}
    closed = {key for key, how in asked.items() if how & {"hide-collections", *NEVER}}
    assert closed
    seeds = studyfile.seeds(found).accounts["handles"]
    graph = nx.DiGraph((one, other) for one, other in found.follows if one not in closed)
    reached = nx.multi_source_dijkstra_path_length(graph, seeds & graph.nodes, cutoff=waves, weight=None)
    admitted = walk(found, seeds, waves=waves).admitted
    assert {key: wave for key, wave in admitted.items() if wave} == {
        key: wave for key, wave in reached.items() if wave and not asked[key] & NEVER
    }


def test_a_rule_counts_the_members_that_lead_to_somebody_and_all_paths_are_kept() -> None:
    found = truth()
    seeds = studyfile.seeds(found).accounts["handles"]
    one = walk(found, seeds, waves=2, rule=lambda each: each.followed_by_members >= 3 or each.member)
    for key, wave in one.admitted.items():
        sources = {via for via in found.followers.get(key, set()) if via in one.admitted and one.admitted[via] < 2}
        readable = {
            via for via in sources if not found.accounts[via].opt_outs & {"hide-collections", "no-unauthenticated"}
        }
        assert one.paths[key] == {(via, "following") for via in readable}
        known = {via for via in readable if via in found.recognisable()}
        assert wave == 0 or len(known) >= 3 or key in found.recognisable()
    assert one.admitted.items() >= walk(found, seeds, waves=1, rule=members).admitted.items()
    assert walk(found, seeds, waves=2, along=("following", "mentions", "lists"), most=20).admitted.keys() >= seeds
    with pytest.raises(ValueError, match="no such ties"):
        walk(found, seeds, along=("likes",))


@pytest.mark.parametrize("theme", THEMES)
def test_a_study_of_the_world_names_its_servers_and_its_seeds(tmp_path: Path, theme: str) -> None:
    with serve(world(theme)) as served:
        study = tomllib.loads(studyfile.write(served, tmp_path).read_text("utf-8"))
    MastodonOptions.model_validate({"hosts": study["collectors"]["mastodon"]["hosts"]})
    BlueskyOptions.model_validate({k: v for k, v in study["collectors"]["bluesky"].items() if k != "limits"})
    ten = (tmp_path / "ten.txt").read_text().split()
    found = world(theme).truth()
    known = {one.handle: key for key, one in found.accounts.items()}
    assert len(ten) == 10
    assert {known[handle] for handle in ten} == studyfile.seeds(found).accounts["handles"] <= found.recognisable()
    assert study["snowball"]["waves"] == 2
    matcher = Matcher(load_list(tmp_path / "organisations.toml"))
    assert {one.group for one in world(theme).theme.organisations} == {
        matcher.match(one.called).group for one in world(theme).theme.organisations
    }


def test_the_command_serves_a_world_and_moves_its_clock(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "fixtures.today", "--serve", "--scale", str(SCALE), "--study", str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        addresses = json.loads(process.stdout.readline())
        actor = next(event for event in world().events if event.kind == "rename")
        url = f"{addresses['bluesky']}/xrpc/app.bsky.actor.getProfiles?{urlencode({'actors': actor.after})}"
        before = json.load(urllib.request.urlopen(url))
        process.stdin.write("31\n")
        process.stdin.flush()
        assert json.loads(process.stdout.readline()) == {"day": 31.0}
        after = json.load(urllib.request.urlopen(url))
        process.terminate()
        assert process.wait(60) == 0
    assert not before["profiles"]
    assert [one["did"] for one in after["profiles"]] == [truth(31).key(actor.account)]
    assert (tmp_path / "sneeuwbal.toml").is_file()

"""Membership by what accounts say of themselves: the simulated world of today, whose truth is known; decisions."""

from __future__ import annotations

import csv
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import pytest

from fixtures.today import studyfile
from fixtures.today.planted.people import BLUESKY, MASTODON
from fixtures.today.planted.servers import APPVIEW
from jobs import decide, review
from jobs.context import parsers
from storage.errors import UserError
from storage.linking import evidence
from storage.linking.decisions import COLUMNS, decisions
from storage.linking.evidence import population
from storage.linking.link import Linking
from storage.linking.organisations import load_list
from storage.records import Account, Page, Request, Target
from storage.tables.load import load
from tests.pages import PARSERS, page, rows, write
from tests.today import service, truth, world

AT = datetime(2026, 5, 1, tzinfo=UTC)
SOURCES = ("bio", "fields", "links", "domain")


# ---- the world of today: every account looked up once --------------------------------------------------------------


@cache
def look_ups() -> tuple[Page, ...]:
    """One look-up of each account that can be seen, as its server answers it."""
    found = []
    for number, account in enumerate(truth().accounts.values()):
        host, path = _lookup(account)
        answer = service().answer(host, path)
        assert answer.status == 200, (host, path, answer.status)
        key = account.handle if account.platform == MASTODON else account.key
        request = Request(Target(account.platform, "user", key), "", 0, "")
        record = f"<urn:uuid:00000000-0000-0000-0001-{number:012d}>"
        found.append(Page((request,), f"https://{host}{path}", 200, answer.headers, answer.body, AT, record, run="run"))
    return tuple(found)


def _lookup(account) -> tuple[str, str]:
    if account.platform == BLUESKY:
        return APPVIEW, f"/xrpc/app.bsky.actor.getProfile?actor={account.key}"
    return account.server, f"/api/v1/accounts/lookup?acct={account.handle.partition('@')[0]}"


def settle(folder: Path, sources=SOURCES, decided: str = "") -> Path:
    """A loaded study of the world in *folder*."""
    write(folder / "archive", look_ups())
    return judge(folder, sources, decided)


def judge(folder: Path, sources=SOURCES, decided: str = "", collectors=None) -> Path:
    listing = folder / "organisations.toml"
    listing.write_text(studyfile.organisations(world().theme, "domains"), "utf-8")
    listed = load_list(listing)
    who = population(listed, None, sources, ())
    if decided:
        (folder / "decisions.csv").write_text(",".join(COLUMNS) + "\n" + decided, "utf-8")
    linking = Linking(listed.rows(), who.matcher, folder / "decisions.csv", f"{who.fingerprint} {sources}", who)
    load(folder, collectors or parsers(), linking=linking, workers=1)
    return folder


@pytest.fixture(scope="module")
def today(tmp_path_factory) -> Path:
    return settle(tmp_path_factory.mktemp("today"))


def test_in_the_world_whoever_can_be_recognised_is_a_member_and_nobody_else(today):
    shown = truth().recognisable("bio", "fields", "link", "domain", "instance")
    found = {subject for (subject,) in rows(today, "SELECT DISTINCT subject FROM evidence WHERE verdict = 'member'")}
    wrong = {key: truth().accounts[key] for key in found - truth().members}
    assert not wrong, [(one.role, one.bio) for one in wrong.values()]
    missed = [(truth().accounts[key].bio, truth().evidence[key]) for key in shown - found]
    assert len(missed) <= 0.1 * len(shown), missed  # trainees are for review
    assert found & truth().recognisable("link", "domain", "instance") == truth().recognisable(
        "link", "domain", "instance")  # fmt: skip
    unverified = truth().decoys["unverified"] & {row[0] for row in rows(
        today, "SELECT subject FROM evidence WHERE verdict = 'review' AND rule = 'link-to-domain'")}  # fmt: skip
    assert unverified


def test_in_the_world_two_accounts_that_say_so_are_one_person_and_claims_alone_are_not(today):
    linked = {frozenset(row) for row in rows(
        today, "SELECT account_id, other_id FROM account_links WHERE decision = 'accepted'")}  # fmt: skip
    assert linked == set(truth().links)
    proposed = {frozenset(row) for row in rows(
        today, "SELECT account_id, other_id FROM account_links WHERE decision = 'proposed'")}  # fmt: skip
    owned = {frozenset(pair) for pair, how in truth().claims.items() if how == "own"}
    assert owned <= proposed


def test_in_the_world_a_person_with_two_accounts_is_one_member_in_the_group_of_both(today):
    person_of, groups = truth().person_of, truth().groups
    members = rows(today, "SELECT actor_id, group_name, profile_id FROM members")
    assert len({person_of[actor] for actor, _, _ in members}) == len(members) - _unlinked(today, person_of)
    assert all(groups.get(actor, group) == group and profile is None for actor, group, profile in members)
    assert rows(today, "SELECT count(DISTINCT actor_id) FROM actors") == [(len(truth().accounts) - len(truth().links),)]


def _unlinked(today: Path, person_of) -> int:
    """Members who are several actors, because nothing says that their accounts are one person's."""
    actors = [person_of[row[0]] for row in rows(today, "SELECT actor_id FROM members")]
    return len(actors) - len(set(actors))


def test_a_text_is_read_once_and_a_decision_wins_until_a_later_one(today, monkeypatch):
    read = []
    monkeypatch.setattr(evidence, "read_bio", lambda text, *more: read.append(text) or [])
    before = rows(today, "SELECT * FROM evidence ORDER BY ALL")
    actor, organisation = rows(today, "SELECT actor_id, organisation FROM members ORDER BY 1 LIMIT 1")[0]
    platform = truth().accounts[actor].platform
    line = f"2026-06-01T00:00:00Z,,{platform},{actor}"
    judge(today, decided=f"{line},not-member,me,,{organisation}\n")
    assert not rows(today, f"SELECT * FROM members WHERE actor_id = '{actor}'")
    assert rows(today, "SELECT * FROM evidence WHERE source <> 'decisions' ORDER BY ALL") == before
    judge(today, decided=f"{line},not-member,me,,\n{line},member,me,asked,Logius\n")
    assert rows(today, f"SELECT organisation, group_name, source FROM memberships WHERE actor_id = '{actor}'") == [
        ("Logius", "BZK", "decisions")
    ]
    with pytest.raises(UserError, match="no organisation 'Nergens'"):
        judge(today, decided=f"{line},member,me,,Nergens\n")
    assert not read


# ---- the review file -----------------------------------------------------------------------------------------------


def test_what_is_not_clear_waits_in_the_review_file_and_an_older_file_of_decisions_is_widened(tmp_path):
    settle(tmp_path)
    older = ",".join(COLUMNS[:-2])
    (tmp_path / "decisions.csv").write_text(older + "\n2026-05-01T00:00:00Z,,x,test,organisation,me\n")
    review.write(tmp_path, tmp_path / "review.csv")
    with (tmp_path / "review.csv").open(encoding="utf-8", newline="") as file:
        lines = list(csv.DictReader(file))
    unclear = [line for line in lines if line["organisation"]]
    assert unclear
    unclear[0]["decision"] = "member"
    with (tmp_path / "filled.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, review.FIELDS)
        writer.writeheader()
        writer.writerow(unclear[0])
    assert review.take(tmp_path, tmp_path / "filled.csv", "me") == (1, 0)
    assert review.take(tmp_path, tmp_path / "filled.csv", "me") == (0, 1)
    assert [one.decision for one in decisions(tmp_path / "decisions.csv")] == ["organisation", "member"]
    judge(tmp_path)
    assert rows(tmp_path, "SELECT organisation FROM memberships WHERE source = 'decisions'") == [
        (unclear[0]["organisation"],)
    ]


def test_who_names_another_account_alone_proposes_and_a_decision_joins_the_two(tmp_path):
    one = Account("a", "toy", "anna@one.example", "Anna Voorbeeld", "Ook: @anna@two.example")
    found = [one, Account("b", "toy", "anna@two.example", "Anna Voorbeeld"),
             Account("c", "toy", "fan@one.example", "Bo Proef", "Fan van @anna@two.example")]  # fmt: skip
    write(tmp_path / "archive", [page(1, found, kind="user")])
    judge(tmp_path, collectors=PARSERS)
    assert rows(tmp_path, "SELECT account_id, other_id, rule, decision FROM account_links") == [
        ("a", "b", "one-way", "proposed")
    ]
    judge(tmp_path, decided="2026-06-01T00:00:00Z,a,toy,b,accepted,me,,\n", collectors=PARSERS)
    assert rows(tmp_path, "SELECT subject, actor_id FROM actors ORDER BY 1") == [("a", "a"), ("b", "a"), ("c", "c")]


def test_what_is_decided_in_a_queue_makes_a_member_and_can_be_undone(tmp_path):
    settle(tmp_path)
    (tmp_path / "sneeuwbal.toml").write_text('[study]\nname = "Vandaag"\n')
    item = decide.Waiting(tmp_path).left("members", "An")[0]
    shown = decide.evidence(tmp_path, "members", item)
    assert item.facts["evidence"] in " … ".join(row["quote"] for row in shown.rows)
    _, _, account, organisation = item.subject
    membership = f"SELECT source FROM memberships WHERE actor_id = '{account}' AND organisation = '{organisation}'"
    decide.decide(tmp_path, "members", item, "member", "An")
    judge(tmp_path)
    assert rows(tmp_path, membership) == [("decisions",)]
    again = {one.id: one for one in decide.Waiting(tmp_path).left("members", "Ben")}[item.id]
    assert decide.evidence(tmp_path, "members", again) == shown  # a second coder sees what the first saw
    decide.undo(tmp_path, "members", item.id, "An")
    judge(tmp_path)
    assert not rows(tmp_path, membership)

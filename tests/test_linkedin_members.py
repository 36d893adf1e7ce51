"""LinkedIn members who take part: their tables equal those of their own exports, and nothing else of them is kept."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import httpx
import pytest

from collectors import files
from collectors.base import Settings, Token, Tokens, hooks_of
from collectors.engine.run import Report, collect
from collectors.linkedin.export import reduced
from collectors.linkedin.members import READY, collector
from collectors.wire.exchange import Replay, Wire
from fixtures.linkedin import AUTHORIZED, CLIENT, REDIRECT, SECRET, LinkedIn, Member
from fixtures.linkedin import challenge as proof_of
from jobs.collect import collect as collect_study
from jobs.connect import connect
from jobs.forget import forget
from jobs.run import load as load_study
from storage.archive import reader as archive
from storage.errors import UserError
from storage.frontier.sqlite import Frontier
from storage.participants import TOKENS, every
from storage.privacy.pseudonyms import VARIABLE
from storage.records import Failure, Page, Position, Profile, ProfileDetail, Quarantine, Request, Target
from storage.tables.load import load
from study.study_file import FILE, Study
from tests import linkedin_api
from tests.contents import contents
from tests.linkedin_api import members
from tests.loopback import Answer, Received, serve

NAME = "linkedin-members"
SECRETS = (
    "AQ-geheim",
    "AQ-ververs",
    "@example.org",
    "Geheimlaan",
    "1 Jan 1980",
    "1000 AA",
    "mail werk",
    "vraag het",
    "06-12345678",
    "+31 70",
)
DOMAINS = ("EDUCATION", "SKILLS")  # that the study names
TABLES = {
    "profiles": "profile_id, platform, url, name, headline, description, location",
    "positions": "profile_id, ordinal, employer, title, started, ended, current",
    "connections": "profile_a, profile_b, connected_on, lists",
    "profile_links": "profile_id, url, rel",
    "profile_details": "profile_id, domain, ordinal, fields",
}


class Now(Wire):
    """A live wire whose clock stands still."""

    def __init__(self, now: datetime = datetime(2026, 11, 29, 16, tzinfo=UTC)) -> None:
        super().__init__(timeout=60, private=True)
        self.at = now

    def now(self) -> datetime:
        return self.at


def take_part(study: Path, server: LinkedIn, who: list[Member]) -> list[Request]:
    """Store a token for each member, as the participants' web page does; their targets."""
    tokens = Tokens(study, NAME)
    for one in who:
        tokens.put(f"c{one.number}", Token.answered(server.issue(one.number), Now().at, owner=one.url))
    return [Request(Target(NAME, kind, f"c{one.number}"), "") for one in who for kind in collector.kinds]


def run(
    study: Path, url: str, requests: list[Request], wire: Wire | None = None,
    consented: Callable[[str], str] = lambda consent: ", ".join(DOMAINS), contact: str = "",
) -> Report:  # fmt: skip
    """Collect *requests*, and what is due besides, until nothing is due now."""
    frontier, wire = Frontier(study / "state.sqlite"), wire or Now()
    with frontier.transaction():
        frontier.add(requests, wire.now())
    options = {
        "client_id": CLIENT,
        "base_url": url,
        "oauth_url": f"{url}/oauth",
        "contact": contact,
        "domains": DOMAINS,
    }
    tokens = Tokens(study, NAME)
    settings = Settings(options, SECRET, wire, tokens=tokens, consented=consented)
    try:
        return collect(study, NAME, collector, settings, frontier=frontier, secrets=tokens.secrets, patience=0.0)
    finally:
        frontier.close()


def state(study: Path) -> dict[str, tuple[str, str]]:
    """State and reason by kind and consent."""
    frontier = Frontier(study / "state.sqlite")
    rows = "SELECT k.kind || ' ' || t.key, t.state, t.why FROM targets AS t JOIN kinds AS k ON k.id = t.kind"
    found = {name: (state, why) for name, state, why in frontier.db.execute(rows)}
    frontier.close()
    return found


def rows(study: Path) -> dict[str, list[Any]]:
    """The tables, without times and records."""
    with duckdb.connect(str(study / "study.duckdb"), read_only=True) as db:
        return {table: db.execute(f"SELECT {columns} FROM {table} ORDER BY ALL").fetchall()
                for table, columns in TABLES.items()}  # fmt: skip


def bytes_of(study: Path) -> Iterator[tuple[str, bytes]]:
    """Every byte of the study but the tokens' file, and as a reader would read it."""
    for path in sorted(study.rglob("*")):
        if path.is_file() and path.name != TOKENS:
            yield from ((f"{path.name} {place}", content) for place, content in contents(path))


ABROAD, REVOKED, REFUSED, BACK = 4, 11, 13, 16


def twenty() -> list[Member]:
    """Twenty members, of whom one lives outside the EEA, one has ended the access, and one does so and comes back.

    Another (REFUSED) gives no consent.
    """
    people = members()
    people[ABROAD].inside = False
    people[REVOKED].revoked = True
    return people


def consents(consent: str) -> str:
    """What they consented to."""
    return "" if consent == f"c{REFUSED}" else ", ".join(DOMAINS)


@pytest.fixture(scope="module")
def imported(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Any]]:
    """The tables of the own exports of those who took part."""
    study, given = tmp_path_factory.mktemp("imported"), tmp_path_factory.mktemp("given")
    paths = {linkedin_api.export(one, given): one.url for one in members()
             if one.number not in (ABROAD, REVOKED, REFUSED)}  # fmt: skip
    options = {"owner": {path.name: url for path, url in paths.items()}}
    found = files.targets("linkedin", list(paths), options)
    frontier = Frontier(study / "state.sqlite")
    with frontier.transaction():
        frontier.add([Request(target, "") for target in found], Wire().now())
    settings = Settings({"paths": files.paths_of(found), "domains": DOMAINS, **options}, wire=Wire())
    assert collect(study, "linkedin", files.collector("linkedin"), settings, frontier=frontier).status == "complete"
    frontier.close()
    load(study, {"linkedin": files.collector("linkedin")})
    return rows(study)


def test_the_tables_are_those_of_the_same_peoples_exports_and_nothing_else_is_kept(
    tmp_path: Path, imported: dict[str, list[Any]]
) -> None:
    people, study = twenty(), tmp_path / "study"
    study.mkdir()
    people[BACK].revoked = True
    with serve(it := LinkedIn(people)) as server:
        run(study, server.url, take_part(study, it, people), consented=consents)
        assert state(study)[f"member c{BACK}"] == ("absent", "consent withdrawn")
        people[BACK].revoked = False
        Tokens(study, NAME).put("c99", Token.answered(it.issue(BACK), Now().at, owner=people[BACK].url))
        again = [Request(Target(NAME, kind, "c99"), "") for kind in collector.kinds]
        report = run(study, server.url, again, consented=consents)
    assert (report.status, report.failed) == ("complete", 0)
    ended = {number: state(study)[f"member c{number}"] for number in (ABROAD, REVOKED, REFUSED)}
    assert ended == {ABROAD: ("absent", "refused"), REVOKED: ("absent", "consent withdrawn"),
                     REFUSED: ("absent", "consent withdrawn")}  # fmt: skip
    load(study, {NAME: collector})
    assert rows(study) == imported
    assert len(imported["profiles"]) >= 20
    assert imported["positions"]
    assert imported["connections"]
    education = [row for row in imported["profile_details"] if row[:2] == (people[9].url, "EDUCATION")]
    assert [json.loads(row[3]) for row in education] == [
        {"School Name": f"Hogeschool Nergens 9-{n}", "Degree Name": "Bestuur; bel  of", "Start Date": f"200{n}"}
        for n in range(4)
    ]
    for place, content in bytes_of(study):
        assert not [word for word in SECRETS if word.encode() in content], place
    assert (study / TOKENS).stat().st_mode & 0o777 == 0o600


def test_a_domain_is_read_only_if_the_consent_covers_it(tmp_path: Path) -> None:
    people = members(6)
    with serve(it := LinkedIn(people)) as server:
        run(tmp_path, server.url, take_part(tmp_path, it, people[5:]), consented=lambda consent: "DMA, SKILLS")
        asked = {request.query.get("domain") for request in server.asked}
    assert asked == {None, "SKILLS", "POSITIONS", "PROFILE", "CONNECTIONS"}


def test_a_domain_that_is_refused_is_listed_and_the_profile_read_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = LinkedIn._snapshot
    monkeypatch.setattr(LinkedIn, "_snapshot", lambda self, member, query: given(self, member, query)
                        if query["domain"] != "EDUCATION" else Answer(403, {"message": "no such domain"}))  # fmt: skip
    people = members(6)
    with serve(it := LinkedIn(people)) as server:
        run(tmp_path, server.url, take_part(tmp_path, it, people[3:4]))
    assert set(state(tmp_path).values()) == {("done", "")}
    pages = [entry for path in archive.segments(tmp_path / "archive")
             for entry in archive.read(path) if isinstance(entry, Page)]  # fmt: skip
    found = [record for page in pages for record in collector.parse(page)]
    assert [one.reason for one in found if isinstance(one, Quarantine)] == ["refused: no such domain"]
    assert {type(one) for one in found} >= {Profile, Position, ProfileDetail}


@pytest.mark.parametrize(
    ("cell", "left"),
    [
        ("Tel.0612345678, 06\u201112345678 of 06\u00a012\u00a034\u00a056\u00a078", "Tel.,  of "),
        ("+32 475/12.34.56 en 0475/12 34 56 (jan@x.example", " en  "),
        ("01/08/2012 - 05/09/2013, 08-2012 - 12-2013, 0.123456789", None),
        ("ORCID 0000-0002-1825-0097 https://x.example/in/jan-0612345678", None),
        ("a." * 100_000, None),  # no more than the length of the text in time
    ],
)
def test_telephone_numbers_are_cut_in_any_form_and_dates_and_other_numbers_stay(cell: str, left: str | None) -> None:
    assert reduced({"Name": cell}, ("Name",)) == {"Name": cell if left is None else left}


def test_a_replay_of_the_archive_needs_no_token_and_gives_the_same_state(tmp_path: Path) -> None:
    people, study, again = members(4), tmp_path / "study", tmp_path / "again"
    study.mkdir()
    again.mkdir()
    with serve(it := LinkedIn(people)) as server:
        run(study, server.url, requests := take_part(study, it, people))
    run(again, "http://127.0.0.1:9", requests, Replay(study / "archive", tmp_path / "index"))
    assert state(again) == state(study)
    assert set(state(again).values()) == {("done", "")}


def test_data_that_are_not_ready_are_asked_for_later_and_a_domain_without_data_is_empty(tmp_path: Path) -> None:
    people = members(3)
    people[0].registered, people[1].waits = False, 2
    soon = datetime.fromtimestamp(AUTHORIZED / 1000, UTC) + timedelta(minutes=3)
    with serve(it := LinkedIn(people)) as server:
        requests = take_part(tmp_path, it, people)
        assert run(tmp_path, server.url, requests, Now(soon)).status == "waiting"
        early = state(tmp_path)
        people[0].registered = True
        assert run(tmp_path, server.url, [], Now(soon + READY)).status == "complete"
    assert {early[f"{kind} c{number}"] for kind in collector.kinds for number in (0, 1)} == {
        ("open", "not ready: LinkedIn is preparing the data")
    }
    assert set(state(tmp_path).values()) == {("done", "")}  # member 0 has neither positions nor connections


@pytest.mark.parametrize(
    ("change", "found"),
    [
        (lambda it, who: setattr(who, "revoked", True), ("absent", "consent withdrawn")),
        (lambda it, who: setattr(who, "inside", False), ("absent", "refused")),
        (lambda it, who: it.faults.extend([Answer(429, {"message": "throttle limit"})] * 9), ("open", "rate limit")),
        (lambda it, who: it.faults.extend([Answer(503)] * 9), ("open", "HTTP 503")),
        (lambda it, who: it.faults.extend([Answer(200, b"<html>lid1@example.org")] * 9), ("open", "cannot be read")),
        (lambda it, who: it.faults.extend([Answer(426, {"message": "old"})] * 9), ("open", "no longer served: old")),
    ],
)
def test_each_refusal_is_an_outcome_of_its_own(
    tmp_path: Path, change: Callable[[LinkedIn, Member], None], found: tuple[str, str]
) -> None:
    people = members(2)
    with serve(it := LinkedIn(people)) as server:
        requests = take_part(tmp_path, it, people[1:])
        change(it, people[1])
        report = run(tmp_path, server.url, requests)
    ended, why = state(tmp_path)["member c1"]
    assert ended == found[0]
    assert found[1] in why
    assert (report.status == "refused") == ("served" in why)
    if why == "rate limit":
        assert report.reason.startswith("the next target is due at 2026-11-30 00:00:00 UTC")  # the next midnight
    assert not [place for place, content in bytes_of(tmp_path) if b"@example.org" in content]


def test_an_expired_token_is_renewed_where_it_lies_and_otherwise_asked_of_the_participant_again(tmp_path: Path) -> None:
    people = members(3)
    with serve(it := LinkedIn(people)) as server:
        requests = take_part(tmp_path, it, people)
        tokens = Tokens(tmp_path, NAME)
        before = {key: token for key in tokens.keys() if (token := tokens.get(key))}  # noqa: SIM118
        it.expire(before["c0"].access)  # LinkedIn ended it early
        tokens.put("c1", Token("x", before["c1"].refresh, Now().at, owner=people[1].url))  # it ends now
        it.expire(before["c2"].access)
        it.refresh.clear() if people[2].number == 2 else None
        it.refresh |= {before["c0"].refresh: 0, before["c1"].refresh: 1}
        run(tmp_path, server.url, requests)
    after = {key: token for key in tokens.keys() if (token := tokens.get(key))}  # noqa: SIM118
    assert state(tmp_path)["member c0"] == state(tmp_path)["contacts c1"] == ("done", "")
    assert state(tmp_path)["member c2"] == ("absent", "expired: the participant must connect again")
    assert after["c0"].access not in (before["c0"].access, "")
    assert after["c0"].refresh == before["c0"].refresh
    assert after["c0"].expires == Now().at + timedelta(seconds=5_184_000)
    assert after["c2"] == before["c2"]
    for place, content in bytes_of(tmp_path):
        assert b"AQ-" not in content, place


def test_without_a_consent_or_a_token_nothing_is_asked(tmp_path: Path) -> None:
    people = members(2)
    with serve(it := LinkedIn(people)) as server:
        requests = take_part(tmp_path, it, people)
        assert Tokens(tmp_path, NAME).remove("c1")
        run(tmp_path, server.url, requests, consented=lambda consent: "" if consent == "c0" else "all")
        assert server.asked == []
    assert set(state(tmp_path).values()) == {("absent", "consent withdrawn")}
    kept = [entry for path in archive.segments(tmp_path / "archive") for entry in archive.read(path)]
    assert {entry.reason for entry in kept if isinstance(entry, Failure)} == {"consent"}
    assert not [entry for entry in kept if isinstance(entry, Page)]


def collect_in_a_process(study: Path, url: str, minute: int) -> None:
    """Collect all members; the server knows the process by its user agent, the state by the time of its run."""
    requests = [Request(Target(NAME, kind, f"c{one.number}"), "") for one in members() for kind in collector.kinds]
    wire = Now(Now().at + timedelta(minutes=minute))
    if run(study, url, requests, wire, consented=consents, contact=str(os.getpid())).status != "complete":
        os._exit(1)


def test_killed_at_any_request_nothing_is_lost_and_no_byte_more_is_kept(
    tmp_path: Path, imported: dict[str, list[Any]]
) -> None:
    it, struck = LinkedIn(people := twenty()), {3, 17, 40}

    def script(request: Received) -> Answer:
        if len(server.asked) in struck:
            os.kill(int(request.headers["user-agent"].partition("(")[2].rstrip(")")), signal.SIGKILL)
        return it(request)

    take_part(tmp_path, it, people)
    processes = multiprocessing.get_context("forkserver")
    with serve(script) as server:
        codes = list[int | None]()
        while 0 not in codes:
            process = processes.Process(target=collect_in_a_process, args=(tmp_path, server.url, len(codes)))
            process.start()
            process.join()
            codes.append(process.exitcode)
    assert codes == [-signal.SIGKILL] * len(struck) + [0]
    load(tmp_path, {NAME: collector})
    assert rows(tmp_path) == imported
    for place, content in bytes_of(tmp_path):
        assert not [word for word in SECRETS if word.encode() in content], place


@pytest.mark.parametrize("native", [False, True])
def test_the_declared_flow_gives_a_token_of_the_member_who_allowed_it(native: bool) -> None:
    people = members(3)
    people[2].inside = False
    with serve(LinkedIn(people)) as server:
        urls = {"base_url": server.url, "oauth_url": f"{server.url}/oauth"}
        offer = hooks_of(collector).oauth
        assert offer is not None
        assert offer({}) is None
        oauth = offer({"client_id": CLIENT, "native_pkce": native, **urls})
        assert oauth is not None
        assert oauth.pkce == native
        asked = {"response_type": "code", "client_id": CLIENT, "redirect_uri": REDIRECT, "state": "s"}
        asked |= {"scope": " ".join(oauth.scopes)}
        proof = "a-verifier-of-at-least-forty-three-characters-0"
        challenge = "" if not native else proof_of(proof)
        for number, allowed in ((1, True), (2, False)):
            back = httpx.get(oauth.authorize_url, params=asked | {"login": number, "code_challenge": challenge})
            answer = httpx.URL(back.headers["location"]).params
            assert ("code" in answer, answer["state"]) == (allowed, "s")
            if allowed:
                form = {"grant_type": "authorization_code", "code": answer["code"], "redirect_uri": REDIRECT}
                form |= {"client_id": CLIENT, **({"code_verifier": proof} if native else {"client_secret": SECRET})}
                token = Token.answered(httpx.post(oauth.token_url, data=form).json(), Now().at)
                headers = {"Authorization": f"Bearer {token.access}", **oauth.headers}
                assert oauth.member(httpx.get(oauth.member_url, headers=headers).content) == "urn:li:person:1"
                assert httpx.post(oauth.token_url, data=form).status_code == 400  # a code is good for once


def test_an_account_of_ones_own_is_connected_by_its_token(tmp_path: Path) -> None:
    with serve(it := LinkedIn(people := members(4))) as server:
        access = it.issue(3)["access_token"]
        (tmp_path / FILE).write_text(f'[study]\nname = "Proef"\n[collectors.{NAME}]\nbase_url = "{server.url}"\n')
        study = Study.load(tmp_path)
        assert connect(study, NAME, f"{people[3].url}/?trk=x", access) == {f"{NAME} member": 1, f"{NAME} contacts": 1}
        assert connect(study, NAME, people[3].url, access) == {}
        (report,) = collect_study(study, only=NAME, say=lambda line: None)
    assert report.status == "complete"
    assert state(tmp_path) == {f"{kind} {people[3].url}": ("done", "") for kind in collector.kinds}
    (tmp_path / FILE).write_text('[study]\nname = "Proef"\n[collectors.mastodon]\n')
    other = Study.load(tmp_path)
    with pytest.raises(UserError, match="reads no accounts by consent"):
        connect(other, "mastodon", "a@b.example", "x")


def test_nothing_is_left_of_a_forgotten_member_whose_targets_have_another_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study, people = tmp_path / "study", members(8)
    study.mkdir()
    monkeypatch.setenv(VARIABLE, str(tmp_path / "key"))
    with serve(it := LinkedIn(people)) as server:
        (study / FILE).write_text(f'[study]\nname = "Proef"\n[collectors.{NAME}]\nbase_url = "{server.url}"\n')
        run(study, server.url, take_part(study, it, people))
    settings = Study.load(study)
    load_study(settings, say=lambda line: None)
    words = (
        b"lid-3",
        b"Lid3",
        b"Adviseur 3",
        b"lid_3",
        b"Nergens 3-",
        it_token := Tokens(study, NAME).secrets[6].encode(),
    )
    assert {word for word in words for _, content in bytes_of(study) if word in content} == {*words[:5]}
    removal = forget(settings, people[3].url, say=lambda line: None)
    assert removal.left == []
    assert Tokens(study, NAME).get("c3") is None
    assert it_token not in (study / TOKENS).read_bytes()
    for place, content in bytes_of(study):
        assert not [word for word in words if word in content], place
    assert Tokens(study, NAME).get("c4") is not None


def test_tokens_lie_in_one_file_that_others_cannot_read(tmp_path: Path) -> None:
    tokens, other = Tokens(tmp_path, NAME), Tokens(tmp_path, "other")
    tokens.put("c1", Token("a", "b"))
    other.put("c1", Token("d"))
    assert tokens.renew("c1", Token("e"))
    assert not tokens.renew("c2", Token("f"))
    assert every(tmp_path) == {NAME: {"c1": Token("e")}, "other": {"c1": Token("d")}}
    assert tokens.remove("c1")
    assert not tokens.remove("c1")
    assert tokens.keys() == []
    (tmp_path / TOKENS).chmod(0o644)
    with pytest.raises(UserError, match="chmod 600"):
        other.get("c1")

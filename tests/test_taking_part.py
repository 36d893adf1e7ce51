"""People take part: what they give is what an import of their export gives, and what they take back is gone."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import shutil
import signal
import zipfile
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest
from click.testing import CliRunner, Result
from starlette.testclient import TestClient

from cli import cli
from collectors.linkedin.export import KEPT, POSITIONS, PROFILE
from jobs import invitations
from jobs.backup import backup
from jobs.consents import take_in
from jobs.context import DATABASE, open_study
from jobs.doctor import inbox
from jobs.forget import forget
from jobs.invitations import Keys
from jobs.retain import retain
from jobs.run import import_files, load
from jobs.status import status
from serve.loads import Loads
from serve.participants.app import _Pages, face, started
from serve.participants.texts import text_of
from storage import consents
from storage.consents import Consents, Invitation, consented
from storage.errors import Partial, UserError
from storage.locks import lock
from storage.participants import Token, Tokens
from storage.privacy.pseudonyms import VARIABLE
from study.study_file import Study
from tests.contents import contents

URL = "http://127.0.0.1:8417"
WRITTEN = datetime(2026, 11, 2, 10, 20, 30, tzinfo=UTC)
PEOPLE = [  # all invented
    ["Testa", "Voorbeeld", "https://www.linkedin.com/in/testa-voorbeeld", "Fictie, dienst", "Adviseur", "15 Mar 2024"],
    [
        "Fik",
        "Tief",
        "https://www.linkedin.com/in/fik-tief",
        "Gemeente Nergens",
        'Hoofd "zaken"\nen dingen',
        "1 Jan 2020",
    ],
    ["<script>alert(1)</script>", "=HYPERLINK(1)", "", "Acme", "Directeur", "02 Feb 2020"],
    ["Kanarie", "Nergens", "https://www.linkedin.com/in/kanarie-qzx", "Kooi QZX", "Zanger QZX", "3 Mar 2021"],
]
CANARIES = ["kanarie-qzx", "Kooi QZX", "Zanger QZX", "Eigen kop QZX"]
TABLES = {
    "Connections.csv": {"columns": list(KEPT), "rows": PEOPLE, "made": WRITTEN.isoformat()},
    "Profile.csv": {
        "columns": list(PROFILE),
        "rows": [["Start", "Contact", "Eigen kop QZX", "Over mij", "Den Haag", "[start_c]", "[BLOG:example.net]"]],
        "made": WRITTEN.isoformat(),
    },
    "Positions.csv": {
        "columns": list(POSITIONS),
        "rows": [["Ministerie van Fictie", "Adviseur", "Jan 2020", ""]],
        "made": WRITTEN.isoformat(),
    },
}


DOMAINS = ["EDUCATION", "SKILLS"]
EDUCATION = {
    "columns": ["School Name", "Start Date"],
    "rows": [["Hogeschool Nergens; 06-12345678, a@example.org", "2001"], ["School Zanger QZX", "1999"]],
    "made": WRITTEN.isoformat(),
}


def begun(folder: Path, url: str = URL, ways: str = 'collectors = ["linkedin"]', domains: Sequence[str] = ()) -> Study:
    """A study with the texts that participants read."""
    (folder / "consent").mkdir(parents=True)
    text = f'[study]\nname = "A <b>study</b>"\n[participants]\nurl = "{url}"\ndomains = {[*domains]}\n{ways}\n'
    (folder / "sneeuwbal.toml").write_text(text)
    for language, text in (("en", "I agree."), ("nl", "Ik ga akkoord.")):
        (folder / "consent" / f"information.{language}.md").write_text(
            f"# About\n\n<script>alert(1)</script> {language} {', '.join(domains)}\n"
        )
        (folder / "consent" / f"consent.{language}.md").write_text(text)
    return open_study(folder)


@pytest.fixture
def study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Study:
    monkeypatch.setenv(VARIABLE, str(tmp_path / "key"))
    return begun(tmp_path / "study")


class Person:
    """Somebody with an invitation and a browser."""

    def __init__(self, study: Study, invitation: Invitation | None = None, app: Any = None) -> None:
        self.study = study
        self.invitation = invitation or invitations.invite(study, 1, 30)[0]
        self.here = f"/i/{Keys(study).token(self.invitation)}"
        self.client = TestClient(app or face(study), base_url=URL, raise_server_exceptions=False)

    def open(self) -> dict[str, Any]:
        """What the page says to its script."""
        page = self.client.get(self.here)
        assert page.status_code == 200, page.text
        found = re.search(r'<script type="application/json">(.*?)</script>', page.text, re.S)
        assert found, page.text
        about: dict[str, Any] = json.loads(found[1])
        return about

    def send(self, tables: Any = TABLES, about: dict[str, Any] | None = None, /, **more: Any) -> Any:
        """The answer to a donation; *more* are changes of the body, *about* what the page said."""
        about = about or self.open()
        body = {"agreed": True, "version": about["version"], "language": about["language"], "tables": tables, **more}
        headers = {"X-Page": about["page"], "Content-Type": "application/json"}
        return self.client.post(about["send"], content=json.dumps(body), headers=headers)

    def withdraw(self, code: str) -> Any:
        page = self.client.get("/withdraw")
        proof = re.search(r'name="page" value="(\w+)"', page.text)
        assert proof
        return self.client.post("/withdraw", data={"page": proof[1], "code": code})


def sung(study: Study) -> list[tuple[str, str]]:
    """The canaries that are anywhere in *study*, with their places."""
    found = [(path.name, content) for path in study.directory.rglob("*") if path.is_file() and path.suffix != ".lock"
             for _, content in contents(path)]  # fmt: skip
    return [(name, one) for name, content in found for one in CANARIES if one.encode() in content]


def commanded(study: Study, *words: str | Path) -> Result:
    """The end of a command of *study*, with the exception that the program would print."""
    return CliRunner().invoke(cli, ["--study", str(study.directory), *map(str, words)], standalone_mode=False)


def quiet(line: str) -> None:
    pass


def exported(path: Path) -> Path:
    """The export of the same person: in other columns, with what is not asked for."""
    with zipfile.ZipFile(path, "w") as packed:
        for name, table in {**TABLES, "Education.csv": EDUCATION}.items():
            out = io.StringIO(newline="")
            writer = csv.writer(out)
            if name == "Connections.csv":
                out.write('Notes:\n"When exporting your connection data, you may notice ..."\n\n')
            writer.writerow(["Email Address", *table["columns"]])
            writer.writerows(["secret@example.org", *row] for row in table["rows"])
            packed.writestr(zipfile.ZipInfo(f"Basic/{name}", WRITTEN.timetuple()[:6]), out.getvalue())
    return path


def records(study: Study) -> dict[str, list[tuple[Any, ...]]]:
    """Profiles, positions and connections, but for the id that every export has of its own."""
    own = "CASE WHEN {0} LIKE 'urn:%' THEN 'owner' ELSE {0} END"
    queries = {
        "profiles": f"SELECT {own.format('profile_id')}, url, name, headline, description, location, first_seen"
        " FROM base.profiles ORDER BY ALL",
        "positions": f"SELECT DISTINCT {own.format('profile_id')}, ordinal, employer, title, started, ended, current"
        " FROM base.positions ORDER BY ALL",
        "connections": f"SELECT {own.format('profile_id')}, {own.format('other_id')}, connected_on"
        " FROM base.connections ORDER BY ALL",
        "links": f"SELECT {own.format('profile_id')}, url, rel FROM base.profile_links ORDER BY ALL",
    }
    with duckdb.connect(str(study.directory / "study.duckdb"), read_only=True) as db:
        return {name: db.execute(query).fetchall() for name, query in queries.items()}


def rows(study: Study, query: str) -> list[tuple[Any, ...]]:
    with duckdb.connect(str(study.directory / "study.duckdb"), read_only=True) as db:
        return db.execute(query).fetchall()


def test_a_donation_is_what_an_import_of_the_same_export_is(study: Study, tmp_path: Path) -> None:
    """And a withdrawal leaves no byte of it, nor does anything of another's donation go."""
    person, other = Person(study), Person(study)
    answer = person.send()
    assert answer.status_code == 200, answer.text
    code = answer.json()["code"]
    assert other.send({"Connections.csv": {**TABLES["Connections.csv"], "rows": PEOPLE[:3]}}).status_code == 200
    load(study, say=quiet)
    assert list((study.directory / "inbox").iterdir()) == []
    plain = begun(tmp_path / "plain")
    import_files(plain, "linkedin", [exported(tmp_path / "export.zip")], {}, say=quiet)
    theirs, ours = records(plain), records(study)
    for name, found in theirs.items():
        empty = {row for row in ours[name] if not any(row[1:6])}  # of the other, who gave a list only
        assert set(found) == set(ours[name]) - empty, name
    assert len(theirs["connections"]) == len(PEOPLE)
    assert len(ours["connections"]) == len(PEOPLE) + 3
    assert len(rows(study, "FROM invitations")) == 2
    assert rows(study, "SELECT kind, collector, people FROM participation ORDER BY kind") == [
        ("consented", "linkedin", 2), ("invited", None, 2)]  # fmt: skip
    given = rows(
        study, "SELECT person, collector, covers, language, withdrawn_at FROM consents ORDER BY given_at, covers"
    )
    files = "Connections.csv, Positions.csv, Profile.csv"
    assert sorted(given) == sorted([(person.invitation.person, "linkedin", files, "en", None),
                                    (other.invitation.person, "linkedin", "Connections.csv", "en", None)])  # fmt: skip
    assert {one for _, one in sung(study)} == set(CANARIES)

    assert person.withdraw(code.lower().replace("-", " ")).status_code == 200
    id_ = next(iter(act.consent.id for _, act in consents.withdrawals(study.directory, [])))
    assert not consented(study.directory, id_, "linkedin")
    load(study, say=quiet)
    assert sung(study) == []
    assert len(records(study)["connections"]) == 3
    assert list((study.directory / "inbox").iterdir()) == []
    assert rows(study, "SELECT count(*), count(withdrawn_at) FROM consents") == [(2, 1)]
    assert "took part" not in {
        state for name, state, _, _ in invitations.listed(study) if name == person.invitation.person
    }
    assert person.send().status_code == 200  # who comes back gives under a new consent
    load(study, say=quiet)
    assert len(records(study)["connections"]) == len(PEOPLE) + 3
    load(study, fresh=True, say=quiet)
    assert rows(study, "SELECT count(*), count(withdrawn_at) FROM consents") == [(3, 1)]


def test_what_waits_is_withdrawn_before_anything_is_read(study: Study) -> None:
    person = Person(study)
    code = person.send().json()["code"]
    assert person.withdraw(code).status_code == 200
    assert not [path for path in (study.directory / "inbox").iterdir() if path.suffix == ".zip"]
    load(study, say=quiet)
    assert rows(study, "SELECT count(*), count(withdrawn_at) FROM consents") == [(1, 1)]
    assert rows(study, "SELECT count(*) FROM base.profiles") == [(0,)]


def test_what_waits_is_shown_checked_and_backed_up_until_it_is_withdrawn(study: Study, tmp_path: Path) -> None:
    """A backup that is restored has it; after a withdrawal, or when a person on it is forgotten, no backup has."""
    code = Person(study).send().json()["code"]
    assert Person(study).send({"Connections.csv": {**TABLES["Connections.csv"], "rows": PEOPLE[:1]}}).status_code == 200
    state = status(study)["participants"]
    assert (state["given"], state["withdrawn"], state["unreadable"]) == (2, 0, "")
    assert inbox(study.directory).passed
    assert inbox(study.directory).found.startswith("2 donations and connections, 0 withdrawals wait")
    copy, restored = tmp_path / "copy", tmp_path / "restored"
    backup(study, copy)
    shutil.copytree(copy, restored)
    load(open_study(restored), say=quiet)
    assert len(records(open_study(restored))["connections"]) == len(PEOPLE) + 1
    assert Person(study).withdraw(code).status_code == 200
    assert status(study)["participants"]["withdrawn"] == 1
    load(study, say=quiet)
    assert status(study)["participants"]["since"] is None
    assert inbox(study.directory).found == "empty"
    left = [path.suffix for path in (copy / "inbox").iterdir()]
    assert left == [".zip"]
    assert [one for path in copy.rglob("*") if path.is_file() for _, content in contents(path)
            for one in CANARIES if one.encode() in content] == []  # fmt: skip
    forget(study, PEOPLE[0][2], say=quiet)
    assert list((copy / "inbox").iterdir()) == []
    assert Person(study).send().status_code == 200
    (study.directory / "inbox" / "ca-spoilt.zip").write_bytes(b"no zip")
    assert status(study)["participants"]["given"] == 1
    assert "move it away" in status(study)["problems"][0]
    assert inbox(study.directory).passed is False


def test_files_of_the_inbox_that_cannot_be_read_stop_nothing_else_and_a_withdrawal_among_them_counts(
    study: Study,
) -> None:
    one, other = Person(study), Person(study)
    one.send()
    load(study, say=quiet)
    (taken,) = Consents(study.directory).all().consents
    for name in (f"{taken}.withdrawn", "ca-spoilt.zip", "cb-spoilt.withdrawn"):
        (study.directory / "inbox" / name).write_bytes(b"\0")
    assert not consented(study.directory, taken, "linkedin")
    assert other.send({"Connections.csv": {**TABLES["Connections.csv"], "rows": PEOPLE[:1]}}).status_code == 200
    report = load(study, say=quiet)
    assert report is not None
    assert {Path(line.split(": is no ")[0]).name for line in report.damage} == {
        "ca-spoilt.zip", "cb-spoilt.withdrawn", f"{taken}.withdrawn",
    }  # fmt: skip
    assert sung(study) == []
    assert rows(study, "SELECT count(*) FROM connections") == [(1,)]
    left = {path.name for path in (study.directory / "inbox").iterdir()}
    assert left == {"ca-spoilt.zip", "cb-spoilt.withdrawn"}
    said = commanded(study, "load")
    assert isinstance(said.exception, Partial)
    assert "2 places could not be read" in str(said.exception)


def test_a_backup_between_an_erasure_and_the_load_that_makes_the_tables_anew_has_nobody_erased(
    study: Study, tmp_path: Path
) -> None:
    code = Person(study).send().json()["code"]
    load(study, say=quiet)
    assert Person(study).withdraw(code).status_code == 200
    assert len(take_in(study, quiet, [])) == 1
    between, later = tmp_path / "between", tmp_path / "later"
    assert backup(study, between).outdated
    load(study, say=quiet)
    assert not backup(study, later).outdated
    assert [(later / name / DATABASE).is_file() for name in (".", "../between")] == [True, False]
    copies = [path for copy in (between, later) for path in copy.rglob("*") if path.is_file()]
    assert [
        one for path in copies for _, content in contents(path) for one in CANARIES if one.encode() in content
    ] == []


def test_a_restored_copy_of_a_donation_that_was_withdrawn_is_not_taken_in_again(study: Study) -> None:
    """As in a backup that copied the inbox before the withdrawal was loaded, and the archive after it."""
    code = Person(study).send().json()["code"]
    (path,) = (study.directory / "inbox").glob("c*.zip")
    copied = path.read_bytes()
    load(study, say=quiet)
    assert Person(study).withdraw(code).status_code == 200
    load(study, say=quiet)
    for restored in (copied, copied[:-30]):  # also one that cannot be read
        path.write_bytes(restored)
        load(study, say=quiet)
        assert sung(study) == []
        assert not path.exists()


@pytest.mark.parametrize("loaded", [False, True])
def test_a_withdrawal_reaches_unfinished_backups_and_names_once_those_it_does_not_reach(
    study: Study, tmp_path: Path, loaded: bool
) -> None:
    code = Person(study).send().json()["code"]
    if loaded:
        load(study, say=quiet)
    killed, spoilt = tmp_path / "killed", tmp_path / "spoilt"
    assert _killed(lambda: backup(study, killed), 0)
    assert [path.name for path in tmp_path.glob(".*.part")] == [".killed.part"]
    backup(study, spoilt)
    shutil.rmtree(spoilt / "inbox", ignore_errors=True)
    (spoilt / "inbox").touch()  # no directory: nothing in it can be deleted
    assert Person(study).withdraw(code).status_code == 200
    said = list[str]()
    load(study, say=said.append)
    assert not list(tmp_path.glob(".*.part"))
    named = [line.split(": ", 1)[1] for line in said if line.startswith("could not be examined")]
    assert sorted(line.split(" (")[0] for line in named) == [str(killed), str(spoilt)]
    assert sung(study) == []
    assert not list((study.directory / "inbox").iterdir())


def test_nothing_is_withdrawn_while_a_backup_is_made(study: Study) -> None:
    code = Person(study).send().json()["code"]
    assert Person(study).withdraw(code).status_code == 200
    said = list[str]()
    with lock(study.directory, "backup"):
        assert take_in(study, said.append, []) == []
    assert "backup is already running" in said[-1]
    assert len(take_in(study, said.append, [])) == 1


def test_what_waits_has_a_retention_period_too_and_its_consent_stays(study: Study) -> None:
    file = study.directory / "sneeuwbal.toml"
    file.write_text(file.read_text() + "[minimise]\nkeep_days = { donation = 1, profile = 1 }\n")
    assert Person(study).send().status_code == 200  # made weeks ago
    retain(open_study(study.directory), say=quiet)
    assert sung(study) == []
    assert rows(study, "SELECT count(*) FROM base.connections") == [(0,)]
    assert rows(study, "SELECT count(*), count(withdrawn_at) FROM consents") == [(1, 0)]


def test_a_participant_is_the_person_on_other_peoples_lists(study: Study) -> None:
    """By the address that they give; what those lists say of them stays when they withdraw, and come back."""
    one, other = Person(study), Person(study)
    assert other.send({"Connections.csv": {**TABLES["Connections.csv"], "rows": PEOPLE[:1]}}).status_code == 200
    theirs = {**TABLES["Connections.csv"], "rows": PEOPLE[1:]}
    for wrong in ("https://www.linkedin.com/company/fictie", "javascript:alert(1)", "x" * 40_000):
        assert one.send(address=wrong).status_code == 400
    sent = one.send({"Connections.csv": theirs}, address="nl.linkedin.com/in/Testa-Voorbeeld/?trk=x")
    assert sent.json()["covers"] == "Connections.csv, Profile.csv"
    load(study, say=quiet)
    tie = (
        "SELECT count(*) FROM connections WHERE 'https://www.linkedin.com/in/testa-voorbeeld' IN (profile_a, profile_b)"
    )
    assert rows(study, tie) == [(len(PEOPLE),)]
    assert one.withdraw(sent.json()["code"]).status_code == 200
    assert one.send({**TABLES, "Connections.csv": theirs}, address=PEOPLE[0][2]).status_code == 200
    load(study, say=quiet)
    assert rows(study, "SELECT headline FROM profiles WHERE profile_id = '" + PEOPLE[0][2] + "'") == [
        ("Eigen kop QZX",)
    ]
    assert rows(study, tie) == [(len(PEOPLE),)]


def test_further_domains_are_asked_for_by_name_given_and_taken_back(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setenv(VARIABLE, str(tmp_path / "key"))
    study = begun(tmp_path / "further", domains=DOMAINS)
    person = Person(study)
    about = person.open()
    assert about["files"]["Education.csv"][0] == "School Name"
    assert "Positions.csv, Education.csv, Skills.csv" in person.client.get(person.here).text
    given = TABLES | {"Education.csv": EDUCATION}
    languages = {"columns": ["Name", "Proficiency"], "rows": [["Nederlands", ""]]}
    assert person.send(given | {"Languages.csv": languages}, about).status_code == 400
    sent = person.send(given, about).json()
    assert sent["covers"] == "Connections.csv, Education.csv, Positions.csv, Profile.csv"
    load(study, say=quiet)
    assert rows(study, "SELECT domain, ordinal, fields->>'School Name', fields->>'Start Date' FROM profile_details"
                " ORDER BY ALL") == [("EDUCATION", 0, "Hogeschool Nergens; ,", "2001"),
                                     ("EDUCATION", 1, "School Zanger QZX", "1999")]  # fmt: skip
    assert person.withdraw(sent["code"]).status_code == 200
    load(study, say=quiet)
    assert sung(study) == []
    text = study.directory / "consent" / "information.nl.md"
    text.write_text(text.read_text().replace("SKILLS", ""))
    assert person.client.get(person.here, params={"lang": "nl"}).status_code == 500
    with pytest.raises(UserError, match=r"information\.nl\.md: does not say that the study asks for SKILLS"):
        face(study)


@pytest.mark.parametrize(
    ("named", "said"),
    [
        ("INBOX", "INBOX cannot be asked for: it holds what other people wrote, or who they are, and"),
        ("PHONE_NUMBERS", "PHONE_NUMBERS cannot be asked for: it holds contact details"),
        ("SKILS", "no domain 'SKILS'; did you mean .*SKILLS"),
    ],
)
def test_a_domain_that_nobody_can_be_asked_for_is_one_line(tmp_path: Path, named: str, said: str) -> None:
    with pytest.raises(UserError, match=said):
        begun(tmp_path / "further", domains=[named])


# ---- killed -------------------------------------------------------------------------------------------------


def _killed(act: Any, at: int) -> bool:
    """Call *act* in a process that is killed at its step number *at* to disk; whether it was."""
    child = os.fork()
    if not child:
        steps = iter(range(at))

        def step(real: Any) -> Any:
            def stepping(*args: Any, **more: Any) -> Any:
                if next(steps, None) is None:
                    os.kill(os.getpid(), signal.SIGKILL)
                return real(*args, **more)

            return stepping

        for name in ("fsync", "rename", "replace", "unlink"):
            setattr(os, name, step(getattr(os, name)))
        act()
        os._exit(0)
    _, status = os.waitpid(child, 0)
    return os.WIFSIGNALED(status)


def _given(study: Study) -> consents.Act:
    person = invitations.invite(study, 1, 30)[0].person
    receipt = Keys(study).receipt("x")
    consent = consents.Consent(consents.new_id("c"), person, "linkedin", "", "v", "en", receipt, WRITTEN)
    return consents.Act(consent, "I agree.")


def _files() -> dict[str, Any]:
    from serve.participants import donation

    sent = {name: donation.Sent(**{**table, "made": WRITTEN}) for name, table in TABLES.items()}
    from collectors.linkedin.export import DONATION

    return donation.files(donation.Donated(True, "v", "en", sent), DONATION)


def test_a_kill_at_any_step_leaves_a_whole_donation_with_its_consent_or_none(study: Study) -> None:
    files, whole = _files(), 0
    for at in range(10):
        act = _given(study)
        killed = _killed(lambda act=act: consents.give(study.directory, act, files), at)
        there = {one.consent.id: path for path, one in consents.acts(study.directory, [])}
        assert killed or act.consent.id in there
        whole += len(there)
        for path in there.values():
            with zipfile.ZipFile(path) as packed:
                assert packed.testzip() is None
                assert set(packed.namelist()) == {consents.ACT, *files}
            path.unlink()
        consents.clear(study.directory)
        assert list((study.directory / "inbox").glob("*")) == []
        if not killed:
            break
    assert not killed
    assert whole > 1


def test_a_kill_at_any_step_of_taking_in_loses_and_doubles_nothing(study: Study) -> None:
    act = _given(study)
    consents.give(study.directory, act, _files())
    at, killed = 0, True
    while killed:
        killed = _killed(lambda: take_in(study, quiet, []), at)
        known = Consents(study.directory).all().consents
        assert list(known) == [act.consent.id]
        at += 1 if at < 8 else 5
    load(study, say=quiet)
    assert len(records(study)["connections"]) == len(PEOPLE)
    assert rows(study, "SELECT count(*), count(given_at) FROM consents") == [(1, 1)]
    consents.take_back(study.directory, act.consent, WRITTEN)
    at, killed = 0, True
    while killed:
        killed = _killed(lambda: take_in(study, quiet, []), at)
        assert not consented(study.directory, act.consent.id, "linkedin")
        at += 7
    load(study, say=quiet)
    assert sung(study) == []


def test_a_kill_at_any_step_of_an_oauth_answer_or_a_withdrawal_leaves_no_half_consent(
    study: Study, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After the next start every consent that stands has its token, and every token such a consent."""
    monkeypatch.setattr(Loads, "ask", lambda self: None)
    pages, version = _Pages(study, lambda: None), text_of(study.directory, "en").version

    def standing() -> list[str]:
        with started(study):
            known = Consents(study.directory).all().consents.values()
        found = sorted(one.id for one in known if one.withdrawn_at is None)
        assert sorted(Tokens(study.directory, "linkedin-members").keys()) == found
        return found

    at, killed, codes = 0, True, []
    while killed:
        invited = invitations.invite(study, 1, 30)[0]
        consent, code = pages._consent(invited, "linkedin-members", "lists", version, "en")
        killed = _killed(lambda consent=consent: pages._give(consent, {}, Token("geheim")), at)
        codes += [code] * (consent.id in standing())
        assert killed or len(codes) == len(standing())
        at += 1
    assert 1 < len(codes) < at
    left = standing()
    at, killed = 0, True
    while killed:
        killed = _killed(lambda: pages._withdrawn(codes[-1]), at)
        assert len(left) - 1 <= len(standing()) <= len(left)
        at += 1
    rest = standing()
    assert len(rest) == len(left) - 1
    (study.directory / "inbox" / f"{rest[0]}.zip").write_bytes(b"")  # cannot be read now: its token stays
    with started(study):
        assert sorted(Tokens(study.directory, "linkedin-members").keys()) == rest


# ---- attacks ------------------------------------------------------------------------------------------------


def test_a_link_works_for_one_person_until_it_expires_or_is_revoked(study: Study) -> None:
    first, second = invitations.invite(study, 2, 30)
    old = Invitation(first.person, first.expires_at - timedelta(days=60))
    token, other = Keys(study).token(first), Keys(study).token(second)
    person = Person(study, first)
    name, _, signed = token.rpartition(".")
    wrong = [f"{name}.{other.rpartition('.')[2]}", f"{name}.{signed[:-1]}", name, Keys(study).token(old), "x" * 5000,
             f"{second.person}{token[len(first.person):]}", "é.1.x"]  # fmt: skip
    for link in wrong:
        assert person.client.get(f"/i/{link}").status_code in (404, 410), link
    about = person.open()
    assert Person(study, second).client.post(about["send"].replace(token, other), json={}).status_code == 403
    invitations.revoke(study, [first.person])
    assert person.client.get(person.here).status_code == 410
    assert person.send(TABLES, about).status_code == 410
    assert Person(study, second).send().status_code == 200
    assert Person(study, second).client.get(Person(study, second).here).text.count("taken part") == 1
    states = {one[0]: one[1] for one in invitations.listed(study)}
    assert states == {first.person: "revoked", second.person: "took part"}
    assert not list((study.directory / "archive").glob("*.open"))


def test_what_another_site_or_session_sends_is_refused(study: Study) -> None:
    person = Person(study)
    about = person.open()
    body = {"agreed": True, "version": about["version"], "language": "en", "tables": TABLES}
    page = {"X-Page": about["page"]}
    send = person.client.post
    assert send(about["send"], json=body).status_code == 403
    assert send(about["send"], json=body, headers={**page, "Origin": "https://evil.example"}).status_code == 403
    assert (
        send(about["send"], content=json.dumps(body), headers={**page, "Content-Type": "text/plain"}).status_code == 400
    )
    fresh = Person(study, person.invitation)
    assert fresh.client.post(about["send"], json=body, headers=page).status_code == 403  # no session of its own
    assert person.client.get(person.here, headers={"Host": "evil.example"}).status_code == 400
    assert person.send(TABLES, about, version="0" * 64).status_code == 409
    assert person.send(TABLES, about, agreed=False).status_code == 400
    cookie = person.client.get(person.here).headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=lax" in cookie
    assert not (study.directory / "inbox").exists()


@pytest.mark.parametrize(
    "tables",
    [
        {},
        {"Connections.csv": {"columns": ["First Name", "Last Name", "Email Address"], "rows": [["a", "b", "c"]]}},
        {"../../decisions.csv": {"columns": ["First Name", "Last Name"], "rows": [["a", "b"]]}},
        {"act.json": {"columns": ["First Name", "Last Name"], "rows": [["a", "b"]]}},
        {"Connections.csv": {"columns": ["First Name", "Last Name"], "rows": []}},
        {"Connections.csv": {"columns": ["First Name"], "rows": [["a"]]}},
        {"Connections.csv": {"columns": ["First Name", "Last Name"], "rows": [["a", "b", "c"]]}},
        {"Connections.csv": {"columns": ["First Name", "Last Name"], "rows": [["a\0", "b"]]}},
        {"Connections.csv": {"columns": ["First Name", "Last Name"], "rows": [["a", 1]]}},
        {"Connections.csv": {"columns": ["First Name", "Last Name"], "rows": [["a" * 40_000, "b"]]}},
        {"Connections.csv": {"columns": ["First Name", "Last Name"], "rows": [["\ud800", "b"]]}},
        {"Connections.csv": {"columns": ["First Name"] * 2, "rows": [["a", "b"]]}},
        {"Connections.csv": {"columns": ["First Name", "Last Name"], "rows": [["a", "b"]], "path": "/etc/passwd"}},
        {"Connections.csv": {"columns": ["First Name", "Last Name"], "rows": [["a", "b"]], "made": "1066-10-14T00:00"}},
    ],
    ids=range(14),
)  # fmt: skip
def test_only_what_is_asked_for_is_taken(study: Study, tables: Any) -> None:
    answer = Person(study).send(tables)
    assert answer.status_code == 400
    assert not (study.directory / "inbox").exists()


def test_large_bodies_and_many_requests_are_refused(study: Study, caplog: pytest.LogCaptureFixture) -> None:
    person = Person(study)
    about = person.open()
    headers = {"X-Page": about["page"], "Content-Type": "application/json"}
    large = b" " * (17 << 20)
    assert person.client.post(about["send"], content=large, headers=headers).status_code == 413
    pieces = (large[: 1 << 20] for _ in range(17))  # without a stated length
    assert person.client.post(about["send"], content=pieces, headers=headers).status_code == 413
    assert person.withdraw("QQQQQ-QQQQQ-QQQQQ-QQQQQ-QQQQQ-Q").status_code == 404
    guesses = [person.withdraw(f"{number:026}").status_code for number in range(12)]
    assert guesses[-1] == 429
    assert 200 not in guesses
    assert [person.client.get("/").status_code for _ in range(130)][-1] == 429
    said = caplog.text
    assert not [secret for secret in (person.here, "QQQQQ", about["page"], person.invitation.person) if secret in said]


def test_pages_run_no_text_as_code_and_ask_no_other_site(study: Study) -> None:
    person = Person(study)
    for path in ("/", person.here, "/withdraw", "/nowhere", "/i/x", f"{person.here}?lang=nl", "/static/../app.py"):
        page = person.client.get(path)
        assert "default-src 'none'" in page.headers["content-security-policy"]
        assert "unsafe" not in page.headers["content-security-policy"]
        assert page.headers["referrer-policy"] == "same-origin"
        assert page.headers["cache-control"] == "no-store"
        assert "<script>" not in page.text
        assert not re.search(r'(src|href)="(https?:)?//', page.text)
        assert "<b>study" not in page.text
    assert "&lt;script&gt;" in person.client.get(person.here).text
    assert 'lang="nl"' in person.client.get("/", headers={"Accept-Language": "nl-NL,nl;q=0.9"}).text


def test_the_pages_of_participants_lead_to_nothing_of_the_researchers(study: Study) -> None:
    person = Person(study)
    for path in ("/sql", "/live", "/schedule", "/report/", "/report/report.html", "/decide", "/decide/links", "/login",
                 "/load", "/leave", "/static/desk.js", "/sneeuwbal.toml", "/inbox", "/study.duckdb"):  # fmt: skip
        assert person.client.get(path).status_code == 404, path
        assert person.client.post(path).status_code in (404, 405), path


def test_an_error_is_logged_without_what_was_sent(
    study: Study, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    person = Person(study)

    def broken(*args: object) -> None:
        raise RuntimeError(f"token {person.here} zq-content")

    about = person.open()
    monkeypatch.setattr(consents, "give", broken)
    answer = person.send(TABLES, about)
    assert answer.status_code == 500
    assert "Nothing was kept" in answer.json()["error"]
    assert "RuntimeError in" in caplog.text
    assert "zq-content" not in caplog.text
    assert "default-src 'none'" in answer.headers["content-security-policy"]


def test_one_link_gives_once_and_a_profile_alone_is_a_donation(study: Study) -> None:
    person = Person(study)
    about = person.open()
    nameless = {"Connections.csv": {"columns": ["First Name", "Last Name"], "rows": [["", ""]]}}
    assert person.send(nameless, about).status_code == 400  # nothing that an import could read
    assert person.send({"Profile.csv": TABLES["Profile.csv"]}, about).status_code == 200
    assert person.send(TABLES, about).status_code == 410
    load(study, say=quiet)
    assert rows(study, "SELECT headline FROM profiles") == [("Eigen kop QZX",)]
    assert rows(study, "SELECT covers FROM consents") == [("Profile.csv",)]


def test_a_forgotten_person_goes_from_donations_that_wait_too(study: Study) -> None:
    assert Person(study).send().status_code == 200
    forget(study, "https://www.linkedin.com/in/kanarie-qzx", say=quiet)
    assert "kanarie-qzx" not in {one for _, one in sung(study)}
    assert len(records(study)["connections"]) == len(PEOPLE)


def test_invitations_are_listed_as_csv(study: Study, tmp_path: Path) -> None:
    path = tmp_path / "links.csv"
    done = commanded(study, "invite", "3", "--days", "7", "--output", path)
    assert done.exit_code == 0, done.output
    with path.open(encoding="utf-8", newline="") as file:
        found = list(csv.DictReader(file))
    assert [row["state"] for row in found] == ["open"] * 3
    assert len({row["link"] for row in found}) == 3
    client = TestClient(face(study), base_url=URL)
    assert {client.get(row["link"].removeprefix(URL)).status_code for row in found} == {200}
    done = commanded(study, "invite", "--revoke", found[0]["person"])
    assert [row["state"] for row in csv.DictReader(io.StringIO(done.output))] == ["revoked", "open", "open"]


def test_no_link_is_lost_with_the_archives_store(study: Study, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(directory: Path) -> None:
        if any(directory.glob("consents-*")):  # not while it is opened
            raise UserError("1 segments wait in archive: no answer")

    with monkeypatch.context() as patch:
        patch.setattr("storage.archive.writer.upload", away)
        done = commanded(study, "invite", "2")
    assert isinstance(done.exception, Partial)
    assert str(done.exception) == "the links work here; 1 segments wait in archive: no answer"
    client = TestClient(face(study), base_url=URL)
    found = list(csv.DictReader(io.StringIO(done.output)))
    assert [client.get(row["link"].removeprefix(URL)).status_code for row in found] == [200, 200]


@pytest.fixture(autouse=True)
def _without_a_trace(study: Study) -> Iterator[None]:
    """Nothing is left half-written by any test."""
    yield
    assert not list((study.directory / "inbox").glob(".*"))

"""Accounts are connected by OAuth 2.0 with PKCE (RFC 7636), once, by the person who began, or not at all."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from fixtures.linkedin import CLIENT, SECRET, LinkedIn
from jobs import invitations
from jobs.collect import collect
from jobs.run import load
from serve.participants.app import face
from serve.participants.ways import Ways
from storage import consents
from storage.participants import Tokens
from storage.privacy.declared import OAuth
from storage.privacy.pseudonyms import VARIABLE
from study.study_file import Study
from tests import linkedin_api
from tests.contents import contents
from tests.loopback import serve
from tests.test_taking_part import URL, Person, begun, quiet, rows

NAME = "fictive"


class Platform:
    """A platform's token endpoint: a code is good once, for who can show the verifier of its challenge."""

    def __init__(self) -> None:
        self.challenges: dict[str, str] = {}  # by code
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
                digest = hashlib.sha256(form.get("code_verifier", [""])[0].encode()).digest()
                challenge = base64.urlsafe_b64encode(digest).decode().rstrip("=")
                good = outer.challenges.pop(form.get("code", [""])[0], None) == challenge
                body = {"access_token": "token-zq", "expires_in": 60, "token_type": "Bearer"}
                raw = json.dumps(body if good else {"error": "invalid_grant"}).encode()
                self.send_response(200 if good else 400)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(raw)))
                self.end_headers()
                self.wfile.write(raw)

            def log_message(self, *_: object) -> None: ...

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    def login(self, address: str) -> str:
        """Let a person log in at *address*; return the query of the platform's answer."""
        asked = {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}
        assert asked["code_challenge_method"] == "S256"
        assert asked["redirect_uri"] == f"{URL}/connected"
        code = f"code-{len(self.challenges)}"
        self.challenges[code] = asked["code_challenge"]
        return f"code={code}&state={asked['state']}"


@pytest.fixture
def platform(monkeypatch: pytest.MonkeyPatch) -> Iterator[Platform]:
    one = Platform()
    oauth = OAuth(
        "Fictive", "client", f"{one.url}/authorize", f"{one.url}/token", ("lists",), f"{one.url}/me", lambda _: ""
    )
    monkeypatch.setattr(Ways, "accounts", lambda self: {NAME: oauth})
    yield one
    one.server.shutdown()
    one.server.server_close()


@pytest.fixture
def study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Study:
    monkeypatch.setenv(VARIABLE, str(tmp_path / "key"))
    return begun(tmp_path / "study")


def connect(person: Person, name: str = NAME, **changes: str) -> Any:
    """The redirect to the platform."""
    page = person.client.get(person.here).text
    fields = dict(re.findall(r'name="(page|version|language)" value="(\w+)"', page))
    form = {**fields, "agreed": "yes", **changes}
    return person.client.post(f"{person.here}/connect/{name}", data=form, follow_redirects=False)


def test_a_connected_account_has_a_consent_and_a_token_until_it_is_withdrawn(study: Study, platform: Platform) -> None:
    person = Person(study)
    begun_ = connect(person)
    assert begun_.status_code == 303
    policy = person.client.get(person.here).headers["content-security-policy"]
    assert f"form-action 'self' {platform.url};" in policy
    answer = platform.login(begun_.headers["location"])
    page = person.client.get(f"/connected?{answer}")
    assert page.status_code == 200
    code = re.search(r'class="code">([\w-]+)<', page.text)
    assert code
    ((_, act),) = consents.acts(study.directory, [])
    assert (act.consent.collector, act.consent.covers, act.consent.person) == (NAME, "lists", person.invitation.person)
    token = Tokens(study.directory, NAME).get(act.consent.id)
    assert token is not None
    assert token.access == "token-zq"
    assert consents.consented(study.directory, act.consent.id, NAME)
    assert not consents.consented(study.directory, act.consent.id, "another")
    assert person.client.get(f"/connected?{answer}").status_code == 403  # replayed
    assert connect(person).status_code == 410
    assert person.withdraw(code[1]).status_code == 200
    assert Tokens(study.directory, NAME).keys() == []
    assert not consents.consented(study.directory, act.consent.id, NAME)


def test_an_altered_or_borrowed_answer_gives_nothing(study: Study, platform: Platform) -> None:
    app = face(study)
    one, other = (Person(study, invitation, app) for invitation in invitations.invite(study, 2, 30))
    answer = platform.login(connect(one).headers["location"])
    connect(other)
    assert other.client.get(f"/connected?{answer}").status_code == 403  # of another's session
    assert one.client.get(f"/connected?{answer}").status_code == 403  # and used up
    answer = platform.login(connect(one).headers["location"])
    assert one.client.get(f"/connected?{answer[:-1]}x").status_code == 403
    assert one.client.get("/connected?code=code-0").status_code == 403
    assert one.client.get(f"/connected?{answer.replace('code-', 'other-')}").status_code == 502
    denied = connect(one).headers["location"]
    state = parse_qs(urlsplit(denied).query)["state"][0]
    page = one.client.get(f"/connected?error=user_cancelled_login&state={state}&error_description=<b>x</b>")
    assert page.status_code == 502
    assert "<b>x" not in page.text
    answer = platform.login(connect(one).headers["location"])
    invitations.revoke(study, [one.invitation.person])
    assert one.client.get(f"/connected?{answer}").status_code == 410
    assert connect(other, agreed="").status_code == 400
    assert connect(other, page="x").status_code == 403
    assert connect(other, version="0").status_code in (303, 409)
    assert list(consents.acts(study.directory, [])) == []
    assert Tokens(study.directory, NAME).keys() == []


def test_a_member_connects_is_read_and_withdraws_without_a_trace(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The whole way with the simulated platform: its tables, and after the withdrawal no byte."""
    monkeypatch.setenv(VARIABLE, str(tmp_path / "key"))
    with serve(LinkedIn(linkedin_api.members(), redirect=f"{URL}/connected")) as server:
        more = f'[collectors.linkedin-members]\nclient_id = "{CLIENT}"\nbase_url = "{server.url}"\n'
        study = begun(tmp_path / "study", ways=f'{more}oauth_url = "{server.url}/oauth"')
        secret = study.directory / "secrets.toml"
        secret.write_text(f'linkedin-members = "{SECRET}"\n')
        secret.chmod(0o600)
        app, codes = face(study), []
        for number in (7, 8):
            person = Person(study, app=app)
            login = connect(person, "linkedin-members").headers["location"]
            back = httpx.get(f"{login}&login={number}").headers["location"]
            page = person.client.get(back.removeprefix(URL))
            assert page.status_code == 200, page.text
            codes.append(re.search(r'class="code">([\w-]+)<', page.text))
        load(study, say=quiet)
        collect(study, only="linkedin-members", say=quiet)
        load(study, say=quiet)
        headlines = [("Adviseur 7",), ("Adviseur 8",)]
        assert rows(study, "SELECT headline FROM profiles WHERE headline IS NOT NULL ORDER BY 1") == headlines
        assert rows(study, "SELECT count(*) FROM base.connections") == [(7 + 8,)]
        assert codes[1] is not None
        assert person.withdraw(codes[1][1]).status_code == 200
        load(study, say=quiet)
        assert collect(study, only="linkedin-members", say=quiet)[0].answers == 0
        assert rows(study, "SELECT headline FROM profiles WHERE headline IS NOT NULL") == headlines[:1]
        assert rows(study, "SELECT count(*) FROM base.connections") == [(7,)]
        found = [path.name for path in study.directory.rglob("*") if path.is_file()
                 for _, content in contents(path) if b"Adviseur 8" in content]  # fmt: skip
        assert found == []

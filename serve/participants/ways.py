"""The ways to take part: exports that may be donated, and accounts that may be connected (OAuth 2.0)."""

from __future__ import annotations

import logging
import secrets
import time
from collections.abc import Mapping
from datetime import UTC, datetime

import msgspec
from authlib.integrations.base_client import OAuthError
from authlib.integrations.httpx_client import OAuth2Client

from jobs.context import collectors_of
from jobs.secrets import secret_of
from storage.errors import UserError
from storage.participants import Token
from storage.privacy.declared import Donation, OAuth, hooks_of
from study.installed import installed
from study.study_file import Study

log = logging.getLogger("sneeuwbal.serve")
PATIENCE = 1800.0  # seconds from the form to the platform's answer
MOST = 1000  # logins begun and not ended


class Connecting(msgspec.Struct, frozen=True):
    """A login that was begun: for what, who, under which text, and in which session."""

    collector: str
    person: str
    version: str
    language: str
    session: str
    address: str = ""  # of the person's own page
    verifier: str = ""
    since: float = 0.0


class Ways:
    """How people may take part in a study."""

    def __init__(self, study: Study) -> None:
        self._study = study
        chosen = study.participants.collectors
        hooks = {
            name: hooks_of(point.load()) for name, point in installed().items() if chosen is None or name in chosen
        }
        domains = study.participants.domains
        self.donations: dict[str, Donation] = {
            name: one.donation.asking(domains) for name, one in hooks.items() if one.donation
        }
        self._begun: dict[str, Connecting] = {}
        if unknown := set(chosen or ()) - set(self.names):
            raise UserError(f"[participants] collectors: nobody can take part by {', '.join(sorted(unknown))}")
        if not self.names:
            raise UserError("nobody can take part: no collector of the study offers it")

    def accounts(self) -> dict[str, OAuth]:
        """The accounts that may be connected, by collector."""
        chosen = self._study.participants.collectors
        found = {}
        for name, collector in collectors_of(self._study).items():
            offer = hooks_of(collector).oauth
            if offer and (chosen is None or name in chosen) and (one := offer(self._study.options(name))):
                found[name] = one
        return found

    @property
    def names(self) -> list[str]:
        """The collectors of all ways."""
        return [*self.donations, *self.accounts()]

    def title(self, name: str) -> str:
        """The platform of a way, as participants know it."""
        return self.donations[name].title if name in self.donations else self.accounts()[name].title

    def covers(self, name: str) -> str:
        """What a connected account gives access to, and what is read."""
        one = self.accounts()[name]
        return ", ".join((*one.scopes, *one.reads)) or one.title

    def begin(self, begun: Connecting) -> str:
        """The address at which the person logs in."""
        now = time.monotonic()
        self._begun = {state: one for state, one in self._begun.items() if now - one.since < PATIENCE}
        while len(self._begun) >= MOST:
            del self._begun[next(iter(self._begun))]
        oauth, state = self.accounts()[begun.collector], secrets.token_urlsafe(24)
        verifier = secrets.token_urlsafe(48) if oauth.pkce else ""
        self._begun[state] = msgspec.structs.replace(begun, verifier=verifier, since=now)
        with self._client(begun.collector, oauth) as client:
            url, _ = client.create_authorization_url(oauth.authorize_url, state, verifier or None)
        return str(url)

    def begun(self, state: str, session: str) -> Connecting | None:
        """The login of an answer with *state*, once, and only in the *session* that began it."""
        found = self._begun.pop(state, None)
        if found is None or not secrets.compare_digest(found.session.encode(), session.encode()):
            return None
        return found if time.monotonic() - found.since < PATIENCE else None

    def token(self, begun: Connecting, code: str) -> Token | None:
        """The token for the *code* of the platform's answer; None if it gives none."""
        oauth = self.accounts()[begun.collector]
        if not code:
            return None
        more: Mapping[str, str] = {"code_verifier": begun.verifier} if begun.verifier else {}
        try:
            with self._client(begun.collector, oauth) as client:
                answer = client.fetch_token(oauth.token_url, code=code, **more)
            owner = hooks_of(collectors_of(self._study).get(begun.collector)).canonical(begun.address)
            return Token.answered(answer, datetime.now(UTC), owner=owner)
        except (OAuthError, OSError, ValueError, ConnectionError) as error:
            log.warning("%s gave no token: %s", begun.collector, type(error).__name__)
            return None

    def _client(self, name: str, oauth: OAuth) -> OAuth2Client:
        secret = secret_of(self._study, name)
        return OAuth2Client(
            oauth.client_id, secret, scope=" ".join(oauth.scopes),
            redirect_uri=f"{self._study.participants.url}/connected",
            code_challenge_method="S256" if oauth.pkce else None,
            token_endpoint_auth_method="client_secret_post" if secret else "none", timeout=30.0,
        )  # fmt: skip

"""The tokens of participants who connected an account (how: `storage.privacy.declared.OAuth`).

All tokens of a study are one file of mode 0600 in its directory, or one entry of the system's keyring. They are in no
archive, state, log, backup or package.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec

from storage import keyring
from storage.archive.writer import sync_directory
from storage.errors import UserError
from storage.locks import lock
from storage.privacy.pseudonyms import study_id
from storage.structs import ready

TOKENS = "tokens.json"
ENTRY = "tokens of participants"  # in the keyring


class Token(msgspec.Struct, frozen=True, omit_defaults=True):
    """A participant's access to their account."""

    access: str
    refresh: str = ""
    expires: datetime | None = None  # None: not stated
    refresh_expires: datetime | None = None
    owner: str = ""  # the address of the participant's own profile, if known
    own: bool = False  # of the researcher, who entered it: needs no consent on record

    @classmethod
    def answered(cls, body: Mapping[str, Any], now: datetime, before: Token | None = None, owner: str = "") -> Token:
        """The token in the JSON of a token endpoint (RFC 6749, 5.1); what it leaves out is kept from *before*.

        Raise ValueError if there is none.
        """
        access, refresh = body.get("access_token"), body.get("refresh_token")
        if not isinstance(access, str) or not access:
            raise ValueError("the answer of the token endpoint has no access_token")
        kept = before or cls("", owner=owner)
        again = isinstance(refresh, str) and bool(refresh)
        ends = _after(now, body.get("refresh_token_expires_in")) or (None if again else kept.refresh_expires)
        return cls(
            access,
            str(refresh) if again else kept.refresh,
            _after(now, body.get("expires_in")),
            ends,
            kept.owner,
            kept.own,
        )

    @property
    def secrets(self) -> Iterator[str]:
        """The parts of the token that must not be shown."""
        return filter(None, (self.access, self.refresh))


ready(Token)


def _after(now: datetime, seconds: Any) -> datetime | None:
    try:
        return now + timedelta(seconds=int(seconds)) if seconds is not None else None
    except (TypeError, ValueError, OverflowError):
        return None


class Tokens:
    """The tokens of the participants of *collector* in the study in *study*, by the ids of their consents."""

    def __init__(self, study: Path, collector: str) -> None:
        self.study, self.collector = study, collector

    def keys(self) -> list[str]:
        """The ids of all consents with a token."""
        return list(every(self.study).get(self.collector, ()))

    @property
    def secrets(self) -> list[str]:
        """What must not be shown of any of them."""
        return [secret for token in every(self.study).get(self.collector, {}).values() for secret in token.secrets]

    def get(self, key: str) -> Token | None:
        """The token given under the consent *key*; None if there is none. Raise UserError if it cannot be read."""
        return every(self.study).get(self.collector, {}).get(key)

    def put(self, key: str, token: Token) -> None:
        """Store *token*, instead of an older one; it is safe when this returns."""
        self._change(key, token)

    def renew(self, key: str, token: Token) -> bool:
        """Store *token* instead of an older one; False if that was removed meanwhile: then nothing is stored."""
        return self._change(key, token, new=False)

    def remove(self, key: str) -> bool:
        """Remove a token; return whether there was one."""
        return self._change(key, None, new=False)

    def _change(self, key: str, token: Token | None, *, new: bool = True) -> bool:
        with lock(self.study, "tokens", wait=True):
            found = every(self.study)
            own = {**found.get(self.collector, {})}
            if key not in own and not new:
                return False
            if token is None:
                del own[key]
            else:
                own[key] = token
            _write(self.study, {**found, self.collector: own})
            return True


def every(study: Path) -> dict[str, dict[str, Token]]:
    """All tokens of the study in *study*, by collector and consent. Raise UserError if they cannot be read."""
    kept = keyring.get(_entry(study)) if keyring.chosen(study) else _read(study / TOKENS)
    try:
        return msgspec.json.decode(kept or b"{}", type=dict[str, dict[str, Token]])
    except msgspec.DecodeError:  # it would quote what it found
        raise UserError(
            f"{study / TOKENS}: damaged; restore it, or delete it: participants must connect again"
        ) from None


def _read(path: Path) -> bytes | None:
    if not path.exists():
        return None
    if path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise UserError(f"{path}: readable by others; run `chmod 600 {path.name}`")
    return path.read_bytes()


def _write(study: Path, tokens: Mapping[str, Mapping[str, Token]]) -> None:
    kept = msgspec.json.encode(tokens)
    if keyring.chosen(study):
        keyring.put(_entry(study), kept.decode())
        return
    path, new = study / TOKENS, study / f".{TOKENS}"
    new.unlink(missing_ok=True)  # of a killed process
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(kept)
        file.flush()
        os.fsync(file.fileno())
    os.replace(new, path)
    sync_directory(study)


def _entry(study: Path) -> str:
    return f"{ENTRY} {study_id(study)}"

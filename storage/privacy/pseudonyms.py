"""Pseudonyms: stable within a study, unlinkable across studies, and irreversible without the key.

The key is never in the study's directory, so copies of a study or its public report do not contain it.
It is created at first use, for its owner only: a file of mode 0600, or an entry of the system's keyring if the study
file says so. `SNEEUWBAL_PSEUDONYM_KEY` names another file for it.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import secrets
from collections.abc import Iterable
from pathlib import Path

from storage import keyring
from storage.errors import UserError

VARIABLE = "SNEEUWBAL_PSEUDONYM_KEY"
ID = ".study-id"  # a random name of the study, no secret; a study that is moved keeps its pseudonyms
FEW = 5  # persons: figures about fewer could identify them
SIZE = 32  # bytes of a key


class Pseudonyms:
    """The pseudonyms of the study in *study*: HMAC-SHA256 (RFC 2104), truncated to 80 bits.

    Raise UserError if the key cannot be read or made, or if others can read it. With *make* False a missing
    key is an error, as a new one would give other pseudonyms.
    """

    def __init__(self, study: Path, *, make: bool = True) -> None:
        name = study_id(study, make=make)
        key = _of_keyring(name, make) if keyring.chosen(study) else _of_file(key_path(study, name), make)
        own = hmac.digest(key, b"sneeuwbal study " + name.encode(), "sha256")
        self._keyed = hmac.new(own, digestmod="sha256")  # copied for each id, half the cost of `hmac.digest`

    def of(self, kind: str, id_: str) -> str:
        """The pseudonym of *id_* among the *kind* (account, profile, post, ...): `kind-` and 16 letters and digits."""
        return f"{kind}-{self.digest(kind, id_)[:16]}"

    def person(self, id_: str) -> str:
        """The published pseudonym of an identifier, independent of its kind and case."""
        return self.of("p", id_.lower())

    def many(self, kind: str, ids: Iterable[str | None]) -> list[str | None]:
        """The pseudonyms of a column; None stays None."""
        return [None if id_ is None else self.of(kind, id_) for id_ in ids]

    def digest(self, kind: str, id_: str) -> str:
        """All 256 bits, in base 32, for comparison only."""
        return base64.b32encode(self.raw(kind, id_)).decode().rstrip("=").lower()

    def raw(self, kind: str, id_: str) -> bytes:
        """The 256 bits of `digest`, as bytes."""
        keyed = self._keyed.copy()
        keyed.update(f"{kind}\0{id_}".encode("utf-8", "surrogatepass"))
        return keyed.digest()


def study_id(study: Path, *, make: bool = True) -> str:
    """The random name of the study in *study*, made at first use unless *make* is False. Raise UserError."""
    return _once(study / ID, secrets.token_hex(16), make).decode("ascii", "replace")


def _of_file(path: Path, make: bool) -> bytes:
    key = _once(path, secrets.token_hex(SIZE), make)
    if path.stat().st_mode & 0o077:
        raise UserError(f"{path}: the key of the pseudonyms is readable by others; run `chmod 600`")
    return _long_enough(key, str(path))


def _of_keyring(name: str, make: bool) -> bytes:
    entry = f"pseudonyms {name}"
    key = keyring.get(entry)
    if key is None and not make:
        raise UserError(f"the system's keyring has no {entry!r} of {keyring.SERVICE}, the key of the pseudonyms; "
                        "restore it")  # fmt: skip
    if key is None:
        keyring.put(entry, secrets.token_hex(SIZE))
        key = keyring.get(entry) or ""
    return _long_enough(key.encode(), f"{entry!r} in the system's keyring")


def _long_enough(key: bytes, place: str) -> bytes:
    if len(key) < SIZE:
        raise UserError(f"{place}: too short for a key; it should have at least {SIZE} random bytes")
    return key


def key_path(study: Path, name: str) -> Path:
    """The key file of *study*, whose id is *name*; raise UserError if it is inside the study."""
    named = os.environ.get(VARIABLE)
    home = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config")
    path = Path(named) if named else home / "sneeuwbal" / "keys" / hashlib.sha256(name.encode()).hexdigest()[:32]
    if path.resolve().is_relative_to(study.resolve()):
        raise UserError(f"{path}: the key of the pseudonyms should be outside the study; change {VARIABLE}")
    return path


def _once(path: Path, text: str, make: bool) -> bytes:
    """The content of *path*; if new, *text*, readable by the owner only; another process's file is kept."""
    try:
        if make and not path.exists():
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            new = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
            handle = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            try:
                os.write(handle, text.encode() + b"\n")
                os.fsync(handle)
                os.link(new, path)  # fails if another process was first: then its key is used
            except FileExistsError:
                pass
            finally:
                os.close(handle)
                new.unlink()
        return path.read_bytes().removesuffix(b"\n")
    except OSError as error:
        raise UserError(f"{path}: {error.strerror}; pseudonyms need it ({VARIABLE} sets the key file)") from error

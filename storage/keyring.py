"""The system's keyring, for studies that keep their secrets there instead of in files.

`[access] secrets` of the study file chooses it. The library is an optional extra: `pip install 'sneeuwbal[keyring]'`.
"""

from __future__ import annotations

import tomllib
from functools import lru_cache
from pathlib import Path
from types import ModuleType

from storage.errors import UserError

SERVICE = "sneeuwbal"
STUDY = "sneeuwbal.toml"


def chosen(study: Path) -> bool:
    """Whether the study in *study* keeps its secrets in the keyring; raise UserError if its file cannot be read."""
    try:
        return _chosen((study / STUDY).read_text("utf-8-sig"))
    except FileNotFoundError:
        return False
    except (OSError, ValueError, RecursionError) as error:
        raise UserError(f"{study / STUDY}: cannot be read ({error}), so its key cannot be found") from error


@lru_cache(maxsize=8)  # asked for each collector
def _chosen(text: str) -> bool:
    access = tomllib.loads(text).get("access", {})
    return isinstance(access, dict) and access.get("secrets") == "keyring"


def get(name: str) -> str | None:
    """The secret called *name*, None if there is none; raise UserError if there is no keyring."""
    keyring = _library()
    try:
        found: str | None = keyring.get_password(SERVICE, name)
    except keyring.errors.KeyringError as error:
        raise UserError(_locked(error)) from error
    return found


def put(name: str, secret: str) -> None:
    """Store *secret* as *name*; raise UserError if the keyring does not return it afterwards."""
    keyring = _library()
    try:
        keyring.set_password(SERVICE, name, secret)
    except keyring.errors.KeyringError as error:
        raise UserError(_locked(error)) from error
    if get(name) != secret:
        raise UserError(_locked("it stores nothing"))


def _locked(error: object) -> str:
    message = str(error).splitlines()[0] if str(error) else "locked"
    return f"the system's keyring: {message}; unlock it, or keep the secrets in files: [access] secrets = 'files'"


def _library() -> ModuleType:
    try:
        import keyring
        import keyring.errors
    except ImportError:
        raise UserError(
            "[access] secrets = 'keyring' needs the keyring library: pip install 'sneeuwbal[keyring]'"
        ) from None
    return keyring

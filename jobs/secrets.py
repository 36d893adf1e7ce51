"""Secrets: from the environment, secrets.toml (mode 0600) or the system's keyring only."""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import os
import re
import secrets
import stat
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from collectors.base import hooks_of
from storage import keyring
from storage.errors import UserError
from storage.participants import TOKENS, every
from storage.privacy import pseudonyms

if TYPE_CHECKING:
    from study.study_file import Study

SECRETS = "secrets.toml"
NEVER_COPIED = frozenset({SECRETS, TOKENS, f".{TOKENS}"})
NOTIFY = {"webhook": "SNEEUWBAL_WEBHOOK", "mail_to": "SNEEUWBAL_MAIL_TO", "smtp": "SNEEUWBAL_SMTP"}
MOST = 65_536  # bytes of a file that holds a secret
SECRET_NAME = re.compile(r"token|secret|password|api_?key|webhook|smtp|pseudonym_key", re.I)


def secret_of(study: Study, name: str) -> str | None:
    """The secret of a collector: from the environment, else from the study's store; None if there is none."""
    for variable in _variables(study, name):
        if value := os.environ.get(variable, "").strip():
            return value
    if keyring.chosen(study.directory):
        return keyring.get(name)
    written = secrets_table(study.directory).get(name)
    return str(written) if written else None


def store_password(study: Study) -> str | None:
    """The password of the frontier's database: PGPASSWORD, else `frontier` in the study's store of secrets."""
    if study.store.frontier is None or "PGPASSWORD" in os.environ:
        return os.environ.get("PGPASSWORD")
    if keyring.chosen(study.directory):
        return keyring.get("frontier")
    written = secrets_table(study.directory).get("frontier")
    return str(written) if written else None


BUCKET = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")


def bucket_key(study: Study) -> None:
    """Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, unless they are set, to `archive` of the store of secrets.

    The processes that load need them, too. Raise UserError.
    """
    if not _in_buckets(study) or BUCKET[0] in os.environ:
        return
    if keyring.chosen(study.directory):
        written = keyring.get("archive")
    else:
        written = secrets_table(study.directory).get("archive")
    if not written:
        return
    key, colon, secret = str(written).partition(":")
    if not (key and colon and secret):
        raise UserError(f"{study.directory / SECRETS}: archive should be 'ID:SECRET', the access key and its secret")
    os.environ.update(zip(BUCKET, (key, secret), strict=True))


def _in_buckets(study: Study) -> bool:
    return any((where or "").startswith("s3:") for where in (study.store.archive, study.store.tables_data))


def _variables(study: Study, name: str) -> list[str]:
    from study.installed import installed

    table = study.collectors.get(name)
    names = [variable_of(name), variable_of(name).replace("_BEARER_", "_")]
    if table is not None and table.secret_env:
        names.insert(0, table.secret_env)
    point = installed().get(name)
    return [*names, *(hooks_of(point.load()).environment if point else ())]


def variable_of(name: str) -> str:
    """The environment variable for the secret of a collector."""
    return f"SNEEUWBAL_{name.upper().replace('-', '_')}_BEARER_TOKEN"


def secrets_table(directory: Path) -> Mapping[str, Any]:
    """The contents of secrets.toml; empty if there is none. Raise UserError if others may read it."""
    path = directory / SECRETS
    if not path.exists():
        return {}
    if path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise UserError(f"{path}: readable by others; run `chmod 600 {path.name}`")
    try:
        return tomllib.loads(path.read_text())
    except (ValueError, RecursionError):
        raise UserError(f"{path}: not TOML; write one line per collector: x = 'token'") from None  # would quote it


def notify_settings(directory: Path) -> dict[str, str]:
    """The recipients of notifications: those keys of NOTIFY that are set."""
    if keyring.chosen(directory):
        written = {key: keyring.get(key) for key, variable in NOTIFY.items() if not os.environ.get(variable)}
    else:
        table = secrets_table(directory).get("notify", {})
        written = table if isinstance(table, dict) else {}
    found = {key: os.environ.get(variable) or str(written.get(key) or "") for key, variable in NOTIFY.items()}
    return {key: value for key, value in found.items() if value}


def all_secrets(study: Study) -> list[str]:
    """Every secret of the study, to remove from output."""
    from study.installed import installed

    found = {secret for name in installed() if (secret := secret_of(study, name))}
    where = notify_settings(study.directory)
    if study.store.frontier and (password := store_password(study)):
        found.add(password)
    if _in_buckets(study) and (key := os.environ.get(BUCKET[1])):
        found.add(key)
    return sorted(found | set(_parts(where.get("webhook", ""))) | set(_parts(where.get("smtp", ""))))


def known_secrets(directory: Path) -> Iterator[str]:
    """Every secret available here, to remove from logs: in the environment, secrets.toml and the keyring."""
    named = set()
    with contextlib.suppress(OSError, UnicodeDecodeError):  # no study here: only the environment
        named = set(re.findall(r"""secret_env\s*=\s*["'](\w+)["']""", (directory / "sneeuwbal.toml").read_text()))
    for name, value in os.environ.items():
        if name in named or SECRET_NAME.search(name):
            yield from _parts(_content(name, value.strip()))
        elif "://" in value and "@" in value:
            yield from _password(value)  # HTTPS_PROXY and the like
    with contextlib.suppress(OSError, ValueError, RecursionError):  # the command that needs it reports the error
        table = tomllib.loads((directory / SECRETS).read_text())
        for text in _strings(table):
            yield from _parts(text)
        yield from _parts(str(table.get("archive") or "").partition(":")[2])
    with contextlib.suppress(UserError, OSError):
        for tokens in every(directory).values():
            for token in tokens.values():
                yield from token.secrets
    with contextlib.suppress(UserError):
        if keyring.chosen(directory):
            from study.installed import installed

            for name in (*installed(), *NOTIFY, "frontier"):
                yield from _parts(keyring.get(name) or "")
            yield from _parts((keyring.get("archive") or "").partition(":")[2])


def _content(name: str, value: str) -> str:
    """The secret in a variable; of a variable that names a file, the file's content."""
    path = Path(value)
    with contextlib.suppress(OSError, ValueError):
        if os.sep in value and path.is_file():
            return path.read_bytes()[:MOST].decode("utf-8", "replace").strip()
    return "" if name == pseudonyms.VARIABLE else value  # a key file that does not exist yet


def _parts(secret: str) -> Iterator[str]:
    """*secret*, and the password in it if it is an address."""
    if secret:
        yield secret
        yield from _password(secret)


def _password(address: str) -> Iterator[str]:
    with contextlib.suppress(ValueError):
        if password := urlsplit(address).password:
            yield from {password, unquote(password)}


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for each in value.values():
            yield from _strings(each)


# ---- the researchers' desk -------------------------------------------------------------------------------------

DESK, PASSWORD = "desk", "password"
COST = {"n": 1 << 14, "r": 8, "p": 1}  # of scrypt: 16 MB and some tens of milliseconds a try
SHORTEST = 12  # characters of a password


def desk_password(directory: Path, file: Path | None = None) -> str | None:
    """The hash of the desk's password: from *file*, secrets.toml or the keyring; None if there is none.

    Raise UserError for one that is too short.
    """
    where, found = str(file or directory / SECRETS), None
    if file is not None:
        found = file.read_text("utf-8").strip()
    elif keyring.chosen(directory):
        where, found = "the keyring", keyring.get(DESK)
    elif isinstance(table := secrets_table(directory).get(DESK), dict):
        found = table.get(PASSWORD)
    if found is None:
        return None
    if not isinstance(found, str) or len(found) < SHORTEST:
        raise UserError(f"{where}: the desk's password should have {SHORTEST} characters or more")
    return found if found.startswith("scrypt$") else hashed(found)


def new_desk_password(directory: Path) -> str:
    """A new password of the desk, of which secrets.toml or the keyring gets the hash. Raise UserError for a second."""
    password = secrets.token_urlsafe(15)
    if keyring.chosen(directory):
        keyring.put(DESK, hashed(password))
        return password
    path = directory / SECRETS
    if DESK in secrets_table(directory):
        raise UserError(f"{path}: has a table [{DESK}] already; remove it to make a new password")
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "a", encoding="utf-8") as file:
        file.write(f'\n[{DESK}]\n{PASSWORD} = "{hashed(password)}"\n')
    return password


def hashed(password: str, salt: bytes | None = None) -> str:
    """`scrypt$SALT$HASH` of *password*."""
    salt = salt or secrets.token_bytes(16)
    return f"scrypt${salt.hex()}${hashlib.scrypt(password.encode(), salt=salt, **COST).hex()}"


def fits(password: str, known: str) -> bool:
    """Whether *known* is the hash of *password*."""
    salt = bytes.fromhex(known.split("$")[1])
    return hmac.compare_digest(hashed(password, salt), known)

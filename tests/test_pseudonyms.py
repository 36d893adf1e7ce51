"""Pseudonyms: stable within a study, unlinkable across studies, keyed from outside the study."""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import keyring
import keyring.backend
import keyring.backends.fail
import keyring.backends.null
import pytest

from jobs.secrets import all_secrets, known_secrets, notify_settings, secret_of
from storage.errors import UserError
from storage.privacy.pseudonyms import ID, VARIABLE, Pseudonyms, key_path
from study.study_file import Study


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Keys of these tests lie in a home of their own."""
    monkeypatch.delenv(VARIABLE, raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def study(tmp_path: Path, name: str) -> Path:
    """An empty study directory."""
    path = tmp_path / name
    path.mkdir()
    return path


def test_they_are_stable_in_a_study_and_unlinkable_across_studies(tmp_path: Path) -> None:
    """The same id has one pseudonym in a study, moved or not, another per kind, and another in another study."""
    a, b = study(tmp_path, "a"), study(tmp_path, "b")
    first = Pseudonyms(a).of("account", "12")
    assert first == Pseudonyms(a).of("account", "12")
    assert len({first, Pseudonyms(b).of("account", "12"), Pseudonyms(a).of("account", "13")}) == 3
    assert Pseudonyms(a).digest("account", "12") != Pseudonyms(a).digest("profile", "12")
    assert Pseudonyms(a.rename(tmp_path / "moved")).of("account", "12") == first


def test_one_key_file_for_two_studies_still_links_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Even under one named key the same person has two pseudonyms in two studies."""
    monkeypatch.setenv(VARIABLE, str(tmp_path / "key"))
    a, b = study(tmp_path, "a"), study(tmp_path, "b")
    assert Pseudonyms(a).of("account", "12") != Pseudonyms(b).of("account", "12")


def test_the_formula_is_hmac_sha256(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A pseudonym is RFC 2104's HMAC, under a key derived for the study: implemented here independently."""
    monkeypatch.setenv(VARIABLE, str(tmp_path / "key"))
    directory = study(tmp_path, "a")
    records = Pseudonyms(directory).of("account", "12")
    name, key = (directory / ID).read_text().strip(), (tmp_path / "key").read_text().strip()
    derived = hmac.new(key.encode(), b"sneeuwbal study " + name.encode(), hashlib.sha256).digest()
    raw = hmac.new(derived, b"account\x0012", hashlib.sha256).digest()
    assert records == "account-" + base64.b32encode(raw).decode().lower()[:16]


def test_the_key_is_its_owners_and_outside_the_study(
    tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Mode 0600, nothing of it in the study; one inside it, one that others read, or a lost one is refused."""
    directory = study(tmp_path, "a")
    Pseudonyms(directory)
    place = key_path(directory, (directory / ID).read_text().strip())
    key = place.read_text().strip()
    assert place.is_relative_to(home)
    assert place.stat().st_mode & 0o777 == 0o600
    assert all(key not in path.read_text() for path in directory.iterdir())
    place.chmod(0o644)
    with pytest.raises(UserError, match="chmod 600"):
        Pseudonyms(directory)
    place.unlink()
    with pytest.raises(UserError, match="No such file"):
        Pseudonyms(directory, make=False)
    monkeypatch.setenv(VARIABLE, str(directory / "key"))
    with pytest.raises(UserError, match="outside the study"):
        Pseudonyms(directory)
    assert not os.path.exists(directory / "key")


class Memory(keyring.backend.KeyringBackend):
    """A keyring that lasts as long as a test."""

    priority = 1  # type: ignore[assignment]

    def __init__(self) -> None:
        self.kept: dict[tuple[str, str], str] = {}

    def get_password(self, service: str, username: str) -> str | None:
        return self.kept.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self.kept[service, username] = password


@pytest.fixture
def in_keyring(tmp_path: Path) -> Iterator[Path]:
    """A study that keeps its secrets in the system's keyring, which is in memory."""
    before = keyring.get_keyring()
    keyring.set_keyring(Memory())
    directory = study(tmp_path, "in-keyring")
    (directory / "sneeuwbal.toml").write_text('[study]\nname = "Test"\n[access]\nsecrets = "keyring"\n')
    yield directory
    keyring.set_keyring(before)


def test_the_keyring_holds_the_key_where_the_study_says_so(in_keyring: Path, home: Path) -> None:
    """No file holds it; the pseudonyms stay; and a key that is lost there stops what cannot do without."""
    records = Pseudonyms(in_keyring).of("account", "12")
    assert Pseudonyms(in_keyring, make=False).of("account", "12") == records
    ((service, name), key), *others = keyring.get_keyring().kept.items()
    assert (service, name, others) == ("sneeuwbal", f"pseudonyms {(in_keyring / ID).read_text().strip()}", [])
    assert not home.exists()
    assert all(key not in path.read_text() for path in in_keyring.iterdir())
    keyring.get_keyring().kept.clear()
    with pytest.raises(UserError, match=r"has no 'pseudonyms .*restore it"):
        Pseudonyms(in_keyring, make=False)


def test_tokens_come_from_the_keyring_and_are_cut_out_of_logs(
    in_keyring: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The environment goes first; secrets.toml is not read where the study keeps them elsewhere."""
    monkeypatch.delenv("SNEEUWBAL_X_BEARER_TOKEN", raising=False)
    monkeypatch.delenv("BEARER_TOKEN", raising=False)
    keyring.set_password("sneeuwbal", "x", "of-the-keyring")
    keyring.set_password("sneeuwbal", "webhook", "https://chat.example/hook-of-the-keyring")
    (in_keyring / "secrets.toml").write_text("x = 'of-the-file'")
    loaded = Study.load(in_keyring)
    assert secret_of(loaded, "x") == "of-the-keyring"
    assert notify_settings(in_keyring) == {"webhook": "https://chat.example/hook-of-the-keyring"}
    assert {"of-the-keyring", "https://chat.example/hook-of-the-keyring"} <= set(all_secrets(loaded))
    assert "of-the-keyring" in set(known_secrets(in_keyring))
    monkeypatch.setenv("SNEEUWBAL_X_BEARER_TOKEN", "of-the-environment")
    assert secret_of(loaded, "x") == "of-the-environment"


def test_a_keyring_that_is_not_there_is_one_line(in_keyring: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No keyring on this machine, one that stores nothing, or no library: each is reported with the fix."""
    for backend in (keyring.backends.fail.Keyring(), keyring.backends.null.Keyring()):
        keyring.set_keyring(backend)
        with pytest.raises(UserError, match=r"keyring: .*secrets = 'files'") as actual:
            Pseudonyms(in_keyring)
        assert "\n" not in str(actual.value)
    monkeypatch.setitem(sys.modules, "keyring", None)
    with pytest.raises(UserError, match=r"pip install 'sneeuwbal\[keyring\]'"):
        Pseudonyms(in_keyring)

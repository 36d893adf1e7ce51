"""Pseudonyms: stable within a study, unlinkable across studies, keyed from outside the study."""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
from pathlib import Path

import pytest

from storage.errors import UserError
from storage.pseudonyms import ID, VARIABLE, Pseudonyms


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
    """A pseudonym is RFC 2104's HMAC, under a key derived for the study: told here a second time, by hand."""
    monkeypatch.setenv(VARIABLE, str(tmp_path / "key"))
    directory = study(tmp_path, "a")
    told = Pseudonyms(directory).of("account", "12")
    name, key = (directory / ID).read_text().strip(), (tmp_path / "key").read_text().strip()
    derived = hmac.new(key.encode(), b"sneeuwbal study " + name.encode(), hashlib.sha256).digest()
    raw = hmac.new(derived, b"account\x0012", hashlib.sha256).digest()
    assert told == "account-" + base64.b32encode(raw).decode().lower()[:16]


def test_the_key_is_its_owners_and_outside_the_study(
    tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Mode 0600, nothing of it in the study; one inside it, one that others read, or a lost one is refused."""
    directory = study(tmp_path, "a")
    pseudonyms = Pseudonyms(directory)
    key = pseudonyms.path.read_text().strip()
    assert pseudonyms.path.is_relative_to(home)
    assert pseudonyms.path.stat().st_mode & 0o777 == 0o600
    assert all(key not in path.read_text() for path in directory.iterdir())
    pseudonyms.path.chmod(0o644)
    with pytest.raises(UserError, match="chmod 600"):
        Pseudonyms(directory)
    pseudonyms.path.unlink()
    with pytest.raises(UserError, match="No such file"):
        Pseudonyms(directory, make=False)
    monkeypatch.setenv(VARIABLE, str(directory / "key"))
    with pytest.raises(UserError, match="outside the study"):
        Pseudonyms(directory)
    assert not os.path.exists(directory / "key")

"""Invitations and consents: notes in the archive, and the inbox of acts that are not there yet.

A consent's id is the key of everything given under it: of donated files, of targets and of tokens. An act (a consent,
with what was donated, or a withdrawal) is one file of the inbox, written in one step: it is there whole, or not.
"""

from __future__ import annotations

import os
import secrets
import zlib
from base64 import b32encode
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zipfile import BadZipFile, ZipFile, ZipInfo

import msgspec

from storage.archive import reader as archive
from storage.archive.writer import sync_directory
from storage.structs import ready

INBOX = "inbox"
# of a damaged, foreign or forbidden file; RuntimeError: an encrypted one
UNREADABLE = (msgspec.MsgspecError, BadZipFile, KeyError, ValueError, OSError, EOFError, RuntimeError, zlib.error)
WRITER = "consents"  # of the archive's segments with these notes
ACT, DONATED, WITHDRAWN = "act.json", ".zip", ".withdrawn"
INVITED, REVOKED, TEXT, GIVEN, TAKEN_BACK = NOTES = (
    "invitation", "invitation-revoked", "consent-text", "consent", "consent-withdrawn",
)  # fmt: skip


class Invitation(msgspec.Struct):
    """An invitation of a person, by pseudonym."""

    person: str
    expires_at: datetime
    revoked_at: datetime | None = None


class Consent(msgspec.Struct):
    """What a person agreed to, to which text, and when."""

    id: str
    person: str
    collector: str
    covers: str  # what is given: names of files, or scopes
    version: str  # SHA-256 of the text
    language: str
    receipt: str  # keyed digest of the code on the receipt
    given_at: datetime
    withdrawn_at: datetime | None = None


class Act(msgspec.Struct):
    """A consent as the inbox has it, with the text that it refers to."""

    consent: Consent
    text: str


class Given(msgspec.Struct):
    """All invitations by person, consents by id, and the versions of texts that the archive has."""

    invitations: dict[str, Invitation] = {}
    consents: dict[str, Consent] = {}
    texts: set[str] = set()

    def of(self, person: str, collector: str) -> Consent | None:
        """The consent of *person* for *collector* that stands."""
        standing = (one for one in self.consents.values() if one.withdrawn_at is None)
        return next((one for one in standing if (one.person, one.collector) == (person, collector)), None)


class Consents:
    """The invitations and consents of the study in *study*, from the archive and the inbox."""

    def __init__(self, study: Path) -> None:
        self.study = study
        # the notes of each segment, until it changes
        self._read: dict[Path, tuple[tuple[int, int | str], list[archive.Note]]] = {}

    def archived(self) -> Given:
        """What the archive has."""
        found = Given()
        for note in self._notes():
            _apply(found, note)
        return found

    def all(self) -> Given:
        """What the archive and the inbox have."""
        spoilt = list[str]()
        inbox = [*acts(self.study, spoilt), *withdrawals(self.study, spoilt)]  # first, as acts move into the archive
        named = withdrawn(self.study)
        found = self.archived()
        for _, act in inbox:
            known = found.consents.setdefault(act.consent.id, act.consent)
            known.withdrawn_at = known.withdrawn_at or act.consent.withdrawn_at
        for id_ in named & found.consents.keys():  # also where a withdrawal cannot be read
            found.consents[id_].withdrawn_at = found.consents[id_].withdrawn_at or moment()
        return found

    def _notes(self) -> list[archive.Note]:
        """The notes, in the order of the segments; read again if one is sealed meanwhile, which renames it."""
        while True:
            segments = archive.segments(self.study / "archive")
            try:
                return [note for path in segments if path.name.startswith(f"{WRITER}-") for note in self._of(path)]
            except FileNotFoundError:
                continue

    def _of(self, path: Path) -> list[archive.Note]:
        state = archive.state(path)
        if self._read.get(path, (None,))[0] != state:
            notes = [one for one in archive.read(path) if isinstance(one, archive.Note) and one.kind in NOTES]
            self._read[path] = (state, notes)
        return self._read[path][1]


ready(Act, Consent)


def consented(study: Path, id_: str, collector: str) -> str:
    """What the consent *id_* to *collector* covers; "" if there is none, or it is withdrawn."""
    found = Consents(study).all().consents.get(id_)
    return found.covers if found is not None and found.collector == collector and found.withdrawn_at is None else ""


def _apply(found: Given, note: archive.Note) -> None:
    data: Mapping[str, Any] = note.data
    if note.kind == INVITED:
        person = str(data["person"])
        found.invitations[person] = Invitation(person, datetime.fromisoformat(str(data["expires"])))
    elif note.kind == REVOKED and data["person"] in found.invitations:
        found.invitations[data["person"]].revoked_at = note.at
    elif note.kind == TEXT:
        found.texts.add(str(data["version"]))
    elif note.kind == GIVEN:
        found.consents.setdefault(str(data["id"]), msgspec.convert({**data, "given_at": note.at}, Consent))
    elif note.kind == TAKEN_BACK and data["id"] in found.consents:
        found.consents[data["id"]].withdrawn_at = note.at


# ---- the inbox ----------------------------------------------------------------------------------------------


def new_id(prefix: str) -> str:
    """A fresh random id of 128 bits, in letters and digits."""
    return prefix + b32encode(secrets.token_bytes(16)).decode().rstrip("=").lower()


def give(
    study: Path,
    act: Act,
    tables: Mapping[str, tuple[bytes, datetime | None]],
    check: Callable[[Path], None] = lambda path: None,
) -> Path:
    """Put a consent with the donated files *tables* (content, date) into the inbox, synced; return its path.

    *check* gets the file before it is there, and raises to stop.
    """

    def write(path: Path) -> None:
        with ZipFile(path, "x") as packed:
            for name, (content, made) in {ACT: (msgspec.json.encode(act), None), **tables}.items():
                date = (made or act.consent.given_at).timetuple()[:6]
                packed.writestr(ZipInfo(name, date), content)
        check(path)

    return _whole(study, f"{act.consent.id}{DONATED}", write)


def take_back(study: Path, consent: Consent, at: datetime) -> None:
    """Put the withdrawal of *consent* into the inbox, synced; what waits there unread is deleted."""
    act = msgspec.json.encode(withdrawal(consent, at))
    _whole(study, f"{consent.id}{WITHDRAWN}", lambda path: path.write_bytes(act))
    (study / INBOX / f"{consent.id}{DONATED}").unlink(missing_ok=True)


def withdrawal(consent: Consent, at: datetime) -> Act:
    """The withdrawal of *consent*."""
    return Act(msgspec.structs.replace(consent, withdrawn_at=at), "")


def clear(study: Path) -> None:
    """Delete what a killed process had begun to write into the inbox: nobody got a receipt for it."""
    for part in (study / INBOX).glob(".c*"):
        part.unlink()


def withdrawn(study: Path) -> set[str]:
    """The ids of the consents whose withdrawals are in the inbox, by the names of the files."""
    return {path.name.removesuffix(WITHDRAWN) for path in (study / INBOX).glob(f"c*{WITHDRAWN}")}


def acts(study: Path, unreadable: list[str]) -> Iterator[tuple[Path, Act]]:
    """The consents in the inbox, with their files; what cannot be read is listed in *unreadable*."""

    def read(path: Path) -> bytes:
        with ZipFile(path) as packed:
            return packed.read(ACT)

    return _acts(study, DONATED, read, "donation", unreadable)


def withdrawals(study: Path, unreadable: list[str]) -> Iterator[tuple[Path, Act]]:
    """The withdrawals in the inbox; what cannot be read is listed in *unreadable*."""
    return _acts(study, WITHDRAWN, Path.read_bytes, "withdrawal", unreadable)


def _acts(
    study: Path, suffix: str, read: Callable[[Path], bytes], what: str, unreadable: list[str]
) -> Iterator[tuple[Path, Act]]:
    for path in sorted((study / INBOX).glob(f"c*{suffix}")):
        try:
            yield path, msgspec.json.decode(read(path), type=Act)
        except FileNotFoundError:
            continue  # taken into the archive meanwhile, or withdrawn
        except UNREADABLE as error:
            unreadable.append(f"{path}: is no {what} ({error}); move it away")


class Waiting(msgspec.Struct):
    """What waits in the inbox for the next load."""

    given: int = 0
    withdrawn: int = 0
    since: datetime | None = None  # the oldest of them
    unreadable: str = ""


def waiting(study: Path) -> Waiting:
    """What waits in the inbox of the study in *study*."""
    spoilt: list[str] = []
    given = [act.consent.given_at for _, act in acts(study, spoilt)]
    gone = [act.consent.withdrawn_at for _, act in withdrawals(study, spoilt)]
    since = min((*given, *filter(None, gone)), default=None)
    return Waiting(len(given), len(gone), since, "; ".join(spoilt))


def donated(path: Path) -> bool:
    """Whether the act *path* of the inbox has donated files, besides the consent."""
    with ZipFile(path) as packed:
        return len(packed.namelist()) > 1


def _whole(study: Path, name: str, write: Any) -> Path:
    """Write the file *name* of the inbox in one step: a temporary file, synced, then renamed."""
    inbox = study / INBOX
    inbox.mkdir(mode=0o700, exist_ok=True)
    part = inbox / f".{name}.{secrets.token_hex(4)}"
    try:
        write(part)
        part.chmod(0o600)
        with part.open("rb") as file:
            os.fsync(file.fileno())
        part.rename(inbox / name)
    finally:
        part.unlink(missing_ok=True)
    sync_directory(inbox)
    sync_directory(study)
    return inbox / name


def moment() -> datetime:
    """Now, to the second."""
    return datetime.now(UTC).replace(microsecond=0)

"""Forget a person: remove them everywhere, and do not collect them again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path

import msgspec

from jobs.consents import take_in
from jobs.context import DATABASE, Say, open_study, parsers
from jobs.erasing import erased, hold
from jobs.run import load
from storage.archive import reader as archive
from storage.errors import UserError
from storage.locks import lock
from storage.participants import Tokens, every
from storage.privacy.declared import platforms
from storage.privacy.erase import Cutter
from storage.privacy.forget import Cut
from storage.privacy.forgotten import Forgotten, words_of
from storage.privacy.person import Person, others, person_of
from storage.privacy.quoted_text import Copied
from study.study_file import Study


class Removal(msgspec.Struct):
    """What was removed, and what could not be."""

    cut: Cut
    undeclared: list[str] = []  # collectors without a declaration of personal fields, with answers that were changed
    left: list[str] = []  # segments of the archive that still contain an identifier


def find(study: Study, who: str) -> Person:
    """The person named by *who* (an address, handle or id), with everything the study links to them."""
    return person_of(who, study.directory / DATABASE, platforms(parsers()).values())


def forget(
    study: Study,
    who: str,
    *,
    backups: Sequence[Path] = (),
    confirm: Callable[[str], None] = lambda found: None,
    say: Say = print,
) -> Removal:
    """Remove *who* and everything the study links to them, permanently; return what was removed.

    *confirm* receives what was found before anything changes, and raises to stop. *backups* are directories with copies
    of the study, erased as well. Raise UserError if another job is writing.
    """
    directory = study.directory
    cut = Cut()
    take_in(study, say, cut.unread)
    person = find(study, who)
    confirm(f"{len(person.names):,} identifiers" if person.known else "no one in the database; only this name")
    with ExitStack() as locks:
        hold(locks, study)
        with lock(directory, "load"):
            pass  # a running load is an error; do not wait for it
        forgotten = Forgotten(directory, parsers())
        if not forgotten.began(who):
            _load_new(study, say)
            person = find(study, who)
        copied = Copied(person.texts)
        if copied:
            copied.leave_common(others(person, directory / DATABASE))
        forgotten.add([*person.names, *words_of(copied.runs)])
        cutter = Cutter(person.names, forgotten, person.people, copied)
        with lock(directory, "load"):
            erased(study, cutter, cut, "a person was forgotten", backups)
            _disconnect(directory, cutter)
        cut.unread += rebuild(directory, say)
        return Removal(cut, sorted(cutter.undeclared), _left(study, cutter))


def _disconnect(directory: Path, cutter: Cutter) -> None:
    """Remove the tokens of the person."""
    for name, tokens in every(directory).items():
        for key, token in tokens.items():
            if cutter.named(name, key) or (token.owner and cutter.named(name, token.owner)):
                Tokens(directory, name).remove(key)


def _load_new(study: Study, say: Say) -> None:
    """Load new entries of the archive, as names may be in them. If that fails, use the database as it is."""
    try:
        load(study, held=True, say=say)
    except UserError as error:
        say(f"not loaded first: {error}")


def rebuild(directory: Path, say: Say) -> list[str]:
    """Rebuild the database, with the study file read again, as a seed may have been removed; return what is damaged."""
    try:
        report = load(open_study(directory), fresh=True, held=True, say=say)
    except UserError as error:
        raise UserError(f"erased, but not from all tables yet: {error}; then run `sneeuwbal load --fresh`") from error
    return report.damage if report else []


def _left(study: Study, cutter: Cutter) -> list[str]:
    """The segments of the archive that still contain an identifier."""
    left = []
    for path in archive.segments(study.archive):
        if any(cutter.entry(entry) is not entry for entry in archive.read(path)):
            left.append(path.name)
    return left

"""Forget a person: remove them everywhere, and do not collect them again."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing
from pathlib import Path

import msgspec

from collectors.engine.run import mend_archive
from jobs.context import DATABASE, STATE, Say, open_study, parsers, shared_state
from jobs.run import load
from storage.archive import reader as archive
from storage.archive.writer import Writer
from storage.errors import UserError
from storage.frontier.shared import Shared
from storage.locks import lock
from storage.participants import Tokens, every
from storage.privacy import outside_copies
from storage.privacy.declared import platforms
from storage.privacy.erase import Cutter
from storage.privacy.forget import Cut, cut_file, cut_state
from storage.privacy.forget import forget as erase
from storage.privacy.forgotten import Forgotten, words_of
from storage.privacy.person import Person, others, person_of
from storage.privacy.quoted_text import Copied
from study.installed import installed
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
    person = find(study, who)
    confirm(f"{len(person.names):,} identifiers" if person.known else "no one in the database; only this name")
    cut = Cut()
    with ExitStack() as locks:
        hold(locks, study)
        with lock(directory, "load"):
            pass  # a running load is an error; do not wait for it
        shared = locks.enter_context(closing(shared_state(study))) if study.store.frontier else None
        if shared and (busy := shared.at_work()):
            raise UserError(f"{busy[0].machine} collects; stop it first, and forget on each machine")
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
            erase(directory, cutter, cut, published=directory / DATABASE)
            _disconnect(directory, cutter)
            if shared is not None:
                cut.state += _shared_state(shared, cutter)
            _elsewhere(directory, backups, cutter, cut)
            _note(study, cut)
        rebuild(directory, say)
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
        load(study, say=say)
    except UserError as error:
        say(f"not loaded first: {error}")


def _shared_state(shared: Shared, cutter: Cutter) -> int:
    """Remove them from a state in PostgreSQL, by way of a copy; return the number of rows."""
    with tempfile.TemporaryDirectory(prefix="sneeuwbal-forget-") as folder:
        copy = Path(folder) / STATE
        shared.dump(copy)
        if rows := cut_state(copy, cutter):
            shared.replace(copy)
    return rows


def _elsewhere(directory: Path, backups: Sequence[Path], cutter: Cutter, cut: Cut) -> None:
    """Erase from the copies that the study knows of; list those that cannot be changed or are missing."""
    named = [*outside_copies.known(directory), *(("backup", path.resolve()) for path in backups)]
    for kind, path in dict.fromkeys(named):
        if kind in outside_copies.CUT and path.is_relative_to(directory.resolve()) and path.exists():
            continue  # erased with the study
        if kind == "backup" and path.is_dir():
            erase(path, cutter, cut)
        elif kind == "review" and path.is_file():
            cut_file(path, str(path), cutter, cut)
        elif kind == "backup" or path.exists():
            why = "a missing copy" if kind == "backup" else f"a {kind}: delete it, or make it again"
            cut.unread.append(f"{path} ({why})")


def hold(locks: ExitStack, study: Study, *, wait: bool = False) -> None:
    """Take the locks of all writers and seal what killed runs left open; *wait* for them, as in a scheduled job."""
    collecting = (f"collect-{name}" for name in installed())
    for name in ([] if wait else ["schedule"]) + ["gather", "admit", "decisions", *collecting]:
        locks.enter_context(lock(study.directory, name, wait=wait))
    for name in ("snowball", "forget", *installed()):
        mend_archive(study.archive, name)


def _note(study: Study, cut: Cut) -> None:
    """Document the removal in the archive, without any data on the person."""
    writer = Writer(study.archive, "forget")
    counts = {"removed": cut.removed, "changed": cut.changed, "segments": cut.segments}
    writer.note("cut", {"by": "forget", "why": "a person was forgotten", **counts})
    writer.close()


def rebuild(directory: Path, say: Say) -> None:
    """Rebuild the database, with the study file read again, as a seed may have been removed from it."""
    load(open_study(directory), fresh=True, say=say)


def _left(study: Study, cutter: Cutter) -> list[str]:
    """The segments of the archive that still contain an identifier."""
    left = []
    for path in archive.segments(study.archive):
        if any(cutter.entry(entry) is not entry for entry in archive.read(path)):
            left.append(path.name)
    return left

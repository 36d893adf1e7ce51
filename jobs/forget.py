"""Forget a person: taken out of everything, and not collected again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path

import msgspec

from collectors.engine.run import mend_archive
from jobs.context import DATABASE, Say, open_study, parsers
from jobs.run import load
from storage.archive import reader as archive
from storage.archive.writer import Writer
from storage.errors import UserError
from storage.locks import lock
from storage.privacy import outside_copies
from storage.privacy.declared import platforms
from storage.privacy.erase import Cutter
from storage.privacy.forget import Cut, cut_file
from storage.privacy.forget import forget as erase
from storage.privacy.forgotten import Forgotten, words_of
from storage.privacy.person import Person, others, person_of
from storage.privacy.quoted_text import Copied
from study.installed import installed
from study.study_file import Study


class Removal(msgspec.Struct):
    """What was removed, and what could not be."""

    cut: Cut
    undeclared: list[str] = []  # collectors that do not declare what is personal, with answers that were changed
    left: list[str] = []  # segments of the archive in which an identifier still stands


def find(study: Study, who: str) -> Person:
    """The person that *who* (an address, handle or id) names, with all that the study links to them."""
    return person_of(who, study.directory / DATABASE, platforms(parsers()).values())


def forget(
    study: Study,
    who: str,
    *,
    backups: Sequence[Path] = (),
    confirm: Callable[[str], None] = lambda found: None,
    say: Say = print,
) -> Removal:
    """Remove *who* and whatever the study links to them, for good; return what was removed.

    *confirm* gets what was found before anything changes, and raises to stop. *backups* are directories with copies of
    the study, cut too. Raise UserError if another job writes.
    """
    directory = study.directory
    person = find(study, who)
    confirm(f"{len(person.names):,} identifiers" if person.known else "nobody in the database; only this name")
    cut = Cut()
    with ExitStack() as locks:
        hold(locks, study)
        with lock(directory, "load"):
            pass  # a load that runs is an error, and not waited for
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
            _elsewhere(directory, backups, cutter, cut)
            _note(study, cut)
        rebuild(directory, say)
        return Removal(cut, sorted(cutter.undeclared), _left(study, cutter))


def _load_new(study: Study, say: Say) -> None:
    """Load what only the archive knows yet: names may be in it. A database that does not fit it is taken as it is."""
    try:
        load(study, say=say)
    except UserError as error:
        say(f"not loaded first: {error}")


def _elsewhere(directory: Path, backups: Sequence[Path], cutter: Cutter, cut: Cut) -> None:
    """Cut the copies that the study knows of; name those that cannot be cut, or are not there now."""
    named = [*outside_copies.known(directory), *(("backup", path.resolve()) for path in backups)]
    for kind, path in dict.fromkeys(named):
        if kind in outside_copies.CUT and path.is_relative_to(directory.resolve()) and path.exists():
            continue  # cut with the study
        if kind == "backup" and path.is_dir():
            erase(path, cutter, cut)
        elif kind == "review" and path.is_file():
            cut_file(path, str(path), cutter, cut)
        elif kind == "backup" or path.exists():
            why = "a copy that is not there now" if kind == "backup" else f"a {kind}: remove it, or make it anew"
            cut.unread.append(f"{path} ({why})")


def hold(locks: ExitStack, study: Study, *, wait: bool = False) -> None:
    """Take the locks of all who write, and seal what dead runs left open; with *wait*, as a job of the schedule."""
    collecting = (f"collect-{name}" for name in installed())
    for name in ([] if wait else ["schedule"]) + ["gather", "admit", "decisions", *collecting]:
        locks.enter_context(lock(study.directory, name, wait=wait))
    for name in ("snowball", "forget", *installed()):
        mend_archive(study.archive, name)


def _note(study: Study, cut: Cut) -> None:
    """Document the cut in the archive, without a word about the person."""
    writer = Writer(study.archive, "forget")
    counts = {"removed": cut.removed, "changed": cut.changed, "segments": cut.segments}
    writer.note("cut", {"by": "forget", "why": "a person was forgotten", **counts})
    writer.close()


def rebuild(directory: Path, say: Say) -> None:
    """Make the database anew; the study file is read again, as a seed may be gone from it."""
    load(open_study(directory), fresh=True, say=say)


def _left(study: Study, cutter: Cutter) -> list[str]:
    """Where an identifier still stands in the archive, after all."""
    left = []
    for path in archive.segments(study.archive):
        if any(cutter.entry(entry) is not entry for entry in archive.read(path)):
            left.append(path.name)
    return left

"""What participants gave or took back: from the inbox into the archive."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from collectors.engine.run import mend_archive
from jobs.context import DATABASE, Say, collectors_of, open_state, parsers
from jobs.erasing import backups, erased, hold
from jobs.intake import admit_requests, read_files, unreadable
from storage import consents
from storage.archive.writer import Writer
from storage.consents import Act, Consents, Given
from storage.errors import Partial, UserError
from storage.locks import lock
from storage.participants import Tokens
from storage.privacy.erase import Cutter
from storage.privacy.forget import Cut
from storage.privacy.forgotten import Forgotten, Name
from storage.records import Request, Target
from storage.tables import database
from study.study_file import Study


@contextmanager
def noting(study: Study) -> Iterator[Writer]:
    """The archive's writer for notes on invitations and consents; one process at a time."""
    with lock(study.directory, consents.WRITER, wait=True):
        mend_archive(study.archive, consents.WRITER)
        writer = Writer(study.archive, consents.WRITER)
        try:
            yield writer
        finally:
            writer.close()


def take_in(study: Study, say: Say, spoilt: list[str]) -> list[Path]:
    """Move what waits in the inbox into the archive; return the withdrawals, to delete when all is loaded again.

    What cannot be read stays, and is listed in *spoilt*; a withdrawal is then known by the name of its file. A kill at
    any step loses nothing: the inbox is emptied last, and a step done twice leaves what it left once. What another job
    keeps from being taken in waits for the next call.
    """
    if not (study.directory / consents.INBOX).is_dir():
        return []
    before = Consents(study.directory).archived()
    withdrawn = list(consents.withdrawals(study.directory, spoilt))
    gone = consents.withdrawn(study.directory)
    for id_ in (gone - {act.consent.id for _, act in withdrawn}) & before.consents.keys():
        path = study.directory / consents.INBOX / f"{id_}{consents.WITHDRAWN}"
        withdrawn.append((path, consents.withdrawal(before.consents[id_], consents.moment())))
    ended = {id_ for id_, one in before.consents.items() if one.withdrawn_at}
    for path in (study.directory / consents.INBOX).glob(f"c*{consents.DONATED}"):
        if path.name.removesuffix(consents.DONATED) in ended:
            path.unlink(missing_ok=True)  # a restored copy of what was withdrawn, also one that cannot be read
    given = []
    for path, act in consents.acts(study.directory, spoilt):
        if act.consent.id in ended:
            path.unlink(missing_ok=True)
        elif act.consent.id not in gone:
            given.append((path, act))
    try:
        _note(study, before, [act for _, act in [*given, *withdrawn]])
        _take_in_given(study, given, say, spoilt)
        if withdrawn:
            _take_back(study, before, withdrawn, say)
        return [path for path, _ in withdrawn]
    except (Partial, UserError) as error:
        say(f"what participants gave or withdrew waits in {consents.INBOX}: {error}")
        return []


def _note(study: Study, before: Given, acts: Sequence[Act]) -> None:
    """Write the consents that the archive does not have yet, with their texts."""
    new = [act for act in acts if act.consent.id not in before.consents]
    if not new:
        return
    with noting(study) as writer:
        for act in new:
            about = msgspec.to_builtins(act.consent)
            if act.text and act.consent.version not in before.texts:  # a withdrawal has none
                text = {"version": act.consent.version, "language": act.consent.language, "text": act.text}
                writer.note(consents.TEXT, text, act.consent.given_at)
                before.texts.add(act.consent.version)
            kept = {name: about[name] for name in about if name not in ("given_at", "withdrawn_at")}
            writer.note(consents.GIVEN, kept, act.consent.given_at)


def _take_in_given(study: Study, given: Sequence[tuple[Path, Act]], say: Say, spoilt: list[str]) -> None:
    """Import the donated files, and queue the targets of those who connected an account."""
    files: dict[str, list[Path]] = {}
    for path, act in given:
        if consents.donated(path):
            if why := unreadable(act.consent.collector, path):
                spoilt.append(f"not taken in: {why}")
            else:
                files.setdefault(act.consent.collector, []).append(path)
            continue
        collector = collectors_of(study).get(act.consent.collector)
        kinds = [name for name, kind in collector.kinds.items() if kind.of == "consent"] if collector else []
        requests = [Request(Target(act.consent.collector, kind, act.consent.id), "") for kind in kinds]
        frontier = open_state(study)
        try:
            admit_requests(study, frontier, "consent", requests, datetime.now(UTC))
        finally:
            frontier.close()
        path.unlink(missing_ok=True)
    for name, paths in files.items():
        report = read_files(study, name, paths, {}, say=say)
        if report.status != "complete" or report.failures:
            say(f"what participants gave waits in {consents.INBOX}: {report.status} {report.reason}")
            continue
        for path in paths:
            path.unlink(missing_ok=True)
        say(f"{name}: {len(paths):,} donations taken in")


class _Withdrawn(Cutter):
    """Cuts all entries of targets whose keys begin with the ids of withdrawn consents, and the paths through them."""

    ids: tuple[str, ...] = ("\0",)

    def owns(self, request: Request) -> bool:
        """Whether *request* is for something given under one of the consents."""
        return request.target.key.startswith(self.ids)

    def whole(self, text: str) -> str:
        """A token for the key of something given under one of the consents."""
        return super().whole(text) if not text.startswith(self.ids) else self._forgotten.token(Name("profile", text))


def _take_back(study: Study, before: Given, withdrawn: Sequence[tuple[Path, Act]], say: Say) -> None:
    """Erase what was given under the withdrawn consents."""
    ids = tuple(act.consent.id for _, act in withdrawn)
    cut = Cut()
    for _, act in withdrawn:  # a process that was killed may have left it
        Tokens(study.directory, act.consent.collector).remove(act.consent.id)
    archived = any(id_ in before.consents for id_ in ids)
    with ExitStack() as locks:
        if archived:
            hold(locks, study, scheduled=True)
        else:
            locks.enter_context(lock(study.directory, "backup"))
        for copy in [study.directory, *backups(study.directory, cut)]:
            try:
                for id_ in ids:
                    (copy / consents.INBOX / f"{id_}{consents.DONATED}").unlink(missing_ok=True)
            except OSError as error:
                cut.unread.append(f"{copy} ({error.strerror})")
        if archived:
            locks.enter_context(lock(study.directory, "load", wait=True))
            cutter = _Withdrawn(_owners(study, ids), Forgotten(study.directory, parsers()))
            cutter.ids = ids
            erased(study, cutter, cut, "a consent was withdrawn")
    for place in dict.fromkeys(cut.unread):
        say(f"could not be examined for what was withdrawn: {place}")
    try:
        with noting(study) as writer:
            for _, act in withdrawn:
                writer.note(consents.TAKEN_BACK, {"id": act.consent.id}, act.consent.withdrawn_at)
    except Partial as error:  # the notes are safe here
        say(str(error))
    say(f"{len(ids):,} consents withdrawn: {cut.removed:,} records removed")


def _owners(study: Study, ids: Sequence[str]) -> list[Name]:
    """The ids that profiles have from the consents *ids* only; an address of a page is in other people's lists too."""
    if not (study.directory / DATABASE).is_file():
        return []
    with database.open_readonly(study.directory / DATABASE) as db:
        found = db.execute(OWNERS, [list(ids)]).fetchall()
    return [Name("profile", row[0]) for row in found if row[0].startswith("urn:")]


OWNERS = """
WITH given AS (
    SELECT DISTINCT record_id FROM base.answers
    WHERE list_bool_or(list_transform($1, lambda id: starts_with(key, id))))
SELECT profile_id FROM base.profiles WHERE own AND record_id IN (SELECT record_id FROM given)
UNION SELECT profile_id FROM base.connections WHERE record_id IN (SELECT record_id FROM given)"""

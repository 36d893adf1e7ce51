"""`sneeuwbal forget`: a person taken out of everything, and not collected again."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from storage.privacy.erase import Cutter
    from storage.privacy.forget import Cut
    from study.study_file import Study


@click.command()
@click.argument("who")
@click.option("--backup", "backups", multiple=True, type=click.Path(path_type=Path, exists=True, file_okay=False),
              help="A directory with copies of the study to cut too; may be given again.")  # fmt: skip
@click.option("--yes", is_flag=True, help="Do not ask first.")
@click.pass_obj
def command(directory: Path, who: str, backups: tuple[Path, ...], yes: bool) -> None:
    """Remove WHO (the address, handle or id of an account or profile) and whatever the study links to them.

    Archive, state, database, reports and the backups named lose all that is theirs; in other people's records a token
    stands for them. Only keyed digests stay, so that they are not collected again. This cannot be undone.
    """
    from commands.context import DATABASE, open_study, parsers
    from storage.errors import Partial
    from storage.locks import lock
    from storage.privacy.erase import Cutter
    from storage.privacy.forget import Cut, forget
    from storage.privacy.forgotten import Forgotten, words_of
    from storage.privacy.person import others, person_of
    from storage.privacy.quoted_text import Copied

    study = open_study(directory)
    forgotten = Forgotten(directory, parsers())
    person = person_of(who, directory / DATABASE, forgotten.platforms.values())
    told = f"{len(person.names):,} identifiers" if person.known else "nobody in the database; only this name"
    if not yes:
        click.confirm(f"forget {who} ({told})? This cannot be undone", abort=True)
    cut = Cut()
    with ExitStack() as locks:
        hold(locks, study)
        with lock(directory, "load"):
            pass  # a load that runs is told of, and not waited for
        if not forgotten.began(who):
            _load_new(study)
            person = person_of(who, directory / DATABASE, forgotten.platforms.values())
        copied = Copied(person.texts)
        if copied:
            copied.leave_common(others(person, directory / DATABASE))
        forgotten.add([*person.names, *words_of(copied.runs)])
        cutter = Cutter(person.names, forgotten, person.people, copied)
        with lock(directory, "load"):
            forget(directory, cutter, cut, published=directory / DATABASE)
            _elsewhere(directory, backups, cutter, cut)
            _note(study, cut)
        rebuild(directory)
        left = _left(study, cutter)
    _tell(cut)
    for name in sorted(cutter.undeclared):
        click.echo(
            f"the collector {name!r} does not declare what is personal: in its answers, every object that names this"
            " person lost all its text, also what others wrote"
        )
    if left or cut.unread:
        raise Partial("; ".join([*(f"still there: {place}" for place in left),
                                 *(f"could not be looked into: {place}" for place in cut.unread)]))  # fmt: skip


def _load_new(study: Study) -> None:
    """Load what only the archive knows yet: names may be in it. A database that does not fit it is taken as it is."""
    from commands.job import load_study
    from storage.errors import UserError

    try:
        load_study(study, click.echo)
    except UserError as error:
        click.echo(f"not loaded first: {error}", err=True)


def _elsewhere(directory: Path, backups: tuple[Path, ...], cutter: Cutter, cut: Cut) -> None:
    """Cut the copies that the study knows of; name those that cannot be cut, or are not there now."""
    from storage.privacy import outside_copies
    from storage.privacy.forget import cut_file, forget

    named = [*outside_copies.known(directory), *(("backup", path.resolve()) for path in backups)]
    for kind, path in dict.fromkeys(named):
        if kind in outside_copies.CUT and path.is_relative_to(directory.resolve()) and path.exists():
            continue  # cut with the study
        if kind == "backup" and path.is_dir():
            forget(path, cutter, cut)
        elif kind == "review" and path.is_file():
            cut_file(path, str(path), cutter, cut)
        elif kind == "backup" or path.exists():
            told = "a copy that is not there now" if kind == "backup" else f"a {kind}: remove it, or make it anew"
            cut.unread.append(f"{path} ({told})")


def hold(locks: ExitStack, study: Study, *, wait: bool = False) -> None:
    """Take the locks of all who write, and seal what dead runs left open; with *wait*, as a job of the schedule."""
    from collectors.engine.run import mend_archive
    from storage.locks import lock
    from study.study_file import installed

    collecting = (f"collect-{name}" for name in installed())
    for name in ([] if wait else ["schedule"]) + ["gather", "admit", "decisions", *collecting]:
        locks.enter_context(lock(study.directory, name, wait=wait))
    for name in ("snowball", "forget", *installed()):
        mend_archive(study.directory / "archive", name)


def _note(study: Study, cut: Cut) -> None:
    """Note the removal in the archive, without saying who was removed."""
    from storage.archive import writer as archiving

    writer = archiving.Writer(study.directory / "archive", "forget")
    counts = {"removed": cut.removed, "changed": cut.changed, "segments": cut.segments}
    writer.note("cut", {"by": "forget", "why": "a person was forgotten", **counts})
    writer.close()


def rebuild(directory: Path) -> None:
    """Make the database anew; the study file is read again, as a seed may be gone from it."""
    from commands.context import open_study
    from commands.job import load_study

    load_study(open_study(directory), click.echo, fresh=True)


def _left(study: Study, cutter: Cutter) -> list[str]:
    """Where an identifier still stands in the archive, after all."""
    from storage.archive import reader as archive

    left = []
    for path in archive.segments(study.directory / "archive"):
        if any(cutter.entry(entry) is not entry for entry in archive.read(path)):
            left.append(path.name)
    return left


def _tell(cut: Cut) -> None:
    click.echo(f"archive: {cut.removed:,} records removed, {cut.changed:,} changed, in {cut.segments} segments")
    click.echo(f"state: {cut.state:,} rows; reports removed: {cut.reports}; files changed: {len(cut.files)}")
    if cut.databases:
        click.echo(f"old databases deleted: {', '.join(cut.databases)}")
    if cut.review:
        click.echo(f"their name, or a namesake's, still stands in {len(cut.review)} places; look at:")
        for place in sorted(set(cut.review)):
            click.echo(f"  {place}")

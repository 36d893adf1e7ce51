"""`sneeuwbal backup`: copy a study safely while it runs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from study.study_file import Study


@click.command()
@click.argument("target", type=click.Path(path_type=Path))
@click.option("--copy", is_flag=True, help="Copy everything, instead of hard links to what never changes.")
@click.pass_obj
def command(directory: Path, target: Path, copy: bool) -> None:
    """Copy the study to TARGET, a new directory, also while it runs; secrets are never copied, reports neither.

    On one disk, finished segments and the database are hard links: quick, and safe against every mistake but not
    against a broken disk. The copy is a study: `sneeuwbal --study TARGET verify`, then `run` goes on from it.
    """
    from commands.context import open_study
    from commands.logs import clean
    from commands.secrets import all_secrets
    from storage.backup import backup
    from storage.privacy.outside_copies import remember

    study = open_study(directory)
    done = backup(study.directory, target, files(study), secrets=all_secrets(study), link=not copy)
    told = f"{target}: {done.segments:,} segments, {done.bytes / 1e6:,.1f} MB copied, {done.linked:,} files linked"
    click.echo(told)
    remember(directory, "backup", target)
    for name in done.left_out:
        click.echo(clean(f"left out, because it holds a secret: {name}"), err=True)


def files(study: Study) -> list[Path]:
    """The files of *study*: the study file, the decisions, and what the study file names."""
    from commands.context import DECISIONS
    from study.study_file import FILE

    named = [Path(FILE), Path(DECISIONS)]
    named += [Path(text) for text in _texts(study.model_dump(exclude={"published"})) if _is_file(study, text)]
    return sorted({path for path in named if not path.is_absolute() and path.name != "secrets.toml"})


def _is_file(study: Study, text: str) -> bool:
    """Whether *text* names a file beside the study file (and is not, say, a name that happens to look like one)."""
    try:
        return "." in text and len(text) < 200 and (study.directory / text).is_file()
    except (OSError, ValueError):
        return False


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for each in value.values():
            yield from _texts(each)
    elif isinstance(value, (list, tuple)):
        for each in value:
            yield from _texts(each)

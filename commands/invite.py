"""`sneeuwbal invite`: links for people who are asked to take part."""

from __future__ import annotations

import csv
import os
import sys
from pathlib import Path

import click

from jobs.context import open_study
from jobs.invitations import invite, listed, revoke
from storage.errors import Partial, UserError


@click.command()
@click.argument("number", type=click.IntRange(0, 100_000), default=0)
@click.option("--days", default=90, show_default=True, type=click.IntRange(1, 3650), help="Days that the links work.")
@click.option("--revoke", "revoked", multiple=True, metavar="PERSON", help="Revoke an invitation (repeatable).")
@click.option("--output", type=click.Path(path_type=Path, dir_okay=False), help="File instead of standard output.")
@click.pass_obj
def command(directory: Path, number: int, days: int, revoked: tuple[str, ...], output: Path | None) -> None:
    """Make NUMBER invitations and write their links as CSV; without NUMBER, list all.

    A link is for one person, and names none: keep the list of who got which link outside the study.
    """
    study = open_study(directory)
    if revoked:
        revoke(study, revoked)
    lacking = list[str]()
    made = invite(study, number, days, lacking.append) if number else None
    out = os.fdopen(_new(output), "w", encoding="utf-8", newline="") if output else sys.stdout
    try:
        rows = csv.writer(out)
        rows.writerow(("person", "state", "expires", "link"))
        rows.writerows(listed(study, made))
    finally:
        if output:
            out.close()
    if lacking:
        raise Partial(f"the links work here; {lacking[0]}")


def _new(path: Path) -> int:
    """A new file that only its owner can read: whoever has a link can take part."""
    try:
        return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise UserError(f"{path}: exists; choose another file") from None

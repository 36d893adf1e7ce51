"""The list of files written outside the study (copies, lists for review, exports, packages), for `forget`."""

from __future__ import annotations

import csv
from pathlib import Path

FILE = "copies.csv"  # kind and path, one per line
CUT = ("backup", "review")  # kinds from which people can be erased; others must be made again


def remember(study: Path, kind: str, path: Path) -> None:
    """Record that *path*, a *kind* of copy of *study*, was written."""
    row = [kind, str(path.resolve())]
    if row not in _rows(study):
        with (study / FILE).open("a", encoding="utf-8", newline="") as file:
            csv.writer(file).writerow(row)


def known(study: Path) -> list[tuple[str, Path]]:
    """The recorded copies of *study*, by kind and path, including deleted ones."""
    return [(row[0], Path(row[1])) for row in _rows(study) if len(row) == 2]


def _rows(study: Path) -> list[list[str]]:
    try:
        with (study / FILE).open(encoding="utf-8", newline="") as file:
            return [row for row in csv.reader(file) if row]
    except FileNotFoundError:
        return []

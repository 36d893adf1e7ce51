"""What was written outside the study: copies, lists for review, exports, packages. Forgetting must find them."""

from __future__ import annotations

import csv
from pathlib import Path

FILE = "copies.csv"  # kind and path, one a line
CUT = ("backup", "review")  # kinds that people are cut out of; others must be made anew


def remember(study: Path, kind: str, path: Path) -> None:
    """Note that *path*, a *kind* of copy of *study*, was written."""
    row = [kind, str(path.resolve())]
    if row not in _rows(study):
        with (study / FILE).open("a", encoding="utf-8", newline="") as file:
            csv.writer(file).writerow(row)


def known(study: Path) -> list[tuple[str, Path]]:
    """The copies that were made of *study*, by kind and path, also those that are gone."""
    return [(row[0], Path(row[1])) for row in _rows(study) if len(row) == 2]


def _rows(study: Path) -> list[list[str]]:
    try:
        with (study / FILE).open(encoding="utf-8", newline="") as file:
            return [row for row in csv.reader(file) if row]
    except FileNotFoundError:
        return []

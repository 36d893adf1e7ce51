"""Recompute every published figure from its package, and list the differences."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pandas as pd

from jobs.context import DATABASE, Say, open_study
from jobs.package import DATABASE_IN, REPORT_IN, STUDY_IN, make, report_options
from jobs.replay import without_store
from jobs.run import load
from storage import ro_crate
from storage.archive.manifest import checksum
from storage.versions import versions
from study.study_file import FILE

SHOWN = 5  # differences shown of one table


class Compared(msgspec.Struct):
    """One table: the number of equal figures, and those that differ."""

    name: str
    equal: int = 0
    differences: list[str] = []

    def summary(self) -> str:
        """The result in one line, followed by the first differences."""
        if not self.differences:
            return f"{self.name}: {self.equal:,} figures equal"
        lines = [f"{self.name}: {len(self.differences):,} of {self.equal + len(self.differences):,} figures differ"]
        lines += [f"  {one}" for one in self.differences[:SHOWN]]
        return "\n".join(lines)


def reproduce(package: Path, *, say: Say = print) -> list[Compared]:
    """Check every file of *package*, recompute its figures without a network, and return each table compared.

    If it has an archive, the tables are loaded from it; otherwise its database is used. Raise UserError if a
    file was changed.
    """
    say(f"{ro_crate.verify(package):,} files match the manifest ({checksum(package / ro_crate.MANIFEST)})")
    made, here = json.loads((package / "versions.json").read_text("utf-8")), versions()
    other = [f"{name} {made[name]} (here {here.get(name, 'none')})"
             for name in sorted(made) if made[name] != here.get(name)]  # fmt: skip
    if other:
        say(f"made with other versions: {', '.join(other)}")
    with tempfile.TemporaryDirectory(prefix="sneeuwbal-") as place:
        database, study = package / DATABASE_IN, None
        if (package / STUDY_IN).is_dir():
            directory = Path(shutil.copytree(package / STUDY_IN, Path(place) / "study"))
            (directory / FILE).write_text(without_store(directory / FILE), "utf-8")
            study = open_study(directory)
            load(study, fresh=True, say=say)
            database = study.directory / DATABASE
        make(database, Path(place) / REPORT_IN, replace(report_options(study), formats=()))
        return list(compared(package / REPORT_IN, Path(place) / REPORT_IN))


def compared(published: Path, again: Path) -> Iterator[Compared]:
    """Compare every Parquet table below *published* with its namesake below *again*."""
    names = {path.relative_to(published) for path in published.rglob("*.parquet")}
    for name in sorted(names | {path.relative_to(again) for path in again.rglob("*.parquet")}):
        one = Compared(name.with_suffix("").as_posix())
        if not (again / name).is_file():
            one.differences.append("published, but not made now")
        elif not (published / name).is_file():
            one.differences.append("made now, but not published")
        else:
            _compare(one, pd.read_parquet(published / name), pd.read_parquet(again / name))
        yield one


def _compare(one: Compared, published: pd.DataFrame, again: pd.DataFrame) -> None:
    for column in published.columns.union(again.columns, sort=False):
        if column not in published or column not in again:
            one.differences.append(f"column {column!r} only in the {'new' if column in again else 'published'} table")
    if len(published) != len(again):
        one.differences.append(f"{len(published):,} rows published, {len(again):,} now")
        return
    for column in (name for name in published.columns if name in again):
        for row, (before, now) in enumerate(zip(published[column].tolist(), again[column].tolist(), strict=True), 1):
            if same(before, now):
                one.equal += 1
            else:
                one.differences.append(f"row {row}, {column}: {before!r} published, {now!r} now{_by(before, now)}")


def same(before: Any, now: Any) -> bool:
    """Whether two cells are equal to the last digit; missing values are equal."""
    if _listed(before) or _listed(now):
        return str(before) == str(now)
    if pd.isna(before) or pd.isna(now):
        return bool(pd.isna(before) and pd.isna(now))
    return bool(before == now)


def _listed(value: Any) -> bool:
    return not pd.api.types.is_scalar(value)


def _by(before: Any, now: Any) -> str:
    numbers = isinstance(before, int | float) and isinstance(now, int | float)
    return f" (by {now - before:+.12g})" if numbers else ""

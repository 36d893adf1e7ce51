"""Published tables against those made again: equal, or by how much not."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pandas as pd

SHOWN = 5  # differences shown of one table


class Compared(msgspec.Struct):
    """One table: how many of its figures are equal, and which are not."""

    name: str
    equal: int = 0
    differences: list[str] = []

    def told(self) -> str:
        """One line, and one for each of the first differences."""
        if not self.differences:
            return f"{self.name}: {self.equal:,} figures equal"
        lines = [f"{self.name}: {len(self.differences):,} of {self.equal + len(self.differences):,} figures differ"]
        lines += [f"  {one}" for one in self.differences[:SHOWN]]
        return "\n".join(lines)


def compared(published: Path, again: Path) -> Iterator[Compared]:
    """Every Parquet table below *published* against the one of the same name below *again*."""
    names = {path.relative_to(published) for path in published.rglob("*.parquet")}
    for name in sorted(names | {path.relative_to(again) for path in again.rglob("*.parquet")}):
        one = Compared(name.with_suffix("").as_posix())
        if not (again / name).is_file():
            one.differences.append("was published, and is not made any more")
        elif not (published / name).is_file():
            one.differences.append("is made now, and was not published")
        else:
            _compare(one, pd.read_parquet(published / name), pd.read_parquet(again / name))
        yield one


def _compare(one: Compared, published: pd.DataFrame, again: pd.DataFrame) -> None:
    for column in published.columns.union(again.columns, sort=False):
        if column not in published or column not in again:
            one.differences.append(f"column {column!r} is only in the {'new' if column in again else 'published'} one")
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
    """Whether two cells are the same to the last digit; a missing one equals a missing one."""
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

"""Tables of the report: shown on the page in its language, and written as CSV and Parquet."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from analysis.report import escape
from analysis.report.i18n import Words

# columns with our own words; all others are data
OURS = (
    "against", "figure", "filter", "group", "interaction", "kind", "label", "group_name", "of", "status", "what",
)  # fmt: skip
SHORT, WIDE = 20, 34  # characters up to which a column of texts is not wrapped, and from which it is wide


@dataclass(frozen=True)
class Table:
    """One table: its *frame* with parameters in its attrs, its presentation, and its SQL."""

    name: str  # of its files
    title: str
    frame: pd.DataFrame
    columns: tuple[str, ...] = ()  # shown, in order; all if empty; the files have all
    note: str = ""
    definitions: tuple[str, ...] = ()
    sql: tuple[str, ...] = ()
    places: Mapping[str, int] = field(default_factory=dict)
    percent: tuple[str, ...] = ()  # fractions, shown in per cent
    hundredths: tuple[str, ...] = ()  # per cent already
    bars: tuple[str, ...] = ()  # drawn behind their numbers, the largest filling the cell
    page: pd.DataFrame | None = None  # shown instead of the frame, which is in the files
    folded: bool = False  # collapsed, as the accessible alternative to a picture
    hidden: str = ""  # the text of a missing cell

    @property
    def shown(self) -> list[str]:
        """The existing columns to show."""
        there = self._page
        return [name for name in self.columns if name in there] if self.columns else list(there.columns)

    @property
    def _page(self) -> pd.DataFrame:
        return self.frame if self.page is None else self.page

    def head(self, _: Words) -> list[tuple[str, str]]:
        """The heads of the columns and their kinds: n numbers, w long texts, s short ones, or nothing."""
        names = self.frame.attrs.get("platforms", ())
        return [(name.capitalize() if name in names else _.head(name), self._kind(name)) for name in self.shown]

    def _kind(self, name: str) -> str:
        if (name != "community" and _numeric(self._page[name])) or (self.page is not None and name != self.shown[0]):
            return "n"
        longest = max((len(shown(value, 0, Words())) for value in self._page[name] if not missing(value)), default=0)
        return "w" if longest > WIDE else "s" if longest <= SHORT else ""

    def rows(self, _: Words) -> list[list[tuple[str, str, str]]]:
        """The cells as texts, each with the value to sort by, and the length of its bar in per cent."""
        columns = [self._cells(name, _) for name in self.shown]
        return [list(row) for row in zip(*columns, strict=True)]

    def _cells(self, name: str, _: Words) -> list[tuple[str, str, str]]:
        values = self._page[name].tolist()
        most = max((float(value) for value in values if not missing(value)), default=0) if name in self.bars else 0
        places = self.places.get(name, 1 if name in self.percent else 2)
        texts_of = [self._text(name, value, places, _) for value in values]
        bars = ["" if not most or missing(value) else f"{100 * float(value) / most:.0f}" for value in values]
        return [(text, _sort(value), bar) for text, value, bar in zip(texts_of, values, bars, strict=True)]

    def _text(self, name: str, value: Any, places: int, _: Words) -> str:
        if name in (*self.percent, *self.hundredths):
            return self._percent(name, value, 100 if name in self.percent else 1, places, _)
        return self._shown(name, _(value) if name in OURS and isinstance(value, str) else value, places, _)

    def _percent(self, name: str, value: Any, times: int, places: int, _: Words) -> str:
        return self._gone(name) if missing(value) else _.number(times * float(value), places) + "%"

    def _shown(self, name: str, value: Any, places: int, _: Words) -> str:
        return self._gone(name) if missing(value) else shown(value, places, _)

    def _gone(self, name: str) -> str:
        """The text of a missing cell; published figures are never hidden."""
        return "–" if not self.hidden or "published" in name else self.hidden

    def parameters(self, _: Words) -> list[tuple[str, str]]:
        """The parameters of the table."""
        found = self.frame.attrs.get("parameters") or {}
        return [(_.head(str(key)), shown(value, 2, _)) for key, value in found.items() if _worth_showing(value)]

    def write(self, folder: Path, english: Words) -> None:
        """Write NAME.csv and NAME.parquet into *folder*, with the study's nouns in *english*."""
        ours = {
            name: self.frame[name].map(lambda value: english(value) if isinstance(value, str) else value)
            for name in self.frame if name in OURS
        }  # fmt: skip
        made = self.frame.assign(**ours)
        made.attrs = self.frame.attrs
        write(made, folder / self.name)


def write(frame: pd.DataFrame, path: Path) -> None:
    """Write *frame* as *path*.csv (formulas escaped, UTF-8 with BOM, for spreadsheets) and *path*.parquet."""
    safe = frame.map(cell)
    safe.columns = [escape.defused(escape.clean(name)) for name in frame.columns]
    safe.to_csv(path.with_name(path.name + ".csv"), index=False, encoding="utf-8-sig")
    uniform(frame).to_parquet(path.with_name(path.name + ".parquet"), index=False)


def uniform(frame: pd.DataFrame) -> pd.DataFrame:
    """*frame* for Parquet: a column of mixed values becomes text, as a file's column has one type."""
    made = pd.DataFrame(frame).copy()
    made.attrs = {"parameters": json.dumps(frame.attrs.get("parameters") or {}, default=str, ensure_ascii=False)}
    made.columns = [str(name) for name in made.columns]
    for name in made.columns:
        kinds = {type(value) for value in made[name] if not missing(value)}
        if made[name].dtype == object and (len(kinds) > 1 or dict in kinds):
            made[name] = [None if missing(value) else str(cell(value)) for value in made[name]]
    return made


def missing(value: Any) -> bool:
    """Whether *value* is None, NaN, NaT or NA."""
    return value is None or (pd.api.types.is_scalar(value) and bool(pd.isna(value)))


def cell(value: Any) -> Any:
    """*value* for CSV: texts cleaned and escaped, lists as JSON."""
    if isinstance(value, str):
        return escape.defused(escape.clean(value))
    if isinstance(value, list | dict | tuple):
        return escape.defused(escape.clean(json.dumps(value, ensure_ascii=False, default=str)))
    return value


def shown(value: Any, places: int, _: Words) -> str:
    """*value* for the page, with untrusted texts cleaned."""
    if missing(value):
        return "–"
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    if isinstance(value, pd.Timestamp):
        return value.strftime("%Y-%m-%d %H:%M" if value.hour or value.minute else "%Y-%m-%d")
    if isinstance(value, int):
        return _.number(value)
    if isinstance(value, float):
        return _.number(value, 0 if value.is_integer() and abs(value) < 1e15 and not places else places)
    if isinstance(value, Mapping):
        return "; ".join(f"{_(str(key).replace('_', ' '))}: {shown(each, places, _)}" for key, each in value.items())
    if isinstance(value, Sequence) and not isinstance(value, str):
        return ", ".join(shown(each, places, _) for each in value)
    return escape.clean(value)


def _numeric(column: pd.Series[Any]) -> bool:
    kinds = {type(value) for value in column if not missing(value)}
    return pd.api.types.is_numeric_dtype(column) or bool(kinds & {int, float})


def _sort(value: Any) -> str:
    return "" if missing(value) else str(value) if isinstance(value, int | float) else ""


def _worth_showing(value: Any) -> bool:
    """Whether a parameter is worth showing."""
    return (
        not missing(value)
        and not (isinstance(value, list | tuple | dict | str) and not value)
        and not isinstance(value, pd.DataFrame)
    )

"""The plain page: the study's tables in one HTML file, each also as CSV and Parquet beside it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jinja2
import pandas as pd

TEMPLATES = jinja2.Environment(
    loader=jinja2.FileSystemLoader(Path(__file__).parent), autoescape=True, trim_blocks=True, lstrip_blocks=True
)


@dataclass(frozen=True)
class Section:
    """One table of the page; *figures* are SVG texts of our own making."""

    name: str  # of its files
    title: str
    table: pd.DataFrame
    note: str = ""
    figures: tuple[str, ...] = field(default=())


def write(folder: Path, sections: Iterable[Section], facts: Mapping[str, Any]) -> Path:
    """Write the page and its tables into *folder* and return the page's path.

    *facts* heads the page: name, scale or comment, when and from what it was made. Names and texts from outside are
    escaped; in CSV a cell that a spreadsheet would run as a formula gets a quote before it.
    """
    sections = list(sections)
    tables = folder / "tables"
    tables.mkdir(parents=True, exist_ok=True)
    for section in sections:
        defused(section.table).to_csv(tables / f"{section.name}.csv", index=False)
        _uniform(section.table).to_parquet(tables / f"{section.name}.parquet", index=False)
    page = folder / "report.html"
    rendered = [(s, _columns(s.table), _rows(s.table), _parameters(s.table)) for s in sections]
    text = TEMPLATES.get_template("page.html.j2").render(sections=rendered, facts=facts)
    page.write_text(text, encoding="utf-8")
    return page


def defused(table: pd.DataFrame) -> pd.DataFrame:
    """*table* for CSV: texts that begin like a formula get a quote before them, lists become JSON."""
    return table.map(_cell)


def _uniform(table: pd.DataFrame) -> pd.DataFrame:
    """*table* for Parquet: a column of mixed values becomes text, as a file's column has one type."""
    table = table.copy()
    for name in table.columns:
        kinds = {type(value) for value in table[name] if not _missing(value)}
        if table[name].dtype == object and (len(kinds) > 1 or dict in kinds):
            table[name] = [None if _missing(value) else str(_cell(value)) for value in table[name]]
    return table


def _missing(value: Any) -> bool:
    return value is None or (pd.api.types.is_scalar(value) and bool(pd.isna(value)))


def _cell(value: Any) -> Any:
    if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r"):
        return "'" + value
    if isinstance(value, list | dict | tuple):
        return json.dumps(value, ensure_ascii=False, default=str)
    return value


def _columns(table: pd.DataFrame) -> list[tuple[str, bool]]:
    return [(str(name).replace("_", " "), pd.api.types.is_numeric_dtype(table[name])) for name in table.columns]


def _rows(table: pd.DataFrame) -> list[list[str]]:
    return [[_shown(value) for value in row] for row in table.itertuples(index=False, name=None)]


def _shown(value: Any) -> str:
    if _missing(value):
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int) or (isinstance(value, float) and value.is_integer() and abs(value) < 1e15):
        return f"{int(value):,}"
    if isinstance(value, float):
        return f"{value:,.2f}"
    if isinstance(value, dict):
        return ", ".join(f"{name}: {_shown(each)}" for name, each in value.items())
    return str(value)


def _parameters(table: pd.DataFrame) -> str:
    parameters = table.attrs.get("parameters") or {}
    return ", ".join(f"{name} = {value}" for name, value in parameters.items() if value is not None)

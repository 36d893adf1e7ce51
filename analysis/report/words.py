"""The report's words in its language: English in the source, Dutch by the table nl.toml."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

WEEKDAYS = {
    "en": ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"),
    "nl": ("maandag", "dinsdag", "woensdag", "donderdag", "vrijdag", "zaterdag", "zondag"),
}
MONTHS = {
    "en": ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"),
    "nl": ("jan", "feb", "mrt", "apr", "mei", "jun", "jul", "aug", "sep", "okt", "nov", "dec"),
}


@lru_cache
def table(language: str) -> Mapping[str, str]:
    """The words of *language*, by their English."""
    path = Path(__file__).parent / f"{language}.toml"
    return tomllib.loads(path.read_text("utf-8")) if path.exists() else {}


class Words:
    """English words, called, give those of the language; numbers as it writes them."""

    def __init__(self, language: str = "en") -> None:
        """*language* is en or nl."""
        self.language = language
        self._table = table(language)

    def __call__(self, english: str) -> str:
        """*english* in the language; itself where the table has none."""
        return self._table.get(english, english)

    def number(self, value: Any, places: int = 0) -> str:
        """*value* with separators, as the language has them; – where it is missing."""
        if value is None or pd.isna(value):
            return "–"
        text = f"{float(value):,.{places}f}" if places or isinstance(value, float | np.floating) else f"{int(value):,}"
        return text.translate(str.maketrans(",.", ".,")) if self.language == "nl" else text

    def weekday(self, number: int) -> str:
        """The weekday; 0 is Monday."""
        return WEEKDAYS.get(self.language, WEEKDAYS["en"])[number]

    def month(self, number: int) -> str:
        """The month, shortened; 1 is January."""
        return MONTHS.get(self.language, MONTHS["en"])[number - 1]

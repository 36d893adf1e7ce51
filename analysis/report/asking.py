"""Findings of the report: computed once, at first use, with their SQL."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property, wraps
from typing import Any, TypeVar

import pandas as pd

from analysis.queries import Database, setting
from analysis.report.disclosure import Cells, suppressed
from analysis.report.i18n import Words
from analysis.report.sql_log import logged
from analysis.report.tables import missing
from storage.privacy.pseudonyms import Pseudonyms

T = TypeVar("T")


def finding(make: Callable[[Any], T]) -> cached_property[T]:
    """A finding computed once; its SQL is kept under its name."""

    def kept(self: Asking) -> T:
        with self.logging(make.__name__):
            return make(self)

    kept.__doc__ = make.__doc__
    return cached_property(kept)


def counting(
    cells: Cells | Callable[[Any, pd.DataFrame], Cells],
) -> Callable[[Callable[[Any], pd.DataFrame]], cached_property[pd.DataFrame]]:
    """A finding whose frame counts persons in *cells*; a report for publication hides small ones.

    A function of findings and frame is called for the cells only if there is something to hide.
    """

    def declared(make: Callable[[Any], pd.DataFrame]) -> cached_property[pd.DataFrame]:
        @wraps(make)
        def hidden(self: Asking) -> pd.DataFrame:
            frame = make(self)
            if not self.options.least or frame.empty:
                return frame
            return suppressed(frame, self.options.least, cells if isinstance(cells, Cells) else cells(self, frame))

        return finding(hidden)

    return declared


FORMATS = ("svg", "pdf", "png")  # of a figure


@dataclass(frozen=True)
class Options:
    """The inputs of a report besides the database."""

    labels: pd.DataFrame | None = None  # politicians, media ...: handle, role
    school: pd.DataFrame | None = None  # the study's own school holidays
    pseudonyms: Pseudonyms | None = None  # for a report for publication
    processes: int | None = None
    shown: int = 25  # rows of the tables of central actors
    least: int = 0  # smaller counts of persons are hidden
    language: str | None = None  # en or nl; None: the study's
    formats: Sequence[str] = FORMATS  # of the figures' files; none: no figures


class Asking:
    """A database and the inputs of its report."""

    def __init__(self, db: Database, options: Options | None = None) -> None:
        """Compute nothing yet."""
        self.db, self._statements = logged(db)
        self.options = options or Options()
        self.sql: dict[str, list[str]] = {}

    def __getstate__(self) -> dict[str, Any]:
        """The findings without database and key, to draw them in another process."""
        return {**self.__dict__, "db": None, "_statements": [], "options": replace(self.options, pseudonyms=None)}

    @contextmanager
    def logging(self, name: str) -> Iterator[None]:
        """Keep the SQL that runs within the block under *name*."""
        before = len(self._statements)
        yield
        self.sql[name] = list(dict.fromkeys([*self.sql.get(name, ()), *self._statements[before:]]))

    def setting(self, key: str, default: Any = None) -> Any:
        """The setting *key* of the study file that the database was loaded with."""
        return setting(self.db, key, default)

    @cached_property
    def english(self) -> Words:
        """The words for files, which are in English."""
        return Words("en", self.setting("population"))

    @cached_property
    def words(self) -> Words:
        """The words of the report's language."""
        return Words(self.options.language or str(self.setting("study.language", "en")), self.setting("population"))

    def few(self, *counts: Any) -> bool:
        """Whether one of the *counts* of persons is too small for a report for publication."""
        return any(not missing(count) and 0 < count < self.options.least for count in counts)

    def persons(self, count: Any) -> str:
        """*count* persons in a sentence: the number, or "fewer than"."""
        if self.few(count):
            return self.words("fewer than {least}").format(least=self.options.least)
        return self.words("some") if self.options.least and missing(count) else self.words.number(count)

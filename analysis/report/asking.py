"""How the report asks: a finding is made once, when it is first asked for, and the SQL that it ran is kept."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property, wraps
from typing import Any, TypeVar

import duckdb
import pandas as pd

from analysis.queries import setting
from analysis.report.disclosure import Cells, suppressed
from analysis.report.i18n import Words
from analysis.report.sql_log import listening
from analysis.report.tables import missing
from storage.privacy.pseudonyms import Pseudonyms

T = TypeVar("T")


def finding(make: Callable[[Any], T]) -> cached_property[T]:
    """A finding that is made once; the SQL that it ran is kept under its name."""

    def kept(self: Asking) -> T:
        with self.heard(make.__name__):
            return make(self)

    kept.__doc__ = make.__doc__
    return cached_property(kept)


def counting(
    cells: Cells | Callable[[Any, pd.DataFrame], Cells],
) -> Callable[[Callable[[Any], pd.DataFrame]], cached_property[pd.DataFrame]]:
    """A finding whose frame counts persons in *cells*, of which a report for publication hides the small ones.

    A function of findings and frame is asked for the cells only where there is something to hide.
    """

    def declared(make: Callable[[Any], pd.DataFrame]) -> cached_property[pd.DataFrame]:
        @wraps(make)
        def hidden(self: Asking) -> pd.DataFrame:
            frame = make(self)
            if not self.options.least:
                return frame
            return suppressed(frame, self.options.least, cells if isinstance(cells, Cells) else cells(self, frame))

        return finding(hidden)

    return declared


@dataclass
class Options:
    """What a report is made with beside the database."""

    labels: pd.DataFrame | None = None  # who is a politician, media ...: handle, role
    school: pd.DataFrame | None = None  # school holidays of the study's own
    pseudonyms: Pseudonyms | None = None  # of a report that can be published
    processes: int | None = None
    shown: int = 25  # rows of the tables of central actors
    least: int = 0  # cells of persons under it are hidden
    language: str | None = None  # en or nl; None: the study's


class Asking:
    """A database and what a report of it is made with."""

    def __init__(self, db: duckdb.DuckDBPyConnection, options: Options | None = None) -> None:
        """Nothing is computed yet."""
        self.db, self._statements = listening(db)
        self.options = options or Options()
        self.sql: dict[str, list[str]] = {}

    def __getstate__(self) -> dict[str, Any]:
        """What was found, without the database and the key: enough to draw it in another process."""
        return {**self.__dict__, "db": None, "_statements": [], "options": replace(self.options, pseudonyms=None)}

    @contextmanager
    def heard(self, name: str) -> Iterator[None]:
        """Keep the SQL that runs within the block under *name*."""
        before = len(self._statements)
        yield
        self.sql[name] = list(dict.fromkeys([*self.sql.get(name, ()), *self._statements[before:]]))

    def setting(self, key: str, default: Any = None) -> Any:
        """The setting *key* of the study file that the database was loaded with."""
        return setting(self.db, key, default)

    @cached_property
    def english(self) -> Words:
        """The words of files, which are in English."""
        return Words("en", self.setting("population"))

    @cached_property
    def words(self) -> Words:
        """The words of the report's language."""
        return Words(self.options.language or str(self.setting("study.language", "en")), self.setting("population"))

    def few(self, *counts: Any) -> bool:
        """Whether one of the *counts* of persons is too small to be told in a report for publication."""
        return any(not missing(count) and 0 < count < self.options.least for count in counts)

    def persons(self, count: Any) -> str:
        """*count* persons in a sentence: the number, or that they are few."""
        if self.few(count):
            return self.words("fewer than {least}").format(least=self.options.least)
        return self.words("some") if self.options.least and missing(count) else self.words.number(count)

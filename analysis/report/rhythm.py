"""Findings on the rhythm of posting; in a report for publication without values of too few accounts."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis import activity
from analysis.days import KINDS
from analysis.report.asking import Asking, counting, finding
from analysis.report.disclosure import Cells


class Rhythm(Asking):
    """The findings on days, weeks and hours."""

    @cached_property
    def scope(self) -> activity.Scope:
        """Period, zone and calendar of the activity."""
        return activity.scope_of(self.db, school=self.options.school)

    def _days_counted(self, _frame: pd.DataFrame) -> Cells:
        """The cells of `daily` that count accounts."""
        counts = {"active_accounts": ("posts", "located", "geocoded"), "gap_accounts": ("gap_share",)}
        return Cells(counts, list(self._told_of_days()), alone=("gap_accounts",), then=_without_hidden)

    @counting(_days_counted)
    def daily(self) -> pd.DataFrame:
        """A row per day; in a report for publication `hidden` marks days with too few active accounts."""
        return self._days

    @cached_property
    def _days(self) -> pd.DataFrame:
        return activity.daily(self.db, self.scope)

    def _told_of_days(self) -> Iterator[NDArray[np.intp]]:
        """The days whose posts add up to a value of another table: all, of a month, of a weekday, of a kind."""
        days, kinds = self._days, self.working_days["posts"]
        yield np.arange(len(days))
        month = pd.PeriodIndex(days.index, freq="M").astype(str)
        for name, of in self.months.set_index("month")["posts"].items():
            yield np.flatnonzero((month == name) & pd.notna(of))
        for name, of in self.weekday["posts"].items():
            yield np.flatnonzero((days["weekday"] == name) & pd.notna(of))
        working = days["kind"] == KINDS[0]
        for name, of in kinds.items():
            school = str(name).removeprefix("working day, ").removeprefix("no ").removesuffix(" holiday")
            inside = working & (days[school] != str(name).startswith("working day, no ")) if school in days else None
            yield np.flatnonzero((days["kind"] == name if inside is None else inside) & pd.notna(of))

    def _accounts(self, cell: Callable[[pd.DataFrame], pd.Series[Any]], cells: Iterable[int]) -> NDArray[Any]:
        """The distinct accounts behind each of the numbered *cells* of a table."""
        return activity.accounts_by(self.db, self.scope, cell).reindex(list(cells), fill_value=0).to_numpy()

    def _months_counted(self, frame: pd.DataFrame) -> Cells:
        """The cells of `months` that count accounts."""
        numbers = [at.year * 12 + at.month for at in pd.PeriodIndex(frame["month"], freq="M")]
        by = self._accounts(lambda of: of["day"].dt.year * 12 + of["day"].dt.month, numbers)
        return Cells({"accounts": [name for name in frame if name != "month"]}, behind={"accounts": by})

    @counting(_months_counted)
    def months(self) -> pd.DataFrame:
        """A row per month."""
        days = self._days
        month = pd.PeriodIndex(days.index, freq="M")
        frame = days.groupby(month)[["posts", "located", "geocoded"]].sum()
        few = days["active_accounts"].between(1, self.options.least - 1)
        active = days["active_accounts"].astype(float).mask(few)
        mean = active.groupby(month).agg(lambda of: of.mean(skipna=False))
        frame.insert(1, "mean_active_accounts", mean)
        made = frame.rename_axis("month").reset_index().astype({"month": str})
        made.attrs = {"parameters": days.attrs["parameters"], "hidden": int(mean.isna().sum())}
        return made

    def _weekdays_counted(self, _frame: pd.DataFrame) -> Cells:
        """The cells of `weekday` that count accounts."""
        free = self._accounts(lambda of: of["weekday"].where(of["holiday"].notna()), range(7))
        return Cells(
            {
                "accounts": ("posts", "per_day", "per_day_without_holidays"),
                "free": ("per_day_without_holidays",),  # the difference are posts on holidays
            },
            (range(5), (5, 6)),  # kinds of days give these totals
            alone=("free",),
            behind={"accounts": self._accounts(lambda of: of["weekday"], range(7)), "free": free},
        )

    @counting(_weekdays_counted)
    def weekday(self) -> pd.DataFrame:
        """A row per weekday."""
        return activity.weekday(self.db, self.scope)

    def _hours_counted(self, grid: pd.DataFrame) -> Cells:
        """The cells of `hours` that count accounts: the hours of a weekday add up."""
        by = self._accounts(lambda of: of["weekday"] * 24 + of["local"].dt.hour, range(7 * 24)).reshape(7, 24)
        behind = {f"accounts {hour}": by[:, hour] for hour in range(24)}
        return Cells(dict(zip(behind, ([hour] for hour in grid), strict=True)), (), tuple(behind), behind=behind)

    @counting(_hours_counted)
    def hours(self) -> pd.DataFrame:
        """Weekdays by hours: posts per such hour."""
        return activity.hour_by_weekday(self.db, self.scope)

    def _kinds_counted(self, frame: pd.DataFrame) -> Cells:
        """The cells of `working_days` that count accounts."""
        count, school = len(KINDS), [str(name) for name in self._days if str(name).startswith("school ")]
        kinds = self._accounts(lambda of: of["kind"].cat.codes, range(count))
        by = np.concatenate([kinds, *(self._accounts(_inside(name), range(2)) for name in school)])
        lines = [range(count), *((at, at + 1) for at in range(count, len(frame), 2))]
        return Cells({"accounts": ("posts", "per_day")}, lines, behind={"accounts": by})

    @counting(_kinds_counted)
    def working_days(self) -> pd.DataFrame:
        """Posts per kind of day."""
        return activity.working_days(self.db, self.scope)

    @finding
    def professional_use(self) -> pd.DataFrame:
        """Working days against days off, with intervals."""
        frame = activity.professional_use(self.db, self.scope, seed=self.setting("analysis.seed", 1))
        if self.options.least:
            working, *off = self.working_days["posts"].isna().loc[list(KINDS)]
            if self.few(frame.attrs["parameters"]["active_accounts"]):
                working = True
                del frame.attrs["parameters"]["active_accounts"]
            few = np.array([*off, False]) | working
            frame.loc[few] = np.nan
            frame.attrs["hidden"] = int(few.sum())
        return frame


def _without_hidden(days: pd.DataFrame) -> pd.DataFrame:
    """*days* with means over visible days only, as hidden ones could be derived."""
    means = {f"posts_{window}": days["posts"].astype(float).rolling(window).mean() for window in (7, 30)}
    return days.assign(hidden=days["active_accounts"].isna(), **means)


def _inside(school: str) -> Callable[[pd.DataFrame], pd.Series[Any]]:
    """The cell of a working day: 0 inside the *school* holidays, 1 outside them."""
    return lambda of: (~of[school].astype(bool)).astype("Int64").where(of["kind"] == KINDS[0])

"""What the report tells of the rhythm of posting; in one for publication without what rests on too few accounts."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis import activity
from analysis.days import KINDS
from analysis.report.asking import Asking, finding
from analysis.report.disclosure import Line


class Rhythm(Asking):
    """The findings on days, weeks and hours."""

    @cached_property
    def scope(self) -> activity.Scope:
        """Period, zone and calendar of the activity."""
        return activity.scope_of(self.db, school=self.options.school)

    @finding
    def daily(self) -> pd.DataFrame:
        """A row a day; in a report for publication `hidden` says on which too few accounts were active to be told."""
        frame = self._days
        if not self.options.least:
            return frame
        frame = self.small(frame, {"active_accounts": ("posts", "located", "geocoded")}, list(self._told_of_days()))
        days = frame.attrs["hidden"]
        frame = self.small(frame, {"gap_accounts": ("gap_share",)}, ())
        frame["hidden"] = frame["active_accounts"].isna()
        frame["active_accounts"], frame.attrs["hidden"] = frame["active_accounts"].astype("Int64"), days
        for window in (7, 30):  # without the hidden days, or these could be worked out
            frame[f"posts_{window}"] = frame["posts"].astype(float).rolling(window).mean()
        return frame

    @cached_property
    def _days(self) -> pd.DataFrame:
        return activity.daily(self.db, self.scope)

    def _told_of_days(self) -> Iterator[NDArray[np.intp]]:
        """The days whose posts add up to what another table tells: all, of a month, of a weekday, of a kind."""
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

    def _of_accounts(
        self, frame: pd.DataFrame, accounts: Any, derived: tuple[Any, ...], lines: Iterable[Line] | None = None
    ) -> pd.DataFrame:
        """*frame* without the rows that rest on too few *accounts* (a number a row)."""
        counted = frame.assign(accounts=accounts)
        counted.attrs = frame.attrs
        return self.small(counted, {"accounts": derived}, lines).drop(columns="accounts")

    @finding
    def months(self) -> pd.DataFrame:
        """A row a month."""
        days = self._days
        month = pd.PeriodIndex(days.index, freq="M")
        frame = days.groupby(month)[["posts", "located", "geocoded"]].sum()
        few = days["active_accounts"].between(1, self.options.least - 1)
        active = days["active_accounts"].astype(float).mask(few)
        mean = active.groupby(month).agg(lambda of: of.mean(skipna=False))
        frame.insert(1, "mean_active_accounts", mean)
        frame.attrs = {"parameters": days.attrs["parameters"]}
        if self.options.least:
            by = activity.accounts_by(self.db, self.scope, lambda of: of["day"].dt.year * 12 + of["day"].dt.month)
            numbers = [at.year * 12 + at.month for at in frame.index]
            frame = self._of_accounts(frame, by.reindex(numbers, fill_value=0).to_numpy(), tuple(map(str, frame)))
            frame.attrs["hidden"] += int(mean.isna().sum())
        made = frame.rename_axis("month").reset_index()
        made["month"] = made["month"].astype(str)
        made.attrs = frame.attrs
        return made

    @finding
    def weekday(self) -> pd.DataFrame:
        """A row a weekday."""
        frame = activity.weekday(self.db, self.scope)
        if not self.options.least:
            return frame
        by = activity.accounts_by(self.db, self.scope, lambda of: of["weekday"])
        free = activity.accounts_by(self.db, self.scope, lambda of: of["weekday"].where(of["holiday"].notna()))
        derived = ("posts", "per_day", "per_day_without_holidays")
        accounts = by.reindex(frame.index, fill_value=0).to_numpy()
        made = self._of_accounts(frame, accounts, derived, (range(5), (5, 6)))  # kinds of days tell these totals
        few = free.reindex(frame.index, fill_value=0).between(1, self.options.least - 1)
        made["per_day_without_holidays"] = made["per_day_without_holidays"].mask(few)  # the rest are posts on holidays
        made.attrs["hidden"] += int(few.sum())
        return made

    @finding
    def hours(self) -> pd.DataFrame:
        """Weekdays by hours: posts per such hour."""
        grid = activity.hour_by_weekday(self.db, self.scope)
        if not self.options.least:
            return grid
        by = activity.accounts_by(self.db, self.scope, lambda of: of["weekday"] * 24 + of["local"].dt.hour)
        cells = pd.DataFrame({"rate": grid.to_numpy(dtype=float).ravel()})
        week = np.arange(7 * 24).reshape(7, 24)
        told = self._of_accounts(cells, by.reindex(cells.index, fill_value=0).to_numpy(), ("rate",), week)
        made = pd.DataFrame(told["rate"].to_numpy().reshape(7, 24), grid.index, grid.columns)
        made.attrs = dict(grid.attrs) | {"hidden": told.attrs["hidden"]}
        return made

    @finding
    def working_days(self) -> pd.DataFrame:
        """Posts per kind of day."""
        frame = activity.working_days(self.db, self.scope)
        if not self.options.least:
            return frame
        count = len(KINDS)
        school = [str(name) for name in self._days if str(name).startswith("school ")]
        cells = [lambda of: of["kind"].cat.codes, *(_inside(name) for name in school)]
        parts = [activity.accounts_by(self.db, self.scope, cell) for cell in cells]
        by = [part.reindex(range(count if not at else 2), fill_value=0).to_numpy() for at, part in enumerate(parts)]
        lines = [range(count), *((at, at + 1) for at in range(count, len(frame), 2))]
        return self._of_accounts(frame, np.concatenate(by), ("posts", "per_day"), lines)

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


def _inside(school: str) -> Callable[[pd.DataFrame], pd.Series[Any]]:
    """The cell of a working day: 0 inside the *school* holidays, 1 outside them."""
    return lambda of: (~of[school].astype(bool)).astype("Int64").where(of["kind"] == KINDS[0])

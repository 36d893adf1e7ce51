"""The calendar of a study: the days of its period, their kinds and hours."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from storage import csvfile
from storage.errors import UserError

WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
KINDS = ("working day", "weekend", "public holiday")
SCHOOL = ("region", "name", "first_day", "last_day")


def calendar(first: date, last: date, country: str = "NL", school: pd.DataFrame | None = None) -> pd.DataFrame:
    """A row per day from *first* to *last* inclusive, indexed by day.

    Columns: weekday (0 is Monday), holiday (its name, or missing), kind (working day, weekend, or public holiday: one
    that falls on a working day), and of *school* holidays a column `school REGION` (true or false) each.
    """
    import holidays

    days = pd.date_range(first, last, freq="D", name="day")
    known = holidays.country_holidays(country, years=range(first.year, last.year + 1))
    frame = pd.DataFrame({"weekday": days.day_of_week}, index=days)
    frame["holiday"] = pd.Series([known.get(day.date()) for day in days], index=days, dtype="object")
    kind = pd.Series(KINDS[0], index=days, dtype="object")
    kind[frame["holiday"].notna()] = KINDS[2]
    kind[frame["weekday"] >= 5] = KINDS[1]
    frame["kind"] = pd.Categorical(kind, categories=KINDS)
    for region, spans in (school if school is not None else pd.DataFrame(columns=SCHOOL)).groupby("region"):
        free = pd.Series(False, index=days)
        for begin, end in zip(spans["first_day"], spans["last_day"], strict=True):
            free[pd.Timestamp(begin) : pd.Timestamp(end)] = True
        frame[f"school {region}"] = free
    return frame


def known_school_holidays(first: date, last: date, regions: Iterable[str], country: str = "NL") -> pd.DataFrame:
    """The school holidays of the holidays package, a row per day and region: region, name, first_day, last_day.

    For the Netherlands that is 2014 to 2030, regions Noord, Midden and Zuid. Raise UserError for a region or year that
    it does not cover, as an unknown day is not a school day.
    """
    import holidays

    years, rows = range(first.year, last.year + 1), []
    for region in regions:
        for year in years:
            try:
                known = holidays.country_holidays(country, subdiv=region, years=year, categories=("school",))
            except (NotImplementedError, ValueError):
                there = ", ".join(getattr(holidays, country).subdivisions) if hasattr(holidays, country) else "none"
                raise UserError(
                    f"analysis.school_regions: no school holidays known for {region!r}; the regions of {country} "
                    f"are {there}; add others with the file school_holidays"
                ) from None
            if not known:
                raise UserError(
                    f"analysis.school_regions: no school holidays known for {year}; add them with the file "
                    "school_holidays, or choose a later first_day"
                )
            rows += [(region, name, pd.Timestamp(day), pd.Timestamp(day)) for day, name in known.items()]
    return pd.DataFrame(rows, columns=list(SCHOOL))


def school_holidays(path: Path, regions: Iterable[str] = ()) -> pd.DataFrame:
    """The school holidays of a CSV file with region,name,first_day,last_day; only of *regions*, if given.

    Raise UserError with the line of a mistake.
    """
    names, rows = csvfile.records(path, SCHOOL)
    frame = pd.DataFrame([row for _, row in rows], columns=names, dtype=str)
    if missing := [name for name in SCHOOL if name not in frame.columns]:
        raise UserError(f"{path}: the column {missing[0]!r} is missing; the first line should be {','.join(SCHOOL)}")
    for column in ("first_day", "last_day"):
        days = pd.to_datetime(frame[column], format="%Y-%m-%d", errors="coerce")
        if days.isna().any():
            line = int(days.isna().to_numpy().argmax()) + 2
            raise UserError(f"{path}, line {line}: {column} should be a day such as 2012-07-21")
        frame[column] = days
    wanted = list(regions)
    if unknown := sorted(set(wanted) - set(frame["region"])):
        raise UserError(f"{path}: no region {unknown[0]!r}; it has {', '.join(sorted(set(frame['region'])))}")
    return frame[frame["region"].isin(wanted)] if wanted else frame


def hours(first: date, last: date, zone: str) -> pd.DataFrame:
    """The number of hours by weekday (rows, 0 is Monday) and hour (columns) in the days from *first* to *last*.

    Summer time follows the clock: the skipped hour is missing, the repeated one counts twice.
    """
    begin = pd.Timestamp(first).tz_localize(zone)
    end = (pd.Timestamp(last) + pd.Timedelta(days=1)).tz_localize(zone)
    quarters = pd.date_range(begin, end, freq="15min", inclusive="left")
    return week(np.bincount(quarters.day_of_week * 24 + quarters.hour, minlength=7 * 24).reshape(7, 24) / 4)


def week(grid: np.ndarray[Any, Any]) -> pd.DataFrame:
    """A grid of 7 weekdays (rows, 0 is Monday) by 24 hours as a frame."""
    rows, columns = pd.RangeIndex(7, name="weekday"), pd.RangeIndex(24, name="hour")
    return pd.DataFrame(grid, index=rows, columns=columns)

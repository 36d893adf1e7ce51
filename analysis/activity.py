"""The rhythm of posting: per day, weekday and hour (Graphs 11 and 12), and working days against days off.

SQL counts in UTC bins of 15 minutes, which fit the hours of every time zone; only the bins are
converted to local time.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from datetime import date
from typing import Any

import numpy as np
import pandas as pd

from analysis.days import KINDS, WEEKDAYS, calendar, hours, known_school_holidays, week
from analysis.queries import TIMELINES, Database, number, query, setting, timeline_posts, with_parameters

QUARTER = 900  # seconds
BIN = f"epoch_us(created_at) // {QUARTER * 1_000_000}"
LOCATED = "timeline_of IN (SELECT account_id FROM accounts WHERE trim(location) <> '')"
GEOCODED = "longitude IS NOT NULL OR place IS NOT NULL"


@dataclass(frozen=True)
class Scope:
    """The posts to count: time zone, period (None: from the first to the last post), and accounts."""

    timezone: str = "Europe/Amsterdam"
    first_day: date | None = None
    last_day: date | None = None
    accounts: str | None = None  # see analysis.queries.timeline_posts
    country: str = "NL"  # of the public holidays
    school_regions: tuple[str, ...] = ()  # whose school holidays are distinguished
    school: pd.DataFrame | None = None  # from a file: analysis.days.school_holidays; None: those of the library


def scope_of(db: Database, **changes: Any) -> Scope:
    """The scope set in the study file, with *changes*."""
    first, last = setting(db, "study.first_day"), setting(db, "study.last_day")
    scope = Scope(
        timezone=setting(db, "study.timezone", "Europe/Amsterdam"),
        first_day=date.fromisoformat(first) if first else None,
        last_day=date.fromisoformat(last) if last else None,
        country=setting(db, "analysis.holiday_country", "NL"),
        school_regions=tuple(setting(db, "analysis.school_regions", ())),
    )
    return replace(scope, **changes)


@dataclass(frozen=True)
class _Counted:
    """Posts by bin with the bins' local time, the calendar, and the parameters for attrs."""

    bins: pd.DataFrame  # bin, posts, ..., local, day
    calendar: pd.DataFrame
    source: str
    parameters: dict[str, Any]


def _count(db: Database, scope: Scope | None, counts: str = "") -> _Counted:
    """Count the posts of *scope* by bin, with further *counts* (SQL columns)."""
    scope = scope or scope_of(db)
    source, accounts = timeline_posts(db, scope.accounts)
    bins = query(db, f"SELECT {BIN} AS bin, count(*) AS posts{counts} FROM {source} GROUP BY ALL ORDER BY 1")
    without = int(bins.loc[bins["bin"].isna(), "posts"].sum())
    bins = bins[bins["bin"].notna()].astype({"bin": "int64"}).reset_index(drop=True)
    bins["local"] = pd.to_datetime(bins["bin"] * QUARTER, unit="s", utc=True).dt.tz_convert(scope.timezone)
    bins["day"] = bins["local"].dt.tz_localize(None).dt.normalize()
    first, last = _period(bins, scope)
    inside = (bins["day"] >= first) & (bins["day"] <= last) if first is not None else bins["day"].isna()
    parameters = asdict(replace(scope, school=None)) | {
        "accounts": accounts, "first_day": first.date() if first is not None else None,
        "last_day": last.date() if last is not None else None, "posts_without_time": without,
        "posts_outside_period": int(bins.loc[~inside, "posts"].sum()),
    }  # fmt: skip
    days = _no_days() if first is None else _calendar(first.date(), last.date(), scope)
    return _Counted(bins[inside].reset_index(drop=True), days, source, parameters)


def _period(bins: pd.DataFrame, scope: Scope) -> tuple[Any, Any]:
    """The first and last day: as set, else of the posts; None, None if there is neither."""
    first = pd.Timestamp(scope.first_day) if scope.first_day else bins["day"].min()
    last = pd.Timestamp(scope.last_day) if scope.last_day else bins["day"].max()
    return (None, None) if pd.isna(first) or pd.isna(last) else (first, last)


def _calendar(first: date, last: date, scope: Scope) -> pd.DataFrame:
    school = scope.school
    if school is None and scope.school_regions:
        school = known_school_holidays(first, last, scope.school_regions, scope.country)
    return calendar(first, last, scope.country, school)


def _no_days() -> pd.DataFrame:
    """An empty calendar."""
    return calendar(date(2013, 1, 1), date(2013, 1, 1)).iloc[:0]


def daily(db: Database, scope: Scope | None = None) -> pd.DataFrame:
    """Graphs 11 and 12: a row per day, for every day of the period, indexed by day in the study's time zone.

    Columns: posts, active_accounts (distinct), located (posts whose author gives a location in the current account),
    geocoded (posts with coordinates or a place), posts_7 and posts_30 (mean of the last 7 and 30 days; missing until
    there are as many), gap_accounts (accounts whose posts of that day were not collected), gap_share (of all the
    accounts that have posts), and those of analysis.days.calendar. Posts without a time are counted in
    attrs["parameters"]["posts_without_time"].
    """
    counted = _count(db, scope, f", count(*) FILTER ({LOCATED}) AS located, count(*) FILTER ({GEOCODED}) AS geocoded")
    days = counted.calendar
    sums = counted.bins.groupby("day")[["posts", "located", "geocoded"]].sum()
    frame = sums.reindex(days.index, fill_value=0).astype("int64")
    frame.insert(1, "active_accounts", _active(db, counted).reindex(days.index, fill_value=0).astype("int64"))
    for window in (7, 30):
        frame[f"posts_{window}"] = frame["posts"].rolling(window).mean()
    frame["gap_accounts"] = _gaps(db, counted)
    everyone = number(db, f"SELECT count(DISTINCT timeline_of) FROM {counted.source}")
    frame["gap_share"] = frame["gap_accounts"] / max(everyone, 1)
    return with_parameters(frame.join(days), **counted.parameters)


def _joined(db: Database, counted: _Counted, columns: pd.DataFrame, sql: str) -> pd.DataFrame:
    """The result of *sql* over `counted` (the posts with the *columns* of their bin)."""
    bins = pd.concat([counted.bins[["bin"]], columns], axis=1)
    posts = f"(SELECT p.timeline_of, b.* FROM {counted.source} AS p JOIN bins_of_activity AS b ON b.bin = {BIN})"
    db.register("bins_of_activity", bins)  # not on a cursor, which would not find the tables of a lake
    try:
        return query(db, f"WITH counted AS {posts} {sql}")
    finally:
        db.unregister("bins_of_activity")


def _active(db: Database, counted: _Counted) -> pd.Series[Any]:
    """Distinct accounts that posted, by day."""
    if counted.bins.empty:
        return pd.Series(dtype="int64")
    place = (counted.bins["day"] - counted.calendar.index[0]).dt.days.rename("place")
    sql = "SELECT place, count(*) AS accounts FROM (SELECT DISTINCT place, timeline_of FROM counted) GROUP BY place"
    found = _joined(db, counted, place.to_frame(), sql).set_index("place")["accounts"]
    found.index = counted.calendar.index[found.index]
    return found


def accounts_by(db: Database, scope: Scope | None, cell: Callable[[pd.DataFrame], pd.Series[Any]]) -> pd.Series[Any]:
    """Distinct accounts behind each cell of a table, indexed by cell, the persons behind a count of posts.

    *cell* returns the number of the cell of each bin, from a frame with its local time (`local`) and
    day (`day` and the columns of the calendar); a missing cell is not counted.
    """
    counted = _count(db, scope)
    if counted.bins.empty:
        return pd.Series(dtype="int64")
    cells = cell(counted.bins.join(counted.calendar, on="day")).astype("Int64").rename("cell")
    sql = "SELECT cell, count(DISTINCT timeline_of) AS accounts FROM counted WHERE cell IS NOT NULL GROUP BY cell"
    return _joined(db, counted, cells.to_frame(), sql).set_index("cell")["accounts"]


# The part of a timeline between the oldest post of a walk cut short and the mark of the previous walk.
GAPS = """
WITH cut AS (
    SELECT walk, key, coalesce(nullif(low_water, ''), nullif(until_id, '')) AS mark FROM gaps
    WHERE closed_at IS NULL AND {timelines}
), oldest AS (
    SELECT a.walk, min(p.created_at) AS moment FROM {source} AS p JOIN (
        SELECT DISTINCT record_id, walk FROM answers WHERE walk IN (SELECT walk FROM cut)
    ) AS a USING (record_id) GROUP BY a.walk
)
SELECT DISTINCT c.key, coalesce(m.created_at, u.created_at) AS since, o.moment AS until
FROM cut AS c JOIN oldest AS o USING (walk) LEFT JOIN posts AS m ON m.post_id = c.mark
LEFT JOIN accounts AS u ON u.account_id = c.key
"""


def _gaps(db: Database, counted: _Counted) -> pd.Series[Any]:
    """By day, the accounts whose posts may be missing because their timeline was cut short."""
    days = counted.calendar.index
    missing = np.zeros(len(days) + 1, dtype=np.int64)
    if not len(days) or not number(db, f"SELECT count(*) FROM gaps WHERE closed_at IS NULL AND {TIMELINES}"):
        return pd.Series(missing[:-1], index=days)
    zone = counted.parameters["timezone"]
    for since, until in query(db, GAPS.format(source=counted.source, timelines=TIMELINES))[
        ["since", "until"]
    ].itertuples(index=False):
        first = 0 if pd.isna(since) else days.searchsorted(_local_day(since, zone))
        past = days.searchsorted(_local_day(until, zone), side="right")
        missing[first] += 1
        missing[max(first, past)] -= 1
    return pd.Series(missing.cumsum()[:-1], index=days)


def _local_day(moment: Any, zone: str) -> pd.Timestamp:
    """Midnight of the local day of *moment*, without a zone."""
    return pd.Timestamp(moment).tz_convert(zone).tz_localize(None).normalize()


def weekday(db: Database, scope: Scope | None = None) -> pd.DataFrame:
    """A row per weekday: its days in the period, the posts on them, and posts per such day.

    Columns: name, days, posts, per_day, holidays (public ones among the days), per_day_without_holidays.
    """
    counted = _count(db, scope)
    days = _days(counted)
    frame = days.groupby("weekday").agg(days=("posts", "size"), posts=("posts", "sum")).reindex(range(7), fill_value=0)
    frame.insert(0, "name", list(WEEKDAYS))
    frame["per_day"] = frame["posts"] / frame["days"].where(frame["days"] > 0)
    frame["holidays"] = days["holiday"].notna().groupby(days["weekday"]).sum().reindex(range(7), fill_value=0)
    plain = days[days["holiday"].isna()].groupby("weekday")["posts"].mean()
    frame["per_day_without_holidays"] = plain.reindex(range(7))
    return with_parameters(frame, **counted.parameters)


def _days(counted: _Counted) -> pd.DataFrame:
    """The calendar with the posts of each day."""
    posts = counted.bins.groupby("day")["posts"].sum().reindex(counted.calendar.index, fill_value=0)
    return counted.calendar.assign(posts=posts.astype("int64"))


def hour_by_weekday(db: Database, scope: Scope | None = None, value: str = "rate") -> pd.DataFrame:
    """A grid of 7 weekdays (rows, 0 is Monday) by 24 hours: posts per such hour of the period, or posts.

    *value* is "rate" or "posts". The hour skipped or repeated by summer time is counted by the clock.
    """
    if value not in ("rate", "posts"):
        raise ValueError(f"value is rate or posts, not {value!r}")
    counted = _count(db, scope)
    bins, local = counted.bins, counted.bins["local"].dt
    cells = np.bincount(local.day_of_week * 24 + local.hour, weights=bins["posts"], minlength=7 * 24)
    grid = week(cells.reshape(7, 24))
    if value == "rate":
        if counted.calendar.empty:
            grid = grid.astype(float) * np.nan
        else:
            ends = counted.calendar.index[[0, -1]]
            there = hours(ends[0].date(), ends[1].date(), counted.parameters["timezone"])
            grid = grid / there.where(there > 0)
    return with_parameters(grid.astype("int64" if value == "posts" else float), value=value, **counted.parameters)


def working_days(db: Database, scope: Scope | None = None) -> pd.DataFrame:
    """Posts per working day, weekend day and public holiday; with school holidays, of working days in and outside them.

    A public holiday in a weekend is a weekend day. Columns: days, posts, per_day.
    """
    counted = _count(db, scope)
    days = _days(counted)
    groups = {kind: days["kind"] == kind for kind in KINDS}
    for column in [name for name in days.columns if name.startswith("school ")]:
        groups[f"working day, {column} holiday"] = groups[KINDS[0]] & days[column]
        groups[f"working day, no {column} holiday"] = groups[KINDS[0]] & ~days[column]
    rows = [(kind, int(of.sum()), int(days.loc[of, "posts"].sum())) for kind, of in groups.items()]
    frame = pd.DataFrame(rows, columns=["kind", "days", "posts"]).set_index("kind")
    frame["per_day"] = frame["posts"] / frame["days"].where(frame["days"] > 0)
    return with_parameters(frame, **counted.parameters)


def professional_use(
    db: Database, scope: Scope | None = None, resamples: int = 2_000, seed: int = 1, level: float = 0.95
) -> pd.DataFrame:
    """The ratio of posts on a working day to a weekend day, a public holiday, or either.

    Columns: working (posts per working day), off (posts per such day), ratio, low, high: the percentile interval of a
    bootstrap by account, because accounts are the sampling unit and not posts (Efron & Tibshirani 1993, chapter 13).
    Accounts without a post in the period are left out; the ratio would be the same with them.
    """
    counted = _count(db, scope)
    days = counted.calendar["kind"].value_counts().reindex(KINDS, fill_value=0).to_numpy(dtype=float)
    posts = _by_account(db, counted)
    rates = np.vstack([posts.sum(axis=0), _resampled(posts, resamples, seed)])
    off_posts = np.column_stack([rates[:, 1], rates[:, 2], rates[:, 1] + rates[:, 2]])
    off_days = np.array([days[1], days[2], days[1] + days[2]])
    with np.errstate(divide="ignore", invalid="ignore"):
        working, off = rates[:, :1] / days[0], off_posts / off_days
        ratio = working / off
    tail = (1 - level) / 2
    # a resample without posts on days off has no ratio
    low, high = pd.DataFrame(ratio[1:]).quantile([tail, 1 - tail]).to_numpy()
    frame = pd.DataFrame(
        {"working": np.repeat(working[0], 3), "off": off[0], "ratio": ratio[0], "low": low, "high": high},
        index=pd.Index([KINDS[1], KINDS[2], f"{KINDS[1]} or {KINDS[2]}"], name="against"),
    )
    return with_parameters(
        frame, resamples=resamples, seed=seed, level=level, active_accounts=len(posts), **counted.parameters
    )


def _by_account(db: Database, counted: _Counted) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Posts of each account (rows) on working days, weekends and public holidays (columns)."""
    if counted.bins.empty:
        return np.zeros((0, 3))
    kind = counted.calendar["kind"].cat.codes.reindex(counted.bins["day"]).reset_index(drop=True).rename("kind")
    counts = ", ".join(f"count(*) FILTER (kind = {code}) AS k{code}" for code in range(3))
    sql = f"SELECT {counts} FROM counted GROUP BY timeline_of ORDER BY timeline_of"
    return _joined(db, counted, kind.to_frame(), sql).to_numpy(dtype=float)


def _resampled(posts: np.ndarray[Any, Any], resamples: int, seed: int) -> np.ndarray[Any, Any]:
    """Sums over accounts drawn with replacement, a row per resample; in steps, to limit memory."""
    rng, accounts = np.random.default_rng(seed), len(posts)
    if not accounts:
        return np.zeros((0, 3))
    step = max(1, 4_000_000 // accounts)
    share = np.full(accounts, 1 / accounts)
    parts = [
        rng.multinomial(accounts, share, size=min(step, resamples - start)) @ posts
        for start in range(0, resamples, step)
    ]
    return np.vstack(parts)

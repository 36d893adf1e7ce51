"""What the values of the study file may be: time zones, rules in SQL, schedules, days, countries."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, Field

from storage.sampling.rules import COLUMNS, ORDER
from storage.tomlfile import nearest

RENAMED = {
    "civil_servants_connected": "connected_with_members", "civil_servants": "members", "ministry": "group_name",
}  # fmt: skip


def _zone(name: str) -> str:
    """*name*, if it is a time zone."""
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise ValueError("should be a time zone such as Europe/Amsterdam or UTC") from None
    return name


def _rule(rule: str) -> str:
    """*rule*, if it is a keyword or an SQL condition over the candidates that DuckDB accepts."""
    if rule not in ("seeds", "members", "everyone"):
        _accepted(rule, f"WHERE ({rule}\n)", "seeds, members, everyone or an SQL condition over the candidates")
    return rule


def _order(order: str) -> str:
    """*order*, if DuckDB accepts it as an order of the candidates."""
    _accepted(order, f"ORDER BY {order}", f"an order of the candidates in SQL, such as {ORDER!r}")
    return order


def _accepted(words: str, clause: str, wanted: str) -> None:
    """Raise ValueError unless *clause* (which contains *words*) is SQL over the candidates."""
    import duckdb

    with duckdb.connect(config={"enable_external_access": False}) as db:
        db.execute(f"CREATE TABLE candidates ({', '.join(f'{name} {kind}' for name, (kind, _) in COLUMNS.items())})")
        try:
            db.execute(f"EXPLAIN SELECT * FROM candidates {clause}")
        except duckdb.Error as error:
            for old, new in RENAMED.items():
                if re.search(rf"\b{old}\b", words):
                    raise ValueError(f"should use {new}, the new name of {old}") from None
            why = str(error).splitlines()[0]
            if name := re.search(r'Referenced column "([^"]+)" not found', why):
                why = f"no column {name[1]!r}; the columns are {', '.join(COLUMNS)}"
            raise ValueError(f"should be {wanted} ({why})") from None


_CRON = re.compile(r"[\d*/,-]+")
_NAMES = re.compile(r"(?:\*|\d+(?:-\d+)?)(?:/\d+)?|[a-z]+(?:-[a-z]+)?", re.I)  # APScheduler ignores what follows


def _cron(line: str) -> str:
    """*line*, if it has five fields and its weekdays are names (0 is Sunday for some, Monday for others)."""
    fields = line.split()
    if len(fields) != 5:
        raise ValueError("should have five fields: minute hour day month weekday, for example '30 3 * * *'")
    if re.search(r"\d", fields[4]):
        raise ValueError("should name its weekdays (mon-fri), because numbers mean different days in different crons")
    if not all(_CRON.fullmatch(field) for field in fields[:3]):
        raise ValueError("should hold numbers, *, /, - and commas in minute, hour and day")
    if not all(_NAMES.fullmatch(part) for field in fields[3:] for part in field.split(",")):
        raise ValueError("should have names, hyphens and commas in month and weekday, for example jan,mar or mon-fri")
    from apscheduler.triggers.cron import CronTrigger

    names = ("minute", "hour", "day", "month", "day_of_week")
    try:
        trigger = CronTrigger(**dict(zip(names, fields, strict=True)), timezone=UTC)
    except ValueError as error:  # a reversed range, a value out of range, an unknown name
        fix = "; write a range over the end as a list: sun,mon" if "in a range" in str(error) else ""
        raise ValueError(f"should be a schedule: {error}{fix}") from None
    if trigger.get_next_fire_time(None, datetime(2024, 1, 1, tzinfo=UTC)) is None:
        raise ValueError("should match some date, but no date matches it")
    return line


def _country(code: str) -> str:
    """*code*, if the holidays of that country are known."""
    if code == "NL":
        return code  # importing the library takes half a second
    import holidays

    known = holidays.list_supported_countries(include_aliases=False)
    if code not in known:
        raise ValueError(f"should be the two-letter code of a country with known holidays; {nearest(code, known)}")
    return code


EARLIEST = date(1990, 1, 1)  # before the first web page
AHEAD = 10  # years


def _day(day: date) -> date:
    """*day*, if a study can begin or end on it: some tables have a row per day of the period."""
    if day < EARLIEST:
        raise ValueError(f"should be a day since {EARLIEST}, the year of the web, not {day}")
    if day.year > datetime.now(UTC).year + AHEAD:
        raise ValueError(f"should be a day within {AHEAD} years from now, not {day}")
    return day


Zone = Annotated[str, AfterValidator(_zone)]
Rule = Annotated[str, AfterValidator(_rule)]
Order = Annotated[str, AfterValidator(_order)]
Tie = Literal["connections", "following", "followers", "mentions", "replies", "reposts", "lists"]
Cron = Annotated[str, AfterValidator(_cron)]
Day = Annotated[date, AfterValidator(_day)]
Country = Annotated[str, AfterValidator(_country)]
Count = Annotated[int, Field(ge=0)]
Source = Literal["positions", "bio", "fields", "links", "domain", "list", "decisions"]

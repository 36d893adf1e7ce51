"""Values from JSON of unknown quality: the value if it has the expected type, else None. Nothing is guessed."""

from __future__ import annotations

import json
import re
import unicodedata
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import msgspec

_decode = msgspec.json.Decoder().decode
_MONTHS = {
    name: number
    for number, name in enumerate(
        ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"), 1
    )
}
_OLD = re.compile(r"[A-Z][a-z]{2} ([A-Z][a-z]{2}) (\d\d) (\d\d):(\d\d):(\d\d) ([+-])(\d\d)(\d\d) (\d{4})")
_DAY = re.compile(r"(?:(\d{1,2})\.? (?:de )?)?(?:([^\W\d_]{3,})\.? (?:de )?)?(\d{4})")
# the first letters of the months in English, Dutch, German, French and Spanish, without accents
_MONTH = re.compile(
    "(jan|ene)|(feb|fev)|(mar|mrt|maa|mrz|mae)|(apr|avr|abr)|(ma[iy]|mei)|(jun|juin)|(jul|juil)|(aug|aou|ago)|(sep)|"
    "(o[ck]t)|(nov)|(de[cz]|dic)"
)


def decode(raw: bytes) -> Any:
    """The JSON value in *raw*, half surrogates replaced. Raise ValueError (also for too deep nesting)."""
    try:
        return _decode(raw)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
    except msgspec.DecodeError as error:
        if b"\\u" not in raw:
            raise ValueError(_reason(error)) from error
    return _lenient(raw)


def _lenient(raw: bytes) -> Any:
    """Decode what msgspec rejects and JSON allows: escapes of half a surrogate pair."""
    try:
        value = json.loads(raw)
        clean = json.dumps(value, ensure_ascii=False).encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        return json.loads(clean)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
    except ValueError as error:
        raise ValueError(_reason(error)) from error


def _reason(error: Exception) -> str:
    return f"not JSON: {error}"


def get(value: Any, *path: str | int) -> Any:
    """The value at *path* under *value*; None if a step is missing."""
    for step in path:
        if isinstance(value, dict):
            value = value.get(step)
        elif isinstance(value, list) and isinstance(step, int):
            value = value[step] if -len(value) <= step < len(value) else None
        else:
            return None
    return value


def record(value: Any) -> dict[str, Any]:
    """*value* if it is an object, else an empty one."""
    return value if isinstance(value, dict) else {}


def each(value: Any) -> list[Any]:
    """*value* if it is a list, else an empty one."""
    return value if isinstance(value, list) else []


def text(value: Any) -> str | None:
    """*value* if it is a non-empty string."""
    return value if isinstance(value, str) and value.strip() else None


def ident(*values: Any) -> str | None:
    """The first of *values* that can be an id: a string, or an integer; never a float, which has lost digits."""
    for value in values:
        if isinstance(value, str) and value.strip() and value != "0":
            return value.strip()
        if isinstance(value, int) and not isinstance(value, bool) and value > 0:
            return str(value)
    return None


def number(value: Any) -> int | None:
    """*value* as a count that fits 64 bits."""
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 19:
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 1 << 63 else None


def real(value: Any) -> float | None:
    """*value* as a finite number."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if abs(value) <= 1e9 else None


def flag(value: Any) -> bool | None:
    """*value* if it is true or false."""
    return value if isinstance(value, bool) else None


def moment(value: Any) -> datetime | None:
    """*value* as a time in UTC: `Sat Jun 25 19:09:37 +0000 2016`, or ISO 8601 with a zone."""
    if not isinstance(value, str):
        return None
    try:
        if match := _OLD.fullmatch(value):
            month, day, hour, minute, second, sign, hours, minutes, year = match.groups()
            offset = timedelta(hours=int(hours), minutes=int(minutes)) * (-1 if sign == "-" else 1)
            zone = timezone(offset) if offset else UTC
            when = datetime(int(year), _MONTHS[month], int(day), int(hour), int(minute), int(second), tzinfo=zone)
        else:
            when = datetime.fromisoformat(value)
        return when.astimezone(UTC) if when.tzinfo else None
    except (ValueError, KeyError, OverflowError):
        return None


def from_epoch(milliseconds: Any) -> datetime | None:
    """The time *milliseconds* after 1970."""
    if isinstance(milliseconds, str) and milliseconds.isascii() and milliseconds.isdigit():
        milliseconds = int(milliseconds[:20])
    if isinstance(milliseconds, bool) or not isinstance(milliseconds, int | float):
        return None
    try:
        return datetime.fromtimestamp(milliseconds / 1000, UTC)
    except (ValueError, OverflowError, OSError):
        return None


def day(value: str | None) -> str | None:
    """A date from an export (`15 Mar 2024`, `Mar 2015`, `2011`) in ISO; others unchanged; None for an empty one.

    Months are read in English, Dutch, German, French and Spanish.
    """
    value = (value or "").strip()
    match = _DAY.fullmatch(value)
    if not match:
        return value or None
    number_, named, year = match.groups()
    bare = unicodedata.normalize("NFKD", named.casefold()).encode("ascii", "ignore").decode() if named else ""
    month = _MONTH.match(bare)
    if (named and not month) or (number_ and not month):
        return value
    parts = [year, f"{month.lastindex or 0:02}"] if month else [year]
    return "-".join([*parts, f"{int(number_):02}"] if number_ else parts)

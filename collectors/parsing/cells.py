"""Cells of tables damaged by a spreadsheet or a floating-point column: the error in a value, if any."""

from __future__ import annotations

import re
from collections.abc import Iterable
from decimal import Decimal

LOST = "\ufffd"
# errors in any language are # and capitals, ending in ! or ?; these lack such a sign
_PLAIN = {
    "#N/A", "#N/B", "#NV", "#N/D", "#N/D!", "#I/T", "#YOK", "#Н/Д", "#HIÁNYZIK", "#NENÍ_K_DISPOZICI", "#GETTING_DATA",
    "#GETTING_DATA...", "#EN ATTENTE", "#SAKNAS", "#NIET_BESCHIKBAAR",
}  # fmt: skip
_ERROR = re.compile(r"#[¡¿]?[^\W\d_][\w/ ]*[!?]|#{3,}|Err:\d{3}")
_ROUNDED = re.compile(r"[+-]?\d(?:[.,]\d+)?[eE]\+?\d+")
_WHOLE = re.compile(r"(\d+)[.,]0+")
EXACT = 15  # digits of a number that a spreadsheet keeps
# missing values in R, pandas and SQL
_NOTHING = {"NA", "N/A", "n/a", "NaN", "nan", "<NA>", "NaT", "NULL", "null", "None"}


def missing(value: str) -> bool:
    """Whether *value* is a program's notation for a missing value."""
    return value in _NOTHING


def fault(value: str | None) -> str:
    """The error in *value*: a spreadsheet's error, or a lost character; empty if there is none."""
    if value is None:
        return ""
    bare = value.strip()
    if bare.upper() in _PLAIN or (bare == bare.upper() and _ERROR.fullmatch(bare)) or bare.startswith("Err:"):
        return f"{bare} is a spreadsheet's error"
    return "a character was lost (U+FFFD)" if LOST in value else ""


def whole(value: str | None) -> str | None:
    """*value* without the .0 that a column of floats adds to a whole number."""
    match = _WHOLE.fullmatch(value) if value else None
    return match[1] if match and len(match[1]) <= EXACT else value


def rounded(value: str | None) -> str:
    """Why *value*, an id or a handle, has lost its last digits; empty if it has not."""
    if value is None:
        return ""
    bare = value.strip()
    match = _WHOLE.fullmatch(bare)
    if _ROUNDED.fullmatch(bare) or (match and len(match[1]) > EXACT):
        return f"{bare} has lost its last digits; give ids as text"
    return ""


def rounded_column(values: Iterable[str | None]) -> bool:
    """Whether most of the long numbers among *values* look rounded.

    A random number of 17 digits or more fits a float or 15 digits in less than one case of ten.
    """
    long = [value for value in values if value and value.isascii() and value.isdigit() and len(value) > EXACT + 1]
    return sum(map(from_float, long)) * 2 > len(long)


def from_float(value: str) -> bool:
    """Whether the digits of *value* are those of a floating-point number, in full or padded with zeros."""
    if not (value.isascii() and value.isdigit() and EXACT + 1 < len(value) < 40):
        return False
    nearest = float(value)
    return int(nearest) == int(value) or int(Decimal(repr(nearest))) == int(value)

"""Cells of tables damaged by a spreadsheet or a floating-point column: the error in a value, if any."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from decimal import Decimal

LOST = "\ufffd"
# errors in any language are # and capitals, ending in ! or ?; these lack such a sign
_PLAIN = {
    "#N/A", "#N/B", "#NV", "#N/D", "#N/D!", "#I/T", "#YOK", "#Н/Д", "#HIÁNYZIK", "#NENÍ_K_DISPOZICI", "#GETTING_DATA",
    "#GETTING_DATA...", "#EN ATTENTE", "#SAKNAS", "#NIET_BESCHIKBAAR",
}  # fmt: skip
_ERROR = re.compile(r"#[¡¿]?[^\W\d_][\w/ ]*[!?]|#{3,}")
_NUMBERED = re.compile(r"Err:\d{3}")  # of LibreOffice
_ROUNDED = re.compile(r"[+-]?\d(?:[.,]\d+)?[eE]\+?\d+")
_WHOLE = re.compile(r"(\d+)[.,]0+")
EXACT = 15  # digits of a number that a spreadsheet keeps
CHANCE = 1e-3  # probability that a column of exact ids is taken for a rounded one
# missing values as people write them in a column of accounts
_NOBODY = {
    "-", "--", "?", "/", "geen", "nvt", "n.v.t", "onbekend", "nee", "no", "none", "null", "nan", "unknown", "na", "n.a",
    "n/a", "keine", "unbekannt", "aucun", "inconnu", "ninguno",
}  # fmt: skip
# missing values in R, pandas and SQL
_NOTHING = {"NA", "N/A", "n/a", "NaN", "nan", "<NA>", "NaT", "NULL", "null", "None"}


def missing(value: str) -> bool:
    """Whether *value* is a program's notation for a missing value."""
    return value in _NOTHING


def no_person(value: str) -> bool:
    """Whether *value*, in a column of accounts or addresses, is how people write that there is none."""
    return value.strip().rstrip(".").casefold() in _NOBODY


def fault(value: str | None) -> str:
    """The error in *value*: a spreadsheet's error, or a lost character; empty if there is none."""
    if value is None:
        return ""
    bare = value.strip()
    if bare.upper() in _PLAIN or (bare == bare.upper() and _ERROR.fullmatch(bare)) or _NUMBERED.fullmatch(bare):
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
    """Whether the long numbers among *values* look rounded: more than half, and not by chance."""
    long = {value for value in values if value and value.isascii() and value.isdigit() and len(value) > EXACT + 1}
    lost = [value for value in long if from_float(value)]
    if len(lost) < 2 or len(lost) * 2 <= len(long):
        return False
    choices = math.log(2) * len(long) if len(lost) < len(long) else 0.0  # which of them were rounded
    return choices + sum(map(_by_chance, lost)) < math.log(CHANCE)


def _by_chance(value: str) -> float:
    """The logarithm of the probability that an exact id looks like *value*, which a float or 15 digits can hold.

    The lowest 12 bits of an id of X number the posts of one millisecond: none is set in up to three quarters of them.
    """
    if int(value) % 4096 == 0 and int(float(value)) == int(value):
        return math.log(0.8)
    zeros = len(value) - len(value.rstrip("0"))
    return min(math.log(2 / math.ulp(float(value))), -zeros * math.log(10))


def from_float(value: str) -> bool:
    """Whether the digits of *value* are those of a floating-point number, in full or padded with zeros."""
    if not (value.isascii() and value.isdigit() and EXACT + 1 < len(value) < 40):
        return False
    nearest = float(value)
    return int(nearest) == int(value) or int(Decimal(repr(nearest))) == int(value)

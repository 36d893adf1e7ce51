"""Names and texts from outside, made harmless for pages, figures and spreadsheets."""

from __future__ import annotations

import re
from typing import Any

# control characters, line separators, and marks that would reorder the surrounding text
HARMFUL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]")
FORMULA = ("=", "+", "-", "@", "\t", "\r")


def clean(text: Any) -> str:
    """*text* without control characters and bidi overrides; line ends become spaces."""
    return HARMFUL.sub(lambda found: " " if found[0] in "\n\t\r\x0b\x0c\u2028\u2029" else "", str(text))


def defused(text: str) -> str:
    """*text* for a spreadsheet: formulas get a leading quote."""
    return "'" + text if text.startswith(FORMULA) else text

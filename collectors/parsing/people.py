"""Persons in exports and tables: ids, and placeholder values."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from datetime import date
from typing import Any
from urllib.parse import urlsplit

from collectors.parsing.addresses import web
from collectors.parsing.cells import LOST, fault
from collectors.parsing.coerce import text
from collectors.parsing.profile_urls import canonical

LINKEDIN = "www.linkedin.com"
_DATE = re.compile(r"\d{4}(?:-\d{2}(?:-\d{2})?)?(?![\d])")
_NO_PART = re.compile(r"(?:-00)+$")
STILL = {  # notations for a position without an end
    "present", "now", "current", "currently", "today", "ongoing", "to date", "to present", "until now", "null", "none",
    "heden", "nu", "huidig", "tot heden", "t/m heden", "tot nu", "tot op heden", "vandaag",
    "heute", "bis heute", "jetzt", "aktuell", "gegenwart", "présent", "aujourd'hui", "aujourd’hui", "à ce jour",
    "presente", "actualidad", "actualmente", "actual", "hoy", "oggi", "attuale", "in corso", "nå", "nuvarande", "nyt",
}  # fmt: skip


def profile_url(url: str) -> str | None:
    """*url* of a profile in its canonical form; None if it is not a web address, or only a site's."""
    found = web(url)
    return canonical(found) if found and urlsplit(found).path.strip("/") else None


def row_id(*facts: str, space: str = "linkedin-row") -> str:
    """A stable id for a person from *facts* only (name, employer, title), without regard to case and spacing."""
    clean = "\x1f".join(" ".join(unicodedata.normalize("NFC", one).casefold().split()) for one in facts)
    return f"urn:{space}:{hashlib.sha256(clean.encode('utf-8', 'replace')).hexdigest()[:20]}"


def shown(value: Any) -> str | None:
    """*value* unless it is empty, masked by asterisks, or a spreadsheet's error: which all mean an absent value."""
    found = text(value)
    if found is None or not found.strip(" *") or (fault(found) and LOST not in found):
        return None
    return found.strip()


def stated_day(given: str | None) -> str | None:
    """A date as given (2011, 2011-05 or 2011-05-01); other text unchanged; None for nothing, and for
    placeholders (`0000-00-00`, `present`, `heden`)."""
    if not given or given.casefold().strip(" .()-–—") in STILL | {""}:
        return None
    found = _DATE.match(given)
    if not found:
        return given
    day = _NO_PART.sub("", found.group())
    return None if day.startswith("0000") else day


def in_future(ended: str, today: date) -> bool:
    """Whether a day, month or year is entirely after *today*."""
    return bool(_DATE.fullmatch(ended)) and ended > today.isoformat()[: len(ended)]

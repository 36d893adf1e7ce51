"""Persons in exports and tables: their ids, and values that only look like values."""

from __future__ import annotations

import hashlib
import unicodedata
from typing import Any
from urllib.parse import urlsplit

from collectors.parsing.addresses import web
from collectors.parsing.cells import LOST, fault
from collectors.parsing.coerce import text
from collectors.parsing.profile_urls import canonical

LINKEDIN = "www.linkedin.com"


def profile_url(url: str) -> str | None:
    """*url* of a profile in its canonical form; None for what is no web address, or only that of a site."""
    found = web(url)
    return canonical(found) if found and urlsplit(found).path.strip("/") else None


def row_id(*told: str, space: str = "linkedin-row") -> str:
    """A stable id for a person known by *told* only (name, employer, title), without regard to case and spacing."""
    clean = "\x1f".join(" ".join(unicodedata.normalize("NFC", one).casefold().split()) for one in told)
    return f"urn:{space}:{hashlib.sha256(clean.encode('utf-8', 'replace')).hexdigest()[:20]}"


def shown(value: Any) -> str | None:
    """*value* unless it is empty, masked by asterisks, or a spreadsheet's error: such a value is an absent one."""
    found = text(value)
    if found is None or not found.strip(" *") or (fault(found) and LOST not in found):
        return None
    return found.strip()

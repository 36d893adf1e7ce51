"""Persons in exports and tables: their ids, and values that only look like values."""

from __future__ import annotations

import hashlib
import unicodedata
from typing import Any
from urllib.parse import quote, unquote, urlsplit

from collectors.files.values import text

LINKEDIN = "www.linkedin.com"


def profile_url(url: str) -> str | None:
    """*url* of a profile as one canonical string (host, case, escapes, slash); None for what is no web address."""
    try:
        parts = urlsplit(url.strip() if "://" in url else f"https://{url.strip()}")
        host, path = (parts.hostname or ""), unquote(parts.path).strip("/")
    except ValueError:
        return None
    if parts.scheme not in ("http", "https") or "." not in host or " " in host or not path:
        return None
    if host == "linkedin.com" or host.endswith(".linkedin.com"):
        steps = path.split("/")
        if steps[0] == "in" and len(steps) > 1:
            path = f"in/{unicodedata.normalize('NFC', steps[1]).lower()}"
        host = LINKEDIN
    return f"https://{host}/{quote(path)}"


def row_id(*told: str, space: str = "linkedin-row") -> str:
    """A stable id for a person known by *told* only (name, employer, title), without regard to case and spacing."""
    clean = "\x1f".join(" ".join(unicodedata.normalize("NFC", one).casefold().split()) for one in told)
    return f"urn:{space}:{hashlib.sha256(clean.encode('utf-8', 'replace')).hexdigest()[:20]}"


def shown(value: Any) -> str | None:
    """*value* unless it is empty or masked by asterisks: a masked value is an absent one."""
    found = text(value)
    return None if found is None or not found.strip(" *") else found.strip()

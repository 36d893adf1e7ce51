"""Canonical addresses of profiles, so that a person has one id on pages, in lists and in exports."""

from __future__ import annotations

import re
from functools import lru_cache
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit, urlunsplit

from w3lib.url import safe_url_string

_TRACKING = re.compile(r"^(?:utm_\w+|trk\w*|originalsubdomain|gclid|fbclid|mc_\w+|igshid|lipi|licu|midtoken|_l)$", re.I)
_LINKEDIN = re.compile(r"^(?:[a-z]{2,3}\.|www\.|mobile\.|touch\.)?linkedin\.com$")
_LOCALE = re.compile(r"^(/in/[^/]+)/[a-z]{2}(?:[-_][a-z]{2})?$")
_BARE = re.compile(r"^[\w-]+(?:\.[\w-]+)*\.[a-z]{2,}(?:/|$)", re.I)
_PLAIN = re.compile(
    r"https?://[a-z0-9]+(?:[.-][a-z0-9]+)*\.[a-z]{2,}(?:/[\w~-]+(?:\.[\w~-]+)*)+", re.A
)  # already canonical


@lru_cache(maxsize=4096)
def canonical(url: str) -> str:
    """The canonical form of a profile's URL: no fragment, tracking, default port or final slash; one LinkedIn host.

    Anything else is returned unchanged.
    """
    given = url.strip()
    if _PLAIN.fullmatch(given) and "linkedin.com" not in given:
        return given
    try:
        parts = urlsplit(safe_url_string(f"https://{given}" if _BARE.match(given) else given))
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return given
    if parts.scheme not in ("http", "https") or not host:
        return given
    scheme, path, query = parts.scheme, re.sub("//+", "/", parts.path).rstrip("/"), parts.query
    if _LINKEDIN.match(host):
        scheme, host, port, query = "https", "www.linkedin.com", None, ""
        path = path.removeprefix("/mwlite")
        path = _LOCALE.sub(r"\1", quote(unquote(path).lower(), safe="/-_.~%"))
    if query:
        pairs = [(name, value) for name, value in parse_qsl(query, keep_blank_values=True) if not _TRACKING.match(name)]
        query = urlencode(pairs) if len(pairs) != query.count("&") + 1 else query
    default = {"http": 80, "https": 443}[scheme]
    host = f"[{host}]" if ":" in host else host
    return urlunsplit((scheme, host if port in (None, default) else f"{host}:{port}", path, query, ""))

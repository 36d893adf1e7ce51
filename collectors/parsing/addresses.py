"""Web addresses as typed by users: one reader for tables, seeds, pages and links."""

from __future__ import annotations

import re
from urllib.parse import urlsplit, urlunsplit

import idna

_MARKS = re.compile(r"^[@\s]+")
_SCHEME = re.compile(r"([a-z][a-z0-9+.-]*):(?=//)", re.IGNORECASE)
_LABEL = re.compile(r"[^\W_](?:[\w-]*[^\W_])?")
_TOP = re.compile(r"[^\W\d_]{2,}|xn--[a-z0-9-]+", re.IGNORECASE)


def bare(typed: str) -> str:
    """*typed* without white space around it, and without the @ that handles are written with."""
    return _MARKS.sub("", typed).rstrip()


def web(typed: str) -> str | None:
    """*typed* as an address with its scheme, its host in lower case and ASCII; None if it is not one.

    `example.org/a`, `//example.org/a`, `HTTP://EXAMPLE.ORG/a` and `<https://example.org/a>` are; a name, an e-mail
    address, an invalid host, another scheme and anything with a space are not.
    """
    given = typed.strip().removeprefix("<").removesuffix(">").strip()
    if not given or any(char.isspace() or ord(char) < 32 for char in given):
        return None
    if given.startswith("//"):
        given = f"https:{given}"
    elif not _SCHEME.match(given):
        given = f"https://{given}"
    try:
        parts = urlsplit(given)
        host, port = host_of(parts.hostname or ""), parts.port
    except ValueError:
        return None
    if parts.scheme not in ("http", "https") or "@" in parts.netloc or host is None:
        return None
    default = port is None or port == {"http": 80, "https": 443}[parts.scheme]
    return urlunsplit((parts.scheme, host if default else f"{host}:{port}", parts.path, parts.query, parts.fragment))


def host_of(typed: str) -> str | None:
    """A host name in lower case and ASCII, without a final dot; None if it cannot be on the public internet."""
    host = typed.rstrip(".").lower()
    labels = host.split(".")
    if len(labels) < 2 or not all(map(_LABEL.fullmatch, labels)) or not _TOP.fullmatch(labels[-1]):
        return None
    try:
        return host if host.isascii() else idna.encode(host, uts46=True).decode()
    except (idna.IDNAError, UnicodeError):
        return None

"""The addresses that collected data must not lead to: this machine, and private networks."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

TRANSLATED = ipaddress.IPv6Network("64:ff9b::/96")  # RFC 6052: the IPv4 address is in the last 32 bits


class PrivateAddress(Exception):
    """A request to an address that is not on the public internet."""


def public(address: str) -> bool:
    """Whether *address* (IPv4 or IPv6) is on the public internet; raise ValueError if it is not an address."""
    found = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(found, ipaddress.IPv6Address):
        inner = found.ipv4_mapped or found.sixtofour or (found.teredo or (None, None))[1]
        if found in TRANSLATED:
            inner = ipaddress.IPv4Address(int(found) & 0xFFFFFFFF)
        if inner is not None and not public(str(inner)):
            return False
        if found.ipv4_mapped is not None:
            return True
    return found.is_global and not found.is_multicast


def is_private(origin: str) -> bool:
    """Whether *origin* is by name such an address; a name that resolves to one is found when connecting."""
    try:
        name = (urlsplit(origin).hostname or "").rstrip(".")
    except ValueError:
        return True
    try:
        return not public(name)
    except ValueError:
        return "." not in name or name.endswith((".localhost", ".local", ".internal"))


def named(options: Mapping[str, Any]) -> frozenset[str]:
    """The hosts in a collector's *options*, which need not be public.

    That of `base_url`; of other `..._url` and of `hosts` only those that are by their name not public: other names
    are resolved by others.
    """
    others = [value for key, value in options.items() if key.endswith("_url") and value]
    hosts = options.get("hosts")
    others += hosts.values() if isinstance(hosts, Mapping) else ()
    urls = [str(one) if "://" in str(one) else f"//{one}" for one in others]
    urls = [str(options.get("base_url") or ""), *filter(is_private, urls)]
    return frozenset(filter(None, (urlsplit(url).hostname for url in urls)))

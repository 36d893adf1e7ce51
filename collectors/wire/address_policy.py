"""The addresses that collected data must not lead to: this machine, and private networks."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Collection, Iterable, Mapping
from typing import Any
from urllib.parse import urlsplit

import httpcore

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


class PublicOnly(httpcore.NetworkBackend):
    """Connections to public addresses only: a name is resolved once, checked, and connected to."""

    def __init__(self) -> None:
        self._inner = httpcore.SyncBackend()
        self.allowed: Collection[str] = ()  # hosts that need not be public
        self.all = False

    def connect_tcp(
        self, host: str, port: int, timeout: float | None = None, local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:  # fmt: skip
        """A connection to *host*. Raise PrivateAddress if it has no public address and is not allowed."""
        if self.all or host in self.allowed:
            return self._inner.connect_tcp(host, port, timeout, local_address, socket_options)
        try:
            found = [str(row[4][0]) for row in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]
        except (OSError, UnicodeError) as error:
            raise httpcore.ConnectError(str(error)) from error
        failed: httpcore.ConnectError | httpcore.ConnectTimeout | None = None
        for address in dict.fromkeys(filter(public, found)):
            try:
                return self._inner.connect_tcp(address, port, timeout, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failed = error
        raise failed or PrivateAddress(f"{host} is not on the public internet; allow_private lets it be asked")

    def connect_unix_socket(
        self, path: str, timeout: float | None = None, socket_options: Iterable[Any] | None = None
    ) -> httpcore.NetworkStream:
        """Never."""
        raise PrivateAddress("a socket of this machine")

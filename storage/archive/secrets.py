"""Removal of secrets from stored data: verbatim, and as URLs, JSON, HTML and Base64 encode them."""

from __future__ import annotations

import base64
import html
import json
import re
import zlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeVar
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit, urlunsplit

import msgspec

from storage.records import MAX_BODY, Failure, Page, Request

HIDDEN_HEADERS = {
    "set-cookie",
    "set-cookie2",
    "authorization",
    "cookie",
    "proxy-authorization",
    "www-authenticate",
}
SECRET_PARAMETER = re.compile(r"token|secret|password|api_?key|access_?key|signature|auth", re.I)
PAGE_TOKENS = {"pagination_token", "next_token", "previous_token"}
REDACTED = "REDACTED"
LONG = 8  # characters: the Base64 of a shorter secret is not specific enough

Answer = TypeVar("Answer", bound=Page | Failure)


def spellings(secrets: Iterable[str]) -> tuple[str, ...]:
    """Every encoding in which the *secrets* may occur, longest first."""
    found: set[str] = set()
    for secret in filter(None, secrets):
        plain = {secret, unquote(secret)}
        quoted = {quote(one, safe=safe) for one in plain | {quote(secret, safe="")} for safe in ("", "/")}
        found |= plain | quoted | {re.sub("%..", lambda m: m[0].lower(), one) for one in quoted}
        found |= {json.dumps(secret)[1:-1], html.escape(secret)}
        found |= {secret.replace("/", "\\" * depth + "/") for depth in (1, 2, 3)}  # JSON, and JSON quoted in JSON
        if len(secret) >= LONG:
            found |= set(_base64(secret.encode()))
    return tuple(sorted(found, key=lambda one: (-len(one), one)))


def _base64(secret: bytes) -> Iterable[str]:
    """The part of *secret* that is constant in the Base64 of a text containing it, at each of the three offsets."""
    for before in range(3):
        text = base64.b64encode(b"\0" * before + secret)
        first, last = -(-before * 8 // 6), (before + len(secret)) * 8 // 6
        yield text[first:last].decode()
        yield base64.urlsafe_b64encode(b"\0" * before + secret)[first:last].decode()


def cut(text: str, secrets: Sequence[str]) -> str:
    """*text* without the *secrets*."""
    for secret in secrets:
        if secret in text:
            text = text.replace(secret, REDACTED)
    return text


def redact(answer: Answer, secrets: Sequence[str]) -> Answer:
    """*answer* without cookies, secrets and secret-looking URL parameters. A body changes only if it contains one."""
    url, requests = (
        clean_url(cut(answer.url, secrets)),
        tuple(_request(request, secrets) for request in answer.requests),
    )
    if isinstance(answer, Failure):
        return msgspec.structs.replace(
            answer, url=url, requests=requests, detail=clean_text(cut(answer.detail, secrets))
        )
    headers = tuple((name, _header(value, secrets)) for name, value in answer.headers
                    if name.lower() not in HIDDEN_HEADERS)  # fmt: skip
    body = answer.body
    if secrets and body:
        body, headers = _redact_body(answer, headers, [secret.encode() for secret in secrets])
    asked = _asked(answer.asked, secrets)
    return msgspec.structs.replace(answer, url=url, requests=requests, headers=headers, body=body, asked=asked)


def _header(value: str, secrets: Sequence[str]) -> str:
    value = cut(value, secrets)
    return clean_text(value) if "://" in value else value


def _request(request: Request, secrets: Sequence[str]) -> Request:
    """*request*; changed only if a secret was returned as the next page's cursor."""
    text = msgspec.json.encode(request).decode()
    clean = cut(text, secrets)
    return request if clean == text else msgspec.json.decode(clean, type=Request)


def _asked(asked: Mapping[str, Any], secrets: Sequence[str]) -> Mapping[str, Any]:
    """*asked*; changed only if it contains a secret."""
    text = msgspec.json.encode(asked).decode()
    clean = cut(text, secrets)
    return asked if clean == text else msgspec.json.decode(clean, type=dict[str, Any])


def _redact_body(
    page: Page, headers: tuple[tuple[str, str], ...], secrets: list[bytes]
) -> tuple[bytes, tuple[tuple[str, str], ...]]:
    """The body and its headers; a body that contains a secret is returned decoded, as far as possible."""
    readable = _readable(page)
    if not any(secret in text for secret in secrets for text in (readable, page.body)):
        return page.body, headers
    for secret in secrets:
        readable = readable.replace(secret, REDACTED.encode())
    return readable, tuple((name, value) for name, value in headers if name.lower() != "content-encoding")


def _readable(page: Page) -> bytes:
    encoding = (page.header("content-encoding") or "identity").strip().lower()
    packed = encoding != "identity" or page.body[:2] == b"\x1f\x8b"
    return (_unpacked(page.body) if packed else b"") or page.body


def _unpacked(body: bytes) -> bytes:
    """The decompressible part of *body*, with any number of members, damaged or not; at most MAX_BODY bytes."""
    out = b""
    while body and len(out) <= MAX_BODY:
        reader = zlib.decompressobj(wbits=47 if body[:1] in (b"\x1f", b"\x78") else -15)
        try:
            piece = reader.decompress(body, MAX_BODY + 1 - len(out))
        except zlib.error:
            break
        out, body = out + piece, reader.unused_data
    return out


def clean_url(url: str) -> str:
    """*url* without user name and password, and the values of secret-looking parameters."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return url
    netloc = parts.netloc.rpartition("@")[2]
    query = parts.query
    if SECRET_PARAMETER.search(query):
        pairs = parse_qsl(query, keep_blank_values=True)
        hidden = [(k, REDACTED if SECRET_PARAMETER.search(k) and k not in PAGE_TOKENS else v) for k, v in pairs]
        query = urlencode(hidden) if hidden != pairs else query
    if (netloc, query) == (parts.netloc, parts.query):
        return url
    return urlunsplit(parts._replace(netloc=netloc, query=query))


ADDRESS = re.compile(r"https?://[^\s\"'<>]+")


def clean_text(text: str) -> str:
    """*text* with its addresses cleaned."""
    return ADDRESS.sub(lambda found: clean_url(found[0]), text) if "://" in text else text

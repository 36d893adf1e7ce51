"""The `Link` header (RFC 8288), with the address of the next page."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from urllib.parse import urldefrag, urljoin

_PARAMETER = r'\s*+;\s*+[^\s=;,"]*+(?:\s*+=\s*+(?:"(?:[^"\\]|\\.)*+"|[^\s;,]*+))?'
_LINK = re.compile(rf"<([^<>]*+)>((?:{_PARAMETER})*+)", re.DOTALL)
_NAMED = re.compile(r';\s*+([^\s=;,"]*+)(?:\s*+=\s*+(?:"((?:[^"\\]|\\.)*+)"|([^\s;,]*+)))?', re.DOTALL)
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)


def linked(headers: Iterable[tuple[str, str]], relation: str, base: str) -> Iterator[str]:
    """The absolute targets of the links in *headers* that have *relation*, in order; *base* is the page's own URL.

    Names and relations are read in any case, parameters in any order, several links to a header and several headers.
    Only the first `rel` of a link counts; links with an `anchor` to another page are ignored.
    """
    for name, value in headers:
        if name.strip().lower() != "link":
            continue
        for target, parameters in _LINK.findall(value):
            said: dict[str, str] = {}
            for parameter, quoted, bare in _NAMED.findall(parameters):
                said.setdefault(parameter.lower(), _ESCAPED.sub(r"\1", quoted) or bare.strip("'\""))
            if relation.lower() not in said.get("rel", "").lower().split():
                continue
            try:
                found, about = urljoin(base, target.strip()), urljoin(base, said.get("anchor", ""))
            except ValueError:
                continue
            if urldefrag(about).url == urldefrag(base).url:
                yield found

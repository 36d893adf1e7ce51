"""JSON of unknown quality, read by one rule everywhere: a bad value costs that value, and is counted with its place.

Half a surrogate pair, bytes that are no UTF-8 and broken escapes become U+FFFD in their text; NaN, infinities and
numbers too large are left out; so are a field of another type than documented, what nests too deep, and whatever
stands behind the document. Each is returned as `Left`, for a Quarantine. Only what is no JSON at all raises.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Collection, Iterator
from typing import Annotated, Any, NamedTuple, TypeVar

import msgspec

from storage.records import Quarantine

T = TypeVar("T")
MOST = 25  # pieces left out of one object; with more it is another object than we think
DEPTH = 100  # levels of nesting; what lies deeper is left out
DIGITS = 40  # of an integer: no id has more
EXCERPT = 1000  # characters
Count = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]  # an integer that fits its column

_REFUSED = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)
_PATH = re.compile(r" - at `\$(.*)`$")
_STEP = re.compile(r"\.([^.\[\]]+)|\[(\d+)\]")
_SPACE = re.compile(r"\s*")
_HALF = re.compile("[\ud800-\udfff]")
_ESCAPE = re.compile(r'(\\(?:u[0-9a-fA-F]{4}|["\\/bfnrt]))|\\')
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*+"|[\[\]{}]', re.DOTALL)
_REPLACED = "a character that is none was replaced: half a surrogate pair, or no UTF-8"


class Left(NamedTuple):
    """A value that was left out or mended: its path (`.fields[0].value`), why, and what it was."""

    path: str
    why: str
    excerpt: str = ""

    def quarantine(self, place: str = "", excerpt: bytes | str = "") -> Quarantine:
        """This as a record; *place* is where the object stands, *excerpt* stands in where the value itself is gone."""
        shown = excerpt.decode("utf-8", "replace") if isinstance(excerpt, bytes) else excerpt
        return Quarantine(place + self.path or "page", self.why[:500], (self.excerpt or shown)[:EXCERPT])


class _Bad(str):
    """A number that none is."""


def value(content: bytes | msgspec.Raw) -> tuple[Any, list[Left]]:
    """The JSON value in *content*, and what was left out or mended. Raise msgspec.DecodeError for what is no JSON."""
    try:
        return msgspec.json.decode(content), []
    except _REFUSED:
        return _tolerant(bytes(content))


def clean(content: bytes) -> tuple[bytes, list[Left]]:
    """*content* as JSON that every decoder takes, and what was left out or mended.

    Raise msgspec.DecodeError for what is no JSON.
    """
    try:
        msgspec.json.decode(content, type=msgspec.Raw)
        content.decode()
    except _REFUSED:
        found, left = _tolerant(content)
        return json.dumps(found, ensure_ascii=False).encode(), left  # msgspec writes no integers beyond 64 bits
    return content, []


def documents(content: bytes) -> Iterator[bytes]:
    """The JSON documents that stand one behind the other in *content*; what is none, to the end, as it is."""
    try:
        msgspec.json.decode(content, type=msgspec.Raw)
    except _REFUSED:
        text, start = content.decode("utf-8", "surrogateescape").removeprefix("\ufeff"), 0
        while start < len(text):
            try:
                _, end = _decoder.raw_decode(text, start)
            except (ValueError, RecursionError):
                end = len(text)
            yield text[start:end].encode("utf-8", "surrogateescape")
            start = _SPACE.match(text, end).end()  # type: ignore[union-attr]
    else:
        yield content


def read(content: bytes | msgspec.Raw, type_: type[T], vital: Collection[str] = ()) -> tuple[T, list[Left]]:
    """*content* as *type_*, and what was left out of it or mended.

    Numbers and truth values written as text count as such. Raise msgspec.MsgspecError for what is no JSON, for an
    object without a field that it must have, and for one whose field that cannot be read is among the *vital* ones.
    """
    try:
        return msgspec.json.decode(content, type=type_), []
    except _REFUSED:
        found, left = value(content)
    if lost := next((one for one in left if one.why != _REPLACED and _name(one.path) in vital), None):
        raise msgspec.ValidationError(f"{lost.why} - at `${lost.path}`")
    converted, more = convert(found, type_, vital)
    return converted, left + more


def convert(found: Any, type_: type[T], vital: Collection[str] = ()) -> tuple[T, list[Left]]:
    """*found*, a decoded value, as *type_*: what `read` does behind the decoding. *found* is changed."""
    left: list[Left] = []
    while True:
        try:
            return msgspec.convert(found, type_, strict=False), left
        except msgspec.ValidationError as error:
            match = _PATH.search(str(error))
            if match is None or len(left) == MOST or _name(match[1]) in (*vital, ""):
                raise
            left.append(Left(match[1], str(error), shown(_taken_out(found, match[1]))))


def shown(found: Any) -> str:
    """A value as an excerpt."""
    try:
        return json.dumps(found, ensure_ascii=False, default=str)[:EXCERPT]
    except (RecursionError, ValueError):
        return ""


def _name(path: str) -> str:
    """The last name in *path*."""
    return next((name for name, _ in reversed(_STEP.findall(path)) if name), "")


def _taken_out(found: Any, path: str) -> Any:
    """What *path* leads to under *found*, which is without it then."""
    *steps, last = (name or int(index) for name, index in _STEP.findall(path))
    for step in steps:
        found = found[step]
    return found.pop(last)


# ---- JSON that msgspec refuses ----------------------------------------------------------------------------------


def _integer(digits: str) -> int | str:
    return int(digits) if len(digits) <= DIGITS else _Bad(digits)


def _real(digits: str) -> float | str:
    number = float(digits)
    return number if math.isfinite(number) else _Bad(digits)


_decoder = json.JSONDecoder(strict=False, parse_constant=_Bad, parse_float=_real, parse_int=_integer)


def _tolerant(content: bytes) -> tuple[Any, list[Left]]:
    # bytes that are no UTF-8 become halves of surrogate pairs, and so do broken escapes: one search finds all
    text, left = content.decode("utf-8", "surrogateescape").removeprefix("\ufeff").strip(), list[Left]()
    try:
        found, rest = _first(_shallow(text, left))
    except (ValueError, RecursionError) as error:
        raise msgspec.DecodeError(f"not JSON: {error}") from error
    if isinstance(found, _Bad):
        raise msgspec.DecodeError(f"not JSON: {found[:40]}")
    if rest:
        left.append(Left("", "something stands behind the document", _HALF.sub("\ufffd", rest[:EXCERPT])))
    return _mended(found, "", left), left


def _first(text: str) -> tuple[Any, str]:
    """The first document in *text*, and what stands behind it."""
    try:
        found, end = _decoder.raw_decode(text)
    except ValueError:
        mended = _ESCAPE.sub(lambda found: found[1] or "\\udfff", text)
        if mended == text:
            raise
        return _first(mended)
    return found, text[end:].strip()


def _shallow(text: str, left: list[Left]) -> str:
    """*text* with null for what lies deeper than DEPTH levels."""
    kept, depth, start = [], 0, 0
    for token in _TOKEN.finditer(text):
        if token[0] in "[{":
            depth += 1
            if depth == DEPTH:
                kept.append(text[start : token.start()])
                start = token.start()
        elif token[0] in "]}":
            if depth == DEPTH:
                left.append(Left("", "nested too deeply", text[start : token.end()][:EXCERPT]))
                kept.append("null")
                start = token.end()
            depth -= 1
    return "".join([*kept, text[start:]])


def _mended(found: Any, path: str, left: list[Left]) -> Any:
    """*found* without what is no number, and with texts that can be written."""
    if isinstance(found, str):
        if not _HALF.search(found):
            return found
        mended = _HALF.sub("\ufffd", found)
        left.append(Left(path, _REPLACED, mended[:EXCERPT]))
        return mended
    if isinstance(found, list):
        pairs = ((f"{path}[{n}]", each) for n, each in enumerate(found))
        return [None if _bad(each, place, left) else _mended(each, place, left) for place, each in pairs]
    if isinstance(found, dict):
        named = ((_HALF.sub("\ufffd", name), each) for name, each in found.items())
        return {
            name: _mended(each, f"{path}.{name}", left)
            for name, each in named
            if not _bad(each, f"{path}.{name}", left)
        }
    return found


def _bad(found: Any, path: str, left: list[Left]) -> bool:
    if isinstance(found, _Bad):
        left.append(Left(path, f"{found[:40]} is not a number that can be kept", found[:EXCERPT]))
        return True
    return False

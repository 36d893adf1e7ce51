"""JSON of unknown quality, read by one rule: an invalid value is dropped and counted with its place.

Half a surrogate pair, bytes that are not UTF-8 and broken escapes become U+FFFD in their text; NaN, infinities and
numbers too large are left out; so are fields of another type than documented, too deeply nested values, and anything
after the document. Each is returned as `Left`, for a Quarantine. Only a body that is not JSON at all raises.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Collection, Iterator
from typing import Annotated, Any, NamedTuple, TypeVar

import msgspec

from storage.records import Quarantine
from storage.structs import decoder, ready

T = TypeVar("T")
MOST = 25  # values left out of one object; with more it is an unexpected object
DEPTH = 100  # levels of nesting; deeper values are left out
DIGITS = 40  # maximum digits maximum digits of an integer: no id has more
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
    """A value that was left out or repaired: its path (`.fields[0].value`), the reason, and the original."""

    path: str
    why: str
    excerpt: str = ""

    def quarantine(self, place: str = "", excerpt: bytes | str = "") -> Quarantine:
        """This as a record; *place* is that of the object, *excerpt* is used if the value itself is lost."""
        shown = excerpt.decode("utf-8", "replace") if isinstance(excerpt, bytes) else excerpt
        return Quarantine(place + self.path or "page", self.why[:500], (self.excerpt or shown)[:EXCERPT])


class _Bad(str):
    """A number that cannot be represented."""


def value(content: bytes | msgspec.Raw) -> tuple[Any, list[Left]]:
    """The JSON value in *content*, and the values left out or repaired. Raise msgspec.DecodeError if it is not JSON."""
    try:
        return msgspec.json.decode(content), []
    except _REFUSED as error:
        return _tolerant(bytes(content), error)


def clean(content: bytes) -> tuple[bytes, list[Left]]:
    """*content* as JSON that every decoder takes, and the values left out or repaired.

    Raise msgspec.DecodeError if it is not JSON.
    """
    try:
        msgspec.json.decode(content, type=msgspec.Raw)
        content.decode()
    except _REFUSED as error:
        found, left = _tolerant(content, error)
        return json.dumps(found, ensure_ascii=False).encode(), left  # msgspec cannot write integers beyond 64 bits
    return content, []


def documents(content: bytes) -> Iterator[bytes]:
    """The JSON documents, one after the other, in *content*; a rest that is not JSON, unchanged."""
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
    """*content* as *type_*, and the values left out or repaired.

    Numbers and truth values written as text count as such. Raise msgspec.MsgspecError if it is not JSON, for an
    object without a required field, and for one with an unreadable *vital* field.
    """
    try:
        return decoder(type_).decode(content), []
    except _REFUSED:
        found, left = value(content)
    if lost := next((one for one in left if one.why != _REPLACED and _name(one.path) in vital), None):
        raise msgspec.ValidationError(f"{lost.why} - at `${lost.path}`")
    converted, more = convert(found, type_, vital)
    return converted, left + more


def convert(found: Any, type_: type[T], vital: Collection[str] = ()) -> tuple[T, list[Left]]:
    """*found*, a decoded value, as *type_*: the second step of `read`. Modifies *found*."""
    left: list[Left] = []
    ready(type_)
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
    """Remove the value at *path* from *found*, and return it."""
    *steps, last = (name or int(index) for name, index in _STEP.findall(path))
    for step in steps:
        found = found[step]
    return found.pop(last)


# ---- JSON that msgspec rejects ---------------------------------------------------------------------------------


def _integer(digits: str) -> int | str:
    return int(digits) if len(digits) <= DIGITS else _Bad(digits)


def _real(digits: str) -> float | str:
    number = float(digits)
    return number if math.isfinite(number) else _Bad(digits)


_decoder = json.JSONDecoder(strict=False, parse_constant=_Bad, parse_float=_real, parse_int=_integer)


def _tolerant(content: bytes, refused: Exception | None = None) -> tuple[Any, list[Left]]:
    # bytes that are not UTF-8 become halves of surrogate pairs, and so do broken escapes: one search finds all
    text, left = content.decode("utf-8", "surrogateescape").removeprefix("\ufeff").strip(), list[Left]()
    try:
        found, rest = _first(_shallow(text, left))
    except (ValueError, RecursionError) as error:
        why = "nested too deeply" if isinstance(error, RecursionError) else f"not JSON: {refused or error}"
        raise msgspec.DecodeError(why) from error
    if isinstance(found, _Bad):
        raise msgspec.DecodeError(f"not JSON: {found[:40]}")
    if rest:
        left.append(Left("", "something stands behind the document", _HALF.sub("\ufffd", rest[:EXCERPT])))
    return _repaired(found, "", left), left


def _first(text: str) -> tuple[Any, str]:
    """The first document in *text*, and the rest."""
    try:
        found, end = _decoder.raw_decode(text)
    except ValueError:
        repaired = _ESCAPE.sub(lambda found: found[1] or "\\udfff", text)
        if repaired == text:
            raise
        return _first(repaired)
    return found, text[end:].strip()


def _shallow(text: str, left: list[Left]) -> str:
    """*text* with null for values deeper than DEPTH levels."""
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


def _repaired(found: Any, path: str, left: list[Left]) -> Any:
    """*found* without invalid numbers, and with texts that can be encoded."""
    if isinstance(found, str):
        if not _HALF.search(found):
            return found
        repaired = _HALF.sub("\ufffd", found)
        left.append(Left(path, _REPLACED, repaired[:EXCERPT]))
        return repaired
    if isinstance(found, list):
        pairs = ((f"{path}[{n}]", each) for n, each in enumerate(found))
        return [None if _bad(each, place, left) else _repaired(each, place, left) for place, each in pairs]
    if isinstance(found, dict):
        named = ((_HALF.sub("\ufffd", name), each) for name, each in found.items())
        return {
            name: _repaired(each, f"{path}.{name}", left)
            for name, each in named
            if not _bad(each, f"{path}.{name}", left)
        }
    return found


def _bad(found: Any, path: str, left: list[Left]) -> bool:
    if isinstance(found, _Bad):
        left.append(Left(path, f"{found[:40]} is not a number that can be kept", found[:EXCERPT]))
        return True
    return False

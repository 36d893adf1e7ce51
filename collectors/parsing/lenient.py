"""JSON of servers that do not keep to the documents: a field that cannot be read is left out and told."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Any, TypeVar

import msgspec

T = TypeVar("T")
MOST = 25  # pieces left out of one object; with more it is another object than we think

_PATH = re.compile(r" - at `\$(.*)`$")
_STEP = re.compile(r"\.([^.\[\]]+)|\[(\d+)\]")


def read(content: bytes | msgspec.Raw, type_: type[T], vital: Collection[str] = ()) -> tuple[T, list[tuple[str, str]]]:
    """*content* as *type_*, and what was left out of it, each with its path (`.fields[0].value`) and why.

    Numbers and truth values written as text count as such. Raise msgspec.MsgspecError for what is no JSON, for an
    object without a field that it must have, and for one whose field that cannot be read is among the *vital* ones.
    """
    try:
        return msgspec.json.decode(content, type=type_), []
    except msgspec.ValidationError:
        value = msgspec.json.decode(content)
        left_out: list[tuple[str, str]] = []
    while True:
        try:
            return msgspec.convert(value, type_, strict=False), left_out
        except msgspec.ValidationError as error:
            found = _PATH.search(str(error))
            if found is None or len(left_out) == MOST or not _leave_out(value, found[1], vital):
                raise
            left_out.append((found[1], str(error)))


def _leave_out(value: Any, path: str, vital: Collection[str]) -> bool:
    """Take what *path* leads to out of *value*; False if it must not, or cannot, be."""
    steps = [name or int(index) for name, index in _STEP.findall(path)]
    names = [step for step in steps if isinstance(step, str)]
    if not names or names[-1] in vital:
        return False
    for step in steps[:-1]:
        value = value[step]
    del value[steps[-1]]
    return True

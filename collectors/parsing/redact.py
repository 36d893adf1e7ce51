"""Redaction of answers: a JSON document keeps only what the collector's shapes name.

The shapes are the structs that `outcome` and `parse` decode: other fields are not needed and are removed. What
`[minimise] drop` names is blank. A body that is not JSON is removed entirely. Pure.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any

import msgspec
from msgspec import inspect

from collectors.base import hooks_of
from storage.privacy.declared import CONTENT, Personal
from storage.records import BadBody, Page

OTHER = "what no table needs"  # in `Page.redacted`, before the words of `drop`
UNREADABLE = b"redacted"  # not JSON, like the original
MARKS = ("$type", "@type")  # the type of an object
Redact = Callable[[Page, Collection[str]], Page]


def redaction(collector: Any) -> Redact | None:
    """The redaction of *collector*: its own function, or by its declared shapes; None: none."""
    hooks = hooks_of(collector)
    own, personal = hooks.redacted, hooks.personal
    return own or (Shapes(personal).redacted if personal is not None and personal.shapes else None)


def reply_mark(value: Any, owner: Mapping[str, Any]) -> Any:
    """Keep of a text whether it begins with @, for Table 6."""
    return "@" if isinstance(value, str) and value.startswith("@") else ""


class Shapes:
    """The redaction of a platform's JSON documents, as declared."""

    def __init__(self, personal: Personal) -> None:
        self._personal = personal
        self._shapes = {kind: [inspect.type_info(one) for one in types] for kind, types in personal.shapes.items()}
        self._untyped = {at: [inspect.type_info(one) for one in types] for at, types in personal.untyped.items()}

    def redacted(self, page: Page, drop: Collection[str]) -> Page:
        """*page* with only what the tables need, without the categories in *drop*, and marked as redacted."""
        if not page.body:
            return page
        kind = page.kind if page.requests else ""
        infos, words = self._shapes.get(kind, self._shapes.get("", [])), frozenset(drop)
        try:
            content = page.content()
        except BadBody:
            content = b""
        parts = content.splitlines(keepends=True) if kind in self._personal.lines else [content]
        return replaced(page, b"".join(self._part(part, infos, words) for part in parts), drop)

    def _part(self, content: bytes, infos: list[inspect.Type], words: frozenset[str]) -> bytes:
        text = content.decode("utf-8", "replace")
        if not text.strip():
            return content if content else UNREADABLE
        end = text[len(text.rstrip("\r\n")) :].encode()
        try:
            return json.dumps(self._kept(json.loads(text), infos, words)).encode() + end
        except (ValueError, RecursionError):
            return UNREADABLE + end

    def _kept(self, value: Any, infos: list[inspect.Type], words: frozenset[str]) -> Any:
        """The kept part of *value*, which may have any of the types *infos*."""
        infos = [one for info in infos for one in _flat(info)]
        if any(isinstance(info, inspect.AnyType) for info in infos):
            return value
        if isinstance(value, dict):
            return self._object(value, [info for info in infos if isinstance(info, inspect.StructType)], words)
        if isinstance(value, list):
            inner = [info.item_type for info in infos if isinstance(info, inspect.ListType)]
            return [self._kept(item, inner, words) for item in value] if inner else []
        plain = any(not isinstance(info, inspect.StructType | inspect.ListType | inspect.DictType) for info in infos)
        return value if plain or not isinstance(value, str) else ""

    def _object(self, value: dict[str, Any], structs: list[inspect.StructType], words: frozenset[str]) -> Any:
        left: dict[str, Any] = {}
        for key, item in value.items():
            fields = [(one.cls, field) for one in structs for field in one.fields if field.encode_name == key]
            if fields and item is not None:
                types = [info for cls, field in fields for info in self._untyped.get((cls, key), [field.type])]
                declared = (self._personal.field(cls, key) for cls, _ in fields)
                found = next((one for one in declared if one and one.category in ("", *CONTENT)), None)
                if found is not None and (not found.category or found.category in words):
                    item = found.left(item, value)
                    if item is None and (blank := _blank([field for _, field in fields])) is not None:
                        left |= {key: ""} if blank else {}
                        continue
                left[key] = self._kept(item, types, words)
            elif key in MARKS and isinstance(item, str):
                left[key] = item
        return left


def _blank(fields: list[inspect.Field]) -> bool | None:
    """The value of an emptied field: a text if its type requires one, else None."""
    nullable = (inspect.NoneType, inspect.AnyType)
    if any(isinstance(one, nullable) for field in fields for one in _flat(field.type)):
        return None
    return any(field.required for field in fields)


def _flat(info: inspect.Type) -> Iterator[inspect.Type]:
    if isinstance(info, inspect.UnionType):
        for one in info.types:
            yield from _flat(one)
    else:
        yield info


def replaced(page: Page, body: bytes, drop: Collection[str], headers: tuple[tuple[str, str], ...] = ()) -> Page:
    """*page* with the plain *body* and *headers* instead of its own, and a list of what was dropped."""
    hidden = {"content-encoding", *(name.lower() for name, _ in headers)}
    kept = tuple((name, value) for name, value in page.headers if name.lower() not in hidden)
    words = tuple(dict.fromkeys((*page.redacted, OTHER, *sorted(drop))))
    return msgspec.structs.replace(page, body=body, headers=kept + headers, redacted=words)

"""Answers of Mastodon's API without what a study does not want. Pure."""

from __future__ import annotations

from collections.abc import Collection
from html import escape
from typing import Any

from collectors.mastodon.parse import AccountView, Descriptor, Error, FieldView, StatusView, content_of
from collectors.parsing.redact import Shapes, gone
from storage.records import Page


def _links(value: Any, owner: Any) -> str:
    """Of HTML stay the links that count as such, and whether its text begins with @."""
    text, urls = content_of(value) if isinstance(value, str) else ("", ())
    return "@" * text.startswith("@") + "".join(f'<a href="{escape(url)}"></a>' for url in urls)


_SHAPES = Shapes(
    {
        (StatusView, "content"): ("texts", _links),
        (FieldView, "value"): ("", _links),  # no table has its words
        (AccountView, "display_name"): ("names", gone),
        (AccountView, "note"): ("descriptions", gone),
    },
    {},
)


def redacted(page: Page, drop: Collection[str]) -> Page:
    """*page* with nothing but what the tables are made from, and without what *drop* names."""
    listed = list[StatusView] if page.kind == "timeline" else list[AccountView]
    return _SHAPES.redacted(page, (AccountView, listed, Error, Descriptor), drop)

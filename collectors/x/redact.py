"""Answers of X without what a study does not want. Pure."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from collectors.parsing.redact import Shapes, gone, reply_mark
from collectors.x.models import Geo, Includes, Note, PostItem, PostPage, Problem, UserItem, UserPage
from collectors.x.outcome import Answer, WithClaims
from storage.records import Page


def _note(value: Any, owner: Any) -> Any:
    """An empty note would be none, and then the hashtags in it would not count."""
    return " " if value else value


_SHAPES = Shapes(
    {
        (PostItem, "text"): ("texts", reply_mark),
        (Note, "text"): ("texts", _note),
        (UserItem, "name"): ("names", gone),
        (UserItem, "description"): ("descriptions", gone),
        (UserItem, "location"): ("locations", gone),
        (Includes, "places"): ("locations", gone),
        (Geo, "place_id"): ("locations", gone),
        (Geo, "coordinates"): ("coordinates", gone),
    },
    {(Problem, "errors"): (list[Problem],)},
)


def redacted(page: Page, drop: Collection[str]) -> Page:
    """*page* with nothing but what the tables are made from, and without what *drop* names."""
    return _SHAPES.redacted(page, (PostPage, UserPage, Answer, WithClaims, Problem), drop, lines=page.kind == "sample")

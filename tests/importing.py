"""Walks files through their collectors as the collect loop would, piece by piece."""

from collections import Counter
from pathlib import Path
from typing import Any

import msgspec
import pytest

from collectors import files
from collectors.base import Settings
from collectors.files import roo, table
from collectors.importing import chunks
from collectors.linkedin import export
from collectors.wire.exchange import Wire
from storage.records import Failure, Page, Record, Request


def walk(format_: str, *paths: Path, forget: bool = False, **options: Any) -> list[Page]:
    """The pages of *paths*; with *forget*, every piece is asked of a collector that has just started."""
    collector = files.collector(format_)
    found = {target: path for path in paths for target in collector.targets(path, options)}
    records = {"paths": files.paths_of(found), **options}
    got: list[Page] = []
    settings = Settings(records, wire=Wire())
    for target in found:
        cursor: str | None = ""
        while cursor is not None:
            if forget:
                settings = Settings(records, wire=Wire())
            request = Request(msgspec.structs.replace(target, cursor=cursor), "walk")
            (page,) = collector.fetch(iter([request]), settings)
            assert not isinstance(page, Failure), page
            got.append(page)
            (done,) = collector.outcome(page)
            cursor = done.next
    return got


def parse(format_: str, pages: list[Page]) -> list[Record]:
    collector = files.collector(format_)
    return [record for page in pages for record in collector.parse(page)]


def read(format_: str, *paths: Path, **options: Any) -> list[Record]:
    return parse(format_, walk(format_, *paths, **options))


def counts(found: list[Record]) -> dict[str, int]:
    return dict(Counter(type(record).__name__ for record in found))


def of(found: list[Record], kind: type) -> list[Any]:
    return [record for record in found if isinstance(record, kind)]


def small_pieces(patch: pytest.MonkeyPatch, size: int) -> None:
    for module in (chunks, export, roo, table):
        patch.setattr(module, "PIECE", size)

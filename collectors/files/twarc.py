"""twarc's JSONL of API v2: one page per line, or one post per line (flattened); also bare lists of posts.

A piece is dated by the newest `__twarc.retrieved_at` in it.
"""

from __future__ import annotations

import re
from collections.abc import Generator, Mapping
from pathlib import Path
from typing import Any

import msgspec

from collectors.files import x_v2
from collectors.importing.chunks import Piece, open_bytes
from collectors.importing.file_collector import FileCollector
from collectors.importing.json_stream import json_pieces
from collectors.parsing.coerce import moment
from collectors.x.personal import FILES
from storage.records import Request

_RETRIEVED = re.compile(rb'"retrieved_at"\s*:\s*"([^"\\]{1,40})"')


def cut(path: Path, request: Request, options: Mapping[str, Any]) -> Generator[Piece]:
    """The pieces of a twarc file."""
    asked = {"compliance": str(options["compliance"])} if options.get("compliance") else {}
    for piece in json_pieces(lambda: open_bytes(path), request.target.cursor):
        times = [at for raw in set(_RETRIEVED.findall(piece.body)) if (at := moment(raw.decode("ascii", "replace")))]
        yield msgspec.structs.replace(piece, at=max(times, default=None), asked=asked)


collector = FileCollector("twarc", cut, x_v2.read, personal=FILES)

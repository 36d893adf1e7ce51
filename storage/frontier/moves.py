"""What an answer does to one target, and how long a failed one waits."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec

from storage.records import Target

MAX_TRIES = 6
SILENT = ("timeout", "connection", "dns", "cut")  # reasons of failures that may be due to a lost network
BACKOFF = (5.0, 3600.0)  # seconds: the first wait, doubled each try, and the longest


class Move(msgspec.Struct, frozen=True):
    """A transition of one row: an outcome of `collectors.base` reduced to its effect."""

    target: Target
    walk: str
    to: str  # next | end | later | alone | absent | keep | on (no effect: a redirect, whose target follows)
    why: str = ""
    cursor: str = ""  # next: where the walk continues
    items: int = 0
    newest: str = ""
    until: datetime | None = None  # later: the time; None: back-off
    free: bool = False
    whole_kind: bool = False
    restart: bool = False
    stuck: bool = False  # end: the mark is not moved
    tries: int | None = None  # later: the number of tries before this one
    price: float = 0.0  # USD per item
    requests: int = 0  # 1 for the first transition of an answer
    carry: Mapping[str, Any] = {}  # next: data for its page besides the cursor


def backoff(key: str, tries: int) -> float:
    """Seconds to wait after *tries* failures: doubling, bounded, and spread by the key."""
    first, most = BACKOFF
    spread = 0.75 + (zlib.crc32(f"{key}/{tries}".encode()) % 1000) / 2000
    return float(min(most, first * 2.0 ** (tries - 1)) * spread)

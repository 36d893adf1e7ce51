"""Structs that several threads may read."""

from __future__ import annotations

from typing import Any

import msgspec


def ready(*types: Any) -> None:
    """Let msgspec work out *types* now, while their module is imported, and not when one is read first.

    Two threads that read a struct for the first time at once would end the process: msgspec lets the second one use
    what the first has not finished.
    """
    for one in types:
        msgspec.json.Decoder(one)

"""Structs that several threads may read.

Two threads that read a struct for the first time at once end the process: msgspec (0.22) lets the second one use what
the first has not finished working out. So types are worked out by one thread at a time, and ours when their module is
imported.
"""

from __future__ import annotations

from threading import RLock
from typing import Any, TypeVar

import msgspec

T = TypeVar("T")
_decoders: dict[Any, msgspec.json.Decoder[Any]] = {}
_alone = RLock()


def decoder(type_: type[T]) -> msgspec.json.Decoder[T]:
    """The decoder of JSON of *type_*, made once."""
    if type_ not in _decoders:
        with _alone:
            if type_ not in _decoders:
                _decoders[type_] = msgspec.json.Decoder(type_)
    return _decoders[type_]


def ready(*types: Any) -> None:
    """Let msgspec work out *types* now."""
    for one in types:
        decoder(one)

"""What reaches the terminal: no control character of a stranger's, and no secret."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, TextIO, cast

CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


def plain(text: str) -> str:
    """*text* without control characters, terminal escapes and bidi overrides (they come from strangers)."""
    return CONTROL.sub("", text)


class Plain:
    """A text stream through which only plain text without secrets passes; its buffer is as it was, for data."""

    def __init__(self, stream: TextIO, cut: Callable[[str], str]) -> None:
        self._stream, self._cut = stream, cut

    def write(self, text: str) -> int:
        """Write *text*, made plain."""
        self._stream.write(self._cut(plain(text)))
        return len(text)

    def writelines(self, lines: Iterable[str]) -> None:
        """Write *lines*, made plain."""
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


@contextmanager
def plain_output(cut: Callable[[str], str]) -> Iterator[None]:
    """Standard output is plain, and *cut*, as long as the block."""
    before = sys.stdout
    sys.stdout = cast("TextIO", Plain(before, cut))
    try:
        yield
    finally:
        if isinstance(cast("Any", sys.stdout), Plain):
            sys.stdout = before

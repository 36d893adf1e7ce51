"""Finds a person's own words in other people's texts: by runs of words, with any separators."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator

RUN = 8  # consecutive words that are unlikely to match by chance, unless
COMMON = 3  # others use them without naming the person: a set phrase
LEAST = (5, 25)  # words and letters of a text that counts as a whole
PIECE = re.compile(r"<[^<>]*>|\w+")  # a tag of HTML, or a word
CUT = "…"


class Copied:
    """Finds the words of *texts* in other texts: RUN consecutive ones, or all of a shorter text.

    If the texts are no longer known, *known* says whether RUN words were theirs.
    """

    def __init__(self, texts: Iterable[str] = (), known: Callable[[str], bool] | None = None) -> None:
        self.runs: set[str] = set()  # runs of their words, separated by blanks
        self._sizes: set[int] = set() if known is None else {RUN}
        self._known = known or self.runs.__contains__
        for text in texts:
            words = [match.group().lower() for match in _words(text)]
            if len(words) < LEAST[0] or len(text) < LEAST[1]:
                continue
            size = min(RUN, len(words))
            self._sizes.add(size)
            self.runs.update(" ".join(words[at : at + size]) for at in range(len(words) - size + 1))

    def __bool__(self) -> bool:
        """Whether there is anything to find."""
        return bool(self._sizes)

    def leave_common(self, texts: Iterable[tuple[str, str]]) -> None:
        """Leave out set phrases: runs that COMMON others use too, by *texts* of others (author, text)."""
        said: dict[str, set[str]] = {}
        for who, text in texts:
            words = [match.group().lower() for match in _words(text)]
            for size in self._sizes:
                for at in range(len(words) - size + 1):
                    run = " ".join(words[at : at + size])
                    if run in self.runs:
                        said.setdefault(run, set()).add(who)
        self.runs.difference_update(run for run, others in said.items() if len(others) >= COMMON)

    def finds(self, text: str) -> bool:
        """Whether *text* contains copied words."""
        return next(self._spans(text), None) is not None

    def cut(self, text: str) -> str:
        """*text* with a mark in place of copied words."""
        return self._with(text, lambda gone: CUT)

    def blank(self, text: str) -> str:
        """*text* with blanks for copied words, of the same length in UTF-8."""
        return self._with(text, lambda gone: " " * len(gone.encode("utf-8", "surrogatepass")))

    def _with(self, text: str, left: Callable[[str], str]) -> str:
        """*text* cut until no copied words are left: the words around a cut may form a new run."""
        while True:
            parts, at = [], 0
            for start, end in self._spans(text):
                parts += [text[at:start], left(text[start:end])]
                at = end
            if not parts:
                return text
            text = "".join([*parts, text[at:]])

    def _spans(self, text: str) -> Iterator[tuple[int, int]]:
        """The spans of copied words, in order, overlaps merged."""
        found = list(_words(text)) if self._sizes else []
        words = [match.group().lower() for match in found]
        open_: tuple[int, int] | None = None
        for at in range(len(words)):
            for size in self._sizes:
                if at + size <= len(words) and self._known(" ".join(words[at : at + size])):
                    start, end = found[at].start(), found[at + size - 1].end()
                    if open_ is not None and start <= open_[1]:
                        open_ = (open_[0], max(open_[1], end))
                    else:
                        if open_ is not None:
                            yield open_
                        open_ = (start, end)
        if open_ is not None:
            yield open_


def _words(text: str) -> Iterator[re.Match[str]]:
    """The words of *text*, without tags."""
    return (match for match in PIECE.finditer(text) if not match.group().startswith("<"))

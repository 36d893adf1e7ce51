"""Finds a person's own words in other people's texts: by runs of words, with any separators."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence

import msgspec

RUN = 8  # consecutive words that are unlikely to match by chance, unless
COMMON = 3  # others use them without naming the person: a set phrase
LEAST = (5, 25)  # words and letters of a text that counts as a whole
PIECE = re.compile(r"<[^<>]*>|\w+")  # a tag of HTML, or a word
CUT = "…"
ESCAPED = re.compile(rb"\\u00([2-7][0-9a-fA-F])")
SPACES = re.compile(r"\\[nrtfb]")  # as JSON writes them


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
        self._first = {run.partition(" ")[0] for run in self.runs} if known is None else None

    def __bool__(self) -> bool:
        """Whether there is anything to find."""
        return bool(self._sizes)

    def leave_common(self, texts: Iterable[tuple[str, str]]) -> None:
        """Leave out set phrases: runs that COMMON others use too, by *texts* of others (author, text)."""
        said: dict[str, set[str]] = {}
        for who, text in texts:
            words = [match.group().lower() for match in _words(text)]
            for at, size in self._found(words):
                said.setdefault(" ".join(words[at : at + size]), set()).add(who)
        self.runs.difference_update(run for run, others in said.items() if len(others) >= COMMON)

    def finds(self, text: str) -> bool:
        """Whether *text* contains copied words."""
        if not self._sizes or len(text) < 2 * min(self._sizes) - 1:  # a letter a word, and a blank between
            return False
        words = [piece.lower() for piece in PIECE.findall(text) if piece[0] != "<"]
        return any(True for _ in self._found(words))

    def finds_in(self, content: bytes) -> bool:
        """Whether *content*, a JSON document or any other text, contains copied words."""
        return bool(self._sizes) and any(map(self.finds, texts_of(content)))

    def cut(self, text: str) -> str:
        """*text* with a mark in place of copied words."""
        return self._with(text, lambda gone: CUT)

    def blank(self, text: str) -> str:
        """*text* with blanks for copied words, of the same length in UTF-8."""
        return self._with(text, lambda gone: " " * len(gone.encode("utf-8", "surrogatepass")))

    def _with(self, text: str, left: Callable[[str], str]) -> str:
        """*text* cut until no copied words are left: the words around a cut may form a new run."""
        while self.finds(text):
            parts, at = [], 0
            for start, end in self._spans(text):
                parts += [text[at:start], left(text[start:end])]
                at = end
            text = "".join([*parts, text[at:]])
        return text

    def _found(self, words: Sequence[str]) -> Iterator[tuple[int, int]]:
        """The runs of copied words among *words*: where each begins, in order, and its size."""
        for at in range(len(words) - min(self._sizes, default=len(words) + 1) + 1):
            if self._first is None or words[at] in self._first:  # joining words is what costs
                for size in self._sizes:
                    if at + size <= len(words) and self._known(" ".join(words[at : at + size])):
                        yield at, size

    def _spans(self, text: str) -> Iterator[tuple[int, int]]:
        """The spans of copied words, in order, overlaps merged."""
        found = list(_words(text))
        words = [match.group().lower() for match in found]
        open_: tuple[int, int] | None = None
        for at, size in self._found(words):
            start, end = found[at].start(), found[at + size - 1].end()
            if open_ is not None and start <= open_[1]:
                open_ = (open_[0], max(open_[1], end))
            else:
                if open_ is not None:
                    yield open_
                open_ = (start, end)
        if open_ is not None:
            yield open_


def texts_of(content: bytes) -> list[str]:
    """The strings of a JSON document, as nobody's words go on from one to the next; other content as one text."""
    try:
        waiting = [msgspec.json.decode(content)]
    except (msgspec.DecodeError, RecursionError, UnicodeError):
        return [unescaped(content)]
    found = []
    while waiting:
        value = waiting.pop()
        if isinstance(value, str):
            found.append(value)
        elif isinstance(value, dict):
            waiting += [*value, *value.values()]
        elif isinstance(value, list):
            waiting += value
    return found


def unescaped(content: bytes) -> str:
    """*content* as text, with JSON escapes decoded (white space as a blank)."""
    if b"\\u" in content or b"\\/" in content:
        try:
            content = msgspec.json.encode(msgspec.json.decode(content))
        except (msgspec.DecodeError, RecursionError, UnicodeError):
            content = ESCAPED.sub(lambda found: chr(int(found[1], 16)).encode(), content.replace(b"\\/", b"/"))
    return SPACES.sub(" ", content.decode("utf-8", "replace"))


def _words(text: str) -> Iterator[re.Match[str]]:
    """The words of *text*, without tags."""
    return (match for match in PIECE.finditer(text) if not match.group().startswith("<"))

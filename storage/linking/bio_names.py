"""Text as words, separators and names of organisations, with offsets."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import NamedTuple

from storage.linking import bio_words as words
from storage.linking.organisations import Group, Match, Matcher, Organisations, normalise


class Name(NamedTuple):
    """A name of an organisation in a text.

    *strength*: full (unique), ministry (a ministry's full name, which another country may have
    too), short (an abbreviation), word (also an ordinary word or topic), ambiguous (an abbreviation that mostly means
    something else), foreign (a ministry that every country has), weak (hardly a name by itself).
    """

    organisation: str
    group: str
    strength: str


class Names:
    """The names of a list of organisations, as found in text."""

    def __init__(
        self,
        organisations: Organisations,
        matcher: Matcher,
        handles: Mapping[str, str] | None = None,
    ) -> None:
        """Index the names of *organisations*; *matcher* maps a name to its organisation.

        *handles* maps handles (`minfin`, `minfin@social.example`, `minfin.example.org`) to organisations.
        Raise ValueError for a handle of an organisation that the list does not have.
        """
        self._phrases: dict[str, Name] = {}
        self._squeezed: dict[str, Name] = {}
        self._longest: dict[str, int] = {}
        known: dict[str, Match] = {}
        for phrase, asked, strength in _phrases(organisations):
            if (match := matcher.match(asked)) is not None:
                known.setdefault(match.organisation, match)
                self._add(normalise(phrase), Name(match.organisation, match.group, strength))
        self.patterns = list(_patterns(organisations, matcher))
        self._handles: dict[str, Name] = {}
        for handle, organisation in (handles or {}).items():
            if (match := known.get(organisation) or matcher.match(organisation)) is None:
                raise ValueError(f"@{handle}: the list has no organisation {organisation!r}")
            self._handles[handle.removeprefix("@").casefold()] = Name(match.organisation, match.group, "full")

    def _add(self, phrase: str, name: Name) -> None:
        before = self._phrases.get(phrase)
        if len(phrase) < 2 or (before is not None and (before.strength != "weak" or name.strength == "weak")):
            return
        self._phrases[phrase] = name
        parts = phrase.split()
        self._longest[parts[0]] = max(self._longest.get(parts[0], 0), len(parts))
        if name.strength in ("full", "ministry"):
            self._squeezed.setdefault("".join(parts), name)

    def longest(self, word: str) -> int:
        """The number of words of the longest name that begins with *word*."""
        return self._longest.get(word, 0)

    def called(self, phrase: str) -> Name | None:
        """The organisation called *phrase* (normalised)."""
        return self._phrases.get(phrase)

    def tagged(self, tag: str) -> Name | None:
        """The organisation named by a hashtag's word, with or without spaces."""
        return self._phrases.get(tag) or self._squeezed.get(tag)

    def at(self, handle: str) -> Name | None:
        """The organisation with *handle* (without @), or, as weaker evidence, the one whose name it spells."""
        whole = handle.casefold()
        local = re.split(r"[@.]", whole, maxsplit=1)[0]
        if found := self._handles.get(whole) or self._handles.get(local):
            return found
        spelled = self.tagged(normalise(local).replace(" ", ""))
        return spelled and spelled._replace(strength=words.SPELLED.get(spelled.strength, spelled.strength))


def _phrases(organisations: Organisations) -> Iterator[tuple[str, str, str]]:
    """Each name in *organisations*: as written in texts, as looked up in the matcher, and its strength."""
    for group in organisations.group:
        yield from _of_group(group)
    for agency in organisations.organisation:
        yield from ((name, name, _strength(name)) for name in (agency.name, *agency.aliases, *agency.abbreviations))
    if organisations.one_word_names:  # what has a better name by now keeps it
        yield from ((each.name, f"ministerie van {each.name}", "word") for each in organisations.group if each.name)


def _of_group(group: Group) -> Iterator[tuple[str, str, str]]:
    names = [period.name for period in group.history if period.name]
    keys = [period.key or group.id for period in group.history if not period.part_of]
    for name in (*names, *group.prefixed, *group.abbreviations, *keys):
        yield from ((form.format(name), f"ministerie van {name}", "ministry") for form in words.DUTCH_FORMS)
    for name in (*group.aliases, *group.abbreviations):
        yield name, name, _strength(name)
    for name in (*group.english, *group.english_marked):
        asked = f"dutch ministry of {name}"
        plain = "ministry" if name in group.english else "foreign"
        yield from ((form.format(name), asked, "full") for form in words.MARKED_FORMS)
        yield from ((form.format(name), asked, plain) for form in words.ENGLISH_FORMS)
    for name in (*group.abbreviations, *group.prefixed):
        yield f"min{normalise(name).replace(' ', '')}", f"ministerie van {name}", "full"
    for name in (*names, *group.prefixed, *keys):
        yield name, f"ministerie van {name}", "word" if len(name.split()) > 1 and name in names else "weak"


def _strength(name: str) -> str:
    together = "".join(word for word in normalise(name).split() if word not in ("de", "het", "the"))
    if together in words.OTHER_READINGS:
        return "ambiguous"
    if together in words.ORDINARY:
        return "word"
    return "short" if len(together) <= 4 else "full"


def _patterns(organisations: Organisations, matcher: Matcher) -> Iterator[tuple[re.Pattern[str], Name]]:
    """The regular expressions of the list, over normalised words, and their organisations."""
    for group in organisations.group:
        for asked in (f"ministerie van {period.name}" for period in group.history if period.name):
            if match := matcher.match(asked):
                yield from _compiled(group.patterns, match)
                break
    for agency in organisations.organisation:
        if match := matcher.match(agency.name):
            yield from _compiled(agency.patterns, match)


def _compiled(patterns: Collection[str], match: Match) -> Iterator[tuple[re.Pattern[str], Name]]:
    name = Name(match.organisation, match.group, "full")
    yield from ((re.compile(rf"\b(?:{pattern})\b"), name) for pattern in patterns)


# ---- words and separators --------------------------------------------------------------------------------------

LONGEST = 40  # characters of a word that are examined


class Item(NamedTuple):
    """A word, a separator or an organisation's name in a text, and its offsets."""

    text: str
    start: int
    end: int
    name: Name | None = None


# The first alternative is not text: addresses of pages and mailboxes.
_TOKEN = re.compile(
    r"(?P<opaque>(?:https?://|www\.)\S+|(?<![\w.+-])[\w.+-]{1,64}@[\w-]{1,63}\.\w[\w.-]*)"
    r"|(?<![\w@])@(?P<handle>\w[\w.-]*(?:@\w[\w.-]*)?)|(?P<tag>#(?=[^\W_]))|(?P<word>[^\W_]+|&)"
)
_MARKS = {",": ",", ".": ".", "!": ".", "?": ".", "…": ".", ";": ".", ":": ":", "(": "(", "[": "(", ")": ")", "]": ")"}
_QUOTES = set("'\"’‘“”`´«»_*^")
_DASHES = set("-‐‑–—")
_BRIDGED = set("-,.()")  # a name may contain these


def read_items(text: str, names: Names) -> list[Item]:
    """The words and separators of *text*, each organisation's name as one item; `|` at both ends."""
    tokens = [Item("|", 0, 0), *_tokens(text, names), Item("|", len(text), len(text))]
    out: list[Item] = []
    at = 0
    for first, after, name in _chosen([*_named(tokens, names), *_patterned(tokens, names)]):
        out += tokens[at:first]
        # a weak name is not an employer between a role and another one ('officier van justitie bij ...')
        plain = " ".join(token.text for token in tokens[first:after])
        shown = plain[:LONGEST] if name.strength == "weak" else "OTHER"
        out.append(Item(shown, tokens[first].start, tokens[after - 1].end, name))
        at = after
    return out + tokens[at:]


def _tokens(text: str, names: Names) -> Iterator[Item]:
    """Words in lower case, handles, and the separators between them."""
    at = 0
    for token in _TOKEN.finditer(text):
        yield from _separators(text, at, token.start())
        start, at = token.span()
        if token["handle"]:
            handle = token["handle"].rstrip(".-")
            at = token.start("handle") + len(handle)
            yield Item("@", start, start)
            yield Item(handle.casefold()[:LONGEST], start, at, names.at(handle))
        elif token["tag"]:
            yield Item("#", start, at)
        elif token["opaque"]:
            yield Item("|", start, at)
        elif plain := _plain(token[0]):
            yield Item(plain[:LONGEST], start, at)
    yield from _separators(text, at, len(text))


def _plain(word: str) -> str:
    """*word*, normalised like the names."""
    low = word.lower()
    return low if low.isascii() and low not in ("and", "&") else normalise(word)


def _separators(text: str, start: int, end: int) -> Iterator[Item]:
    """The separators between two words: none for a space, a quote, or a dot in an abbreviation."""
    gap = text[start:end]
    inside = start > 0 and end < len(text)
    if inside and gap in ("", " ", ".", "'", "’"):
        return
    if inside and gap in _DASHES:
        yield Item("-", start, end)
        return
    marks: list[str] = []
    for number, char in enumerate(gap):
        mark = _mark(char, hanging=number == 0 and start > 0)
        if mark and mark not in marks[-1:] and not (mark == "|" and "|" in marks):
            marks.append(mark)
    if "|" in marks:
        marks = [mark for mark in marks if mark in ("|", "(", ")", "at")]
    yield from (Item(mark, start, end) for mark in marks)


def _mark(char: str, hanging: bool) -> str:
    """The separator that *char* is; *hanging*: directly after a word, like the hyphen of 'Immigratie- en ...'."""
    if char in _MARKS:
        return _MARKS[char]
    if char == "@":
        return "at"
    if char.isspace():
        return "|" if char in "\n\r\u2028\u2029" else ""
    if char in _QUOTES or (hanging and char == "-") or unicodedata.category(char) in ("Mn", "Me", "Cf", "Cc"):
        return ""
    return "|"


# ---- names among the words -------------------------------------------------------------------------------------


def _named(tokens: Sequence[Item], names: Names) -> Iterator[tuple[int, int, Name]]:
    """The names in *tokens* (first, after the last, organisation), the longest at each word."""
    for first, token in enumerate(tokens):
        if token.name is not None:
            yield first, first + 1, token.name
        elif first and tokens[first - 1].text == "#" and (name := names.tagged(token.text)):
            yield first, first + 1, name
        elif longest := names.longest(token.text.partition(" ")[0]):
            yield from _longest(tokens, first, longest, names)


def _longest(tokens: Sequence[Item], first: int, longest: int, names: Names) -> Iterator[tuple[int, int, Name]]:
    phrase = ""
    best: tuple[int, int, Name] | None = None
    for at in range(first, min(first + 2 * longest, len(tokens))):
        text = tokens[at].text
        if text in _BRIDGED:
            continue
        if text in ("|", ":", "@", "#"):
            break
        phrase = f"{phrase} {text}".lstrip()
        if name := names.called(phrase):
            best = first, at + 1, name
    if best:
        yield best


def _patterned(tokens: Sequence[Item], names: Names) -> Iterator[tuple[int, int, Name]]:
    """The names in *tokens* that the patterns of the list find, within separators."""
    if not names.patterns:
        return
    kept = [(number, token.text) for number, token in enumerate(tokens) if token.text not in ("-", ",")]
    starts: dict[int, int] = {}
    ends: dict[int, int] = {}
    length = 0
    for number, text in kept:
        starts[length] = number
        length += len(text)
        ends[length] = number + 1
        length += 1
    plain = " ".join(text for _, text in kept)
    for pattern, name in names.patterns:
        for match in pattern.finditer(plain):
            if match.start() in starts and match.end() in ends:
                yield starts[match.start()], ends[match.end()], name


def _chosen(found: Sequence[tuple[int, int, Name]]) -> Iterator[tuple[int, int, Name]]:
    """The names that do not overlap, earlier and longer ones first."""
    free = 0
    for first, after, name in sorted(found, key=lambda one: (one[0], -one[1])):
        if first >= free:
            yield first, after, name
            free = after

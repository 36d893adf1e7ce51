"""Bios, headlines and profile fields, read as sentences: what they say of their writer and an organisation.

Precision comes before recall: a name that is only there, or that could be somebody else's, makes nobody a member. What
is unclear is for review, and whatever was found is returned, with the words that decided.
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_right
from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import accumulate
from typing import NamedTuple

import msgspec

from storage.linking import bio_rules as rules
from storage.organisations import Match, Matcher, Ministry, Named, Organisations, normalise

MEMBER, REVIEW = 0.8, 0.3  # least confidence of each verdict
LEFT, RIGHT = 16, 8  # words and separators around a name that the rules look at
LONGEST = 40  # characters of a word that the rules look at


class Evidence(msgspec.Struct, frozen=True):
    """What one passage of a bio says of its writer and an organisation.

    *stance* is current, former, hopeful, student, hired, supplier, about-others, ironic ... (`bio_rules`); *confidence*
    that the writer is a member now, 0 to 1; *verdict* member, review or none; *against* the rules that lowered it;
    *quoted* the words between the offsets *start* and *end*. A disclaimer ("views my own") has no organisation.
    """

    organisation: str | None
    group: str | None
    quoted: str
    start: int
    end: int
    rule: str
    stance: str
    confidence: float
    verdict: str
    against: tuple[str, ...] = ()


def read_bio(text: str, names: Names) -> list[Evidence]:
    """The evidence in *text*, in its order, of membership of the organisations that *names* knows.

    A member of an organisation that the text also denies, mocks or speaks of in the past goes to review.
    """
    items = _items(text, names)
    whole = " ".join(item.text for item in items)
    flags = [flag for flag in rules.FLAGS if flag.pattern.search(whole)]
    at_home = rules.HOME_FLAG in text or rules.HOME.search(whole) is not None
    clear = {item.name.group for item in items if item.name and item.name.strength == "full"}
    found: list[Evidence] = []
    for number, item in enumerate(items):
        if item.name is not None:
            name = _clearer(item.name, at_home, clear)
            found.append(_judged(_Passage(text, items, number), name, names, flags, found))
    disclaimers = _disclaimers(text, items, whole)
    return sorted([*_reconciled(found), *disclaimers], key=lambda one: (one.start, one.end))


# ---- names ---------------------------------------------------------------------------------------------------


class Name(NamedTuple):
    """An organisation as a text may call it.

    *strength*: full (nobody else is called so), short (an abbreviation), ambiguous (one with other readings), word (an
    ordinary word or topic too), foreign (other countries have one too), weak (hardly a name by itself).
    """

    organisation: str
    group: str
    strength: str


class Names:
    """The names of a list of organisations, as they stand in running text."""

    def __init__(
        self,
        organisations: Organisations,
        matcher: Matcher,
        handles: Mapping[str, str] | None = None,
        trades: Collection[str] = (),
    ) -> None:
        """Index the names of *organisations*; *matcher* says whose they are.

        *handles* maps handles (`minfin`, `minfin@social.example`, `minfin.example.org`) to organisations; *trades* are those
        of `bio_rules.TRADES` that the population itself is of: among journalists a reporter is no outsider.
        Raise ValueError for a handle of an organisation that the list does not have.
        """
        self._phrases: dict[str, Name] = {}
        self._squeezed: dict[str, Name] = {}
        self._longest: dict[str, int] = {}
        self.patterns: list[tuple[re.Pattern[str], Name]] = []
        outsiders = "|".join(words for trade, words in rules.TRADES.items() if trade not in trades)
        self.outsiders = re.compile(rf"\b(?:{outsiders or '(?!)'}) [^|.]*?\bORG\b")
        known: dict[str, Match] = {}
        for phrase, asked, strength in _phrases(organisations):
            if (match := matcher.match(asked)) is not None:
                known.setdefault(match.organisation, match)
                self._add(normalise(phrase), Name(match.organisation, match.ministry, strength))
        for entry in (*organisations.ministry, *organisations.organisation):
            asked = f"ministerie van {entry.history[-1].name}" if isinstance(entry, Ministry) else entry.name
            if entry.patterns and (match := matcher.match(asked)) is not None:
                name = Name(match.organisation, match.ministry, "full")
                self.patterns += [(re.compile(rf"\b(?:{pattern})\b"), name) for pattern in entry.patterns]
        self._handles: dict[str, Name] = {}
        for handle, organisation in (handles or {}).items():
            if (match := known.get(organisation) or matcher.match(organisation)) is None:
                raise ValueError(f"@{handle}: the list has no organisation {organisation!r}")
            self._handles[handle.removeprefix("@").casefold()] = Name(match.organisation, match.ministry, "full")

    def _add(self, phrase: str, name: Name) -> None:
        if not phrase or phrase in self._phrases:
            return
        self._phrases[phrase] = name
        words = phrase.split()
        self._longest[words[0]] = max(self._longest.get(words[0], 0), len(words))
        if name.strength == "full":
            self._squeezed.setdefault("".join(words), name)

    def longest(self, word: str) -> int:
        """The number of words of the longest name that begins with *word*."""
        return self._longest.get(word, 0)

    def called(self, phrase: str) -> Name | None:
        """The organisation called *phrase* (normalised)."""
        return self._phrases.get(phrase)

    def tagged(self, tag: str) -> Name | None:
        """The organisation that a hashtag's word names, written together or not."""
        return self._phrases.get(tag) or self._squeezed.get(tag)

    def at(self, handle: str) -> Name | None:
        """The organisation that bears *handle* (without @), or whose name it spells, which is less."""
        whole = handle.casefold()
        local = re.split(r"[@.]", whole, maxsplit=1)[0]
        if found := self._handles.get(whole) or self._handles.get(local):
            return found
        spelled = self.tagged(normalise(local).replace(" ", ""))
        return spelled and spelled._replace(strength=rules.SPELLED.get(spelled.strength, spelled.strength))


def _phrases(organisations: Organisations) -> Iterator[tuple[str, str, str]]:
    """Each name in *organisations* as a text may write it, as the matcher is to be asked for it, and its strength."""
    for ministry in organisations.ministry:
        yield from _of_ministry(ministry)
    for agency in organisations.organisation:
        yield from ((name, name, _strength(name)) for name in (agency.name, *agency.aliases, *agency.abbreviations))


def _of_ministry(ministry: Ministry) -> Iterator[tuple[str, str, str]]:
    names = [period.name for period in ministry.history if period.name]
    keys = [period.key or ministry.id for period in ministry.history if not period.part_of]
    for name in (*names, *ministry.prefixed, *ministry.abbreviations, *keys):
        asked = f"ministerie van {name}"
        yield from ((form.format(name), asked, "full") for form in rules.DUTCH_FORMS)
    for name in (*ministry.aliases, *ministry.abbreviations):
        yield name, name, _strength(name)
    for name in ministry.english:
        yield from ((form.format(name), f"ministry of {name}", "full") for form in rules.ENGLISH_FORMS)
    for name in ministry.english_marked:
        asked = f"dutch ministry of {name}"
        yield from ((form.format(name), asked, "full") for form in rules.ENGLISH_FORMS if form in rules.MARKED_FORMS)
        yield from ((form.format(name), asked, "foreign") for form in rules.ENGLISH_FORMS)
    for name in (*ministry.abbreviations, *ministry.prefixed):
        yield f"min{normalise(name).replace(' ', '')}", f"ministerie van {name}", "full"
    for name in (*names, *ministry.prefixed, *keys):
        yield name, f"ministerie van {name}", "word" if len(name.split()) > 1 and name in names else "weak"


def _strength(name: str) -> str:
    words = [word for word in normalise(name).split() if word not in ("de", "het", "the")]
    together = "".join(words)
    if together in rules.OTHER_READINGS:
        return "ambiguous"
    if together in rules.ORDINARY:
        return "word"
    return "short" if len(together) <= 4 else "full"


# ---- words and separators --------------------------------------------------------------------------------------


class Item(NamedTuple):
    """A word, a separator or an organisation's name in a text, and its offsets."""

    text: str
    start: int
    end: int
    name: Name | None = None


# The first alternative is what nobody's words are: addresses of pages and mailboxes.
_TOKEN = re.compile(
    r"(?P<opaque>(?:https?://|www\.)\S+|(?<![\w.+-])[\w.+-]{1,64}@[\w-]{1,63}\.\w[\w.-]*)"
    r"|(?<![\w@])@(?P<handle>\w[\w.-]*(?:@\w[\w.-]*)?)|(?P<tag>#(?=[^\W_]))|(?P<word>[^\W_]+|&)"
)
_MARKS = {",": ",", ".": ".", "!": ".", "?": ".", "…": ".", ";": ".", ":": ":", "(": "(", "[": "(", ")": ")", "]": ")"}
_QUOTES = set("'\"’‘“”`´«»_*^")
_DASHES = set("-‐‑–—")
_BRIDGED = set("-,.()")  # a name may contain these


def _items(text: str, names: Names) -> list[Item]:
    """The words and separators of *text*, each organisation's name as one item; `|` at both ends."""
    tokens = [Item("|", 0, 0), *_tokens(text, names), Item("|", len(text), len(text))]
    out: list[Item] = []
    at = 0
    for first, after, name in _chosen([*_named(tokens, names), *_patterned(tokens, names)]):
        out += tokens[at:first]
        words = " ".join(token.text for token in tokens[first:after])
        # a weak name is no employer that could stand between a role and another one ('officier van justitie bij ...')
        shown = words if name.strength == "weak" else "OTHER"
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
            yield Item(plain, start, at)
    yield from _separators(text, at, len(text))


def _plain(word: str) -> str:
    """*word* normalised as the names are."""
    low = word.lower()
    return low if low.isascii() and low not in ("and", "&") else normalise(word)


def _separators(text: str, start: int, end: int) -> Iterator[Item]:
    """What stands between two words, as separators: none for a space, a quote, or a dot in an abbreviation."""
    gap = text[start:end]
    if gap in ("", " ", ".", "'", "’") and 0 < start and end < len(text):
        return
    if gap in _DASHES and 0 < start and end < len(text):
        yield Item("-", start, end)
        return
    marks: list[str] = []
    for number, char in enumerate(gap):
        mark = _mark(char, hanging=number == 0 and 0 < start)
        if mark and mark not in marks[-1:]:
            marks.append(mark)
    if "|" in marks:
        marks = [
            mark for number, mark in enumerate(marks) if mark in "()at" or (mark == "|" and "|" not in marks[:number])
        ]
    yield from (Item(mark, start, end) for mark in marks)


def _mark(char: str, hanging: bool) -> str:
    """The separator that *char* is; *hanging*: right behind a word, as the hyphen of 'Immigratie- en ...'."""
    if char in _MARKS:
        return _MARKS[char]
    if char == "@":
        return "at"
    if char.isspace():
        return "|" if char in "\n\r\u2028\u2029" else ""
    if char in _QUOTES or (hanging and char == "-") or unicodedata.category(char) in ("Mn", "Me", "Cf", "Cc"):
        return ""
    return "|"


def _named(tokens: Sequence[Item], names: Names) -> Iterator[tuple[int, int, Name]]:
    """The names in *tokens* (first, after the last, whose), the longest at each word."""
    for first, token in enumerate(tokens):
        if token.name is not None:
            yield first, first + 1, token.name
        elif first and tokens[first - 1].text == "#" and (name := names.tagged(token.text)):
            yield first, first + 1, name
        elif longest := names.longest(token.text.partition(" ")[0]):
            yield from _longest(tokens, first, longest, names)


def _longest(tokens: Sequence[Item], first: int, words: int, names: Names) -> Iterator[tuple[int, int, Name]]:
    phrase, best = "", None
    for at in range(first, min(first + 2 * words, len(tokens))):
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


def _clearer(name: Name, at_home: bool, clear: Collection[str]) -> Name:
    """*name*, without doubt about whose it is if the bio says the country or names the same group in full."""
    if name.strength == "foreign" and at_home:
        return name._replace(strength="full")
    if name.strength == "ambiguous" and name.group in clear:
        return name._replace(strength="short")
    return name


# ---- judging -----------------------------------------------------------------------------------------------------


class _Passage:
    """The words around one name, as the rules read them."""

    def __init__(self, text: str, items: Sequence[Item], number: int) -> None:
        first = max(0, number - LEFT)
        self.text = text
        self.items = items[first : number + RIGHT + 1]
        self.at = number - first
        words = [item.text[:LONGEST] for item in self.items]
        words[self.at] = "ORG"
        self.words = " ".join(words)
        self.ends = list(accumulate(len(word) + 1 for word in words))

    def quote(self, start: int, end: int) -> tuple[int, int]:
        """Where in the text the words from *start* to *end* of the passage stand, the name among them."""
        first = min(bisect_right(self.ends, start), self.at)
        last = max(bisect_right(self.ends, max(start, end - 1)), self.at)
        return self.items[first].start, self.items[last].end


def _judged(
    passage: _Passage, name: Name, names: Names, flags: Sequence[rules.Rule], before: Sequence[Evidence]
) -> Evidence:
    """The evidence of one name: by the first rule that matches, lowered by what speaks against it."""
    rule, match = next((rule, match) for rule in rules.RULES if (match := rule.pattern.search(passage.words)))
    start, end = passage.quote(*match.span())
    if isinstance(rule.sure, float):
        return _evidence(passage.text, name, (start, end), rule.name, rule.stance, rule.sure)
    if rule.sure in ("alone", "bare", "mention") and before and (shared := _shared(passage, name, before[-1])):
        return _evidence(passage.text, name, (start, end), *shared, against=before[-1].against)
    sure = rules.TIES[rule.sure][name.strength]
    caveats = [caveat for caveat in rules.CAVEATS if caveat.pattern.search(passage.words)]
    if rule.sure == "role" and names.outsiders.search(passage.words):
        caveats.append(rules.OUTSIDER)
    lower = [one for one in (*caveats, *flags) if isinstance(one.sure, float) and one.sure < sure]
    if lower and sure >= REVIEW:
        worst = min(lower, key=lambda one: float(one.sure))
        against = tuple(one.name for one in lower)
        return _evidence(passage.text, name, (start, end), rule.name, worst.stance, float(worst.sure), against=against)
    return _evidence(passage.text, name, (start, end), rule.name, rule.stance, sure)


def _shared(passage: _Passage, name: Name, before: Evidence) -> tuple[str, str, float] | None:
    """Rule, stance and confidence of a name that shares what is said of the one before it ('BZK en OCW')."""
    words = passage.words
    if rules.JOINED.search(words) or (before.group == name.group and rules.WITHIN.search(words)):
        return "shared", before.stance, min(before.confidence, 0.85)
    if before.stance != "current" and rules.LISTED.search(words):
        return "listed", before.stance, min(before.confidence, REVIEW)
    return None


def _evidence(
    text: str,
    name: Name,
    span: tuple[int, int],
    rule: str,
    stance: str,
    confidence: float,
    against: tuple[str, ...] = (),
) -> Evidence:
    verdict = "member" if confidence >= MEMBER else "review" if confidence >= REVIEW else "none"
    quoted = text[span[0] : span[1]]
    return Evidence(name.organisation, name.group, quoted, *span, rule, stance, confidence, verdict, against)


def _reconciled(found: Sequence[Evidence]) -> Iterator[Evidence]:
    """*found*, with members sent to review if other evidence of the same organisation contradicts them."""
    contradicted = {one.organisation: one.rule for one in found if one.stance in rules.CONTRADICTING}
    for one in found:
        if one.verdict == "member" and (rule := contradicted.get(one.organisation)):
            against = (*one.against, rule)
            yield msgspec.structs.replace(one, confidence=0.5, verdict="review", against=against)
        else:
            yield one


def _disclaimers(text: str, items: Sequence[Item], whole: str) -> Iterator[Evidence]:
    """Disclaimers, which are no evidence by themselves, shown for whoever reviews."""
    ends: list[int] = []
    for item in items:
        ends.append((ends[-1] + 1 if ends else 0) + len(item.text))
    number = 0
    for match in rules.DISCLAIMER.finditer(whole):
        while ends[number] <= match.start():
            number += 1
        first = number
        while ends[number] < match.end():
            number += 1
        start, end = items[first].start, items[number].end
        yield Evidence(None, None, text[start:end], start, end, "disclaimer", "disclaimer", 0.0, "none")

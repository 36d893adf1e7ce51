"""Bios, headlines and profile fields, read as sentences: what they say about their author and an organisation.

Precision comes before recall: a bare name, or one that could be another organisation's, makes no one a member. What
is unclear goes to review, and all findings are returned, with the words that decided.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Collection, Iterator, Sequence
from itertools import accumulate

import msgspec

from storage.linking import bio_rules as rules
from storage.linking import bio_words as words
from storage.linking.bio_names import Item, Name, Names, read_items

MEMBER, REVIEW = 0.8, 0.3  # least confidence of each verdict
LEFT, RIGHT = 16, 8  # words and separators around a name that the rules examine


class Evidence(msgspec.Struct, frozen=True):
    """What one passage of a bio says about its author and an organisation.

    *stance* is current, former, hopeful, student, hired, supplier, about-others, ironic ... (`bio_rules`); *confidence*
    that the author is a member now, 0 to 1; *verdict* member, review or none; *against* the rules that lowered it;
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


def read_bio(text: str, names: Names, trades: Collection[str] = ()) -> list[Evidence]:
    """The evidence in *text*, in order, of membership of the organisations in *names*.

    *trades* are those of the population (`bio_words.TRADES`, and politics): people of none of them are outsiders.
    A membership that the text also denies, mocks or puts in the past goes to review.
    """
    items = read_items(text, names)
    whole = " ".join(item.text for item in items)
    flags = [flag for flag in rules.FLAGS if flag.pattern.search(whole)]
    at_home = words.HOME_FLAG in text or words.HOME.search(whole) is not None
    clear = {item.name.group for item in items if item.name and item.name.strength in ("full", "ministry")}
    view = rules.view(frozenset(trades))
    found: list[Evidence] = []
    for number, item in enumerate(items):
        if item.name is not None:
            name = _clearer(item.name, at_home, clear)
            found.append(_judged(_Passage(text, items, number), name, view, flags, found[-1:]))
    return sorted([*_reconciled(found), *_disclaimers(text, items, whole)], key=lambda one: (one.start, one.end))


def _clearer(name: Name, at_home: bool, clear: Collection[str]) -> Name:
    """*name*, made unambiguous if the bio gives the country or the group's full name."""
    if name.strength == "foreign" and at_home:
        return name._replace(strength="ministry")
    if name.strength == "ambiguous" and name.group in clear:
        return name._replace(strength="short")
    return name


class _Passage:
    """The words around one name, in the form the rules read."""

    def __init__(self, text: str, items: Sequence[Item], number: int) -> None:
        first = max(0, number - LEFT)
        self.text = text
        self.items = items[first : number + RIGHT + 1]
        self.at = number - first
        shown = [item.text for item in self.items]
        shown[self.at] = "ORG"
        self.words = " ".join(shown)
        self.ends = list(accumulate(len(word) + 1 for word in shown))

    def quote(self, start: int, end: int) -> tuple[int, int]:
        """The offsets in the text of the words from *start* to *end* of the passage, the name included."""
        first = min(bisect_right(self.ends, start), self.at)
        last = max(bisect_right(self.ends, max(start, end - 1)), self.at)
        return self.items[first].start, self.items[last].end


def _judged(
    passage: _Passage, name: Name, view: rules.View, flags: Sequence[rules.Rule], before: Sequence[Evidence]
) -> Evidence:
    """The evidence of one name: by the first matching rule, lowered by evidence against it."""
    rule, match = next((rule, match) for rule in rules.RULES if (match := rule.pattern.search(passage.words)))
    span = passage.quote(*match.span())
    if isinstance(rule.sure, float):
        return _evidence(passage.text, name, span, rule.name, rule.stance, rule.sure)
    if rule.sure in rules.WEAK_TIES and before and (shared := _shared(passage.words, name, before[0])):
        return _evidence(passage.text, name, span, *shared, against=before[0].against)
    sure = rules.TIES[view.ties.get(rule.name, rule.sure)][name.strength]
    lower = [(float(one.sure), one) for one in (*_against(passage, name, view, rule), *flags) if float(one.sure) < sure]
    if not lower or sure < REVIEW:
        return _evidence(passage.text, name, span, rule.name, rule.stance, sure)
    least, worst = min(lower, key=lambda one: one[0])
    against = tuple(one.name for _, one in lower)
    return _evidence(passage.text, name, span, rule.name, worst.stance, least, against)


def _against(passage: _Passage, name: Name, view: rules.View, rule: rules.Rule) -> Iterator[rules.Rule]:
    """The rules in the passage that speak against the tie found by *rule*."""
    for caveat in rules.CAVEATS:
        if caveat.name not in view.usual and caveat.pattern.search(passage.words):
            yield caveat
    if name.strength != "full" and rules.ELSEWHERE.pattern.search(passage.words):
        yield rules.ELSEWHERE
    if rule.sure == "role" and view.outsiders.search(passage.words):
        yield rules.OUTSIDER


def _shared(passage: str, name: Name, before: Evidence) -> tuple[str, str, float] | None:
    """Rule, stance and confidence of a name that shares the relation of the one before it ('BZK en OCW')."""
    if rules.JOINED.search(passage) or (before.group == name.group and rules.WITHIN.search(passage)):
        return "shared", before.stance, min(before.confidence, rules.TIES["role"][name.strength])
    if before.stance != "current" and rules.LISTED.search(passage):
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
    """Disclaimers, which are not evidence by themselves, shown to reviewers."""
    ends = list(accumulate(len(item.text) + 1 for item in items))
    for match in rules.DISCLAIMER.finditer(whole):
        start = items[bisect_right(ends, match.start())].start
        end = items[bisect_right(ends, match.end() - 1)].end
        yield Evidence(None, None, text[start:end], start, end, "disclaimer", "disclaimer", 0.0, "none")

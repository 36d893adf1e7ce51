"""The nouns for members and groups that `init` writes, in both languages if known."""

from __future__ import annotations

import re
from typing import Literal

Language = Literal["en", "nl"]

# of common studies: English and Dutch plurals
PAIRS = (
    ("civil servants", "ambtenaren"), ("journalists", "journalisten"), ("politicians", "politici"),
    ("scientists", "wetenschappers"), ("researchers", "onderzoekers"), ("teachers", "leraren"), ("doctors", "artsen"),
    ("lawyers", "advocaten"), ("ministries", "ministeries"), ("newsrooms", "redacties"), ("parties", "partijen"),
    ("universities", "universiteiten"), ("municipalities", "gemeenten"), ("schools", "scholen"),
    ("hospitals", "ziekenhuizen"), ("members", "leden"), ("groups", "groepen"),
)  # fmt: skip
# (singular, plural) endings that the rules below get wrong
IRREGULAR: dict[Language, tuple[tuple[str, str], ...]] = {
    "en": (("person", "people"), ("woman", "women"), ("man", "men"), ("child", "children")),
    "nl": (
        ("lid", "leden"), ("stad", "steden"), ("gemeente", "gemeenten"), ("blad", "bladen"), ("icus", "ici"),
        ("kantoor", "kantoren"), ("essor", "essoren"), ("doctor", "doctoren"), ("ige", "igen"), ("ende", "enden"),
    ),
}  # fmt: skip
PLURAL: dict[Language, str] = {"en": "[^s]s$", "nl": "en$|(?<![cdistu])(?<!aa|ee|oo|uu)s$|aus$"}
HET = re.compile(r"(isterie|huis|kantoor|bureau|instituut|bedrijf|blad|fonds|team|departement|centrum|lid|orgaan)$")


def language_of(*words: str) -> Language:
    """The language of *words*: Dutch if one of them is a known Dutch noun or ends in -en."""
    dutch = {pair[1] for pair in PAIRS}
    return "nl" if any(word in dutch or re.search(r"(?<!m)(?<!childr)en$", word) for word in words) else "en"


def nouns(member: str, group: str, language: Language) -> dict[Language, dict[str, str]]:
    """The nouns by language: in *language*, and in the other if both words are known.

    Each word is a singular or a plural, or both as "alumnus/alumni".
    """
    found = {language: (forms(member, language), forms(group, language))}
    here, there = (0, 1) if language == "en" else (1, 0)
    other: Language = "nl" if language == "en" else "en"
    known = {pair[here]: pair[there] for pair in PAIRS}
    (_, members), (_, groups) = found[language]
    if members in known and groups in known:
        found[other] = (forms(known[members], other), forms(known[groups], other))
    return {each: _table(*found[each], each) for each in ("en", "nl") if each in found}


def _table(member: tuple[str, str], group: tuple[str, str], language: Language) -> dict[str, str]:
    table = {"member": member[0], "members": member[1], "group": group[0], "groups": group[1]}
    return table | ({"article": "het" if HET.search(group[0]) else "de"} if language == "nl" else {})


def forms(word: str, language: Language) -> tuple[str, str]:
    """The (singular, plural) of *word*, which is one of them, or both separated by a slash."""
    if "/" in word:
        one, _, many = word.partition("/")
        return one.strip(), many.strip()
    head, *rest = re.split(r"(?= (?:of|van) )", word, maxsplit=1)  # members of parliament
    to_one, to_many = (_one_en, _many_en) if language == "en" else (_one_nl, _many_nl)
    for one, many in IRREGULAR[language]:
        if head.endswith((one, many)):
            stem = head.removesuffix(many) if head.endswith(many) else head.removesuffix(one)
            return "".join((stem, one, *rest)), "".join((stem, many, *rest))
    if re.search(PLURAL[language], head):
        return "".join((to_one(head), *rest)), word
    return word, "".join((to_many(head), *rest))


def _one_en(many: str) -> str:
    many = re.sub(r"(?<=[^aeiou])ies$", "ys", many)
    return re.sub(r"(ss|sh|ch|x)es$", r"\1s", many)[:-1]


def _many_en(one: str) -> str:
    if re.search(r"[^aeiou]y$", one):
        return one[:-1] + "ies"
    return one + ("es" if re.search(r"(s|sh|ch|x)$", one) else "s")


def _one_nl(many: str) -> str:
    """*word* with its last syllable spelled as a closed one: ambtenaar, wet, ziekenhuis."""
    if many.endswith("s"):
        return many[:-1].removesuffix("'")
    stem = many[:-2]
    if re.search(r"([bcdfgklmnprst])\1$", stem):
        return stem[:-1]
    if open_ := re.search(r"(?<![aeiou])([aeou])[bdfgklmnprstvz]$", stem):
        stem = stem[: open_.start()] + open_[1] + stem[open_.start() :]
    return re.sub(r"v$", "f", re.sub(r"(?<=[aeiou])z$|(?<=ij)z$", "s", stem))


def _many_nl(one: str) -> str:
    if re.search(r"[aouy]$", one) and not one.endswith("eau"):
        return one + "'s"
    if re.search(r"(ie|e|el|em|er|eau)$", one) and not re.search(r"ee[lmr]$|ie[lmr]$", one):
        return one + "s"
    if re.search(r"(aa|ee|oo|uu)[bdfgklmnprst]$", one):
        one = one[:-2] + one[-1]
    elif re.search(r"(?<![aeiou])[aeiou][bdfgklmnprst]$", one):
        return one + one[-1] + "en"
    one = re.sub(r"(?<=[aeiou])s$|(?<=ij)s$", "z", one)
    return re.sub(r"(?<=[aeiou])f$|(?<=ij)f$", "v", one) + "en"

"""What bios say about an organisation and their author: a table of rules over the words around its name.

A rule is a regular expression over words in lower case, without accents, joined by single spaces; `ORG` means the
organisation, `OTHER` for another one, `@` and `#` before them for a handle and a hashtag, and `| . , : ( ) -` for
separators (`|`: a line break, bullet, slash, spaced dash or emoji; `-`: a hyphen in a word). An apostrophe is a space;
`&` and `and` are `en`. Repetitions and the number of words around a name are bounded: reading takes linear time.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache, cached_property
from typing import NamedTuple

from storage.linking.bio_words import (
    ABOUT,
    AGAINST,
    COUNTRY,
    DISCLAIM,
    FAMILY,
    FAN,
    FIELD,
    FORMER,
    HIRED,
    HOPEFUL,
    IS_THERE,
    LOBBY,
    NAMESAKE_AFTER,
    NAMESAKE_BEFORE,
    NAMESAKE_NEXT,
    NEVER,
    NO_JOB,
    PLACE,
    POLITICS,
    RESERVE,
    ROLE,
    SOON,
    STAFF_BODY,
    STUDENT,
    SUPPLIER,
    TRADES,
    UNIT,
    WANTS,
    WORK,
    WORKS,
    WORKS_ON,
)

ARTICLE = r"(?:(?:de|het|een|t|the|a|an|mijn|my|our|onze|ons) )"
AT = r"(?:bij|at|voor|for|with|by|in|op|aan|binnen|within|namens)"
BY = r"(?:bij|at|binnen|within)"
AND = r"(?:en|of|or|plus|alsook|als|maar|but|who|die)"
YEAR = r"(?:19|20)\d\d"
YEARS = rf"{YEAR} (?:- |\| |tot |to |until ){YEAR}"
JOB = rf"(?:{ROLE}|{TRADES['media']})"
WORD = r"(?:(?:[@#] )?[\w-]+ )"
# Words up to the organisation, without an employer, another organisation, something that is not a job, a new start.
ASIDE = rf"(?:(?!{BY} )(?:[@#] )?[\w-]+ )"
PLAIN = (
    rf"(?:(?!OTHER|{AT} |via |met |from |uit |to |tussen |naast |tegen |over |about |die |dat |who |that "
    r"|zonder |without |is |was )[\w-]+ )"
)
BUSY = rf"(?:(?!OTHER|{BY} |{NO_JOB})[\w-]+ )"
NOW = r"(?:nu|now|thans|tegenwoordig|currently|presently|momenteel|sinds|since|nowadays|these)"
STAY = rf"(?:(?!{NOW} )(?:[@#] )?[\w-]+ )"
ORG = rf"{ARTICLE}?(?:[@#] )?ORG\b"
OWN = rf"{ARTICLE}?(?:@ )?ORG\b"
START = r"(?<=[|.,:()] )"
END = r"(?= [|.,:()]| #|$)"


@dataclass(frozen=True)
class Rule:
    """A phrasing about an organisation: its name, what it says about the author, its confidence, and its pattern.

    `sure` is the confidence that the author is a member; for ties it is a row of `TIES`.
    """

    name: str
    stance: str
    sure: float | str
    text: str

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        """The pattern, compiled at first use: all of them take longer than a small study to load."""
        return re.compile(self.text)


def _rule(name: str, stance: str, sure: float | str, *patterns: str) -> Rule:
    """A rule that matches if one of *patterns* does."""
    return Rule(name, stance, sure, "|".join(patterns))


# Confidence of a tie, by the strength of the name (`bio_names.Name`).
STRENGTHS = ("full", "ministry", "short", "word", "ambiguous", "foreign", "weak")
TIES: dict[str, dict[str, float]] = {
    tie: dict(zip(STRENGTHS, row, strict=True))
    for tie, row in {
        "explicit": (0.95, 0.95, 0.90, 0.90, 0.85, 0.50, 0.50),
        "role-of": (0.90, 0.90, 0.85, 0.80, 0.50, 0.45, 0.20),
        "role": (0.90, 0.90, 0.85, 0.50, 0.50, 0.45, 0.20),
        "bare": (0.60, 0.60, 0.55, 0.50, 0.50, 0.30, 0.20),
        "alone": (0.50, 0.50, 0.40, 0.35, 0.35, 0.30, 0.10),
        "loose": (0.35, 0.35, 0.30, 0.10, 0.05, 0.30, 0.00),
        "elsewhere": (0.30, 0.30, 0.30, 0.30, 0.20, 0.30, 0.10),
        "mention": (0.20, 0.20, 0.10, 0.10, 0.05, 0.10, 0.00),
    }.items()
}
WEAK_TIES = ("bare", "alone", "loose", "mention")

# The first that matches decides.
RULES: tuple[Rule, ...] = (
    _rule("part-of-a-name", "about-others", 0.1,
          rf"\b{NAMESAKE_BEFORE} (?:(?!bij |at |en )[\w-]+ ){{0,3}}ORG\b",
          rf"\bORG (?:- )?(?:(?!{AT} )[\w-]+ ){{0,2}}{NAMESAKE_AFTER}",
          rf"\bORG (?:- )?(?:(?:bij|van|in|of|at) )?(?:de |het |the )?{NAMESAKE_NEXT}"),
    _rule("compound", "about-others", 0.1,
          r"\b(?!(?:oud|ex|voormalig|anti|niet|non) )\w+ - ORG\b",
          rf"\bORG - (?!(?:\w+ )?{JOB})\w+"),
    _rule("soon", "hopeful", 0.45, rf"\b{SOON} (?:: )?{STAY}{{0,8}}(?:[(:] )?{ORG}"),
    _rule("hopeful", "hopeful", 0.1, rf"\b{HOPEFUL} (?:: )?{STAY}{{0,9}}(?:[(:] )?{ORG}"),
    _rule("former-or-both", "former", 0.35, rf"\b{FORMER} (?:- )?{STAY}{{1,3}}en {STAY}{{0,4}}{BY} {ORG}"),
    _rule("former", "former", 0.05,
          rf"\b{FORMER} (?:- |\) |: )?{STAY}{{0,9}}(?:[(:] )?{ORG}",
          rf"\b(?:na|after) \d+ (?:jaar|years) {STAY}{{0,3}}{ORG}",
          rf"\b{YEARS} (?:: |, )?{WORD}{{0,3}}ORG\b",
          rf"\bORG (?:\( |, )?{WORD}{{0,3}}(?:{YEARS}|(?:until|tot) {YEAR})\b",
          rf"\bORG (?:\( |, )?{WORD}{{0,3}}(?:gewerkt|veteran|veteraan|alum\w*|anymore|retired)\b"),
    _rule("wants", "hopeful", 0.3, rf"\b{WANTS} (?:: )?{STAY}{{0,9}}(?:[(:] )?{ORG}"),
    _rule("employer-disclaimed", "current", "explicit", rf"\b(?:werkgever|employer)(?: is)? (?:[,:(] )?{ORG}"),
    _rule("disclaimed", "disclaimer", 0.5,
          rf"\b{NEVER} {WORD}{{0,2}}{DISCLAIM} {WORD}{{0,3}}{ORG}",
          rf"\b{DISCLAIM} {NEVER} {WORD}{{0,4}}{ORG}",
          rf"\b{DISCLAIM} {WORD}{{0,3}}{NEVER} (?:represent|reflect|namens)\w* {WORD}{{0,3}}{ORG}"),
    _rule("denied", "denied", 0.02,
          rf"\b{NEVER} {ORG}",
          rf"\b{NEVER} (?:{ARTICLE}|(?:{BY}|van|from|with|of|te|to|in dienst|lid|member|ooit) ){WORD}{{0,6}}{ORG}",
          rf"\b{NEVER} (?:werk\w*|gewerkt|work\w*|employed|affiliated|verbonden|{JOB}) {WORD}{{0,6}}{ORG}"),
    _rule("denied-perhaps", "denied", 0.3,
          rf"\b{NEVER} (?!alleen |only |just |slechts |zomaar |your |- ){WORD}{{0,6}}{ORG}"),
    _rule("family", "about-others", 0.05,
          rf"\b(?:mijn|my|ons|our) {FAMILY} {WORD}{{0,7}}{ORG}",
          rf"\b{FAMILY} (?:van|of|met|to|with) (?:een|de|het|a|an|the) {WORD}{{0,5}}(?:[(,] )?{ORG}",
          rf"{START}{FAMILY} (?:zit|werkt|works|is|serves|van|of) {WORD}{{0,5}}{ORG}"),
    _rule("recruiting", "organisation", 0.05,
          rf"\b(?:werken bij|kom werken|vacatures? (?:en \w+ )?(?:bij|van)|join|jobs at|vacancies at) {ORG}"),
    _rule("official-account", "organisation", 0.05,
          rf"\b(?:official|officieel|officiele) (?:\w+ ){{1,5}}{ORG}",
          rf"\b(?:wij zijn|we are|welkom bij|welcome to|dit is) (?:\w+ ){{0,3}}{ORG}",
          rf"\b(?:nieuws|news|updates|berichten|tweets|latest|feed) (?:en \w+ )?(?:van|from|uit) (?:\w+ ){{0,5}}{ORG}"),
    _rule("fan", "about-others", 0.05,
          rf"\b{FAN} (?:van |of |for )?{ASIDE}{{0,6}}{ORG}",
          r"\bORG (?:\w+ )?(?:fan|fans|enthusiast|liefhebber|addict)\b"),
    _rule("against", "about-others", 0.05, rf"\b{AGAINST} {ASIDE}{{0,5}}{ORG}"),
    _rule("about", "about-others", 0.05,
          rf"\b{ABOUT} (?::|ook :)? ?(?:(?!(?:{BY}|voor|for|with) )[\w-]+ ){{0,6}}{ORG}",
          rf"\b{WORKS_ON} (?:over|about|of|van|from|on|uit|rond|:) {ASIDE}{{0,3}}{ORG}"),
    _rule("lobby", "supplier", 0.15, rf"\b{LOBBY} {WORD}{{0,6}}{ORG}"),
    _rule("supplier", "supplier", 0.15,
          rf"\b{SUPPLIER} (?:: )?{ASIDE}{{0,6}}{ORG}",
          rf"\b{TRADES['advice']} {WORD}{{0,4}}(?:voor|for|aan|to) {ORG}"),
    _rule("place", "about-others", 0.1, rf"\b{PLACE} {ASIDE}{{0,4}}{ORG}"),
    _rule("speaks-for-it-elsewhere", "about-others", "elsewhere",
          rf"\bORG (?:bij|at|namens) (?!(?:de |het |the )?{UNIT})[\w-]+"),
    # the rest are ties
    _rule("employer-field", "current", "explicit",
          rf"\b{FIELD} (?:: |\| )(?:{PLAIN}{{0,4}}(?:[,|] )?)?(?:{BY} )?{ORG}"),
    _rule("works-at", "current", "explicit",
          rf"\b{WORKS} (?:: )?{BUSY}{{0,9}}(?:{BY}|voor|for|in|op) {ORG}",
          rf"\b{IS_THERE} (?:: )?{BUSY}{{0,9}}{BY} {ORG}",
          rf"\b(?:in dienst van|employee of|werknemer van|employed by) {ORG}",
          rf"{START}(?:nu|now|thans|currently|tegenwoordig|ma - \w\w|mon - \w\w\w) (?:: )?{ORG}"),
    _rule("role-at", "current", "explicit", rf"\b{JOB} (?:[,(] )?{BUSY}{{0,7}}{BY} {ORG}"),
    _rule("role-in", "current", "role", rf"\b{JOB} (?:[,(] )?{BUSY}{{0,7}}{AT} {ORG}"),
    _rule("role-of", "current", "role-of",
          rf"\b{JOB} {PLAIN}{{0,3}}(?:van|of|der) {ORG}",
          rf"\b(?:ik|i) (?:edit|lead|run|manage|head|leid|bestuur) {PLAIN}{{0,5}}(?:van|of) {ORG}"),
    _rule("its-role", "current", "role",
          rf"\bORG (?:- )?(?:(?!(?:en|{AT}|is|was|heeft|has|mag|moet|kan|geen|van|of|de|het|the) )\w+ ){{0,2}}?"
          rf"(?!\w*(?:expert|specialist|kundige|lawyer)\b){JOB}"),
    _rule("role-right-before", "current", "role", rf"\b{JOB} (?:[|(] )?{OWN}{END}"),
    _rule("role-beside", "current", "role",
          rf"\b{JOB} (?:- )?{PLAIN}{{0,5}}{OWN}",
          rf"\b{JOB} (?:- )?{PLAIN}{{0,5}}[|.,(:] (?:[(@] )?{OWN}{END}",
          rf"\b{WORK} {PLAIN}{{0,3}}(?:at )?@ ORG\b"),
    _rule("its-staff", "current", "role", r"\bORG (?:er|ster)\b"),
    _rule("unit-of", "current", "role", rf"\b{UNIT} {PLAIN}{{0,4}}(?:[,|(] |van |of )?{OWN}"),
    _rule("at", "current", "explicit", rf"{START}(?:(?!OTHER|{NO_JOB}|{AND} |{AT} )[\w-]+ ){{0,6}}{BY} {ORG}"),
    _rule("member-of", "current", "bare",
          rf"\b(?:member|members|lid|leden) (?:van|of) {ORG}",
          rf"\b(?:represent\w*|vertegenwoordig\w*) [^|.(]*?\bin {ORG}"),
    _rule("borderline-at", "current", "bare",
          rf"\b(?:{STUDENT}|{HIRED}|{RESERVE}|{POLITICS}) (?:er )?(?:, )?(?:(?!{NO_JOB})[\w-]+ ){{0,6}}"
          rf"(?:(?:{AT}|to|van|of) )?{ORG}"),
    _rule("tagged", "current", "bare", rf"\b{JOB} {PLAIN}{{0,3}}# ORG\b"),
    _rule("bare-at", "current", "bare", rf"\b{BY} {ORG}"),
    _rule("covers-for", "current", "loose", rf"\b(?:covers?|covering) {PLAIN}{{1,5}}for {ORG}"),
    _rule("for", "current", "loose", rf"\b(?:voor|for|with|namens|aan|op|in) {ORG}"),
    _rule("its-role-apart", "current", "bare", rf"{START}{OWN} [|,:] (?:\w+ )?{ROLE}"),
    _rule("named", "current", "alone", rf"{START}{OWN}{END}", rf"@ ORG\b{END}"),
    _rule("mentioned", "mentioned", "mention", r"\bORG\b"),
)  # fmt: skip

# What lowers a tie: words before the organisation, or directly after it.
CAVEATS: tuple[Rule, ...] = (
    _rule("student", "student", 0.45, rf"(?<!oud - )(?<!ex - )(?<!former )(?<!formerly )\b{STUDENT} [^.]*?\bORG\b"),
    _rule("hired", "hired", 0.4,
          rf"(?<!oud - )(?<!ex - )\b{HIRED} (?:(?!, {JOB} )[^|])*?\bORG\b", r"\bORG (?:\w+ )?via\b"),
    _rule("reserve", "volunteer", 0.4, rf"\b{RESERVE} [^|.]*?\bORG\b", rf"\bORG \( {RESERVE}"),
    _rule("politician", "politician", 0.35, rf"\b{POLITICS} [^|.]*?\bORG\b"),
    _rule("staff-body", "staff-body", 0.45, rf"\b{STAFF_BODY} [^|.]*?\bORG\b", rf"\bORG , (?:\w+ )?{STAFF_BODY}"),
)  # fmt: skip
# What lowers it for a ministry that could be another country's.
ELSEWHERE = _rule("another-country", "about-others", 0.1,
                  rf"\b{COUNTRY} (?:\w+ )?(?:, )?{ORG}",
                  rf"\bORG (?:[,(|] )?(?:of |in |van |te )?(?:the )?{COUNTRY}")  # fmt: skip
# What lowers a name next to a trade: a journalist | a ministry.
OUTSIDER = _rule("outsider", "about-others", 0.35, r"\bORG\b")


class View(NamedTuple):
    """How bios of a population of certain trades are read: who is an outsider, which ties say more, what is usual."""

    outsiders: re.Pattern[str]
    ties: dict[str, str]
    usual: frozenset[str]


@cache
def view(trades: frozenset[str]) -> View:
    """The view for people of *trades*: a reporter is no outsider to journalists, a member of parliament belongs to it.

    Raise ValueError for an unknown trade.
    """
    if unknown := trades - {*TRADES, "politics"}:
        raise ValueError(f"no trade {min(unknown)!r}; the trades are {', '.join(sorted({*TRADES, 'politics'}))}")
    others = "|".join(pattern for trade, pattern in TRADES.items() if trade not in trades) or "(?!)"
    outsiders = re.compile(rf"\b(?:{others}) [^|.]*?(?:[|.] )?(?:[(@] )?{OWN}|\bORG (?:- )?(?:\w+ )?(?:{others})")
    ties = {"member-of": "explicit"} if "politics" in trades else {}
    ties |= {"covers-for": "role-of", "role-right-before": "role-of"} if "media" in trades else {}
    return View(outsiders, ties, frozenset({"politician"}) if "politics" in trades else frozenset())


# What lowers every tie in the bio.
FLAGS: tuple[Rule, ...] = (
    _rule("parody", "ironic", 0.1, r"\b(?:parod\w+|fictief|fictional|nepaccount|neppe|spoof|roleplay|not the real)\b"),
    _rule("satire", "ironic", 0.3, r"\b(?:satir\w+|fake (?!news)\w+|grapje|humou?r account)\b"),
    _rule("fan-account", "about-others", 0.1, r"\bfan ?(?:- )?(?:account|page|pagina)\b|\bfanaccount\b|\bfanpage\b"),
    _rule("thing", "ironic", 0.25,
          r"\b(?:ik ben|i am|i m) (?:de|het|the) (?:\w+ )?(?:kat|hond|cat|dog|plant|koffieautomaat|printer|gebouw)\b",
          r"\b(?:koffieautomaat|office plant|printer|plant|kat) (?:van|at|of|in)\b"),
    _rule("unofficial", "ironic", 0.45, r"\b(?:unofficial|niet officieel|onofficieel)\b"),
    _rule("retired", "former", 0.4,
          r"\b(?<!not )(?:gepensioneerde?n?|retired|retd|pensionado|met pensioen|mijn pensioen|retirement|aow er|b d"
          r"|emeritus)\b"),
    _rule("official-account", "organisation", 0.3,
          r"\b(?:webcare (?:van|aanwezig|op|is|team)|team webcare|follow us|volg ons|stel ze ons|vacaturepagina"
          r"|official (?:account|feed|page|twitter) (?:of|for|from)|officieel (?:account|kanaal) van)\b"),
    _rule("no-member", "denied", 0.3,
          r"\b(?:geen|niet een|not a|no) (?:ambtenaar|civil servant|journalist|medewerker|employee)\b"),
)  # fmt: skip
CONTRADICTING = {"denied", "ironic", "former"}

# Two organisations with the same relation; of one group; and in a list.
PART = r"(?:onderdeel van|part of|(?:een )?(?:dienst|agentschap|uitvoeringsorganisatie) van|an agency of)"
JOINED = re.compile(rf"\bOTHER (?:(?:en|als|plus) |(?:[,(|] )?{PART} ){OWN}")
WITHIN = re.compile(rf"\bOTHER (?:[(|,] |- |van |of ){OWN}")
LISTED = re.compile(rf"\bOTHER (?:, |en ){OWN}")

DISCLAIMER = re.compile(
    r"\b(?:(?:all |own |eigen |mijn |my )?(?:views?|opinions?|tweets?|posts?|mening|meningen|thoughts) "
    r"(?:are |is |zijn |expressed are |\| )?(?:all |entirely |strictly )?"
    r"(?:my own|mine|mijn eigen|van mij|prive|eigen|own|personal)"
    r"|own (?:views|opinions)|eigen (?:mening|titel)|persoonlijke titel|my views|mijn mening"
    r"|(?:rt|rts|retweets?) (?:is |are |\| )?(?:not |geen |no |don t mean |do not equal )?(?:an )?endorsements?)\b"
)

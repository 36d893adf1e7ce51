"""The organisations of a study: a list of groups with their agencies, and the matcher of employers.

Precision comes before recall: an ambiguous employer is left unmatched.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, Literal, NamedTuple

from pydantic import Field

from storage.errors import UserError
from storage.tomlfile import Mistake, Table, nearest, read

LISTS = Path(__file__).parent / "data"
TABLES = ("group", "organisation")


class Period(Table):
    """A group's name until a day (included), or the group it was part of; the last period has no end."""

    key: str | None = Field(None, description="Abbreviation shown in tables; default: the id.")
    name: str | None = Field(None, description="Name in that period.")
    until: date | None = Field(None, description="Last day of the period; none for the last one.")
    part_of: str | None = Field(None, description="Id of the group it was part of, instead of a name.")


class Named(Table):
    """Keys of every entry of a list."""

    aliases: tuple[str, ...] = Field((), description="Other names, matched as a whole, in any case.")
    abbreviations: tuple[str, ...] = Field((), description="Matched as a whole; case-sensitive if short.")
    patterns: tuple[str, ...] = Field((), description="Regular expressions over the normalised employer, whole words.")
    handles: tuple[str, ...] = Field((), description="Its own accounts: a name, name@server or a domain name.")
    domains: tuple[str, ...] = Field((), description="Its internet domains, with all their subdomains.")


class Group(Named):
    """A group with its successive names: all count as the name in the study period."""

    id: str = Field(description="Its id in other entries.")
    name: str | None = Field(None, description="Its name, if there was only one.")
    periods: tuple[Period, ...] = Field((), description="Its names in chronological order.")
    prefixed: tuple[str, ...] = Field((), description="Names matched only after 'Ministerie van'.")
    english: tuple[str, ...] = Field((), description="Names after 'Ministry of' that are unique to this country.")
    english_marked: tuple[str, ...] = Field(
        (), description="Names of this kind that need 'Dutch' or 'Netherlands' next to them."
    )

    @property
    def history(self) -> tuple[Period, ...]:
        """Its periods, at least one."""
        return self.periods or (Period(key=self.id, name=self.name),)


class Move(Table):
    """An organisation's change to another group."""

    RENAMED: ClassVar[Mapping[str, str]] = {"ministry": "group"}

    since: date = Field(description="First day there.")
    group: str = Field(description="Id of the group.")


class Agency(Named):
    """An organisation that counts for its group."""

    RENAMED: ClassVar[Mapping[str, str]] = {"ministry": "group"}

    name: str = Field(description="Its name, which is also its key in the tables.")
    group: str = Field(description="Id of the group it counts for.")
    moved: tuple[Move, ...] = Field((), description="Groups it moved to later, in chronological order.")
    kind: str = Field("agency", description="agency, inspectorate, office ...; for display only.")
    units: bool = Field(False, description="Whether the name may be followed by that of a unit or place.")


class Match(NamedTuple):
    """The organisation of an employer, its group's key in the study's time, and the rule that decided."""

    organisation: str
    group: str
    rule: str


class Nouns(Table):
    """The nouns for members and groups, in one language."""

    member: str = Field(description="One member: civil servant.")
    members: str = Field(description="Several: civil servants.")
    group: str = Field(description="One group: ministry.")
    groups: str = Field(description="Several: ministries.")
    article: Literal["de", "het"] = Field("de", description="Dutch only: the article of the group.")


class Organisations(Table):
    """A list of organisations."""

    RENAMED: ClassVar[Mapping[str, str]] = {"ministry": "group"}

    population: dict[Literal["en", "nl"], Nouns] = Field({}, description="Nouns for members and groups, by language.")
    group: tuple[Group, ...] = Field((), description="The groups.")
    organisation: tuple[Agency, ...] = Field((), description="Their organisations.")
    exclude: tuple[str, ...] = Field((), description="Regular expressions: matching employers need the full name.")
    trades: tuple[str, ...] = Field((), description="Usual trades of its people: media, advice, politics.")
    one_word_names: bool = Field(
        True, description="Whether a one-word group name matches by itself; false: only after 'Ministerie van'."
    )

    def settings(self) -> list[tuple[str, str]]:
        """The nouns as a row of `base.study`."""
        nouns = {language: each.model_dump() for language, each in self.population.items()}
        return [("population", json.dumps(nouns, ensure_ascii=False))] if nouns else []

    def nouns(self) -> Iterator[str]:
        """What one member of the population is called, in each language."""
        yield from (each.member for each in self.population.values())

    @cached_property
    def by_id(self) -> dict[str, Group]:
        """The groups by id."""
        return {group.id: group for group in self.group}

    def at(self, group: str, day: date | None) -> Period:
        """The period of *group* (an id) on *day*, or of the group it was part of; None: today."""
        for period in self.by_id[group].history:
            if period.until is None or (day is not None and day <= period.until):
                return self.at(period.part_of, day) if period.part_of else period
        raise ValueError(f"{group} has no last period")

    def key_at(self, group: str, day: date | None) -> str:
        """The abbreviation of *group* (an id) on *day*: the key of its row in Table 5."""
        period = self.at(group, day)
        return period.key or next(each.id for each in self.group if period in each.history)

    def group_of(self, agency: Agency, day: date | None) -> str:
        """The key of the group that *agency* counts for on *day*."""
        held = agency.group
        for move in agency.moved:
            if day is None or day >= move.since:
                held = move.group
        return self.key_at(held, day)

    def unknown(self, key: str, day: date | None) -> str:
        """Why *key* is not a group on *day*, with the fix; empty if it is one."""
        keys = {self.key_at(group.id, day) for group in self.group}
        when = day.isoformat() if day else "today"
        return "" if key in keys else f"no such group ({when}); {nearest(key, keys)}"

    def rows(self, day: date | None = None, published: Mapping[str, Any] | None = None) -> list[tuple[Any, ...]]:
        """The rows of `base.organisations` on *day*; *published* has profiles and accounts by group.

        Raise UserError for a published group that did not exist on that day.
        """
        figures = published or {}
        for name in figures:
            if why := self.unknown(name, day):
                raise UserError(f'published.groups."{name}": {why}')
        out: list[tuple[Any, ...]] = []
        for group in self.group:
            started: date | None = None
            for period in group.history:
                if period.part_of is None and period == self.at(group.id, day):
                    key = period.key or group.id
                    row = figures.get(key)
                    counts = (getattr(row, "profiles", None), getattr(row, "accounts", None))
                    out.append((key, key, period.name, key, "group", _iso(started), _iso(period.until), *counts))
                started = period.until + timedelta(days=1) if period.until else None
        for agency in self.organisation:
            short = agency.abbreviations[0] if agency.abbreviations else None
            held = self.group_of(agency, day)
            out.append((agency.name, held, agency.name, short, agency.kind, None, None, None, None))
        return out


def load_list(name: str | Path) -> Organisations:
    """The built-in list *name* ("nl"), or the list in the file *name*; raise UserError with all mistakes."""
    shipped = LISTS / f"organisations-{name}.toml"
    return read(shipped if shipped.is_file() else Path(name), Organisations, lambda data: list(_checks(data)))


def shipped() -> list[str]:
    """The names of the built-in lists."""
    return sorted(path.stem.removeprefix("organisations-") for path in LISTS.glob("organisations-*.toml"))


def _iso(day: date | None) -> str | None:
    return day.isoformat() if day else None


def _checks(data: Mapping[str, Any]) -> Iterator[Mistake]:
    """Mistakes in a list that a model cannot find: references, order, invalid patterns."""
    tables = {table: [row for row in data.get(table) or () if isinstance(row, dict)] for table in TABLES}
    ids = [str(row.get("id")) for row in tables["group"]]
    for number, row in enumerate(tables["group"]):
        at = ("group", number)
        if ids.index(str(row.get("id"))) != number:
            yield Mistake((*at, "id"), f"{row.get('id')!r} is used twice; choose another id")
        periods = [period for period in row.get("periods") or () if isinstance(period, dict)]
        ends = [period.get("until") for period in periods]
        dated = [end for end in ends if isinstance(end, date)]
        if periods and (ends[-1] is not None or len(dated) != len(ends) - 1 or dated != sorted(dated)):
            yield Mistake((*at, "periods"), "should be in chronological order, each but the last with its last day")
        for period in periods:
            if (other := period.get("part_of")) is not None and (other not in ids or other == row.get("id")):
                yield Mistake((*at, "periods"), f"no other group has the id {other!r}; {nearest(str(other), ids)}")
    for number, row in enumerate(tables["organisation"]):
        held = [row.get("group"), *(move.get("group") for move in row.get("moved") or ())]
        for wrong in [each for each in held if each is not None and each not in ids]:
            place = ("organisation", number, "group")
            yield Mistake(place, f"no group has the id {wrong!r}; {nearest(str(wrong), ids)}")
    yield from _pattern_mistakes(data, tables)


def _pattern_mistakes(data: Mapping[str, Any], tables: Mapping[str, list[dict[str, Any]]]) -> Iterator[Mistake]:
    """Regular expressions that do not compile."""
    rows: list[tuple[tuple[str | int, ...], Any]] = [(("exclude",), data.get("exclude"))]
    rows += [((t, n, "patterns"), row.get("patterns")) for t in TABLES for n, row in enumerate(tables[t])]
    for place, patterns in rows:
        for pattern in patterns if isinstance(patterns, list) else ():
            try:
                re.compile(str(pattern))
            except re.error as error:
                yield Mistake(place, f"{pattern!r} is not a regular expression ({error})")


# ---- matching ----------------------------------------------------------------------------------------------


def normalise(name: str) -> str:
    """*name* in lower case, without accents and punctuation; `and` and `&` as `en`, without legal forms."""
    plain = unicodedata.normalize("NFKD", name).casefold().replace("&", " en ")
    plain = "".join(char for char in plain if not unicodedata.combining(char))
    plain = re.sub(r"\b([bn])\.\s?v\b\.?", r"\1v", plain)
    words = re.sub(r"[^\w]+|_", " ", plain).split()
    while len(words) > 1 and words[-1] in ("bv", "nv", "ltd", "inc", "gmbh"):
        words.pop()
    return " ".join("en" if word == "and" else word for word in words)


_FORMER = re.compile(r"(ex|oud|former|formerly|previously|retired|voorheen|voormalig|voormalige|gepensioneerd)\b")
_DUTCH_PREFIX = re.compile(r"(?:het )?(?:nederlandse? )?(?:ministerie|min)(?: van| v| voor)?(?: het)? (.+)")
_ENGLISH_PREFIX = re.compile(r"(?:the )?(dutch |netherlands )?ministry (?:of|for) (?:the )?(.+)")
_MARK = re.compile(r"(.+?) (?:(?:of |in )?the netherlands|netherlands|nederland|nl)$")
_SEPARATOR = re.compile(r"\s+[-–—|]+\s+|\s*[/;:|]\s*|,\s+|\s*[()\[\]]\s*")
_UNIT = re.compile(
    r"(?:rijksoverheid|rijk|afdeling|directie|directoraat generaal|dg|programma|programmadirectie"
    r"|projectdirectie|bureau|team)\b"
)


class Matcher:
    """Finds the organisation of an employer as people write it; groups are those of *day* (None: today)."""

    def __init__(self, organisations: Organisations, day: date | None = None) -> None:
        """Index the names of *organisations*."""
        self._names: dict[str, tuple[str, str]] = {}
        self._abbreviations: dict[str, tuple[str, str]] = {}
        self._dutch: dict[str, tuple[str, str]] = {}
        self._english: dict[str, tuple[str, str]] = {}
        self._marked: dict[str, tuple[str, str]] = {}
        self._units: dict[str, tuple[str, str]] = {}
        self._patterns: list[tuple[re.Pattern[str], tuple[str, str]]] = []
        excluded = "|".join(f"(?:{pattern})" for pattern in organisations.exclude)
        self._exclude = re.compile(rf"\b(?:{excluded})\b") if excluded else re.compile("(?!)")
        self._known: dict[str, Match | None] = {}
        self._one_word_names = organisations.one_word_names
        for group in organisations.group:
            self._add_group(group, organisations.key_at(group.id, day))
        for agency in organisations.organisation:
            self._add_agency(agency, organisations.group_of(agency, day))

    def _add_group(self, group: Group, key: str) -> None:
        self._add(group, (key, key))
        names = [period.name for period in group.history if period.name]
        keys = [period.key or group.id for period in group.history if not period.part_of]
        for name in (*names, *group.aliases, *group.prefixed, *group.abbreviations, *keys):
            self._dutch.setdefault(normalise(name), (key, key))
        for name in names:
            if self._one_word_names or len(normalise(name).split()) > 1:
                self._names.setdefault(normalise(name), (key, key))
        self._english |= {normalise(name).removeprefix("the "): (key, key) for name in group.english}
        self._marked |= {normalise(name).removeprefix("the "): (key, key) for name in group.english_marked}
        for short in (*group.abbreviations, *group.prefixed):
            if " " not in short:
                self._names.setdefault("min" + normalise(short).replace(" ", ""), (key, key))

    def _add_agency(self, agency: Agency, group: str) -> None:
        found = (agency.name, group)
        self._add(agency, found)
        self._names.setdefault(normalise(agency.name), found)
        if agency.units:
            self._units[normalise(agency.name)] = found

    def _add(self, entry: Named, found: tuple[str, str]) -> None:
        for name in entry.aliases:
            self._names.setdefault(normalise(name), found)
        for short in entry.abbreviations:
            self._abbreviations.setdefault(_cased(short), found)
        self._patterns += [(re.compile(rf"\b(?:{pattern})\b"), found) for pattern in entry.patterns]

    def match(self, employer: str | None) -> Match | None:
        """The organisation that *employer* names; None if there is none or it is ambiguous."""
        if not employer:
            return None
        if employer not in self._known:
            self._known[employer] = self._match(unicodedata.normalize("NFKC", employer).strip())
        return self._known[employer]

    def _match(self, employer: str) -> Match | None:
        if "***" in employer or not employer.strip("*. "):
            return None
        # a remark on a former name does not change what it is
        current = re.sub(r"\s*[(\[]\s*(voorheen|voormalig|formerly|former)\b[^)\]]*[)\]]", "", employer, flags=re.I)
        plain = normalise(current)
        if _FORMER.match(plain):
            return None
        if found := self._whole(current):
            return found
        if self._exclude.search(plain):
            return None
        return self._part(current) or self._begins(plain) or self._pattern(plain)

    def _whole(self, text: str) -> Match | None:
        """Match the whole text: a name, an abbreviation, or a group's name after 'Ministerie van'."""
        plain = normalise(text)
        if found := self._names.get(plain):
            return Match(*found, "name")
        if found := self._abbreviations.get(_cased(text)):
            return Match(*found, "abbreviation")
        if (dutch := _DUTCH_PREFIX.fullmatch(plain)) and (found := self._dutch.get(_unmarked(dutch[1]))):
            return Match(*found, "prefixed")
        if english := _ENGLISH_PREFIX.fullmatch(plain):
            name = _unmarked(english[2])
            marked = bool(english[1]) or name != english[2]
            if found := self._english.get(name) or (self._marked.get(name) if marked else None):
                return Match(*found, "prefixed")
        if (unmarked := _unmarked(plain)) != plain and (found := self._names.get(unmarked)):
            return Match(*found, "name")
        return None

    def _part(self, text: str) -> Match | None:
        """Match the first part of 'IND - Den Haag', or the second of 'Directie X, Ministerie van Y'."""
        parts = [part for part in _SEPARATOR.split(text) if part]
        if len(parts) < 2:
            return None
        if found := self._whole(parts[0]):
            return found._replace(rule="part")
        if "/" not in text and _UNIT.match(normalise(parts[0])):
            for part in parts[1:]:
                # 'Directie Financieel - Economische Zaken' is a directorate of any group
                if (found := self._whole(part)) and (found.rule != "name" or found.organisation != found.group):
                    return found._replace(rule="part")
        return None

    def _begins(self, plain: str) -> Match | None:
        """Match the beginning: 'Ministerie van Y' or a known name, followed by a unit or place."""
        dutch = _DUTCH_PREFIX.fullmatch(plain)
        text, names = (dutch[1], self._dutch) if dutch else (plain, self._units)
        words = text.split()
        for end in range(len(words), 0, -1):
            if found := names.get(" ".join(words[:end])):
                return Match(*found, "beginning")
        return None

    def _pattern(self, plain: str) -> Match | None:
        """Match the patterns of the list."""
        return next((Match(*found, "pattern") for pattern, found in self._patterns if pattern.search(plain)), None)


def _cased(text: str) -> str:
    """An abbreviation for comparison: case-sensitive if it has four letters or fewer."""
    short = re.sub(r"[\s.]+", "", unicodedata.normalize("NFKC", text))
    return short if sum(char.isalpha() for char in short) <= 4 else short.casefold()


def _unmarked(plain: str) -> str:
    """*plain* without a final 'the Netherlands'."""
    marked = _MARK.fullmatch(plain)
    return marked[1] if marked else plain

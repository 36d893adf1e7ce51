"""A schema.org Person as records: profile, positions, links. Masked values are absent values; nothing is guessed."""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Iterator
from datetime import date
from typing import Any

from w3lib.html import remove_tags

from collectors.parsing.people import in_future, stated_day
from collectors.profiles.jsonld import Node, listed, types
from storage.records import Position, Profile, ProfileLink

SCHOOLS = {
    "EducationalOrganization", "CollegeOrUniversity", "School", "HighSchool", "MiddleSchool", "ElementarySchool",
    "Preschool",
}  # fmt: skip
_NO_LETTERS = re.compile(r"[\W_]*\*[\W_]*")
_HALF_HIDDEN = re.compile(r"\w\*{3,}|\*{3,}\w")
_BREAK = re.compile(r"\s*<(?:br\s*/?|/p|/li|/div)>\s*", re.I)
_BETWEEN = re.compile(r"[\s,;|]+(?=https?://)", re.I)  # links that share a text
Whole = Callable[[Any], Any]


def masked(text: str) -> bool:
    """Whether *text* is hidden: only asterisks, or words with runs of three or more in them."""
    return "*" in text and bool(_NO_LETTERS.fullmatch(text) or _HALF_HIDDEN.search(text))


def texts(value: Any) -> list[str | None]:
    """The texts in *value* (a string, a number, an object with a name, a list of them), in order; None: hidden."""
    return [_text(each) for each in listed(value)]


def first(value: Any) -> str | None:
    """The first text in *value* that is not hidden."""
    return next((text for text in texts(value) if text), None)


def _text(value: Any) -> str | None:
    if isinstance(value, dict):
        return first(value.get("@value", value.get("name")))
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    text = " ".join((html.unescape(value) if "&" in value else value).split()) if isinstance(value, str) else str(value)
    return None if not text or masked(text) else text


def is_masked(person: Node) -> bool:
    """Whether the page hides the person's name."""
    names = [each for each in listed(person.get("name")) if isinstance(each, str) and each.strip()]
    return bool(names) and all(masked(name) for name in names)


def profile(person: Node, key: str, platform: str, url: str) -> Profile:
    """The profile as the page shows it."""
    name = first(person.get("name"))
    if name is None:
        parts = [first(person.get(part)) for part in ("givenName", "additionalName", "familyName")]
        name = " ".join(part for part in parts if part) or None
    return Profile(
        key, platform, url, name, first(person.get("headline")), _prose(person.get("description")),
        _place(person.get("address")),
    )  # fmt: skip


def _prose(value: Any) -> str | None:
    """Plain text, with markup removed and line breaks kept."""
    for each in listed(value):
        if isinstance(each, dict):
            each = each.get("@value")
        if not isinstance(each, str):
            continue
        text = html.unescape(remove_tags(_BREAK.sub("\n", each)) if "<" in each else each)
        lines = [" ".join(line.split()) for line in text.splitlines()]
        text = "\n".join(lines).strip()
        if text and not _NO_LETTERS.fullmatch(text):
            return text
    return None


def _place(value: Any) -> str | None:
    """An address as one line: locality, region, country."""
    for each in listed(value):
        if isinstance(each, dict) and "@value" not in each:
            fields = ("streetAddress", "addressLocality", "addressRegion", "addressCountry")
            parts = [first(each.get(name)) for name in fields[1:]]
            text = ", ".join(dict.fromkeys(part for part in parts if part)) or first(each.get("name"))
        else:
            text = _text(each)
        if text:
            return text
    return None


def positions(person: Node, key: str, whole: Whole, today: date) -> Iterator[Position]:
    """The jobs on the page: `worksFor` with `jobTitle` by order, and past employers under `alumniOf`.

    A position is current if it has no end, or one after *today*, the day of the answer.
    """
    found = [*_works(person, whole, today), *_past(person, whole)]
    kept = [job for job in found if job[0] or job[1]]
    for ordinal, (employer, title, started, ended, current) in enumerate(kept):
        yield Position(key, ordinal, employer, title, started, ended, current)


Job = tuple[str | None, str | None, str | None, str | None, bool]


def _works(person: Node, whole: Whole, today: date) -> Iterator[Job]:
    titles = texts(_one_language(person.get("jobTitle")))
    entries = [whole(each) for each in listed(person.get("worksFor"))]
    if len(titles) != len(entries):  # an empty entry takes no title
        entries = [entry for entry in entries if entry]
    for number, entry in enumerate(entries):
        given = titles[number] if number < len(titles) else None
        for employer, title, started, ended in _roles(entry, "worksFor", whole):
            yield employer, title or given, started, ended, ended is None or in_future(ended, today)
            given = None  # the next role at the employer is another one
    for title in titles[len(entries) :]:
        yield None, title, None, None, True


def _one_language(value: Any) -> list[Any]:
    """*value* as a list; of texts in several languages, those in the first, as they mean the same."""
    every = listed(value)
    languages = [each.get("@language") if isinstance(each, dict) else None for each in every]
    if None in languages or len(set(languages)) < 2:
        return every
    return [each for each, language in zip(every, languages, strict=True) if language == languages[0]]


def _past(person: Node, whole: Whole) -> Iterator[Job]:
    """Employers under alumniOf: only those with a role, and no schools."""
    for entry in (whole(each) for each in listed(person.get("alumniOf"))):
        if not isinstance(entry, dict) or SCHOOLS & types(entry):
            continue
        inner = [whole(each) for each in listed(entry.get("alumniOf"))]
        if any(SCHOOLS & types(each) for each in inner) or not (inner or _own_roles(entry, whole) or _dated(entry)):
            continue
        for employer, title, started, ended in _roles(entry, "alumniOf", whole):
            yield employer, title, started, ended, False


def _roles(entry: Any, name: str, whole: Whole) -> Iterator[tuple[str | None, str | None, str | None, str | None]]:
    """Employer, title, start and end of each role in one entry of `worksFor` or `alumniOf`."""
    if not isinstance(entry, dict):
        yield _text(entry), None, None, None
        return
    inner = [whole(each) for each in listed(entry.get(name))]
    if inner:  # a Role around the organisation
        for each in inner:
            yield _employer(each), _title(entry), _date(entry, "startDate"), _date(entry, "endDate")
        return
    own = _own_roles(entry, whole)
    for role in own or [entry]:
        title = _title(role) if role is not entry else first(entry.get("roleName"))
        yield _employer(entry), title, _date(role, "startDate"), _date(role, "endDate")


def _own_roles(entry: Node, whole: Whole) -> list[Node]:
    """The roles nested under an organisation."""
    members = (whole(each) for each in listed(entry.get("member")))
    return [each for each in members if isinstance(each, dict) and (_dated(each) or _title(each))]


def _dated(node: Node) -> bool:
    return bool(node.get("startDate") or node.get("endDate"))


def _employer(value: Any) -> str | None:
    if isinstance(value, dict):
        return first(value.get("name")) or first(value.get("legalName"))
    return _text(value)


def _title(role: Node) -> str | None:
    return next((text for name in ("roleName", "jobTitle", "namedPosition") if (text := first(role.get(name)))), None)


def _date(role: Node, name: str) -> str | None:
    """A date as given (2011, 2011-05 or 2011-05-01); other text is unchanged, masked text is None, and so
    is a placeholder (`0000-00-00`, `present`, `heden`)."""
    return stated_day(first(role.get(name)))


def links(person: Node, key: str, mine: set[str], canonical: Callable[[str], str]) -> Iterator[ProfileLink]:
    """The links of the Person: `sameAs`, and a `url` that is not the profile's own (*mine*)."""
    for name, rel in (("sameAs", "sameAs"), ("url", "website")):
        for each in listed(person.get(name)):
            if isinstance(each, dict):
                each = each.get("@id", each.get("url", each.get("@value")))
            several = _BETWEEN.split(each.strip()) if isinstance(each, str) else ()
            for link in several:
                if link and not masked(link) and "." in link and canonical(link) not in mine:
                    yield ProfileLink(key, link, rel)

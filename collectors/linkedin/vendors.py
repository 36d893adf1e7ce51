"""LinkedIn profiles from data vendors in JSON: one per line, in an array, or one in a file.

Formats from public documents and code of November 2026: Proxycurl (`experiences`, dates as objects), Bright Data
(`experience`, with `positions` below an employer), Apify's scrapers (`jobStartedOn`, or a `caption` "Jan 2025 -
Present"; `startDate.text`), People Data Labs (`company` and `title` as objects), Coresignal (`date_from`). What is not
named below never reaches the archive: no e-mail address, telephone number, birth date or picture.
"""

from __future__ import annotations

import re
from collections.abc import Generator, Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec

from collectors.importing.chunks import Piece, open_bytes
from collectors.importing.file_collector import FileCollector, read_json
from collectors.importing.json_stream import elements, json_pieces
from collectors.parsing.coerce import day, decode, each, flag, get, ident, record
from collectors.parsing.people import LINKEDIN, in_future, profile_url, row_id, shown, stated_day
from storage.records import Page, Position, Profile, Record, Request

URL = ("linkedin_profile_url", "linkedin_url", "linkedinUrl", "linkedinPublicUrl", "profile_url", "profileUrl", "url",
       "input_url")  # fmt: skip
SLUG = ("public_identifier", "publicIdentifier", "linkedin_username", "public_profile_id", "shorthand_name")
NAME = ("full_name", "fullName", "name")
PARTS = (("first_name", "firstName"), ("last_name", "lastName"))
HEADLINE = ("headline", "occupation", "position", "sub_title")
ABOUT = ("summary", "about", "description")
PLACE = ("location_name", "addressWithCountry", "location", "city")
JOBS = ("experience", "experiences", "workExperience", "positions")
BELOW = ("positions", "subComponents")  # positions at one employer
EMPLOYER = ("company", "companyName", "company_name", "organization")
TITLE = ("title", "position", "jobTitle", "job_title", "position_title", "role")
START = ("starts_at", "start_date", "startDate", "jobStartedOn", "startedOn", "date_from")
END = ("ends_at", "end_date", "endDate", "jobEndedOn", "endedOn", "date_to")
NOW = ("is_current", "isCurrent", "jobStillWorking")
AROUND = ("profile", "data", "person", "results", "profiles", "items")  # wrappers of profiles
INSIDE = ("name", "text", "linkedinText", "full", "default", "year", "month", "day")  # fields of object values
OF_A_JOB = frozenset((*EMPLOYER, *TITLE, *START, *END, *NOW, "caption", "subtitle", "breakdown"))
OF_A_PERSON = frozenset((*URL, *SLUG, *NAME, *HEADLINE, *ABOUT, *PLACE, *PARTS[0], *PARTS[1]))
_EMAIL = re.compile(r"[^\s@<>\"',;]+@[^\s@<>\"',;]+\.[^\s@<>\"',;]+")
_encode = msgspec.json.Encoder().encode
_YEAR_MONTH = re.compile(r"\d{4}(?:-\d\d){0,2}(?=[T ]|$)")


# ---- cutting ------------------------------------------------------------------------------------------------


def cut(path: Path, request: Request, options: Mapping[str, Any]) -> Generator[Piece]:
    """The pieces of a file, with only the fields named above."""
    for piece in json_pieces(lambda: open_bytes(path), request.target.cursor):
        if piece.refused:
            yield msgspec.structs.replace(piece, body=b"")
        elif piece.unit == "line":
            lines = piece.body.removeprefix(b"\xef\xbb\xbf").split(b"\n")
            kept = b"\n".join(_encode(people[0] if len(people) == 1 else people) if people else b""
                              for people in map(_kept, lines))  # fmt: skip
            yield msgspec.structs.replace(piece, body=kept)
        else:
            units = elements(piece.body) if piece.body.lstrip().startswith(b"[") else [piece.body]
            yield msgspec.structs.replace(piece, body=_encode([one for unit in units for one in _kept(unit)]))


def _kept(raw: bytes) -> list[dict[str, Any]]:
    """The kept parts of the profiles in one value; if unreadable, only the reason."""
    try:
        return [_reduced(one) for one in _people(decode(raw.strip()))] if raw.strip() else []
    except ValueError as error:
        return [{"wrong": str(error)}]


def _people(value: Any) -> Iterator[Any]:
    """The profiles in *value*, in lists and wrappers too."""
    if isinstance(value, list):
        for one in value:
            yield from _people(one)
    elif isinstance(value, dict) and not any(name in value for name in JOBS):
        inner = next((value[name] for name in AROUND if isinstance(value.get(name), list | dict)), None)
        if isinstance(inner, dict):  # the address may be outside the profile
            inner = {**{name: value[name] for name in URL if name in value}, **inner}
        yield from [value] if inner is None else _people(inner)
    else:
        yield value


def _reduced(person: Any) -> dict[str, Any]:
    it = record(person)
    kept = {name: _plain(value) for name, value in it.items() if name in OF_A_PERSON}
    kept |= {name: [_job(one) for one in each(it[name])] for name in JOBS if isinstance(it.get(name), list)}
    return kept


def _job(job: Any) -> dict[str, Any]:
    it = record(job)
    kept: dict[str, Any] = {name: _plain(value) for name, value in it.items() if name in OF_A_JOB}
    return kept | {name: [_job(one) for one in it[name]] for name in BELOW if isinstance(it.get(name), list)}


def _plain(value: Any) -> Any:
    """*value* if it is a text or number; the supported fields of an object; e-mail addresses are blanked."""
    if isinstance(value, dict):
        return {name: _plain(value[name]) for name in INSIDE if not isinstance(value.get(name), dict | list | None)}
    if isinstance(value, str):
        return _EMAIL.sub("", value)
    return value if isinstance(value, int | float | bool) else None


# ---- reading ------------------------------------------------------------------------------------------------


def read(page: Page) -> Iterator[Record]:
    """The profiles of a piece with their positions."""
    yield from read_json(page, lambda value: _profiles(value, page))


def _profiles(value: Any, page: Page) -> Iterator[Record]:
    for person in value if isinstance(value, list) else [value]:
        yield from _profile(record(person), page)


def _profile(it: Mapping[str, Any], page: Page) -> Iterator[Record]:
    """A profile and its positions. Raise ValueError if it is not one."""
    if it.get("wrong"):
        raise ValueError(str(it["wrong"]))
    name = _first(it, NAME) or " ".join(part for names in PARTS if (part := _first(it, names))) or None
    slug = next((ident(it.get(one)) for one in SLUG if ident(it.get(one))), None)
    pages = (profile_url(value) for one in URL if (value := _first(it, (one,))) and "/in/" in value)
    key = next((one for one in pages if one), None) or (profile_url(f"https://{LINKEDIN}/in/{slug}") if slug else None)
    jobs = [job for one in JOBS for entry in each(it.get(one)) for job in _jobs(record(entry), page)]
    if key is None and (name is None or not any(one in it for one in JOBS)):
        raise ValueError("no profile: neither the address of one nor a name with experience")
    first = next(iter(jobs), ("", "", None, None, True))
    known = key or row_id(name or "", first[0] or "", first[1] or "")
    yield Profile(known, LINKEDIN, key, name, _first(it, HEADLINE), _first(it, ABOUT), _first(it, PLACE))
    for ordinal, job in enumerate(jobs):
        yield Position(known, ordinal, *job)


Job = tuple[str | None, str | None, str | None, str | None, bool]


def _jobs(it: Mapping[str, Any], page: Page, employer: str | None = None) -> Iterator[Job]:
    """The position of an entry, or those below its employer."""
    title, company = _first(it, TITLE), employer or _first(it, EMPLOYER)
    below = [one for name in BELOW for one in each(it.get(name)) if _first(record(one), TITLE)]
    if below and employer is None:
        company = company or title
        for one in below:
            yield from _jobs(record(one), page, company)
        return
    subtitle = _first(it, ("subtitle",))
    if company is None and subtitle:
        company = subtitle.partition(" · ")[0]
    started, ended = _dates(it)
    now = next((value for name in NOW if (value := flag(it.get(name))) is not None), None)
    current = ended is None or in_future(ended, page.fetched_at.date()) if now is None else now
    if company or title:
        yield company, title, started, ended, current


def _dates(it: Mapping[str, Any]) -> tuple[str | None, str | None]:
    """Start and end; else from a caption "Jan 2025 - Present · 3 mos"."""
    started, ended = (next((value for name in names if (value := _date(it.get(name)))), None) for names in (START, END))
    caption = _first(it, ("caption",))
    if caption and started is None and ended is None:
        parts = re.split(r"\s+[-–—]\s+", caption.partition(" · ")[0], maxsplit=1)
        started, ended = _date(parts[0]), _date(parts[1]) if len(parts) > 1 else None
    return started, ended


def _date(value: Any) -> str | None:
    """A date as text, number or object of year, month and day."""
    if isinstance(value, dict):
        if isinstance(value.get("text"), str):
            return _date(value["text"])
        parts = [get(value, name) for name in ("year", "month", "day")]
        if not isinstance(parts[0], int):
            return None
        whole = [f"{parts[0]:04}"]
        for part in parts[1:]:
            if not isinstance(part, int) or not part:
                break
            whole.append(f"{part:02}")
        return stated_day("-".join(whole))
    value = str(value) if isinstance(value, int) and not isinstance(value, bool) else shown(value)
    if value and (iso := _YEAR_MONTH.match(value)):
        value = iso.group()
    return stated_day(day(value))


def _first(it: Mapping[str, Any], names: tuple[str, ...]) -> str | None:
    """The first text under *names*; of an object its name or text."""
    for name in names:
        value = it.get(name)
        for one in (value.get(part) for part in INSIDE[:5]) if isinstance(value, dict) else (value,):
            if found := shown(one):
                return found
    return None


collector = FileCollector("linkedin-json", cut, read, yields="profiles")

"""Mistakes of a study file that no model of it can know: what refers to collectors, files and the list beside it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import date
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from pydantic import BaseModel, ValidationError

from storage import csvfile
from storage.errors import UserError
from storage.linking.organisations import load_list, shipped
from storage.privacy.declared import Donation, hooks_of
from storage.tomlfile import Mistake, mistakes, nearest, tuples
from study.installed import installed, options_model, query_of, seed_keys, seed_lines
from study.people import OWN, TABLE
from study.settings import CollectorTable, Search, era_day
from study.unserved import table, unserved

HEADERS = {
    "account",
    "acct",
    "handle",
    "name",
    "profile",
    "screen_name",
    "url",
    "user",
    "username",
}  # of a first column
Columns = tuple[tuple[str, ...], ...]  # one of each
TABLES: dict[str, Columns] = {  # files of [analysis]
    "labels": (("handle", "account_id"), ("label", "role")),
    "school_holidays": (("region",), ("name",), ("first_day",), ("last_day",)),
}


def checks(data: Mapping[str, Any], folder: Path) -> Iterator[Mistake]:
    """Mistakes in references to something outside the file."""
    points = installed()
    yield from _password_mistakes((), data)
    yield from _period_mistakes(table(data, "study"))
    yield from _store_mistakes(table(data, "store"))
    yield from _collector_mistakes(table(data, "collectors"), points)
    yield from _seed_mistakes(table(data, "seeds"), points, folder)
    yield from _domain_mistakes(table(data, "participants").get("domains"), points)
    yield from unserved(data, points)
    yield from _search_mistakes(_list(data.get("searches")), points)
    yield from _organisation_mistakes(data, folder)
    for key, columns in TABLES.items():
        name = table(data, "analysis").get(key)
        yield from _file_mistakes(("analysis", key), name, folder)
        yield from _column_mistakes(("analysis", key), name, folder, columns)
    named = (("schedule", job) for job in _list(data.get("schedule")))
    sets = (("comparison", one) for one in _list(data.get("comparison")))
    for place, rows in (("schedule", list(named)), ("comparison", list(sets))):
        yield from _references(place, [row for _, row in rows], points)


def _column_mistakes(at: tuple[str, str], name: Any, folder: Path, columns: Columns) -> Iterator[Mistake]:
    """A table that lacks a required column."""
    if not isinstance(name, str) or not (folder / name).is_file():
        return
    try:
        there, _ = csvfile.records(folder / name)
    except UserError as error:
        yield Mistake(at, str(error))
        return
    for either in columns:
        if not set(either) & set(there):
            yield Mistake(at, f"{name} needs a column {' or '.join(either)}; its columns are {', '.join(there)}")


def _organisation_mistakes(data: Mapping[str, Any], folder: Path) -> Iterator[Mistake]:
    """An unknown or invalid list of organisations, and published groups that are not in it."""
    own = table(data, "organisations")
    name, file = own.get("list", "nl"), own.get("file")
    listed = None
    try:
        if isinstance(file, str) and (folder / file).is_file():
            listed = load_list(folder / file)
        elif file is None and name in shipped():
            listed = load_list(name)
    except UserError as error:
        yield Mistake(("organisations", "file"), str(error))
    yield from _file_mistakes(("organisations", "file"), file, folder)
    if listed is not None and (groups := table(table(data, "published"), "groups")):
        try:
            day = era_day(own.get("era"), table(data, "study").get("last_day"))
        except (ValueError, TypeError):
            return  # a mistake of its own
        for group in groups:
            if why := listed.unknown(group, day):
                yield Mistake(("published", "groups", group), why)
    if isinstance(name, str) and name not in shipped():
        yield Mistake(
            ("organisations", "list"), f"no built-in list {name!r}; {nearest(name, shipped())}; set file for your own"
        )


def _period_mistakes(about: Mapping[str, Any]) -> Iterator[Mistake]:
    """A period that ends before it begins."""
    first, last = about.get("first_day"), about.get("last_day")
    if type(first) is date and type(last) is date and last < first:
        yield Mistake(("study", "last_day"), f"should not be before first_day ({first}), but is {last}")


def _store_mistakes(store: Mapping[str, Any]) -> Iterator[Mistake]:
    """Tables in the archive's place, or the other way round: each removes what is not its own."""
    given = (f"{store.get(key, '')}".removeprefix("file://") for key in ("archive", "tables_data"))
    archive, tables = (f"{one.rstrip('/')}/" for one in given)
    if len(archive) > 1 < len(tables) and (archive.startswith(tables) or tables.startswith(archive)):
        yield Mistake(("store", "tables_data"), "should be apart from archive; give each a prefix of its own")


def _password_mistakes(at: tuple[str | int, ...], value: Any) -> Iterator[Mistake]:
    """Addresses with a password: this file is copied, published and loaded into the database."""
    if isinstance(value, dict | list):
        for key, one in value.items() if isinstance(value, dict) else enumerate(value):
            yield from _password_mistakes((*at, key), one)
    elif isinstance(value, str) and re.search(r"^([a-z]+:)+//([^/@\s]*:[^/@\s]*@|\S*[?&]password=)", value, re.I):
        yield Mistake(at, "contains a password; secrets belong in the environment, secrets.toml or the keyring")


def _domain_mistakes(named: Any, points: Mapping[str, EntryPoint]) -> Iterator[Mistake]:
    """Domains that no participant can be asked for."""
    if not named or not isinstance(named, list):
        return
    offers = [offer for point in points.values() if (offer := _donation(point))]
    known = {name for offer in offers for name in offer.further}
    for name in named:
        if why := next((offer.refused[name] for offer in offers if name in offer.refused), ""):
            yield Mistake(("participants", "domains"), f"{name} cannot be asked for: {why}; remove it")
        elif name not in known:
            yield Mistake(("participants", "domains"), f"no domain {name!r}; {nearest(str(name), known)}")


def _donation(point: EntryPoint) -> Donation | None:
    """What participants may donate by a collector; None: nothing, or it cannot be loaded."""
    with suppress(ImportError):  # reported in [collectors]
        return hooks_of(point.load()).donation
    return None


def _references(place: str, rows: list[Any], points: Mapping[str, EntryPoint]) -> Iterator[Mistake]:
    """Jobs and comparison sets: collectors that are not installed, names used twice."""
    seen: set[str] = set()
    for number, row in enumerate(rows):
        if not isinstance(row, dict):
            continue
        if (name := row.get("collector")) is not None and name not in points:
            yield Mistake(
                (place, number, "collector"),
                f"no collector {name!r} is installed; {nearest(str(name), points)}",
            )
        if (name := row.get("name")) in seen:
            yield Mistake((place, number, "name"), f"{name!r} is used twice; choose another name")
        seen.add(str(name))


def _collector_mistakes(tables: Mapping[str, Any], points: Mapping[str, EntryPoint]) -> Iterator[Mistake]:
    """Collectors that are not installed, unknown kinds, and invalid options."""
    for name, own in tables.items():
        at = ("collectors", name)
        if name not in points:
            yield Mistake(at, f"no collector {name!r} is installed; {nearest(name, points)}")
        elif isinstance(own, dict):
            try:
                kinds, model = points[name].load().kinds, options_model(points[name])
            except ImportError as error:
                yield Mistake(at, f"the collector cannot be loaded ({error}); install its dependencies")
                continue
            yield from _kind_mistakes(at, own, kinds)
            if model:
                yield from _option_mistakes(at, own, model)


def _kind_mistakes(at: tuple[str, str], table: Mapping[str, Any], kinds: Mapping[str, Any]) -> Iterator[Mistake]:
    """Unknown kinds in `kinds`, `limits` and `prices`."""
    for key in ("kinds", "limits", "prices"):
        for kind in table.get(key) or ():
            if kind not in kinds:
                yield Mistake((*at, key), f"the collector has no kind {kind!r}; {nearest(str(kind), kinds)}")


def _option_mistakes(at: tuple[str, str], table: Mapping[str, Any], model: type[BaseModel]) -> Iterator[Mistake]:
    """Options that a collector's model rejects, unknown keys included."""
    common = CollectorTable.model_fields
    own = {key: value for key, value in table.items() if key not in common or key in model.model_fields}
    for key in sorted(own.keys() - model.model_fields):
        yield Mistake((*at, key), f"unknown key; {nearest(key, [*common, *model.model_fields])}")
    try:
        model.model_validate(tuples({key: value for key, value in own.items() if key in model.model_fields}))
    except ValidationError as error:
        yield from mistakes(error, model, at)


def _seed_mistakes(seeds: Mapping[str, Any], points: Mapping[str, EntryPoint], folder: Path) -> Iterator[Mistake]:
    """Seeds of unknown collectors, missing files, and impossible names."""
    given = {key: value for key, value in seeds.items() if value}
    known = seed_keys(points, given)
    yield from _file_mistakes(("seeds", TABLE), seeds.get(TABLE), folder)
    for key, value in seeds.items():
        at, name = ("seeds", key), key.removesuffix("_file")
        if key in (TABLE, OWN) or (key not in given and key.startswith(tuple(f"{one}_" for one in points))):
            continue  # an empty list sets nothing: its collector is not imported for it
        if name not in known:
            yield Mistake(at, f"no collector has the seeds {name!r}; {nearest(name, known)}")
        elif key.endswith("_file"):
            yield from _file_mistakes(at, value, folder)
            if not isinstance(value, str):
                yield Mistake(at, "should be a file name; put it in quotes")
            elif (folder / value).is_file():
                try:
                    text = csvfile.text(folder / value)
                except UserError as error:
                    yield Mistake(at, str(error))
                else:
                    yield from _bad_lines(at, *known[name], points, value, text)
        elif not isinstance(value, list):
            yield Mistake(at, "should be a list; put it in [ ]")
        else:
            yield from _bad_seeds(at, *known[name], points, value)


def _bad_lines(
    at: tuple[str, str], collector: str, kind: str, points: Mapping[str, EntryPoint], file: str, text: str
) -> Iterator[Mistake]:
    """Mistakes in the seeds of a file, by line; the header of a table is not a seed."""
    first = True
    for number, line in enumerate(text.splitlines(), 1):
        if not (seeds := seed_lines(line)):
            continue
        where = f"{file} line {number}: "
        if first and re.split(r"[,;\t]", seeds[0])[0].strip('" ').lower() in HEADERS:
            yield Mistake(
                at, f"{where}{seeds[0]!r} is the header of a table; write one seed per line, and nothing else"
            )
        else:
            yield from (Mistake(at, where + one.message) for one in _bad_seeds(at, collector, kind, points, seeds))
        first = False


def _bad_seeds(
    at: tuple[str, str], collector: str, kind: str, points: Mapping[str, EntryPoint], seeds: Sequence[Any]
) -> Iterator[Mistake]:
    """Seeds that cannot exist on their platform, as the collector reads them."""
    if not seeds:
        return
    try:
        found = points[collector].load()
    except ImportError:
        return
    for seed in seeds:
        if not isinstance(seed, str):
            yield Mistake(at, f"{seed!r} should be text; put it in quotes")
        elif kind and query_of(found, kind, seed) is None:
            yield Mistake(
                at,
                f"{seed!r} cannot be read as {at[1].removesuffix('_file').partition('_')[2]};"
                " docs/study-file.md shows how to write them",
            )
        elif not kind and (why := _bad_seed(found, seed)):
            yield Mistake(at, f"{seed!r} {why}")


def _bad_seed(collector: Any, seed: str) -> str:
    """The mistake in the seed of an account or profile; empty if it is valid or on one of the platform's hosts."""
    hooks = hooks_of(collector)
    if hooks.page_of is None:
        return "" if re.match(r"\S+$", seed) else "is not a name; remove the spaces"
    hosts = hooks.personal.handles.hosts if hooks.personal and hooks.personal.handles else ()
    page = hooks.page_of(seed)
    if page and (not hosts or urlsplit(page).hostname in hosts):
        return ""
    return f"is not {hooks.seed_form}"


def _search_mistakes(rows: list[Any], points: Mapping[str, EntryPoint]) -> Iterator[Mistake]:
    """Searches with an unknown interface, incomplete searches, and duplicate versions."""
    able: dict[str, Any] = {}
    for point in points.values() if rows else ():
        with suppress(ImportError):  # reported in [collectors]
            found = point.load()
            able |= {kind: found for kind, spec in found.kinds.items() if spec.of == "search"}
    seen: set[tuple[str, int]] = set()
    for number, row in enumerate(rows):
        try:
            one = Search.model_validate(row)
        except ValidationError:
            continue  # reported by the model
        at = ("searches", number)
        if (one.id, one.version) in seen:
            yield Mistake((*at, "version"), f"{one.id!r} has version {one.version} twice; increase the later one")
        seen.add((one.id, one.version))
        if one.where not in able:
            yield Mistake((*at, "where"), f"no interface {one.where!r}; {nearest(one.where, able)}")
        elif query_of(able[one.where], one.where, one.key) is None:
            needs = f"{one.where!r} also needs words or an address, or both days"
            yield Mistake((*at, "where"), f"{needs}; docs/collectors/coverage.md says which")


def _file_mistakes(at: tuple[str, str], name: Any, folder: Path) -> Iterator[Mistake]:
    """A missing file."""
    if isinstance(name, str) and not (folder / name).is_file():
        yield Mistake(at, f"no file {name!r} in the study directory")


def _list(value: Any) -> list[Any]:
    """*value* if it is a list, else an empty one."""
    return value if isinstance(value, list) else []

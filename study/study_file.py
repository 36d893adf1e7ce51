"""The study file `sneeuwbal.toml` as typed settings; its tables are described in study.settings."""

from __future__ import annotations

import importlib
import json
import re
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import date
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from pydantic import BaseModel, Field, PrivateAttr, ValidationError

from storage import csvfile
from storage.errors import UserError
from storage.linking.organisations import load_list, shipped
from storage.privacy.declared import hooks_of
from storage.searches import Search as Asked
from storage.tomlfile import Mistake, Table, mistakes, nearest, read, tuples
from study.settings import (
    About,
    Access,
    Analysis,
    Budget,
    CollectorTable,
    Comparison,
    Job,
    Minimise,
    Organisations,
    Population,
    Published,
    Search,
    Seeds,
    Snowball,
)
from study.survey import Survey
from study.unserved import table, unserved

FILE = "sneeuwbal.toml"
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


class Study(Table):
    """A study: its file, and the directory it lies in."""

    study: About
    seeds: Seeds = Seeds()
    population: Population = Population()
    organisations: Organisations = Organisations()
    snowball: Snowball = Snowball()
    collectors: dict[str, CollectorTable] = Field(default={})
    budget: Budget = Budget()
    analysis: Analysis = Analysis()
    survey: Survey = Survey()
    minimise: Minimise = Minimise()
    access: Access = Access()
    schedule: tuple[Job, ...] = ()
    comparison: tuple[Comparison, ...] = ()
    searches: tuple[Search, ...] = ()
    published: Published = Published()

    _directory: Path = PrivateAttr(default=Path())

    @classmethod
    def load(cls, directory: Path | str) -> Study:
        """The study of *directory*; raise UserError naming every mistake in its file."""
        folder = Path(directory)
        path = folder / FILE
        if not path.is_file():
            raise UserError(f"{path}: there is no study here; `sneeuwbal init` writes one")
        study = read(path, cls, lambda data: list(_checks(data, folder)))
        study._directory = folder
        return study

    @property
    def directory(self) -> Path:
        """The directory of the study."""
        return self._directory

    @property
    def era(self) -> date | None:
        """The day whose groups are meant (None: today's): as set, or the last day of the period."""
        return _era(self.organisations.era, self.study.last_day)

    @property
    def organisation_list(self) -> str | Path:
        """The list of organisations: the name of one that ships, or the file of the study's own."""
        own = self.organisations.file
        return self.directory / own if own else self.organisations.list

    def seeds_for(self, collector: str) -> tuple[str, ...]:
        """The seeds of *collector*, from the list and the file, each once, in order, without a leading @."""
        return tuple(dict.fromkeys(seed.removeprefix("@") for seed in self._seeds(collector)))

    def queries_for(self, collector: str, seeds: str) -> tuple[str, ...]:
        """What `[seeds] COLLECTOR_SEEDS` and its file hold: queries that find people, each once, in order."""
        return self._seeds(f"{collector}_{seeds}") if seeds else ()

    def _seeds(self, key: str) -> tuple[str, ...]:
        given = self.seeds.model_dump()
        listed = list(given.get(key) or ())
        if name := given.get(f"{key}_file"):
            listed += seed_lines(csvfile.text(self.directory / name))
        return tuple(dict.fromkeys(seed.strip() for seed in listed))

    def searches_for(self, kinds: Mapping[str, Any]) -> dict[str, list[str]]:
        """The keys of the newest version of each search of the register that one of *kinds* answers, by kind."""
        newest = {one.id: max(each.version for each in self.searches if each.id == one.id) for one in self.searches}
        found: dict[str, list[str]] = {}
        for one in self.searches:
            if one.version == newest[one.id] and one.where in kinds and kinds[one.where].of == "search":
                found.setdefault(one.where, []).append(key_of(one))
        return found

    def options(self, collector: str) -> dict[str, Any]:
        """The table of *collector*, defaults filled in and its own keys validated: `Settings.options`."""
        table = self.collectors.get(collector, CollectorTable())
        common = {name: value for name, value in table if name in CollectorTable.model_fields}
        common["limits"] = {kind: limit.model_dump() for kind, limit in table.limits.items()}
        own = dict(table.model_extra or {})
        if model := options_model(installed()[collector]):
            set_here = {
                name: common[name] for name in table.model_fields_set & common.keys() & model.model_fields.keys()
            }
            own = model.model_validate({**set_here, **own}).model_dump()
        return {**common, **own}

    def rows(self) -> Iterator[tuple[str, str]]:
        """The settings as rows of `base.study`: (dotted key, value as JSON), the unset ones left out."""
        return _leaves("", json.loads(self.model_dump_json(exclude_none=True, by_alias=True)))


def key_of(search: Search) -> str:
    """The key of the target of a search of the register."""
    days = {"first_day": search.first_day, "last_day": search.last_day}
    return Asked(search.id, search.version, search.words.strip(), (search.address or "").strip(), **days).key


def installed() -> dict[str, EntryPoint]:
    """The collectors that are installed, by name."""
    return _installed(tuple(sys.path))


@cache  # a run asks hundreds of times, and each search of the path takes 20 ms
def _installed(path: tuple[str, ...]) -> dict[str, EntryPoint]:
    return {point.name: point for point in entry_points(group="sneeuwbal.collectors")}


def _era(era: str | None, last_day: date | None) -> date | None:
    """The day that *era* means; None: today."""
    if era is None:
        return last_day
    return None if era == "today" else date.fromisoformat(era if "-" in era else f"{era}-07-01")


def options_model(point: EntryPoint) -> type[BaseModel] | None:
    """The `Options` model in a collector's module; None if it has none."""
    found = getattr(importlib.import_module(point.module), "Options", None)
    return found if isinstance(found, type) and issubclass(found, BaseModel) else None


def seed_lines(text: str) -> list[str]:
    """The seeds of a text file: one a line, blank lines and lines that begin with # left out."""
    return [line.strip() for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]


def _leaves(prefix: str, value: Any) -> Iterator[tuple[str, str]]:
    """The leaves of nested tables, with their dotted keys."""
    if isinstance(value, dict) and value:
        for key, item in value.items():
            yield from _leaves(f"{prefix}.{key}" if prefix else key, item)
    else:
        yield prefix, json.dumps(value, ensure_ascii=False)


# ---- what a model cannot know: collectors that are installed, files that are there -------------------------


def _checks(data: Mapping[str, Any], folder: Path) -> Iterator[Mistake]:
    """Mistakes in what refers to something outside the file."""
    points = installed()
    yield from _password_mistakes((), data)
    yield from _period_mistakes(table(data, "study"))
    yield from _collector_mistakes(table(data, "collectors"), points)
    yield from _seed_mistakes(table(data, "seeds"), points, folder)
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
    """A table without a column of which it needs one."""
    if not isinstance(name, str) or not (folder / name).is_file():
        return
    try:
        there, _ = csvfile.records(folder / name)
    except UserError as error:
        yield Mistake(at, str(error))
        return
    for either in columns:
        if not set(either) & set(there):
            yield Mistake(at, f"{name} needs a column {' or '.join(either)}; its first line names {', '.join(there)}")


def _organisation_mistakes(data: Mapping[str, Any], folder: Path) -> Iterator[Mistake]:
    """A list of organisations that does not ship or has mistakes, and published groups that are not in it."""
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
            day = _era(own.get("era"), table(data, "study").get("last_day"))
        except (ValueError, TypeError):
            return  # a mistake of its own
        for group in groups:
            if why := listed.unknown(group, day):
                yield Mistake(("published", "groups", group), why)
    if isinstance(name, str) and name not in shipped():
        yield Mistake(
            ("organisations", "list"), f"no list {name!r} ships; {nearest(name, shipped())}; your own goes into file"
        )


def _period_mistakes(about: Mapping[str, Any]) -> Iterator[Mistake]:
    """A period that ends before it begins."""
    first, last = about.get("first_day"), about.get("last_day")
    if type(first) is date and type(last) is date and last < first:
        yield Mistake(("study", "last_day"), f"should not be before first_day ({first}), but is {last}")


def _password_mistakes(at: tuple[str | int, ...], value: Any) -> Iterator[Mistake]:
    """Addresses with a password: this file is copied, published, and read into the database."""
    if isinstance(value, dict | list):
        for key, one in value.items() if isinstance(value, dict) else enumerate(value):
            yield from _password_mistakes((*at, key), one)
    elif isinstance(value, str) and re.search(r"^[a-z]+://[^/@\s]*:[^/@\s]*@", value, re.I):
        yield Mistake(at, "holds a password; secrets belong in the environment, secrets.toml or the keyring")


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
            yield Mistake((place, number, "name"), f"{name!r} is used twice; give each a name of its own")
        seen.add(str(name))


def _collector_mistakes(tables: Mapping[str, Any], points: Mapping[str, EntryPoint]) -> Iterator[Mistake]:
    """Collectors that are not installed, kinds they do not know, and options their own model refuses."""
    for name, own in tables.items():
        at = ("collectors", name)
        if name not in points:
            yield Mistake(at, f"no collector {name!r} is installed; {nearest(name, points)}")
        elif isinstance(own, dict):
            try:
                kinds, model = points[name].load().kinds, options_model(points[name])
            except ImportError as error:
                yield Mistake(at, f"the collector cannot be loaded ({error}); install what it needs")
                continue
            yield from _kind_mistakes(at, own, kinds)
            if model:
                yield from _option_mistakes(at, own, model)


def _kind_mistakes(at: tuple[str, str], table: Mapping[str, Any], kinds: Mapping[str, Any]) -> Iterator[Mistake]:
    """Kinds that the collector does not have, in `kinds`, `limits` and `prices`."""
    for key in ("kinds", "limits", "prices"):
        for kind in table.get(key) or ():
            if kind not in kinds:
                yield Mistake((*at, key), f"the collector has no kind {kind!r}; {nearest(str(kind), kinds)}")


def _option_mistakes(at: tuple[str, str], table: Mapping[str, Any], model: type[BaseModel]) -> Iterator[Mistake]:
    """What a collector's `Options` model refuses; a key that it does not know is a mistake too."""
    common = CollectorTable.model_fields
    own = {key: value for key, value in table.items() if key not in common or key in model.model_fields}
    for key in sorted(own.keys() - model.model_fields):
        yield Mistake((*at, key), f"unknown key; {nearest(key, [*common, *model.model_fields])}")
    try:
        model.model_validate(tuples({key: value for key, value in own.items() if key in model.model_fields}))
    except ValidationError as error:
        yield from mistakes(error, model, at)


def _seed_mistakes(seeds: Mapping[str, Any], points: Mapping[str, EntryPoint], folder: Path) -> Iterator[Mistake]:
    """Seeds of collectors that are not there, files that are missing, and names that cannot be right."""
    known = seed_keys(points, seeds)
    for key, value in seeds.items():
        at, name = ("seeds", key), key.removesuffix("_file")
        if name not in known:
            yield Mistake(at, f"no collector has seeds {name!r}; {nearest(name, known)}")
        elif key.endswith("_file"):
            yield from _file_mistakes(at, value, folder)
            if not isinstance(value, str):
                yield Mistake(at, "should be the name of a file; put it in quotes")
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


def seed_keys(points: Mapping[str, EntryPoint], given: Iterable[str]) -> dict[str, tuple[str, str]]:
    """The keys of [seeds] as (collector, kind; "": accounts or profiles), of all that can stand for one of *given*.

    Collectors whose name begins none of *given* are not imported for it.
    """
    known = {name: (name, "") for name in points}
    for name, point in points.items():
        if any(key.startswith(f"{name}_") and key != f"{name}_file" for key in given):
            try:
                kinds = point.load().kinds
            except ImportError:  # [collectors] says so
                continue
            known |= {
                f"{name}_{spec.seeds}": (name, kind) for kind, spec in kinds.items() if getattr(spec, "seeds", "")
            }
    return known


def _bad_lines(
    at: tuple[str, str], collector: str, kind: str, points: Mapping[str, EntryPoint], file: str, text: str
) -> Iterator[Mistake]:
    """The same of the lines of a file, with their numbers; the header of a table is no seed."""
    first = True
    for number, line in enumerate(text.splitlines(), 1):
        if not (seeds := seed_lines(line)):
            continue
        where = f"{file} line {number}: "
        if first and re.split(r"[,;\t]", seeds[0])[0].strip('" ').lower() in HEADERS:
            yield Mistake(
                at, f"{where}{seeds[0]!r} is the header of a table; leave one seed a line, nothing before or behind it"
            )
        else:
            yield from (Mistake(at, where + one.message) for one in _bad_seeds(at, collector, kind, points, seeds))
        first = False


def _bad_seeds(
    at: tuple[str, str], collector: str, kind: str, points: Mapping[str, EntryPoint], seeds: Sequence[Any]
) -> Iterator[Mistake]:
    """Seeds that their platform could never know, as the collector reads them."""
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
                " docs/study-file.md says how to write them",
            )
        elif not kind and (why := _bad_seed(found, seed)):
            yield Mistake(at, f"{seed!r} {why}")


def query_of(collector: Any, kind: str, typed: str) -> str | None:
    """The key of the query of *kind* that people type as *typed*, as *collector* reads it; None if it can be none."""
    read = hooks_of(collector).query_of
    return read(kind, typed) if read else typed.strip() or None


def _bad_seed(collector: Any, seed: str) -> str:
    """What is wrong with the seed of an account or profile; empty if its page is one of the platform's hosts."""
    hooks = hooks_of(collector)
    if hooks.page_of is None:
        return "" if re.match(r"\S+$", seed) else "is not a name; leave out spaces"
    hosts = hooks.personal.handles.hosts if hooks.personal and hooks.personal.handles else ()
    page = hooks.page_of(seed)
    if page and (not hosts or urlsplit(page).hostname in hosts):
        return ""
    return f"is not {hooks.seed_form}"


def _search_mistakes(rows: list[Any], points: Mapping[str, EntryPoint]) -> Iterator[Mistake]:
    """Searches of no interface, those that it cannot be asked for, and versions that are there twice."""
    able: dict[str, Any] = {}
    for point in points.values() if rows else ():
        with suppress(ImportError):  # [collectors] says so
            found = point.load()
            able |= {kind: found for kind, spec in found.kinds.items() if spec.of == "search"}
    seen: set[tuple[str, int]] = set()
    for number, row in enumerate(rows):
        try:
            one = Search.model_validate(row)
        except ValidationError:
            continue  # the model tells of that
        at = ("searches", number)
        if (one.id, one.version) in seen:
            yield Mistake((*at, "version"), f"{one.id!r} has version {one.version} twice; number the later one anew")
        seen.add((one.id, one.version))
        if one.where not in able:
            yield Mistake((*at, "where"), f"no interface {one.where!r}; {nearest(one.where, able)}")
        elif query_of(able[one.where], one.where, key_of(one)) is None:
            yield Mistake(
                (*at, "where"),
                f"{one.where!r} needs words, or an address, or both days, too; docs/coverage.md says which",
            )


def _file_mistakes(at: tuple[str, str], name: Any, folder: Path) -> Iterator[Mistake]:
    """A file that is not there."""
    if isinstance(name, str) and not (folder / name).is_file():
        yield Mistake(at, f"there is no file {name!r} in the study directory")


def _list(value: Any) -> list[Any]:
    """*value* if it is a list, else an empty one."""
    return value if isinstance(value, list) else []

"""The study file `sneeuwbal.toml` as typed settings; its tables are described in study.settings."""

from __future__ import annotations

import importlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any

from pydantic import BaseModel, Field, PrivateAttr, ValidationError

from storage import csvfile
from storage.errors import UserError
from storage.tomlfile import Mistake, Table, mistakes, model_in, nearest, read, tuples, written
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
    Published,
    Seeds,
    Snowball,
)

FILE = "sneeuwbal.toml"


class Study(Table):
    """A study: its file, and the directory it lies in."""

    study: About
    seeds: Seeds = Seeds()
    organisations: Organisations = Organisations()
    snowball: Snowball = Snowball()
    collectors: dict[str, CollectorTable] = Field(default={})
    budget: Budget = Budget()
    analysis: Analysis = Analysis()
    minimise: Minimise = Minimise()
    access: Access = Access()
    schedule: tuple[Job, ...] = ()
    comparison: tuple[Comparison, ...] = ()
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
        era = self.organisations.era
        if era is None:
            return self.study.last_day
        return None if era == "today" else date.fromisoformat(era if "-" in era else f"{era}-07-01")

    @property
    def organisation_list(self) -> str | Path:
        """The list of organisations: the name of one that ships, or the file of the study's own."""
        own = self.organisations.file
        return self.directory / own if own else self.organisations.list

    def seeds_for(self, collector: str) -> tuple[str, ...]:
        """The seeds of *collector*, from the list and the file, each once, in order, without a leading @."""
        given = self.seeds.model_dump()
        listed = list(given.get(collector) or ())
        if name := given.get(f"{collector}_file"):
            listed += seed_lines(csvfile.text(self.directory / name))
        return tuple(dict.fromkeys(seed.strip().removeprefix("@") for seed in listed))

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
        return _leaves("", json.loads(self.model_dump_json(exclude_none=True)))


def installed() -> dict[str, EntryPoint]:
    """The collectors that are installed, by name."""
    return {point.name: point for point in entry_points(group="sneeuwbal.collectors")}


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
    yield from _period_mistakes(_table(data, "study"))
    yield from _collector_mistakes(_table(data, "collectors"), points)
    yield from _seed_mistakes(_table(data, "seeds"), points, folder)
    for section, key in (("organisations", "file"), ("analysis", "labels"), ("analysis", "school_holidays")):
        yield from _file_mistakes((section, key), _table(data, section).get(key), folder)
    named = (("schedule", job) for job in _list(data.get("schedule")))
    sets = (("comparison", one) for one in _list(data.get("comparison")))
    for place, rows in (("schedule", list(named)), ("comparison", list(sets))):
        yield from _references(place, [row for _, row in rows], points)


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
    for name, table in tables.items():
        at = ("collectors", name)
        if name not in points:
            yield Mistake(at, f"no collector {name!r} is installed; {nearest(name, points)}")
        elif isinstance(table, dict):
            try:
                kinds, model = points[name].load().kinds, options_model(points[name])
            except ImportError as error:
                yield Mistake(at, f"the collector cannot be loaded ({error}); install what it needs")
                continue
            yield from _kind_mistakes(at, table, kinds)
            if model:
                yield from _option_mistakes(at, table, model)


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
    for key, value in seeds.items():
        collector = key.removesuffix("_file")
        if key not in Seeds.model_fields and collector not in points:
            yield Mistake(("seeds", key), f"no collector {collector!r} is installed; {nearest(collector, points)}")
        elif key.endswith("_file"):
            yield from _file_mistakes(("seeds", key), value, folder)
            if isinstance(value, str) and (folder / value).is_file():
                try:
                    listed = seed_lines(csvfile.text(folder / value))
                except UserError as error:
                    yield Mistake(("seeds", key), str(error))
                else:
                    yield from _bad_seeds(("seeds", key), collector, listed)
        else:
            yield from _bad_seeds(("seeds", key), collector, _list(value))


_SEED = {
    "profiles": (re.compile(r"https?://[^\s/]+\S*$"), "is not a web address; write it with https://"),
    "x": (
        re.compile(r"@?\w{1,15}$", re.ASCII),
        "is not a handle on X; it has at most 15 letters, digits and _",
    ),
}


def _bad_seeds(at: tuple[str, str], collector: str, seeds: Iterable[Any]) -> Iterator[Mistake]:
    """Seeds that their platform could never know."""
    pattern, complaint = _SEED.get(collector, (re.compile(r"\S+$"), "is not a name; leave out spaces"))
    for seed in seeds:
        if not isinstance(seed, str):
            yield Mistake(at, f"{seed!r} should be text; put it in quotes")
        elif not pattern.match(seed):
            yield Mistake(at, f"{seed!r} {complaint}")


def _file_mistakes(at: tuple[str, str], name: Any, folder: Path) -> Iterator[Mistake]:
    """A file that is not there."""
    if isinstance(name, str) and not (folder / name).is_file():
        yield Mistake(at, f"there is no file {name!r} in the study directory")


def _table(data: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    """The table *key*, empty where it is none (the model tells of that)."""
    value = data.get(key)
    return value if isinstance(value, dict) else {}


def _list(value: Any) -> list[Any]:
    """*value* if it is a list, else an empty one."""
    return value if isinstance(value, list) else []


# ---- the file that `init` writes ---------------------------------------------------------------------------


def template(name: str = "My study", contact: str = "") -> str:
    """A commented study file with every key: its default, or an example behind a # where it has none."""
    parts = ["# A study for sneeuwbal: every key, with its default. What is behind a # is an example.\n"]
    for section, model in sections().items():
        if section == "collectors":
            parts += [written(f"[collectors.{each}]", model, {}) for each in ("profiles", "x")]
        elif section in ("schedule", "comparison"):
            parts.append(written(f"[[{section}]]", model, {}, live=False))
        else:
            values = {"name": name, "contact": contact} if section == "study" else {}
            parts.append(written(f"[{section}]", model, values))
    return "\n".join(parts)


def sections() -> dict[str, type[BaseModel]]:
    """The model of each section of the study file."""
    found = {name: model_in(field.annotation) for name, field in Study.model_fields.items()}
    return {name: model for name, model in found.items() if model}

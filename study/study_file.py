"""The study file `sneeuwbal.toml` as typed settings; its tables are described in study.settings."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import Any

from pydantic import Field, PrivateAttr

from storage import csvfile
from storage.errors import UserError
from storage.linking.organisations import load_list
from storage.tomlfile import Table, read
from study import people
from study.checks import checks
from study.installed import installed, options_model, seed_lines
from study.participants import Participants
from study.published import Published
from study.settings import (
    About,
    Access,
    Analysis,
    Budget,
    CollectorTable,
    Comparison,
    Dossier,
    Job,
    Minimise,
    Organisations,
    Population,
    Search,
    Seeds,
    Snowball,
    Store,
    era_day,
)
from study.survey import Survey

FILE = "sneeuwbal.toml"


class Study(Table):
    """A study: its settings and its directory."""

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
    store: Store = Store()
    participants: Participants = Participants()
    dossier: Dossier = Dossier()
    schedule: tuple[Job, ...] = ()
    comparison: tuple[Comparison, ...] = ()
    searches: tuple[Search, ...] = ()
    published: Published = Published()

    _directory: Path = PrivateAttr(default=Path())

    @classmethod
    def load(cls, directory: Path | str) -> Study:
        """The study of *directory*; raise UserError listing every mistake in its file."""
        folder = Path(directory)
        path = folder / FILE
        if not path.is_file():
            raise UserError(f"{path}: no study here; create one with `sneeuwbal init`")
        study = read(path, cls, lambda data: list(checks(data, folder)))
        study._directory = folder
        return study

    @property
    def directory(self) -> Path:
        """The directory of the study."""
        return self._directory

    @property
    def archive(self) -> Path:
        """The folder of its archive."""
        return self.directory / "archive"

    @property
    def era(self) -> date | None:
        """The reference day of the groups (None: today): as set, or the last day of the period."""
        return era_day(self.organisations.era, self.study.last_day)

    @property
    def organisation_list(self) -> str | Path:
        """The list of organisations: the name of a built-in one, or the study's own file."""
        own = self.organisations.file
        return self.directory / own if own else self.organisations.list

    def seeds_for(self, collector: str) -> tuple[str, ...]:
        """The seeds of *collector*, from the list and the file, without duplicates, in order, without a leading @."""
        return tuple(dict.fromkeys(seed.removeprefix("@") for seed in self.seeds_of(collector)))

    def seeds_of(self, key: str) -> tuple[str, ...]:
        """What *key* of [seeds] and its file hold, each once, in order."""
        given = self.seeds.model_dump()
        listed = list(given.get(key) or ())
        if name := given.get(f"{key}_file"):
            listed += seed_lines(csvfile.text(self.directory / name))
        return tuple(dict.fromkeys(seed.strip() for seed in listed))

    def named_people(self, collectors: Mapping[str, Any]) -> tuple[list[people.Found], list[int]]:
        """The seeds of the table of people and of the list of organisations, as *collectors* (by name) read them.

        With the lines of the table in which none of them knows anybody. Raise UserError.
        """
        found: list[people.Found] = []
        unread: list[int] = []
        if self.seeds.people_file:
            found, unread = people.of_table(self.directory / self.seeds.people_file, collectors)
        if self.seeds.organisations:
            found += people.of_organisations(load_list(self.organisation_list), collectors)
        return found, unread

    @property
    def newest_searches(self) -> tuple[Search, ...]:
        """The newest version of each registered search."""
        newest = {one.id: max(each.version for each in self.searches if each.id == one.id) for one in self.searches}
        return tuple(one for one in self.searches if one.version == newest[one.id])

    def searches_for(self, kinds: Mapping[str, Any]) -> dict[str, list[str]]:
        """The keys of the newest version of each registered search, by kind of *kinds* that runs it."""
        found: dict[str, list[str]] = {}
        for one in self.newest_searches:
            if one.where in kinds and kinds[one.where].of == "search":
                found.setdefault(one.where, []).append(one.key)
        return found

    def options(self, collector: str) -> dict[str, Any]:
        """The table of *collector*, defaults filled in and its own keys validated: `Settings.options`.

        With `domains` of [participants], unless it has a key of that name.
        """
        table = self.collectors.get(collector, CollectorTable())
        common = {name: value for name, value in table if name in CollectorTable.model_fields}
        common["limits"] = {kind: limit.model_dump() for kind, limit in table.limits.items()}
        own = dict(table.model_extra or {})
        if model := options_model(installed()[collector]):
            set_here = {
                name: common[name] for name in table.model_fields_set & common.keys() & model.model_fields.keys()
            }
            own = model.model_validate({**set_here, **own}).model_dump()
        return {"domains": self.participants.domains, **common, **own}

    def rows(self) -> Iterator[tuple[str, str]]:
        """The settings as rows of `base.study`: (dotted key, value as JSON), the unset ones left out.

        [store] is left out, too: where a study lies differs between machines, and says nothing about it.
        """
        return _leaves("", json.loads(self.model_dump_json(exclude={"store"}, exclude_none=True, by_alias=True)))


def _leaves(prefix: str, value: Any) -> Iterator[tuple[str, str]]:
    """The leaves of nested tables, with their dotted keys."""
    if isinstance(value, dict) and value:
        for key, item in value.items():
            yield from _leaves(f"{prefix}.{key}" if prefix else key, item)
    else:
        yield prefix, json.dumps(value, ensure_ascii=False)

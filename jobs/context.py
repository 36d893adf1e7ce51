"""Shared by jobs: the study in its directory, its collectors and their settings."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from collectors.base import Collector, Settings, hooks_of
from collectors.wire.exchange import Wire
from jobs.secrets import bucket_key, secret_of, store_password
from storage.archive import store
from storage.consents import consented
from storage.errors import UserError
from storage.frontier import sqlite
from storage.frontier.base import Frontier
from storage.frontier.shared import Shared
from storage.linking.organisations import load_list
from storage.participants import Tokens
from storage.sampling.rules import Rules
from storage.tables.lake import Lake
from study.begin import LIST as LIST
from study.begin import Begun as Begun
from study.begin import able as able
from study.begin import files
from study.installed import FOLLOWERS_OF, followers_kind, installed, query_keys, query_of, seed_keys
from study.nouns import Language as Language
from study.people import unread_lines
from study.study_file import FILE
from study.study_file import Study as Study

Say = Callable[[str], None]  # receives each line of output

STATE, DATABASE, ARCHIVE, DECISIONS = "state.sqlite", "study.duckdb", "archive", "decisions.csv"


def create(folder: Path, begun: Begun) -> Path:
    """Write the study file and list of *begun* into *folder*, created if needed; return the file's path.

    Raise UserError.
    """
    texts = files(begun)
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)
    for name, text in reversed(texts.items()):  # the study file last, so that none is left if another file exists
        path = folder / name
        try:
            with path.open("x", encoding="utf-8") as file:
                file.write(text)
        except FileExistsError as error:
            what = "a study" if name == FILE else "a list"
            raise UserError(f"{path}: {what} already exists; choose another directory") from error
    return folder / FILE


def program(directory: Path) -> list[str]:
    """The command line that runs this program on the study in *directory*."""
    return [sys.executable, "-m", "sneeuwbal", "--study", str(directory)]


def read_study(directory: Path) -> Study:
    """Open the study in *directory* for reading. Raise UserError."""
    study = Study.load(directory)
    bucket_key(study)
    return study


def open_study(directory: Path) -> Study:
    """Open the study in *directory* for writing. Raise UserError, too if its archive is not where it says."""
    study = read_study(directory)
    if not os.access(directory, os.W_OK | os.X_OK):
        raise UserError(f"{directory}: no permission to write; make it writable")
    store.attach(study.archive, archive_of(study))
    return study


def archive_of(study: Study) -> store.Where | None:
    """Where the study file says that the archive lies; None: in its folder."""
    of = study.store
    if of.archive is None:
        return None
    return store.Where(of.archive.rstrip("/"), study.study.name, of.endpoint, of.upload_every, of.cache_bytes)


def open_state(study: Study) -> Frontier:
    """Open the state of *study*: what [store] names, else a file that its owner only can read. Raise UserError."""
    if study.store.frontier is not None:
        return shared_state(study)
    path = study.directory / STATE
    if not path.exists():
        path.touch(0o600)
    return sqlite.Frontier(path)


def shared_state(study: Study) -> Shared:
    """The state of *study* in PostgreSQL. Raise UserError if it cannot be had."""
    try:
        from storage.frontier import postgres
    except ImportError as error:
        raise UserError(f"[store] frontier: {error}; run `pip install 'sneeuwbal[postgres]'`") from error
    machine = f"{socket.gethostname()}:{study.directory.resolve()}"
    return postgres.Frontier(str(study.store.frontier), study.study.name, machine, password=store_password(study))


def lake_of(study: Study) -> Lake | None:
    """Where the tables of *study* are published for many readers; None if nowhere."""
    if study.store.tables is None:
        return None
    address = study.store.tables.removeprefix("ducklake:postgres:")
    data = study.store.tables_data
    where = data.rstrip("/") if data.startswith("s3:") else study.directory / data
    return Lake(address, where, study.study.name, study.store.endpoint)


def collectors_of(study: Study) -> dict[str, Collector]:
    """The collectors that the study configures (or has seeds for), by name, in the order of the study file."""
    points = installed()
    names = [name for name, table in study.collectors.items() if table.enabled]
    given = {collector for collector, _ in _seeded(study)}
    if study.searches:
        given |= {name for name, point in points.items() if study.searches_for(point.load().kinds)}
    names += [name for name in points if name not in study.collectors and name in given]
    return {name: points[name].load() for name in names}


def _seeded(study: Study) -> set[tuple[str, str]]:
    """The collectors, and the kinds of queries ("": accounts or profiles), that the study has seeds for."""
    given = {key.removesuffix("_file") for key, value in study.seeds.model_dump().items() if value}
    return {one for key, one in seed_keys(installed(), given).items() if key in given}


def warnings(study: Study) -> Iterator[str]:
    """Warnings about settings that are valid but find no members, each with the fix."""
    collectors = collectors_of(study)
    yields_ = {collector.kinds[kind].yields for name, collector in collectors.items()
               for kind in kinds_of(study, name, collector)}  # fmt: skip
    sources, listed = set(study.population.sources), load_list(study.organisation_list)
    if collectors and "positions" in sources and not sources - {"positions", "decisions"} and "profiles" not in yields_:
        yield (
            "no one can be a member: [population] from counts positions, but no collector of the study reads profiles;"
            " use bio, fields, links or domain there"
        )
    if unread := study.named_people(collectors)[1]:
        yield (
            f"{study.seeds.people_file}: no collector of the study knows an account or page in line"
            f" {unread_lines(unread)}; write accounts into a column named after their platform"
        )
    if not listed.group and sources - {"list", "decisions"}:
        yield f"no one can be a member: {study.organisation_list} has no group yet; add one"


def choose(study: Study, only: str | None) -> dict[str, Collector]:
    """The collectors of *study*, or the one called *only*. Raise UserError if there is none."""
    chosen = collectors_of(study)
    if only is None:
        return chosen
    if only not in chosen:
        raise UserError(f"the study has no collector {only!r}; it has {', '.join(chosen) or 'none'}")
    return {only: chosen[only]}


def kinds_of(study: Study, name: str, collector: Collector) -> tuple[str, ...]:
    """The kinds that the study collects with *collector*: those configured (else all needed), and its seeds' kinds.

    Look-ups of opt-outs are added if people's own servers must be asked before an admission.
    """
    chosen = _chosen(study, name, collector)
    asked = [*queries_of(study, name, collector), *lists_of_members(study, collector)]
    if study.seeds_of(f"{name}_{FOLLOWERS_OF}"):
        asked.append(followers_kind(collector.kinds) or "")
    first = [kind for kind, spec in collector.kinds.items() if spec.asked_first]
    leads = any(collector.kinds[kind].of == "account" for kind in chosen)
    return tuple(dict.fromkeys((*chosen, *asked, *(first if leads else ()))))


def _chosen(study: Study, name: str, collector: Collector) -> tuple[str, ...]:
    """The kinds that the study file names, else all needed."""
    table = study.collectors.get(name)
    return (table.kinds if table is not None else None) or tuple(_needed(study, collector))


def _needed(study: Study, collector: Collector) -> Iterator[str]:
    """All kinds; but if the study names ties between accounts, only the first list of each tie, and scheduled ones.

    Members of user lists are read for that tie only.
    """
    along = [tie for tie in study.snowball.along or () if tie != "connections"]
    scheduled = {kind for job in study.schedule for kind in job.kinds or ()}
    left = set(along)
    for kind, spec in collector.kinds.items():
        listing = spec.of == "account" and bool(spec.ties) and spec.yields != "posts"
        optional = listing and (bool(along) or "lists" in spec.ties)
        if not optional or left & set(spec.ties) or kind in scheduled:
            yield kind
        if listing:
            left -= set(spec.ties)


def queries_of(study: Study, name: str, collector: Collector) -> dict[str, list[str]]:
    """The queries in `[seeds]` for *collector*, by kind; their results are seeds."""
    given = {kind: study.seeds_of(key) for key, kind in query_keys(name, collector).items()}
    return {
        kind: list(dict.fromkeys(query_of(collector, kind, typed) or typed for typed in listed))
        for kind, listed in given.items() if listed
    }  # fmt: skip


def lists_of_members(study: Study, collector: Collector) -> dict[str, list[str]]:
    """The lists of `[population] lists` that *collector* reads, by kind and key."""
    found: dict[str, list[str]] = {}
    for typed in study.population.lists:
        for kind, spec in collector.kinds.items():
            listing = spec.of == "query" and spec.yields == "accounts" and "/" in typed
            if listing and (key := query_of(collector, kind, typed)):
                found.setdefault(kind, []).append(key)
                break
    return found


def list_keys(study: Study) -> tuple[str, ...]:
    """`[population] lists` as the view `listed` names them: those that a collector reads by their keys, too."""
    found = (lists_of_members(study, collector).values() for collector in collectors_of(study).values())
    return tuple(dict.fromkeys([*study.population.lists, *(key for of in found for keys in of for key in keys)]))


def parsers() -> dict[str, str]:
    """The import path of each installed collector's parser, for `load` and its workers."""
    return {name: point.value for name, point in installed().items()}


def yields() -> dict[tuple[str, str], str]:
    """What each kind of each installed collector yields: posts, accounts ..., by (collector, kind)."""
    return {
        (name, kind): spec.yields for name, point in installed().items() for kind, spec in point.load().kinds.items()
    }


def needs_secret(name: str) -> bool:
    """Whether the collector declares (`needs_secret`) that it cannot work without a secret."""
    point = installed().get(name)
    return point is not None and hooks_of(point.load()).needs_secret


def settings_for(study: Study, name: str, wire: Wire, more: Mapping[str, Any]) -> Settings:
    """The settings of collector *name*'s fetch; *more* are options added to those of the study file."""
    sets = {one.name: one.posts for one in study.comparison if one.collector == name}
    options = {**study.options(name), "contact": study.study.contact, "sets": sets, **more}
    if study.minimise.opt_outs == "override":
        options["honour_opt_outs"] = False
    tokens = Tokens(study.directory, name) if hooks_of(installed()[name].load()).oauth else None
    given = partial(consented, study.directory, collector=name)
    return Settings(options, secret_of(study, name), wire, tokens=tokens, consented=given)


def wire_for(study: Study, name: str) -> Wire:
    """The live wire of collector *name*; a plain one for anything else (the snowball only needs its clock)."""
    options = study.options(name) if name in installed() else {}
    return Wire(timeout=float(options.get("timeout") or 30.0), private=bool(options.get("allow_private")))


def rules_of(study: Study, collectors: Mapping[str, Collector]) -> Rules:
    """The sampling rules of the study file."""
    kinds, timelines = {}, {}
    for name, collector in collectors.items():
        asked = kinds_of(study, name, collector)
        specs = {kind: spec for kind, spec in collector.kinds.items() if kind in asked}
        of_all = set(_chosen(study, name, collector))  # `followers_of` alone lists the followers of those it names
        kinds[name] = {kind: spec.of for kind, spec in specs.items()
                       if spec.of and (kind in of_all or spec.of != "account")}  # fmt: skip
        timelines[name] = [kind for kind, spec in specs.items() if spec.of == "account" and spec.yields == "posts"]
    by_id = {name: kind for name, collector in collectors.items() for kind, spec in collector.kinds.items() if spec.ids}
    checked = [name for name, kind in by_id.items() if collectors[name].kinds[kind].asked_first]
    sets: dict[str, list[str]] = {}
    for one in study.comparison:
        sets.setdefault(one.collector, []).append(one.name)
    canonical = {name: hooks_of(collector).canonical for name, collector in collectors.items()}
    seeds = {name: [canonical[name](seed) for seed in study.seeds_for(name)] for name in collectors}
    paths: dict[str, dict[str, str]] = {}
    for name, seed, path in study.named_people(collectors)[0]:
        if (key := canonical[name](seed)) not in seeds[name]:
            seeds[name].append(key)
            paths.setdefault(name, {})[key] = path
    followers_of = {
        name: (kind, [canonical[name](seed.removeprefix("@")) for seed in study.seeds_of(f"{name}_{FOLLOWERS_OF}")])
        for name, collector in collectors.items() if (kind := followers_kind(collector.kinds))
    }  # fmt: skip
    finding = {name: queries_of(study, name, collector) for name, collector in collectors.items()}
    queries = {name: {kind: list(study.options(name).get("queries") or ()) for kind in searches_of(collector)}
               for name, collector in collectors.items()}  # fmt: skip
    for name, collector in collectors.items():
        queries[name] |= study.searches_for(collector.kinds)
        for kind, keys in lists_of_members(study, collector).items():
            queries[name][kind] = [key for key in keys if key not in finding[name].get(kind, ())]
    along = along_of(study, collectors)
    ties = {name: _ties(study, name, collector, along) for name, collector in collectors.items()}
    own = study.snowball.model_dump(exclude={"along"})
    return Rules(seeds=seeds, paths=paths, followers_of=followers_of, kinds=kinds, sets=sets, queries=queries,
                 finding=finding, along=along, ties=ties, timelines=timelines, by_id=by_id, checked=checked,
                 fetched=[one.name for one in study.newest_searches if one.fetch],
                 honour_opt_outs=study.minimise.opt_outs == "honour", **own)  # fmt: skip


def along_of(study: Study, collectors: Mapping[str, Collector]) -> tuple[str, ...]:
    """The ties that the snowball of *study* follows: those configured, else connections if a collector lists them."""
    shown = {tie for name, collector in collectors.items() for kind in kinds_of(study, name, collector)
             for tie in collector.kinds[kind].ties}  # fmt: skip
    return study.snowball.along or (("following",) if shown and "connections" not in shown else ("connections",))


def _ties(study: Study, name: str, collector: Collector, along: Sequence[str]) -> dict[str, list[str]]:
    """The kinds of accounts' lists to read, with the ties that each shows: the study's first kind of each tie."""
    found: dict[str, list[str]] = {}
    for tie in along:
        showing = [kind for kind in kinds_of(study, name, collector)
                   if tie in collector.kinds[kind].ties and collector.kinds[kind].of == "account"]  # fmt: skip
        if showing:
            found.setdefault(showing[0], []).append(tie)
    return found


def searches_of(collector: Collector) -> list[str]:
    """The kinds that a collector table's `queries` apply to: queries that yield posts."""
    return [kind for kind, spec in collector.kinds.items() if spec.of == "query" and spec.yields == "posts"]

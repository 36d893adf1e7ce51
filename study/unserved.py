"""Mistakes in a study file as a whole: settings without effect, which would be ignored."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from importlib.metadata import EntryPoint
from typing import Any

from storage.sampling.rules import COUNTS, POST_TIES, TIES
from storage.tomlfile import Mistake, nearest
from study.installed import query_keys

Data = Mapping[str, Any]
RULES = ("admit", "lists_of", "timelines_of", "order")
OF_JOBS = {"collector": ("run", "collect"), "kinds": ("run", "collect"), "whole": ("run", "collect")}


def unserved(data: Data, points: Mapping[str, EntryPoint]) -> Iterator[Mistake]:
    """The mistakes in *data*, a study file; *points* are the installed collectors."""
    collected = _collected(data, points)
    if collected is None:
        return  # a collector that cannot be loaded is a mistake of its own
    kinds = {name: dict(found) for name, found in collected.items()}
    specs = [spec for found in kinds.values() for spec in found.values()]
    yield from _population(table(data, "population"))
    yield from _snowball(table(data, "snowball"), specs)
    yield from _jobs(rows(data, "schedule"), kinds)
    yield from _comparisons(rows(data, "comparison"), kinds, points)
    for number, one in enumerate(rows(data, "searches")):
        if one.get("where") and not any(one["where"] in own for own in kinds.values()):
            yield Mistake(("searches", number, "where"), f"no collector of the study queries {one['where']!r}")
    yield from _kept(table(table(data, "minimise"), "keep_days"), points)
    for name, own in table(data, "collectors").items():
        if isinstance(own, dict) and own.get("queries") and name in kinds and not _some(kinds[name].values(), "query"):
            yield Mistake(("collectors", name, "queries"), "are for searches, which kinds omits; add that kind")
    priced = any(spec.price for spec in specs) or any(
        table(own, "prices") for own in table(data, "collectors").values() if isinstance(own, dict)
    )
    if table(data, "budget").get("usd") is not None and kinds and not priced:
        yield Mistake(("budget", "usd"), "has no effect: no collector of the study has prices; limit requests instead")


def _collected(data: Data, points: Mapping[str, EntryPoint]) -> dict[str, dict[str, Any]] | None:
    """The kinds that the study collects, by collector; None if one cannot be loaded."""
    tables, seeds = table(data, "collectors"), table(data, "seeds")
    searched = {one.get("where") for one in rows(data, "searches")}
    found = {}
    for name, point in points.items():
        own = table(tables, name)
        given = [key for key, value in seeds.items() if value and (key == name or key.startswith(f"{name}_"))]
        if not (own.get("enabled", True) is True if name in tables else given or searched):
            continue
        try:
            collector = point.load()
        except ImportError:
            return None
        kinds = collector.kinds
        searching = any(spec.of == "search" and kind in searched for kind, spec in kinds.items())
        if not (name in tables or given or searching):
            continue
        listed = own.get("kinds")
        wanted = listed if isinstance(listed, list) else list(kinds)
        seeded = {key.removesuffix("_file") for key in given}
        asked = [kind for key, kind in query_keys(name, collector).items() if key in seeded]
        found[name] = {kind: kinds[kind] for kind in (*wanted, *asked) if kind in kinds}
    return found


def _kept(days: Data, points: Mapping[str, EntryPoint]) -> Iterator[Mistake]:
    """Names in `keep_days` that no installed collector has, used in the study or not."""
    known: set[str] = set()
    for point in points.values() if days else ():
        with suppress(ImportError):
            known |= {word for kind, spec in point.load().kinds.items() for word in (kind, spec.yields) if word}
    for name in sorted(days.keys() - known):
        yield Mistake(("minimise", "keep_days", name), f"no collector has or yields {name!r}; {nearest(name, known)}")


def _some(specs: Any, of: str, yields: str = "") -> bool:
    return any(spec.of == of and yields in ("", spec.yields) for spec in specs)


def _population(own: Data) -> Iterator[Mistake]:
    """Lists without the source that reads them, and the reverse."""
    sources = own.get("from")
    counts = isinstance(sources, list) and "list" in sources
    if own.get("lists") and not counts:
        yield Mistake(("population", "lists"), "has no effect without 'list' in from; add it there")
    if counts and not own.get("lists"):
        yield Mistake(("population", "from"), "names 'list', but lists is empty; name the lists whose members count")


def _snowball(own: Data, specs: list[Any]) -> Iterator[Mistake]:
    """Ties, rules and bounds without effect."""
    shown = {tie for spec in specs for tie in spec.ties}
    given = [tie for tie in own.get("along") or () if tie in TIES] if isinstance(own.get("along"), list) else []
    for tie in given:
        if tie not in shown:
            others = f"they show {', '.join(each for each in TIES if each in shown)}" if shown else "they show none"
            yield Mistake(("snowball", "along"), f"no collector of the study shows {tie}; {others}")
    along = given or (["following"] if shown and "connections" not in shown else ["connections"])
    given_waves, at = own.get("waves", 1), "snowball"
    waves = given_waves if isinstance(given_waves, int) else 1  # what is no number is a mistake already
    if not specs:
        return
    if not given and waves not in (0, 1) and not shown & set(along):
        yield Mistake((at, "waves"), f"no collector of the study shows {along[0]}; name other ties in along, or kinds")
    if waves == 0 and own.get("admit", "members") != "members":
        yield Mistake((at, "admit"), "admits no one with waves = 0; set waves, or leave it out")
    if waves == 0 and own.get("lists_of") is not None:
        yield Mistake((at, "lists_of"), "chooses nothing with waves = 0, which reads all seeds' lists; leave it out")
    if own.get("k", 1) != 1 and own.get("design", "all") == "all":
        yield Mistake((at, "k"), "has no effect with design = 'all'; set design, or leave k out")
    people = "for ties between accounts; this study follows connections, limited by max_profiles"
    for key in ("max_actors", "max_per_wave"):
        if own.get(key) is not None and along == ["connections"]:
            yield Mistake((at, key), f"is {people}")
    if own.get("lists_of") is not None and along == ["connections"] and waves:
        yield Mistake((at, "lists_of"), "is for ties between accounts; along connections, admit says whose lists")
    if not _some(specs, "profile"):
        for key, default in (("max_profiles", None), ("accounts_of", "members")):
            if own.get(key, default) != default:
                yield Mistake((at, key), "is about profiles, which no collector of the study reads; leave it out")
    if own.get("timelines_of") is not None and not _some(specs, "account", "posts"):
        yield Mistake((at, "timelines_of"), "no collector of the study reads timelines; add that kind, or leave it out")
    for key in RULES:
        rule = str(own.get(key, ""))
        for tie, column in COUNTS.items():
            if tie not in along and re.search(rf"\b{column}\b", rule):
                yield Mistake((at, key), f"asks for {column}, which counts nothing here; add {tie!r} to along")
        if re.search(r"\blanguage\b", rule) and not set(POST_TIES) & set(along):
            yield Mistake((at, key), "asks for language, which only posts show; add 'mentions' or 'reposts' to along")


def _jobs(jobs: list[Data], kinds: Mapping[str, Mapping[str, Any]]) -> Iterator[Mistake]:
    """Jobs of collectors and kinds that the study does not collect, and keys that their task ignores."""
    for number, job in enumerate(jobs):
        task, at = job.get("task", "run"), ("schedule", number)
        for key, tasks in OF_JOBS.items():
            if job.get(key) and task not in tasks:
                yield Mistake((*at, key), f"has no effect on the task {task!r}; leave it out")
        name = job.get("collector")
        if isinstance(name, str) and name not in kinds and kinds:
            yield Mistake((*at, "collector"), f"the study does not collect with {name!r}; {nearest(name, kinds)}")
            continue
        own = [kinds[name]] if isinstance(name, str) and name in kinds else kinds.values()
        known = {kind for each in own for kind in each}
        for kind in job.get("kinds") or () if isinstance(job.get("kinds"), list) else ():
            if kind not in known and known:
                yield Mistake((*at, "kinds"), f"the study collects no {kind!r}; {nearest(str(kind), known)}")


def _comparisons(
    sets: list[Data], kinds: Mapping[str, Mapping[str, Any]], points: Mapping[str, EntryPoint]
) -> Iterator[Mistake]:
    """Comparison sets that no collector of the study reads."""
    able = [name for name, own in kinds.items() if _some(own.values(), "set")]
    for number, one in enumerate(sets):
        name = one.get("collector", "x")
        if name in points and kinds and name not in able:
            meant = f"name one that does: {', '.join(able)}" if able else "leave the set out"
            yield Mistake(("comparison", number, "collector"), f"{name!r} reads no comparison sets here; {meant}")


def table(data: Data, key: str) -> Data:
    """The table *key*, empty if it is not one (reported by the model)."""
    value = data.get(key)
    return value if isinstance(value, dict) else {}


def rows(data: Data, key: str) -> list[Data]:
    """The tables of the list *key*, empty for other values, so that the numbering is kept."""
    value = data.get(key)
    return [row if isinstance(row, dict) else {} for row in value] if isinstance(value, list) else []

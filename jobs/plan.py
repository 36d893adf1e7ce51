"""Plan: estimate the cost of a study before it starts, with the assumption behind each number."""

from __future__ import annotations

from collections.abc import Mapping
from math import ceil, inf
from typing import Any

import pandas as pd

from collectors.base import Collector, Kind
from collectors.engine.transitions import kinds_of
from jobs.context import collectors_of, rules_of
from jobs.context import kinds_of as wanted_kinds
from storage.errors import UserError
from storage.sampling.rules import Rules
from study.study_file import Study

# Figures of the 2013 study as first guesses for a similar study; each can be set on the command line.
GUESSES: dict[str, tuple[float, str]] = {
    "profiles_per_list": (300.0, "profiles reached from each seed (2013: 47,692 from 159)"),
    "list_size": (471.0, "people on a connection list (2013: 74,821 connections from 159)"),
    "admitted_share": (0.143, "of profiles whose accounts are collected (2013: 6,807 of 47,692)"),
    "linked_share": (0.163, "of these found on a platform (2013: 1,109 of 6,807)"),
    "posts_per_account": (620.0, "posts on a timeline (2013: 687,811 of 1,109)"),
    "posts_per_query": (1_000.0, "posts a search finds in the days it reaches back (no data: set your own)"),
    "accounts_per_query": (100.0, "accounts found by a starter pack, list or search of [seeds] (set your own)"),
    "documents_per_search": (100.0, "documents found by each search whose pages are fetched (set your own)"),
    "admitted_per_list": (5.0, "new people admitted from each list along a tie (set your own)"),
    "timelines_share": (0.5, "of those admitted whose timelines are collected by timelines_of (set your own)"),
    "follows_per_account": (540.0, "accounts on each of the two follow lists (2013: about 1.2 million for 1,109)"),
}
SECONDS_A_PAGE = 1.0  # a web page, with AutoThrottle


def guesses_with(given: Mapping[str, float]) -> dict[str, float]:
    """The guesses, with those *given* replacing the defaults. Raise UserError for an unknown name."""
    if unknown := sorted(given.keys() - GUESSES.keys()):
        raise UserError(f"no guess {unknown[0]!r}; names are {', '.join(GUESSES)}")
    return {name: given.get(name, value) for name, (value, _) in GUESSES.items()}


def plan(study: Study, guesses: Mapping[str, float]) -> pd.DataFrame:
    """The plan, a row per collector and kind: targets, items, requests, hours, usd, megabytes and the assumption.

    *guesses* are those of `guesses_with`. Hours follow from the documented limits (or a second per web page); prices
    from the collector's table or the study file. attrs["waves"] has the same by wave, with the people
    admitted, for a snowball along ties between accounts. Pure but for reading the study's seeds.
    """
    collectors = collectors_of(study)
    rules = rules_of(study, collectors)
    starts = sum(len(rules.seeds[name]) for name in collectors if _has(collectors[name], "list"))
    lists, reached = _snowball(starts, study, guesses)
    share = 1.0 if rules.accounts_of == "seeds" else _share(rules.accounts_of, guesses)
    linked = (starts + reached * (rules.accounts_of != "seeds")) * share * guesses["linked_share"]
    also = ", and linked_share of admitted_share of the profiles" if linked else ""
    named = {name: len(rules.seeds[name]) + linked for name in collectors if _has(collectors[name], "handle")}
    followed = {name: len(keys) for name, (_, keys) in rules.followers_of.items()}
    people = _people(named, followed, rules, guesses)
    rows, by_wave = [], []
    for name, collector in collectors.items():
        wanted = wanted_kinds(study, name, collector)
        queries = {kind: len(keys) for asked in (rules.queries, rules.finding) for kind, keys in asked[name].items()}
        waves = [wave.get(name, 0.0) for wave in people]
        found = f"{also}{', accounts_per_query of each query' if any(rules.finding[name].values()) else ''}"
        leaders = followed.get(name, 0)
        found += ", follows_per_account of each account whose followers are seeds" if leaders else ""
        searched = study.searches_for(collector.kinds)
        sets = [one.posts for one in study.comparison if one.collector == name]
        for kind, spec in kinds_of(collector, study.options(name)).items():
            posts = "posts_per_account" if spec.yields == "posts" else "follows_per_account"
            each = "posts_per_query" if spec.yields == "posts" else "accounts_per_query"
            asked, why = _asked(name, kind, spec, waves, rules, guesses)
            if leaders and kind == rules.followers_of[name][0]:
                asked = [leaders + (asked[0] if kind in rules.kinds[name] else 0.0), *asked[1:]]
            counts: dict[str, tuple[list[float], float, str]] = {  # by type of key: how many by wave, items, and why
                "profile": ([starts + reached], 1.0, "the seeds, and profiles_per_list for each list (at most)"),
                "list": ([lists], guesses["list_size"], "list_size, for the seeds and those that later waves admit"),
                "handle": ([named.get(name, 0.0) + leaders, *asked[1:]], 1.0, f"the seeds{also}{why}"),
                "account": (asked, guesses[posts], f"the seeds{found}{why}, {posts} in each"),
                "query": ([float(queries.get(kind, 0))], guesses[each], f"the queries, {each} in each"),
                "search": ([float(len(searched.get(kind, ())))], float(spec.page), "the register, an answer each"),
                "document": (
                    [len(rules.fetched) * guesses["documents_per_search"]],
                    1.0,
                    "documents_per_search of each search with fetch",
                ),
                "set": ([float(len(sets))], sum(sets) / max(1, len(sets)), "the comparison sets of the study file"),
            }
            unasked = (spec.seeds and kind not in queries) or (spec.of == "search" and kind not in searched)
            unasked = unasked or (spec.of == "document" and not rules.fetched)
            if spec.of in counts and kind in wanted and not unasked:
                targets, items, why = counts[spec.of]
                taken = [_row(spec, number, items) for number in targets]
                rows.append({"collector": name, "kind": kind, **_total(taken), "assumption": _basis(spec, why)})
                by_wave += [{"collector": name, "wave": wave, **one} for wave, one in enumerate(taken)]
    columns = ["collector", "kind", "targets", "items", "requests", "hours", "usd", "megabytes", "assumption"]
    made = pd.DataFrame(rows, columns=columns)
    made.attrs["waves"] = _waves(by_wave, people)
    return made


def _people(
    named: Mapping[str, float], followed: Mapping[str, int], rules: Rules, guesses: Mapping[str, float]
) -> list[dict[str, float]]:
    """The accounts that each wave admits along ties between accounts, by collector; wave 0 are the seeds."""
    queries = {name: sum(map(len, rules.finding[name].values())) for name in named}
    waves = [{name: number + queries[name] * guesses["accounts_per_query"]
              + followed.get(name, 0) * guesses["follows_per_account"] for name, number in named.items()}]  # fmt: skip
    each = {"everyone": guesses["follows_per_account"], "seeds": 0.0}.get(rules.admit, guesses["admitted_per_list"])
    for _ in range(rules.waves if rules.account_ties else 0):
        new = {name: number * len(rules.ties.get(name, ())) * each for name, number in waves[-1].items()}
        room = [inf if rules.max_per_wave is None else rules.max_per_wave]
        if rules.max_actors is not None:
            room.append(max(0.0, rules.max_actors - sum(sum(wave.values()) for wave in waves)))
        fits = min(1.0, min(room) / max(1.0, sum(new.values())))
        waves.append({name: number * fits for name, number in new.items()})
    return waves


def _asked(
    name: str, kind: str, spec: Kind, waves: list[float], rules: Rules, guesses: Mapping[str, float]
) -> tuple[list[float], str]:
    """The accounts queried with a *kind* in each wave, and why; wave 0 are the seeds.

    A list counts in the wave it leads to.
    """
    first, later = waves[:1] or [0.0], waves[1:]
    why = ", admitted_per_list of each list" if later else ""
    if later and kind in rules.ties.get(name, ()):
        return [0.0, *waves[: None if rules.lists_of else -1]], why if len(later) > 1 or rules.lists_of else ""
    if later and spec.yields == "posts":
        part = 1.0 if rules.timelines_of is None else guesses["timelines_share"]
        return [one * part for one in waves], f"{why}{', timelines_share of them all' if part < 1 else ''}"
    if spec.of == "handle" and spec.asked_first:
        return [*first, *later], f"{why}, each looked up before" if why else ""
    return first, ""


def _waves(rows: list[dict[str, Any]], people: list[dict[str, float]]) -> pd.DataFrame:
    """A row per wave: people, requests, hours (collectors in parallel), usd, megabytes; none if there is one wave."""
    columns = ["wave", "people", "requests", "hours", "usd", "megabytes"]
    if len(people) < 2 or not rows:
        return pd.DataFrame(columns=columns)
    sums = pd.DataFrame(rows).groupby(["wave", "collector"])[columns[2:]].sum()
    made = sums.groupby("wave").sum()
    made["hours"] = sums["hours"].groupby("wave").max()
    made["people"] = pd.Series([round(sum(wave.values())) for wave in people])
    return made.reset_index()[columns]


def _total(rows: list[dict[str, float]]) -> dict[str, float]:
    """The sums over the waves."""
    return {key: round(sum(row[key] for row in rows), 2) for key in rows[0]}


def _snowball(starts: int, study: Study, guesses: Mapping[str, float]) -> tuple[float, float]:
    """The lists read and the profiles reached, if every list of every wave leads to as many people not yet known."""
    lists = reached = 0.0
    admitted = float(starts)
    for _ in range(study.snowball.waves):
        lists += admitted
        new = admitted * guesses["profiles_per_list"]
        if study.snowball.max_profiles is not None:
            new = min(new, study.snowball.max_profiles - reached)
        reached += new
        admitted = new * _share(study.snowball.admit, guesses)
    return lists, reached


def _share(rule: str, guesses: Mapping[str, float]) -> float:
    """The share of the profiles reached that *rule* admits."""
    return {"everyone": 1.0, "seeds": 0.0}.get(rule, guesses["admitted_share"])


def _row(spec: Kind, targets: float, items: float) -> dict[str, float]:
    """The cost of *targets* with *items* each."""
    pages = spec.head + (max(1, ceil(items / max(1, spec.page))) if spec.paged else 1)
    requests = ceil(targets / spec.batch) * pages
    limit, total = spec.limit, targets * items
    seconds = requests / limit.requests * limit.seconds if limit else requests * SECONDS_A_PAGE
    return {
        "targets": round(targets), "items": round(total), "requests": requests, "hours": round(seconds / 3600, 2),
        "usd": round(total * spec.price, 2), "megabytes": round(total * spec.bytes / 1e6, 1),
    }  # fmt: skip


def _basis(spec: Kind, why: str) -> str:
    """The assumption behind a row, as text."""
    limit = spec.limit
    pace = f"{limit.requests:,} requests in {limit.seconds:,} s" if limit else f"{SECONDS_A_PAGE:g} s a request"
    return "; ".join([why, pace, f"{spec.price:g} USD an item", f"{spec.bytes:,.0f} bytes an item"])


def _has(collector: Collector, of: str) -> bool:
    return any(spec.of == of for spec in collector.kinds.values())

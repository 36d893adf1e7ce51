"""Plan: what a study will take before it starts, and the assumption behind each number."""

from __future__ import annotations

from collections.abc import Mapping
from math import ceil
from typing import Any

import pandas as pd

from collectors.base import Collector, Kind
from collectors.engine.transitions import kinds_of
from jobs.context import collectors_of, queries_of, searches_of
from jobs.context import kinds_of as wanted_kinds
from storage.errors import UserError
from study.study_file import Study

# What the 2013 study found, as the first guess for a study like it; each can be given on the command line.
GUESSES: dict[str, tuple[float, str]] = {
    "profiles_per_list": (300.0, "profiles a start contact leads to (2013: 47,692 from 159)"),
    "list_size": (471.0, "people on a connection list (2013: 74,821 connections from 159)"),
    "admitted_share": (0.143, "of profiles whose accounts are collected (2013: 6,807 of 47,692)"),
    "linked_share": (0.163, "of these found on a platform (2013: 1,109 of 6,807)"),
    "posts_per_account": (620.0, "posts on a timeline (2013: 687,811 of 1,109)"),
    "posts_per_query": (1_000.0, "posts a search finds in the days it reaches back (nothing is known: give your own)"),
    "accounts_per_query": (100.0, "accounts that a starter pack, list or search of [seeds] finds (give your own)"),
    "follows_per_account": (540.0, "accounts on each of the two follow lists (2013: about 1.2 million for 1,109)"),
}
SECONDS_A_PAGE = 1.0  # a web page, with AutoThrottle


def guesses_with(given: Mapping[str, float]) -> dict[str, float]:
    """The guesses, those *given* instead of ours. Raise UserError for an unknown name."""
    if unknown := sorted(given.keys() - GUESSES.keys()):
        raise UserError(f"there is no guess {unknown[0]!r}; names are {', '.join(GUESSES)}")
    return {name: given.get(name, value) for name, (value, _) in GUESSES.items()}


def plan(study: Study, guesses: Mapping[str, float]) -> pd.DataFrame:
    """A row a collector and kind: targets, items, requests, hours, usd, megabytes, and the assumption behind them.

    *guesses* are those of `guesses_with`. Hours are those the documented limits force (or a second a web page); prices
    are those of the collector's table or the study file. Pure but for reading the study's seeds.
    """
    collectors = collectors_of(study)
    rows: list[dict[str, Any]] = []
    seeds = {name: len(study.seeds_for(name)) for name in collectors}
    starts = sum(seeds[name] for name in collectors if _has(collectors[name], "list"))
    lists, reached = _snowball(starts, study, guesses)
    followed = starts if study.snowball.accounts_of == "seeds" else starts + reached
    share = 1.0 if study.snowball.accounts_of == "seeds" else _share(study.snowball.accounts_of, guesses)
    finding = {name: queries_of(study, name, collector) for name, collector in collectors.items()}
    linked = followed * share * guesses["linked_share"]
    for name, collector in collectors.items():
        wanted = wanted_kinds(study, name, collector)
        queries = {kind: len(keys) for kind, keys in finding[name].items()}
        for kind in searches_of(collector):
            queries[kind] = queries.get(kind, 0) + len(study.options(name).get("queries") or ())
        found = sum(map(len, finding[name].values())) * guesses["accounts_per_query"]
        searched = study.searches_for(collector.kinds)
        sets = [one.posts for one in study.comparison if one.collector == name]
        for kind, spec in kinds_of(collector, study.options(name)).items():
            posts = "posts_per_account" if spec.yields == "posts" else "follows_per_account"
            each = "posts_per_query" if spec.yields == "posts" else "accounts_per_query"
            counts = {  # what a key names: how many there are, items in each, and why
                "profile": (
                    starts + reached,
                    1.0,
                    "the seeds, and profiles_per_list for each list (at most)",
                ),
                "list": (lists, guesses["list_size"], "list_size, for the seeds and those that later waves admit"),
                "handle": (seeds[name] + linked, 1.0, "the seeds, and linked_share of admitted_share of the profiles"),
                "account": (
                    seeds[name] + linked + found,
                    guesses[posts],
                    f"the same accounts, {'and those that queries find, ' if found else ''}{posts} in each",
                ),
                "query": (float(queries.get(kind, 0)), guesses[each], f"the queries, {each} in each"),
                "search": (float(len(searched.get(kind, ()))), float(spec.page), "the register, an answer each"),
                "set": (float(len(sets)), sum(sets) / max(1, len(sets)), "the comparison sets of the study file"),
            }
            unasked = (spec.seeds and kind not in queries) or (spec.of == "search" and kind not in searched)
            if spec.of in counts and kind in wanted and not unasked:
                rows.append({"collector": name, "kind": kind, **_row(spec, *counts[spec.of])})
    columns = ["collector", "kind", "targets", "items", "requests", "hours", "usd", "megabytes", "assumption"]
    return pd.DataFrame(rows, columns=columns)


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
    """The share of the profiles reached that *rule* lets in."""
    return {"everyone": 1.0, "seeds": 0.0}.get(rule, guesses["admitted_share"])


def _row(spec: Kind, targets: float, items: float, why: str) -> dict[str, Any]:
    """What *targets* with *items* each take."""
    pages = spec.head + (max(1, ceil(items / max(1, spec.page))) if spec.paged else 1)
    requests = ceil(targets / spec.batch) * pages
    limit, total = spec.limit, targets * items
    seconds = requests / limit.requests * limit.seconds if limit else requests * SECONDS_A_PAGE
    size = spec.bytes
    pace = f"{limit.requests:,} requests in {limit.seconds:,} s" if limit else f"{SECONDS_A_PAGE:g} s a request"
    basis = [why, pace, f"{spec.price:g} USD an item", f"{size:,.0f} bytes an item"]
    return {
        "targets": round(targets), "items": round(total), "requests": requests, "hours": round(seconds / 3600, 2),
        "usd": round(total * spec.price, 2), "megabytes": round(total * size / 1e6, 1), "assumption": "; ".join(basis),
    }  # fmt: skip


def _has(collector: Collector, of: str) -> bool:
    return any(spec.of == of for spec in collector.kinds.values())

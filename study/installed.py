"""The collectors that are installed, and what they read of the study file: options, seeds, queries."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterable, Mapping
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from pydantic import BaseModel

from storage.privacy.declared import hooks_of


def installed() -> dict[str, EntryPoint]:
    """The installed collectors, by name."""
    return _installed(tuple(sys.path))


@cache  # a run asks hundreds of times, and each search of the path takes 20 ms
def _installed(path: tuple[str, ...]) -> dict[str, EntryPoint]:
    return {point.name: point for point in entry_points(group="sneeuwbal.collectors")}


def options_model(point: EntryPoint) -> type[BaseModel] | None:
    """The `Options` model in a collector's module; None if it has none."""
    found = getattr(importlib.import_module(point.module), "Options", None)
    return found if isinstance(found, type) and issubclass(found, BaseModel) else None


def query_keys(name: str, collector: Any) -> dict[str, str]:
    """The keys of [seeds] that hold queries of *collector*, called *name*, with the kind that asks each."""
    return {f"{name}_{spec.seeds}": kind for kind, spec in collector.kinds.items() if getattr(spec, "seeds", "")}


def seed_keys(points: Mapping[str, EntryPoint], given: Iterable[str]) -> dict[str, tuple[str, str]]:
    """The possible keys of [seeds] as (collector, kind; "": accounts or profiles), limited to those like *given*.

    Only collectors whose name begins one of *given* are imported.
    """
    known = {name: (name, "") for name in points}
    for name, point in points.items():
        if any(key.startswith(f"{name}_") and key != f"{name}_file" for key in given):
            try:
                collector = point.load()
                known |= {key: (name, kind) for key, kind in query_keys(name, collector).items()}
                if followers_kind(collector.kinds):
                    known[f"{name}_{FOLLOWERS_OF}"] = (name, "")
            except ImportError:  # reported in [collectors]
                continue
    return known


FOLLOWERS_OF = "followers_of"  # [seeds] NAME_followers_of: the followers of these accounts


def followers_kind(kinds: Mapping[str, Any]) -> str | None:
    """The first of *kinds* that lists the followers of an account."""
    return next((name for name, kind in kinds.items() if kind.of == "account" and "followers" in kind.ties), None)


def query_of(collector: Any, kind: str, typed: str) -> str | None:
    """The key of the query *typed* for *kind*, as *collector* reads it; None if it is invalid."""
    read = hooks_of(collector).query_of
    return read(kind, typed) if read else typed.strip() or None


def seed_lines(text: str) -> list[str]:
    """The seeds of a text file: one per line, without blank lines and lines that begin with #."""
    return [line.strip() for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]

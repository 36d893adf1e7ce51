"""What a section of the page is made of."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from analysis.report.tables import Table


@dataclass(frozen=True)
class Picture:
    """A figure by name, with what it shows in a sentence; *under* is its caption."""

    name: str
    alt: str
    under: str = ""
    live: Literal["", "network", "timeline"] = ""  # explorable where scripts run; the still picture elsewhere


@dataclass(frozen=True)
class Section:
    """A section: its id, title, sentences, and pictures and tables in order."""

    id: str
    title: str
    said: tuple[str, ...] = ()
    parts: tuple[Picture | Table, ...] = ()
    facts: tuple[tuple[str, str], ...] = field(default=())  # what is counted, how many

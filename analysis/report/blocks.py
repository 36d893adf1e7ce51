"""What a section of the page is made of."""

from __future__ import annotations

from dataclasses import dataclass
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
class Card:
    """One thing told in a few words beside others: a colour, a heading, a line of figures, and sentences."""

    colour: str
    heading: str
    figures: str
    said: tuple[str, ...] = ()


@dataclass(frozen=True)
class Cards:
    """Things told side by side under a heading."""

    title: str
    cards: tuple[Card, ...]


@dataclass(frozen=True)
class Fact:
    """What is counted, how many there are, and how many were published, if any."""

    name: str
    value: str
    published: str = ""


@dataclass(frozen=True)
class Section:
    """A section: its id, title, sentences, and pictures, cards and tables in order."""

    id: str
    title: str
    said: tuple[str, ...] = ()
    parts: tuple[Picture | Table | Cards, ...] = ()
    facts: tuple[Fact, ...] = ()
    brief: tuple[tuple[str, str], ...] = ()  # what the study found, each with the id of the section that tells more
    left_out: tuple[tuple[str, str], ...] = ()  # titles of the sections that this report leaves out, each with why

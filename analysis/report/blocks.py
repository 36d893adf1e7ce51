"""The parts of a section of the page."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from analysis.report.tables import Table


@dataclass(frozen=True)
class Picture:
    """A figure by name, with a description; *under* is its caption."""

    name: str
    alt: str
    under: str = ""
    live: Literal["", "network", "timeline"] = ""  # explorable with scripts; a still picture without


@dataclass(frozen=True)
class Card:
    """A card: a colour, a heading, a line of figures, and sentences."""

    colour: str
    heading: str
    figures: str
    said: tuple[str, ...] = ()


@dataclass(frozen=True)
class Cards:
    """Cards under a heading."""

    title: str
    cards: tuple[Card, ...]


@dataclass(frozen=True)
class Fact:
    """A key figure: its name, value, and published value, if any."""

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
    brief: tuple[tuple[str, str], ...] = ()  # the summary, each sentence with the id of its section
    left_out: tuple[tuple[str, str], ...] = ()  # titles of omitted sections, each with the reason

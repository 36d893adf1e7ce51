"""Translation of the report: English in the source, Dutch from nl.toml."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from analysis.nouns import Nouns

WEEKDAYS = {
    "en": ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"),
    "nl": ("maandag", "dinsdag", "woensdag", "donderdag", "vrijdag", "zaterdag", "zondag"),
}
MONTHS = {
    "en": ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"),
    "nl": ("jan", "feb", "mrt", "apr", "mei", "jun", "jul", "aug", "sep", "okt", "nov", "dec"),
}

HEADS = {  # of columns whose names are not clear
    "account_id": "account", "chi2": "chi-square", "cramers_v": "Cramér's V", "df": "degrees of freedom", "n": "N",
    "odds_ratio": "odds ratio", "p_holm": "p (Holm)", "p_of_published": "p of the published value",
    "positive": "positive answers", "rho": "Spearman's rho", "small_expected": "cells with fewer than 5 expected",
    "wald": "Wald", "weighted_chi2": "chi-square, weighted", "weighted_p": "p, weighted",
    "weighted_wald": "Wald, weighted", "weighted_odds_ratio": "odds ratio, weighted",
    "weighted_p_holm": "p (Holm), weighted", "weighted_low": "95%: from, weighted",
    "weighted_high": "95%: to, weighted", "group": "{group}", "group_name": "{group}", "other_group": "other {group}",
    "groups": "{groups}",
    "share_of_group": "share of {group}",
    "connections_expected": "connections by chance",
    "connections_ratio": "connections, times chance", "e_i_index": "E-I index", "expected": "by chance, degrees kept",
    "follow_ties_used": "follow ties with such posts", "follows": "follow ties",
    "follows_expected": "follow ties by chance", "follows_ratio": "follow ties, times chance", "high": "95%: to",
    "in_degree": "followers in the network", "internal": "ties inside", "external": "ties outside",
    "null": "null model",
    "members_per_request": "{members} per request",
    "low": "95%: from", "mean_active_accounts": "active accounts per day", "off": "per day off",
    "other_follows": "the other follows the sender", "permuted": "labels shuffled", "per_day": "per such day",
    "per_day_without_holidays": "per such day, holidays left out", "posts_to_followed": ("posts to followed "
                                                                                        "accounts"),
    "readable": "lists read", "sample_count": "comparison: count", "sample_posts": "comparison: posts",
    "sample_share": "comparison: share", "sender_follows": "the sender follows the other",
    "share_of_other": "share of the other's", "share_of_runs": "runs that put them there",
    "share_of_row": "share of the {group}'s",
    "share_readable": "share read", "top_betweenness": "top 100 by betweenness",
    "top_in_degree": "top 100 by followers", "uses": "posts", "working": "per working day",
}  # fmt: skip


@lru_cache
def table(language: str) -> Mapping[str, str]:
    """The words of *language*, by their English."""
    path = Path(__file__).parent / f"{language}.toml"
    return tomllib.loads(path.read_text("utf-8")) if path.exists() else {}


class Words:
    """A translator: called with English words, it returns those of the language; also formats numbers."""

    def __init__(self, language: str = "en", population: Mapping[str, Mapping[str, str]] | None = None) -> None:
        """*language* is en or nl; *population* has the nouns of the study's organisation list."""
        self.language = language
        self._table = table(language)
        self._nouns = Nouns(language, population)

    def __call__(self, english: str) -> str:
        """*english* in the language, unchanged if the table has none, with the study's nouns."""
        if english in ("member", "members"):
            return self._nouns.forms[english]
        return self._nouns(self._table.get(english, english))

    def head(self, column: str) -> str:
        """The head of a *column*."""
        return self(HEADS.get(column, column.replace("_", " ")))

    def number(self, value: Any, places: int = 0) -> str:
        """*value* with separators, of the language, and a true minus; – if missing."""
        if value is None or pd.isna(value):
            return "–"
        text = f"{float(value):,.{places}f}" if places or isinstance(value, float | np.floating) else f"{int(value):,}"
        if not text.strip("-0.,"):
            text = text.removeprefix("-")  # no minus zero
        return text.translate(str.maketrans(",.-", ".,−" if self.language == "nl" else ",.−"))

    def weekday(self, number: int) -> str:
        """The weekday; 0 is Monday."""
        return WEEKDAYS.get(self.language, WEEKDAYS["en"])[number]

    def month(self, number: int) -> str:
        """The month, shortened; 1 is January."""
        return MONTHS.get(self.language, MONTHS["en"])[number - 1]

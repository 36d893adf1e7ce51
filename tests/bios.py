"""The labelled bios, and the lists of organisations that they are read with."""

import csv
import hashlib
from pathlib import Path
from typing import NamedTuple

from storage.linking.bio_names import Names
from storage.linking.organisations import Matcher, Organisations, load_list

HANDLES = {
    "minfin": "FIN", "minbzk": "BZK", "minienw": "IenW", "minvws": "VWS", "minocw": "OCW", "minszw": "SZW",
    "minjenv": "JenV", "minbz": "BZ", "ministerieezk": "EZK", "minlvvn": "LVVN", "defensie": "DEF",
    "rijkswaterstaat": "Rijkswaterstaat", "belastingdienst": "Belastingdienst", "rivm": "RIVM", "knmi": "KNMI",
    "_nvwa": "NVWA", "rvo_nl": "RVO", "kon_marine": "Koninklijke Marine", "minbzk@social.overheid.nl": "BZK",
}  # fmt: skip
NEWSROOMS = {
    "group": [
        {"id": "PUB", "name": "Publieke omroep", "aliases": ["Publieke omroep"]},
        {"id": "PRESS", "name": "Kranten en bureaus", "aliases": ["Kranten en bureaus"]},
        {"id": "COM", "name": "Commerciële omroep", "aliases": ["Commerciële omroep"]},
    ],
    "organisation": [
        {"name": "NOS", "group": "PUB", "aliases": ["NOS Nieuws", "NOS Journaal"]},
        {"name": "Nieuwsuur", "group": "PUB"},
        {"name": "Omroep Testland", "group": "PUB"},
        {"name": "RTL Nieuws", "group": "COM"},
        {"name": "NRC", "group": "PRESS"},
        {"name": "de Volkskrant", "group": "PRESS", "aliases": ["Volkskrant"]},
        {"name": "Trouw", "group": "PRESS"},
        {"name": "Het Parool", "group": "PRESS", "aliases": ["Parool"]},
        {"name": "AD", "group": "PRESS"},
        {"name": "De Telegraaf", "group": "PRESS", "aliases": ["Telegraaf"]},
        {"name": "ANP", "group": "PRESS"},
        {"name": "Test Herald", "group": "PRESS"},
        {"name": "Testpress", "group": "PRESS"},
    ],
}
NEWS_HANDLES = {
    "nos": "NOS", "nrc": "NRC", "rtlnieuws": "RTL Nieuws", "testherald": "Test Herald", "testpress": "Testpress",
}  # fmt: skip


class Bio(NamedTuple):
    """A labelled bio; *member* and *borderline* are keys of organisations, *split* is tune or test."""

    list: str
    kind: str
    language: str
    member: frozenset[str]
    borderline: frozenset[str]
    text: str
    split: str


def _names(organisations, handles):
    matcher = Matcher(organisations)
    return matcher, Names(organisations, matcher, handles)


LISTS = {
    "nl": _names(load_list("nl"), HANDLES),
    "news": _names(Organisations.model_validate(NEWSROOMS, strict=False), NEWS_HANDLES),
}
NAMES = {key: names for key, (_, names) in LISTS.items()}
TRADES = {"nl": (), "news": ("media",)}


def split(text):
    """The split of a bio, which its text alone decides."""
    return "test" if hashlib.sha256(text.encode()).digest()[0] % 2 else "tune"


def labels(cell, which):
    """The keys of the organisations in a cell of the table."""
    matcher = LISTS[which][0]
    named = [label for label in cell.split(";") if label]
    found = [(matcher.match(label) or matcher.match(f"ministerie van {label}")) for label in named]
    return frozenset(match.organisation for match in found)


def rows():
    """The labelled bios."""
    path = Path(__file__).parent / "data" / "bios.csv"
    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            which = row["list"]
            member, borderline = labels(row["member"], which), labels(row["borderline"], which)
            yield Bio(which, row["kind"], row["language"], member, borderline, row["text"], split(row["text"]))

"""The forgotten people: keyed digests that recognise a person seen again, and cannot be reversed.

`forgotten.csv` in the study has a digest per identifier (account, handle, profile, post, e-mail address) and no
identifier. The key is that of the study's pseudonyms. In other people's records an identifier becomes a token: the
same one every time, of the same kind as the identifier, so that references still match.
"""

from __future__ import annotations

import csv
import re
from base64 import b32decode
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec

from storage.errors import UserError
from storage.privacy.declared import Handles, Names, Platform, account_of, handles_of, names_in, platforms
from storage.privacy.pseudonyms import Pseudonyms
from storage.privacy.quoted_text import RUN, Copied

FILE = "forgotten.csv"
HEAD = ("digest", "kind", "forgotten_at")
HOST = "forgotten.invalid"  # RFC 2606: no such host can exist
CHECK = "check"  # the kind of the line that checks the key
IDS = {"account": "id", "profile": "id", "post": "id"}  # an id's place does not show its kind
STAND_IN = "stand-in"  # the kind of a name's token
WORDS = "words"  # the kind of RUN words of theirs in a row
EMAIL = "email"
SEEN = 500_000  # look-ups remembered

NUMBER = re.compile(r"(?<![\w.-])\d{3,25}(?!\w)")
ADDRESS = re.compile(r"https?://[^\s\"'<>)\\,]+", re.I)
DID = re.compile(r"did:[a-z]+:[A-Za-z0-9._:%-]+")
BARE = re.compile(r"(?<![\w.:/@-])[\w-]{1,64}(?![\w.:/@-])")
FORMS = ("word", "domain", "address")
# for DOTTED: bodies are long, these are not
RUN_OF_DOTTED = re.compile(r"(?<![\w+-])[\w+-]*+[.@][\w.+@-]*+")
DOTTED = re.compile(r"[\w.+-]*@?[\w-]++(?:\.[\w-]++)+")


class Name(msgspec.Struct, frozen=True, order=True):
    """One identifier of a person.

    *kind*: account (an id), a platform (a handle there), profile (an address), post (an id), email, words.
    """

    kind: str
    text: str

    @property
    def key(self) -> str:
        """The text to digest; the case does not distinguish people."""
        return self.text.lower().rstrip("/")


class Forgotten:
    """The people forgotten in the study in *study*."""

    def __init__(self, study: Path, collectors: Mapping[str, Any]) -> None:
        """*collectors* are all installed ones, as objects or "module:object": they declare how people are named."""
        self.path = study / FILE
        self._study, self._collectors = study, collectors
        self.kinds: dict[str, str] = {}  # digest -> kind
        self._seen: dict[Name, str | None] = {}  # earlier look-ups
        if self.path.exists():
            with self.path.open(encoding="utf-8", newline="") as file:
                self.kinds = {row["digest"]: row["kind"] for row in csv.DictReader(file)}
            self._check()

    def __bool__(self) -> bool:
        """Whether anyone is forgotten."""
        return bool(self.kinds)

    @cached_property
    def _pseudonyms(self) -> Pseudonyms:
        return Pseudonyms(self._study, make=not self.kinds)

    @cached_property
    def platforms(self) -> dict[str, Platform]:
        """The declarations of each collector."""
        return platforms(self._collectors)

    @cached_property
    def handles(self) -> dict[str, Handles]:
        """The forms of handles, by platform."""
        return handles_of(self.platforms.values())

    @cached_property
    def _sightings(self) -> Sightings:
        return Sightings(self.platforms.values())

    def _check(self) -> None:
        """Raise UserError if the key is not the one that the digests were made with."""
        if self.kinds.get(self._pseudonyms.digest(CHECK, "")) != CHECK:
            raise UserError(f"{self.path}: was made with another key; restore the key file (docs/law-and-ethics.md)")

    def add(self, names: Iterable[Name]) -> int:
        """Store *names* and their tokens as digests; return the number of new ones."""
        names = list(names)
        known = [*names, *self._tokens(names)]
        return self._remember({self._digest(name.kind, name.key): name.kind for name in known})

    def add_tokens(self, names: Iterable[Name]) -> int:
        """Store the tokens for *names*, so that they are never fetched; the names themselves may be collected again."""
        return self._remember({self._digest(STAND_IN, token.key): STAND_IN for token in self._tokens(names)})

    def _tokens(self, names: Iterable[Name]) -> Iterator[Name]:
        return (Name(STAND_IN, self.token(name)) for name in names if name.kind not in (WORDS, "post"))

    def _remember(self, new: dict[str, str]) -> int:
        new = {digest: kind for digest, kind in sorted(new.items()) if digest not in self.kinds}
        fresh = not self.path.exists()
        with self.path.open("a", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            now = f"{datetime.now(UTC):%Y-%m-%d}"
            if fresh:
                writer.writerow(HEAD)
                check = self._pseudonyms.digest(CHECK, "")
                writer.writerow((check, CHECK, now))
                self.kinds[check] = CHECK
            writer.writerows((digest, kind, now) for digest, kind in new.items())
        self.path.chmod(0o600)
        self.kinds |= new
        self._seen.clear()
        return len(new)

    def began(self, text: str) -> bool:
        """Whether the person named by *text* is already forgotten, completely or in part."""
        if not self.kinds:
            return False
        return any(self._digest(name.kind, name.key) in self.kinds for name in names_of(text, self.platforms.values()))

    def holds(self, collector: str, key: str) -> bool:
        """Whether *key*, as a target of *collector*, names a forgotten person."""
        if not self.kinds:
            return False
        return any(self._digest(kind, bare(key)) in self.kinds for kind in (collector, "id", STAND_IN))

    def _digest(self, kind: str, key: str) -> str:
        return self._pseudonyms.digest(f"forgotten {IDS.get(kind, kind)}", key)

    def copied(self) -> Copied:
        """A finder of forgotten people's words in others' texts."""
        # raw bits, for speed: every word of every body is looked up
        words = {b32decode(f"{digest.upper()}====") for digest, kind in self.kinds.items() if kind == WORDS}
        if not words:
            return Copied()
        raw = self._pseudonyms.raw
        return Copied(known=lambda run: raw(f"forgotten {WORDS}", run) in words)

    def token(self, name: Name) -> str:
        """The token for *name* in others' records: never a real identifier, and the same every time."""
        digest = self._digest(name.kind, name.key)
        if name.text.isdigit():
            return str(-(int.from_bytes(digest.encode()[:16], "big") % 10**18))  # no platform has negative ids
        if name.text.lower().startswith("did:"):
            return f"did:forgotten:{digest[:16]}"
        if name.text.lower().startswith(("http://", "https://")):
            return f"https://{HOST}/{digest[:16]}"
        form = "address" if name.kind == EMAIL else self.handles[name.kind].form if name.kind in self.handles else ""
        if form == "word":
            return f"f{digest[:14]}"
        if form == "address":
            return f"{digest[:16]}@{HOST}"
        return f"{digest[:16]}.{HOST}" if form == "domain" else f"forgotten-{digest[:16]}"

    def sight(self, text: str, ours: str = "") -> set[Name]:
        """The identifiers of forgotten people in *text*, and in *ours*, in which any word may be a handle."""
        found = set()
        for name in self._sightings.candidates(text) | self._sightings.words(ours):
            if name not in self._seen:
                if len(self._seen) > SEEN:
                    self._seen.clear()
                self._seen[name] = self.kinds.get(self._digest(name.kind, name.key))
            if kind := self._seen[name]:
                found.add(Name(kind, name.text))
        return found


def words_of(runs: Iterable[str]) -> Iterator[Name]:
    """The stored runs of a person's own words: those long enough to be unique."""
    return (Name(WORDS, run) for run in runs if run.count(" ") == RUN - 1)


def bare(key: str) -> str:
    """A target's key for its digest: without the marks that handles may begin with."""
    return key.lower().removeprefix("acct:").lstrip("@").rstrip("/")


class Sightings:
    """Finds possible identifiers in text, as the platforms *declared* them."""

    def __init__(self, declared: Iterable[Platform]) -> None:
        declared = list(declared)
        handles = handles_of(declared)
        self._dotted = {form: [kind for kind, one in handles.items() if one.form == form] for form in FORMS}
        words = {kind: one for kind, one in handles.items() if one.form == "word"}
        self._words = [(kind, re.compile(rf"(?<!\w){one.pattern}(?!\w)")) for kind, one in words.items()]
        fields = names_of_fields(declared)
        self._places = [(kind, _places_of(one, fields)) for kind, one in words.items()]
        values = fields.ids | fields.authors | fields.refers | fields.repeats
        self._ids = re.compile(rf"\"(?:{_any(values)})\"\s*:\s*\"([^\"]{{1,200}})\"") if values else None

    def candidates(self, text: str) -> set[Name]:
        """The possible identifiers in *text*."""
        found = {Name("id", number) for number in set(NUMBER.findall(text))}
        for address in set(ADDRESS.findall(text)):
            for piece in _pieces(address.rstrip(".;:!?")):
                found.add(Name("id", piece))
        found |= {Name("id", did.rstrip(".:")) for did in set(DID.findall(text))}
        if self._ids is not None:
            found |= {Name("id", id_) for id_ in set(self._ids.findall(text)) if not id_.isdigit() and ":" not in id_}
        for kind, pattern in self._places:
            found |= {
                Name(kind, handle) for handle in {one for groups in pattern.findall(text) for one in groups if one}
            }
        runs = {run for run in RUN_OF_DOTTED.findall(text) if run.strip(".@+")}
        for word in {word.strip(".@") for run in runs for word in DOTTED.findall(run)}:
            kinds = [*self._dotted["address"], EMAIL] if "@" in word else self._dotted["domain"]
            found |= {Name(kind, word) for kind in kinds}
        return found

    def words(self, text: str) -> set[Name]:
        """The words of *text*, each of which may be a handle or an id."""
        found = {Name(kind, word) for kind, pattern in self._words for word in set(pattern.findall(text))}
        return found | {Name("id", word) for word in set(BARE.findall(text))}


def names_of_fields(declared: Iterable[Platform]) -> Names:
    """The names of fields by their meaning on any platform."""
    return names_in(one.personal for one in declared if one.personal is not None)


def _places_of(handles: Handles, fields: Names) -> re.Pattern[str]:
    """A pattern for handles that are plain words: after an @, in an address, as the value of a field."""
    word = handles.pattern
    places = [rf"(?<![\w.])@({word})(?![\w@])", rf"\"(?:{_any(fields.handles)})\"\s*:\s*\"({word})\""]
    if handles.before:
        places.append(rf"\b(?:{_any(handles.before)})@?({word})(?!\w)")
    return re.compile("|".join(places), re.I)


def _any(texts: Iterable[str]) -> str:
    return "|".join(re.escape(text) for text in sorted(texts, key=len, reverse=True)) or "(?!)"


def _pieces(address: str) -> Iterator[str]:
    """*address* and its parents: a post's address begins with its author's."""
    above = address.split("#")[0].split("?")[0]
    yield address
    for _ in range(5):
        yield above
        above = above.rpartition("/")[0]
        if above.count("/") < 3:
            return


def names_of(text: str, declared: Iterable[Platform]) -> list[Name]:
    """The names that *text* may be: the address of a profile or account, a handle, an id; or "platform:handle"."""
    text, declared = text.strip(), list(declared)
    found: list[Name] = []
    if text.lower().startswith(("http://", "https://")):
        found += [Name("profile", text), Name("account", text)]
        if read := account_of(declared, text):
            found.append(Name(*read))
        return found
    handles = handles_of(declared)
    prefix, colon, rest = text.partition(":")
    if colon and prefix in handles:
        text, handles = rest, {prefix: handles[prefix]}
    name = text.removeprefix("acct:").lstrip("@")
    if name.startswith("did:") or name.isdigit():
        found.append(Name("account", name))
    found += [Name(kind, name) for kind, one in handles.items() if re.fullmatch(one.pattern, name)]
    if not found and BARE.fullmatch(name):
        found.append(Name("account", name))
    return found


def addresses_of(name: Name, handles: Handles) -> list[Name]:
    """The usual addresses of an account by its handle, as answers refer to accounts by their pages."""
    user, _, server = name.text.partition("@")
    if "{server}" in "".join(handles.addresses) and not server:
        return []
    return [Name("account", address.format(user=user, server=server)) for address in handles.addresses]


def path_of(address: str) -> str:
    """The path of *address*, as pages of the same site write it."""
    return urlsplit(address).path.rstrip("/")

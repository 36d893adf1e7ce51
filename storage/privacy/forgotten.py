"""Who is forgotten: keyed digests that recognise a person when one comes by again, and cannot be read back.

`forgotten.csv` in the study holds a digest per identifier (account, handle, profile, post, e-mail address) and no
identifier. The key is that of the study's pseudonyms. In other people's records an identifier becomes a token: the
same one every time, of the same kind as what it stands for, so that what refers to it still does.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from storage.errors import UserError
from storage.linking.link import handle_of
from storage.privacy.pseudonyms import Pseudonyms
from storage.privacy.quoted_text import RUN, Copied

FILE = "forgotten.csv"
HEAD = ("digest", "kind", "forgotten_at")
HOST = "forgotten.invalid"  # RFC 2606: no such host can be
CHECK = "check"  # the kind of the line that tells whether the key is the right one
IDS = {"account": "id", "profile": "id", "post": "id"}  # where an id stands does not tell which it is
STAND_IN = "stand-in"  # the kind of what stands for a name
WORDS = "words"  # the kind of RUN words of theirs in a row
SEEN = 500_000  # look-ups remembered

NUMBER = re.compile(r"(?<![\w.-])\d{3,25}(?!\w)")
ADDRESS = re.compile(r"https?://[^\s\"'<>)\\,]+", re.I)
DID = re.compile(r"did:[a-z]+:[A-Za-z0-9._:%-]+")
AT = re.compile(r"(?<![\w.])@([A-Za-z0-9_]{1,15})(?![\w@])|\"(?:username|screen_name)\":\"(\w{1,15})\"")
X_URL = re.compile(r"(?:twitter|x)\.com/(?:#!/)?@?(\w{1,15})(?!\w)", re.I)
SHORT = re.compile(r"(?<!\w)\w{1,15}(?!\w)")
DOTTED = re.compile(r"[\w.+-]*@?[\w-]+(?:\.[\w-]+)+")


class Name(msgspec.Struct, frozen=True, order=True):
    """One identifier of a person.

    *kind*: account (an id), x, mastodon or bluesky (a handle there), profile (an address), post (an id), email, words.
    """

    kind: str
    text: str

    @property
    def key(self) -> str:
        """What is digested: the case never tells two people apart."""
        return self.text.lower().rstrip("/")


class Forgotten:
    """The people that the study in *study* has forgotten."""

    def __init__(self, study: Path) -> None:
        self.path = study / FILE
        self._study = study
        self.kinds: dict[str, str] = {}  # digest -> kind
        self._seen: dict[Name, str | None] = {}  # what was looked up before
        if self.path.exists():
            with self.path.open(encoding="utf-8", newline="") as file:
                self.kinds = {row["digest"]: row["kind"] for row in csv.DictReader(file)}
            self._check()

    def __bool__(self) -> bool:
        """Whether anybody is forgotten."""
        return bool(self.kinds)

    @cached_property
    def _pseudonyms(self) -> Pseudonyms:
        return Pseudonyms(self._study, make=not self.kinds)

    def _check(self) -> None:
        """Raise UserError if the key is another than the one that the digests were made with."""
        if self.kinds.get(self._pseudonyms.digest(CHECK, "")) != CHECK:
            raise UserError(f"{self.path}: was made with another key; put the key file back (docs/law-and-ethics.md)")

    def add(self, names: Iterable[Name]) -> int:
        """Remember *names* as digests, and what stands for them; return how many are new."""
        names = list(names)
        told = [*names, *self._tokens(names)]
        return self._remember({self._digest(name.kind, name.key): name.kind for name in told})

    def add_tokens(self, names: Iterable[Name]) -> int:
        """Remember what stands for *names*, so that nobody asks for it; they themselves may come back."""
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
        """Whether whom *text* means was to be forgotten before, all the way or not."""
        return any(self._digest(name.kind, name.key) in self.kinds for name in names_of(text)) if self.kinds else False

    def holds(self, collector: str, key: str) -> bool:
        """Whether *key*, as a target of *collector*, names a forgotten person."""
        if not self.kinds:
            return False
        return any(self._digest(kind, bare(key)) in self.kinds for kind in (collector, "id", STAND_IN))

    def _digest(self, kind: str, key: str) -> str:
        return self._pseudonyms.digest(f"forgotten {IDS.get(kind, kind)}", key)

    def copied(self) -> Copied:
        """What finds the words of forgotten people in others' texts."""
        if WORDS not in self.kinds.values():
            return Copied()
        return Copied(known=lambda run: self.kinds.get(self._digest(WORDS, run)) == WORDS)

    def token(self, name: Name) -> str:
        """What stands for *name* in others' records: never a real identifier, and the same every time."""
        digest = self._digest(name.kind, name.key)
        if name.text.isdigit():
            return str(-(int.from_bytes(digest.encode()[:16], "big") % 10**18))  # no platform has negative ids
        if name.text.lower().startswith("did:"):
            return f"did:forgotten:{digest[:16]}"
        if name.text.lower().startswith(("http://", "https://")):
            return f"https://{HOST}/{digest[:16]}"
        if name.kind == "x":
            return f"f{digest[:14]}"
        if name.kind in ("mastodon", "email"):
            return f"{digest[:16]}@{HOST}"
        return f"{digest[:16]}.{HOST}" if name.kind == "bluesky" else f"forgotten-{digest[:16]}"

    def sight(self, text: str, told: str = "") -> set[Name]:
        """The identifiers of forgotten people in *text*; in *told* any word may be a handle."""
        found = set()
        for name in candidates(text) | {Name("x", word) for word in set(SHORT.findall(told))}:
            if name not in self._seen:
                if len(self._seen) > SEEN:
                    self._seen.clear()
                self._seen[name] = self.kinds.get(self._digest(name.kind, name.key))
            if kind := self._seen[name]:
                found.add(Name(kind, name.text))
        return found


def words_of(runs: Iterable[str]) -> Iterator[Name]:
    """What is remembered of a person's own words: those runs of them that are long enough to be nobody else's."""
    return (Name(WORDS, run) for run in runs if run.count(" ") == RUN - 1)


def bare(key: str) -> str:
    """A target's key as it is digested: without the marks that handles may begin with."""
    return key.lower().removeprefix("acct:").lstrip("@").rstrip("/")


def candidates(text: str) -> set[Name]:
    """Whatever in *text* could be somebody's identifier."""
    found = {Name("id", number) for number in set(NUMBER.findall(text))}
    for address in set(ADDRESS.findall(text)):
        for piece in _pieces(address.rstrip(".;:!?")):
            found.add(Name("id", piece))
    found |= {Name("id", did.rstrip(".:")) for did in set(DID.findall(text))}
    found |= {Name("x", one or other) for one, other in set(AT.findall(text))}
    found |= {Name("x", handle) for handle in set(X_URL.findall(text))}
    for found_word in set(DOTTED.findall(text)):
        word = found_word.strip(".@")
        found |= {Name(kind, word) for kind in (("mastodon", "email") if "@" in word else ("bluesky",))}
    return found


def _pieces(address: str) -> Iterator[str]:
    """*address*, and the ones above it: a post's address begins with its author's."""
    above = address.split("#")[0].split("?")[0]
    yield address
    for _ in range(5):
        yield above
        above = above.rpartition("/")[0]
        if above.count("/") < 3:
            return


def names_of(text: str) -> list[Name]:
    """How a user may mean somebody by *text*: an address of a profile or account, a handle, an id."""
    text = text.strip()
    found: list[Name] = []
    if text.lower().startswith(("http://", "https://")):
        found += [Name("profile", text), Name("account", text)]
        if read := handle_of(text):
            found.append(Name(*read))
        return found
    name = text.removeprefix("x:").removeprefix("acct:").lstrip("@")
    if name.startswith("did:") or name.isdigit():
        found.append(Name("account", name))
    elif "@" in name:
        found.append(Name("mastodon", name))
    elif "." in name:
        found.append(Name("bluesky", name))
    if re.fullmatch(r"\w{1,15}", name):
        found.append(Name("x", name))
    return found


def mastodon_addresses(handle: str) -> list[Name]:
    """The addresses that user@server usually has: the API shows pages where it means accounts."""
    user, _, server = handle.partition("@")
    return [Name("account", f"https://{server}/{path}{user}") for path in ("@", "users/")] if server else []


def path_of(address: str) -> str:
    """The path of *address*: how pages of the same site write it."""
    return urlsplit(address).path.rstrip("/")

"""Tokens for the identifiers of forgotten people, and how these are found in text."""

from __future__ import annotations

import re
from collections.abc import Iterable
from urllib.parse import parse_qsl, urlencode

from storage.privacy.declared import Names, names_in
from storage.privacy.forgotten import EMAIL, Forgotten, Name, bare, names_of_fields, path_of
from storage.privacy.quoted_text import Copied, unescaped
from storage.records import Request, Target

DIGITS = re.compile(r"(?<![\w.-])\d{5,25}(?!\w)")
EVIDENT = re.compile(r"[a-z][a-z0-9+.-]*:", re.I)  # a URI or DID: unique anywhere


class Tokens:
    """The tokens of the people with *names*; *people* are their names as written, *copied* finds their words."""

    def __init__(
        self, names: Iterable[Name], forgotten: Forgotten, people: Iterable[str] = (), copied: Copied | None = None
    ) -> None:
        names = list(names)
        self._copied = copied or Copied()
        self.names, self._forgotten = set(names), forgotten
        self.people = frozenset(name for name in people if len(name) > 3)
        self.undeclared: set[str] = set()  # collectors met that declare no personal data
        self._tokens = {name.key: forgotten.token(name) for name in self.names}
        self._paths = {path_of(name.text).lower(): self._tokens[name.key] for name in names if name.kind == "profile"}
        self._by_key: dict[str, list[Name]] = {}
        for name in self.names:
            self._by_key.setdefault(name.key, []).append(name)
        handles = forgotten.handles
        self._words = {kind for kind, one in handles.items() if one.form == "word"}  # kinds of names that are words
        self._dotted = {EMAIL, *handles} - self._words
        self._local: dict[str, str] = {}  # ids that a page gives to their objects
        self._known = self._tokens  # and both together
        self._issued = set(self._tokens.values())
        self._repeated = {self._tokens[name.key] for name in self.names if name.kind in self._words}
        self._seen: dict[str, tuple[list[re.Pattern[str]], Names | None]] = {}  # by collector
        self._look_at("")

    def owns(self, request: Request) -> bool:
        """Whether *request* is for a person to be forgotten."""
        key = bare(request.target.key)
        kinds = (request.target.collector, "account", "profile", "post")
        return any(name.key == key and name.kind in kinds for name in self._by_key.get(key, ()))

    def named(self, collector: str, key: str) -> bool:
        """Whether *key* names one of the people to *collector*."""
        return self.owns(Request(Target(collector, "", key), ""))

    def _look_at(self, collector: str) -> None:
        """Use the patterns and fields declared by *collector*; "": those of all collectors."""
        self._here = self._forgotten.platforms.get(collector)
        if collector not in self._seen:
            self._seen[collector] = (self._patterns_here(), self._fields_of(collector))
        self._patterns, self._fields = self._seen[collector]

    def _fields_of(self, collector: str) -> Names | None:
        """The meaning of the fields of its answers; None if undeclared."""
        if not collector:
            return names_of_fields(self._forgotten.platforms.values())
        if self._here is None or self._here.personal is None:
            return None
        found = names_in([self._here.personal])
        return found if found.ids or found.handles or found.addresses else None

    @property
    def _undeclared(self) -> bool:
        """Whether the current collector declares no personal data."""
        return self._fields is None and (self._here is None or self._here.personal is None)

    @property
    def _platform(self) -> str:
        """The platform of the current answer; "" if it has no people of its own, and may name any other's."""
        return self._here.name if self._here is not None and self._here.name in self._forgotten.handles else ""

    @property
    def _numbers(self) -> bool:
        """Whether a plain number may be an account or a post here."""
        return self._here is None or self._here.personal is None or self._here.personal.numbers

    def _means(self, name: Name) -> bool:
        """Whether *name*, a plain word or number, means the person here, rather than someone on another platform."""
        if name.kind in self._words:
            return self._platform in ("", name.kind)
        return self._numbers or not name.text.isdigit()

    def _patterns_here(self) -> list[re.Pattern[str]]:
        """Patterns for identifiers in text: addresses and DIDs with the rest of their path, handles, long numbers."""
        names = [name for name in self.names if self._means(name)]
        long = [n.text.rstrip("/") for n in names if EVIDENT.match(n.text)]
        plain = [n.text for n in names if n.kind in self._dotted]
        found = [re.compile(r"(?P<base>(?!))")]
        if long:
            ends = r"(?P<rest>/[^\s\"'<>)\\,?#]+)?(?![\w-])"
            found[0] = re.compile(f"(?P<base>{_any(long)}){ends}", re.I)
        if plain:
            found.append(re.compile(rf"(?<![\w.-]){_any(plain)}(?![\w-])", re.I))
        if words := [n.text for n in names if n.kind in self._words]:
            found.append(re.compile(rf"(?<=(?<![\w.])@){_any(words)}(?![\w@]|\.\w)", re.I))
        for kind in sorted(self._words):
            before = self._forgotten.handles[kind].before
            if before and (words := [n.text for n in self.names if n.kind == kind]):
                behind = "|".join(rf"(?<=\b{re.escape(one)})" for one in before)
                last = "".join(sorted({re.escape(one[-1]) for one in before}))  # tested first, as it is cheap
                found.append(re.compile(rf"(?<=[{last}])(?:{behind}){_any(words)}(?!\w)", re.I))
        if any(n.text.isdigit() and len(n.text) >= 5 for n in names):
            found.append(DIGITS)
        paths = {path for n in names if n.kind == "profile" and len(path := path_of(n.text)) > 4}
        if paths:
            found.append(re.compile(rf"(?<=[\"'=])(?P<path>{_any(paths)})(?=[\"'/?#&\s>]|$)", re.I))
        return found

    def _url(self, url: str) -> str:
        """A request's address with tokens: path and query may have bare handles and ids, comma-separated in a batch."""
        address, mark, query = self.text(url).partition("?")
        pairs = parse_qsl(query, keep_blank_values=True)
        cut = [(name, ",".join(self.whole(one) for one in value.split(","))) for name, value in pairs]
        steps = address.split("/")
        steps = [*steps[:3], *(self._step(one) for one in steps[3:])]
        return "/".join(steps) + mark + (query if cut == pairs else urlencode(cut))

    def _step(self, step: str) -> str:
        """A step of a path: a token if all of it is an identifier of theirs."""
        names = self._by_key.get(step.lower().lstrip("@"), [])
        return self._tokens[names[0].key] if any(self._means(name) for name in names) else step

    def finds(self, text: str) -> bool:
        """Whether *text* contains an identifier or words of the people."""
        return self._names(text) or self._copied.finds(text)

    def _names(self, text: str) -> bool:
        """Whether *text* contains an identifier of the people."""
        if DIGITS in self._patterns and not self._known.keys().isdisjoint(DIGITS.findall(text)):
            return True
        others = (pattern for pattern in self._patterns if pattern is not DIGITS)  # these match seldom
        return any(self._hit(match) is not None for pattern in others for match in pattern.finditer(text))

    def holds(self, content: bytes) -> bool:
        """Whether a JSON document names the people: in its text, or as a value that is a bare handle or id."""
        document = unescaped(content)
        if self._names(document) or self._copied.finds_in(content):
            return True
        bare_words = [n.text for n in self.names if self._means(n) and (n.kind in self._words or opaque(n))]
        return bool(bare_words) and re.search(rf'"@?{_any(bare_words)}"', document, re.I) is not None

    def text(self, text: str) -> str:
        """*text* with tokens for identifiers, and without their words."""
        for pattern in self._patterns:
            text = pattern.sub(lambda match: self._hit(match) or match.group(), text)
        return self._copied.cut(text) if self._copied else text

    def _hit(self, match: re.Match[str]) -> str | None:
        """The token for the identifier in *match*; None if it is not theirs."""
        found = match.group()
        lowered = found.lower()
        token = self._tokens.get(lowered.rstrip("/")) or self._local.get(lowered) or self._paths.get(lowered)
        if token is None and (base := match.groupdict().get("base")):
            token = self._tokens.get(base.lower().rstrip("/"))
            if token and (rest := match.groupdict().get("rest")):
                digest = self._forgotten.token(Name("post", f"x{base}{rest}")).removeprefix("forgotten-")
                collection = rest.rpartition("/")[0] if base.lower().startswith("did:") else ""
                token += f"{collection}/{digest}"
        return token

    def whole(self, text: str) -> str:
        """The token for *text* if all of it is an identifier; otherwise *text* with tokens."""
        return self._tokens.get(bare(text)) or self.text(text)


def opaque(name: Name) -> bool:
    """Whether *name* is an id whose kind only its field shows."""
    return (
        name.kind in ("account", "post", "profile", "id") and not name.text.isdigit() and not EVIDENT.match(name.text)
    )


def _any(texts: Iterable[str]) -> str:
    return "(?:" + "|".join(re.escape(text) for text in sorted(texts, key=len, reverse=True)) + ")"

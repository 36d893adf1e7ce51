"""Tokens for the identifiers of people who are to be cut out: where these stand in text, and what replaces them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from urllib.parse import parse_qsl, urlencode

from storage.privacy.forgotten import Forgotten, Name, bare, path_of
from storage.privacy.quoted_text import Copied
from storage.records import Target, Want


class Tokens:
    """The tokens of the people with *names*; *people* are their names as written, *copied* finds their words."""

    def __init__(
        self, names: Iterable[Name], forgotten: Forgotten, people: Iterable[str] = (), copied: Copied | None = None
    ) -> None:
        names = list(names)
        self._copied = copied or Copied()
        self.names, self._forgotten = set(names), forgotten
        self.people = frozenset(name for name in people if len(name) > 3)
        self._tokens = {name.key: forgotten.token(name) for name in self.names}
        self._paths = {path_of(name.text).lower(): self._tokens[name.key] for name in names if name.kind == "profile"}
        self._by_key: dict[str, list[Name]] = {}
        for name in self.names:
            self._by_key.setdefault(name.key, []).append(name)
        self._all, self._elsewhere = _patterns(self.names), _patterns(n for n in self.names if not _of_x(n))
        self._patterns, self._elsewhere_now = self._all, False
        self._local: dict[str, str] = {}  # ids that one page gives what is theirs
        self._known = self._tokens  # and both together
        self._issued = set(self._tokens.values())
        self._handles = {self._tokens[name.key] for name in self.names if name.kind == "x"}

    def owns(self, want: Want) -> bool:
        """Whether *want* is of a person to be forgotten."""
        key = bare(want.target.key)
        kinds = (want.target.collector, "account", "profile", "post")
        return any(name.key == key and name.kind in kinds for name in self._by_key.get(key, ()))

    def named(self, collector: str, key: str) -> bool:
        """Whether *key* names one of the people to *collector*."""
        return self.owns(Want(Target(collector, "", key), ""))

    def _look_at(self, collector: str) -> None:
        """Elsewhere than on X, a bare number or @name is somebody else's."""
        self._elsewhere_now = collector in ("mastodon", "bluesky")
        self._patterns = self._elsewhere if self._elsewhere_now else self._all

    def _url(self, url: str) -> str:
        """A request's address: a batch names bare handles and ids, with commas between."""
        address, mark, query = self.text(url).partition("?")
        pairs = parse_qsl(query, keep_blank_values=True)
        cut = [(name, ",".join(self.whole(one) for one in value.split(","))) for name, value in pairs]
        return address + mark + (query if cut == pairs else urlencode(cut))

    def finds(self, text: str) -> bool:
        """Whether an identifier of the people stands in *text*, or words of theirs."""
        if any(self._hit(match) is not None for pattern in self._patterns for match in pattern.finditer(text)):
            return True
        return bool(self._copied) and self._copied.finds(text)

    def text(self, text: str) -> str:
        """*text* with tokens for identifiers, and without what they wrote."""
        for pattern in self._patterns:
            text = pattern.sub(lambda match: self._hit(match) or match.group(), text)
        return self._copied.cut(text) if self._copied else text

    def _hit(self, match: re.Match[str]) -> str | None:
        """The token for what *match* found; None if it is nobody's."""
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


def _patterns(names: Iterable[Name]) -> list[re.Pattern[str]]:
    """What finds identifiers in text: addresses and DIDs with what follows in their path, handles, long numbers."""
    names = list(names)
    long = [n.text.rstrip("/") for n in names if n.text.lower().startswith(("http", "did:", "at:"))]
    plain = [n.text for n in names if n.kind in ("mastodon", "bluesky", "email")]
    handles = [n.text for n in names if n.kind == "x"]
    found = [re.compile(r"(?P<base>(?!))")]
    if long:
        ends = r"(?P<rest>/[^\s\"'<>)\\,?#]+)?(?![\w-])"
        found[0] = re.compile(f"(?P<base>{_any(long)}){ends}", re.I)
    if plain:
        found.append(re.compile(rf"(?<![\w.-]){_any(plain)}(?![\w-])", re.I))
    if handles:
        found.append(re.compile(rf"(?<=(?<![\w.])@){_any(handles)}(?![\w@]|\.\w)", re.I))
        hosts = r"(?:(?<=twitter\.com/)|(?<=\bx\.com/)|(?<=twitter\.com/#!/))"
        found.append(re.compile(rf"{hosts}{_any(handles)}(?!\w)", re.I))
    if any(n.text.isdigit() and len(n.text) >= 5 for n in names):
        found.append(re.compile(r"(?<![\w.-])\d{5,25}(?!\w)"))
    paths = {path for n in names if n.kind == "profile" and len(path := path_of(n.text)) > 4}
    if paths:
        found.append(re.compile(rf"(?<=[\"'])(?P<path>{_any(paths)})(?=[\"'/?#])", re.I))
    return found


def _of_x(name: Name) -> bool:
    """Whether *name* means nobody elsewhere than on X."""
    return name.kind == "x" or name.text.isdigit()


def _any(texts: Iterable[str]) -> str:
    return "(?:" + "|".join(re.escape(text) for text in sorted(texts, key=len, reverse=True)) + ")"

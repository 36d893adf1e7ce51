"""Erasure of people from bodies of answers: JSON, HTML and tables."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import msgspec

from storage.privacy.forgotten import Name
from storage.privacy.identifiers import EVIDENT, Tokens

STRUCTURE = {"@type", "$type", "@context"}  # kept of their objects, on any platform
# As browsers read them: a link that is not closed ends at the next, a script at the page's end.
ATTRIBUTES = r"""(?:[^<>=]|=\s*+(?:"[^"]*+"|'[^']*+')?)*+"""
ANCHOR = re.compile(rf"(<a[\s/]({ATTRIBUTES})>)([^<]*+(?:<(?!/?a[\s/>])[^<]*+)*+)", re.I)
HREF = re.compile(r"""(?<![^\s"'])href\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'>]+))""", re.I)
SCRIPT = re.compile(rf"(<script[\s/]({ATTRIBUTES})>)(.*?)(</script|\Z)", re.I | re.S)
# the entries of feeds, of sitemaps and of answers of libraries; one that is not closed ends at the next
ENTRY = re.compile(
    r"<((?:\w+:)?(?:item|entry|record|url))(?=[\s>])(?:[^<>/]|/(?!>))*+>"
    r"[^<]*+(?:<(?!/?\1[\s/>])[^<]*+)*+</\1\s*>", re.I,
)  # fmt: skip
REPEATED = re.compile(r"^(RT @\w+:).*", re.S)
REPEAT = ("retweeted", None)  # the type of a reference to a reposted post, if typed
AUTHORITY = re.compile(r"^[a-z]+://(?=did:)")  # the start of a record's address
NEAR = 400  # characters around a person's address in which their full name means them


class Bodies(Tokens):
    """Erases people from JSON documents, HTML and lines of text."""

    _field: Callable[[str], str]  # `text` for the names of fields, which repeat

    def _json(self, content: bytes) -> bytes | None:
        try:
            return self._document(content)
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
            lines = content.split(b"\n")
            cut = [self._line(line) for line in lines]
            return None if cut == lines else b"\n".join(cut)

    def _line(self, line: bytes) -> bytes:
        """Erase people from a line of newline-delimited JSON, valid or not."""
        if not line.strip():
            return line
        try:
            return self._document(line) or line
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
            text = line.decode("utf-8", "surrogateescape")
            return self.markup(text).encode("utf-8", "surrogateescape") if self.finds(text) else line

    def _document(self, content: bytes) -> bytes | None:
        document = msgspec.json.decode(content)
        self._learn(document)
        if self._local:
            self._known = {**self._tokens, **self._local}
        self._field = cache(self.text)
        cut = self._value(document, "")
        return None if cut == document else msgspec.json.encode(cut)

    def _learn(self, value: Any) -> None:
        """Collect the ids that a document gives to their objects, for references to them."""
        if isinstance(value, dict):
            if self._theirs(value):
                for key in self._fields.ids if self._fields else ():
                    id_ = value.get(key)
                    if isinstance(id_, str | int) and not isinstance(id_, bool) and not self._is(id_, key):
                        self._local[str(id_).lower()] = token = self._forgotten.token(Name("post", str(id_)))
                        self._issued.add(token)
            for item in value.values():
                self._learn(item)
        elif isinstance(value, list):
            for item in value:
                self._learn(item)

    def _theirs(self, value: Mapping[str, Any]) -> bool:
        """Whether an object is the person, or was written by the person."""
        fields = self._fields
        if fields is None:  # its fields are unknown: an object with their identifier is theirs
            return any(self._is(item, key) for key, item in value.items())
        if any(self._is(item, key) for key, item in value.items() if key in fields.ids or key in fields.handles):
            return True
        links = (value.get(key) for key in fields.addresses)
        if any(isinstance(link, str) and self._address(link) for link in links):
            return True
        authors = (value.get(key) for key in fields.authors)
        return any(self._theirs(one) if isinstance(one, dict) else self._is(one, "") for one in authors)

    def _is(self, value: Any, key: str) -> bool:
        """Whether *value*, of the field *key*, identifies the person."""
        if not isinstance(value, str | int) or isinstance(value, bool):
            return False
        text = str(value).lower().rstrip("/")
        names = self._by_key.get(text, ())
        if self._fields is not None and key in self._fields.handles:
            names = self._by_key.get(text.lstrip("@"), ())
            return any(name.kind in self._forgotten.handles and self._platform in ("", name.kind) for name in names)
        if text.isdigit() and not self._numbers:
            return text in self._local
        if any(name.kind not in self._words or self._fields is None for name in names):
            return True
        return text in self._local or self._address(text)

    def _address(self, text: str) -> bool:
        """Whether *text* is an address of theirs, or of one of their objects."""
        text = AUTHORITY.sub("", text.lower())
        if not EVIDENT.match(text):
            return False
        return any((found := pattern.match(text)) and self._hit(found) for pattern in self._patterns)

    def _value(self, value: Any, key: str) -> Any:
        if isinstance(value, dict):
            cut = dict(self._strip(value)) if self._theirs(value) else dict(value)
            if self._passes_on(value):
                cut |= {one: self._head(text) for one in self._texts if isinstance(text := cut.get(one), str)}
            if isinstance(cut.get("text"), str) and isinstance(cut.get("facets"), list):
                cut = self._facets(cut)
            return {self._field(name): self._value(item, name) for name, item in cut.items()}
        if isinstance(value, list):
            return [self._value(item, key) for item in value]
        if isinstance(value, str):
            return self._string(value, key)
        if isinstance(value, int) and not isinstance(value, bool) and self._id_here(str(value), key):
            return int(self._known[str(value)])
        return value

    @property
    def _texts(self) -> frozenset[str]:
        return self._fields.texts if self._fields else frozenset()

    def _head(self, text: str) -> str:
        """The part of a repost that is not theirs: `RT @handle:`, or ""."""
        found = REPEATED.match(text)
        return found[1] if found else ""

    def _id_here(self, text: str, key: str) -> bool:
        """Whether the number *text*, the value of *key*, is their id rather than a plain number."""
        if text not in self._known or (text not in self._local and not self._numbers):
            return False
        return len(text) >= 8 or self._is_reference(key)

    def _is_reference(self, key: str) -> bool:
        """Whether the field *key* holds an id."""
        fields = self._fields
        if fields is not None and (key in fields.ids or key in fields.authors or key in fields.refers):
            return True
        return fields is None or key in fields.repeats or key.lower().endswith(("id", "ids", "id_str"))

    def _string(self, value: str, key: str) -> str:
        lowered = value.lower().rstrip("/")
        if lowered in self._known and self._stands_for(lowered, key):
            return self._known[lowered]
        return self.markup(value) if "<a" in value else self.retweet(self.text(value))

    def _stands_for(self, text: str, key: str) -> bool:
        """Whether the whole value *text* of *key* is an identifier of theirs there."""
        if text.isdigit():
            return self._id_here(text, key)
        names = self._by_key.get(text, ())
        if names and all(name.kind in self._words for name in names):
            named = self._fields is None or key in self._fields.handles
            return named and any(self._means(name) for name in names)
        if EVIDENT.match(text) or any(name.kind in self._dotted for name in names):
            return True
        return self._is_reference(key)

    def retweet(self, text: str) -> str:
        """*text* without the person's words, if it repeats them after a token (RT @token: ...)."""
        head, mark, rest = text.partition("RT @")
        token, colon, _ = rest.partition(":")
        return f"{head}{mark}{token}{colon}" if mark and token in self._repeated else text

    def _passes_on(self, value: Mapping[str, Any]) -> bool:
        """Whether an object reposts a post of theirs."""
        for key in self._fields.repeats if self._fields else ():
            found = value.get(key)
            for one in found if isinstance(found, list) else [found]:
                if isinstance(one, dict):
                    if one.get("type") in REPEAT and self._theirs(one):
                        return True
                elif self._is(one, ""):
                    return True
        return False

    def _strip(self, value: Mapping[str, Any]) -> dict[str, Any]:
        """The erased form of an object of theirs."""
        fields = self._fields
        if fields is None:
            return {key: self._unknown(item, key) for key, item in value.items()}
        left: dict[str, Any] = {}
        for key, item in value.items():
            if key in fields.content and isinstance(item, str):
                left[key] = ""
            elif (key in fields.ids or key in fields.handles) and isinstance(item, str | int):
                left[key] = self._forced(item, key)
            elif key in fields.addresses and isinstance(item, str):
                left |= {key: self._string(item, key)} if self.text(item) != item else {}
            elif key in fields.bodies and isinstance(item, dict):
                left[key] = {one: "" for one in item if one in fields.texts}
            elif (
                key in STRUCTURE
                or key in fields.kept
                or key in fields.refers
                or key in fields.authors
                or (key in fields.repeats and not isinstance(item, dict))
                or (isinstance(item, dict) and self._theirs(item))
            ):
                left[key] = item
        return left

    def _unknown(self, item: Any, key: str) -> Any:
        """The erased form of an undeclared field of theirs: only tokens for their identifiers."""
        return "" if isinstance(item, str) and key not in STRUCTURE and not self._is(item, key) else item

    def _forced(self, item: Any, key: str) -> Any:
        """A token for an id or handle of theirs, known or not."""
        cut = self._value(item, key)
        if cut != item or (isinstance(item, str) and item in self._issued):
            return cut
        kind = self._platform if self._fields and key in self._fields.handles and self._platform else "post"
        token = self._forgotten.token(Name(kind, str(item)))
        self._issued.add(token)
        return int(token) if isinstance(item, int) else token

    def _facets(self, value: Mapping[str, Any]) -> dict[str, Any]:
        """Erase from a text with facets at byte offsets, and adjust the offsets."""
        raw, out, facets, at = self._copied.blank(str(value["text"])).encode(), b"", [], 0
        try:
            for facet in sorted(value["facets"], key=lambda one: one["index"]["byteStart"]):
                start, end = facet["index"]["byteStart"], facet["index"]["byteEnd"]
                if start < at:  # they overlap: keep the offsets
                    return {**value, "text": self._string(str(value["text"]), "text")}
                out += self._part(raw[at:start])
                begin = len(out)
                out += self._part(raw[start:end])
                facets.append({**facet, "index": {**facet["index"], "byteStart": begin, "byteEnd": len(out)}})
                at = end
        except (KeyError, TypeError):
            return dict(value)
        out += self._part(raw[at:])
        return {**value, "text": out.decode("utf-8", "replace"), "facets": facets}

    def _part(self, raw: bytes) -> bytes:
        return self.text(raw.decode("utf-8", "surrogateescape")).encode("utf-8", "surrogateescape")

    # ---- pages and tables

    def markup(self, text: str) -> str:
        """HTML without the people: their objects in ld+json, the texts of links to them, their names nearby.

        Of an entry of undeclared XML that names them, only a token is left.
        """
        if self._undeclared:
            text = ENTRY.sub(self._entry_of, text)
        text = SCRIPT.sub(self._script, text)
        places = [m for pattern in self._patterns for m in pattern.finditer(text) if m.groupdict()]
        for match in sorted(places, key=lambda one: one.start(), reverse=True):
            if self._hit(match):
                start, end = max(0, match.start() - NEAR), match.end() + NEAR
                text = text[:start] + self._unnamed(text[start:end]) + text[end:]
        text = ANCHOR.sub(self._anchor, text)
        return self.retweet(self.text(text))

    def _entry_of(self, found: re.Match[str]) -> str:
        if not self.finds(found[0]):
            return found[0]
        hits = (self._hit(match) for pattern in self._patterns for match in pattern.finditer(found[0]))
        token, name = next(filter(None, hits), ""), found[1]
        return f"<{name}>{''.join(f'<{one}>{token}</{one}>' for one in ('link', 'loc', 'identifier'))}</{name}>"

    def _unnamed(self, text: str) -> str:
        for name in self.people:
            text = text.replace(name, "")
        return text

    def _block(self, text: str) -> str:
        try:
            cut = self._document(text.encode())
        except (msgspec.DecodeError, RecursionError, UnicodeEncodeError):
            return self._unnamed(self.text(text))
        return text if cut is None else cut.decode().replace("</", "<\\/")

    def _script(self, found: re.Match[str]) -> str:
        return found[1] + self._block(found[3]) + found[4] if "ld+json" in found[2].lower() else found[0]

    def _anchor(self, found: re.Match[str]) -> str:
        href = HREF.search(found[2])
        link = next(filter(None, href.groups()), "") if href else ""
        cut = self._paths.get(link.lower().rstrip("/")) or self.text(link)
        if cut == link:
            return found[0]
        mark = "@" if "@" in found[3] else ""
        return found[1] + mark + (cut.rpartition("/")[2] if mark else "")

    def table(self, text: str) -> str:
        """Lines of text or CSV without the people: a line that names one of them keeps only the token."""
        return "".join(self._row(line) if self.finds(line) else line for line in text.splitlines(keepends=True))

    def _row(self, line: str) -> str:
        plain = line.rstrip("\r\n")
        if "," not in plain:
            return self.text(line)
        row = next(csv.reader([plain]), [])
        out = io.StringIO()
        csv.writer(out, lineterminator="").writerow([self.text(cell) if self.finds(cell) else "" for cell in row])
        return out.getvalue() + line[len(plain) :]

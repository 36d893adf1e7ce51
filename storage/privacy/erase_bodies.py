"""Bodies without the people who are cut out: JSON, pages and tables."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Mapping
from typing import Any

import msgspec

from storage.privacy.forgotten import Name
from storage.privacy.identifiers import Tokens

IDS = ("id", "id_str", "did", "uri", "@id", "acct", "username", "screen_name", "handle")
KEPT = {*IDS, "@type", "$type", "type", "start", "end", "indices", "visibility", "@context"}  # of what is theirs
LINKS = ("url", "expanded_url", "unwound_url", "href")
REFERS = {"author_id", "author", "account", "user", "conversation_id", "in_reply_to_user_id", "in_reply_to_id",
          "in_reply_to_account_id", "referenced_tweets", "referenced_posts"}  # fmt: skip
TEXTS = {"text": "", "content": "", "full_text": ""}  # stay, and are empty: a post without a text is none
HANDLES = {"username": "x", "screen_name": "x", "handle": "bluesky", "acct": "mastodon"}
AUTHORS = ("author_id", "author", "account", "user", "user_id_str")
ANCHOR = re.compile(r"(<a\b[^>]*?href=(?:\"([^\"]*)\"|'([^']*)')[^>]*>)(.*?)(</a>)", re.I | re.S)
SCRIPT = re.compile(r"(<script\b[^>]*ld\+json[^>]*>)(.*?)(</script>)", re.I | re.S)
REPEATED = re.compile(r"^(RT @\w+:).*", re.S)
ESCAPED = re.compile(rb"\\u00([2-7][0-9a-fA-F])")
SPACES = re.compile(r"\\[nrtfb]")  # as JSON writes them
NEAR = 400  # characters around a person's address in which their whole name is theirs


def unescaped(content: bytes) -> str:
    """*content* as text, with what JSON escapes written out (white space as a blank)."""
    if b"\\u" in content or b"\\/" in content:
        try:
            content = msgspec.json.encode(msgspec.json.decode(content))
        except (msgspec.DecodeError, RecursionError, UnicodeError):
            content = ESCAPED.sub(lambda found: chr(int(found[1], 16)).encode(), content.replace(b"\\/", b"/"))
    return SPACES.sub(" ", content.decode("utf-8", "replace"))


class Bodies(Tokens):
    """Cuts people out of JSON documents, HTML and lines of text."""

    def _json(self, content: bytes) -> bytes | None:
        try:
            return self._document(content)
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
            lines = content.split(b"\n")
            cut = [self._line(line) for line in lines]
            return None if cut == lines else b"\n".join(cut)

    def _line(self, line: bytes) -> bytes:
        """A line of newline-delimited JSON, or of something broken."""
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
        cut = self._value(document, "")
        return None if cut == document else msgspec.json.encode(cut)

    def _learn(self, value: Any) -> None:
        """Learn the ids that a document gives to what is theirs, for the places that refer to them."""
        if isinstance(value, dict):
            if self._theirs(value):
                for key in ("id", "id_str", "uri"):
                    if isinstance(id_ := value.get(key), str | int) and str(id_).lower() not in self._tokens:
                        self._local[str(id_).lower()] = token = self._forgotten.token(Name("post", str(id_)))
                        self._issued.add(token)
            for item in value.values():
                self._learn(item)
        elif isinstance(value, list):
            for item in value:
                self._learn(item)

    def _theirs(self, value: Mapping[str, Any]) -> bool:
        """Whether an object is the person, or was written by the person."""
        if any(self._is(value.get(key), key) for key in IDS):
            return True
        if any(isinstance(link := value.get(key), str) and self._address(link) for key in LINKS):
            return True
        authors = (value.get(key) for key in AUTHORS)
        return any(self._theirs(a) if isinstance(a, dict) else self._is(a, "id") for a in authors)

    def _is(self, value: Any, key: str) -> bool:
        if not isinstance(value, str | int) or isinstance(value, bool):
            return False
        text = str(value).lower().rstrip("/")
        if kind := HANDLES.get(key):
            known = any(name.kind == kind for name in self._by_key.get(text, ()))
            return known and not (kind == "x" and self._elsewhere_now)
        if text.isdigit() and self._elsewhere_now:
            return text in self._local
        return text in self._tokens or self._address(text)

    def _address(self, text: str) -> bool:
        """Whether *text* is an address of theirs, or of something of theirs."""
        text = text.lower().removeprefix("at://")
        if not text.startswith(("http", "did:")):
            return False
        return any((found := pattern.match(text)) and self._hit(found) for pattern in self._patterns)

    def _value(self, value: Any, key: str) -> Any:
        if isinstance(value, dict):
            cut = self._strip(value) if self._theirs(value) else value
            if isinstance(cut.get("text"), str) and self._repeats(cut):
                cut = {**cut, "text": REPEATED.sub(r"\1", cut["text"])}
            if isinstance(reblog := cut.get("reblog"), dict) and self._theirs(reblog):
                cut = {**cut, **{key: "" for key in TEXTS if isinstance(cut.get(key), str)}}
            if isinstance(cut.get("text"), str) and isinstance(cut.get("facets"), list):
                cut = self._facets(cut)
            return {self.text(name): self._value(item, name) for name, item in cut.items()}
        if isinstance(value, list):
            return [self._value(item, key) for item in value]
        if isinstance(value, str):
            return self._string(value, key)
        if isinstance(value, int) and not isinstance(value, bool) and self._id_here(str(value), key):
            return int(self._known[str(value)])
        return value

    def _id_here(self, text: str, key: str) -> bool:
        """Whether the number *text*, the value of *key*, is an id of theirs and not just a number."""
        if text not in self._known or (self._elsewhere_now and text not in self._local):
            return False
        return len(text) >= 8 or key.lower().endswith(("id", "ids", "id_str"))

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
        if names and all(name.kind == "x" for name in names):
            return key in HANDLES and not self._elsewhere_now
        return True

    def retweet(self, text: str) -> str:
        """*text* without what the person said, if it repeats that after a token (RT @token: ...)."""
        head, mark, rest = text.partition("RT @")
        token, colon, _ = rest.partition(":")
        return f"{head}{mark}{token}{colon}" if mark and token in self._handles else text

    def _repeats(self, value: Mapping[str, Any]) -> bool:
        """Whether a post is a retweet of theirs."""
        told = value.get("referenced_tweets") or value.get("referenced_posts")
        listed = told if isinstance(told, list) else []
        return any(isinstance(r, dict) and r.get("type") == "retweeted" and self._is(r.get("id"), "id") for r in listed)

    def _strip(self, value: Mapping[str, Any]) -> dict[str, Any]:
        """What is left of an object of theirs."""
        left: dict[str, Any] = {}
        for key, item in value.items():
            if key in TEXTS and isinstance(item, str):
                left[key] = ""
            elif key in IDS and isinstance(item, str | int):
                left[key] = self._forced(item, key)
            elif key in LINKS and isinstance(item, str):
                left |= {key: self._string(item, key)} if self.text(item) != item else {}
            elif key == "record" and isinstance(item, dict):
                left[key] = {"text": ""}
            elif key in KEPT or key in REFERS or (isinstance(item, dict) and self._theirs(item)):
                left[key] = item
        return left

    def _forced(self, item: Any, key: str) -> Any:
        """A token for an id of theirs, known or not."""
        cut = self._value(item, key)
        if cut != item or (isinstance(item, str) and item in self._issued):
            return cut
        kind = {"screen_name": "x", "username": "x"}.get(key, "post")
        token = self._forgotten.token(Name(kind, str(item)))
        self._issued.add(token)
        return int(token) if isinstance(item, int) else token

    def _facets(self, value: Mapping[str, Any]) -> dict[str, Any]:
        """A text whose parts are told by byte offsets: cut part by part, the offsets moved along."""
        raw, out, facets, at = self._copied.blank(str(value["text"])).encode(), b"", [], 0
        try:
            for facet in sorted(value["facets"], key=lambda one: one["index"]["byteStart"]):
                start, end = facet["index"]["byteStart"], facet["index"]["byteEnd"]
                if start < at:  # they overlap: leave the offsets
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
        """HTML without the people: their objects in ld+json, what links to them says, their names nearby."""
        text = SCRIPT.sub(lambda found: found[1] + self._block(found[2]) + found[3], text)
        places = [m for pattern in self._patterns for m in pattern.finditer(text) if m.groupdict()]
        for match in sorted(places, key=lambda one: one.start(), reverse=True):
            if self._hit(match):
                start, end = max(0, match.start() - NEAR), match.end() + NEAR
                text = text[:start] + self._unnamed(text[start:end]) + text[end:]
        text = ANCHOR.sub(self._anchor, text)
        return self.retweet(self.text(text))

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

    def _anchor(self, found: re.Match[str]) -> str:
        link = found[2] or found[3] or ""
        cut = self._paths.get(link.lower().rstrip("/")) or self.text(link)
        if cut == link:
            return found[0]
        mark = "@" if "@" in found[4] else ""
        return found[1] + mark + (cut.rpartition("/")[2] if mark else "") + found[5]

    def table(self, text: str) -> str:
        """Lines of text or CSV: of a line that names one of the people only the token stays."""
        return "".join(self._row(line) if self.finds(line) else line for line in text.splitlines(keepends=True))

    def _row(self, line: str) -> str:
        plain = line.rstrip("\r\n")
        if "," not in plain:
            return self.text(line)
        row = next(csv.reader([plain]), [])
        out = io.StringIO()
        csv.writer(out, lineterminator="").writerow([self.text(cell) if self.finds(cell) else "" for cell in row])
        return out.getvalue() + line[len(plain) :]

"""Cutting a person out of records: what is theirs goes, and in what is others' a token stands for them.

An object that is the person's (their account in a list of followers, their post in somebody's retweet) keeps what
it takes to be counted: tokens for its ids. Its texts, names and numbers go. Everything else is left as it was.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import parse_qsl, urlencode

import msgspec

from storage.archive import Entry, Note
from storage.forgotten import Forgotten, Name, bare, path_of
from storage.records import BadBody, Failure, Page, Target, Want

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
NEAR = 400  # characters around a person's address in which their whole name is theirs


def unescaped(content: bytes) -> str:
    """*content* as text, with what JSON escapes written out."""
    if b"\\u" in content or b"\\/" in content:
        try:
            content = msgspec.json.encode(msgspec.json.decode(content))
        except (msgspec.DecodeError, RecursionError, UnicodeError):
            content = ESCAPED.sub(lambda found: chr(int(found[1], 16)).encode(), content.replace(b"\\/", b"/"))
    return content.decode("utf-8", "replace")


class Cutter:
    """Cuts the people with *names* out; *people* are their names as written."""

    def __init__(self, names: Iterable[Name], forgotten: Forgotten, people: Iterable[str] = ()) -> None:
        names = list(names)
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

    # ---- whole entries

    def owns(self, want: Want) -> bool:
        """Whether *want* is of a person to be forgotten."""
        key = bare(want.target.key)
        kinds = (want.target.collector, "account", "profile", "post")
        return any(name.key == key and name.kind in kinds for name in self._by_key.get(key, ()))

    def entry(self, entry: Entry) -> Entry | None:
        """*entry* without the people; the very same object if they are not in it; None if it was all theirs."""
        self._local, self._known = {}, self._tokens
        if isinstance(entry, Note):
            self._look_at("")
            return self._note(entry)
        self._look_at(entry.wants[0].target.collector if entry.wants else "")
        left = tuple(self._want(want) for want in entry.wants if not self.owns(want))
        if entry.wants and not left:
            return None
        url = self._url(entry.url)
        if isinstance(entry, Failure):
            if not entry.wants and url != entry.url:
                return None
            detail = self.text(entry.detail)
            same = (left, url, detail) == (entry.wants, entry.url, entry.detail)
            return entry if same else msgspec.structs.replace(entry, wants=left, url=url, detail=detail)
        return self._page(entry, left, url)

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

    def _want(self, want: Want) -> Want:
        via = self.whole(want.via)
        return want if via == want.via else msgspec.structs.replace(want, via=via)

    def _page(self, page: Page, left: tuple[Want, ...], url: str) -> Page | None:
        if not page.wants and url != page.url:
            return None
        headers = tuple((name, self.text(value)) for name, value in page.headers)
        body = self.body(page)
        if body is None and (left, url, headers) == (page.wants, page.url, page.headers):
            return page
        if body is not None:
            headers = tuple((name, value) for name, value in headers if name.lower() != "content-encoding")
        body = page.body if body is None else body
        return msgspec.structs.replace(page, wants=left, url=url, headers=headers, body=body)

    def body(self, page: Page) -> bytes | None:
        """The body without the people; None if they are not in it. What cannot be read and names them is emptied."""
        try:
            content = page.content()
        except BadBody:
            return b"" if self.finds(page.body.decode("utf-8", "replace")) else None
        if not content:
            return None
        if content.lstrip()[:1] in (b"{", b"["):
            return self._json(content) if self.finds(unescaped(content)) else None
        text = content.decode("utf-8", "surrogateescape")
        if not self.finds(text):
            return None
        cut = self.markup(text) if "<" in text[:2000] else self.table(text)
        return cut.encode("utf-8", "surrogateescape")

    def _note(self, note: Note) -> Note:
        data = dict(note.data)
        if note.kind == "admission":
            data["wants"] = [
                [*row[:4], self.whole(str(row[4])), *row[5:]]
                for row in data.get("wants", ())
                if not self.named(str(row[0]), str(row[2]))
            ]
        data = {key: self._value(value, key) for key, value in data.items()}
        if isinstance(settings := data.get("settings"), dict):
            data["settings"] = {key: self._setting(key, value) for key, value in settings.items()}
        return note if data == note.data else msgspec.structs.replace(note, data=data)

    def named(self, collector: str, key: str) -> bool:
        """Whether *key* names one of the people to *collector*."""
        return self.owns(Want(Target(collector, "", key), ""))

    def _setting(self, key: str, value: Any) -> Any:
        """A setting of the study; seeds are JSON lists of bare names."""
        if not key.startswith("seeds.") or not isinstance(value, str):
            return value
        try:
            seeds = msgspec.json.decode(value)
        except msgspec.DecodeError:
            return self.text(value)
        if not isinstance(seeds, list):
            return value
        left = [seed for seed in seeds if not self.named(key.removeprefix("seeds."), str(seed))]
        return value if left == seeds else msgspec.json.encode(left).decode()

    # ---- text

    def finds(self, text: str) -> bool:
        """Whether an identifier of the people stands in *text*."""
        return any(self._hit(match) is not None for pattern in self._patterns for match in pattern.finditer(text))

    def text(self, text: str) -> str:
        """*text* with tokens for identifiers."""
        for pattern in self._patterns:
            text = pattern.sub(lambda match: self._hit(match) or match.group(), text)
        return text

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

    # ---- JSON

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
        raw, out, facets, at = str(value["text"]).encode(), b"", [], 0
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

"""The Dutch register of organisations (ROO, exportOO.xml): organisations, and the holders of published functions.

The namespace contains the version of the export, so elements are matched by local name.
"""

from __future__ import annotations

import re
from collections.abc import Generator, Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO
from xml.etree.ElementTree import Element, ParseError  # types only; defusedxml parses

from defusedxml import DefusedXmlException
from defusedxml import ElementTree as DefusedTree

from collectors.importing.chunks import MAX_UNIT, PIECE, Piece, Unreadable, cursor, open_bytes, places
from collectors.importing.file_collector import FileCollector, excerpt, guarded, place
from storage.records import Office, Organisation, Page, Quarantine, Record, Request

ORGANISATIONS = {"organisatie", "gemeente"}
MAX_DEPTH = 100
_TAG_END = re.compile(rb"""[^"'>]*(?:"[^"]*"[^"'>]*|'[^']*'[^"'>]*)*>""")


# ---- cutting ------------------------------------------------------------------------------------------------


def cut(path: Path, request: Request, options: Mapping[str, Any]) -> Generator[Piece]:
    """Groups of whole top-level organisations, each as a document with the enclosing tags."""
    offset, index = places(request.target.cursor, 2)
    with open_bytes(path) as stream:
        scan = _Scan()
        for piece in _pieces(stream, scan):
            end, count = places(piece.after, 2)
            if end > offset and count > index:
                yield piece


def _pieces(stream: BinaryIO, scan: _Scan) -> Iterator[Piece]:
    try:
        while data := stream.read(PIECE):
            yield from scan.feed(data)
        yield from scan.finish()
    except Unreadable:
        yield from scan.rest()
        raise
    except DefusedXmlException as error:
        raise Unreadable("a document type or an entity is declared: such XML is not read") from error
    except (ParseError, LookupError, ValueError) as error:  # LookupError: an encoding that nobody knows
        yield from scan.rest()
        raise Unreadable(f"not well-formed XML: {error}") from error


class _Scan:
    """Finds the byte offsets of the top-level organisations."""

    def __init__(self) -> None:
        parser = DefusedTree.DefusedXMLParser(target=self, forbid_dtd=True)
        self._parser: Any = parser
        self.buffer, self.base = b"", 0
        self.prolog: bytes | None = None
        self.open: list[bytes] = []  # raw start tags around the organisations
        self.depth = self.level = self.count = 0
        self.begun: int | None = None  # start of the group
        self.ended = self.inside = 0  # end of its last complete organisation; their number
        self.ready: list[Piece] = []

    def feed(self, data: bytes) -> list[Piece]:
        self.buffer += data
        self._parser.feed(data)
        if self.begun is None and self.prolog is not None:
            self._forget(max(self._at(), self.base))
        elif len(self.buffer) > MAX_UNIT + PIECE:
            raise Unreadable(f"organisation {self.count + 1} is longer than {MAX_UNIT >> 20} MiB")
        return self._taken()

    def finish(self) -> list[Piece]:
        self._parser.close()
        if self.level == 0:
            raise Unreadable("no organisation in it: not an export of the register")
        return self._taken()

    def rest(self) -> list[Piece]:
        """The buffered complete organisations, if the document breaks off."""
        if self.inside:
            self._cut()
        return self._taken()

    def _taken(self) -> list[Piece]:
        taken, self.ready = self.ready, []
        return taken

    def _at(self) -> int:
        return int(self._parser.parser.CurrentByteIndex)

    def _forget(self, before: int) -> None:
        self.buffer, self.base = self.buffer[before - self.base :], before

    def start(self, tag: str, attributes: Mapping[str, str]) -> None:
        """An element begins (called by the parser)."""
        at = self._at()
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise Unreadable(f"elements nest more than {MAX_DEPTH} deep")
        if self.prolog is None:
            self.prolog = self.buffer[: at - self.base]
        if not self.level and local(tag) in ORGANISATIONS:
            self.level = self.depth
        if not self.level or self.depth < self.level:
            match = _TAG_END.match(self.buffer, at - self.base)
            self.open.append(match[0] if match else b"")
        elif self.depth == self.level and self.begun is None:
            self._forget(at)
            self.begun = at

    def end(self, tag: str) -> None:
        """An element ends (called by the parser)."""
        at = self._at()
        if self.level and self.depth == self.level:
            closing = self.buffer[at - self.base : at - self.base + 2] == b"</"
            self.ended = self.buffer.index(b">", at - self.base) + 1 + self.base if closing else at
            self.inside += 1
            self.count += 1
            if self.begun is not None and self.ended - self.begun >= PIECE:
                self._cut()
        elif self.level and self.depth == self.level - 1:
            self._cut()
        self.depth -= 1
        del self.open[self.depth :]

    def _cut(self) -> None:
        if self.begun is None:
            return
        around = self.open[: self.level - 1]
        names = [re.match(rb"<([^\s/>]+)", tag) for tag in around]
        closing = b"".join(b"</" + name[1] + b">" for name in reversed(names) if name)
        group = self.buffer[self.begun - self.base : self.ended - self.base]
        body = (self.prolog or b"") + b"".join(around) + group + closing
        first = self.count - self.inside + 1
        self.ready.append(
            Piece(body, cursor(self.ended, self.count), first, self.inside, "organisation", "application/xml")
        )
        self._forget(self.ended)
        self.begun, self.inside = None, 0

    def close(self) -> None:
        """The document ends (called by the parser)."""


# ---- reading ------------------------------------------------------------------------------------------------


def read(page: Page) -> Iterator[Record]:
    """The organisations of a piece with their offices; nested ones name their parent."""
    content = page.content()
    try:
        root = DefusedTree.fromstring(content, forbid_dtd=True)
    except (ParseError, DefusedXmlException, ValueError, LookupError) as error:
        yield Quarantine(place(page, 0), f"not XML that is read here: {error}", excerpt(content))
        return
    for index, one in enumerate(_top(root)):
        yield from guarded(place(page, index), b"", lambda one=one: _organisation(one, None, None))  # type: ignore[misc]


def local(name: str) -> str:
    """A tag or attribute name without its namespace."""
    return name.rpartition("}")[2]


def _top(root: Element) -> list[Element]:
    """The outermost organisations."""
    level = [root]
    while level:
        if any(local(one.tag) in ORGANISATIONS for one in level):
            return [one for one in level if local(one.tag) in ORGANISATIONS]
        level = [child for one in level for child in one]
    return []


def _organisation(it: Element, parent: str | None, group: str | None) -> Iterator[Record]:
    key, name = _key(it), _text(it, "naam")
    if key is None or name is None:
        raise ValueError("an organisation without " + ("an id" if key is None else "a name"))
    kinds = [kind for one in _all(it, "types", "type") or _all(it, "type") if (kind := _own(one))]
    if "ministerie" in {kind.casefold() for kind in kinds}:
        group = name
    group = _text(it, "relatieMetMinisterie") or group
    yield Organisation(
        key, name, _text(it, "afkorting"), "; ".join(kinds) or None, parent, group, _text(it, "eindDatum")
    )
    for function in _all(it, "functies", "functie"):
        yield from _offices(function, key)
    for child in _all(it, "organisaties", "organisatie"):
        yield from _organisation(child, key, group)


def _offices(function: Element, organisation: str) -> Iterator[Record]:
    """One office per holder; one without a name if it is vacant."""
    title = _text(function, "naam")
    holders = _all(function, "medewerkers", "medewerker")
    if title and not holders:
        yield Office(organisation, title)
    for holder in holders:
        roles = [role for one in _all(holder, "rollen", "rol") if (role := _own(one) or _text(one, "naam"))]
        called = title or "; ".join(roles)
        if called:
            yield Office(
                organisation, called, _text(holder, "naam"), _text(holder, "startDatum"), _text(holder, "eindDatum")
            )


def _key(it: Element) -> str | None:
    """The TOOI identifier, else the register's own number."""
    own = {local(name): value.strip() for name, value in it.attrib.items()}
    coded = {
        next((v for k, v in one.attrib.items() if local(k) == "naam"), ""): _own(one)
        for one in _all(it, "identificatiecodes", "resourceIdentifier")
    }
    tooi = own.get("resourceIdentifierTOOI") or coded.get("resourceIdentifierTOOI")
    if tooi:
        return tooi
    number = own.get("systeemId") or own.get("systemId") or coded.get("systeemId")
    older = [found for one in _all(it, "systemId", "systemId") if (found := _own(one))]
    number = number or (older[0] if older else None) or _text(it, "systeemId") or _text(it, "systemId")
    return f"roo:{number}" if number else None


def _all(it: Element, *path: str) -> list[Element]:
    """The elements at *path* of local names below *it*."""
    level = [it]
    for step in path:
        level = [child for one in level for child in one if local(child.tag) == step]
    return level


def _own(it: Element) -> str | None:
    return " ".join(it.text.split()) or None if it.text else None


def _text(it: Element, name: str) -> str | None:
    return next((found for one in _all(it, name) if (found := _own(one))), None)


collector = FileCollector("roo", cut, read)

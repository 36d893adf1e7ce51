"""The structured data of a page: schema.org in JSON-LD, microdata or RDFa, read by extruct, in one form.

JSON-LD is read first, as it is cheap; microdata and RDFa (twenty times slower) only if it has no Person.
A node is a dict as in JSON-LD: `@type`, `@id` and properties with short names.
"""

from __future__ import annotations

import hashlib
import html
import itertools
import re
from collections.abc import Iterator
from functools import cached_property
from typing import Any
from urllib.parse import urljoin

import lxml.etree
import lxml.html
import msgspec
from w3lib.encoding import html_to_unicode

from collectors.parsing import lenient

Node = dict[str, Any]
_BEFORE = re.compile(r"^\s*(?:(?://|/\*)?\s*(?:<!--|<!\[CDATA\[)\s*(?:\*/)?)+")
_AFTER = re.compile(r"(?:(?://|/\*)?\s*(?:-->|\]\]>)\s*(?:\*/)?)+\s*;?\s*$")
_AROUND = " \t\r\n\f;,\ufeff\xa0\u200b"  # insignificant characters around a block
_SCHEMA = re.compile(r"(?:https?://(?:www\.)?schema\.org/|schema:)(\w+)")
_COMMENT = re.compile(r"<!--.*?-->", re.S)
_BREAK = re.compile(r"<br\s*/?>", re.I)
_RELATIONS = lxml.etree.XPath("//@rel")
_PARSER = lxml.html.HTMLParser(encoding="utf-8")


class Document:
    """One HTML page. Raise ValueError if it is not HTML."""

    def __init__(self, content: bytes, content_type: str | None, url: str) -> None:
        self.url = url
        encoding, self.text = html_to_unicode(content_type, content, auto_detect_fun=_undeclared)
        self.broken: list[tuple[str, str, str]] = []  # place, reason, excerpt
        self.repaired: list[tuple[str, str, str]] = []  # the same, of what was read all the same
        shown = self.text.count("\ufffd")
        if shown and (lost := shown - content.count("\ufffd".encode())) > 0:
            self.repaired.append(("page", f"{lost} characters that are not {encoding} were replaced", ""))
        text = self.text.replace("\x00", "") if "\x00" in self.text else self.text
        if 0 <= text.find("</body>") < len(text) - 32:  # libxml2 would drop anything after the end
            text = text.replace("</body>", "").replace("</html>", "")
        try:
            self.tree = lxml.html.document_fromstring(text.encode(), _PARSER)
        except (lxml.etree.LxmlError, AssertionError) as error:
            raise ValueError(f"not HTML: {error}") from error

    @cached_property
    def base(self) -> str:
        """The base URL of relative links."""
        found = self.tree.find(".//base[@href]")
        return self.url if found is None else urljoin(self.url, found.get("href"))

    def links(self, rel: str) -> Iterator[str]:
        """The absolute targets of links with the relation *rel*, in order."""
        for relations in _RELATIONS(self.tree):
            if rel in relations.lower().split() and (target := self.absolute(relations.getparent().get("href"))):
                yield target

    def absolute(self, link: str | None) -> str | None:
        """*link* as an absolute web address; None if it is not one."""
        try:
            target = urljoin(self.base, (link or "").strip())
        except ValueError:
            return None
        return target if link and target.startswith(("http://", "https://")) else None

    @cached_property
    def nodes(self) -> list[Node]:
        """All top-level nodes, from the first syntax with a Person."""
        for read in (self._json_ld, self._microdata, self._rdfa):
            nodes = list(_flat(read()))
            if any("Person" in types(node) or "mainEntity" in node for node in nodes):
                return nodes
        return []

    @cached_property
    def _by_id(self) -> dict[str, Node]:
        found: dict[str, Node] = {}
        for node in self.nodes:
            if isinstance(name := node.get("@id"), str):
                found[name] = {**found.get(name, {}), **node}
        return found

    def whole(self, value: Any) -> Any:
        """*value*, or the node of this page that it refers to."""
        if isinstance(value, dict) and isinstance(name := value.get("@id"), str) and len(value) <= 2:
            return self._by_id.get(name, value)
        return value

    def persons(self) -> tuple[list[Node], list[Node]]:
        """The Persons that the page is about, and all at its top level, without duplicates."""
        about = [self.whole(each) for node in self.nodes for each in listed(node.get("mainEntity"))]
        return _once(about), _once([*about, *map(self.whole, self.nodes)])

    def _json_ld(self) -> Iterator[Any]:
        scripts = (s for s in self.tree.iter("script") if (s.get("type") or "").strip().lower()[:19] == _LD)
        for number, script in enumerate(scripts, 1):
            try:
                items, left = _json(script.text_content() or "")
                self.repaired += [(f"JSON-LD block {number}{one.path}", one.why, one.excerpt) for one in left]
                yield from items
            except (ValueError, RecursionError, msgspec.MsgspecError) as error:
                text = script.text or ""
                self.broken.append((f"JSON-LD block {number}", str(error) or type(error).__name__, text[:1000]))

    def _microdata(self) -> Iterator[Any]:
        if "itemscope" not in self.text:
            return
        from extruct.w3cmicrodata import MicrodataExtractor

        yield from (_from_microdata(item) for item in MicrodataExtractor().extract_items(self.tree, self.base))

    def _rdfa(self) -> Iterator[Any]:
        if "typeof" not in self.text:
            return
        from extruct.rdfa import RDFaExtractor

        text = _BREAK.sub("\n", self.text)
        try:
            page, mark = _rdfa_only(text)
            nodes = RDFaExtractor().extract(page, base_url=self.base)
        except Exception as error:  # the RDFa library may raise anything for a broken page, which is only flagged
            self.broken.append(("RDFa", f"{type(error).__name__}: {error}", ""))
            return
        yield from _from_rdfa(_unmarked(nodes, mark), text)


def _rdfa_only(text: str) -> tuple[str, str]:
    """The page without the elements that RDFa says nothing with: the RDFa library spends most of its time on them.

    Things that the page gives no name get one that says their order in the page, and begins with the returned mark.
    """
    tree = lxml.html.document_fromstring(text.encode(), _PARSER)
    mark = f"order{hashlib.blake2b(text.encode(), digest_size=16).hexdigest()}:"  # no page has its own digest
    _name_in_order(tree, mark)
    kept = set(tree.iter("base"))
    for element in _STATEMENTS(tree):
        kept.update(element.iterancestors())
        kept.update([element] if set(element.attrib) & _RELATING == set() else element.iter())
    for element in list(tree.iter()):
        if element not in kept and (parent := element.getparent()) is not None and parent in kept:
            element.drop_tree()
    return str(lxml.html.tostring(tree, encoding="unicode")), mark


def _name_in_order(tree: lxml.html.HtmlElement, mark: str) -> None:
    """Name what the page does not, or only within itself (`_:x`): the library's names for these are random."""
    names: dict[str, str] = {}
    number = itertools.count()
    nameless, hanging = set(_NAMELESS(tree)), set(_HANGING(tree))
    for element in list(tree.iter("*")):
        for attribute in ("about", "resource"):
            if blank := _BLANK.fullmatch(element.get(attribute, "")):
                element.set(attribute, names.setdefault(blank[1], f"{mark}{next(number):06d}"))
        if element in nameless:
            element.set("resource", f"{mark}{next(number):06d}")
        elif element in hanging:
            _name_related(element, f"{mark}{next(number):06d}")


def _name_related(element: lxml.html.HtmlElement, name: str) -> None:
    """Put what is said below *element* of the thing that it relates to, and that has no element, below its name.

    What is said of things of their own stays: *element* relates to each of those.
    """
    for child in list(element.iterchildren("*")):
        said = set(child.attrib)
        if not said & _SAYING:
            _name_related(child, name)
        elif "about" not in said and (
            said & {"rel", "rev"}
            or ("property" in said and not said & {"content", "datatype"})
            or not said & {"resource", "href", "src", "typeof"}
        ):
            if "typeof" not in said:
                child.set("about", name)
                continue
            around = element.makeelement("span", {"about": name})  # typeof would say the type of what about names
            around.tail, child.tail = child.tail, None
            element.replace(child, around)
            around.append(child)


def _unmarked(value: Any, mark: str) -> Any:
    """*value* with names that begin with *mark* as those of things without a name."""
    if isinstance(value, list):
        return [_unmarked(each, mark) for each in value]
    if not isinstance(value, dict):
        return value
    inner = {key: _unmarked(each, mark) for key, each in value.items()}
    if (name := value.get("@id", "")).startswith(mark):
        inner["@id"] = f"_:{name.removeprefix(mark)}"
    return inner


_RELATING = {"property", "rel", "rev"}  # what is below such an element is its value
_SAYING = {"about", "resource", "href", "src", "typeof", "property", "rel", "rev", "vocab", "prefix"}
_BLANK = re.compile(r"\s*\[?(_:[^\]]*?)\]?\s*")
_NAMELESS = lxml.etree.XPath(
    "//*[@typeof and not(@about or @resource or @href or @src or self::html or self::head or self::body)]"
)
# what these relate to is only said by the elements below; beside a property, only prefixed names relate
_HANGING = lxml.etree.XPath(
    "//*[(@rel or @rev) and not(@resource or @href or @src or (@typeof and not(@about)))"
    " and not(descendant-or-self::*[@inlist or @typeof and (self::tbody or self::tr or self::td or self::th)])"
    " and (not(@property) or contains(concat(@rel, @rev), ':')) and not(self::html or self::head or self::body)]"
)
_STATEMENTS = lxml.etree.XPath("//*[@property or @typeof or @rel or @rev]")
_LD = "application/ld+json"


def _undeclared(content: bytes) -> str:
    """The encoding of a page that declares none: UTF-8 if valid, else Windows-1252, as in browsers."""
    try:
        content.decode()
    except UnicodeDecodeError:
        return "cp1252"
    return "utf-8"


def _json(text: str) -> tuple[list[Any], list[lenient.Left]]:
    """The items of one block, and its repairs; stray characters, comments and entities are tolerated."""
    import jstyleson  # type: ignore[import-untyped]  # extruct's reader of comments and superfluous commas

    bare = text.strip(_AROUND)
    if bare[:1] not in ("{", "[") or bare[-1:] not in ("}", "]"):
        bare = _AFTER.sub("", _BEFORE.sub("", bare)).strip(_AROUND)
    attempts = (
        lambda: bare,
        lambda: html.unescape(bare),
        lambda: jstyleson.dispose(bare),
        lambda: jstyleson.dispose(_COMMENT.sub("", text)).strip(_AROUND),
    )
    for attempt in attempts:
        try:
            found, left = _several(attempt())
        except msgspec.MsgspecError as error:
            failed = error
        else:
            return [_renamed(item, {}) for item in found], left
    raise failed


def _several(text: str) -> tuple[list[Any], list[lenient.Left]]:
    """The JSON documents in *text*, one after the other or separated by commas and semicolons."""
    found: list[Any] = []
    left: list[lenient.Left] = []
    rest = text.encode("utf-8", "surrogatepass")
    while rest:
        pieces = list(lenient.documents(rest))
        rest = b""
        if len(pieces) > 1 and pieces[-1][:1] in b";,":
            rest = pieces.pop().lstrip(b";, \t\r\n")
        for piece in pieces:
            item, more = lenient.value(piece)
            found += item if isinstance(item, list) else [item]
            left += more
    return found, left


def _renamed(value: Any, terms: dict[str, str]) -> Any:
    """*value* with the short names of schema.org: without prefixes, full IRIs, and the page's own terms."""
    if isinstance(value, list):
        return [_renamed(each, terms) for each in value]
    if not isinstance(value, dict):
        return value
    said = value.get("@context")
    for context in () if isinstance(said, str) else listed(said):
        for term, meaning in context.items() if isinstance(context, dict) else ():
            iri = meaning.get("@id") if isinstance(meaning, dict) else meaning
            terms = {**terms, term: iri} if isinstance(iri, str) else terms
    # a short name is kept
    renamed = {
        (_property(name, terms) if terms or ":" in name else name): (
            _renamed(inner, terms) if isinstance(inner, dict | list) else inner
        )
        for name, inner in value.items()
        if name != "@context"
    }
    return {**renamed, "@context": said} if "@context" in value else renamed


def _property(name: str, terms: dict[str, str]) -> str:
    """The short name of a property of schema.org; of any other its name unchanged."""
    iri = terms.get(name, name)
    prefix, colon, rest = iri.partition(":")
    if colon and prefix in terms and not rest.startswith("//"):
        iri = terms[prefix] + rest
    found = _SCHEMA.fullmatch(iri)
    return found[1] if found else iri if iri in ("@id", "@type", "@value", "@graph") else name


def _flat(items: Any) -> Iterator[Node]:
    """The nodes among *items*, with those of every @graph."""
    for item in items:
        if isinstance(item, list):
            yield from _flat(item)
        elif isinstance(item, dict):
            if "@graph" in item:
                yield from _flat(listed(item["@graph"]))
            if len(item.keys() - {"@context", "@graph"}):
                yield item


def _once(nodes: list[Any]) -> list[Node]:
    found: list[Node] = []
    for node in nodes:
        if isinstance(node, dict) and "Person" in types(node) and node not in found:
            found.append(node)
    return found


def listed(value: Any) -> list[Any]:
    """*value* as a list: nothing, one thing, a list, or a JSON-LD @list or @set."""
    if isinstance(value, dict) and len(value) == 1:
        value = value.get("@list", value.get("@set", value))
    if value is None:
        return []
    if not isinstance(value, list):
        return [value]
    return [each for inner in value for each in listed(inner)] if any(isinstance(x, list) for x in value) else value


def types(node: Any) -> set[str]:
    """The types of a node, without their vocabulary."""
    given = listed(node.get("@type")) if isinstance(node, dict) else []
    return {_short(name) for name in given if isinstance(name, str)}


def _short(name: str) -> str:
    return re.split(r"[/#:]", name.strip())[-1]


def _from_microdata(item: Any) -> Any:
    """A microdata item as a node."""
    if not isinstance(item, dict):
        return item
    node: Node = {"@type": item.get("type"), **({"@id": item["id"]} if "id" in item else {})}
    for name, value in item.get("properties", {}).items():
        node[_short(name)] = [_from_microdata(each) for each in listed(value)]
    return node


def _from_rdfa(nodes: list[Node], text: str) -> Iterator[Node]:
    """Expanded RDFa nodes with short names, values in page order, references resolved."""
    by_id = {node.get("@id"): node for node in nodes}

    def short(node: Node, depth: int) -> Node:
        return {
            (name if name.startswith("@") else _short(name)): (
                value if name.startswith("@") else [short_value(each, depth) for each in in_order(value)]
            )
            for name, value in node.items()
        }

    def short_value(value: Any, depth: int) -> Any:
        if isinstance(value, dict) and "@value" in value:
            return value["@value"]
        name = value.get("@id") if isinstance(value, dict) else None
        if name in by_id and depth < 4:
            return short(by_id[name], depth + 1)
        return name if name is not None else value

    def in_order(values: Any) -> list[Any]:
        return sorted(listed(values), key=place) if len(listed(values)) > 1 else listed(values)

    def place(value: Any) -> tuple[int, str, str]:
        shown = short_value(value, 3)
        while isinstance(shown, dict):
            shown = next(iter(shown.get("name", [])), str(sorted(shown)))
        escaped = html.escape(str(shown))
        found = text.find(escaped)
        return (found if found >= 0 else len(text)), escaped, str(value)  # of equal ones, the @id tells the order

    yield from (short(node, 0) for node in sorted(nodes, key=lambda node: str(node.get("@id"))))

"""The pages of documents that searches found: what is an article, and its title, date, language and text.

A page is the document only if it is the one that was asked for: a redirect to another page, a paywall, a file that is
not HTML and a page without a text are outcomes with their reason. Dates are those that the page declares.
"""

from __future__ import annotations

import contextlib
import logging
import re
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import parse_qsl, urljoin, urlsplit

import msgspec
from lxml import etree, html
from w3lib.encoding import html_to_unicode

from collectors.base import Absent, Done, Later, Outcome
from collectors.coverage.reading import canonical, date_of, digest, plain
from collectors.parsing import lenient
from collectors.parsing.noindex import opted_out
from collectors.wire.http import UNREADABLE
from collectors.wire.web_pages import refusal
from storage.errors import UserError
from storage.records import BadBody, DocumentPage, Page, Quarantine, Record

COMPARED = 400  # characters of a text by which it is recognised: shorter ones are often notices of the site
HTML = ("text/html", "application/xhtml+xml")
ARTICLE = re.compile(r"(Article|Posting|Report|Review)$")  # types of schema.org
DATED = ("article:published_time", "dcterms.issued", "dcterms.date", "dc.date.issued", "dc.date")
logging.getLogger("trafilatura").setLevel(logging.CRITICAL)  # it reports each page without a text
_PARSER = html.HTMLParser(encoding="utf-8")


class Declared(msgspec.Struct):
    """What a page says of itself in its head and its structured data."""

    metas: dict[str, str] = {}
    dates: set[str] = set()  # of publication, in the structured data
    article: bool = False
    paid: bool = False  # only a part of it is shown to those who have not paid

    @property
    def date(self) -> str | None:
        """The date of publication; None if the page declares none, or several."""
        stated = next(filter(None, map(self.metas.get, DATED)), None)
        return stated or (next(iter(self.dates)) if len(self.dates) == 1 else None)


def outcome(page: Page) -> Outcome:
    """The outcome of a page."""
    target = page.requests[0].target

    def absent(why: str, detail: str = "") -> Absent:
        return Absent(target, why, detail, platform=urlsplit(target.key).hostname or "")

    if page.status == 402:
        return absent("paywall")
    if page.status != 200:
        found = refusal(page, target, absent)
        return msgspec.structs.replace(found, whole_kind=False) if isinstance(found, Later) else found
    try:
        _read(page)
    except BadBody as error:
        return Later(target, f"the body cannot be decoded: {error}")
    except Unusable as error:
        return absent(error.why, error.detail)
    return Done(target, items=1)


def records(page: Page) -> Iterator[Record]:
    """What the page says: nothing if it is not the document, or has no text. Raise BadBody."""
    try:
        markup, tree, declared = _read(page)
    except Unusable:
        return
    address = canonical(page.key)
    if address is None or not (text := _text(markup)):
        return
    language = (tree.get("lang") or "").partition("-")[0].strip().lower()
    at, why = date_of(declared.date, page.fetched_at)
    if why:
        yield Quarantine("page.date", why, str(declared.date)[:1000])
    title = plain(declared.metas.get("og:title")) or plain(tree.findtext(".//title"))
    yield DocumentPage(
        address, urlsplit(address).hostname or "", page.url, title, plain(declared.metas.get("og:site_name")), at,
        language if re.fullmatch("[a-z]{2,3}", language) else None, text,
        digest(text) if len(text) >= COMPARED else None,
    )  # fmt: skip


class Unusable(ValueError):
    """A page that is not the document that was asked for: why, and a detail."""

    def __init__(self, why: str, detail: str = "") -> None:
        self.why, self.detail = why, detail


def _read(page: Page) -> tuple[str, Any, Declared]:
    """A page as text, as a tree, and what it says of itself. Raise Unusable, or BadBody."""
    content = page.content()
    kind = (page.header("content-type") or HTML[0]).partition(";")[0].strip().lower()
    if kind not in HTML or content[:5] == b"%PDF-":
        raise Unusable("format", "application/pdf" if content[:5] == b"%PDF-" else kind)
    if opted_out(page, content):
        raise Unusable("opted-out")
    markup = html_to_unicode(page.header("content-type"), content)[1].replace("\x00", "")
    tree = _tree(markup)
    declared = _declared(page, tree)
    if _elsewhere(page, declared):
        raise Unusable("moved", page.url)
    if declared.paid:
        raise Unusable("paywall")
    return markup, tree, declared


def _elsewhere(page: Page, declared: Declared) -> bool:
    """Whether a redirect led to another page. An article, or a page of the same name and parameters, is the document.

    Sites answer for what is gone, and ask for consent or a login, by leading to pages of their own.
    """
    if canonical(page.url) == canonical(page.key):
        return False
    asked, came = (urlsplit(canonical(url) or url) for url in (page.key, page.url))
    was, now = (one.path.rpartition("/")[2] for one in (asked, came))
    wanted = set(parse_qsl(asked.query, keep_blank_values=True))
    same = was == now and bool(now or wanted) and wanted <= set(parse_qsl(came.query, keep_blank_values=True))
    return not same and not (declared.article and now)


def _tree(markup: str) -> Any:
    try:
        return html.document_fromstring(markup.encode(), _PARSER)
    except etree.ParserError:  # there is nothing to read
        return html.Element("html")
    except (etree.LxmlError, AssertionError) as error:
        raise Unusable("format", f"not HTML: {error}"[:500]) from error


def _text(markup: str) -> str:
    """The main text of a page, without navigation, notices, comments and its headline, which copies often change."""
    found = extractor()(markup, include_comments=False, favor_precision=True, prune_xpath=["//h1"])
    return (found or "").strip()


def extractor() -> Callable[..., str | None]:
    """The function that finds the main text of a page. Raise UserError if its library is not installed."""
    try:
        from trafilatura import extract  # takes a second to import
    except ImportError as error:
        raise UserError("[[searches]] fetch = true needs trafilatura: pip install 'sneeuwbal[pages]'") from error
    return extract


def _declared(page: Page, tree: Any) -> Declared:
    found = Declared()
    for element in tree.iter("meta", "time"):
        value = (element.get("content") or element.get("datetime") or "").strip()
        if value and (name := element.get("property") or element.get("name")):
            found.metas.setdefault(name.strip().lower(), value)
        if element.get("itemprop") == "datePublished" and value:
            found.dates.add(value)
        found.paid |= element.get("itemprop") == "isAccessibleForFree" and value.lower() == "false"
    own = {canonical(url) for url in (page.key, page.url, *tree.xpath("//link[@rel='canonical']/@href"))}
    for node in _nodes(tree):
        if (named := _named(page, node)) and not named & own:
            continue  # a teaser of another page
        found.dates |= {str(node["datePublished"])} if node.get("datePublished") else set()
        found.article |= any(ARTICLE.search(str(one)) for one in _listed(node.get("@type")))
        found.paid |= str(node.get("isAccessibleForFree")).lower() == "false"
    found.article |= found.metas.get("og:type", "").lower() == "article"
    return found


def _named(page: Page, node: dict[str, Any]) -> set[str]:
    """The addresses of the page that *node* is about."""
    main = node.get("mainEntityOfPage")
    given = (node.get("url"), main.get("@id") if isinstance(main, dict) else main)
    found: set[str | None] = set()
    for one in given:
        if isinstance(one, str) and "/" in one:
            with contextlib.suppress(ValueError):  # it is no address
                found.add(canonical(urljoin(page.url, one.strip())))
    return {one for one in found if one}


def _nodes(tree: Any) -> Iterator[dict[str, Any]]:
    """The nodes at the top level of the page's JSON-LD; a broken block is left out, as the text stands without it."""
    for script in tree.iter("script"):
        if (script.get("type") or "").strip().lower() == "application/ld+json":
            with contextlib.suppress(*UNREADABLE):
                for one in _listed(lenient.value((script.text or "").strip().encode())[0]):
                    graph = one.get("@graph", one) if isinstance(one, dict) else one
                    yield from (node for node in _listed(graph) if isinstance(node, dict))


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]

"""Answers of the interfaces of coverage searches, read without a study: keys, addresses, dates, lists, any bytes."""

from __future__ import annotations

import gzip
from datetime import UTC, date, datetime
from typing import Any

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from collectors.coverage import engines
from collectors.coverage.collector import INTERFACES, collector
from collectors.coverage.reading import canonical, plain
from storage.records import Document, Page, Quarantine, Request, Target
from storage.searches import Search, search_of
from tests.coverage_site import COUNCIL, DIAGNOSTIC, INDEX, MAP, RSS, hits


def page(kind: str, body: str | bytes, search: Search, url: str = "https://site.example/x", **request: Any) -> Page:
    raw = body.encode() if isinstance(body, str) else body
    wanted = Request(Target("coverage", kind, search.key, request.pop("cursor", "")), "w", **request)
    return Page((wanted,), url, 200, (), raw, datetime(2026, 11, 24, tzinfo=UTC))


def found(page: Page) -> list[Document]:
    return [one for one in collector.parse(page) if isinstance(one, Document)]


def test_a_key_says_all_of_a_search() -> None:
    for one in (
        Search("a"),
        Search("b-2", 3, 'c && "d" é/?', "https://x.example/?a=1#b", date(2012, 1, 1), date(2012, 2, 1)),
    ):
        assert search_of(one.key) == one
    assert search_of(Search("a", 1, "b").key) != search_of(Search("a", 1, "c").key)


@pytest.mark.parametrize(
    ("url", "one"),
    [
        ("HTTP://Site.Example:80/a/?b=2&a=1&utm_source=x#top", "https://site.example/a?a=1&b=2"),
        ("https://site.example", "https://site.example"),
        ("https://site.example/?fbclid=1", "https://site.example"),
        ("https://bücher.example/ä", "https://xn--bcher-kva.example/%C3%A4"),
        ("mailto:iemand@site.example", None),
        ("javascript:alert(1)", None),
        ("", None),
    ],
)
def test_an_address_has_one_form(url: str, one: str | None) -> None:
    assert canonical(url) == one
    assert one is None or canonical(one) == one


def test_a_title_keeps_its_words_only() -> None:
    assert plain("<b>Kop</b>&nbsp;&amp; <i>staart</i>") == "Kop & staart"
    assert plain("1 < 2 en A&O") == "1 < 2 en A&O"
    assert plain(" <p></p> ") is None


def test_a_sitemap_leads_to_its_children_and_changes_are_no_dates_of_publication() -> None:
    search = Search("s", 1, "", "https://site.example/sitemap.xml", date(2012, 1, 1))
    (done,) = collector.outcome(page("sitemap", INDEX.format("https://site.example"), search))
    assert (done.next, done.carry["left"]) == ("https://site.example/map1.xml.gz", ["https://site.example/map2.xml"])
    child = page("sitemap", gzip.compress(MAP.encode()), search, cursor=done.next, carry=done.carry)
    (after,) = collector.outcome(child)
    assert (after.next, after.items) == ("https://site.example/map2.xml", 2)
    one, news = found(child)
    assert (one.address, one.published_at) == ("https://site.example/ambtenaar-1", None)
    assert (news.title, news.source, news.published_at) == (
        "Ambtenaar in het nieuws", "Site", datetime(2013, 2, 9, tzinfo=UTC)
    )  # fmt: skip
    assert any(isinstance(each, Quarantine) and "as far as it goes" in each.reason for each in collector.parse(child))


def test_a_forum_is_searched_listed_and_read_without_naming_anybody() -> None:
    search = Search("f", 1, "ambtenaar", "https://forum.example")
    first = page(
        "discourse", msgspec.json.encode(hits(1, 2, more=True)), search, "https://forum.example/search.json?q=a"
    )
    assert [one.next for one in collector.outcome(first)] == ["2"]
    assert [one.address for one in found(first)] == [
        "https://forum.example/t/draad-1/1", "https://forum.example/t/draad-2/2/2"]  # fmt: skip
    assert found(first)[0].summary == "een ambtenaar & meer"
    assert not any("verzonnen" in str(one) for one in found(first))
    last = page(
        "discourse", msgspec.json.encode(hits(3, more=True)), search, "https://forum.example/search.json", cursor="10"
    )
    (done,) = collector.outcome(last)
    assert (done.next, done.complete) == (None, False)


def test_a_document_of_a_council_has_its_file_as_address_and_the_dutch_day_of_its_meeting() -> None:
    search = Search("raad", 1, "ambtenaar", first_day=date(2013, 1, 1))
    one, meeting = found(page("open_besluitvorming", msgspec.json.encode(COUNCIL), search, engines.COUNCILS))
    assert (one.address, one.published_at) == (
        "https://raad.verzonnen.example/1.pdf", datetime(2012, 12, 31, 23, tzinfo=UTC)
    )  # fmt: skip
    assert (one.source, one.summary) == ("Verzonnen", "De ambtenaar ...")
    entities = "https://openbesluitvorming.nl/api/entities"
    assert meeting.address == f"{entities}/meeting:notubiz:gemeente:verzonnen:2"


def test_what_a_server_says_is_wrong_is_reported() -> None:
    (later,) = collector.outcome(page("sru", DIAGNOSTIC, Search("s", 1, "(")))
    assert "Query syntax error" in later.why
    for kind in INTERFACES:
        said = list(collector.parse(page(kind, b"<html><p>Onderhoud", Search("s", 1, "a", "https://a.example/t/x/1"))))
        assert [type(one) for one in said] == [Quarantine], kind


@pytest.mark.parametrize("kind", INTERFACES)
@given(body=st.binary(max_size=60) | st.builds(
    lambda text, at, other: text[: at % len(text)] + other + text[at % len(text) :],
    st.sampled_from([one if isinstance(one, bytes) else one.encode() for one in (
        RSS, INDEX, MAP, DIAGNOSTIC, b'{"items": [{}], "version": "1", "posts": [1], "topic_list": {}}')]),
    st.integers(0, 5000), st.binary(max_size=9),
))  # fmt: skip
@example(b"")
@example(b"\0\xff")
@example(b"<searchRetrieveResponse><records><record><recordData>no XML</recordData></record></records>")
def test_no_bytes_break_an_interface(kind: str, body: bytes) -> None:
    asked = page(kind, body, Search("s", 1, "a", "https://a.example/t/x/1"))
    assert len(list(collector.outcome(asked))) == 1
    list(collector.parse(asked))


def test_a_date_that_no_document_can_have_is_absent_and_counted() -> None:
    for claimed in ("0001-01-01T00:00:00Z", "1185-05-01T00:00:00Z", "9999-12-31T00:00:00Z"):
        item = {"url": "https://blad.example/a", "title": "a", "date_published": claimed}
        body = msgspec.json.encode({"version": "https://jsonfeed.org/version/1.1", "items": [item]})
        asked = page("feed", body, Search("s", 1, "a", "https://blad.example/feed"))
        (one,) = found(asked)
        assert one.published_at is None
        assert [each.excerpt for each in collector.parse(asked) if isinstance(each, Quarantine)] == [claimed]


@pytest.mark.parametrize("date", ["2013-02-30T08:00:00Z", "2013-02-06T25:00:00Z", "2013", "2013-02", "2013-037"])
def test_a_day_that_is_none_does_not_become_another(date: str) -> None:
    entry = f"<entry><link href='https://blog.example/1'/><published>{date}</published></entry>"
    asked = page(
        "feed", f"<feed xmlns='http://www.w3.org/2005/Atom'>{entry}</feed>", Search("s", 1, "", "https://a.example")
    )
    assert [one.published_at for one in found(asked)] == [None]
    assert [one.excerpt for one in collector.parse(asked) if isinstance(one, Quarantine)] == [date]


def test_lists_that_lead_back_to_themselves_end() -> None:
    """A feed whose next page is itself; an index of sitemaps that names itself and its parent."""
    here = Search("s", 1, "", "https://site.example/x")
    atom = "<feed xmlns='http://www.w3.org/2005/Atom'><link rel='next' href='/x'/><entry><id>https://a.example</id></entry></feed>"
    (done,) = collector.outcome(page("feed", atom, here))
    assert (done.next, done.complete, done.why) == (None, False, "the feed leads on to where it was")
    index = "<sitemapindex>{}</sitemapindex>".format(
        "".join(f"<sitemap><loc>https://site.example/{one}</loc></sitemap>" for one in "xyz")
    )
    (first,) = collector.outcome(page("sitemap", index, here))
    (then,) = collector.outcome(page("sitemap", index, here, cursor=first.next, carry=first.carry))
    assert (first.next, then.next) == ("https://site.example/y", "https://site.example/z")
    (last,) = collector.outcome(page("sitemap", index, here, cursor=then.next, carry=then.carry))
    assert (last.next, last.complete) == (None, True)


def test_a_list_in_another_form_loses_nothing_and_invents_nothing() -> None:
    """A sitemap of plain lines; an entity in an address; a JSON Feed with a byte order mark, an odd byte or title."""
    here = Search("s", 1, "", "https://site.example/x")
    lines = page("sitemap", b"https://site.example/a\r\nhttps://site.example/b\n", here)
    assert [one.address for one in found(lines)] == ["https://site.example/a", "https://site.example/b"]
    bomb = "<!DOCTYPE a [<!ENTITY x 'b'>]><urlset><url><loc>https://site.example/&x;</loc></url></urlset>"
    assert found(page("sitemap", bomb, here)) == []
    body = (
        b'{"version": "https://jsonfeed.org/version/1", "title": ["x"], "items": [{"url": "https://site.example/a"}]}'
    )
    for raw in (b"\xef\xbb\xbf" + body, body.replace(b'"url"', b'"title": "caf\xe9", "url"')):
        assert [one.address for one in found(page("feed", raw, here))] == ["https://site.example/a"]

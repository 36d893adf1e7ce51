"""Which pages are one document, and what a page says of itself: without a study, from pages as a site gives them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import duckdb
import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from collectors.coverage.collector import PAGE, collector
from storage.outcomes import Absent, Done
from storage.records import DocumentPage, Page, Quarantine, Request, Target
from storage.tables.database import create
from tests.newspaper import ARTICLE, STORY, html, ld

# ---- which pages are one document ---------------------------------------------------------------------------------


def joined(finds: list[tuple[str, str]], said: str = "done") -> list[tuple[Any, ...]]:
    """The addresses and pages of each document, if at addresses with titles the same text was read, and then *said*."""
    with duckdb.connect() as db:
        create(db)
        for address, title in finds:
            db.execute("INSERT INTO base.documents BY NAME SELECT $1 AS address, $1 AS url, 'q' AS query, 1 AS version,"
                       " $2 AS title, $1 AS content", [address, title])  # fmt: skip
            db.execute("INSERT INTO base.document_pages BY NAME SELECT $1 AS address, 'Eigen' AS title,"
                       " split_part($1, '/', 3) AS platform, 'x' AS text, 'x' AS digest,"
                       " $1 AS content", [address])  # fmt: skip
        db.execute("INSERT INTO base.kinds BY NAME SELECT 'c' AS collector, 'page' AS kind, 'document' AS names")
        db.execute("INSERT INTO base.answers BY NAME SELECT 'c' AS collector, 'page' AS kind, $1 AS key,"
                   " if($2 = 'done', 'done', 'absent') AS outcome, nullif($2, 'done') AS why, now() AS fetched_at,"
                   " 'r' AS record_id", [finds[0][0], said])  # fmt: skip
        return db.execute("SELECT len(addresses), page, text FROM documents ORDER BY 1 DESC, document").fetchall()


def test_a_text_under_several_titles_of_one_site_is_a_notice() -> None:
    """A republished article keeps its title, or stands at another site; a wall is before all articles of one."""
    here = [f"https://a.example/{number}" for number in range(3)]
    assert [row[0] for row in joined([(one, one) for one in here])] == [1, 1, 1]
    assert [row[0] for row in joined([(one, "Een") for one in here])] == [3]
    assert [row[0] for row in joined([(f"https://{one}.example/1", one) for one in "abcd"])] == [4]
    assert [row[0] for row in joined([(here[0], one) for one in "abc"] + [("https://b.example/1", "d")])] == [2]


@pytest.mark.parametrize(("said", "shown"), [("opted-out", False), ("robots", False), ("gone", True), ("done", True)])
def test_a_page_that_opted_out_since_shows_nothing_and_joins_nothing(said: str, shown: bool) -> None:
    found = joined([("https://a.example/1", "Een"), ("https://b.example/1", "Een")], said)
    page = "read" if said == "done" else said
    assert found == ([(2, page, "x")] if shown else [(1, page, None), (1, None, None)])


# ---- what a page says ------------------------------------------------------------------------------------------

KEY = "https://krant.example/een"


def page(body: bytes, url: str = KEY, status: int = 200, key: str = KEY, **headers: str) -> Page:
    wanted = Request(Target("coverage", PAGE, key), "w")
    named = tuple((name.replace("_", "-"), value) for name, value in headers.items())
    return Page((wanted,), url, status, named, body, datetime(2026, 11, 24, tzinfo=UTC))


def read(asked: Page) -> tuple[str, DocumentPage | None]:
    (said,) = collector.outcome(asked)
    found = [one for one in collector.parse(asked) if isinstance(one, DocumentPage)]
    why = ": ".join(filter(None, (said.why, said.detail))) if isinstance(said, Absent) else ""
    return why, found[0] if found else None


@pytest.mark.parametrize(
    ("head", "date"),
    [
        ('<meta property="article:published_time" content="2013-02-06T08:00:00+01:00">',
         datetime(2013, 2, 6, 7, tzinfo=UTC)),
        ('<meta name="DCTERMS.issued" content="2013-02-06">', datetime(2013, 2, 6, tzinfo=UTC)),
        (ld(**{"@graph": [{"@type": "WebPage"}, {"@type": "NewsArticle", "datePublished": "2013-02-06"}]}),
         datetime(2013, 2, 6, tzinfo=UTC)),
        ('<meta itemprop="datePublished" content="2013-02-06">', datetime(2013, 2, 6, tzinfo=UTC)),
        (ld(datePublished="2013-02-06") + ld(datePublished="2014-01-01"), None),  # which of them?
        ('<meta property="article:published_time" content="gisteren">', None),
        ('<meta property="article:published_time" content="2113-02-06">', None),
        ('<meta property="article:modified_time" content="2013-02-06">', None),
        ('<script type="application/ld+json">{"datePublished": "2013</script>', None),
        ("", None),
    ],
)  # fmt: skip
def test_a_page_has_the_date_that_it_declares_and_no_other(head: str, date: datetime | None) -> None:
    """The URL, a date in the text and that of the last change are none; what cannot be read is counted."""
    asked = page(html(STORY + " Geplaatst op 1 maart 2013.", head))
    found = read(asked)[1]
    assert found is not None
    assert found.published_at == date
    counted = [one.excerpt for one in collector.parse(asked) if isinstance(one, Quarantine)]
    assert counted == [value for value in ("gisteren", "2113-02-06") if f'"{value}"' in head]


@pytest.mark.parametrize(
    ("url", "head", "why"),
    [
        ("http://krant.example/een/", "", ""),
        ("https://www.krant.example/een", "", ""),  # the page of the same name
        ("https://krant.example/2013/02/een", "", ""),
        ("https://krant.example/2013/anders", ARTICLE, ""),
        ("https://krant.example/2013/anders", "", "moved: https://krant.example/2013/anders"),
        ("https://krant.example/", ARTICLE, "moved: https://krant.example/"),
        ("https://krant.example/login?terug=/een", "", "moved: https://krant.example/login?terug=/een"),
    ],
)
def test_a_redirect_is_the_document_only_if_it_is_an_article_or_keeps_its_name(url: str, head: str, why: str) -> None:
    said, found = read(page(html(STORY, head), url))
    assert (said, found is None) == (why, bool(why))


@pytest.mark.parametrize(
    ("asked", "came", "moved"),
    [
        ("/?p=123", "/", True),
        ("/?p=123", "/?p=123&x=1", False),
        ("/artikel.aspx?id=5", "/artikel.aspx", True),
        ("/artikel.aspx?id=5", "/nieuws/artikel.aspx?id=5&lang=nl", False),
        ("/", "/?taal=nl", True),
        ("/", "/", False),  # a front page that was asked for
    ],
)
def test_parameters_are_part_of_a_name(asked: str, came: str, moved: bool) -> None:
    why, found = read(page(html(STORY), f"https://krant.example{came}", key=f"https://krant.example{asked}"))
    assert (why.startswith("moved"), found is None) == (moved, moved)


@pytest.mark.parametrize(
    ("about", "own"),
    [
        ({"url": "/twee"}, False),
        ({"mainEntityOfPage": "https://krant.example/twee"}, False),
        ({"mainEntityOfPage": {"@id": "https://krant.example/twee#tekst"}}, False),
        ({"url": KEY + "/?utm_source=x", "mainEntityOfPage": {"@id": "https://elders.example/"}}, True),
        ({"url": "https://krant.example/2013/een"}, True),  # as its <link rel=canonical> says
        ({"url": "http://[/", "mainEntityOfPage": "True"}, True),
    ],
)
def test_what_a_page_says_of_another_is_not_of_itself(about: dict[str, Any], own: bool) -> None:
    node = {"@type": "NewsArticle", "datePublished": "2013-02-06", **about}
    head = '<link rel="canonical" href="https://krant.example/2013/een">'
    found = read(page(html(STORY, head + ld(**node))))[1]
    assert found is not None
    assert (found.published_at is not None) == own
    why, _ = read(page(html(STORY, head + ld(**node, isAccessibleForFree=False))))
    assert why == ("paywall" if own else "")


@pytest.mark.parametrize("body", [b"", b" \r\n", b"\xef\xbb\xbf", b"<!-- niets -->", b"<!doctype html>"])
def test_a_page_without_anything_is_empty(body: bytes) -> None:
    assert read(page(body, Content_Type="text/html")) == ("", None)


@pytest.mark.parametrize(("status", "why"), [(402, "paywall"), (403, "private"), (404, "gone"), (451, "refused")])
def test_an_error_is_an_outcome(status: int, why: str) -> None:
    (said,) = collector.outcome(page(html(STORY), status=status))
    assert isinstance(said, Absent)
    assert (said.why, said.platform) == (why, "krant.example")
    assert not list(collector.parse(page(html(STORY), status=status)))


def test_a_page_in_an_old_encoding_keeps_its_letters() -> None:
    body = html(f"{STORY} Café.", '<meta charset="windows-1252">').decode().encode("cp1252")
    found = read(page(body))[1]
    assert found is not None
    assert "Café" in (found.text or "")
    short = read(page(html("Een kort bericht over ambtenaren.")))[1]
    assert short is None or short.digest is None  # too short to be recognised by


def damaged(at: int, other: bytes) -> bytes:
    whole = html(STORY, ARTICLE)
    return whole[:at] + other + whole[at:]


@given(
    body=st.binary(max_size=60) | st.builds(damaged, st.integers(0, 900), st.binary(max_size=9)),
    kind=st.sampled_from(["text/html", "text/html; charset=x", "a"]),
)
@example(b"", "text/html")
@example(b"\0\xff<html", "text/html; charset=utf-16")
@example(b'<script type="application/ld+json">[1, [2], {"@graph": 3}]</script>', "text/html")
def test_no_bytes_break_a_page(body: bytes, kind: str) -> None:
    asked = page(body, Content_Type=kind)
    (said,) = collector.outcome(asked)
    assert isinstance(said, Done) or not list(collector.parse(asked))
    msgspec.json.encode([one for one in collector.parse(asked) if isinstance(one, DocumentPage)])

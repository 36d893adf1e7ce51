"""The pages of documents: fetched by the crawler from a loopback server, read, and what becomes of those that are not.

The sites are invented. One study is collected once, and its copies are changed.
"""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from collectors.coverage.collector import PAGE, collector
from jobs import decide
from jobs.context import read_study
from jobs.forget import forget
from jobs.package import package
from jobs.plan import guesses_with, plan
from jobs.reproduce import reproduce
from jobs.retain import retain
from jobs.run import import_files, load, run
from storage.errors import UserError
from storage.outcomes import Absent, Done
from storage.privacy.erase_bodies import ENTRY
from storage.privacy.leaks import leaks
from storage.privacy.pseudonyms import VARIABLE
from storage.records import DocumentPage, Page, Quarantine, Request, Target
from storage.tables.database import create
from tests.contents import contents
from tests.served import Answer, Server, serving

STORY = (
    "De gemeente Verzonnen laat haar ambtenaren voortaan onder hun eigen naam twitteren, zo besloot de raad gisteren. "
    "Volgens wethouder Zelma Zandloper is dat een proef van een jaar, waarna de raad opnieuw beslist. "
    "De vakbond is er niet gerust op: wie zich verspreekt, staat er alleen voor, zegt een woordvoerder. "
    "In drie andere gemeenten bestaat zo'n regeling al, en daar zijn tot nu toe geen klachten over binnengekomen."
)
COPY = STORY.replace(" zo ", "\n zo  ").replace("zo'n", "zo’n")
OTHER = STORY.replace("twitteren", "bloggen").replace("proef", "regeling voor onbepaalde tijd")


def html(text: str, head: str = "", title: str = "Ambtenaren twitteren", side: str = "") -> bytes:
    """A page with its article between the furniture of a site."""
    half = text.find(". ", len(text) // 2) + 1
    return f"""<!doctype html><html lang="nl-NL"><head><title>{title}</title>{head}</head><body>
<nav><ul><li><a href="/">Voorpagina</a></li><li><a href="/sport">Sport</a></li></ul></nav>
<main><article><h1>{title}</h1><p>{text[:half]}</p><p>{text[half:]}</p></article></main>
<aside><p>{side}</p></aside><footer><p>Alle rechten voorbehouden</p></footer></body></html>""".encode()


def ld(**properties: Any) -> str:
    return f'<script type="application/ld+json">{json.dumps({"@context": "https://schema.org", **properties})}</script>'


ARTICLE = '<meta property="og:type" content="article">'
PAGES: dict[str, Answer] = {
    "/robots.txt": (200, {"Content-Type": "text/plain"}, b"User-agent: *\nDisallow: /prive/\n"),
    "/een": (200, {}, html(STORY, ld(**{"@type": "NewsArticle", "datePublished": "2013-02-06T08:00:00+01:00"}),
                           side="Lees ook: het weer")),
    "/heruitgave": (200, {}, html(COPY, title="Overgenomen", side="Advertentie")),
    "/betaald": (200, {}, html(STORY[:200], ld(**{"@type": "NewsArticle", "isAccessibleForFree": "False"}))),
    "/toestemming": (302, {"Location": "http://toestemming.example/vraag?terug=x"}, b""),
    "/vraag?terug=x": (200, {}, html("Wij en onze partners plaatsen cookies. " * 20, title="Toestemming")),
    "/oud": (301, {"Location": "/2013/nieuw"}, b""),
    "/2013/nieuw": (200, {}, html(OTHER, ARTICLE)),
    "/weg": (301, {"Location": "/"}, b""),
    "/": (200, {}, html("Het nieuws van vandaag. " * 30, title="Voorpagina")),
    "/rapport.pdf": (200, {"Content-Type": "application/pdf"}, b"%PDF-1.4 niets"),
    "/stil": (200, {"X-Robots-Tag": "noindex"}, html(OTHER)),
    "/leeg": (200, {}, b"<html><head><title>Laden</title></head><body><div id=app></div></body></html>"),
}  # fmt: skip
FOUND = ("een", "betaald", "toestemming", "oud", "weg", "rapport.pdf", "stil", "leeg", "prive/x", "nergens")
OUTCOMES = {
    "een": ("read", None), "betaald": ("paywall", None), "toestemming": ("moved", "http://toestemming.example/vraag?terug=x"),
    "oud": ("read", None), "weg": ("moved", "http://krant.example/"), "rapport.pdf": ("format", "application/pdf"),
    "stil": ("opted-out", None), "leeg": ("empty", None), "prive/x": ("robots", None), "nergens": ("gone", None),
}  # fmt: skip
STUDY = """
[study]
name = "Gelezen dekking"
[collectors.coverage]
allow_private = true
autothrottle = false
timeout = 120.0
hosts = {{ "krant.example" = "{0}", "kopie.example" = "{0}", "toestemming.example" = "{0}" }}
[collectors.coverage.limits]
page = {{ requests = 1000, seconds = 60 }}
[[searches]]
id = "krant"
where = "feed"
address = "http://{0}/feed"
fetch = true
[[searches]]
id = "elders"
where = "feed"
address = "http://{0}/elders"
words = "ongelezen"
"""


def feed(*urls: str) -> Answer:
    items = [{"id": url, "url": url, "title": None if "een" in url else f"Over {url.split('/')[3]}"} for url in urls]
    return 200, {}, {"version": "https://jsonfeed.org/version/1.1", "items": items}


# the second entry is not about the search's words
ELSEWHERE = """<?xml version="1.0"?><rss version="2.0"><channel><title>Elders</title>
<item><title>Niets</title><link>http://krant.example/ongelezen</link></item>
<item><title>Wie is Zandloper?</title><link>http://krant.example/een</link><description>Lees.</description></item>
</channel></rss>"""


def site(path: str) -> Answer:
    if path == "/feed":
        return feed(*(f"http://krant.example/{one}" for one in FOUND), "http://kopie.example/heruitgave/?utm_source=x")
    if path == "/elders":
        return 200, {}, ELSEWHERE.encode()
    return PAGES.get(path.replace("heruitgave/?utm_source=x", "heruitgave"), (404, {}, b"weg"))


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with serving(site) as found:
        yield found


@pytest.fixture(scope="module")
def study(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("gelezen")
    (folder / "sneeuwbal.toml").write_text(STUDY.format(server.address))
    run(read_study(folder), say=lambda line: None)
    return folder


def rows(study: Path, sql: str) -> list[tuple[Any, ...]]:
    with duckdb.connect(str(study / "study.duckdb"), read_only=True) as db:
        db.execute("SET TimeZone = 'UTC'")
        return db.execute(sql).fetchall()


def test_each_page_is_read_or_has_a_reason(study: Path, server: Server) -> None:
    """A redirect elsewhere, a paywall, a PDF, an opt-out, an empty page, an error: none of them becomes a text."""
    found = {row[0].rpartition("example/")[2]: row[1:] for row in rows(
        study, "SELECT address, outcome, detail FROM document_pages WHERE address LIKE '%krant.example%'")}  # fmt: skip
    assert found == OUTCOMES
    texts = rows(study, "SELECT list_sort(list(address)) FROM document_pages WHERE text IS NOT NULL")
    assert texts == [(["https://kopie.example/heruitgave", "https://krant.example/een", "https://krant.example/oud"],)]
    assert server.paths.count("/robots.txt") >= 1
    assert "/prive/x" not in server.paths
    agents = {asked.headers["User-Agent"] for asked in server.asked if asked.path == "/een"}
    assert len(agents) == 1
    assert agents.pop().startswith("sneeuwbal (research archive")
    reasons = dict(rows(study, "SELECT reason, count(*) FROM absences GROUP BY 1"))
    assert rows(study, "SELECT count(*) FROM quarantine") == [(0,)]
    assert {why for (why,) in rows(study, "SELECT DISTINCT why FROM answers WHERE outcome = 'absent'")} == set(reasons)
    assert reasons == {"moved": 2, "paywall": 1, "format": 1, "opted-out": 1, "gone": 1}


def test_without_the_library_nothing_is_fetched_and_one_line_says_what_to_install(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "sneeuwbal.toml").write_text(STUDY.format(server.address))
    monkeypatch.setitem(sys.modules, "trafilatura", None)
    before, said = server.paths.count("/een"), list[str]()
    with pytest.raises(UserError, match=r"pip install 'sneeuwbal\[pages\]'"):
        run(read_study(tmp_path), say=said.append)
    assert server.paths.count("/een") == before


def test_one_text_at_two_addresses_is_one_document(study: Path) -> None:
    """Whatever stands around it; the page gives what the interface left out, and nothing replaces what it gave."""
    ((document, title, at, language, text, page, addresses),) = rows(
        study,
        "SELECT document, title, published_at, language, text, page, addresses FROM documents WHERE len(addresses) > 1",
    )
    assert addresses == ["https://kopie.example/heruitgave", "https://krant.example/een"]
    assert (document, page, language) == (addresses[0], "read", "nl")
    assert title == "Over heruitgave"  # the feed's word for the copy
    assert at == datetime(2013, 2, 6, 7, tzinfo=UTC)
    assert "eigen naam twitteren" in text
    assert not {"Voorpagina", "Alle rechten", "Lees ook", "Advertentie"} & set(text.split("\n"))
    assert rows(study, "SELECT page, text FROM documents WHERE document LIKE '%ongelezen'") == [(None, None)]
    assert rows(study, "SELECT count(*), count(DISTINCT document) FROM documents") == [(11, 11)]
    assert rows(study, "SELECT count(*), count(DISTINCT address) FROM document_finds") == [(12, 12)]
    brought = rows(study, "SELECT query, hits, documents FROM searches ORDER BY 1")
    assert brought == [("elders", 2, 1), ("krant", 11, 10)]


def test_a_coder_sees_the_text(study: Path) -> None:
    waiting = decide.Waiting(study)
    (item,) = [one for one in waiting.items["documents"].values() if "heruitgave" in one.subject[0]]
    ((_, shown),) = decide.evidence(study, "documents", item).sides
    assert (shown["page"], shown["language"]) == ("read", "nl")
    assert "eigen naam twitteren" in shown["text"]


def test_a_page_is_fetched_once_and_other_words_are_kept_apart(study: Path, server: Server, tmp_path: Path) -> None:
    """Whatever version finds it, and if searches are asked again; a new version has its own finds."""
    copy = Path(shutil.copytree(study, tmp_path / "study"))
    path, before = copy / "sneeuwbal.toml", len(server.paths)
    path.write_text(path.read_text().replace('id = "krant"', 'id = "krant"\nversion = 2\nwords = "heruitgave"'))
    run(read_study(copy), again=True, say=lambda line: None)
    assert sorted(server.paths[before:]) == ["/elders", "/feed"]
    finds = "SELECT version, count(*) FROM document_finds WHERE query = 'krant' GROUP BY 1 ORDER BY 1"
    assert rows(copy, finds) == [(1, 11), (2, 1)]


def test_the_plan_counts_the_pages(study: Path) -> None:
    frame = plan(read_study(study), guesses_with({"documents_per_search": 250})).set_index("kind")
    assert frame.loc[PAGE, ["targets", "requests"]].tolist() == [250, 250]
    assert frame.loc["feed", "targets"] == 2


def test_without_texts_documents_are_recognised_all_the_same(study: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(study, tmp_path / "study"))
    path = copy / "sneeuwbal.toml"
    path.write_text(path.read_text() + '[minimise]\ndrop = ["texts"]\n')
    same = "SELECT document, page, language, published_at, addresses, queries, first_seen FROM documents ORDER BY 1"
    before = rows(copy, same)
    load(read_study(copy), fresh=True, say=lambda line: None)
    assert rows(copy, same) == before
    assert rows(copy, "SELECT count(*), count(text), count(title) FROM documents") == [(11, 0, 0)]


def test_a_document_is_forgotten_by_any_of_its_addresses(
    study: Path, server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Wherever it stands: in answers, pages, state and the tables of coders; and it is not fetched again."""
    monkeypatch.setenv(VARIABLE, str(tmp_path / "key"))
    copy = Path(shutil.copytree(study, tmp_path / "study"))
    decided = "https://krant.example/een,included,,an,2026-01-01\nhttps://krant.example/oud,included,,an,2026-01-01\n"
    (copy / "screening.csv").write_text(f"document,decision,reason,decided_by,decided_at\n{decided}")
    noted = 'https://krant.example/een,2026-01-01,an,"Zij heet\nZandloper",\nelders,2026-01-01,an,Niets,\n'
    (copy / "observations.csv").write_text(f"source,observed_at,observer,note,file\n{noted}")
    assert {"coverage", "screening.csv", "state.sqlite", "study.duckdb"} <= sung(copy)
    done = forget(read_study(copy), "http://kopie.example/heruitgave", say=lambda line: None)
    assert (done.left, done.cut.unread) == ([], [])
    before = len(server.paths)
    run(read_study(copy), again=True, say=lambda line: None)
    assert sorted(server.paths[before:]) == ["/elders", "/feed"]
    assert sung(copy) == set()
    assert rows(copy, "SELECT page, text IS NULL FROM documents WHERE document LIKE '%oud'") == [("read", False)]
    assert rows(copy, "SELECT count(*), count(*) FILTER (document LIKE '%forgotten.invalid%') FROM documents") == [
        (12, 2)
    ]
    assert rows(copy, "SELECT document FROM screened") == [("https://krant.example/oud",)]
    assert rows(copy, "SELECT source FROM observations") == [("elders",)]


def sung(study: Path) -> set[str]:
    """The files in which the document still is: its address, or who it names."""
    words = (b"krant.example/een", b"kopie.example/heruitgave", b"zandloper")
    return {path.name.partition("-2")[0] for path in study.rglob("*") if path.is_file()
            for _, content in contents(path) if any(word in content.lower() for word in words)}  # fmt: skip


def test_pages_are_kept_no_longer_than_the_study_says(study: Path, tmp_path: Path) -> None:
    """What was found goes with them; a decision stays, as it is a person's."""
    copy = Path(shutil.copytree(study, tmp_path / "study"))
    path = copy / "sneeuwbal.toml"
    path.write_text(path.read_text() + "[minimise.keep_days]\ndocuments = 0\n")
    retain(read_study(copy), say=lambda line: None)
    assert rows(copy, "SELECT (SELECT count(*) FROM documents), (SELECT count(*) FROM base.document_pages)") == [(0, 0)]
    assert "coverage" not in sung(copy)


def test_a_package_with_a_survey_names_no_document_and_nobody_and_is_reproduced(
    study: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The flow, yields and agreement come out; addresses, texts, notes and what people wrote do not."""
    monkeypatch.setenv(VARIABLE, str(tmp_path / "key"))
    copy = Path(shutil.copytree(study, tmp_path / "study"))
    decided = [f"https://krant.example/{one},excluded,over Zandloper,{coder},2026-01-01\n" for one in ("een", "oud")
               for coder in ("anneke", "berend")]  # fmt: skip
    (copy / "screening.csv").write_text("document,decision,reason,decided_by,decided_at\n" + "".join(decided))
    noted = "https://forum.example/t/1,2026-01-01,anneke,Op de borrel zei Zandloper dat zij weggaat bij de gemeente,\n"
    (copy / "observations.csv").write_text(f"source,observed_at,observer,note,file\n{noted}")
    (copy / "enquete.csv").write_text(
        "nr,baan,opmerking\n"
        + "".join(
            f"{at},{1 + at % 2},{'Mijn baas Zandloper leest mee met alles' if at == 3 else ''}\n" for at in range(1, 41)
        )
    )
    (copy / "codes.csv").write_text("variable,label,code,answer,missing\nbaan,Baan?,1,ja,\nbaan,Baan?,2,nee,\n"
                                    "opmerking,Nog iets?,,,\n")  # fmt: skip
    path = copy / "sneeuwbal.toml"
    path.write_text(path.read_text() + '[survey]\nrespondent = "nr"\noutcome = "baan"\npositive = ["ja"]\n')
    import_files(read_study(copy), "survey", [copy / "enquete.csv"],
                 {"codebook": str(copy / "codes.csv"), "respondent": "nr"}, say=lambda line: None)  # fmt: skip
    assert rows(copy, "SELECT count(text) FROM base.survey_answers") == [(1,)]
    made = package(read_study(copy), tmp_path / "public", say=lambda line: None)
    assert not [one for one in reproduce(made, say=lambda line: None) if one.differences]
    assert "Coverage searches" in (made / "report/report.html").read_text()
    flow = duckdb.read_csv(str(made / "report/tables/flow.csv")).fetchall()
    assert [row[-1] for row in flow] == [12, 1, 11, 9, 2, 2, 0, 0]
    secret = (b"zandloper", b".example", b"twitteren", b"anneke", b"weggaat", b"leest mee")
    assert not [(path.name, word) for path in (tmp_path / "public").rglob("*") if path.is_file()
                for _, content in contents(path) for word in secret if word in content.lower()]  # fmt: skip
    (tmp_path / "public" / "notes.md").write_text("Op de borrel zei Zandloper dat zij weggaat bij de gemeente")
    assert len(leaks(copy / "study.duckdb", tmp_path / "public")) == 1


def test_an_archive_without_texts_is_refused(study: Path, tmp_path: Path) -> None:
    """These answers cannot be redacted: nothing is asked rather than kept."""
    (tmp_path / "sneeuwbal.toml").write_text(
        (study / "sneeuwbal.toml").read_text() + '[minimise]\nredact_archive = true\ndrop = ["texts"]\n'
    )
    with pytest.raises(UserError, match="'coverage' cannot redact what it reads"):
        run(read_study(tmp_path), say=lambda line: None)
    assert not list(tmp_path.rglob("coverage-*"))


@pytest.mark.parametrize(
    ("text", "cut"),
    [
        ("<records><record/><record>a</record><record>b</record>", ["<record>a</record>", "<record>b</record>"]),
        ("<item>a<item x='/'>b</item>", ["<item x='/'>b</item>"]),
        ("<entry><entry-id>1</entry-id></entry >", ["<entry><entry-id>1</entry-id></entry >"]),
        ("<item> <b>x</b>" * 50_000, []),  # minutes, if each looked for its end
        ("<item " * 50_000, []),
    ],
    ids=["empty", "unclosed", "prefix", "many", "broken"],
)
def test_an_entry_ends_before_the_next(text: str, cut: list[str]) -> None:
    assert [found[0] for found in ENTRY.finditer(text)] == cut


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

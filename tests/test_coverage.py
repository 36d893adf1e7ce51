"""Coverage searches over one loopback server: documented bodies, broken feeds, and a register whose words change.

The server is `tests.coverage_site`.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import duckdb
import pytest

from analysis import screening
from analysis.report.findings import Findings
from analysis.report.page import Facts, write_report
from jobs import decide
from jobs.backup import files
from jobs.context import read_study
from jobs.run import load, run
from storage.by_hand import read_observations, read_screening
from storage.errors import UserError
from storage.tables.database import open_readonly
from tests.coverage_site import HERE, LONG, site
from tests.pages import rows
from tests.reports import PAGE
from tests.served import Server, serving

REGISTER = """
[study]
name = "Alleen dekking"
language = "en"
[collectors.coverage]
allow_private = true
[[searches]]
id = "courant"
where = "feed"
address = "{0}/moved"
words = "ambtena"
[[searches]]
id = "blog"
where = "feed"
address = "{0}/atom"
[[searches]]
id = "blad"
where = "feed"
address = "{0}/feed.json"
[[searches]]
id = "stukken"
where = "sru"
address = "{0}/sru"
words = "{1}"
why = "What parliament was sent."
[[searches]]
id = "forum"
where = "discourse"
address = "{0}/forum"
words = "ambtenaar"
[[searches]]
id = "nieuw"
where = "discourse_latest"
address = "{0}/forum"
[[searches]]
id = "draad"
where = "discourse_topic"
address = "{0}/forum/t/nieuw/9"
[[searches]]
id = "weg"
where = "feed"
address = "{0}/nergens"
"""
WORDS = "c.product-area==officielepublicaties and cql.textAndIndexes=ambtenaar"


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with serving(site) as found:
        HERE[:] = [found.url]
        yield found


@pytest.fixture(scope="module")
def study(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A study with coverage searches only, collected and loaded."""
    folder = tmp_path_factory.mktemp("dekking")
    (folder / "sneeuwbal.toml").write_text(REGISTER.format(server.url, WORDS))
    run(read_study(folder), say=lambda line: None)
    return folder


def test_a_search_finds_documents_and_each_stands_once(study: Path) -> None:
    """One address in two forms, or one title and text at two addresses, is one document."""
    found = {row[0]: row[1:] for row in rows(study, "SELECT document, queries, addresses FROM documents")}
    assert found == {
        "https://courant.example/a?id=1": (["courant/1"], ["https://courant.example/a?id=1"]),
        "https://courant.example/b": (["courant/1"], ["https://courant.example/b"]),
        "https://courant.example/c": (["courant/1"], ["https://courant.example/c"]),
        "https://blog.example/1": (["blog/1"], ["https://blog.example/1"]),
        "https://blad.example/2": (["blad/1"], ["https://blad.example/2"]),
        "https://blad.example/ambtenaren": (
            ["blad/1"], ["https://blad.example/ambtenaren", "https://kopie.example/x"]),
        **{f"https://zoek.officielebekendmakingen.nl/kst-{n}.html":
           (["stukken/1"], [f"https://zoek.officielebekendmakingen.nl/kst-{n}.html"]) for n in (1, 2, 3)},
    }  # fmt: skip
    finds = rows(study, "SELECT url FROM document_finds WHERE document LIKE '%kopie%' OR address LIKE '%kopie%'")
    assert finds == [("http://kopie.example/x/",)]
    ((title, source, at, text),) = rows(
        study, "SELECT title, source, published_at, summary FROM documents WHERE document LIKE '%id=1'"
    )
    assert (title, source) == ("Ambtenaren in de caf\xe9s & tuinen", "Verzonnen Courant")
    assert (at, text) == (datetime(2013, 2, 6, 8, 30, tzinfo=UTC), LONG)


def test_what_is_broken_in_a_feed_is_absent_and_counted(study: Path) -> None:
    """A date that is none, or of the future; an entry without an address; a feed that is cut off; the raw is kept."""
    assert rows(study, "SELECT count(*) FROM documents WHERE published_at IS NULL AND document LIKE '%courant%'") == [
        (2,)
    ]
    counted = rows(study, "SELECT place, excerpt FROM quarantine WHERE key LIKE 'courant/%' ORDER BY 1")
    assert [place for place, _ in counted] == ["entries[1].date", "entries[2].date", "entries[3]"]
    assert counted[0][1] == "eergisteren"
    broken = rows(study, "SELECT reason FROM quarantine WHERE key LIKE 'blog/%'")
    assert all("read as far as it goes" in reason for (reason,) in broken)
    places = rows(study, "SELECT place FROM quarantine WHERE key LIKE 'blad/%' ORDER BY 1")
    assert places == [("items[2].id",), ("items[2].title",), ("items[3]",)]
    assert rows(study, "SELECT DISTINCT title FROM documents WHERE document LIKE '%blog%'") == [("1 < 2 &amp; 3",)]


def test_the_register_says_what_was_asked_and_what_it_brought(study: Path, server: Server) -> None:
    found = {row[0]: row[1:] for row in rows(study, "SELECT query, words, requests, hits, documents FROM searches")}
    assert found["stukken"] == (WORDS, 2, 3, 3)
    assert found["courant"] == ("ambtena", 1, 5, 3)  # one is not about it, one has no address
    assert found["forum"][1:3] == (2, 3)
    assert rows(study, "SELECT kind, reason FROM absences") == [("feed", "gone")]
    asked = [path for path in server.paths if path.startswith("/sru")]
    assert "maximumRecords=100" in asked[0]
    assert [parse_qs(urlsplit(path).query)["startRecord"] for path in asked[:2]] == [["1"], ["3"]]


INDEXED = """
[study]
name = "Vondsten elders"
[collectors.coverage]
allow_private = true
[[searches]]
id = "kaart"
where = "sitemap"
address = "{0}/sitemap.xml"
[[searches]]
id = "wayback"
where = "wayback"
address = "{0}/cdx?url=courant.example/*"
first_day = 2013-01-01
[[searches]]
id = "crawl"
where = "common_crawl"
address = "{0}/collinfo.json?url=courant.example/*"
words = "crawl"
last_day = 2013-12-31
[[searches]]
id = "nieuws"
where = "media_cloud"
address = "{0}/stories?cs=34412234"
words = "ambtenaar AND twitter"
first_day = 2013-01-01
last_day = 2013-12-31
[[searches]]
id = "zoek"
where = "searxng"
address = "{0}/searx"
words = "ambtenaar"
[[searches]]
id = "raad"
where = "open_besluitvorming"
address = "{0}/raad/api/search?organization=verzonnen"
words = "ambtenaar"
first_day = 2013-01-01
last_day = 2013-12-31
"""


def test_captures_and_search_engines_are_walked_to_their_end(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A capture's moment is no date of publication; what is broken is counted; a silent engine makes it incomplete."""
    (tmp_path / "sneeuwbal.toml").write_text(INDEXED.format(server.url))
    before = len(server.paths)
    with pytest.raises(UserError, match="no key for media_cloud: set MEDIACLOUD_API_KEY"):
        run(read_study(tmp_path), say=lambda line: None)
    monkeypatch.setenv("MEDIACLOUD_API_KEY", "geheim")
    run(read_study(tmp_path), say=lambda line: None)
    day = "(published_at AT TIME ZONE 'Europe/Amsterdam')::DATE::VARCHAR"
    found = rows(tmp_path, f"SELECT queries[1], document, {day} FROM documents ORDER BY ALL")
    assert found == [
        ("crawl/1", "https://courant.example/crawl-1", None),
        ("kaart/1", "https://site.example/ambtenaar-1", None),
        ("kaart/1", "https://site.example/n?a=1&b=2", "2013-02-09"),
        ("nieuws/1", "https://courant.example/op-twitter", "2013-02-06"),
        ("nieuws/1", "https://courant.example/zonder-datum", None),
        ("raad/1", "https://raad.verzonnen.example/1.pdf", "2013-01-01"),
        ("wayback/1", "https://courant.example/ambtenaar", None),
        ("wayback/1", "https://courant.example/tweede", None),
        ("zoek/1", "https://blog.example/gevonden", "2013-02-08"),
    ]
    assert {row[0] for row in rows(tmp_path, "SELECT place FROM quarantine")} >= {"[3]", "line 2", "stories[2]"}
    walks = dict(rows(tmp_path, "SELECT split_part(key, '/', 1), why FROM walks WHERE NOT complete"))
    assert walks.pop("kaart") == f"HTTP 404 for {server.url}/old.xml"  # the other two are read
    assert walks == {"zoek": "engines that did not answer: twee timeout", "raad": "3 of the 4 that it claims"}
    asked = [path for path in server.paths[before:] if path.startswith(("/cc", "/cdx", "/stories", "/raad"))]
    assert not any(path.startswith("/cc3") for path in asked)  # it began after the last day wanted
    assert all("from=20130101" in path for path in asked if path.startswith("/cdx"))
    raad = "/raad/api/search?organization=verzonnen&query=ambtenaar&dateFrom=2013-01-01&dateTo=2013-12-31&sort=date_asc"
    assert [path for path in asked if "raad" in path] == [f"{raad}&limit=100", f"{raad}&limit=100&offset=3"]
    assert all("cs=34412234&q=ambtenaar" in path for path in asked if path.startswith("/stories"))
    assert b"geheim" not in b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())


@pytest.fixture(scope="module")
def renewed(study: Path, server: Server, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the study, in which one search has other words and a new version."""
    copy = Path(shutil.copytree(study, tmp_path_factory.mktemp("nieuwe-woorden") / "study"))
    changed = REGISTER.format(server.url, WORDS.replace("ambtenaar", "topambtenaar"))
    (copy / "sneeuwbal.toml").write_text(changed.replace('id = "stukken"', 'id = "stukken"\nversion = 2'))
    run(read_study(copy), kinds=["sru"], again=True, say=lambda line: None)
    return copy


def test_other_words_need_a_new_version_and_never_mix_with_the_old(
    study: Path, renewed: Path, server: Server, tmp_path: Path
) -> None:
    """Without one the register is refused; with one both stand, and only the newest is asked again."""
    copy = Path(shutil.copytree(study, tmp_path / "study"))
    (copy / "sneeuwbal.toml").write_text(REGISTER.format(server.url, WORDS.replace("ambtenaar", "topambtenaar")))
    with pytest.raises(UserError, match=r"search 'stukken' version 1 was run as .*; give it version = 2"):
        run(read_study(copy), say=lambda line: None)
    asked = [parse_qs(urlsplit(one).query)["query"][0] for one in server.paths if one.startswith("/sru")]
    assert [one.count("topambtenaar") for one in asked] == [0, 0, 1, 1]
    finds = rows(renewed, "SELECT version, count(*) FROM document_finds WHERE query = 'stukken' GROUP BY 1 ORDER BY 1")
    assert finds == [(1, 3), (2, 3)]
    words = rows(renewed, "SELECT version, words FROM searches WHERE query = 'stukken' ORDER BY 1")
    assert [found.count("topambtenaar") for _, found in words] == [0, 1]


def test_a_register_that_cannot_be_asked_is_a_mistake(tmp_path: Path) -> None:
    def message_of(search: str) -> str:
        (tmp_path / "sneeuwbal.toml").write_text(f"[study]\nname = 'x'\n[[searches]]\nid = 'a'\n{search}")
        with pytest.raises(UserError) as error:
            read_study(tmp_path)
        return str(error.value)

    assert "no interface 'fed'; did you mean 'feed'" in message_of("where = 'fed'")
    assert "needs words or an address" in message_of("where = 'sru'")
    assert "twice" in message_of("where = 'sru'\nwords = 'a'\n[[searches]]\nid = 'a'\nwhere = 'sru'\nwords = 'b'")
    left_out = "where = 'sru'\nwords = 'a'\n[collectors.coverage]\nkinds = ['feed']"
    assert "no collector of the study queries 'sru'" in message_of(left_out)


SCREENING = """document,title,decision,reason,decided_by,decided_at
https://courant.example/a?id=1,x,included,,an,2026-11-25T10:00:00Z
https://courant.example/a?id=1,x,included,,ben,2026-11-25T10:00:00Z
https://courant.example/b,x,excluded,no date,an,2026-11-25T10:00:00Z
https://courant.example/b,x,included,,ben,2026-11-25T10:00:00Z
https://kopie.example/x,x,excluded,a copy,an,2026-11-25T10:00:00Z
https://kopie.example/x,x,included,,an,2026-11-26T10:00:00Z
https://blog.example/1,x,excluded,not about it,an,2026-11-25T10:00:00Z
https://blog.example/1,x,included,,ben,2026-11-25T10:00:00Z
https://blog.example/1,x,excluded,agreed: not about it,consensus,2026-11-26T10:00:00Z
https://blad.example/2,x,,,,
"""


OBSERVATIONS = """source,observed_at,observer,note,file
https://forum.example/t/9,2013-02-11T20:15:00+01:00,an,"Wie er werkt, zegt dat er niet bij.",schermen/draad.png
borrel van de vereniging,2013-02-12,ben,Niemand twittert hier.,
"""


@pytest.fixture(scope="module")
def screened(renewed: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """The same study, screened in part."""
    (renewed / "screening.csv").write_text(SCREENING)
    (renewed / "schermen").mkdir()
    (renewed / "schermen" / "draad.png").write_bytes(b"een beeld")
    (renewed / "observations.csv").write_text(OBSERVATIONS)
    load(read_study(renewed), say=lambda line: None)
    with open_readonly(renewed) as db:
        yield db


def test_screening_flows_from_what_was_found_to_what_is_included(screened: duckdb.DuckDBPyConnection) -> None:
    """The steps of PRISMA add up; the consensus settles a dispute, and a coder's later line replaces the earlier."""
    count = screening.flow(screened).set_index("step")["documents"]
    assert count["identified"] == count["duplicates"] + count["documents"]
    assert count["documents"] == count["screened"] + count["not_screened"]
    assert count["screened"] == count["included"] + count["excluded"] + count["disputed"] == 4
    assert (count["included"], count["excluded"], count["disputed"]) == (2, 1, 1)
    assert count["duplicates"] == 4  # the copy, and parliament's three, which both versions found
    assert screening.reasons(screened).to_dict("records") == [{"reason": "agreed: not about it", "documents": 1}]
    months = screening.by_month(screened)
    assert months["documents"].sum() + months.attrs["undated"] == count["documents"]
    assert (len(months), months["included"].sum()) == (1, 2)


def test_saturation_says_what_each_further_search_brought(screened: duckdb.DuckDBPyConnection) -> None:
    frame = screening.saturation(screened).set_index(["query", "version"])
    assert frame["new"].sum() == 9
    assert (frame.loc[("stukken", 1), "new"], frame.loc[("stukken", 2), "new"]) == (3, 0)
    assert (frame.loc[("courant", 1), "included"], frame["new_included"].sum()) == (1, 2)


def test_agreement_of_two_coders_is_the_published_one(screened: duckdb.DuckDBPyConnection) -> None:
    """Cohen 1960, table 1 (kappa .49); Krippendorff 2011, binary (.095) and four observers with gaps (.743)."""
    pairs = [(i, j) for i, row in enumerate([[88, 14, 18], [10, 40, 10], [2, 6, 12]]) for j, n in enumerate(row)
             for _ in range(n)]  # fmt: skip
    assert round(screening.kappa(*zip(*pairs, strict=True))["kappa"], 2) == 0.49
    meg, owen = "0100000010", "1110010000"
    assert round(screening.alpha(zip(meg, owen, strict=True)), 3) == 0.095
    observers = ("123321412...", "1233224125.3", ".3332342251.", "1233244125 1".replace(" 1", "1."))
    units = ([code for code in unit if code != "."] for unit in zip(*observers, strict=True))
    assert round(screening.alpha(units), 3) == 0.743
    frame = screening.agreement(screened)
    assert frame[["coder", "other", "documents"]].to_numpy().tolist() == [["an", "ben", 3]]
    assert (round(frame["agree"].iloc[0], 3), frame.attrs["double"]) == (0.333, 3)


def test_what_is_decided_in_a_queue_is_screened_and_can_be_undone(
    screened: duckdb.DuckDBPyConnection, renewed: Path, tmp_path: Path
) -> None:
    """Those who settle a dispute see what is disputed only."""
    copy = Path(shutil.copytree(renewed, tmp_path / "study"))
    waiting = decide.Waiting(copy)
    (disputed,) = waiting.left("documents", "consensus")
    decide.decide(copy, "documents", disputed, "included", "consensus")
    (blog,) = [one for one in waiting.items["documents"].values() if one.subject == ("https://blog.example/1",)]
    assert blog not in waiting.left("documents", "an")
    decide.undo(copy, "documents", blog.id, "consensus")
    decide.undo(copy, "documents", blog.id, "ben")
    load(read_study(copy), say=lambda line: None)
    with open_readonly(copy) as db:
        verdicts = dict(db.execute("SELECT document, verdict FROM screened").fetchall())
    assert (verdicts[disputed.subject[0]], verdicts[blog.subject[0]]) == ("included", "excluded")


def test_what_people_saw_stands_with_the_checksum_of_its_file(
    screened: duckdb.DuckDBPyConnection, renewed: Path
) -> None:
    rows = screened.execute("SELECT source, epoch(observed_at), observer, file, sha256 FROM observations ORDER BY 2")
    assert rows.fetchall() == [
        ("https://forum.example/t/9", 1360610100.0, "an", "schermen/draad.png", sha256(b"een beeld").hexdigest()),
        ("borrel van de vereniging", 1360627200.0, "ben", None, None),
    ]
    assert {Path("observations.csv"), Path("schermen/draad.png")} <= {*files(read_study(renewed))}  # in a backup


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("a,2013-02-11,an,,", "line 2: neither a note nor a file"),
        ("a,2013-02-11,an,b,../draad.png", "no file '../draad.png' in the study directory"),
        ("a,2013-02-11,,b,", "no observer; fill in observer"),
        ("a,toen,an,b,", "'toen' is not a time"),
    ],
)
def test_a_mistake_in_the_observations_is_one_line(tmp_path: Path, line: str, why: str) -> None:
    (tmp_path / "study").mkdir()
    (tmp_path / "draad.png").touch()
    (tmp_path / "study" / "observations.csv").write_text(f"source,observed_at,observer,note,file\n{line}\n")
    with duckdb.connect() as db, pytest.raises(UserError, match=why):
        read_observations(db, tmp_path / "study")


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("https://a.example,maybe,,an,2026-01-01", "line 2: 'maybe' is not a decision; write included or excluded"),
        ("https://a.example,excluded,,an,2026-01-01", "an exclusion without a reason"),
        ("https://a.example,included,,,2026-01-01", "no coder; fill in decided_by"),
        (",included,,an,2026-01-01", "no document; fill in document"),
        ("https://a.example,included,,an,gisteren", "'gisteren' is not a time"),
    ],
)
def test_a_mistake_in_the_screening_is_one_line(tmp_path: Path, line: str, why: str) -> None:
    (tmp_path / "screening.csv").write_text(f"document,decision,reason,decided_by,decided_at\n{line}\n")
    with duckdb.connect() as db:
        db.execute("CREATE SCHEMA base; CREATE TABLE base.screenings (document VARCHAR)")
        with pytest.raises(UserError, match=why):
            read_screening(db, tmp_path)


@pytest.mark.parametrize("language", ["en", "nl"])
def test_a_study_of_searches_only_reports_without_a_word_about_timelines(
    screened: duckdb.DuckDBPyConnection, renewed: Path, tmp_path: Path, language: str
) -> None:
    with open_readonly(renewed) as db:
        found = Findings(db, replace(PAGE, language=language, least=5 if language == "nl" else 0))
        made = write_report(found, tmp_path, Facts("Alleen dekking", "", ""))
    assert [one.id for one in made.sections] == ["overview", "documents", "method"]
    text = re.sub(r"<(script|style)\b.*?</\1>", "", made.page.read_text("utf-8"), flags=re.S).lower()
    for word in ("timeline", "tijdlijn", "account", "hashtag", "follow", "profile"):
        assert word not in text, word
    assert not list((tmp_path / "networks").iterdir())
    assert len(list((tmp_path / "figures").glob("*.svg"))) == 2
    reasons = made.tables()["exclusions"].frame["reason"].to_list()
    assert reasons == (["agreed: not about it"] if language == "en" else ["other"])
    assert ("an" in made.tables()["agreement"].frame["coder"].to_numpy()) == (language == "en")

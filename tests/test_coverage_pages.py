"""The pages of documents: fetched by the crawler from a loopback server, read, and what becomes of those that are not.

The sites are invented. One study is collected once, and its copies are changed.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pytest

from collectors.coverage.collector import PAGE
from jobs import decide
from jobs.context import read_study
from jobs.forget import forget
from jobs.package import package
from jobs.plan import guesses_with, plan
from jobs.reproduce import reproduce
from jobs.retain import retain
from jobs.run import import_files, load, run
from storage.errors import UserError
from storage.privacy.leaks import leaks
from storage.privacy.pseudonyms import VARIABLE
from tests.contents import contents
from tests.newspaper import OUTCOMES, site
from tests.pages import rows
from tests.served import Server, serving

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
    made = package(read_study(copy), tmp_path / "public", formats=("svg",), say=lambda line: None)
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

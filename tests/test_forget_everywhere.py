"""Forgetting, literally: three platforms over real sockets, every file searched, every table compared, killed."""

from __future__ import annotations

import json
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.archive import manifest
from storage.archive import reader as archive
from storage.locks import lock
from storage.privacy.pseudonyms import VARIABLE
from storage.privacy.quoted_text import Copied
from storage.records import Page
from tests.conftest import ROOT
from tests.contents import contents
from tests.peopled import CANARIES, HANDLE, ID, MAIL, NAME, SITE, SLUG, TEXT, TOOT, Served, peopled
from tests.rehearsal import sneeuwbal

OWN = (*(canary.lower() for canary in CANARIES), "/ap/users/1'", '/ap/users/1"', "/ap/users/1/", "/accounts/1'",
       "/accounts/1/", '/accounts/1"')  # fmt: skip
WHO = f"http://{SITE}/in/{SLUG}"


class Place(NamedTuple):
    """A study before it forgets, its backup, a list for review outside, the servers, and the key."""

    study: Path
    backup: Path
    review: Path
    served: Served
    key: Path


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """A study of the handful, with what people keep beside it: a backup, a list for review, notes, a log, a report."""
    folder = tmp_path_factory.mktemp("everywhere")
    key = folder / "key"
    with peopled() as served:
        study = served.study(folder / "study")
        _cli(study, key, "run", "--no-report")
        _cli(study, key, "review", "--threshold", "0", "-o", str(folder / "review.csv"))
        (folder / "review.csv").open("a").write(
            f',{WHO},"{NAME},\nin twee regels",x,{ID},{HANDLE},,0.9,name,candidate,\n'
            ",http://netwerk.example/in/jan-proef,Jan,x,100100101,janproef,,0.9,name,candidate,\n"
        )
        (study / "notes.md").write_text(f"# Notities\n\nGebeld met {MAIL}.\n@{HANDLE} schreef: {TEXT}\nJan ook.\n")
        (study / "run.log").write_text(f"asked https://api.twitter.com/2/users/{ID}/tweets\nasked nothing\n")
        page = study / "reports" / "20260101" / "report.html"
        page.parent.mkdir(parents=True)
        page.write_text(f"<td>{HANDLE}</td>")
        _cli(study, key, "backup", str(folder / "backup"))
        yield Place(study, folder / "backup", folder / "review.csv", served, key)


def _cli(study: Path, key: Path, *words: str, code: int = 0) -> str:
    done = sneeuwbal("--study", study, *words, **{VARIABLE: str(key)})
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.fixture(scope="module")
def forgotten(place: Place, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Place, str]:
    """The study as it was before; it, its backup and its list after `forget`; and what the command said."""
    before = shutil.copytree(place.study, tmp_path_factory.mktemp("before") / "study", symlinks=True)
    result = _cli(place.study, place.key, "forget", WHO, "--yes")
    return before, place, result


def sung(*places: Path) -> list[str]:
    """Where a canary sings: in files, as they are and decompressed, in rows of SQLite, in tables."""
    found = []
    for path in sorted(path for place in places for path in (place.rglob("*") if place.is_dir() else [place])):
        if not path.is_file():
            continue
        lowered = b"\n".join(content for _, content in contents(path)).lower()
        found += [f"{path.name}: {canary}" for canary in OWN if canary.encode() in lowered]
    return found


def test_no_trace_in_any_file(forgotten: tuple[Path, Place, str]) -> None:
    """Archive, state, database, reports, backup, list for review, notes, log; before, all of them had some."""
    before, place, actual = forgotten
    had = {line.partition(":")[0].split("-")[0] for line in sung(before)}
    assert {"mastodon", "x", "profiles", "snowball", "state.sqlite", "study.duckdb", "notes.md", "run.log"} <= had
    assert sung(place.study, place.backup, place.review) == []
    for folder in (place.study, place.backup):
        noted = manifest.read(folder / "archive")
        for path in archive.segments(folder / "archive"):
            assert noted[path.name] == manifest.checksum(path)
    assert place.review.read_text().count("jan-proef") >= 1
    assert "in twee regels" not in place.review.read_text()
    assert "Jan ook." in (place.study / "notes.md").read_text()
    assert not (place.study / "reports").exists()
    assert not any(canary in actual.lower() for canary in OWN)
    assert NAME not in actual


def test_a_name_goes_from_their_own_records_and_is_listed_elsewhere(forgotten: tuple[Path, Place, str]) -> None:
    """A namesake keeps name, profile, account and post; every record where the name still stands is in the list."""
    _, place, actual = forgotten
    with duckdb.connect(str(place.study / "study.duckdb"), read_only=True) as db:
        named = db.execute("SELECT profile_id FROM profiles WHERE name = ?", [NAME]).fetchall()
        assert named == [(f"http://{SITE}/in/naamgenoot",)]
        named = db.execute("SELECT handle FROM accounts WHERE name = ? ORDER BY 1", [NAME]).fetchall()
        assert named == [("dezelfdenaam",), ("user4@social.example",)]
        assert db.execute("SELECT count(*) FROM posts WHERE contains(text, ?)", [NAME]).fetchall() == [(1,)]
    for path in archive.segments(place.study / "archive"):
        for entry in archive.read(path):
            if isinstance(entry, Page) and NAME.encode() in entry.content():
                assert f"{path.name} {entry.record_id}" in actual


def test_others_words_stay_and_the_tombstone_is_the_same_everywhere(forgotten: tuple[Path, Place, str]) -> None:
    """In others' posts a token stands for handle, id and address, and what was copied from her is cut."""
    _, place, _ = forgotten
    with duckdb.connect(str(place.study / "study.duckdb"), read_only=True) as db:
        texts = dict(db.execute("SELECT post_id, text FROM posts WHERE starts_with(post_id, '5000')").fetchall())
        (token,) = db.execute("SELECT handle FROM accounts WHERE account_id LIKE '-%'").fetchone() or ("",)
        mentioned = db.execute("SELECT DISTINCT handle FROM post_mentions WHERE post_id LIKE '5000%'").fetchall()
        follows = db.execute("SELECT count(*) FROM follows WHERE followed_id LIKE '-%'").fetchone()
    assert mentioned == [(token,)]
    assert follows == (3,)
    assert texts["500001"] == f"RT @{token}:"
    assert texts["500002"] == f"Hoi!\n@{token} kijk eens"
    assert texts["500003"] == "Zoals iemand zei: …, mooi he"
    assert re.fullmatch(
        rf"zie https://forgotten\.invalid/\w+ en https://twitter\.com/{token}/status/-\d+", texts["500004"]
    )
    assert texts["500005"] == "iets dat niemand raakt #werk"


COUNTED = {  # columns that may differ in a row that names nobody: sizes, and when an account was seen on her own lists
    "fetches": ("bytes",), "accounts": ("first_seen", "last_seen", "record_id", "run_id", "counted_at"),
    "current_accounts": ("first_seen", "last_seen", "record_id"),
}  # fmt: skip


def test_every_other_row_of_every_table_is_equal(forgotten: tuple[Path, Place, str]) -> None:
    """All that does not name her and did not come from her own lists; nothing new but her tombstones and the note."""
    before, place, _ = forgotten
    with duckdb.connect() as db:
        db.execute(f"ATTACH '{before / 'study.duckdb'}' AS a (READ_ONLY)")
        db.execute(f"ATTACH '{place.study / 'study.duckdb'}' AS b (READ_ONLY)")
        removed = db.execute("SELECT record_id FROM a.base.fetches EXCEPT SELECT record_id FROM b.base.fetches")
        theirs = [*OWN, *(row[0] for row in removed.fetchall())]
        tables = db.execute(
            "SELECT table_name FROM duckdb_tables() WHERE database_name = 'a' AND schema_name = 'base'"
            " AND table_name NOT IN ('archives', 'made_from')"
        ).fetchall()
        assert len(tables) > 20
        for (table,) in tables:
            left = f"EXCLUDE ({', '.join(COUNTED[table])})" if table in COUNTED else ""
            old, new = (Counter(map(repr, db.execute(f"SELECT * {left} FROM {base}.base.{table}").fetchall()))
                        for base in ("a", "b"))  # fmt: skip
            lost = [row for row in old - new if not any(one in row.lower() for one in theirs)]
            assert lost == [], table
            came = [row for row in new - old if not re.search(r"forgotten|'-\d+'|f[a-z2-7]{14}|…|:'", row)]
            came = [row for row in came if table != "notes" or not re.search(r"'(?:cut|admission)'", row)]
            assert came == [], table  # an admission of several has lost her, and only her


def test_a_later_run_asks_nothing_of_them_and_does_not_bring_them_back(forgotten: tuple[Path, Place, str]) -> None:
    """The servers still offer her, on lists, in posts and under her own names: nobody asks, and nothing is kept."""
    _, place, _ = forgotten
    place.served.forget_what_was_asked()
    for collector in ("profiles", "x", "mastodon"):
        _cli(place.study, place.key, "collect", collector, "--again")
    result = _cli(place.study, place.key, "run", "--no-report")
    assert "load" in result
    new = place.served.asked()
    assert len(new) > 15
    assert [line for line in new if any(one in f"{line}'".lower() for one in OWN)] == []
    assert not any("forgotten" in line or re.search("f[a-z2-7]{14}", line) for line in new), "nor for a token"
    with sqlite3.connect(place.study / "state.sqlite") as db:
        keys = [row[0] for row in db.execute("SELECT key FROM targets").fetchall()]
    assert not any("forgotten" in key or key.startswith("-") for key in keys)
    assert sung(place.study) == []


@pytest.mark.parametrize("name", ["schedule", "gather", "admit", "decisions", "load", "collect-x", "collect-mastodon"])
def test_it_takes_every_lock(forgotten: tuple[Path, Place, str], name: str) -> None:
    """Whoever writes at the moment: one line with what to do, exit code 2, and nothing has changed."""
    _, place, _ = forgotten
    files = [path for path in place.study.rglob("*") if path.is_file() and ".locks" not in path.parts]
    files = [path for path in files if not path.name.endswith(("-wal", "-shm"))]  # SQLite's own, gone when it closes
    states = {path: path.read_bytes() for path in files}
    with lock(place.study, name):
        result = _cli(place.study, place.key, "forget", "@janproef", "--yes", code=2)
    assert re.fullmatch(rf"sneeuwbal: {name} is already running in .* wait for it or stop it\n", result)
    assert states == {path: path.read_bytes() for path in states}


# ---- killed -----------------------------------------------------------------------------------------------------

KILL = """
import os, shutil, signal, sys
sys.path.insert(0, {root!r})
count = 0
def deadly(inner):
    def call(*arguments, **named):
        global count
        count += 1
        if count == {point}:
            os.kill(os.getpid(), signal.SIGKILL)
        return inner(*arguments, **named)
    return call
os.replace, os.fsync, os.unlink, shutil.rmtree = map(deadly, (os.replace, os.fsync, os.unlink, shutil.rmtree))
from cli import entry
sys.argv = ["sneeuwbal", "--study", {study!r}, "forget", {who!r}, "--yes"]
entry()
"""


@pytest.mark.parametrize("point", [3, 12, 24, 37])
def test_killed_anywhere_it_ends_complete_when_it_is_run_again(
    point: int, forgotten: tuple[Path, Place, str], tmp_path: Path
) -> None:
    """SIGKILL at the n-th change on disk, between any two files, then once more: no trace, and a whole study."""
    before, place, _ = forgotten
    study = shutil.copytree(before, tmp_path / "study", symlinks=True)
    (study / "copies.csv").unlink()
    code = KILL.format(root=str(ROOT), point=point, study=str(study), who=WHO)
    environment = {VARIABLE: str(place.key), "PATH": "/usr/bin:/bin", "HOME": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode == -signal.SIGKILL, done.stdout + done.stderr
    _cli(study, place.key, "forget", WHO, "--yes")
    assert sung(study) == []
    _cli(study, place.key, "verify")


# ---- words ------------------------------------------------------------------------------------------------------


def test_copied_words_are_found_whatever_stands_between_them_and_no_others_are() -> None:
    """Eight of hers in a row, in any case, cut off or with other signs between; seven are anybody's."""
    copied = Copied([TEXT, TOOT, "kort", "ook een kort bericht van mij"])
    assert copied.cut(f"x {TEXT.upper()} y") == "x … y"
    assert copied.cut("Een geheel eigen zin over gele vogels die …") == "… …"
    assert copied.cut("een geheel <b>eigen</b> zin, over gele vogels die nooit") == "…"
    assert copied.cut("een geheel eigen zin over gele vogels") == "een geheel eigen zin over gele vogels"
    assert copied.cut("ook een kort bericht van mij!") == "…!"
    assert copied.cut("kort") == "kort"
    blanked = copied.blank(f"é {TEXT} é")
    assert len(blanked.encode()) == len(f"é {TEXT} é".encode())
    assert blanked.strip("é ") == ""
    nothing = Copied(["kort"])
    nothing.leave_common([("somebody", TEXT)])
    assert not nothing.finds(TEXT)
    assert nothing.cut(TEXT) == TEXT
    assert not Copied().finds(TEXT)
    phrase = "met de meeste hoogachting en de hartelijke groeten"
    theirs = Copied([phrase, TEXT])
    theirs.leave_common([(who, f"{phrase}, {who}") for who in ("een", "twee", "drie")])
    assert (theirs.finds(phrase), theirs.finds(TEXT)) == (False, True)
    theirs = Copied(["een twee drie vier vijf zes zeven acht", "aan het begin staat dit en aan het eind ook"])
    assert theirs.cut("aan het begin staat een twee drie vier vijf zes zeven acht dit en aan het eind ook") == "…"


@given(
    st.lists(st.sampled_from([*TEXT.split(), "vreemd", "<b>", "</p>", ", ", "\n", "Σ", "é"]), max_size=30),
    st.sampled_from([" ", "-", " ", "<br>"]),
    st.booleans(),
)
def test_what_is_found_is_cut_also_deep_in_a_document(pieces: list[str], between: str, ascii_only: bool) -> None:
    """A text is found exactly if something is cut from it; a document is, if one of its strings is."""
    text, copied = between.join(pieces), Copied([TEXT])
    assert copied.finds(text) == (copied.cut(text) != text)
    assert not copied.finds(copied.cut(text))
    document = json.dumps({"a": [{"b": ["x", text]}, 1], "c": None}, ensure_ascii=ascii_only).encode()
    for content in (document, document + b"\n" + document, document[:-1]):
        assert copied.finds_in(content) >= copied.finds(text)
    assert copied.finds_in(document) == copied.finds(text)
    assert copied.finds_in(text.encode()) == copied.finds(text)

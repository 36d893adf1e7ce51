"""Forgetting: nothing of the person stays anywhere, others lose nothing, and no later run brings them back."""

from __future__ import annotations

import csv
import os
import shutil
import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import msgspec
import pytest

from jobs.context import parsers
from storage.archive import manifest
from storage.archive import reader as archive
from storage.errors import UserError
from storage.privacy import person as people
from storage.privacy.declared import platforms
from storage.privacy.erase import Cutter
from storage.privacy.erase_bodies import ENTRY
from storage.privacy.forgotten import FILE, Forgotten, Name
from storage.privacy.pseudonyms import VARIABLE
from storage.privacy.quoted_text import Copied
from storage.privacy.suppression import Guard
from storage.records import Page, Request, Target
from tests.contents import contents
from tests.rehearsal import sneeuwbal

AT = datetime(2013, 2, 23, tzinfo=UTC)
ID, HANDLE, PROFILE, PERSON = "900900901", "canarella", "https://netwerk.example/in/canarella", "Kanarie Nergens"
TEXT, MAIL = "Een geheel eigen zin over kanaries", "canarella@nergens.example"
NAMES = [Name("account", ID), Name("x", HANDLE), Name("profile", PROFILE), Name("email", MAIL)]
CANARIES = [ID, HANDLE, PROFILE, "/in/canarella", MAIL, TEXT]


@pytest.fixture
def forgotten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Forgotten:
    """A study that has forgotten Canarella."""
    monkeypatch.setenv(VARIABLE, str(tmp_path / "key"))
    (tmp_path / "study").mkdir()
    made = Forgotten(tmp_path / "study", parsers())
    made.add(NAMES)
    return made


def page(body: bytes | object, collector: str = "x", kind: str = "timeline", key: str = "5", url: str = "") -> Page:
    """An answer for somebody else's target."""
    raw = body if isinstance(body, bytes) else msgspec.json.encode(body)
    return Page((Request(Target(collector, kind, key), "w"),), url or "https://api.example/2", 200, (), raw, AT, "<r>")


def cut(forgotten: Forgotten, one: Page) -> str:
    """The body of *one* without Canarella."""
    found = Cutter(NAMES, forgotten, [PERSON]).entry(one)
    assert isinstance(found, Page)
    return found.content().decode()


def bare_of_canaries(text: str) -> bool:
    """Whether no canary sings."""
    return not any(canary.lower() in text.lower() for canary in CANARIES)


OTHERS = {"id": "1", "author_id": "5", "text": "Iets heel anders over 900900902 en @canarell", "lang": "nl"}


def test_what_is_theirs_goes_and_what_refers_to_it_still_does(forgotten: Forgotten) -> None:
    """In others' timeline a token stands for person and post, the same in both places; the rest is as it was."""
    theirs = {"id": "77000111222", "author_id": ID, "text": TEXT, "created_at": "2013-01-01T00:00:00Z"}
    retweet = {"id": "2", "author_id": "5", "text": f"RT @{HANDLE.upper()}: {TEXT[:20]}…",
               "referenced_tweets": [{"type": "retweeted", "id": "77000111222"}]}  # fmt: skip
    user = {"id": ID, "username": HANDLE, "name": PERSON, "description": f"mail {MAIL}",
            "public_metrics": {"followers_count": 7}}  # fmt: skip
    body = {"data": [OTHERS, retweet], "includes": {"tweets": [theirs], "users": [user]}, "meta": {"next_token": "n"}}
    text = cut(forgotten, page(body))
    actual = msgspec.json.decode(text)
    assert bare_of_canaries(text)
    assert PERSON not in text
    assert "77000111222" not in text
    assert actual["data"][0] == OTHERS
    assert actual["meta"] == body["meta"]
    left = actual["includes"]["tweets"][0]
    assert left["text"] == ""
    assert set(left) == {"id", "author_id", "text"}
    assert actual["data"][1]["referenced_tweets"][0]["id"] == left["id"]
    assert left["author_id"] == actual["includes"]["users"][0]["id"] == forgotten.token(NAMES[0])
    assert actual["data"][1]["text"] == f"RT @{forgotten.token(NAMES[1])}:"


def test_shared_pages_lose_address_and_the_name_beside_it_but_no_namesake(forgotten: Forgotten) -> None:
    """Of a page that lists many only their entry is cut; a namesake far from it stays."""
    far = "<p>" + "x" * 900 + f"</p><p>{PERSON} uit Verzonnenstad</p>"
    block = '{"@type":"Person","url":"https:\\/\\/netwerk.example\\/in\\/canarella","name":"Kanarie Nergens"}'
    html = (
        f'<script type="application/ld+json">{{"@type":"Person","url":"https://netwerk.example/in/o","knows":[{block},'
        f'{{"@type":"Person","url":"https://netwerk.example/in/b","name":"Ander"}}]}}</script>'
        '<li><a href="/in/c">Derde<li><a title="a > b" href=/in/canarella>Bijnaam</a>'  # closed as browsers close it
        '<a/href="/in/canarella">Bijnaam</a>'
        f'<li><a href="/in/canarella">{PERSON}</a></li><li><a href="/in/b">Ander</a></li>{far}'
    )
    text = cut(forgotten, page(html.encode(), "profiles", "connections", "https://netwerk.example/in/o"))
    assert bare_of_canaries(text)
    assert text.count(PERSON) == 1
    assert text.count("Ander") == 2
    assert "Derde" in text
    assert "Bijnaam" not in text
    assert forgotten.token(NAMES[2]) in text


def test_byte_offsets_still_point_at_what_they_did(forgotten: Forgotten) -> None:
    """A Bluesky text keeps its facets in place when a handle in it changes its length."""
    names = [Name("bluesky", "canarella.example"), Name("account", "did:plc:canary22")]
    text = "é @canarella.example zag @ander.example"
    raw = text.encode()
    facets = [
        {"index": {"byteStart": raw.find(b"@" + who), "byteEnd": raw.find(b"@" + who) + len(who) + 1},
         "features": [{"did": did}]}
        for who, did in ((b"canarella.example", "did:plc:canary22"), (b"ander.example", "did:plc:ander"))
    ]  # fmt: skip
    body = {"uri": "at://did:plc:b/app.bsky.feed.post/1", "record": {"text": text, "facets": facets}}
    found = Cutter(names, forgotten).entry(page(body, "bluesky"))
    assert isinstance(found, Page)
    imported = msgspec.structs.replace(page(body, "warc", "file", "a.warc@1"), asked={"recorded": "bluesky"})
    again = Cutter(names, forgotten).entry(imported)  # a recording of others is cut by the same fields
    assert isinstance(again, Page)
    assert again.body == found.body
    record = msgspec.json.decode(found.content())["record"]
    spans = [one["index"] for one in record["facets"]]
    shown = [record["text"].encode()[span["byteStart"] : span["byteEnd"]].decode() for span in spans]
    assert shown == ["@" + forgotten.token(names[0]), "@ander.example"]
    assert "canary22" not in found.content().decode()


def test_a_guard_knows_them_again_without_knowing_who(forgotten: Forgotten) -> None:
    """From digests alone: others' pages are cut, their own are dropped, their targets are refused."""
    guard = Guard(forgotten.path.parent, parsers())
    kept = page({"data": [OTHERS]})
    assert guard.entry(kept) is kept
    seen = guard.entry(page({"data": [{"id": ID, "username": HANDLE, "name": PERSON}]}, kind="followers"))
    assert isinstance(seen, Page)
    assert bare_of_canaries(seen.content().decode())
    assert guard.entry(page({"data": []}, key=ID)) is None
    requests = [Request(Target("x", "user", HANDLE), ""), Request(Target("x", "user", "ander"), "")]
    assert guard.requests(requests) == requests[1:]
    assert bare_of_canaries(forgotten.path.read_text())


def test_another_key_is_reported_and_not_taken(forgotten: Forgotten) -> None:
    """Digests under a lost key recognise nobody: the study stops instead of collecting them again."""
    key = Path(os.environ[VARIABLE])
    key.write_text("x" * 64)
    with pytest.raises(UserError, match="another key"):
        Forgotten(forgotten.path.parent, parsers())
    key.unlink()
    with pytest.raises(UserError, match="key"):
        Forgotten(forgotten.path.parent, parsers())


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


# ---- the whole command on a whole study ----------------------------------------------------------------------


@pytest.fixture(scope="module")
def studies(replayed: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, Path, dict[str, str]]]:
    """A study before and after `forget`, with a backup inside it; and who it was."""
    place = tmp_path_factory.mktemp("forget")
    after = shutil.copytree(replayed, place / "after", symlinks=True)
    (after / "copies.csv").write_text(f"backup,{place / 'backup'}\n")
    shutil.copytree(replayed / "archive", place / "backup" / "archive")
    shutil.copy2(replayed / "state.sqlite", after / "state.sqlite.old")
    query = """SELECT l.profile_id, l.account_id, l.handle, p.name FROM links AS l JOIN profiles AS p USING (profile_id)
        WHERE account_id IN (SELECT retweeted_account FROM posts) ORDER BY (
            SELECT count(*) FROM posts AS o WHERE o.account_id = l.account_id), 1 LIMIT 1"""
    with duckdb.connect(str(after / "study.duckdb"), read_only=True) as db:
        row = db.execute(query).fetchone()
        assert row is not None
        who = dict(zip(("profile", "account", "handle", "name"), row, strict=True))
        (text,) = db.execute("SELECT max(text) FROM posts WHERE account_id = ?", [who["account"]]).fetchone() or ("",)
        who["text"] = text
    head = "decided_at,profile_id,platform,account,decision,decided_by,note\n"
    decisions = f"{head}2013-03-01,{who['profile']},x,{who['handle']},accepted,me,\n"
    (after / "decisions.csv").write_text(decisions)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(VARIABLE, str(place / "key"))
        done = sneeuwbal("--study", after, "forget", f"@{who['handle']}", "--yes", token=None)
        assert done.returncode == 0, done.stdout + done.stderr
        assert who["name"] not in done.stdout
        yield replayed, after, who


def sung(study: Path, who: dict[str, str]) -> list[str]:
    """The files below *study* in which a canary sings: raw, decompressed, and as rows."""
    canaries = [text.lower().encode() for text in who.values()]
    canaries.append(who["profile"].split("/", 3)[3].lower().encode())
    return [
        place or str(path.relative_to(study))
        for path in sorted(study.rglob("*")) if path.is_file()
        for place, content in contents(path) if any(canary in content.lower() for canary in canaries)
    ]  # fmt: skip


def test_nothing_of_them_is_left_anywhere(studies: tuple[Path, Path, dict[str, str]]) -> None:
    """No canary in archive, backup, state, database, reports or decisions; before, the same check found plenty."""
    before, after, who = studies
    leaks = sung(before, who)
    assert {"state.sqlite", "study.duckdb", "table posts", "table links"} <= set(leaks)
    assert any(leak.startswith("archive/") for leak in leaks)
    assert sung(after, who) == []
    copies = archive.segments(after.parent / "backup" / "archive")
    kept = b"".join(entry.content() for path in copies for entry in archive.read(path) if isinstance(entry, Page))
    assert kept
    assert not any(canary.lower().encode() in kept.lower() for canary in who.values())
    noted = manifest.read(after / "archive")
    changed = [path for path in archive.segments(after / "archive") if path.name in noted]
    assert changed
    assert all(manifest.checksum(path) == noted[path.name] for path in changed)
    assert not (after / "reports").exists()
    assert (after / FILE).stat().st_mode & 0o777 == 0o600
    with (after / "decisions.csv").open() as file:
        assert list(csv.reader(file))[1:] == []


OWN = "post_id, account_id, created_at, kind, lang, hashtags, urls, likes, reposts, replies, source"


def test_others_lose_nothing_but_the_mention(studies: tuple[Path, Path, dict[str, str]]) -> None:
    """Every other's post is there; those that did not name the person are equal in every column from its page."""
    before, after, who = studies
    with duckdb.connect() as db:
        db.execute(
            f"ATTACH '{before / 'study.duckdb'}' AS a (READ_ONLY); ATTACH '{after / 'study.duckdb'}' AS b (READ_ONLY)"
        )
        theirs = [who["account"]]
        for view in ("posts", "sample_posts"):
            lost = f"SELECT {OWN} FROM a.{view} WHERE account_id <> $1 EXCEPT ALL SELECT {OWN} FROM b.{view}"
            assert db.execute(lost, theirs).fetchall() == []
            wrote = db.execute(f"SELECT count(*) FROM a.{view} WHERE account_id = $1", theirs).fetchone()
            sizes = db.execute(f"SELECT (SELECT count(*) FROM a.{view}), (SELECT count(*) FROM b.{view})").fetchone()
            assert wrote is not None
            assert sizes is not None
            if view == "posts":
                assert sizes[0] - sizes[1] == wrote[0] > 0
        declared = platforms(parsers()).values()
        person = people.person_of(f"@{who['handle']}", before / "study.duckdb", declared)
        copied = Copied(person.texts)
        copied.leave_common(people.others(person, before / "study.duckdb"))
        same = """SELECT a.text, a.full_text, b.text, b.full_text FROM a.posts AS a JOIN b.posts AS b USING (post_id)
            WHERE a.account_id <> $1 AND NOT contains(lower(a.text), $2) AND coalesce(a.retweeted_account, '') <> $1"""
        texts = db.execute(same, [*theirs, who["handle"]]).fetchall()
        assert [row for row in texts if row[2:] != tuple(text and copied.cut(text) for text in row[:2])] == []
        assert sum(row[:2] != row[2:] for row in texts) < len(texts) / 500, "few say by chance what one person said"
        for view in ("profiles", "positions", "groups"):
            where = "WHERE profile_id <> $1" if view != "groups" else "WHERE $1 <> ''"
            lost = f"SELECT count(*) FROM (SELECT * FROM a.{view} EXCEPT ALL SELECT * FROM b.{view}) {where}"
            (lost_rows,) = db.execute(lost, [who["profile"]]).fetchone() or (1,)
            assert lost_rows == 0, view
        count = "(SELECT count(*) FROM {}.post_mentions WHERE origin = 'delivered' AND account_id <> $1)"
        query = f"SELECT {count.format('a')} - {count.format('b')}"
        (mentions,) = db.execute(query, theirs).fetchone() or (1,)
        assert mentions == 0


def test_an_old_archive_put_back_does_not_bring_them_back(
    studies: tuple[Path, Path, dict[str, str]], tmp_path: Path
) -> None:
    """Load cuts what a backup still holds; the seeds and rules that led to them lead nowhere."""
    before, after, who = studies
    again = shutil.copytree(after, tmp_path / "again", symlinks=True)
    shutil.rmtree(again / "archive")
    shutil.copytree(before / "archive", again / "archive")
    done = sneeuwbal("--study", again, "load", "--fresh", token=None)
    assert done.returncode == 0, done.stdout + done.stderr
    assert [place for place in sung(again, who) if not place.startswith("archive/")] == []
    done = sneeuwbal("--study", again, "admit", token=None)
    assert done.returncode == 0, done.stdout + done.stderr
    with sqlite3.connect(again / "state.sqlite") as db:
        keys = {row[0].lower() for row in db.execute("SELECT key FROM targets")}
    assert not keys & {who["profile"], who["account"], who["handle"]}


def test_a_study_without_its_lock_is_not_touched(studies: tuple[Path, Path, dict[str, str]]) -> None:
    """While a collector runs, forgetting waits for nobody and changes nothing."""
    from storage.locks import lock

    _, after, who = studies
    with lock(after, "collect-x"):
        done = sneeuwbal("--study", after, "forget", who["account"], "--yes", token=None)
    assert done.returncode == 2
    assert "collect-x is already running" in done.stderr

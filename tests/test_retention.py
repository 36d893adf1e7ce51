"""Minimisation, retention and deletion: what is not wanted, old or gone does not stay."""

from __future__ import annotations

import shutil
import sqlite3
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import msgspec
import pytest

from collectors import files
from jobs.context import parsers, yields
from scheduler import command_of
from storage.archive import reader as archive
from storage.archive import writer as archiving
from storage.locks import lock
from storage.privacy.declared import platforms
from storage.privacy.minimise import Expiry, minimised
from storage.privacy.pseudonyms import VARIABLE
from storage.privacy.retention import gone, rechecks
from storage.records import Account, Page, Post, Profile, Quarantine, Request, Target
from study.study_file import Study
from tests import small
from tests.importing import walk
from tests.peopled import HANDLE, ID, TEXT, peopled
from tests.rehearsal import sneeuwbal

AT = datetime(2013, 2, 23, tzinfo=UTC)


def test_what_is_dropped_never_reaches_a_table() -> None:
    """Every field that a word of `drop` stands for is empty; what Table 6 counts stays, and so does all else."""
    post = Post("1", "x", "5", AT, "@iemand hallo", "5", full_text="t", place="p", longitude=1.0, latitude=2.0,
                hashtags=("a",))  # fmt: skip
    account = Account("5", "x", "h", "Naam", "bio", "Plaats")
    profile = Profile("p", "s", None, "Naam", "kop", "bio", "Plaats")
    drop = ("texts", "names", "descriptions", "locations", "coordinates")
    found = list(minimised([post, account, profile, Quarantine("page", "odd", "secret")], drop))
    assert found[0] == Post("1", "x", "5", AT, "@", "5", hashtags=("a",))
    assert found[1] == Account("5", "x", "h")
    assert found[2] == Profile("p", "s")
    assert found[3].excerpt == ""
    assert list(minimised([post, account], ())) == [post, account]


def test_an_answer_goes_on_the_day_that_its_kind_is_kept_no_longer() -> None:
    """By the kind's own term, to the second; kinds without one stay."""
    expiry = Expiry({"posts": 10}, AT, {("x", "timeline"): "posts", ("x", "user"): "accounts"}, lambda page: ())

    def page(kind: str, age: timedelta) -> Page:
        return Page((Request(Target("x", kind, "5"), "w"),), "", 200, (), b"", AT - age)

    assert expiry.entry(page("timeline", timedelta(days=10, seconds=1))) is None
    young = page("timeline", timedelta(days=10))
    assert expiry.entry(young) is young
    other = page("user", timedelta(days=999))
    assert expiry.entry(other) is other


IMPORTED = {  # by what it holds: the format, and a file
    "posts": ("table", "post_id,text,handle\n17,een,test_a\n"),
    "follows": ("table", "follower,followed\n5,6\n@test_a,7\n"),
    "profiles": ("table", "name,employer\nTest Een,Testbedrijf\n"),
    "accounts": ("x-v1", '{"id_str": "5", "id": 5, "screen_name": "test_a"}\n'),
    "posts of 1.1": ("x-v1", '{"id_str": "9", "text": "een", "user": {"id_str": "5", "screen_name": "test_a"}}\n'),
}


@pytest.mark.parametrize("holds", IMPORTED)
def test_a_part_of_an_imported_file_is_kept_as_long_as_what_it_holds(tmp_path: Path, holds: str) -> None:
    format_, text = IMPORTED[holds]
    (tmp_path / "a.txt").write_text(text)
    options = {"platform": "x"} if format_ == "table" and holds != "profiles" else {}
    (page,) = walk(format_, tmp_path / "a.txt", collected=AT, **options)
    kinds = ("posts", "follows", "profiles", "accounts")
    later, parse = AT + timedelta(days=11), files.collector(format_).parse
    gone = [kind for kind in kinds if Expiry({kind: 10}, later, yields(), parse).entry(page) is None]
    assert gone == [holds.split()[0]]
    assert Expiry(dict.fromkeys(kinds, 11), later, yields(), parse).entry(page) is page


def test_a_deleted_post_goes_and_the_table_says_why(
    replayed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A look-up that says `gone`, later than the post was seen, takes it out of archive and tables."""
    monkeypatch.setenv(VARIABLE, str(tmp_path / "key"))
    study = shutil.copytree(replayed, tmp_path / "study", symlinks=True)
    with duckdb.connect(str(study / "study.duckdb"), read_only=True) as db:
        post, text = db.execute(
            "SELECT max_by(post_id, length(text)), max_by(text, length(text)) FROM posts"
        ).fetchone()  # type: ignore[misc]
        before = db.execute("SELECT count(*) FROM posts").fetchone()
    body = (
        f'{{"errors":[{{"resource_id":"{post}","resource_type":"tweet","parameter":"ids","value":"{post}",'
        '"title":"Not Found Error","type":"https://api.twitter.com/2/problems/resource-not-found"}]}'
    )
    dry = sneeuwbal("--study", study, "retain", "--dry-run", token=None).stdout
    protected = int(dry.split()[0])  # posts of accounts that were protected when last seen
    writer = archiving.Writer(study / "archive", "x")
    request = Request(Target("x", "post", post), f"x/post/{post}/1")
    writer.append(Page((request,), "https://api.x.com/2/tweets", 200, (), body.encode(), datetime.now(UTC)))
    writer.close()
    assert sneeuwbal("--study", study, "load", token=None).returncode == 0
    dry = sneeuwbal("--study", study, "retain", "--dry-run", token=None)
    assert dry.stdout.startswith(f"{protected + 1} posts and accounts are no longer on their platforms"), dry.stderr
    done = sneeuwbal("--study", study, "retain", token=None)
    assert done.returncode == 0, done.stdout + done.stderr
    content = b"".join(
        e.content() for s in archive.segments(study / "archive") for e in archive.read(s) if isinstance(e, Page)
    )
    assert post.encode() not in content
    with duckdb.connect(str(study / "study.duckdb"), read_only=True) as db:
        assert db.execute("SELECT count(*) FROM base.posts WHERE post_id = ?", [post]).fetchone() == (0,)
        (left,) = db.execute("SELECT max(text) FROM posts JOIN removed ON token = post_id").fetchone() or (text,)
        assert left == ""
        assert db.execute("SELECT count(*) FROM posts").fetchone() == before, "it is still counted, as a token"
        rows = db.execute("SELECT platform, kind, reason, count(*) FROM removed GROUP BY ALL ORDER BY ALL").fetchall()
    assert rows == [("x", "post", "gone", 1), ("x", "post", "protected", protected)]
    assert sneeuwbal("--study", study, "retain", token=None).stdout.strip().endswith("nothing to remove")


def test_posts_of_an_account_that_was_protected_since_are_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """X shows a protected account's posts to its followers only: what was collected before goes, others' posts stay."""
    monkeypatch.setenv(VARIABLE, str(tmp_path / "key"))
    study = tmp_path / "study"
    study.mkdir()
    (study / "sneeuwbal.toml").write_text('[study]\nname = "proef"\n[collectors.x]\n')
    words = {"5000051": "Een zin die nu achter een slot zit", "5000061": "Een zin die iedereen mag lezen"}
    writer = archiving.Writer(study / "archive", "x")

    def answer(day: int, kind: str, key: str, body: object) -> None:
        at = datetime(2026, 1, day, tzinfo=UTC)
        request = Request(Target("x", kind, key), f"x/{kind}/{key}/{day}")
        writer.append(Page((request,), "https://api.x.com/2/", 200, (), msgspec.json.encode(body), at))

    for post, text in words.items():
        one = {"id": post, "author_id": post[:-1], "text": text, "created_at": "2026-01-01T00:00:00.000Z"}
        answer(2, "timeline", post[:-1], {"data": [one], "meta": {"result_count": 1}})
        user = {"id": post[:-1], "username": f"verzonnen{post[-2]}", "name": "Verzonnen", "protected": False}
        answer(2, "user_id", post[:-1], {"data": user})
        answer(3, "user_id", post[:-1], {"data": {**user, "protected": post == "5000051"}})
    writer.close()
    assert sneeuwbal("--study", study, "load", token=None).returncode == 0
    assert _rows(study, "SELECT post_id FROM base.posts ORDER BY 1") == [(post,) for post in words]
    done = sneeuwbal("--study", study, "retain", token=None)
    assert done.returncode == 0, done.stdout + done.stderr
    assert _rows(study, "SELECT platform, kind, reason FROM removed") == [("x", "post", "protected")]
    assert _rows(study, "SELECT text FROM base.posts WHERE text <> ''") == [(words["5000061"],)]
    content = b"".join(member for s in archive.segments(study / "archive") for _, _, member in archive.members(s))
    assert words["5000051"].encode() not in content
    assert words["5000061"].encode() in content


# ---- the platforms asked again, over real sockets ----------------------------------------------------------------


def _rows(study: Path, query: str) -> list[tuple[Any, ...]]:
    with duckdb.connect(str(study / "study.duckdb"), read_only=True) as db:
        return db.execute(query).fetchall()


LOST = {"500005": "gone", "100100102": "suspended", ID: "protected", "4": "gone"}
JOB = """
[minimise]
keep_days = { following = 0 }
[[schedule]]
name = "daily"
task = "compliance"
cron = "0 4 * * *"
"""


def test_compliance_asks_again_in_batches_and_takes_out_what_is_gone(tmp_path: Path) -> None:
    """Post and accounts that X and Mastodon lost since: out of archive, state and tables; a job of the schedule does
    it while the schedule runs; what is left is not touched, and nothing that is gone is asked for a second time."""
    study_key = {VARIABLE: str(tmp_path / "key")}
    with peopled() as served:
        study = served.study(tmp_path / "study", JOB)
        assert sneeuwbal("--study", study, "run", "--no-report", **study_key).returncode == 0
        accounts = "SELECT account_id FROM accounts WHERE NOT regexp_matches(account_id, '^-|forgotten') ORDER BY 1"
        posts = "SELECT post_id FROM posts WHERE account_id IN ('100100101', '100100103') AND post_id > '0' ORDER BY 1"
        had, wrote = _rows(study, accounts), _rows(study, posts)
        assert len(had) == 8
        served.people.lost = LOST
        served.forget_what_was_asked()
        job = Study.load(study).schedule[0]
        with lock(study, "schedule"):  # as the daemon holds it
            done = sneeuwbal(*command_of(job, study)[3:], **study_key)
        assert done.returncode == 0, done.stdout + done.stderr
        batches = [one for one in served.x.asked if one.path in ("/2/users", "/2/tweets")]
        assert len(batches) == 2, "a batch of accounts and one of posts"
        assert not any("/accounts/lookup" in path for path in served.mastodon.paths[4:])

        left = [(one,) for (one,) in had if not one.endswith("/4") and one not in LOST]
        assert _rows(study, accounts) == left
        assert _rows(study, posts) == [(one,) for (one,) in wrote if one not in LOST]
        removed = _rows(study, "SELECT platform, kind, reason FROM removed WHERE reason <> 'expired' ORDER BY ALL")
        of_x = [("x", "account", "protected"), ("x", "account", "suspended"), *[("x", "post", "gone")] * 4]
        assert removed == [("mastodon", "account", "gone"), *of_x]
        assert _rows(study, "SELECT count(*) FROM answers WHERE kind = 'following'")[0] == (0,), "kept for 0 days"
        content = b"".join(member for s in archive.segments(study / "archive") for _, _, member in archive.members(s))
        for canary in (
            "500005",
            "100100102",
            ID,
            "truustoets",
            "iets dat niemand raakt",
            "een bericht van Truus",
        ):
            assert canary.encode() not in content, canary
        with sqlite3.connect(study / "state.sqlite") as db:
            state = "\n".join(db.iterdump())
        assert not any(canary in state for canary in ("500005", "100100102", ID))
        assert "iets dat niemand raakt" not in (study / "removed.csv").read_text()

        served.forget_what_was_asked()
        done = sneeuwbal("--study", study, "compliance", **study_key)
        assert done.returncode == 0, done.stdout + done.stderr
        assert done.stdout.strip().endswith("nothing to remove")
        assert not any(lost in line for lost in ("500005", "100100102", ID, "-") for line in
                       (one.query.get("ids", "") for one in served.x.asked))  # fmt: skip


def test_an_archive_is_redacted_afterwards_where_the_study_says_so_later(tmp_path: Path) -> None:
    """`retain` redacts what came before; the tables stay as they were with `drop`."""
    study_key = {VARIABLE: str(tmp_path / "key")}
    with peopled() as served:
        study = served.study(tmp_path / "study")
        assert sneeuwbal("--study", study, "run", "--no-report", **study_key).returncode == 0
        with (study / "sneeuwbal.toml").open("a") as file:
            file.write('[minimise]\ndrop = ["texts", "descriptions"]\n')
        assert sneeuwbal("--study", study, "load", **study_key).returncode == 0
        queries = ["FROM posts ORDER BY post_id", "FROM accounts ORDER BY account_id", "FROM follows ORDER BY ALL"]
        before = [_rows(study, query) for query in queries]
        with (study / "sneeuwbal.toml").open("a") as file:
            file.write("redact_archive = true\n")
        done = sneeuwbal("--study", study, "retain", **study_key)
        assert "earlier answers were redacted" in done.stdout, done.stdout + done.stderr
        assert [_rows(study, query) for query in queries] == before
        content = b"".join(
            e.content() for s in archive.segments(study / "archive") for e in archive.read(s) if isinstance(e, Page)
        )
        assert HANDLE.encode() in content
        assert not any(text.encode() in content for text in (TEXT, "vogelvriendin", "niets bijzonders"))
        assert "redacted" not in sneeuwbal("--study", study, "retain", **study_key).stdout


def test_by_what_rule_an_account_or_a_post_is_gone() -> None:
    """By id and after it was last seen; a handle that X does not know, a token, and what came back are no reason."""
    db, declared = small.database(), list(platforms(parsers()).values())
    day = ["2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z", "2026-01-03T00:00:00Z"]
    accounts = [("1", "x"), ("2", "x"), ("3", "x"), ("-4", "x"), ("did:plc:a", "bluesky"), ("did:plc:b", "bluesky"),
                ("https://m.example/u/1", "mastodon")]  # fmt: skip
    small.insert(db, "current_accounts", [{"account_id": id_, "platform": platform, "last_seen": day[1],
                                           "protected": id_ == "3"} for id_, platform in accounts])  # fmt: skip
    result = [("x", "user_id", "1", "gone", day[2]), ("x", "user", "2", "unknown", day[2]),
            ("x", "user_id", "-4", "gone", day[2]), ("bluesky", "user", "did:plc:a", "unknown", day[2]),
            ("bluesky", "user", "did:plc:b", "suspended", day[0]),
            ("mastodon", "user", "https://m.example/u/1", "gone", day[2]),
            ("x", "post", "22", "gone", day[2])]  # fmt: skip
    names = ("platform", "kind", "key", "reason", "last_seen")
    small.insert(db, "absences", [dict(zip(names, row, strict=True)) for row in result])
    posts = [("21", "3", day[0]), ("22", "2", day[1]), ("23", "2", day[1]), ("24", "3", day[2])]
    small.insert(db, "posts", [{"post_id": id_, "platform": "x", "account_id": by, "last_seen": seen}
                               for id_, by, seen in posts])  # fmt: skip
    found = {(one.platform, one.kind, min(name.text for name in one.names), one.reason) for one in gone(db, declared)}
    assert found == {
        ("x", "account", "1", "gone"), ("bluesky", "account", "did:plc:a", "gone"),
        ("mastodon", "account", "https://m.example/u/1", "gone"),
        ("x", "post", "21", "protected"), ("x", "post", "22", "gone"),
    }  # fmt: skip
    asked = rechecks(db, declared)
    assert ("bluesky", "user", "did:plc:b") in asked
    assert ("x", "user_id", "2") in asked
    assert not any(key.startswith("-") for _, _, key in asked)

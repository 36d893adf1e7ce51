"""Minimisation, retention and deletion: what is not wanted, old or gone does not stay."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import pytest

from storage import archive, archiving
from storage.minimising import Expiry, minimised
from storage.pseudonyms import VARIABLE
from storage.records import Account, Page, Post, Profile, Quarantine, Target, Want
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
    expiry = Expiry({"posts": 10}, AT)

    def page(kind: str, age: timedelta) -> Page:
        return Page((Want(Target("x", kind, "5"), "w"),), "", 200, (), b"", AT - age)

    assert expiry.entry(page("timeline", timedelta(days=10, seconds=1))) is None
    young = page("timeline", timedelta(days=10))
    assert expiry.entry(young) is young
    other = page("user", timedelta(days=999))
    assert expiry.entry(other) is other


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
    writer = archiving.Writer(study / "archive", "x")
    want = Want(Target("x", "post", post), f"x/post/{post}/1")
    writer.append(Page((want,), "https://api.x.com/2/tweets", 200, (), body.encode(), datetime.now(UTC)))
    writer.close()
    assert sneeuwbal("--study", study, "load", token=None).returncode == 0
    told = sneeuwbal("--study", study, "retain", "--dry-run", token=None)
    assert told.stdout.startswith("1 posts and accounts are gone"), told.stdout + told.stderr
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
        rows = db.execute("SELECT platform, kind, reason FROM removed").fetchall()
    assert rows == [("x", "post", "gone")]
    assert sneeuwbal("--study", study, "retain", token=None).stdout.strip().endswith("nothing is to go")

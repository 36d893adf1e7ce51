"""Opt-outs: honoured by default and listed; an override has a reason, which is recorded and shown."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest

from collectors.mastodon.collector import collector as mastodon
from collectors.profiles.collector import collector as profiles
from storage.privacy.leaks import leaks
from storage.privacy.pseudonymise import pseudonymise
from storage.privacy.pseudonyms import VARIABLE, Pseudonyms
from storage.records import Profile
from storage.tables.load import load
from study.study_file import Study
from tests.served import run
from tests.served import serving as serving_api
from tests.test_mastodon import HOST, KEY, account
from tests.website import Answer, serving

PARSERS = {"profiles": "collectors.profiles.collector:collector", "mastodon": "collectors.mastodon.collector:collector"}
FILE = """[study]
name = "proef"
[collectors.profiles]
[collectors.mastodon]
"""
OVERRIDE = (
    FILE.replace(
        "[collectors.profiles]", '[collectors.profiles]\nrobots = { obey = false, reason = "toestemming van de site" }'
    )
    + '[minimise]\nopt_outs = "override"\noverride_reason = "allen hebben toegestemd"\n'
)


def person(url: str) -> bytes:
    """A profile page."""
    text = f'{{"@context":"https://schema.org","@type":"Person","url":"{url}","name":"Synthetisch Iemand"}}'
    return f'<script type="application/ld+json">{text}</script>'.encode()


@pytest.mark.parametrize(
    ("before", "headers", "honoured"),
    [
        (b'<meta name="robots" content="noindex, nofollow">', {}, True),
        (b"<META content='NONE' NAME=robots>", {}, True),
        (b"", {"X-Robots-Tag": "noindex"}, True),
        (b'<meta name="robots" content="max-image-preview:large">', {}, False),
        (b'<meta name="description" content="noindex">', {}, False),
        (b"<p>noindex</p>", {"X-Robots-Tag": "noarchive"}, False),
        (b'<META NAME="ROBOTS" CONTENT="NOFOLLOW,NOINDEX">', {}, True),
        (b'<meta content="noindex" name="googlebot">', {}, True),
        (b'<meta name="sneeuwbal" content="noindex">', {}, True),
        (b'<meta name="otherbot" content="noindex">', {}, False),
        (b'<meta name="robots" content="max-image-preview:none">', {}, False),
        (b'<meta name="description" content="a > b"><meta name=robots content=noindex>', {}, True),
        (b"", {"X-Robots-Tag": "otherbot: noindex, nofollow"}, False),
        (b"", {"x-robots-tag": "otherbot: nofollow, sneeuwbal: NOINDEX"}, True),
        (b"", {"X-Robots-Tag": "googlebot: none"}, True),
        (b"", {"X-Robots-Tag": "max-snippet:0, noindex"}, True),
        (b"", {"X-Robots-Tag": "unavailable_after: 25 Jun 2010 15:00:00 PST"}, True),
        (b"", {"X-Robots-Tag": "unavailable_after: Friday, 25-Jun-10 15:00:00 GMT"}, True),
        (b"", {"X-Robots-Tag": "unavailable_after: 2099-06-25"}, False),
        (b"", {"X-Robots-Tag": "'noindex'"}, True),
        (b'<meta property="robots" content="&#110;oindex">', {}, True),
    ],
)
def test_a_page_that_says_noindex_yields_nothing(
    before: bytes, headers: dict[str, str], honoured: bool, tmp_path: Path
) -> None:
    """By its meta tag or its header; nothing else on the page is taken for one."""
    answers: dict[str, Answer | Callable[..., Answer | None]] = {}
    with serving(answers) as site:
        key = f"http://{site.address}/in/iemand"
        answers["/in/iemand"] = (200, {"Content-Type": "text/html", **headers}, before + person(key))
        options = {"allow_private": True, "autothrottle": False}
        found = run(tmp_path / "a", "profiles", profiles, options, [("profile", key)])
        assert found.states["profile", key] == (("absent", "opted-out") if honoured else ("done", ""))
        assert len(found.of(Profile)) == (not honoured)
        options["honour_opt_outs"] = False
        found = run(tmp_path / "b", "profiles", profiles, options, [("profile", key)])
        assert len(found.of(Profile)) == 1


def collected(folder: Path, text: str) -> Path:
    """A study with the file *text* after a run of each collector, as `collect` makes them, and a load."""
    folder.mkdir()
    (folder / "sneeuwbal.toml").write_text(text)
    study = Study.load(folder)
    about = {"settings": dict(study.rows())}
    shy = account(1, noindex=True)
    with serving_api(lambda path: (200, {}, [] if "/statuses" in path else shy)) as server:
        options = {"hosts": {HOST: server.address}, "honour_opt_outs": study.minimise.opt_outs == "honour"}
        run(folder, "mastodon", mastodon, options, [("timeline", KEY)], about=about)
    with serving({"/robots.txt": (200, {}, b"User-agent: *\nDisallow: /")}) as site:
        options = {"allow_private": True, "autothrottle": False}
        options |= {"robots": study.options("profiles")["robots"]}
        run(folder, "profiles", profiles, options, [("profile", f"http://{site.address}/in/iemand")], about=about)
    load(folder, PARSERS, settings=list(study.rows()), workers=1)
    return folder


def rows(database: Path, query: str) -> list[tuple[object, ...]]:
    """What *query* finds."""
    with duckdb.connect(str(database), read_only=True) as db:
        return db.execute(query).fetchall()


def test_what_is_honoured_is_listed_and_nothing_is_overridden(tmp_path: Path) -> None:
    """By default: the account's flag, its timeline that was not read, the page that robots.txt forbids."""
    folder = collected(tmp_path / "study", FILE)
    asked = rows(folder / "study.duckdb", "SELECT platform, asked FROM opt_outs ORDER BY ALL")
    assert asked == [("mastodon", "noindex"), ("mastodon", "opted-out"), ("profiles", "robots.txt")]
    assert rows(folder / "study.duckdb", "FROM overrides") == []


def test_an_override_is_reported_with_its_reason_and_stays_in_a_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From the records of the runs, not from the study file as it is now; without people too."""
    monkeypatch.setenv(VARIABLE, str(tmp_path / "key"))
    folder = collected(tmp_path / "study", OVERRIDE)
    (folder / "sneeuwbal.toml").write_text(FILE)
    load(folder, PARSERS, settings=list(Study.load(folder).rows()), fresh=True, workers=1)
    query = "SELECT rule, collector, reason, runs, since <= until FROM overrides ORDER BY ALL"
    expected = [("opt-outs", "mastodon", "allen hebben toegestemd", 1, True),
                ("opt-outs", "profiles", "allen hebben toegestemd", 1, True),
                ("robots.txt", "profiles", "toestemming van de site", 1, True)]  # fmt: skip
    assert rows(folder / "study.duckdb", query) == expected
    asked = rows(folder / "study.duckdb", "SELECT platform, asked FROM opt_outs ORDER BY ALL")
    assert asked == [("mastodon", "noindex")], "the flag is listed, and nothing was refused for it"
    pseudonymise(folder / "study.duckdb", tmp_path / "without.duckdb", Pseudonyms(folder))
    assert rows(tmp_path / "without.duckdb", query) == expected


def test_a_package_counts_opt_outs_as_the_study_does_and_names_nobody_who_opted_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same rows with pseudonyms: of an account that asked not to be indexed neither address nor handle is left."""
    monkeypatch.setenv(VARIABLE, str(tmp_path / "key"))
    folder = collected(tmp_path / "study", FILE)
    place = tmp_path / "made"
    place.mkdir()
    pseudonymise(folder / "study.duckdb", place / "study.duckdb", Pseudonyms(folder))
    query = "SELECT platform, asked FROM opt_outs ORDER BY ALL"
    assert rows(place / "study.duckdb", query) == rows(folder / "study.duckdb", query) != []
    assert leaks(folder / "study.duckdb", place) == []
    ((id_, handle),) = rows(folder / "study.duckdb", "SELECT account_id, handle FROM accounts")
    hidden = rows(place / "study.duckdb", "SELECT account_id, handle, list_contains(flags, 'noindex') FROM accounts")
    names = Pseudonyms(folder)
    assert hidden == [(names.person(str(id_)), names.person(str(handle)), True)]

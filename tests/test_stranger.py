"""A stranger's platform, in a package of its own, has every feature of the study that a built-in one has."""

from __future__ import annotations

import ast
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import duckdb
import pytest

import sneeuwbal
from jobs.interface import Study
from storage.archive import reader as archive
from storage.errors import Partial
from storage.privacy.pseudonyms import VARIABLE
from storage.records import Page
from study.begin import LIST, Begun, files
from study.study_file import FILE
from tests import village as places
from tests.conftest import ROOT
from tests.contents import contents
from tests.loopback import Loopback, serve
from tests.village import CANARIES, NAME, SEEDED, STUDY, TEXT, Village
from tests.website import serving

PACKAGE = ROOT / "tests" / "stranger"


class Place(NamedTuple):
    """A collected study, and the servers that it was collected from."""

    study: Path
    village: Village
    plein: Loopback
    asked: tuple[str, ...]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """The package installed into a folder of its own, and a study that found the platform from profiles."""
    folder, village = tmp_path_factory.mktemp("stranger"), Village()
    source = shutil.copytree(PACKAGE, folder / "source", ignore=shutil.ignore_patterns("__pycache__"))
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation"]
    done = subprocess.run([*pip, "--target", folder / "site", source], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    with (
        pytest.MonkeyPatch.context() as patch,
        serve(village.platform) as plein,
        serving(places.site(village)) as site,
    ):
        patch.syspath_prepend(folder / "site")
        patch.setenv("PYTHONPATH", str(folder / "site"))
        patch.setenv(VARIABLE, str(folder / "key"))
        study = made(folder / "study", STUDY.format(site=site.address, plein=plein.url))
        opened(study).run()
        yield Place(study, village, plein, tuple(one.path for one in plein.asked))


def made(folder: Path, text: str) -> Path:
    """A study with this study file."""
    folder.mkdir(mode=0o700)
    (folder / "sneeuwbal.toml").write_text(text)
    return folder


def opened(study: Path) -> Study:
    """The study, silent."""
    return sneeuwbal.open(study, say=lambda line: None)


def copied(place: Place, folder: Path, more: str = "") -> Path:
    """The study again, to be changed; *more* goes at the end of its file."""
    study = shutil.copytree(place.study, folder / "study", symlinks=True)
    with (study / "sneeuwbal.toml").open("a") as file:
        file.write(more)
    return study


def rows(study: Path, query: str) -> list[tuple[Any, ...]]:
    """The rows of *query*."""
    with duckdb.connect(str(study / "study.duckdb"), read_only=True) as db:
        return db.execute(query).fetchall()


def archived(study: Path) -> str:
    """All bodies of the platform's answers."""
    entries = (one for path in archive.segments(study / "archive") for one in archive.read(path))
    return "\n".join(one.content().decode() for one in entries
                     if isinstance(one, Page) and one.targets and one.targets[0].collector == "dorpsplein")  # fmt: skip


def test_it_imports_nothing_of_ours_but_the_contract() -> None:
    tree = ast.parse((PACKAGE / "dorpsplein.py").read_text())
    names = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    ours = {name for name in names if name and (ROOT / name.split(".")[0]).exists()}
    assert ours == {"sneeuwbal.contract"}


def test_profiles_link_to_it(place: Place) -> None:
    """Every link on a profile is read by its `handle_of`, and names the account that was found."""
    links = "SELECT split_part(profile_id, '/in/', 2), handle, account_id FROM base.links WHERE decision = 'accepted'"
    assert set(rows(place.study, links)) == {(slug, one[1], one[0]) for slug, one in places.PEOPLE.items()}


def test_the_snowball_goes_on_with_it(place: Place) -> None:
    """Handles lead to accounts, accounts to their lists, each a wave behind the seed; an opt-out's are left alone."""
    kinds = (
        "SELECT kind, count(DISTINCT key), min(wave), max(wave) FROM answers WHERE collector = 'dorpsplein' GROUP BY 1"
    )
    assert set(rows(place.study, kinds)) == {("villager", 5, 1, 1), ("sayings", 3, 1, 1), ("heeds", 3, 1, 1)}
    assert not [path for path in place.asked if "v-4" in path]


def test_absence_is_data(place: Place) -> None:
    assert rows(place.study, "SELECT platform, kind, key, reason FROM absences") == [
        ("dorpsplein", "villager", places.MISSING[1], "gone")
    ]


def test_everything_it_tells_is_in_the_tables(place: Place) -> None:
    """Walks are whole, also the one that met the limit; another's words are a post that nobody's timeline showed."""
    walks = "SELECT DISTINCT ended, complete FROM walks WHERE kind IN ('sayings', 'heeds')"
    assert rows(place.study, walks) == [(True, True)]
    assert rows(place.study, "SELECT count(*) FROM answers WHERE outcome = 'later'") == [(1,)]
    assert rows(place.study, "SELECT count(*) FROM follows") == [(sum(map(len, places.HEEDS.values())),)]
    posts = rows(place.study, "SELECT post_id, kind, timeline_of, retweeted_account FROM base.posts")
    wrote = [one["sid"] for uid in places.HEEDS for one in places.sayings(uid)]
    assert {one[0] for one in posts} == {*wrote, "s-91"}
    assert ("s-25", "retweet", "v-2", "v-77") in posts
    assert ("s-91", "original", None, None) in posts


def test_init_writes_a_study_for_it(place: Place, tmp_path: Path) -> None:
    """What it declares is all that `init` needs: its seeds, its lists, its price."""
    begun = Begun(platforms=("dorpsplein",), members="journalists", groups="newsrooms")
    file = made(tmp_path / "new", files(begun)[FILE])
    (file / LIST).write_text(files(begun)[LIST])
    study = opened(file).settings
    assert "dorpsplein = []  # a nick on the dorpsplein\n" in files(begun)[FILE]
    assert study.schedule[0].kinds == ("sayings",)
    assert study.snowball.along == ("following",)
    assert study.budget.usd == 50.0


def test_its_price_is_counted_and_planned(place: Place) -> None:
    spent = opened(place.study).status()["spent"]
    wrote = sum(len(places.sayings(uid)) for uid in places.HEEDS)
    assert (spent["posts"], round(spent["usd"], 2)) == (wrote, round(wrote * 0.01, 2))
    plan = opened(place.study).plan(posts_per_account=10).query("collector == 'dorpsplein'").set_index("kind")
    assert set(plan.index) == {"villager", "sayings", "heeds"}
    sayings_ = plan.loc["sayings"]
    assert sayings_["items"] == pytest.approx(sayings_["targets"] * 10, abs=10)
    assert sayings_["usd"] == pytest.approx(sayings_["items"] * 0.01, abs=0.02)
    assert "600 requests in 60 s" in sayings_["assumption"]


def test_a_budget_of_posts_ends_a_run(place: Place, tmp_path: Path) -> None:
    """Before it is passed, and the exit is named."""
    text = SEEDED.format(plein=place.plein.url) + "[budget]\nposts = 4\n"
    study = made(tmp_path / "small", text)
    reports = opened(study).run()
    assert [one.status for one in reports if one.collector == "dorpsplein"][-1:] == ["out of budget"]
    (count,) = rows(study, "SELECT coalesce(sum(items), 0) FROM answers WHERE kind = 'sayings'")
    assert 0 < count[0] <= 4
    assert opened(study).status()["budget"] == {"posts": 4}


def test_posts_are_kept_as_long_as_the_study_says(place: Place, tmp_path: Path) -> None:
    study = copied(place, tmp_path, "[minimise]\nkeep_days = { posts = 0 }\n")
    opened(study).retain()
    assert "iets dat niemand raakt" in archived(place.study)
    assert "iets dat niemand raakt" not in archived(study)
    assert rows(study, "SELECT count(*) FROM posts") == [(0,)]
    assert rows(study, "SELECT count(*) FROM follows") == rows(place.study, "SELECT count(*) FROM follows")


def test_what_is_gone_there_goes_here(place: Place, tmp_path: Path) -> None:
    study = copied(place, tmp_path)
    place.village.lost = {"v-3", "s-21"}
    (study / "scan.png").touch()
    try:
        with pytest.raises(Partial, match=r"could not be examined: scan\.png"):
            opened(study).compliance()
    finally:
        place.village.lost = set()
    removed = rows(study, "SELECT platform, kind, reason, count(*) FROM removed GROUP BY ALL ORDER BY kind")
    assert removed == [("dorpsplein", "account", "gone", 1), ("dorpsplein", "post", "gone", 2)]
    left = archived(study)
    assert not [one for one in ("v-3", "Truus", "s-21", "iets dat niemand raakt") if one in left]
    assert "woorden van elders" in left


def test_redaction_leaves_what_the_tables_are_made_from(place: Place, tmp_path: Path) -> None:
    study = copied(place, tmp_path, '[minimise]\ndrop = ["texts", "names", "descriptions", "locations"]\n'
                                    "redact_archive = true\n")  # fmt: skip
    opened(study).retain()
    left = archived(study)
    assert not [one for one in (TEXT, NAME, "vogelvriendin", "Nergenshuizen", "elders") if one in left]
    for query in ("SELECT follower_id, followed_id FROM follows", "SELECT account_id, handle, flags FROM accounts",
                  "SELECT post_id, kind, retweeted_post, hashtags, reply_to_post FROM base.posts"):  # fmt: skip
        assert sorted(rows(study, query)) == sorted(rows(place.study, query))


def test_a_person_is_forgotten_also_in_others_answers(place: Place, tmp_path: Path) -> None:
    """By the nick: profile, account, words, and what others repeat; what others said stays."""
    study = copied(place, tmp_path)
    removal = opened(study).forget("https://dorpsplein.example/@kanarie")
    assert not removal.undeclared
    assert not removal.left
    for path in study.rglob("*"):
        for where, content in contents(path) if path.is_file() else ():
            assert not [one for one in CANARIES if one.encode() in content], (path, where)
    left = archived(study)
    assert all(one in left for one in ("iets dat niemand raakt", "woorden van elders", "een bericht van Truus"))
    others = sum(len(heeds) for uid, heeds in places.HEEDS.items() if uid != "v-77")
    assert rows(study, "SELECT count(*) FROM follows") == [(others,)]


def test_its_networks_are_made(place: Place) -> None:
    study = opened(place.study)
    ties = {"actors": {("v-77", "v-2"), ("v-2", "v-77"), ("v-2", "v-3"), ("v-3", "v-77"), ("v-3", "v-2")},
            "replies": {("v-2", "v-3")}, "retweets": {("v-2", "v-77")}}  # fmt: skip
    for name, expected in ties.items():
        found, _ = study.network(name, layout=False)
        assert expected <= set(found.to_networkx().edges()), name
    tags, _ = study.network("hashtags", layout=False)
    assert set(tags.to_networkx().nodes()) == {"vogels", "werk"}


def test_it_is_reported_and_packaged(place: Place, tmp_path: Path) -> None:
    study = copied(place, tmp_path)
    page = opened(study).report(formats=()).read_text("utf-8")
    assert "janproef" in page
    folder = opened(study).package(tmp_path / "package", formats=("svg",))
    for path in folder.rglob("*"):
        for where, content in contents(path) if path.is_file() else ():
            assert not [one for one in CANARIES if one.encode() in content], (path, where)


def test_the_documentation_builds_this_very_package() -> None:
    """Every block of Python in the guide is the package's own code, in its order."""
    guide = (ROOT / "docs" / "writing-a-collector.md").read_text("utf-8")
    blocks = re.findall(r"```python\n(.*?)```", guide, re.S)
    code, at = (PACKAGE / "dorpsplein.py").read_text("utf-8"), 0
    assert len(blocks) >= 5
    for block in blocks:
        assert block in code[at:], block
        at = code.index(block, at)
    toml = re.findall(r"```toml\n(.*?)```", guide, re.S)
    assert all(block in (PACKAGE / "pyproject.toml").read_text("utf-8") for block in toml)

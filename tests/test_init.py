"""`init --for`: a short study file for some platforms, its list of organisations, and the nouns of both."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from click.testing import CliRunner

from cli import cli
from jobs.doctor import checks
from jobs.plan import guesses_with, plan
from storage.linking.organisations import load_list
from study.begin import LIST, able
from study.nouns import forms, language_of, nouns
from study.study_file import FILE, Study

# the standard plurals, as dictionaries give them
ENGLISH = {
    "journalist": "journalists", "ministry": "ministries", "newsroom": "newsrooms", "church": "churches",
    "agency": "agencies", "boss": "bosses", "person": "people", "spokeswoman": "spokeswomen", "nurse": "nurses",
    "member of parliament": "members of parliament", "civil servant": "civil servants", "law firm": "law firms",
}  # fmt: skip
DUTCH = {
    "ambtenaar": "ambtenaren", "ministerie": "ministeries", "journalist": "journalisten", "redactie": "redacties",
    "school": "scholen", "ziekenhuis": "ziekenhuizen", "bedrijf": "bedrijven", "Kamerlid": "Kamerleden",
    "gemeente": "gemeenten", "arts": "artsen", "politicus": "politici", "kantoor": "kantoren", "bond": "bonden",
    "foto": "foto's", "directeur": "directeuren", "wethouder": "wethouders", "wet": "wetten", "bureau": "bureaus",
    "verpleegkundige": "verpleegkundigen", "bibliothecaris": "bibliothecarissen", "universiteit": "universiteiten",
    "hoogleraar": "hoogleraren", "krant": "kranten", "lid van de raad": "leden van de raad", "partij": "partijen",
}  # fmt: skip


@pytest.mark.parametrize(("language", "words"), [("en", ENGLISH), ("nl", DUTCH)])
def test_a_singular_gives_its_plural_and_a_plural_its_singular(language, words):
    for pair in words.items():
        assert [forms(word, language) for word in pair] == [pair, pair]
    assert forms("alumnus/alumni", language) == ("alumnus", "alumni")


def test_nouns_of_usual_studies_are_known_in_both_languages():
    assert [language_of("journalists", "newsrooms"), language_of("women"), language_of("ministeries")] == [
        "en",
        "en",
        "nl",
    ]
    found = nouns("ambtenaar", "ministeries", "nl")
    assert found["nl"]["article"] == "het"
    assert found["en"] == {"member": "civil servant", "members": "civil servants", "group": "ministry",
                           "groups": "ministries"}  # fmt: skip
    assert set(nouns("glazenwassers", "ladders", "nl")) == {"nl"}


@pytest.mark.parametrize("platforms", [*able(), ",".join(able())])
def test_what_it_writes_is_accepted(tmp_path: Path, platforms: str) -> None:
    about = ["--population", "journalists", "--groups", "newsrooms", "--name", "Who"]
    done = CliRunner().invoke(cli, ["init", "--for", platforms, *about, str(tmp_path)])
    assert done.exit_code == 0, done.output
    study = Study.load(tmp_path)
    assert set(study.collectors) == set(platforms.split(","))
    said = {check.name: check for check in checks(tmp_path)}
    assert said["study file"].passed
    plan(study, guesses_with({}))
    assert load_list(tmp_path / LIST).population["nl"].groups == "redacties"
    text = (tmp_path / LIST).read_text()
    example = "\n".join(line.removeprefix("# ") for line in text.splitlines()[2:] if " = " in line or "[" in line[:5])
    assert tomllib.loads(example)["organisation"][0]["group"] == "Example"  # without its # the example is a list
    (tmp_path / LIST).write_text(example)
    assert Study.load(tmp_path).study.name == "Who"


def test_it_asks_at_a_terminal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("commands.init.asked", lambda: True)
    done = CliRunner().invoke(cli, ["init", str(tmp_path)], input="mastodon\nambtenaren\nministeries\nme@example.org\n")
    assert done.exit_code == 0, done.output
    study = Study.load(tmp_path)
    assert (study.study.language, study.study.contact) == ("nl", "me@example.org")
    assert load_list(tmp_path / LIST).population["nl"].member == "ambtenaar"


def test_a_platform_that_is_not_there_and_nouns_of_no_platform(tmp_path: Path) -> None:
    wrong = CliRunner().invoke(cli, ["init", "--for", "mastodn", str(tmp_path)])
    assert "did you mean 'mastodon'?" in str(wrong.exception or wrong.output)
    assert "need --for" in CliRunner().invoke(cli, ["init", "--groups", "newsrooms", str(tmp_path)]).output
    assert not (tmp_path / FILE).exists()

"""What a collector declares of people holds for built-in and stranger's alike: the tests walk the declaration.

A new platform is tested by declaring: its shapes make an answer in which every personal field holds a canary.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec import inspect

from collectors.parsing.redact import redaction
from jobs.context import parsers
from storage.privacy.declared import CONTENT, Handles, Personal, names_in, platforms, resolved
from storage.privacy.erase import Cutter
from storage.privacy.forgotten import FILE, Forgotten, Name, names_of
from storage.privacy.pseudonyms import ID, VARIABLE
from storage.privacy.suppression import Guard
from storage.records import Page, Request, Target

DATA = Path(__file__).parent / "data"
AT = datetime(2026, 1, 1, tzinfo=UTC)
CANARY = "Kanarievogel"


class Member(msgspec.Struct):
    """An account of a stranger's platform."""

    uid: str
    nick: str = ""
    label: str = ""
    about: str | None = None
    town: str | None = None


class Note(msgspec.Struct):
    """A post there; *of* is the note that it passes on."""

    nid: str
    by: Member
    words: str = ""
    of: str | None = None


class Listed(msgspec.Struct):
    """An answer."""

    members: list[Member] = []
    notes: list[Note] = []


class Stranger:
    """A collector as a stranger declares it; what it fetches is of no matter here."""

    personal = Personal(
        handles=Handles(before=("verzonnen.example/u/",), hosts=("verzonnen.example",)),
        fields={
            "uid": "id", "nid": "id", "nick": "handle", "by": "author", "of": "repeats", "label": "names",
            "about": "descriptions", "town": "locations", "words": "texts",
        },
        shapes={"": (Listed,)},
    )  # fmt: skip


class Undeclared:
    """A collector that declares nothing."""


COLLECTORS: Mapping[str, Any] = {**parsers(), "stranger": Stranger(), "undeclared": Undeclared()}
SHAPED = sorted(name for name, one in platforms(COLLECTORS).items() if one.personal and one.personal.shapes)


def answer(personal: Personal, shape: Any, depth: int = 0) -> Any:
    """A value of *shape* with a canary in every personal field, called after its category, and one in an unknown."""
    info = inspect.type_info(shape) if not isinstance(shape, inspect.Type) else shape
    if isinstance(info, inspect.UnionType):
        found = [one for one in info.types if not isinstance(one, inspect.NoneType)]
        return answer(
            personal, next((o for o in found if isinstance(o, inspect.StructType | inspect.ListType)), found[0]), depth
        )
    if isinstance(info, inspect.ListType):
        return [answer(personal, info.item_type, depth)]
    if not isinstance(info, inspect.StructType):
        plain = {inspect.IntType: 1, inspect.FloatType: 1.5, inspect.BoolType: False, inspect.DictType: {}}
        return plain.get(type(info), "1")
    if depth > 4:
        return None
    made: dict[str, Any] = {"unknownField": f"{CANARY}-other"}
    for field in info.fields:
        found = personal.field(info.cls, field.encode_name)
        made[field.encode_name] = answer(personal, field.type, depth + 1)
        if (
            found is not None
            and found.category in ("", *CONTENT)
            and not isinstance(made[field.encode_name], dict | list)
        ):
            made[field.encode_name] = f"@{CANARY}-{found.category or 'other'}"
    return made


def page(collector: str, body: Any, key: str = "somebodyelse", kind: str = "list") -> Page:
    """An answer about somebody else."""
    return Page((Request(Target(collector, kind, key), "w"),), "https://verzonnen.example/2", 200, (),
                json.dumps(body).encode(), AT, "<r>")  # fmt: skip


@pytest.fixture
def forgotten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Forgotten:
    """A study that forgets."""
    monkeypatch.setenv(VARIABLE, str(tmp_path / "key"))
    (tmp_path / "study").mkdir()
    return Forgotten(tmp_path / "study", COLLECTORS)


@pytest.mark.parametrize("name", SHAPED)
def test_no_declared_field_survives_redaction(name: str) -> None:
    """Whatever is dropped, of every shape that a platform declares; what no table needs goes always."""
    collector = platforms(COLLECTORS)[name]
    assert collector.personal is not None
    redact = redaction(resolved(COLLECTORS)[name])
    assert redact is not None
    for kind, shapes in collector.personal.shapes.items():
        for shape in shapes:
            whole = page(name, answer(collector.personal, shape), kind=kind or "list")
            left = redact(whole, CONTENT).content().decode()
            assert CANARY in whole.content().decode()
            assert CANARY not in left, shape
            assert f"{CANARY}-other" not in redact(whole, ()).content().decode(), shape


@pytest.mark.parametrize(
    "name", sorted(n for n, one in platforms(COLLECTORS).items() if one.personal and names_in([one.personal]).ids)
)
def test_no_declared_field_of_a_forgotten_person_survives_in_others_answers(name: str, forgotten: Forgotten) -> None:
    """An object with an id of theirs keeps tokens and nothing else; the object beside it is as it was."""
    personal = platforms(COLLECTORS)[name].personal
    assert personal is not None
    fields = names_in([personal])
    id_ = "https://verzonnen.example/users/canarella" if not personal.numbers else "900900901"
    key = min(fields.ids)
    theirs = {key: id_, **dict.fromkeys(fields.content, f"{CANARY} van Nergens"), "unknownField": CANARY}
    other = {key: "https://verzonnen.example/users/ander", **dict.fromkeys(fields.content, "Iemand anders")}
    written = {"deeper": [{**theirs, key: "900800700600"} | {min(fields.authors): id_}]} if fields.authors else {}
    found = Cutter([Name("account", id_)], forgotten).entry(page(name, [theirs, other, written]))
    assert isinstance(found, Page)
    left = json.loads(found.content())
    assert CANARY not in found.content().decode()
    assert "canarella" not in found.content().decode().lower()
    assert left[1] == other
    assert str(left[0][key]) == forgotten.token(Name("account", id_))


MEMBERS = {
    "members": [{"uid": "u-77", "nick": "kanarie", "label": "Kanarie Nergens", "about": "vogels", "followers": 3},
                {"uid": "u-78", "nick": "ander", "label": "Iemand Anders", "about": "zie @kanarie"}],
    "notes": [{"nid": "n-1", "by": {"uid": "u-77", "label": "Kanarie Nergens"}, "words": "een lied"},
              {"nid": "n-2", "by": {"uid": "u-78"}, "words": "een lied", "of": "n-1"},
              {"nid": "n-3", "by": {"uid": "u-78"}, "words": "iets anders, zie verzonnen.example/u/kanarie"}],
}  # fmt: skip
NAMES = [Name("account", "u-77"), Name("stranger", "kanarie"), Name("post", "n-1")]


def test_a_strangers_person_is_forgotten_in_others_answers(forgotten: Forgotten) -> None:
    """Name, bio, and words go, also where another passes them on; every other thing that others said stays."""
    found = Cutter(NAMES, forgotten).entry(page("stranger", MEMBERS))
    assert isinstance(found, Page)
    left = msgspec.json.decode(found.content())
    account, handle, post = map(forgotten.token, NAMES)
    assert left["members"][0] == {"uid": account, "nick": handle, "label": "", "about": ""}
    assert left["members"][1] == {**MEMBERS["members"][1], "about": f"zie @{handle}"}
    assert left["notes"][0] == {"nid": post, "by": {"uid": account, "label": ""}, "words": ""}
    assert left["notes"][1] == {"nid": "n-2", "by": {"uid": "u-78"}, "words": "", "of": post}
    assert left["notes"][2]["words"] == f"iets anders, zie verzonnen.example/u/{handle}"


def test_a_guard_knows_a_strangers_person_again(forgotten: Forgotten) -> None:
    """From digests alone, with ids that are neither numbers nor addresses."""
    forgotten.add(NAMES)
    guard = Guard(forgotten.path.parent, COLLECTORS)
    found = guard.entry(page("stranger", MEMBERS))
    assert isinstance(found, Page)
    text = found.content().decode()
    assert not any(word in text for word in ("u-77", "kanarie", "Kanarie", "een lied"))
    assert "Iemand Anders" in text
    assert guard.entry(page("stranger", {"members": MEMBERS["members"][1:2]}, "u-79")) is not None
    assert guard.entry(page("stranger", MEMBERS, "u-77")) is None


def test_a_handle_of_one_platform_is_nobody_on_another(forgotten: Forgotten) -> None:
    """A mere word names people of its own platform only."""
    namesake = page("x", {"data": [{"id": "5", "username": "kanarie", "name": "Een ander"}]})
    assert Cutter(NAMES, forgotten).entry(namesake) is namesake


def test_where_nothing_is_declared_all_text_of_what_names_them_goes_and_it_is_said(forgotten: Forgotten) -> None:
    """Never in silence: the collector is named, and no name survives."""
    cutter = Cutter([Name("account", "u-77")], forgotten)
    found = cutter.entry(page("undeclared", MEMBERS))
    assert isinstance(found, Page)
    left = msgspec.json.decode(found.content())
    assert "Kanarie" not in found.content().decode()
    assert left["members"][1] == MEMBERS["members"][1]
    assert cutter.undeclared == {"undeclared"}
    assert redaction(Undeclared()) is None


def test_what_a_user_types_names_people_as_the_platforms_declare(forgotten: Forgotten) -> None:
    """A handle may be of several platforms; a prefix says of which."""
    declared = list(forgotten.platforms.values())
    assert {name.kind for name in names_of("@kanarie", declared)} == {"x", "stranger"}
    assert names_of("stranger:kanarie", declared) == [Name("stranger", "kanarie")]
    assert {name.kind for name in names_of("a@b.example", declared)} >= {"mastodon"}


# what the code before the declarations wrote into forgotten.csv for these names, and what stood for them
BEFORE = {
    Name("account", "900900901"): "-101396531984496690",
    Name("x", "canarella"): "fiz36dmswewaho3",
    Name("mastodon", "kanarie@nergens.example"): "x3wn2elufr55zqvg@forgotten.invalid",
    Name("account", "https://nergens.example/users/kanarie"): "https://forgotten.invalid/k6ql45sjhq4mg73s",
    Name("bluesky", "kanarie.nergens.example"): "c5hhiqaevgm3znbb.forgotten.invalid",
    Name("account", "did:plc:canary22"): "did:forgotten:oggew2zlvpqy4srb",
    Name("profile", "https://netwerk.example/in/canarella"): "https://forgotten.invalid/wvsowxo5fhokrpcl",
    Name("email", "canarella@nergens.example"): "kxr6z4ca53hkozzl@forgotten.invalid",
    Name("post", "77000111222"): "-907902722558622050",
}


def test_who_was_forgotten_before_the_declarations_stays_forgotten(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An old forgotten.csv refuses the same targets, finds the same names and words, and gives the same tokens."""
    (tmp_path / "key").write_text("f0" * 32)
    (tmp_path / "key").chmod(0o600)
    monkeypatch.setenv(VARIABLE, str(tmp_path / "key"))
    study = tmp_path / "study"
    study.mkdir()
    (study / ID).write_text("00112233445566778899aabbccddeeff\n")
    shutil.copyfile(DATA / "forgotten-before-declarations.csv", study / FILE)
    guard = Guard(study, parsers())
    assert {name: guard.forgotten.token(name) for name in BEFORE} == BEFORE
    texts = ["@canarella", *(name.text for name in BEFORE if name.kind != "x")]
    assert {name.text.lower() for name in guard.forgotten.sight(" ; ".join(texts))} >= {name.text for name in BEFORE}
    for collector, key in (("x", "canarella"), ("x", "900900901"), ("mastodon", "@Kanarie@nergens.example"),
                           ("bluesky", "did:plc:canary22"), ("profiles", "https://netwerk.example/in/canarella"),
                           ("x", "fiz36dmswewaho3")):  # fmt: skip
        assert guard.requests([Request(Target(collector, "user", key), "")]) == []
        assert guard.requests([Request(Target(collector, "user", key + "x"), "")]) != []
    assert guard.forgotten.began("@canarella")
    said = {"data": [{"id": "1", "author_id": "5", "text": "ja: een geheel eigen zin van acht woorden over kanaries!"}]}
    cut = guard.entry(page("x", said))
    assert isinstance(cut, Page)
    assert "eigen zin" not in cut.content().decode()

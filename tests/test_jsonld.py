"""JSON-LD as it is on the web: one person, however a page writes it down."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from collectors.profiles.collector import collector
from storage.records import Page, Position, Profile, ProfileLink, Quarantine, Request, Target
from tests.conftest import examples

KEY = "https://netwerk.example/in/testa"
NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
JOB = {"@type": "Organization", "name": "Ministerie van Financiën"}
PERSON: dict[str, Any] = {"@context": "https://schema.org", "@type": "Person", "name": "Testa Voorbeeld",
                          "jobTitle": "Adviseur", "worksFor": JOB}  # fmt: skip
SOUND = json.dumps(PERSON, ensure_ascii=False)
SITE = json.dumps({"@type": "WebSite", "name": "s"})


def read(block: str | bytes, content_type: str = "text/html; charset=utf-8", head: str = "", encoding: str = "utf-8",
         kind: str = "application/ld+json") -> list[Any]:  # fmt: skip
    """The records of a page with one block."""
    block = block.decode("utf-8", "surrogateescape") if isinstance(block, bytes) else block
    body = f'<!doctype html><html><head>{head}<script type="{kind}">{block}</script></head><body>x</body></html>'
    request = Request(Target("profiles", "profile", KEY), "w")
    headers = (("Content-Type", content_type),)
    page = Page((request,), KEY, 200, headers, body.encode(encoding, "surrogateescape"), NOW)
    assert len(list(collector.outcome(page))) == 1
    return list(collector.parse(page))


def of(kind: type, records: list[Any]) -> list[Any]:
    return [record for record in records if isinstance(record, kind)]


def jobs(records: list[Any]) -> list[tuple[Any, ...]]:
    return [(job.employer, job.title, job.started, job.ended, job.current) for job in of(Position, records)]


def person(**fields: Any) -> str:
    return json.dumps({**PERSON, **fields}, ensure_ascii=False)


def prefixed(value: Any, prefix: str) -> Any:
    """*value* with *prefix* before each of its names and types."""
    if isinstance(value, list):
        return [prefixed(each, prefix) for each in value]
    if not isinstance(value, dict):
        return value
    return {
        name if name.startswith("@") else prefix + name: prefix + inner if name == "@type" else prefixed(inner, prefix)
        for name, inner in value.items()
        if name != "@context"
    }


BARE = {name: value for name, value in PERSON.items() if name != "@context"}
WAYS = {
    "a semicolon": SOUND + ";",
    "two objects": SOUND + "\n" + SITE,
    "two objects, the person last": SITE + "; " + SOUND + " ;",
    "a list and an object": f"[{SITE}], {SOUND}",
    "a byte-order mark": "\ufeff" + SOUND,
    "a comment of a script": "// profile data\n" + SOUND,
    "a comment of HTML": "<!-- profile -->\n" + SOUND,
    "inside a comment": "<!--\n" + SOUND + "\n-->",
    "CDATA": "//<![CDATA[\n" + SOUND + "\n//]]>",
    "CDATA in a comment": "/*<![CDATA[*/" + SOUND + "/*]]>*/",
    "a comma too many": SOUND[:-1] + ",}",
    "entities": SOUND.replace('"', "&quot;"),
    "a prefix": json.dumps({"@context": {"schema": "https://schema.org/"}, **prefixed(BARE, "schema:")}),
    "a prefix of its own": json.dumps({"@context": [{"s": "http://schema.org/"}], **prefixed(BARE, "s:")}),
    "full IRIs": json.dumps([prefixed(BARE, "http://schema.org/")]),
    "full IRIs, secure": json.dumps(prefixed(BARE, "https://schema.org/")),
    "expanded": json.dumps([{"@type": ["http://schema.org/Person"],
                             "http://schema.org/name": [{"@value": "Testa Voorbeeld"}],
                             "http://schema.org/jobTitle": [{"@value": "Adviseur"}],
                             "http://schema.org/worksFor": [{"http://schema.org/name": [{"@value": JOB["name"]}]}]}]),
    "aliases": json.dumps({"@context": {"type": "@type", "naam": "schema:name", "schema": "https://schema.org/"},
                           "type": "Person", "naam": "Testa Voorbeeld", "jobTitle": "Adviseur", "worksFor": JOB}),
    "a nested graph": json.dumps({"@graph": [[{"@graph": [BARE]}]]}),
    "employers in a list in a list": person(worksFor=[[JOB]]),
    "an employer that is null": person(worksFor=[None, JOB, {}]),
    "two languages": person(jobTitle=[{"@value": "Adviseur", "@language": "nl"},
                                      {"@value": "Adviser", "@language": "en"}]),
    "no number": SOUND[:-1] + ', "age": NaN}',
    "half a surrogate pair elsewhere": SOUND[:-1] + ', "award": "cut \\ud83d"}',
    "a newline in a text": SOUND[:-1] + ', "award": "a\nb"}',
}  # fmt: skip


@pytest.mark.parametrize("way", WAYS)
def test_one_person_however_it_is_written(way: str) -> None:
    found = read(WAYS[way])
    assert [profile.name for profile in of(Profile, found)] == ["Testa Voorbeeld"]
    assert jobs(found) == [("Ministerie van Financiën", "Adviseur", None, None, True)]


@settings(max_examples=examples(100), deadline=None, database=None, suppress_health_check=list(HealthCheck))
@given(
    st.lists(st.sampled_from(["", "\ufeff", ";", " ", "\n", "// a note\n", "/* a; note */", ","]), max_size=3),
    st.sampled_from(["", "schema:", "http://schema.org/", "https://schema.org/"]),
    st.lists(st.sampled_from(["", ";", "\n", " , " + SITE, "\n" + SITE + ";", ";;", "/* end */"]), max_size=3),
)
def test_nothing_around_a_block_hides_it(before: list[str], prefix: str, behind: list[str]) -> None:
    block = "".join(before) + json.dumps(prefixed(BARE, prefix)) + "".join(behind)
    found = read(block)
    assert jobs(found) == [("Ministerie van Financiën", "Adviseur", None, None, True)], block


@pytest.mark.parametrize(
    ("end", "kept", "current"),
    [
        (None, None, True), ("", None, True), ("present", None, True), ("Heden", None, True), ("heute", None, True),
        ("0000-00-00", None, True), ("-", None, True), ("2099-12-31", "2099-12-31", True), ("2027", "2027", True),
        ("2026-12", "2026-12", True), ("2026-11", "2026-11", False), ("2026", "2026", False),
        ("2015-05-00", "2015-05", False), ("2015-00-00", "2015", False), ("mei 2016", "mei 2016", False),
        ("2015-05-01T00:00:00Z", "2015-05-01", False),
    ],
)  # fmt: skip
def test_an_end_that_is_none_or_lies_ahead_leaves_a_position_current(end: Any, kept: Any, current: bool) -> None:
    role = {"@type": "OrganizationRole", "worksFor": JOB, "roleName": "Adviseur", "startDate": "2012-00-00"}
    found = read(person(jobTitle=None, worksFor={**role, "endDate": end}))
    assert jobs(found) == [("Ministerie van Financiën", "Adviseur", "2012", kept, current)]


@pytest.mark.parametrize("expected", [{"@type": "Person"}, {"@type": "Person", "foaf:name": "Testa", "age": 3}])
def test_a_person_without_readable_data_is_set_aside(expected: dict[str, Any]) -> None:
    (only,) = read(json.dumps(expected))
    assert isinstance(only, Quarantine)
    assert "nothing can be read" in only.reason


@pytest.mark.parametrize(
    ("content_type", "head", "encoding"),
    [("text/html", "", "cp1252"), ("text/html", '<meta charset="windows-1252">', "cp1252"), ("text/html", "", "utf-8"),
     ("text/html; charset=iso-8859-1", "", "cp1252"), ("text/html", "", "utf-16")],
)  # fmt: skip
def test_a_page_is_read_in_the_encoding_that_a_browser_would_take(content_type: str, head: str, encoding: str) -> None:
    found = read(person(name="Jörg “Jo” Müller"), content_type, head, encoding)
    assert [profile.name for profile in of(Profile, found)] == ["Jörg “Jo” Müller"]
    assert not of(Quarantine, found)


def test_characters_that_had_to_be_replaced_are_counted() -> None:
    found = read(person(name="Jörg Müller"), head='<meta charset="utf-8">', content_type="text/html", encoding="cp1252")
    (quarantined,) = of(Quarantine, found)
    assert quarantined.reason.startswith("3 characters")


def test_links_that_share_a_text_are_apart() -> None:
    body = person(sameAs="https://x.com/testa, https://mastodon.example/@testa")
    assert [one.url for one in of(ProfileLink, read(body))] == [
        "https://x.com/testa",
        "https://mastodon.example/@testa",
    ]

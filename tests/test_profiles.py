"""Profile pages and connection lists: what a page says is what is kept, and nothing else."""

import gzip
import html
import json
import re
import threading
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from collectors.base import Absent, Done, Later, Settings
from collectors.engine.run import collect
from collectors.profiles.collector import Options, Profiles, canonical, collector
from collectors.wire.exchange import Replay, Wire
from storage.archive import reader as archive
from storage.frontier.sqlite import Frontier
from storage.outcomes import absences
from storage.records import Absence, Connection, Page, Position, Profile, ProfileLink, Quarantine, Request, Target
from tests.website import serving

HOST = "http://netwerk.example"
KEY = HOST + "/in/jan"
NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)


def page(body: str | bytes, kind="profile", key=KEY, status=200, url=None, headers=(), cursor="") -> Page:
    content = body.encode() if isinstance(body, str) else body
    default = {"profile": key, "connections": cursor or f"{key}/connections"}.get(kind, key)
    request = Request(Target("profiles", kind, key, cursor), "walk")
    return Page(
        (request,), url or default, status, (("Content-Type", "text/html; charset=utf-8"), *headers), content, NOW
    )


def ld(*blocks) -> str:
    scripts = (
        f'<script type="application/ld+json">{b if isinstance(b, str) else json.dumps(b)}</script>' for b in blocks
    )
    return f"<!DOCTYPE html><html><head>{''.join(scripts)}</head><body><h1>Iemand</h1></body></html>"


def person(**properties) -> dict:
    return {"@context": "http://schema.org", "@type": "Person", "name": "Jan Proef", "url": KEY, **properties}


def read(page: Page) -> list:
    """The records that load makes of *page*."""
    return [*absences(collector.outcome(page)), *collector.parse(page)]


def parse(body, **more) -> list:
    return read(page(body, **more))


def of(kind, records) -> list:
    return [record for record in records if isinstance(record, kind)]


def jobs(**properties) -> list[tuple]:
    found = of(Position, parse(ld(person(**properties))))
    assert [p.ordinal for p in found] == list(range(len(found)))
    return [(p.employer, p.title, p.started, p.ended, p.current) for p in found]


# ---- one form of a URL


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        (KEY, KEY),
        ("HTTP://Netwerk.Example:80/in/jan/", KEY),
        (KEY + "#top", KEY),
        (KEY + "?trk=people_guest&utm_source=mail", KEY),
        ("http://netwerk.example//in//jan", KEY),
        (" http://netwerk.example/in/jan ", KEY),
        ("http://naam:geheim@netwerk.example/in/jan", KEY),
        ("http://netwerk.example:8080/in/jan", "http://netwerk.example:8080/in/jan"),
        ("https://site.example/profiel?id=7&utm_medium=x", "https://site.example/profiel?id=7"),
        ("https://site.example/profiel?b=2&a=1", "https://site.example/profiel?b=2&a=1"),
        ("https://site.example/", "https://site.example"),
        ("https://site.example/In/Jan", "https://site.example/In/Jan"),  # paths are case-sensitive elsewhere
        ("https://site.example/in/jürgen", "https://site.example/in/j%C3%BCrgen"),
        ("https://münchen.example/in/x", "https://xn--mnchen-3ya.example/in/x"),
        ("https://nl.linkedin.com/in/Jan-Proef/?originalSubdomain=nl", "https://www.linkedin.com/in/jan-proef"),
        ("http://linkedin.com/in/jan-proef", "https://www.linkedin.com/in/jan-proef"),
        ("linkedin.com/in/jan-proef", "https://www.linkedin.com/in/jan-proef"),
        ("https://www.linkedin.com/in/jan-proef/en", "https://www.linkedin.com/in/jan-proef"),
        ("https://www.linkedin.com/in/j%c3%bcrgen-1?trk=x", "https://www.linkedin.com/in/j%C3%BCrgen-1"),
        ("https://www.linkedin.com/in/JÜRGEN-1", "https://www.linkedin.com/in/j%C3%BCrgen-1"),
        ("https://www.linkedin.com/pub/jan-proef/1/2a/ab", "https://www.linkedin.com/pub/jan-proef/1/2a/ab"),
        ("https://notlinkedin.com/in/A/", "https://notlinkedin.com/in/A"),
        ("mailto:jan@netwerk.example", "mailto:jan@netwerk.example"),
        ("http://[kapot", "http://[kapot"),
        ("", ""),
    ],
)
def test_one_form_of_every_url(url, expected):
    assert canonical(url) == expected
    assert canonical(expected) == expected


@given(st.text(max_size=60) | st.from_regex(r"https?://[a-z.]{1,12}(:\d{1,5})?/[ -~é]{0,40}"))
def test_the_canonical_form_is_its_own(url):
    assert canonical(canonical(url)) == canonical(url)


@given(st.from_regex(r"https?://[a-z]{1,5}[.-][a-z]{2,5}(\.[a-z]{2,3})?(/[a-z.~-]{1,5}){0,3}/?", fullmatch=True))
def test_the_short_way_to_the_one_form_gives_what_the_long_way_gives(url):
    assert canonical(url) == canonical(url.replace("://", "://user@"))


# ---- positions


def organisation(name, **more) -> dict:
    return {"@type": "Organization", "name": name, **more}


def role(**more) -> dict:
    return {"@type": "OrganizationRole", **more}


@pytest.mark.parametrize(
    ("properties", "expected"),
    [
        ({"jobTitle": "Adviseur", "worksFor": organisation("A")}, [("A", "Adviseur", None, None, True)]),
        ({"jobTitle": ["Adviseur"], "worksFor": [organisation("A")]}, [("A", "Adviseur", None, None, True)]),
        ({"worksFor": "A"}, [("A", None, None, None, True)]),
        ({"worksFor": ["A", organisation("B")], "jobTitle": ["x", "y"]},
         [("A", "x", None, None, True), ("B", "y", None, None, True)]),
        ({"jobTitle": "Zelfstandig"}, [(None, "Zelfstandig", None, None, True)]),
        ({"worksFor": organisation("A", member=role(startDate=2011)), "jobTitle": "x"},
         [("A", "x", "2011", None, True)]),
        ({"worksFor": organisation("A", member=role(startDate="2009-03", endDate="2011-06-30T00:00:00Z"))},
         [("A", None, "2009-03", "2011-06-30", False)]),
        ({"worksFor": organisation("A", member=[role(startDate="2005", endDate="2009", roleName="junior"),
                                                role(startDate="2009", roleName="senior")])},
         [("A", "junior", "2005", "2009", False), ("A", "senior", "2009", None, True)]),
        ({"worksFor": role(worksFor=organisation("A"), roleName="chef", startDate="2012")},
         [("A", "chef", "2012", None, True)]),
        ({"worksFor": role(worksFor="A", endDate="2012")}, [("A", None, None, "2012", False)]),
        ({"alumniOf": [{"@type": "CollegeOrUniversity", "name": "U", "member": role(startDate=1999, endDate=2004)},
                       {"@type": "EducationalOrganization", "name": "V"}]}, []),
        ({"alumniOf": [organisation("Vroeger", member=role(startDate=2001, endDate=2008)), organisation("Niets")]},
         [("Vroeger", None, "2001", "2008", False)]),
        ({"alumniOf": organisation("Vroeger", member=role(startDate=2001))}, [("Vroeger", None, "2001", None, False)]),
        ({"worksFor": [organisation("*****"), organisation("B")], "jobTitle": ["***** **", "y"]},
         [("B", "y", None, None, True)]),
        ({"worksFor": [organisation("A"), organisation("B")], "jobTitle": ["*****", "y"]},
         [("A", None, None, None, True), ("B", "y", None, None, True)]),
        ({"worksFor": [], "jobTitle": None, "alumniOf": {}}, []),
        ({"worksFor": organisation(["A", "Ook A"])}, [("A", None, None, None, True)]),
        ({"worksFor": organisation("Rijk &amp; Co")}, [("Rijk & Co", None, None, None, True)]),
        ({"headline": "Chef bij het ministerie"}, []),  # no title is guessed
    ],
)  # fmt: skip
def test_positions(properties, expected):
    assert jobs(**properties) == expected


def test_an_organisation_named_elsewhere_in_the_graph():
    graph = {"@graph": [person(worksFor={"@id": "#o"}), {"@type": "Organization", "@id": "#o", "name": "A"}]}
    (position,) = of(Position, parse(ld(graph)))
    assert position.employer == "A"


# ---- which Person, and what of it

OTHER = {"@type": "Person", "name": "Iemand Anders", "url": HOST + "/in/anders"}
WHOLE = json.dumps(person())


@pytest.mark.parametrize(
    "body",
    [
        ld(person()),
        ld([{"@type": "WebSite", "name": "x"}, person()]),
        ld({"@type": "BreadcrumbList", "name": "x"}, person()),
        ld(
            {
                "@context": "http://schema.org",
                "@graph": [{"@type": "WebPage"}, person(**{"@type": ["Person", "Thing"]})],
            }
        ),
        ld({"@type": "ProfilePage", "mainEntity": person()}),
        ld({"@type": "ProfilePage", "mainEntity": {"@id": "#jan"}}, person(**{"@id": "#jan"})),
        ld({"@type": "ProfilePage", "mainEntity": person(), "author": OTHER}, OTHER),
        ld(OTHER, person()),
        ld('{"@type": "Person", "name": "half,', person()),
        ld(f"<!-- {WHOLE} -->"),
        ld(f"<!--\n{WHOLE}\n-->"),
        ld(f"//<![CDATA[\n{WHOLE}\n//]]>"),
        ld(WHOLE.replace('"name"', '/* wie */ "name"').replace("}", ",}")),
        ld(html.escape(WHOLE)),
        ld(WHOLE.replace("Jan Proef", "Jan\tProef")),
        ld(person(**{"@type": "http://schema.org/Person"})),
        ld(person(name=["Jan Proef", "J. Proef"])),
        ld(person(name=None, givenName="Jan", familyName="Proef")),
        ld(person()).replace("application/ld+json", "application/ld+json; charset=utf-8"),
        f"<!-- {ld(OTHER)} -->{ld(person())}",
        f"<html><body><p>x</p></body></html>{ld(person())[15:]}",
        ld({**person(), "url": None, "@id": KEY}),
        ld({**person(), "url": "https://janproef.example"}),
    ],
)
def test_the_person_the_page_is_about_is_found_in_every_dress(body):
    (profile,) = of(Profile, parse(body))
    assert (profile.profile_id, profile.name, profile.platform) == (KEY, "Jan Proef", "netwerk.example")


@pytest.mark.parametrize(
    "body",
    [
        "",
        "   ",
        b"\xff\xfe\x00",
        b"%PDF-1.4 ...",
        "<html><body><p>geen mens</p></body></html>",
        ld({"@type": "WebPage", "reviewedBy": OTHER}),
        ld({"@type": "Organization", "name": "O", "employee": [OTHER, person()]}),
        ld(OTHER, {**OTHER, "name": "Een Derde", "url": HOST + "/in/derde"}),  # and nothing says which
        ld('{"@type": "Person", "name": "half,'),
        ld("[" * 100_000),
        ld('"Person"'),
        ld("[1, null, true]"),
    ],
)
def test_a_page_about_nobody_is_flagged_and_never_fatal(body):
    records = parse(body)
    assert records
    assert {type(record) for record in records} == {Quarantine}
    assert isinstance(next(iter(collector.outcome(page(body)))), Done)


def test_a_profile_with_all_it_can_say():
    actual = person(
        headline="Adviseur",
        description="Eerste regel.<br>Tweede &amp; laatste.",
        address={"@type": "PostalAddress", "addressLocality": "Den Haag", "addressRegion": "Zuid-Holland",
                 "addressCountry": {"@type": "Country", "name": "NL"}},
        sameAs=["https://twitter.com/janproef", "https://x.example/@jan", KEY, "*****"],
    )  # fmt: skip
    body = ld({**actual, "url": [KEY, "https://janproef.example"]}).replace(
        "<h1>", '<a rel="me nofollow" href="https://mastodon.example/@jan">m</a><a rel=me href="/in/jan/">ik</a><h1>'
    )
    profile, *links = parse(body)
    assert profile == Profile(
        KEY,
        "netwerk.example",
        KEY,
        "Jan Proef",
        "Adviseur",
        "Eerste regel.\nTweede & laatste.",
        "Den Haag, Zuid-Holland, NL",
    )
    assert links == [
        ProfileLink(KEY, "https://twitter.com/janproef", "sameAs"),
        ProfileLink(KEY, "https://x.example/@jan", "sameAs"),
        ProfileLink(KEY, "https://janproef.example", "website"),
        ProfileLink(KEY, "https://mastodon.example/@jan", "me"),
    ]


def test_the_key_that_was_asked_for_names_the_profile_and_the_page_its_address():
    moved = page(ld(person(url=HOST + "/in/jan-proef")), url=HOST + "/in/jan-proef")
    (profile,) = collector.parse(moved)
    assert (profile.profile_id, profile.url) == (KEY, HOST + "/in/jan-proef")


PERSONAL = person(
    jobTitle=["Adviseur", "Chef"],
    worksFor=[organisation("Ministerie van Proef", member=role(startDate="2011")), organisation("Stichting Zomaar")],
    alumniOf=[organisation("Bureau Eerder", member=role(startDate="2001", endDate="2009"))],
    sameAs=["https://twitter.com/janproef", "https://proef.example/jan"],
    address={"@type": "PostalAddress", "addressLocality": "Den Haag"},
    description="Eerste regel.<br>Tweede.",
)


def microdata(prop: str, value) -> str:
    name = f'itemprop="{prop}" ' if prop else ""
    if isinstance(value, list):
        return "".join(microdata(prop, each) for each in value)
    if isinstance(value, dict):
        inner = "".join(microdata(k, v) for k, v in value.items() if k not in ("@type", "@context"))
        return f'<div {name}itemscope itemtype="http://schema.org/{value["@type"]}">{inner}</div>'
    return f'<a {name}href="{value}">l</a>' if value.startswith("http") else f"<p {name}>{value}</p>"


def rdfa(prop: str, value) -> str:
    name = f'property="{prop}" ' if prop else 'vocab="http://schema.org/" '
    if isinstance(value, list):
        return "".join(rdfa(prop, each) for each in value)
    if isinstance(value, dict):
        inner = "".join(rdfa(k, v) for k, v in value.items() if k not in ("@type", "@context"))
        return f'<div {name}typeof="{value["@type"]}">{inner}</div>'
    return f'<a {name}href="{value}">l</a>' if value.startswith("http") else f"<p {name}>{value}</p>"


def test_one_person_in_three_syntaxes_gives_the_same_records():
    expected = parse(ld(PERSONAL))
    assert len(expected) == 6
    for write in (microdata, rdfa):
        assert parse(f"<html><head><title>t</title></head><body>{write('', PERSONAL)}</body></html>") == expected


values = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 3000) | st.floats(allow_nan=False) | st.text(max_size=12)
    | st.sampled_from(["****", "A", "2011", KEY, "https://x.example/a", "Person", "<br>", "&amp;", "[::1", "http://[x"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from([
        "@type", "@id", "@value", "@graph", "@list", "name", "url", "knows", "worksFor", "alumniOf", "member",
        "startDate", "endDate", "roleName", "jobTitle", "address", "sameAs", "description", "mainEntity",
        "addressLocality",
    ]), inner, max_size=5), max_leaves=20,
)  # fmt: skip


def strings(value) -> list[str]:
    if isinstance(value, dict):
        return [text for each in value.values() for text in strings(each)]
    if isinstance(value, list):
        return [text for each in value for text in strings(each)]
    return [str(value)]


@given(values, st.sampled_from(["profile", "connections"]))
def test_whatever_a_page_holds_it_is_read_without_an_exception_and_without_invention(value, kind):
    body = ld({"@type": "Person", "url": KEY, **value} if isinstance(value, dict) else value)
    list(collector.outcome(page(body, kind)))
    said = " ".join([*strings(value), KEY])
    texts = set(re.findall(r"\w+", f"{said} {html.unescape(said)} {html.unescape(html.unescape(said))}"))
    for record in parse(body, kind=kind):
        if isinstance(record, Profile | Position):
            for text in msgspec.structs.astuple(record)[2:]:
                if isinstance(text, str):
                    assert set(re.findall(r"\w+", text)) <= texts, text


# ---- absences and outcomes


@pytest.mark.parametrize("name", ["***** ********", "J** P****", "M***** de V****", "*", "* * *"])
def test_a_masked_name_is_an_absence(name):
    body = ld(person(name=name, jobTitle="****", worksFor=organisation("*** **")))
    assert parse(body) == [Absence("netwerk.example", "profile", KEY, "masked")]
    actual = Absent(page(body).requests[0].target, "masked", platform="netwerk.example", key=KEY)
    assert list(collector.outcome(page(body))) == [actual]


def test_asterisks_that_hide_nothing_stay():
    profile, position = parse(ld(person(description="*** Mijn eigen mening ***", jobTitle="*** Chef ***")))
    assert (profile.description, position.title) == ("*** Mijn eigen mening ***", "*** Chef ***")


SOON = ("Retry-After", "90")
WALL = '<form><input type="password"></form>'


@pytest.mark.parametrize("kind", ["profile", "connections"])
@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({"status": 404}, "gone"), ({"status": 410}, "gone"), ({"status": 401}, "private"),
        ({"status": 403}, "private"), ({"status": 999}, "refused"), ({"status": 451}, "refused"),
        ({"status": 400}, "refused"),
        ({"body": WALL}, "private"), ({"url": HOST + "/authwall?next=x"}, "private"),
    ],
)  # fmt: skip
def test_absences_are_distinguished(kind, more, expected):
    asked = page(**{"body": "x", "kind": kind, **more})
    (outcome,) = collector.outcome(asked)
    assert outcome == Absent(asked.requests[0].target, expected, outcome.detail, outcome.platform, KEY)
    (absence,) = read(asked)
    assert (absence.kind, absence.key, absence.reason) == (kind, KEY, expected)


@pytest.mark.parametrize(
    ("status", "headers", "seconds", "whole_kind"),
    [
        (429, (SOON,), 90, True), (429, (), None, False), (503, (SOON,), 90, False), (500, (), None, False),
        (502, (), None, False), (999, (SOON,), 90, False), (304, (), None, False), (301, (), None, False),
        (429, (("Retry-After", "Tue, 24 Nov 2026 12:02:00 GMT"),), 120, True),
    ],
)  # fmt: skip
def test_what_may_be_asked_again_later(status, headers, seconds, whole_kind):
    asked = page("<h1>busy</h1>", status=status, headers=headers)
    (outcome,) = collector.outcome(asked)
    until = None if seconds is None else NOW + timedelta(seconds=seconds)
    assert isinstance(outcome, Later)
    assert (outcome.until, outcome.whole_kind, outcome.free) == (until, whole_kind, whole_kind)
    assert list(collector.parse(asked)) == []


def test_a_redirect_and_robots_txt_decide_nothing():
    assert list(collector.outcome(page("", status=301, headers=(("Location", "/in/x"),)))) == []
    robots = page("User-agent: *", kind="robots")
    assert list(collector.outcome(robots)) == list(collector.parse(robots)) == []


def test_a_body_that_cannot_be_decoded_is_asked_again_and_flagged():
    cut = page(gzip.compress(ld(person()).encode())[:-20], headers=(("Content-Encoding", "gzip"),))
    assert isinstance(next(iter(collector.outcome(cut))), Later)
    assert [type(record) for record in collector.parse(cut)] == [Quarantine]


# ---- lists


def people(*names, following="", **more) -> str:
    known = [{"@type": "Person", "name": name, "url": f"/in/{name}"} for name in names]
    return ld(person(knows=known, **more)) + (f'<a rel="next" href="{following}">Volgende</a>' if following else "")


def test_a_list_and_its_next_page():
    asked = page(people("a", "b", "a", "jan", following="/in/jan/connections?page=2#x"), "connections")
    assert list(collector.parse(asked)) == [Connection(KEY, HOST + "/in/a"), Connection(KEY, HOST + "/in/b")]
    assert list(collector.outcome(asked)) == [Done(asked.requests[0].target, next=KEY + "/connections?page=2", items=2)]


@pytest.mark.parametrize(
    ("body", "headers", "following", "complete"),
    [
        (people("a"), (), None, True),
        (people(following="/in/jan/connections?page=2"), (), KEY + "/connections?page=2", True),  # empty, not the last
        (people(), (), None, True),
        (people("a", following="/in/jan/connections"), (), None, True),  # it names itself: the end
        (people("a", following="https://elders.example/2"), (), None, False),
        (people("a"), (("Link", f'<{KEY}/connections?page=9>; rel="next"'),), KEY + "/connections?page=9", True),
        ("<p>Meld u aan", (), None, False),
    ],
)
def test_the_end_of_a_list(body, headers, following, complete):
    (done,) = collector.outcome(page(body, "connections", headers=headers))
    assert isinstance(done, Done)
    assert (done.next, done.complete) == (following, complete)


def test_people_without_an_address_are_flagged_and_counted():
    body = ld(person(knows=[{"@type": "Person", "name": "Zonder"}, HOST + "/in/b", {"@type": "Person", "@id": "_:b1"}]))
    records = parse(body, kind="connections")
    assert of(Connection, records) == [Connection(KEY, HOST + "/in/b")]
    assert len(of(Quarantine, records)) == 2
    assert next(iter(collector.outcome(page(body, "connections")))).items == 3


def test_another_site_is_read_with_its_selectors():
    body = '<ol class="p"><li><a href="/p/1">A</a><li><a href="/p/2">B</a></ol><a class="more" href="?from=2">meer</a>'
    other = Profiles(listed="ol.p a", next="a.more")
    asked = page(body, "connections")
    assert [record.other_id for record in other.parse(asked)] == [HOST + "/p/1", HOST + "/p/2"]
    assert next(iter(other.outcome(asked))).next == KEY + "/connections?from=2"


# ---- pages that were not made for the tests


def test_old_pages_give_nothing_that_they_do_not_say(real: Path):
    """The LinkedIn page of 2015 and the company pages hold no Person that they are about."""
    files = list((real / "profiles").rglob("*.html"))
    assert len(files) == 3
    for file in files:
        for kind in ("profile", "connections"):
            assert {type(record) for record in parse(file.read_bytes(), kind=kind)} == {Quarantine}


def test_every_page_of_the_simulated_world_is_read_as_it_was_meant():
    from fixtures.world.people import READ, jobs
    from fixtures.world.site import MAIN, Site
    from fixtures.world.world import Options as WorldOptions
    from fixtures.world.world import World

    world = World(WorldOptions(scale=0.01))
    people, site = world.people, Site(world)
    for number in range(len(people.slug)):
        url = people.url(number)
        status, headers, body = site.answer(MAIN, url.removeprefix(HOST))
        records = parse(body, key=url, status=status, headers=tuple(headers))
        if people.page[number] != READ:
            assert [type(record) for record in records] == [Absence]
            continue
        (profile,) = of(Profile, records)
        assert (profile.profile_id, profile.name) == (url, people.name(number))
        held = {(job.employer, job.title, job.ended) for job in jobs(people, number, 1) if not job.school}
        read = of(Position, records)
        assert {(p.employer, p.ended) for p in read} == {(employer, ended) for employer, _, ended in held}
        assert {(p.employer, p.title, p.ended) for p in read if p.current} <= held
        assert {link.url for link in of(ProfileLink, records)} == set(people.links.get(number, []))


# ---- the collector in the loop, over real sockets


def test_a_study_of_one_list_ends_with_every_target_settled_and_replays(tmp_path):
    busy = threading.Event()

    def once_busy(handler):
        if busy.is_set():
            return 200, {"Content-Type": "text/html"}, ld(person(name="Bea", url=HOST + "/in/b")).encode()
        busy.set()
        return 429, {"Retry-After": "1"}, b"later"

    def shown(body):
        return 200, {"Content-Type": "text/html"}, body.encode()

    site_answers = {
        "/robots.txt": (200, {}, b"User-agent: *\nDisallow: /in/verboden\n"),
        "/in/jan": shown(ld(person())),
        "/in/jan/connections": shown(people("a", "b", following="/in/jan/connections?page=2")),
        "/in/jan/connections?page=2": shown(people(following="/in/jan/connections?page=3")),
        "/in/jan/connections?page=3": shown(people("c", "verboden")),
        "/in/a": (301, {"Location": "/in/a2"}, b""),
        "/in/a2": shown(ld(person(name="An", url=HOST + "/in/a2"))),
        "/in/b": once_busy,
        "/in/c": (403, {}, b""),
    }
    keys = [HOST + f"/in/{name}" for name in ("jan", "a", "b", "c", "verboden", "weg")]
    targets = [Request(Target("profiles", "profile", key), "") for key in keys]
    targets.append(Request(Target("profiles", "connections", KEY), ""))
    with serving(site_answers) as site:
        live = run(tmp_path / "live", targets, Wire(), site.address)
    again = run(tmp_path / "again", targets, Replay(tmp_path / "live" / "archive", tmp_path / "index"), "127.0.0.1:1")
    assert live == again
    names = {record.name for record in live if isinstance(record, Profile)}
    assert names == {"Jan Proef", "An", "Bea"}
    assert [r.other_id for r in live if isinstance(r, Connection)] == [
        HOST + "/in/a", HOST + "/in/b", HOST + "/in/c", HOST + "/in/verboden",
    ]  # fmt: skip
    assert {(r.key, r.reason) for r in live if isinstance(r, Absence)} == {
        (HOST + "/in/c", "private"), (HOST + "/in/weg", "gone"),
    }  # fmt: skip


def run(folder: Path, targets, wire, address: str) -> list:
    """Collect until nothing is due; the records of the archive, by key."""
    folder.mkdir()
    frontier = Frontier(folder / "state.sqlite")
    with frontier.transaction():
        frontier.add(targets, NOW)
    options = {**Options().model_dump(), "hosts": {"netwerk.example": address}, "autothrottle": False, "timeout": 5.0}
    with closing(wire):
        report = collect(folder, "profiles", collector, Settings(options, None, wire), frontier=frontier)
    assert report.status == "complete", report
    states = {state for _, _, state, *_ in frontier.counts()}
    assert states <= {"done", "absent"}, frontier.counts()
    frontier.close()
    pages = [e for path in archive.segments(folder / "archive") for e in archive.read(path) if isinstance(e, Page)]
    return [record for each in sorted(pages, key=lambda p: (p.url, p.status)) for record in read(each)]

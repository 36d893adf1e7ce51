"""Addresses as people type them: one form for each, and nothing made up."""

from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from collectors.bluesky.collector import collector as bluesky
from collectors.bluesky.typed import page_of as bluesky_page
from collectors.mastodon.collector import collector as mastodon
from collectors.mastodon.typed import page_of as mastodon_page
from collectors.parsing.addresses import web
from collectors.parsing.people import profile_url
from collectors.x.collector import collector as x
from collectors.x.typed import page_of as x_page
from storage.records import ProfileLink, Quarantine
from tests.conftest import examples
from tests.importing import of, read
from tests.test_files_people import export

ADDRESSES = {
    "https://example.org/a": "https://example.org/a",
    "HTTP://EXAMPLE.ORG/A?q=1#f": "http://example.org/A?q=1#f",
    "example.org": "https://example.org",
    "//example.org/a": "https://example.org/a",
    " <https://example.org:443/a> ": "https://example.org/a",
    "http://example.org:8080/": "http://example.org:8080/",
    "www.Example.org./a": "https://www.example.org/a",
    "https://münchen.example/a": "https://xn--mnchen-3ya.example/a",
    "münchen.example": "https://xn--mnchen-3ya.example",
}
NONE = [
    "", " ", "Jan", "@jan", "jan@example.org", "https://jan@example.org/", "at://example.org/app", "did:plc:abc",
    "mailto:jan@example.org", "OTHER:", "OTHER:https://example.org", "geen site", "http://", "https:///a", "1.5",
    "http://[::1", "http://example.org:x/", "#N/A", "https://exa mple.org", "ftp://example.org", "javascript:alert(1)",
]  # fmt: skip


@pytest.mark.parametrize(("typed", "address"), ADDRESSES.items())
def test_an_address_has_one_form(typed: str, address: str) -> None:
    assert web(typed) == address
    assert web(address) == address


@pytest.mark.parametrize("typed", NONE)
def test_what_is_no_address_is_none(typed: str) -> None:
    assert web(typed) is None
    assert profile_url(typed) is None


@given(st.text(max_size=40) | st.text("@ /a.:x0", max_size=12))
@example("@ 0")
@example("@@a")
@example("@ twitter.com/a")
@settings(max_examples=examples(100))
def test_reading_an_address_twice_changes_nothing_and_no_text_breaks_it(typed: str) -> None:
    found = web(typed)
    assert found is None or web(found) == found
    for one in (x, mastodon, bluesky):
        assert one.canonical(one.canonical(typed)) == one.canonical(typed)


@pytest.mark.parametrize(
    ("page", "typed", "address"),
    [
        *((x_page, one, "https://x.com/Test_A") for one in ("Test_A", "@Test_A", " @Test_A ", "//X.com/Test_A")),
        (x_page, "twitter.com/Test_A", "https://twitter.com/Test_A"),
        (x_page, "HTTP://X.COM/@a?s=20#f", "http://x.com/@a?s=20#f"),
        *((x_page, one, None) for one in ("1,23457E+18", "jan@example.org")),
        *((x_page, one, None) for one in ("x.com", "#N/A", "jan.jansen", "een te lange naam")),
        *((mastodon_page, one, "https://mastodon.example/@a") for one in
          ("@a@mastodon.example", "a@Mastodon.Example", "acct:a@mastodon.example", "mastodon.example/@a")),
        *((mastodon_page, one, None) for one in ("a", "@a", "mastodon.example", "a@b", "@a@b@c.example")),
        *((bluesky_page, one, "https://bsky.app/profile/a.example.net") for one in
          ("a.example.net", "@A.example.net", "bsky.app/profile/a.example.net", "at://a.example.net/app.bsky.feed/1",
           "https://bsky.app/profile/a.example.net/post/1?x=1")),
        (bluesky_page, "did:plc:abc234", "https://bsky.app/profile/did:plc:abc234"),
        (bluesky_page, "at://did:plc:abc234", "https://bsky.app/profile/did:plc:abc234"),
        *((bluesky_page, one, None) for one in ("a", "@a", "#N/A", "1.5")),
    ],
)  # fmt: skip
def test_an_account_as_people_type_it(page: object, typed: str, address: str | None) -> None:
    assert page(typed) == address  # type: ignore[operator]


def test_seeds_as_people_type_them_are_one_account() -> None:
    typed = ("Test_A", "@test_a", "x.com/Test_A", "https://twitter.com/TEST_A?s=20", "HTTP://MOBILE.X.COM/@test_a/")
    assert {x.canonical(one) for one in typed} == {"test_a"}
    assert {mastodon.canonical(one) for one in ("@a@M.example", "acct:a@m.example")} == {"a@m.example"}
    assert mastodon.canonical("M.example/@a") == "https://m.example/@a"
    typed = ("@A.example", "at://a.example", "bsky.app/profile/a.example", "https://bsky.app/profile/A.example/")
    assert {bluesky.canonical(one) for one in typed} == {"a.example"}


def test_a_table_with_addresses_that_are_none_counts_them(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text(
        "profile_id,name,x,mastodon,bluesky,website,url\n"
        "1,Ann,twitter.com/ann,m.example/@ann,bsky.app/profile/ann.example,ann.example,HTTPS://Example.org/ann\n"
        "2,Bob,geen account,ook niet,niets,tja,x\n"
        "3,Cor,geen,n.v.t.,-,Onbekend,\n"
    )
    found = read("table", path)
    assert [one.url for one in of(found, ProfileLink)] == [
        "https://twitter.com/ann", "https://m.example/@ann", "https://bsky.app/profile/ann.example", "https://ann.example",
    ]  # fmt: skip
    assert [one.reason.partition(":")[0] for one in of(found, Quarantine)] == [
        "url",
        "x",
        "mastodon",
        "bluesky",
        "website",
    ]


def test_the_websites_of_a_member_are_addresses_without_their_labels(tmp_path: Path) -> None:
    cell = "[COMPANY:https://example.org/a,b,OTHER:example.net,PERSONAL:,OTHER:HTTP://Example.com/,Blog:geen]"
    head = "First Name,Last Name,Headline,Websites\n"
    path = export(tmp_path, **{"Profile.csv": f'{head}Start,Contact,Kop,"{cell}"\n'})
    found = read("linkedin", path)
    links = [one.url for one in of(found, ProfileLink) if one.rel == "website"]
    assert links == ["https://example.org/a,b", "https://example.net", "http://example.com/"]
    quarantined = [one.reason for one in of(found, Quarantine) if one.place == "Profile.csv"]
    assert quarantined == ["Websites: PERSONAL: is no web address", "Websites: Blog:geen is no web address"]

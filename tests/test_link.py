"""Links: what a URL says, which account is whose, and that decisions by hand win."""

import pytest

from jobs import run
from storage.errors import UserError
from storage.linking.decisions import COLUMNS
from storage.linking.link import Linking
from storage.privacy.declared import account_of, platforms
from storage.records import Account, Position, Profile, ProfileLink
from storage.tables.load import load
from study.study_file import Study
from tests.pages import PARSERS, page, rows, write

URLS = [
    ("https://twitter.com/Anna", ("x", "anna")),
    ("http://www.twitter.com/anna/", ("x", "anna")),
    ("https://mobile.twitter.com/anna?lang=nl", ("x", "anna")),
    ("https://x.com/anna#top", ("x", "anna")),
    ("twitter.com/anna", ("x", "anna")),
    ("//x.com/anna", ("x", "anna")),
    (" HTTPS://TWITTER.COM/@Anna_B1 ", ("x", "anna_b1")),
    ("http://twitter.com/#!/anna", ("x", "anna")),
    ("https://twitter.com/#!/@anna", ("x", "anna")),
    ("https://twitter.com/anna/with_replies", ("x", "anna")),
    ("https://x.com/anna/followers", ("x", "anna")),
    ("https://twitter.com/anna/status/123", None),
    ("https://twitter.com/#!/anna/status/123", None),
    ("https://twitter.com/#!/search/anna", None),
    ("https://twitter.com/intent/user?screen_name=anna", None),
    ("https://twitter.com/intent/tweet?text=hi", None),
    ("https://twitter.com/share?url=x", None),
    ("https://twitter.com/hashtag/durftevragen", None),
    ("https://twitter.com/search?q=%40anna", None),
    ("https://twitter.com/home", None),
    ("https://twitter.com/i/lists/12", None),
    ("https://twitter.com/", None),
    ("https://twitter.com/anna/anna", None),
    ("https://twitter.com/a_name_that_is_too_long", None),
    ("https://twitter.com/an na", None),
    ("https://twitter.com.example/anna", None),
    ("https://twitter.com@example.com/anna", None),
    ("https://pic.twitter.com/abc", None),
    ("https://business.twitter.com/anna", None),
    ("mailto:anna@twitter.com", None),
    ("https://bsky.app/profile/Anna.bsky.social", ("bluesky", "anna.bsky.social")),
    ("https://bsky.app/profile/did:plc:abc123", ("bluesky", "did:plc:abc123")),
    ("https://bsky.app/profile/anna.bsky.social/post/3k", None),
    ("https://bsky.app/hashtag/x", None),
    ("https://social.example/@Anna", ("mastodon", "anna@social.example")),
    ("https://social.example/users/anna", ("mastodon", "anna@social.example")),
    ("https://social.example/@anna@elsewhere.example", ("mastodon", "anna@elsewhere.example")),
    ("https://social.example/web/@anna", ("mastodon", "anna@social.example")),
    ("https://social.example/@anna/1234", None),
    ("https://www.youtube.com/@anna", None),
    ("https://medium.com/@anna", None),
    ("https://www.tiktok.com/@anna", None),
    ("https://www.linkedin.com/in/anna", None),
    ("https://example.com", None),
    ("https://[broken", None),
    ("", None),
    ("anna", None),
]


@pytest.mark.parametrize(("url", "found"), URLS)
def test_the_account_that_a_url_is_the_page_of(url, found):
    assert account_of(platforms(PARSERS).values(), url) == found


# ---- linking -------------------------------------------------------------------------------------------------

ORGANISATIONS = [
    ("IenM", "IenM", "Infrastructuur en Milieu", "IenM", "group", None, None, 10, 2),
    ("Rijkswaterstaat", "IenM", "Rijkswaterstaat", "RWS", "agency", None, None, None, None),
]


def matcher(employer):
    return ("Rijkswaterstaat", "IenM", "name") if employer in ("RWS", "Rijkswaterstaat") else None


def person(number, key, *urls, employer="RWS", name="Anna Voorbeeld"):
    links = [ProfileLink(key, url, "sameAs") for url in urls]
    return page(number, [Profile(key, "toy", name=name), Position(key, 0, employer), *links])


def account(number, key, handle, name="Anna Voorbeeld", **fields):
    return page(number, [Account(key, "x", handle, name, **fields)], kind="users")


def linked(study, entries, decisions="", part="a"):
    write(study / "archive", entries, part)
    (study / "decisions.csv").write_text(",".join(COLUMNS[:-1]) + "\n" + decisions)
    load(study, PARSERS, linking=Linking(ORGANISATIONS, matcher, study / "decisions.csv"))
    return rows(study, "SELECT profile_id, account_id, decision FROM base.links ORDER BY ALL")


def test_a_link_has_its_evidence_and_leads_to_the_page(tmp_path):
    linked(tmp_path, [person(1, "p1", "https://twitter.com/#!/Anna"), account(2, "7", "anna")])
    assert rows(tmp_path, "SELECT profile_id, account_id, rule, evidence, decided_by FROM links") == [
        ("p1", "7", "sameAs", "https://twitter.com/#!/Anna", "rule")
    ]
    of_page = "SELECT record_id, first_seen FROM profiles"
    assert rows(tmp_path, "SELECT record_id, decided_at FROM links") == rows(tmp_path, of_page)


def test_two_links_to_one_account_are_one_link(tmp_path):
    both = person(1, "p1", "https://twitter.com/anna", "https://x.com/Anna")
    assert linked(tmp_path, [both, account(2, "7", "anna")]) == [("p1", "7", "accepted")]


def test_an_account_that_two_profiles_claim_is_nobodys_until_someone_decides(tmp_path):
    claims = [person(n, f"p{n}", "https://x.com/anna") for n in (1, 2)]
    pages = [*claims, account(3, "7", "anna")]
    assert linked(tmp_path, pages) == [("p1", "7", "conflict"), ("p2", "7", "conflict")]
    assert rows(tmp_path, "FROM links") == []
    by_hand = "2013-03-01,p1,x,@Anna,accepted,D. Ecider,asked her\n"
    assert linked(tmp_path, [], by_hand, "b") == [("p1", "7", "accepted"), ("p2", "7", "conflict")]
    assert rows(tmp_path, "SELECT profile_id, rule, decided_by, evidence FROM links") == [
        ("p1", "by hand", "D. Ecider", "asked her")
    ]
    refused = "2013-03-01,p1,x,7,rejected,D. Ecider,\n"
    assert linked(tmp_path, [], refused, "c") == [("p1", "7", "rejected"), ("p2", "7", "accepted")]


def test_the_last_decision_holds(tmp_path):
    lines = "2013-03-01,p1,x,anna,accepted,A,\n2013-03-02,p1,x,anna,rejected,B,\n"
    assert linked(tmp_path, [person(1, "p1"), account(2, "7", "anna")], lines) == [("p1", "7", "rejected")]


def test_an_organisations_account_is_nobodys_own(tmp_path):
    pages = [person(1, "p1", "https://x.com/rws"), account(2, "9", "rws", "Rijkswaterstaat")]
    assert linked(tmp_path, pages) == [("p1", "9", "organisation")]
    other = [person(3, "p2", "https://x.com/desk"), account(4, "8", "desk", "Anna Voorbeeld")]
    by_hand = "2013-03-01,,x,desk,organisation,A,\n"
    assert linked(tmp_path, other, by_hand, "b") == [("p1", "9", "organisation"), ("p2", "8", "organisation")]


def test_a_link_to_nothing_is_reported_as_such(tmp_path):
    assert linked(tmp_path, [person(1, "p1", "https://x.com/gone")]) == [("p1", None, "unresolved")]


def test_a_renamed_account_keeps_its_link(tmp_path):
    pages = [account(1, "7", "old"), person(2, "p1", "https://x.com/old"), account(3, "7", "new")]
    assert linked(tmp_path, pages) == [("p1", "7", "accepted")]
    assert rows(tmp_path, "SELECT a.handle FROM links JOIN accounts AS a USING (account_id)") == [("new",)]


def test_a_handle_that_somebody_else_registered_later_is_not_theirs(tmp_path):
    pages = [
        account(1, "7", "anna"),
        person(2, "p1", "https://x.com/anna"),
        account(3, "7", "anna_v"),
        account(900, "8", "anna"),
    ]
    assert linked(tmp_path, pages) == [("p1", "7", "accepted"), ("p1", "8", "other-bearer")]


def test_employers_become_organisations_and_members(tmp_path):
    linked(
        tmp_path, [person(1, "p1"), person(2, "p2", employer="Bakkerij"), person(3, "p3", employer="Rijkswaterstaat")]
    )
    assert rows(tmp_path, "SELECT profile_id, group_name, organisation FROM members ORDER BY 1") == [
        ("p1", "IenM", "Rijkswaterstaat"),
        ("p3", "IenM", "Rijkswaterstaat"),
    ]
    assert rows(tmp_path, "FROM groups") == [("IenM", "Infrastructuur en Milieu", 10, 2)]


def test_whatever_changes_in_the_list_changes_what_load_matches(tmp_path, monkeypatch):
    """An alias, a pattern, an exclusion: the next load sees it, though nothing of it stands in the tables."""
    monkeypatch.setattr(run, "parsers", lambda: PARSERS)
    (tmp_path / "sneeuwbal.toml").write_text(
        '[study]\nname = "toy"\ncontact = "a@b.example"\n[organisations]\nfile = "own.toml"\n'
    )
    (tmp_path / "own.toml").write_text(own := '[[group]]\nid = "P"\nname = "Partij Proef"\n')
    jobs = ["Partij Proef", "De Proefpartij", "Proefjongeren Oost"]
    write(tmp_path / "archive", [person(n, f"p{n}", employer=job) for n, job in enumerate(jobs)])
    study = Study.load(tmp_path)

    def members():
        assert run.load(study, say=lambda line: None).published
        assert not run.load(study, say=lambda line: None).published
        return [row[0] for row in rows(tmp_path, "SELECT profile_id FROM members ORDER BY 1")]

    assert members() == ["p0"]
    (tmp_path / "own.toml").write_text(own := own + 'aliases = ["De Proefpartij"]\n')
    assert members() == ["p0", "p1"]
    (tmp_path / "own.toml").write_text(own := own + 'patterns = ["proefjongeren"]\n')
    assert members() == ["p0", "p1", "p2"]
    (tmp_path / "own.toml").write_text('exclude = ["oost"]\n' + own)
    assert members() == ["p0", "p1"]


def test_linking_again_changes_nothing(tmp_path):
    pages = [person(n, f"p{n}", f"https://x.com/a{n % 2}") for n in range(1, 5)] + [account(9, "1", "a1")]
    once = linked(tmp_path, pages)
    load(tmp_path, PARSERS, fresh=True, linking=Linking(ORGANISATIONS, matcher, tmp_path / "decisions.csv"))
    assert rows(tmp_path, "SELECT profile_id, account_id, decision FROM base.links ORDER BY ALL") == once


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("2013-03-01,p1,x,anna,maybe,A,", "line 2: 'maybe' is not a decision"),
        ("yesterday,p1,x,anna,accepted,A,", "line 2: 'yesterday' is not a time"),
        ("2013-03-01,,x,anna,accepted,A,", "line 2: no person"),
    ],
)
def test_a_mistake_in_the_decisions_is_reported_with_its_line_and_nothing_is_published(tmp_path, line, expected):
    with pytest.raises(UserError, match=expected):
        linked(tmp_path, [person(1, "p1")], line + "\n")
    assert not (tmp_path / "study.duckdb").exists()


def test_decisions_without_their_columns_are_reported(tmp_path):
    (tmp_path / "decisions.csv").write_text("profile;account\n")
    with pytest.raises(UserError, match="no column 'decided_at'"):
        load(tmp_path, PARSERS, linking=Linking(ORGANISATIONS, matcher, tmp_path / "decisions.csv"))

"""Exports, captures, registers and tables of people (all invented): what must not be kept is not, the rest is."""

import csv
import io
import json
import re
import zipfile
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collectors import files
from collectors.parsing.people import profile_url, row_id
from collectors.profiles.collector import canonical
from storage.errors import UserError
from storage.records import (
    Account,
    Connection,
    Mention,
    Office,
    Organisation,
    Position,
    Post,
    Profile,
    ProfileLink,
    Quarantine,
)
from tests.conftest import ROOT
from tests.importing import counts, of, parse, read, small_pieces, walk

# ---- LinkedIn -----------------------------------------------------------------------------------------------

NOTES = (
    'Notes:\n"When exporting your connection data, you may notice that some of the email addresses are missing."\n\n'
)
HEADER = "First Name,Last Name,URL,Email Address,Company,Position,Connected On\n"
ROWS = """\
Testa,Voorbeeld,https://www.linkedin.com/in/testa-voorbeeld,testa@example.org,"Fictie, dienst",Adviseur,15 Mar 2024
Fik,Tief,https://nl.linkedin.com/in/Fik-Tief/?trk=x,fik@example.org,Gemeente Nergens,"Hoofd ""zaken""
en dingen",1 Jan 2020
,,,,,,
,,https://www.linkedin.com/in/naamloos,naamloos@example.org,,,02 Feb 2020
Zonder,Url,,zonder@example.org,Acme,Directeur,02 Feb 2020
Te,Veel,https://www.linkedin.com/in/te-veel,te@example.org,A,B,C,02 Feb 2020
Ver,Schoven,https://www.linkedin.com/in/ver,A,ver@example.org,B,02 Feb 2020
Mas,Ker,https://www.linkedin.com/in/mas-ker,,******,Iets,02 Feb 2020
"open,quote,zonder,eind,open@example.org
Na,Quote,https://www.linkedin.com/in/na-quote,,A,B,02 Feb 2020
"""
PROFILE = (
    "First Name,Last Name,Maiden Name,Address,Birth Date,Headline,Summary,Industry,Zip Code,Geo Location,"
    "Twitter Handles,Websites,Instant Messengers\n"
    'Start,Contact,,Geheimstraat 1,1 Jan 1980,Kop,"Schrijf start@example.org",,1000 AA,Den Haag,[start_c],'
    '"[COMPANY:https://example.org/start,BLOG:example.net]",\n'
)
POSITIONS = (
    "Company Name,Title,Description,Location,Started On,Finished On\n"
    "Ministerie van Fictie,Adviseur,,,Mar 2019,\nAcme,Directeur,,,2010,Feb 2019\n"
)


def export(folder: Path, rows: str = NOTES + HEADER + ROWS, **members: str) -> Path:
    path = folder / "Basic_LinkedInDataExport.zip"
    fields = {"Connections.csv": rows, "Profile.csv": PROFILE, "Positions.csv": POSITIONS, **members}
    with zipfile.ZipFile(path, "w") as file:
        for name, text in fields.items():
            file.writestr(name, text)
    return path


def test_a_donation_is_one_start_contact_with_the_list_of_connections(tmp_path: Path) -> None:
    found = read("linkedin", export(tmp_path), owner="https://nl.linkedin.com/in/Start-Contact/")
    owner = "https://www.linkedin.com/in/start-contact"
    profiles = {profile.profile_id: profile for profile in of(found, Profile)}
    assert profiles[owner] == Profile(owner, "www.linkedin.com", owner, "Start Contact", "Kop", "Schrijf", "Den Haag")
    assert [p for p in of(found, Position) if p.profile_id == owner] == [
        Position(owner, 0, "Ministerie van Fictie", "Adviseur", "2019-03", None, True),
        Position(owner, 1, "Acme", "Directeur", "2010", "2019-02", False),
    ]
    assert of(found, ProfileLink) == [
        ProfileLink(owner, "https://x.com/start_c", "sameAs"),
        ProfileLink(owner, "https://example.org/start", "website"),
        ProfileLink(owner, "https://example.net", "website"),
    ]
    nobody = row_id("Zonder", "Url", "Acme", "Directeur")
    assert [(c.profile_id, c.other_id, c.connected_on) for c in of(found, Connection)] == [
        (owner, "https://www.linkedin.com/in/testa-voorbeeld", "2024-03-15"),
        (owner, "https://www.linkedin.com/in/fik-tief", "2020-01-01"),
        (owner, nobody, "2020-02-02"),
        (owner, "https://www.linkedin.com/in/ver", "2020-02-02"),
        (owner, "https://www.linkedin.com/in/mas-ker", "2020-02-02"),
        (owner, "https://www.linkedin.com/in/na-quote", "2020-02-02"),
    ]
    assert profiles["https://www.linkedin.com/in/fik-tief"].headline is None
    (job,) = [p for p in of(found, Position) if p.profile_id == "https://www.linkedin.com/in/fik-tief"]
    assert (job.employer, job.title, job.current) == ("Gemeente Nergens", 'Hoofd "zaken"\nen dingen', True)
    (job,) = [p for p in of(found, Position) if p.profile_id == "https://www.linkedin.com/in/mas-ker"]
    assert (job.employer, job.title) == (None, "Iets")  # a masked value is an absent one


def test_rows_that_say_nothing_are_counted_with_their_lines(tmp_path: Path) -> None:
    quarantined = of(read("linkedin", export(tmp_path)), Quarantine)
    assert [(one.place.rpartition(":")[2], one.reason) for one in quarantined] == [
        ("8", "a blank row"),
        ("9", "a row without a name"),
        ("11", "8 cells where 7 are expected"),
        ("14", "the quotation marks do not match"),
    ]
    assert all(one.place.startswith("Basic_LinkedInDataExport.zip/Connections.csv:") for one in quarantined)


@pytest.mark.parametrize("notes", ["", NOTES, "\ufeff" + NOTES.replace("\n", "\r\n")])
def test_no_address_reaches_the_archive_wherever_it_stands(tmp_path: Path, notes: str) -> None:
    pages = walk("linkedin", export(tmp_path, notes + HEADER + ROWS))
    kept = b"".join(page.body for page in pages)
    for secret in (b"@example", b"Geheimstraat", b"1980", b"1000 AA", b"Email Address"):
        assert secret not in kept
    assert len(of(parse("linkedin", pages), Connection)) == 6
    assert pages[-1].asked["left_out"] == "Email Address"


def test_the_url_column_may_be_missing(tmp_path: Path) -> None:
    rows = HEADER.replace("URL,", "") + "Testa,Voorbeeld,t@example.org,Fictie,Adviseur,15 Mar 2024\n"
    (other,) = of(read("linkedin", export(tmp_path, rows)), Connection)
    assert other.other_id == row_id("  testa ", "VOORBEELD", "Fictie", "adviseur")


@pytest.mark.parametrize(
    "head",
    [
        "Vorname,Nachname,URL,E-Mail-Adresse,Unternehmen,Position,Verbunden am\n",
        'Notes :\n"Quotes that do not match\n"\n"\nPrénom,Nom,URL,Adresse e-mail,Entreprise,Poste,Date de connexion\n',
    ],
)
def test_the_columns_may_bear_translated_names(tmp_path: Path, head: str) -> None:
    (other,) = of(read("linkedin", export(tmp_path, head + ROWS.splitlines(keepends=True)[0])), Connection)
    assert (other.other_id, other.connected_on) == ("https://www.linkedin.com/in/testa-voorbeeld", "2024-03-15")


def test_zip_folder_and_single_file_give_the_same(tmp_path: Path) -> None:
    zipped = read("linkedin", export(tmp_path), owner="https://www.linkedin.com/in/start")
    folder = tmp_path / "export"
    folder.mkdir()
    for name, text in (
        ("Connections.csv", NOTES + HEADER + ROWS),
        ("Profile.csv", PROFILE),
        ("Positions.csv", POSITIONS),
    ):
        (folder / name).write_bytes(text.encode())
    assert of(read("linkedin", folder, owner="https://www.linkedin.com/in/start"), Connection) == of(zipped, Connection)
    single = read("linkedin", folder / "Connections.csv", owner="https://www.linkedin.com/in/start")
    assert of(single, Connection) == of(zipped, Connection)
    assert of(single, Profile)[0].name is None  # the member's own name is in another file


def test_two_donations_without_a_name_for_their_owner_are_two_persons(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    one, two = export(tmp_path / "a"), export(tmp_path / "b", HEADER + ROWS)
    found = read("linkedin", one, two)
    assert len({connection.profile_id for connection in of(found, Connection)}) == 2
    with pytest.raises(UserError, match="import them separately"):
        files.targets("linkedin", [one, two], {"owner": "https://www.linkedin.com/in/start"})


# neither masked nor an error of a spreadsheet
names = st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="@*#\ufffd"), min_size=1, max_size=8)
names = names.filter(lambda name: re.search(r"Err:\d{3}", name) is None)


@given(st.lists(st.tuples(names, names, names, names), max_size=12), st.integers(1, 400))
@settings(deadline=None)
def test_every_named_row_becomes_one_connection_and_every_other_is_reported(
    people: list[tuple[str, str, str, str]], size: int
) -> None:
    import tempfile

    text = io.StringIO(newline="")
    writer = csv.writer(text)
    for number, (first, last, company, title) in enumerate(people):
        writer.writerow(
            [first, last, f"https://www.linkedin.com/in/p{number}", "p@example.org", company, title, "1 Jan 2020"]
        )
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        small_pieces(patch, size)
        found = read("linkedin", export(Path(folder), HEADER + text.getvalue()))
    named = sum(bool((first + last).strip()) for first, last, _, _ in people)
    assert len(of(found, Connection)) == named
    assert len(of(found, Quarantine)) == len(people) - named


def test_an_address_is_the_same_person_on_a_page_and_in_an_export() -> None:
    for url in (
        "https://www.linkedin.com/in/testa-voorbeeld", "http://nl.linkedin.com/in/Testa-Voorbeeld/?trk=a#b",
        "https://www.linkedin.com/in/j%C3%B8rgen-x/nl", "https://www.linkedin.com/in/jørgen-x",
        "https://profiel.example.org/p/1?id=2",
    ):  # fmt: skip
        assert profile_url(url) == canonical(url)
    assert profile_url("www.linkedin.com/in/a") == "https://www.linkedin.com/in/a"
    assert [profile_url(bad) for bad in ("", "geen", "https://", "http://[", "ftp://a.b/c")] == [None] * 5


# ---- Zeeschuimer --------------------------------------------------------------------------------------------


def x_user(key: str, handle: str, new: bool = False) -> dict[str, Any]:
    named = {"screen_name": handle, "name": handle.title(), "created_at": "Sat Feb 23 12:00:00 +0000 2013"}
    counts_ = {
        "followers_count": 3,
        "friends_count": 4,
        "statuses_count": 5,
        "description": "verzonnen",
        "location": "Nergens",
    }
    if new:
        return {
            "rest_id": key,
            "core": named,
            "legacy": counts_,
            "is_blue_verified": True,
            "privacy": {"protected": False},
        }
    return {"rest_id": key, "legacy": {**named, **counts_}}


def x_item(key: str, text: str, user: dict[str, Any], **more: Any) -> dict[str, Any]:
    legacy = {
        "created_at": "Sat Feb 23 13:00:00 +0000 2013", "full_text": text, "user_id_str": user["rest_id"],
        "id_str": key, "conversation_id_str": key, "lang": "nl",
        "favorite_count": 1, "retweet_count": 2, "reply_count": 3,
        "entities": {"hashtags": [{"text": "een"}], "user_mentions": [{"screen_name": "wie", "id_str": "9"}],
                     "urls": [{"expanded_url": "https://example.org"}]},
        **more.pop("legacy", {}),
    }  # fmt: skip
    return {"id": int(key) // 1000 * 1000, "rest_id": key, "legacy": legacy, "core": {"user_results": {"result": user}},
            "source": '<a href="https://x.com">Web</a>', **more}  # fmt: skip


BIG = "1890123456789012345"


def wrapped(data: dict[str, Any], platform: str = "twitter.com", imported: bool = False) -> str:
    meta = {"item_id": data.get("id"), "timestamp_collected": 1361624400000, "source_platform": platform,
            "source_url": "https://x.com/home"}  # fmt: skip
    return json.dumps({**data, "__import_meta": meta} if imported else {**meta, "data": data})


def captured(folder: Path, *lines: str) -> Path:
    path = folder / "zeeschuimer-export.ndjson"
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.mark.parametrize("imported", [False, True])
@pytest.mark.parametrize("new", [False, True])
def test_a_captured_post_of_x_keeps_its_id_and_its_author(tmp_path: Path, imported: bool, new: bool) -> None:
    path = captured(tmp_path, wrapped(x_item(BIG, "hallo #een @wie", x_user("7", "testa", new)), imported=imported))
    (page,) = walk("zeeschuimer", path)
    assert page.fetched_at == datetime(2013, 2, 23, 13, tzinfo=UTC)
    account, post = parse("zeeschuimer", [page])
    assert isinstance(account, Account)
    assert isinstance(post, Post)
    assert (account.account_id, account.handle, account.followers, account.location) == ("7", "testa", 3, "Nergens")
    assert (account.verified, account.protected) == ((True, False) if new else (None, None))
    assert (post.post_id, post.account_id, post.timeline_of, post.text) == (BIG, "7", "7", "hallo #een @wie")
    assert (post.hashtags, post.mentions, post.source, post.conversation_id) == (
        ("een",),
        (Mention("wie", "9"),),
        "Web",
        BIG,
    )
    assert (post.likes, post.reposts, post.replies) == (1, 2, 3)


def test_captured_retweets_quotes_and_long_posts_give_the_inner_posts_to_their_authors(tmp_path: Path) -> None:
    note = {"text": "lang en #een en #twee", "entity_set": {"hashtags": [{"text": "een"}, {"text": "twee"}]}}
    inner = x_item("5", "lang en #een", x_user("8", "ander"), note_tweet={"note_tweet_results": {"result": note}})
    retweet = x_item(
        "6", "RT @ander: lang…", x_user("7", "testa"), legacy={"retweeted_status_result": {"result": {"tweet": inner}}}
    )
    quote = x_item(
        "9",
        "kijk",
        x_user("7", "testa"),
        quoted_status_result={"result": {"tweet": inner}},
        legacy={"quoted_status_id_str": "5"},
    )
    gone = x_item(
        "10",
        "kijk",
        x_user("7", "testa"),
        quoted_status_result={"result": {"tombstone": {}}},
        legacy={"quoted_status_id_str": "4"},
    )
    found = of(read("zeeschuimer", captured(tmp_path, *map(wrapped, (retweet, quote, gone)))), Post)
    by_id = {post.post_id: post for post in found}
    assert (by_id["6"].kind, by_id["6"].retweeted_post, by_id["6"].retweeted_account) == ("retweet", "5", "8")
    assert by_id["6"].full_text == "lang en #een en #twee"
    assert (by_id["9"].kind, by_id["9"].quoted_post) == ("quote", "5")
    assert (by_id["10"].kind, by_id["10"].quoted_post) == ("quote", "4")
    assert (by_id["5"].account_id, by_id["5"].timeline_of, by_id["5"].text) == ("8", None, "lang en #een")


def test_a_capture_with_parts_missing_is_read_or_reported_never_a_crash(tmp_path: Path) -> None:
    bare = {"rest_id": "3", "legacy": {"full_text": "kaal", "user_id_str": "7"}}
    lines = [wrapped(bare), wrapped({"rest_id": "4"}), wrapped({"id": "x"}, "tiktok.com"), wrapped({"tombstone": {}})]
    found = read("zeeschuimer", captured(tmp_path, *lines))
    assert counts(found) == {"Post": 1, "Quarantine": 3}
    assert of(found, Post)[0].account_id == "7"
    assert "tiktok.com" in of(found, Quarantine)[1].reason


MADE = int(datetime(2022, 8, 4, tzinfo=UTC).timestamp() * 1000)


def test_a_captured_post_of_linkedin(tmp_path: Path) -> None:
    urn = f"urn:li:activity:{MADE << 22}"
    shared = {"preDashEntityUrn": f"urn:li:fs_updateV2:(urn:li:activity:{(MADE - 1000) << 22},X)",
              "actor": {"name": {"text": "Fictie BV"}, "navigationContext": {"actionTarget": "https://www.linkedin.com/company/fictie/posts"}},
              "commentary": {"text": {"text": "eerder"}}}  # fmt: skip
    data = {
        "id": "urn:li:fsd_update:(urn:li:activity:1,X)",
        "updateMetadata": {"urn": f"urn:li:aggregate:({urn},urn:li:activity:2)"},
        "actor": {"name": {"text": "Testa Voorbeeld"}, "description": {"text": "Adviseur"},
                  "subDescription": {"text": "2w •"},
                  "navigationContext": {"actionTarget": "https://www.linkedin.com/in/Testa-Voorbeeld?miniProfileUrn=x"}},
        "commentary": {"text": {"text": "Fijn #werk met Fik", "attributesV2": [
            {"detailData": {"*hashtag": {"trackingUrn": "urn:li:hashtag:werk"}}},
            {"detailData": {"*profileMention": {"publicIdentifier": "fik-tief"}}}]}},
        "content": {"articleComponent": {"navigationContext": {"actionTarget": "https://example.org/stuk"}}},
        "*socialDetail": {"*totalSocialActivityCounts": {"numLikes": 4, "numShares": 1, "numComments": 2}},
        "resharedUpdate": shared,
    }  # fmt: skip
    meta = json.loads(wrapped(data, "linkedin.com"))
    meta["timestamp_collected"] = MADE + 10**9
    found = read("zeeschuimer", captured(tmp_path, json.dumps(meta), wrapped({"actor": {}}, "linkedin.com")))
    post, other = of(found, Post)
    me = "https://www.linkedin.com/in/testa-voorbeeld"
    assert (post.post_id, post.platform, post.account_id, post.timeline_of, post.kind) == (
        urn,
        "linkedin",
        me,
        me,
        "quote",
    )
    assert (post.text, post.hashtags, post.urls) == ("Fijn #werk met Fik", ("werk",), ("https://example.org/stuk",))
    assert post.mentions == (Mention("fik-tief", "https://www.linkedin.com/in/fik-tief"),)
    assert (post.created_at, post.likes, post.reposts, post.replies) == (datetime(2022, 8, 4, tzinfo=UTC), 4, 1, 2)
    assert (other.timeline_of, other.text, post.quoted_post) == (None, "eerder", other.post_id)
    assert of(found, Account)[0] == Account(me, "linkedin", "testa-voorbeeld", "Testa Voorbeeld", "Adviseur", url=me)
    assert len(of(found, Quarantine)) == 1


# ---- the register -------------------------------------------------------------------------------------------

REGISTER = ROOT / "fixtures" / "roo"
MINISTRY = "https://identifier.overheid.nl/tooi/id/ministerie/mnre0001"


@pytest.mark.parametrize("size", [1 << 20, 10])
def test_the_register_in_its_new_form(size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    small_pieces(monkeypatch, size)
    pages = walk("roo", REGISTER / "export-2.6.9.xml", forget=True)
    assert len(pages) == (1 if size > 10 else 3)
    found = parse("roo", pages)
    assert of(found, Organisation) == [
        Organisation(MINISTRY, "Fictie & Verzinsels", "FV", "Ministerie", None, "Fictie & Verzinsels", None),
        Organisation(
            "roo:2", "Directie Niets", None, "Organisatieonderdeel", MINISTRY, "Fictie & Verzinsels", "2025-06-30"
        ),
        Organisation("roo:3", "Dienst Lucht", None, "Agentschap", None, "Fictie & Verzinsels", None),
    ]
    assert of(found, Office) == [
        Office(MINISTRY, "Secretaris-generaal", "T. Voorbeeld", "2020-01-01", "2024-01-01"),
        Office(MINISTRY, "Secretaris-generaal", "F. Tief", "2024-01-01", None),
        Office(MINISTRY, "Directeur Niets"),
    ]
    (quarantined,) = of(found, Quarantine)
    assert (quarantined.place, quarantined.reason) == (
        "export-2.6.9.xml organisation 3",
        "an organisation without a name",
    )


@pytest.mark.parametrize("size", [1 << 20, 10])
def test_the_register_in_its_old_form(size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    small_pieces(monkeypatch, size)
    found = parse("roo", walk("roo", REGISTER / "export-2.4.4.xml", forget=True))
    assert [(one.organisation_id, one.name) for one in of(found, Organisation)] == [
        ("roo:7", "Ministerie van Café"), ("roo:8", "Nergens"), ("roo:9", "Overal"),
    ]  # fmt: skip
    assert of(found, Office) == [Office("roo:8", "Burgemeester", "N. Iemand")]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('<!DOCTYPE o [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">]><o>&b;</o>', "entity is declared"),
        ('<!DOCTYPE o SYSTEM "file:///etc/passwd"><o/>', "entity is declared"),
        ("<o>" * 5000, "nest more than"),
        ("<o><organisaties><organisatie>", "not well-formed"),
        ("<o/>", "no organisation in it"),
    ],
)
def test_xml_that_attacks_or_is_no_register_is_refused(tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "exportOO.xml"
    path.write_text(text)
    with pytest.raises(UserError, match=says):
        files.targets("roo", [path], {})


# ---- tables -------------------------------------------------------------------------------------------------

PEOPLE = pd.DataFrame(
    {
        "Naam": ["Testa Voorbeeld", "Fik Tief", None, "****"],
        "Profiel": ["https://nl.linkedin.com/in/Testa-Voorbeeld/", None, None, None],
        "Werkgever": ["Ministerie van Fictie", "Acme", None, None],
        "Tot": [None, date(2020, 1, 31), None, None],
        "Nummer": [1.0, 2.0, None, 4.0],
        "X": ["@testa", None, None, None],
        "E-mail": ["testa@example.org", "fik@example.org", None, None],
    }
)
COLUMNS = {"name": "Naam", "url": "Profiel", "employer": "Werkgever", "ended": "Tot", "title": "Nummer", "x": "x"}


def write(folder: Path, form: str) -> Path:
    path = folder / f"mensen.{form}"
    if form == "csv":
        PEOPLE.to_csv(path, index=False, sep=";", encoding="utf-8-sig")
    elif form == "xlsx":
        pytest.importorskip("openpyxl")
        PEOPLE.to_excel(path, index=False)
    else:
        PEOPLE.to_parquet(path, index=False)
    return path


@pytest.mark.parametrize("form", ["csv", "xlsx", "parquet"])
def test_a_table_of_people_in_three_forms(tmp_path: Path, form: str, monkeypatch: pytest.MonkeyPatch) -> None:
    small_pieces(monkeypatch, 20)
    pages = walk("table", write(tmp_path, form), forget=True, columns=COLUMNS)
    assert len(pages) > 2
    assert not any(b"example.org" in page.body for page in pages)  # a column that is not mapped
    found = parse("table", pages)
    testa, fik = (
        "https://www.linkedin.com/in/testa-voorbeeld",
        row_id("Fik Tief", "Acme", "2" if form != "csv" else "2.0", space="table-row"),
    )
    assert of(found, Profile) == [
        Profile(testa, "www.linkedin.com", testa, "Testa Voorbeeld"),
        Profile(fik, "table", None, "Fik Tief"),
    ]
    assert [(p.employer, p.ended, p.current) for p in of(found, Position)] == [
        ("Ministerie van Fictie", None, True), ("Acme", "2020-01-31", False),
    ]  # fmt: skip
    assert of(found, ProfileLink) == [ProfileLink(testa, "https://x.com/testa", "sameAs")]
    assert {one.reason for one in of(found, Quarantine)} == {"a row without a name, an id or a URL"}


@pytest.mark.parametrize(
    ("columns", "says"),
    [({"naam": "Naam"}, "unknown field naam"), ({"name": "Name"}, "no column Name"), ({"x": "X"}, "map at least")],
)
def test_a_mapping_that_does_not_fit_is_a_users_mistake(tmp_path: Path, columns: dict[str, str], says: str) -> None:
    with pytest.raises(UserError, match=says):
        files.targets("table", [write(tmp_path, "csv")], {"columns": columns})


def test_a_table_in_an_old_encoding_reads_once_it_is_named(tmp_path: Path) -> None:
    path = tmp_path / "mensen.csv"
    path.write_bytes("name;employer\nJosé;Café\n".encode("cp1252"))
    (profile,) = of(read("table", path, encoding="cp1252"), Profile)
    assert profile.name == "José"


def test_handles_become_links_to_their_pages(tmp_path: Path) -> None:
    path = tmp_path / "mensen.csv"
    path.write_text(
        "profile_id,name,mastodon,bluesky,x,website\n1,A,@a@example.social,a.example.net,https://x.com/a,https://example.org\n2,B\n"
    )
    found = read("table", path)
    assert [link.url for link in of(found, ProfileLink)] == [
        "https://x.com/a", "https://example.social/@a", "https://bsky.app/profile/a.example.net", "https://example.org",
    ]  # fmt: skip
    assert [(one.place, one.reason) for one in of(found, Quarantine)] == [
        ("mensen.csv:3", "2 cells where 6 are expected")
    ]

"""Posts and follow ties in tables, as R, 4CAT and network tools write them."""

import csv
import json
import re
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collectors import files
from collectors.bluesky import typed as bluesky
from collectors.importing import chunks
from collectors.mastodon import typed as mastodon
from collectors.parsing.coerce import moment
from collectors.x import typed as x
from storage.errors import UserError
from storage.records import Account, Follow, Mention, Post, Quarantine
from tests.conftest import examples
from tests.importing import of, parse, read, walk

MADE = datetime(2021, 5, 6, 7, 8, 9, tzinfo=UTC)


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_an_edge_list_with_ids_or_handles(tmp_path: Path, form: str) -> None:
    frame = pd.DataFrame({"van": ["123", "@Test_A", "did:plc:abc"], "naar": ["456", "123", "test.example"]})
    path = tmp_path / f"a.{form}"
    frame.to_csv(path, index=False) if form == "csv" else frame.to_parquet(path)
    columns = {"follower": "van", "followed": "naar"}
    found = read("table", path, columns=columns, platform="x")
    assert of(found, Follow) == [
        Follow("x", "123", "456", "following"), Follow("x", "@test_a", "123", "following"),
        Follow("x", "did:plc:abc", "@test.example", "following"),
    ]  # fmt: skip
    assert of(found, Account) == [Account("@test_a", "x", "Test_A"), Account("@test.example", "x", "test.example")]
    with pytest.raises(UserError, match="give its platform"):
        files.targets("table", [path], {"columns": columns})


@pytest.mark.parametrize("cell", ["#cafe\u0301 #टैग", "['cafe\u0301', 'टैग']", "cafe\u0301|टैग", "cafe\u0301;टैग"])
def test_a_hashtag_in_a_table_is_not_cut_at_its_marks(tmp_path: Path, cell: str) -> None:
    (tmp_path / "a.csv").write_text(
        f"post_id,created_at,text,hashtags\nhttps://x.com/a/status/17?s=20,1577836800000,een,{cell.replace(',', ' ')}\n"
    )
    (post,) = of(read("table", tmp_path / "a.csv", platform="x"), Post)
    assert (post.post_id, post.created_at) == ("17", datetime(2020, 1, 1, tzinfo=UTC))
    assert post.hashtags == ("cafe\u0301", "टैग")


def test_only_the_platform_itself_reads_ids_in_its_own_notation(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("follower,followed\nx77,https://x.com/i/web/status/17?s=20\n")
    ties = {name: of(read("table", tmp_path / "a.csv", platform=name), Follow) for name in ("x", "mastodon", "other")}
    as_written = ("@x77", "https://x.com/i/web/status/17?s=20")
    assert {name: (one.follower_id, one.followed_id) for name, (one,) in ties.items()} == {
        "x": ("77", "17"), "mastodon": as_written, "other": as_written,
    }  # fmt: skip


def test_a_rounded_end_is_no_tie(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("follower,followed\n1.23E+18,5\n#N/A,6\n7,\n1234567890123456789,8\n")
    found = read("table", path, platform="x")
    assert [one.followed_id for one in of(found, Follow)] == ["8"]
    assert len(of(found, Quarantine)) == 3


NAMES = st.sampled_from(["7", "8", "@a", "test.example", "1234567890123456789", "did:plc:abc"])
SPOILT = st.sampled_from(["", " ", "1.23E+18", "1,23457E+18", "#N/A", "#REF!", "1.0", "-", "NaN", "\ufffd", "a b"])
CELLS = NAMES | SPOILT | st.text(st.characters(codec="utf-8", exclude_characters="\0\r\n"), max_size=6)


@given(st.lists(st.tuples(CELLS, CELLS), min_size=1, max_size=8))
@settings(max_examples=examples(50))
def test_every_row_of_an_edge_list_is_a_tie_or_is_reported(pairs: list[tuple[str, str]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "a.csv")
        with path.open("w", encoding="utf-8", newline="") as lines:
            csv.writer(lines, quoting=csv.QUOTE_ALL).writerows([("follower", "followed"), ("1", "2"), *pairs])
        found = read("table", path, platform="x")
    quarantined = {one.place for one in of(found, Quarantine)}
    said = [pair for pair in pairs if any(cell.strip() for cell in pair)]
    assert len(of(found, Follow)) + len(quarantined) >= len(said) + 1
    assert len(of(found, Follow)) <= len(said) + 1


TOOLS = {
    "rtweet": "user_id,status_id,created_at,screen_name,text,is_retweet,favorite_count,hashtags,"
    "mentions_screen_name,lang\n"
    'x77,x1234567890123456789,2021-05-06 07:08:09,Test_A,"Dag #een, @b",FALSE,3,een twee,b NA,nl\n',
    "academictwitteR": "tweet_id,user_username,text,created_at,author_id,like_count,lang\n"
    '1234567890123456789,Test_A,"Dag #een, @b",2021-05-06T07:08:09.000Z,77,3,nl\n',
    "4CAT": "id,thread_id,timestamp,unix_timestamp,body,author,author_id,like_count,hashtags,mentions,"
    "language_guess\n"
    '1234567890123456789,12,2021-05-06 07:08:09,1620284889,"Dag #een, @b",Test_A,77,3,"een,twee",b,nl\n',
}


@pytest.mark.parametrize("tool", TOOLS)
def test_posts_of_known_tools_are_read_without_a_mapping(tmp_path: Path, tool: str) -> None:
    path = tmp_path / "a.csv"
    path.write_text(TOOLS[tool])
    found = read("table", path, platform="x")
    (one,) = of(found, Post)
    assert (one.post_id, one.account_id, one.timeline_of, one.created_at) == ("1234567890123456789", "77", "77", MADE)
    assert (one.text, one.likes, one.kind, one.lang) == ("Dag #een, @b", 3, "original", "nl")
    if tool != "academictwitteR":
        assert one.hashtags == ("een", "twee")
        assert one.mentions[0] == Mention("b")
    assert of(found, Account) == [Account("77", "x", "Test_A")]


CROWDTANGLE = """Page Name,User Name,Facebook Id,Post Created,Likes,Comments,Shares,URL,Message,Link
Verzonnen pagina,verzonnen,77,2021-05-06 03:08:09 EDT,3,4,5,https://www.facebook.com/77/posts/9,Dag,https://site.example/
Zonder tijd,verzonnen,77,gisteren,3,4,5,https://www.facebook.com/77/posts/10,Dag,
"""
META = """id,text,creation_time,lang,post_owner.id,post_owner.name,post_owner.username,statistics.like_count,mcl_url
9,Dag,2021-05-06T07:08:09+0000,nl,77,Verzonnen pagina,verzonnen,3,https://www.facebook.com/transparency/9
"""


def test_exports_of_metas_tools_are_read_without_a_mapping(tmp_path: Path) -> None:
    """CrowdTangle writes the zone of its user; a post without an id is known by its address."""
    for table, key in ((CROWDTANGLE, "https://www.facebook.com/77/posts/9"), (META, "9")):
        (tmp_path / "a.csv").write_text(table)
        found = read("table", tmp_path / "a.csv", platform="facebook")
        first, *more = of(found, Post)
        assert (first.post_id, first.account_id, first.created_at, first.text) == (key, "77", MADE, "Dag")
        assert first.likes == 3
        assert of(found, Account)[0] == Account("77", "facebook", "verzonnen", "Verzonnen pagina")
        assert [one.created_at for one in more] == [None] * len(more)
        assert len(of(found, Quarantine)) == len(more)


@pytest.mark.parametrize("place", ["Europe/Amsterdam", "Europe/London", "Europe/Lisbon", "Europe/Athens", "Asia/Tokyo",
    "America/New_York", "America/Chicago", "America/Denver", "America/Los_Angeles", "Australia/Sydney",
    "Pacific/Auckland", "UTC", "GMT"])  # fmt: skip
@pytest.mark.parametrize("month", [1, 7])
def test_a_zone_by_its_letters_is_the_offset_that_it_had(place: str, month: int, tmp_path: Path) -> None:
    """As the time zone database has them; India's IST is also Ireland's and Israel's, and is no time."""
    at = datetime(2021, month, 6, 3, 8, 9, tzinfo=ZoneInfo(place))
    (tmp_path / "a.csv").write_text(CROWDTANGLE.replace("2021-05-06 03:08:09 EDT", f"{at:%Y-%m-%d %H:%M:%S %Z}"))
    assert of(read("table", tmp_path / "a.csv", platform="facebook"), Post)[0].created_at == at
    (tmp_path / "b.csv").write_text(CROWDTANGLE.replace("EDT", "IST"))
    assert of(read("table", tmp_path / "b.csv", platform="facebook"), Post)[0].created_at is None


def test_posts_with_a_mapping_and_what_is_wrong_in_them(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text(
        "nr;tekst;wie;wanneer;op\n1;Hallo;a;2021-05-06T09:08:09+02:00;NA\n2;Dag;a;gisteren;1\n3;;a;;\n"
        "1,23E+18;Weg;a;;\n4;Kort;#N/B;;\n"
    )
    columns = {"post_id": "nr", "text": "tekst", "handle": "wie", "created_at": "wanneer", "reply_to_post": "op"}
    found = read("table", path, platform="mastodon", columns=columns)
    assert [(one.post_id, one.account_id, one.created_at, one.kind) for one in of(found, Post)] == [
        ("1", "@a", MADE, "original"), ("2", "@a", None, "reply"), ("4", None, None, "original"),
    ]  # fmt: skip
    assert [one.place for one in of(found, Quarantine)] == ["a.csv:3", "a.csv:4", "a.csv:5", "a.csv:6"]


# ---- a member's own archive of X --------------------------------------------------------------------------------


def tweets(*ids: int) -> str:
    posts = [
        {"tweet": {"id_str": str(key), "full_text": "RT @b: Hallo" if key % 2 else "Hallo #een", "retweeted": False,
                   "created_at": "Thu May 06 07:08:09 +0000 2021", "favorite_count": "3",
                   "entities": {"hashtags": [{"text": "een"}], "user_mentions": [], "urls": []}}}
        for key in ids
    ]  # fmt: skip
    return "window.YTD.tweets.part0 = " + json.dumps(posts, indent=2)


ACCOUNT = 'window.YTD.account.part0 = [{"account": {"email": "test@example.org", "accountId": "77"}}]'


def test_the_archive_of_a_member_holds_their_posts_and_no_more_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "twitter-archive.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("data/account.js", ACCOUNT)
        archive.writestr("data/tweets.js", tweets(2, 4, 5))
        archive.writestr("data/tweets-part1.js", tweets(6))
        archive.writestr("data/direct-messages.js", "window.YTD.direct_messages.part0 = [1]")
    for forget, size in ((False, 1 << 20), (True, 50)):
        monkeypatch.setattr(chunks, "PIECE", size)
        pages = walk("x-v1", path, forget=forget)
        found = parse("x-v1", pages)
        posts = sorted(of(found, Post), key=lambda one: one.post_id)
        assert [(one.post_id, one.account_id, one.kind) for one in posts] == [
            ("2", "77", "original"), ("4", "77", "original"), ("5", "77", "retweet"), ("6", "77", "original"),
        ]  # fmt: skip
        assert {one.created_at for one in of(found, Post)} == {MADE}
        assert {one.likes for one in of(found, Post)} == {3}
        assert not of(found, Quarantine)
        assert not any(b"example.org" in page.body for page in pages)


def test_one_script_of_an_archive_must_be_said_whose_it_is(tmp_path: Path) -> None:
    path = tmp_path / "tweets.js"
    path.write_text(tweets(2, 4))
    assert [one.timeline_of for one in of(read("x-v1", path, of="77"), Post)] == ["77", "77"]
    with pytest.raises(UserError, match="--of ID"):
        files.targets("x-v1", [path], {})


# ---- posts of which only the ids are known ----------------------------------------------------------------------

SNOWFLAKE = 1541815603606036480  # the example of Wikipedia's "Snowflake ID"
IDS = [str(SNOWFLAKE), str(SNOWFLAKE + 1), "20"]
BARE = {
    "twarc.txt": "{}\n{}\n{}\n", "bom.txt": "\ufeff{}\r\n{}\r\n{}\r\n", "quoted.csv": '"{}"\n"{}"\n"{}"\n',
    "hydrator.csv": "id\n{}\n{}\n{}", "kaggle.tsv": "tweet_id\n{}\n{}\n{}\n", "old.txt": "{}\r{}\r{}\r",
    "rtweet.csv": "status_id\nx{}\nx{}\nx{}\n", "blank.txt": "\n\n{}\n\n{}\n{}",
}  # fmt: skip


@pytest.mark.parametrize("name", BARE)
def test_bare_ids_are_posts_whose_time_is_in_their_ids(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_text(BARE[name].format(*IDS), encoding="utf-8", newline="")
    made = [datetime(2022, 6, 28, 16, 7, 40, 105000, UTC)] * 2 + [None]
    expected = [Post(key, "x", None, at, None, None, None) for key, at in zip(IDS, made, strict=True)]
    assert read("table", path, platform="x") == expected
    with pytest.raises(UserError, match="give its platform"):
        files.targets("table", [path], {})


def test_bare_ids_in_a_parquet_file_that_were_floats_are_refused(tmp_path: Path) -> None:
    ids = [SNOWFLAKE + at * 7919 for at in range(5)]
    pd.DataFrame({"tweet_id": ids}).to_parquet(tmp_path / "a.parquet")
    found = read("table", tmp_path / "a.parquet", platform="x")
    assert [one.post_id for one in of(found, Post)] == [str(one) for one in ids]
    pd.DataFrame({"tweet_id": [float(one) for one in ids]}).to_parquet(tmp_path / "b.parquet")
    found = read("table", tmp_path / "b.parquet", platform="x")
    assert not of(found, Post)
    assert len(of(found, Quarantine)) == len(ids)


REAL = Path(__file__).parents[2] / "shared" / "real"


def _posts_in(value: Any) -> Iterator[tuple[str, str]]:
    """(id, created_at) of the posts in a recorded answer."""
    if isinstance(value, list):
        for one in value:
            yield from _posts_in(one)
    elif isinstance(value, dict):
        made = value.get("created_at") or (value.get("record") or {}).get("createdAt")
        if isinstance(made, str) and ("text" in value or "content" in value or "record" in value):
            yield str(value.get("uri") or value.get("id")), made
        for one in value.values():
            yield from _posts_in(one)


TOOT = re.compile(r'"created_at": ?"([^"]+)", ?"in_reply_to_id"(?:(?!created_at).){0,500}?"uri": ?"([^"]+)"', re.DOTALL)


def _recorded(platform: str) -> Iterator[tuple[str, datetime | None]]:
    for path in sorted(one for one in (REAL / platform).rglob("*") if one.suffix in (".json", ".yaml")):
        if path.suffix == ".yaml":
            yield from ((key, moment(at)) for at, key in TOOT.findall(path.read_text("utf-8")))
        else:
            with suppress(ValueError):
                yield from ((key, moment(at)) for key, at in _posts_in(json.loads(path.read_bytes())))


@pytest.mark.skipif(not REAL.is_dir(), reason="the recorded answers are not here")
@pytest.mark.parametrize("platform", ["x", "mastodon", "bluesky"])
def test_the_time_in_an_id_is_that_which_the_platform_recorded(platform: str) -> None:
    made_at = {"x": x.made_at, "mastodon": mastodon.made_at, "bluesky": bluesky.made_at}[platform]
    found = [(key, at, made_at(key)) for key, at in _recorded(platform) if at]
    far = [(key, at, made) for key, at, made in found if made and abs((made - at).total_seconds()) > 5]
    assert any(made for *_, made in found)
    assert not far

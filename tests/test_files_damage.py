"""Damaged and packed files: all that a forgiving reader gives is read, and the damage is named with its place."""

import bz2
import gzip
import io
import json
import lzma
import random
import zlib
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from warcio.statusandheaders import StatusAndHeaders
from warcio.warcwriter import WARCWriter

from collectors import files
from collectors.files.detect import formats_of
from collectors.files.warc import dechunked
from storage.errors import UserError
from storage.records import BadBody, Page, Post, Profile, Quarantine, Request, Target
from tests.conftest import examples
from tests.importing import of, read, walk


def zstd(data: bytes) -> bytes:
    return pa.Codec("zstd").compress(data, asbytes=True)


PACKED: dict[str, Callable[[bytes], bytes]] = {
    "gz": gzip.compress, "xz": lzma.compress, "bz2": bz2.compress, "zst": zstd,
}  # fmt: skip


def posts(first: int, count: int) -> bytes:
    return b"".join(
        json.dumps({"id_str": str(number), "text": f"bericht {number}", "user": {"id_str": "7"}}).encode() + b"\n"
        for number in range(first, first + count)
    )


@pytest.mark.parametrize("kind", PACKED)
@pytest.mark.parametrize("array", [False, True])
def test_what_is_packed_reads_like_the_plain_file_and_garbage_behind_it_costs_nothing(
    tmp_path: Path, kind: str, array: bool
) -> None:
    data = posts(1, 500)
    if array:
        data = b"[" + data.strip().replace(b"\n", b",") + b"]"
    for name, more, wrong in (("whole", b"", 0), ("garbage", b"<html>503</html>" * 9, 1)):
        path = tmp_path / f"{name}.json.{kind}"
        path.write_bytes(PACKED[kind](data) + more)
        found = read("x-v1", path)
        assert len(of(found, Post)) == 500
        quarantined = of(found, Quarantine)
        assert len(quarantined) == wrong
        assert all("byte" in one.reason for one in quarantined)


@pytest.mark.parametrize("kind", ["gz", "bz2", "xz"])
def test_members_one_behind_the_other_are_one_file(tmp_path: Path, kind: str) -> None:
    path = tmp_path / f"a.jsonl.{kind}"
    path.write_bytes(PACKED[kind](posts(1, 10)) + PACKED[kind](posts(11, 10)) + b"\0" * 512)
    found = read("x-v1", path)
    assert [one.post_id for one in of(found, Post)] == [str(number) for number in range(1, 21)]
    assert not of(found, Quarantine)


@given(st.integers(20, 3000))
@settings(max_examples=examples(30))
def test_a_file_cut_anywhere_gives_all_the_lines_that_its_bytes_hold(cut: int) -> None:
    import tempfile

    whole = gzip.compress(posts(1, 300))
    part = whole[: min(cut, len(whole) - 1)]
    lines = zlib.decompressobj(31).decompress(part).count(b"\n")
    assume(lines)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "a.jsonl.gz")
        path.write_bytes(part)
        found = read("x-v1", path)
        assert len(of(found, Post)) in (lines, lines + 1)
        assert "cut off" in of(found, Quarantine)[-1].reason
        (done,) = files.collector("x-v1").outcome(walk("x-v1", path)[-1])
        assert (done.next, done.complete) == (None, False)


def test_a_member_with_a_wrong_checksum_is_read_and_the_damage_said(tmp_path: Path) -> None:
    whole = gzip.compress(posts(1, 20))
    (tmp_path / "a.jsonl.gz").write_bytes(whole[:-8] + b"\1\2\3\4" + whole[-4:])
    found = read("x-v1", tmp_path / "a.jsonl.gz")
    assert len(of(found, Post)) == 20
    assert "incorrect data check" in of(found, Quarantine)[-1].reason


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("a.csv.gz", gzip.compress(gzip.compress(b"name\nAnn\n", mtime=0), mtime=0), "packed twice; unpack it once"),
        ("a.xls", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), "save it as .xlsx or CSV"),
        ("a.csv", b"\xef\xbb\xbf\n<!DOCTYPE html><title>Sign in</title>", "a web page, whatever its name"),
        (
            "a.csv.gz",
            gzip.compress(b"a.csv".ljust(257, b"\0") + b"ustar" + bytes(250), mtime=0),
            "a tar archive; unpack it first",
        ),
        ("a.csv", b"%PDF-1.7", "a PDF"),
        ("a.csv", b"\xef\xbb\xbf\r\n \n", "empty"),
    ],
)
def test_what_no_format_reads_is_named_with_the_mend(tmp_path: Path, name: str, content: bytes, expected: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UserError, match=expected):
        files.targets("table", [tmp_path / name], {})


def test_a_damaged_table_keeps_its_whole_rows(tmp_path: Path) -> None:
    path = tmp_path / "a.csv.gz"
    path.write_bytes(gzip.compress(b"name,employer\n" + b"Ann Een,Acme\n" * 9) + b"garbage")
    found = read("table", path)
    assert len(of(found, Profile)) == 9
    assert len(of(found, Quarantine)) == 1


def test_the_case_of_the_fault_report(cases: Path) -> None:
    found = read("twarc", cases / "09-gzip-damage" / "garbage.jsonl.gz")
    assert of(found, Post)
    assert "something else stands from byte" in of(found, Quarantine)[-1].reason


# ---- WARC -----------------------------------------------------------------------------------------------------

API = "https://api.twitter.com/1.1/statuses/user_timeline.json?user_id=7"


def warc(answers: list[tuple[str, int, bytes, list[tuple[str, str]]]], packed: bool = True) -> bytes:
    out = io.BytesIO()
    writer = WARCWriter(out, gzip=packed)
    for url, status, body, headers in answers:
        head = StatusAndHeaders(f"{status} X", [("Content-Type", "application/json"), *headers], protocol="HTTP/1.1")
        writer.write_record(writer.create_warc_record(url, "response", payload=io.BytesIO(body), http_headers=head))
    return out.getvalue()


def timeline(first: int) -> bytes:
    return b"[" + posts(first, 1).strip() + b"]"


LEFT_OUT = {  # by its type and the head of its answer, an odd record: why it is left out
    ("revisit", b"HTTP/1.1 200 OK\r\n\r\n"): "records of the type revisit",
    ("resource", b""): "records of the type resource",
    ("response", b""): "without an answer of HTTP",
}


@pytest.mark.parametrize(("type_", "head"), LEFT_OUT)
def test_a_record_of_a_warc_that_is_no_answer_is_counted(tmp_path: Path, type_: str, head: bytes) -> None:
    def written(type_: str, data: bytes, host: str = "api.x.com") -> bytes:
        lines = ("WARC/1.0", f"WARC-Type: {type_}", f"WARC-Target-URI: https://{host}/2/users/5/tweets",
                 "Content-Type: application/http;msgtype=response", f"Content-Length: {len(data)}")  # fmt: skip
        return "\r\n".join((*lines, "", "")).encode() + data + b"\r\n\r\n"

    body = json.dumps({"data": [{"id": "1", "author_id": "5", "text": "een"}]}).encode()
    whole = written("response", b"HTTP/1.1 200 OK\r\n\r\n" + body, "API.X.COM")
    (tmp_path / "a.warc").write_bytes(whole + written(type_, head + body))
    post, left_out = read("warc", tmp_path / "a.warc")
    assert isinstance(post, Post)
    assert isinstance(left_out, Quarantine)
    assert left_out.reason == f"left out: 1 answers: {LEFT_OUT[type_, head]}"


def test_one_member_around_a_whole_warc_other_packers_and_a_cut_end(tmp_path: Path) -> None:
    answers = [(API, 200, timeline(number), []) for number in (1, 2, 3)]
    plain = warc(answers, packed=False)
    each = warc(answers)
    for name, data, count, wrong in (
        ("plain.warc", plain, 3, 0), ("each.warc.gz", each, 3, 0), ("one.warc.gz", gzip.compress(plain), 3, 0),
        ("one.warc.zst", zstd(plain), 3, 0), ("one.warc.bz2", bz2.compress(plain), 3, 0),
        ("garbage.warc.gz", each + b"garbage", 3, 1), ("cut.warc.gz", each[:-30], 2, 1),
        ("cut.warc", plain[:-40], 2, 1),
    ):  # fmt: skip
        (tmp_path / name).write_bytes(data)
        found = read("warc", tmp_path / name)
        assert len(of(found, Post)) == count, name
        assert len(of(found, Quarantine)) == wrong, name


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (401, b'{"errors": [{"code": 32, "message": "Could not authenticate you."}]}'),
        (404, b"<html>"),
        (429, b"Too many requests"),
        (200, b'{"data": [{"start": "2022-01-01T00:00:00Z", "tweet_count": 3}], "meta": {"total_tweet_count": 3}}'),
        (200, b""),
    ],
)
def test_an_answer_without_data_at_the_head_does_not_refuse_the_file(tmp_path: Path, status: int, body: bytes) -> None:
    path = tmp_path / "a.warc.gz"
    path.write_bytes(warc([(API, status, body, []), (API, 200, timeline(1), [])]))
    assert files.targets("warc", [path], {})
    assert len(of(read("warc", path), Post)) == 1
    path.write_bytes(warc([(API, status, body, [])]))
    assert files.targets("warc", [path], {})


def test_bad_lines_at_the_head_do_not_refuse_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(b'{"no": "post"}\n' * 100_000 + posts(1, 1))
    assert files.targets("x-v1", [path], {})
    path.write_bytes(b'{"no": "post"}\n' * 100_000)
    with pytest.raises(UserError, match="check the format"):
        files.targets("x-v1", [path], {})


@pytest.mark.parametrize("extension", [b"", b";name=value", b" ; " + b"x" * 500])
@pytest.mark.parametrize("trailer", [b"", b"X-Sum: 1\r\n"])
def test_chunks_with_extensions_and_trailers(tmp_path: Path, extension: bytes, trailer: bytes) -> None:
    body = timeline(1)
    parts = [body[:10], body[10:11], body[11:]]
    chunked = b"".join(b"%x%s\r\n%s\r\n" % (len(part), extension, part) for part in parts)
    chunked += b"0" + extension + b"\r\n" + trailer + b"\r\n"
    assert dechunked(chunked) == body
    path = tmp_path / "a.warc.gz"
    path.write_bytes(warc([(API, 200, chunked, [("Transfer-Encoding", "gzip, Chunked")])]))
    assert len(of(read("warc", path), Post)) == 1
    assert dechunked(body) == body


@pytest.mark.parametrize("name", ["gzip", "br", "zstd", "deflate", "gzip, br", "identity"])
def test_bodies_in_every_encoding_of_the_web(name: str) -> None:
    body = timeline(1) * 50
    pack = {"gzip": gzip.compress, "zstd": zstd, "deflate": zlib.compress, "identity": bytes,
            "br": lambda data: pa.Codec("brotli").compress(data, asbytes=True)}  # fmt: skip
    packed = body
    for one in name.split(", "):
        packed = pack[one](packed)
    request = Request(Target("warc", "file", "a"), "")
    page = Page((request,), API, 200, (("Content-Encoding", name),), packed, datetime.now(UTC))
    assert page.content() == body
    if name != "identity":
        with pytest.raises(BadBody):
            Page((request,), API, 200, (("Content-Encoding", name),), packed[:-9], datetime.now(UTC)).content()
        with pytest.raises(BadBody):
            page.content(limit=100)


@pytest.mark.parametrize("form", ["auto", *files.FORMATS])
@pytest.mark.parametrize("name", ["a.zip", "a.json", "a.csv", "a.txt"])
def test_random_bytes_are_called_so_with_the_mend(tmp_path: Path, form: str, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(random.Random(name).randbytes(5000))
    if form == "auto":
        message = " ".join(formats_of([path], {})[1])
    else:
        with pytest.raises(UserError) as error:
            files.targets(form, [path], {})
        message = str(error.value)
    assert str(path) in message
    assert "copy or download it again" in message
    assert "\n" not in message


@pytest.mark.parametrize("form", ["x-v1", "twarc"])
@pytest.mark.parametrize(
    "way",
    ["two on a line", "RFC 7464", "commas", "UTF-16 of PowerShell", "a byte-order mark", "NaN", "half an emoji"],
)
def test_lines_of_json_as_other_tools_write_them(tmp_path: Path, form: str, way: str) -> None:
    made = "Wed Aug 27 13:08:45 +0000 2008" if form == "x-v1" else "2008-08-27T13:08:45.000Z"
    one, two = (
        json.dumps({"id_str": str(n), "id": str(n), "text": "een", "created_at": made, "lang": "nl"}) for n in (1, 2)
    )
    content = {
        "two on a line": one + two,
        "RFC 7464": f"\x1e{one}\n\x1e{two}\n",
        "commas": f"{one},\n{two},\n",
        "UTF-16 of PowerShell": f"\ufeff{one}\r\n{two}\r\n",
        "a byte-order mark": f"\ufeff{one}\n{two}",
        "NaN": f"{one[:-1]}, \"score\": NaN}}\n{two}",
        "half an emoji": f"{one}\n{two}".replace("een", "een \\ud83d"),
    }[way]  # fmt: skip
    (tmp_path / "a.jsonl").write_bytes(content.encode("utf-16-le" if "UTF-16" in way else "utf-8"))
    found = read(form, tmp_path / "a.jsonl")
    assert [post.post_id for post in of(found, Post)] == ["1", "2"]
    assert {post.created_at for post in of(found, Post)} == {datetime(2008, 8, 27, 13, 8, 45, tzinfo=UTC)}
    assert len(of(found, Quarantine)) == {"NaN": 1, "half an emoji": 2}.get(way, 0)

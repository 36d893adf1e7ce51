"""The archive keeps what came, survives being torn, holds no secret, and is plain WARC."""

import gzip
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from warcio.archiveiterator import ArchiveIterator

from storage.archive import reader as archive
from storage.archive import writer as archiving
from storage.records import Failure, Page, Request, Target

NOW = datetime(2026, 3, 29, 1, 30, 0, 123456, tzinfo=UTC)
names = st.text(st.characters(codec="ascii", categories=["L", "N"]), min_size=1, max_size=20)
requests = st.builds(
    lambda key, cursor, wave, via: Request(Target("x", "timeline", key, cursor), f"x/timeline/{key}/1", wave, via),
    st.text(min_size=1, max_size=30), st.text(max_size=20), st.integers(0, 9), st.text(max_size=10),
)  # fmt: skip
pages = st.builds(
    lambda requests, path, status, headers, body: Page(
        tuple(requests), f"https://api.example/{path}", status,
        (*((f"X-{name}", value) for name, value in headers), ("Content-Length", str(len(body)))), body, NOW, run="r",
    ),
    st.lists(requests, min_size=1, max_size=3), names, st.integers(200, 599),
    st.lists(st.tuples(names, names), max_size=3), st.binary(max_size=2000),
)  # fmt: skip
failures = st.builds(
    lambda request, detail: Failure((request,), "timeout", detail, NOW, "https://api.example/", "", "r"),
    requests,
    st.text(max_size=50),
)


def _written(folder: Path, answers: list[Page | Failure], **options: object) -> Path:
    writer = archiving.Writer(folder, "x", **options)  # type: ignore[arg-type]
    for answer in answers:
        writer.append(answer)
    writer.close()
    return archive.segments(folder)[0]


@given(st.lists(pages | failures, min_size=1, max_size=8))
@settings(max_examples=60, deadline=None)
def test_what_is_read_is_what_was_written(
    tmp_path_factory: pytest.TempPathFactory, answers: list[Page | Failure]
) -> None:
    path = _written(tmp_path_factory.mktemp("a"), answers)
    read = list(archive.read(path))
    assert [_bare(entry) for entry in read] == [_bare(answer) for answer in answers]
    for entry, (start, end, again) in zip(read, archive.read_at(path), strict=True):
        assert archive.entry_at(path, start, end) == entry == again


def _bare(entry: object) -> object:
    import msgspec

    return msgspec.structs.replace(entry, record_id="")  # type: ignore[arg-type]


@given(st.lists(pages, min_size=1, max_size=4), st.data())
@settings(max_examples=60, deadline=None)
def test_a_segment_torn_at_any_byte_gives_a_prefix_and_is_repaired(
    tmp_path_factory: pytest.TempPathFactory, answers: list[Page], data: st.DataObject
) -> None:
    folder = tmp_path_factory.mktemp("a")
    path = _written(folder, answers)
    whole = list(archive.read(path))
    content = path.read_bytes()
    cut = int(data.draw(st.floats(0, 1, exclude_max=True)) * len(content))
    torn = path.with_name(path.name + ".open")
    path.unlink()
    torn.write_bytes(content[:cut])
    repaired, _ = archiving.repair(torn)
    read = list(archive.read(repaired))
    assert read == whole[: len(read)]
    assert repaired.read_bytes() == content[: repaired.stat().st_size]
    with repaired.open("rb") as file:
        assert sum(1 for _ in ArchiveIterator(file)) == sum(1 for _ in archive.members(repaired))


def test_an_open_segment_is_read_up_to_its_last_sync_mark(tmp_path: Path) -> None:
    writer = archiving.Writer(tmp_path, "x")
    page = Page((Request(Target("x", "user", "a"), "w"),), "https://api.example/", 200, (), b"{}", NOW)
    writer.append(page)
    writer.sync()
    writer.append(page)
    writer._file.flush()  # type: ignore[union-attr]
    (path,) = archive.segments(tmp_path)
    assert path.name.endswith(".open")
    assert len(list(archive.read(path))) == 1
    writer.sync()
    assert len(list(archive.read(path))) == 2


def test_secrets_are_cut_out_of_urls_headers_and_compressed_bodies(tmp_path: Path) -> None:
    secret = "canary-4f6a"
    body = gzip.compress(f'{{"echo":"{secret}"}}'.encode())
    headers = (("Content-Encoding", "gzip"), ("Set-Cookie", f"id={secret}"), ("X-Echo", secret))
    request = (Request(Target("x", "user", "a"), "w"),)
    page = Page(request, f"https://u:{secret}@api.example/?token={secret}&pagination_token=p1", 200, headers, body, NOW)
    path = _written(tmp_path, [page, Failure(request, "timeout", f"at {secret}", NOW)], secrets=[secret])
    plain = b"".join(content for _, _, content in archive.members(path))
    assert secret.encode() not in plain
    (read, _) = archive.read(path)
    assert isinstance(read, Page)
    assert read.url == "https://api.example/?token=REDACTED&pagination_token=p1"
    assert read.content() == b'{"echo":"REDACTED"}'
    leaky = _written(tmp_path / "leak", [page])  # the check above can fail
    assert secret.encode() in b"".join(content for _, _, content in archive.members(leaky)) + gzip.decompress(body)


def test_others_read_our_archive_and_ours_reads_around_foreign_records(tmp_path: Path) -> None:
    page = Page((Request(Target("x", "user", "a"), "w"),), "https://api.example/u", 200, (("A", "b"),), b"hello", NOW)
    path = _written(tmp_path, [page])
    with path.open("rb") as file:
        (response,) = [r for r in ArchiveIterator(file) if r.rec_type == "response"]
        with path.open("rb") as again:
            bodies = [r.content_stream().read() for r in ArchiveIterator(again) if r.rec_type == "response"]
    assert response.http_headers.get_statuscode() == "200"
    assert bodies == [b"hello"]
    foreign = gzip.compress(
        b"WARC/1.0\r\nWARC-Type: response\r\nWARC-Record-ID: <urn:uuid:1>\r\nWARC-Date: 2020-01-01T00:00:00Z\r\n"
        b"Content-Length: 0\r\n\r\n\r\n\r\n"
    )
    path.write_bytes(foreign + path.read_bytes())
    assert [entry.url for entry in archive.read(path) if isinstance(entry, Page)] == ["https://api.example/u"]
    assert archive.foreign(path) == 1


def test_what_is_no_archive_is_said_in_one_line(tmp_path: Path) -> None:
    path = tmp_path / "a.warc.gz"
    path.write_bytes(b"not gzip at all")
    with pytest.raises(archive.Damage, match=r"a\.warc\.gz: not a gzip member at byte 0"):
        list(archive.read(path))


def test_two_writers_at_one_instant_keep_their_segments(tmp_path: Path) -> None:
    for number in range(2):
        writer = archiving.Writer(tmp_path, "x", now=lambda: datetime(2013, 2, 23, tzinfo=UTC))
        writer.note("gap", {"number": number})
        writer.close()
    entries = [entry for path in archive.segments(tmp_path) for entry in archive.read(path)]
    kept = [entry.data["number"] for entry in entries if isinstance(entry, archive.Note)]
    assert kept == [0, 1]

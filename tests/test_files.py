"""A file is a platform like any other: pieces for pages, places for cursors; nothing lost, nothing invented."""

import gzip
import io
import json
import lzma
import subprocess
import sys
import zipfile
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from collectors import files
from collectors.base import Settings
from collectors.engine.run import collect
from collectors.importing.chunks import Unreadable, line_pieces
from collectors.importing.json_stream import Cutter, elements
from collectors.wire.exchange import Replay, Wire
from storage.archive import reader as archive
from storage.errors import UserError
from storage.frontier.sqlite import Frontier
from storage.records import Failure, Page, Post, Quarantine, Request, Target
from tests.conftest import ROOT
from tests.importing import counts, of, parse, read, small_pieces, walk

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)


def status(number: int, text: str = "gewoon weer") -> bytes:
    user = {"id_str": "7", "screen_name": "Verzonnen"}
    return json.dumps({"id_str": str(10**18 + number), "text": text, "user": user}).encode()


# ---- pieces -------------------------------------------------------------------------------------------------


@given(st.binary(max_size=300) | st.lists(st.binary(max_size=20)).map(b"\n".join), st.integers(1, 40))
def test_the_pieces_of_any_bytes_are_the_bytes_and_begin_on_whole_lines(data: bytes, size: int) -> None:
    found = list(line_pieces(io.BytesIO(data), "", size))
    assert b"".join(piece.body for piece in found) == data
    assert all(piece.body.endswith(b"\n") for piece in found[:-1])
    for before, piece in pairwise(found):
        assert piece.first == before.first + before.body.count(b"\n")
        assert next(line_pieces(io.BytesIO(data), before.after, size)) == piece


@given(
    st.lists(st.dictionaries(st.text(max_size=4), JSON, max_size=3), max_size=8), st.integers(1, 30), st.integers(1, 50)
)
def test_an_array_cut_anywhere_keeps_its_elements(value: list[object], chunk: int, size: int) -> None:
    data = json.dumps(value, indent=1 if chunk % 2 else None).encode()
    cutter, got, places = Cutter(size=size), [], []
    for start in range(0, len(data), chunk):
        for body, end, count in cutter.feed(data[start : start + chunk]):
            assert len(json.loads(body)) == count
            got += json.loads(body)
            places.append((end, len(got)))
    assert got == value
    assert [json.loads(one) for one in elements(data)] == value
    for end, count in places:  # and from the place behind any piece it goes on with the next element
        rest, tail = Cutter(inside=True, size=size), []
        for body, _, _ in rest.feed(data[end:]):
            tail += json.loads(body)
        assert tail == value[count:]


def test_every_piece_can_be_asked_for_by_a_process_that_has_just_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small_pieces(monkeypatch, 500)
    lines, array, zipped = tmp_path / "lines.jsonl", tmp_path / "array.json", tmp_path / "lines.jsonl.gz"
    lines.write_bytes(b"\n".join(status(n) for n in range(40)))
    array.write_bytes(b"[" + b",\n".join(status(n) for n in range(40)) + b"]\n")
    zipped.write_bytes(gzip.compress(lines.read_bytes()))
    for path in (lines, array, zipped):
        through, afresh = walk("x-v1", path), walk("x-v1", path, forget=True)
        assert [page.body for page in through] == [page.body for page in afresh]
        assert len(through) > 5
        assert [post.post_id for post in of(parse("x-v1", afresh), Post)] == [str(10**18 + n) for n in range(40)]


@pytest.mark.parametrize("pack", [gzip.compress, lzma.compress, bytes])
def test_a_compressed_file_reads_like_the_plain_one(tmp_path: Path, pack: object) -> None:
    path = tmp_path / "posts.jsonl"
    path.write_bytes(pack(b"\n".join(status(n) for n in range(9))))  # type: ignore[operator]
    assert counts(read("x-v1", path)) == {"Post": 9, "Account": 1}


def test_a_line_that_cannot_be_read_is_reported_with_its_place_and_the_rest_loads(tmp_path: Path) -> None:
    path = tmp_path / "posts.jsonl"
    lines = [status(1), b'{"id_str": "5", "te', status(2), b"", b'{"a": 1}', b"[" * 5000, b'"\\ud800"', status(3)]
    path.write_bytes(b"\n".join(lines))
    found = read("x-v1", path)
    assert [post.post_id for post in of(found, Post)] == [str(10**18 + n) for n in (1, 2, 3)]
    quarantined = {quarantine.place: quarantine for quarantine in of(found, Quarantine)}
    assert list(quarantined) == ["posts.jsonl:2", "posts.jsonl:5", "posts.jsonl:6", "posts.jsonl:7"]
    assert quarantined["posts.jsonl:2"].excerpt == '{"id_str": "5", "te'
    assert "nested too deeply" in quarantined["posts.jsonl:6"].reason


def test_half_a_surrogate_pair_loses_a_character_and_not_the_post(tmp_path: Path) -> None:
    path = tmp_path / "posts.jsonl"
    path.write_bytes(status(1).replace(b"gewoon", rb"\ud83d gewoon"))
    (post,) = of(read("x-v1", path), Post)
    assert post.text == "\ufffd gewoon weer"


# ---- refusals -----------------------------------------------------------------------------------------------


def test_a_line_without_end_is_refused_and_what_follows_is_read(tmp_path: Path) -> None:
    path = tmp_path / "posts.jsonl"
    with path.open("wb") as file:
        file.write(status(1) + b"\n" + b'{"x": "')
        file.truncate(80 << 20)  # zeros
        file.seek(80 << 20)
        file.write(b"\n" + status(2))
    found = read("x-v1", path)
    assert counts(found) == {"Post": 2, "Account": 2, "Quarantine": 1}  # an account once a piece
    (quarantined,) = of(found, Quarantine)
    assert quarantined.place == "posts.jsonl:2"
    assert "longer than" in quarantined.reason
    assert len(quarantined.excerpt) <= 1000


def test_a_compressed_bomb_is_not_read_on(tmp_path: Path) -> None:
    path = tmp_path / "bomb.jsonl.gz"
    with gzip.open(path, "wb") as file:
        file.write(status(1) + b"\n")
        for _ in range(200):
            file.write(b"\n" * (1 << 20))
    found = read("x-v1", path)
    assert "200 times" in of(found, Quarantine)[-1].reason
    (done,) = files.collector("x-v1").outcome(walk("x-v1", path)[-1])
    assert (done.next, done.complete) == (None, False)


def _zip(path: Path, name: str, data: bytes) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr(name, data)
    return path


def _text(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


@pytest.mark.parametrize(
    ("format_", "make", "says"),
    [
        ("linkedin", lambda d: _zip(d / "a.zip", "../Connections.csv", b"x"), "a path that leads out of it"),
        ("linkedin", lambda d: _zip(d / "a.zip", "Connections.csv", bytes(300 << 20)), "unpacks to"),
        ("linkedin", lambda d: _zip(d / "a.zip", "Messages.csv", b"x"), "holds no Connections.csv"),
        ("linkedin", lambda d: _zip(d / "a.zip", "Connections.csv", b"a,b\n1,2\n"), "not a Connections.csv"),
        ("linkedin", lambda d: d / "nothing.zip", "no such file"),
        ("twarc", lambda d: _text(d / "a.json", b'{"naam": "geen post"}'), "check the format"),
        ("x-v1", lambda d: _text(d / "a.json", b'{"ids": [1, 2]}'), "--of"),
        ("warc", lambda d: _text(d / "a.warc", b"geen WARC"), "no WARC"),
        ("table", lambda d: _text(d / "a.csv", "1E5\n2\n".encode("utf-16")), "map at least"),
        ("table", lambda d: _zip(d / "a.xlsx", "xl/workbook.xml", bytes(300 << 20)), "unpacks to"),
        ("fax", lambda d: d, "not a format"),
    ],
)  # fmt: skip
def test_what_cannot_be_imported_is_refused_in_one_line(tmp_path: Path, format_: str, make: object, says: str) -> None:
    with pytest.raises(UserError, match=says) as actual:
        files.targets(format_, [make(tmp_path)], {})  # type: ignore[operator]
    assert "\n" not in str(actual.value)


def test_options_are_checked_before_anything_is_read(tmp_path: Path) -> None:
    path = tmp_path / "posts.jsonl"
    path.write_bytes(status(1))
    for options in ({"owner": "x"}, {"kleur": "x"}, {"listed": "friends"}, {"collected": "gisteren"}):
        with pytest.raises(UserError, match=next(iter(options))):
            files.targets("x-v1", [path], options)


# ---- any bytes ----------------------------------------------------------------------------------------------

SEEDS = [
    status(1),
    b'{"data": {"rest_id": "1", "legacy": {"full_text": "a"}}, "source_platform": "x.com"}',
    b'{"data": [{"id": "1", "text": "a"}], "__twarc": {"url": "https://api.twitter.com/2/tweets?ids=1,2"}}',
    b"First Name,Last Name,URL,Company,Position,Connected On\nA,B,https://www.linkedin.com/in/a,C,D,1 Jan 2020\n",
    b"<o><organisaties><organisatie systeemId='1'><naam>A</naam></organisatie></organisaties></o>",
    b"name,employer\nA,B\n",
    b"WARC/1.0\r\nWARC-Type: response\r\nContent-Length: 0\r\n\r\n\r\n\r\n",
]


def damaged(data: bytes, where: int, with_: bytes) -> bytes:
    at = where % (len(data) + 1)
    return data[:at] + with_ + data[at + len(with_) :]


BYTES = st.binary(max_size=200) | st.builds(damaged, st.sampled_from(SEEDS), st.integers(0, 500), st.binary(max_size=9))


@pytest.mark.parametrize("format_", list(files.FORMATS))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=BYTES)
def test_no_bytes_break_a_collector(format_: str, tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "any"
    path.write_bytes(data)
    collector = files.collector(format_)
    key = collector.targets(path, {})[-1].key
    for kind in collector.kinds:
        request = Request(Target(format_, kind, key), "walk")
        try:
            answers = list(collector.fetch(iter([request]), Settings({"paths": {key: str(path)}})))
        except UserError:
            assert format_ == "table"  # no such columns
            continue
        assert len(answers) == 1
        page = Page(
            (request,), "file:///any", 200, (), data, Wire().now(), asked={"unit": "item"} if len(data) % 2 else {}
        )
        for one in (*answers, page):
            assert isinstance(one, Page)
            list(collector.parse(one))
            list(collector.outcome(one))


# ---- in the loop --------------------------------------------------------------------------------------------


def test_an_import_is_a_run_of_the_loop_and_its_archive_replays_without_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small_pieces(monkeypatch, 700)
    path, study = tmp_path / "some" / "where" / "posts.jsonl", tmp_path / "study"
    path.parent.mkdir(parents=True)
    study.mkdir()
    path.write_bytes(b"\n".join(status(n) for n in range(50)))
    found = files.targets("x-v1", [path], {})
    collector = files.collector("x-v1")

    def run(name: str, wire: Wire, options: dict[str, object]) -> list[Page]:
        frontier = Frontier(tmp_path / f"{name}.sqlite")
        with frontier.transaction():
            frontier.add([Request(target, "") for target in found], Wire().now())
        (tmp_path / name).mkdir(exist_ok=True)
        report = collect(tmp_path / name, "x-v1", collector, Settings(options, wire=wire), frontier=frontier)
        assert (report.status, report.items) == ("complete", 50)
        entries = [entry for part in archive.segments(tmp_path / name / "archive") for entry in archive.read(part)]
        return [entry for entry in entries if isinstance(entry, Page)]

    live = run("study", Wire(), {"paths": files.paths_of(found)})
    path.unlink()
    again = run("replayed", Replay(study / "archive", tmp_path / "index.sqlite"), {})
    assert [page.body for page in again] == [page.body for page in live]
    assert parse("x-v1", again) == parse("x-v1", live)
    assert len(of(parse("x-v1", live), Post)) == 50
    stored = b"".join(
        content for part in archive.segments(study / "archive") for _, _, content in archive.members(part)
    )
    assert b"posts.jsonl" in stored
    assert str(tmp_path).encode() not in stored


def test_a_file_is_one_target_however_it_is_called_and_another_when_read_otherwise(tmp_path: Path) -> None:
    one, two = tmp_path / "a" / "ids.json", tmp_path / "b" / "ids.json"
    for path in (one, two):
        path.parent.mkdir()
        path.write_bytes(b'{"ids": [1, 2]}')
    fields = {"of": "12", "listed": "followers"}
    assert set(files.targets("x-v1", [one], fields)) == set(files.targets("x-v1", [two, one], fields))
    other = files.targets("x-v1", [one], {"of": "13", "listed": "followers"})
    assert set(other).isdisjoint(files.targets("x-v1", [one], fields))
    (one.parent / "LICENSE").write_text("x")
    assert set(files.targets("x-v1", [one.parent], fields)) == set(files.targets("x-v1", [one], fields))


def test_a_file_that_is_gone_is_a_failure_and_no_crash(tmp_path: Path) -> None:
    path = tmp_path / "posts.jsonl"
    path.write_bytes(status(1))
    (target,) = files.targets("x-v1", [path], {})
    path.unlink()
    requests = [Request(target, "walk")]
    for options in ({"paths": {target.key: str(path)}}, {}):
        (answer,) = files.collector("x-v1").fetch(iter(requests), Settings(options))
        assert isinstance(answer, Failure)
        assert "posts.jsonl" in answer.detail
        assert str(tmp_path) not in answer.detail


def test_a_cursor_of_another_kind_is_refused_not_guessed() -> None:
    with pytest.raises(Unreadable):
        next(line_pieces(io.BytesIO(b"a\n"), "12"))


MEMORY = """
import resource, sys
from pathlib import Path
from tests.importing import walk
from collectors import files
from collectors.base import Settings
from collectors.wire.exchange import Wire
from storage.records import Post, Request
import msgspec
path = Path(sys.argv[1])
found = files.targets("x-v1", [path], {})
collector, settings = files.collector("x-v1"), Settings({"paths": files.paths_of(found)}, wire=Wire())
(target,), cursor, posts = found, "", 0
while cursor is not None:
    (page,) = collector.fetch(iter([Request(msgspec.structs.replace(target, cursor=cursor), "w")]), settings)
    posts += sum(isinstance(record, Post) for record in collector.parse(page))
    (done,) = collector.outcome(page)
    cursor = done.next
print(posts, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
"""


def test_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    """200 MB take no more than 30 MB over what 2 MB take (5 GB: benchmarks/import.py)."""
    line = status(1, "x" * 4000) + b"\n"
    used = []
    for megabytes in (2, 200):
        path = tmp_path / f"{megabytes}.jsonl"
        number = (megabytes << 20) // len(line)
        with path.open("wb") as file:
            for _ in range(number):
                file.write(line)
        result = subprocess.run([sys.executable, "-c", MEMORY, str(path)], cwd=ROOT, check=True, capture_output=True)
        posts, rss = map(int, result.stdout.split())
        assert posts == number
        used.append(rss)
    assert used[1] - used[0] < 30

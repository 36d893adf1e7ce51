"""Every parser over recorded pages that were spoilt: whatever comes, it gives records or quarantine, and no crash.

The corpus is the recorded traffic of fixtures/, and real pages where they lie beside the checkout. In CI each parser
has a hundred inputs, or a second; `make fuzz` gives it minutes, and prints how many inputs it was given. What crashed
once lies in fixtures/fuzz/NAME, and is tried for ever after.
"""

from __future__ import annotations

import contextlib
import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cache
from itertools import count
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st

from collectors import files
from collectors.base import Collector, Settings
from collectors.wire.exchange import Wire
from storage.archive import reader as archive
from storage.archive import writer as archiving
from storage.errors import UserError
from storage.records import Failure, Page, Request, Target
from study.installed import installed
from study.study_file import Study
from tests import test_files_people, test_lenient
from tests.conftest import FUZZ, ROOT

SECONDS = float(os.environ.get("SNEEUWBAL_FUZZ", "1"))  # a parser
ROUND = 25  # examples between two looks at the clock
CRASHED = ROOT / "fixtures" / "fuzz"
AT = datetime(2013, 2, 23, tzinfo=UTC)
PARSERS = sorted(installed())
NASTY = [b"", b"\x00", b"\xff\xfe", b"[" * 5000, b'{"data":' * 2000, b"<div>" * 5000, b"null", b"-1e999", b'"\\ud800"',
         b"\x1f\x8b\x08", b"<!DOCTYPE x [<!ENTITY a 'b'><!ENTITY c '&a;&a;&a;'>]>&c;", b"PK\x03\x04", b"9" * 5000,
         b'{"id":null}', b"\xed\xa0\x80", b"=cmd|' /C calc'!A0"]  # fmt: skip


@cache
def recorded() -> list[Page]:
    """The recorded pages of fixtures/; small ones."""
    paths = sorted((ROOT / "fixtures").rglob("*.warc.gz"))
    pages = (entry for path in paths for entry in archive.read(path) if isinstance(entry, Page))
    return [page for page in pages if page.requests and len(page.body) < 60_000]


@cache
def corpus(name: str) -> tuple[Page, ...]:
    """Recorded pages for the parser *name*; others' where it has none of its own."""
    own = [page for page in recorded() if page.requests[0].target.collector == name]
    others = [page for page in recorded() if page.requests[0].target.collector != name]
    kinds: dict[tuple[str, int], list[Page]] = {}
    for page in [*(own or others), *real(name)]:
        kinds.setdefault((page.kind, page.status), []).append(page)
    return tuple(page for pages in kinds.values() for page in pages[:20])


def real(name: str) -> Iterator[Page]:
    """Real answers beside the checkout, as pages of any kind; none where there are none."""
    for path in sorted((ROOT.parent / "shared" / "real" / name).rglob("*")):
        if path.suffix in (".json", ".jsonl", ".html", ".txt") and path.stat().st_size < 60_000:
            request = Request(Target(name, "real", "1"), "w/1")
            yield Page((request,), f"https://real.example/{path.name}", 200, (), path.read_bytes(), AT, "<r>")


def until(examples: Callable[[], None]) -> None:
    """Repeat a round of *examples* until the time is over; once at least, and in CI until there were a hundred."""
    end = time.monotonic() + SECONDS
    examples()
    for _ in count() if FUZZ else range(100 // ROUND - 1):
        if time.monotonic() > end:
            break
        examples()


@st.composite
def spoilt(draw: st.DrawFn, name: str) -> Page:
    """A recorded page with pieces of its body cut, doubled, replaced, or its JSON values swapped for others."""
    page = draw(st.sampled_from(corpus(name)))
    kind = draw(st.sampled_from(sorted(installed()[name].load().kinds)))
    body = page.content()
    if draw(st.booleans()):
        body = draw(json_like(body))
    for _ in range(draw(st.integers(0, 4))):
        start = draw(st.integers(0, len(body)))
        end = draw(st.integers(start, min(len(body), start + 400)))
        body = body[:start] + draw(st.sampled_from([*NASTY, body[start:end] * 2])) + body[end:]
    target = Target(name, kind, draw(st.sampled_from([page.key, "", "1", "did:plc:a", "https://a.example/b"])),
                    draw(st.sampled_from(["", page.targets[0].cursor, "9", "https://a.example/2"])))  # fmt: skip
    status = draw(st.sampled_from([page.status, 200, 200, 404, 429, 500]))
    headers = tuple(h for h in page.headers if h[0].lower() != "content-encoding")
    return Page((Request(target, "w/1"),), page.url, status, headers, body, AT, "<r>")


@st.composite
def json_like(draw: st.DrawFn, body: bytes) -> bytes:
    """*body* with some of its JSON values swapped; as it is where it is no JSON."""
    try:
        document = json.loads(body)
    except ValueError:
        return body
    odd = st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=5), st.just([]), st.just({}))
    for path in list(_paths(document))[: draw(st.integers(0, 400))][-3:]:
        place = document
        for key in path[:-1]:
            place = place[key]
        place[path[-1]] = draw(odd)
    return json.dumps(document).encode()


def _paths(value: object, above: tuple[object, ...] = ()) -> Iterator[tuple[object, ...]]:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield from _paths(item, (*above, key))
        yield (*above, key)


@pytest.mark.parametrize("name", PARSERS)
def test_a_spoilt_page_never_crashes_a_parser(name: str) -> None:
    """`parse` and `outcome` end with records and outcomes that can be encoded, whatever the body is."""
    collector, tried = installed()[name].load(), 0
    pages = corpus(name)
    assert pages

    def examples() -> None:
        @settings(max_examples=ROUND, deadline=None, database=None, suppress_health_check=list(HealthCheck))
        @given(spoilt(name))
        def run(page: Page) -> None:
            nonlocal tried
            tried += 1
            with kept(name, page.body):
                check(collector, page)

        seed(2013 + tried)(run)()

    until(examples)
    print(f"fuzz: {name}: {tried} inputs, 0 crashes")


def check(collector: Collector, page: Page) -> None:
    """Records and outcomes that can be encoded."""
    msgspec.json.encode([msgspec.structs.asdict(record) for record in collector.parse(page)])
    for outcome in collector.outcome(page):
        assert outcome.target == page.requests[0].target


@contextmanager
def kept(name: str, body: bytes) -> Iterator[None]:
    """Keep *body* for ever if it crashes in the block; the smallest that Hypothesis finds stays."""
    try:
        yield
    except Exception:
        place = CRASHED / name / "new.bin"
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(body)
        raise


@pytest.mark.parametrize("name", PARSERS)
def test_what_crashed_once_does_not_crash_again(name: str) -> None:
    """Every kept input, as every kind of page; and those that crash parsers of this sort elsewhere."""
    collector = installed()[name].load()
    bodies = [path.read_bytes() for path in sorted((CRASHED / name).glob("*.bin"))]
    for body in [*bodies, *NASTY]:
        for kind in collector.kinds:
            for key in ("1", "did:plc:a", "https://a.example/b", "a@b.example"):
                request = Request(Target(name, kind, key), "w/1")
                check(collector, Page((request,), "https://a.example/", 200, (), body, AT, "<r>"))


def test_a_study_file_that_crashed_once_is_refused_in_one_line(tmp_path: Path) -> None:
    """Every kept one."""
    kept_ = sorted((CRASHED / "study").glob("*.toml"))
    assert kept_
    for path in kept_:
        (tmp_path / "sneeuwbal.toml").write_bytes(path.read_bytes())
        with pytest.raises(UserError, match="nested too deeply"):
            Study.load(tmp_path)


def test_a_number_of_any_length_in_a_study_file_is_refused_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "sneeuwbal.toml").write_text(f"[study]\nname = 'Proef'\n[budget]\nposts = {'9' * 5000}\n")
    with pytest.raises(UserError, match="too long"):
        Study.load(tmp_path)


# ---- files --------------------------------------------------------------------------------------------------------


def sample(format_: str, place: Path) -> Path:
    """A small file of the format, whole."""
    if format_ == "linkedin":
        return test_files_people.export(place)
    if format_ == "roo":
        source = (ROOT / "fixtures" / "roo" / "export-2.6.9.xml").read_bytes()
        return _written(place / "roo.xml", source)
    if format_ == "warc":
        writer = archiving.Writer(place / "archive", "x")
        for page in corpus("x")[:5]:
            writer.append(page)
        writer.close()
        return next((place / "archive").glob("*.warc.gz"))
    if format_ == "table":
        rows = "".join(f"Testa {n},https://www.linkedin.com/in/t{n},Ministerie van Fictie\n" for n in range(50))
        return _written(place / "people.csv", f"name,url,employer\n{rows}".encode())
    lines = b"\n".join(page.content().replace(b"\n", b" ") for page in corpus("x")[:12])
    return _written(place / "lines.jsonl", lines)


def _written(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("format_", sorted(files.FORMATS))
def test_a_spoilt_file_never_crashes_its_reader(format_: str, tmp_path: Path) -> None:
    """Walked to its end, piece by piece: records, quarantine, or one line of what is wrong."""
    source = sample(format_, tmp_path)
    whole, tried = source.read_bytes(), 0
    options = {"owner": "https://www.linkedin.com/in/start"} if format_ == "linkedin" else {}
    options |= {"columns": {"name": "name", "url": "url"}} if format_ == "table" else {}

    def examples() -> None:
        @settings(max_examples=ROUND, deadline=None, database=None, suppress_health_check=list(HealthCheck))
        @given(st.data())
        def run(data: st.DataObject) -> None:
            nonlocal tried
            tried += 1
            spoiled = tmp_path / f"spoilt-{source.name}"
            spoiled.write_bytes(data.draw(spoilt_bytes(whole)))
            with kept(f"file-{format_}", spoiled.read_bytes()), contextlib.suppress(UserError):
                _walk(format_, spoiled, options)

        seed(2013 + tried)(run)()

    until(examples)
    print(f"fuzz: files of {format_}: {tried} inputs, 0 crashes")


@pytest.mark.parametrize("encoding", [b"TF-8", b"utf-32", b"idna"])
def test_xml_that_names_an_encoding_nobody_reads_is_one_line(encoding: bytes, tmp_path: Path) -> None:
    source = sample("roo", tmp_path)
    source.write_bytes(source.read_bytes().replace(b"UTF-8", encoding, 1))
    with contextlib.suppress(UserError):
        _walk("roo", source, {})


@st.composite
def spoilt_bytes(draw: st.DrawFn, body: bytes) -> bytes:
    """*body* with pieces cut, doubled or replaced, in a few places."""
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(body)))
        end = draw(st.integers(start, min(len(body), start + 400)))
        body = body[:start] + draw(st.sampled_from([*NASTY, body[start:end] * 2, bytes(9)])) + body[end:]
    return body


def _walk(format_: str, path: Path, options: dict[str, Any], most: int = 60) -> None:
    collector = files.collector(format_)
    found = dict.fromkeys(collector.targets(path, options), path)
    given_ = Settings({"paths": files.paths_of(found), **options}, wire=Wire())
    for target in found:
        cursor: str | None = ""
        for _ in range(most):
            request = Request(msgspec.structs.replace(target, cursor=cursor or ""), "walk")
            (page,) = collector.fetch(iter([request]), given_)
            if isinstance(page, Failure):
                break
            msgspec.json.encode([msgspec.structs.asdict(record) for record in collector.parse(page)])
            (outcome,) = collector.outcome(page)
            cursor = getattr(outcome, "next", None)
            if cursor is None:
                break
    given_.wire.close()


def test_a_spoilt_archive_and_study_file_never_crash_their_readers(tmp_path: Path) -> None:
    """A segment is read up to its damage; a study file is refused with every mistake."""
    segment, tried = sample("warc", tmp_path), 0
    whole, study = segment.read_bytes(), (ROOT / "fixtures" / "study2013.toml").read_bytes()

    def examples() -> None:
        @settings(max_examples=ROUND, deadline=None, database=None, suppress_health_check=list(HealthCheck))
        @given(st.data())
        def run(data: st.DataObject) -> None:
            nonlocal tried
            tried += 1
            spoiled = tmp_path / "spoilt.warc.gz"
            spoiled.write_bytes(data.draw(spoilt_bytes(whole)))
            with kept("archive", spoiled.read_bytes()), contextlib.suppress(archive.Damage):
                list(archive.read(spoiled))
            (tmp_path / "sneeuwbal.toml").write_bytes(data.draw(spoilt_bytes(study)))
            with kept("study", (tmp_path / "sneeuwbal.toml").read_bytes()), contextlib.suppress(UserError):
                Study.load(tmp_path)

        seed(2013 + tried)(run)()

    until(examples)
    print(f"fuzz: archive and study file: {tried} inputs, 0 crashes")


@pytest.mark.skipif("SNEEUWBAL_FUZZ" not in os.environ, reason="at length only in `make fuzz`; a few each elsewhere")
@pytest.mark.parametrize("name", test_lenient.PLATFORMS)
def test_one_bad_value_costs_one_value_at_length(name: str) -> None:
    """Ten thousand spoilt values a platform (`tests.test_lenient`)."""
    test_lenient.test_one_bad_value_costs_one_value(name)

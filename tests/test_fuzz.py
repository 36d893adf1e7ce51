"""Every parser over recorded pages that were spoilt: whatever comes, it gives records or quarantine, and no crash.

The corpus is the recorded traffic of fixtures/. In CI the examples are few and the same; `make fuzz` tries many more
and prints how many each parser was given.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import lru_cache

import msgspec
import pytest
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st

from storage import archive
from storage.records import Page, Target, Want
from study import installed
from tests.conftest import ROOT

EXAMPLES = int(os.environ.get("SNEEUWBAL_FUZZ", "25"))
AT = datetime(2013, 2, 23, tzinfo=UTC)
PARSERS = sorted(installed())
NASTY = [b"", b"\x00", b"\xff\xfe", b"[" * 5000, b'{"data":' * 2000, b"<div>" * 5000, b"null", b"-1e999", b'"\\ud800"',
         b"\x1f\x8b\x08", b"<!DOCTYPE x [<!ENTITY a 'b'><!ENTITY c '&a;&a;&a;'>]>&c;", b"PK\x03\x04", b"9" * 5000,
         b'{"id":null}', b"\xed\xa0\x80", b"=cmd|' /C calc'!A0"]  # fmt: skip


@lru_cache
def corpus(name: str) -> tuple[Page, ...]:
    """Recorded pages for the parser *name*; small ones, and others' where it has none of its own."""
    own, others = [], []
    for path in sorted((ROOT / "fixtures").rglob("*.warc.gz")):
        for entry in archive.read(path):
            if isinstance(entry, Page) and entry.wants and len(entry.body) < 60_000:
                (own if entry.wants[0].target.collector == name else others).append(entry)
    chosen = own or others
    kinds: dict[tuple[str, int], list[Page]] = {}
    for page in chosen:
        kinds.setdefault((page.kind, page.status), []).append(page)
    return tuple(page for pages in kinds.values() for page in pages[:4])


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
                    draw(st.sampled_from(["", page.wants[0].target.cursor, "9", "https://a.example/2"])))  # fmt: skip
    status = draw(st.sampled_from([page.status, 200, 200, 404, 429, 500]))
    headers = tuple(h for h in page.headers if h[0].lower() != "content-encoding")
    return Page((Want(target, "w/1"),), page.url, status, headers, body, AT, "<r>")


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

    @seed(2013)
    @settings(max_examples=EXAMPLES, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(spoilt(name))
    def run(page: Page) -> None:
        nonlocal tried
        tried += 1
        msgspec.json.encode([msgspec.structs.asdict(record) for record in collector.parse(page)])
        for outcome in collector.outcome(page):
            assert outcome.target == page.wants[0].target

    run()
    print(f"fuzz: {name}: {tried} inputs, 0 crashes")

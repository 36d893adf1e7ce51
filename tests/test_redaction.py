"""Redaction in the archive: what is not wanted never reaches the disk, and the tables are as without."""

from __future__ import annotations

import gzip
from itertools import combinations
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from collectors.base import Collector, Settings
from collectors.engine.run import collect
from collectors.parsing.redact import redaction
from storage.archive import manifest
from storage.archive import reader as archive
from storage.errors import UserError
from storage.frontier.sqlite import Frontier
from storage.privacy.declared import CONTENT
from storage.privacy.minimise import minimised
from storage.records import Page, Quarantine
from study.installed import installed
from tests import test_bluesky as bluesky
from tests import test_mastodon as mastodon
from tests.served import Answer, FastWire, run, serving
from tests.test_fuzz import corpus, spoilt
from tests.website import serving as site

WORDS = CONTENT
REDACTING = ("x", "mastodon", "bluesky", "profiles")
CANARY = "Kanarievogel"


def collector(name: str) -> Collector:
    """An installed collector."""
    found: Collector = installed()[name].load()
    return found


def interpreted(name: str, page: Page, drop: tuple[str, ...]) -> tuple[list[Any], list[Any]]:
    """The outcomes and records of *page*; of what could not be read only that it could not."""
    records = [
        Quarantine("", "") if isinstance(one, Quarantine) else one
        for one in minimised(collector(name).parse(page), drop)
    ]
    return list(collector(name).outcome(page)), records


def check(name: str, page: Page, drop: tuple[str, ...]) -> Page:
    """Redact *page*, and see that what it tells has not changed."""
    left = redaction(collector(name))(page, drop)
    assert interpreted(name, left, drop) == interpreted(name, page, drop)
    again = redaction(collector(name))(left, drop)
    assert interpreted(name, again, drop) == interpreted(name, page, drop)
    return left


@pytest.mark.parametrize("name", ["x", "profiles"])
def test_every_recorded_answer_gives_the_same_when_it_is_redacted(name: str) -> None:
    """Outcomes and records, for nothing, each and all of what may be dropped, over the recorded traffic."""
    pages = [page for page in corpus(name) if page.requests and page.requests[0].target.collector == name]
    assert len(pages) > 5
    for page in pages:
        for number in (0, 1, len(WORDS)):
            for drop in combinations(WORDS, number):
                left = check(name, page, drop)
                assert left.redacted[1:] == tuple(sorted(drop)) or not page.body


@pytest.mark.parametrize("name", ["x", "profiles", "mastodon", "bluesky"])
def test_spoilt_answers_do_not_break_it(name: str) -> None:
    """Whatever comes, redaction gives a page; one that cannot be read is left out."""

    @settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
    @given(page=spoilt(name), drop=st.sets(st.sampled_from(WORDS)))
    def one(page: Page, drop: set[str]) -> None:
        left = redaction(collector(name))(page, drop)
        assert isinstance(left, Page)
        list(collector(name).parse(left))

    one()


# ---- over real sockets ------------------------------------------------------------------------------------------


def canary(word: str) -> str:
    """What is planted in a field that *word* of `drop` names; "other" stands for all that no table needs."""
    return f"{CANARY}-{word}"


def x_answers(path: str) -> Answer:
    """A timeline of X with a canary in every field."""
    user = {"id": "5", "username": "handle5", "name": canary("names"), "description": canary("descriptions"),
            "location": canary("locations"), "profile_image_url": canary("other"),
            "entities": {"description": {"mentions": [{"username": canary("other")}]}}}  # fmt: skip
    post = {"id": "1", "author_id": "5", "text": f"@iemand {canary('texts')}", "created_at": "2026-01-01T00:00:00Z",
            "note_tweet": {"text": canary("texts"), "entities": {"hashtags": [{"tag": "lang"}]}},
            "entities": {"hashtags": [{"tag": "kort"}], "mentions": [{"username": "iemand", "id": "9"}],
                         "urls": [{"url": "https://t.example/1", "title": canary("other"),
                                   "description": canary("other")}],
                         "annotations": [{"normalized_text": canary("other")}]},
            "context_annotations": [{"entity": {"name": canary("other")}}],
            "geo": {"place_id": canary("locations"), "coordinates": {"type": canary("other"),
                                                                      "coordinates": [5.25, 52.125]}}}  # fmt: skip
    places = [{"id": canary("locations"), "full_name": canary("locations"), "name": canary("other")}]
    return 200, {}, {"data": [post], "includes": {"users": [user], "places": places}, "meta": {"result_count": 1},
                     canary("other"): [canary("other")]}  # fmt: skip


def mastodon_answers(path: str) -> Answer:
    """An account of Mastodon, its timeline and a reblog in it, with canaries."""
    fields: dict[str, Any] = {
        "display_name": canary("names"), "note": f"<p>{canary('descriptions')}</p>", "avatar": canary("other"),
        "fields": [{"name": canary("descriptions"),
                    "value": f'<a href="https://eigen.example">{canary("descriptions")}</a>'}],
        "pleroma": {"content": canary("other")},
    }  # fmt: skip
    me = mastodon.account(1, **fields)
    if "/statuses" not in path:
        return 200, {}, me
    content = f'<p>@iemand <a href="https://elders.example/p">{canary("texts")}</a></p>'
    extra = {"spoiler_text": canary("other"), "card": {"title": canary("other")}, "tags": [{"name": "tag"}],
             "media_attachments": [{"description": canary("other")}]}  # fmt: skip
    other = mastodon.status(8, mastodon.account(2, **fields), content=content, **extra)
    return 200, {}, [mastodon.status(9, me, content=content, **extra), mastodon.status(10, me, reblog=other)]


def bluesky_answers(path: str) -> Answer:
    """A profile of Bluesky and its timeline, with a quoted post and a link card, with canaries."""
    me = bluesky.actor(0, displayName=canary("names"), description=canary("descriptions"), avatar=canary("other"))
    if "getProfile" in path:
        return 200, {}, me
    text = f"@iemand.example {canary('texts')}"
    facets = [{"index": {"byteStart": 0, "byteEnd": 15},
               "features": [{"$type": "app.bsky.richtext.facet#mention", "did": bluesky.did(9)}]}]  # fmt: skip
    written = {"text": text, "facets": facets,
               "embed": {"$type": "app.bsky.embed.external", "external": {"uri": "https://elders.example",
                                                                          "title": canary("other")}}}  # fmt: skip
    view = bluesky.post(me, "1", **written) | {"embed": {"images": [{"alt": canary("other")}]}}
    quoted = bluesky.post(me, "2", text)
    quoted["value"] = quoted.pop("record")
    quoting = bluesky.post(me, "3", text) | {"embed": {"$type": "app.bsky.embed.record#view", "record": quoted}}
    return 200, {}, {"feed": [{"post": view}, {"post": quoting}]}


def page_answers(handler: Any) -> tuple[int, dict[str, str], bytes]:
    """A profile page with canaries in its Person, its title, its picture and its prose."""
    url = f"http://{handler.headers['Host']}{handler.path}"
    person = {"@context": "https://schema.org", "@type": "Person", "url": url, "name": canary("names"),
              "headline": canary("descriptions"), "description": canary("descriptions"), "image": canary("other"),
              "address": {"@type": "PostalAddress", "addressLocality": canary("locations")},
              "jobTitle": "Adviseur", "worksFor": [{"@type": "Organization", "name": "Ministerie van Proef",
                                                    "employee": canary("other")}],
              "sameAs": ["https://x.com/handle5"]}  # fmt: skip
    body = (f'<title>{canary("other")}</title><h1>{canary("other")}</h1><a rel="me" href="https://eigen.example/é">'
            f'{canary("other")}</a><img alt="{canary("other")}">'
            f'<script type="application/ld+json">{msgspec.json.encode(person).decode()}</script>')  # fmt: skip
    return 200, {"Content-Type": "text/html; charset=utf-8", "Content-Encoding": "gzip"}, gzip.compress(body.encode())


def collected(name: str, folder: Path, redact: tuple[str, ...] | None) -> list[Page]:
    """What one run of *name* over real sockets archived in *folder*."""
    if name == "profiles":
        with site({"/in/jan": page_answers}) as pages:
            requests = [("profile", f"http://{pages.address}/in/jan")]
            return run(
                folder, name, collector(name), {"allow_private": True, "autothrottle": False}, requests, redact=redact
            ).pages
    answers = {"x": x_answers, "mastodon": mastodon_answers, "bluesky": bluesky_answers}[name]
    with serving(answers) as server:
        options: dict[str, Any] = {"base_url": server.url}
        key = {"x": "5", "mastodon": mastodon.KEY, "bluesky": bluesky.did(0)}[name]
        if name == "mastodon":
            options = {"hosts": {mastodon.HOST: server.address}}
        secret = "geheim" if name == "x" else None
        return run(folder, name, collector(name), options, [("timeline", key)], secret=secret, redact=redact).pages


def sung(folder: Path) -> set[str]:
    """The words whose canary stands in some file below *folder*, as it is or decompressed."""
    content = b""
    for path in folder.rglob("*"):
        if path.is_file():
            content += path.read_bytes()
        if ".warc" in path.name:
            content += b"".join(member for _, _, member in archive.members(path))
            content += b"".join(page.content() for page in archive.read(path) if isinstance(page, Page))
    return {word for word in (*WORDS, "other") if canary(word).encode() in content}


@pytest.mark.parametrize("name", REDACTING)
@pytest.mark.parametrize("drop", [(), ("names",), ("texts", "names", "descriptions", "locations", "coordinates")])
def test_what_is_not_wanted_never_reaches_the_disk(name: str, drop: tuple[str, ...], tmp_path: Path) -> None:
    """No canary of a dropped field or of one that no table needs in any file; without redaction they all sing."""
    plain = collected(name, tmp_path / "plain", None)
    redacted = collected(name, tmp_path / "redacted", drop)
    planted = sung(tmp_path / "plain")
    assert {"names", "other"} <= planted
    assert not any(page.redacted for page in plain)
    assert sung(tmp_path / "redacted") == planted - {"other", *drop}
    told_pages = [page for page in redacted if page.requests]
    assert told_pages
    assert all(page.redacted == ("what no table needs", *sorted(drop)) for page in told_pages)
    for one, other in zip([page for page in plain if page.requests], told_pages, strict=True):
        if name != "profiles":  # the port of its site is another
            assert interpreted(name, one, drop) == interpreted(name, other, drop)
    if "coordinates" in drop and name == "x":
        assert b"52.125" not in b"".join(page.body for page in redacted)
    folder = tmp_path / "redacted" / "archive"
    assert manifest.read(folder) == {path.name: manifest.checksum(path) for path in archive.segments(folder)}


def test_what_was_redacted_stays_dropped_when_the_study_drops_no_more(tmp_path: Path) -> None:
    """A blank is no text: load leaves out what the record says was dropped, whatever the study file says later."""
    import duckdb

    from storage.tables.load import load

    collected("x", tmp_path, ("texts", "names"))
    load(tmp_path, {"x": "collectors.x.collector:collector"}, settings=[("minimise.drop", "[]")], workers=1)
    with duckdb.connect(str(tmp_path / "study.duckdb"), read_only=True) as db:
        assert db.execute("SELECT text, full_text, full_hashtags FROM posts").fetchall() == [("@", None, ["lang"])]
        assert db.execute("SELECT name, description FROM accounts").fetchall() == [(None, canary("descriptions"))]


def test_a_collector_that_cannot_redact_is_refused(tmp_path: Path) -> None:
    """Before anything is asked, in one line."""
    wire = FastWire()
    frontier = Frontier(tmp_path / "state.sqlite")
    with pytest.raises(UserError, match="'roo' cannot redact what it reads"):
        collect(tmp_path, "roo", collector("roo"), Settings({}, None, wire), frontier=frontier, redact=())
    assert not (tmp_path / "archive").exists()

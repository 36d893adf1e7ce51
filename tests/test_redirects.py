"""Every answer of a chain of redirects is a record, counts as a request, and is there again in a replay."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import psutil
import pytest

from collectors.base import redirected
from collectors.bluesky import collector as bluesky
from collectors.engine.run import Budget
from collectors.mastodon import collector as mastodon
from collectors.wire.exchange import Replay
from collectors.wire.http import REDIRECTS
from storage.frontier.sqlite import Frontier
from storage.records import Failure, Page
from tests.served import Answer, Run, Server, pages, run
from tests.test_mastodon import HOST, account

KEY = f"https://{HOST}/ap/users/1"
BOMB = gzip.compress(bytes(50 << 20))


def answer(path: str) -> Answer:
    """A look-up that moved three times; others lead round in a circle, nowhere, inside, or unpack to a lot."""
    where, _, query = path.partition("?")
    if "private" in query:
        return 302, {"Location": "http://10.0.0.3/" if "hop" in where else f"/hop?{query}"}, b"gone inside"
    if "circle" in query:
        return 302, {"Location": path}, b"round"
    if "scheme" in query:
        return 301, {"Location": "ftp://files.example/"}, b"elsewhere"
    if "bomb" in query and "hop" not in where:
        return 302, {"Location": f"/hop?{query}", "Content-Encoding": "gzip"}, BOMB
    if "bomb" not in query and not where.endswith("/hop3"):
        number = int(where[-1]) + 1 if "hop" in where else 1
        return 307, {"Location": f"/hop{number}?{query}", "X-Hop": str(number)}, f"hop {number}".encode()
    return 200, {}, account(1)


def _run(study: Path, *names: str, url: str, **more: Any) -> Run:
    options = {"hosts": {HOST: url.removeprefix("http://")}}
    return run(study, "mastodon", mastodon.collector, options, [("user", f"{name}@{HOST}") for name in names], **more)


def _records(found: Run) -> list[tuple[Any, ...]]:
    return [
        (one.record_id, one.url, one.targets if isinstance(one, Page) else (), getattr(one, "body", b""))
        for one in found.pages
    ]


def test_every_answer_of_a_chain_is_a_record_live_and_replayed(tmp_path: Path) -> None:
    with Server(answer) as server:
        live = _run(tmp_path / "live", "ann", url=server.url)
        asked = len(server.asked)
        assert asked == 4
        replayed = _run(tmp_path / "again", "ann", url=server.url, wire=Replay(tmp_path / "live" / "archive",
                                                                               tmp_path / "index.sqlite"))  # fmt: skip
        assert len(server.asked) == asked
    assert [(page.status, page.url.partition("?")[0], page.header("x-hop")) for page in live.pages] == [
        (307, f"{server.url}/api/v1/accounts/lookup", "1"), (307, f"{server.url}/hop1", "2"),
        (307, f"{server.url}/hop2", "3"), (200, f"{server.url}/hop3", None),
    ]  # fmt: skip
    assert [page.body for page in live.pages[:3]] == [b"hop 1", b"hop 2", b"hop 3"]
    assert [redirected(page) for page in live.pages] == [True, True, True, False]
    assert _records(replayed) == _records(live)
    assert replayed.states == live.states == {("user", f"ann@{HOST}"): ("done", "")}
    assert [type(record).__name__ for record in replayed.records] == [type(r).__name__ for r in live.records]


WHERE_CHAINS_END = {
    "circle": ("redirect", REDIRECTS + 1),
    "scheme": ("redirect", 1),
    "private": ("private-address", 2),
}


@pytest.mark.parametrize("name", WHERE_CHAINS_END)
def test_a_chain_that_leads_nowhere_ends_with_a_failure_live_and_replayed(name: str, tmp_path: Path) -> None:
    reason, hops = WHERE_CHAINS_END[name]
    with Server(answer) as server:
        live = _run(tmp_path / "live", name, url=server.url)
        asked = len(server.asked)
        assert asked == hops
        again = Replay(tmp_path / "live" / "archive", tmp_path / "index.sqlite")
        replayed = _run(tmp_path / "again", name, url=server.url, wire=again)
        assert len(server.asked) == asked
    *before, last = live.pages
    assert len(before) == hops
    assert all(isinstance(page, Page) and redirected(page) for page in before)
    assert isinstance(last, Failure)
    assert last.reason == reason
    assert live.states == replayed.states == {("user", f"{name}@{HOST}"): ("absent", f"refused: {reason}")}
    assert _records(replayed) == _records(live)


def test_every_request_of_a_chain_counts_and_a_limit_does_not_cut_it(tmp_path: Path) -> None:
    with Server(answer) as server:
        found = _run(tmp_path, "ann", "bob", url=server.url, limit=1)
        assert (found.report.status, found.report.answers) == ("limit", 4)
        frontier = Frontier(tmp_path / "state.sqlite")
        assert frontier.spent("")[2] == 4
        frontier.close()
        found = _run(tmp_path, url=server.url, budget=Budget(requests=5))
        assert found.report.answers == 4
        found = _run(tmp_path, "cas", url=server.url, budget=Budget(requests=8))
        assert (found.report.status, found.report.answers) == ("out of budget", 0)
        assert len(server.asked) == len(list(pages(tmp_path))) == 8


def test_what_is_followed_is_not_unpacked(tmp_path: Path) -> None:
    before = psutil.Process().memory_info().rss
    with Server(answer) as server:
        found = _run(tmp_path, "bomb", url=server.url)
    assert [page.status for page in found.pages] == [302, 200]
    assert found.pages[0].body == BOMB
    assert psutil.Process().memory_info().rss - before < 40 << 20


def test_a_batch_that_moved_is_one_chain_for_all_of_its_targets(tmp_path: Path) -> None:
    def moved(path: str) -> Answer:
        if path.startswith("/xrpc"):
            return 301, {"Location": f"/new{path}"}, b""
        return 200, {}, {"profiles": [{"did": f"did:plc:{n}", "handle": f"u{n}.example"} for n in range(3)]}

    requests = [("user", f"u{n}.example") for n in range(3)]
    with Server(moved) as server:
        live = run(tmp_path / "live", "bluesky", bluesky.collector, {"base_url": server.url}, requests)
        again = Replay(tmp_path / "live" / "archive", tmp_path / "index.sqlite")
        replayed = run(tmp_path / "again", "bluesky", bluesky.collector, {"base_url": server.url}, requests, wire=again)
        assert len(server.asked) == 2
    assert [len(page.targets) for page in live.pages] == [3, 3]
    assert {state for state, _ in live.states.values()} == {"done"}
    assert (_records(replayed), replayed.states) == (_records(live), live.states)

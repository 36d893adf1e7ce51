"""X's answers on loopback as its documents describe them, and runs of the collector; for its tests."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

from collectors.base import Settings
from collectors.engine.run import collect
from collectors.wire.exchange import Wire
from collectors.x.collector import collector
from storage.archive import reader as archive
from storage.frontier.sqlite import Frontier
from storage.outcomes import absences
from storage.records import Failure, Page, Record, Request, Target
from tests.loopback import Answer, Loopback, Received, in_turn, serve

TOKEN = "a-token-that-nobody-has"
NOT_FOUND = "https://api.twitter.com/2/problems/resource-not-found"
CLOSED = "https://api.twitter.com/2/problems/not-authorized-for-resource"
INVALID = "https://api.twitter.com/2/problems/invalid-request"


def request(kind: str, key: str = "42", cursor: str = "", **more: Any) -> Request:
    return Request(Target("x", kind, key, cursor), f"x/{kind}/{key}/1", **more)


def fetch(server: Loopback, *requests: Request, wire: Wire | None = None, **options: Any) -> list[Page | Failure]:
    """The answers of *server* to *requests*."""
    with closing(wire or Wire(timeout=60)) as open_wire:
        settings = Settings({"base_url": server.url, **options}, TOKEN, open_wire)
        return list(collector.fetch(iter(requests), settings))


def ask(answer: Answer, *requests: Request, **options: Any) -> tuple[Any, list[Any], list[Record]]:
    """One *answer* to one request: the page, its outcomes and its records."""
    with serve(in_turn(answer)) as server:
        (page,) = fetch(server, *requests, **options)
    assert isinstance(page, Page)
    outcomes = list(collector.outcome(page))
    return page, outcomes, [*absences(outcomes), *collector.parse(page)]


def user(number: int, handle: str, **more: Any) -> dict[str, Any]:
    return {"id": str(number), "name": f"Synthetic Person {number}", "username": handle, **more}


def problem(
    value: str, detail: str, type_: str = NOT_FOUND, title: str = "Not Found Error", **more: Any
) -> dict[str, Any]:
    fields = {"value": value, "resource_id": value, "detail": detail, "title": title, "type": type_}
    return {"parameter": "usernames", "resource_type": "user", **fields, **more}


def refusal(parameter: str, value: str, message: str) -> dict[str, Any]:
    """A 400 as X words it (recorded wording; the value of a batch is the whole batch)."""
    return {
        "errors": [{"parameters": {parameter: [value]}, "message": message}],
        "title": "Invalid Request",
        "detail": "One or more parameters to your request was invalid.",
        "type": INVALID,
    }


def posts(*ids: int, **meta: Any) -> Answer:
    data = [{"id": str(i), "text": f"synthetic {i}", "author_id": "42"} for i in ids]
    return Answer(200, {"data": data, "meta": {"result_count": len(data), **meta}} if data else {"meta": meta})


def x_users(known: dict[str, int]) -> Callable[[Received], Answer]:
    """X's look-up of users by name, with its refusal of a batch that holds a malformed name."""

    def script(request: Received) -> Answer:
        names = request.query["usernames"].split(",")
        for name in names:
            if not name.isascii() or not name.replace("_", "a").isalnum() or len(name) > 15:
                text = f"The `usernames` query parameter value [{name}] does not match ^[A-Za-z0-9_]{{1,15}}$"
                return Answer(400, refusal("usernames", ",".join(names), text))
        return Answer(200, {"data": [user(known[name], name) for name in names if name in known]})

    return script


def run(study: Path, server: Loopback | None, wire: Wire, requests: list[Request], **options: Any) -> Frontier:
    """Collect *requests* until nothing is due; return the frontier."""
    frontier = Frontier(study / "state.sqlite")
    with frontier.transaction():
        frontier.add(requests, wire.now())
    base = {"base_url": server.url} if server else {}
    collect(study, "x", collector, Settings({**base, **options}, TOKEN, wire), frontier=frontier, patience=0.5)
    return frontier


def state(frontier: Frontier) -> set[tuple[Any, ...]]:
    rows = "SELECT k.kind, t.key, t.state, t.why, t.since FROM targets AS t JOIN kinds AS k ON k.id = t.kind"
    return set(frontier.db.execute(rows))


def only(word: str, other: str, expansion: str) -> Callable[[Received], Answer]:
    """X when it knows one vocabulary only."""

    def script(request: Received) -> Answer:
        if f"{other}.fields" in request.query:
            text = f"The query parameter [{other}.fields] is not one of [id,{word}.fields,expansions,pagination_token]"
            return Answer(400, refusal(f"{other}.fields", request.query[f"{other}.fields"], text))
        if expansion not in request.query["expansions"].split(","):
            return Answer(
                400, refusal("expansions", "", f"The `expansions` query parameter value is not one of [{expansion}]")
            )
        note = {"text": "the whole of a long synthetic post", "entities": {"hashtags": [{"tag": "sneeuw"}]}}
        data = [
            {
                "id": "9",
                "text": "the whole of",
                f"note_{word}": note,
                f"referenced_{word}s": [{"type": "quoted", "id": "5"}],
            }
        ]
        includes = {f"{word}s": [{"id": "5", "text": "quoted", "author_id": "7"}]}
        return Answer(200, {"data": data, "includes": includes, "meta": {"result_count": 1}})

    return script


def of(study: Path, type_: Any, keep: Callable[[Any], Any] = lambda record: True) -> list[Any]:
    """The records of one type in the archive of *study*."""
    return [
        record
        for segment in archive.segments(study / "archive")
        for entry in archive.read(segment)
        if isinstance(entry, Page)
        for record in [*absences(collector.outcome(entry)), *collector.parse(entry)]
        if isinstance(record, type_) and keep(record)
    ]


def stream(number: int) -> Answer:
    refers = b'"referenced_tweets":[{"type":"retweeted","id":"1"}]'
    original = b'"includes":{"tweets":[{"id":"1","text":"whole","author_id":"8"}]}'
    line = b'{"data":{"id":"%d","text":"RT @a: cut","author_id":"7",' + refers + b"}," + original + b"}"
    lines = [line % (n + 10) for n in range(number)]
    return Answer(200, b"\r\n".join([*lines[: number // 2], b"", *lines[number // 2 :]]) + b"\r\n")


def archived_records(study: Path) -> list[Record]:
    return of(study, object)

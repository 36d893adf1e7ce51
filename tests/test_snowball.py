"""A snowball over a network with cycles: it ends at its depth and at its bound, and tells every path."""

from collections import Counter
from pathlib import Path

import duckdb
import pytest

from tests.rehearsal import sneeuwbal
from tests.website import serving

HOST = "netwerk.example"
SIZE = 24  # people in a ring who know the two before and the two behind them, and the seed's opposite


def url(number: int) -> str:
    return f"http://{HOST}/in/p{number % SIZE}"


def known(number: int) -> list[int]:
    return [(number + step) % SIZE for step in (-2, -1, 1, 2)] + [0] * (number == SIZE // 2)


def pages() -> dict[str, object]:
    fields: dict[str, object] = {"/robots.txt": (200, {}, b"")}
    for number in range(SIZE):
        person = f'"@context":"https://schema.org","@type":"Person","name":"Person {number}","url":"{url(number)}"'
        listed = ",".join(f'{{"@type":"Person","url":"{url(other)}"}}' for other in known(number))
        for path, body in ((f"/in/p{number}", person), (f"/in/p{number}/connections", f'{person},"knows":[{listed}]')):
            html = f'<html><script type="application/ld+json">{{{body}}}</script></html>'
            fields[path] = (200, {"Content-Type": "text/html"}, html.encode())
    return fields


def hops(number: int) -> int:
    """How far from the seed 0, by lists."""
    around = min(number, SIZE - number)
    return (around + 1) // 2


@pytest.mark.parametrize("bound", [None, 7])
def test_a_snowball_with_cycles_ends_at_its_depth_and_its_bound(tmp_path: Path, bound: int | None) -> None:
    with serving(pages()) as site:  # type: ignore[arg-type]
        (tmp_path / "sneeuwbal.toml").write_text(
            f'[study]\nname = "a ring"\n[seeds]\nprofiles = ["{url(0)}"]\n[snowball]\nwaves = 3\nadmit = "everyone"\n'
            + (f"max_profiles = {bound}\n" if bound else "")
            + f'[collectors.profiles]\nautothrottle = false\nhosts = {{ "{HOST}" = "{site.address}" }}\n'
        )
        for _ in range(2):  # a second run finds nothing more to do
            done = sneeuwbal("--study", tmp_path, "run", "--no-report", "--hide-progress", token=None)
            assert done.returncode == 0, done.stdout + done.stderr
    asked = Counter(site.paths)
    read = {number for number in range(SIZE) if asked[f"/in/p{number}"]}
    lists = {number for number in range(SIZE) if asked[f"/in/p{number}/connections"]}
    assert {path for path, times in asked.items() if times > 1} == {"/robots.txt"}  # it is asked once a run
    if bound:
        assert len(read - {0}) == bound
        assert lists <= read
        return
    assert read == {number for number in range(SIZE) if hops(number) <= 3}
    assert lists == {number for number in range(SIZE) if hops(number) <= 2}
    with duckdb.connect(str(tmp_path / "study.duckdb"), read_only=True) as db:
        stored = db.execute("SELECT key, via FROM discoveries WHERE kind = 'profile' AND via <> ''").fetchall()
    assert set(stored) == {(url(other), url(number)) for number in lists for other in known(number)}
    assert len(stored) == len(set(stored))

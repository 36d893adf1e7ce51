"""Parsing of profile pages on one core: pages a second by layout, with bare extruct beside it.

    python benchmarks/parse_profiles.py [SCALE]

The pages are those of the simulated world, filled up to 17 KB; `extruct` is `extruct.extract` with the same
syntaxes (JSON-LD, or the one that the page is written in), which gives dicts and no records.
"""

from __future__ import annotations

import logging
import sys
import time
from collections import defaultdict
from datetime import UTC, datetime
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import extruct

from collectors.profiles.collector import collector
from fixtures.world.people import HOST, LAYOUTS, READ
from fixtures.world.site import MAIN, Site
from fixtures.world.world import Options, World
from storage.records import Page, Request, Target

SIZE = 17 * 1024
WIDTHS = (7, 6, 10, 9, 12, 12, 7)
FILLER = b"".join(b'<li class="x"><a href="/leden/%d?trk=y">Leden %d</a></li>\n' % (n, n) for n in range(250))


def pages(scale: float) -> dict[str, list[Page]]:
    """The readable profile pages of a world, by layout."""
    world = World(Options(scale=scale))
    people, site, now = world.people, Site(world), datetime.now(UTC)
    found = defaultdict(list)
    for number in range(len(people.slug)):
        if people.page[number] == READ:
            url = people.url(number)
            status, headers, body = site.answer(MAIN, url.removeprefix(HOST))
            body = body.replace(b"</body>", FILLER[: max(0, SIZE - len(body))].rpartition(b"\n")[0] + b"</body>")
            request = Request(Target("profiles", "profile", url), "walk")
            found[LAYOUTS[people.layout[number]]].append(Page((request,), url, status, tuple(headers), body, now))
    return found


def seconds(work, things) -> float:
    """CPU seconds a thing, the best of three rounds."""
    best = []
    for _ in range(3):
        start = time.process_time()
        for thing in things:
            work(thing)
        best.append(time.process_time() - start)
    return min(best) / len(things)


def main(scale: float) -> None:
    """Print the table."""
    logging.disable(logging.CRITICAL)
    heads = ("pages", "KB", "parse ms", "pages/s", "outcome ms", "extruct ms", "ratio")
    print("layout      " + "".join(f"{head:>{width}}" for head, width in zip(heads, WIDTHS, strict=True)))
    found = pages(scale)
    total = count = 0.0
    for layout, some in found.items():
        some = some[:300]
        syntax = layout if layout in ("microdata", "rdfa") else "json-ld"
        parse = seconds(lambda page: list(collector.parse(page)), some)
        outcome = seconds(lambda page: list(collector.outcome(page)), some)
        bare = seconds(
            lambda page, syntax=syntax: extruct.extract(page.body, page.url, syntaxes=[syntax], errors="ignore"), some
        )
        size = sum(len(page.body) for page in some) / len(some) / 1024
        print(
            f"{layout:12}{len(found[layout]):7}{size:6.1f}{parse * 1000:10.3f}{1 / parse:9.0f}{outcome * 1000:12.3f}"
            f"{bare * 1000:12.3f}{parse / bare:7.2f}"
        )
        total, count = total + parse * len(found[layout]), count + len(found[layout])
    print(f"all layouts as they occur: {count / total:.0f} pages/s")


if __name__ == "__main__":
    main(float(sys.argv[1]) if len(sys.argv) > 1 else 0.02)

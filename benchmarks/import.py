"""What importing a large NDJSON file costs: seconds, CPU, peak memory, archive size. In child processes.

`python -m benchmarks.import --gigabytes 5` writes a file of invented posts (API v1.1 JSON, about 3 KB each, every
fourth a retweet), imports it through the collect loop into an archive, and parses the archive as `load` does. Beside
both: `json.loads` of each line, which keeps nothing.
"""

import argparse
import json
import random
import tempfile
from collections import Counter
from pathlib import Path

from benchmarks._measure import measured, show

USER = {
    "screen_name": "verzonnen", "name": "Verzonnen Persoon", "description": "bestaat niet " * 8, "location": "Nergens",
    "followers_count": 10, "friends_count": 20, "statuses_count": 30, "verified": False, "protected": False,
    "created_at": "Sat Feb 23 12:00:00 +0000 2013", "profile_image_url": "https://example.org/" + "p" * 60,
    "profile_background_color": "FFFFFF", "lang": "nl", "default_profile": False, "listed_count": 1,
}  # fmt: skip


def bring(path: Path, study: Path) -> None:
    """Through the collect loop into an archive: the child's work."""
    from collectors import files
    from collectors.base import Settings
    from collectors.engine.run import collect
    from collectors.wire.exchange import Wire
    from storage.frontier.sqlite import Frontier
    from storage.records import Request

    found, wire, frontier = files.targets("x-v1", [path], {}), Wire(), Frontier(study / "state.sqlite")
    with frontier.transaction():
        frontier.add([Request(target, "") for target in found], wire.now())
    settings = Settings({"paths": files.paths_of(found)}, wire=wire)
    report = collect(study, "x-v1", files.collector("x-v1"), settings, frontier=frontier)
    assert report.status == "complete", report
    print(f"{report.answers:,} pieces, {report.items:,} lines")


def parse(path: Path, study: Path) -> None:
    """The archive parsed as `load` parses it: the child's work."""
    from collectors import files
    from storage.archive import reader as archive
    from storage.records import Page

    collector, counts = files.collector("x-v1"), Counter[str]()
    for segment in archive.segments(study / "archive"):
        for entry in archive.read(segment):
            if isinstance(entry, Page):
                counts.update(type(record).__name__ for record in collector.parse(entry))
    print(dict(counts))


def plain(path: Path, study: Path) -> None:
    """The least that a script does with the file, `json.loads` line by line: the child's work."""
    with path.open("rb") as lines:
        print(f"{sum('id_str' in json.loads(line) for line in lines):,} posts")


def write(path: Path, size: int) -> int:
    """Write about *size* bytes of posts; return how many lines."""
    dice, count = random.Random(20130223), 0
    with path.open("wb", buffering=1 << 20) as file:
        while file.tell() < size:
            for _ in range(1000):
                file.write(line(count, dice))
                count += 1
    return count


def line(number: int, dice: random.Random) -> bytes:
    user = {**USER, "id_str": str(dice.randrange(1, 2000)), "id": 0}
    words = " ".join(dice.choices(("overheid", "trein", "beleid", "sneeuw", "koffie", "vergadering"), k=15))
    entities = {"hashtags": [{"text": dice.choice(("een", "twee"))}], "user_mentions": [], "urls": []}
    post = {"created_at": "Sat Feb 23 12:00:00 +0000 2013", "id_str": str(10**18 + number), "text": words,
            "source": '<a href="https://example.org">Web</a>', "user": user, "entities": entities, "lang": "nl",
            "favorite_count": 1, "retweet_count": 2, "extended_entities": {"media": [{"url": "m" * 900}]}}  # fmt: skip
    if number % 4 == 0:
        post = {**post, "id_str": str(2 * 10**18 + number), "text": "RT @verzonnen: " + words, "retweeted_status": post}
    return json.dumps(post).encode() + b"\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--gigabytes", type=float, default=5)
    parser.add_argument("--child", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        work, path, study = options.child
        {"bring": bring, "parse": parse, "plain": plain}[work](Path(path), Path(study))
        return
    with tempfile.TemporaryDirectory() as folder:
        path, study = Path(folder) / "posts.jsonl", Path(folder) / "study"
        study.mkdir()
        lines = write(path, int(options.gigabytes * 1e9))
        print(f"{path.stat().st_size / 1e9:.2f} GB, {lines:,} lines", flush=True)
        costs = {}
        for work, name in (("plain", "json.loads, line by line"), ("bring", "import"), ("parse", "parse the archive")):
            cost = costs[work] = measured("benchmarks.import", "--child", work, path, study)
            show(name, cost, f"   {cost.cpu / costs['plain'].cpu:.2f} x the CPU of json.loads")
        size = sum(file.stat().st_size for file in (study / "archive").iterdir())
        print(f"archive {size / 1e6:.0f} MB")


if __name__ == "__main__":
    main()

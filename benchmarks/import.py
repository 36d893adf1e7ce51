"""What importing a large NDJSON file costs: seconds, CPU, peak memory, archive size. In child processes.

`python benchmarks/import.py --gigabytes 5` writes a file of invented posts (API v1.1 JSON, about 3 KB each, every
fourth a retweet), imports it through the collect loop into an archive, and parses the archive as `load` does.
"""

import argparse
import json
import random
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parents[1]
USER = {
    "screen_name": "verzonnen", "name": "Verzonnen Persoon", "description": "bestaat niet " * 8, "location": "Nergens",
    "followers_count": 10, "friends_count": 20, "statuses_count": 30, "verified": False, "protected": False,
    "created_at": "Sat Feb 23 12:00:00 +0000 2013", "profile_image_url": "https://example.org/" + "p" * 60,
    "profile_background_color": "FFFFFF", "lang": "nl", "default_profile": False, "listed_count": 1,
}  # fmt: skip

COLLECT = """
import resource, sys, time
from pathlib import Path
from collectors import files
from collectors.base import Settings
from collectors.run import collect
from collectors.wire import Wire
from storage.frontier import Frontier
from storage.records import Want
path, study = Path(sys.argv[1]), Path(sys.argv[2])
began = time.perf_counter()
found = files.targets("x-v1", [path], {})
hashed = time.perf_counter() - began
frontier = Frontier(study / "state.sqlite")
with frontier.transaction():
    frontier.add([Want(target, "") for target in found], Wire().now())
settings = Settings({"paths": files.paths_of(found)}, wire=Wire())
report = collect(study, "x-v1", files.collector("x-v1"), settings, frontier=frontier)
used = resource.getrusage(resource.RUSAGE_SELF)
print(report.status, report.answers, "pieces", report.items, "lines; seconds", round(time.perf_counter() - began, 1),
      "of them hashing", round(hashed, 1), "CPU", round(used.ru_utime + used.ru_stime, 1), "MiB", used.ru_maxrss >> 10)
"""

PARSE = """
import resource, sys, time
from collections import Counter
from pathlib import Path
from collectors import files
from storage import archive
from storage.records import Page
collector, told, began = files.collector("x-v1"), Counter(), time.perf_counter()
for segment in archive.segments(Path(sys.argv[1])):
    for entry in archive.read(segment):
        if isinstance(entry, Page):
            told.update(type(record).__name__ for record in collector.parse(entry))
used = resource.getrusage(resource.RUSAGE_SELF)
print(dict(told), "seconds", round(time.perf_counter() - began, 1),
      "CPU", round(used.ru_utime + used.ru_stime, 1), "MiB", used.ru_maxrss >> 10)
"""


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
    parser.add_argument("--no-parse", action="store_true", help="leave out the reading of the archive")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path, study = Path(folder) / "posts.jsonl", Path(folder) / "study"
        study.mkdir()
        lines = write(path, int(options.gigabytes * 1e9))
        print(f"{path.stat().st_size / 1e9:.2f} GB, {lines:,} lines", flush=True)
        subprocess.run([sys.executable, "-c", COLLECT, str(path), str(study)], cwd=HERE, check=True)
        size = sum(file.stat().st_size for file in (study / "archive").iterdir())
        print(f"archive {size / 1e9:.2f} GB", flush=True)
        if not options.no_parse:
            subprocess.run([sys.executable, "-c", PARSE, str(study / "archive")], cwd=HERE, check=True)


if __name__ == "__main__":
    main()

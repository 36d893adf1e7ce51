"""What little costs beside much: one profile, a hundred, `status` and `verify`, at a study's size and at a tenth of it.

    python -m benchmarks.additions [--scale 1] [--keep DIR]

Each is the command that users type, start of Python included; of several imports, the cheapest. Beside adding: a copy
of the database's file, byte for byte; beside `status`: `import duckdb` alone; beside `verify`: the archive unpacked
once; beside `import` of each module of analysis: `import pandas`.
"""

from __future__ import annotations

import argparse
import gzip
import json
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks._measure import HERE, Cost, measured, show

MODULES = sorted(
    f"analysis.{path.relative_to(HERE / 'analysis').with_suffix('').as_posix().replace('/', '.')}"
    for path in (HERE / "analysis").rglob("*.py")
    if path.stem not in ("__init__", "__main__", "notebook")  # the last is marimo's
)
TURNS = 3


def people(place: Path, first: int, count: int) -> Path:
    """A file with so many invented profiles, as data vendors give them."""
    made = [
        {"full_name": f"Testa Toegevoegd {n}", "linkedin_profile_url": f"https://www.linkedin.com/in/toegevoegd-{n}",
         "experience": [{"title": "Adviseur", "company": {"name": "Ministerie van Fictie"}, "start_date": "2012-01"}]}
        for n in range(first, first + count)
    ]  # fmt: skip
    place.write_text(json.dumps(made), "utf-8")
    return place


@contextmanager
def kept(keep: Path | None) -> Iterator[Path]:
    """The directory to work in."""
    if keep:
        yield keep
        return
    with tempfile.TemporaryDirectory(prefix="bench-additions-") as place:
        yield Path(place)


def additions(study: Path, place: Path) -> list[Cost]:
    """The costs of `status`, one profile, `status` with what changed, a hundred profiles, and a copied database."""
    command = ("sneeuwbal", "--study", study)

    def cheapest(first: int, count: int) -> Cost:
        imports = []
        for number in range(first, first + TURNS * count, count):
            new = people(place / "new.json", number, count)
            imports.append(measured(*command, "import", "linkedin-json", new, shown=False))
        return min(imports, key=lambda cost: cost.cpu)

    found = [
        measured(*command, "status", shown=False),
        cheapest(0, 1),
        measured(*command, "status", shown=False),
        cheapest(TURNS, 100),
        measured("benchmarks.additions", "--child", "copy", study),
    ]
    for name, cost in zip(("status", "one profile", "status once more", "100 profiles", "a copy"), found, strict=True):
        show(name, cost)
    return found


def copy(study: Path) -> None:
    """Copy the database byte for byte: the child's work."""
    with (study / "study.duckdb").open("rb") as source, (study / "copy.duckdb").open("wb") as target:
        shutil.copyfileobj(source, target, 1 << 20)
    (study / "copy.duckdb").unlink()


def unpack(study: Path) -> None:
    """Read the archive once and drop it: the child's work."""
    for path in sorted((study / "archive").glob("*.warc.gz")):
        with gzip.open(path) as stream:
            while stream.read(1 << 20):
                pass


def imports() -> float:
    """How many times `import pandas` the dearest module of analysis costs, in CPU; print the dearest three.

    The dearest of one round count by their least of four, as pandas does: what other processes add is not theirs.
    """

    def cost(name: str, times: int = 1) -> float:
        return min(measured("benchmarks.additions", "--child", "import", name).cpu for _ in range(times))

    once = {name: cost(name) for name in MODULES}
    dearest = sorted(once, key=lambda one: -once[one])[:8]
    peer, costs = cost("pandas", 4), {name: min(once[name], cost(name, 3)) for name in dearest}
    for name in sorted(costs, key=lambda one: -costs[one])[:3]:
        print(f"import {name:27} {costs[name]:8.2f} s CPU, {costs[name] / peer:.2f} x import pandas ({peer:.2f})")
    return max(costs.values()) / peer


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--scale", type=float, default=1.0)
    options.add_argument("--keep", type=Path, help="a directory for the studies, kept for the next time")
    options.add_argument("--child", nargs=2, help=argparse.SUPPRESS)
    given = options.parse_args()
    if given.child:
        work, what = given.child
        {"copy": copy, "unpack": unpack, "import": __import__}[work](Path(what) if work != "import" else what)
        return
    from tests.rehearsal import recorded_study, sneeuwbal  # not in the children, whose imports count

    with kept(given.keep) as place:
        costs = []
        for scale in (max(given.scale / 10, 0.02), given.scale):
            print(f"-- scale {scale}", flush=True)
            study = place / f"study-{scale}"
            if not study.exists():
                recorded_study(study, str(scale))
                sneeuwbal("--study", study, "recover")
            costs.append(additions(study, place))
        small, large = costs
        for number, name in ((1, "one profile"), (3, "100 profiles")):
            print(f"{name + ', ten times the base':34} {large[number].cpu / small[number].cpu:8.2f} x CPU")
        whole, once = (
            measured("sneeuwbal", "--study", study, "verify", shown=False),
            measured("benchmarks.additions", "--child", "unpack", study),
        )
        show("verify", whole, f"   {whole.wall / once.wall:.2f} x the wall of unpacking alone")
    imports()


if __name__ == "__main__":
    sys.exit(main())

"""All benchmarks, one after the other: `make bench`, or `python -m benchmarks NAME ...` for some.

Each prints its figures beside a peer or a limit measured in the same run. They take from a minute to half an hour; the
machine should have nothing else to do.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

NAMES = sorted(path.stem for path in Path(__file__).parent.glob("*.py") if not path.stem.startswith("_"))
DUCKDB = {"lake": "build/lake"}  # another DuckDB than the environment's, as `make build/lake` installs it


def main(names: list[str]) -> int:
    """Run the benchmarks called *names* (all, if none is); return how many failed."""
    failed = 0
    for name in names or NAMES:
        print(f"\n== {name}", flush=True)
        began = time.monotonic()
        duckdb = {"PYTHONPATH": DUCKDB[name]} if name in DUCKDB else {}
        code = subprocess.run([sys.executable, "-m", f"benchmarks.{name}"], env=os.environ | duckdb).returncode
        failed += code != 0
        print(f"-- {name}: exit code {code}, {time.monotonic() - began:.0f} s", flush=True)
    return failed


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""Precision and recall of linkage on true links of politicians, at thresholds: `python -m benchmarks.linkage`.

Three settings: everyone's profiles and accounts together; half of the profiles, so that half of the accounts are
others'; and half of the profiles with only the accounts of others, where whatever is proposed is wrong.
"""

import random
import sys
import time
from pathlib import Path

from jobs.context import parsers
from storage.linking.candidates import candidates
from storage.privacy.declared import account_of, platforms
from tests.politicians import everybody, study_of

REAL = Path(__file__).parents[2] / "shared" / "real" / "linkage"
THRESHOLDS = (0.05, 0.3, 0.5, 0.8, 0.9, 0.95, 0.98)


def table(name, people, bearers, true):
    began = time.monotonic()
    found = candidates(study_of(people, bearers), "x", THRESHOLDS[0]).to_pylist()
    country = {key: where for where, key, *_ in people}
    spent = time.monotonic() - began
    print(f"\n{name}: {len(people):,} profiles, {len({one[0] for one in bearers}):,} accounts, {spent:.0f} s")
    print("country  threshold  proposed  wrong  precision  recall")
    seen = {one[0] for one in bearers}
    for where in ("us", "fr", "uk", "all"):
        right = {(key, true[key][0]) for key in country if key in true and true[key][0] in seen
                 and where in ("all", country[key])}  # fmt: skip
        for threshold in THRESHOLDS:
            pairs = {(row["profile_id"], row["account_id"]) for row in found
                     if row["confidence"] >= threshold and where in ("all", country[row["profile_id"]])}  # fmt: skip
            good = len(pairs & right)
            precision = f"{good / len(pairs):9.4f}" if pairs else f"{'-':>9}"
            recall = f"{good / len(right):6.3f}" if right else f"{'-':>6}"
            print(f"{where:7}  {threshold:9}  {len(pairs):8,}  {len(pairs) - good:5,}  {precision}  {recall}")


def main() -> int:
    if not REAL.is_dir():
        print("no true links beside the checkout")
        return 0
    people, true, sites = everybody(REAL)
    declared = list(platforms(parsers()).values())
    read = {key: {handle for url in urls if (found := account_of(declared, url)) and found[0] == "x"
                  for handle in [found[1]]}
            for key, urls in sites.items()}  # fmt: skip
    good = sum(true[key][1].lower() in handles for key, handles in read.items())
    print(f"explicit (web addresses of {len(sites):,} French members): {sum(map(len, read.values())):,} handles read, "
          f"{good:,} right, recall {good / len(sites):.3f}")  # fmt: skip
    dice = random.Random(1)
    mine = {key for _, key, *_ in people if dice.random() < 0.5}
    half = [one for one in people if one[1] in mine]
    own = {true[key][0] for key in mine if key in true}
    table("everyone", people, list(true.values()), true)
    table("half of the profiles", half, list(true.values()), true)
    table("half of the profiles, only others' accounts", half, [b for b in true.values() if b[0] not in own], true)
    return 0


if __name__ == "__main__":
    sys.exit(main())

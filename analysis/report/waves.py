"""Findings on the snowball."""

from __future__ import annotations

import pandas as pd

from analysis import snowball
from analysis.report.asking import Asking, counting
from analysis.report.disclosure import Cells


class Waves(Asking):
    """The findings on the snowball: its waves, the people who led to most members, and the groups they found."""

    def _of_waves(self, frame: pd.DataFrame) -> Cells:
        parts, ties = ("members", "others"), [str(name) for name in frame if str(name).startswith("along_")]
        derived = (*parts, "members_per_request", "requests", *ties)
        counts = {"reached": ("requests",), "admitted": derived, "members": derived[2:3], "others": ()}
        behind = {f"not_{tie}": frame["admitted"] - frame[tie] for tie in ties}
        other_way = {tie: (f"not_{tie}",) for tie in ties} | {f"not_{tie}": (tie,) for tie in ties}
        return Cells({**counts, **other_way}, None, parts, behind=behind)

    @counting(_of_waves)
    def waves(self) -> pd.DataFrame:
        """The cost and yield of each wave; attrs have the totals."""
        return snowball.waves(self.db)

    @property
    def rolled(self) -> bool:
        """Whether the snowball admitted anyone besides the seeds."""
        return bool(self.waves.attrs["beyond"])

    @counting(Cells(then=lambda frame: frame.iloc[:0]))
    def leaders(self) -> pd.DataFrame:
        """The people who led to most members; empty in a report for publication."""
        return snowball.leaders(self.db, self.options.shown)

    @counting(Cells({"members": ()}, ("found_by", "group_name"), then=lambda made: made[made["members"].notna()]))
    def found_by(self) -> pd.DataFrame:
        """The number of members of each group found by members of each; small cells are hidden in publications."""
        return snowball.between_groups(self.db)

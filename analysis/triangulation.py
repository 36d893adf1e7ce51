"""The instruments of a study side by side: survey, profiles and timelines by group, and how far they agree."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd

from analysis import survey
from analysis.queries import OF_MEMBERS, Database, query, timeline_posts, with_parameters
from analysis.shares import CONDITIONS

INSTRUMENTS = {
    "survey": ("survey_share",), "profiles": ("profiles",),
    "timelines": ("accounts", "posts_per_account", "e_i_index", "interaction"),
}  # fmt: skip
LEADING = ("survey_share", "profiles", "accounts")  # one an instrument, in which a group can be said to lead
COLUMNS = ("group_name", "respondents", "survey_share", "low", "high", *INSTRUMENTS["profiles"],
           *INSTRUMENTS["timelines"])  # fmt: skip
POSTS = f"""
WITH groups_of AS (
    SELECT DISTINCT l.account_id, m.group_name FROM ({OF_MEMBERS}) AS l JOIN memberships AS m USING (actor_id))
SELECT group_name, count(*) AS posts, avg(CAST({{condition}} AS INTEGER)) AS interaction
FROM {{posts}} AS p JOIN groups_of AS w ON w.account_id = p.timeline_of GROUP BY 1"""


def table(
    db: Database, asked: pd.DataFrame, people: pd.DataFrame, inward: pd.DataFrame, profile: str = "study2013"
) -> pd.DataFrame:
    """A row a group, the largest first: what each instrument says of it; missing where it says nothing.

    Columns: respondents, survey_share with low and high (per cent); profiles; accounts; posts_per_account, of those
    that are linked; e_i_index; interaction, the share (0 to 1) of their posts that mention somebody, by *profile*.
    *asked* is the survey by group (`respondents.by_group`), *people* `populations.table`, *inward* `inwardness.table`.
    """
    source, _ = timeline_posts(db, "linked")
    sent = query(db, POSTS.format(condition=CONDITIONS[profile]["mentions"], posts=source))
    made = people[["group_name", "profiles", "accounts"]].merge(
        asked.rename(columns={"n": "respondents", "share": "survey_share"}), on="group_name", how="outer"
    )
    made = made.merge(sent, on="group_name", how="left").merge(
        inward[["group", "e_i_index"]].rename(columns={"group": "group_name"}), on="group_name", how="left"
    )
    accounts = made["accounts"].astype(float)
    made["posts_per_account"] = made["posts"].astype(float) / accounts.where(accounts > 0)
    made["interaction"] = made["interaction"].where(accounts > 0)
    there = made["profiles"].fillna(1).astype(float).gt(0) | made["respondents"].fillna(0).astype(float).gt(0)
    made = made[there].sort_values(["profiles", "group_name"], ascending=[False, True], na_position="last")
    return with_parameters(
        made[list(COLUMNS)].reset_index(drop=True), interval="Wilson", level=survey.LEVEL, interaction=profile
    )


def agreement(frame: pd.DataFrame) -> pd.DataFrame:
    """Spearman's rho of each two measures of different instruments over the groups of `table` that have both."""
    pairs = [
        (one, other)
        for ours, theirs in combinations(INSTRUMENTS.values(), 2) for one in ours for other in theirs
    ]  # fmt: skip
    rows: list[dict[Any, Any]] = []
    for one, other in pairs:
        found = survey.rank_correlation(frame[one].astype(float), frame[other].astype(float))
        rows.append({"one": one, "other": other, **found.iloc[0].to_dict()})
    made = pd.DataFrame(rows).rename(columns={"n": "groups"}).astype({"groups": int})
    return with_parameters(made, test="Spearman", level=survey.LEVEL)


def leaders(frame: pd.DataFrame, claimed: str | None = None) -> pd.DataFrame:
    """A row an instrument: who leads (several if they tie), of how many groups, and the place of the *claimed* one."""
    rows = []
    for measure in LEADING:
        values = frame.set_index("group_name")[measure].astype(float).dropna()
        place = values.rank(ascending=False, method="min")
        rows.append({
            "measure": measure, "leader": ", ".join(place.index[place == 1]) or None, "groups": len(values),
            "claimed": claimed, "place": place.get(claimed, np.nan) if claimed else np.nan,
        })  # fmt: skip
    return with_parameters(pd.DataFrame(rows), claimed=claimed)

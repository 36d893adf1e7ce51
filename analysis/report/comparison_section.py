"""The section that compares another study with this one: its selection, its shares and its network."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pandas as pd

from analysis import compare
from analysis.queries import with_parameters
from analysis.report.blocks import Section
from analysis.report.findings import Findings
from analysis.report.i18n import Words
from analysis.report.section_parts import table

NAMES = ("this_study", "other_study")
WHOLE = ("nodes", "edges", "components", "giant", "communities")


@dataclass(frozen=True)
class Other:
    """Another study, and its name."""

    name: str
    found: Findings


def comparison(found: Findings, other: Other, _: Words) -> Section:
    """The figures of two studies, compared."""
    network = compare.networks(found.actors, other.found.actors, NAMES, seed=found.setting("analysis.seed", 1))
    said = [_("Compared with: {name}. Differences are this study minus the other.").format(name=other.name)]
    shared = network.attrs["overlap"]
    if not found.options.least:  # pseudonyms are of one study only
        both, share = int(shared["nodes_in_both"]), 100 * shared["nodes_jaccard"]
        text = _("{count} actors are in both networks, {share}% of all that are in either.")
        said.append(text.format(count=_.number(both), share=_.number(share, 1)))
    tables = (
        table(found, _, "comparison_selection", "The selections of both", selection(found, other), "selection",
              columns=("what", *NAMES, "difference"), places=dict.fromkeys((*NAMES, "difference"), 0)),
        table(found, _, "comparison_shares", "The shares of both", shares(found, other), "shares", percent=NAMES,
              columns=("what", *NAMES, "difference", "low", "high")),
        table(found, _, "comparison_networks", "The actor networks of both", network, "actors",
              page=_figures(network, _)),
    )  # fmt: skip
    return Section("comparison", _("Comparison with another study"), tuple(said), tables)


def selection(found: Findings, other: Other) -> pd.DataFrame:
    """The key figures that are numbers, of both studies."""
    frames = []
    for one in (found, other.found):
        frame = one.selection[["figure", "what", "computed"]]
        counts = frame[~frame["figure"].isin(["first_post", "last_post"])]
        frames.append(counts.astype({"computed": "Int64"}))
    ours, theirs = frames
    made = compare.side_by_side(ours, theirs, on=["figure", "what"], names=NAMES)
    made = made.set_index("figure").reindex(ours["figure"]).reset_index()  # in the same order
    return made.rename(columns=lambda name: str(name).removeprefix("computed_"))


def shares(found: Findings, other: Other) -> pd.DataFrame:
    """Table 6 of both, with the difference in points and its 95% interval (Newcombe's, posts as independent)."""
    theirs = other.found.shares_by(found.share_profile).set_index("kind")
    rows: list[dict[str, Any]] = []
    for row in found.shares.to_dict("records"):
        there = theirs.loc[row["kind"]]
        tested = compare.proportions(row["count"], row["posts"], there["count"], there["posts"])
        points = {name: 100 * tested[name] for name in ("difference", "low", "high")}
        rows.append({"kind": row["kind"], "what": row["what"], NAMES[0]: tested["share"],
                     NAMES[1]: tested["other_share"], **points})  # fmt: skip
    return with_parameters(pd.DataFrame(rows), profile=found.share_profile, other=other.name)


def _figures(frame: pd.DataFrame, _: Words) -> pd.DataFrame:
    """The figures of the networks in words."""
    made = frame.copy()
    for name in (*NAMES, "difference", "low", "high"):
        pairs = zip(frame["figure"], frame[name], strict=True)
        made[name] = [_.number(value, 0 if figure in WHOLE else 3) for figure, value in pairs]
    made["figure"] = [_.head(str(figure)) for figure in frame["figure"]]
    return made

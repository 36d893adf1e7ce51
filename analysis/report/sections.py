"""The sections of the report: what is said, shown and tabulated, in their order."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from analysis.report.blocks import Picture, Section
from analysis.report.findings import Findings
from analysis.report.method import method
from analysis.report.posts import activity, hashtags, shares
from analysis.report.saying import BESIDE, numbered, paired, published_there, table, verdict
from analysis.report.words import Words


def sections(found: Findings, _: Words) -> list[Section]:
    """All sections of the page."""
    parts = (overview, people, ministries, actors, inward, activity, shares, hashtags, method)
    return [part(found, _) for part in parts]


def overview(found: Findings, _: Words) -> Section:
    """The selection and six key numbers."""
    value = found.selection.set_index("figure")["computed"]
    network = found.actors.network
    facts = (
        (_("profiles read"), _.number(value["profiles"])),
        (_("civil servants"), _.number(value["civil_servants"])),
        (_("linked accounts"), _.number(value["accounts"])),
        (_("posts"), _.number(value["posts"])),
        (_("follow ties of these accounts"), _.number(network.parameters["full_edges"])),
        (_("period of the posts"), f"{value['first_post'] or '–'} – {value['last_post'] or '–'}"),
    )
    published = published_there(found.selection)
    selection = table(found, _, "selection", "The selection", found.selection, "selection",
                      columns=("what", "computed", "published")[: 3 if published else 2],
                      places={"computed": 0, "published": 0},
                      note=_(BESIDE) if published else "")  # fmt: skip
    return Section("overview", _("Overview"), (_(SNOWBALL),), (selection,), facts)


SNOWBALL = (
    "From start contacts to the profiles they are connected with, from profiles to civil servants by their current "
    "employer, from civil servants to their public accounts, and from accounts to posts and follow ties."
)


def people(found: Findings, _: Words) -> Section:
    """Table 5 and what was read."""
    frame = found.populations
    said = [_("{all} civil servants were found; {share}% of them also on a platform.").format(
        all=_.number(frame.attrs["civil_servants"]), share=_.number(_on_platform(found), 1))]  # fmt: skip
    if frame.attrs["civil_servants"] != frame.attrs["sum_of_rows"]:
        said.append(_("The rows add up to {sum}, because somebody with current posts in two ministries counts in both."
                      ).format(sum=_.number(frame.attrs["sum_of_rows"])))  # fmt: skip
    order = paired(list(frame.columns), ("profiles", "accounts"))
    five = table(found, _, "populations", "Table 5: civil servants by ministry", frame, "populations",
                 columns=tuple(order), places={"share": 1},
                 note=_(BESIDE) if published_there(frame) else "")  # fmt: skip
    return Section("populations", _("Populations"), tuple(said), (five,))


def _on_platform(found: Findings) -> float:
    row = found.db.execute(
        "SELECT count(*), count(*) FILTER (profile_id IN (SELECT profile_id FROM links)) FROM civil_servants"
    ).fetchone()
    return 100 * row[1] / row[0] if row and row[0] else float("nan")


def ministries(found: Findings, _: Words) -> Section:
    """Figure 1 beside its matrix and tables."""
    frame, there = found.ministries, found.ministry_coverage
    readable, members = int(there["readable"].sum()), int(there["members"].sum())
    said = (
        _("A circle's size is the number of connections inside a ministry, a line's width the number between two."),
        _("Only observed connections count: the lists of {readable} of {members} members could be read. The sample is "
          "small and uneven, so it does not generalise.").format(
              readable=_.number(readable), members=_.number(members)),
    )  # fmt: skip
    pairs = table(
        found, _, "ministries", "Connections between ministries", frame, "ministries", folded=True,
        percent=("share_of_row", "share_of_other"), places={"connections_expected": 1, "follows_expected": 1},
    )  # fmt: skip
    coverage = table(found, _, "ministry_coverage", "How much of each ministry could be read", there,
                     "ministry_coverage", percent=("share_readable",), places={"share_readable": 1})  # fmt: skip
    circle = Picture("ministries", _("Ministries on a circle; the numbers are in the table of connections."),
                     _("In brackets: connections inside the ministry."))  # fmt: skip
    matrix = Picture("ministry-matrix", _("Matrix of connections between ministries; the same numbers as the table."),
                     _("Numbers: connections. Colour: how many times as many as chance would give, each ministry "
                       "keeping its number of connections."))  # fmt: skip
    return Section("ministries", _("Ministries"), said, (circle, matrix, coverage, pairs))


def actors(found: Findings, _: Words) -> Section:
    """Figure 2, its communities and central actors."""
    network, community = found.actors.network, found.actors.communities
    said = [
        _("{nodes} of {all} actors have enough connections to be drawn ({filter}); between them are {edges} ties."
          ).format(nodes=_.number(network.n), all=_.number(network.parameters["full_nodes"]),
                   filter=network.parameters["filter"], edges=_.number(network.m)),
        verdict(community, _),
    ]  # fmt: skip
    if (published := found.setting("published.communities")) is not None:
        said.append(_("Published: {number} communities.").format(number=published))
    said += [_described(row, _) for row in found.communities.head(12).to_dict("records")]
    live = Picture(
        "actors", _("The actor network as a still picture; its actors and neighbours are in the tables and files."),
        _("Size: betweenness. Colour: community. Position: who is tied stands together. Choose a name to see whom it "
          "follows (orange) and who follows it (blue)."), "network",
    )  # fmt: skip
    bars = Picture("communities", _("Bars of the civil servants in each community by ministry, as in the table."))
    shares = {"percent": ("share", "density"), "places": {"share": 0, "density": 1}}
    tables = (
        table(found, _, "communities", "Communities of actors", found.communities, "actors", **shares),
        table(found, _, "communities_by_ministry", "Communities by ministry", found.communities_by_ministry,
              folded=True, percent=("share_of_community", "share_of_ministry")),
        table(found, _, "central", "The most central actors", found.central, places={"betweenness": 0}),
        table(found, _, "bridges", "Actors that bridge communities", found.bridges, folded=True,
              percent=("outside_share",), places={"betweenness": 0, "bridging": 0}),
    )  # fmt: skip
    return Section("actors", _("Actors"), tuple(said), (live, bars, *map(numbered, tables)))


def _described(row: Mapping[Any, Any], _: Words) -> str:
    """A community in words and numbers."""
    central = ", ".join(map(str, row["central"][:3]))
    return _("Community {number} ({name}): {size} actors, {civil} of them civil servants ({ministries}); most central: "
             "{central}. Of all possible ties {density}% are there; E-I index {index}.").format(
        number=row["community"] + 1, name=row["name"] or _("no name"), size=_.number(row["size"]),
        civil=_.number(row.get("civil_servants", 0)), ministries=row.get("ministries") or "–", central=central,
        density=_.number(100 * row["density"], 1), index=_.number(row["e_i_index"], 2))  # fmt: skip


def inward(found: Findings, _: Words) -> Section:
    """E-I indices and who is central."""
    frame = found.inward
    first = frame.iloc[0]
    top = found.most_central.set_index("label")
    said = [_("The E-I index of civil servants against others is {index} (shuffled labels give {permuted}, p = {p}): "
              "below that, they stay among themselves more than chance would have it.").format(
        index=_.number(first["e_i_index"], 2), permuted=_.number(first["permuted"], 2), p=_.number(first["p"], 3)
    )]  # fmt: skip
    if "top_betweenness" in top:
        said.append(_("Of the hundred most central actors {share}% are civil servants.").format(
            share=_.number(100 * top["top_betweenness"].get("civil servant", float("nan")), 0)))  # fmt: skip
    said.append(_("The degree filter itself hides who has few connections, citizens among them; and only accounts "
                  "whose lists were read can show their ties."))  # fmt: skip
    indices = table(found, _, "inward", "E-I index by ministry", frame, places={"p": 3},
                    note=_assortativity(frame, _))  # fmt: skip
    central = table(found, _, "most_central", "Who the hundred most central are", found.most_central,
                    percent=("share", "top_betweenness", "top_in_degree"),
                    places={"share": 1, "top_betweenness": 0, "top_in_degree": 0})  # fmt: skip
    picture = Picture("inwardness", _("E-I index of civil servants and of each ministry, observed and by chance."))
    return Section("inwardness", _("Inward-looking or not"), tuple(said), (picture, indices, central))


def _assortativity(frame: pd.DataFrame, _: Words) -> str:
    found = frame.attrs["assortativity"]
    return _("Assortativity (1: all ties inside groups, 0: as by chance): by ministry {one}, civil servants and others "
             "{other}.").format(one=_.number(found["ministries"], 2),
                                other=_.number(found["civil servants and others"], 2))  # fmt: skip

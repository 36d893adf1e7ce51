"""The sections of the report: what is said, shown and tabulated, in their order."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pandas as pd

from analysis.report.blocks import Picture, Section
from analysis.report.definitions import DEFINITIONS
from analysis.report.findings import Findings
from analysis.report.method import method
from analysis.report.tables import Table
from analysis.report.words import Words


def sections(found: Findings, _: Words) -> list[Section]:
    """All sections of the page."""
    parts = (overview, people, ministries, actors, inward, activity, shares, hashtags, method)
    return [part(found, _) for part in parts]


def table(found: Findings, _: Words, name: str, title: str, frame: pd.DataFrame, *sql: str, **options: Any) -> Table:
    """A table with its definitions, and the SQL of the findings called *sql*."""
    heard = [query for key in sql for query in found.sql.get(key, ())]
    definitions = tuple(_(text) for text in DEFINITIONS.get(name, ()))
    least = found.options.least
    return Table(
        name.replace("_", "-"), _(title), frame, definitions=definitions, sql=tuple(dict.fromkeys(heard)),
        hidden=f"<{least}" if least and frame.attrs.get("hidden") else "", **options,
    )  # fmt: skip


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
    published = _published(found.selection)
    selection = table(found, _, "selection", "The selection", found.selection, "selection",
                      columns=("what", "computed", "published")[: 3 if published else 2],
                      places={"computed": 0, "published": 0},
                      note=_(BESIDE) if published else "")  # fmt: skip
    return Section("overview", _("Overview"), (_(SNOWBALL),), (selection,), facts)


SNOWBALL = (
    "From start contacts to the profiles they are connected with, from profiles to civil servants by their current "
    "employer, from civil servants to their public accounts, and from accounts to posts and follow ties."
)
BESIDE = "Computed figures stand beside those that were published; where they differ, both are shown."


def _published(frame: pd.DataFrame) -> bool:
    return any(str(name).startswith("published") and frame[name].notna().any() for name in frame)


def people(found: Findings, _: Words) -> Section:
    """Table 5 and what was read."""
    frame = found.populations
    said = [_("{all} civil servants were found; {share}% of them also on a platform.").format(
        all=_.number(frame.attrs["civil_servants"]), share=_.number(_on_platform(found), 1))]  # fmt: skip
    if frame.attrs["civil_servants"] != frame.attrs["sum_of_rows"]:
        said.append(_("The rows add up to {sum}, because somebody with current posts in two ministries counts in both."
                      ).format(sum=_.number(frame.attrs["sum_of_rows"])))  # fmt: skip
    order = _paired(list(frame.columns), ("profiles", "accounts"))
    five = table(found, _, "populations", "Table 5: civil servants by ministry", frame, "populations",
                 columns=tuple(order), places={"share": 1}, note=_(BESIDE) if _published(frame) else "")  # fmt: skip
    return Section("populations", _("Populations"), tuple(said), (five,))


def _on_platform(found: Findings) -> float:
    row = found.db.execute(
        "SELECT count(*), count(*) FILTER (profile_id IN (SELECT profile_id FROM links)) FROM civil_servants"
    ).fetchone()
    return 100 * row[1] / row[0] if row and row[0] else float("nan")


def _paired(columns: list[str], pairs: tuple[str, ...]) -> list[str]:
    """*columns* with each published figure right behind the computed one."""
    kept = [name for name in columns if not name.startswith("published_")]
    for name in pairs:
        if f"published_{name}" in columns:
            kept.insert(kept.index(name) + 1, f"published_{name}")
    return kept


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


def numbered(one: Table) -> Table:
    """*one* with its communities numbered from 1, as in the pictures."""
    if "community" not in one.frame:
        return one
    frame = one.frame.assign(community=one.frame["community"] + 1)
    frame.attrs = one.frame.attrs
    return replace(one, frame=frame)


def verdict(found: Any, _: Words) -> str:
    """How many communities there are and how far to trust them."""
    numbers = {
        "count": found.membership.nunique(), "q": _.number(found.modularity, 3), "runs": found.parameters.get("runs"),
        "steady": _.number(found.stability, 2), "together": _.number(100 * found.together, 0),
    }  # fmt: skip
    if not found.to_speak_of:
        return _("There are no communities to speak of: the runs do not agree (mean adjusted Rand index {steady} over "
                 "{runs} runs, modularity {q}).").format(**numbers)  # fmt: skip
    return _("{count} communities, modularity {q}; over {runs} runs the mean adjusted Rand index is {steady}, and "
             "{together}% of the pairs in one community are together in every run.").format(**numbers)  # fmt: skip


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


def activity(found: Findings, _: Words) -> Section:
    """Graphs 11 and 12, the calendar, the week, and working days against the rest."""
    use = found.professional_use
    last = use.iloc[-1]
    said = [_("On a working day {ratio} times as many posts are sent as on a weekend day or public holiday (95% "
              "interval {low} to {high}, by account).").format(
        ratio=_.number(last["ratio"], 2), low=_.number(last["low"], 2), high=_.number(last["high"], 2))]  # fmt: skip
    gaps = int((found.daily["gap_accounts"] > 0).sum())
    if gaps:
        said.append(_("On {days} days posts of one account or more were not collected; the calendar marks their weeks."
                      ).format(days=_.number(gaps)))  # fmt: skip
    frame = found.daily.reset_index()
    frame.attrs = found.daily.attrs
    month = frame.groupby(frame["day"].dt.strftime("%Y-%m") if len(frame) else "day").agg(
        posts=("posts", "sum"), mean_active_accounts=("active_accounts", "mean"), located=("located", "sum"),
        geocoded=("geocoded", "sum")).rename_axis("month").reset_index()  # fmt: skip
    month.attrs = found.daily.attrs
    pictures = (
        Picture("activity-timeline", _("Posts per day over the whole period; the months are in the table."),
                _("Drag to zoom, double-click to see all again."), "timeline"),
        Picture("activity-calendar", _("A square a day, darker with more posts; the days are in the files.")),
        Picture("activity-hours", _("Posts by weekday and hour; the numbers are in the table.")),
        Picture("working-days", _("Posts per kind of day, and the ratio with its interval; as in the tables.")),
    )  # fmt: skip
    kinds, use_rows = _flat(found.working_days), _flat(use)
    tables = (
        table(found, _, "working_days", "Working days and days off", kinds, "working_days"),
        table(found, _, "professional_use", "How many times as many posts on a working day", use_rows,
              "professional_use"),
        table(found, _, "weekday", "Posts by weekday", _flat(found.weekday), "weekday", folded=True, columns=(
            "name", "days", "posts", "per_day", "holidays", "per_day_without_holidays")),
        table(found, _, "months", "Posts by month", month, "daily", folded=True, places={"mean_active_accounts": 1}),
        table(found, _, "hours", "Posts per hour, by weekday and hour", _hours(found, _), "hours", folded=True),
    )  # fmt: skip
    return Section("activity", _("Activity"), tuple(said), (*pictures, *tables))


def _flat(frame: pd.DataFrame) -> pd.DataFrame:
    made = frame.reset_index()
    made.attrs = frame.attrs
    return made


def _hours(found: Findings, _: Words) -> pd.DataFrame:
    made = found.hours.T.rename(columns=_.weekday).rename_axis("hour").reset_index()
    made.columns = [str(name) for name in made.columns]
    made.attrs = found.hours.attrs
    return made


def shares(found: Findings, _: Words) -> Section:
    """Table 6 with the comparison set, and by other definitions."""
    frame = found.shares
    order = [name for name in _paired(list(frame.columns), ("count", "share")) if name != "kind"]
    if "published_sample" in frame:
        order.insert(order.index("sample_share") + 1 if "sample_share" in order else len(order), "published_sample")
    six = table(found, _, "shares", "Table 6: posts with hashtags and mentions", frame, "shares", columns=tuple(order),
                places={"published_count": 0},
                note=_(BESIDE) if _published(frame) else "")  # fmt: skip
    other = table(found, _, "shares_otherwise", "Table 6 by the definitions of other tools", found.shares_otherwise,
                  "shares_otherwise", folded=True)  # fmt: skip
    said = [_("Per cent of the {posts} distinct posts on the timelines of linked accounts.").format(
        posts=_.number(frame["posts"].iloc[0]))]  # fmt: skip
    if found.comparison:
        said.append(_("The comparison set is {name}: differences in points, with their 95% interval.").format(
            name=found.comparison))  # fmt: skip
    return Section(
        "shares", _("Shares"), tuple(said), (Picture("shares", _("The shares as bars; as in Table 6.")), six, other)
    )


def hashtags(found: Findings, _: Words) -> Section:
    """Figure 3, its communities, who uses them and when."""
    network = found.hashtags.network
    said = [
        _("{nodes} hashtags are used often enough to be drawn ({filter}); {edges} pairs of them share a post.").format(
            nodes=_.number(network.n), filter=network.parameters["filter"], edges=_.number(network.m)),
        verdict(found.hashtags.communities, _),
    ]  # fmt: skip
    if (published := found.setting("published.hashtag_communities")) is not None:
        said.append(_("Published: {number} communities.").format(number=published))
    live = Picture("hashtags", _("The hashtag network as a still picture; its hashtags are in the tables and files."),
                   _("Size: posts. Colour: community."), "network")  # fmt: skip
    course = Picture("hashtag-course", _("Posts per month that use each community; the numbers are in the files."))
    most = found.hashtags.network.nodes[["posts", "degree", "community"]].sort_values("posts", ascending=False).head(40)
    most = most.rename_axis("hashtag").reset_index()
    most["hashtag"] = "#" + most["hashtag"].astype(str)
    most.attrs["parameters"] = dict(network.parameters)
    tables = (
        table(found, _, "hashtag_communities", "Communities of hashtags", found.hashtag_communities, "hashtags",
              percent=("share",), places={"share": 0}),
        table(found, _, "hashtags", "The most used hashtags", most, "hashtags", folded=True),
        table(found, _, "hashtags_by_ministry", "Who uses the communities, by ministry", found.hashtags_by_ministry,
              "hashtags_by_ministry", folded=True, percent=("share",)),
        table(found, _, "hashtag_course", "Posts by month and community", _course(found), "hashtag_course",
              folded=True),
    )  # fmt: skip
    return Section("hashtags", _("Hashtags"), tuple(said), (live, course, *map(numbered, tables)))


def _course(found: Findings) -> pd.DataFrame:
    made = found.hashtag_course.rename(columns=lambda at: f"community {at + 1}").rename_axis("month").reset_index()
    made.columns = [str(name) for name in made.columns]
    made["month"] = [str(value)[:7] for value in made["month"]]
    made.attrs = found.hashtag_course.attrs
    return made

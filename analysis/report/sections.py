"""The sections of the report: sentences, pictures and tables, in order."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import pandas as pd

from analysis import inwardness, share_matrix
from analysis.palette import GREY, PALETTE
from analysis.queries import OF_MEMBERS, number
from analysis.report import documents_section, survey_section
from analysis.report.blocks import Card, Cards, Fact, Picture, Section
from analysis.report.changes import changes
from analysis.report.comparison_section import Other, comparison
from analysis.report.documents_section import documents
from analysis.report.escape import clean
from analysis.report.filters import actors_filter
from analysis.report.findings import Findings
from analysis.report.i18n import Words
from analysis.report.left_out import left_out
from analysis.report.method import method
from analysis.report.posts import activity, hashtags, hidden, shares
from analysis.report.section_parts import PUBLISHED_TOO, numbered, paired, published_there, table, verdict
from analysis.report.summary import brief
from analysis.report.survey_section import survey, triangulation
from analysis.report.tables import Table, missing


def sections(found: Findings, _: Words, other: Other | None = None) -> list[Section]:
    """All sections of the page; with one on the *other* study, if any."""
    out = left_out(found, _)
    head = overview if found.people else _of_no_people
    made = [head(found, _, out), *(part(found, _) for name, part in PARTS.items() if name not in out)]
    made += [*([comparison(found, other, _)] if other else []), method(found, _)]
    return [replace(one, said=tuple(map(_sentence, one.said)),
                    brief=tuple((_sentence(text), to) for text, to in one.brief)) for one in made]  # fmt: skip


def _of_no_people(found: Findings, _: Words, out: Mapping[str, str]) -> Section:
    """The head of a report on documents or a survey only."""
    facts = (*documents_section.facts(found, _), *survey_section.facts(found, _))
    said = (*documents_section.brief(found, _), *survey_section.brief(found, _))
    without = tuple((_(TITLES[name]), why) for name, why in out.items() if why)
    return Section("overview", _("Overview"), (), (), facts, said, without)


def _sentence(text: str) -> str:
    """*text* with a capital, as it may begin with "fewer than 5"."""
    return text[:1].upper() + text[1:]


def overview(found: Findings, _: Words, out: Mapping[str, str]) -> Section:
    """The selection and key figures, the summary, and the sections left *out*."""
    rows = found.selection.set_index("figure")
    value, printed = rows["computed"], rows["published"]

    def fact(name: str, figure: str) -> Fact:
        there = "" if pd.isna(printed[figure]) else _("published: {number}").format(number=_.number(printed[figure]))
        return Fact(_(name), found.persons(value[figure]), there)

    ties = _.number(found.actors.network.parameters["full_edges"])
    seen = fact("accounts seen", "accounts_seen") if found.of_accounts else fact("profiles read", "profiles")
    facts = (
        seen, fact("members", "members"),
        fact("linked accounts", "accounts"), fact("posts", "posts"),
        Fact(_("follow ties of these accounts"), ties),
        Fact(_("period of the posts"), f"{value['first_post'] or '–'} – {value['last_post'] or '–'}"),
    )  # fmt: skip
    published = published_there(found.selection)
    selection = table(found, _, "selection", "The selection", found.selection, "selection",
                      columns=("what", "computed", "published")[: 3 if published else 2],
                      places={"computed": 0, "published": 0},
                      note=_(PUBLISHED_TOO) if published else "")  # fmt: skip
    said = (_(ALONG if found.of_accounts else SNOWBALL), *posts_of_members(found, _))
    in_brief = tuple((text, to) for text, to in brief(found, _) if to not in out)
    without = tuple((_(TITLES[name]), why) for name, why in out.items() if why)
    return Section("overview", _("Overview"), said, (selection,), facts, in_brief, without)


SNOWBALL = (
    "From start contacts to the profiles they are connected with, from profiles to {members} by their current "
    "employer, from {members} to their public accounts, and from accounts to posts and follow ties."
)


ALONG = (
    "From start contacts to the accounts that they are tied to, from accounts to {members} by their own "
    "statements, and from {members} to posts and follow ties."
)


def posts_of_members(found: Findings, _: Words) -> Iterator[str]:
    """The share of members in all posts on timelines, if others' timelines were read too."""
    every, ours = number(found.db, "SELECT count(*) FROM posts"), found.selected.set_index("figure")["computed"]
    if every and ours["accounts"] and not found.few(ours["accounts"]):
        text = _("Of the {all} posts on the timelines that were read, {share}% are of {members}; the sections on posts "
                 "count those only.")  # fmt: skip
        yield text.format(all=_.number(every), share=_.number(100 * ours["posts"] / every, 1))


def people(found: Findings, _: Words) -> Section:
    """Table 5 and coverage."""
    frame = found.populations
    everyone, linked = frame.attrs["members"], number(found.db, ON_A_PLATFORM)
    said = [_("{all} {members} were found.").format(all=found.persons(everyone))]
    if linked < everyone and not found.few(everyone, linked, everyone - linked):  # in account studies all are linked
        share = 100 * linked / everyone if everyone else float("nan")
        said = [_("{all} {members} were found; {share}% of them also on a platform.").format(
            all=_.number(everyone), share=_.number(share, 1))]  # fmt: skip
    if frame.attrs["sum_of_rows"] - everyone >= max(1, found.options.least):
        said.append(_("The rows add up to {sum}, because somebody who belongs to two {groups} counts in both."
                      if found.of_accounts else
                      "The rows add up to {sum}, because people with current positions in two {groups} count in "
                      "both.").format(sum=_.number(frame.attrs["sum_of_rows"])))  # fmt: skip
    only = found.of_accounts
    order = paired([str(name) for name in frame if not (only and name == "lists_read")], ("profiles", "accounts"))
    title = "Table 5: {members} by {group}" if found.of_2013 else "{Members} by {group}"
    five = table(found, _, "populations", title, frame, "populations",
                 columns=tuple(order), heads={"profiles": "members"} if only else {}, places={"share": 1},
                 hundredths=("share",), bars=("profiles",),
                 note=_(PUBLISHED_TOO) if published_there(frame) else "")  # fmt: skip
    return Section("populations", _("Populations"), tuple(said), (five,))


ON_A_PLATFORM = f"SELECT count(DISTINCT actor_id) FROM ({OF_MEMBERS})"


def snowball(found: Findings, _: Words) -> Section:
    """The waves, the people who led to most members, and the groups they found."""
    frame, whole = found.waves, found.waves.attrs
    ours = None if found.few(whole["members"], whole["admitted"] - whole["members"]) else whole["members"]
    rolled = frame[frame["admitted"].fillna(1) > 0]
    said = [_("{all} people were admitted in {waves} waves, {seeds} of them seeds ({ties}); {ours} are {members}."
              ).format(
        all=found.persons(whole["admitted"]), waves=_.number(int(rolled["wave"].max())), ours=found.persons(ours),
        seeds=found.persons(rolled["admitted"].iloc[0]),
        ties=", ".join(_(name) for name in (f"along {tie}" for tie in whole["parameters"]["ties"])))]  # fmt: skip
    gains = rolled[(rolled["wave"] > 0) & rolled["members_per_request"].notna()]
    if len(gains) > 1:
        one, last = gains.iloc[0], gains.iloc[-1]
        said.append(_("Wave {first} found {before} new {members} per request, wave {last} {after}; the closer to "
                      "zero, the less further waves along these ties would find.").format(
            first=int(one["wave"]), before=_.number(one["members_per_request"], 2),
            last=int(last["wave"]), after=_.number(last["members_per_request"], 2)))  # fmt: skip
    pictures = [Picture("waves", _("Bars of the people admitted in each wave, {members} and others, as in the table."))]
    if len(found.found_by):
        pictures.append(Picture("found-by", _("Matrix of which {group} found which; the same numbers as the table."),
                                " ".join(filter(None, (_(FOUND), hidden(found, found.found_by))))))  # fmt: skip
    tables = [
        table(found, _, "waves", "The waves of the snowball", frame, "waves", places={"members_per_request": 2}),
    ]
    if len(found.found_by):
        tables.append(
            table(found, _, "found_by", "Which {groups} found which", found.found_by, "found_by", folded=True)
        )
    if len(found.leaders):
        tables.append(table(found, _, "leaders", "Who led to most {members}", found.leaders, "leaders",
                            columns=_without_id(found.leaders), bars=("members",)))  # fmt: skip
    return Section("snowball", _("The snowball"), tuple(said), (*pictures, *tables))


FOUND = (
    "Row: the {group} that led to them. Column: the {group} of the people found. Numbers: {members} found, once "
    "per cell; darker is more."
)


def groups(found: Findings, _: Words) -> Section:
    """Figure 1 with its matrix and tables."""
    frame, there = found.groups, _named(found)
    whole = found.group_coverage.attrs
    coverage = table(found, _, "group_coverage", "How much of each {group} could be read", there,
                     "group_coverage", percent=("share_readable",), places={"share_readable": 1},
                     bars=("members",))  # fmt: skip
    directed = tuple(_directed(found, kind, _) for kind in found.group_shares["kind"].unique())
    if not (frame["connections"].fillna(1) > 0).any():
        return Section(
            "groups", _("{Groups}"), (), directed if found.of_accounts and directed else (coverage, *directed)
        )
    said = (
        _("A circle's size is the number of connections inside {a_group}, a line's width the number between two."),
        _("Only observed connections count: the lists of {readable} of {all} {members} could be read. The sample is "
          "small and uneven, so it does not generalise.").format(
              readable=found.persons(whole["readable"]), all=found.persons(whole["members"])),
    )  # fmt: skip
    named = frame.rename(columns={"other": "other_group"})
    pairs = table(
        found, _, "groups", "Connections between {groups}", named, "groups", folded=True,
        percent=("share_of_row", "share_of_other"), places={"connections_expected": 1, "follows_expected": 1},
    )  # fmt: skip
    circle = Picture("groups", _("{Groups} on a circle; the numbers are in the table of connections."),
                     _("In brackets: connections inside the {group}."))  # fmt: skip
    matrix = Picture("group-matrix", _("Matrix of connections between {groups}; the same numbers as the table."),
                     " ".join(filter(None, (_(MATRIX), _(CROSSED) if frame.attrs.get("hidden") else ""))))  # fmt: skip
    return Section("groups", _("{Groups}"), said, (circle, matrix, coverage, pairs, *directed))


def _directed(found: Findings, kind: str, _: Words) -> Table:
    """The row shares of one kind of tie: a square on the page, rows in the files."""
    frame = found.group_shares
    square = share_matrix.matrix(frame, kind).rename(columns=clean)
    made = frame[frame["kind"] == kind].drop(columns="kind").rename(columns={"other": "other_group"})
    made.attrs = square.attrs = frame.attrs
    return replace(table(
        found, _, "group_shares", DIRECTED[kind], made, "group_shares", folded=True, percent=tuple(map(str, square)),
        page=square.rename_axis("group_name").reset_index(), places=dict.fromkeys(map(str, square), 0),
    ), name=f"group-shares-{kind}")  # fmt: skip


DIRECTED = {
    "retweet": "Which {groups} each {group} reposts", "reply": "Which {groups} each {group} answers",
    "mention": "Which {groups} each {group} mentions", "quote": "Which {groups} each {group} quotes",
    "follow": "Which {groups} each {group} follows",
}  # fmt: skip


MATRIX = (
    "Numbers: connections. Colour: ratio to the number expected by chance, each {group} keeping its number of "
    "connections; grey where fewer than 5 are expected, so that differences mean little."
)
CROSSED = "×: hidden."


def _named(found: Findings) -> pd.DataFrame:
    """The readable part of each group, with its full name if the study has one."""
    frame = found.group_coverage
    names = frame["group_name"].map(found.populations.set_index("group_name")["name"])
    made = frame.copy() if names.isna().all() else frame.assign(name=names)
    made = made[[name for name in ("group_name", "name", *frame.columns[1:]) if name in made]]
    made.attrs = dict(frame.attrs)
    return made


def actors(found: Findings, _: Words) -> Section:
    """Figure 2, its communities and central actors."""
    network, community = found.actors.network, found.actors.communities
    said = [
        _("{nodes} of {all} actors have enough connections to be drawn ({filter}); there are {edges} ties between "
          "them."
          ).format(nodes=found.persons(network.n), all=found.persons(network.parameters["full_nodes"]),
                   filter=actors_filter(found, network, _), edges=_.number(network.m)),
        verdict(community, _),
    ]  # fmt: skip
    if (published := found.setting("published.communities")) is not None:
        said.append(_("Published: {number} communities.").format(number=published))
    live = Picture(
        "actors", _("The actor network as a still picture; its actors and neighbours are in the tables and files."),
        _("Size: betweenness. Colour: community. Position: tied actors are close together. Choose a name to see "
          "the accounts it follows (orange) and its followers (blue)."), "network",
    )  # fmt: skip
    bars = Picture("communities", _("Bars of the {members} in each community by {group}, as in the table."),
                   hidden(found, found.communities_by_group))  # fmt: skip
    shares_of = {
        "percent": ("share", "share_of_runs", "density"),
        "places": {"share": 0, "share_of_runs": 0, "density": 1, "e_i_index": 2},
    }
    tables = (
        table(found, _, "communities", "Communities of actors", found.communities, "actors", folded=True, **shares_of),
        table(found, _, "communities_by_group", "Communities by {group}", found.communities_by_group,
              folded=True, percent=("share_of_community", "share_of_group")),
        table(found, _, "central", "The most central actors", found.central, places={"betweenness": 0},
              columns=_without_id(found.central), bars=("betweenness",)),
        table(found, _, "bridges", "Actors that bridge communities", found.bridges, folded=True,
              columns=_without_id(found.bridges), percent=("outside_share",),
              places={"betweenness": 0, "bridging": 0}),
        table(found, _, "interaction", "Do mentions and replies go along follow ties?", found.interaction,
              "interaction", percent=("sender_follows", "posts_to_followed", "other_follows", "follow_ties_used")),
    )  # fmt: skip
    return Section("actors", _("Actors"), tuple(said), (live, _cards(found, _), bars, *map(numbered, tables)))


def _without_id(frame: pd.DataFrame) -> tuple[str, ...]:
    """The columns, the name first, without the id, which only the files have."""
    named = frame["handle"].notna().any() if "handle" in frame else False
    same = bool(named) and frame["name"].equals(frame["handle"])  # pseudonyms
    hidden = {"account_id"} if named else set()
    hidden |= {"name"} if same else set()
    first = [name for name in ("name", "handle") if name in frame and name not in hidden]
    return tuple(dict.fromkeys([*first, *(str(name) for name in frame if name not in hidden)]))


def _cards(found: Findings, _: Words) -> Cards:
    """The largest communities in words and numbers."""
    rows = found.communities.head(12).to_dict("records")
    return Cards(_("The communities in words and numbers"), tuple(_card(found, row, _) for row in rows))


def _card(found: Findings, row: Mapping[Any, Any], _: Words) -> Card:
    number = int(row["community"])
    figures = _("{size} actors, {civil} of them {members}").format(
        size=found.persons(row["size"]), civil=found.persons(row.get("members", 0))
    )
    said = []
    if row.get("groups"):
        said.append(_("{Members}: {list}.").format(list=row["groups"]))
    if row.get("titles"):
        said.append(_("Titles that members share: {titles}.").format(titles=row["titles"]))
    said.append(_("Most central: {central}.").format(central=", ".join(map(str, row["central"][:3]))))
    said.append(_("{density}% of all possible ties exist; E-I index {index}.").format(
        density=_.number(100 * row["density"], 1), index=_.number(row["e_i_index"], 2)))  # fmt: skip
    name = f" · {row['name']}" if row["name"] else ""
    return Card([*PALETTE, GREY][min(number, len(PALETTE))], f"{number + 1}{name}", figures, tuple(said))


def inward(found: Findings, _: Words) -> Section:
    """E-I indices, central actors, and the effect of the degree filter."""
    frame = found.inward
    first = frame.iloc[0]
    top = found.most_central.set_index("label")
    said = []
    if (found.actors.network.nodes["label"] != inwardness.MEMBER).any():  # else -1 by definition
        said.append(_("The E-I index of {members} against others is {index}; shuffled labels give {permuted} "
                      "(p = {p}). An index below that of shuffled labels means that they stay among themselves more "
                      "than by chance.").format(index=_.number(first["e_i_index"], 2), p=_.number(first["p"], 3),
                                        permuted=_.number(first["permuted"], 2)))  # fmt: skip
    share = top["top_betweenness"].get("member") if "top_betweenness" in top else None
    if share is not None and not missing(share) and found.actors.network.n > 100:
        said.append(_("Of the hundred most central actors {share}% are {members}.").format(
            share=_.number(100 * share, 0)))  # fmt: skip
    said.append(_("The degree filter itself hides actors with few connections, citizens among them; and only "
                  "accounts whose lists were read show their ties."))  # fmt: skip
    indices = table(found, _, "inward", "E-I index by {group}", frame, places={"p": 3},
                    note=_assortativity(frame, _))  # fmt: skip
    central = table(found, _, "most_central", "Who the hundred most central are", found.most_central,
                    percent=("share", "top_betweenness", "top_in_degree"),
                    places={"share": 1, "top_betweenness": 0, "top_in_degree": 0})  # fmt: skip
    kept = table(
        found, _, "hidden", "What the degree filter hides", found.hidden, "hidden", page=_figures(found.hidden, _)
    )
    picture = Picture("inwardness", _("E-I index of {members} and of each {group}, observed and by chance."))
    return Section("inwardness", _("Inward-looking or not"), tuple(said), (picture, indices, central, kept))


def _figures(frame: pd.DataFrame, _: Words) -> pd.DataFrame:
    """A row per figure as text: whole counts, shares in per cent, without labels that no actor has."""
    parts = ("before", "after", "hidden")
    made = frame[~(frame["figure"].str.match("(share|top)_") & (frame[list(parts)] == 0).all(axis=1))].copy()
    share = made["figure"].str.match("share_|top_")
    whole = made["figure"].isin(["actors", "ties"])
    for part in parts:
        values = made[part].astype(float)
        made[part] = [_.number(value, 0) if one else f"{_.number(100 * value, 1)}%" if two else _.number(value, 2)
                      for value, one, two in zip(values, whole, share, strict=True)]  # fmt: skip
    made["figure"] = [_figure_name(name, _) for name in made["figure"]]
    made.attrs = dict(frame.attrs)
    return made


MEASURES = {"share": "share of the actors: {label}", "top_betweenness": "of the top 100 by betweenness: {label}",
            "top_in_degree": "of the top 100 by followers: {label}"}  # fmt: skip


def _figure_name(figure: str, _: Words) -> str:
    for start, text in MEASURES.items():
        if figure.startswith(f"{start}_"):
            return _(text).format(label=_(figure.removeprefix(f"{start}_")))
    return _.head(figure)


def _assortativity(frame: pd.DataFrame, _: Words) -> str:
    found = frame.attrs["assortativity"]
    return _("Assortativity (1: all ties inside groups, 0: as by chance): by {group} {one}, {members} and others "
             "{other}.").format(one=_.number(found["groups"], 2),
                                other=_.number(found["members and others"], 2))  # fmt: skip


PARTS: Mapping[str, Callable[[Findings, Words], Section]] = {
    "populations": people, "snowball": snowball, "groups": groups, "actors": actors, "inwardness": inward,
    "activity": activity, "shares": shares, "hashtags": hashtags, "changes": changes,
    "survey": survey, "triangulation": triangulation, "documents": documents,
}  # fmt: skip
TITLES = {
    "populations": "Populations", "snowball": "The snowball", "groups": "{Groups}", "actors": "Actors",
    "inwardness": "Inward-looking or not", "activity": "Activity", "shares": "Shares",
    "hashtags": "Hashtags", "changes": "Change between rounds", "survey": "Survey", "triangulation": "Side by side",
    "documents": "Coverage searches",
}  # fmt: skip

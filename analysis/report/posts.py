"""The sections on posts: activity, shares and hashtags."""

from __future__ import annotations

import pandas as pd

from analysis.report.blocks import Picture, Section
from analysis.report.findings import Findings
from analysis.report.saying import BESIDE, numbered, paired, published_there, table, verdict
from analysis.report.words import Words


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
    order = [name for name in paired(list(frame.columns), ("count", "share")) if name != "kind"]
    if "published_sample" in frame:
        order.insert(order.index("sample_share") + 1 if "sample_share" in order else len(order), "published_sample")
    six = table(found, _, "shares", "Table 6: posts with hashtags and mentions", frame, "shares", columns=tuple(order),
                places={"published_count": 0},
                note=_(BESIDE) if published_there(frame) else "")  # fmt: skip
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

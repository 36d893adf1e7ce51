"""The sections on posts: activity, shares and hashtags."""

from __future__ import annotations

import pandas as pd

from analysis.palette import GREY, PALETTE
from analysis.report.blocks import Card, Cards, Picture, Section
from analysis.report.figures.time import gapped
from analysis.report.filters import hashtags_filter
from analysis.report.findings import Findings
from analysis.report.i18n import Words
from analysis.report.section_parts import PUBLISHED_TOO, day_kind, numbered, paired, published_there, table, verdict
from analysis.report.summary import working
from analysis.report.tables import Table


def activity(found: Findings, _: Words) -> Section:
    """Graphs 11 and 12, the calendar, the week, and working days against days off."""
    use = found.professional_use
    said = [*working(found, _), *_gaps(found, _)]
    pictures = (
        Picture("activity-timeline", _("Posts per day over the whole period; the months are in the table."),
                " ".join(filter(None, (_(ZOOM), hidden(found, found.daily)))), "timeline"),
        Picture("activity-calendar", _("A square per day, darker with more posts; the days are in the files."),
                hidden(found, found.daily)),
        Picture("activity-hours", _("Posts by weekday and hour; the numbers are in the table."),
                hidden(found, found.hours)),
        Picture("working-days", _("Posts per kind of day, and the ratio with its interval; as in the tables."),
                hidden(found, found.working_days)),
    )  # fmt: skip
    kinds, use_rows = _flat(found.working_days), _flat(use)
    tables = (
        table(found, _, "working_days", "Working days and days off", kinds, "working_days", places={"per_day": 1},
              page=_kinds(kinds, _), bars=("per_day",)),
        table(found, _, "professional_use", "How many times as many posts on a working day", use_rows,
              "professional_use"),
        table(found, _, "weekday", "Posts by weekday", _weekdays(found, _), "weekday", folded=True, columns=(
            "weekday", "days", "posts", "per_day", "holidays", "per_day_without_holidays"), bars=("per_day",)),
        table(found, _, "months", "Posts by month", found.months, "daily", "months", folded=True,
              places={"mean_active_accounts": 1}),
        table(found, _, "hours", "Posts per hour, by weekday and hour", _hours(found, _), "hours", folded=True),
    )  # fmt: skip
    return Section("activity", _("Activity"), tuple(said), (*pictures, *tables))


ZOOM = (
    "Drag to zoom, double-click to see all again. Where posts of accounts were not collected the background is "
    "orange; where that is a tenth of the accounts or more, the lines stop."
)


def hidden(found: Findings, frame: pd.DataFrame) -> str:
    """A note on hidden values in a picture of *frame*, if any."""
    if not frame.attrs.get("hidden"):
        return ""
    return found.words(HIDDEN).format(least=found.options.least)


HIDDEN = (
    "Numbers based on fewer than {least} accounts are hidden, and a second number wherever a total would reveal "
    "the first; hidden means neither missing nor zero."
)


def _gaps(found: Findings, _: Words) -> list[str]:
    """A note on posts that were not collected, if any."""
    gap, days = found.daily["gap_accounts"], int(gapped(found.daily).sum())
    if not days:
        return []
    if pd.isna(gap.max()) or not gap.max():
        return [_("On {days} of {all} days posts of some accounts were not collected, their timelines being cut short: "
                  "a dip there is a gap in the data. The timeline and the calendar mark them.").format(
            days=_.number(days), all=_.number(len(gap)))]  # fmt: skip
    most = _.number(int(gap.max()))
    return [_("On {days} of {all} days posts of some accounts were not collected (of {most} at most, their timelines "
              "being cut short): a dip there is a gap in the data. The timeline and the calendar mark them.").format(
        days=_.number(days), all=_.number(len(gap)), most=most)]  # fmt: skip


def _kinds(frame: pd.DataFrame, _: Words) -> pd.DataFrame:
    """The kinds of days in words."""
    made = frame.assign(kind=[day_kind(kind, _) for kind in frame["kind"]])
    made.attrs = frame.attrs
    return made


def _weekdays(found: Findings, _: Words) -> pd.DataFrame:
    made = _flat(found.weekday)
    made["weekday"] = [_.weekday(int(day)) for day in found.weekday.index]
    made.attrs = found.weekday.attrs
    return made


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
    per_cent = ("share", "sample_share", "published_share", "published_sample")
    title, other_title = "Posts with hashtags and mentions", "The shares by the definitions of other tools"
    if found.of_2013:
        title, other_title = "Table 6: posts with hashtags and mentions", "Table 6 by the definitions of other tools"
    six = table(found, _, "shares", title, frame, "shares", columns=tuple(order),
                places={"published_count": 0}, hundredths=per_cent,
                note=_(PUBLISHED_TOO) if published_there(frame) else "")  # fmt: skip
    other = table(found, _, "shares_otherwise", other_title, found.shares_otherwise,
                  "shares_otherwise", folded=True, hundredths=per_cent,
                  columns=tuple(name for name in found.shares_otherwise if name != "kind"))  # fmt: skip
    said = [_("Per cent of the {posts} distinct posts on the timelines of linked accounts.").format(
        posts=_.number(frame["posts"].iloc[0]))]  # fmt: skip
    if found.comparison:
        said.append(_("The comparison set is {name}: differences in points, with their 95% interval.").format(
            name=found.comparison))  # fmt: skip
    return Section(
        "shares", _("Shares"), tuple(said), (Picture("shares", _("The shares as bars; as in the table.")), six, other)
    )


def hashtags(found: Findings, _: Words) -> Section:
    """Figure 3, its communities, their users and course."""
    network = found.hashtags.network
    said = [
        _("{nodes} hashtags are drawn ({filter}); {edges} pairs of them share a post.").format(
            nodes=_.number(network.n), filter=hashtags_filter(found, network, _), edges=_.number(network.m)),
        verdict(found.hashtags.communities, _),
    ]  # fmt: skip
    if (published := found.setting("published.hashtag_communities")) is not None:
        said.append(_("Published: {number} communities.").format(number=published))
    live = Picture("hashtags", _("The hashtag network as a still picture; its hashtags are in the tables and files."),
                   _("Size: posts. Colour: community."), "network")  # fmt: skip
    course = Picture(
        "hashtag-course",
        _("Posts per month that use each community; the numbers are in the files."),
        hidden(found, found.hashtag_course),
    )
    most = found.hashtags.network.nodes[["posts", "degree", "community"]].sort_values("posts", ascending=False).head(40)
    most = most.rename_axis("hashtag").reset_index()
    most["hashtag"] = "#" + most["hashtag"].astype(str)
    most.attrs["parameters"] = dict(network.parameters)
    tables: list[Table] = [
        table(found, _, "hashtag_communities", "Communities of hashtags", found.hashtag_communities, "hashtags",
              folded=True, percent=("share",), places={"share": 0}),
        table(found, _, "hashtags", "The most used hashtags", most, "hashtags", folded=True, bars=("posts",)),
        table(found, _, "hashtags_by_group", "Who uses the communities, by {group}", found.hashtags_by_group,
              "hashtags_by_group", folded=True, percent=("share",)),
        table(found, _, "hashtag_course", "Posts by month and community", _course(found), "hashtag_course",
              folded=True),
    ]  # fmt: skip
    if len(found.hashtags_by_account):
        tables.insert(3, table(found, _, "hashtags_by_account", "Who uses the communities most",
                               found.hashtags_by_account, "hashtags_by_account", folded=True, percent=("share",),
                               columns=("community", "handle", "posts", "share")))  # fmt: skip
    parts: tuple[Picture | Table | Cards, ...] = (live, _cards(found, _), course, *map(numbered, tables))
    return Section("hashtags", _("Hashtags"), tuple(said), parts)


def _cards(found: Findings, _: Words) -> Cards:
    """The largest communities of hashtags, with their users."""
    group = found.hashtags_by_group
    account = found.hashtags_by_account
    cards = []
    for row in found.hashtag_communities.head(12).to_dict("records"):
        number = int(row["community"])
        users = group[(group["community"] == number) & group["share"].notna()].head(3)
        first = account[account["community"] == number].head(3)
        said = [_("Most used: {tags}.").format(tags=", ".join(row["most_used"][:5]))]
        if len(users):
            users_of = ", ".join(f"{_(name)} {_.number(100 * part, 0)}%"
                             for name, part in zip(users["group_name"], users["share"], strict=True))  # fmt: skip
            said.append(_("Posts come from {list}.").format(list=users_of))
        if len(first):
            said.append(_("Most active: {accounts}.").format(accounts=", ".join(map(str, first["handle"]))))
        figures = _("{size} hashtags, used {uses} times" if row["size"] > 1 else "1 hashtag, used {uses} times").format(
            size=_.number(row["size"]), uses=_.number(row["uses"])
        )  # fmt: skip
        name = f" · {row['name']}" if row["name"] else ""
        colour = [*PALETTE, GREY][min(number, len(PALETTE))]
        cards.append(Card(colour, f"{number + 1}{name}", figures, tuple(said)))
    return Cards(_("The communities in words and numbers"), tuple(cards))


def _course(found: Findings) -> pd.DataFrame:
    made = found.hashtag_course.rename_axis("month").reset_index()
    made.columns = ["month", *(f"{found.words('community')} {int(str(at)) + 1}" for at in found.hashtag_course)]
    made["month"] = [str(value)[:7] for value in made["month"]]
    made.attrs = found.hashtag_course.attrs
    return made

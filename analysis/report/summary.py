"""The summary: a sentence per section."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from analysis.report import documents_section, survey_section
from analysis.report.changes import civil
from analysis.report.findings import Findings
from analysis.report.i18n import Words

SURE = 0.05  # p under which labels differ from shuffled ones
APART = "{nodes} well-connected actors follow one another {edges} times; there are no clear communities among them."
TOGETHER = "{nodes} well-connected actors follow one another {edges} times; they fall into {count} communities."
AS_MANY = "{share}% of the ties of {members} in that network are with each other, about as many as by chance."
FEWER = "{share}% of the ties of {members} in that network are with each other, fewer than by chance."
MORE = "{share}% of the ties of {members} in that network are with each other, more than by chance."
ALONE = "{tags}% of the posts have a hashtag and {mentions}% mention someone."
COMPARED = (
    "{tags}% of the posts have a hashtag and {mentions}% mention someone; in the comparison set {other_tags}% and "
    "{other_mentions}%."
)
TEXTS = (APART, TOGETHER, AS_MANY, FEWER, MORE, ALONE, COMPARED)  # alternatives, before translation


def brief(found: Findings, _: Words) -> tuple[tuple[str, str], ...]:
    """Sentences on available findings, each with the id of its section."""
    parts = (people, groups, actors, inward, activity, shares, hashtags, changed, survey_section.brief,
             documents_section.brief)  # fmt: skip
    return tuple((text, part) for one in parts for text, part in one(found, _))


def people(found: Findings, _: Words) -> Iterator[tuple[str, str]]:
    """The populations."""
    value = found.selection.set_index("figure")["computed"]
    if value["members"] == 0:  # hidden if they are few
        return
    if "profiles" not in value:
        yield (
            _("Among {accounts} accounts there are {civil} {members}.").format(
                accounts=found.persons(value["accounts_seen"]), civil=found.persons(value["members"])
            ),
            "populations",
        )
    else:
        yield _("Among {profiles} profiles there are {civil} {members}; {accounts} public accounts are linked to "
                "them.").format(profiles=found.persons(value["profiles"]), civil=found.persons(value["members"]),
                                accounts=found.persons(value["accounts"])), "populations"  # fmt: skip


def groups(found: Findings, _: Words) -> Iterator[tuple[str, str]]:
    """The share of connections inside a group."""
    frame = found.groups
    if frame.attrs.get("hidden") or not frame["connections"].sum():
        return
    inside = frame[frame["group_name"] == frame["other"]]
    expected = inside["connections_expected"].sum()
    times = _.number(inside["connections"].sum() / expected, 1) if expected else "–"
    yield _("{share}% of the observed connections between {members} stay inside {a_group}: {times} times the "
            "number expected by chance.").format(
        share=_.number(100 * inside["connections"].sum() / frame["connections"].sum(), 0), times=times
    ), "groups"  # fmt: skip


def actors(found: Findings, _: Words) -> Iterator[tuple[str, str]]:
    """The actor network and its communities."""
    network, groups = found.actors.network, found.actors.communities
    if not network.n:
        return
    text = TOGETHER if groups.to_speak_of else APART
    yield _(text).format(
        nodes=found.persons(network.n), edges=_.number(network.m), count=groups.membership.nunique()
    ), "actors"  # fmt: skip


def inward(found: Findings, _: Words) -> Iterator[tuple[str, str]]:
    """Whether members mostly tie with each other."""
    first = found.inward.iloc[0]
    if first[["internal", "external", "p"]].isna().any():  # too few to be shown
        return
    ties = first["internal"] + first["external"]
    if not ties or not first["external"] or not np.isfinite(first["p"]):
        return
    text = AS_MANY
    if first["p"] < SURE:
        text = MORE if first["e_i_index"] < first["permuted"] else FEWER
    yield _(text).format(share=_.number(100 * first["internal"] / ties, 0)), "inwardness"


def activity(found: Findings, _: Words) -> Iterator[tuple[str, str]]:
    """Working days against days off."""
    return ((text, "activity") for text in working(found, _))


def working(found: Findings, _: Words) -> Iterator[str]:
    """The sentence on working days, if there is a ratio."""
    last = found.professional_use.iloc[-1]
    if np.isfinite(last["ratio"]):
        yield _("On a working day {ratio} times as many posts are sent as on a weekend day or public holiday (95% "
                "interval {low} to {high}, by account).").format(
            ratio=_.number(last["ratio"], 2), low=_.number(last["low"], 2), high=_.number(last["high"], 2))  # fmt: skip


def shares(found: Findings, _: Words) -> Iterator[tuple[str, str]]:
    """Hashtags and mentions."""
    frame = found.shares.set_index("kind")
    if not frame["posts"].iloc[0]:
        return
    numbers = {"tags": frame.loc["hashtags", "share"], "mentions": frame.loc["mentions", "share"]}
    if "sample_share" in frame:
        there = frame["sample_share"]
        numbers |= {"other_tags": there["hashtags"], "other_mentions": there["mentions"]}
    text = COMPARED if "sample_share" in frame else ALONE
    yield _(text).format(**{name: _.number(value, 0) for name, value in numbers.items()}), "shares"


def changed(found: Findings, _: Words) -> Iterator[tuple[str, str]]:
    """People who came and left since the first round."""
    if found.looked["twice"]:
        yield civil(found, _), "changes"


def hashtags(found: Findings, _: Words) -> Iterator[tuple[str, str]]:
    """The topics of the posts."""
    names = [name for name in found.hashtag_communities["name"] if isinstance(name, str)]
    if names:
        yield _("The hashtags fall into {count} communities: {names}.").format(
            count=len(found.hashtag_communities), names="; ".join(names[:6])), "hashtags"  # fmt: skip

"""Sections omitted for lack of data, each with the reason and what would provide the data."""

from __future__ import annotations

from collections.abc import Iterator

from analysis.queries import LINKED_ACCOUNTS, number, timeline_posts
from analysis.report.filters import BETWEEN
from analysis.report.findings import Findings
from analysis.report.i18n import Words

NO_MEMBERS = (
    "No {member} was found: the list of organisations defines the {groups}, and [population] from what makes "
    "someone {a_member}."
)
UNROLLED = "The snowball admitted no one besides the seeds: [snowball] waves and admit set its extent."
UNCONNECTED = (
    "No connection between two {members} was seen, and none follows, mentions or reposts another: connection lists "
    "come from the exports of participants, follow lists with [snowball] lists_of, posts with timelines_of."
)
UNTIED = (
    "No follow ties of these accounts were read: they come from the lists of following and followers, selected "
    "with [snowball] lists_of."
)
UNMIXED = "No {member} has ties in the network of actors: lists of the accounts of {members} would show them."
SILENT = "No posts with a time were read: they come from the timelines, selected with [snowball] timelines_of."
UNTAGGED = "No hashtag is used often enough to be drawn: more posts, or a lower hashtag_threshold, would show some."
ONCE = "Nothing has been read twice yet; a second round will show what changed."
UNSAID = "Answers to a survey were read; [survey] outcome and positive say what to ask of them."
FOLLOWING = f"""
SELECT count(*) FROM follows WHERE follower_id IN ({LINKED_ACCOUNTS}) AND followed_id IN ({LINKED_ACCOUNTS})"""
TEXTS = (NO_MEMBERS, UNROLLED, UNCONNECTED, UNTIED, UNMIXED, SILENT, UNTAGGED, ONCE, UNSAID)


def left_out(found: Findings, _: Words) -> dict[str, str]:
    """The ids of the sections without data, each with the reason; empty: irrelevant to the study."""
    empty = _of_people(found) if found.people else ((section, "") for section in OF_PEOPLE)
    return {section: _(why) if why else "" for section, why in (*empty, *_of_others(found))}


def _of_others(found: Findings) -> Iterator[tuple[str, str]]:
    if not found.searched:  # most studies search for none, and have no survey: nothing is said of it
        yield "documents", ""
    if not found.surveyed:
        yield "survey", UNSAID if found.asked else ""
    if not found.compared:
        yield "triangulation", ""


OF_PEOPLE = (
    "populations", "snowball", "groups", "actors", "inwardness", "activity", "shares", "hashtags", "changes",
)  # fmt: skip


def _of_people(found: Findings) -> Iterator[tuple[str, str]]:
    if not number(found.db, "SELECT count(*) FROM members"):
        yield "populations", NO_MEMBERS
    if not found.rolled:
        yield "snowball", UNROLLED
    if not number(found.db, BETWEEN) and not number(found.db, FOLLOWING) and found.group_shares.empty:
        yield "groups", UNCONNECTED
    network = found.network
    if not network.m:
        yield "actors", UNTIED
    if not network.nodes["member"].any() or not network.m:
        yield "inwardness", UNMIXED
    posts, _whose = timeline_posts(found.db)
    if not number(found.db, f"SELECT count(*) FROM {posts} WHERE created_at IS NOT NULL"):
        yield "activity", SILENT
        yield "shares", SILENT
        yield "hashtags", SILENT
    elif not found.hashtags.network.n:
        yield "hashtags", UNTAGGED
    if not (found.looked["twice"] or found.looked["lists"]):
        yield "changes", ONCE


__all__ = ["ONCE", "TEXTS", "left_out"]

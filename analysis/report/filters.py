"""Every filter between the data and the figures, with the counts before and after."""

from __future__ import annotations

import pandas as pd

from analysis import hashtag_edges
from analysis.actor_edges import MOST_ACTORS
from analysis.graphs.network import Network
from analysis.queries import LINKED_ACCOUNTS, number, timeline_posts, with_parameters
from analysis.report.asking import Asking
from analysis.report.i18n import Words

CANDIDATES = "SELECT count(*) FROM link_candidates"
TIMELINES = {
    "linked": "posts on the timelines of linked accounts",
    "all": "posts on every timeline that was read, because no account is linked",
}
PERSONS = ("profiles seen", "links proposed", "members", "actors")
BETWEEN = """
SELECT count(*) FROM connections WHERE profile_a <> profile_b
AND profile_a IN (SELECT profile_id FROM members) AND profile_b IN (SELECT profile_id FROM members)"""


def actors_filter(found: Asking, network: Network, _: Words) -> str:
    """The degree filter of the *network* of actors in words."""
    least = network.parameters["min_degree"]
    said = _("at least {least} ties in and out, counted once on the full network").format(least=_.number(least))
    return said + _auto(found, "analysis.min_degree", MOST_ACTORS, _)


def hashtags_filter(found: Asking, network: Network, _: Words) -> str:
    """The threshold of the *network* of hashtags in words."""
    said = _("used in at least {least} posts").format(least=_.number(int(network.parameters["threshold"]) + 1))
    return said + _auto(found, "analysis.hashtag_threshold", hashtag_edges.MOST_HASHTAGS, _)


def _auto(found: Asking, setting: str, most: int, _: Words) -> str:
    """How a threshold was chosen, if it is "auto"."""
    if found.setting(setting, "auto") != "auto":
        return ""
    return ", " + _("the lowest number that leaves at most {most}").format(most=_.number(most))


def filters(
    found: Asking, selected: pd.DataFrame, daily: pd.DataFrame, network: Network, hashed: Network
) -> pd.DataFrame:
    """A row per filter, in order: filter, of, before, after, share (per cent).

    *selected* are the key figures, *daily* the posts by day, *network* and *hashed* the networks after their filters.
    """
    _ = found.words
    value = {row["figure"]: row["computed"] for row in selected.to_dict("records")}
    met = number(found.db, "SELECT count(*) FROM profiles")
    value = {"profiles": 0, "connections": 0} | value
    linked = f"SELECT count(DISTINCT profile_id) FROM links WHERE account_id IN ({LINKED_ACCOUNTS})"
    accepted = number(found.db, "SELECT count(*) FROM links")
    every = number(found.db, "SELECT count(*) FROM posts")
    source, of = timeline_posts(found.db)
    ours = number(found.db, f"SELECT count(*) FROM {source}")
    days = daily.attrs["parameters"]
    timed = ours - days["posts_without_time"]
    tagged = hashtag_edges.network(found.db, threshold=0)
    rows = [
        ("profiles whose page was read", "profiles seen", met, value["profiles"]),
        ("profiles with a current position at an organisation of the study", "profiles seen", met,
         value["members"]),
        ("connections between profiles that were read", "connections seen",
         number(found.db, "SELECT count(*) FROM connections"), value["connections"]),
        ("connections between two {members}", "connections", value["connections"], number(found.db, BETWEEN)),
        ("links that were accepted", "links proposed", accepted + number(found.db, CANDIDATES), accepted),
        ("{members} linked to an account", "members", value["members"], number(found.db, linked)),
        (TIMELINES[of], "posts", every, ours),
        ("posts with a time", "posts", ours, timed),
        ("posts inside the period", "posts", timed, timed - days["posts_outside_period"]),
        (_("actors: {filter}").format(filter=actors_filter(found, network, _)), "actors",
         network.parameters["full_nodes"], network.n),
        ("ties between the remaining actors", "ties", network.parameters["full_edges"], network.m),
        (_("hashtags: {filter}").format(filter=hashtags_filter(found, hashed, _)), "hashtags", tagged.n, hashed.n),
        ("co-occurrences of the remaining hashtags", "pairs", tagged.m, hashed.m),
    ]  # fmt: skip
    if not met:  # accounts only: nobody was chosen among profiles, or linked to one
        rows = [row for row in rows if row[1] not in ("profiles seen", "connections seen", "connections",
                                                      "links proposed", "members")]  # fmt: skip
    made = pd.DataFrame(rows, columns=["filter", "of", "before", "after"]).astype({"before": int, "after": int})
    made["share"] = 100 * made["after"] / made["before"].where(made["before"] > 0)
    made["filter"] = made["filter"].map(_)
    return with_parameters(made, order="as listed; each network filter once, on its full network")

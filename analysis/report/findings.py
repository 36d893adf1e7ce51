"""The findings of the report: every analysis of a study, computed once at first use, with its SQL."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from analysis import (
    actors,
    groups,
    hashtag_edges,
    hashtags,
    inwardness,
    populations,
    rounds,
    share_matrix,
    shares,
    triangulation,
)
from analysis.graphs.measures import Measured, measured
from analysis.graphs.network import Network
from analysis.queries import PERSON, number, query, with_parameters
from analysis.report.asking import Options, counting, finding
from analysis.report.disclosure import SMALL, Cells, few_hidden, merged_groups, pseudonymous
from analysis.report.filters import PERSONS, filters
from analysis.report.rhythm import Rhythm
from analysis.report.searched import Searched
from analysis.report.surveyed import Surveys
from analysis.report.waves import Waves
from storage.folding import folded

PERMUTATIONS = 499
SAMPLES = 50  # sampled sources for the betweenness of the unfiltered network, of which only the top hundred are used
READ = ("read_whole", "read_in_part", "absent", "not_read")
BOTH, WAYS = ("gained", "lost"), ("entered", "moved_in", "left", "moved_out")


def _without_the_rest(changes: pd.DataFrame) -> pd.DataFrame:
    """*changes* without the remaining accounts that were looked up, if none is gained and few are lost."""
    lookup = (changes["what"] == rounds.LOOKED_UP) & changes["lost"].isna()
    return changes.assign(after=changes["after"].mask(lookup))


class Findings(Rhythm, Waves, Searched, Surveys):
    """The findings of the study in a database as frames, each with its parameters in its attrs."""

    @cached_property
    def people(self) -> bool:
        """Whether people were looked for: a study may be one of documents or of a survey only."""
        seen = "SELECT (SELECT count(*) FROM profiles) + (SELECT count(*) FROM accounts) + (SELECT count(*) FROM posts)"
        return not (self.searched or self.asked) or number(self.db, seen) > 0

    # ---- populations ----------------------------------------------------------------------------------

    @finding
    def selection(self) -> pd.DataFrame:
        """The key figures."""
        frame = self.selected.copy()
        value = frame.set_index("figure")["computed"]
        if self.few(value["sum_of_rows"] - value["members"]):  # few persons are in two groups
            attrs, frame = frame.attrs, frame[frame["figure"] != "sum_of_rows"].reset_index(drop=True)
            frame.attrs = attrs
        few = frame["figure"].map(value).map(lambda of: isinstance(of, int) and self.few(of))
        few |= frame["figure"].isin(["posts", "first_post", "last_post"]) & self.few(value["accounts"])
        frame["computed"] = frame["computed"].mask(few, None)
        frame.attrs["hidden"] = int(few.sum())
        return frame

    @cached_property
    def selected(self) -> pd.DataFrame:
        """The key figures, without suppression."""
        return populations.selection(self.db, str)  # templates for each language

    @property
    def of_accounts(self) -> bool:
        """Whether the study has accounts only, and no profiles."""
        return "profiles" not in set(self.selected["figure"])

    def _linked(self, frame: pd.DataFrame) -> Cells:
        linked = ["accounts", *(str(name) for name in frame if name not in FIXED)]
        together = {name: ("share", *(other for other in linked if other != name)) for name in linked}
        return Cells({"profiles": ("share",), "lists_read": (), **together})

    @counting(_linked)
    def populations(self) -> pd.DataFrame:
        """Table 5."""
        return populations.table(self.db)

    @counting(Cells({"asked": READ, **dict.fromkeys(READ, ())}, (), READ, private=("reasons",)))
    def coverage(self) -> pd.DataFrame:
        """Requested and received targets."""
        return populations.coverage(self.db)

    @finding
    def groups(self) -> pd.DataFrame:
        """A row per pair of groups."""
        return few_hidden(groups.table(self.db), self.options.least)

    @counting(Cells({"members": ("share_readable",), "readable": ("share_readable",), "linked": ()}))
    def group_coverage(self) -> pd.DataFrame:
        """The number of readable lists by group; attrs have the distinct persons."""
        frame = groups.coverage(self.db)
        members, readable = self.db.execute(READABLE).fetchall()[0]
        frame.attrs |= {"members": members, "readable": readable}
        return frame

    def _between(self, frame: pd.DataFrame) -> Cells:
        lined = [frame.groupby(["kind", end]).indices.values() for end in ("group_name", "other")]
        return Cells(share_matrix.DERIVED, [np.asarray(rows, dtype=np.intp) for of in lined for rows in of])

    @counting(_between)
    def group_shares(self) -> pd.DataFrame:
        """The groups that each group retweets, answers, mentions, quotes and follows."""
        return share_matrix.table(self.db)

    # ---- actors -----------------------------------------------------------------------------------------

    @finding
    def actors(self) -> Measured:
        """The follow network after the degree filter, measured."""
        return self._shown(self._measured)

    @cached_property
    def _measured(self) -> Measured:
        with self.logging("actors"):
            return actors.study(
                self.db, min_degree=self.setting("analysis.min_degree", "auto"), labels=self.options.labels,
                exact_nodes=self.setting("analysis.betweenness_exact_up_to", 10_000), **self._measuring(),
            )  # fmt: skip

    @property
    def network(self) -> Network:
        """The network of `actors`, with names and groups."""
        return self._measured.network

    @property
    def least_degree(self) -> int:
        """The minimum ties of an actor in the figure."""
        return int(self._measured.network.parameters["min_degree"])

    def _measuring(self) -> dict[str, Any]:
        return {
            "resolution": self.setting("analysis.resolution", 1.0), "runs": self.setting("analysis.seeds", 20),
            "seed": self.setting("analysis.seed", 1), "processes": self.options.processes,
        }  # fmt: skip

    def _shown(self, found: Measured) -> Measured:
        """*found*, with pseudonyms in a report for publication."""
        pseudonyms = self.options.pseudonyms
        if pseudonyms is None or "handle" not in found.network.nodes:
            return found
        return pseudonymous(found, pseudonyms, self.options.least, self.words(SMALL))

    def _labelled(self, frame: pd.DataFrame) -> Cells:
        other = {
            "community", "name", "size", "share", "groups", "titles", "central", "share_of_runs", "density",
            "e_i_index",
        }  # fmt: skip
        labels = [str(name) for name in frame if name not in other]
        return Cells(dict.fromkeys(labels, ()), None, labels, private=("groups", "titles"))

    @counting(_labelled)
    def communities(self) -> pd.DataFrame:
        """The communities of actors described."""
        return actors.communities(self.actors, words=self.words)

    @counting(
        Cells(
            {"actors": ("share_of_community",)},
            ("community", "group_name"),
            private=("share_of_group",),  # of the members with a known group
        )
    )
    def communities_by_group(self) -> pd.DataFrame:
        """Members by community and group."""
        return actors.by_group(self.actors)

    @finding
    def central(self) -> pd.DataFrame:
        """The actors of the highest betweenness."""
        return actors.top(self.actors.network, count=self.options.shown)

    @finding
    def bridges(self) -> pd.DataFrame:
        """The actors that bridge communities most."""
        return actors.bridges(self.actors, count=self.options.shown)

    def _by_group(self, frame: pd.DataFrame) -> Cells:
        return Cells({"members": ("internal", "external", "e_i_index", "expected")}, [range(1, len(frame))])

    @counting(_by_group)
    def inward(self) -> pd.DataFrame:
        """E-I indices with tests."""
        seed = self.setting("analysis.seed", 1)
        network = self._measured.network
        merged = merged_groups(network.nodes["group_name"], self.options.least, self.words(SMALL))
        network = network.with_columns({"group_name": merged})
        return inwardness.table(network, permutations=PERMUTATIONS if network.m else 0, seed=seed)

    def _of_the_top(self, frame: pd.DataFrame) -> Cells:
        tops = [str(name) for name in frame if str(name).startswith("top_")]
        of_top = min(frame.attrs["parameters"]["top"], self.actors.network.n)
        behind = {f"n_{name}": (frame[name] * of_top).round().astype(int) for name in tops}
        derived = {f"n_{name}": (name,) for name in tops}
        return Cells({"actors": ("share", *tops, *derived), **derived}, behind=behind)

    @counting(_of_the_top)
    def most_central(self) -> pd.DataFrame:
        """The hundred most central actors."""
        return inwardness.most_central(self.actors.network)

    @finding
    def hidden(self) -> pd.DataFrame:
        """The same figures before the degree filter, after it, and of the difference: a row per figure."""
        frame = inwardness.hidden(
            self.db, min_degree=self.least_degree, samples=SAMPLES, seed=self.setting("analysis.seed", 1),
            processes=self.options.processes, after=self._measured.network, labels=self.options.labels,
        )  # fmt: skip
        turned = frame.set_index("part").T.rename_axis("figure").reset_index()
        if self.options.least:  # shares of a hundred would reveal single persons
            turned = turned[~turned["figure"].str.match("(share|top)_(?!.*member)")].reset_index(drop=True)
            self._few_shares(turned)
        return with_parameters(turned, **frame.attrs["parameters"])

    def _few_shares(self, frame: pd.DataFrame) -> None:
        """Hide in *frame* the shares that mean few actors."""
        parts = ["before", "after", "hidden"]
        whole = frame.set_index("figure").loc["actors", parts].astype(float)
        for start, most in (("share_", np.inf), ("top_", 100)):
            rows = frame["figure"].str.startswith(start)
            count = (frame.loc[rows, parts].astype(float) * whole.clip(upper=most)).round()
            rest = whole.clip(upper=most) - count
            few = ((count > 0) & (count < self.options.least)) | ((rest > 0) & (rest < self.options.least))
            frame.loc[rows, parts] = frame.loc[rows, parts].mask(few)

    @counting(Cells({"ties": ("posts", "sender_follows", "posts_to_followed", "other_follows", "follow_ties_used")}))
    def interaction(self) -> pd.DataFrame:
        """The overlap of mentions, replies, retweets and quotes with follow ties."""
        frame = actors.interaction_and_follow(self.db)
        return frame[frame["ties"] > 0].reset_index(drop=True)

    # ---- shares -----------------------------------------------------------------------------------------

    @cached_property
    def comparison(self) -> str | None:
        """The first comparison set, if it has posts."""
        sets = self.setting("comparison") or []
        name = sets[0].get("name") if sets else None
        if name and number(self.db, "SELECT count(*) FROM sample_posts WHERE sample = ?", [name]):
            return str(name)
        return None

    def shares_by(self, profile: Any) -> pd.DataFrame:
        """Table 6 by the definitions of *profile*."""
        return shares.table(self.db, profile, self.setting("analysis.retweets", "all"), self.comparison)

    @cached_property
    def share_profile(self) -> str:
        """The study's definition of the shares."""
        return str(self.setting("analysis.share_profile", "study2013"))

    @finding
    def shares(self) -> pd.DataFrame:
        """Table 6."""
        return self.shares_by(self.share_profile)

    @finding
    def shares_otherwise(self) -> pd.DataFrame:
        """Table 6 by the other tools' definitions."""
        others = [name for name in shares.CONDITIONS if name != self.share_profile]
        parts = [self.shares_by(name) for name in others]
        kept = ["kind", "what", "count", "posts", "share", "sample_share", "difference", "low", "high"]
        tables = [part[[c for c in kept if c in part]] for part in parts]
        for name, part in zip(others, tables, strict=True):
            part.insert(0, "definition", name)
        made = pd.concat(tables, ignore_index=True)
        definitions = {name: part.attrs["parameters"]["definition"] for name, part in zip(others, parts, strict=True)}
        return with_parameters(made, **{**parts[0].attrs["parameters"], "profile": None, "definition": definitions})

    # ---- hashtags ---------------------------------------------------------------------------------------

    @finding
    def hashtags(self) -> Measured:
        """The hashtag network after the threshold, measured."""
        network = hashtag_edges.network(self.db, threshold=self.setting("analysis.hashtag_threshold", "auto"))
        if self.options.least:  # a hashtag of a few persons could identify them
            users = query(self.db, USERS.format(tag=folded())).set_index("tag")["accounts"]
            keep = network.nodes.index.to_series().map(users).fillna(0).to_numpy() >= self.options.least
            network = network.subgraph(keep, used_by=f"at least {self.options.least} accounts")
        return self._shown(measured(network, by="posts", no_overlap=True, **self._measuring()))

    @finding
    def hashtag_communities(self) -> pd.DataFrame:
        """The communities of hashtags described."""
        return hashtags.communities(self.hashtags)

    @counting(Cells({"accounts": ("posts", "share")}, ("community", "group_name")))
    def hashtags_by_group(self) -> pd.DataFrame:
        """Use of the communities, by group."""
        return hashtags.by_group(self.db, self.hashtags)

    @counting(Cells(then=lambda frame: frame.iloc[:0]))
    def hashtags_by_account(self) -> pd.DataFrame:
        """The most active accounts of each community; empty in a report for publication."""
        return hashtags.by_account(self.db, self.hashtags, most=5)

    def _course(self, **options: Any) -> pd.DataFrame:
        zone = self.setting("study.timezone", "Europe/Amsterdam")
        return hashtags.course(self.db, self.hashtags, time_zone=zone, **options)

    def _months(self, frame: pd.DataFrame) -> Cells:
        by = self._course(count="accounts")
        behind = {f"accounts {name}": by[name].to_numpy() for name in frame}
        return Cells(dict(zip(behind, ([name] for name in frame), strict=True)), behind=behind)

    @counting(_months)
    def hashtag_course(self) -> pd.DataFrame:
        """Posts by month and community."""
        return self._course()

    # ---- instruments side by side -------------------------------------------------------------------------

    @property
    def compared(self) -> bool:
        """Whether the survey names groups of which the study has people."""
        return self.surveyed and self.people and len(self.asked_by_group) > 0

    @finding
    def triangulation(self) -> pd.DataFrame:
        """What survey, profiles and timelines say of each group; what another table hides is hidden here."""
        parts = (self.asked_by_group, self.populations, self.inward)
        made = triangulation.table(self.db, *parts, self.share_profile)
        made.attrs["hidden"] = sum(part.attrs.get("hidden", 0) for part in parts)
        return made

    # ---- change -----------------------------------------------------------------------------------------

    @finding
    def looked(self) -> dict[str, Any]:
        """The targets read more than once, and when."""
        return rounds.looked(self.db)

    @counting(Cells({"before": BOTH, "after": BOTH, **dict.fromkeys(BOTH, ())}, (), BOTH, then=_without_the_rest))
    def changes(self) -> pd.DataFrame:
        """Persons, accounts and ties before and after."""
        return rounds.summary(self.db, str)

    @counting(Cells({"before": WAYS, "after": WAYS, **dict.fromkeys(WAYS, ())}, None, WAYS))
    def changes_by_group(self) -> pd.DataFrame:
        """Persons who came and left, a row per group."""
        return rounds.by_group(self.db)

    @counting(Cells({"persons": ()}, ("moved_from", "moved_to"), then=lambda made: made[made["persons"].notna()]))
    def moves(self) -> pd.DataFrame:
        """Moves between groups; small cells are hidden in a report for publication."""
        return rounds.moves(self.db)

    # ---- method -----------------------------------------------------------------------------------------

    def _of_persons(self, frame: pd.DataFrame) -> Cells:
        persons = frame["of"].isin(PERSONS)  # each row by itself, as input and output are known
        behind = {f"persons {name}": frame[name].where(persons, 0) for name in ("before", "after")}
        counts = {"persons before": ("before", "share"), "persons after": ("after", "share")}
        return Cells(counts, (), behind=behind)

    @counting(_of_persons)
    def filters(self) -> pd.DataFrame:
        """Every filter in order, with the counts before and after."""
        return filters(self, self.selected, self.daily, self.actors.network, self.hashtags.network)

    @counting(Cells({"people": ()}))
    def participation(self) -> pd.DataFrame:
        """How many people were invited, consented and withdrew."""
        return populations.participation(self.db)

    @counting(Cells({"lists": ()}, private=("why",)))  # a reason may contain a server's own words
    def gaps(self) -> pd.DataFrame:
        """Incomplete lists, by reason."""
        return populations.gaps(self.db)


READABLE = """
SELECT count(DISTINCT actor_id), count(DISTINCT profile_id) FILTER (profile_id IN (
    SELECT profile_id FROM base.connections)) FROM memberships"""
FIXED = (
    "group_name", "name", "profiles", "accounts", "share", "lists_read", "published_profiles", "published_accounts",
)  # fmt: skip
USERS = f"""
SELECT tag, count(DISTINCT {PERSON.format(account="timeline_of")}) AS accounts FROM (
    SELECT timeline_of, {{tag}} AS tag FROM (SELECT timeline_of, unnest(hashtags) AS t FROM posts))
GROUP BY tag"""

__all__ = ["Findings", "Options", "finding"]

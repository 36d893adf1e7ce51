"""What the report tells: every analysis of a study, made when it is first asked for, once, with the SQL it ran."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from analysis import actors, groups, hashtag_edges, hashtags, inwardness, populations, rounds, shares, snowball
from analysis.graphs.measures import Measured, measured
from analysis.graphs.network import Network
from analysis.queries import number, query, with_parameters
from analysis.report.asking import Options, finding
from analysis.report.disclosure import SMALL, few_hidden, lines, merged_groups, pseudonymous
from analysis.report.filters import filters
from analysis.report.rhythm import Rhythm
from storage.folding import folded

PERMUTATIONS = 499
SAMPLES = 50  # sources of the betweenness of the unfiltered network, which only its hundred highest are told of


class Findings(Rhythm):
    """The findings of the study in a database as frames, each with its parameters in its attrs."""

    # ---- who was found -------------------------------------------------------------------------------------

    @finding
    def selection(self) -> pd.DataFrame:
        """The key figures."""
        frame = self.selected.copy()
        value = frame.set_index("figure")["computed"]
        if self.few(value["sum_of_rows"] - value["members"]):  # so few persons are in two groups
            attrs, frame = frame.attrs, frame[frame["figure"] != "sum_of_rows"].reset_index(drop=True)
            frame.attrs = attrs
        few = frame["figure"].map(value).map(lambda of: isinstance(of, int) and self.few(of))
        few |= frame["figure"].isin(["posts", "first_post", "last_post"]) & self.few(value["accounts"])
        frame["computed"] = frame["computed"].mask(few, None)
        frame.attrs["hidden"] = int(few.sum())
        return frame

    @cached_property
    def selected(self) -> pd.DataFrame:
        """The key figures, none of them hidden."""
        return populations.selection(self.db, str)  # templates, which each language fills

    @finding
    def populations(self) -> pd.DataFrame:
        """Table 5."""
        frame = populations.table(self.db)
        linked = ["accounts", *(str(name) for name in frame if name not in FIXED)]
        together = {name: ("share", *(other for other in linked if other != name)) for name in linked}
        return self.small(frame, {"profiles": ("share",), "lists_read": (), **together})

    @finding
    def coverage(self) -> pd.DataFrame:
        """What was asked and what came."""
        frame = populations.coverage(self.db)
        parts = ("read_whole", "read_in_part", "absent", "not_read")
        return self.small(frame, {"asked": parts, **dict.fromkeys(parts, ())}, (), parts)

    @finding
    def groups(self) -> pd.DataFrame:
        """A row a pair of groups."""
        return few_hidden(groups.table(self.db), self.options.least)

    @finding
    def group_coverage(self) -> pd.DataFrame:
        """How many lists could be read, by group; attrs have the persons, each once."""
        frame = groups.coverage(self.db)
        members, readable = self.db.execute(READABLE).fetchall()[0]
        frame.attrs |= {"members": members, "readable": readable}
        return self.small(frame, {"members": ("share_readable",), "readable": ("share_readable",), "linked": ()})

    # ---- the snowball --------------------------------------------------------------------------------------

    @finding
    def waves(self) -> pd.DataFrame:
        """What each wave of the snowball cost and brought; attrs have the totals."""
        frame = snowball.waves(self.db)
        ties = [str(name) for name in frame if str(name).startswith("along_")]
        rest = {f"not_{tie}": frame["admitted"] - frame[tie] for tie in ties}
        attrs, frame = frame.attrs, frame.assign(**rest)
        frame.attrs = attrs
        derived = ("members", "others", "members_per_request")
        counts = {
            "reached": ("requests",), "admitted": (*derived, "requests", *ties), "members": derived[2:], "others": (),
            **{tie: (f"not_{tie}",) for tie in ties}, **{f"not_{tie}": (tie,) for tie in ties},
        }  # fmt: skip
        return self.small(frame, counts, None, ("members", "others")).drop(columns=list(rest))

    @property
    def rolled(self) -> bool:
        """Whether the snowball admitted anybody beside the seeds."""
        return bool(self.waves.attrs["beyond"])

    @finding
    def leaders(self) -> pd.DataFrame:
        """Who led to most members; nobody in a report for publication."""
        frame = snowball.leaders(self.db, self.options.shown)
        return frame.iloc[:0] if self.options.least else frame

    @finding
    def found_by(self) -> pd.DataFrame:
        """How many members of each group were found by members of each; in public only where they are not few."""
        frame = snowball.between_groups(self.db)
        made = self.small(frame, {"members": ()}, lines(frame, "found_by", "group_name"))
        return made[made["members"].notna()]

    # ---- actors --------------------------------------------------------------------------------------------

    @finding
    def actors(self) -> Measured:
        """The follow network after the degree filter, measured."""
        return self._shown(self._measured)

    @cached_property
    def _measured(self) -> Measured:
        with self.heard("actors"):
            return actors.study(
                self.db, min_degree=self.setting("analysis.min_degree", "auto"), labels=self.options.labels,
                exact_nodes=self.setting("analysis.betweenness_exact_up_to", 10_000), **self._measuring(),
            )  # fmt: skip

    @property
    def network(self) -> Network:
        """The network of `actors`, with who they are."""
        return self._measured.network

    @property
    def of_2013(self) -> bool:
        """Whether the tables are those of the study of 2013, which numbered them."""
        return (
            str(self.setting("study.last_day", "")).startswith("2013") or self.setting("published.source") is not None
        )

    @property
    def least_degree(self) -> int:
        """The ties that an actor needs to be drawn."""
        return int(self._measured.network.parameters["min_degree"])

    def _measuring(self) -> dict[str, Any]:
        return {
            "resolution": self.setting("analysis.resolution", 1.0), "runs": self.setting("analysis.seeds", 20),
            "seed": self.setting("analysis.seed", 1), "processes": self.options.processes,
        }  # fmt: skip

    def _shown(self, found: Measured) -> Measured:
        """*found*, with pseudonyms if it is to be published."""
        pseudonyms = self.options.pseudonyms
        if pseudonyms is None or "handle" not in found.network.nodes:
            return found
        return pseudonymous(found, pseudonyms, self.options.least, self.words(SMALL))

    @finding
    def communities(self) -> pd.DataFrame:
        """The communities of actors described."""
        frame = actors.communities(self.actors, words=self.words)
        if self.options.least:
            frame = frame.drop(columns=["groups", "titles"], errors="ignore")
        other = ("community", "name", "size", "share", "groups", "titles", "central", "density", "e_i_index")
        labels = [str(name) for name in frame if name not in other]
        return self.small(frame, dict.fromkeys(labels, ()), None, labels)

    @finding
    def communities_by_group(self) -> pd.DataFrame:
        """Members by community and group."""
        frame = actors.by_group(self.actors)
        if self.options.least:  # of the members whose group is told, which is not all
            frame = frame.drop(columns="share_of_group")
        return self.small(
            frame, {"actors": ("share_of_community", "share_of_group")}, lines(frame, "community", "group_name")
        )

    @finding
    def central(self) -> pd.DataFrame:
        """The actors of the highest betweenness."""
        return actors.top(self.actors.network, count=self.options.shown)

    @finding
    def bridges(self) -> pd.DataFrame:
        """The actors that bridge communities most."""
        return actors.bridges(self.actors, count=self.options.shown)

    @finding
    def inward(self) -> pd.DataFrame:
        """E-I indices with tests."""
        seed = self.setting("analysis.seed", 1)
        network = self._measured.network
        if least := self.options.least:
            told = merged_groups(network.nodes["group_name"], least, self.words(SMALL))
            network = network.with_columns({"group_name": told})
        frame = inwardness.table(network, permutations=PERMUTATIONS if network.m else 0, seed=seed)
        return self.small(frame, {"members": ("internal", "external", "e_i_index", "expected")}, [range(1, len(frame))])

    @finding
    def most_central(self) -> pd.DataFrame:
        """Who the hundred most central are."""
        frame = inwardness.most_central(self.actors.network)
        tops = [str(name) for name in frame if str(name).startswith("top_")]
        of_top = min(frame.attrs["parameters"]["top"], self.actors.network.n)
        counts = frame.assign(**{f"n_{name}": (frame[name] * of_top).round().astype(int) for name in tops})
        counts.attrs = frame.attrs
        derived = {f"n_{name}": (name,) for name in tops}
        made = self.small(counts, {"actors": ("share", *tops, *derived), **derived})
        return made.drop(columns=list(derived))

    @finding
    def hidden(self) -> pd.DataFrame:
        """The same figures before the degree filter, after it, and of what it hides: a row a figure."""
        frame = inwardness.hidden(
            self.db, min_degree=self.least_degree, samples=SAMPLES, seed=self.setting("analysis.seed", 1),
            processes=self.options.processes, after=self._measured.network, labels=self.options.labels,
        )  # fmt: skip
        turned = frame.set_index("part").T.rename_axis("figure").reset_index()
        if self.options.least:  # shares of a hundred would tell of single persons
            turned = turned[~turned["figure"].str.match("(share|top)_(?!.*member)")].reset_index(drop=True)
            self._few_shares(turned)
        return with_parameters(turned, **frame.attrs["parameters"])

    def _few_shares(self, frame: pd.DataFrame) -> None:
        """Hide in *frame* the shares of actors that stand for few of them."""
        parts = ["before", "after", "hidden"]
        whole = frame.set_index("figure").loc["actors", parts].astype(float)
        for start, most in (("share_", np.inf), ("top_", 100)):
            rows = frame["figure"].str.startswith(start)
            count = (frame.loc[rows, parts].astype(float) * whole.clip(upper=most)).round()
            rest = whole.clip(upper=most) - count
            few = ((count > 0) & (count < self.options.least)) | ((rest > 0) & (rest < self.options.least))
            frame.loc[rows, parts] = frame.loc[rows, parts].mask(few)

    @finding
    def interaction(self) -> pd.DataFrame:
        """How far mentions, replies, retweets and quotes go along follow ties."""
        frame = actors.interaction_and_follow(self.db)
        frame = frame[frame["ties"] > 0].reset_index(drop=True)
        shares_of = ("sender_follows", "posts_to_followed", "other_follows", "follow_ties_used")
        return self.small(frame, {"ties": ("posts", *shares_of)})

    # ---- shares --------------------------------------------------------------------------------------------

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

    # ---- hashtags ------------------------------------------------------------------------------------------

    @finding
    def hashtags(self) -> Measured:
        """The hashtag network after the threshold, measured."""
        network = hashtag_edges.network(self.db, threshold=self.setting("analysis.hashtag_threshold", "auto"))
        if self.options.least:  # a hashtag of a few persons could give them away
            users = query(self.db, USERS).set_index("tag")["accounts"]
            keep = network.nodes.index.to_series().map(users).fillna(0).to_numpy() >= self.options.least
            network = network.subgraph(keep, used_by=f"at least {self.options.least} accounts")
        return self._shown(measured(network, by="posts", no_overlap=True, **self._measuring()))

    @finding
    def hashtag_communities(self) -> pd.DataFrame:
        """The communities of hashtags described."""
        return hashtags.communities(self.hashtags)

    @finding
    def hashtags_by_group(self) -> pd.DataFrame:
        """Who uses which community, by group."""
        frame = hashtags.by_group(self.db, self.hashtags)
        return self.small(frame, {"accounts": ("posts", "share")}, lines(frame, "community", "group_name"))

    @finding
    def hashtags_by_account(self) -> pd.DataFrame:
        """The most active accounts of each community; nobody in a report for publication."""
        frame = hashtags.by_account(self.db, self.hashtags, most=5)
        return frame.iloc[:0] if self.options.least else frame

    @finding
    def hashtag_course(self) -> pd.DataFrame:
        """Posts by month and community."""
        zone = self.setting("study.timezone", "Europe/Amsterdam")
        frame = hashtags.course(self.db, self.hashtags, time_zone=zone)
        if not self.options.least:
            return frame
        by = hashtags.course(self.db, self.hashtags, time_zone=zone, count="accounts")
        columns = [self._of_accounts(frame[[name]], by[name].to_numpy(), (name,)) for name in frame.columns.astype(int)]
        made = pd.concat(columns, axis=1) if columns else frame
        made.attrs = dict(frame.attrs) | {"hidden": sum(column.attrs["hidden"] for column in columns)}
        return made

    # ---- change --------------------------------------------------------------------------------------------

    @finding
    def looked(self) -> dict[str, Any]:
        """What was read more than once, and when."""
        return rounds.looked(self.db)

    @finding
    def changes(self) -> pd.DataFrame:
        """Persons, accounts and ties before and after."""
        frame = rounds.summary(self.db, str)
        both = ("gained", "lost")
        made = self.small(frame, {"before": both, "after": both, **dict.fromkeys(both, ())}, (), both)
        lookup = (made["what"] == rounds.LOOKED_UP) & made["lost"].isna()  # where none is gained, the rest tells it
        made["after"] = made["after"].mask(lookup)
        return made

    @finding
    def changes_by_group(self) -> pd.DataFrame:
        """Who came and went, a row a group."""
        ways = ("entered", "moved_in", "left", "moved_out")
        return self.small(
            rounds.by_group(self.db), {"before": ways, "after": ways, **dict.fromkeys(ways, ())}, None, ways
        )

    @finding
    def moves(self) -> pd.DataFrame:
        """From which group to which; in a report for publication only where they are not few."""
        frame = rounds.moves(self.db)
        made = self.small(frame, {"persons": ()}, lines(frame, "moved_from", "moved_to"))
        return made[made["persons"].notna()]

    # ---- method --------------------------------------------------------------------------------------------

    @finding
    def filters(self) -> pd.DataFrame:
        """Every filter, in its order: what it keeps, and the counts before and after."""
        return filters(self, self.selected, self.daily, self.actors.network, self.hashtags.network)


READABLE = """
SELECT count(DISTINCT actor_id), count(DISTINCT profile_id) FILTER (profile_id IN (
    SELECT profile_id FROM base.connections)) FROM memberships"""
FIXED = (
    "group_name",
    "name",
    "profiles",
    "accounts",
    "share",
    "lists_read",
    "published_profiles",
    "published_accounts",
)
USERS = f"""
SELECT tag, count(DISTINCT timeline_of) AS accounts FROM (
    SELECT timeline_of, {folded()} AS tag FROM (SELECT timeline_of, unnest(hashtags) AS t FROM posts))
GROUP BY tag"""

__all__ = ["Findings", "Options", "finding"]

"""What the report tells: every analysis of a study, made when it is first asked for, once, with the SQL it ran."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeVar

import duckdb
import numpy as np
import pandas as pd

from analysis import activity, actors, hashtags, inwardness, ministries, populations, shares, tags
from analysis.frames import number, query, setting, with_parameters
from analysis.measures import Measured, measured
from analysis.report.filters import filters
from analysis.report.listening import listening
from analysis.report.pseudonyms import pseudonymous, small
from storage.pseudonyms import Pseudonyms

T = TypeVar("T")

# Okabe and Ito's colours and Tol's muted ones: told apart by the colour-blind; grey for all that follow
PALETTE = (
    "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#882255", "#999933", "#44AA99", "#AA4499",
    "#C9B037", "#117733",
)  # fmt: skip
GREY = "#8C8C8C"
PERMUTATIONS = 499


def finding(make: Callable[[Any], T]) -> cached_property[T]:
    """A finding that is made once; the SQL that it ran is kept under its name."""

    def kept(self: Findings) -> T:
        with self._heard(make.__name__):
            return make(self)

    kept.__doc__ = make.__doc__
    return cached_property(kept)


@dataclass
class Options:
    """What a report is made with beside the database."""

    labels: pd.DataFrame | None = None  # who is a politician, media ...: handle, role
    school: pd.DataFrame | None = None  # school holidays of the study's own
    pseudonyms: Pseudonyms | None = None  # of a report that can be published
    processes: int | None = None
    shown: int = 25  # rows of the tables of central actors
    least: int = 0  # cells of persons under it are hidden


class Findings:
    """The findings of the study in *db* as frames, each with its parameters in its attrs."""

    def __init__(self, db: duckdb.DuckDBPyConnection, options: Options | None = None) -> None:
        """Nothing is computed yet."""
        self.db, self._statements = listening(db)
        self.options = options or Options()
        self.sql: dict[str, list[str]] = {}

    @contextmanager
    def _heard(self, name: str) -> Iterator[None]:
        before = len(self._statements)
        yield
        self.sql[name] = list(dict.fromkeys(self._statements[before:]))

    def setting(self, key: str, default: Any = None) -> Any:
        """The setting *key* of the study file that the database was loaded with."""
        return setting(self.db, key, default)

    def _small(self, frame: pd.DataFrame, totals: tuple[str, ...] = (), **counts: tuple[str, ...]) -> pd.DataFrame:
        return small(frame, self.options.least, counts, totals)

    # ---- who was found -------------------------------------------------------------------------------------

    @finding
    def selection(self) -> pd.DataFrame:
        """The key figures."""
        return populations.selection(self.db)

    @finding
    def populations(self) -> pd.DataFrame:
        """Table 5."""
        frame = populations.table(self.db)
        platforms = [str(name) for name in frame if name not in FIXED]
        counts = {"profiles": ("share",), "accounts": ("share",), "lists_read": (), **dict.fromkeys(platforms, ())}
        return self._small(frame, ("profiles", "accounts"), **counts)

    @finding
    def coverage(self) -> pd.DataFrame:
        """What was asked and what came."""
        return populations.coverage(self.db)

    @finding
    def ministries(self) -> pd.DataFrame:
        """A row a pair of ministries."""
        return self._small(ministries.table(self.db), **ministries.DERIVED)

    @finding
    def ministry_coverage(self) -> pd.DataFrame:
        """How many lists could be read, by ministry."""
        frame = ministries.coverage(self.db)
        return self._small(frame, members=("share_readable",), readable=("share_readable",), linked=())

    # ---- actors --------------------------------------------------------------------------------------------

    @finding
    def actors(self) -> Measured:
        """The follow network after the degree filter, measured."""
        found = actors.study(
            self.db, min_degree=self.setting("analysis.min_degree", 51), labels=self.options.labels,
            exact_nodes=self.setting("analysis.betweenness_exact_up_to", 10_000), **self._measuring(),
        )  # fmt: skip
        return self._shown(found)

    def _measuring(self) -> dict[str, Any]:
        return {
            "resolution": self.setting("analysis.resolution", 1.0), "runs": self.setting("analysis.seeds", 20),
            "seed": self.setting("analysis.seed", 1), "processes": self.options.processes,
        }  # fmt: skip

    def _shown(self, found: Measured) -> Measured:
        """*found* in the report's colours, and with pseudonyms if it is to be published."""
        group = found.communities.membership.to_numpy()
        colours = np.array([*PALETTE, GREY])[np.minimum(group, len(PALETTE))]
        coloured = Measured(found.network.with_columns({"color": colours}), found.communities)
        pseudonyms = self.options.pseudonyms
        if pseudonyms is None or "handle" not in found.network.nodes:
            return coloured
        return pseudonymous(coloured, pseudonyms, self.options.least)

    @finding
    def communities(self) -> pd.DataFrame:
        """The communities of actors described."""
        frame = actors.communities(self.actors)
        if self.options.least:
            frame = frame.drop(columns=["ministries", "titles"], errors="ignore")
        other = ("community", "name", "size", "share", "ministries", "titles", "central", "density", "e_i_index")
        return self._small(frame, **dict.fromkeys([str(name) for name in frame if name not in other], ()))

    @finding
    def communities_by_ministry(self) -> pd.DataFrame:
        """Members by community and ministry."""
        return self._small(
            actors.by_ministry(self.actors), members=("share_of_community", "share_of_ministry")
        )  # fmt: skip

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
        network = self.actors.network
        return inwardness.table(network, permutations=PERMUTATIONS if network.m else 0, seed=seed)

    @finding
    def most_central(self) -> pd.DataFrame:
        """Who the hundred most central are."""
        frame = inwardness.most_central(self.actors.network)
        return self._small(frame, ("actors",), actors=("share", "top_betweenness", "top_in_degree"))

    # ---- activity ------------------------------------------------------------------------------------------

    @cached_property
    def scope(self) -> activity.Scope:
        """Period, zone and calendar of the activity."""
        return activity.scope_of(self.db, school=self.options.school)

    @finding
    def daily(self) -> pd.DataFrame:
        """A row a day."""
        return activity.daily(self.db, self.scope)

    @finding
    def weekday(self) -> pd.DataFrame:
        """A row a weekday."""
        return activity.weekday(self.db, self.scope)

    @finding
    def hours(self) -> pd.DataFrame:
        """Weekdays by hours: posts per such hour."""
        return activity.hour_by_weekday(self.db, self.scope)

    @finding
    def working_days(self) -> pd.DataFrame:
        """Posts per kind of day."""
        return activity.working_days(self.db, self.scope)

    @finding
    def professional_use(self) -> pd.DataFrame:
        """Working days against days off, with intervals."""
        return activity.professional_use(self.db, self.scope, seed=self.setting("analysis.seed", 1))

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
        network = tags.network(self.db, threshold=self.setting("analysis.hashtag_threshold", 100))
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
    def hashtags_by_ministry(self) -> pd.DataFrame:
        """Who uses which community, by ministry."""
        return self._small(hashtags.by_ministry(self.db, self.hashtags), accounts=("posts", "share"))

    @finding
    def hashtag_course(self) -> pd.DataFrame:
        """Posts by month and community."""
        return hashtags.course(self.db, self.hashtags, time_zone=self.setting("study.timezone", "Europe/Amsterdam"))

    # ---- method --------------------------------------------------------------------------------------------

    @finding
    def filters(self) -> pd.DataFrame:
        """Every filter, in its order: what it keeps, and the counts before and after."""
        return filters(self)


FIXED = ("ministry", "name", "profiles", "accounts", "share", "lists_read", "published_profiles", "published_accounts")
USERS = f"""
SELECT tag, count(DISTINCT timeline_of) AS accounts FROM (
    SELECT timeline_of, {tags.folded()} AS tag FROM (SELECT timeline_of, unnest(hashtags) AS t FROM posts))
GROUP BY tag"""

"""The tables of the study file: what each key means stands in its description, and nowhere else."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Annotated, ClassVar, Literal

from pydantic import ConfigDict, Field, model_validator

from storage.sampling.rules import ORDER
from storage.searches import Search as Asked
from storage.tomlfile import Table
from study.field_types import Count, Country, Cron, Day, Order, Rule, Source, Tie, Zone


class About(Table):
    """What the study is."""

    name: str = Field(description="What the study is called; it heads the report.")
    comment: str = Field("", description="Anything to remember about it.")
    contact: str = Field("", description="Who answers for the collecting: an e-mail or web address, in the user agent.")
    language: Literal["en", "nl"] = Field("en", description="Language of the report.")
    timezone: Zone = Field(
        "Europe/Amsterdam", description="Time zone of days, weekdays and hours; stored times are UTC."
    )
    load_every: Count = Field(
        900, description="Seconds after which what scheduled runs collected so far can be queried; 0: when they end."
    )
    first_day: Day | None = Field(None, description="First day of the period studied.", examples=[date(2012, 1, 1)])
    last_day: Day | None = Field(None, description="Last day of the period, included.", examples=[date(2012, 12, 31)])


class Seeds(Table):
    """Where to start: accounts and profiles; a `_file` holds one a line, and adds to the list beside it."""

    # the keys are those of the collectors that are installed: study.begin.seeds_model
    model_config = ConfigDict(extra="allow")


class Organisations(Table):
    """Whose staff the study is about."""

    list: str = Field("nl", description="A list that ships: nl (the Dutch national government).")
    file: str | None = Field(None, description="A list of your own instead, in the same form.", examples=["orgs.toml"])
    era: str | None = Field(
        None,
        pattern=r"^(today|\d{4}|\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01]))$",
        description="The groups of a year, a day or today; without it, of the study's last day.",
        examples=["2013"],
    )


def era_day(era: str | None, last_day: date | None) -> date | None:
    """The day that *era* means; None: today."""
    if era is None:
        return last_day
    return None if era == "today" else date.fromisoformat(era if "-" in era else f"{era}-07-01")


class Population(Table):
    """Who is a member: what makes somebody one (docs/membership.md)."""

    sources: tuple[Source, ...] = Field(
        ("positions",), alias="from", min_length=1,
        description="What counts: positions, bio, fields, links, domain, list, decisions.",
        examples=[["bio", "fields", "links", "domain"]],
    )  # fmt: skip
    lists: tuple[str, ...] = Field(
        (), description="Lists whose members count, with list: a starter pack, a list, a table.",
        examples=[["https://bsky.app/starter-pack/example.org/3k2a"]],
    )  # fmt: skip


class Snowball(Table):
    """Who is followed up: seeds, members, everyone, or an SQL condition over the candidates (docs/sampling.md)."""

    along: tuple[Tie, ...] | None = Field(
        None, min_length=1, examples=[["following"]],
        description="The ties to go along: connections, following, followers, mentions, replies, reposts, lists; if"
        " left out, connections where a collector of the study lists them, else following.",
    )  # fmt: skip
    waves: Count = Field(1, description="How many waves beyond the seeds.")
    admit: Rule = Field("members", description="Who is admitted: their lists are read next.")
    accounts_of: Rule = Field("members", description="Whose accounts, linked from profiles, are collected.")
    lists_of: Rule | None = Field(
        None, examples=["members"],
        description="Whose lists along the ties are read, those of the last wave too; if left out, of everybody"
        " admitted, as long as they lead to a further wave.",
    )  # fmt: skip
    timelines_of: Rule | None = Field(
        None, description="Whose timelines are collected; if left out, of everybody admitted.", examples=["members"]
    )
    max_profiles: int | None = Field(
        None, ge=1, description="Maximum number of profiles besides the seeds.", examples=[100000]
    )
    max_actors: int | None = Field(
        None, ge=1, description="Maximum number of people along ties between accounts, seeds included.", examples=[5000]
    )
    max_per_wave: int | None = Field(None, ge=1, description="Maximum number of them in each wave.", examples=[1000])
    order: Order = Field(ORDER, description="Who comes first where a bound leaves room for some only.")
    design: Literal["all", "threshold", "random", "walk"] = Field(
        "all",
        description="Which of those that the rule selects are admitted: all; threshold: those to whom at least k"
        " admitted people lead; random: k drawn from each list; walk: those that k random walkers from each seed"
        " reach.",
    )
    k: int = Field(1, ge=1, description="The k of the design.")
    seed: Count = Field(1, description="Seed of its random choices.")


class RateLimit(Table):
    """At most *requests* per *seconds*."""

    requests: int = Field(ge=1, description="Requests in the window.")
    seconds: int = Field(ge=1, description="Length of the window.")


class CollectorTable(Table):
    """One collector; keys of its own are described with it."""

    model_config = ConfigDict(extra="allow")

    enabled: bool = Field(True, description="Whether `run` collects with it.")
    kinds: tuple[str, ...] | None = Field(
        None,
        examples=[["timeline"]],
        description="What it collects; if left out, all it can, but of accounts' lists only those that the ties of"
        " along and the schedule need, if along names such ties.",
    )
    limits: dict[str, RateLimit] = Field(
        {}, description="Limits other than the documented ones, by kind.",
        examples=[{"timeline": {"requests": 900, "seconds": 900}}],
    )  # fmt: skip
    prices: dict[str, Annotated[float, Field(ge=0)]] = Field(
        {}, description="USD an item delivered, by kind.", examples=[{"timeline": 0.005}]
    )
    base_url: str | None = Field(
        None, description="Another server that speaks the same interface.", examples=["https://example.org"]
    )
    hosts: dict[str, str] = Field(
        {},
        description="Addresses to reach hosts at, for tests.",
        examples=[{"api.example.org": "127.0.0.1:8000"}],
    )
    timeout: float = Field(30.0, gt=0, description="Seconds to wait for an answer.")
    secret_env: str | None = Field(None, description="Environment variable with its secret.", examples=["BEARER_TOKEN"])


class Budget(Table):
    """What a study may cost; a run stops at it with exit code 4 and keeps the frontier."""

    usd: float | None = Field(None, ge=0, description="US dollars, by the prices of the collectors.", examples=[100.0])
    requests: Count | None = Field(None, description="Requests.", examples=[100000])
    posts: Count | None = Field(None, description="Posts delivered.", examples=[1000000])


class Analysis(Table):
    """Parameters of the analyses (docs/definitions.md); every table and figure shows those it used."""

    share_profile: Literal["study2013", "tcat", "4cat"] = Field(
        "study2013", description="Which tool's shares (Table 6)."
    )
    retweets: Literal["all", "without", "originals"] = Field("all", description="Which posts the shares count.")
    min_degree: Count | Literal["auto"] = Field(
        "auto", description="Minimum ties of an actor that is drawn; auto: the lowest, from 2, that leaves at most "
        "1,500 (2013: 51).",
    )  # fmt: skip
    hashtag_threshold: Count | Literal["auto"] = Field(
        "auto", description="Hashtags used in more posts than this are drawn; auto: the lowest, from 1, that leaves "
        "at most 400 (2013: 100).",
    )  # fmt: skip
    resolution: float = Field(1.0, gt=0, description="Resolution of the communities, as Gephi counts it.")
    seeds: int = Field(20, ge=1, description="Seeded runs of community detection; the best is kept.")
    seed: int = Field(1, ge=0, description="First seed of everything random.")
    betweenness_exact_up_to: int = Field(10_000, ge=0, description="Nodes up to which betweenness is exact.")
    holiday_country: Country = Field("NL", description="Country of the public holidays.")
    school_regions: tuple[str, ...] = Field(
        (), description="School regions whose holidays are distinguished (NL: Noord, Midden, Zuid; known from 2014)."
    )
    school_holidays: str | None = Field(
        None,
        description="CSV with region,name,first_day,last_day, for other years and countries.",
        examples=["school-holidays.csv"],
    )
    labels: str | None = Field(
        None, description="CSV with handle,label: politician, media ...", examples=["labels.csv"]
    )


class PublishedGroup(Table):
    """A row of a published Table 5."""

    profiles: Count | None = Field(None, description="Members.")
    accounts: Count | None = Field(None, description="Those also found on the platform.")


class PublishedShare(Table):
    """A row of a published Table 6."""

    count: Count | None = Field(None, description="Posts.")
    share: float | None = Field(None, ge=0, le=100, description="Per cent of all posts.")
    sample: float | None = Field(None, ge=0, le=100, description="Per cent in the comparison set.")


class PublishedTest(Table):
    """A published test: its statistic with what belongs to it."""

    statistic: Literal["chi2", "wald", "rho"] = Field(description="chi2, wald or rho.")
    value: float = Field(description="The value of the statistic.")
    df: Count | None = Field(None, description="Degrees of freedom.")
    n: Count | None = Field(None, description="Respondents in the category.")
    p: float | None = Field(None, ge=0, le=1, description="p as published.")
    below: float | None = Field(None, ge=0, le=1, description="The bound, where p < bound was published.")
    note: str | None = Field(None, description="What is known of it; the report says it beside the test.")


class Published(Table):
    """Figures an earlier report published; shown beside the computed ones, and only where named here."""

    RENAMED: ClassVar[Mapping[str, str]] = {"civil_servants": "members", "ministries": "groups"}

    source: str | None = Field(None, description="The report they come from.")
    start_contacts: Count | None = Field(None, description="Start contacts.")
    profiles: Count | None = Field(None, description="Profiles read.")
    connections: Count | None = Field(None, description="Connections, each once.")
    connected_with_two: Count | None = Field(None, description="Profiles connected with two members or more.")
    members: Count | None = Field(None, description="Members, each once.")
    accounts: Count | None = Field(None, description="Linked accounts.")
    posts: Count | None = Field(None, description="Posts on their timelines.")
    first_post: date | None = Field(None, description="Day of the first post.")
    last_post: date | None = Field(None, description="Day of the last post.")
    communities: Count | None = Field(None, description="Communities in the actor network.")
    hashtag_communities: Count | None = Field(None, description="Communities in the hashtag network.")
    leads: str | None = Field(
        None, description="The group that was said to lead in survey, profiles and accounts.", examples=["EZ"]
    )
    groups: dict[str, PublishedGroup] = Field(
        {}, description="Table 5, by group.", examples=[{"EZ": {"profiles": 1024, "accounts": 244}}]
    )
    shares: dict[Literal["hashtags", "mentions", "begins_with_mention"], PublishedShare] = Field(
        {}, description="Table 6: hashtags, mentions, begins_with_mention.",
        examples=[{"hashtags": {"count": 237075, "share": 34.18, "sample": 13.18}}],
    )  # fmt: skip
    survey: dict[str, PublishedTest] = Field(
        {}, description="Tests of a survey, by name.",
        examples=[{"sex": {"statistic": "chi2", "value": 6.46, "df": 1, "below": 0.05}}],
    )  # fmt: skip


class Access(Table):
    """Who else may read, and where secrets are kept."""

    group: str | None = Field(None, description="Unix group that may read the database.", examples=["researchers"])
    secrets: Literal["files", "keyring"] = Field(
        "files",
        description="Where tokens and the pseudonyms' key lie: files of mode 0600, or the system's keyring.",
    )


class Interval(Table):
    """A distance in time; `calendar` counts days, weeks and months, `interval` hours and minutes."""

    months: Count = Field(0, description="Months (calendar).")
    weeks: Count = Field(0, description="Weeks (calendar).")
    days: Count = Field(0, description="Days (calendar).")
    hours: Count = Field(0, description="Hours (interval).")
    minutes: Count = Field(0, description="Minutes (interval).")
    time: str | None = Field(
        None, pattern=r"^([01]\d|2[0-3]):[0-5]\d$", description="Time of the day (calendar): 03:30."
    )


class Job(Table):
    """Something done again and again; it has one of cron, interval or calendar."""

    name: str = Field(pattern=r"^[\w-]+$", description="What it is called.")
    task: Literal["run", "collect", "load", "report", "verify", "prune", "retain", "compliance"] = Field(
        "run", description="Command it runs."
    )
    collector: str | None = Field(None, description="With this collector only.", examples=["x"])
    kinds: tuple[str, ...] | None = Field(None, description="Only these kinds.", examples=[["timeline"]])
    whole: bool = Field(
        False, description="Walk timelines to their very end again, not to the newest known: finds edits and deletions."
    )
    cron: Cron | None = Field(
        None,
        description="When: five fields, weekdays by name; day and weekday must both match.",
        examples=["30 3 * * *"],
    )
    interval: Interval | None = Field(None, description="Or how often, on the clock.", examples=[{"hours": 6}])
    calendar: Interval | None = Field(
        None, description="Or by the calendar.", examples=[{"months": 1, "time": "03:30"}]
    )
    timezone: Zone | None = Field(
        None, description="Time zone of the hours; the study's, if left out.", examples=["UTC"]
    )
    jitter: Count = Field(0, description="Random delay of each start, in seconds at most.")
    catch_up: Count = Field(86_400, description="Seconds within which a missed start is made up, once.")
    overlap: Literal["skip", "wait"] = Field("skip", description="What to do if the previous run is still running.")

    @model_validator(mode="after")
    def _one_clock(self) -> Job:
        """Exactly one of the three ways to say when."""
        if sum(way is not None for way in (self.cron, self.interval, self.calendar)) != 1:
            raise ValueError("should have exactly one of cron, interval and calendar")
        for key, units in (("interval", ("hours", "minutes")), ("calendar", ("days", "weeks", "months"))):
            every: Interval | None = getattr(self, key)
            if every is None:
                continue
            wrong = every.model_fields_set - {*units, *(["time"] if key == "calendar" else [])}
            if wrong:
                raise ValueError(f"{key} counts {' and '.join(units)}; it does not know {', '.join(sorted(wrong))}")
            if not any(getattr(every, unit) for unit in units):
                raise ValueError(f"{key} should be longer than nothing: set {' or '.join(units)}")
        return self


class Minimise(Table):
    """What is not kept of people."""

    drop: tuple[Literal["texts", "names", "descriptions", "locations", "coordinates"], ...] = Field(
        (), description="Fields dropped before loading: texts, names, descriptions, locations, coordinates."
    )
    redact_archive: bool = Field(
        False, description="In the archive too: of an answer only what the tables are made from is ever written."
    )
    keep_days: dict[str, Count] = Field({}, description="Days that rows of a kind are kept.", examples=[{"posts": 730}])
    opt_outs: Literal["honour", "override"] = Field(
        "honour", description="What is done with opt-outs of people and sites."
    )
    override_reason: str | None = Field(None, description="Why, if they are overridden; shown in the report.")

    @model_validator(mode="after")
    def _reasoned(self) -> Minimise:
        """An override has a reason."""
        if self.opt_outs == "override" and not (self.override_reason or "").strip():
            raise ValueError("opt_outs = 'override' should come with an override_reason, which the report shows")
        return self


class Search(Table):
    """A search for documents: a row of the register (docs/coverage.md)."""

    id: str = Field(pattern=r"^[\w-]+$", description="What it is called in every table.")
    version: int = Field(1, ge=1, description="Its version: other words, places or days are the next one.")
    where: str = Field(description="The interface that is asked.", examples=["sru"])
    address: str | None = Field(
        None,
        description="The feed, site or server; left out, the interface's own.",
        examples=["https://example.org/feed"],
    )
    words: str = Field("", description="What is searched for, in the interface's own language.", examples=["ambtenaar"])
    first_day: Day | None = Field(None, description="Only documents since.", examples=[date(2012, 1, 1)])
    last_day: Day | None = Field(None, description="Only documents until.", examples=[date(2012, 12, 31)])
    why: str = Field("", description="Why it is asked, for whoever reads the register.")

    @property
    def key(self) -> str:
        """The key of its target."""
        days = {"first_day": self.first_day, "last_day": self.last_day}
        return Asked(self.id, self.version, self.words.strip(), (self.address or "").strip(), **days).key


class Comparison(Table):
    """A set of posts to compare shares with."""

    name: str = Field(description="What it is called.")
    source: Literal["stream"] = Field("stream", description="Where it comes from: the platform's sample stream.")
    collector: str = Field("x", description="The collector that reads it.")
    posts: int = Field(100_000, ge=1, description="How many posts.")
